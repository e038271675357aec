//! What a user has done to a source before it is encoded: parts of it, parts of the picture, marks on it, its loudness.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{
    clips::{self, Clip},
    ffmpeg::{FfmpegVersion, decode, on_both_ffmpeg_versions, stream_facts},
    output_of, run,
    stream::Stream,
    system_tool,
    user::{Ended, User},
};

/// The most by which sound and picture may be apart, in seconds.
const LIP_SYNC: f64 = 0.045;

fn encode(user: &User, source: &Path, flags: &[&str]) -> Ended {
    let flags: Vec<_> = ["--speed", "ultrafast"].iter().chain(flags).map(Into::into).collect();
    Ended::of(user.encode_command_to(user.output().as_os_str(), &flags, &[source], "source"))
}

/// A stream of this clip, and its largest rendition and its sound as files.
struct Made {
    stream: Stream,
    picture: PathBuf,
    sound: Option<PathBuf>,
    user: User,
}

fn made(version: FfmpegVersion, clip: &Clip, flags: &[&str]) -> Made {
    made_of(User::with(version), &clip.path(), flags)
}

fn made_of(user: User, source: &Path, flags: &[&str]) -> Made {
    encode(&user, source, flags).assert_all_done();
    let stream = user.stream_of(source);
    let workplace = user.path("workplace");
    std::fs::create_dir_all(&workplace).expect("the user's folder can be written");
    let picture = stream.whole(&stream.video_renditions()[0], &workplace);
    let sound = stream.audio_rendition().map(|name| stream.whole(&name, &workplace));
    Made { stream, picture, sound, user }
}

fn size_of(file: &Path) -> (u64, u64) {
    let facts = stream_facts(file);
    (facts["width"].as_u64().expect("a width"), facts["height"].as_u64().expect("a height"))
}

/// Red, green and blue of a place in picture `frame` of a file, averaged over 4×4 pixels.
fn colour_at(file: &Path, frame: usize, (x, y): (u64, u64)) -> [u8; 3] {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    let filters = format!("select=eq(n\\,{frame}),crop=4:4:{x}:{y}:exact=1,scale=1:1:flags=area,format=rgb24");
    command.args(["-vf", &filters, "-frames:v", "1", "-f", "rawvideo", "-"]);
    output_of(command).try_into().unwrap_or_else(|bytes: Vec<u8>| panic!("{} bytes of a colour", bytes.len()))
}

fn is_red([red, green, blue]: [u8; 3]) -> bool {
    red > 180 && green < 70 && blue < 70
}

fn is_blue([red, green, blue]: [u8; 3]) -> bool {
    blue > 180 && green < 70 && red < 70
}

/// How alike a file's pictures are to those of a source from picture `first` on, from 0 to 1.
fn likeness(file: &Path, source: &Path, first: usize) -> f64 {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "info", "-nostats", "-nostdin", "-i"]).arg(file).arg("-i").arg(source);
    let graph = format!(
        "[0:v]setpts=N/25/TB[made];[1:v]fps=25:start_time=0,trim=start_frame={first},setpts=N/25/TB[true];\
         [made][true]ssim=shortest=1"
    );
    command.args(["-filter_complex", &graph, "-f", "null", "-"]);
    let log = String::from_utf8_lossy(&run(command).stderr).into_owned();
    let told = log.rsplit("All:").next().and_then(|rest| rest.split_whitespace().next());
    told.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{log}"))
}

/// When the first beep begins, in seconds.
fn first_beep(sound: &Path) -> f64 {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "info", "-nostats", "-nostdin", "-i"]).arg(sound);
    command.args(["-af", "silencedetect=noise=-30dB:d=0.2", "-f", "null", "-"]);
    let log = String::from_utf8_lossy(&run(command).stderr).into_owned();
    let end = log.split("silence_end: ").nth(1).and_then(|rest| rest.split_whitespace().next());
    end.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no beep in {log}"))
}

