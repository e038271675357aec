//! The place that a stream has for itself: within this program by a list, between programs by a small object beside the
//! stream, which only one of them can write.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::Read,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    FolderFiles, Present,
    conditional::Condition,
    error::PublishError,
    headers::FileKind,
    object_headers::Headers,
    presign::SIGNED_END,
    replace::{CLAIM_END, NOTES_FOLDER, Replacement, claim_of_revision},
    s3::Bucket,
    taken::TakenNames,
    trace::Trace,
    unchanged::{self, Content},
};
use crate::job::{LayoutKind, PlaceInBucket, S3Location};

/// Of so many files the content is looked at to know a stream again, and of each so much.
const SAMPLED_FILES: usize = 8;
const SAMPLE_BYTES: u64 = 1 << 20;
/// Places with a number that are looked at for a part of the same files: the first contact has 15 seconds.
const MOST_NUMBERED: usize = 8;
/// How long giving the place back may take; an object that stays does no harm.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// An upload in parts that was begun before this is not gone on with any more.
pub const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3600);

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
        /// The folder with the files.
        folder: &'a Path,
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
    /// Where an earlier run of the same job has put a part of it.
    GoOn(&'a PlaceInBucket),
}

impl Place<'_> {
    /// Whether unfinished uploads there are those of an earlier try.
    pub(super) fn may_go_on(&self) -> bool {
        !matches!(self, Self::New { .. } | Self::Exactly { is_of_same_job: false, .. })
    }
}

/// A place that was taken.
pub(super) struct Begun {
    pub(super) bucket: Bucket,
    pub(super) claim: Claim,
    /// What an earlier run of the same job has put there.
    pub(super) present: Present,
    /// What is replaced.
    pub(super) replacement: Option<Replacement>,
}

/// Opens the bucket, takes the place in it and makes sure that it can be written. `run` is by what others know who has the
/// place, the same each time when this is tried again; the trace tells what this has left in the bucket when it fails.
pub(super) async fn begin(
    location: &S3Location,
    place: Place<'_>,
    (run, trace): (&str, &Trace),
) -> Result<Begun, PublishError> {
    let bucket = Bucket::open(location).await?;
    match begin_in(bucket.clone(), place, (run, trace)).await {
        Err(error) if error.is_busy() => Err(bucket.told_by_encryption(error).await),
        begun => begun,
    }
}

async fn begin_in(bucket: Bucket, place: Place<'_>, (run, trace): (&str, &Trace)) -> Result<Begun, PublishError> {
    let (mut claim, present, replacement) = match (bucket.location.replace_after, place) {
        (Some(stays), place) => {
            let (prefix, revision) = match place {
                Place::Exactly { path, .. } => (bucket.key(path)?, None),
                Place::New { stream_name } | Place::SameOrNew { stream_name, .. } => (bucket.key(stream_name)?, None),
                Place::GoOn(earlier) => (earlier.prefix.clone(), earlier.revision.as_deref()),
            };
            let claim = Claim::of(&bucket, &prefix).ok_or_else(|| PublishError::InUse { key: prefix.clone() })?;
            let (replacement, present) = Replacement::begin(&bucket, &prefix, revision, stays).await?;
            (claim, present, Some(replacement))
        }
        (None, Place::New { stream_name }) => {
            (new_claim(&bucket, stream_name, (run, trace)).await?, Present::new(), None)
        }
        (None, Place::SameOrNew { stream_name, folder, files }) => {
            let owner = fingerprint(folder, files)?;
            match same_claim(&bucket, stream_name, (folder, files), (&owner, trace)).await? {
                Some((claim, present)) => (claim, present, None),
                None => (new_claim(&bucket, stream_name, (&owner, trace)).await?, Present::new(), None),
            }
        }
        (None, Place::Exactly { path, is_of_same_job }) => {
            let (claim, present) = exact_claim(&bucket, path, is_of_same_job, (run, trace)).await?;
            (claim, present, None)
        }
        (None, Place::GoOn(PlaceInBucket { prefix, .. })) => {
            let present = present_under(&bucket, prefix).await?;
            let mut claim = Claim::of(&bucket, prefix).ok_or_else(|| PublishError::InUse { key: prefix.clone() })?;
            // A run that was cut off has left its note.
            claim.is_noted = true;
            (claim, present, None)
        }
    };
    bucket.check_writable(&format!("{}/reelpress-test", claim.prefix)).await?;
    if let Some(replacement) = &replacement {
        // What an earlier run has put there is found by its note.
        let trace = Some(trace).filter(|_| present.is_empty());
        claim.note_revision(&bucket, &replacement.revision, trace).await?;
    }
    if present.is_empty() {
        // Those of a run that is gone on with are its parts. That old ones stay is no reason to fail.
        let dropped = bucket.abort_abandoned(&claim.prefix, ABANDONED_AFTER).await;
        dropped.inspect_err(|error| tracing::warn!("abandoned uploads stay: {error}")).ok();
    }
    Ok(Begun { bucket, claim, present, replacement })
}

