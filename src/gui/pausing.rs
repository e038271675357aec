//! Pausing the queue, with the jobs at work or without, and letting all go on.

use std::sync::Arc;

use crate::engine::{Command, Job, Snapshot};

/// Jobs at work whose encoder could be held and is not.
fn holdable(snapshot: &Snapshot) -> impl Iterator<Item = &Arc<Job>> {
    snapshot.jobs.iter().filter(|job| job.can_be_paused() && !job.is_held())
}

/// Whether a pause of the queue leaves encoders at work.
pub fn has_encoders_at_work(snapshot: &Snapshot) -> bool {
    holdable(snapshot).next().is_some()
}

/// Lets no further jobs start, and holds those at work; uploads go on.
pub fn pause_everything(snapshot: &Snapshot) -> Vec<Command> {
    let held = holdable(snapshot).map(|job| Command::Pause { id: job.id });
    std::iter::once(Command::PauseQueue).chain(held).collect()
}

/// Lets jobs start again, and those that are held go on.
pub fn resume_everything(snapshot: &Snapshot) -> Vec<Command> {
    let held = snapshot.jobs.iter().filter(|job| job.is_held());
    held.map(|job| Command::Resume { id: job.id }).chain([Command::ResumeQueue]).collect()
}

/// What the queue's button and the space bar do.
pub fn pause_or_resume(snapshot: &Snapshot) -> Vec<Command> {
    if snapshot.queue_paused { resume_everything(snapshot) } else { vec![Command::PauseQueue] }
}
