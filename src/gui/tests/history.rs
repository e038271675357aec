//! What has ended, also what is off the list: looked for, run again, reported.

use std::time::{Duration, Instant};

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use jiff::Timestamp;

use super::{Window, states};
use crate::{
    engine::{Command, Event, QueueEntry, test_handle::write_history},
    failure::{Failure, FailureKind},
    format,
    gui::desktop::OPENED,
    job::{JobId, Report},
};

/// Draws until something is shown that a helper thread has to bring.
fn wait_for(window: &mut Window, words: &str) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !window.shows_somewhere(words) {
        assert!(Instant::now() < deadline, "“{words}” is not shown");
        std::thread::sleep(Duration::from_millis(5));
        window.draw();
    }
}

/// A window on a queue with a finished job, a failed one and one that waits, in this order.
fn open() -> (Window, [JobId; 2]) {
    let mut story = states::Story::begin();
    let done = story.add("holiday.mp4");
    story.finished(done, states::report(1000, 5, &[]));
    let failed = story.add("talk.mov");
    let failure = Failure::new(FailureKind::SourceInvalid, "“talk.mov” is no video", "Choose another");
    story.tell(&Event::JobFailed { id: failed, failure, at: Timestamp::UNIX_EPOCH });
    story.add("waits.mp4");
    (Window::open(story.snapshot), [done, failed])
}

#[test]
fn a_window_in_which_nothing_has_ended_says_so() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("History…");
    wait_for(&mut window, "Nothing has ended yet");
    window.press("Close");
    assert!(!window.shows_somewhere("Nothing has ended yet"));
}

#[test]
fn what_has_ended_is_found_and_run_again() {
    let (mut window, [done, _]) = open();
    let spec = window.harness.state().snapshot().job(done).unwrap().spec.clone();
    window.key(Modifiers::COMMAND, Key::H);
    wait_for(&mut window, "2 jobs");
    assert!(!window.shows("Run waits.mp4 again"), "it has not ended");
    assert!(window.shows("Open folder of holiday.mp4") && !window.shows("Open folder of talk.mov"));
    // The field has the keyboard at once.
    window.harness.event(egui::Event::Text("NO VIDEO".to_owned()));
    window.draw();
    assert!(window.shows("Run talk.mov again") && !window.shows("Run holiday.mp4 again"));
    window.type_into("Search the history", "sunset");
    assert!(window.shows("No job like “sunset” has ended"));
    window.type_into("Search the history", "holi");
    window.press("Run holiday.mp4 again");
    assert_eq!(window.asked(), [Command::Enqueue { jobs: vec![QueueEntry { spec, schedule: Default::default() }] }]);
    assert!(window.shows("In the queue") && !window.shows("Run holiday.mp4 again"), "once is enough");
}

#[test]
fn a_job_off_the_list_is_in_the_history_and_its_report_is_saved() {
    let mut window = Window::open(states::Story::begin().snapshot);
    let mut story = states::Story::begin();
    let id = story.add("old: a?.mp4");
    story.finished(id, states::report(1000, 5, &[]));
    write_history(&window.home.path().join("data/queue.sqlite"), &story.snapshot.jobs);
    window.press("History…");
    wait_for(&mut window, "1 job");
    window.press("Save report of old: a?.mp4");
    wait_for(&mut window, "The report is saved");
    assert!(window.shows("Open folder of the report") && window.shows("Copy path"));
    let report = window.home.path().join("data/reports/old_ a_ report.json");
    let text: serde_json::Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(text["job"], serde_json::to_value(id).unwrap());
    assert!(text["journal"].as_array().is_some_and(|events| !events.is_empty()), "{text}");
}

#[test]
fn the_log_has_a_button_for_the_report() {
    let (mut window, _) = open();
    window.key(Modifiers::NONE, Key::Home);
    window.press("Log");
    window.press("Save report");
    wait_for(&mut window, "The report is saved");
    let report = window.home.path().join("data/reports/holiday report.json");
    let text: serde_json::Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(text["state"]["report"]["total_bytes"], 1000);
}

#[test]
fn a_journal_that_cannot_be_read_is_told_of() {
    let mut window = Window::open(states::Story::begin().snapshot);
    let data = window.home.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("queue.sqlite"), b"this is no database, though it is there").unwrap();
    window.press("History…");
    wait_for(&mut window, "Check that the disk works");
}

#[test]
fn a_thousand_jobs_with_long_names_are_laid_out_by_the_rows_in_sight() {
    let mut story = states::Story::begin();
    for number in 0..1000 {
        let name =
            format!("{number} a name that is longer than the line has room for {}.mp4", "and longer ".repeat(12));
        let id = story.add(&name);
        story.finished(id, states::report(1000, 5, &[]));
    }
    let mut window = Window::sized(story.snapshot, [800.0, 500.0]);
    window.press("History…");
    wait_for(&mut window, &format::count(1000, "job", "jobs"));
    let shown = window.harness.query_all_by_label_contains("Run ").count();
    assert!((3..30).contains(&shown), "{shown} rows are laid out");
}

/// A finished job of this source, with a stream in this folder.
fn finished_in(story: &mut states::Story, name: &str, folder: &str) -> JobId {
    let id = story.add(name);
    let report = Report { folder: Some(folder.into()), ..states::report(1000, 5, &[]) };
    story.finished(id, report);
    id
}

#[test]
fn jobs_of_the_same_name_have_buttons_of_their_own() {
    let mut story = states::Story::begin();
    finished_in(&mut story, "film.mp4", "/videos/film");
    finished_in(&mut story, "film.mp4", "/videos/film, other");
    let mut window = Window::open(story.snapshot);
    // The row of the list has a button of this name too.
    let in_list = window.harness.query_all_by_label("Open folder of film.mp4").count();
    window.press("History…");
    wait_for(&mut window, "2 jobs");
    let buttons: Vec<_> = window.harness.query_all_by_label("Open folder of film.mp4").skip(in_list).collect();
    assert_eq!(buttons.len(), 2, "what has the same id is found only once");
    drop(buttons);
    for (button, folder) in [(in_list, "/videos/film"), (in_list + 1, "/videos/film, other")] {
        window.harness.query_all_by_label("Open folder of film.mp4").nth(button).unwrap().click();
        window.draw();
        let deadline = Instant::now() + Duration::from_secs(120);
        let newest =
            || OPENED.lock().unwrap().iter().rfind(|opened| opened.to_string_lossy().contains("film")).cloned();
        while newest().is_none_or(|opened| opened != folder) {
            assert!(Instant::now() < deadline, "{:?} is opened instead of {folder}", newest());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn the_history_takes_in_what_ends_while_it_is_open() {
    let (mut window, _) = open();
    window.press("History…");
    wait_for(&mut window, "2 jobs");
    let id = window.harness.state().snapshot().jobs[2].id;
    let report = Box::new(states::report(1000, 5, &[]));
    window.happens(Event::JobFinished { id, report, at: Timestamp::UNIX_EPOCH });
    wait_for(&mut window, "3 jobs");
    assert!(window.shows("Run waits.mp4 again"));
}