/// Takes the name, or the next one with a number that nobody has. `owner` is what others find there.
async fn new_claim(bucket: &Bucket, stream_name: &str, (owner, trace): (&str, &Trace)) -> Result<Claim, PublishError> {
    if stream_name.contains('/') {
        return Err(PublishError::InvalidName { name: stream_name.to_owned() });
    }
    let TakenNames { mut taken, noted } = bucket.taken_names(stream_name).await?;
    loop {
        let mut claim = Claim::take(bucket, stream_name, &taken)?;
        let name = claim.prefix.rsplit('/').next().unwrap_or_default().to_owned();
        // Some stores write over what is there whatever the condition is.
        let is_free = !noted.contains(&name) || claim.is_free(bucket, owner).await?;
        if is_free && claim.note(bucket, owner, trace).await? {
            return Ok(claim);
        }
        taken.insert(name);
    }
}

/// Exactly this place, under which nothing lies but what an earlier try of the same job has left.
async fn exact_claim(
    bucket: &Bucket,
    path: &str,
    is_of_same_job: bool,
    (run, trace): (&str, &Trace),
) -> Result<(Claim, Present), PublishError> {
    let key = bucket.key(path)?;
    let mut claim = Claim::of(bucket, &key).ok_or_else(|| PublishError::InUse { key: key.clone() })?;
    for (end, _) in path.match_indices('/') {
        let above = &path[..end];
        for playlist in LayoutKind::ALL.map(LayoutKind::multivariant_playlist) {
            if bucket.head(&bucket.key(&format!("{above}/{playlist}"))?).await?.is_some() {
                return Err(PublishError::Taken { key: bucket.key(above)? });
            }
        }
    }
    let present = present_under(bucket, &key).await?;
    if is_of_same_job {
        claim.is_noted = true;
        return Ok((claim, present));
    }
    if present.is_empty() && claim.note(bucket, run, trace).await? {
        return Ok((claim, present));
    }
    Err(PublishError::Taken { key })
}

/// What files are known again by: names, sizes, and the content of some.
fn fingerprint(folder: &Path, files: &FolderFiles) -> Result<String, PublishError> {
    let mut digest = Sha256::new();
    for ((_, path), size) in files {
        digest.update(format!("{path}\n{size}\n"));
    }
    for path in sampled(files) {
        let file = folder.join(path);
        let unreadable =
            |error: std::io::Error| PublishError::LocalFile { file: file.clone(), detail: error.to_string() };
        let mut start = Vec::new();
        File::open(&file).and_then(|file| file.take(SAMPLE_BYTES).read_to_end(&mut start)).map_err(unreadable)?;
        digest.update(start);
    }
    Ok(in_digits(&digest.finalize()))
}

fn in_digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Some files that no two streams have in common: the first and the last segments, or files where there are none.
fn sampled(files: &FolderFiles) -> Vec<&str> {
    let of = |wanted: fn(FileKind) -> bool| -> Vec<&str> {
        files.keys().filter(|(kind, _)| wanted(*kind)).map(|(_, path)| path.as_str()).collect()
    };
    let mut paths = of(|kind| kind == FileKind::Segment);
    if paths.is_empty() {
        paths = of(|kind| !matches!(kind, FileKind::Playlist | FileKind::Manifest));
    }
    let half = SAMPLED_FILES / 2;
    if paths.len() > SAMPLED_FILES {
        paths.drain(half..paths.len() - half);
    }
    paths
}

/// What lies there of a stream, without what only this program reads, and without signed playlists, which no folder has.
async fn present_under(bucket: &Bucket, prefix: &str) -> Result<Present, PublishError> {
    let mut present = bucket.objects_under(prefix).await?;
    present.retain(|path, _| !path.starts_with(NOTES_FOLDER) && !path.ends_with(SIGNED_END));
    Ok(present)
}

