//! A playlist as `m3u8-rs` reads it, and what its text says that the crate drops.
//!
//! The crate stops without a word at a line that it can't read, keeps EXTINF in single precision and a key or map only
//! at the first segment that it applies to. So the lines are counted here, and a playlist of which the crate has less
//! than the text has can't be read.

use std::sync::Arc;

use m3u8_rs::{MasterPlaylist, MediaPlaylistType, Playlist};

use super::files::ByteRange;
use crate::tools::content_key::InitialisationVector;

/// The lines of a playlist. The text is held once, since a film of ten hours has a hundred thousand of them.
#[derive(Debug, Clone)]
pub(super) struct Lines(Arc<str>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.into())
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.0.lines().map(str::trim_end).filter(|line| !line.is_empty())
    }

    /// What follows the colon of each tag of this name.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let tags = self.all().filter_map(|line| line.strip_prefix('#'));
        let tags = tags.map(|tag| tag.split_once(':').unwrap_or((tag, "")));
        tags.filter(move |(tag, _)| *tag == name).map(|(_, value)| value)
    }

    /// For each EXT-X-MAP whether EXT-X-KEY stands before it in the lines of the same segment: only then that key applies to
    /// the init segment (rfc8216bis 4.4.4.4).
    fn keys_before_maps(&self) -> Vec<bool> {
        let mut has_key = false;
        let mut found = Vec::new();
        for line in self.all() {
            if line.starts_with("#EXT-X-KEY:") {
                has_key = true;
            } else if line.starts_with("#EXT-X-MAP:") {
                found.push(has_key);
            } else if !line.starts_with('#') {
                has_key = false;
            }
        }
        found
    }

    /// How often a tag is there.
    pub(super) fn count(&self, name: &str) -> usize {
        self.values(name).count()
    }

    /// The first tag that counts from the first segment and stands behind it (rfc8216bis 4.4.3.2, 4.4.3.3).
    pub(super) fn late_sequence(&self) -> Option<&'static str> {
        let mut has_segment = false;
        for line in self.all() {
            let sequences = ["EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE"];
            let name = line.strip_prefix('#').and_then(|tag| tag.split(':').next());
            let sequence = sequences.into_iter().find(|sequence| name == Some(*sequence));
            if has_segment && sequence.is_some() {
                return sequence;
            }
            has_segment |= !line.starts_with('#');
        }
        None
    }

    /// Number of lines that are URIs.
    fn uris(&self) -> usize {
        self.all().filter(|line| !line.starts_with('#')).count()
    }
}

/// A playlist of either kind.
#[derive(Debug, Clone)]
pub(super) enum Parsed {
    Multivariant(Box<MasterPlaylist>),
    Media(MediaText),
}

/// A media playlist.
#[derive(Debug, Clone)]
pub(super) struct MediaText {
    pub(super) lines: Lines,
    pub(super) target_duration_seconds: Option<u64>,
    pub(super) playlist_type: Option<MediaPlaylistType>,
    pub(super) end_list: bool,
    pub(super) i_frames_only: bool,
    pub(super) independent_segments: bool,
    pub(super) entries: Vec<Entry>,
    /// Init segments in the order in which they apply.
    pub(super) maps: Vec<MapText>,
    /// The EXT-X-KEY tags in the order in which they apply.
    pub(super) keys: Vec<KeyText>,
}

/// A segment of a media playlist.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) uri: String,
    /// EXTINF.
    pub(super) seconds: f64,
    pub(super) byte_range: Option<ByteRange>,
    pub(super) discontinuity: bool,
    /// EXT-X-GAP: it holds no media.
    pub(super) is_gap: bool,
    /// Index of the init segment that applies.
    pub(super) map: Option<usize>,
    /// Index of the key that applies, when the segment is encrypted.
    pub(super) key: Option<usize>,
    /// Media Sequence Number.
    pub(super) sequence: u64,
}

/// EXT-X-MAP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MapText {
    pub(super) uri: String,
    pub(super) byte_range: Option<ByteRange>,
    /// Index of the key that applies, when the init segment is encrypted.
    pub(super) key: Option<usize>,
}

/// METHOD of segments that are encrypted as a whole.
pub(super) const AES_128: &str = "AES-128";

/// EXT-X-KEY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyText {
    pub(super) method: String,
    pub(super) uri: Option<String>,
    pub(super) iv: Option<String>,
    /// KEYFORMAT.
    pub(super) format: Option<String>,
    /// How many different URIs of keys the playlist has named so far, with this one.
    pub(super) number: u64,
}

