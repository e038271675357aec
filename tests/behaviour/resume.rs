//! An encode that is interrupted goes on from its last finished segment, and comes to the same stream as one that was not.

mod by_hand;
mod comparison;
mod kills;
mod kinds;
mod pictures;

use std::{
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use comparison::assert_same_stream;
use rustix::process::{Signal, kill_process};

use crate::support::{
    clips::{self, Clip},
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions},
    stream::Stream,
    user::{Ended, User, files_under},
    wait_for,
};

/// Real pictures and sound in two sizes.
const FILM: Clip = Clip {
    name: "two rungs.mp4",
    frames: 450,
    frame_rate: (25, 1),
    recipe: "-stream_loop 4 -i SAMPLE -t 18 -vf fps=25,scale=640:360 -ac 2 -c:v libx264 -preset ultrafast -crf 20 -g 250 -c:a aac",
};

/// A screen recording: frames come when something happens, with pauses of up to three seconds.
const SCREEN: Clip = Clip {
    name: "screen.mp4",
    frames: 450,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 LAVFI_SOUND -t 18 -vf select='not(mod(n*n+7*n,11))*not(between(t,4.2,7.1))+between(mod(t,6),5.7,6)' -fps_mode vfr -video_track_timescale 90000 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac",
};

/// Open GOPs in a container that is sought in, at a rate whose frames are no whole milliseconds.
const OPEN_GOP_NTSC: Clip = Clip {
    name: "open gop.mkv",
    frames: 540,
    frame_rate: (30000, 1001),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=30000/1001 LAVFI_SOUND -frames:v 540 -shortest -c:v libx264 -preset veryfast -x264-params open-gop=1:keyint=48:scenecut=0 -bf 3 -pix_fmt yuv420p -c:a aac",
};

/// No time stamps at all.
const RAW: Clip = Clip {
    name: "raw.h264",
    frames: 450,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 -frames:v 450 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
};

on_both_ffmpeg_versions! {
    fn an_mp4_goes_on_after_each_kill(version) {
        interrupt_and_compare(version, &FILM, 0x5eed, &["--mp4", "--storyboard"]);
    }

    fn a_screen_recording_goes_on_after_each_kill(version) {
        interrupt_and_compare(version, &SCREEN, 0xbeef, &[]);
    }

    fn open_gops_go_on_after_each_kill(version) {
        interrupt_and_compare(version, &OPEN_GOP_NTSC, 0xcafe, &["--dash"]);
    }

    fn a_transport_stream_goes_on_after_each_kill(version) {
        interrupt_and_compare(version, &clips::OPEN_GOP, 0xf00d, &["--ts"]);
    }

    fn a_source_without_time_stamps_goes_on_after_each_kill(version) {
        interrupt_and_compare(version, &RAW, 0xace, &[]);
    }
}

#[test]
fn burned_in_subtitles_go_on_after_each_kill() {
    interrupt_and_compare(FfmpegVersion::Nine, &clips::PICTURE_SUBTITLES, 0xb0b, &["--burn-in", "en"]);
}