/// The place under which nothing lies but a part of these files: under the name itself or one with a number, where all of
/// them are, else the most.
async fn same_claim(
    bucket: &Bucket,
    stream_name: &str,
    (folder, files): (&Path, &FolderFiles),
    (owner, trace): (&str, &Trace),
) -> Result<Option<(Claim, Present)>, PublishError> {
    let mut found = Vec::new();
    let prefix = bucket.key(stream_name)?;
    found.extend(same_files(bucket, &prefix, (folder, files)).await?.map(|present| (prefix, present)));
    let is_whole = |(_, present): &(String, Present)| present.len() >= files.len();
    if !found.iter().any(is_whole) {
        let mut numbered: Vec<String> = bucket.taken_names(stream_name).await?.taken.into_iter().collect();
        numbered.retain(|name| name != stream_name);
        // The newest first: they have the highest numbers.
        numbered.sort_by_key(|name| std::cmp::Reverse((name.len(), name.clone())));
        for name in numbered.into_iter().take(MOST_NUMBERED) {
            let prefix = bucket.key(&name)?;
            found.extend(same_files(bucket, &prefix, (folder, files)).await?.map(|present| (prefix, present)));
            if found.last().is_some_and(is_whole) {
                break;
            }
        }
    }
    found.sort_by_key(|(_, present)| std::cmp::Reverse(present.len()));
    for (prefix, present) in found {
        let Some(mut claim) = Claim::of(bucket, &prefix) else { continue };
        if claim.note(bucket, owner, trace).await? {
            return Ok(Some((claim, present)));
        }
    }
    Ok(None)
}

/// What lies in a place, where it is nothing but a part of these files.
async fn same_files(
    bucket: &Bucket,
    prefix: &str,
    (folder, files): (&Path, &FolderFiles),
) -> Result<Option<Present>, PublishError> {
    let sizes: HashMap<&str, u64> = files.iter().map(|((_, path), size)| (path.as_str(), *size)).collect();
    let present = present_under(bucket, prefix).await?;
    // Playlists grow while they are published: of them only the name has to be known.
    let is_ours = |(path, size): (&String, &u64)| match FileKind::of(path) {
        FileKind::Playlist | FileKind::Manifest => sizes.contains_key(path.as_str()),
        _ => sizes.get(path.as_str()) == Some(size),
    };
    if present.is_empty() || !present.iter().all(is_ours) {
        return Ok(None);
    }
    for path in sampled(files) {
        let Some(size) = present.get(path) else { continue };
        let here = Content::File(folder.join(path), *size);
        if unchanged::same(bucket, &format!("{prefix}/{path}"), here).await.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(present))
}

/// Names that streams of this program are being published under: the store does not show them before the first file.
static CLAIMED: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

/// Keeps a name in a bucket for one stream until it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    place: String,
    pub(super) prefix: String,
    /// The folder in it that it is for, beside a stream that viewers watch: each replacement has one of its own.
    revision: Option<String>,
    /// Whether other programs see it by an object in the bucket.
    is_noted: bool,
}

/// The program that has noted a claim.
pub(super) struct Writer {
    /// What its machine is known by; `-` where the system has no id.
    machine: String,
    process: i32,
}

impl Writer {
    pub(super) fn this() -> Self {
        // The id itself is nobody's business (machine-id(5)), and the bucket may be open to all.
        let machine = std::fs::read_to_string("/etc/machine-id")
            .map_or_else(|_| "-".to_owned(), |id| in_digits(&Sha256::digest(format!("Reelpress {}", id.trim()))));
        Self { machine, process: i32::try_from(std::process::id()).unwrap_or_default() }
    }

    /// Reads the end of a note; `None` when it was written by nobody known, such as half of one.
    pub(super) fn of_note(note: &[u8]) -> Option<Self> {
        let note = String::from_utf8_lossy(note);
        let mut words = note.split_whitespace().rev();
        let process = words.next()?.parse().ok()?;
        Some(Self { process, machine: words.next()?.to_owned() })
    }

    /// True when it is known to run still, or again.
    pub(super) fn runs_here(&self, this: &Self) -> bool {
        self.machine == this.machine && self.machine != "-" && is_running(self.process)
    }

