//! A real S3 server (SeaweedFS), and credentials for it by the standard AWS chain.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use reelpress::job::S3Location;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Tells a test that it runs in a process of its own, with credentials, and where the store is.
const STORE_VARIABLE: &str = "REELPRESS_TEST_STORE";
/// The access key that may do everything.
pub const ACCESS_KEY: &str = "testkey";
/// Its secret.
pub const SECRET_KEY: &str = "testsecret";

/// `test` may do everything, `reader` may not write, `writer` may only write, and everyone may read.
const IDENTITIES: &str = r#"{"identities":[
    {"name":"test","credentials":[{"accessKey":"testkey","secretKey":"testsecret"}],
     "actions":["Admin","Read","Write","List","Tagging"]},
    {"name":"reader","credentials":[{"accessKey":"readerkey","secretKey":"readersecret"}],"actions":["Read","List"]},
    {"name":"writer","credentials":[{"accessKey":"writerkey","secretKey":"writersecret"}],"actions":["Write"]},
    {"name":"anonymous","actions":["Read"]}]}"#;

/// Profiles by which tests choose credentials other than those of the environment.
const PROFILES: &str = "[wrong-secret]\naws_access_key_id = testkey\naws_secret_access_key = not-the-secret\n\
    [unknown-key]\naws_access_key_id = nobody\naws_secret_access_key = not-the-secret\n\
    [reader]\naws_access_key_id = readerkey\naws_secret_access_key = readersecret\n\
    [writer]\naws_access_key_id = writerkey\naws_secret_access_key = writersecret\n";

/// An answer that takes longer is asked for again.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How often a store is begun again that has ended in its start.
const MOST_STARTS: usize = 5;

/// Waits for the end of its own input, which comes when the test process ends in whatever way. The data goes too,
/// unless a file says that it stays.
const GUARD: &str = r#"folder="$1"; shift
"$@" >"$folder/log" 2>&1 & server=$!
cat >/dev/null
kill -9 "$server" 2>/dev/null; wait "$server" 2>/dev/null; [ -e "$folder/stays" ] || rm -rf "$folder""#;

/// A running store with a data folder of its own. It ends when this is dropped or the process ends.
pub struct ObjectStore {
    guard: Child,
    folder: PathBuf,
    /// Of the S3 server, the master, the volumes and the filer.
    ports: [u16; 4],
    /// Base URL.
    pub endpoint: String,
}

impl ObjectStore {
    /// Starts a store and waits until it answers.
    pub fn start() -> Self {
        Self::start_with(IDENTITIES)
    }

    /// The same with a store in which nobody reads without credentials.
    pub fn start_private() -> Self {
        let (known, _) = IDENTITIES.rsplit_once(",\n    {\"name\":\"anonymous\"").unwrap();
        Self::start_with(&format!("{known}]}}"))
    }

    fn start_with(identities: &str) -> Self {
        let mut end = String::new();
        for _ in 0..MOST_STARTS {
            match Self::start_at(identities, free_ports()) {
                Ok(store) => return store,
                Err(log) => end = log,
            }
        }
        panic!("the S3 server has ended in each of {MOST_STARTS} starts:\n{end}");
    }

    /// Starts a store at these ports; gives its log when it ends instead, as when another program has just taken a port.
    fn start_at(identities: &str, ports: [u16; 4]) -> Result<Self, String> {
        let folder = TempDir::with_prefix("reelpress-store-").unwrap().keep();
        std::fs::write(folder.join("s3.json"), identities).unwrap();
        let endpoint = format!("http://127.0.0.1:{}", ports[0]);
        let store = Self { guard: launch(&folder, ports), folder, ports, endpoint };
        store.wait_until_ready().map(|()| store)
    }

    /// Kills the server at once, as a power cut would; [`revive`](Self::revive) brings it back with its data.
    pub fn kill(&mut self) {
        std::fs::write(self.folder.join("stays"), "").unwrap();
        self.end();
    }

