//! Several rows of the queue at once.

use eframe::egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::{Window, states};
use crate::{
    engine::{self, Command},
    job::{JobId, JobState, Progress},
};

/// Presses the row of this name while these keys are held.
fn press_row(window: &mut Window, name: &str, modifiers: Modifiers) {
    window.harness.get_by_label_contains(&format!("{name}, ")).click_modifiers(modifiers);
    window.draw();
}

/// A window on so many waiting jobs, and their ids.
fn waiting(count: usize) -> (Window, Vec<JobId>) {
    let snapshot = states::many(count);
    let ids = snapshot.jobs.iter().map(|job| job.id).collect();
    (Window::open(snapshot), ids)
}

#[test]
fn rows_are_selected_with_shift_and_ctrl_and_removed_together() {
    let (mut window, ids) = waiting(6);
    press_row(&mut window, "clip 00002.mp4", Modifiers::NONE);
    press_row(&mut window, "clip 00004.mp4", Modifiers::SHIFT);
    press_row(&mut window, "clip 00003.mp4", Modifiers::COMMAND);
    press_row(&mut window, "clip 00006.mp4", Modifiers::COMMAND);
    window.key(Modifiers::NONE, Key::Delete);
    assert_eq!(window.asked(), [Command::RemoveJobs { ids: vec![ids[1], ids[3], ids[5]] }]);
    window.key(Modifiers::NONE, Key::Escape);
    window.key(Modifiers::NONE, Key::Delete);
    assert_eq!(window.asked(), [Command::Remove { id: ids[5] }], "Escape leaves the one whose panel is shown");
}

#[test]
fn all_rows_are_selected_by_key_and_a_range_by_the_arrows() {
    let (mut window, ids) = waiting(300);
    window.key(Modifiers::COMMAND, Key::A);
    window.key(Modifiers::NONE, Key::Delete);
    assert_eq!(window.asked(), [Command::RemoveJobs { ids: ids.clone() }]);
    window.key(Modifiers::NONE, Key::Home);
    window.key(Modifiers::SHIFT, Key::ArrowDown);
    window.key(Modifiers::SHIFT, Key::ArrowDown);
    window.key(Modifiers::NONE, Key::Delete);
    assert_eq!(window.asked(), [Command::RemoveJobs { ids: ids[..3].to_vec() }]);
}

#[test]
fn the_menu_of_several_rows_is_for_all_of_them_and_they_keep_their_order() {
    let (mut window, ids) = waiting(5);
    press_row(&mut window, "clip 00003.mp4", Modifiers::NONE);
    press_row(&mut window, "clip 00005.mp4", Modifiers::SHIFT);
    assert!(window.shows("One of 3 selected jobs"));
    window.press("More for clip 00004.mp4");
    assert!(window.shows("3 jobs"));
    window.press("Move to top");
    assert_eq!(window.asked(), [4, 3, 2].map(|index: usize| Command::MoveToTop { id: ids[index] }));
    // The panel has a button of this name too.
    window.key(Modifiers::COMMAND, Key::I);
    window.press("More for clip 00004.mp4");
    window.press("Priority and start…");
    assert!(window.shows("3 jobs"));
    window.press("Cancel");
    window.press("More for clip 00001.mp4");
    assert!(!window.shows("3 jobs") && window.shows("Show details"), "another row has a menu of its own");
}

