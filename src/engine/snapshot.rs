//! The whole state that a front can show, and the one function that changes it.

mod filter;
mod job_events;
mod time_left;

use std::{
    collections::{HashSet, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

pub use filter::{JobFilter, QueueCounts};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Event;
use super::{end_of_queue::PlannedPowerAction, retry::PlannedRetry};
use crate::{
    failure::Failure,
    job::{Destination, FileReport, JobId, JobSpec, JobState, Progress, Schedule, Stage, UnpublishedStream},
    media::SourceMedia,
    pipeline::plan::PlanSummary,
    settings::Settings,
    tools::pause::PauseSwitch,
};

/// Lines of a job's log that are kept for the window; the oldest go first.
const LOG_LINES_KEPT: usize = 500;

/// Failed jobs whose log outlives the program; of older ones the failure alone does.
const FAILED_LOGS_KEPT: usize = 500;
/// Lines of the log of a failed job that outlive the program.
pub(super) const KEPT_LOG_LINES: usize = 100;

/// The state of the engine at one moment. Cheap to clone: jobs are shared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// All jobs, in the order of the queue. Shared, as most events change none of them.
    pub jobs: Arc<Vec<Arc<Job>>>,
    /// True when no further jobs start.
    pub queue_paused: bool,
    /// The settings that hold.
    pub settings: Arc<Settings>,
    /// Whether ffmpeg is there.
    pub tools: ToolStatus,
    /// The newest trial of a destination.
    pub destination_test: DestinationTest,
    /// Bytes that can be written at the output folder.
    pub free_disk_bytes: Option<u64>,
    /// What the machine will do soon, as the queue has nothing left to do.
    pub planned_power_action: Option<PlannedPowerAction>,
    /// What `UndoRemove` brings back, with the places they had.
    pub last_removed: Vec<(usize, Arc<Job>)>,
    /// Removed jobs that can't be brought back, of which something may still lie on the disk or in a bucket.
    pub leaving: Vec<Arc<Job>>,
}

/// One job with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What was asked.
    pub spec: JobSpec,
    /// When it may start.
    pub schedule: Schedule,
    /// Where it stands.
    pub state: JobState,
    /// The next try, while it waits for it, or the one under way; `None` when nothing has failed by a passing cause.
    pub retry: Option<Arc<PlannedRetry>>,
    /// When it was added.
    pub added_at: Timestamp,
    /// When it last began.
    pub started_at: Option<Timestamp>,
    /// When it last ended.
    pub ended_at: Option<Timestamp>,
    /// What the source is, once it was read.
    pub source: Option<Arc<SourceMedia>>,
    /// A small picture of the source.
    pub thumbnail: Option<PathBuf>,
    /// What will be or was made.
    pub plan: Option<Arc<PlanSummary>>,
    /// The stream that is finished on this machine and not published yet: only the rest of it is left to do.
    pub unpublished: Option<Arc<UnpublishedStream>>,
    /// Where an interrupted run has left what it had finished.
    pub unfinished: Option<PathBuf>,
    /// From where on it encodes: what an earlier run has finished, zero where that is nothing.
    pub reached: Duration,
    /// Finished files of the stream. Shared, as a long film has tens of thousands and every event makes a new snapshot.
    pub files: Arc<Vec<FileReport>>,
    /// The last lines of its log, oldest first.
    pub log: Arc<VecDeque<String>>,
}

/// Whether the tools that the engine drives are there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum ToolStatus {
    /// Not looked for yet.
    #[default]
    Unchecked,
    /// Usable.
    Ready {
        /// Version of ffmpeg, such as `5.1.9`.
        ffmpeg_version: String,
        /// The program.
        ffmpeg: PathBuf,
        /// The program.
        ffprobe: PathBuf,
    },
    /// Missing, too old, or without libx264.
    Unusable {
        /// What is wrong and what to do.
        failure: Failure,
    },
    /// On its way into the app's data folder.
    Downloading {
        /// Part that is done, from 0 to 1; `None` while unpacking.
        fraction: Option<f64>,
    },
}

/// How the newest trial of a destination went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum DestinationTest {
    /// None was made.
    #[default]
    NotRun,
    /// Under way.
    Running,
    /// Everything that publishing needs was tried, and works.
    Passed,
    /// It did not work.
    Failed {
        /// What is wrong and what to do.
        failure: Failure,
    },
}

impl Job {
    fn new(id: JobId, spec: JobSpec, added_at: Timestamp) -> Self {
        Self {
            id,
            spec,
            schedule: Schedule::default(),
            state: JobState::Waiting,
            retry: None,
            added_at,
            started_at: None,
            ended_at: None,
            source: None,
            thumbnail: None,
            plan: None,
            unpublished: None,
            unfinished: None,
            reached: Duration::ZERO,
            files: Arc::default(),
            log: Arc::default(),
        }
    }

