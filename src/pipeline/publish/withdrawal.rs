//! Taking back what a stream that will not be whole has in its bucket, as far as the store answers.

use std::{path::Path, time::Duration};

use tokio::{runtime::Handle, sync::watch};

use super::{
    Bucket, FirstContact, LocalStream, Place, Publisher,
    claim::Claim,
    error::PublishError,
    folder::{FolderFiles, published_files},
    headers::FileKind,
    playlist::PlaylistFacts,
    replace::claim_of_revision,
    s3,
    status::StatusBoard,
    target::stopped,
};
use crate::{
    failure::{Failure, FailureKind},
    job::{LayoutKind, PlaceInBucket, S3Location},
    tools::cancel::CancelToken,
};

/// A store that gives no answer within this has gone: whoever cancels waits two seconds at most.
const ANSWER_LIMIT: Duration = Duration::from_millis(1200);
/// How long a store that answers may take.
const WITHDRAWAL_LIMIT: Duration = Duration::from_secs(15);
/// A store may finish a request whose sender has gone, if it had all of it; that shows within this or never.
const LATE_ARRIVALS: Duration = Duration::from_secs(1);

/// What stays of a stream in its bucket although it was to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// `s3://bucket/key` of the stream's folder.
    place: String,
    reason: String,
}

impl Leftover {
    fn of(location: &S3Location, place: &PlaceInBucket, reason: impl std::fmt::Display) -> Self {
        Self { place: place.address(location), reason: reason.to_string() }
    }

    /// The same in words for the user, with what to do next.
    pub fn into_failure(self) -> Failure {
        let headline = format!("A part of the unfinished stream stays in {}", self.place);
        let hint = "Delete what lies there when the store answers again; another stream of this name gets a number";
        Failure::new(FailureKind::NetworkLost, headline, hint).with_detail(self.reason)
    }
}

impl Publisher {
    /// Stops the uploads and deletes what this stream has in the bucket, so that nobody finds a part of it. Takes a second
    /// where the store has gone, and 15 seconds at most where it answers. Must not be called on a thread of the runtime.
    ///
    /// # Errors
    /// What stays, and why.
    pub fn withdraw(self) -> Result<(), Leftover> {
        let runtime = self.runtime.clone();
        runtime.block_on(self.take_back())
    }

    async fn take_back(mut self) -> Result<(), Leftover> {
        self.stop.send_replace(true);
        let (task, bucket, board) = (self.task.take(), &self.bucket, &self.board);
        let claim = &mut self.claim;
        let take_back = async {
            answers(bucket, claim).await?;
            if let Some(task) = task {
                let _ = task.await;
            }
            delete_sent(bucket, claim, board).await
        };
        let reason = match tokio::time::timeout(WITHDRAWAL_LIMIT, take_back).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the store is too slow".to_owned(),
        };
        tracing::warn!(prefix = self.place.prefix, reason, "an unfinished stream stays in the bucket");
        Err(Leftover::of(&self.location, &self.place, reason))
    }
}

/// Deletes what an earlier run of a job has put there; of a stream that was to replace another, nothing that viewers are
/// led to. `cancel` ends it at once, wherever it is. Must not be called on a thread of the runtime.
///
/// # Errors
/// What stays, and why.
pub fn withdraw_earlier(
    runtime: &Handle,
    location: &S3Location,
    place: &PlaceInBucket,
    cancel: &CancelToken,
) -> Result<(), Leftover> {
    unless_interrupted(runtime, (location, place), cancel, async { remove_earlier(location, place).await.map(drop) })
}

/// The same, but for a stream that is there as a whole, as it lies finished in `folder`: that stays. True when it does, or
/// when viewers are led to one that was to replace another.
///
/// # Errors
/// What stays of one that is not whole, and why.
pub fn withdraw_unless_whole(
    runtime: &Handle,
    (location, place): (&S3Location, &PlaceInBucket),
    folder: &Path,
    cancel: &CancelToken,
) -> Result<bool, Leftover> {
    unless_interrupted(runtime, (location, place), cancel, async {
        // Where that can't be told, what is there stays.
        let whole = is_whole(location, place, folder).await.map_err(|error| Leftover::of(location, place, error))?;
        if whole { Ok(true) } else { remove_earlier(location, place).await }
    })
}

