//! Broadcasts whose sound or picture becomes another one midway: the stream goes on through the change, in sync. What can't be
//! brought right is refused.

use std::{ffi::OsString, path::Path};

use super::{Made, encode, timing};
use crate::support::{
    broadcast::{
        AAC, FLASHES, OTHER, STEREO, SURROUND, Transmission, pictures, pictures_with_clock, recording,
        recording_with_clock,
    },
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions, stream_facts},
    picture::{brightness, brightness_at, combing},
    sound::Samples,
    user::{Ended, User, files_under},
};

/// Each part of the sound as long as this must have some of the tone in it, in seconds.
const NO_HOLE: f64 = 0.05;

fn finished_warnings(ended: &Ended) -> String {
    ended.assert_all_done();
    ended.events_named("job_finished")[0]["warnings"].to_string()
}

/// The stream, whose warnings say all of these.
fn made_with_warnings(user: User, source: &Path, said: &[&str]) -> Made {
    let warnings = finished_warnings(&encode(&user, source, &[]));
    assert!(said.iter().all(|words| warnings.contains(words)), "{warnings}");
    std::fs::create_dir(user.path("workplace")).expect("the user's folder can be written");
    let made = Made { stream: user.stream_of(source), user };
    let left = files_under(&made.user.output()).into_iter().find(|file| file.contains("sound.mka"));
    assert_eq!(left, None, "a passing file is left");
    made
}

#[track_caller]
fn assert_tone_throughout(made: &Made, seconds: f64) {
    let sound = Samples::of(&made.stream.whole("audio", &made.workplace()));
    for step in 1..((seconds - 0.1) / NO_HOLE) as u32 {
        let from = f64::from(step) * NO_HOLE;
        let peak = sound.between(from, from + NO_HOLE).peak();
        assert!(peak > 0.004, "{peak} at {from} s");
    }
}

on_both_ffmpeg_versions! {
    fn sound_that_changes_its_channels_goes_on_in_sync(version) {
        let user = User::with(version);
        let source = recording(&user, "film.ts", [STEREO, SURROUND]);
        let made = made_with_warnings(user, &source, &["The sound changes its channels or its sample rate at 00:00:0"]);
        timing::assert_together("channels", &made, &FLASHES);
        assert_tone_throughout(&made, 6.0);
    }

    fn short_recordings_whose_clocks_begin_anew_follow_each_other_without_a_gap(version) {
        let user = User::with(version);
        let larger = Transmission { size: "320x180", ..STEREO };
        let source = recording_with_clock(&user, "clips.ts", ["0", "0"], [STEREO, larger]);
        let made = made_with_warnings(user, &source, &["The picture changes its size or its pixel format"]);
        // A frame is over or missing where they meet.
        timing::assert_together("clips", &made, &[1.0, 3.98]);
        assert_tone_throughout(&made, 6.0);
        let largest = made.stream.whole(&made.stream.video_renditions()[0], &made.workplace());
        let pictures = brightness(&largest).len();
        assert!((148..=152).contains(&pictures), "{pictures} pictures");
    }

    fn recordings_that_follow_each_other_are_not_called_damaged(version) {
        let user = User::with(version);
        let source = recording_with_clock(&user, "evening.ts", ["0", "0"], [STEREO, STEREO]);
        let twice = std::fs::read(&source).expect("the source").repeat(2);
        let source = user.file("night.ts", &twice);
        let warnings = finished_warnings(&encode(&user, &source, &["--on-damage", "fail"]));
        assert!(warnings.contains("The source is 4 recordings behind each other"), "{warnings}");
        assert!(!warnings.contains("damaged") && !warnings.contains("broken"), "{warnings}");
    }

    fn a_picture_that_changes_its_size_is_fitted_in(version) {
        let user = User::with(version);
        let source = recording(&user, "stations.ts", [AAC, OTHER]);
        let said = ["The picture changes its size or its pixel format", "The sound changes its channels or its sample rate"];
        let made = made_with_warnings(user, &source, &said);
        timing::assert_together("stations", &made, &FLASHES);
        assert_tone_throughout(&made, 6.0);
        let largest = made.stream.whole(&made.stream.video_renditions()[0], &made.workplace());
        // 4:3 in the middle of 16:9 after the change; the first station fills the picture.
        let [edge, middle] = [0.05, 0.5].map(|x| brightness_at(&largest, x, 0.5));
        assert!((148..=152).contains(&edge.len()), "{} pictures", edge.len());
        assert!(edge[..70].iter().all(|bright| *bright > 100) && edge[80..140].iter().all(|bright| *bright < 40), "{edge:?}");
        assert!(middle.iter().all(|bright| *bright > 100), "{middle:?}");
    }
}

