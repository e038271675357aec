//! Segments that all buckets of a job have give their room on the disk back while the encode goes on.
//!
//! Their files stay, with their size and their boxes, by which the stream is judged at its end and gone on with after a
//! crash; there are holes in the place of the media. What was dropped is noted before, so that a hole is never taken for
//! media: neither sent nor kept as a good file.

mod record;

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
pub(in crate::pipeline) use record::DroppedSegment;
use record::Record;
use sha2::{Digest, Sha256};

use super::{check, layout::INIT_SEGMENT};
use crate::{job::JobSpec, tools::disk};

/// A hole of less would give no block back.
const SMALLEST_HOLE_BYTES: u64 = 4096;
const READ_BYTES: usize = 1 << 18;
/// How the names of segments of fMP4 end.
const SEGMENT_END: &str = ".m4s";

/// Those of the streams that are at work or about to end: what still works for a job that has just ended and its next run
/// know of each other.
static AT_WORK: Mutex<Vec<Weak<DroppedSegments>>> = Mutex::new(Vec::new());

/// The segments of one stream that were dropped, and those that will be.
#[derive(Debug)]
pub struct DroppedSegments {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    record: Option<Record>,
    dropped: BTreeMap<String, DroppedSegment>,
    /// Whether more are dropped.
    drops: bool,
    /// One that was dropped is in a bucket no more: from here the stream can't be completed.
    has_lost: bool,
    /// Buckets that have a segment, with its entity tag there.
    confirmed: HashMap<String, BTreeMap<usize, Option<String>>>,
    /// How often each was begun to be written, and was written; odd while it is.
    writes: HashMap<String, u64>,
    /// How often all began anew.
    beginnings: u64,
}

/// What a segment was when somebody looked at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) struct Version {
    writes: u64,
    beginnings: u64,
}

impl DroppedSegments {
    /// Those of the stream in `folder`; `None` when none was dropped there and none will be.
    ///
    /// # Errors
    /// When the record of what was dropped can't be read or written.
    pub(in crate::pipeline) fn of(folder: &Path, drops: bool) -> io::Result<Option<Arc<Self>>> {
        let mut at_work = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
        at_work.retain(|one| one.strong_count() > 0);
        let known = at_work.iter().filter_map(Weak::upgrade).find(|one| one.folder == folder);
        if let Some(known) = known.clone().filter(|_| Record::is_in(folder)) {
            let mut state = known.state();
            (state.drops, state.has_lost) = (drops, false);
            drop(state);
            return Ok(Some(known));
        }
        let (record, dropped) = match Record::read(folder)? {
            Some((record, dropped)) => (Some(record), dropped),
            None if drops => (Some(Record::of(folder, &BTreeMap::new())?), BTreeMap::new()),
            None => (None, BTreeMap::new()),
        };
        let drops = drops && record.is_some();
        let is_wanted = record.is_some();
        let state = State { record, dropped, drops, ..State::default() };
        let segments = match known {
            // The folder is another one of the same name: whoever is still at the earlier one must not touch it.
            Some(known) => {
                let mut earlier = known.state();
                *earlier = State { beginnings: earlier.beginnings + 1, ..state };
                drop(earlier);
                known
            }
            None => {
                let new = Arc::new(Self { folder: folder.to_owned(), state: Mutex::new(state) });
                at_work.push(Arc::downgrade(&new));
                new
            }
        };
        Ok(is_wanted.then_some(segments))
    }

    /// What is known of a segment that was dropped; `None` for one that lies here whole.
    pub(in crate::pipeline) fn get(&self, path: &str) -> Option<DroppedSegment> {
        self.state().dropped.get(path).cloned()
    }

    /// Whether more are dropped.
    pub(in crate::pipeline) fn drops(&self) -> bool {
        self.state().drops
    }

    /// One that was dropped is in a bucket no more.
    pub(in crate::pipeline) fn lose(&self) {
        self.state().has_lost = true;
    }

    /// True after [`lose`](Self::lose): the stream can't be completed from here.
    pub(in crate::pipeline) fn has_lost(&self) -> bool {
        self.state().has_lost
    }

    /// All that were dropped, by their paths.
    pub(in crate::pipeline) fn all(&self) -> BTreeMap<String, DroppedSegment> {
        self.state().dropped.clone()
    }

    /// What this segment is now; `None` for what is not dropped, or already was.
    pub(in crate::pipeline) fn version(&self, path: &str) -> Option<Version> {
        let state = self.state();
        let is_wanted = state.drops && path.ends_with(SEGMENT_END) && !state.dropped.contains_key(path);
        is_wanted.then(|| state.version(path)).filter(|version| version.writes.is_multiple_of(2))
    }

