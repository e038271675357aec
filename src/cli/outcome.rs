//! How a call ended, for the shell.

use std::process::ExitCode;

use crate::failure::{Failure, FailureKind};

/// How a call ended. Later variants weigh more when several apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Everything was done: exit code 0.
    AllDone,
    /// Some job or check failed: exit code 1.
    SomeFailed,
    /// Arguments or settings make no sense: exit code 2.
    BadUsage,
    /// ffmpeg or ffprobe is missing or unusable: exit code 3.
    ToolMissing,
    /// The user stopped it: exit code 130, as shells count Ctrl-C.
    Interrupted,
}

impl Outcome {
    /// The number that the shell sees.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::AllDone => 0,
            Self::SomeFailed => 1,
            Self::BadUsage => 2,
            Self::ToolMissing => 3,
            Self::Interrupted => 130,
        }
    }

    /// The outcome of a call that a failure has ended.
    pub fn of(failure: &Failure) -> Self {
        match failure.kind {
            FailureKind::ToolMissing => Self::ToolMissing,
            _ => Self::SomeFailed,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.exit_code())
    }
}