const MPEG2: &str = "-c:v mpeg2video -g 12 -bf 2 -b:v 2M";
const HEVC: &str = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le";
const H264: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p";

/// A white picture of PAL's size in this shape.
fn white(shape: &str) -> String {
    format!("color=white:size=720x576:rate=25,setdar={shape}")
}

/// How bright the largest rendition is at its top, at its left edge and in the middle, picture by picture.
fn places(made: &Made) -> [Vec<u8>; 3] {
    let largest = made.stream.whole(&made.stream.video_renditions()[0], &made.workplace());
    let places = [(0.5, 0.05), (0.05, 0.5), (0.5, 0.5)].map(|(x, y)| brightness_at(&largest, x, y));
    assert!(places.iter().all(|bright| (148..=156).contains(&bright.len())), "{places:?}");
    places
}

#[track_caller]
fn assert_dark_from(bright: &[u8], first: usize) {
    let first_dark = bright.iter().position(|bright| *bright < 40).unwrap_or(bright.len());
    assert!(first_dark.abs_diff(first) <= 1, "dark from {first_dark} on, not from {first}: {bright:?}");
    assert!(bright[first_dark..].iter().all(|bright| *bright < 40), "{bright:?}");
    assert!(bright[..first_dark].iter().all(|bright| *bright > 200), "{bright:?}");
}

