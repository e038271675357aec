//! Bringing a stream into a bucket, while it grows or as a whole.
//!
//! Segments go up as they are finished, several at a time; a playlist goes up only after all that it names, so that a
//! viewer can watch from the bucket while the encode goes on (`order.rs` decides that, without knowing the network).
//! Nothing that lies in the bucket is ever overwritten by another stream; one that is to be replaced is left whole
//! until the new one is up (`replace.rs`).

mod action;
mod advice;
mod claim;
mod cloudfront;
mod conditional;
mod connection;
mod dropped;
mod error;
mod folder;
pub mod headers;
mod intact;
mod lanes;
mod location;
mod multipart;
mod object_headers;
mod order;
mod patience;
mod playlist;
pub mod policy;
mod presign;
mod reach;
mod reading;
pub mod replace;
mod s3;
mod status;
mod store_answer;
mod stored;
mod taken;
mod target;
mod throttle;
mod trace;
mod unchanged;
mod uploader;
mod whole;
mod withdrawal;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use aws_sdk_s3::config::ProvideCredentials;
use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinHandle,
};

pub use claim::{ABANDONED_AFTER, Place};
pub use dropped::LocalStream;
pub(in crate::pipeline) use dropped::lost_segments;
pub use error::{Action, PublishError};
pub(in crate::pipeline) use folder::published_files;
pub use folder::{FolderFiles, not_published, publish_folder};
pub use location::S3LocationError;
pub use patience::FirstContact;
pub use reach::{PublicView, public_view};
pub use reading::{BucketReader, Listing};
pub use status::{PublishStatus, StatusBoard};
pub use withdrawal::{Leftover, withdraw_earlier, withdraw_unless_whole};

use crate::{
    job::{PlaceInBucket, S3Location},
    tools::cancel::CancelToken,
};
use claim::{Begun, Claim, begin};
use lanes::Lanes;
use replace::ReplacedFiles;
use s3::Bucket;
use target::{Target, stopped};
use trace::Trace;
use uploader::{Message, Uploader};

/// How long the end of a stopped upload waits until the store has forgotten it: a job may have several.
const NOTE_LIMIT: Duration = Duration::from_millis(400);
/// How long a store is waited for after the user has stopped an upload.
const STOPPED_LIMIT: Duration = Duration::from_millis(800);
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
    /// URL of a file with sound or picture.
    pub media_url: Option<String>,
    /// Key under which all files of the stream lie, without a slash at its end.
    pub prefix: String,
    /// URLs of what was there before under the same name and was replaced.
    pub changed: Vec<String>,
    /// URLs of what every viewer asks for first, without what was replaced.
    pub first_asked: Vec<String>,
    /// What keeps players from it, each with the way out.
    pub warnings: Vec<String>,
    /// What has to be removed later of the stream that it has replaced.
    pub replaced: Option<ReplacedFiles>,
}

/// Uploads a stream while it grows. Owned by one job; dropping it stops the uploads.
#[derive(Debug)]
pub struct Publisher {
    runtime: Handle,
    messages: mpsc::UnboundedSender<Message>,
    board: Arc<StatusBoard>,
    stop: Arc<watch::Sender<bool>>,
    task: Option<JoinHandle<Result<PublishedLocation, PublishError>>>,
    place: PlaceInBucket,
    location: S3Location,
    /// For the withdrawal: asks once and quickly.
    bucket: Bucket,
    claim: Claim,
}

