//! Replacing an earlier stream of the same name without a viewer noticing.
//!
//! The new files lie in a folder of their own beside the old ones; only the multivariant playlists, manifests and pictures
//! keep their keys, and are switched last. What they named before stays for a while, for those who are playing it, and is
//! noted in a small object beside the stream; whoever runs next after that time removes it.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    time::{Duration, SystemTime},
};

use aws_sdk_s3::primitives::DateTime;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::{runtime::Handle, task::JoinSet};

use super::{
    Present,
    claim::{Claim, Writer},
    error::PublishError,
    headers::FileKind,
    object_headers::Headers,
    order::is_picture,
    playlist::{PlaylistFacts, with_uris_under},
    s3::Bucket,
    stored::Stored,
};
use crate::job::S3Location;

/// Folder beside a stream for what only this program reads. No player and no upload looks into it.
pub(super) const NOTES_FOLDER: &str = ".reelpress";
/// How the key of a claim ends, after that of the stream.
pub(super) const CLAIM_END: &str = "/.reelpress/claim.txt";
const NOTE_START: &str = "/.reelpress/replaced-";
/// Between the key of a stream and the name of a folder beside it that a run puts a new version into.
const REVISION_CLAIM: &str = "/.reelpress/claim-";
/// Digits of a revision's name: enough for no two of a stream to be the same.
const REVISION_DIGITS: usize = 10;
const READS_AT_A_TIME: usize = 16;

/// A stream that takes the place of another.
#[derive(Debug, Clone)]
pub(super) struct Replacement {
    /// Folder in the stream's folder with all new files but the entry points.
    pub(super) revision: String,
    /// Paths and entity tags of what lay there before.
    pub(super) before: Vec<(String, Option<String>)>,
    /// How long that stays.
    pub(super) stays: Duration,
}

/// What has to be removed, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Seconds since 1970.
    due: u64,
    /// Key of the stream's folder.
    prefix: String,
    /// Paths in it of the multivariant playlists, manifests and pictures.
    entries: Vec<String>,
    /// Paths in it of what may go.
    paths: Vec<String>,
}

/// Where it is noted what has to be removed, and when: kept on this machine so that a later start finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedFiles {
    /// The bucket, and how to reach it.
    location: S3Location,
    /// Key of the note.
    key: String,
    /// Seconds since 1970.
    due: u64,
}

impl Replacement {
    /// A place for new files beside what lies under `prefix`, and what an earlier run has put into it. That run's
    /// `revision` is gone on with as long as nobody plays it: what is played is never written to.
    pub(super) async fn begin(
        bucket: &Bucket,
        prefix: &str,
        revision: Option<&str>,
        stays: Duration,
    ) -> Result<(Self, Present), PublishError> {
        let listed = bucket.listed_under(prefix).await?;
        let goes_on = match revision.filter(|revision| is_revision(revision)) {
            Some(revision) if !bucket.leads_to(prefix, &listed, revision).await? => Some(revision),
            _ => None,
        };
        let mut present = Present::new();
        let mut before = Vec::new();
        for (path, stored) in listed {
            match goes_on.and_then(|revision| path.strip_prefix(revision)?.strip_prefix('/')) {
                Some(inside) => {
                    present.insert(inside.to_owned(), stored.size);
                }
                None => before.push((path, stored.entity_tag)),
            }
        }
        let mut replacement = Self::beside(before, stays);
        replacement.revision = goes_on.map_or(replacement.revision, str::to_owned);
        Ok((replacement, present))
    }

    /// A new place for new files beside these.
    pub(super) fn beside(before: Vec<(String, Option<String>)>, stays: Duration) -> Self {
        let digits = uuid::Uuid::now_v7().simple().to_string();
        let before = before.into_iter().filter(|(path, _)| !path.starts_with(NOTES_FOLDER)).collect();
        Self { revision: format!("r{}", &digits[digits.len() - REVISION_DIGITS..]), before, stays }
    }

    /// The text of the entry point at `path` with names that lead into the folder of the new files.
    pub(super) fn entry_text(&self, path: &str, text: &Bytes) -> Bytes {
        let parent = path.rsplit_once('/').map(|(parent, _)| format!("{parent}/")).unwrap_or_default();
        let up = "../".repeat(parent.matches('/').count());
        let base = format!("{up}{}/{parent}", self.revision);
        let old = String::from_utf8_lossy(text);
        if is_picture(path) {
            // What the index of a storyboard names keeps its place beside it.
            return text.clone();
        }
        if FileKind::of(path) != FileKind::Manifest {
            return with_uris_under(&base, &old).into();
        }
        // By RFC 3986 the names in an MPD are relative to its BaseURL, which comes before the periods (ISO/IEC
        // 23009-1, 5.6).
        match old.find("<Period") {
            Some(at) => format!("{}<BaseURL>{base}</BaseURL>{}", &old[..at], &old[at..]).into(),
            None => text.clone(),
        }
    }

