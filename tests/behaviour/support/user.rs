//! A user of their own for each test: settings, queue and output folder that nobody else sees.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use reelpress::settings::AppFolders;
use rustix::process::Pid;
use serde_json::Value;

use super::{ffmpeg::FfmpegVersion, object_store, run, stream::Stream, system_tool, wait_for};

/// A user with an empty home.
pub struct User {
    folder: tempfile::TempDir,
    ffmpeg: FfmpegVersion,
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub exit_code: Option<i32>,
    /// The JSON lines on standard output.
    pub events: Vec<Value>,
    /// Standard error.
    pub stderr: String,
}

/// All that a command has shown to others while it ran.
#[derive(Debug)]
pub struct Shown {
    /// Whether it ended well.
    pub is_success: bool,
    /// Standard output, then standard error.
    pub told: Vec<u8>,
    /// The command lines of it and of all that it started, as often as could be looked.
    pub command_lines: BTreeSet<String>,
}

impl User {
    /// A user whose Reelpress finds this ffmpeg.
    pub fn with(ffmpeg: FfmpegVersion) -> Self {
        let folder = tempfile::Builder::new().prefix("reelpress-test-").tempdir().expect("a temporary folder");
        Self { folder, ffmpeg }
    }

    /// A user whose Reelpress finds the system's ffmpeg.
    pub fn new() -> Self {
        Self::with(FfmpegVersion::System)
    }

    /// A place of this name in the user's folder; not made.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file with this content into the user's folder.
    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the user's folder can be written");
        path
    }

    /// The folder that streams go to.
    pub fn output(&self) -> PathBuf {
        self.path("output")
    }

    /// The program, for this user.
    pub fn reelpress(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reelpress"));
        self.equip(&mut command);
        command
    }

    /// Lets a command that will start the program run it for this user, who has the credentials of the test store.
    pub fn equip(&self, command: &mut Command) {
        for (variable, _) in std::env::vars_os().filter(|(variable, _)| variable.to_string_lossy().starts_with("AWS_"))
        {
            command.env_remove(variable);
        }
        command
            .env("AWS_ACCESS_KEY_ID", object_store::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", object_store::SECRET_KEY);
        command.env("AWS_CONFIG_FILE", self.path("aws-config")).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_SHARED_CREDENTIALS_FILE", self.path("aws-credentials")).env("AWS_REGION", "us-east-1");
        command.env("REELPRESS_HOME", self.path("home")).stdin(Stdio::null());
        command.env("REELPRESS_FFMPEG", self.ffmpeg.program()).env("REELPRESS_FFPROBE", system_tool("ffprobe"));
    }

    /// `reelpress encode` of these files into the output folder, with JSON events.
    pub fn encode_command(&self, files: &[&Path], preset: &str) -> Command {
        self.encode_command_to(self.output().as_os_str(), &[], files, preset)
    }

    /// `reelpress encode` of these files to this destination with these options for it, with JSON events.
    pub fn encode_command_to(
        &self,
        destination: &OsStr,
        options: &[OsString],
        files: &[&Path],
        preset: &str,
    ) -> Command {
        let mut command = self.reelpress();
        command.args(["encode", "--json", "--preset", preset, "--out"]).arg(destination);
        command.args(options).arg("--").args(files);
        command
    }

    /// Encodes files into the output folder and waits for the end.
    pub fn encode(&self, files: &[&Path], preset: &str) -> Ended {
        Ended::of(self.encode_command(files, preset))
    }

    /// The finished stream of this source in the output folder.
    pub fn stream_of(&self, source: &Path) -> Stream {
        Stream::at(self.output().join(source.file_stem().expect("a file name")))
    }

    /// Every file under the output folder, as paths relative to it.
    pub fn output_files(&self) -> Vec<String> {
        files_under(&self.output())
    }

    /// Saves settings as the window would have.
    pub fn save_settings(&self, settings: &Value) {
        let file = AppFolders::under(&self.path("home")).settings_file();
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("the user's folder can be written");
        std::fs::write(file, settings.to_string()).expect("the user's folder can be written");
    }

    /// Command lines of all processes that run for this user.
    pub fn processes(&self) -> Vec<String> {
        self.running().into_iter().map(|(_, line)| line).collect()
    }

    /// Runs a command to its end and gathers what it shows.
    pub fn watch(&self, mut command: Command) -> Shown {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (mut out, mut err) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let all_of = |pipe: &mut dyn Read| {
            let mut text = Vec::new();
            pipe.read_to_end(&mut text).expect("the pipe can be read");
            text
        };
        let mut command_lines = BTreeSet::new();
        std::thread::scope(|scope| {
            let (out, err) = (scope.spawn(move || all_of(&mut out)), scope.spawn(move || all_of(&mut err)));
            let status = wait_for("the end of the program", || {
                command_lines.extend(self.processes());
                child.try_wait().expect("the child can be asked")
            });
            let told = [out, err].map(|reader| reader.join().expect("the reader ends")).concat();
            Shown { is_success: status.success(), told, command_lines }
        })
    }

    /// Processes of this user that run a program of this name.
    pub fn process_ids_running(&self, program: &str) -> Vec<Pid> {
        let runs = |line: &str| line.split(' ').next().is_some_and(|path| Path::new(path).ends_with(program));
        self.running().into_iter().filter(|(_, line)| runs(line)).map(|(id, _)| id).collect()
    }

    /// Processes are found by the environment that they inherit from the program.
    fn running(&self) -> Vec<(Pid, String)> {
        let mark = format!("REELPRESS_HOME={}", self.path("home").display());
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("a proc file system").flatten() {
            let id = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            if let Some(id) = id
                && environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
            {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push((id, String::from_utf8_lossy(&line).replace('\0', " ")));
            }
        }
        found
    }
}

impl Ended {
    /// Runs a command that prints JSON lines to its end.
    pub fn of(command: Command) -> Self {
        let output = run(command);
        let lines = String::from_utf8(output.stdout).expect("events are UTF-8");
        let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        Self {
            exit_code: output.status.code(),
            events: lines.lines().map(event).collect(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The events of this name.
    pub fn events_named(&self, name: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event"] == name).collect()
    }

    /// Panics unless every job was done.
    #[track_caller]
    pub fn assert_all_done(&self) {
        assert_eq!(self.exit_code, Some(0), "{}\n{:#?}", self.stderr, self.events_named("job_failed"));
    }
}

/// Every file under a folder, as sorted paths relative to it; empty when there is no such folder.
pub fn files_under(folder: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    files
        .map(|entry| entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_string_lossy().into_owned())
        .collect()
}
