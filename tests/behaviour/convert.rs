//! What a user makes of a file without a stream: another container or codec, a smaller file, a part, several joined. What
//! comes out is measured: packets, decoded pictures, flashes and beeps.

mod beside_the_film;
mod changing;
mod joined;
mod sizes;

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    clips::{self, Clip},
    ffmpeg::{FfmpegVersion, decode, on_both_ffmpeg_versions},
    output_of,
    picture::{brightness, colour_at},
    sound::Samples,
    system_tool,
    user::{Ended, User, files_under},
    wait_for,
};

/// A flash and a beep of a tenth of a second at 1 and 3 s, with B-frames and a keyframe every second.
const FLASHES: Clip = Clip {
    name: "flashes.mp4",
    frames: 100,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i color=black:size=160x90:rate=25,drawbox=x=0:y=0:w=iw:h=ih:c=white:t=fill:enable=between(mod(t\\,2)\\,1\\,1.1) -f lavfi -i aevalsrc=0.5*sin(2000*2*PI*t)*between(mod(t\\,2)\\,1\\,1.1):s=48000 -t 4 -c:v libx264 -preset veryfast -bf 2 -g 25 -sc_threshold 0 -pix_fmt yuv420p -c:a aac",
};

/// The most by which a flash and its beep may be apart, in seconds.
const TOGETHER: f64 = 0.020;

/// `reelpress convert` of these files with JSON events.
fn convert(user: &User, files: &[&Path], flags: &[&str]) -> Ended {
    let mut command = user.reelpress();
    command.args(["convert", "--json", "--speed", "ultrafast"]).args(flags).arg("--").args(files);
    Ended::of(command)
}

/// The file that one conversion into the output folder makes.
fn made(user: &User, source: &Path, flags: &[&str]) -> (PathBuf, Value) {
    let output = format!("{}/", user.output().display());
    let flags: Vec<&str> = ["-o", &output].iter().chain(flags).copied().collect();
    let ended = convert(user, &[source], &flags);
    ended.assert_all_done();
    let finished = ended.events_named("job_finished")[0].clone();
    let file = PathBuf::from(finished["file"].as_str().expect("a file"));
    assert_eq!(files_under(&user.output()).len(), 1, "nothing but the file is left");
    (file, finished)
}

/// ffprobe's JSON of all streams.
fn streams(file: &Path) -> Vec<Value> {
    let mut command = Command::new(system_tool("ffprobe"));
    command.args(["-v", "error", "-show_streams", "-of", "json"]).arg(file);
    let answer: Value = serde_json::from_slice(&output_of(command)).expect("ffprobe writes JSON");
    answer["streams"].as_array().expect("streams").clone()
}

fn codecs(file: &Path) -> Vec<String> {
    streams(file).iter().map(|stream| stream["codec_name"].as_str().unwrap_or_default().to_owned()).collect()
}

/// When the decoded frames of a stream are shown or heard, in seconds.
fn times(file: &Path, stream: &str) -> Vec<f64> {
    let mut command = Command::new(system_tool("ffprobe"));
    command.args(["-v", "error", "-select_streams", stream, "-show_entries", "frame=best_effort_timestamp_time"]);
    command.args(["-of", "csv=p=0"]).arg(file);
    let lines = String::from_utf8(output_of(command)).expect("numbers");
    lines.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect()
}

/// When there are flashes and beeps in a file, in seconds.
fn flashes_and_beeps(file: &Path) -> (Vec<f64>, Vec<f64>) {
    let (bright, shown) = (brightness(file), times(file, "v:0"));
    assert_eq!(bright.len(), shown.len(), "pictures are decoded and there");
    let flashes = (1..bright.len()).filter(|index| bright[*index] > 128 && bright[*index - 1] <= 128);
    let start = times(file, "a:0")[0];
    let beeps = Samples::of(file).onsets(0.1).into_iter().map(|onset| start + onset);
    (flashes.map(|index| shown[index]).collect(), beeps.collect())
}