    /// The newest measurement, while it runs.
    pub fn progress(&self) -> Option<&Progress> {
        match &self.state {
            JobState::Running { progress, .. } => Some(progress),
            _ => None,
        }
    }

    /// Whether its row has no small picture although the source may give one: nothing makes one while the queue is only
    /// changed, and a run that ends before the picture is made leaves none.
    pub(super) fn lacks_picture(&self) -> bool {
        let may_give_one = self.source.as_deref().is_none_or(|source| source.main_video().is_some());
        let is_given_up = matches!(self.state, JobState::Failed { .. } | JobState::Cancelled);
        self.thumbnail.is_none() && may_give_one && !is_given_up
    }

    /// Whether there is an encoder to hold.
    pub fn can_be_paused(&self) -> bool {
        let is_encoding = self.progress().is_some_and(|progress| progress.stage <= Stage::Encode);
        PauseSwitch::IS_SUPPORTED && is_encoding
    }

    /// How much of the source is to be encoded from its start on, where it is known how long that is.
    pub fn length_to_encode(&self) -> Option<Duration> {
        Some(self.spec.operations.trim.kept_of(self.source.as_ref()?.picture_duration()?))
    }

    /// How far a job is that has begun, between 0 and 1; `None` of one that waits where nothing is encoded, or where
    /// it is not known how long it will be.
    pub fn fraction(&self) -> Option<f64> {
        if let Some(progress) = self.progress() {
            return Some(progress.fraction);
        }
        self.encoded().and_then(|encoded| self.part_of_whole(encoded))
    }

    /// How much of all that is to be encoded this is, where it is known how long that will be.
    fn part_of_whole(&self, encoded: Duration) -> Option<f64> {
        // After a restart nothing is planned yet.
        let planned = self.plan.as_ref().and_then(|plan| plan.duration);
        let duration = planned.or_else(|| self.length_to_encode()).filter(|duration| !duration.is_zero())?;
        Some(encoded.div_duration_f64(duration).min(1.0))
    }

    /// A measurement, which begins from what an earlier run has finished.
    fn measured(&self, progress: Progress) -> Progress {
        if progress.encoded >= self.reached {
            return progress;
        }
        let fraction = self.part_of_whole(self.reached).unwrap_or(0.0).max(progress.fraction);
        Progress { encoded: self.reached, fraction, ..progress }
    }

    /// What of its source has been encoded by a job that is not at its end; `None` where nothing has.
    pub fn encoded(&self) -> Option<Duration> {
        let encoded = match &self.state {
            JobState::Running { progress, .. } => progress.encoded,
            JobState::Waiting | JobState::Interrupted { .. } => self.reached,
            _ => return None,
        };
        (!encoded.is_zero()).then_some(encoded)
    }

    /// Whether something lies on the disk or in a bucket that goes when the job is removed.
    pub fn has_remains(&self) -> bool {
        self.unfinished.is_some() || self.unpublished.is_some()
    }

    /// Whether what its encoder has made goes when the job is removed: an unfinished stream, or a finished one that was to
    /// lie in buckets alone.
    pub fn loses_work(&self) -> bool {
        let is_passing = matches!(self.spec.destination, Destination::S3 { keep_local: false, .. });
        self.unfinished.is_some() || (is_passing && self.unpublished.is_some())
    }

    /// Whether it begins by itself when its turn comes; one that is held goes on when the user wants it.
    fn comes_by_itself(&self) -> bool {
        matches!(self.state, JobState::Waiting | JobState::Interrupted { is_held: false, .. })
    }

    /// Why and until when it waits to begin again by itself.
    pub fn waits_for_retry(&self) -> Option<&PlannedRetry> {
        self.retry.as_deref().filter(|_| self.state == JobState::Waiting)
    }

    fn begin_again(&mut self) {
        if self.unpublished.is_none() {
            self.plan = None;
        }
        self.files = Arc::default();
        self.log = Arc::default();
        self.ended_at = None;
    }
}

impl Snapshot {
    /// The job of this id.
    pub fn job(&self, id: JobId) -> Option<&Arc<Job>> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// How many jobs stand where.
    pub fn counts(&self) -> QueueCounts {
        let mut counts = QueueCounts { all: self.jobs.len(), ..QueueCounts::default() };
        for job in self.jobs.iter() {
            match &job.state {
                JobState::Waiting | JobState::Interrupted { .. } => counts.waiting += 1,
                JobState::Running { is_paused: true, .. } => counts.paused += 1,
                JobState::Running { progress, .. } if progress.stage == Stage::Publish => counts.publishing += 1,
                JobState::Running { .. } => counts.encoding += 1,
                JobState::Done { .. } => counts.done += 1,
                JobState::Failed { .. } => counts.failed += 1,
                JobState::Cancelled => counts.cancelled += 1,
            }
        }
        counts
    }