    /// Hears that this version of a segment is in one of the buckets, compared with the file here. Drops it when all
    /// `buckets` have it.
    ///
    /// # Errors
    /// When that can't be noted; the segment is whole then.
    pub(in crate::pipeline) fn confirm(
        &self,
        (path, version): (&str, Version),
        (bucket, buckets): (usize, usize),
        entity_tag: Option<String>,
    ) -> io::Result<()> {
        let mut state = self.state();
        if state.version(path) != version || !state.drops || state.dropped.contains_key(path) {
            return Ok(());
        }
        let confirmed = state.confirmed.entry(path.to_owned()).or_default();
        confirmed.insert(bucket, entity_tag);
        if confirmed.len() < buckets {
            return Ok(());
        }
        let entity_tags = std::mem::take(confirmed).into_values().collect();
        state.confirmed.remove(path);
        let file = self.folder.join(path);
        let (bytes, crc32, sha256) = checksums(&file)?;
        let init = file.with_file_name(INIT_SEGMENT);
        let unread = check::unread_parts(&init, &file).map_err(io::Error::other)?;
        let segment = DroppedSegment { bytes, crc32, sha256, entity_tags };
        state.note(|record| record.dropped(path, &segment))?;
        state.dropped.insert(path.to_owned(), segment);
        let opened = File::options().write(true).open(&file)?;
        for part in unread.iter().filter(|part| part.end - part.start >= SMALLEST_HOLE_BYTES) {
            disk::punch_hole(&opened, part)?;
        }
        Ok(())
    }

    /// A segment of this path will be written, which may be one that was dropped. What is being written is not dropped.
    ///
    /// # Errors
    /// When that can't be noted.
    pub(in crate::pipeline) fn begin_writing(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        *state.writes.entry(path.to_owned()).or_default() += 1;
        state.confirmed.remove(path);
        if state.dropped.contains_key(path) {
            state.note(|record| record.replacing(path))?;
        }
        Ok(())
    }

    /// The segment of this path is written, whole.
    ///
    /// # Errors
    /// When that can't be noted.
    pub(in crate::pipeline) fn written(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        if state.dropped.contains_key(path) {
            state.note(|record| record.whole(path))?;
            state.dropped.remove(path);
        }
        *state.writes.entry(path.to_owned()).or_default() += 1;
        Ok(())
    }

    /// Removes what is left here of a dropped segment that is lost in a bucket, so that it is made again.
    ///
    /// # Errors
    /// When it can't be removed, or that not be noted.
    pub(in crate::pipeline) fn give_up(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        match std::fs::remove_file(self.folder.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        state.note(|record| record.whole(path))?;
        state.dropped.remove(path);
        Ok(())
    }

    /// Removes all segments by `remove`, and then forgets them.
    ///
    /// # Errors
    /// Those of `remove`, and when a new record can't be written.
    pub(in crate::pipeline) fn begin_anew(&self, remove: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state();
        remove()?;
        let drops = state.drops;
        let record = Some(Record::of(&self.folder, &BTreeMap::new())?);
        *state = State { record, drops, beginnings: state.beginnings + 1, ..State::default() };
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn version(&self, path: &str) -> Version {
        Version { writes: self.writes.get(path).copied().unwrap_or(0), beginnings: self.beginnings }
    }

    fn note(&mut self, line: impl FnOnce(&mut Record) -> io::Result<()>) -> io::Result<()> {
        self.record.as_mut().map_or(Ok(()), line)
    }
}

impl DroppedSegment {
    /// Whether this is its content.
    pub(in crate::pipeline) fn is(&self, content: &[u8]) -> bool {
        self.bytes == content.len() as u64 && self.sha256 == in_digits(&Sha256::digest(content))
    }

    /// Whether an object of the bucket at this place in the job's list is this segment, as far as the store tells: by its
    /// size, and by its entity tag or CRC32.
    pub(in crate::pipeline) fn is_object(&self, bucket: usize, object: (u64, Option<&str>, Option<&str>)) -> bool {
        let (bytes, entity_tag, crc32) = object;
        let known = self.entity_tags.get(bucket).and_then(Option::as_deref);
        let same_tag = known.zip(entity_tag).map(|(known, tag)| known.trim_matches('"') == tag.trim_matches('"'));
        // That of an object in parts is made of theirs.
        let same_crc32 = crc32.filter(|crc32| !crc32.contains('-')).map(|crc32| crc32 == self.crc32);
        let differs = same_tag.or(same_crc32) == Some(false);
        bytes == self.bytes && (!differs || same_crc32 == Some(true))
    }
}

/// Why segments of a job that asks for it are not dropped before its end; `None` when they are, and also for a job that
/// does not ask. `folder` is where they are made.
pub(in crate::pipeline) fn why_not(spec: &JobSpec, folder: &Path) -> Option<&'static str> {
    if !spec.destination.drops_published() {
        return None;
    }
    if spec.outputs.mp4 {
        Some("MP4 files are made of them at the end")
    } else if spec.outputs.transport_stream {
        Some("MPEG-TS is made of them at the end")
    } else if spec.outputs.encryption.is_some() {
        Some("encrypted segments are read whole at the end")
    } else if spec.destination.buckets().any(|place| place.replace_after.is_some()) {
        Some("they take the place of an earlier stream (--replace) only when all are up")
    } else if !disk::can_punch_holes(folder) {
        Some("this system, or the disk of the folder, can't give the room of a part of a file back")
    } else {
        None
    }
}

/// Whether a folder holds the record of dropped segments under this name.
pub(in crate::pipeline) fn is_record(name: &std::ffi::OsStr) -> bool {
    record::is_record(name)
}

/// Size, CRC32 in base 64 and SHA-256 in hexadecimal of a file.
fn checksums(path: &Path) -> io::Result<(u64, String, String)> {
    let mut file = File::open(path)?;
    let (mut crc32, mut sha256) = (crc32fast::Hasher::new(), Sha256::new());
    let mut buffer = vec![0; READ_BYTES];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, STANDARD.encode(crc32.finalize().to_be_bytes()), in_digits(&sha256.finalize()))),
            count => {
                crc32.update(&buffer[..count]);
                sha256.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}

