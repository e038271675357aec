//! Why ffmpeg or ffprobe can't be used, and what to do about it.

use std::path::PathBuf;

use crate::failure::{Failure, FailureKind};

/// Why ffmpeg or ffprobe can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It is in none of the places.
    #[error("{program} was not found")]
    NotFound {
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
    },
    /// It is older than what is supported.
    #[error("{} is version {version}, which is too old: {oldest} or newer is needed", path.display())]
    TooOld {
        /// The program.
        path: PathBuf,
        /// Its version.
        version: String,
        /// The oldest version that is supported.
        oldest: &'static str,
    },
    /// It was built without an encoder that every stream needs.
    #[error("{} was built without the {encoder} encoder", path.display())]
    LacksEncoder {
        /// The program.
        path: PathBuf,
        /// Name of the encoder.
        encoder: &'static str,
    },
    /// It can't be run, or what it says can't be understood.
    #[error("{} does not work", path.display())]
    Broken {
        /// The program.
        path: PathBuf,
        /// Which setting names it; `None` when it was found by search.
        set_by: Option<&'static str>,
        /// What happened when it was run.
        detail: String,
    },
    /// It could not be fetched.
    #[error("ffmpeg could not be downloaded from {url}")]
    NotDownloaded {
        /// From where.
        url: String,
        /// The chain of causes.
        detail: String,
    },
    /// It could not be put into the app's data folder.
    #[error("ffmpeg could not be stored in {}", folder.display())]
    NotStored {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no build for this kind of machine.
    #[error("there is no ffmpeg to download for this kind of machine")]
    NoBuild,
    /// The user stopped the download.
    #[error("the download was cancelled")]
    Cancelled,
}

impl ToolError {
    /// The failure that users see: what is wrong and what to do.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        let detail = self.detail();
        Failure::new(self.kind(), sentence(&self.to_string()), self.hint()).with_detail(detail)
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::NotDownloaded { .. } => FailureKind::NetworkLost,
            Self::NotStored { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => FailureKind::DiskFull,
            Self::NotStored { .. } => FailureKind::OutputNotWritable,
            _ => FailureKind::ToolMissing,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Broken { set_by: Some(place), .. } => {
                format!("Correct {place}, or clear it so that Reelpress looks elsewhere")
            }
            Self::NotDownloaded { .. } => {
                format!("Check the network connection and try again, or {}", install_hint())
            }
            Self::NotStored { .. } => "Free some space or correct the folder's permissions, then try again".to_owned(),
            Self::NoBuild => format!("To get ffmpeg another way, {}", install_hint()),
            Self::Cancelled => "Start it again at any time with `reelpress setup`".to_owned(),
            Self::NotFound { .. } | Self::TooOld { .. } | Self::LacksEncoder { .. } | Self::Broken { .. } => {
                format!("Run `reelpress setup`, or {}, or set the path of another one in the settings", install_hint())
            }
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Broken { detail, .. } | Self::NotDownloaded { detail, .. } => detail.clone(),
            Self::NotStored { source, .. } => source.to_string(),
            _ => String::new(),
        }
    }
}

/// How ffmpeg is installed on this kind of system.
fn install_hint() -> &'static str {
    if cfg!(target_os = "macos") {
        "install it with `brew install ffmpeg`"
    } else if cfg!(windows) {
        "install it with `winget install ffmpeg`"
    } else {
        "install it with `sudo apt install ffmpeg`"
    }
}

/// The text with a capital letter at its start, unless it starts with the name of a program or a path.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if text.starts_with("the ") => first.to_uppercase().chain(characters).collect(),
        Some(first) if text.starts_with("there ") => first.to_uppercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}
