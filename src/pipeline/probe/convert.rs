//! From ffprobe's words to ours.

use std::{collections::BTreeSet, path::Path, time::Duration};

use super::{
    ProbeError,
    ffprobe_json::{self, Output, SideData, Stream, duration, number, ratio},
};
use crate::media::{
    AudioStream, Chapter, Colour, CoverArt, FrameRate, HdrMetadata, PictureSize, ScanType, SourceMedia, SubtitleStream,
    VideoStream,
};

/// Demuxers that open other files, with what they are for people.
const REFERRING_FORMATS: [(&str, &str); 8] = [
    ("hls", "playlist"),
    ("concat", "list of files to join"),
    ("concatf", "list of files to join"),
    ("dash", "manifest"),
    ("imf", "manifest"),
    ("sdp", "network session description"),
    ("avisynth", "script"),
    ("vapoursynth", "script"),
];

/// Demuxers of still pictures that are shown for a while.
const STILL_FORMATS: [&str; 5] = ["png_pipe", "jpeg_pipe", "webp_pipe", "tiff_pipe", "bmp_pipe"];

/// Refuses what is no single video file, as far as the demuxer tells.
pub(super) fn check_container(source: &Path, found: &Output) -> Result<(), ProbeError> {
    let format = found.format.format_name.as_str();
    if let Some((_, kind)) = REFERRING_FORMATS.into_iter().find(|(name, _)| *name == format) {
        return Err(ProbeError::RefersToOthers { source_file: source.to_owned(), kind });
    }
    let is_text = format == "tty";
    // Animated pictures (gif, apng) have demuxers of their own and are welcome.
    let is_picture =
        (format.ends_with("_pipe") && !STILL_FORMATS.contains(&format)) || format == "image2" || format == "ico";
    if is_text || is_picture {
        let kind = if is_text { "text" } else { "a still picture" };
        let detail = format!("ffprobe reads it as {kind} ({format})");
        return Err(ProbeError::NotMedia { source_file: source.to_owned(), detail });
    }
    Ok(())
}

/// All facts that ffprobe gave.
pub(super) fn source_media(found: &Output, size_bytes: u64) -> SourceMedia {
    let of_type = |kind: &'static str| found.streams.iter().filter(move |stream| stream.codec_type == kind);
    let mut video: Vec<VideoStream> = of_type("video").filter_map(video_stream).collect();
    let mut audio: Vec<AudioStream> = of_type("audio").filter_map(audio_stream).collect();
    let start = number(found.format.start_time.as_ref());
    let subtitles: Vec<SubtitleStream> = of_type("subtitle").filter_map(subtitle_stream).collect();
    let end_of_media = end_of_media((&video, &audio), start).filter(|_| !subtitles.is_empty());
    let told = found.format.duration.as_deref().and_then(positive_duration);
    if found.format.format_name.starts_with("matroska") {
        let file_end = told.unwrap_or(Duration::MAX);
        video.iter_mut().for_each(|track| end_no_later(&mut track.duration, track.start_time_seconds, file_end));
        audio.iter_mut().for_each(|track| end_no_later(&mut track.duration, track.start_time_seconds, file_end));
    }
    let longest = || {
        let video = video.iter().filter_map(|stream| stream.duration);
        video.chain(audio.iter().filter_map(|stream| stream.duration)).max()
    };
    SourceMedia {
        container: found.format.format_name.clone(),
        size_bytes,
        missing_bytes: 0,
        // Subtitles can be left on for days after all else has ended.
        duration: told.map(|told| end_of_media.map_or(told, |end| end.min(told))).or_else(longest),
        start_time_seconds: start,
        bitrate_bps: number(found.format.bit_rate.as_ref()),
        subtitles,
        subtitle_files: Vec::new(),
        chapters: found.chapters.iter().filter_map(chapter).collect(),
        cover: of_type("video").find_map(cover),
        attachments: of_type("attachment").count(),
        clock_goes_back: None,
        ends_are_measured: false,
        video,
        audio,
    }
}

