//! Holding a job and letting it go on.

use reelpress::{
    engine::{Command, Engine, EngineConfig, Job, QueueLife},
    job::{Destination, JobSpec, JobState},
    preset::find_preset,
    settings::{AppFolders, Settings},
};
use rustix::process::Pid;

use crate::support::{clips, ffmpeg, stream::Stream, system_tool, user::User, wait_for};

#[test]
fn a_held_job_stands_still_and_ends_in_the_same_stream_after_it_goes_on() {
    let user = User::new();
    let settings = Settings {
        ffmpeg: Some(system_tool("ffmpeg")),
        ffprobe: Some(system_tool("ffprobe")),
        output_folder: user.output(),
        ..Settings::default()
    };
    let folders = AppFolders::under(&user.path("home"));
    let engine = Engine::start(EngineConfig { folders, settings, queue: QueueLife::ThisRun }).expect("an engine");
    let spec = JobSpec::stream(
        clips::LANDSCAPE.path(),
        find_preset("quick").expect("a built-in preset"),
        Destination::Folder(user.output()),
    );
    engine.send(Command::AddJobs { specs: vec![spec] }).expect("the engine runs");
    let job = |is_so: &dyn Fn(&Job) -> bool| {
        let snapshot = engine.snapshot();
        snapshot.jobs.first().filter(|job| is_so(job)).map(|job| job.id)
    };
    let id = wait_for("an encode at work", || job(&|job| job.can_be_paused() && job.plan.is_some()));
    let encoder = wait_for("its encoder", encoder_of_this_test);
    engine.send(Command::Pause { id }).expect("the engine runs");
    wait_for("a held encoder", || (state_of(encoder)? == 'T').then_some(()));
    wait_for("a paused job", || job(&|job| matches!(job.state, JobState::Running { is_paused: true, .. })));
    engine.send(Command::Resume { id }).expect("the engine runs");
    let folder = wait_for("a finished stream", || {
        let snapshot = engine.snapshot();
        match &snapshot.jobs.first()?.state {
            JobState::Done { report } => report.folder.clone(),
            JobState::Failed { failure } => panic!("{failure:?}"),
            _ => None,
        }
    });
    let (frames, complaints) = ffmpeg::decode(&Stream::at(folder).whole("720p", &user.path("")));
    assert_eq!((frames, complaints.as_str()), (clips::LANDSCAPE.frames, ""));
}

/// The ffmpeg that writes a stream, among the children of this process.
fn encoder_of_this_test() -> Option<Pid> {
    let children = std::fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| {
        let id: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent: u32 = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let encodes = line.windows(14).any(|bytes| bytes == b"-frag_duration");
        (parent == std::process::id() && encodes).then(|| Pid::from_raw(id)).flatten()
    });
    children.into_iter().next()
}

/// The letter of the kernel for what a process does: T is stopped.
fn state_of(process: Pid) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}
