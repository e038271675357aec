//! How events change a job, and which ones add up to it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Job, KEPT_LOG_LINES, LOG_LINES_KEPT};
use crate::{
    engine::Event,
    failure::Failure,
    job::{JobSpec, JobState, Progress, Schedule},
};

impl Job {
    /// Changes the job by an event about it.
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::JobScheduled { schedule, .. } => self.schedule = *schedule,
            Event::SourceProbed { source, .. } => self.source = Some(Arc::new((**source).clone())),
            Event::ThumbnailReady { path, .. } => self.thumbnail = Some(path.clone()),
            Event::JobChanged { spec, .. } => self.change(spec),
            Event::JobStarted { at, .. } => {
                self.begin_again();
                self.started_at = Some(*at);
                self.state = JobState::Running { progress: self.measured(Progress::default()), is_paused: false };
            }
            Event::JobPlanned { plan, .. } => {
                self.plan = Some(Arc::new((**plan).clone()));
                self.reached = plan.goes_on_at.unwrap_or_default();
                self.unpublished = None;
                self.unfinished = None;
            }
            Event::StreamMade { stream, .. } => self.unpublished = Some(Arc::new((**stream).clone())),
            Event::StreamLeft { reached, folder, .. } => {
                self.reached = *reached;
                self.unfinished = Some(folder.clone());
            }
            Event::JobProgressed { progress, .. } => {
                let progress = self.measured((**progress).clone());
                if let JobState::Running { progress: shown, .. } = &mut self.state {
                    *shown = progress;
                }
            }
            Event::JobPaused { .. } => self.hold(true),
            Event::JobResumed { .. } => self.hold(false),
            Event::FilesFinished { files, .. } => Arc::make_mut(&mut self.files).extend(files.iter().cloned()),
            Event::JobLogged { line, .. } => {
                let log = Arc::make_mut(&mut self.log);
                if log.len() >= LOG_LINES_KEPT {
                    log.pop_front();
                }
                log.push_back(line.clone());
            }
            Event::LogKept { lines, .. } => self.log = Arc::new(lines.iter().cloned().collect()),
            Event::JobFinished { report, at, .. } => {
                self.unpublished = None;
                self.files = Arc::new(report.files.clone());
                self.end(JobState::Done { report: report.clone() }, *at);
            }
            Event::JobFailed { failure, at, .. } => {
                self.log_failure(failure);
                // From where its next try goes on.
                let reached = if self.unfinished.is_some() { self.reached } else { Duration::ZERO };
                self.end(JobState::Failed { failure: failure.clone() }, *at);
                self.reached = reached;
            }
            Event::JobCancelled { at, .. } => {
                self.unpublished = None;
                self.end(JobState::Cancelled, *at);
            }
            _ => self.wait(event),
        }
    }

    /// Takes other settings, with which it begins anew.
    fn change(&mut self, spec: &JobSpec) {
        self.spec = spec.clone();
        self.unpublished = None;
        self.plan = None;
        self.retry = None;
        self.reached = Duration::ZERO;
        if let JobState::Interrupted { reached, .. } = &mut self.state {
            *reached = Duration::ZERO;
        }
    }

    /// Takes an event after which the job is in the queue again.
    fn wait(&mut self, event: &Event) {
        match event {
            Event::JobRetryPlanned { retry, .. } => {
                self.begin_again();
                self.state = JobState::Waiting;
                self.retry = Some(Arc::new((**retry).clone()));
            }
            Event::JobInterrupted { reached, folder, is_held, .. } => {
                self.begin_again();
                self.unfinished.clone_from(folder);
                self.reached = *reached;
                self.state = JobState::Interrupted { reached: *reached, is_held: *is_held };
            }
            Event::JobRequeued { .. } => {
                self.begin_again();
                self.retry = None;
                self.state = JobState::Waiting;
            }
            _ => {}
        }
    }

    /// The shortest list of journaled events that adds up to this job.
    pub(in crate::engine) fn as_events(&self) -> Vec<Event> {
        let id = self.id;
        let mut events = vec![Event::JobAdded { id, spec: Box::new(self.spec.clone()), at: self.added_at }];
        if self.schedule != Schedule::default() {
            events.push(Event::JobScheduled { id, schedule: self.schedule });
        }
        if let Some(source) = &self.source {
            events.push(Event::SourceProbed { id, source: Box::new((**source).clone()) });
        }
        if let Some(path) = &self.thumbnail {
            events.push(Event::ThumbnailReady { id, path: path.clone() });
        }
        let is_interrupted = matches!(self.state, JobState::Interrupted { .. });
        if !is_interrupted && !self.reached.is_zero() {
            let (reached, folder) = (self.reached, self.unfinished.clone());
            events.push(Event::JobInterrupted { id, reached, folder, is_held: false });
        }
        if let Some(at) = self.started_at {
            events.push(Event::JobStarted { id, at });
        }
        if let Some(plan) = &self.plan {
            events.push(Event::JobPlanned { id, plan: Box::new((**plan).clone()) });
        }
        if let Some(stream) = &self.unpublished {
            events.push(Event::StreamMade { id, stream: Box::new((**stream).clone()) });
        }
        let at = self.ended_at.unwrap_or(self.added_at);
        match &self.state {
            JobState::Waiting if self.retry.is_some() => {
                events.extend(self.left_unfinished());
                events.extend(
                    self.retry.iter().map(|retry| Event::JobRetryPlanned { id, retry: Box::new((**retry).clone()) }),
                );
            }
            JobState::Waiting if self.started_at.is_some() => {
                events.extend(self.left_unfinished());
                events.push(Event::JobRequeued { id });
            }
            JobState::Interrupted { reached, is_held } => {
                let folder = self.unfinished.clone();
                events.push(Event::JobInterrupted { id, reached: *reached, folder, is_held: *is_held });
            }
            JobState::Running { is_paused: true, .. } => events.push(Event::JobPaused { id }),
            JobState::Waiting | JobState::Running { .. } => {}
            JobState::Done { report } => events.push(Event::JobFinished { id, report: report.clone(), at }),
            JobState::Failed { failure } => {
                events.extend(self.left_unfinished());
                events.extend(self.kept_log(failure));
                events.push(Event::JobFailed { id, failure: failure.clone(), at });
            }
            JobState::Cancelled => events.push(Event::JobCancelled { id, at }),
        }
        events
    }

    /// That something of its stream lies where it can be gone on with.
    fn left_unfinished(&self) -> Option<Event> {
        self.unfinished.clone().map(|folder| Event::StreamLeft { id: self.id, reached: self.reached, folder })
    }

    /// What outlives the program of the log of a failed job, before what the failure itself has added to it.
    fn kept_log(&self, failure: &Failure) -> Option<Event> {
        let lines = self.log.len().saturating_sub(1 + failure.detail.lines().count());
        let first = lines.saturating_sub(KEPT_LOG_LINES);
        let kept: Vec<String> = self.log.iter().take(lines).skip(first).cloned().collect();
        (!kept.is_empty()).then_some(Event::LogKept { id: self.id, lines: kept })
    }

    /// The log is where people look for the reason.
    fn log_failure(&mut self, failure: &Failure) {
        let log = Arc::make_mut(&mut self.log);
        log.extend(std::iter::once(failure.headline.as_str()).chain(failure.detail.lines()).map(str::to_owned));
        let surplus = log.len().saturating_sub(LOG_LINES_KEPT);
        log.drain(..surplus);
    }

    fn hold(&mut self, is_held: bool) {
        if let JobState::Running { is_paused, .. } = &mut self.state {
            *is_paused = is_held;
        }
    }

    fn end(&mut self, state: JobState, at: Timestamp) {
        self.retry = None;
        self.reached = Duration::ZERO;
        self.state = state;
        self.ended_at = Some(at);
    }
}