/// When picture and sound have ended, counted from the start of the file; `None` unless each of them tells its length.
fn end_of_media((video, audio): (&[VideoStream], &[AudioStream]), start: Option<f64>) -> Option<Duration> {
    let of_video = video.iter().map(|stream| (stream.start_time_seconds, stream.duration));
    let of_audio = audio.iter().map(|stream| (stream.start_time_seconds, stream.duration));
    let ends = of_video.chain(of_audio).map(|(begin, length)| {
        let late = begin.zip(start).map_or(0.0, |(begin, start)| begin - start);
        length.map(|length| Duration::try_from_secs_f64(late).unwrap_or_default() + length)
    });
    ends.collect::<Option<Vec<Duration>>>()?.into_iter().max()
}

/// Why a file without pictures that ffprobe understands gives nothing to encode; `None` when its sound can be encoded.
pub(super) fn why_nothing(source: &Path, found: &Output, media: &SourceMedia) -> Option<ProbeError> {
    let source_file = source.to_owned();
    let unknown = found.streams.iter().find(|stream| stream.codec_type == "video" && !is_picture(stream));
    if let Some(stream) = unknown {
        let codec = stream.codec_name.as_deref().or(stream.codec_tag_string.as_deref()).unwrap_or("unknown");
        let detail = format!("codec or tag of the picture: {codec}");
        return Some(ProbeError::UnknownCodec { source_file, detail });
    }
    if media.audio.iter().any(|audio| audio.channels.is_some()) {
        return None;
    }
    let words = |stream: &Stream| match stream.codec_type.as_str() {
        "audio" => "sound",
        "subtitle" => "subtitles",
        "video" => "a still picture",
        _ => "data",
    };
    let contents: BTreeSet<&str> = found.streams.iter().map(words).collect();
    let contents = contents.into_iter().collect::<Vec<_>>().join(" and ");
    Some(ProbeError::NoVideo { source_file, contents })
}

/// Cover art and the like.
fn is_picture(stream: &Stream) -> bool {
    stream.disposition.attached_pic != 0 || stream.disposition.timed_thumbnails != 0
}

fn cover(stream: &Stream) -> Option<CoverArt> {
    let codec = known_codec(stream).filter(|_| stream.disposition.attached_pic != 0)?;
    Some(CoverArt { index: stream.index, codec })
}

fn video_stream(stream: &Stream) -> Option<VideoStream> {
    if is_picture(stream) {
        return None;
    }
    let codec = known_codec(stream)?;
    let (width, height) = (stream.width?, stream.height?);
    if width == 0 || height == 0 {
        return None;
    }
    Some(VideoStream {
        index: stream.index,
        codec,
        profile: known(stream.profile.as_ref()),
        pixel_format: pixel_format(stream),
        coded_size: PictureSize { width, height },
        sample_aspect_ratio: sample_aspect_ratio(stream),
        rotation_degrees: rotation(stream),
        exif_orientation: None,
        average_frame_rate: frame_rate(stream.avg_frame_rate.as_ref()),
        real_frame_rate: frame_rate(stream.r_frame_rate.as_ref()),
        scan: scan(stream.field_order.as_deref()),
        colour: colour(stream),
        duration: stream_duration(stream),
        start_time_seconds: number(stream.start_time.as_ref()),
        frame_count: number(stream.nb_frames.as_ref()).or_else(|| tag_number(stream, "NUMBER_OF_FRAMES")),
        bitrate_bps: bit_rate(stream),
        language: language(stream),
        is_default: stream.disposition.default != 0,
    })
}

/// Takes over what a frame tells that is of another size, shape or range than the stream was said to be.
pub(super) fn become_other(video: &mut VideoStream, frame: &Stream) {
    let Some((width, height)) = frame.width.zip(frame.height).filter(|(width, height)| *width > 0 && *height > 0)
    else {
        return;
    };
    let (size, shape, colour) = (PictureSize { width, height }, sample_aspect_ratio(frame), colour(frame));
    let is_same = size == video.coded_size
        && shape == video.sample_aspect_ratio
        && colour.dynamic_range() == video.colour.dynamic_range();
    if !is_same {
        video.coded_size = size;
        video.sample_aspect_ratio = shape;
        video.pixel_format = known(frame.pix_fmt.as_ref()).or(video.pixel_format.take());
        video.colour = colour;
    }
}

/// VP8 and VP9 keep transparency in a stream of its own beside each packet, which only a tag tells of.
fn pixel_format(stream: &Stream) -> Option<String> {
    let is_vpx = matches!(stream.codec_name.as_deref(), Some("vp8" | "vp9"));
    let told = known(stream.pix_fmt.as_ref())?;
    match told.strip_prefix("yuv4") {
        Some(rest) if is_vpx && stream.tags.get("alpha_mode") == Some("1") => Some(format!("yuva4{rest}")),
        _ => Some(told),
    }
}

