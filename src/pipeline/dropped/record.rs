//! The record of segments that were dropped: a line for each thing that has become of one, on the disk before it does.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{ErrorKind, Result, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::tools::atomic_file;

/// In the stream's folder. Hidden, so that nobody publishes it, and not named as what a crash leaves.
const RECORD: &str = ".dropped-segments";

/// What is known of a segment whose media is in the buckets alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::pipeline) struct DroppedSegment {
    /// Size in bytes.
    pub(in crate::pipeline) bytes: u64,
    /// CRC32 of the content, big-endian, in base 64.
    pub(in crate::pipeline) crc32: String,
    /// SHA-256 of the content, in hexadecimal.
    pub(in crate::pipeline) sha256: String,
    /// Entity tag in each bucket, in the order of the job's list; `None` where none was told.
    pub(in crate::pipeline) entity_tags: Vec<Option<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// It is dropped from now on.
    Dropped { path: String, segment: DroppedSegment },
    /// It is being written anew: what lies there is the old one or the new one.
    Replacing { path: String },
    /// It lies there whole, or is not there.
    Whole { path: String },
}

/// The record of a stream's folder.
#[derive(Debug)]
pub(super) struct Record {
    file: File,
}

impl Record {
    /// Reads the record in `folder`, and what it says is dropped; `None` when there is none. A segment that was being
    /// written anew when the program was killed is removed, as nobody knows what it is.
    pub(super) fn read(folder: &Path) -> Result<Option<(Self, BTreeMap<String, DroppedSegment>)>> {
        let text = match std::fs::read(folder.join(RECORD)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (mut dropped, mut replacing) = (BTreeMap::new(), Vec::new());
        // A last line that is cut off tells of nothing that has happened.
        for line in text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()) {
            match line {
                Line::Dropped { path, segment } => {
                    dropped.insert(path, segment);
                }
                Line::Replacing { path } => replacing.push(path),
                Line::Whole { path } => {
                    replacing.retain(|other| *other != path);
                    dropped.remove(&path);
                }
            }
        }
        for path in replacing {
            match std::fs::remove_file(folder.join(&path)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => dropped.remove(&path),
            };
        }
        Ok(Some((Self::of(folder, &dropped)?, dropped)))
    }

    /// A new record that says that these are dropped.
    pub(super) fn of(folder: &Path, dropped: &BTreeMap<String, DroppedSegment>) -> Result<Self> {
        let path = folder.join(RECORD);
        let mut text = Vec::new();
        for (path, segment) in dropped {
            text.extend(line(&Line::Dropped { path: path.clone(), segment: segment.clone() })?);
        }
        atomic_file::write(&path, &text)?;
        Ok(Self { file: File::options().append(true).open(&path)? })
    }

    /// Whether there is one in this folder.
    pub(super) fn is_in(folder: &Path) -> bool {
        folder.join(RECORD).is_file()
    }

    pub(super) fn dropped(&mut self, path: &str, segment: &DroppedSegment) -> Result<()> {
        self.add(&Line::Dropped { path: path.to_owned(), segment: segment.clone() })
    }

    pub(super) fn replacing(&mut self, path: &str) -> Result<()> {
        self.add(&Line::Replacing { path: path.to_owned() })
    }

    pub(super) fn whole(&mut self, path: &str) -> Result<()> {
        self.add(&Line::Whole { path: path.to_owned() })
    }

    fn add(&mut self, added: &Line) -> Result<()> {
        self.file.write_all(&line(added)?)?;
        self.file.sync_data()
    }
}

/// Whether this is the record of a folder, which belongs to its stream as long as that lies there.
pub(super) fn is_record(name: &std::ffi::OsStr) -> bool {
    name == RECORD
}

fn line(line: &Line) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(bytes: u64) -> DroppedSegment {
        DroppedSegment { bytes, crc32: "y/Q5Jg==".to_owned(), sha256: "0a".to_owned(), entity_tags: vec![None] }
    }

    #[test]
    fn a_record_outlives_a_line_that_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Record::read(folder.path()).unwrap().is_none());
        let mut record = Record::of(folder.path(), &BTreeMap::new()).unwrap();
        record.dropped("a", &segment(1)).unwrap();
        record.dropped("b", &segment(2)).unwrap();
        record.file.write_all(b"{\"dropped\":{\"path\":\"c\"").unwrap();
        let (mut record, dropped) = Record::read(folder.path()).unwrap().unwrap();
        assert_eq!(dropped.keys().collect::<Vec<_>>(), ["a", "b"]);
        record.whole("b").unwrap();
        let (_, dropped) = Record::read(folder.path()).unwrap().unwrap();
        assert_eq!(dropped, BTreeMap::from([("a".to_owned(), segment(1))]));
    }

    #[test]
    fn a_segment_that_was_being_replaced_goes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "old or new").unwrap();
        let mut record = Record::of(folder.path(), &BTreeMap::from([("a".to_owned(), segment(1))])).unwrap();
        record.replacing("a").unwrap();
        let (_, dropped) = Record::read(folder.path()).unwrap().unwrap();
        assert!(dropped.is_empty() && !folder.path().join("a").exists());
    }
}
