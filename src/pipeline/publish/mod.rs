//! Bringing a stream into a bucket, while it grows or as a whole.
//!
//! Segments go up as they are finished, several at a time; a playlist goes up only after all that it names, so that a
//! viewer can watch from the bucket while the encode goes on (`order.rs` decides that, without knowing the network).
//! Nothing that lies in the bucket is ever overwritten by another stream.

mod error;
pub mod headers;
mod location;
mod multipart;
mod object_headers;
mod order;
mod patience;
mod playlist;
mod s3;
mod status;
mod unchanged;
mod uploader;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinHandle,
};

pub use error::{Action, PublishError};
pub use location::S3LocationError;
pub use status::PublishStatus;

use crate::{job::S3Location, tools::cancel::CancelToken};
use headers::FileKind;
use s3::Bucket;
use status::StatusBoard;
use uploader::{Message, Target, Uploader, stopped};

const LATE_ARRIVALS: Duration = Duration::from_secs(1);
const WITHDRAWAL_LIMIT: Duration = Duration::from_secs(15);
/// How often [`publish_folder`] tells how far it has come.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// A finished file of a stream, in the order in which files were finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedFile {
    /// Path relative to the stream's folder, with forward slashes.
    pub path: String,
    /// What to send.
    pub content: FileContent,
}

/// What to send of a finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    /// The file as it lies in the stream's folder; it must not change any more.
    OnDisk,
    /// A playlist, or another text that names files, at this moment; the file on the disk may be newer. It goes up
    /// after what it names.
    Text(Bytes),
}

/// Where a stream lies in its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedLocation {
    /// URLs to start from: the multivariant playlist first, other manifests, then the images.
    pub urls: Vec<String>,
    /// Key under which all files of the stream lie, without a slash at its end.
    pub prefix: String,
}

/// Uploads a stream while it grows. Owned by one job; dropping it stops the uploads.
#[derive(Debug)]
pub struct Publisher {
    runtime: Handle,
    messages: mpsc::UnboundedSender<Message>,
    board: Arc<StatusBoard>,
    stop: Arc<watch::Sender<bool>>,
    task: Option<JoinHandle<Result<PublishedLocation, PublishError>>>,
    prefix: String,
    /// For the withdrawal: asks once and quickly.
    bucket: Bucket,
    _claim: Claim,
}

impl Publisher {
    /// Starts uploading from `folder` into `location`, at `place`. Asks the store first whether it can be written,
    /// which takes 15 seconds at most, so that a missing bucket, a wrong key or a dead endpoint is known before the
    /// encode begins. Must not be called on a thread of the runtime.
    ///
    /// # Errors
    /// When the location makes no sense, no credentials are found, the store does not answer or refuses, or `cancel`
    /// was used.
    pub fn start(
        runtime: &Handle,
        location: &S3Location,
        folder: &Path,
        place: Place<'_>,
        cancel: &CancelToken,
    ) -> Result<Self, PublishError> {
        let (stop, stop_receiver) = watch::channel(false);
        let stop = Arc::new(stop);
        let stop_on_cancel = Arc::clone(&stop);
        cancel.on_cancel(move || {
            stop_on_cancel.send_replace(true);
        });
        let mut stop_first_contact = stop_receiver.clone();
        let (bucket, claim, present) = runtime.block_on(async {
            tokio::select! {
                biased;
                () = stopped(&mut stop_first_contact) => Err(PublishError::Cancelled),
                begun = s3::first_contact(location, begin(location, place)) => begun,
            }
        })?;
        let board = Arc::new(StatusBoard::default());
        present.keys().for_each(|path| board.sending(&format!("{}/{path}", claim.prefix)));
        let (messages, receiver) = mpsc::unbounded_channel();
        let target = Target {
            bucket: bucket.clone().into_patient(),
            folder: folder.to_owned(),
            prefix: claim.prefix.clone(),
            present: Arc::new(present),
            goes_on: !matches!(place, Place::New { .. }),
            board: Arc::clone(&board),
            stop: stop_receiver,
        };
        let task = runtime.spawn(Uploader::new(target, Arc::clone(&stop), receiver).run());
        let prefix = claim.prefix.clone();
        Ok(Self { runtime: runtime.clone(), messages, board, stop, task: Some(task), prefix, bucket, _claim: claim })
    }

    /// Takes a file that will go up in its turn. Never waits. Hidden and temporary files are left out.
    pub fn file_finished(&self, file: FinishedFile) {
        // When the task has ended, its failure is in the status and comes from `finish`.
        let _ = self.messages.send(Message::Finished(file));
    }

    /// How far it has come. Never waits for an upload.
    pub fn status(&self) -> PublishStatus {
        self.board.read()
    }

