//! What each container holds, as players of it know it, and what fits it best. Pure.

use crate::job::{FileAudioCodec, FileFormat, FileVideoCodec};

/// Subtitles in text that can be turned into one another.
pub(super) const TEXT_SUBTITLES: [&str; 7] = ["subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"];

/// Codecs of moving pictures, by ffmpeg's names, that are copied into a container.
pub(super) fn holds_picture(format: FileFormat, codec: &str) -> bool {
    let held: &[&str] = match format {
        FileFormat::Mp4 => &["h264", "hevc", "av1", "vp9", "mpeg4"],
        FileFormat::Mov => &["h264", "hevc", "mpeg4", "prores", "dnxhd", "mjpeg"],
        FileFormat::Mkv => &[
            "h264",
            "hevc",
            "av1",
            "vp8",
            "vp9",
            "mpeg1video",
            "mpeg2video",
            "mpeg4",
            "prores",
            "ffv1",
            "theora",
            "mjpeg",
        ],
        FileFormat::Webm => &["vp8", "vp9", "av1"],
        FileFormat::Avi => &["mpeg4", "mjpeg", "msmpeg4v3"],
        FileFormat::Gif => &["gif"],
        _ => &[],
    };
    held.contains(&codec)
}

/// Codecs of sound, by ffmpeg's names, that are copied into a container.
pub(super) fn holds_sound(format: FileFormat, codec: &str) -> bool {
    let held: &[&str] = match format {
        FileFormat::Mp4 => &["aac", "mp3", "ac3", "eac3", "opus", "alac"],
        FileFormat::Mov => &["aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"],
        FileFormat::Mkv => &[
            "aac",
            "mp3",
            "mp2",
            "ac3",
            "eac3",
            "dts",
            "truehd",
            "opus",
            "vorbis",
            "flac",
            "pcm_s16le",
            "pcm_s24le",
            "pcm_f32le",
        ],
        FileFormat::Webm => &["opus", "vorbis"],
        FileFormat::Avi => &["mp3", "mp2", "ac3", "pcm_s16le", "pcm_u8"],
        FileFormat::Gif => &[],
        FileFormat::M4a => &["aac", "alac"],
        FileFormat::Mp3 => &["mp3"],
        FileFormat::Opus => &["opus"],
        FileFormat::Ogg => &["vorbis", "opus", "flac"],
        FileFormat::Wav => &["pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_u8", "pcm_f32le"],
        FileFormat::Flac => &["flac"],
    };
    held.contains(&codec)
}

/// The codecs that pictures are encoded with for a container, the usual one first.
pub(super) fn picture_codecs(format: FileFormat) -> &'static [FileVideoCodec] {
    use FileVideoCodec::{Av1, Gif, H264, Hevc, Mpeg4, Vp9};
    match format {
        FileFormat::Mp4 | FileFormat::Mkv => &[H264, Hevc, Av1, Vp9, Mpeg4],
        FileFormat::Mov => &[H264, Hevc, Mpeg4],
        FileFormat::Webm => &[Vp9, Av1],
        FileFormat::Avi => &[Mpeg4],
        FileFormat::Gif => &[Gif],
        _ => &[],
    }
}

/// The codecs that sound is encoded with for a container, the usual one first.
pub(super) fn sound_codecs(format: FileFormat) -> &'static [FileAudioCodec] {
    use FileAudioCodec::{Aac, Flac, Mp3, Opus, Pcm, Vorbis};
    match format {
        FileFormat::Mp4 => &[Aac, Mp3, Opus],
        FileFormat::Mov => &[Aac, Mp3, Pcm],
        FileFormat::Mkv => &[Aac, Mp3, Opus, Vorbis, Flac, Pcm],
        FileFormat::Webm => &[Opus, Vorbis],
        FileFormat::Avi => &[Mp3, Pcm],
        FileFormat::Gif => &[],
        FileFormat::M4a => &[Aac],
        FileFormat::Mp3 => &[Mp3],
        FileFormat::Opus => &[Opus],
        FileFormat::Ogg => &[Vorbis, Opus, Flac],
        FileFormat::Wav => &[Pcm],
        FileFormat::Flac => &[Flac],
    }
}

/// The codec, by ffmpeg's name of its encoder, in which subtitles in text go into a container.
pub(super) fn subtitle_encoder(format: FileFormat) -> Option<&'static str> {
    match format {
        FileFormat::Mp4 | FileFormat::Mov => Some("mov_text"),
        FileFormat::Mkv => Some("srt"),
        FileFormat::Webm => Some("webvtt"),
        _ => None,
    }
}

