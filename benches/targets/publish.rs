//! Uploads beside those of rclone and s5cmd, each into a new store of its own.

use std::{
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Pid;

use crate::{
    Row, say,
    support::{object_store, user::User},
    usage,
};

const MEGABYTE: usize = 1_000_000;
/// Each program has as many runs, in turn, of which the fastest counts.
const ROUNDS: usize = 2;
/// As much as s5cmd differs from itself.
const TARGET: f64 = 1.10;
const MEMORY_TARGET_MEGABYTES: f64 = 200.0;
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A folder that is uploaded.
struct Workload {
    beside_peers: &'static str,
    memory: &'static str,
    files: usize,
    megabytes_each: usize,
}

const WORKLOADS: [Workload; 2] = [
    Workload {
        beside_peers: "upload of 600 files of 1 MB, beside the faster of rclone and s5cmd",
        memory: "memory of reelpress publish, 600 files of 1 MB",
        files: 600,
        megabytes_each: 1,
    },
    Workload {
        beside_peers: "upload of a file of 2 GB, beside the faster of rclone and s5cmd",
        memory: "memory of reelpress publish, a file of 2 GB",
        files: 1,
        megabytes_each: 2000,
    },
];

/// A program that uploads folders.
#[derive(Clone, Copy, PartialEq)]
enum Uploader {
    Reelpress,
    S5cmd,
    Rclone,
}

/// Measures all of it.
pub fn measure() -> Vec<Row> {
    let peers: Vec<Uploader> = [Uploader::S5cmd, Uploader::Rclone].into_iter().filter(Uploader::is_there).collect();
    WORKLOADS.iter().flat_map(|workload| measure_workload(workload, &peers)).collect()
}

fn measure_workload(workload: &Workload, peers: &[Uploader]) -> Vec<Row> {
    say(&format!("Making {} files of {} MB", workload.files, workload.megabytes_each));
    let parent = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the build folder can be written");
    let folder = parent.path().join("stream");
    write_files(&folder, workload);
    let (mut own, mut of_peers) = ((f64::INFINITY, 0.0_f64), f64::INFINITY);
    for _ in 0..ROUNDS {
        let (seconds, megabytes) = upload(Uploader::Reelpress, &folder);
        own = (own.0.min(seconds), own.1.max(megabytes));
        of_peers = peers.iter().map(|peer| upload(*peer, &folder).0).fold(of_peers, f64::min);
    }
    let throughput = (workload.files * workload.megabytes_each) as f64 / own.0;
    let speed = if of_peers.is_finite() {
        Row::at_most(workload.beside_peers, own.0 / of_peers, TARGET, |value| format!("{value:.3}"))
    } else {
        Row::for_comparison(workload.beside_peers, "no peer here".to_owned())
    };
    let megabytes = |value: f64| format!("{value:.0} MB");
    vec![
        speed,
        Row::for_comparison("its throughput", format!("{throughput:.0} MB/s")),
        Row::at_most(workload.memory, own.1, MEMORY_TARGET_MEGABYTES, megabytes),
    ]
}

/// Bytes that no store can make smaller, other ones in each file.
fn write_files(folder: &Path, workload: &Workload) {
    std::fs::create_dir_all(folder).expect("the build folder can be written");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for index in 0..workload.files {
        let path = folder.join(format!("segment_{index:05}.m4s"));
        let mut file = std::fs::File::create(path).expect("the build folder can be written");
        for _ in 0..workload.megabytes_each {
            let mut megabyte = Vec::with_capacity(MEGABYTE);
            while megabyte.len() < MEGABYTE {
                // Marsaglia's xorshift64.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                megabyte.extend_from_slice(&state.to_le_bytes());
            }
            file.write_all(&megabyte).expect("there is room for the files");
        }
    }
}

/// Seconds and megabytes of memory that an upload into a new store takes.
fn upload(uploader: Uploader, folder: &Path) -> (f64, f64) {
    say(&format!("Uploading with {}", uploader.name()));
    let store = object_store::ObjectStore::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bucket = object_store::new_bucket(&runtime, &store.endpoint).bucket;
    let user = User::new();
    let mut command = uploader.command(&user, folder, (&store.endpoint, &bucket));
    let began = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    let mut peak = 0.0;
    let status = loop {
        peak = usage::peak_megabytes(process).unwrap_or(peak);
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break status;
        }
        std::thread::sleep(POLL_INTERVAL);
    };
    assert!(status.success(), "{} ended with {status}", uploader.name());
    (began.elapsed().as_secs_f64(), peak)
}

impl Uploader {
    fn name(self) -> &'static str {
        match self {
            Self::Reelpress => "reelpress",
            Self::S5cmd => "s5cmd",
            Self::Rclone => "rclone",
        }
    }

    /// Where it is; `None` when it is not.
    fn program(self) -> Option<PathBuf> {
        let tools = std::env::var_os("REELPRESS_TEST_TOOLS").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = tools.into_iter().chain(std::env::split_paths(&path));
        folders.map(|folder| folder.join(self.name())).find(|file| file.is_file())
    }

    fn is_there(&self) -> bool {
        let is_there = self.program().is_some();
        if !is_there {
            say(&format!("{} is not here, so uploads are not compared with it", self.name()));
        }
        is_there
    }

    fn command(self, user: &User, folder: &Path, (endpoint, bucket): (&str, &str)) -> Command {
        if self == Self::Reelpress {
            let mut command = user.reelpress();
            command.arg("publish").arg(folder).arg(format!("s3://{bucket}"));
            command.args(["--endpoint", endpoint, "--no-public-check"]);
            return command;
        }
        let mut command = Command::new(self.program().expect("a program that is there"));
        user.equip(&mut command);
        let mut everything: OsString = folder.into();
        match self {
            Self::S5cmd => {
                everything.push("/*");
                command.args(["--endpoint-url", endpoint, "cp"]).arg(everything).arg(format!("s3://{bucket}/stream/"));
            }
            Self::Reelpress | Self::Rclone => {
                // Its HTTP client can't add certificates.
                command.env_remove("AWS_CA_BUNDLE").args(["--config", "/dev/null", "copy"]).arg(everything);
                command.arg(format!(":s3,provider=Other,env_auth=true,endpoint='{endpoint}':{bucket}/stream"));
            }
        }
        command
    }
}
