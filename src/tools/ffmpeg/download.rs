//! Fetching a static ffmpeg into the app's own data folder.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use ffmpeg_sidecar::download::{
    FfmpegDownloadProgressEvent, download_ffmpeg_package_with_progress, ffmpeg_download_url, unpack_ffmpeg,
};

use super::{SearchPlaces, ToolError, Toolbox};
use crate::{
    settings::AppFolders,
    tools::{atomic_file::TEMPORARY_PREFIX, cancel::CancelToken},
};

/// Environment variable with the URL of an archive to use in place of the usual one: a mirror.
pub const URL_VARIABLE: &str = "REELPRESS_FFMPEG_URL";

/// Time without a byte after which a download is given up.
const STALL_LIMIT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How far the download has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownloadProgress {
    /// Bytes come in.
    Downloading {
        /// Bytes so far.
        downloaded_bytes: u64,
        /// Size of the archive, where the server tells it.
        total_bytes: Option<u64>,
    },
    /// The archive is here and is being unpacked and tried.
    Unpacking,
}

impl DownloadProgress {
    /// Part of the download that is done, from 0 to 1; `None` while unpacking or when the size is not known.
    pub fn fraction(&self) -> Option<f64> {
        match *self {
            Self::Downloading { downloaded_bytes, total_bytes: Some(total) } if total > 0 => {
                Some((downloaded_bytes as f64 / total as f64).min(1.0))
            }
            _ => None,
        }
    }
}

/// Fetches ffmpeg and ffprobe into [`AppFolders::tools`], replacing what is there; the user must have agreed. They
/// appear there only when they are complete and were seen to work. `REELPRESS_FFMPEG_URL` names another archive.
///
/// # Errors
/// When the server can't be reached, the archive is not what it should be, the programs don't run here, the folder
/// can't be written, or the user cancels. What was in the folder before is still there then, and nothing half is.
pub fn download(
    folders: &AppFolders,
    progress: &dyn Fn(DownloadProgress),
    cancel: &CancelToken,
) -> Result<Toolbox, ToolError> {
    let url = match std::env::var(URL_VARIABLE) {
        Ok(url) if !url.is_empty() => url,
        _ => ffmpeg_download_url().map_err(|_| ToolError::NoBuild)?.to_owned(),
    };
    download_from(&url, folders, progress, cancel)
}

/// As [`download`], from this URL.
///
/// # Errors
/// As [`download`].
pub fn download_from(
    url: &str,
    folders: &AppFolders,
    progress: &dyn Fn(DownloadProgress),
    cancel: &CancelToken,
) -> Result<Toolbox, ToolError> {
    let target = folders.tools();
    let not_stored = |source| ToolError::NotStored { folder: target.clone(), source };
    fs::create_dir_all(&folders.data).map_err(not_stored)?;
    // Beside its final place, so that the move is a rename.
    let staging = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempdir_in(&folders.data).map_err(not_stored)?;
    fetch(url, staging.path(), progress, cancel)?;
    let staged = SearchPlaces { folders: vec![staging.path().to_owned()], ..SearchPlaces::default() }.find()?;
    if cancel.is_cancelled() {
        return Err(ToolError::Cancelled);
    }
    replace_folder(staging, &target).map_err(not_stored)?;
    let moved = |program: &Path| program.file_name().map_or_else(|| target.clone(), |name| target.join(name));
    Ok(Toolbox { ffmpeg: moved(&staged.ffmpeg), ffprobe: moved(&staged.ffprobe), ..staged })
}

/// Puts `staging` in the place of `target`, which keeps its old content if that fails.
fn replace_folder(staging: tempfile::TempDir, target: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(staging.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let old = staging.path().with_extension("old");
    let had_old = target.exists();
    if had_old {
        fs::rename(target, &old)?;
    }
    if let Err(error) = fs::rename(staging.path(), target) {
        if had_old {
            fs::rename(&old, target)?;
        }
        return Err(error);
    }
    // It has moved: there is nothing left for the guard to remove.
    let _ = staging.keep();
    if had_old {
        fs::remove_dir_all(&old)?;
    }
    Ok(())
}

/// What the fetching thread tells.
enum Step {
    At(DownloadProgress),
    Ended(Result<(), String>),
}

/// Downloads and unpacks on a thread of its own: the client library has no way to interrupt a silent connection.
fn fetch(url: &str, folder: &Path, progress: &dyn Fn(DownloadProgress), cancel: &CancelToken) -> Result<(), ToolError> {
    let failed = |detail: String| ToolError::NotDownloaded { url: url.to_owned(), detail };
    // Bound 1: progress that finds no room is dropped, so that a slow listener never holds up the download.
    let (steps, received) = crossbeam_channel::bounded(1);
    let work = {
        let (url, folder, cancel) = (url.to_owned(), folder.to_owned(), cancel.clone());
        move || {
            let result = fetch_and_unpack(&url, &folder, &steps, &cancel);
            let _ = steps.send(Step::Ended(result.map_err(|error| chain(&*error))));
        }
    };
    thread::Builder::new().name("ffmpeg-download".to_owned()).spawn(work).map_err(|error| failed(error.to_string()))?;
    follow(&received, progress, cancel, failed)
}

fn follow(
    steps: &Receiver<Step>,
    progress: &dyn Fn(DownloadProgress),
    cancel: &CancelToken,
    failed: impl Fn(String) -> ToolError,
) -> Result<(), ToolError> {
    let mut last_sign = Instant::now();
    let mut unpacking = false;
    loop {
        match steps.recv_timeout(POLL_INTERVAL) {
            Ok(Step::At(at)) => {
                unpacking = at == DownloadProgress::Unpacking;
                last_sign = Instant::now();
                progress(at);
            }
            Ok(Step::Ended(result)) => return result.map_err(failed),
            Err(RecvTimeoutError::Disconnected) if cancel.is_cancelled() => return Err(ToolError::Cancelled),
            Err(RecvTimeoutError::Disconnected) => return Err(failed("the download ended unexpectedly".to_owned())),
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => return Err(ToolError::Cancelled),
            Err(RecvTimeoutError::Timeout) if !unpacking && last_sign.elapsed() > STALL_LIMIT => {
                return Err(failed(format!("no answer for {} s", STALL_LIMIT.as_secs())));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn fetch_and_unpack(
    url: &str,
    folder: &Path,
    steps: &Sender<Step>,
    cancel: &CancelToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let archive = download_ffmpeg_package_with_progress(url, folder, |event| {
        if cancel.is_cancelled() {
            // The only way out of the client's copy loop: ends this thread alone, without a panic message.
            std::panic::resume_unwind(Box::new("cancelled"));
        }
        if let FfmpegDownloadProgressEvent::Downloading { total_bytes, downloaded_bytes } = event {
            let total_bytes = Some(total_bytes).filter(|total| *total > 0);
            let _ = steps.try_send(Step::At(DownloadProgress::Downloading { downloaded_bytes, total_bytes }));
        }
    })?;
    let _ = steps.send(Step::At(DownloadProgress::Unpacking));
    unpack_ffmpeg(&archive, folder)?;
    Ok(())
}

/// An error and its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
