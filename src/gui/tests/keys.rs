//! Access keys of stores, set in the settings and asked for where a job needs them. Unit tests have no keychain, so keys
//! are held in memory.

use eframe::egui::{Key, Modifiers};
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
