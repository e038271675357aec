//! What a front may ask of the engine.

use serde::{Deserialize, Serialize};

use crate::{
    job::{JobId, JobSpec, S3Location},
    settings::Settings,
};

/// What a front may ask of the engine. All are answered by [`Event`](super::Event)s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Put jobs at the end of the queue. Folders in `source` are searched for videos, one job for each.
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
    /// Take a job at rest or waiting off the list; its files stay.
    Remove {
        /// Which job.
        id: JobId,
    },
    /// Take all finished jobs off the list; their files stay.
    RemoveFinished,
    /// Bring back what the last `Remove` or `RemoveFinished` took away.
    UndoRemove,
    /// Let a waiting job be the next to start.
    MoveToTop {
        /// Which job.
        id: JobId,
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
    /// Start jobs again.
    ResumeQueue,
    /// Save these settings and use them from now on.
    UpdateSettings {
        /// All settings.
        settings: Box<Settings>,
    },
    /// Look for ffmpeg and ffprobe again.
    CheckTools,
    /// Fetch ffmpeg and ffprobe into the app's own data folder; the user has agreed.
    DownloadTools,
    /// Write, read and delete an object at this place.
    TestDestination {
        /// Which place.
        location: Box<S3Location>,
    },
    /// Serve the job's stream on loopback; answered by [`Event::PreviewReady`](super::Event::PreviewReady).
    Preview {
        /// Which job.
        id: JobId,
    },
    /// End the engine. Running jobs are stopped and wait for the next start.
    Stop,
}
