//! Storyboard and thumbnails.

use std::{path::Path, process::Command};

use super::{Made, encode, seconds_of};
use crate::support::{
    clips::{self, Clip},
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions, stream_facts},
    output_of, system_tool,
    user::User,
};

/// A cue of the storyboard's index: from, to, sheet, and its part of it as x, y, width, height.
type Cue = (f64, f64, String, [u32; 4]);

fn cues(text: &str) -> Vec<Cue> {
    let clock = |text: &str| text.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().expect("a time"));
    assert!(text.starts_with("WEBVTT\n\n"), "{text}");
    let cue = |block: &str| {
        let (times, picture) = block.split_once('\n').expect("two lines");
        let (from, to) = times.split_once(" --> ").expect("two times");
        let (sheet, part) = picture.trim().split_once("#xywh=").expect("a part");
        let numbers: Vec<u32> = part.split(',').map(|number| number.parse().expect("a number")).collect();
        (clock(from), clock(to), sheet.to_owned(), numbers.try_into().expect("four numbers"))
    };
    text.trim_end().split("\n\n").skip(1).map(cue).collect()
}

/// What a filter makes of a file, as red, green and blue bytes.
fn pixels(file: &Path, filter: &str) -> Vec<u8> {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    command.args(["-map", "0:v:0", "-vf", filter, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
    output_of(command)
}

fn assert_storyboard(clip: &'static Clip, version: FfmpegVersion) {
    let made = Made::of(clip, version);
    let cues = cues(&made.stream.text("storyboard/storyboard.vtt"));
    assert_eq!(cues[0].0, 0.0);
    assert!(cues.windows(2).all(|pair| pair[0].1 == pair[1].0 && pair[0].0 < pair[0].1), "{cues:?}");
    assert!((cues[cues.len() - 1].1 - seconds_of(clip)).abs() < 0.001, "{cues:?}");
    let largest = made.stream.video_renditions()[0].clone();
    let whole = made.stream.whole(&largest, &made.workplace());
    let shape = {
        let facts = stream_facts(&whole);
        facts["width"].as_f64().expect("a width") / facts["height"].as_f64().expect("a height")
    };
    for (from, _, sheet, [x, y, width, height]) in &cues {
        let sheet = made.path(&format!("storyboard/{sheet}"));
        let facts = stream_facts(&sheet);
        let side = |name: &str| u32::try_from(facts[name].as_u64().expect("a side")).expect("fits");
        assert!(side("width") <= 2048 && side("height") <= 2048);
        assert!(x + width <= side("width") && y + height <= side("height"), "a part lies outside of its sheet");
        assert!((f64::from(*width) / f64::from(*height) / shape - 1.0).abs() < 0.012, "{width}×{height}");
        let tile = pixels(&sheet, &format!("crop={width}:{height}:{x}:{y}"));
        let frame = (from * f64::from(clip.frame_rate.0) / f64::from(clip.frame_rate.1)).round();
        let difference_to = |frame: f64| {
            let filter = format!("select=eq(n\\,{frame}),scale={width}:{height}:flags=area");
            let shown = pixels(&whole, &filter);
            assert_eq!(tile.len(), shown.len());
            let sum: u64 = tile.iter().zip(&shown).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            sum as f64 / tile.len() as f64
        };
        let (here, before) = (difference_to(frame), difference_to((frame - 10.0).max(0.0)));
        assert!(here < 12.0, "the picture for {from} s is another one: off by {here} on average");
        assert!(frame == 0.0 || here < before, "{from} s: off by {here}, a picture before it only by {before}");
    }
}

on_both_ffmpeg_versions! {
    fn the_storyboard_shows_each_moment_in_the_shape_of_the_film(version) {
        assert_storyboard(&clips::FILM, version);
    }
}

#[test]
fn the_storyboard_of_a_portrait_film_stands_upright() {
    assert_storyboard(&clips::PORTRAIT_SILENT, FfmpegVersion::System);
}

on_both_ffmpeg_versions! {
    fn thumbnails_have_the_times_the_width_and_the_format_that_were_asked_for(version) {
        let user = User::with(version);
        let source = clips::sample();
        let flags = ["--thumbnail-times", "0,2.5,00:00:04", "--thumbnail-width", "426", "--thumbnail-format", "webp",
            "--speed", "ultrafast"];
        encode(&user, &[&source], &flags).assert_all_done();
        let images = user.stream_of(&source).folder.join("images");
        for number in 1..=3 {
            let facts = stream_facts(&images.join(format!("thumbnail_{number}.webp")));
            assert_eq!((&facts["codec_name"], &facts["width"]), (&"webp".into(), &426.into()));
            assert_eq!(facts["height"], 240);
        }
        assert!(!images.join("thumbnail_4.webp").exists() && !images.join("thumbnail_1.jpg").exists());
        assert_eq!(stream_facts(&images.join("poster.jpg"))["codec_name"], "mjpeg");
    }
}