    /// The entity tag that the entry point at `path` had before; `None` when there was none.
    pub(super) fn tag_before(&self, path: &str) -> Option<&str> {
        self.before.iter().find(|(before, _)| before == path)?.1.as_deref()
    }

    /// True when something lay at `path` before.
    pub(super) fn was_there(&self, path: &str) -> bool {
        self.before.iter().any(|(before, _)| before == path)
    }

    /// Notes beside the stream what may be removed later. `entries` are the paths of the entry points that were switched.
    pub(super) async fn note_old_files(
        &self,
        bucket: &Bucket,
        prefix: &str,
        entries: &[String],
    ) -> Result<Option<ReplacedFiles>, PublishError> {
        let is_old = |path: &&String| !entries.contains(*path);
        let paths: Vec<String> = self.before.iter().map(|(path, _)| path).filter(is_old).cloned().collect();
        if paths.is_empty() {
            return Ok(None);
        }
        let due = seconds_now() + self.stays.as_secs();
        let note = Note { due, prefix: prefix.to_owned(), entries: entries.to_vec(), paths };
        let text = serde_json::to_vec(&note).map_err(|error| PublishError::Internal { detail: error.to_string() })?;
        let key = format!("{prefix}{NOTE_START}{}.json", self.revision);
        bucket.put_text(&key, text.into(), Headers::of_note(&bucket.location.objects)).await?;
        Ok(Some(ReplacedFiles { location: (*bucket.location).clone(), key, due }))
    }
}

/// Keeps in `folder`, for a later start, what has to be removed. When that fails it is logged: the note beside the stream
/// is still there for [`clean`].
pub fn remember(replaced: Option<&ReplacedFiles>, folder: &Path) {
    let Some(replaced) = replaced else { return };
    let file = folder.join(format!("{}.json", uuid::Uuid::now_v7().simple()));
    let kept = std::fs::create_dir_all(folder).and_then(|()| {
        let text = serde_json::to_vec(replaced)?;
        crate::tools::atomic_file::write_durably(&file, &text)
    });
    if let Err(error) = kept {
        tracing::warn!(key = replaced.key, "what has to be removed later is not remembered: {error}");
    }
}

/// Removes what is due of all that was remembered in `folder`. Gives the number of removed objects. What can't be removed
/// now is logged, and tried again by a later start.
pub async fn remove_due(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut removed = 0;
    for file in entries.map(|entry| entry.path()).filter(|file| file.extension().is_some_and(|name| name == "json")) {
        let Some(record) = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok()) else {
            continue;
        };
        let ReplacedFiles { location, key, due } = record;
        if due > seconds_now() {
            continue;
        }
        match remove_noted(&location, &key).await {
            Ok(count) => {
                removed += count;
                let _ = std::fs::remove_file(&file);
            }
            Err(error) => tracing::warn!(key, "replaced files stay in the bucket: {error}"),
        }
    }
    removed
}

async fn remove_noted(location: &S3Location, key: &str) -> Result<usize, PublishError> {
    Bucket::open(location).await?.remove_by_note(key).await
}

/// What [`clean`] has found to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Objects that were removed of replaced streams, and of those that were to replace one and never did.
    pub objects: usize,
    /// Abandoned uploads in parts that were dropped.
    pub uploads: usize,
}

/// Removes everything under the location that was replaced and is due, whoever has replaced it, and what a Reelpress has
/// begun and left for at least `abandoned_after`: uploads in parts, and new versions that never took the place of a stream. Must not be called on a thread of the
/// runtime.
///
/// # Errors
/// When the store can't be asked or refuses.
pub fn clean(runtime: &Handle, location: &S3Location, abandoned_after: Duration) -> Result<Cleaned, PublishError> {
    runtime.block_on(async {
        let bucket = Bucket::open(location).await?;
        let keys = bucket.keys_under_location().await?;
        let mut cleaned = Cleaned::default();
        for key in keys.iter().filter(|key| key.contains(NOTE_START)) {
            cleaned.objects += bucket.remove_by_note(key).await?;
        }
        // Where the claim of a run still lies, the run has not ended; uploads beside it are its own.
        for prefix in keys.iter().filter_map(|key| key.strip_suffix(CLAIM_END)) {
            cleaned.uploads += bucket.abort_abandoned(prefix, abandoned_after).await?;
        }
        for (prefix, revision) in keys.iter().filter_map(|key| revision_of_claim(key)) {
            cleaned.objects += bucket.remove_abandoned(prefix, revision, abandoned_after).await?;
        }
        Ok(cleaned)
    })
}

