//! Jobs that are taken off the list, and brought back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Dispatcher, Event};
use crate::{
    engine::{Job, QueueEntry, places::Places},
    job::{JobId, JobState},
};

/// How long what was begun of removed jobs stays on the disk, so that undoing their removal brings it back too.
const UNDO_LIMIT: Duration = Duration::from_secs(120);

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
        self.undo_until = jobs.iter().any(|job| job.has_remains()).then(|| Instant::now() + UNDO_LIMIT);
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

    /// Begins to remove what was begun of the jobs that were removed last, which can't be brought back from then on. A
    /// removal that left nothing behind can still be undone.
    pub(super) fn settle_removal(&mut self) {
        self.undo_until = None;
        if self.snapshot.last_removed.iter().any(|(_, job)| job.has_remains()) {
            let before = self.snapshot.leaving.len();
            self.emit(vec![Event::RemovalSettled]);
            self.snapshot.leaving.iter().skip(before).for_each(|job| self.services.remove_unfinished(job));
        }
    }

    /// Goes on with the removals that a program has not ended, or not settled, that was killed.
    pub(super) fn settle_earlier_removals(&mut self) {
        self.snapshot.leaving.iter().for_each(|job| self.services.remove_unfinished(job));
        self.settle_removal();
    }

    /// The places in which something is being removed: no job begins there until it is gone.
    pub(super) fn places_being_cleared(&self) -> Places<'static> {
        Places::of_jobs(self.snapshot.leaving.iter())
    }

    /// Settles a removal that was not undone in time.
    pub(super) fn settle_old_removal(&mut self) {
        if self.undo_until.is_some_and(|until| until <= Instant::now()) {
            self.settle_removal();
        }
    }

    /// Settles the removal of jobs in whose places new ones are to write.
    pub(super) fn settle_removal_in_places_of(&mut self, new: &[QueueEntry]) {
        if self.undo_until.is_none() {
            return;
        }
        let removed = self.snapshot.last_removed.iter().map(|(_, job)| job);
        let places = Places::of_jobs(removed.filter(|job| job.has_remains()));
        if new.iter().any(|entry| places.has_one_of(JobId::generate(), &entry.spec)) {
            self.settle_removal();
        }
    }
}