/// Kills an encode twice, at moments that follow from `seed`, and compares what it comes to with one that was let be.
fn interrupt_and_compare(version: FfmpegVersion, clip: &Clip, seed: u64, flags: &[&str]) {
    let user = User::with(version);
    let mut random = Moments(seed);
    Ended::of(command(&user, "whole", clip, flags)).assert_all_done();
    let whole = stream_in(&user, "whole", clip);
    for segments in [1, 2] {
        kill_after(&user, (version, clip), flags, (segments, random.next(Duration::from_millis(400))));
    }
    let made = stream_in(&user, "output", clip);
    let finished = fewest_segments(&made);
    let kept: Vec<(String, Vec<u8>)> = files_under(&made)
        .into_iter()
        .filter(|file| file.ends_with(".m4s") || file.ends_with("init.mp4"))
        .map(|file| (file.clone(), std::fs::read(made.join(&file)).expect("a file of the stream")))
        .collect();
    assert!(!made.join("images/poster.jpg").exists(), "the job was killed in its middle");

    let ended = Ended::of(command(&user, "output", clip, flags));
    ended.assert_all_done();
    let goes_on_at = ended.events_named("job_planned")[0]["goes_on_at_seconds"].as_f64().expect("it goes on");
    let whole_stream = Stream::at(whole.clone());
    let segments = whole_stream.media_playlist(&whole_stream.video_renditions()[0], "playlist.m3u8").segments;
    let expected: f64 = segments.iter().take(finished).map(|segment| f64::from(segment.duration)).sum();
    assert!((goes_on_at - expected).abs() < 1e-4, "it goes on at {goes_on_at} s after {finished} segments");
    for (file, content) in kept {
        assert!(std::fs::read(made.join(&file)).expect("a file of the stream") == content, "{file} was made again");
    }
    assert_same_stream(&user, &whole, &made);
    assert_eq!(std::fs::read_dir(user.path("output")).expect("a folder").count(), 1);
    assert_eq!(user.processes(), Vec::<String>::new());
}

/// `reelpress encode` of a clip into a folder of the user.
fn command(user: &User, folder: &str, clip: &Clip, flags: &[&str]) -> Command {
    let fast = ["--speed", "ultrafast", "--rate-control", "crf", "--crf", "14"];
    let flags: Vec<_> = fast.iter().chain(flags).map(Into::into).collect();
    user.encode_command_to(user.path(folder).as_os_str(), &flags, &[&clip.path()], "quick")
}

/// The stream of a clip in a folder of the user.
fn stream_in(user: &User, folder: &str, clip: &Clip) -> PathBuf {
    user.path(folder).join(clip.name.rsplit_once('.').expect("an extension").0)
}

/// Encodes a clip and kills program and ffmpeg when it has so many segments, a moment after.
fn kill_after(
    user: &User,
    (version, clip): (FfmpegVersion, &Clip),
    flags: &[&str],
    (segments, moment): (usize, Duration),
) {
    let mut command = command(user, "output", clip, flags);
    command.env("REELPRESS_FFMPEG", slow_ffmpeg(user, version)).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("reelpress starts");
    let made = stream_in(user, "output", clip);
    wait_for("a finished segment", || {
        assert_eq!(child.try_wait().expect("the child is ours"), None, "it ended before it could be interrupted");
        (fewest_segments(&made) >= segments).then_some(())
    });
    std::thread::sleep(moment);
    for process in ["reelpress", "ffmpeg", "ffmpeg-9"].iter().flat_map(|name| user.process_ids_running(name)) {
        // One may have ended with the other.
        let _ = kill_process(process, Signal::KILL);
    }
    child.wait().expect("the child is ours");
}

/// Number of finished segments in the rendition of pictures that has the fewest.
pub fn fewest_segments(stream: &std::path::Path) -> usize {
    let renditions = std::fs::read_dir(stream).into_iter().flatten().flatten();
    let pictures = renditions.filter(|entry| entry.file_name().to_string_lossy().ends_with('p'));
    let segments = |folder: std::fs::DirEntry| {
        files_under(&folder.path()).iter().filter(|file| file.starts_with("segment_")).count()
    };
    pictures.map(segments).min().unwrap_or(0)
}

/// The same ffmpeg, which reads at most five seconds of a source in a second.
pub fn slow_ffmpeg(user: &User, version: FfmpegVersion) -> PathBuf {
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *pipe:1*) exec '{0}' -readrate 5 \"$@\";; *) exec '{0}' \"$@\";; esac\n",
        version.program().display()
    );
    let path = user.file("slow-ffmpeg", script.as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the script can be made to run");
    path
}

/// Moments that look random and are the same in every run (a linear congruential generator).
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: Duration) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        below.mul_f64((self.0 >> 33) as f64 / f64::from(1_u32 << 31))
    }
}
