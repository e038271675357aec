//! Access keys of stores, set in the settings and asked for where a job needs them. Unit tests have no keychain, so keys
//! are held in memory.

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use jiff::Timestamp;

use super::{Window, states};
use crate::{
    engine::{Command, Event, PlannedRetry},
    failure::{Failure, FailureKind},
    job::{Destination, JobId, S3Location},
    tools::keychain,
};

/// Draws until the errand has answered that runs beside the window.
fn until(window: &mut Window, is_there: impl Fn(&Window) -> bool) {
    let begun = std::time::Instant::now();
    while !is_there(window) {
        assert!(begun.elapsed().as_secs() < 10, "the window never says it");
        std::thread::sleep(std::time::Duration::from_millis(5));
        window.draw();
    }
}

/// A window with a job at work that needs the keys of this name, which it asks for.
fn at_work_without(name: &str) -> (Window, JobId) {
    let mut story = states::Story::begin();
    let id = JobId::generate();
    let place = S3Location { bucket: "films".to_owned(), credentials: Some(name.to_owned()), ..S3Location::default() };
    let destination = Destination::S3 {
        location: Box::new(place),
        local_folder: "/home/anna/Videos".into(),
        keep_local: true,
        also_to: Vec::new(),
        drop_published: false,
    };
    let spec = Box::new(states::spec("film.mp4", destination));
    story.tell(&Event::JobAdded { id, spec, at: Timestamp::UNIX_EPOCH });
    story.started(id);
    let mut window = Window::open(story.snapshot);
    until(&mut window, |window| window.shows_somewhere(&format!("Jobs need the keys “{name}”")));
    (window, id)
}

/// A window with a job that failed because its keys were refused.
fn failed_without(name: &str) -> (Window, JobId) {
    let (mut window, id) = at_work_without(name);
    window.press("Not now: access keys");
    let failure = Failure::new(FailureKind::CredentialsRefused, format!("No keys “{name}” for films"), "Set them");
    window.happens(Event::JobFailed { id, failure, at: Timestamp::UNIX_EPOCH });
    (window, id)
}

#[test]
fn keys_that_were_wrong_are_set_again_over_the_settings() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("S3 destination");
    for _ in 0..3 {
        let layer = |window: &Window| window.harness.ctx.layer_id_at(window.harness.ctx.content_rect().center());
        let settings = layer(&window);
        let button = window.harness.get_by_label("Set keys…").rect().center();
        // A slow window sees a whole press in one frame.
        let press = |pressed| egui::Event::PointerButton {
            pos: button,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        window.harness.input_mut().events.extend([egui::Event::PointerMoved(button), press(true), press(false)]);
        window.draw();
        assert!(window.shows("Access keys"));
        assert_ne!(layer(&window), settings, "the pointer meets the keys");
        window.press("Cancel: access keys");
        assert!(!window.shows("Access keys"));
        // A press into the settings brings them up.
        window.press("Viewers");
        window.press("Bucket and keys");
    }
}