fn unless_interrupted<T>(
    runtime: &Handle,
    (location, place): (&S3Location, &PlaceInBucket),
    cancel: &CancelToken,
    removal: impl Future<Output = Result<T, Leftover>>,
) -> Result<T, Leftover> {
    let (stop, mut stop_receiver) = watch::channel(false);
    cancel.on_cancel(move || {
        stop.send_replace(true);
    });
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = stopped(&mut stop_receiver) => Err(Leftover::of(location, place, "its removal was interrupted")),
            removed = removal => removed,
        }
    })
}

/// Whether all files of the finished stream in `folder` are there, with their sizes.
async fn is_whole(location: &S3Location, place: &PlaceInBucket, folder: &Path) -> Result<bool, PublishError> {
    let files = match published_files(folder) {
        // They go from here once all are there; a program that was killed then has left the folder.
        Err(PublishError::NothingToPublish { .. }) => FolderFiles::new(),
        files => files?,
    };
    let playlists = files.keys().filter(|(kind, _)| matches!(kind, FileKind::Playlist | FileKind::Manifest));
    for (_, path) in playlists {
        let file = folder.join(path);
        let text = tokio::fs::read(&file).await;
        let text = text.map_err(|error| PublishError::LocalFile { file, detail: error.to_string() })?;
        if PlaylistFacts::read(path, &text).is_growing() {
            return Ok(false);
        }
    }
    // What was to replace another is known by what viewers are led to, which its removal looks at.
    if place.revision.is_some() {
        return Ok(false);
    }
    let bucket = s3::first_contact(location, async {
        let bucket = Bucket::open(location).await?;
        match bucket.head(&place.prefix).await {
            Err(error) if error.is_passing() => Err(error),
            _ => Ok(bucket),
        }
    });
    // The list of a long stream has many pages.
    let there = bucket.await?.objects_under(&place.prefix).await?;
    Ok(if files.is_empty() {
        LayoutKind::ALL.iter().any(|kind| there.contains_key(kind.multivariant_playlist()))
    } else {
        files.iter().all(|((_, path), size)| there.get(path) == Some(size))
    })
}

/// True when it stays as viewers are led there.
async fn remove_earlier(location: &S3Location, place: &PlaceInBucket) -> Result<bool, Leftover> {
    let left = |error: PublishError| Leftover::of(location, place, error);
    if let Some(revision) = &place.revision {
        let removed = remove_revision(location, &place.prefix, revision);
        let removed = tokio::time::timeout(WITHDRAWAL_LIMIT, removed).await;
        return removed.map_err(|_| Leftover::of(location, place, "the store is too slow"))?.map_err(left);
    }
    let (local, cancel) = (LocalStream::from(Path::new("")), CancelToken::default());
    let begun = Publisher::begin(location, local, Place::GoOn(place), &cancel, FirstContact::Once).await;
    let begun = begun.map_err(left)?;
    let bucket = begun.bucket.clone();
    begun.take_back().await?;
    if location.replace_after.is_none() {
        // One that is not dropped in time is no part of what viewers could find.
        let _ = tokio::time::timeout(WITHDRAWAL_LIMIT, bucket.abort_all(&place.prefix)).await;
    }
    Ok(false)
}

async fn remove_revision(location: &S3Location, prefix: &str, revision: &str) -> Result<bool, PublishError> {
    let bucket = Bucket::open(location).await?;
    let claim = Claim::of(&bucket, prefix).ok_or_else(|| PublishError::InUse { key: prefix.to_owned() })?;
    // The last request of the killed run may have been the one that leads viewers there.
    tokio::time::sleep(LATE_ARRIVALS).await;
    let removed = bucket.remove_revision(prefix, revision).await?;
    bucket.delete_all(&[claim_of_revision(prefix, revision)]).await?;
    drop(claim);
    Ok(removed.is_none())
}

/// Any answer will do.
async fn answers(bucket: &Bucket, claim: &Claim) -> Result<(), PublishError> {
    match tokio::time::timeout(ANSWER_LIMIT, bucket.head(&claim.note_key())).await {
        Ok(Err(error)) if error.is_passing() => Err(error),
        Ok(_) => Ok(()),
        Err(_) => Err(s3::no_answer(bucket.place.clone(), ANSWER_LIMIT)),
    }
}

async fn delete_sent(bucket: &Bucket, claim: &mut Claim, board: &StatusBoard) -> Result<(), PublishError> {
    claim.release(bucket).await;
    if board.stays() {
        return Ok(());
    }
    bucket.delete_all(&board.sent()).await?;
    tokio::time::sleep(LATE_ARRIVALS).await;
    bucket.delete_all(&board.sent()).await
}