impl Publisher {
    /// Starts uploading from `local` into `location`, at `place`. Asks the store first whether it can be written,
    /// which takes 15 seconds at most, so that a missing bucket, a wrong key or a dead endpoint is known before the
    /// encode begins. Must not be called on a thread of the runtime.
    ///
    /// # Errors
    /// When the location makes no sense, no credentials are found, the store does not answer or refuses, or `cancel`
    /// was used.
    pub fn start<'a>(
        runtime: &Handle,
        location: &S3Location,
        local: impl Into<LocalStream<'a>>,
        place: Place<'_>,
        cancel: &CancelToken,
    ) -> Result<Self, PublishError> {
        runtime.block_on(Self::begin(location, local.into(), place, cancel, FirstContact::Once))
    }

    /// The same on the runtime, for a store that is waited for as `contact` says.
    ///
    /// # Errors
    /// As [`start`](Self::start), but for what is waited for.
    pub async fn begin(
        location: &S3Location,
        local: LocalStream<'_>,
        place: Place<'_>,
        cancel: &CancelToken,
        contact: FirstContact<'_>,
    ) -> Result<Self, PublishError> {
        let (stop, stop_receiver) = watch::channel(false);
        let stop = Arc::new(stop);
        let stop_on_cancel = Arc::clone(&stop);
        cancel.on_cancel(move || {
            stop_on_cancel.send_replace(true);
        });
        let mut stop_first_contact = stop_receiver.clone();
        let run = local.run.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let trace = Trace::default();
        let begin = || s3::first_contact(location, begin(location, place, (&run, &trace)));
        let begun = tokio::select! {
            biased;
            () = stopped(&mut stop_first_contact) => Err(PublishError::Cancelled),
            begun = contact.make(begin) => begun,
        };
        match begun {
            Ok(begun) => {
                let board = StatusBoard::with(contact.patience());
                Ok(Self::at_work((location, local), begun, (stop, stop_receiver), (board, place.may_go_on())))
            }
            Err(error) => {
                trace.remove().await;
                Err(error)
            }
        }
    }

    fn at_work(
        (location, local): (&S3Location, LocalStream<'_>),
        Begun { bucket, claim, present, replacement }: Begun,
        (stop, stop_receiver): (Arc<watch::Sender<bool>>, watch::Receiver<bool>),
        (board, goes_on): (StatusBoard, bool),
    ) -> Self {
        let runtime = Handle::current();
        let board = Arc::new(board);
        let revision = replacement.as_ref().map(|replacement| replacement.revision.clone());
        let place = PlaceInBucket { prefix: claim.prefix.clone(), revision };
        let (messages, receiver) = mpsc::unbounded_channel();
        let LocalStream { folder, dropped, .. } = local;
        let target = Target {
            bucket: bucket.clone().into_patient(),
            folder: folder.to_owned(),
            dropped,
            prefix: claim.prefix.clone(),
            present: Arc::new(present),
            goes_on,
            replacement: replacement.map(Arc::new),
            board: Arc::clone(&board),
            ledger: Arc::default(),
            lanes: Arc::new(Lanes::under(location.most_bytes_per_second)),
            stop: stop_receiver,
        };
        target.present.keys().for_each(|path| target.board.sending(&target.key(path, false)));
        let task = runtime.spawn(Uploader::new(target, Arc::clone(&stop), receiver).run());
        Self { runtime, messages, board, stop, task: Some(task), place, location: location.clone(), bucket, claim }
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

    /// Where the files of this stream lie.
    pub fn place(&self) -> &PlaceInBucket {
        &self.place
    }

    /// Waits until all is up and compared with what was sent, looks at it as a player would, and gives the URLs. Must not be called on a thread of the runtime.
    ///
    /// # Errors
    /// When a file could not be sent, a playlist names a file that was never finished, or it was cancelled.
    pub fn finish(&mut self) -> Result<PublishedLocation, PublishError> {
        self.finish_beside(&mut BTreeSet::new())
    }

    /// The same for one of several uploads of a stream. `warmed` are the URLs that the CDN was asked for by the others, which
    /// it is not asked for again; those of this one are added.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub(super) fn finish_beside(&mut self, warmed: &mut BTreeSet<String>) -> Result<PublishedLocation, PublishError> {
        self.seal();
        let ended = self.task.take().map(|task| self.runtime.block_on(task));
        let is_cancelled = matches!(ended, Some(Ok(Err(PublishError::Cancelled))));
        let limit = if is_cancelled { NOTE_LIMIT } else { Duration::MAX };
        let release = self.claim.end(&self.bucket, matches!(ended, Some(Ok(Ok(_)))));
        // A note that stays is no obstacle: its program has ended.
        let _ = self.runtime.block_on(async { tokio::time::timeout(limit, release).await });
        match ended {
            Some(Ok(Ok(mut published))) => {
                let obstacles = self.obstacles(&published);
                published.warnings.extend(obstacles);
                self.tell_cdn(&mut published, warmed);
                Ok(published)
            }
            Some(Ok(Err(error))) => Err(error),
            Some(Err(error)) => Err(PublishError::Internal { detail: error.to_string() }),
            None => Err(PublishError::Cancelled),
        }
    }

    /// What keeps players from the stream; whoever stops the job does not wait for that.
    fn obstacles(&self, published: &PublishedLocation) -> Vec<String> {
        let Some(url) = published.urls.first().filter(|_| !self.location.skip_public_check).cloned() else {
            return Vec::new();
        };
        let (location, media_url) = (self.location.clone(), published.media_url.clone());
        let look = self.runtime.spawn_blocking(move || reach::obstacles(&location, &url, media_url.as_deref()));
        let mut stop = self.stop.subscribe();
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => Vec::new(),
                found = look => found.unwrap_or_default(),
            }
        })
    }

    fn tell_cdn(&self, published: &mut PublishedLocation, warmed: &mut BTreeSet<String>) {
        let Some(distribution) = &self.location.cloudfront else { return };
        if !published.changed.is_empty() {
            let told = match self.runtime.block_on(self.bucket.credentials.provide_credentials()) {
                Ok(credentials) => cloudfront::invalidate(credentials, distribution, &published.changed),
                Err(error) => Err(format!("CloudFront could not be told what changed: {}", error::causes(&error))),
            };
            published.warnings.extend(told.err());
        }
        let cold: Vec<&String> = published.first_asked.iter().filter(|url| warmed.insert((*url).clone())).collect();
        let warning = cloudfront::warm(cold.into_iter());
        published.warnings.extend(warning);
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

/// What a test that has passed comes to, for people.
pub const CONNECTION_WORKS: &str = "Objects were listed, written, read, uploaded in parts and deleted";

/// Tests a destination: lists, writes, reads, uploads in parts and deletes under its prefix. Takes 15 seconds at most. Must not
/// be called on a thread of the runtime.
///
/// # Errors
/// When the location makes no sense, no credentials are found, or the store does not answer or refuses one of these.
pub fn test_destination(runtime: &Handle, location: &S3Location) -> Result<(), PublishError> {
    runtime.block_on(s3::first_contact(location, async {
        connection::try_everything(&Bucket::open(location).await?).await
    }))
}

/// What lies under a stream's prefix already: sizes in bytes by path.
pub(super) type Present = HashMap<String, u64>;