/// Loudness in LUFS and true peak in dBTP.
fn loudness(sound: &Path) -> (f64, f64) {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "info", "-nostats", "-nostdin", "-i"]).arg(sound);
    command.args(["-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"]);
    let log = String::from_utf8_lossy(&run(command).stderr).into_owned();
    let summary = log.rsplit("Summary:").next().unwrap_or_default();
    let number = |label: &str| {
        let told = summary.split(label).nth(1).and_then(|rest| rest.split_whitespace().next());
        told.and_then(|number| number.parse::<f64>().ok()).unwrap_or_else(|| panic!("no {label} in {log}"))
    };
    (number("I:"), number("Peak:"))
}

on_both_ffmpeg_versions! {
    fn a_trimmed_part_begins_and_ends_at_the_very_picture(version) {
        for clip in [&clips::NUMBERED, &clips::OPEN_GOP] {
            // 13.24 s is picture 331, 3.4 s are 85 pictures.
            let made = made(version, clip, &["--start", "13.24", "--duration", "3.4"]);
            assert_eq!(decode(&made.picture), (85, String::new()), "{}", clip.name);
            let alike: Vec<f64> =
                [330, 331, 332].iter().map(|first| likeness(&made.picture, &clip.path(), *first)).collect();
            assert!(alike[1] > alike[0] && alike[1] > alike[2], "{}: likeness before, at, after: {alike:?}", clip.name);
            // The beep at 13.5 s.
            let sound = made.sound.as_deref().expect("the clip has sound");
            let beep = first_beep(sound);
            assert!((beep - 0.26).abs() < LIP_SYNC, "{}: the beep is at {beep}", clip.name);
            let workplace = made.user.path("workplace");
            let end = |name: &str| made.stream.segments(name, &workplace).last().expect("a segment").end();
            let ends = (end("180p"), end("audio"));
            assert!((ends.0 - 3.4).abs() < 0.001 && (ends.0 - ends.1).abs() < LIP_SYNC, "{}: {ends:?}", clip.name);
        }
    }

    fn a_trim_near_the_start_or_to_the_end_is_exact_too(version) {
        let made_part = made(version, &clips::NUMBERED, &["--start", "0:02", "--end", "2.2"]);
        assert_eq!(decode(&made_part.picture).0, 5);
        assert!(likeness(&made_part.picture, &clips::NUMBERED.path(), 50) > 0.9);
        let made_rest = made(version, &clips::NUMBERED, &["--start", "16"]);
        assert_eq!(decode(&made_rest.picture).0, 50);
    }

    fn black_bars_are_found_and_cut_off(version) {
        let made = made(version, &clips::LETTERBOX, &["--crop", "auto"]);
        assert_eq!(size_of(&made.picture), (320, 132));
        let untouched = made_of(User::with(version), &clips::NUMBERED.path(), &["--crop", "auto", "--duration", "1"]);
        assert_eq!(size_of(&untouched.picture), (320, 180), "a picture without bars is left whole");
    }

    fn a_picture_is_made_smaller_before_the_ladder_and_never_larger(version) {
        let smaller = made(version, &clips::RED_AND_BLUE, &["--size", "120", "--crop", "200:160:20:10"]);
        assert_eq!(size_of(&smaller.picture), (150, 120));
        assert!(is_red(colour_at(&smaller.picture, 50, (96, 40))) && is_blue(colour_at(&smaller.picture, 50, (118, 40))));
        let as_it_is = made(version, &clips::RED_AND_BLUE, &["--size", "720", "--duration", "1"]);
        assert_eq!(size_of(&as_it_is.picture), (320, 180));
    }

    fn a_part_of_the_picture_is_cut_out_then_turned_then_mirrored(version) {
        let part = made(version, &clips::RED_AND_BLUE, &["--crop", "200:100:20:40"]);
        assert_eq!(size_of(&part.picture), (200, 100));
        assert!(is_red(colour_at(&part.picture, 50, (130, 50))) && is_blue(colour_at(&part.picture, 50, (150, 50))));
        let turned = made(version, &clips::RED_AND_BLUE, &["--rotate", "90"]);
        assert_eq!(size_of(&turned.picture), (180, 320));
        assert!(is_red(colour_at(&turned.picture, 50, (90, 20))), "what was left is on top");
        assert!(is_blue(colour_at(&turned.picture, 50, (90, 300))));
        let mirrored = made(version, &clips::RED_AND_BLUE, &["--flip", "horizontal"]);
        assert!(is_blue(colour_at(&mirrored.picture, 50, (20, 90))) && is_red(colour_at(&mirrored.picture, 50, (300, 90))));
    }

    fn a_watermark_lies_where_and_when_it_was_asked_for(version) {
        let user = User::with(version);
        let image = user.path("mark.png");
        let mut command = Command::new(system_tool("ffmpeg"));
        command.args(["-v", "error", "-f", "lavfi", "-i", "color=red:size=100x50", "-frames:v", "1"]).arg(&image);
        output_of(command);
        let image = image.to_string_lossy().into_owned();
        let flags = ["--watermark", &image, "--watermark-position", "bottom-right", "--watermark-width", "25",
            "--watermark-margin", "10", "--watermark-from", "1", "--watermark-until", "3"];
        // 80×40 pixels, 18 from the right and the bottom: from (222, 122) to (302, 162), on blue.
        let made = made_of(user, &clips::RED_AND_BLUE.path(), &flags);
        for place in [(226, 126), (296, 156)] {
            assert!(is_red(colour_at(&made.picture, 50, place)), "{place:?}: {:?}", colour_at(&made.picture, 50, place));
            for frame in [10, 90] {
                assert!(is_blue(colour_at(&made.picture, frame, place)), "{place:?} in picture {frame}");
            }
        }
        for place in [(214, 140), (306, 140), (260, 114), (260, 168)] {
            assert!(is_blue(colour_at(&made.picture, 50, place)), "{place:?}: {:?}", colour_at(&made.picture, 50, place));
        }
        let flags = ["--watermark", &image, "--watermark-position", "top-right", "--watermark-opacity", "50"];
        let [red, _, blue] = {
            let half = made_of(User::with(version), &clips::RED_AND_BLUE.path(), &flags);
            colour_at(&half.picture, 50, (290, 14))
        };
        assert!((90..180).contains(&red) && (90..180).contains(&blue), "half red on blue is {red}, {blue}");
    }

    fn picture_and_sound_fade_in_and_out(version) {
        let made = made(version, &clips::RED_AND_BLUE, &["--fade-in", "1", "--fade-out", "1"]);
        let brightness = |frame| colour_at(&made.picture, frame, (20, 90))[0];
        assert!(brightness(0) < 20 && brightness(50) > 200 && brightness(99) < 40, "{:?}", [0, 50, 99].map(brightness));
        let sound = made.sound.as_deref().expect("the clip has sound");
        let peak = |from: &str, to: &str| {
            let mut command = Command::new(system_tool("ffmpeg"));
            command.args(["-v", "info", "-nostats", "-nostdin", "-i"]).arg(sound);
            command.args(["-af", &format!("atrim={from}:{to},volumedetect"), "-f", "null", "-"]);
            let log = String::from_utf8_lossy(&run(command).stderr).into_owned();
            let told = log.split("max_volume: ").nth(1).and_then(|rest| rest.split_whitespace().next());
            told.and_then(|number| number.parse::<f64>().ok()).unwrap_or_else(|| panic!("{log}"))
        };
        let (start, middle, end) = (peak("0", "0.1"), peak("1.5", "2.5"), peak("3.9", "3.98"));
        assert!(start < middle - 15.0 && end < middle - 15.0, "{start}, {middle}, {end} dB");
    }

    fn sound_is_brought_to_a_loudness_without_clipping(version) {
        let soft = made(version, &clips::RED_AND_BLUE, &["--loudness"]);
        let (lufs, _) = loudness(soft.sound.as_deref().expect("the clip has sound"));
        assert!((lufs + 23.0).abs() < 1.0, "{lufs} LUFS");
        // Music whose peaks have to be held down for that.
        let loud = made(version, &clips::SMALL, &["--loudness=-14"]);
        let (lufs, peak) = loudness(loud.sound.as_deref().expect("the clip has sound"));
        assert!((lufs + 14.0).abs() < 1.0 && peak < 0.0, "{lufs} LUFS, {peak} dBTP");
    }
}

