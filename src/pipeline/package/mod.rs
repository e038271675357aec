//! Makes a stream of what the encoder writes, while it writes: segments, playlists, pictures. Everything appears whole
//! under its final name or not at all.

mod boxes;
pub mod captions;
pub mod dash;
mod finished;
pub mod hls;
pub mod images;
mod outputs;
mod packager;
mod progressive;
mod rendition;
mod report;
mod room;
pub mod segmenter;
mod storyboard;
mod transport_stream;

use std::path::PathBuf;

pub use outputs::OutputMaker;
pub use packager::{FileListener, FinishedStream, FinishedTrack, PackageProgress, Packager};

pub use finished::FinishedSegments;
pub use report::ReportedJob;
pub use room::{Room, expected_at_once, expected_bytes};
pub use storyboard::{TILE_PATTERN, tile_path};

use crate::{
    failure::{Failure, FailureKind, is_busy},
    format,
    tools::content_key::KeyError,
};

/// Why a stream could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The system refuses a file.
    #[error("{} can't be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The disk has no room for the stream, also if nothing else were on it.
    #[error("{} has {disk_bytes} bytes, {needed_bytes} are needed", folder.display())]
    DiskTooSmall {
        /// The folder.
        folder: PathBuf,
        /// Size of the stream, with what stays free.
        needed_bytes: u64,
        /// Size of the disk.
        disk_bytes: u64,
    },
    /// A file that was just written can't be read again, or is not what was written.
    #[error("{} can't be read again: {detail}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// ffmpeg could not make another form of the finished stream.
    #[error("{output} could not be made: {detail}")]
    Remux {
        /// What was to be made, for people.
        output: &'static str,
        /// Command line and last lines of ffmpeg, or what is wrong with its result.
        detail: String,
    },
    /// An encoder that goes on with a rendition writes another init segment than it has.
    #[error("the init segment of {rendition} is another one now")]
    InitDiffers {
        /// Name of the rendition.
        rendition: String,
    },
    /// There is no key to encrypt with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The job was stopped by the user.
    #[error("cancelled")]
    Cancelled,
}

impl PackageError {
    fn unreadable(path: &std::path::Path, error: &dyn std::fmt::Display) -> Self {
        Self::Unreadable { path: path.to_owned(), detail: error.to_string() }
    }

    /// The failure as the user sees it.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Write { path, source } => write_failure(&path, &source),
            Self::DiskTooSmall { folder, needed_bytes, disk_bytes } => {
                let (needed, size) = (format::bytes(needed_bytes), format::bytes(disk_bytes));
                let headline =
                    format!("The stream needs about {needed}, and the disk of {} has only {size}", folder.display());
                let hint = "Choose an output folder on a larger disk, then retry the job";
                Failure::new(FailureKind::DiskFull, headline, hint)
            }
            Self::Unreadable { path, detail } => {
                let folder = path.parent().unwrap_or(&path).display();
                let hint = "Check the disk of the output folder, then retry the job";
                Failure::new(FailureKind::OutputNotWritable, format!("A file in {folder} can't be read again"), hint)
                    .with_detail(format!("{}: {detail}", path.display()))
            }
            Self::Remux { output, detail } => {
                let hint = "Retry the job without this output, or with another ffmpeg; see the log for what it says";
                Failure::new(FailureKind::EncoderFailed, format!("{output} could not be made"), hint)
                    .with_detail(detail)
            }
            Self::InitDiffers { .. } => {
                let headline = "The encoder can't go on where it was interrupted";
                Failure::new(FailureKind::EncoderFailed, headline, "Retry the job").with_detail(self.to_string())
            }
            Self::Key(error) => error.into_failure(),
            Self::Cancelled => Failure::new(FailureKind::Internal, "The job was cancelled", "Retry the job"),
        }
    }
}

/// The failure for a file that can't be written: full disk and refused folders have their own words.
pub fn write_failure(path: &std::path::Path, source: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    let folder = path.parent().unwrap_or(path).display().to_string();
    let failure = match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Failure::new(
            FailureKind::DiskFull,
            format!("The disk is full: {folder}"),
            "Make room on that disk or choose another output folder, then retry the job",
        ),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Failure::new(
            FailureKind::OutputNotWritable,
            format!("The folder {folder} can't be written to"),
            "Choose another output folder, or allow writing to this one, then retry the job",
        ),
        _ if is_busy(source) => Failure::new(
            FailureKind::FileBusy,
            format!("A file in {folder} is in use"),
            "Close the program that has the file open, then retry the job",
        ),
        _ => Failure::new(
            FailureKind::OutputNotWritable,
            format!("The folder {folder} can't be used for output"),
            "Choose another output folder, then retry the job",
        ),
    };
    failure.with_detail(format!("{}: {source}", path.display()))
}
