//! Keys that no keychain has are asked for in the terminal, where the secret is never to be seen.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use reelpress::{
    engine::{Command as Asked, Engine, EngineConfig, QueueLife},
    job::{Destination, JobSpec, JobState, S3Location},
    preset::find_preset,
    settings::{AppFolders, Settings},
    tools::keychain::{self, AccessKey},
};
use tokio::runtime::Runtime;

use super::{objects, write_stream};
use crate::support::{
    clips,
    object_store::{ACCESS_KEY, SECRET_KEY, new_bucket, shared_endpoint},
    run, system_tool,
    user::{Ended, User},
    wait_for,
};

/// A program at a terminal of its own (util-linux' `script`), and all that the terminal shows.
struct Terminal {
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Runs the shell's line at a terminal, for a user without keys and without a keychain.
    fn run(user: &User, line: &str) -> Self {
        let mut command = Command::new(system_tool("script"));
        user.equip(&mut command);
        without_keys(&mut command);
        command.args(["-q", "-e", "-c", line, "/dev/null"]).env("TERM", "xterm");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let mut output = child.stdout.take().unwrap();
        let shows = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut piece) {
                shows.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        Self { child, shown }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Types a line once the terminal shows `prompt`.
    fn answer(&mut self, prompt: &str, line: &str) {
        wait_for(prompt, || self.shown().contains(prompt).then_some(()));
        self.child.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Types the keys of this name; the secret once letters are not shown any more.
    fn type_keys(&mut self, user: &User, name: &str) {
        self.answer(&format!("Access key id of “{name}”: "), ACCESS_KEY);
        wait_for("the prompt for the secret", || self.shown().contains("Its secret (not shown): ").then_some(()));
        wait_for("a terminal that shows no letters", || {
            let process = user.process_ids_running("reelpress").into_iter().next()?;
            let terminal = std::fs::read_link(format!("/proc/{}/fd/0", process.as_raw_nonzero())).ok()?;
            let mut stty = Command::new(system_tool("stty"));
            stty.arg("-F").arg(terminal).arg("-a");
            String::from_utf8(run(stty).stdout).ok()?.contains("-echo ").then_some(())
        });
        self.answer("Its secret (not shown): ", SECRET_KEY);
    }

    /// What it showed until its end, and whether it ended well.
    fn ended(mut self) -> (String, bool) {
        let status = wait_for("the end of the program", || self.child.try_wait().unwrap());
        let told = self.shown();
        assert!(told.contains(ACCESS_KEY), "what is typed is shown: {told}");
        assert!(!told.contains(SECRET_KEY), "the secret is shown: {told}");
        (told, status.success())
    }
}

fn without_keys(command: &mut Command) {
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

#[test]
fn a_secret_that_is_typed_is_not_shown_and_publishes() {
    let runtime = Runtime::new().unwrap();
    let endpoint = shared_endpoint();
    let bucket = new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    let folder = user.path("bunny");
    write_stream(&folder);
    let program = PathBuf::from(env!("CARGO_BIN_EXE_reelpress"));
    let line = format!(
        "{} publish {} s3://{bucket} --endpoint {endpoint} --credentials films",
        quoted(&program),
        quoted(&folder)
    );
    let mut terminal = Terminal::run(&user, &line);
    terminal.type_keys(&user, "films");
    let (told, is_published) = terminal.ended();
    assert!(is_published && told.contains(&format!("bunny: published to s3://{bucket}")), "{told}");
}

#[test]
fn a_queue_asks_for_the_keys_of_its_jobs_and_without_a_terminal_says_what_to_do() {
    let runtime = Runtime::new().unwrap();
    let endpoint = shared_endpoint();
    let bucket = new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    let mut add = user.reelpress();
    add.args(["queue", "add", "--preset", "quick", "--speed", "ultrafast", "--out", &format!("s3://{bucket}")]);
    add.args(["--endpoint", &endpoint, "--credentials", "films"]).arg(clips::SMALL.path());
    crate::support::output_of(add);

    let mut without_terminal = user.reelpress();
    without_keys(&mut without_terminal);
    without_terminal.args(["queue", "run"]);
    let ended = run(without_terminal);
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("No keys “films”") && told.contains("This system has no keychain"), "{told}");
    assert!(told.contains("start the job in a terminal"), "{told}");

    let list = |user: &User| {
        let mut list = user.reelpress();
        list.args(["queue", "list", "--json"]);
        let listed: serde_json::Value = serde_json::from_slice(&crate::support::output_of(list)).unwrap();
        listed["jobs"][0].clone()
    };
    let job = list(&user);
    let headline = job["failure"]["headline"].as_str();
    assert!(job["state"] == "waiting" && headline.is_some_and(|words| words.contains("No keys “films”")), "{job}");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_reelpress"));
    let mut terminal = Terminal::run(&user, &format!("{} queue run", quoted(&program)));
    terminal.type_keys(&user, "films");
    let (told, is_done) = terminal.ended();
    assert!(is_done && told.contains(&format!("{bucket}/small/master.m3u8")), "{told}");
}

/// After a crash nobody has given the keys yet: what is encoded and published already is not lost over that.
#[test]
fn an_interrupted_job_without_its_keys_waits_and_goes_on_when_they_are_given() {
    let runtime = Runtime::new().unwrap();
    let endpoint = shared_endpoint();
    let bucket = new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    let mut add = user.reelpress();
    add.args(["queue", "add", "--preset", "quick", "--speed", "ultrafast"]);
    add.args(["--out", &format!("s3://{bucket}"), "--endpoint", &endpoint, "--credentials", "films"]);
    crate::support::output_of({
        add.arg(clips::MINUTE.path());
        add
    });
    let program = PathBuf::from(env!("CARGO_BIN_EXE_reelpress"));
    let work = format!("{} queue run", quoted(&program));
    let mut terminal = Terminal::run(&user, &work);
    terminal.type_keys(&user, "films");
    let streams = AppFolders::under(&user.path("home")).streams();
    wait_for("two segments", || streams.join("minute/360p/segment_00001.m4s").is_file().then_some(()));
    for process in ["reelpress", "ffmpeg"].iter().flat_map(|name| user.process_ids_running(name)) {
        // One may have ended with the other.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
    assert!(!terminal.ended().1);

    let mut without_keys_now = user.reelpress();
    without_keys(&mut without_keys_now);
    without_keys_now.args(["queue", "run", "--json"]);
    let ended = Ended::of(without_keys_now);
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    let [waits] = ended.events_named("job_waits_for_keys")[..] else { panic!("{ended:?}") };
    assert_eq!(waits["failure"]["kind"], "keys_missing", "{waits}");
    assert!(ended.events_named("job_failed").is_empty() && ended.events_named("files_finished").is_empty());

    let mut terminal = Terminal::run(&user, &work);
    terminal.type_keys(&user, "films");
    let (told, is_done) = terminal.ended();
    assert!(is_done && told.contains("goes on at 00:00:"), "{told}");
    assert!(told.contains(&format!("{bucket}/minute/master.m3u8")), "it has one place: {told}");
}

#[test]
fn keys_that_are_given_during_the_encode_are_used_at_once() {
    let runtime = Runtime::new().unwrap();
    let user = User::new();
    let name = "given-during-the-encode";
    let location = S3Location {
        credentials: Some(name.to_owned()),
        skip_public_check: true,
        ..new_bucket(&runtime, &shared_endpoint())
    };
    let settings =
        Settings { ffmpeg: Some(system_tool("ffmpeg")), ffprobe: Some(system_tool("ffprobe")), ..Settings::default() };
    let folders = AppFolders::under(&user.path("home"));
    let engine = Engine::start(EngineConfig { folders, settings, queue: QueueLife::ThisRun }).expect("an engine");
    let destination = Destination::S3 {
        local_folder: user.output(),
        keep_local: true,
        location: location.clone().into(),
        also_to: Vec::new(),
        drop_published: false,
    };
    let spec = JobSpec::stream(clips::MINUTE.path(), find_preset("quick").expect("a preset"), destination);
    engine.send(Asked::AddJobs { specs: vec![spec] }).expect("the engine runs");
    let snapshot = || engine.snapshot().jobs.first().cloned();
    let id = wait_for("an upload that waits for keys", || {
        let job = snapshot()?;
        let reason = job.progress()?.upload_interruption.clone()?;
        assert!(reason.contains("No keys"), "{reason}");
        job.can_be_paused().then_some(job.id)
    });
    engine.send(Asked::Pause { id }).expect("the engine runs");
    wait_for("an encoder that stands still", || snapshot()?.is_held().then_some(()));
    let key = AccessKey { id: ACCESS_KEY.to_owned(), secret: SECRET_KEY.to_owned() };
    keychain::hold(name, key);
    wait_for("the first files in the bucket", || (!objects(&runtime, &location).is_empty()).then_some(()));
    engine.send(Asked::Cancel { id }).expect("the engine runs");
    wait_for("a cancelled job", || (snapshot()?.state == JobState::Cancelled).then_some(()));
}
