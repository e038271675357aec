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
    /// Another program has a file for itself, or the share that it is on does not answer now.
    FileBusy,
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
    /// The hardware encoder has no place for another job now.
    EncoderBusy,
    /// The bucket does not exist.
    BucketMissing,
    /// The keys that a place names are not in the keychain, and nobody has given them.
    KeysMissing,
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

/// Whether the system refuses a file for now and may give it soon: another program has it, or its share is away.
pub fn is_busy(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    /// ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION of Windows, which have no kind of their own.
    const HELD_ON_WINDOWS: [i32; 2] = [32, 33];
    let is_held = cfg!(windows) && error.raw_os_error().is_some_and(|code| HELD_ON_WINDOWS.contains(&code));
    is_held
        || matches!(
            error.kind(),
            ErrorKind::ResourceBusy
                | ErrorKind::ExecutableFileBusy
                | ErrorKind::StaleNetworkFileHandle
                | ErrorKind::TimedOut
                | ErrorKind::Deadlock
        )
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

    /// Says at which of several places it happened, unless that is said already.
    #[must_use]
    pub fn naming(mut self, place: &impl std::fmt::Display) -> Self {
        let place = place.to_string();
        if !self.headline.contains(&place) {
            self.headline = format!("{place}: {}", self.headline);
        }
        self
    }

    /// Says in which stage it happened, unless that is known already.
    #[must_use]
    pub fn at(mut self, stage: Stage) -> Self {
        self.stage.get_or_insert(stage);
        self
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn files_in_use_are_told_from_those_that_can_not_be_read() {
        // errno(3): EBUSY, ETXTBSY, ESTALE, ETIMEDOUT; ENOENT, EIO, EACCES, ENOSPC.
        let is = |code| is_busy(&std::io::Error::from_raw_os_error(code));
        assert!([16, 26, 116, 110].into_iter().all(is));
        assert!(![2, 5, 13, 28].into_iter().any(is));
        let failure = crate::pipeline::package::write_failure(
            std::path::Path::new("/out/a.m4s"),
            &std::io::Error::from_raw_os_error(16),
        );
        assert_eq!(failure.kind, FailureKind::FileBusy);
    }
}
