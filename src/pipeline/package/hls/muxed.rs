//! The multivariant playlist of renditions that hold their sound in the same segments.

use std::collections::HashMap;

use m3u8_rs::{ClosedCaptionGroupId, MasterPlaylist, VariantStream};

use super::{
    MeasuredRates, SubtitleTrack, VideoVariant, add_subtitles, i_frame_variant, in_order, rate_attribute,
    subtitle_alternative, video_variant, write_multivariant,
};
use crate::media::FrameRate;

/// What EXT-X-I-FRAME-STREAM-INF came with (rfc8216bis 8).
const VERSION: usize = 4;

/// The sound in the segments of every variant, which is there as a variant of its own too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pipeline::package) struct MuxedSound {
    /// CODECS.
    pub(in crate::pipeline::package) codecs: String,
    /// URI of the media playlist of sound alone.
    pub(in crate::pipeline::package) uri: String,
    /// Rates of sound alone.
    pub(in crate::pipeline::package) rates: MeasuredRates,
}

/// The multivariant playlist of renditions that hold their sound in the same segments, whose rates thus include it.
pub(in crate::pipeline::package) fn muxed_multivariant_playlist(
    videos: &[VideoVariant],
    sound: Option<&MuxedSound>,
    subtitles: &[SubtitleTrack<'_>],
    frame_rate: FrameRate,
) -> String {
    let ordered = in_order(videos, 0);
    let with_sound = |video: &VideoVariant| {
        let codecs = sound.map_or_else(|| video.codecs.clone(), |sound| format!("{},{}", video.codecs, sound.codecs));
        let other_attributes = Some(HashMap::from([rate_attribute(frame_rate)]));
        VariantStream { codecs: Some(codecs), other_attributes, ..video_variant(video, None) }
    };
    let alone = |sound: &MuxedSound| VariantStream {
        uri: sound.uri.clone(),
        bandwidth: sound.rates.peak_bps,
        average_bandwidth: Some(sound.rates.average_bps),
        codecs: Some(sound.codecs.clone()),
        closed_captions: Some(ClosedCaptionGroupId::None),
        ..VariantStream::default()
    };
    let mut variants: Vec<VariantStream> = ordered.iter().map(|video| with_sound(video)).collect();
    variants.extend(sound.map(alone));
    add_subtitles(&mut variants, subtitles);
    variants.extend(ordered.iter().filter_map(|video| i_frame_variant(video)));
    write_multivariant(&MasterPlaylist {
        version: Some(VERSION),
        independent_segments: true,
        alternatives: subtitles.iter().map(subtitle_alternative).collect(),
        variants,
        ..MasterPlaylist::default()
    })
}
