//! The place of a stream in a bucket: taken before the first file goes up, never one where something else lies.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use super::{FolderFiles, Present, error::PublishError, headers::FileKind, s3::Bucket};
use crate::job::{LayoutKind, S3Location};

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
    /// Under this path and no other.
    Exactly {
        /// The path under the location's prefix, with forward slashes.
        path: &'a str,
        /// Whether what lies there can only be from an earlier try of the same job.
        is_of_same_job: bool,
    },
    /// Under this key, where an earlier run of the same job has put a part of it.
    GoOn {
        /// The key, without a slash at its end.
        prefix: &'a str,
    },
}

impl Place<'_> {
    /// Whether unfinished uploads there are those of an earlier try.
    pub(super) fn may_go_on(&self) -> bool {
        !matches!(self, Self::New { .. } | Self::Exactly { is_of_same_job: false, .. })
    }
}

/// Opens the bucket, takes the place in it and makes sure that it can be written.
pub(super) async fn begin(location: &S3Location, place: Place<'_>) -> Result<(Bucket, Claim, Present), PublishError> {
    let bucket = Bucket::open(location).await?;
    let (claim, present) = match place {
        Place::New { stream_name } => (new_claim(&bucket, stream_name).await?, Present::new()),
        Place::SameOrNew { stream_name, files } => match same_claim(&bucket, stream_name, files).await? {
            Some(found) => found,
            None => (new_claim(&bucket, stream_name).await?, Present::new()),
        },
        Place::Exactly { path, is_of_same_job } => exact_claim(&bucket, path, is_of_same_job).await?,
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

/// Exactly this place, under which nothing lies but what an earlier try of the same job has left.
async fn exact_claim(bucket: &Bucket, path: &str, is_of_same_job: bool) -> Result<(Claim, Present), PublishError> {
    let key = bucket.key(path)?;
    let claim = Claim::of(bucket, &key).ok_or_else(|| PublishError::InUse { key: key.clone() })?;
    for (end, _) in path.match_indices('/') {
        let above = &path[..end];
        for playlist in LayoutKind::ALL.map(LayoutKind::multivariant_playlist) {
            if bucket.size_of(&bucket.key(&format!("{above}/{playlist}"))?).await?.is_some() {
                return Err(PublishError::Taken { key: bucket.key(above)? });
            }
        }
    }
    let present = bucket.objects_under(&key).await?;
    if present.is_empty() || is_of_same_job { Ok((claim, present)) } else { Err(PublishError::Taken { key }) }
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
pub(super) struct Claim {
    place: String,
    pub(super) prefix: String,
}

/// Whether a stream of this program has this key, one above or one below it.
fn is_claimed(claimed: &BTreeSet<(String, String)>, (place, key): &(String, String)) -> bool {
    let is_below = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    claimed.iter().any(|(other_place, other)| {
        other_place == place && (other == key || is_below(other, key) || is_below(key, other))
    })
}

impl Claim {
    fn take(bucket: &Bucket, stream_name: &str, taken: &BTreeSet<String>) -> Result<Self, PublishError> {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = stream_name.to_owned();
        let mut number = 1_u64;
        loop {
            let claim = (bucket.place.clone(), bucket.key(&name)?);
            if !taken.contains(&name) && !is_claimed(&claimed, &claim) {
                claimed.insert(claim.clone());
                let (place, prefix) = claim;
                return Ok(Self { place, prefix });
            }
            number += 1;
            name = format!("{stream_name}-{number}");
        }
    }

    /// Exactly this key; `None` while another stream of this program has it, one above or one below it.
    fn of(bucket: &Bucket, prefix: &str) -> Option<Self> {
        let claim = (bucket.place.clone(), prefix.to_owned());
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        if is_claimed(&claimed, &claim) {
            return None;
        }
        claimed.insert(claim.clone());
        Some(Self { place: claim.0, prefix: claim.1 })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.remove(&(std::mem::take(&mut self.place), std::mem::take(&mut self.prefix)));
    }
}
