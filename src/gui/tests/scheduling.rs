//! Jobs that start later, before others, or again; files that another start hands over.

use eframe::egui::ViewportCommand;
use jiff::{SignedDuration, Timestamp, civil::Time};

use super::{Window, states};
use crate::{
    engine::{Command, Event},
    failure::{Failure, FailureKind},
    job::{JobId, Priority, Schedule, WorkingHours},
    settings::Settings,
};

/// A window with one waiting job of this schedule.
fn waiting(schedule: Schedule) -> (Window, JobId) {
    let mut story = states::Story::begin();
    let id = story.add("film.mp4");
    story.tell(&Event::JobScheduled { id, schedule });
    (Window::open(story.snapshot), id)
}

#[test]
fn a_job_that_starts_later_says_when_and_can_start_now() {
    let start_at = Timestamp::now() + SignedDuration::from_hours(48);
    let schedule = Schedule { start_at: Some(start_at), priority: Priority::new(80).unwrap(), ..Schedule::default() };
    let (mut window, id) = waiting(schedule);
    let at = crate::job::schedule::short_time(start_at, &jiff::Zoned::now());
    assert!(window.shows_somewhere(&format!("Starts at {at}")), "in the row");
    assert!(window.shows(&format!("Starts at: {at}")) && window.shows("Priority: 80 of 100"), "in the details");
    window.press("More for film.mp4");
    window.press("Start now");
    assert_eq!(window.asked(), [Command::StartNow { id }]);
}

#[test]
fn a_job_outside_the_working_hours_says_when_they_begin() {
    let (mut window, _) = waiting(Schedule::default());
    assert!(!window.shows_somewhere("Starts at"));
    // Hours of a minute, half a day away.
    let from = jiff::Zoned::now().time().wrapping_add(SignedDuration::from_hours(12));
    let from = Time::constant(from.hour(), from.minute(), 0, 0);
    let hours = WorkingHours { from, to: from.wrapping_add(SignedDuration::from_mins(1)) };
    let settings = Settings { working_hours: Some(hours), ..Settings::default() };
    window.happens(Event::SettingsChanged { settings: Box::new(settings) });
    assert!(window.shows_somewhere("Starts at") && window.shows_somewhere("Jobs start at"));
    window.press("More for film.mp4");
    assert!(window.shows("Start now"));
}

#[test]
fn working_hours_are_set_in_the_settings() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("Start jobs only in a part of the day");
    window.type_into("From", "8:30");
    window.type_into("To", "17:00");
    window.press("Save");
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(settings.working_hours.map(|hours| hours.to_string()), Some("08:30 to 17:00".to_owned()));
}

#[test]
fn a_waiting_job_moves_to_the_bottom_and_all_failed_ones_are_retried() {
    let (mut window, id) = waiting(Schedule::default());
    window.press("More for film.mp4");
    window.press("Move to bottom");
    assert_eq!(window.asked(), [Command::MoveToBottom { id }]);
    let failure = Failure::new(FailureKind::DiskFull, "The disk is full", "Make room");
    window.happens(Event::JobFailed { id, failure, at: Timestamp::UNIX_EPOCH });
    window.press("More for film.mp4");
    window.press("Retry all failed");
    assert_eq!(window.asked(), [Command::RetryFailed]);
}

#[test]
fn files_of_another_start_are_added_and_the_window_comes_to_the_front() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.dispatcher.emit(Event::FilesOpened { files: vec!["/films/new.mp4".into()] });
    let commands = window.step();
    assert!(commands.contains(&ViewportCommand::Minimized(false)), "{commands:?}");
    assert!(commands.contains(&ViewportCommand::Focus), "{commands:?}");
    let asked = window.asked();
    let [Command::AddJobs { specs }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(specs[0].source_name(), "new.mp4");
    assert_eq!(specs[0].destination, states::Story::begin().snapshot.settings.destination());
}

#[test]
fn priority_and_start_are_edited_in_the_window() {
    let (mut window, id) = waiting(Schedule::default());
    window.press("Priority and start…");
    assert!(window.shows("Priority"));
    window.press("Start later");
    window.type_into("Start at", "tomorrow");
    assert!(window.shows_somewhere("The start is no time"));
    window.type_into("Start at", "2099-01-01T00:00:00Z");
    window.press("Save");
    let at = Some("2099-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(window.asked(), [Command::StartAt { id, at }]);
    let schedule = Schedule { start_at: at, ..Schedule::default() };
    window.happens(Event::JobScheduled { id, schedule });
    window.press("Priority and start…");
    window.press("Start later");
    window.press("Save");
    assert_eq!(window.asked(), [Command::StartAt { id, at: None }]);
}

#[test]
fn a_machine_that_is_about_to_be_shut_down_is_kept_on_in_the_window() {
    let (mut window, _) = waiting(Schedule::default());
    let at = Timestamp::now() + SignedDuration::from_secs(50);
    let planned = crate::engine::PlannedPowerAction { action: crate::settings::PowerAction::ShutDown, at };
    window.happens(Event::PowerActionPlanned { planned });
    assert!(window.shows_somewhere("The queue is done: the machine shuts down in"));
    window.press("Keep it on");
    assert_eq!(window.asked(), [Command::KeepOn]);
    window.happens(Event::PowerActionCancelled);
    assert!(!window.shows_somewhere("the machine shuts down"));
}

#[test]
fn what_is_done_at_the_end_of_the_queue_is_set_in_the_settings() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("When done");
    window.press("Show a notification");
    window.press("Play a sound");
    window.type_into("Run a command", "touch /done");
    window.press("Shuts down");
    window.press("Save");
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?}") };
    let wanted = crate::settings::WhenDone {
        notifies: false,
        plays_sound: true,
        command: Some("touch /done".to_owned()),
        power: crate::settings::PowerAction::ShutDown,
    };
    assert_eq!(settings.when_done, wanted);
}
