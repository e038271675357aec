//! What a front may ask of the engine.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    job::{JobId, JobSpec, Priority, S3Location, Schedule, WorkingHours},
    settings::{Settings, WhenDone},
};

/// A job as it is asked for: what to make, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueEntry {
    /// What to make, of one file.
    pub spec: JobSpec,
    /// When it may start.
    #[serde(default)]
    pub schedule: Schedule,
}

/// What a front may ask of the engine. All are answered by [`Event`](super::Event)s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Put jobs at the end of the queue. Folders in `source` are searched for videos, one job for each; what is
    /// not there is told and becomes no job.
    AddJobs {
        /// What to make.
        specs: Vec<JobSpec>,
    },
    /// Stop a waiting or running job; nothing half-made stays under a final name.
    Cancel {
        /// Which job.
        id: JobId,
    },
    /// Hold a running job where it is; another one may run meanwhile.
    Pause {
        /// Which job.
        id: JobId,
    },
    /// Let a held job go on.
    Resume {
        /// Which job.
        id: JobId,
    },
    /// Put a failed or cancelled job back into the queue; let one that waits for its next try begin at once.
    Retry {
        /// Which job.
        id: JobId,
    },
    /// Give a waiting, failed or cancelled job other settings; one that had ended waits again.
    ChangeJob {
        /// Which job.
        id: JobId,
        /// What to make instead, of the same source.
        spec: Box<JobSpec>,
    },
    /// Take a job at rest or waiting off the list; its finished files stay. What was begun of it stays for two minutes, so
    /// that [`UndoRemove`](Self::UndoRemove) brings it back, or until the next removal or the end of the program.
    Remove {
        /// Which job.
        id: JobId,
    },
    /// Take all finished jobs off the list; their files stay.
    RemoveFinished,
    /// Bring back what the last removal took away, with what was begun.
    UndoRemove,
    /// Put these jobs, each of one file, at the end of the queue in this order.
    Enqueue {
        /// What to make, and when.
        jobs: Vec<QueueEntry>,
    },
    /// Put all failed jobs back into the queue.
    RetryFailed,
    /// Take these jobs off the list, but for those at work, as [`Remove`](Self::Remove) does.
    RemoveJobs {
        /// Which jobs.
        ids: Vec<JobId>,
    },
    /// Let a waiting job be the next to start, also before more urgent ones.
    MoveToTop {
        /// Which job.
        id: JobId,
    },
    /// Let a waiting job be the last to start.
    MoveToBottom {
        /// Which job.
        id: JobId,
    },
    /// Make a job more or less urgent than others.
    SetPriority {
        /// Which job.
        id: JobId,
        /// How urgent.
        priority: Priority,
    },
    /// Let a job start at this time, or at any; the queue's working hours hold as well.
    StartAt {
        /// Which job.
        id: JobId,
        /// Not before.
        at: Option<Timestamp>,
    },
    /// Let a job start as soon as there is a place for it, whatever its time and the working hours say.
    StartNow {
        /// Which job.
        id: JobId,
    },
    /// Bring the window to the front and add these files and folders there, with what is chosen in it.
    OpenFiles {
        /// Full paths; none only brings the window to the front.
        #[serde(with = "crate::job::path_text::list")]
        files: Vec<PathBuf>,
    },
    /// Say when all commands before this one were taken; answered by [`Event::Acknowledged`](super::Event::Acknowledged).
    Acknowledge {
        /// What the answer repeats.
        token: u64,
    },
    /// Move a waiting job to this place in the list.
    MoveTo {
        /// Which job.
        id: JobId,
        /// Index in the list of all jobs after the move.
        index: usize,
    },
    /// Start no further jobs; those at work go on.
    PauseQueue,
    /// Start jobs again, also interrupted ones that do not go on by themselves.
    ResumeQueue,
    /// Start jobs in this part of each day only, or at any time.
    SetWorkingHours {
        /// From now on.
        hours: Option<WorkingHours>,
    },
    /// Do this from now on when the queue has nothing left to do.
    SetWhenDone {
        /// What.
        when_done: WhenDone,
    },
    /// Keep the machine on that was to sleep or to be shut down.
    KeepOn,
    /// Save these settings and use them from now on.
    UpdateSettings {
        /// All settings.
        settings: Box<Settings>,
    },
    /// Look for ffmpeg and ffprobe again.
    CheckTools,
    /// Fetch ffmpeg and ffprobe into the app's own data folder; the user has agreed.
    DownloadTools,
    /// Write, read and delete an object at each of these places.
    TestDestination {
        /// Which places; the first that does not work ends it.
        places: Vec<S3Location>,
    },
    /// Serve the job's stream on loopback; answered by [`Event::PreviewReady`](super::Event::PreviewReady).
    Preview {
        /// Which job.
        id: JobId,
    },
    /// End the engine. Running jobs are stopped and wait for the next start.
    Stop,
}