#[test]
fn keys_that_no_keychain_has_are_asked_for_and_the_job_begins_again_with_them() {
    let mut story = states::Story::begin();
    let mut settings = (*story.snapshot.settings).clone();
    settings.s3.credentials = Some("asked at the start".to_owned());
    story.tell(&Event::SettingsChanged { settings: Box::new(settings) });
    let mut window = Window::open(story.snapshot);
    until(&mut window, |window| window.shows_somewhere("Jobs need the keys “asked at the start”"));
    let words =
        "This system has no keychain that can be used: they hold until Reelpress ends, and are written nowhere.";
    assert!(window.shows(words) && !window.shows_somewhere("Keep them in the"), "no keychain is offered");
    let id = {
        let mut story = states::Story { snapshot: window.harness.state().snapshot().clone() };
        let id = story.add("film.mp4");
        let spec = Box::new(story.snapshot.job(id).unwrap().spec.clone());
        window.happens(Event::JobAdded { id, spec, at: Timestamp::UNIX_EPOCH });
        id
    };
    let failure = Failure::new(FailureKind::CredentialsRefused, "No keys", "Set them");
    window.happens(Event::JobFailed { id, failure, at: Timestamp::UNIX_EPOCH });
    window.type_into("Access key id", "the-id");
    window.key(Modifiers::NONE, Key::Enter);
    assert!(window.shows("The secret of the access key is needed"), "Return does not take half of it");
    window.type_secret_into("Secret access key", "the-secret");
    assert!(!window.shows_somewhere("the-secret"), "no letter of it is told to anybody");
    window.key(Modifiers::NONE, Key::Enter);
    until(&mut window, |window| window.shows("The keys “asked at the start” hold until Reelpress ends"));
    assert_eq!(window.asked(), [Command::Retry { id }]);
    let held = keychain::read("asked at the start").unwrap().unwrap();
    assert_eq!((held.id.as_str(), held.secret.as_str()), ("the-id", "the-secret"));
}

#[test]
fn a_job_that_lacks_its_keys_waits_and_begins_again_when_they_are_given() {
    let (mut window, id) = at_work_without("lacking keys");
    let failure = Failure::new(FailureKind::KeysMissing, "No keys “lacking keys” for films", "Set them");
    let at = Timestamp::UNIX_EPOCH;
    let retry = Box::new(PlannedRetry { number: 0, not_before: at, failure, waits_for_keys: true });
    window.happens(Event::JobRetryPlanned { id, retry });
    window.type_into("Access key id", "the-id");
    window.type_secret_into("Secret access key", "the-secret");
    window.key(Modifiers::NONE, Key::Enter);
    until(&mut window, |window| window.shows("The keys “lacking keys” hold until Reelpress ends"));
    assert!(window.shows_somewhere("Waiting for keys") && window.shows_somewhere("No keys “lacking keys” for films"));
    assert_eq!(window.asked(), [Command::Retry { id }]);
}

#[test]
fn who_does_not_give_keys_is_asked_for_them_again_only_when_the_job_is_tried_again() {
    let (mut window, id) = failed_without("refused keys");
    std::thread::sleep(std::time::Duration::from_millis(100));
    window.draw();
    assert!(!window.shows_somewhere("Jobs need the keys"));
    assert!(window.asked().is_empty());
    window.harness.state_mut().ask_again_for_keys_of(id);
    let failure = Failure::new(FailureKind::CredentialsRefused, "No keys “refused keys” for films", "Set them");
    window.happens(Event::JobFailed { id, failure, at: Timestamp::UNIX_EPOCH });
    until(&mut window, |window| window.shows_somewhere("Jobs need the keys “refused keys”"));
}

#[test]
fn keys_are_set_and_removed_in_the_settings() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("S3 destination");
    window.press("Set keys…");
    window.type_into("Name", "set by hand");
    window.type_into("Access key id", "an-id");
    window.type_secret_into("Secret access key", "a-secret");
    until(&mut window, |window| window.shows_somewhere("This system has no keychain"));
    assert!(!window.shows_somewhere("Keep them in the"), "no keychain is offered");
    window.press("Use keys");
    until(&mut window, |window| window.shows("The keys “set by hand” hold until Reelpress ends"));
    assert!(keychain::read("set by hand").unwrap().is_some());
    window.press("Remove keys");
    until(&mut window, |window| window.shows_somewhere("has no keychain that can be used"));
    assert!(keychain::read("set by hand").is_err(), "what was held is gone all the same");
    window.press("Save");
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(settings.s3.credentials.as_deref(), Some("set by hand"));
    assert!(!serde_json::to_string(settings).unwrap().contains("a-secret"));
}

