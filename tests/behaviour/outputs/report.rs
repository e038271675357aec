//! The report on all files.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

use super::{Made, seconds_of};
use crate::support::{clips, ffmpeg::FfmpegVersion, output_of, system_tool, user::files_under};

fn report(made: &Made) -> Value {
    serde_json::from_str(&made.stream.text("report.json")).expect("JSON")
}

#[test]
fn every_file_is_listed_with_its_size_and_checksum() {
    let made = Made::of(&clips::FILM, FfmpegVersion::System);
    let report = report(&made);
    let files = report["files"].as_array().expect("files");
    let listed: BTreeSet<String> = files.iter().map(|file| file["path"].as_str().expect("a path").to_owned()).collect();
    let mut there: BTreeSet<String> = files_under(&made.stream.folder).into_iter().collect();
    assert!(there.remove("report.json"));
    assert_eq!(listed, there);
    let mut command = Command::new(system_tool("sha256sum"));
    command.arg("--").args(&listed).current_dir(&made.stream.folder);
    let sums = String::from_utf8(output_of(command)).expect("text");
    for (line, file) in sums.lines().zip(files) {
        let (sum, path) = line.split_once("  ").expect("a checksum and a name");
        assert_eq!((file["sha256"].as_str(), file["path"].as_str()), (Some(sum), Some(path)));
        let bytes = made.path(path).metadata().expect("a file").len();
        assert_eq!(file["bytes"], bytes, "{path}");
    }
}

#[test]
fn durations_and_bit_rates_are_those_of_the_media() {
    let made = Made::of(&clips::FILM, FfmpegVersion::System);
    let report = report(&made);
    let of = |path: &str| report["files"].as_array().expect("files").iter().find(|file| file["path"] == path).cloned();
    let film = of("mp4/360p.mp4").expect("the MP4 is listed");
    let seconds = film["duration_seconds"].as_f64().expect("a duration");
    assert!((seconds - seconds_of(&clips::FILM)).abs() < 0.001, "{film:#}");
    let rate = film["bytes"].as_f64().expect("a size") * 8.0 / seconds;
    assert!((film["average_bps"].as_f64().expect("a rate") / rate - 1.0).abs() < 0.001, "{film:#}");
    assert_eq!(film["content_type"], "video/mp4");
    assert_eq!(of("audio/segment_00000.m4s").expect("the sound is listed")["content_type"], "audio/mp4");
    assert_eq!(of("master.m3u8").expect("the playlist is listed")["duration_seconds"], Value::Null);
    for rendition in report["renditions"].as_array().expect("renditions") {
        let name = rendition["name"].as_str().expect("a name");
        let segments = made.stream.segments(name, &made.workplace());
        let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
        assert_eq!((&rendition["bytes"], &rendition["segments"]), (&bytes.into(), &segments.len().into()), "{name}");
        let seconds: f64 = segments.iter().map(|segment| segment.told_duration).sum();
        let average = bytes as f64 * 8.0 / seconds;
        assert!((rendition["average_bps"].as_f64().expect("a rate") / average - 1.0).abs() < 0.001, "{name}");
    }
}
