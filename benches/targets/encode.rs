//! The ladder's time beside x264 alone, and how soon the stream can be watched.

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use reelpress::{
    job::{Destination, JobSpec, S3Location},
    pipeline::{encode::argv, plan::EncodePlan, probe::probe},
    preset::find_preset,
    settings::{AppFolders, Settings},
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};
use rustix::process::Pid;
use serde_json::Value;

use crate::{
    Row, say,
    support::{clips::Clip, ffmpeg::FfmpegVersion, object_store, output_of, user::User},
    usage,
};

/// Real pictures at 1080p with the grain of a camera, so that every rung has something to do.
pub const FULL_HD_MINUTE: Clip = Clip {
    name: "full-hd-minute.mp4",
    frames: 1500,
    frame_rate: (25, 1),
    recipe: "-stream_loop 12 -i SAMPLE -t 60 -vf fps=25,scale=1920:1080:flags=bicubic,noise=alls=2:allf=t -c:v libx264 -preset veryfast -crf 20 -c:a aac -ac 2",
};
/// Four rungs and sound.
pub const PRESET: &str = "web-hls";
/// x264 alone takes 1; a command written by hand reaches 1.04, a run for each rendition 1.23.
const LADDER_TARGET: f64 = 1.08;
/// Seconds of the source that may be encoded before its stream can be played.
const PLAYABLE_TARGET: f64 = 8.0;
/// The ladder and x264 alone take turns, and the fastest of each counts: a virtual machine gives the very same command a
/// fifth more or less of a processor from one minute to the next.
const TURNS: u32 = 3;
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Measures all of it.
pub fn measure() -> Vec<Row> {
    say("Making a minute of 1080p");
    let source = FULL_HD_MINUTE.path();
    let plan = plan(&source);
    say("Scaling it for x264 alone");
    let raw = raw_frames(&plan);
    let (mut ladders, mut alone) = (Vec::new(), Duration::MAX);
    for turn in 1..=TURNS {
        say(&format!("Ladder into a folder, {turn} of {TURNS}"));
        let user = User::new();
        let folder = user.stream_of(&source).folder;
        ladders.push(run_ladder(&user, user.output().as_os_str(), &[], || is_playable_in(&folder, &plan)));
        say(&format!("x264 alone on scaled raw frames, {turn} of {TURNS}"));
        alone = alone.min(time(x264_alone(&plan, &raw)));
    }
    drop(raw);
    say("A run for each rendition");
    let each: Duration = (0..plan.renditions.len()).map(|index| time(run_for_rendition(&plan, index))).sum();
    say("Ladder into a bucket");
    let into_bucket = ladder_into_bucket(&source, &plan);

    let ladder = ladders.iter().map(|ladder| ladder.wall.as_secs_f64()).fold(f64::INFINITY, f64::min);
    let latest = |of: fn(&LadderRun) -> f64| ladders.iter().map(of).fold(0.0, f64::max);
    let ratio = |value: f64| format!("{value:.3}");
    let seconds = |value: f64| format!("{value:.1} s");
    let megabytes = |value: f64| format!("{value:.0} MB");
    vec![
        Row::at_most("ladder, beside x264 alone", ladder / alone.as_secs_f64(), LADDER_TARGET, ratio),
        Row::for_comparison(
            "a run for each rendition, beside x264 alone",
            ratio(each.as_secs_f64() / alone.as_secs_f64()),
        ),
        Row::for_comparison("ladder", seconds(ladder)),
        Row::for_comparison("x264 alone", seconds(alone.as_secs_f64())),
        Row::at_most(
            "source encoded when it can be played from the folder",
            latest(|ladder| ladder.playable_at),
            PLAYABLE_TARGET,
            seconds,
        ),
        Row::at_most(
            "source encoded when it can be played from the bucket",
            into_bucket.playable_at,
            PLAYABLE_TARGET,
            seconds,
        ),
        Row::for_comparison("ladder into a bucket", seconds(into_bucket.wall.as_secs_f64())),
        Row::for_comparison(
            "memory of reelpress encode into a folder",
            megabytes(latest(|ladder| ladder.peak_megabytes)),
        ),
        Row::for_comparison("memory of reelpress encode into a bucket", megabytes(into_bucket.peak_megabytes)),
    ]
}

