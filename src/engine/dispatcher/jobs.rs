//! Commands about single jobs: hold, end, begin again, other settings, off the list.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Dispatcher, Event, IntakeRequest};
use crate::{
    engine::{Job, places::Places},
    failure::{Failure, FailureKind},
    job::{JobId, JobSpec, JobState},
};

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
        let Some(running) = self.running.get(&id).filter(|_| !is_held || can_be_held) else { return };
        running.pause.set(is_held);
        self.emit(vec![if is_held { Event::JobPaused { id } } else { Event::JobResumed { id } }]);
    }

    /// Jobs at work, without those that are held.
    pub(super) fn busy_jobs(&self) -> usize {
        self.snapshot.jobs.iter().filter(|job| matches!(job.state, JobState::Running { is_paused: false, .. })).count()
    }

    pub(super) fn retry(&mut self, id: JobId) {
        let Some(job) = self.snapshot.job(id) else { return };
        let is_over = matches!(job.state, JobState::Failed { .. } | JobState::Cancelled);
        let is_interrupted = matches!(job.state, JobState::Interrupted { .. });
        if is_over || is_interrupted || job.waits_for_retry().is_some() {
            let request = job.source.is_none().then(|| IntakeRequest::Inspect { id, source: job.spec.source.clone() });
            let refusal = Places::of(&self.snapshot).take(id, &job.spec).err();
            let refusal = refusal.map(|failure| Event::JobFailed { id, failure, at: Timestamp::now() });
            self.emit(std::iter::once(Event::JobRequeued { id }).chain(refusal).collect());
            if let Some(request) = request {
                self.services.intake(request);
            }
        }
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

    pub(super) fn remove(&mut self, chosen: impl Fn(JobId, &JobState) -> bool) {
        let is_removable = |state: &JobState| !matches!(state, JobState::Running { .. });
        let jobs = self.snapshot.jobs.iter();
        let jobs: Vec<Arc<Job>> =
            jobs.filter(|job| is_removable(&job.state) && chosen(job.id, &job.state)).map(Arc::clone).collect();
        jobs.iter().for_each(|job| self.services.remove_unfinished(job));
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        if !ids.is_empty() {
            self.emit(vec![Event::JobsRemoved { ids }]);
        }
    }

    pub(super) fn move_job(&mut self, id: JobId, index: usize) {
        if self.snapshot.job(id).is_some() {
            self.emit(vec![Event::JobMoved { id, index }]);
        }
    }
}
