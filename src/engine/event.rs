//! What happened: the only way in which the engine's state changes.

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    end_of_queue::PlannedPowerAction,
    retry::PlannedRetry,
    snapshot::{DestinationTest, ToolStatus},
};
use crate::{
    failure::Failure,
    job::{FileReport, JobId, JobSpec, Progress, Report, Schedule, UnpublishedStream},
    media::SourceMedia,
    pipeline::plan::PlanSummary,
    settings::Settings,
};

/// What happened. Folding all events of the journal with [`Snapshot::apply`](super::Snapshot::apply) gives the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// A job came to the end of the queue.
    JobAdded {
        /// Its id.
        id: JobId,
        /// What was asked.
        spec: Box<JobSpec>,
        /// When.
        at: Timestamp,
    },
    /// The job may start at another time, or before others.
    JobScheduled {
        /// Which job.
        id: JobId,
        /// From now on.
        schedule: Schedule,
    },
    /// The source was read.
    SourceProbed {
        /// Which job.
        id: JobId,
        /// What it is.
        source: Box<SourceMedia>,
    },
    /// A small picture of the source is there.
    ThumbnailReady {
        /// Which job.
        id: JobId,
        /// JPEG file.
        #[serde(with = "crate::job::path_text")]
        path: PathBuf,
    },
    /// The job has other settings; what was made with the old ones no longer counts.
    JobChanged {
        /// Which job.
        id: JobId,
        /// What is asked now.
        spec: Box<JobSpec>,
    },
    /// The job began.
    JobStarted {
        /// Which job.
        id: JobId,
        /// When.
        at: Timestamp,
    },
    /// It is known what will be made, and where.
    JobPlanned {
        /// Which job.
        id: JobId,
        /// What will be made.
        plan: Box<PlanSummary>,
    },
    /// The user holds the encoder of a running job, which stays held when the program ends.
    JobPaused {
        /// Which job.
        id: JobId,
    },
    /// A held job goes on.
    JobResumed {
        /// Which job.
        id: JobId,
    },
    /// A newer measurement. Not in the journal.
    JobProgressed {
        /// Which job.
        id: JobId,
        /// The measurement.
        progress: Box<Progress>,
    },
    /// Files of the stream are finished. Not in the journal.
    FilesFinished {
        /// Which job.
        id: JobId,
        /// The files.
        files: Vec<FileReport>,
    },
    /// A line for the job's log. Not in the journal.
    JobLogged {
        /// Which job.
        id: JobId,
        /// The line.
        line: String,
    },
    /// The last lines of the log of a job that is about to fail, so that they can be read after a restart.
    LogKept {
        /// Which job.
        id: JobId,
        /// The lines, oldest first.
        lines: Vec<String>,
    },
    /// The stream is finished on this machine; what is left is to publish it.
    StreamMade {
        /// Which job.
        id: JobId,
        /// What was made, and where it goes.
        stream: Box<UnpublishedStream>,
    },
    /// What is finished of the stream of a job that is about to fail lies there for its next try.
    StreamLeft {
        /// Which job.
        id: JobId,
        /// How much of the source that is; zero in journals of earlier versions.
        #[serde(default)]
        reached: Duration,
        /// The folder of the stream.
        #[serde(with = "crate::job::path_text")]
        folder: PathBuf,
    },
    /// The job ended with a stream.
    JobFinished {
        /// Which job.
        id: JobId,
        /// What came out.
        report: Box<Report>,
        /// When.
        at: Timestamp,
    },
    /// The job ended without a stream.
    JobFailed {
        /// Which job.
        id: JobId,
        /// Why.
        failure: Failure,
        /// When.
        at: Timestamp,
    },
    /// The job failed for a cause that may pass, and begins again by itself.
    JobRetryPlanned {
        /// Which job.
        id: JobId,
        /// When, and why.
        retry: Box<PlannedRetry>,
    },
    /// The user stopped the job.
    JobCancelled {
        /// Which job.
        id: JobId,
        /// When.
        at: Timestamp,
    },
    /// The program ended while the job ran.
    JobInterrupted {
        /// Which job.
        id: JobId,
        /// What is finished of its stream.
        reached: Duration,
        /// Where that lies; `None` when nothing is left of it.
        #[serde(default, with = "crate::job::path_text::optional")]
        folder: Option<PathBuf>,
        /// The user held it then.
        #[serde(default)]
        is_held: bool,
    },
    /// The job waits again, as the user asked for it.
    JobRequeued {
        /// Which job.
        id: JobId,
    },
    /// Jobs left the list; they can be brought back until the next removal, or until theirs is settled.
    JobsRemoved {
        /// Which jobs; none in journals of earlier versions, where it stood for both of the next two events.
        ids: Vec<JobId>,
    },
    /// The jobs that were removed last can't be brought back any more: from now on what was begun of them is removed.
    RemovalSettled,
    /// Nothing that was begun of a removed job is left, but for what was told to the user.
    RemainsRemoved {
        /// Which job.
        id: JobId,
    },
    /// The removed jobs are back in their places.
    RemovalUndone,
    /// A job has another place in the list.
    JobMoved {
        /// Which job.
        id: JobId,
        /// Index in the list after the move.
        index: usize,
    },
    /// No further jobs start.
    QueuePaused,
    /// Jobs start again.
    QueueResumed,
    /// Other settings hold from now on. Not in the journal: settings have their own file.
    SettingsChanged {
        /// All settings.
        settings: Box<Settings>,
    },
    /// ffmpeg was looked for, or its download went on. Not in the journal.
    ToolsChecked {
        /// What was found.
        status: ToolStatus,
    },
    /// A destination was tried. Not in the journal.
    DestinationTested {
        /// How it went.
        test: DestinationTest,
    },
    /// Free space at the output folder. Not in the journal.
    DiskMeasured {
        /// Bytes that can be written; `None` when the folder can't be reached.
        free_bytes: Option<u64>,
    },
    /// The stream of a job is served on loopback. Not in the journal.
    PreviewReady {
        /// Which job.
        id: JobId,
        /// The player page.
        url: String,
    },
    /// Something that concerns no job went wrong: settings not saved, a folder without video, … Not in the journal.
    Noticed {
        /// What, and what to do.
        failure: Failure,
    },
    /// The window is to come to the front and add these files and folders. Not in the journal.
    FilesOpened {
        /// Full paths; may be none.
        #[serde(with = "crate::job::path_text::list")]
        files: Vec<PathBuf>,
    },
    /// Nothing is left to do in a queue that was worked off. Not in the journal.
    QueueFinished {
        /// Jobs that were done since the last time.
        done: usize,
        /// Jobs that failed since the last time.
        failed: usize,
    },
    /// The machine will not stay on, unless the user keeps it on. Not in the journal.
    PowerActionPlanned {
        /// What it will do, and when.
        planned: PlannedPowerAction,
    },
    /// The machine stays on: the user has said so, or there is work again. Not in the journal.
    PowerActionCancelled,
    /// The machine was told to sleep or to shut down. Not in the journal.
    PowerActionBegun,
    /// All commands before [`Command::Acknowledge`](super::Command::Acknowledge) were taken. Not in the journal.
    Acknowledged {
        /// What the command said.
        token: u64,
    },
    /// The engine has ended; nothing follows. Not in the journal.
    Stopped,
}

