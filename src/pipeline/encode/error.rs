//! Why an encode did not come to its end, told apart by what the user can do about it.

use super::{FormatChange, format_change::Opening};
use crate::{
    failure::{Failure, FailureKind},
    pipeline::{
        package::{PackageError, segmenter::SegmenterError},
        plan::EncodePlan,
    },
};

/// Why an encode did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The user stopped it.
    #[error("cancelled")]
    Cancelled,
    /// ffmpeg could not be started.
    #[error("ffmpeg could not be started: {0}")]
    NotStarted(String),
    /// ffmpeg ended with an error.
    #[error("ffmpeg ended with {status}")]
    Failed {
        /// How it ended.
        status: String,
        /// Its command line.
        command: String,
        /// Its last lines.
        tail: Vec<String>,
    },
    /// ffmpeg stood still for so long that it was ended.
    #[error("ffmpeg stood still and was ended")]
    StoodStill {
        /// Its command line.
        command: String,
        /// Its last lines.
        tail: Vec<String>,
    },
    /// ffmpeg ended well and has neither written anything nor told why.
    #[error("ffmpeg ended without having written anything")]
    WroteNothing {
        /// Its command line.
        command: String,
        /// Its last lines.
        tail: Vec<String>,
    },
    /// The picture or the sound becomes another one midway, which one filter graph can't follow.
    #[error("the source changes its format at {:.3} s", .0.at.as_secs_f64())]
    FormatChanges(FormatChange),
    /// What ffmpeg wrote could not be cut into segments.
    #[error("{source}")]
    Segmenter {
        /// Why.
        source: SegmenterError,
        /// ffmpeg's last lines.
        tail: Vec<String>,
    },
}

impl EncodeError {
    /// The same with a change of format at the time of the source, of a run that has read it for a plan.
    pub(in crate::pipeline) fn in_time_of_source(self, plan: &EncodePlan) -> Self {
        match self {
            Self::FormatChanges(change) => Self::FormatChanges(change.in_time_of_source(Opening::of(plan))),
            other => other,
        }
    }

    /// Whether ffmpeg was killed or has crashed.
    pub fn was_ended_by_signal(&self) -> bool {
        let stood_still = matches!(self, Self::StoodStill { .. });
        stood_still || matches!(self, Self::Failed { status, .. } if status.contains("signal:"))
    }

    /// Whether ffmpeg had no room for a file that it writes itself.
    pub fn met_full_disk(&self) -> bool {
        let is_told = |line: &String| line.contains("No space left on device");
        matches!(self, Self::Failed { tail, .. } if tail.iter().any(is_told))
    }

    /// Whether the encoder writes another init segment than what was there has, so that it can't be gone on with anywhere.
    pub fn is_of_another_init_segment(&self) -> bool {
        matches!(self, Self::Segmenter { source: SegmenterError::Sink(PackageError::InitDiffers { .. }), .. })
    }

    /// Whether what was there can't be gone on with from its end: what came does not fit, or the encoder has failed.
    pub fn is_misfit(&self) -> bool {
        match self {
            Self::Segmenter { source, .. } => !matches!(source, SegmenterError::Read(_) | SegmenterError::Sink(_)),
            Self::Failed { .. } => !self.was_ended_by_signal(),
            Self::Cancelled
            | Self::NotStarted(_)
            | Self::StoodStill { .. }
            | Self::WroteNothing { .. }
            | Self::FormatChanges(_) => false,
        }
    }

    /// The failure as the user sees it.
    pub fn into_failure(self, source_name: &str) -> Failure {
        match self {
            Self::Cancelled => PackageError::Cancelled.into_failure(),
            Self::NotStarted(detail) => Failure::new(
                FailureKind::ToolMissing,
                "ffmpeg could not be started",
                "Check the path of ffmpeg in the settings, or run “reelpress doctor”",
            )
            .with_detail(detail),
            Self::StoodStill { command, tail } => Failure::new(
                FailureKind::EncoderFailed,
                format!("ffmpeg stood still at “{source_name}” and was ended"),
                "Check that the disk or share of the file answers, or copy the file here; then retry the job",
            )
            .with_detail(format!("{}\n\n{command}", tail.join("\n"))),
            Self::WroteNothing { command, tail } => Failure::new(
                FailureKind::EncoderFailed,
                format!("ffmpeg ended without having written anything of “{source_name}”"),
                "Look at ffmpeg with “reelpress doctor”; get one that works with “reelpress setup” or choose it in the settings, then retry the job",
            )
            .with_detail(format!("{}\n\n{command}", tail.join("\n"))),
            Self::Failed { status, command, tail } => {
                let is_memory = tail.iter().any(|line| line.contains("Cannot allocate memory"));
                let is_killed = status.contains("signal: 9");
                let is_damage = tail.iter().any(|line| line.contains("Invalid data found"));
                let (kind, hint) = if is_killed {
                    (
                        FailureKind::EncoderFailed,
                        "ffmpeg was killed, maybe because memory ran out: close other programs, then retry the job",
                    )
                } else if is_memory {
                    (
                        FailureKind::EncoderFailed,
                        "Close other programs or run fewer jobs side by side, then retry the job",
                    )
                } else if is_damage {
                    (FailureKind::SourceInvalid, "The file is damaged; copy it again from where it came from")
                } else {
                    (
                        FailureKind::EncoderFailed,
                        "See the log for what ffmpeg says; retry the job or try another preset",
                    )
                };
                Failure::new(kind, format!("“{source_name}” could not be encoded"), hint)
                    .with_detail(format!("ffmpeg ended with {status}\n{}\n\n{command}", tail.join("\n")))
            }
            Self::FormatChanges(change) => change.into_failure(source_name),
            Self::Segmenter { source: SegmenterError::Sink(error), .. } => error.into_failure(),
            Self::Segmenter { source, tail } => Failure::new(
                FailureKind::SourceInvalid,
                format!("No stream could be made of “{source_name}”"),
                "The file may be damaged or not finished; copy it again from where it came from",
            )
            .with_detail(format!("{source}\n{}", tail.join("\n"))),
        }
    }
}
