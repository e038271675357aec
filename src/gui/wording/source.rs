//! What a source is, in facts for people.

use super::BETWEEN_FACTS;
use crate::{format, media::SourceMedia};

/// `1920×1080 · 25 fps · 00:42:10 · 18.4 GB`; the facts that are not known are left out.
pub fn source_facts(source: &SourceMedia) -> String {
    let mut facts = Vec::new();
    if let Some(video) = source.main_video() {
        let interlaced = if video.scan.is_interlaced() { "i" } else { "" };
        facts.push(format!("{}{interlaced}", video.display_size()));
        if video.is_variable_frame_rate() {
            facts.push("VFR".to_owned());
        } else if let Some(rate) = video.average_frame_rate.or(video.real_frame_rate) {
            facts.push(format::frames_per_second(rate.per_second()));
        }
    }
    facts.extend(source.picture_duration().map(format::clock));
    if source.size_bytes > 0 {
        facts.push(format::bytes(source.size_bytes));
    }
    facts.join(BETWEEN_FACTS)
}

/// `ProRes 422 HQ · 1920×1080 · 25 fps · bt709 · stereo 24-bit` for the panel.
pub fn source_description(source: &SourceMedia) -> String {
    let mut facts = Vec::new();
    if let Some(video) = source.main_video() {
        facts.push(with_profile(&codec_name(&video.codec), video.profile.as_deref()));
        facts.push(video.display_size().to_string());
        if let Some(rate) = video.average_frame_rate.or(video.real_frame_rate) {
            facts.push(format::frames_per_second(rate.per_second()));
        }
        facts.extend(video.colour.primaries.clone());
    }
    if let Some(audio) = source.main_audio() {
        let layout = audio.channel_layout.as_deref().map(|layout| layout.trim_end_matches("(side)").to_owned());
        let channels =
            layout.or_else(|| audio.channels.map(|count| format::count(count.into(), "channel", "channels")));
        let depth = audio.bits_per_sample.filter(|bits| *bits > 0).map(|bits| format!("{bits}-bit"));
        let words: Vec<String> = [Some(codec_name(&audio.codec)), channels, depth].into_iter().flatten().collect();
        facts.push(words.join(" "));
    }
    facts.join(BETWEEN_FACTS)
}

fn with_profile(codec: &str, profile: Option<&str>) -> String {
    match profile {
        Some(profile) if !profile.is_empty() && profile != "unknown" => format!("{codec} {profile}"),
        _ => codec.to_owned(),
    }
}

/// The field's name of a codec that ffmpeg writes in its own way.
fn codec_name(ffmpeg_name: &str) -> String {
    let known = match ffmpeg_name {
        "h264" => "H.264",
        "hevc" => "HEVC",
        "av1" => "AV1",
        "vp8" => "VP8",
        "vp9" => "VP9",
        "prores" => "ProRes",
        "dnxhd" => "DNxHD",
        "mpeg2video" => "MPEG-2",
        "mpeg4" => "MPEG-4",
        "mjpeg" => "MJPEG",
        "aac" => "AAC",
        "ac3" => "AC-3",
        "eac3" => "E-AC-3",
        "mp3" => "MP3",
        "opus" => "Opus",
        "flac" => "FLAC",
        other if other.starts_with("pcm_") => "PCM",
        other => return other.to_owned(),
    };
    known.to_owned()
}
