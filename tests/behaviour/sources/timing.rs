//! Sound and picture stay together: flashes and beeps that happen at once in the source do so in the stream.

use std::path::Path;

use super::{Made, encode, make};
use crate::support::{
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions, stream_facts},
    picture::brightness,
    sound::Samples,
    user::User,
};

/// Picture and sound must be this near to each other, in seconds.
const TOGETHER: f64 = 0.020;

/// A flash and a beep of a tenth of a second, each `every` seconds, the first after two.
fn flashes(rate: &str, every: u32) -> String {
    let when = format!("between(mod(t,{every}),2,2.1)");
    format!(
        "-f lavfi -i color=black:size=64x36:rate={rate},drawbox=x=0:y=0:w=iw:h=ih:c=white:t=fill:enable='{when}' -f lavfi \
         -i aevalsrc=exprs='0.5*sin(2000*2*PI*t)*{when}':s=48000"
    )
}

const X264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac";

/// Where flashes and beeps are in a stream, in seconds.
fn measured(made: &Made) -> (Vec<f64>, Vec<f64>) {
    let largest = made.stream.video_renditions().remove(0);
    let segments = made.segments(&largest);
    let per_second = segments[0].ticks_per_second;
    let ticks: Vec<i64> = segments.iter().flat_map(crate::support::stream::Segment::presentation_ticks).collect();
    let bright = brightness(&made.stream.whole(&largest, &made.workplace()));
    assert_eq!(bright.len(), ticks.len(), "pictures are decoded and there");
    let flashes = (1..bright.len()).filter(|index| bright[*index] > 128 && bright[*index - 1] <= 128);
    let flashes = flashes.map(|index| ticks[index] as f64 / per_second).collect();
    (flashes, Samples::of(&made.stream.whole("audio", &made.workplace())).onsets(0.1))
}

#[track_caller]
pub(super) fn assert_together(name: &str, made: &Made, expected: &[f64]) {
    let (flashes, beeps) = measured(made);
    assert_eq!((flashes.len(), beeps.len()), (expected.len(), expected.len()), "{name}: {flashes:?} {beeps:?}");
    for ((flash, beep), expected) in flashes.iter().zip(&beeps).zip(expected) {
        assert!((flash - beep).abs() < TOGETHER, "{name}: a flash at {flash}, its beep at {beep}");
        assert!((beep - expected).abs() < 0.05, "{name}: a beep at {beep}, not at {expected}");
    }
}

fn made_of(user: User, source: &Path) -> Made {
    Made::from(user, source, &[])
}