#[test]
fn tab_goes_through_the_buttons_of_a_dialog_as_they_are_read() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    let place = |window: &Window, name: &str| window.harness.get_by_label(name).rect();
    let (cancel, save) = (place(&window, "Cancel"), place(&window, "Save"));
    assert!(cancel.right() < save.left() && (cancel.center().y - save.center().y).abs() < 1.0, "{cancel} {save}");
    window.harness.get_by_label("Cancel").focus();
    window.draw();
    window.key(Modifiers::NONE, Key::Tab);
    assert!(window.harness.get_by_label("Save").is_focused());
    window.key(Modifiers::SHIFT, Key::Tab);
    assert!(window.harness.get_by_label("Cancel").is_focused());
}

/// A window in which these jobs, of these sources, have failed because the keys of this name were refused.
fn refused(name: &str, sources: &[&str]) -> (Window, Vec<JobId>) {
    keychain::hold(name, keychain::AccessKey { id: "an-id".to_owned(), secret: "a wrong one".to_owned() });
    let mut story = states::Story::begin();
    let place = S3Location { bucket: "films".to_owned(), credentials: Some(name.to_owned()), ..S3Location::default() };
    let fails = |source: &&str| {
        let destination = Destination::S3 {
            location: Box::new(place.clone()),
            local_folder: "/home/anna/Videos".into(),
            keep_local: false,
            also_to: Vec::new(),
            drop_published: false,
        };
        let id = JobId::generate();
        let at = Timestamp::UNIX_EPOCH;
        story.tell(&Event::JobAdded { id, spec: Box::new(states::spec(source, destination)), at });
        story.started(id);
        let failure =
            Failure::new(FailureKind::CredentialsRefused, "The credentials are refused by films", "Check them");
        story.tell(&Event::JobFailed { id, failure, at });
        id
    };
    let ids = sources.iter().map(fails).collect();
    (Window::open(story.snapshot), ids)
}

#[test]
fn who_tries_a_job_again_whose_keys_were_refused_is_asked_for_others() {
    let (mut window, ids) = refused("wrong keys", &["a.mp4", "b.mp4"]);
    assert!(!window.shows_somewhere("Access key id"), "nobody is asked before");
    for button in ["Retry", "Retry a.mp4"] {
        window.press(button);
        assert!(window.shows_somewhere("The credentials are refused by films. Give the keys “wrong keys” anew"));
        assert!(window.asked().is_empty());
        window.press("Not now: access keys");
        assert!(window.asked().is_empty());
    }
    window.press("Retry");
    window.press("Try the same keys");
    assert_eq!(window.asked(), [Command::Retry { id: ids[0] }]);
    assert!(!window.shows_somewhere("Access key id"));
    window.press("Retry b.mp4");
    window.type_into("Access key id", "the-id");
    window.type_secret_into("Secret access key", "the-secret");
    window.press("Use keys");
    until(&mut window, |window| window.shows("The keys “wrong keys” hold until Reelpress ends"));
    assert_eq!(
        window.asked(),
        ids.iter().map(|id| Command::Retry { id: *id }).collect::<Vec<_>>(),
        "both had failed so"
    );
    assert_eq!(keychain::read("wrong keys").unwrap().unwrap().secret, "the-secret");
}

#[test]
fn several_jobs_whose_keys_were_refused_are_tried_again_after_one_question() {
    let (mut window, ids) = refused("more wrong keys", &["a.mp4", "b.mp4"]);
    let retries: Vec<Command> = ids.iter().map(|id| Command::Retry { id: *id }).collect();
    window.press("More for b.mp4");
    window.press("Retry all failed");
    window.press("Try the same keys");
    assert_eq!(window.asked(), retries);
    assert!(!window.shows_somewhere("Access key id"), "one question is enough");
    window.key(Modifiers::COMMAND, Key::A);
    // The panel has a button of this name too.
    window.key(Modifiers::COMMAND, Key::I);
    window.press("More for b.mp4");
    window.press("Retry");
    window.press("Try the same keys");
    assert_eq!(window.asked(), retries);
}
