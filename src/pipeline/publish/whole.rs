//! Whether the files of a folder are whole, as far as that shows without reading them: a copy that was cut off, or a disk
//! that was full, leaves files that are empty or end too early.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use m3u8_rs::{ByteRange, KeyMethod, Playlist};

use super::{
    FolderFiles,
    error::{PublishError, causes},
    headers::FileKind,
    playlist::resolve,
};
use crate::media::{TRANSPORT_PACKET_BYTES, TRANSPORT_SYNC_BYTE as SYNC_BYTE};

/// First boxes of files of ISO/IEC 14496-12; what begins otherwise is encrypted, or something else.
const FIRST_BOXES: [&[u8; 4]; 9] = [b"styp", b"ftyp", b"moof", b"moov", b"sidx", b"emsg", b"prft", b"free", b"mdat"];
/// Length of a header, and of one with a size of 64 bits.
const HEADER_BYTES: u64 = 8;
const LARGE_HEADER_BYTES: u64 = 16;
/// Of MPEG-TS, as it is and with the bytes that mend it on the air (DVB).
const PACKET_BYTES: [u64; 2] = [TRANSPORT_PACKET_BYTES as u64, 204];
/// Of AES.
const CIPHER_BLOCK_BYTES: u64 = 16;

/// What a playlist says of a file.
#[derive(Debug, Default)]
struct Told {
    /// Where the last of its byte ranges ends; 1 for a file that is named as a whole.
    least_bytes: u64,
    /// It is encrypted as a whole, in blocks.
    in_blocks: bool,
}

/// Tells a file that is empty, ends within what a playlist names of it, or ends within a box or packet.
pub(super) fn check(folder: &Path, files: &FolderFiles) -> Result<(), PublishError> {
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    for path in files.keys().filter(|(kind, _)| *kind == FileKind::Playlist).map(|(_, path)| path) {
        let file = folder.join(path);
        let text = std::fs::read(&file).map_err(|error| unreadable(&file, &error))?;
        read_playlist(path, &text, &mut told);
    }
    for ((kind, path), size) in files {
        let file = folder.join(path);
        let told = told.get(path);
        let broken = |detail: String| Err(PublishError::NotWholeFile { file: file.clone(), detail });
        let is_media = matches!(kind, FileKind::Mp4 | FileKind::Segment);
        if *size == 0 && (told.is_some() || is_media) {
            return broken("it is empty".to_owned());
        }
        if let Some(told) = told.filter(|told| *size < told.least_bytes) {
            return broken(format!("it has {size} bytes, and a playlist names {} of it", told.least_bytes));
        }
        if told.is_some_and(|told| told.in_blocks) {
            if !size.is_multiple_of(CIPHER_BLOCK_BYTES) {
                return broken("it ends within a block of its encryption".to_owned());
            }
        } else if is_media && let Some(detail) = cut_off(&file, *size).map_err(|error| unreadable(&file, &error))? {
            return broken(detail);
        }
    }
    Ok(())
}

fn unreadable(file: &Path, error: &io::Error) -> PublishError {
    PublishError::LocalFile { file: file.to_owned(), detail: causes(error) }
}

/// Notes what a media playlist says of the files that it names.
fn read_playlist(path: &str, text: &[u8], told: &mut BTreeMap<String, Told>) {
    let Ok(Playlist::MediaPlaylist(playlist)) = m3u8_rs::parse_playlist_res(text) else { return };
    let mut note = |uri: &str, end: u64, in_blocks: bool| {
        if let Some(file) = resolve(path, uri) {
            let told = told.entry(file).or_default();
            told.least_bytes = told.least_bytes.max(end);
            told.in_blocks |= in_blocks;
        }
    };
    let mut in_blocks = false;
    // Where the range before has ended, and of which file: one without an offset follows it.
    let mut before = (String::new(), 0);
    for segment in playlist.segments {
        if let Some(key) = &segment.key {
            in_blocks = key.method == KeyMethod::AES128;
            if let Some(uri) = &key.uri {
                note(uri, 1, false);
            }
        }
        if let Some(map) = &segment.map {
            note(&map.uri, map.byte_range.as_ref().map_or(1, |range| end_of(range, 0)), false);
        }
        let end = match &segment.byte_range {
            Some(range) => end_of(range, if before.0 == segment.uri { before.1 } else { 0 }),
            None => 1,
        };
        note(&segment.uri, end, in_blocks);
        before = (segment.uri, end);
    }
}

fn end_of(range: &ByteRange, after: u64) -> u64 {
    range.offset.unwrap_or(after).saturating_add(range.length)
}

