//! Playlists of the MPEG-TS form: as those of fMP4, but with sound in every variant and without init segments.

use m3u8_rs::{ByteRange, Map, MediaPlaylist, MediaPlaylistType, MediaSegment};

use crate::pipeline::{
    layout::transport_segment_file_name,
    package::hls::{self, DECIMALS_VERSION, SegmentEntry},
};

/// What EXT-X-MAP in a playlist of I-frames needs (rfc8216bis 8).
const I_FRAME_VERSION: usize = 5;

/// What a playlist of a rendition is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct MuxedPlaylist<'a> {
    /// What it puts before the names of segments.
    pub(super) folder_uri: &'a str,
    /// The segments.
    pub(super) segments: &'a [SegmentEntry],
    /// Ticks a second.
    pub(super) timescale: u32,
    /// In seconds.
    pub(super) target_duration: u64,
}

impl MuxedPlaylist<'_> {
    fn segment_uri(&self, number: u64) -> String {
        format!("{}{}", self.folder_uri, transport_segment_file_name(number))
    }
}

/// The media playlist of a rendition.
pub(super) fn media_playlist(playlist: &MuxedPlaylist<'_>) -> String {
    let entries = (0..).zip(playlist.segments).map(|(number, segment)| MediaSegment {
        uri: playlist.segment_uri(number),
        duration: hls::seconds(segment.duration_ticks, playlist.timescale) as f32,
        key: segment.key.clone(),
        ..MediaSegment::default()
    });
    hls::write_media(&MediaPlaylist {
        segments: entries.collect(),
        ..frame(DECIMALS_VERSION, playlist.target_duration)
    })
}

/// The I-frame playlist of a rendition, whose first segment begins with `tables_bytes` of programme tables.
pub(super) fn i_frame_playlist(playlist: &MuxedPlaylist<'_>, tables_bytes: u64) -> String {
    let keyframes = (0..)
        .zip(playlist.segments)
        .flat_map(|(number, segment)| segment.keyframes_with_keys().map(move |keyframe| (number, keyframe)));
    let tables = || Map {
        uri: playlist.segment_uri(0),
        byte_range: Some(ByteRange { length: tables_bytes, offset: Some(0) }),
        ..Map::default()
    };
    let entries = keyframes.enumerate().map(|(index, (number, (keyframe, key)))| MediaSegment {
        uri: playlist.segment_uri(number),
        duration: hls::seconds(keyframe.duration_ticks, playlist.timescale) as f32,
        byte_range: Some(ByteRange { length: keyframe.length, offset: Some(keyframe.offset) }),
        map: (index == 0).then(tables),
        key,
        ..MediaSegment::default()
    });
    let text = hls::write_media(&MediaPlaylist {
        segments: entries.collect(),
        i_frames_only: true,
        ..frame(I_FRAME_VERSION, playlist.target_duration)
    });
    key_before_map(&text)
}

/// The tables are a part of the first segment, so that its key applies to them too (rfc8216bis 4.4.4.4); the crate writes
/// EXT-X-MAP first.
fn key_before_map(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let is_tag = |line: &str, tag: &str| line.starts_with(tag);
    if let Some(map) = lines.iter().position(|line| is_tag(line, "#EXT-X-MAP:"))
        && let Some(key) = lines.iter().position(|line| is_tag(line, "#EXT-X-KEY:"))
        && map < key
    {
        let line = lines.remove(key);
        lines.insert(map, line);
    }
    lines.join("\n") + "\n"
}

fn frame(version: usize, target_duration: u64) -> MediaPlaylist {
    MediaPlaylist {
        version: Some(version),
        target_duration,
        playlist_type: Some(MediaPlaylistType::Vod),
        end_list: true,
        independent_segments: true,
        ..MediaPlaylist::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::package::segmenter::KeyframeRange;

    #[test]
    fn keyframes_are_read_after_the_tables_of_the_first_segment() {
        let keyframe = KeyframeRange { offset: 564, length: 1880, duration_ticks: 50_000 };
        let segment = SegmentEntry { duration_ticks: 150_000, bytes: 18_800, keyframes: vec![keyframe], key: None };
        let playlist = MuxedPlaylist { folder_uri: "", segments: &[segment], timescale: 25_000, target_duration: 6 };
        let text = i_frame_playlist(&playlist, 564);
        assert!(text.contains("#EXT-X-MAP:URI=\"segment_00000.ts\",BYTERANGE=\"564@0\"\n"), "{text}");
        assert!(text.contains("#EXT-X-BYTERANGE:1880@564\n#EXTINF:2.000000,\nsegment_00000.ts\n"), "{text}");
    }

    #[test]
    fn the_tables_of_an_encrypted_segment_are_encrypted_too() {
        let keyframe = KeyframeRange { offset: 564, length: 1880, duration_ticks: 50_000 };
        let key = m3u8_rs::Key {
            method: m3u8_rs::KeyMethod::AES128,
            uri: Some("https://k/1".to_owned()),
            iv: Some("0x00".to_owned()),
            ..m3u8_rs::Key::default()
        };
        let keyframes = vec![keyframe, keyframe];
        let segment = SegmentEntry { duration_ticks: 150_000, bytes: 18_800, keyframes, key: Some(key) };
        let segments = [segment.clone(), segment];
        let playlist = MuxedPlaylist { folder_uri: "", segments: &segments, timescale: 25_000, target_duration: 6 };
        let text = i_frame_playlist(&playlist, 564);
        let tags: Vec<&str> = text.lines().filter(|line| line.contains("KEY") || line.contains("MAP")).collect();
        let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/1\",IV=0x00";
        assert_eq!(tags, [key, "#EXT-X-MAP:URI=\"segment_00000.ts\",BYTERANGE=\"564@0\"", key], "{text}");
    }
}