fn audio_stream(stream: &Stream) -> Option<AudioStream> {
    let raw_bits: Option<u32> = number(stream.bits_per_raw_sample.as_ref());
    Some(AudioStream {
        index: stream.index,
        codec: known_codec(stream)?,
        profile: known(stream.profile.as_ref()),
        channels: stream.channels.filter(|channels| *channels > 0),
        channel_layout: known(stream.channel_layout.as_ref()),
        sample_rate_hz: number(stream.sample_rate.as_ref()).filter(|rate| *rate > 0),
        bits_per_sample: raw_bits.or(stream.bits_per_sample).filter(|bits| *bits > 0),
        duration: stream_duration(stream),
        start_time_seconds: number(stream.start_time.as_ref()),
        bitrate_bps: bit_rate(stream),
        language: language(stream),
        title: stream.tags.get("title").map(str::to_owned),
        is_default: stream.disposition.default != 0,
        is_commentary: stream.disposition.comment != 0,
        describes_video: stream.disposition.visual_impaired != 0,
    })
}

fn subtitle_stream(stream: &Stream) -> Option<SubtitleStream> {
    Some(SubtitleStream {
        index: stream.index,
        codec: known_codec(stream)?,
        language: language(stream),
        title: stream.tags.get("title").map(str::to_owned),
        is_forced: stream.disposition.forced != 0,
        is_default: stream.disposition.default != 0,
        is_for_hearing_impaired: stream.disposition.hearing_impaired != 0,
    })
}

fn chapter(chapter: &ffprobe_json::Chapter) -> Option<Chapter> {
    let start = duration(chapter.start_time.as_deref()?)?;
    let end = chapter.end_time.as_deref().and_then(duration).unwrap_or(start);
    Some(Chapter { start, end, title: chapter.tags.get("title").map(str::to_owned) })
}

fn known_codec(stream: &Stream) -> Option<String> {
    known(stream.codec_name.as_ref()).filter(|codec| codec != "none")
}

/// A word that says something; ffprobe writes `unknown` and bare numbers for what it can't name.
fn known(word: Option<&String>) -> Option<String> {
    word.filter(|word| !matches!(word.as_str(), "" | "unknown" | "unspecified" | "reserved" | "N/A")).cloned()
}

fn language(stream: &Stream) -> Option<String> {
    let told = stream.tags.get("language")?;
    // ffmpeg's words for two of MOV's numbers for languages, which mean others in ISO 639-3.
    let meant = match told {
        "sve" => "swe",
        "iri" => "gle",
        told => told,
    };
    Some(meant.to_owned())
}

fn tag_number(stream: &Stream, name: &str) -> Option<u64> {
    stream.tags.get(name)?.parse().ok()
}

fn bit_rate(stream: &Stream) -> Option<u64> {
    number(stream.bit_rate.as_ref()).filter(|rate| *rate > 0).or_else(|| tag_number(stream, "BPS"))
}

fn positive_duration(text: &str) -> Option<Duration> {
    duration(text).filter(|length| !length.is_zero())
}

fn stream_duration(stream: &Stream) -> Option<Duration> {
    let stated = stream.duration.as_deref().and_then(positive_duration);
    stated.or_else(|| tagged_duration(stream))
}

/// What Matroska's tag tells: ffmpeg writes the time at which a track ends into it, mkvmerge, which marks its statistics,
/// how long the track is.
fn tagged_duration(stream: &Stream) -> Option<Duration> {
    let told = stream.tags.get("DURATION").and_then(positive_duration)?;
    if stream.tags.get("_STATISTICS_TAGS").is_some() {
        return Some(told);
    }
    let start = Duration::try_from_secs_f64(number(stream.start_time.as_ref()).unwrap_or(0.0)).unwrap_or_default();
    Some(told.saturating_sub(start)).filter(|length| !length.is_zero())
}

/// A length that goes beyond the end of the file is the time at which the track ends: ffmpeg keeps the mark of mkvmerge's
/// statistics, and writes that over the length.
fn end_no_later(length: &mut Option<Duration>, start_seconds: Option<f64>, file_end: Duration) {
    let start = Duration::try_from_secs_f64(start_seconds.unwrap_or(0.0)).unwrap_or_default();
    if length.is_some_and(|length| start.saturating_add(length) > file_end.saturating_add(start / 2)) {
        *length = length.map(|end| end.saturating_sub(start)).filter(|length| !length.is_zero());
    }
}