fn toolbox() -> Toolbox {
    Toolbox {
        ffmpeg: FfmpegVersion::System.program(),
        ..Toolbox::find(&Settings::default(), &AppFolders::under(Path::new("/nonexistent"))).expect("ffmpeg")
    }
}

fn plan(source: &Path) -> EncodePlan {
    let toolbox = toolbox();
    let media = probe(source, &toolbox, &CancelToken::default()).expect("a readable source");
    let spec = JobSpec::stream(
        source.to_owned(),
        find_preset(PRESET).expect("a built-in preset"),
        Destination::Folder(PathBuf::new()),
    );
    EncodePlan::resolve(&spec, &media, toolbox.can_tone_map).expect("a plan")
}

fn ffmpeg() -> Command {
    let mut command = Command::new(toolbox().ffmpeg);
    command.args(["-v", "error", "-nostdin", "-y"]);
    command
}

/// All renditions of a plan as raw frames, in its order, in files that go when this does.
fn raw_frames(plan: &EncodePlan) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the build folder can be written");
    let bytes: u64 = plan.renditions.iter().map(|rendition| rendition.size.pixels() * 3 / 2).sum::<u64>() * 1500;
    let free = fs4::available_space(folder.path()).expect("the disk can be asked");
    assert!(
        free > bytes + bytes / 4,
        "{} GB of room are needed in {}",
        bytes * 5 / 4_000_000_000,
        folder.path().display()
    );
    let mut command = ffmpeg();
    command.arg("-i").arg(&plan.source);
    let paths: Vec<PathBuf> =
        plan.renditions.iter().map(|rendition| folder.path().join(format!("{}.yuv", rendition.name))).collect();
    for (rendition, path) in plan.renditions.iter().zip(&paths) {
        let size = format!("scale={}:{}:flags=bicubic,format=yuv420p", rendition.size.width, rendition.size.height);
        command.args(["-map", "0:v:0", "-vf", &size, "-f", "rawvideo"]).arg(path);
    }
    output_of(command);
    (folder, paths)
}

/// The very encoder settings that the ladder has: its own arguments from the GOP to what follows the last rendition.
fn encoder_settings(plan: &EncodePlan) -> Vec<OsString> {
    let arguments = argv::arguments(plan, Path::new(""));
    let from = arguments.iter().position(|argument| argument == "-g").expect("the length of a GOP");
    let to = arguments.iter().position(|argument| argument == "-c:a:0").expect("a sound codec");
    arguments[from..to].to_vec()
}

/// The settings of one rendition, as if it were the only one.
fn settings_of_one(plan: &EncodePlan, index: usize) -> Vec<OsString> {
    let mut settings = Vec::new();
    for pair in encoder_settings(plan).chunks(2) {
        let (name, value) = (pair[0].to_string_lossy().into_owned(), pair[1].clone());
        let rendition = name.rsplit_once(":v:").and_then(|(_, number)| number.parse::<usize>().ok());
        if rendition.is_none_or(|rendition| rendition == index) {
            settings.extend([name.replace(&format!(":v:{index}"), ":v").into(), value]);
        }
    }
    settings
}

fn x264_alone(plan: &EncodePlan, (_, paths): &(tempfile::TempDir, Vec<PathBuf>)) -> Command {
    let mut command = ffmpeg();
    for (rendition, path) in plan.renditions.iter().zip(paths) {
        let size = format!("{}x{}", rendition.size.width, rendition.size.height);
        let rate = plan.timing.frame_rate.to_string();
        command
            .args(["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", &size, "-framerate", &rate, "-i"])
            .arg(path);
    }
    for index in 0..paths.len() {
        command.args(["-map", &index.to_string()]);
    }
    command.args(encoder_settings(plan)).args(["-f", "null", "-"]);
    command
}

