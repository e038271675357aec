//! Commands that say which job starts when: order, priority, times.

use std::sync::Arc;

use super::{Dispatcher, Event, IntakeRequest};
use crate::{
    engine::{Job, QueueEntry, places::Places},
    job::{JobId, JobState, Schedule},
};

impl Dispatcher {
    pub(super) fn enqueue(&mut self, jobs: Vec<QueueEntry>) {
        let mut events = Vec::new();
        let mut requests = Vec::new();
        self.settle_removal_in_places_of(&jobs);
        let mut places = Places::of(&self.snapshot);
        for QueueEntry { spec, schedule } in jobs {
            let id = JobId::generate();
            let refusal = places.take(id, &spec).err();
            requests.push(IntakeRequest::Inspect { id, source: spec.source.clone() });
            events.push(Event::JobAdded { id, spec: Box::new(spec), at: jiff::Timestamp::now() });
            if schedule != Schedule::default() {
                events.push(Event::JobScheduled { id, schedule });
            }
            events.extend(refusal.map(|failure| Event::JobFailed { id, failure, at: jiff::Timestamp::now() }));
        }
        self.emit(events);
        if self.toolbox.is_some() {
            requests.into_iter().for_each(|request| self.services.intake(request));
        }
    }

    pub(super) fn retry_failed(&mut self) {
        let is_failed = |job: &&Arc<Job>| matches!(job.state, JobState::Failed { .. });
        let ids: Vec<JobId> = self.snapshot.jobs.iter().filter(is_failed).map(|job| job.id).collect();
        self.retry_all(&ids);
    }

    /// Lets jobs start again. Interrupted ones that would not start by themselves are meant too: the user is here. Those
    /// that are held stay so.
    pub(super) fn resume_queue(&mut self) {
        let settings = &self.snapshot.settings;
        let waits_for_user = |job: &&Arc<Job>| job.is_waiting() && !job.is_held() && !job.starts_by_itself(settings);
        let interrupted = self.snapshot.jobs.iter().filter(waits_for_user).map(|job| Event::JobRequeued { id: job.id });
        self.emit(std::iter::once(Event::QueueResumed).chain(interrupted).collect());
    }

    pub(super) fn reschedule(&mut self, id: JobId, change: impl FnOnce(&mut Schedule)) {
        let Some(job) = self.snapshot.job(id) else { return };
        let mut schedule = job.schedule;
        change(&mut schedule);
        if schedule != job.schedule {
            self.emit(vec![Event::JobScheduled { id, schedule }]);
        }
    }

    pub(super) fn move_to_top(&mut self, id: JobId) {
        let index = self.snapshot.jobs.iter().position(|job| job.is_waiting()).unwrap_or(0);
        let priority = self.snapshot.priority_at_top(id);
        self.move_job(id, index);
        self.reschedule(id, |schedule| schedule.priority = priority);
    }

    pub(super) fn move_to_bottom(&mut self, id: JobId) {
        let priority = self.snapshot.priority_at_bottom(id);
        self.move_job(id, self.snapshot.jobs.len().saturating_sub(1));
        self.reschedule(id, |schedule| schedule.priority = priority);
    }
}