    /// Key under which the files of this stream lie, without a slash at its end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Waits until all is up, and gives the URLs. Must not be called on a thread of the runtime.
    ///
    /// # Errors
    /// When a file could not be sent, a playlist names a file that was never finished, or it was cancelled.
    pub fn finish(&mut self) -> Result<PublishedLocation, PublishError> {
        self.seal();
        let ended = self.task.take().map(|task| self.runtime.block_on(task));
        match ended {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(PublishError::Internal { detail: error.to_string() }),
            None => Err(PublishError::Cancelled),
        }
    }

    /// Stops the uploads and deletes what this stream has in the bucket, so that nobody finds a part of it. Takes 15 seconds
    /// at most; what can't be deleted is logged. Must not be called on a thread of the runtime.
    pub fn withdraw(mut self) {
        self.stop.send_replace(true);
        let (task, bucket, board, prefix) = (self.task.take(), &self.bucket, &self.board, &self.prefix);
        let take_back = async {
            if let Some(task) = task {
                let _ = task.await;
            }
            bucket.delete_all(&board.sent()).await?;
            // A store may finish a request whose sender has gone, if it had all of it; that shows soon or never.
            tokio::time::sleep(LATE_ARRIVALS).await;
            bucket.delete_all(&board.sent()).await
        };
        let withdrawn = self.runtime.block_on(async { tokio::time::timeout(WITHDRAWAL_LIMIT, take_back).await });
        match withdrawn {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(prefix, "an unfinished stream stays in the bucket: {error}"),
            Err(_) => tracing::warn!(prefix, "an unfinished stream stays in the bucket: the store is too slow"),
        }
    }

    /// Sends these files and waits until all are up. `progress` is called ten times a second.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub(super) fn send_all(
        &mut self,
        paths: impl Iterator<Item = String>,
        progress: &dyn Fn(PublishStatus),
    ) -> Result<PublishedLocation, PublishError> {
        for path in paths {
            self.file_finished(FinishedFile { path, content: FileContent::OnDisk });
        }
        self.seal();
        while !self.has_ended() {
            progress(self.status());
            std::thread::sleep(PROGRESS_INTERVAL);
        }
        progress(self.status());
        self.finish()
    }

    /// Nothing more will be finished.
    pub(super) fn seal(&self) {
        let _ = self.messages.send(Message::Finish);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Publishes any folder under its own name: media first, then the playlists that name them, multivariant playlists
/// last. What an earlier try has left there of the very same files is gone on with. `progress` is called ten times a
/// second on the caller's thread, which must not be one of the runtime.
///
/// # Errors
/// As [`Publisher::start`] and [`Publisher::finish`], and when the folder can't be read or has nothing to publish.
pub fn publish_folder(
    runtime: &Handle,
    folder: &Path,
    location: &S3Location,
    progress: &dyn Fn(PublishStatus),
    cancel: &CancelToken,
) -> Result<PublishedLocation, PublishError> {
    let unreadable = |detail: String| PublishError::LocalFile { file: folder.to_owned(), detail };
    let folder = folder.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => PublishError::NoFolder { folder: folder.to_owned() },
        _ => unreadable(error.to_string()),
    })?;
    let name = folder.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| PublishError::InvalidName { name: folder.display().to_string() })?;
    let files = published_files(&folder)?;
    let place = Place::SameOrNew { stream_name: name, files: &files };
    let mut publisher = Publisher::start(runtime, location, &folder, place, cancel)?;
    publisher.send_all(files.into_keys().map(|(_, path)| path), progress)
}

/// Tests a destination: writes, reads and deletes a small object under its prefix. Takes 15 seconds at most. Must not
/// be called on a thread of the runtime.
///
/// # Errors
/// When the location makes no sense, no credentials are found, or the store does not answer or refuses one of the three.
pub fn test_destination(runtime: &Handle, location: &S3Location) -> Result<(), PublishError> {
    runtime.block_on(s3::first_contact(location, async { Bucket::open(location).await?.try_round_trip().await }))
}

/// Files of a folder with their sizes in bytes, in the order in which they are to go up: by kind, then by path.
pub type FolderFiles = BTreeMap<(FileKind, String), u64>;

/// Files of a folder that belong to a stream.
///
/// # Errors
/// When the folder can't be read or has none.
pub(super) fn published_files(folder: &Path) -> Result<FolderFiles, PublishError> {
    let mut files = FolderFiles::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.map_err(|error| PublishError::LocalFile {
            file: error.path().map_or_else(|| folder.to_owned(), Path::to_owned),
            detail: error.to_string(),
        })?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = relative_path(folder, entry.path())?;
        if uploader::is_published(&path) {
            let size = entry.metadata().map(|metadata| metadata.len());
            let size = size.map_err(|error| PublishError::LocalFile {
                file: entry.path().to_owned(),
                detail: error.to_string(),
            })?;
            files.insert((FileKind::of(&path), path), size);
        }
    }
    if files.is_empty() {
        return Err(PublishError::NothingToPublish { folder: folder.to_owned() });
    }
    Ok(files)
}