    /// Changes the state by many events, one after the other.
    pub fn apply_all<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) {
        let mut place = 0;
        events.into_iter().for_each(|event| self.apply_from(event, &mut place));
    }

    /// Changes the state by one event. Events about jobs that are not there are without effect.
    pub fn apply(&mut self, event: &Event) {
        self.apply_from(event, &mut 0);
    }

    /// As [`apply`](Self::apply). The job is looked for from `place` on, which becomes its own: the next event is most
    /// often about the same job or the next one, and a queue may be long.
    fn apply_from(&mut self, event: &Event, place: &mut usize) {
        match event {
            Event::JobAdded { id, spec, at } => {
                let jobs = Arc::make_mut(&mut self.jobs);
                *place = jobs.len();
                jobs.push(Arc::new(Job::new(*id, (**spec).clone(), *at)));
            }
            Event::JobsRemoved { ids } => self.remove(ids),
            Event::RemovalUndone => self.undo_removal(),
            Event::RemovalSettled => {
                let removed = std::mem::take(&mut self.last_removed).into_iter().map(|(_, job)| job);
                self.leaving.extend(removed.filter(|job| job.has_remains()));
            }
            Event::RemainsRemoved { id } => self.leaving.retain(|job| job.id != *id),
            Event::JobMoved { id, index } => self.move_job(*id, *index),
            Event::QueuePaused => self.queue_paused = true,
            Event::QueueResumed => self.queue_paused = false,
            Event::SettingsChanged { settings } => self.settings = Arc::new((**settings).clone()),
            Event::ToolsChecked { status } => self.tools = status.clone(),
            Event::DestinationTested { test } => self.destination_test = test.clone(),
            Event::DiskMeasured { free_bytes } => self.free_disk_bytes = *free_bytes,
            Event::PowerActionPlanned { planned } => self.planned_power_action = Some(*planned),
            Event::PowerActionCancelled | Event::PowerActionBegun => self.planned_power_action = None,
            Event::PreviewReady { .. }
            | Event::QueueFinished { .. }
            | Event::Noticed { .. }
            | Event::FilesOpened { .. }
            | Event::Acknowledged { .. }
            | Event::Stopped => {}
            of_a_job => {
                let is_meant = |index: &usize| of_a_job.job() == self.jobs.get(*index).map(|job| job.id);
                let all = (*place..self.jobs.len()).chain(0..self.jobs.len().min(*place));
                let Some(found) = all.into_iter().find(is_meant) else { return };
                *place = found;
                if let Some(job) = Arc::make_mut(&mut self.jobs).get_mut(found) {
                    Arc::make_mut(job).apply(of_a_job);
                }
            }
        }
    }

    /// The shortest list of journaled events that adds up to this state (but for removals that left nothing behind).
    pub fn as_events(&self) -> Vec<Event> {
        let mut failed: Vec<&Arc<Job>> =
            self.jobs.iter().filter(|job| matches!(job.state, JobState::Failed { .. })).collect();
        failed.sort_by_key(|job| std::cmp::Reverse(job.ended_at));
        let without_log: HashSet<JobId> = failed.iter().skip(FAILED_LOGS_KEPT).map(|job| job.id).collect();
        let is_wanted = |event: &Event| !matches!(event, Event::LogKept { id, .. } if without_log.contains(id));
        let mut events: Vec<Event> = self.jobs.iter().flat_map(|job| job.as_events()).filter(is_wanted).collect();
        let removed = |jobs: Vec<&Arc<Job>>| {
            let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
            let removal = (!ids.is_empty()).then_some(Event::JobsRemoved { ids });
            jobs.into_iter().flat_map(|job| job.as_events()).chain(removal).collect::<Vec<Event>>()
        };
        if !self.leaving.is_empty() {
            events.extend(removed(self.leaving.iter().collect()));
            events.push(Event::RemovalSettled);
        }
        let last_removed = self.last_removed.iter().map(|(_, job)| job);
        events.extend(removed(last_removed.filter(|job| job.has_remains()).collect()));
        if self.queue_paused {
            events.push(Event::QueuePaused);
        }
        events
    }

    fn remove(&mut self, ids: &[JobId]) {
        self.last_removed.clear();
        let mut index = 0;
        let removed = &mut self.last_removed;
        let ids: HashSet<JobId> = ids.iter().copied().collect();
        Arc::make_mut(&mut self.jobs).retain(|job| {
            let leaves = ids.contains(&job.id);
            if leaves {
                removed.push((index, Arc::clone(job)));
            }
            index += 1;
            !leaves
        });
    }

    fn undo_removal(&mut self) {
        for (index, job) in std::mem::take(&mut self.last_removed) {
            let jobs = Arc::make_mut(&mut self.jobs);
            jobs.insert(index.min(jobs.len()), job);
        }
    }

    fn move_job(&mut self, id: JobId, index: usize) {
        if let Some(from) = self.jobs.iter().position(|job| job.id == id) {
            let jobs = Arc::make_mut(&mut self.jobs);
            let job = jobs.remove(from);
            jobs.insert(index.min(jobs.len()), job);
        }
    }
}

#[cfg(test)]
mod tests;
