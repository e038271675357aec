//! `reelpress probe`: what a file is.

use std::path::Path;

use serde::Serialize;

use super::{Context, Outcome, ProbeArguments, toolbox};
use crate::{
    format,
    media::{AudioStream, Colour, ScanType, SourceMedia, SubtitleStream, VideoStream, container_name},
    pipeline::probe::{ProbeError, probe},
    preset::BitRate,
    tools::cancel::CancelToken,
};

pub(super) fn run(context: &Context, arguments: &ProbeArguments, interrupt: &CancelToken) -> Outcome {
    let toolbox = match toolbox(context) {
        Ok(toolbox) => toolbox,
        Err(outcome) => return outcome,
    };
    match probe(&arguments.file, &toolbox, interrupt) {
        Ok(media) if arguments.json => {
            let container_name = container_name(&media.container, &arguments.file);
            context.output.pretty_json(&Probed { media: &media, container_name });
        }
        Ok(media) => lines(&arguments.file, &media).iter().for_each(|line| context.output.data(line)),
        Err(ProbeError::Cancelled) => return Outcome::Interrupted,
        Err(error) => {
            let failure = error.into_failure();
            context.output.failure(None, &failure);
            return Outcome::of(&failure);
        }
    }
    Outcome::AllDone
}

/// What `--json` prints.
#[derive(Serialize)]
struct Probed<'a> {
    #[serde(flatten)]
    media: &'a SourceMedia,
    /// The container for people; `container` is ffmpeg's own name of it.
    container_name: String,
}

/// What people want to know of a file, one fact a line.
fn lines(file: &Path, media: &SourceMedia) -> Vec<String> {
    let mut lines = vec![file.display().to_string()];
    let length = media.duration.map_or_else(|| "unknown length".to_owned(), format::clock);
    let mut whole = vec![container_name(&media.container, file), length, format::bytes(media.size_bytes)];
    whole.extend(media.bitrate_bps.map(|rate| format::bit_rate(BitRate::from_bits(rate))));
    let start = media.start_time_seconds.filter(|start| start.abs() > 0.001);
    whole.extend(start.map(|start| format!("starts at {start:.3} s")));
    lines.push(fact("File", &whole));
    lines.extend(media.video.iter().map(|stream| fact("Video", &video(stream))));
    lines.extend(media.audio.iter().map(|stream| fact("Sound", &audio(stream))));
    lines.extend(media.subtitles.iter().map(|stream| fact("Subtitles", &subtitle(stream))));
    for chapter in &media.chapters {
        let title = chapter.title.clone().unwrap_or_default();
        lines.push(fact("Chapter", &[format::clock(chapter.start), title]));
    }
    let badges = media.badges();
    if !badges.is_empty() {
        lines.push(fact("Noted", &badges));
    }
    lines
}

fn fact(name: &str, parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    format!("  {name:10} {}", parts.join(", "))
}

fn video(stream: &VideoStream) -> Vec<String> {
    let codec = match &stream.profile {
        Some(profile) => format!("{} ({profile})", stream.codec),
        None => stream.codec.clone(),
    };
    let mut parts = vec![codec, stream.coded_size.to_string()];
    if stream.display_size() != stream.coded_size {
        parts.push(format!("seen as {}", stream.display_size()));
    }
    if stream.rotation_degrees != 0 {
        parts.push(format!("turned {}° clockwise", stream.rotation_degrees));
    }
    parts.extend(stream.average_frame_rate.map(|rate| format::frames_per_second(rate.per_second())));
    match stream.scan {
        ScanType::InterlacedTopFirst => parts.push("interlaced, top field first".to_owned()),
        ScanType::InterlacedBottomFirst => parts.push("interlaced, bottom field first".to_owned()),
        ScanType::Progressive | ScanType::Unknown => {}
    }
    parts.extend(stream.pixel_format.clone());
    parts.extend(colour(&stream.colour));
    parts.extend(stream.bitrate_bps.map(|rate| format::bit_rate(BitRate::from_bits(rate))));
    parts.extend(stream.language.clone().filter(|language| language != "und"));
    parts
}

fn colour(colour: &Colour) -> Option<String> {
    let parts = [&colour.primaries, &colour.transfer, &colour.matrix, &colour.range];
    let mut known: Vec<&str> = parts.into_iter().filter_map(|part| part.as_deref()).collect();
    known.dedup();
    (!known.is_empty()).then(|| known.join("/"))
}

fn audio(stream: &AudioStream) -> Vec<String> {
    let mut parts = vec![stream.codec.clone()];
    let channels = stream.channels.map(|channels| format!("{channels} channels"));
    parts.extend(stream.channel_layout.clone().or(channels));
    parts.extend(stream.sample_rate_hz.map(|rate| format!("{rate} Hz")));
    parts.extend(stream.bitrate_bps.map(|rate| format::bit_rate(BitRate::from_bits(rate))));
    parts.extend(stream.language.clone().filter(|language| language != "und"));
    parts.extend(stream.title.clone());
    parts
}

fn subtitle(stream: &SubtitleStream) -> Vec<String> {
    let mut parts = vec![stream.codec.clone()];
    parts.extend(stream.language.clone().filter(|language| language != "und"));
    parts.extend(stream.title.clone());
    if stream.is_forced {
        parts.push("forced".to_owned());
    }
    parts
}