/// Codecs of subtitles, by ffmpeg's names, that are copied into a container.
pub(super) fn holds_subtitles(format: FileFormat, codec: &str) -> bool {
    const IN_MATROSKA: [&str; 7] = ["subrip", "srt", "ass", "ssa", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"];
    format == FileFormat::Mkv && IN_MATROSKA.contains(&codec)
}

/// Codecs of cover art, by ffmpeg's names, that are copied into a container.
pub(super) fn holds_cover(format: FileFormat, codec: &str) -> bool {
    let is_held = match format {
        FileFormat::Mp4 | FileFormat::M4a | FileFormat::Mp3 | FileFormat::Flac => true,
        FileFormat::Mkv | FileFormat::Ogg | FileFormat::Opus => true,
        FileFormat::Mov | FileFormat::Webm | FileFormat::Avi | FileFormat::Gif | FileFormat::Wav => false,
    };
    is_held && matches!(codec, "mjpeg" | "png")
}

/// Where a container has cover art.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoverPlace {
    /// As a stream that is marked.
    Stream,
    /// As an attached file.
    Attachment,
    /// Among the comments.
    Comment,
}

/// Where this one has it, if it holds any.
pub(super) fn cover_place(format: FileFormat) -> CoverPlace {
    match format {
        FileFormat::Mkv => CoverPlace::Attachment,
        FileFormat::Ogg | FileFormat::Opus => CoverPlace::Comment,
        _ => CoverPlace::Stream,
    }
}

/// How many tracks of sound a container has.
pub(super) fn most_tracks(format: FileFormat) -> usize {
    match format {
        FileFormat::Mp4 | FileFormat::Mov | FileFormat::Mkv | FileFormat::Webm => 16,
        _ => 1,
    }
}

/// ffmpeg's name of the muxer.
pub(super) fn muxer(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Mp4 => "mp4",
        FileFormat::Mov => "mov",
        FileFormat::Mkv => "matroska",
        FileFormat::Webm => "webm",
        FileFormat::Avi => "avi",
        FileFormat::Gif => "gif",
        // Not `ipod`, whose brand some players take for a protected file.
        FileFormat::M4a => "mp4",
        FileFormat::Mp3 => "mp3",
        FileFormat::Opus => "opus",
        FileFormat::Ogg => "ogg",
        FileFormat::Wav => "wav",
        FileFormat::Flac => "flac",
    }
}

/// Whether the container is a kind of MP4.
pub(super) fn is_iso_media(format: FileFormat) -> bool {
    matches!(format, FileFormat::Mp4 | FileFormat::Mov | FileFormat::M4a)
}

/// The name of a codec for people, and ffmpeg's name of what comes out.
pub(super) fn picture_names(codec: FileVideoCodec) -> (&'static str, &'static str) {
    match codec {
        FileVideoCodec::H264 => ("H.264", "h264"),
        FileVideoCodec::Hevc => ("HEVC", "hevc"),
        FileVideoCodec::Av1 => ("AV1", "av1"),
        FileVideoCodec::Vp9 => ("VP9", "vp9"),
        FileVideoCodec::Mpeg4 => ("MPEG-4", "mpeg4"),
        FileVideoCodec::Gif => ("GIF", "gif"),
    }
}

/// The name of a codec for people, and ffmpeg's name of its encoder.
pub(super) fn sound_names(codec: FileAudioCodec) -> (&'static str, &'static str) {
    match codec {
        FileAudioCodec::Aac => ("AAC", "aac"),
        FileAudioCodec::Mp3 => ("MP3", "libmp3lame"),
        FileAudioCodec::Opus => ("Opus", "libopus"),
        FileAudioCodec::Vorbis => ("Vorbis", "libvorbis"),
        FileAudioCodec::Flac => ("FLAC", "flac"),
        FileAudioCodec::Pcm => ("PCM", "pcm_s16le"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_has_codecs_for_what_it_holds() {
        for format in FileFormat::ALL {
            assert_eq!(!picture_codecs(format).is_empty(), format.has_picture(), "{format:?}");
            assert_eq!(!sound_codecs(format).is_empty(), format.has_sound(), "{format:?}");
            for codec in picture_codecs(format) {
                assert!(holds_picture(format, picture_names(*codec).1), "{format:?} {codec:?}");
            }
        }
    }
}