fn run_for_rendition(plan: &EncodePlan, index: usize) -> Command {
    let size = plan.renditions[index].size;
    let mut command = ffmpeg();
    command.arg("-i").arg(&plan.source).args(["-map", "0:v:0"]);
    command.args(["-vf", &format!("scale={}:{}:flags=bicubic,format=yuv420p", size.width, size.height)]);
    command.args(settings_of_one(plan, index)).args(["-f", "null", "-"]);
    command
}

fn time(command: Command) -> Duration {
    let began = Instant::now();
    output_of(command);
    began.elapsed()
}

/// A run of `reelpress encode`.
struct LadderRun {
    wall: Duration,
    /// Seconds of the source that were encoded when the stream could be played.
    playable_at: f64,
    peak_megabytes: f64,
}

/// Runs the program and asks `is_playable` all the time until it is so.
fn run_ladder(user: &User, destination: &OsStr, more: &[OsString], is_playable: impl Fn() -> bool + Sync) -> LadderRun {
    let mut command = user.encode_command_to(destination, more, &[&FULL_HD_MINUTE.path()], PRESET);
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("reelpress starts");
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    let output = BufReader::new(child.stdout.take().expect("its output is piped"));
    let (ended, playable) = (AtomicBool::new(false), AtomicBool::new(false));
    let (mut playable_at, mut peak_megabytes) = (f64::INFINITY, 0.0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) && !playable.load(Ordering::Relaxed) {
                playable.store(is_playable(), Ordering::Relaxed);
                std::thread::sleep(POLL_INTERVAL);
            }
        });
        for line in output.lines() {
            let event: Value = serde_json::from_str(&line.expect("UTF-8")).expect("JSON");
            // The first position told after the stream could be played: rather too late than too early.
            if let Some(encoded) = event["encoded_seconds"].as_f64()
                && playable.load(Ordering::Relaxed)
            {
                playable_at = encoded.min(playable_at);
            }
            peak_megabytes = usage::peak_megabytes(process).unwrap_or(peak_megabytes);
        }
        ended.store(true, Ordering::Relaxed);
    });
    let status = child.wait().expect("the child can be waited for");
    assert!(status.success(), "reelpress ended with {status}");
    LadderRun { wall: began.elapsed(), playable_at, peak_megabytes }
}

/// The files that a player needs before it shows the first picture of every rung.
fn first_files(plan: &EncodePlan) -> Vec<String> {
    let sound = plan.audio.iter().map(|audio| audio.name.as_str());
    let renditions = plan.renditions.iter().map(|rendition| rendition.name.as_str()).chain(sound);
    let files = renditions
        .flat_map(|name| ["init.mp4", "segment_00000.m4s", "playlist.m3u8"].map(|file| format!("{name}/{file}")));
    std::iter::once("master.m3u8".to_owned()).chain(files).collect()
}

fn is_playable_in(folder: &Path, plan: &EncodePlan) -> bool {
    first_files(plan).iter().all(|file| folder.join(file).is_file())
}

fn ladder_into_bucket(source: &Path, plan: &EncodePlan) -> LadderRun {
    let user = User::new();
    let store = object_store::ObjectStore::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let location = object_store::new_bucket(&runtime, &store.endpoint);
    let client = object_store::client(&store.endpoint);
    let folder = source.file_stem().expect("a name").to_string_lossy().into_owned();
    let is_playable = || {
        let listed = runtime.block_on(client.list_objects_v2().bucket(&location.bucket).prefix(&folder).send());
        let Ok(listed) = listed else { return false };
        let keys: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
        first_files(plan).iter().all(|file| keys.contains(&format!("{folder}/{file}").as_str()))
    };
    let S3Location { bucket, .. } = &location;
    let more = ["--endpoint".into(), store.endpoint.clone().into(), "--region".into(), "us-east-1".into()];
    run_ladder(&user, OsStr::new(&format!("s3://{bucket}")), &more, is_playable)
}
