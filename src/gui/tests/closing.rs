//! Closing the window.

use eframe::egui::ViewportCommand;

use super::{Window, states};
use crate::{
    engine::{Command, Event},
    job::JobState,
};

/// The queue of the drawings with one job running.
fn one_running() -> Window {
    let mut story = states::Story::begin();
    let id = story.add("bikes.mp4");
    story.started(id);
    Window::open(story.snapshot)
}

fn finish(window: &mut Window) {
    let job = window.harness.state().snapshot().jobs[0].clone();
    assert!(matches!(job.state, JobState::Running { .. }));
    let report = Box::new(states::report(1000, 5, &[]));
    window.dispatcher.emit(Event::JobFinished { id: job.id, report, at: job.added_at });
}

#[test]
fn a_window_without_running_jobs_just_closes() {
    let mut window = Window::open(states::many(3));
    assert!(window.close());
    assert!(!window.shows("Jobs are still running"));
}

#[test]
fn closing_while_a_job_runs_asks_and_can_be_taken_back() {
    let mut window = one_running();
    assert!(!window.close());
    assert!(window.shows("Jobs are still running"));
    window.key(eframe::egui::Modifiers::NONE, eframe::egui::Key::Escape);
    assert!(!window.shows("Jobs are still running"));
    assert!(window.asked().is_empty());
}

#[test]
fn the_window_closes_when_the_queue_is_finished() {
    let mut window = one_running();
    assert!(!window.close());
    window.press("Close when finished");
    assert!(window.shows("Closes when finished"));
    finish(&mut window);
    assert!(window.step().contains(&ViewportCommand::Close));
}

#[test]
fn staying_open_after_all_is_possible() {
    let mut window = one_running();
    assert!(!window.close());
    window.press("Close when finished");
    window.press("Stay open");
    finish(&mut window);
    assert!(!window.step().contains(&ViewportCommand::Close));
}

#[test]
fn stopping_waits_for_the_engine_before_it_closes() {
    let mut window = one_running();
    assert!(!window.close());
    window.press("Stop and close");
    assert_eq!(window.asked(), [Command::Stop]);
    assert!(window.shows("Stopping the jobs"));
    window.dispatcher.emit(Event::Stopped);
    assert!(window.step().contains(&ViewportCommand::Close));
}

#[test]
fn an_engine_that_ends_by_a_fault_is_said_and_does_not_hold_the_window_open() {
    let mut window = one_running();
    window.dispatcher.end_by_fault();
    window.draw();
    assert!(window.shows_somewhere("has stopped working"));
    assert!(window.close());
}
