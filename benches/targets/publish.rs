//! Uploads beside those of rclone and s5cmd into one store that is warm, and an encode into a bucket beside one into a
//! folder. What is compared runs in turn and then the other way round, so that neither the order nor a store that grows
//! favours anybody.

use std::{
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Pid;

use crate::{
    Row, encode, say,
    support::{
        object_store,
        user::{Ended, User},
    },
    usage,
};

const MEGABYTE: usize = 1_000_000;
/// Each program has as many runs, of which the mean counts; every other round has them the other way round.
const ROUNDS: usize = 2;
/// As much as s5cmd differs from itself.
const TARGET: f64 = 1.10;
/// A drop into a bucket, beside the encode alone.
const DROP_TARGET: f64 = 1.10;
/// One with few renditions.
const QUICK_PRESET: &str = "quick";
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
    let uploads = WORKLOADS.iter().flat_map(|workload| measure_workload(workload, &peers));
    uploads.chain(drop_to_published()).collect()
}

/// A store, and the bucket in it that all uploads of a measurement go to, each under a prefix of its own.
struct WarmStore {
    store: object_store::ObjectStore,
    bucket: String,
}

impl WarmStore {
    fn start() -> Self {
        let store = object_store::ObjectStore::start();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let bucket = object_store::new_bucket(&runtime, &store.endpoint).bucket;
        Self { store, bucket }
    }
}

/// The wall time from a dropped file to its stream in a bucket, beside that of the same encode into a folder.
fn drop_to_published() -> Vec<Row> {
    say("Making a minute of 1080p");
    let source = encode::FULL_HD_MINUTE.path();
    let warm = WarmStore::start();
    // What has to be warm once: the store's volumes, the program in the memory of the machine.
    upload_of_encode(&warm, &source, (QUICK_PRESET, "throw-away"));
    // The fastest of each counts, as in the ladder's measurement.
    let (mut folder, mut bucket) = (f64::INFINITY, f64::INFINITY);
    for round in 0..ROUNDS {
        let number = format!("round-{round}");
        folder = folder.min(encode_into_folder(&source));
        bucket = bucket.min(upload_of_encode(&warm, &source, (encode::PRESET, &number)));
    }
    let ratio = |value: f64| format!("{value:.3}");
    vec![
        Row::at_most("drop to published, a minute of 1080p, beside the encode", bucket / folder, DROP_TARGET, ratio),
        Row::for_comparison("its wall time", format!("{bucket:.1} s")),
    ]
}

fn encode_into_folder(source: &Path) -> f64 {
    say("Encoding into a folder");
    let user = User::new();
    let began = Instant::now();
    user.encode(&[source], encode::PRESET).assert_all_done();
    began.elapsed().as_secs_f64()
}

fn upload_of_encode(warm: &WarmStore, source: &Path, (preset, prefix): (&str, &str)) -> f64 {
    say("Encoding into a bucket");
    let user = User::new();
    let flags: Vec<OsString> = ["--endpoint", &warm.store.endpoint, "--region", "us-east-1"].map(Into::into).to_vec();
    let destination = OsString::from(format!("s3://{}/{prefix}", warm.bucket));
    let command = user.encode_command_to(&destination, &flags, &[source], preset);
    let began = Instant::now();
    Ended::of(command).assert_all_done();
    began.elapsed().as_secs_f64()
}

fn measure_workload(workload: &Workload, peers: &[Uploader]) -> Vec<Row> {
    say(&format!("Making {} files of {} MB", workload.files, workload.megabytes_each));
    let parent = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the build folder can be written");
    let folder = parent.path().join("stream");
    write_files(&folder, workload);
    let warm = WarmStore::start();
    upload(Uploader::Reelpress, &folder, (&warm, "throw-away"));
    let mut uploaders = vec![Uploader::Reelpress];
    uploaders.extend(peers);
    let mut seconds = vec![0.0; uploaders.len()];
    let mut memory = 0.0_f64;
    for round in 0..ROUNDS {
        let mut order: Vec<usize> = (0..uploaders.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let (took, megabytes) = upload(uploaders[index], &folder, (&warm, &format!("round-{round}-{index}")));
            seconds[index] += took / ROUNDS as f64;
            if uploaders[index] == Uploader::Reelpress {
                memory = memory.max(megabytes);
            }
        }
    }
    let own = (seconds[0], memory);
    let of_peers = seconds[1..].iter().copied().fold(f64::INFINITY, f64::min);
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

/// Seconds and megabytes of memory that an upload under this prefix takes.
fn upload(uploader: Uploader, folder: &Path, (warm, prefix): (&WarmStore, &str)) -> (f64, f64) {
    say(&format!("Uploading with {}", uploader.name()));
    let user = User::new();
    let place = format!("{}/{prefix}", warm.bucket);
    let mut command = uploader.command(&user, folder, (&warm.store.endpoint, &place));
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

    fn command(self, user: &User, folder: &Path, (endpoint, place): (&str, &str)) -> Command {
        if self == Self::Reelpress {
            let mut command = user.reelpress();
            command.arg("publish").arg(folder).arg(format!("s3://{place}"));
            command.args(["--endpoint", endpoint, "--no-public-check"]);
            return command;
        }
        let mut command = Command::new(self.program().expect("a program that is there"));
        user.equip(&mut command);
        let mut everything: OsString = folder.into();
        match self {
            Self::S5cmd => {
                everything.push("/*");
                command.args(["--endpoint-url", endpoint, "cp"]).arg(everything).arg(format!("s3://{place}/stream/"));
            }
            Self::Reelpress | Self::Rclone => {
                // Its HTTP client can't add certificates.
                command.env_remove("AWS_CA_BUNDLE").args(["--config", "/dev/null", "copy"]).arg(everything);
                command.arg(format!(":s3,provider=Other,env_auth=true,endpoint='{endpoint}':{place}/stream"));
            }
        }
        command
    }
}
