//! Why a job did not end well, in the same words for the window, the terminal and JSON.

use serde::{Deserialize, Serialize};

use crate::job::Stage;

/// What went wrong, said to the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{headline}")]
pub struct Failure {
    /// Where in the job it happened; `None` before any stage began.
    pub stage: Option<Stage>,
    /// The class of the cause, for programs that read the output.
    pub kind: FailureKind,
    /// One line: what happened, with the name of the file or place.
    pub headline: String,
    /// One line: what the user can do next.
    pub hint: String,
    /// The command line, the last lines of its output, the chain of causes; secrets are already removed.
    pub detail: String,
}

/// Classes of causes; each has its own remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// ffmpeg or ffprobe is missing, too old, or lacks an encoder.
    ToolMissing,
    /// The source is not there, or can't be opened.
    SourceUnreadable,
    /// The source is not a video, or too damaged to use.
    SourceInvalid,
    /// The source vanished or changed while it was read.
    SourceVanished,
    /// The output folder can't be written.
    OutputNotWritable,
    /// The disk is full.
    DiskFull,
    /// The encoder stopped with an error.
    EncoderFailed,
    /// The bucket does not exist.
    BucketMissing,
    /// The store refuses the credentials.
    CredentialsRefused,
    /// The credentials are valid but not allowed to do this.
    PermissionDenied,
    /// No answer from the store.
    NetworkLost,
    /// Settings or arguments that make no sense.
    InvalidRequest,
    /// A finished stream that breaks a rule.
    StreamIncorrect,
    /// A defect of Reelpress itself.
    Internal,
}

impl Failure {
    /// A failure with a headline and a hint, not yet bound to a stage.
    pub fn new(kind: FailureKind, headline: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { stage: None, kind, headline: headline.into(), hint: hint.into(), detail: String::new() }
    }

    /// Adds the technical detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Says in which stage it happened, unless that is known already.
    #[must_use]
    pub fn at(mut self, stage: Stage) -> Self {
        self.stage.get_or_insert(stage);
        self
    }
}
