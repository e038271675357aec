//! Playlists of the MPEG-TS form: as those of fMP4, but with sound in every variant and without init segments.

use m3u8_rs::{ByteRange, Map, MediaPlaylist, MediaPlaylistType, MediaSegment};

use crate::{
    media::FrameRate,
    pipeline::{
        layout::transport_segment_file_name,
        package::hls::{self, SegmentEntry, VideoVariant},
    },
};

/// What EXTINF with decimals needs (rfc8216bis 8).
const MEDIA_VERSION: usize = 3;
/// What EXT-X-MAP in a playlist of I-frames needs (rfc8216bis 8).
const I_FRAME_VERSION: usize = 5;

/// A variant with its sound in the same segments.
pub(super) struct MuxedVariant {
    /// The picture; its rates are those of picture and sound together.
    pub(super) video: VideoVariant,
    /// CODECS of the sound, if there is some.
    pub(super) sound_codecs: Option<String>,
}

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
        ..MediaSegment::default()
    });
    hls::write_media(&MediaPlaylist { segments: entries.collect(), ..frame(MEDIA_VERSION, playlist.target_duration) })
}

/// The I-frame playlist of a rendition, whose first segment begins with `tables_bytes` of programme tables.
pub(super) fn i_frame_playlist(playlist: &MuxedPlaylist<'_>, tables_bytes: u64) -> String {
    let keyframes = (0..)
        .zip(playlist.segments)
        .flat_map(|(number, segment)| segment.keyframes.iter().map(move |keyframe| (number, keyframe)));
    let tables = || Map {
        uri: playlist.segment_uri(0),
        byte_range: Some(ByteRange { length: tables_bytes, offset: Some(0) }),
        ..Map::default()
    };
    let entries = keyframes.enumerate().map(|(index, (number, keyframe))| MediaSegment {
        uri: playlist.segment_uri(number),
        duration: hls::seconds(keyframe.duration_ticks, playlist.timescale) as f32,
        byte_range: Some(ByteRange { length: keyframe.length, offset: Some(keyframe.offset) }),
        map: (index == 0).then(tables),
        ..MediaSegment::default()
    });
    hls::write_media(&MediaPlaylist {
        segments: entries.collect(),
        i_frames_only: true,
        ..frame(I_FRAME_VERSION, playlist.target_duration)
    })
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

/// The multivariant playlist.
pub(super) fn multivariant_playlist(variants: &[MuxedVariant], frame_rate: FrameRate) -> String {
    let videos: Vec<VideoVariant> = variants.iter().map(|variant| variant.video.clone()).collect();
    let sound_codecs = variants.iter().find_map(|variant| variant.sound_codecs.as_deref());
    hls::muxed_multivariant_playlist(&videos, sound_codecs, frame_rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::package::segmenter::KeyframeRange;

    #[test]
    fn keyframes_are_read_after_the_tables_of_the_first_segment() {
        let keyframe = KeyframeRange { offset: 564, length: 1880, duration_ticks: 50_000 };
        let segment = SegmentEntry { duration_ticks: 150_000, bytes: 18_800, keyframes: vec![keyframe] };
        let playlist = MuxedPlaylist { folder_uri: "", segments: &[segment], timescale: 25_000, target_duration: 6 };
        let text = i_frame_playlist(&playlist, 564);
        assert!(text.contains("#EXT-X-MAP:URI=\"segment_00000.ts\",BYTERANGE=\"564@0\"\n"), "{text}");
        assert!(text.contains("#EXT-X-BYTERANGE:1880@564\n#EXTINF:2.000000,\nsegment_00000.ts\n"), "{text}");
    }
}