on_both_ffmpeg_versions! {
    fn a_screen_recording_of_uneven_frames_stays_in_sync(version) {
        let user = User::with(version);
        // Five minutes in which only some frames are there, but always those where something changes.
        let uneven = "-vf select='not(mod(n*n+7*n,11))+between(mod(t,60),1.9,2.3)' -fps_mode vfr";
        let source = make(&user, "screen.mkv", &format!("{} -t 300 {uneven} {X264}", flashes("60", 60)));
        assert_together("screen", &made_of(user, &source), &[2.0, 62.0, 122.0, 182.0, 242.0]);
    }

    fn a_telephone_film_of_nearly_even_frames_stays_in_sync(version) {
        let user = User::with(version);
        let jitter = "-vf setpts=PTS+(random(1)-0.5)*0.006/TB -fps_mode vfr -video_track_timescale 90000";
        let source = make(&user, "telephone.mp4", &format!("{} -t 30 {jitter} {X264}", flashes("60", 10)));
        assert_together("telephone", &made_of(user, &source), &[2.0, 12.0, 22.0]);
    }

    fn sound_that_starts_late_or_early_stays_in_its_place(version) {
        let user = User::with(version);
        let late = "-itsoffset 0.7";
        // The sound is moved by 0.7 s against the picture on purpose, and has to be found there.
        let both = flashes("50", 10).replacen("-f lavfi -i aevalsrc", &format!("{late} -f lavfi -i aevalsrc"), 1);
        let source = make(&user, "late.mkv", &format!("{both} -t 14 {X264}"));
        let made = made_of(user, &source);
        let (flashes, beeps) = measured(&made);
        assert!((flashes[0] - 2.0).abs() < TOGETHER && (beeps[0] - 2.7).abs() < TOGETHER, "{flashes:?} {beeps:?}");
        // Both were made until 14 s; nothing is held for longer because of a late start.
        let largest = made.stream.video_renditions().remove(0);
        let ends = ["audio", largest.as_str()].map(|name| made.segments(name).last().expect("a segment").end());
        assert!(ends.iter().all(|end| (end - 14.0).abs() < 0.05), "{ends:?}");
    }

    fn a_picture_that_starts_late_is_cut_on_the_timeline_of_the_film(version) {
        // The picture lasts from 2.3 s to 8.3 s, the sound from the start to 8 s.
        let late = "-f lavfi -i sine=duration=8 -itsoffset 2.3 -f lavfi -i testsrc2=s=320x180:r=25:d=6 -map 1 -map 0";
        for (name, options, expected) in [
            ("until.mkv", ["--end", "7.6"], 7.6),
            ("from.mkv", ["--start", "7"], 1.3),
            ("until.ts", ["--end", "7.6"], 7.6),
            ("from.mp4", ["--start", "7"], 1.3),
        ] {
            let user = User::with(version);
            let source = make(&user, name, &format!("{late} {X264}"));
            let made = Made::from(user, &source, &options);
            let ends = ["180p", "audio"].map(|name| made.segments(name).last().expect("a segment").end());
            // A frame, and the delay of the sound's encoder with which some containers begin.
            assert!(ends.iter().all(|end| (end - expected).abs() < 0.08), "{name}: {ends:?}");
        }
    }

    fn sound_that_goes_on_after_the_picture_is_kept_where_the_container_does_not_tell_their_ends(version) {
        for name in ["longer.ts", "longer.flv", "longer.mpg"] {
            let user = User::with(version);
            let both = "-f lavfi -i testsrc2=s=320x180:r=25:d=4 -f lavfi -i sine=d=6";
            let codecs = if name.ends_with("mpg") { "-c:v mpeg2video -c:a mp2" } else { X264 };
            let source = make(&user, name, &format!("{both} {codecs}"));
            let ended = encode(&user, &source, &[]);
            ended.assert_all_done();
            let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
            assert!(warnings.contains("the last frame is held for 00:00:0"), "{name}: {warnings}");
            std::fs::create_dir(user.path("workplace")).expect("the user's folder can be written");
            let made = Made { stream: user.stream_of(&source), user };
            let ends = ["180p", "audio"].map(|name| made.segments(name).last().expect("a segment").end());
            assert!(ends.iter().all(|end| (end - 6.0).abs() < 0.1), "{name}: {ends:?}");
        }
    }

    fn sound_of_another_language_that_is_longer_than_the_film_is_told(version) {
        let user = User::with(version);
        let tracks = "-f lavfi -i testsrc2=s=320x180:r=25:d=4 -f lavfi -i sine=d=4 -f lavfi -i sine=d=7";
        let source = make(&user, "two.mkv", &format!("{tracks} -map 0 -map 1 -map 2 -metadata:s:a:1 language=ger {X264}"));
        let ended = encode(&user, &source, &[]);
        ended.assert_all_done();
        let told = serde_json::json!(["The sound “German” is longer than the film: its last 3.0 s are left out"]);
        assert_eq!(ended.events_named("job_finished")[0]["warnings"], told);
    }

    fn a_cut_without_encoding_keeps_sound_and_picture_together(version) {
        let user = User::with(version);
        let whole = make(&user, "whole.mp4", &format!("{} -t 14 -g 25 -bf 2 {}", flashes("50", 10), "-c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a aac"));
        // The cut lies between two keyframes: an edit list hides what comes before it.
        let source = make(&user, "cut.mp4", &format!("-ss 1.23 -i {} -c copy", whole.display()));
        assert_together("cut", &made_of(user, &source), &[0.77, 10.77]);
    }

    fn a_cut_within_pictures_that_lean_on_each_other_is_a_correct_stream(version) {
        let user = User::with(version);
        let sources = "-f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine";
        let whole = make(&user, "whole.mp4", &format!("{sources} -t 6 -c:v libx264 -preset medium -pix_fmt yuv420p -c:a aac"));
        for (end, sound) in [("2.9", ""), ("3.2", " -an"), ("3.5", ""), ("3.8", ""), ("4.1", "")] {
            let name = format!("cut at {end}.mp4");
            let source = make(&user, &name, &format!("-t {end} -i {} -c copy{sound}", whole.display()));
            let ended = encode(&user, &source, &[]);
            ended.assert_all_done();
            assert_eq!(ended.events_named("job_finished")[0]["warnings"], serde_json::json!([]), "{name}");
            let playlist = user.stream_of(&source).media_playlist("180p", "playlist.m3u8");
            let length: f64 = playlist.segments.iter().map(|segment| f64::from(segment.duration)).sum();
            let end: f64 = end.parse().expect("a number");
            // The last picture that is there is shown up to five frames later.
            assert!((-0.001..0.25).contains(&(length - end)), "{name}: {length} s");
        }
    }

    fn a_rate_of_which_frames_are_missing_is_kept(version) {
        for (name, rate, chosen, expected) in [
            ("dropped.mp4", "25", "mod(n\\,17)", "25/1"),
            ("bursts.mp4", "60", "lt(mod(t\\,4)\\,1)+not(mod(n\\,30))", "60/1"),
            // ffprobe takes the rate of the first frames for that of all.
            ("faster.mp4", "60", "if(lt(t\\,4)\\,not(mod(n\\,2))\\,if(lt(t\\,7)\\,1\\,not(mod(n\\,5))))", "60/1"),
        ] {
            let user = User::with(version);
            let frames = format!("-f lavfi -i testsrc2=s=320x180:r={rate} -t 8 -vf select={chosen} -fps_mode vfr");
            let source = make(&user, name, &format!("{frames} -c:v libx264 -preset ultrafast -pix_fmt yuv420p"));
            let made = made_of(user, &source);
            let facts = stream_facts(&made.stream.whole("180p", &made.workplace()));
            assert_eq!(facts["r_frame_rate"], expected, "{name}");
        }
        // Matroska tells one rate for all, here the mean one.
        let user = User::with(version);
        let frames = "-f lavfi -i testsrc2=s=320x180:r=60 -t 15 -vf select=gte(t\\,9.9999)+not(mod(n\\,2)) -fps_mode vfr";
        let first = make(&user, "first.mp4", &format!("{frames} -c:v libx264 -preset ultrafast -bf 0 -pix_fmt yuv420p"));
        let source = make(&user, "copied.mkv", &format!("-i {} -c copy", first.display()));
        let made = made_of(user, &source);
        assert_eq!(stream_facts(&made.stream.whole("180p", &made.workplace()))["r_frame_rate"], "60/1");
    }

    fn a_length_in_matroska_that_is_the_time_of_the_end_holds_no_frame(version) {
        let user = User::with(version);
        let whole = make(&user, "whole.mp4", "-f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine -t 6 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac");
        let marks = "-metadata:s _STATISTICS_TAGS=DURATION";
        let source = make(
            &user,
            "late.mkv",
            &format!("-i {0} -itsoffset 2 -t 4 -i {0} -map 0:v -map 1:a -c copy {marks}", whole.display()),
        );
        let ended = encode(&user, &source, &[]);
        ended.assert_all_done();
        assert_eq!(ended.events_named("job_finished")[0]["warnings"], serde_json::json!([]));
        let playlist = user.stream_of(&source).media_playlist("180p", "playlist.m3u8");
        let length: f64 = playlist.segments.iter().map(|segment| f64::from(segment.duration)).sum();
        assert!((length - 6.0).abs() < 0.1, "{length} s");
    }

    fn a_broadcast_whose_clock_jumps_goes_on_without_a_gap(version) {
        for (name, second_start) in [("forth", "5000"), ("back", "10"), ("a minute", "1066")] {
            let user = User::with(version);
            let part = |file: &str, start: &str| {
                make(&user, file, &format!("{} -t 6 -output_ts_offset {start} -muxdelay 0 -bf 2 -c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a mp2", flashes("50", 3)))
            };
            let parts = [part("one.ts", "1000"), part("two.ts", second_start)].map(|file| std::fs::read(file).expect("a part"));
            let source = user.file(&format!("{name}.ts"), &parts.concat());
            let ended = encode(&user, &source, &[]);
            ended.assert_all_done();
            assert_eq!(ended.events_named("job_finished")[0]["warnings"], serde_json::json!([]), "{name}");
            std::fs::create_dir(user.path("workplace")).expect("the user's folder can be written");
            let made = Made { stream: user.stream_of(&source), user };
            assert_together(name, &made, &[2.0, 5.0, 8.0, 11.0]);
        }
    }
}

#[test]
fn a_picture_shorter_than_its_sound_is_held_until_the_sound_ends() {
    let user = User::with(FfmpegVersion::System);
    let source = make(
        &user,
        "song.mp4",
        &format!("-f lavfi -i color=red:size=64x36:rate=25:d=0.04 -f lavfi -i sine=500:d=8 {X264}"),
    );
    let made = made_of(user, &source);
    let largest = made.stream.video_renditions().remove(0);
    let ends = ["audio", largest.as_str()].map(|name| made.segments(name).last().expect("a segment").end());
    assert!(ends.iter().all(|end| (end - 8.0).abs() < 0.05), "{ends:?}");
}