    /// Starts a killed server again where it was.
    pub fn revive(&mut self) {
        std::fs::remove_file(self.folder.join("stays")).unwrap();
        for _ in 0..MOST_STARTS {
            self.guard = launch(&self.folder, self.ports);
            match self.wait_until_ready() {
                Ok(()) => return,
                // Its clients know no other ports: who has taken one may give it back.
                Err(log) => println!("the S3 server has ended in its start:\n{log}"),
            }
            std::fs::write(self.folder.join("stays"), "").unwrap();
            self.end();
            std::fs::remove_file(self.folder.join("stays")).unwrap();
            std::thread::sleep(Duration::from_secs(1));
        }
        panic!("the S3 server does not start again at the ports {:?}", self.ports);
    }

    /// Holds the server: connections are taken by the system, and nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a held server go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        // The other child of the guard, which waits for the end, must not be held either way.
        for process in self.children().into_iter().filter(|child| child.is_server).map(|child| child.process) {
            kill_process(process, signal).unwrap();
        }
    }

    fn children(&self) -> Vec<GuardChild> {
        let guard = self.guard.id();
        let children = std::fs::read_to_string(format!("/proc/{guard}/task/{guard}/children")).unwrap_or_default();
        let child = |child: &str| {
            let name = std::fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
            let process = child.parse().ok().and_then(Pid::from_raw)?;
            // One that has ended and was not waited for has no memory.
            let status = std::fs::read_to_string(format!("/proc/{child}/statm")).ok()?;
            let has_ended = status.starts_with("0 ");
            Some(GuardChild { process, is_server: name.trim() == "weed", is_waiting: name.trim() == "cat", has_ended })
        };
        children.split_whitespace().filter_map(child).collect()
    }

    /// True once the guard waits for the end of a server that has ended before.
    fn has_ended(&self) -> bool {
        let children = self.children();
        let waits = children.iter().any(|child| child.is_waiting);
        waits && children.iter().all(|child| child.is_waiting || child.has_ended)
    }

    fn end(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().unwrap();
    }

    /// Waits until it takes objects; gives its log when it has ended.
    fn wait_until_ready(&self) -> Result<(), String> {
        let runtime = Runtime::new().unwrap();
        let client = client(&self.endpoint);
        let give_up = Instant::now() + Duration::from_secs(60);
        while Instant::now() < give_up {
            // The servers of which the store consists find each other one by one: it is ready when it takes an object.
            let takes_object = async {
                let _ = client.create_bucket().bucket("ready").send().await;
                client.put_object().bucket("ready").key("ready").body(b"ready".to_vec().into()).send().await
            };
            // Another program may listen where this was to, and not answer.
            let ready = runtime.block_on(async { tokio::time::timeout(ANSWER_LIMIT, takes_object).await });
            if self.has_ended() {
                return Err(self.log());
            }
            if ready.is_ok_and(|answer| answer.is_ok()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("the S3 server did not start:\n{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read(self.folder.join("log")).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }
}

/// What runs under the guard.
struct GuardChild {
    process: Pid,
    is_server: bool,
    /// Waits for the end of the test.
    is_waiting: bool,
    has_ended: bool,
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        self.end();
        // A killed store that was not revived has left its data.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn launch(folder: &Path, [s3, master, volume, filer]: [u16; 4]) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "guard"]).arg(folder).arg(weed()).arg("server");
    command.arg(format!("-dir={}", folder.display()));
    command.arg(format!("-s3.config={}", folder.join("s3.json").display()));
    command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-master.telemetry=false"]);
    command.args(["-master.volumeSizeLimitMB=64", "-volume.max=10000", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
    // Seven for each bucket, as it makes by itself, would soon be too many.
    command.env("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1");
    for (name, port) in [("s3", s3), ("master", master), ("volume", volume), ("filer", filer)] {
        command.arg(format!("-{name}.port={port}"));
    }
    command.stdin(Stdio::piped()).spawn().expect("sh starts")
}

#[test]
fn a_store_whose_port_was_taken_meanwhile_is_known_to_have_ended() {
    let ports = free_ports();
    for taken in [ports[0], ports[1], ports[3]] {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        let log = ObjectStore::start_at(IDENTITIES, ports).err().expect("it can't start");
        assert!(log.contains("address already in use"), "{log}");
        drop(other);
    }
}

/// Runs `test` in a process of its own that has credentials for a store in its environment, as a user's shell would,
/// and no configuration of the person who runs the tests. `name` is the test's own full name. All tests of a run share
/// one store.
pub fn with_credentials(name: &str, test: impl FnOnce(&str)) {
    if let Ok(endpoint) = std::env::var(STORE_VARIABLE) {
        test(&endpoint);
        return;
    }
    let home = TempDir::new().unwrap();
    let output = credentialed(Command::new(std::env::current_exe().unwrap()), home.path())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{name} in its own process:\n{text}\n{errors}");
}

/// Gives a program the environment of a user with credentials for the shared store. `home` is an empty folder.
pub fn credentialed(mut command: Command, home: &Path) -> Command {
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    std::fs::write(home.join(".aws/credentials"), PROFILES).unwrap();
    for (variable, _) in std::env::vars_os() {
        if variable.to_str().is_some_and(|variable| variable.starts_with("AWS_")) {
            command.env_remove(variable);
        }
    }
    command
        .env("HOME", home)
        .env("AWS_SHARED_CREDENTIALS_FILE", home.join(".aws/credentials"))
        .env("AWS_CONFIG_FILE", home.join(".aws/config"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("REELPRESS_TEST_WEED", weed())
        .env(STORE_VARIABLE, shared_endpoint());
    command
}

/// A new bucket in the store, reached as a user would say it.
pub fn new_bucket(runtime: &Runtime, endpoint: &str) -> S3Location {
    let bucket = format!("test-{}", reelpress::job::JobId::generate());
    let created = runtime.block_on(client(endpoint).create_bucket().bucket(&bucket).send());
    created.unwrap_or_else(|error| panic!("{}", aws_sdk_s3::error::DisplayErrorContext(&error)));
    S3Location { bucket, endpoint: Some(endpoint.to_owned()), ..S3Location::default() }
}

/// A client of the test's own, to look at what is in the store.
pub fn client(endpoint: &str) -> Client {
    let configuration = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .force_path_style(true)
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .build();
    Client::from_conf(configuration)
}

/// Base URL of the one store that all tests of a run share.
pub fn shared_endpoint() -> String {
    static SHARED: Mutex<Option<ObjectStore>> = Mutex::new(None);
    if let Ok(endpoint) = std::env::var(STORE_VARIABLE) {
        return endpoint;
    }
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.get_or_insert_with(ObjectStore::start).endpoint.clone()
}

/// The server program that `make setup` fetched.
fn weed() -> PathBuf {
    let named = std::env::var_os("REELPRESS_TEST_WEED").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    let tools = std::env::var_os("REELPRESS_TEST_TOOLS")
        .map(PathBuf::from)
        .or_else(|| cache.map(|cache| cache.join("reelpress-test-tools")));
    let on_path = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).map(|folder| folder.join("weed")).collect::<Vec<_>>())
        .unwrap_or_default();
    let candidates = named.into_iter().chain(tools.map(|tools| tools.join("weed"))).chain(on_path);
    candidates.into_iter().find(|file| file.is_file()).expect("the S3 server `weed` is there: run `make test`")
}

/// Ports of this machine on which nobody listens, and on which nobody listens 10000 higher, where the servers talk to
/// each other. They lie below those that the system hands out by itself.
fn free_ports() -> [u16; 4] {
    // A port looks free until its server listens: two stores that start at once would get the same ones.
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let start = u16::try_from(std::process::id() % 11_000).unwrap();
    std::array::from_fn(|_| {
        let port = (0..11_000)
            .map(|step| 10_000 + (start + step) % 11_000)
            .find(|&port| !given.contains(&port) && is_free(port) && is_free(port + 10_000))
            .expect("four free ports");
        given.insert(port);
        port
    })
}