#[test]
fn a_stream_has_the_size_that_was_asked_for() {
    let made = made(FfmpegVersion::System, &clips::SMALL, &["--target-size", "300k"]);
    let media: u64 = made
        .user
        .output_files()
        .iter()
        .filter(|file| file.ends_with(".m4s") || file.ends_with(".mp4"))
        .map(|file| std::fs::metadata(made.user.output().join(file)).expect("a file").len())
        .sum();
    assert!((260_000..=300_000).contains(&media), "{media} bytes");
}

#[test]
fn thumbnails_and_progress_follow_the_trimmed_length() {
    let user = User::new();
    let ended =
        encode(&user, &clips::NUMBERED.path(), &["--start", "10", "--duration", "4", "--thumbnail-times", "50%"]);
    ended.assert_all_done();
    assert_eq!(ended.events_named("job_planned")[0]["duration_seconds"], 4.0);
    let warnings = &ended.events_named("job_finished")[0]["warnings"];
    assert_eq!(*warnings, serde_json::json!([]), "a trimmed source does not end early");
    let thumbnail = user.stream_of(&clips::NUMBERED.path()).folder.join("images/thumbnail_1.jpg");
    // Half of what is left of the source is picture 300 of it.
    let right = likeness(&thumbnail, &clips::NUMBERED.path(), 300);
    assert!(right > likeness(&thumbnail, &clips::NUMBERED.path(), 225), "the picture is not of the trimmed part");
}