on_both_ffmpeg_versions! {
    fn a_picture_that_becomes_wider_is_not_squeezed(version) {
        for options in [MPEG2, H264] {
            let user = User::with(version);
            let (narrow, wide) = (white("4/3"), white("16/9"));
            let source = pictures(&user, "evening.ts", [(&narrow, options), (&wide, options)]);
            let made = made_with_warnings(user, &source, &["The picture changes its aspect ratio at 00:00:03.0"]);
            let [top, edge, middle] = places(&made);
            assert_dark_from(&top, 76);
            assert!(edge.iter().chain(&middle).all(|bright| *bright > 200), "{edge:?} {middle:?}");

            let user = User::with(version);
            let source = pictures(&user, "night.ts", [(&wide, options), (&narrow, options)]);
            let made = made_with_warnings(user, &source, &["The picture changes its aspect ratio at 00:00:03.0"]);
            let [top, edge, middle] = places(&made);
            assert_dark_from(&edge, 76);
            assert!(top.iter().chain(&middle).all(|bright| *bright > 200), "{top:?} {middle:?}");
        }
    }

    fn a_part_behind_a_change_is_as_if_nothing_came_before(version) {
        let larger = "color=white:size=1280x720:rate=25";
        for (clock, second) in [(["0", "3.1"], &*white("16/9")), (["0", "0"], &*white("16/9")), (["0", "3.1"], larger)] {
            let user = User::with(version);
            let source = pictures_with_clock(&user, "evening.ts", clock, [(&white("4/3"), H264), (second, H264)]);
            // What is broken before the part is not seen either.
            let mut bytes = std::fs::read(&source).expect("the source");
            bytes[4_000..4_600].fill(0xff);
            std::fs::write(&source, bytes).expect("the source can be written");
            assert_eq!(finished_warnings(&encode(&user, &source, &["--start", "5.2"])), "[]");
            std::fs::create_dir(user.path("workplace")).expect("the user's folder can be written");
            let stream = user.stream_of(&source);
            let largest = stream.whole(&stream.video_renditions()[0], &user.path("workplace"));
            let places = [(0.5, 0.05), (0.05, 0.5), (0.5, 0.5)].map(|(x, y)| brightness_at(&largest, x, y));
            assert!(places.iter().all(|place| place.len() > 15 && place.iter().all(|bright| *bright > 200)), "{places:?}");
            let facts = stream_facts(&largest);
            let ratio = facts["width"].as_f64().zip(facts["height"].as_f64()).map(|(width, height)| width / height);
            assert!(ratio.is_some_and(|ratio| (ratio - 16.0 / 9.0).abs() < 0.02), "{facts:#}");
        }
    }

    fn a_part_before_a_change_is_as_if_nothing_came_after(version) {
        let user = User::with(version);
        let source = pictures(&user, "evening.ts", [(&white("4/3"), MPEG2), (&white("16/9"), MPEG2)]);
        assert_eq!(finished_warnings(&encode(&user, &source, &["--start", "0.5", "--end", "2.5"])), "[]");
    }

    fn a_picture_that_becomes_interlaced_is_not_combed(version) {
        let user = User::with(version);
        // A box that moves by eight points from field to field.
        let moving = |rate: u32| {
            format!("color=black:size=720x576:rate={rate}[a];color=white:size=80x400:rate={rate}[b];[a][b]overlay=x=8*mod(n\\,60):y=88")
        };
        let fields = format!("{},tinterlace=interleave_top,setfield=tff", moving(50));
        let interlaced = format!("{H264} -flags +ilme+ildct -x264-params tff=1");
        let source = pictures(&user, "sport.ts", [(&moving(25), H264), (&fields, &interlaced)]);
        let made = Made::from(user, &source, &[]);
        let largest = made.stream.whole(&made.stream.video_renditions()[0], &made.workplace());
        for frame in [30, 60, 90, 110, 140] {
            let combed = combing(&largest, frame, (720, 576));
            assert!(combed < 0.01, "frame {frame}: {combed}");
        }
    }

    fn a_picture_that_becomes_one_of_high_range_is_tone_mapped(version) {
        let user = User::with(version);
        let high = format!("{HEVC} -x265-params log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc");
        let standard = format!("{HEVC} -x265-params log-level=error:colorprim=bt709:transfer=bt709:colormatrix=bt709");
        // Taken for colours of high range, many of these are beyond those of standard range.
        let bars = "smptebars=size=1280x720:rate=25";
        let source = pictures(&user, "gala.ts", [(bars, &standard), (bars, &high)]);
        let other = pictures(&user, "alag.ts", [(bars, &high), (bars, &standard)]);
        let alone = [("low.ts", &standard), ("bright.ts", &high)].map(|(name, options)| {
            let alone = pictures(&user, name, [(bars, options), (bars, options)]);
            encode(&user, &alone, &[]).assert_all_done();
            brightness_of(&user, &alone)
        });
        let [low, bright] = [alone[0][100], alone[1][100]];
        assert!(bright.abs_diff(low) > 10, "{low} and {bright}");
        for (source, is_high_first) in [(&source, false), (&other, true)] {
            let warnings = finished_warnings(&encode(&user, source, &[]));
            assert!(warnings.contains("The picture changes its dynamic range at 00:00:03."), "{warnings}");
            let all = brightness_of(&user, source);
            assert_eq!(all.len(), alone[0].len(), "pictures");
            let [first, second] = if is_high_first { [bright, low] } else { [low, bright] };
            assert!(all[..74].iter().all(|one| one.abs_diff(first) < 3), "{all:?}, not {first}");
            assert!(all[78..].iter().all(|one| one.abs_diff(second) < 3), "{all:?}, not {second}");
        }
    }
}

