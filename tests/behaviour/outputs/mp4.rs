//! One progressive MP4 for each rendition.

use std::{fs::File, io::BufReader, path::Path, process::Command};

use mp4_atom::{Header, ReadFrom};

use super::{Made, seconds_of};
use crate::support::{
    browser,
    clips::{self, Clip},
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions},
    output_of, system_tool,
};

/// Kinds of the boxes of a file, in order.
fn box_kinds(file: &Path) -> Vec<String> {
    let mut reader = BufReader::new(File::open(file).expect("the file is there"));
    let mut kinds = Vec::new();
    while let Some(header) = <Option<Header> as ReadFrom>::read_from(&mut reader).expect("whole boxes") {
        kinds.push(header.kind.to_string());
        let size = header.size.and_then(|size| i64::try_from(size).ok()).expect("a size");
        reader.seek_relative(size).expect("whole boxes");
    }
    kinds
}

/// The decoded frames of a stream: each with its time in ticks of its time base, and a checksum of what it shows.
fn decoded(file: &Path, stream: &str) -> Vec<(i64, String)> {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    command.args(["-map", stream, "-fps_mode", "passthrough", "-f", "framehash", "-hash", "crc32", "-"]);
    let text = String::from_utf8(output_of(command)).expect("text");
    let frame = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        (fields[2].parse().expect("a time"), fields[fields.len() - 1].to_owned())
    };
    text.lines().filter(|line| !line.starts_with('#')).map(frame).collect()
}

fn facts(file: &Path) -> serde_json::Value {
    let mut command = Command::new(system_tool("ffprobe"));
    command.args(["-v", "warning", "-show_streams", "-show_format", "-of", "json"]).arg(file);
    let output = crate::support::run(command);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", file.display());
    serde_json::from_slice(&output.stdout).expect("ffprobe writes JSON")
}

fn seconds(value: &serde_json::Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no time"))
}

fn assert_right(clip: &'static Clip, version: FfmpegVersion) {
    let made = Made::of(clip, version);
    for name in made.stream.video_renditions() {
        let file = made.path(&format!("mp4/{name}.mp4"));
        assert_eq!(box_kinds(&file), ["ftyp", "moov", "mdat"], "{name}: the tables are not before the media");
        let facts = facts(&file);
        let has_sound = made.stream.audio_rendition().is_some();
        let streams = facts["streams"].as_array().expect("streams");
        assert_eq!(streams.len(), 1 + usize::from(has_sound), "{name}");
        for stream in streams {
            assert_eq!(seconds(&stream["start_time"]), 0.0, "{name}: {stream:#}");
            assert!((seconds(&stream["duration"]) - seconds_of(clip)).abs() < 0.045, "{name}: {stream:#}");
        }
        let pictures = decoded(&file, "0:v:0");
        assert_eq!(pictures.len(), clip.frames, "{name}");
        assert_eq!(pictures[0].0, 0, "{name}");
        let steps: Vec<i64> = pictures.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(steps.iter().all(|step| *step == steps[0]), "{name}: frames are not evenly spaced");
        let shown = |frames: Vec<(i64, String)>| frames.into_iter().map(|(_, hash)| hash).collect::<Vec<_>>();
        let in_segments = decoded(&made.stream.whole(&name, &made.workplace()), "0:v:0");
        assert_eq!(shown(pictures), shown(in_segments), "{name}: other pictures than in the segments");
        if let Some(audio) = made.stream.audio_rendition() {
            let sound = decoded(&file, "0:a:0");
            assert_eq!(sound[0].0, 0, "{name}");
            let in_segments = decoded(&made.stream.whole(&audio, &made.workplace()), "0:a:0");
            assert_eq!(shown(sound), shown(in_segments), "{name}: other sound than in the segments");
        }
    }
}

on_both_ffmpeg_versions! {
    fn each_file_has_the_pictures_and_the_sound_of_the_segments_from_time_0_on(version) {
        assert_right(&clips::FILM, version);
    }
}

#[test]
fn a_silent_film_becomes_a_file_without_sound() {
    assert_right(&clips::PORTRAIT_SILENT, FfmpegVersion::System);
}

#[test]
fn a_file_plays_to_the_end_in_a_browser() {
    let made = Made::of(&clips::FILM, FfmpegVersion::System);
    let playback = browser::play_file(&made.path("mp4/360p.mp4"));
    assert_eq!(playback.error, "");
    assert!(playback.refused.is_empty(), "{:?}", playback.refused);
    let variant = made.stream.variants().into_iter().find(|variant| variant.uri.starts_with("360p/"));
    let size = variant.and_then(|variant| variant.resolution).expect("a size");
    assert_eq!(playback.shown, [size.width, size.height]);
    assert!((playback.played_to - seconds_of(&clips::FILM)).abs() < 0.1, "{playback:?}");
    assert!((playback.duration - seconds_of(&clips::FILM)).abs() < 0.1, "{playback:?}");
    assert!(playback.audio_bytes > 0, "no sound was decoded");
}