impl Event {
    /// True for what must survive the program: it goes into the journal before anyone sees it.
    pub fn is_journaled(&self) -> bool {
        !matches!(
            self,
            Self::JobProgressed { .. }
                | Self::FilesFinished { .. }
                | Self::JobLogged { .. }
                | Self::SettingsChanged { .. }
                | Self::ToolsChecked { .. }
                | Self::DestinationTested { .. }
                | Self::DiskMeasured { .. }
                | Self::PreviewReady { .. }
                | Self::Noticed { .. }
                | Self::FilesOpened { .. }
                | Self::QueueFinished { .. }
                | Self::PowerActionPlanned { .. }
                | Self::PowerActionCancelled
                | Self::PowerActionBegun
                | Self::Acknowledged { .. }
                | Self::Stopped
        )
    }

    /// The job it is about, if it is about one.
    pub fn job(&self) -> Option<JobId> {
        match self {
            Self::JobAdded { id, .. }
            | Self::JobScheduled { id, .. }
            | Self::SourceProbed { id, .. }
            | Self::ThumbnailReady { id, .. }
            | Self::JobChanged { id, .. }
            | Self::JobStarted { id, .. }
            | Self::JobPlanned { id, .. }
            | Self::JobPaused { id }
            | Self::JobResumed { id }
            | Self::JobProgressed { id, .. }
            | Self::FilesFinished { id, .. }
            | Self::JobLogged { id, .. }
            | Self::LogKept { id, .. }
            | Self::StreamMade { id, .. }
            | Self::StreamLeft { id, .. }
            | Self::JobFinished { id, .. }
            | Self::JobFailed { id, .. }
            | Self::JobRetryPlanned { id, .. }
            | Self::JobCancelled { id, .. }
            | Self::JobRequeued { id }
            | Self::JobInterrupted { id, .. }
            | Self::JobMoved { id, .. }
            | Self::PreviewReady { id, .. } => Some(*id),
            _ => None,
        }
    }
}
