//! Why a source can't be read, and what to do about it.

use std::{path::PathBuf, time::Duration};

use crate::failure::{Failure, FailureKind, is_busy};

/// Why a source can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There is nothing at this path.
    #[error("{} does not exist", source_file.display())]
    NoSuchFile {
        /// The source.
        source_file: PathBuf,
    },
    /// It is a folder.
    #[error("{} is a folder, not a video file", source_file.display())]
    IsFolder {
        /// The source.
        source_file: PathBuf,
    },
    /// It is a device, a pipe or a socket.
    #[error("{} is not a regular file", source_file.display())]
    NotRegular {
        /// The source.
        source_file: PathBuf,
    },
    /// It has no bytes.
    #[error("{} is empty", source_file.display())]
    Empty {
        /// The source.
        source_file: PathBuf,
    },
    /// The user may not read it.
    #[error("{} may not be read by this user", source_file.display())]
    NotPermitted {
        /// The source.
        source_file: PathBuf,
    },
    /// The system can't read it.
    #[error("{} can't be read: {source}", source_file.display())]
    Unreadable {
        /// The source.
        source_file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A playlist, a list of files to join, or a script: it would make ffmpeg open other files.
    #[error("{} is a {kind}, not a video", source_file.display())]
    RefersToOthers {
        /// The source.
        source_file: PathBuf,
        /// What it is, for people.
        kind: &'static str,
    },
    /// Nothing in it looks like media.
    #[error("{} is not a video that ffmpeg can read", source_file.display())]
    NotMedia {
        /// The source.
        source_file: PathBuf,
        /// What ffprobe said.
        detail: String,
    },
    /// An MP4 or MOV whose index is missing.
    #[error("{} is incomplete: its index (moov) is missing", source_file.display())]
    Incomplete {
        /// The source.
        source_file: PathBuf,
        /// What ffprobe said.
        detail: String,
    },
    /// It has subtitles or a still picture, but nothing that moves and no sound.
    #[error("{} has nothing to see or hear in it, only {contents}", source_file.display())]
    NoVideo {
        /// The source.
        source_file: PathBuf,
        /// What it has, for people.
        contents: String,
    },
    /// Its tracks are encrypted.
    #[error("{} is encrypted", source_file.display())]
    Encrypted {
        /// The source.
        source_file: PathBuf,
    },
    /// A HEIC picture. Cameras cut it into tiles, which ffmpeg shows as so many films.
    #[error("{} is a HEIC picture, which can't be encoded", source_file.display())]
    HeicPicture {
        /// The source.
        source_file: PathBuf,
    },
    /// A WebP with several pictures, of which this ffmpeg sees none, or the first alone.
    #[error("{} is a moving WebP picture, which this ffmpeg can't read", source_file.display())]
    MovingWebp {
        /// The source.
        source_file: PathBuf,
    },
    /// The picture is in a codec that this ffmpeg does not know.
    #[error("{} holds video in a codec that this ffmpeg can't decode", source_file.display())]
    UnknownCodec {
        /// The source.
        source_file: PathBuf,
        /// The codec's tag in the file.
        detail: String,
    },
    /// The picture is larger than ffmpeg takes.
    #[error("{} has pictures of {size} pixels, more than ffmpeg can take", source_file.display())]
    PictureTooLarge {
        /// The source.
        source_file: PathBuf,
        /// Width and height.
        size: String,
    },
    /// ffprobe took too long.
    #[error("{} could not be read within {} s", source_file.display(), limit.as_secs())]
    TimedOut {
        /// The source.
        source_file: PathBuf,
        /// The time it had.
        limit: Duration,
    },
    /// It was there and is gone.
    #[error("{} vanished while it was being read", source_file.display())]
    Vanished {
        /// The source.
        source_file: PathBuf,
    },
    /// ffprobe or ffmpeg could not be run, or its answer makes no sense.
    #[error("{program} gave no usable answer about {}", source_file.display())]
    ToolFailed {
        /// The source.
        source_file: PathBuf,
        /// The program.
        program: &'static str,
        /// What happened.
        detail: String,
    },
    /// The thumbnail could not be written.
    #[error("the thumbnail {} can't be written: {source}", file.display())]
    ThumbnailNotWritten {
        /// The picture.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The user stopped it.
    #[error("cancelled")]
    Cancelled,
}

impl ProbeError {
    /// The failure that users see: what is wrong and what to do.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        let headline = self.to_string();
        let (kind, hint) = (self.kind(), self.hint());
        let detail = match self {
            Self::NotMedia { detail, .. }
            | Self::Incomplete { detail, .. }
            | Self::UnknownCodec { detail, .. }
            | Self::ToolFailed { detail, .. } => detail,
            _ => String::new(),
        };
        Failure::new(kind, headline, hint).with_detail(detail).at(crate::job::Stage::Probe)
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Unreadable { source, .. } if is_busy(source) => FailureKind::FileBusy,
            Self::NoSuchFile { .. }
            | Self::IsFolder { .. }
            | Self::NotRegular { .. }
            | Self::NotPermitted { .. }
            | Self::Unreadable { .. }
            | Self::TimedOut { .. } => FailureKind::SourceUnreadable,
            Self::Empty { .. }
            | Self::RefersToOthers { .. }
            | Self::NotMedia { .. }
            | Self::Incomplete { .. }
            | Self::NoVideo { .. }
            | Self::Encrypted { .. }
            | Self::HeicPicture { .. }
            | Self::MovingWebp { .. }
            | Self::UnknownCodec { .. }
            | Self::PictureTooLarge { .. } => FailureKind::SourceInvalid,
            Self::Vanished { .. } => FailureKind::SourceVanished,
            Self::ToolFailed { .. } => FailureKind::ToolMissing,
            Self::ThumbnailNotWritten { .. } => FailureKind::OutputNotWritable,
            Self::Cancelled => FailureKind::InvalidRequest,
        }
    }

    /// What the user can do next.
    fn hint(&self) -> &'static str {
        match self {
            Self::NoSuchFile { .. } => "Check the path; the file may have been moved or renamed",
            Self::IsFolder { .. } => "Add the folder to take the videos in it, or name one of its files",
            Self::NotRegular { .. } => "Copy the video into a file first, then add that file",
            Self::Empty { .. } => "Copy or download the file again; it may not have been finished",
            Self::NotPermitted { .. } => "Give yourself permission to read the file, then try again",
            Self::Unreadable { source, .. } if is_busy(source) => {
                "Close the program that has the file open, or wait for its share, then try again"
            }
            Self::Unreadable { .. } => "Check that the disk or network share is connected, then try again",
            Self::RefersToOthers { .. } => "Add the video files themselves, one by one: those that this file names",
            Self::NotMedia { .. } => "Check that the file plays elsewhere; it may be damaged or not a video",
            Self::Incomplete { .. } => {
                "The recording or copy was cut off before its end: copy it again, or repair it in the camera"
            }
            Self::NoVideo { .. } => "Choose a file with moving pictures or sound",
            Self::Encrypted { .. } => "Choose a file without copy protection: there is no key for this one",
            Self::HeicPicture { .. } => "Save it as JPEG or PNG first, which a phone or a picture viewer does",
            Self::MovingWebp { .. } => "Save it as GIF, APNG or video first, or use a newer ffmpeg, such as 9.0",
            Self::UnknownCodec { .. } => "Try a newer ffmpeg (`reelpress setup`), or export the video again",
            Self::PictureTooLarge { .. } => "Make the picture smaller in the program that it came from",
            Self::TimedOut { .. } => "The disk or network share may be slow: copy the file here first",
            Self::Vanished { .. } => "Put the file back or connect its disk again, then retry",
            Self::ToolFailed { .. } => "Run `reelpress doctor` to see whether ffmpeg works",
            Self::ThumbnailNotWritten { .. } => "Free some space or correct the folder's permissions",
            Self::Cancelled => "Add the file again to go on",
        }
    }
}
