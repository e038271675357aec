//! Commands about single jobs: hold, end, begin again, other settings, off the list.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Dispatcher, Event, IntakeRequest};
use crate::{
    engine::{
        Job,
        places::Places,
        side_by_side::{self, Load},
    },
    failure::{Failure, FailureKind},
    job::{JobId, JobSpec, JobState, Stage},
};

/// So many jobs that have made their stream and publish it, or wait for a store that is away, do not keep others from their
/// start; each holds threads and room.
const MOST_PUBLISHING: usize = 8;

impl Dispatcher {
    pub(super) fn cancel(&mut self, id: JobId) {
        if let Some(running) = self.running.get(&id) {
            running.cancel.cancel();
        } else if let Some(job) = self.snapshot.job(id).map(Arc::clone)
            && matches!(job.state, JobState::Waiting | JobState::Interrupted { .. })
        {
            self.services.remove_unfinished(&job);
            self.emit(vec![Event::JobCancelled { id, at: Timestamp::now() }]);
        }
    }

    pub(super) fn hold(&mut self, id: JobId, is_held: bool) {
        let can_be_held = self.snapshot.job(id).is_some_and(|job| job.can_be_paused());
        let Some(running) = self.running.get(&id).filter(|_| !is_held || can_be_held) else {
            // One that was held when the program ended has no encoder yet.
            if !is_held && self.snapshot.job(id).is_some_and(|job| job.is_held()) {
                self.retry(id);
            }
            return;
        };
        running.pause.set(is_held);
        self.emit(vec![if is_held { Event::JobPaused { id } } else { Event::JobResumed { id } }]);
    }

    /// Jobs at work, without those that are held or wait for room on a disk, nor those that only publish, up to a number.
    pub(super) fn busy_jobs(&self) -> Vec<Load> {
        let at_work = self.running.iter().filter(|(id, job)| !job.pause.is_set() && !self.waits_for_room(**id));
        let at_work = at_work.filter_map(|(id, _)| self.snapshot.job(*id));
        let publishes = |job: &&Arc<Job>| job.progress().is_some_and(|progress| progress.stage == Stage::Publish);
        let (publishing, busy): (Vec<_>, Vec<_>) = at_work.partition(publishes);
        let of_many = publishing.into_iter().skip(MOST_PUBLISHING);
        busy.into_iter().chain(of_many).map(|job| Load::of(job)).collect()
    }

    /// Whether a job may begin beside these.
    pub(super) fn has_place(&self, busy: &[Load], next: Load) -> bool {
        let settings = &self.snapshot.settings;
        match settings.automatic_jobs {
            true => side_by_side::has_place(self.cores, busy, next),
            false => busy.len() < settings.running_jobs.max(1),
        }
    }

    pub(super) fn retry(&mut self, id: JobId) {
        self.retry_all(&[id]);
    }

    /// Puts those of these jobs back into the queue that have failed, were cancelled or interrupted, or wait to begin
    /// again.
    pub(super) fn retry_all(&mut self, ids: &[JobId]) {
        let mut events = Vec::new();
        let mut requests = Vec::new();
        let mut places = Places::of(&self.snapshot);
        for job in ids.iter().filter_map(|id| self.snapshot.job(*id)) {
            let is_over = matches!(job.state, JobState::Failed { .. } | JobState::Cancelled);
            let is_interrupted = matches!(job.state, JobState::Interrupted { .. });
            if !is_over && !is_interrupted && job.waits_for_retry().is_none() {
                continue;
            }
            let id = job.id;
            if job.source.is_none() {
                requests.push(IntakeRequest::Inspect { id, source: job.spec.source.clone() });
            }
            events.push(Event::JobRequeued { id });
            let refusal = places.take(id, &job.spec).err();
            events.extend(refusal.map(|failure| Event::JobFailed { id, failure, at: Timestamp::now() }));
        }
        self.emit(events);
        requests.into_iter().for_each(|request| self.services.intake(request));
    }

    pub(super) fn change(&mut self, id: JobId, spec: Box<JobSpec>) {
        let Some(job) = self.snapshot.job(id) else { return };
        match job.state {
            JobState::Waiting | JobState::Interrupted { .. } => {
                let refusal = Places::of(&self.snapshot).take(id, &spec).err();
                let refusal = refusal.map(|failure| Event::JobFailed { id, failure, at: Timestamp::now() });
                self.emit(std::iter::once(Event::JobChanged { id, spec }).chain(refusal).collect());
            }
            JobState::Failed { .. } | JobState::Cancelled => {
                self.emit(vec![Event::JobChanged { id, spec }]);
                self.retry(id);
            }
            JobState::Running { .. } | JobState::Done { .. } => {
                let headline = format!("“{}” has begun with its old settings", job.spec.source_name());
                let hint = "Cancel it and change its settings then, or encode it again when it is done";
                self.emit(vec![Event::Noticed { failure: Failure::new(FailureKind::InvalidRequest, headline, hint) }]);
            }
        }
    }

    pub(super) fn move_job(&mut self, id: JobId, index: usize) {
        if self.snapshot.job(id).is_some() {
            self.emit(vec![Event::JobMoved { id, index }]);
        }
    }
}