/// With forward slashes on every system.
fn relative_path(folder: &Path, file: &Path) -> Result<String, PublishError> {
    let relative: PathBuf = file.strip_prefix(folder).unwrap_or(file).to_owned();
    let names: Option<Vec<&str>> = relative.iter().map(std::ffi::OsStr::to_str).collect();
    let names = names.ok_or_else(|| PublishError::InvalidName { name: relative.display().to_string() })?;
    Ok(names.join("/"))
}

/// Where in a location a stream goes.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Under this name; when something lies there already, under `name-2` and so on.
    New {
        /// The name.
        stream_name: &'a str,
    },
    /// Where an earlier try has put a part of the very same files, else as `New`.
    SameOrNew {
        /// The name.
        stream_name: &'a str,
        /// The files.
        files: &'a FolderFiles,
    },
    /// Under this key, where an earlier run of the same job has put a part of it.
    GoOn {
        /// The key, without a slash at its end.
        prefix: &'a str,
    },
}

/// What lies under a stream's prefix already: sizes in bytes by path.
pub(super) type Present = HashMap<String, u64>;

/// Opens the bucket, takes the place in it and makes sure that it can be written.
async fn begin(location: &S3Location, place: Place<'_>) -> Result<(Bucket, Claim, Present), PublishError> {
    let bucket = Bucket::open(location).await?;
    let (claim, present) = match place {
        Place::New { stream_name } => (new_claim(&bucket, stream_name).await?, Present::new()),
        Place::SameOrNew { stream_name, files } => match same_claim(&bucket, stream_name, files).await? {
            Some(found) => found,
            None => (new_claim(&bucket, stream_name).await?, Present::new()),
        },
        Place::GoOn { prefix } => {
            let present = bucket.objects_under(prefix).await?;
            let claim = Claim::of(&bucket, prefix).ok_or_else(|| PublishError::InUse { key: prefix.to_owned() })?;
            (claim, present)
        }
    };
    bucket.check_writable(&format!("{}/reelpress-test", claim.prefix)).await?;
    Ok((bucket, claim, present))
}

async fn new_claim(bucket: &Bucket, stream_name: &str) -> Result<Claim, PublishError> {
    if stream_name.contains('/') {
        return Err(PublishError::InvalidName { name: stream_name.to_owned() });
    }
    let taken = bucket.taken_names(stream_name).await?;
    Claim::take(bucket, stream_name, &taken)
}

/// The place under which nothing lies but a part of these files.
async fn same_claim(
    bucket: &Bucket,
    stream_name: &str,
    files: &FolderFiles,
) -> Result<Option<(Claim, Present)>, PublishError> {
    let sizes: HashMap<&str, u64> = files.iter().map(|((_, path), size)| (path.as_str(), *size)).collect();
    let prefix = bucket.key(stream_name)?;
    let present = bucket.objects_under(&prefix).await?;
    // Playlists grow while they are published: of them only the name has to be known.
    let is_ours = |(path, size): (&String, &u64)| match FileKind::of(path) {
        FileKind::Playlist | FileKind::Manifest => sizes.contains_key(path.as_str()),
        _ => sizes.get(path.as_str()) == Some(size),
    };
    if present.is_empty() || !present.iter().all(is_ours) {
        return Ok(None);
    }
    Ok(Claim::of(bucket, &prefix).map(|claim| (claim, present)))
}

/// Names that streams of this program are being published under: the store does not show them before the first file.
static CLAIMED: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

/// Keeps a name in a bucket for one stream until it is dropped.
#[derive(Debug)]
struct Claim {
    place: String,
    prefix: String,
}

impl Claim {
    fn take(bucket: &Bucket, stream_name: &str, taken: &BTreeSet<String>) -> Result<Self, PublishError> {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = stream_name.to_owned();
        let mut number = 1_u64;
        loop {
            let claim = (bucket.place.clone(), bucket.key(&name)?);
            if !taken.contains(&name) && claimed.insert(claim.clone()) {
                let (place, prefix) = claim;
                return Ok(Self { place, prefix });
            }
            number += 1;
            name = format!("{stream_name}-{number}");
        }
    }

    /// Exactly this key; `None` while another stream of this program has it.
    fn of(bucket: &Bucket, prefix: &str) -> Option<Self> {
        let claim = (bucket.place.clone(), prefix.to_owned());
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.insert(claim.clone()).then_some(Self { place: claim.0, prefix: claim.1 })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.remove(&(std::mem::take(&mut self.place), std::mem::take(&mut self.prefix)));
    }
}
