//! The place that a stream has for itself: within this program by a list, between programs by a small object beside the
//! stream, which only one of them can write.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use super::{
    FolderFiles, Place, Present,
    conditional::Condition,
    error::PublishError,
    headers::FileKind,
    object_headers::Headers,
    replace::{NOTES_FOLDER, Replacement},
    s3::Bucket,
};
use crate::job::S3Location;

/// How long giving the place back may take; an object that stays does no harm.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// A place that was taken.
pub(super) struct Begun {
    pub(super) bucket: Bucket,
    pub(super) claim: Claim,
    /// What an earlier run of the same job has put there.
    pub(super) present: Present,
    /// What is replaced.
    pub(super) replacement: Option<Replacement>,
}

/// Opens the bucket, takes the place in it and makes sure that it can be written.
pub(super) async fn begin(location: &S3Location, place: Place<'_>) -> Result<Begun, PublishError> {
    let bucket = Bucket::open(location).await?;
    let (claim, present, replacement) = match (location.replace_after, place) {
        (Some(stays), place) => {
            let prefix = match place {
                Place::New { stream_name } | Place::SameOrNew { stream_name, .. } => bucket.key(stream_name)?,
                Place::GoOn { prefix } => prefix.to_owned(),
            };
            let claim = Claim::of(&bucket, &prefix).ok_or_else(|| PublishError::InUse { key: prefix.clone() })?;
            let before = bucket.listed_under(&prefix).await?;
            let before = before.into_iter().map(|(path, stored)| (path, stored.entity_tag)).collect();
            (claim, Present::new(), Some(Replacement::beside(before, stays)))
        }
        (None, Place::New { stream_name }) => (new_claim(&bucket, stream_name).await?, Present::new(), None),
        (None, Place::SameOrNew { stream_name, files }) => match same_claim(&bucket, stream_name, files).await? {
            Some((claim, present)) => (claim, present, None),
            None => (new_claim(&bucket, stream_name).await?, Present::new(), None),
        },
        (None, Place::GoOn { prefix }) => {
            let present = present_under(&bucket, prefix).await?;
            let claim = Claim::of(&bucket, prefix).ok_or_else(|| PublishError::InUse { key: prefix.to_owned() })?;
            (claim, present, None)
        }
    };
    bucket.check_writable(&format!("{}/reelpress-test", claim.prefix)).await?;
    Ok(Begun { bucket, claim, present, replacement })
}

/// Takes the name, or the next one with a number that nobody has.
async fn new_claim(bucket: &Bucket, stream_name: &str) -> Result<Claim, PublishError> {
    if stream_name.contains('/') {
        return Err(PublishError::InvalidName { name: stream_name.to_owned() });
    }
    let mut taken = bucket.taken_names(stream_name).await?;
    loop {
        let mut claim = Claim::take(bucket, stream_name, &taken)?;
        let key = claim.note_key();
        let text = Bytes::from(format!("A Reelpress publishes here: {}\n", uuid::Uuid::now_v7()));
        match bucket.put_text_if(&key, &text, Headers::of_note(&bucket.location.objects), &Condition::Absent).await {
            Ok(_) => {
                claim.is_noted = true;
                return Ok(claim);
            }
            Err(PublishError::PlaceTaken { .. }) => {
                taken.insert(claim.prefix.rsplit('/').next().unwrap_or_default().to_owned());
            }
            Err(error) => return Err(error),
        }
    }
}

/// What lies there of a stream, without what only this program reads.
async fn present_under(bucket: &Bucket, prefix: &str) -> Result<Present, PublishError> {
    let mut present = bucket.objects_under(prefix).await?;
    present.retain(|path, _| !path.starts_with(NOTES_FOLDER));
    Ok(present)
}

/// The place under which nothing lies but a part of these files.
async fn same_claim(
    bucket: &Bucket,
    stream_name: &str,
    files: &FolderFiles,
) -> Result<Option<(Claim, Present)>, PublishError> {
    let sizes: HashMap<&str, u64> = files.iter().map(|((_, path), size)| (path.as_str(), *size)).collect();
    let prefix = bucket.key(stream_name)?;
    let present = present_under(bucket, &prefix).await?;
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
pub(super) struct Claim {
    place: String,
    pub(super) prefix: String,
    /// Whether other programs see it by an object in the bucket.
    is_noted: bool,
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
                return Ok(Self { place, prefix, is_noted: false });
            }
            number += 1;
            name = format!("{stream_name}-{number}");
        }
    }

    /// Exactly this key; `None` while another stream of this program has it.
    fn of(bucket: &Bucket, prefix: &str) -> Option<Self> {
        let claim = (bucket.place.clone(), prefix.to_owned());
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.insert(claim.clone()).then_some(Self { place: claim.0, prefix: claim.1, is_noted: false })
    }

    fn note_key(&self) -> String {
        format!("{}/{NOTES_FOLDER}/claim.txt", self.prefix)
    }

    /// Removes the object by which other programs see it.
    pub(super) async fn release(&mut self, bucket: &Bucket) {
        if !std::mem::take(&mut self.is_noted) {
            return;
        }
        match tokio::time::timeout(RELEASE_LIMIT, bucket.delete_all(&[self.note_key()])).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(key = self.note_key(), "a small object stays in the bucket: {error}"),
            Err(_) => tracing::warn!(key = self.note_key(), "a small object stays in the bucket: the store is too slow"),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.remove(&(std::mem::take(&mut self.place), std::mem::take(&mut self.prefix)));
    }
}
