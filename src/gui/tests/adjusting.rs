//! What is done to a source before it is encoded, and other settings for a job of the queue.

use std::{path::PathBuf, time::Duration};

use egui_kittest::kittest::Queryable;

use super::{Window, states};
use crate::{
    engine::{Command, Event},
    job::{Crop, JobId, JobSpec, Operations, Strength, Trim, Turn},
};

fn press_in_menu_of(window: &mut Window, name: &str, entry: &str) {
    window.press(&format!("More for {name}"));
    window.press(entry);
}

fn id_of(window: &Window, name: &str) -> JobId {
    let jobs = &window.harness.state().snapshot().jobs;
    jobs.iter().find(|job| job.spec.source_name() == name).unwrap().id
}

fn changed(window: &Window) -> (JobId, JobSpec) {
    let asked = window.asked();
    let [Command::ChangeJob { id, spec }] = asked.as_slice() else { panic!("{asked:?}") };
    (*id, (**spec).clone())
}

#[test]
fn new_files_get_the_adjustments_until_they_are_taken_back() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Adjust new files…");
    window.press("Time");
    window.type_into("Start", "1.5");
    window.type_into("End", "01:30");
    window.press("Picture");
    window.press("Crop: Black bars");
    window.press("Rotate: 90°");
    window.press("Remove noise: Light");
    window.press("Apply to new files");
    assert!(window.shows("Adjust new files… (4)"));

    window.paste("/films/a.mp4");
    let asked = window.asked();
    let [Command::AddJobs { specs }] = asked.as_slice() else { panic!("{asked:?}") };
    let expected = Operations {
        trim: Trim { start: Some(Duration::from_millis(1500)), end: Some(Duration::from_secs(90)) },
        crop: Some(Crop::BlackBars),
        rotate: Some(Turn::Clockwise),
        denoise: Some(Strength::Light),
        ..Operations::default()
    };
    assert_eq!(specs[0].operations, expected);

    window.press("Adjust new files… (4)");
    window.press("Reset");
    window.press("Apply to new files");
    window.paste("/films/b.mp4");
    let asked = window.asked();
    let [Command::AddJobs { specs }] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(specs[0].operations.is_empty());
}

#[test]
fn what_makes_no_sense_is_told_at_once_and_not_applied() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Adjust new files…");
    window.press("Time");
    window.type_into("Start", "10");
    window.type_into("End", "5");
    assert!(window.shows("The end must come after the start"));
    window.press("Apply to new files");
    assert!(window.shows("The end must come after the start"), "the dialog is still open");
    window.press("Cancel");
    assert!(window.shows("Adjust new files…"));
}

#[test]
fn a_waiting_job_gets_another_preset_outputs_and_adjustments() {
    let mut window = Window::open(states::busy());
    let name = "Screen recording 2026-11-20 at 14.03.mkv";
    press_in_menu_of(&mut window, name, "Change settings…");
    window.press("Quick");
    window.press("DASH");
    window.press("Sound and size");
    window.type_into("Target size", "25M");
    window.press("Apply");
    let (id, spec) = changed(&window);
    assert_eq!(id, id_of(&window, name));
    assert_eq!(spec.source, PathBuf::from("/films").join(name));
    assert_eq!((spec.preset.id.as_str(), spec.outputs.dash), ("quick", true));
    assert_eq!(spec.operations.target_size_bytes, Some(25_000_000));
}

#[test]
fn a_finished_job_is_encoded_again_as_a_new_one_and_a_running_one_is_left_alone() {
    let mut window = Window::open(states::busy());
    press_in_menu_of(&mut window, "Teaser.mp4", "Encode again…");
    window.press("Quick");
    window.press("Add to the queue");
    let asked = window.asked();
    let [Command::AddJobs { specs }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((specs[0].source_name().as_str(), specs[0].preset.id.as_str()), ("Teaser.mp4", "quick"));

    window.press("More for Opening ceremony, camera A.mov");
    assert!(window.shows("Show details") && !window.shows("Change settings…"));
}

#[test]
fn the_details_tell_what_is_adjusted() {
    let mut story = states::Story::begin();
    let id = story.add("film.mp4");
    let mut spec = states::spec("film.mp4", story.snapshot.settings.destination());
    spec.operations.rotate = Some(Turn::Half);
    story.tell(&Event::JobChanged { id, spec: Box::new(spec) });
    let mut window = Window::open(story.snapshot);
    window.harness.get_by_label("Rotate: 180° clockwise");
    window.press("Change settings…");
    window.press("Picture");
    window.press("Rotate: None");
    window.press("Apply");
    assert!(changed(&window).1.operations.is_empty());
}

#[test]
fn settings_for_a_job_that_begins_meanwhile_become_a_new_job() {
    let mut story = states::Story::begin();
    let begins = story.add("film.mp4");
    let leaves = story.add("talk.mp4");
    let mut window = Window::open(story.snapshot);
    window.press("Change settings…");
    window.press("Quick");
    assert!(window.shows("Apply") && !window.shows_somewhere("old settings"));
    window.happens(Event::JobStarted { id: begins, at: jiff::Timestamp::UNIX_EPOCH });
    assert!(window.shows_somewhere("The job has begun with its old settings") && !window.shows("Apply"));
    window.press("Add to the queue");
    let asked = window.asked();
    let [Command::AddJobs { specs }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((specs[0].source_name().as_str(), specs[0].preset.id.as_str()), ("film.mp4", "quick"));

    press_in_menu_of(&mut window, "talk.mp4", "Change settings…");
    window.happens(Event::JobsRemoved { ids: vec![leaves] });
    assert!(window.shows_somewhere("The job is off the list"));
    window.press("Add to the queue");
    assert!(matches!(window.asked().as_slice(), [Command::AddJobs { .. }]));
}