impl KeyText {
    /// The initialisation vector of a segment: IV, else its Media Sequence Number (rfc8216bis 5.2); `None` when IV is none.
    pub(super) fn vector(&self, sequence: u64) -> Option<InitialisationVector> {
        let Some(iv) = &self.iv else { return Some(u128::from(sequence).to_be_bytes()) };
        let digits = iv.strip_prefix("0x").or_else(|| iv.strip_prefix("0X"))?;
        let is_plain = digits.len() <= 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u128::from_str_radix(digits, 16).ok().filter(|_| is_plain).map(u128::to_be_bytes)
    }
}

impl MediaText {
    /// Takes an EXT-X-KEY; gives its index when it encrypts something.
    fn take_key(&mut self, key: m3u8_rs::Key) -> Option<usize> {
        let known = self.keys.iter().find(|known| known.uri == key.uri).map(|known| known.number);
        let highest = self.keys.iter().map(|known| known.number).max().unwrap_or(0);
        let is_none = key.method == m3u8_rs::KeyMethod::None;
        let number = known.unwrap_or(if is_none { highest } else { highest + 1 });
        let method = key.method.to_string();
        self.keys.push(KeyText { method, uri: key.uri, iv: key.iv, format: key.keyformat, number });
        (!is_none).then_some(self.keys.len() - 1)
    }

    /// Sum of EXTINF in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.entries.iter().map(|entry| entry.seconds).sum()
    }
}

/// Reads a playlist.
///
/// # Errors
/// In words, when it can't be read to its end.
pub(super) fn parse(text: &str) -> Result<(Parsed, Lines), String> {
    let lines = Lines::of(text);
    let parsed = m3u8_rs::parse_playlist_res(text.trim_start_matches('\u{feff}').as_bytes())
        .map_err(|_| "is not a playlist".to_owned())?;
    let parsed = match parsed {
        Playlist::MasterPlaylist(multivariant) => {
            let variants = lines.count("EXT-X-STREAM-INF") + lines.count("EXT-X-I-FRAME-STREAM-INF");
            all_read("variants", multivariant.variants.len(), variants)?;
            all_read("EXT-X-MEDIA tags", multivariant.alternatives.len(), lines.count("EXT-X-MEDIA"))?;
            if multivariant.variants.iter().any(|variant| variant.uri.is_empty()) {
                return Err("a variant has no URI".to_owned());
            }
            Parsed::Multivariant(Box::new(multivariant))
        }
        Playlist::MediaPlaylist(media) => Parsed::Media(media_text(media, lines.clone())?),
    };
    Ok((parsed, lines))
}

fn all_read(what: &str, read: usize, written: usize) -> Result<(), String> {
    if read == written { Ok(()) } else { Err(format!("only {read} of {written} {what} can be read")) }
}

fn media_text(media: m3u8_rs::MediaPlaylist, lines: Lines) -> Result<MediaText, String> {
    all_read("segments", media.segments.len(), lines.uris())?;
    all_read("EXTINF tags", media.segments.len(), lines.count("EXTINF"))?;
    let seconds: Vec<f64> = lines.values("EXTINF").filter_map(extinf).collect();
    all_read("EXTINF tags", seconds.len(), media.segments.len())?;
    if media.end_list != (lines.count("EXT-X-ENDLIST") > 0) {
        return Err("it can't be read to its end".to_owned());
    }
    let target = lines.values("EXT-X-TARGETDURATION").next().and_then(|value| value.trim().parse().ok());
    let mut text = MediaText {
        target_duration_seconds: target,
        playlist_type: media.playlist_type,
        end_list: media.end_list,
        i_frames_only: media.i_frames_only,
        independent_segments: media.independent_segments,
        entries: Vec::with_capacity(media.segments.len()),
        maps: Vec::new(),
        keys: Vec::new(),
        lines,
    };
    let keys_before_maps = text.lines.keys_before_maps();
    let mut key = None;
    let mut last: Option<(String, u64)> = None;
    for (index, (segment, seconds)) in media.segments.into_iter().zip(seconds).enumerate() {
        let key_before = key;
        if let Some(found) = segment.key.or_else(|| unread_key(&segment.unknown_tags)) {
            key = text.take_key(found);
        }
        if let Some(map) = segment.map {
            let byte_range =
                map.byte_range.map(|range| ByteRange { offset: range.offset.unwrap_or(0), length: range.length });
            let has_key = keys_before_maps.get(text.maps.len()).copied().unwrap_or(false);
            let key = if has_key { key } else { key_before };
            text.maps.push(MapText { uri: map.uri, byte_range, key });
        }
        let byte_range = segment.byte_range.map(|range| {
            // Without an offset it follows the range before (rfc8216bis 4.4.4.2).
            let follows = last.as_ref().filter(|(uri, _)| *uri == segment.uri).map_or(0, |(_, end)| *end);
            ByteRange { offset: range.offset.unwrap_or(follows), length: range.length }
        });
        last = byte_range.map(|range| (segment.uri.clone(), range.end()));
        text.entries.push(Entry {
            uri: segment.uri,
            seconds,
            byte_range,
            discontinuity: segment.discontinuity,
            is_gap: segment.unknown_tags.iter().any(|tag| tag.tag == "X-GAP"),
            map: text.maps.len().checked_sub(1),
            key,
            sequence: media.media_sequence + index as u64,
        });
    }
    Ok(text)
}

