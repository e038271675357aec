//! Jobs that are taken off the list, and brought back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Dispatcher, Event};
use crate::{
    engine::{Job, QueueEntry},
    job::{JobId, JobState},
};

/// How long what was begun of removed jobs stays on the disk, so that undoing their removal brings it back too.
const UNDO_LIMIT: Duration = Duration::from_secs(120);

/// Whether something lies on the disk or in a bucket that goes with the job.
fn has_remains(job: &Job) -> bool {
    job.unfinished.is_some() || job.unpublished.is_some()
}

impl Dispatcher {
    /// Takes jobs off the list that are not at work. What was begun of them stays until the removal is settled.
    pub(super) fn remove(&mut self, chosen: impl Fn(JobId, &JobState) -> bool) {
        let is_removable = |state: &JobState| !matches!(state, JobState::Running { .. });
        let jobs = self.snapshot.jobs.iter();
        let jobs: Vec<Arc<Job>> =
            jobs.filter(|job| is_removable(&job.state) && chosen(job.id, &job.state)).map(Arc::clone).collect();
        if jobs.is_empty() {
            return;
        }
        self.settle_removal();
        self.undo_until = jobs.iter().any(|job| has_remains(job)).then(|| Instant::now() + UNDO_LIMIT);
        let ids = jobs.iter().map(|job| job.id).collect();
        let ended: Vec<Arc<Job>> = jobs.into_iter().filter(|job| job.ended_at.is_some()).collect();
        if let Err(error) = self.journal.remember(&ended) {
            tracing::warn!(%error, "removed jobs are not in the history");
        }
        self.emit(vec![Event::JobsRemoved { ids }]);
    }

    /// Brings back what the last removal took away.
    pub(super) fn undo_removal(&mut self) {
        self.undo_until = None;
        let ids: Vec<JobId> = self.snapshot.last_removed.iter().map(|(_, job)| job.id).collect();
        self.emit(vec![Event::RemovalUndone]);
        if let Err(error) = self.journal.forget(&ids) {
            tracing::warn!(%error, "jobs that are back are still in the history");
        }
    }

    /// Removes what was begun of the jobs that were removed last, which can't be brought back from then on. A removal that
    /// left nothing behind can still be undone.
    pub(super) fn settle_removal(&mut self) {
        self.undo_until = None;
        let removed = self.snapshot.last_removed.iter().map(|(_, job)| Arc::clone(job));
        let begun: Vec<Arc<Job>> = removed.filter(|job| has_remains(job)).collect();
        if !begun.is_empty() {
            begun.iter().for_each(|job| self.services.remove_unfinished(job));
            self.emit(vec![Event::JobsRemoved { ids: Vec::new() }]);
        }
    }

    /// Settles a removal that was not undone in time.
    pub(super) fn settle_old_removal(&mut self) {
        if self.undo_until.is_some_and(|until| until <= Instant::now()) {
            self.settle_removal();
        }
    }

    /// Settles the removal of jobs of the same source: what was begun of them lies where a new one writes.
    pub(super) fn settle_removal_of_alike(&mut self, new: &[QueueEntry]) {
        let is_of_one = |job: &Job| new.iter().any(|entry| entry.spec.source == job.spec.source);
        let is_alike = self.undo_until.is_some()
            && self.snapshot.last_removed.iter().any(|(_, job)| has_remains(job) && is_of_one(job));
        if is_alike {
            self.settle_removal();
        }
    }
}