#[test]
fn several_jobs_get_another_preset_at_once_but_not_those_that_are_begun_or_ended() {
    let mut story = states::Story::begin();
    let ids = ["a.mp4", "b.mp4"].map(|name| story.add(name));
    let begun = story.add("c.mp4");
    story.started(begun);
    let cancelled = story.add("d.mp4");
    story.tell(&engine::Event::JobCancelled { id: cancelled, at: jiff::Timestamp::now() });
    let mut window = Window::open(story.snapshot);
    window.key(Modifiers::COMMAND, Key::A);
    window.press("More for a.mp4");
    assert!(window.shows("Preset of 2 of them"));
    window.press("Quick");
    let asked = window.asked();
    let changed: Vec<(JobId, &str)> = asked
        .iter()
        .map(|command| match command {
            Command::ChangeJob { id, spec } => (*id, spec.preset.id.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(changed, ids.map(|id| (id, "quick")));
}

#[test]
fn rows_that_a_filter_hides_are_not_removed_with_the_others() {
    let mut story = states::Story::begin();
    let done = story.add("holiday.mp4");
    story.finished(done, states::report(1000, 5, &[]));
    let waiting = ["a.mp4", "b.mp4"].map(|name| story.add(name));
    let mut window = Window::open(story.snapshot);
    window.key(Modifiers::COMMAND, Key::A);
    window.press("Waiting 2");
    window.key(Modifiers::NONE, Key::Delete);
    assert_eq!(window.asked(), [Command::RemoveJobs { ids: waiting.to_vec() }]);
}

#[test]
fn several_jobs_at_work_are_cancelled_after_one_question() {
    let mut story = states::Story::begin();
    for name in ["bikes.mp4", "talk.mp4", "waits.mp4"] {
        let id = story.add(name);
        if name != "waits.mp4" {
            story.started(id);
            let encoded = std::time::Duration::from_secs(60);
            story.progressed(id, Progress { encoded, ..states::encoding(40, 2.0, 50.0, 60) });
        }
    }
    let snapshot = story.snapshot;
    let is_at_work = |job: &&std::sync::Arc<crate::engine::Job>| matches!(job.state, JobState::Running { .. });
    let at_work: Vec<JobId> = snapshot.jobs.iter().filter(is_at_work).map(|job| job.id).collect();
    assert!(at_work.len() > 1);
    let others: Vec<JobId> = snapshot.jobs.iter().filter(|job| !is_at_work(job)).map(|job| job.id).collect();
    let mut window = Window::open(snapshot);
    window.key(Modifiers::COMMAND, Key::A);
    window.key(Modifiers::NONE, Key::Delete);
    assert_eq!(window.asked(), [Command::RemoveJobs { ids: others }], "what is at work stays");
    let name = window.harness.state().snapshot().job(at_work[0]).unwrap().spec.source_name();
    window.press(&format!("More for {name}"));
    assert!(window.shows("3 jobs"));
    window.press("Cancel those at work…");
    assert!(window.shows("00:02:00 of 2 jobs at work are encoded and would be lost."));
    window.press("Cancel the jobs");
    let cancelled: Vec<Command> = at_work.into_iter().map(|id| Command::Cancel { id }).collect();
    assert_eq!(window.asked(), cancelled);
}

#[test]
fn selected_rows_are_dragged_together() {
    let (mut window, ids) = waiting(5);
    press_row(&mut window, "clip 00001.mp4", Modifiers::NONE);
    press_row(&mut window, "clip 00003.mp4", Modifiers::COMMAND);
    let from = window.harness.get_by_label("Move clip 00001.mp4").rect().center();
    let below_the_fourth = window.harness.get_by_label_contains("clip 00004.mp4, Waiting").rect().bottom();
    window.harness.drag_at(from);
    window.draw();
    for y in [from.y + 20.0, below_the_fourth] {
        window.harness.hover_at(eframe::egui::pos2(from.x, y));
        window.draw();
    }
    window.harness.drop_at(eframe::egui::pos2(from.x, below_the_fourth));
    window.draw();
    assert_eq!(
        window.asked(),
        [(2, 3), (0, 2)].map(|(job, index): (usize, usize)| Command::MoveTo { id: ids[job], index })
    );
}

#[test]
fn a_waiting_job_is_moved_by_keys() {
    let (mut window, ids) = waiting(4);
    press_row(&mut window, "clip 00002.mp4", Modifiers::NONE);
    window.key(Modifiers::ALT, Key::ArrowDown);
    assert_eq!(window.asked(), [Command::MoveTo { id: ids[1], index: 2 }]);
    window.key(Modifiers::ALT, Key::ArrowUp);
    assert_eq!(window.asked(), [Command::MoveTo { id: ids[1], index: 0 }]);
    press_row(&mut window, "clip 00003.mp4", Modifiers::SHIFT);
    window.key(Modifiers::ALT, Key::ArrowDown);
    assert_eq!(
        window.asked(),
        [(2, 3), (1, 2)].map(|(job, index): (usize, usize)| Command::MoveTo { id: ids[job], index })
    );
}

/// Presses and releases a key with these modifiers within one frame, at whose end none is held any more.
fn press_within_a_slow_frame(window: &mut Window, modifiers: Modifiers, key: Key) {
    let event = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
    let held =
        [Event::ModifiersChanged(modifiers), event(true), event(false), Event::ModifiersChanged(Modifiers::NONE)];
    window.harness.input_mut().events.extend(held);
    window.draw();
}

#[test]
fn a_job_that_is_moved_by_keys_stays_selected_in_a_slow_window() {
    let (mut window, ids) = waiting(4);
    press_row(&mut window, "clip 00002.mp4", Modifiers::NONE);
    let selected = |window: &mut Window| {
        window.key(Modifiers::NONE, Key::Delete);
        window.asked()
    };
    for (key, index) in [(Key::ArrowDown, 2), (Key::ArrowUp, 0)] {
        press_within_a_slow_frame(&mut window, Modifiers::ALT, key);
        assert_eq!(window.asked(), [Command::MoveTo { id: ids[1], index }]);
        assert_eq!(selected(&mut window), [Command::Remove { id: ids[1] }]);
    }
    press_within_a_slow_frame(&mut window, Modifiers::NONE, Key::ArrowDown);
    assert_eq!(selected(&mut window), [Command::Remove { id: ids[2] }]);
    press_within_a_slow_frame(&mut window, Modifiers::SHIFT, Key::ArrowDown);
    assert_eq!(selected(&mut window), [Command::RemoveJobs { ids: ids[2..].to_vec() }]);
}

#[test]
fn keys_that_move_jobs_leave_those_that_have_begun_and_the_selection() {
    let mut story = states::Story::begin();
    let [first, running, last] = ["a.mp4", "b.mp4", "c.mp4"].map(|name| story.add(name));
    story.started(running);
    let mut window = Window::open(story.snapshot);
    press_row(&mut window, "b.mp4", Modifiers::NONE);
    for key in [Key::ArrowDown, Key::ArrowUp] {
        press_within_a_slow_frame(&mut window, Modifiers::ALT, key);
    }
    assert!(window.asked().is_empty());
    window.key(Modifiers::NONE, Key::Delete);
    assert_eq!(window.asked(), [Command::Cancel { id: running }]);
    press_row(&mut window, "c.mp4", Modifiers::NONE);
    press_within_a_slow_frame(&mut window, Modifiers::ALT, Key::ArrowUp);
    let [Command::MoveTo { id, index: 1 }] = window.asked()[..] else { panic!("it moves above the one at work") };
    assert_eq!(id, last);
    for index in [1, 0] {
        window.happens(crate::engine::Event::JobMoved { id: last, index });
        window.key(Modifiers::NONE, Key::Delete);
        assert_eq!(window.asked(), [Command::Remove { id: last }], "it stays selected where it goes");
    }
    assert_ne!(first, last);
}