/// An EXT-X-KEY that the crate takes for an unknown tag: METHOD=NONE without an IV, and what has no METHOD.
fn unread_key(unknown: &[m3u8_rs::ExtTag]) -> Option<m3u8_rs::Key> {
    let attributes = unknown.iter().rev().find(|tag| tag.tag == "X-KEY")?.rest.clone().unwrap_or_default();
    let method = match attributes.trim().strip_prefix("METHOD=NONE") {
        Some("") => return Some(m3u8_rs::Key::default()),
        Some(_) => m3u8_rs::KeyMethod::None,
        None => m3u8_rs::KeyMethod::Other(String::new()),
    };
    Some(m3u8_rs::Key { method, uri: Some(attributes), ..m3u8_rs::Key::default() })
}

/// The length in an EXTINF: the part before the comma.
fn extinf(value: &str) -> Option<f64> {
    let seconds: f64 = value.split(',').next()?.trim().parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(text: &str) -> Result<MediaText, String> {
        match parse(text)? {
            (Parsed::Media(media), _) => Ok(media),
            (Parsed::Multivariant(_), _) => panic!("not a media playlist"),
        }
    }

    #[test]
    fn byte_ranges_maps_and_lengths_are_read_as_they_apply() {
        let text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"10@0\"\n\
            #EXTINF:6.0060001,\n#EXT-X-BYTERANGE:100@10\na.mp4\n#EXTINF:6,\n#EXT-X-BYTERANGE:50\na.mp4\n\
            #EXT-X-DISCONTINUITY\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1,\nb.mp4\n#EXTINF:1,\nc.mp4\n";
        let media = media(text).unwrap();
        assert!((media.seconds() - 14.006_000_1).abs() < 1e-9);
        assert_eq!(media.entries[1].byte_range, Some(ByteRange { offset: 110, length: 50 }));
        assert!(media.entries.iter().all(|entry| entry.map == Some(0)));
        let keys: Vec<Option<usize>> = media.entries.iter().map(|entry| entry.key).collect();
        assert_eq!(keys, [None, None, Some(0), Some(0)]);
        assert!(media.entries[2].discontinuity && !media.entries[3].discontinuity);
    }

    #[test]
    fn keys_apply_to_what_follows_them() {
        let text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"i\"\n\
            #EXT-X-KEY:METHOD=AES-128,URI=\"k1\",IV=0x0A\n#EXTINF:6,\na\n#EXT-X-KEY:METHOD=AES-128,URI=\"k1\"\n\
            #EXT-X-MAP:URI=\"j\"\n#EXTINF:6,\nb\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:6,\nc\n\
            #EXT-X-KEY:METHOD=AES-128,URI=\"k2\"\n#EXTINF:6,\nd\n#EXT-X-MAP:URI=\"l\"\n#EXTINF:6,\ne\n";
        let media = media(text).unwrap();
        let keys: Vec<Option<usize>> = media.entries.iter().map(|entry| entry.key).collect();
        assert_eq!(keys, [Some(0), Some(1), None, Some(3), Some(3)]);
        assert_eq!(media.maps.iter().map(|map| map.key).collect::<Vec<_>>(), [None, Some(1), Some(3)]);
        assert_eq!((media.keys[0].number, media.keys[1].number, media.keys[3].number), (1, 1, 2));
        assert_eq!(media.keys[0].vector(0), Some([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10]));
        assert_eq!(media.keys[1].vector(media.entries[1].sequence), Some(8_u128.to_be_bytes()));
    }

    #[test]
    fn what_the_crate_drops_is_told() {
        for broken in [
            "",
            "hello",
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:-1,\na.ts\n#EXTINF:6,\nb.ts\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\nb.ts\n",
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=x\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\nb.m3u8\n",
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n",
        ] {
            assert!(parse(broken).is_err(), "{broken:?}");
        }
    }
}