/// Average brightness of each picture of the largest rendition of a source.
fn brightness_of(user: &User, source: &Path) -> Vec<u8> {
    let workplace = user.path(&format!("workplace of {}", source.display().to_string().replace('/', "_")));
    std::fs::create_dir(&workplace).expect("the user's folder can be written");
    let stream = user.stream_of(source);
    brightness(&stream.whole(&stream.video_renditions()[0], &workplace))
}

on_both_ffmpeg_versions! {
    fn a_picture_that_changes_its_codec_is_refused_with_a_way_that_works(version) {
        let user = User::with(version);
        let source = pictures(&user, "evening.ts", [(&white("4/3"), H264), (&white("16/9"), MPEG2)]);
        let ended = encode(&user, &source, &[]);
        assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
        let failure = &ended.events_named("job_failed")[0]["failure"];
        let headline = failure["headline"].as_str().expect("a headline");
        assert!(headline.contains("changes its codec from H.264 to MPEG-2 at 00:00:03"), "{headline}");
        let hint = failure["hint"].as_str().expect("a hint");
        let place = hint.split_once("head -c ").and_then(|(_, rest)| rest.split(' ').next()).expect("a place");
        let bytes = std::fs::read(&source).expect("the source");
        let (first, second) = bytes.split_at(place.parse().expect("a number"));
        let (first, second) = (user.file("first.ts", first), user.file("second.ts", second));
        let options = ["--speed", "ultrafast", "--join"].map(OsString::from);
        let user = User::with(version);
        let ended = Ended::of(user.encode_command_to(user.output().as_os_str(), &options, &[&first, &second], "quick"));
        ended.assert_all_done();
    }

    fn sound_that_changes_its_codec_is_told_with_its_time(version) {
        let user = User::with(version);
        let source = recording(&user, "film.ts", [AAC, STEREO]);
        let warnings = finished_warnings(&encode(&user, &source, &[]));
        assert!(warnings.contains("changes its codec from AAC to AC-3 at 00:00:0"), "{warnings}");
    }
}

#[test]
fn a_change_in_one_of_joined_sources_is_refused() {
    let user = User::with(FfmpegVersion::System);
    let source = recording(&user, "film.ts", [STEREO, SURROUND]);
    let options = ["--speed", "ultrafast", "--join"].map(OsString::from);
    let ended = Ended::of(user.encode_command_to(user.output().as_os_str(), &options, &[&source, &source], "quick"));
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    let failure = &ended.events_named("job_failed")[0]["failure"];
    let headline = failure["headline"].as_str().expect("a headline");
    assert!(headline.contains("changes its channels or its sample rate at 00:00:0"), "{headline}");
    assert!(failure["hint"].as_str().is_some_and(|hint| hint.contains("--join")), "{failure:#}");
    assert_eq!(user.output_files(), Vec::<String>::new());
}

#[test]
fn a_change_of_shape_in_one_of_joined_sources_is_refused() {
    let user = User::with(FfmpegVersion::System);
    let plain = pictures(&user, "day.ts", [(&white("4/3"), H264), (&white("4/3"), H264)]);
    let changing = pictures(&user, "evening.ts", [(&white("4/3"), H264), (&white("16/9"), H264)]);
    let options = ["--speed", "ultrafast", "--join"].map(OsString::from);
    let ended = Ended::of(user.encode_command_to(user.output().as_os_str(), &options, &[&plain, &changing], "quick"));
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    let failure = &ended.events_named("job_failed")[0]["failure"];
    let headline = failure["headline"].as_str().expect("a headline");
    assert!(headline.contains("file 2 of those that are joined changes its aspect ratio at 00:00:03."), "{headline}");
    assert!(failure["hint"].as_str().is_some_and(|hint| hint.contains("--join")), "{failure:#}");
    assert_eq!(user.output_files(), Vec::<String>::new());
}