#[test]
fn operations_that_do_not_fit_the_source_are_refused_before_the_start() {
    let user = User::new();
    let clip = clips::NUMBERED.path();
    let logo = user.path("logo.png").display().to_string();
    let moving = user.path("moving.gif").display().to_string();
    for (image, frames) in [(&logo, "1"), (&moving, "5")] {
        let mut draw = Command::new(system_tool("ffmpeg"));
        draw.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x36:rate=5", "-frames:v", frames, image]);
        output_of(draw);
    }
    let film = clips::SMALL.path().display().to_string();
    let list = user.file("list.png", format!("#EXTM3U\n#EXTINF:1,\n{film}\n").as_bytes()).display().to_string();
    for (flags, said) in [
        (&["--start", "60"][..], "after the end of the source"),
        (&["--crop", "400:100:0:0"], "not within the picture"),
        (&["--crop", "8:8:0:0"], "leaves only"),
        (&["--fade-in", "10", "--fade-out", "10"], "fades are longer"),
        (&["--watermark", "not there.png"], "can't be read"),
        (&["--watermark", &list], "can't be read"),
        (&["--watermark", &film], "is a moving picture"),
        (&["--watermark", &moving], "is a moving picture"),
        (&["--watermark", &logo, "--watermark-from", "60"], "would appear at 00:01:00"),
        (&["--start", "10", "--watermark", &logo, "--watermark-from", "12"], "would appear at 00:00:12"),
        (&["--target-size", "10k"], "too few"),
    ] {
        let ended = encode(&user, &clip, flags);
        assert_eq!(ended.exit_code, Some(1), "{flags:?}");
        let failure = &ended.events_named("job_failed")[0]["failure"];
        assert_eq!(failure["kind"], "invalid_request", "{failure:#}");
        assert!(failure["headline"].as_str().is_some_and(|text| text.contains(said)), "{failure:#}");
        assert_eq!(user.output_files(), Vec::<String>::new());
    }
    for flags in [&["--start", "5", "--end", "4"][..], &["--rotate", "45"], &["--crop", "1:2"], &["--size", "0"]] {
        assert_eq!(encode(&user, &clip, flags).exit_code, Some(2), "{flags:?}");
    }
}