/// Where a file of boxes or packets is cut off; `None` for one that is whole or of another kind.
fn cut_off(path: &Path, size: u64) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let mut header = [0; LARGE_HEADER_BYTES as usize];
    let first = read_header(&mut file, &mut header)?;
    if first.first() == Some(&SYNC_BYTE) && path.extension().is_some_and(|extension| extension == "ts") {
        return Ok(PACKET_BYTES
            .iter()
            .all(|bytes| !size.is_multiple_of(*bytes))
            .then(|| "it ends within a packet of MPEG-TS".to_owned()));
    }
    if first.get(4..8).is_none_or(|kind| !FIRST_BOXES.iter().any(|known| *known == kind)) {
        return Ok(None);
    }
    let mut at = 0;
    let mut has_media = false;
    let mut awaits_media = false;
    while at < size {
        file.seek(SeekFrom::Start(at))?;
        let header = read_header(&mut file, &mut header)?;
        let is_padding = size - at < HEADER_BYTES && header.iter().all(|byte| *byte == 0);
        if is_padding {
            break;
        }
        let Some(length) = box_length(header, size - at) else {
            return Ok(Some(format!("it ends within the header of a box, at byte {at}")));
        };
        let kind = String::from_utf8_lossy(&header[4..8]).into_owned();
        if length < HEADER_BYTES || length > size - at {
            return Ok(Some(format!("it ends at byte {size} within its box “{kind}” of {length} bytes")));
        }
        awaits_media = kind == "moof" || (awaits_media && kind != "mdat");
        has_media |= kind == "mdat";
        at += length;
    }
    Ok(awaits_media.then(|| {
        if has_media { "the media of its last fragment is missing" } else { "its media is missing" }.to_owned()
    }))
}

/// As much of a box's header as there is.
fn read_header<'a>(file: &mut File, header: &'a mut [u8; LARGE_HEADER_BYTES as usize]) -> io::Result<&'a [u8]> {
    let mut read = 0;
    while read < header.len() {
        match file.read(&mut header[read..])? {
            0 => break,
            count => read += count,
        }
    }
    Ok(&header[..read])
}

/// The length of the box with this header, in bytes; `None` when not even that is whole. `rest` is what there is from its
/// first byte on.
fn box_length(header: &[u8], rest: u64) -> Option<u64> {
    let short = u32::from_be_bytes(header.get(..4)?.try_into().ok()?);
    header.get(4..8)?;
    match short {
        // To the end of the file.
        0 => Some(rest),
        1 => Some(u64::from_be_bytes(header.get(8..16)?.try_into().ok()?)),
        length => Some(u64::from(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [&length, &kind[..], body].concat()
    }

    #[test]
    fn files_that_end_too_early_are_told_by_what_is_in_front_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let segment = [boxed(b"styp", b"msdh"), boxed(b"moof", &[1; 50]), boxed(b"mdat", &[2; 500])].concat();
        let packets = [SYNC_BYTE; 2 * 188];
        let padded = [&segment[..], &[0; 4]].concat();
        let all = segment.len();
        for (name, content, cut) in [
            ("whole.m4s", &segment[..], None),
            ("media.m4s", &segment[..all - 1], Some("within its box “mdat” of 508 bytes")),
            ("reed-solomon.ts", &[SYNC_BYTE; 2 * 204][..], None),
            ("padded.m4s", &padded[..], None),
            ("header.m4s", &segment[..all - 505], Some("within the header of a box")),
            ("fragment.m4s", &segment[..all - 508], Some("its media is missing")),
            ("index.m4s", &segment[..30], Some("within its box “moof”")),
            ("secret.m4s", &[7; 100][..], None),
            ("whole.ts", &packets[..], None),
            ("half.ts", &packets[..200], Some("within a packet")),
        ] {
            let file = folder.path().join(name);
            std::fs::write(&file, content).unwrap();
            let found = cut_off(&file, content.len() as u64).unwrap();
            match cut {
                Some(words) => assert!(found.as_ref().is_some_and(|found| found.contains(words)), "{name}: {found:?}"),
                None => assert_eq!(found, None, "{name}"),
            }
        }
    }

    #[test]
    fn byte_ranges_tell_how_long_a_file_is_at_least() {
        let text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"a.mp4\",BYTERANGE=\"700@0\"\n\
                    #EXT-X-BYTERANGE:100@700\n#EXTINF:6.0,\na.mp4\n#EXT-X-BYTERANGE:50\n#EXTINF:6.0,\na.mp4\n\
                    #EXT-X-KEY:METHOD=AES-128,URI=\"1.key\"\n#EXTINF:6.0,\nb.m4s\n#EXT-X-ENDLIST\n";
        let mut told = BTreeMap::new();
        read_playlist("720p/media.m3u8", text.as_bytes(), &mut told);
        let least = |path: &str| (told[path].least_bytes, told[path].in_blocks);
        assert_eq!(
            [least("720p/a.mp4"), least("720p/b.m4s"), least("720p/1.key")],
            [(850, false), (1, true), (1, false)]
        );
    }
}