impl Bucket {
    /// Whether a multivariant playlist or a manifest of what lies under `prefix/` leads viewers into this folder there.
    async fn leads_to(
        &self,
        prefix: &str,
        listed: &HashMap<String, Stored>,
        revision: &str,
    ) -> Result<bool, PublishError> {
        let may_lead = |path: &&String| {
            matches!(FileKind::of(path), FileKind::Playlist | FileKind::Manifest) && !is_revision(first_folder(path))
        };
        let paths: Vec<&String> = listed.keys().filter(may_lead).collect();
        for page in paths.chunks(READS_AT_A_TIME) {
            let mut reads = JoinSet::new();
            for path in page {
                let (bucket, key, path) = (self.clone(), format!("{prefix}/{path}"), (*path).clone());
                reads.spawn(async move {
                    let text = bucket.text(&key).await?;
                    Ok::<_, PublishError>(folders_in(&path, &text.unwrap_or_default()))
                });
            }
            while let Some(read) = reads.join_next().await {
                let read = read.map_err(|error| PublishError::Internal { detail: error.to_string() })?;
                if read?.contains(revision) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Deletes what a run that has ended has put into this folder under `prefix/`, unless viewers are led there.
    /// Gives the number of removed objects; `None` where it stays as viewers are led there.
    pub(super) async fn remove_revision(&self, prefix: &str, revision: &str) -> Result<Option<usize>, PublishError> {
        let listed = self.listed_under(prefix).await?;
        if !is_revision(revision) {
            return Ok(Some(0));
        }
        if self.leads_to(prefix, &listed, revision).await? {
            return Ok(None);
        }
        let folder = format!("{revision}/");
        let keys = listed.keys().filter(|path| path.starts_with(&folder)).map(|path| format!("{prefix}/{path}"));
        let keys: Vec<String> = keys.collect();
        self.delete_all(&keys).await?;
        self.abort_all(&format!("{prefix}/{revision}")).await;
        Ok(Some(keys.len()))
    }

    /// The same with what nobody has written to for so long, of a run that has ended as far as can be known, and with the
    /// note by which it was found.
    async fn remove_abandoned(&self, prefix: &str, revision: &str, age: Duration) -> Result<usize, PublishError> {
        // Another run of this program may be at it.
        let Some(_claim) = Claim::of(self, prefix) else { return Ok(0) };
        let note = claim_of_revision(prefix, revision);
        let text = self.text(&note).await?.unwrap_or_default();
        let is_at_it = Writer::of_note(&text).is_some_and(|writer| writer.runs_here(&Writer::this()));
        let latest = DateTime::from(SystemTime::now() - age).as_nanos();
        for below in [note.clone(), format!("{prefix}/{revision}/")] {
            if is_at_it || self.times_under(&below).await?.values().any(|written| *written > latest) {
                return Ok(0);
            }
        }
        let removed = self.remove_revision(prefix, revision).await?.unwrap_or(0);
        self.delete_all(&[note]).await?;
        tracing::info!(prefix, revision, objects = removed, "a version that was never finished was removed");
        Ok(removed)
    }

    async fn remove_by_note(&self, key: &str) -> Result<usize, PublishError> {
        let Some(text) = self.text(key).await? else { return Ok(0) };
        let note: Note = serde_json::from_slice(&text)
            .map_err(|error| PublishError::Internal { detail: format!("{key} can't be read: {error}") })?;
        if note.due > seconds_now() {
            return Ok(0);
        }
        // Another replacement may have ended in between: what is played now stays in any case.
        let mut played = BTreeSet::new();
        for entry in note.entries.iter().filter(|entry| !is_picture(entry)) {
            let text = self.text(&format!("{}/{entry}", note.prefix)).await?.unwrap_or_default();
            played.extend(folders_in(entry, &text));
        }
        // What keeps its key may have been written again by a later one.
        let times = self.times_under(&format!("{}/", note.prefix)).await?;
        let time_of = |path: &str| times.get(&format!("{}/{path}", note.prefix));
        let noted_at = times.get(key);
        let is_newer = |path: &str| time_of(path).zip(noted_at).is_some_and(|(time, noted)| time > noted);
        let may_go =
            |path: &&String| !played.contains(first_folder(path)) && !note.entries.contains(*path) && !is_newer(path);
        let keys: Vec<String> =
            note.paths.iter().filter(may_go).map(|path| format!("{}/{path}", note.prefix)).collect();
        self.delete_all(&keys).await?;
        self.delete_all(&[key.to_owned()]).await?;
        tracing::info!(prefix = note.prefix, objects = keys.len(), "replaced files were removed");
        Ok(keys.len())
    }
}

/// The key of the note that a new version is put into this folder beside a stream.
pub(super) fn claim_of_revision(prefix: &str, revision: &str) -> String {
    format!("{prefix}{REVISION_CLAIM}{revision}.txt")
}

/// The stream and the folder that a note of this key is about; `None` for other objects.
fn revision_of_claim(key: &str) -> Option<(&str, &str)> {
    let (prefix, rest) = key.split_once(REVISION_CLAIM)?;
    Some((prefix, rest.strip_suffix(".txt").filter(|revision| is_revision(revision))?))
}

/// The first folders of all that an entry point names.
fn folders_in(path: &str, text: &[u8]) -> BTreeSet<String> {
    if FileKind::of(path) == FileKind::Manifest {
        let text = String::from_utf8_lossy(text);
        let bases = text.split("<BaseURL>").skip(1).filter_map(|rest| rest.split('<').next());
        return bases.map(|base| first_folder(base.trim_start_matches("../")).to_owned()).collect();
    }
    match PlaylistFacts::read(path, text) {
        PlaylistFacts::Multivariant { names } | PlaylistFacts::Media { names, .. } => {
            names.iter().map(|name| first_folder(name).to_owned()).collect()
        }
        PlaylistFacts::Other { .. } => BTreeSet::new(),
    }
}

/// True for what this program names such a folder.
pub fn is_revision(name: &str) -> bool {
    name.strip_prefix('r').is_some_and(|digits| {
        digits.len() == REVISION_DIGITS && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn first_folder(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replacement() -> Replacement {
        let before = vec![("main.m3u8".to_owned(), None), (".reelpress/replaced-x.json".to_owned(), None)];
        Replacement { revision: "r1".to_owned(), ..Replacement::beside(before, Duration::ZERO) }
    }

    #[test]
    fn entry_points_lead_into_the_new_folder() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"URI=\",URI=\"audio/p.m3u8\"\n\
                    #EXT-X-STREAM-INF:BANDWIDTH=1\n720p/p.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nhttps://x.example/p.m3u8\n";
        let new = replacement().entry_text("main.m3u8", &Bytes::from(text));
        let new = String::from_utf8(new.to_vec()).unwrap();
        assert!(new.contains("NAME=\"URI=\",URI=\"r1/audio/p.m3u8\"") && new.contains("\nr1/720p/p.m3u8\n"), "{new}");
        assert!(new.contains("\nhttps://x.example/p.m3u8\n"), "{new}");
        assert_eq!(folders_in("main.m3u8", new.as_bytes()), BTreeSet::from(["r1".to_owned()]));
        let deep =
            replacement().entry_text("ts/main.m3u8", &Bytes::from("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\np.m3u8\n"));
        assert!(deep.ends_with(b"\n../r1/ts/p.m3u8\n"), "{deep:?}");
        assert_eq!(folders_in("ts/main.m3u8", &deep), BTreeSet::from(["r1".to_owned()]));
        let mpd =
            replacement().entry_text("main.mpd", &Bytes::from("<MPD><Period><BaseURL>x</BaseURL></Period></MPD>"));
        assert!(mpd.starts_with(b"<MPD><BaseURL>r1/</BaseURL><Period>"), "{mpd:?}");
        assert!(folders_in("main.mpd", &mpd).contains("r1"));
    }

    #[test]
    fn only_what_this_program_names_is_a_revision() {
        assert!(is_revision(&Replacement::beside(Vec::new(), Duration::ZERO).revision));
        for other in ["", "r", "720p", "r01234567", "r0123456789a", "r01234567/9", "R0123456789", "rABCDEF0123"] {
            assert!(!is_revision(other), "{other}");
        }
    }

    #[test]
    fn notes_are_no_part_of_the_old_stream() {
        assert_eq!(replacement().before, [("main.m3u8".to_owned(), None)]);
        assert!(replacement().was_there("main.m3u8") && !replacement().was_there("main.mpd"));
    }
}