fn in_digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "720p/segment_00000.m4s";

    fn segment() -> DroppedSegment {
        let (crc32, sha256) = ("y/Q5Jg==".to_owned(), in_digits(&Sha256::digest(b"123456789")));
        DroppedSegment { bytes: 9, crc32, sha256, entity_tags: vec![Some("\"a\"".to_owned()), None] }
    }

    #[test]
    fn an_object_is_known_by_size_and_by_what_its_store_tells() {
        let segment = segment();
        assert!(segment.is(b"123456789") && !segment.is(b"123456780"));
        assert!(segment.is_object(0, (9, Some("a"), None)) && !segment.is_object(0, (9, Some("b"), None)));
        assert!(segment.is_object(0, (9, Some("b"), Some("y/Q5Jg=="))), "a store may give it another tag");
        assert!(segment.is_object(1, (9, Some("b"), Some("y/Q5Jg=="))));
        assert!(!segment.is_object(1, (9, None, Some("y/Q5JA=="))) && !segment.is_object(1, (8, None, None)));
        assert!(segment.is_object(1, (9, None, Some("AAAAAA==-2"))), "that of parts tells nothing");
    }

    #[test]
    fn what_is_being_written_is_not_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let segments = DroppedSegments::of(folder.path(), true).unwrap().unwrap();
        assert_eq!(segments.version("720p/init.mp4"), None);
        let before = segments.version(PATH).unwrap();
        segments.begin_writing(PATH).unwrap();
        assert_eq!(segments.version(PATH), None);
        segments.confirm((PATH, before), (0, 1), None).unwrap();
        segments.written(PATH).unwrap();
        segments.confirm((PATH, before), (0, 1), None).unwrap();
        assert!(segments.all().is_empty());
        let now = segments.version(PATH).unwrap();
        segments.confirm((PATH, now), (0, 2), None).unwrap();
        assert!(segments.all().is_empty(), "the other bucket has it not yet");
        segments.begin_anew(|| Ok(())).unwrap();
        segments.confirm((PATH, now), (1, 2), None).unwrap();
        assert!(segments.all().is_empty() && segments.version(PATH) != Some(now));
    }

    #[test]
    fn a_dropped_segment_that_is_written_again_is_whole_and_two_runs_know_of_each_other() {
        let folder = tempfile::tempdir().unwrap();
        drop(Record::of(folder.path(), &BTreeMap::from([(PATH.to_owned(), segment())])).unwrap());
        let segments = DroppedSegments::of(folder.path(), true).unwrap().unwrap();
        assert_eq!((segments.get(PATH), segments.version(PATH)), (Some(segment()), None));
        let of_next_run = DroppedSegments::of(folder.path(), false).unwrap().unwrap();
        assert!(Arc::ptr_eq(&segments, &of_next_run) && !segments.drops());
        segments.begin_writing(PATH).unwrap();
        segments.written(PATH).unwrap();
        assert_eq!(of_next_run.get(PATH), None);
        // The folder is removed, and another one is made in its place.
        let before = segments.version(PATH);
        let path = folder.path().to_owned();
        folder.close().unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(DroppedSegments::of(&path, false).unwrap().is_none());
        assert!(before.is_none() && !segments.drops());
        std::fs::remove_dir(&path).unwrap();
    }
}