fn frame_rate(text: Option<&String>) -> Option<FrameRate> {
    let (mut numerator, mut denominator) = ratio(text)?;
    // Averages over long files can have terms of more than 32 bits; the lost bits are far below a frame.
    while numerator > u64::from(u32::MAX) || denominator > u64::from(u32::MAX) {
        numerator >>= 1;
        denominator >>= 1;
    }
    FrameRate::new(u32::try_from(numerator).ok()?, u32::try_from(denominator).ok()?)
}

fn sample_aspect_ratio(stream: &Stream) -> (u32, u32) {
    match ratio(stream.sample_aspect_ratio.as_ref()) {
        Some((width, height)) if width > 0 && height > 0 => match (u32::try_from(width), u32::try_from(height)) {
            (Ok(width), Ok(height)) => (width, height),
            _ => (1, 1),
        },
        _ => (1, 1),
    }
}

/// The clockwise turn: the display matrix tells the counter-clockwise one, the tag of older versions the clockwise one.
fn rotation(stream: &Stream) -> u16 {
    let matrix = stream.side_data_list.iter().find_map(|data| data.rotation).map(|turn| -turn);
    let tag = || stream.tags.get("rotate").and_then(|turn| turn.parse().ok());
    let clockwise: f64 = matrix.or_else(tag).unwrap_or(0.0);
    let quarter_turns = (clockwise / 90.0).round();
    if !quarter_turns.is_finite() {
        return 0;
    }
    (quarter_turns.rem_euclid(4.0) as u16) * 90
}

fn scan(field_order: Option<&str>) -> ScanType {
    // The second letter tells which field is shown first, the first which is stored first.
    match field_order {
        Some("progressive") => ScanType::Progressive,
        Some("tt" | "bt") => ScanType::InterlacedTopFirst,
        Some("bb" | "tb") => ScanType::InterlacedBottomFirst,
        _ => ScanType::Unknown,
    }
}

fn colour(stream: &Stream) -> Colour {
    let mut hdr = None;
    add_hdr_metadata(&mut hdr, &stream.side_data_list);
    Colour {
        primaries: known(stream.color_primaries.as_ref()),
        transfer: known(stream.color_transfer.as_ref()),
        matrix: known(stream.color_space.as_ref()),
        range: known(stream.color_range.as_ref()),
        hdr,
    }
}

/// A number that is written as a fraction.
fn fraction(text: Option<&String>) -> Option<f64> {
    let (value, unit) = ratio(text)?;
    (unit > 0).then(|| value as f64 / unit as f64)
}

fn chromaticities(data: &SideData) -> Option<[(f64, f64); 4]> {
    let point = |x: &Option<String>, y: &Option<String>| fraction(x.as_ref()).zip(fraction(y.as_ref()));
    Some([
        point(&data.red_x, &data.red_y)?,
        point(&data.green_x, &data.green_y)?,
        point(&data.blue_x, &data.blue_y)?,
        point(&data.white_point_x, &data.white_point_y)?,
    ])
}

/// Adds what side data of a stream or frame tell, keeping what is known already.
pub(super) fn add_hdr_metadata(hdr: &mut Option<HdrMetadata>, side_data: &[SideData]) {
    for data in side_data {
        let kind = data.side_data_type.as_str();
        if kind.starts_with("Mastering display") {
            let hdr = hdr.get_or_insert_default();
            hdr.mastering_max_luminance = hdr.mastering_max_luminance.or(fraction(data.max_luminance.as_ref()));
            hdr.mastering_min_luminance = hdr.mastering_min_luminance.or(fraction(data.min_luminance.as_ref()));
            hdr.mastering_chromaticities = hdr.mastering_chromaticities.or_else(|| chromaticities(data));
        } else if kind.starts_with("Content light level") {
            let hdr = hdr.get_or_insert_default();
            hdr.max_content_light_level = hdr.max_content_light_level.or(data.max_content);
            hdr.max_frame_average_light_level = hdr.max_frame_average_light_level.or(data.max_average);
        } else if kind.starts_with("DOVI") || kind.starts_with("Dolby Vision") {
            hdr.get_or_insert_default().dolby_vision = true;
        }
    }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