#[track_caller]
fn assert_together(file: &Path, expected: &[f64]) {
    let (flashes, beeps) = flashes_and_beeps(file);
    assert_eq!((flashes.len(), beeps.len()), (expected.len(), expected.len()), "{file:?}: {flashes:?} {beeps:?}");
    // Some containers have no times before 0: all of the file is later by the delay of the sound's encoder.
    let shift = times(file, "v:0")[0];
    assert!((0.0..0.03).contains(&shift), "{file:?} begins at {shift}");
    for ((flash, beep), expected) in flashes.iter().zip(&beeps).zip(expected) {
        assert!((flash - beep).abs() < TOGETHER, "{file:?}: a flash at {flash}, its beep at {beep}");
        assert!((flash - shift - expected).abs() < 0.001, "{file:?}: a flash at {flash}, not at {expected}");
    }
}

/// A hash of each decoded picture.
fn hashes(file: &Path) -> Vec<String> {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    command.args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framehash", "-hash", "crc32", "-"]);
    let lines = String::from_utf8(output_of(command)).expect("hashes");
    let frames = lines.lines().filter(|line| !line.starts_with('#'));
    frames.map(|line| line.rsplit(',').next().unwrap_or_default().trim().to_owned()).collect()
}

on_both_ffmpeg_versions! {
    fn every_container_for_pictures_gets_all_of_them_and_the_sound_in_sync(version) {
        for (format, expected) in [
            ("mp4", ["h264", "aac"]), ("mov", ["h264", "aac"]), ("mkv", ["h264", "aac"]), ("webm", ["vp9", "opus"]),
            ("avi", ["mpeg4", "mp3"]),
        ] {
            let user = User::with(version);
            let (file, finished) = made(&user, &FLASHES.path(), &["--to", format, "--reencode"]);
            assert_eq!(file, user.output().join(format!("flashes.{format}")));
            assert_eq!(codecs(&file), expected, "{format}");
            assert_eq!(decode(&file), (100, String::new()), "{format}");
            assert_together(&file, &[1.0, 3.0]);
            let duration = finished["duration_seconds"].as_f64().expect("a length");
            assert!((duration - 4.0).abs() < 0.06, "{format} is {duration} s long");
        }
    }

    fn languages_of_tracks_are_told_in_the_words_of_each_container(version) {
        let folder = TempDir::new().unwrap();
        let (words, source) = (folder.path().join("words.srt"), folder.path().join("tracks.mkv"));
        std::fs::write(&words, "1\n00:00:00,200 --> 00:00:01,000\nHallo\n\n").unwrap();
        let mut command = Command::new(version.program());
        command.args(["-v", "error", "-i"]).arg(FLASHES.path()).arg("-i").arg(&words);
        command.args(["-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "1", "-c", "copy", "-t", "2"]);
        command.args(["-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=swe"]);
        output_of({ command.args(["-metadata:s:s:0", "language=nld"]).arg(&source); command });
        let languages = |flags: &[&str]| -> Vec<String> {
            let user = User::with(version);
            let (file, _) = made(&user, &source, flags);
            let told = |stream: &Value| stream["tags"]["language"].as_str().unwrap_or_default().to_owned();
            streams(&file).iter().filter(|stream| stream["codec_type"] != "video").map(told).collect()
        };
        for flags in [&["--to", "mov"][..], &["--to", "mov", "--reencode"]] {
            assert_eq!(languages(flags), ["ger", "sve", "dut"], "ffmpeg's names of QuickTime's numbers: {flags:?}");
        }
        assert_eq!(languages(&["--to", "mp4", "--reencode"]), ["deu", "swe", "nld"]);
    }

    fn every_container_for_sound_gets_it_whole(version) {
        for (format, expected) in
            [("m4a", "aac"), ("mp3", "mp3"), ("opus", "opus"), ("ogg", "vorbis"), ("wav", "pcm_s16le"), ("flac", "flac")]
        {
            let user = User::with(version);
            let (file, _) = made(&user, &FLASHES.path(), &["--to", format]);
            assert_eq!(codecs(&file), [expected]);
            let sound = Samples::of(&file);
            let onsets = sound.onsets(0.1);
            assert!(onsets.len() == 2 && (onsets[0] - 1.0).abs() < 0.03 && (onsets[1] - 3.0).abs() < 0.03, "{format}: {onsets:?}");
            let seconds = sound.channels[0].len() as f64 / 48_000.0;
            assert!((seconds - 4.0).abs() < 0.06, "{format}: {seconds} s");
            assert_eq!(sound.channels.len(), 1, "{format}: one channel stays one channel");
        }
    }

    fn moving_pictures_become_a_gif_with_colours_of_its_own(version) {
        let user = User::with(version);
        let (file, _) = made(&user, &clips::RED_AND_BLUE.path(), &["--to", "gif", "--end", "2"]);
        assert_eq!(codecs(&file), ["gif"]);
        // Half of 25 frames a second.
        assert_eq!(decode(&file), (25, String::new()));
        let [red, _, blue] = colour_at(&file, 5, 0.25, 0.5);
        assert!(red > 200 && blue < 60, "the left is {red}, {blue}");
    }

    fn what_the_container_holds_is_copied_and_that_is_said(version) {
        let user = User::with(version);
        let (file, finished) = made(&user, &FLASHES.path(), &["--to", "mkv"]);
        assert_eq!(hashes(&file), hashes(&FLASHES.path()), "the pictures are the very same");
        assert_together(&file, &[1.0, 3.0]);
        let notes = finished["notes"].to_string();
        assert!(notes.contains("Copied without encoding: the picture (h264) and the sound (aac)"), "{notes}");
        assert_eq!(finished["warnings"].to_string(), "[]");
        let other = User::with(version);
        let (back, finished) = made(&other, &file, &["--to", "mp4"]);
        assert_eq!(hashes(&back), hashes(&FLASHES.path()));
        assert_together(&back, &[1.0, 3.0]);
        assert!(finished["notes"].to_string().contains("Copied without encoding"));
    }

    fn only_what_does_not_fit_is_encoded(version) {
        let user = User::with(version);
        let (file, finished) = made(&user, &clips::BROADCAST.path(), &["--to", "mkv", "--audio-codec", "flac"]);
        assert_eq!(codecs(&file), ["mpeg2video", "flac"]);
        assert_eq!(decode(&file).0, clips::BROADCAST.frames);
        assert!(finished["notes"].to_string().contains("the picture (mpeg2video)"), "{finished:#}");
    }

    fn operations_apply_to_files_too(version) {
        let user = User::with(version);
        let flags = ["--to", "mp4", "--start", "1.8", "--end", "3.4", "--rotate", "90", "--loudness=-20"];
        let (file, _) = made(&user, &FLASHES.path(), &flags);
        assert_eq!(decode(&file), (40, String::new()));
        let all = streams(&file);
        assert_eq!((&all[0]["width"], &all[0]["height"]), (&90.into(), &160.into()));
        assert_together(&file, &[1.2]);
        let ends = all.iter().map(|stream| stream["duration"].as_str().and_then(|text| text.parse::<f64>().ok()));
        assert!(ends.clone().all(|end| end.is_some_and(|end| (end - 1.6).abs() < 0.03)), "{:?}", ends.collect::<Vec<_>>());
    }

    fn a_part_is_cut_without_loss_at_a_keyframe(version) {
        for format in ["mp4", "mkv"] {
            let user = User::with(version);
            let (file, finished) = made(&user, &FLASHES.path(), &["--to", format, "--lossless", "--start", "2.3", "--end", "3.5"]);
            let (whole, part) = (hashes(&FLASHES.path()), hashes(&file));
            // From the keyframe at 2 s to 3.5 s, and at most two pictures further, none of them missing.
            assert!((38..=40).contains(&part.len()), "{format}: {} pictures", part.len());
            assert_eq!(part, whole[50..50 + part.len()], "{format}");
            assert_eq!(decode(&file).1, "");
            assert_together(&file, &[1.0]);
            let shown = times(&file, "v:0");
            assert!(shown.windows(2).all(|pair| (pair[1] - pair[0] - 0.04).abs() < 0.002), "{format}: {shown:?}");
            let warnings = finished["warnings"].to_string();
            assert!(warnings.contains("from 2.000 s, the keyframe before 2.300 s, to 3.5"), "{warnings}");
        }
    }
}

on_both_ffmpeg_versions! {
    fn a_part_that_is_copied_has_all_pictures_that_were_asked_for(version) {
        let user = User::with(version);
        let groups = [
            ("pyramid", "libx264", "bframes=7:b-adapt=0:b-pyramid=normal:keyint=50:scenecut=0"),
            ("open", "libx264", "bframes=3:open-gop=1:keyint=25:scenecut=0"),
            ("hevc", "libx265", "bframes=4:open-gop=1:keyint=25:log-level=none"),
        ];
        for (name, codec, parameters) in groups {
            let source = user.path(&format!("{name}.mp4"));
            let mut make = Command::new(system_tool("ffmpeg"));
            make.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-f", "lavfi"]);
            make.args(["-i", "sine=frequency=500:sample_rate=48000", "-t", "8", "-c:v", codec, "-preset", "ultrafast"]);
            make.args([if codec == "libx264" { "-x264-params" } else { "-x265-params" }, parameters]);
            make.args(["-c:a", "aac"]).arg(&source);
            output_of(make);
            let whole = hashes(&source);
            for (start, end, first) in [(0.0, 4.52, 0), (2.54, 6.02, 50), (2.54, 8.0, 50)] {
                for format in ["mp4", "mov", "mkv"] {
                    let user = User::with(version);
                    let flags = ["--lossless", "--to", format, "--start", &start.to_string(), "--end", &end.to_string()];
                    let (file, _) = made(&user, &source, &flags);
                    let part = hashes(&file);
                    let asked = (end * 25.0_f64).round() as usize - first;
                    assert!((asked..asked + 8).contains(&part.len()), "{name} {flags:?}: {} pictures", part.len());
                    assert_eq!(part, whole[first..first + part.len()], "{name} {flags:?}");
                    let shown = times(&file, "v:0");
                    let even = shown.windows(2).all(|pair| (pair[1] - pair[0] - 0.04).abs() < 0.002);
                    assert!(even && shown.len() == part.len(), "{name} {flags:?}: {shown:?}");
                }
            }
        }
    }
}

#[test]
fn turned_films_are_upright_in_containers_that_know_no_turn() {
    let user = User::new();
    let lying = user.path("lying.mp4");
    let mut command = Command::new(FfmpegVersion::Nine.program());
    command.args(["-v", "error", "-display_rotation", "90", "-i"]).arg(FLASHES.path()).args(["-c", "copy"]).arg(&lying);
    output_of(command);
    let (file, _) = made(&user, &lying, &["--to", "mov"]);
    let side_data = streams(&file)[0]["side_data_list"].to_string();
    assert!(side_data.contains("rotation"), "the turn is copied: {side_data}");
    let encoded = User::new();
    let (file, _) = made(&encoded, &lying, &["--to", "webm", "--end", "1"]);
    let facts = &streams(&file)[0];
    assert_eq!((&facts["width"], &facts["height"]), (&90.into(), &160.into()));
    assert_eq!(facts["side_data_list"], Value::Null);
}

#[test]
fn files_are_never_replaced_unless_asked_and_sources_never() {
    let user = User::new();
    let source = user.path("film.mp4");
    std::fs::copy(FLASHES.path(), &source).expect("the user's folder can be written");
    let link = user.path("same.mp4");
    std::fs::hard_link(&source, &link).expect("a second name");
    let taken = user.file("taken.mp4", b"precious");
    let content = || std::fs::read(&source).expect("the source is there");
    let before = content();
    for (output, flags, said) in [
        (&taken, &[][..], "exists already"),
        (&source, &["--overwrite"][..], "is a source"),
        (&link, &["--overwrite"][..], "is a source"),
    ] {
        let output = output.to_string_lossy().into_owned();
        let flags: Vec<&str> = ["-o", &output, "--crf", "40"].iter().chain(flags).copied().collect();
        let ended = convert(&user, &[&source], &flags);
        assert_eq!(ended.exit_code, Some(1));
        let failure = &ended.events_named("job_failed")[0]["failure"];
        assert!(failure["headline"].as_str().is_some_and(|text| text.contains(said)), "{failure:#}");
    }
    assert_eq!(std::fs::read(&taken).expect("it is there"), b"precious");
    assert_eq!(content(), before);
    // Beside the source, the next free name.
    convert(&user, &[&source], &["--crf", "40"]).assert_all_done();
    assert_eq!(decode(&user.path("film-2.mp4")).0, 100);
    let output = taken.to_string_lossy().into_owned();
    convert(&user, &[&source], &["-o", &output, "--overwrite"]).assert_all_done();
    assert_eq!(decode(&taken).0, 100);
}

#[test]
fn what_does_not_go_is_refused_with_what_to_do() {
    let user = User::new();
    let output = |name: &str| user.path(name).to_string_lossy().into_owned();
    for (name, flags, said) in [
        ("a.webm", &["--lossless"][..], "can't be copied"),
        ("a.avi", &["--video-codec", "hevc"], "does not hold pictures in that codec"),
        ("a.gif", &["--target-size", "1M"], "can't be chosen"),
        ("a.mp3", &["--rotate", "90"], "sound alone"),
        ("a.mp4", &["--target-size", "5k"], "too few"),
        ("a.mp4", &["--lossless", "--start", "9"], "starts at 00:00:09, after the end of the source at 00:00:04"),
        ("a.mp4", &["--start", "3.99"], "No picture is left from 00:00:03.99 on: the source ends at 00:00:04"),
    ] {
        let output = output(name);
        let flags: Vec<&str> = ["-o", &output].iter().chain(flags).copied().collect();
        let ended = convert(&user, &[&FLASHES.path()], &flags);
        assert_eq!(ended.exit_code, Some(1), "{flags:?}");
        let failure = &ended.events_named("job_failed")[0]["failure"];
        assert!(failure["headline"].as_str().is_some_and(|text| text.contains(said)), "{failure:#}");
        assert_eq!(failure["kind"], "invalid_request");
        assert!(!Path::new(&output).exists());
    }
    let silent = convert(&user, &[&clips::PORTRAIT_SILENT.path()], &["-o", &output("a.mp3")]);
    let failure = &silent.events_named("job_failed")[0]["failure"];
    assert!(failure["headline"].as_str().is_some_and(|text| text.contains("no sound")), "{failure:#}");
}

#[test]
fn an_interrupted_conversion_leaves_nothing() {
    let user = User::new();
    std::fs::create_dir(user.output()).expect("the user's folder can be written");
    let mut command = user.reelpress();
    let output = user.output().join("minute.webm");
    command.args(["convert", "--json", "--speed", "slow", "-o"]).arg(&output).arg(clips::MINUTE.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("reelpress starts");
    let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    let mut events = lines.map(|line| serde_json::from_str::<Value>(&line.expect("UTF-8")).expect("JSON"));
    let encodes = |event: &Value| event["event"] == "job_progressed" && event["encoded_seconds"].as_f64() > Some(0.0);
    assert!(events.any(|event| encodes(&event)), "the encode ended before it could be interrupted");
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(id, Signal::INT).expect("the program still runs");
    let rest: Vec<Value> = events.collect();
    assert!(rest.iter().any(|event| event["event"] == "job_interrupted"), "{rest:#?}");
    let hint = rest.last().and_then(|event| event["hint"].as_str());
    assert_eq!(hint, Some("the same command begins again"), "{rest:#?}");
    assert_eq!(child.wait().expect("the child can be waited for").code(), Some(130));
    assert_eq!(files_under(&user.output()), Vec::<String>::new());
    assert_eq!(user.processes(), Vec::<String>::new());
}

#[test]
fn a_source_that_is_overwritten_while_it_is_converted_is_told_as_such() {
    let user = User::new();
    let source = user.file("film.mp4", &std::fs::read(FLASHES.path()).expect("a clip"));
    let other = clips::sample();
    // As another program does that exports it again, in the moment in which the encoder begins.
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'-c:v:0 libx264'*) cat '{}' >'{}';; esac\nexec '{}' \"$@\"\n",
        other.display(),
        source.display(),
        FfmpegVersion::System.program().display()
    );
    let ffmpeg = user.file("ffmpeg", script.as_bytes());
    std::fs::set_permissions(&ffmpeg, std::fs::Permissions::from_mode(0o755)).expect("the script can be made to run");
    let mut command = user.reelpress();
    let output = user.output().join("film.mp4");
    command.args(["convert", "--json", "--crf", "24", "-o"]).arg(&output).arg(&source);
    command.env("REELPRESS_FFMPEG", &ffmpeg);
    let ended = Ended::of(command);
    assert_eq!(ended.exit_code, Some(1), "{:#?}", ended.events);
    let failed = &ended.events_named("job_failed")[0]["failure"];
    assert_eq!(failed["kind"], "source_vanished", "{failed}");
    assert!(
        failed["headline"].as_str().is_some_and(|words| words.contains("changed while it was encoded")),
        "{failed}"
    );
    assert_eq!(files_under(&user.output()), Vec::<String>::new());
}

#[test]
fn a_part_of_a_film_has_the_chapters_of_that_part() {
    let user = User::new();
    let chapters = [(0, 1500, "One"), (1500, 3000, "Two; and = more"), (3000, 4000, "Three")];
    let notes: String = chapters
        .map(|(start, end, title)| {
            let title = title.replace(';', "\\;").replace('=', "\\=");
            format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n")
        })
        .concat();
    let notes = user.file("notes.txt", format!(";FFMETADATA1\n{notes}").as_bytes());
    let source = user.path("film.mkv");
    let mut mux = Command::new(system_tool("ffmpeg"));
    mux.args(["-v", "error", "-i"]).arg(FLASHES.path()).arg("-i").arg(notes);
    mux.args(["-map_metadata", "1", "-c", "copy"]).arg(&source);
    output_of(mux);
    // What is copied begins at the keyframe at 1 s.
    for (flags, start) in [(["--to", "mp4", "--reencode"], "1"), (["--to", "mkv", "--lossless"], "1.1")] {
        let user = User::new();
        let (file, _) = made(&user, &source, &[flags.as_slice(), &["--start", start, "--end", "2.5"]].concat());
        let mut command = Command::new(system_tool("ffprobe"));
        command.args(["-v", "error", "-show_chapters", "-of", "json"]).arg(&file);
        let answer: Value = serde_json::from_slice(&output_of(command)).expect("ffprobe writes JSON");
        let found = answer["chapters"].as_array().expect("chapters");
        let number = |text: &Value| text.as_str().and_then(|text| text.parse::<f64>().ok()).expect("a number");
        assert_eq!(found.len(), 2, "{flags:?}: {found:#?}");
        for (chapter, (start, end, title)) in found.iter().zip([(0.0, 0.5, "One"), (0.5, 1.5, "Two; and = more")]) {
            assert_eq!(chapter["tags"]["title"], title);
            let apart = (number(&chapter["start_time"]) - start).abs().max((number(&chapter["end_time"]) - end).abs());
            assert!(apart < 0.05, "{flags:?}: {chapter:#?}");
        }
    }
}

#[test]
fn what_a_killed_conversion_has_left_is_gone_after_the_next_one() {
    let user = User::new();
    let mut command = user.reelpress();
    let output = format!("{}/", user.output().display());
    command.args(["convert", "--speed", "slow", "--to", "webm", "-o", &output]).arg(clips::MINUTE.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("reelpress starts");
    let work = user.path("home/cache/work");
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().count();
    wait_for("a file in the making", || files_under(&user.output()).first().map(drop));
    child.kill().expect("the child is ours");
    child.wait().expect("the child is ours");
    wait_for("the end of its ffmpeg", || user.process_ids_running("ffmpeg").is_empty().then_some(()));
    assert_eq!((entries(&work), entries(&user.output())), (1, 1), "what a killed program leaves");
    made_beside(&user, &FLASHES.path());
    wait_for("the end of the leftovers", || (entries(&work) == 0 && entries(&user.output()) == 0).then_some(()));
}

/// Converts a file into another folder.
fn made_beside(user: &User, source: &Path) {
    let output = format!("{}/", user.path("other").display());
    convert(user, &[source], &["--to", "mp4", "-o", &output]).assert_all_done();
}

/// The version that most of these tests use.
const SYSTEM: FfmpegVersion = FfmpegVersion::System;

on_both_ffmpeg_versions! {
    fn each_field_of_interlaced_video_becomes_a_frame_where_that_is_asked_for(version) {
        let user = User::with(version);
        let source = user.path("sport.mov");
        let mut make = Command::new(system_tool("ffmpeg"));
        make.args(["-v", "error", "-f", "lavfi", "-i"]);
        make.arg("color=black:size=720x576:rate=50[a];color=white:size=40x100:rate=50[b];[a][b]overlay=x=10*n:y=200");
        make.args(["-t", "1", "-vf", "tinterlace=interleave_top,setfield=tff", "-c:v", "libx264", "-preset", "ultrafast"]);
        make.args(["-flags", "+ildct+ilme", "-x264-params", "tff=1"]).arg(&source);
        output_of(make);
        for (flags, codec, frames) in [
            (&["--to", "mp4", "--interlaced", "fields"][..], "h264", 50),
            (&["--to", "mp4", "--video-codec", "hevc"], "hevc", 25),
            (&["--to", "mp4", "--video-codec", "hevc", "--interlaced", "fields"], "hevc", 50),
        ] {
            let user = User::with(version);
            let (file, _) = made(&user, &source, flags);
            assert_eq!(codecs(&file), [codec], "{flags:?}");
            let shown = times(&file, "v:0");
            assert_eq!(shown.len(), frames, "{flags:?}");
            let step = 1.0 / frames as f64;
            assert!((0..frames).all(|frame| (shown[frame] - frame as f64 * step).abs() < 0.001), "{flags:?}: {shown:?}");
            if frames == 50 {
                // The left edge of the box goes on in every frame.
                for frame in [10, 11, 30, 31] {
                    let white = |x: usize| colour_at(&file, frame, (x as f64) / 720.0, 250.0 / 576.0)[0] > 128;
                    assert!(white(10 * frame + 20) && !white(10 * frame - 15), "frame {frame} is not at its place");
                }
            }
        }
        let lossless = convert(&user, &[&source], &["--to", "mkv", "--interlaced", "fields", "--lossless"]);
        let failure = &lossless.events_named("job_failed")[0]["failure"];
        assert!(failure["headline"].as_str().is_some_and(|text| text.contains("fields")), "{failure:#}");
    }
}
