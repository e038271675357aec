//! Makes a stream of what the encoder writes, while it writes: segments, playlists, pictures. Everything appears whole
//! under its final name or not at all.

pub mod captions;
pub mod hls;
pub mod images;
mod packager;
pub mod segmenter;

use std::path::PathBuf;

pub use packager::{FileListener, FinishedStream, PackageProgress, Packager};

use crate::failure::{Failure, FailureKind};

/// File name of the multivariant playlist, in the stream's folder.
pub const MULTIVARIANT_PLAYLIST: &str = "master.m3u8";
/// File name of a rendition's media playlist, in the rendition's folder.
pub const MEDIA_PLAYLIST: &str = "playlist.m3u8";
/// File name of a rendition's I-frame playlist, in the rendition's folder.
pub const I_FRAME_PLAYLIST: &str = "iframes.m3u8";
/// File name of a rendition's init segment, in the rendition's folder.
pub const INIT_SEGMENT: &str = "init.mp4";
/// File name of the chapters, in the stream's folder.
pub const CHAPTERS: &str = "chapters.vtt";
/// Folder of poster and thumbnails.
pub const IMAGES_FOLDER: &str = "images";

/// File name of a segment.
pub fn segment_file_name(number: u64) -> String {
    format!("segment_{number:05}.m4s")
}

/// File name of a segment of subtitles.
pub fn subtitle_file_name(number: u64) -> String {
    format!("segment_{number:05}.vtt")
}

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
    /// The job was stopped by the user.
    #[error("cancelled")]
    Cancelled,
}

impl PackageError {
    /// The failure as the user sees it.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Write { path, source } => write_failure(&path, &source),
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
        _ => Failure::new(
            FailureKind::OutputNotWritable,
            format!("The folder {folder} can't be used for output"),
            "Choose another output folder, then retry the job",
        ),
    };
    failure.with_detail(format!("{}: {source}", path.display()))
}