    /// True when it is known to run no more. Within one program the list of claims says who has a place.
    fn has_ended(&self, this: &Self) -> bool {
        self.machine == this.machine
            && this.machine != "-"
            && (self.process == this.process || !is_running(self.process))
    }
}

impl std::fmt::Display for Writer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.machine, self.process)
    }
}

#[cfg(unix)]
fn is_running(process: i32) -> bool {
    let Some(process) = rustix::process::Pid::from_raw(process) else { return false };
    // One that runs for another user may not be signalled.
    !matches!(rustix::process::test_kill_process(process), Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_running(_process: i32) -> bool {
    true
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
                return Ok(Self { place, prefix, revision: None, is_noted: false });
            }
            number += 1;
            name = format!("{stream_name}-{number}");
        }
    }

    /// Exactly this key; `None` while another stream of this program has it, one above or one below it.
    pub(super) fn of(bucket: &Bucket, prefix: &str) -> Option<Self> {
        let claim = (bucket.place.clone(), prefix.to_owned());
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        if is_claimed(&claimed, &claim) {
            return None;
        }
        claimed.insert(claim.clone());
        Some(Self { place: claim.0, prefix: claim.1, revision: None, is_noted: false })
    }

    /// Lets other programs see that a new version is put into this folder beside the stream, and that it has not taken its
    /// place yet. Several may be at it.
    async fn note_revision(
        &mut self,
        bucket: &Bucket,
        revision: &str,
        trace: Option<&Trace>,
    ) -> Result<(), PublishError> {
        self.revision = Some(revision.to_owned());
        let text = Bytes::from(format!("A Reelpress puts a new version here: {}\n", Writer::this()));
        trace.into_iter().for_each(|trace| trace.sending(bucket, &self.note_key(), &text));
        bucket.put_text(&self.note_key(), text, Headers::of_note(&bucket.location.objects)).await?;
        self.is_noted = true;
        Ok(())
    }

    /// Ends it with its run. The note of a folder that viewers are not led to stays: by it what lies there is found.
    pub(super) async fn end(&mut self, bucket: &Bucket, is_published: bool) {
        if is_published || self.revision.is_none() {
            self.release(bucket).await;
        }
    }

    /// Whether the place is this owner's by its note, or has one whose program has ended on this machine.
    async fn is_free(&self, bucket: &Bucket, owner: &str) -> Result<bool, PublishError> {
        let found = bucket.text(&self.note_key()).await?.unwrap_or_default();
        let has_owner = String::from_utf8_lossy(&found).split_whitespace().any(|word| word == owner);
        Ok(has_owner || Writer::of_note(&found).is_none_or(|other| other.has_ended(&Writer::this())))
    }

    /// Lets other programs see it. False when another owner has the place; one whose program has ended on this machine
    /// has it no more.
    async fn note(&mut self, bucket: &Bucket, owner: &str, trace: &Trace) -> Result<bool, PublishError> {
        let writer = Writer::this();
        let text = Bytes::from(format!("A Reelpress publishes here: {owner} {writer}\n"));
        let key = self.note_key();
        let headers = || Headers::of_note(&bucket.location.objects);
        trace.sending(bucket, &key, &text);
        match bucket.put_text_if(&key, &text, headers(), &Condition::Absent).await {
            Ok(_) => self.is_noted = true,
            Err(PublishError::PlaceTaken { .. }) => {
                if self.is_free(bucket, owner).await? {
                    bucket.put_text(&key, text, headers()).await?;
                    self.is_noted = true;
                }
            }
            Err(error) => return Err(error),
        }
        Ok(self.is_noted)
    }

    /// The key of the object by which other programs see it.
    pub(super) fn note_key(&self) -> String {
        match &self.revision {
            Some(revision) => claim_of_revision(&self.prefix, revision),
            None => format!("{}{CLAIM_END}", self.prefix),
        }
    }

    /// Removes the object by which other programs see it.
    pub(super) async fn release(&mut self, bucket: &Bucket) {
        if !std::mem::take(&mut self.is_noted) {
            return;
        }
        match tokio::time::timeout(RELEASE_LIMIT, bucket.delete_all(&[self.note_key()])).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(key = self.note_key(), "a small object stays in the bucket: {error}"),
            Err(_) => {
                tracing::warn!(key = self.note_key(), "a small object stays in the bucket: the store is too slow");
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.remove(&(std::mem::take(&mut self.place), std::mem::take(&mut self.prefix)));
    }
}
