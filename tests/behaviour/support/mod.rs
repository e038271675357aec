//! The real parts that the tests drive, and what they measure with.

pub mod broadcast;
pub mod browser;
pub mod clips;
pub mod ffmpeg;
pub mod fragments;
pub mod key_server;
pub mod object_store;
pub mod picture;
pub mod picture_subtitles;
pub mod recording_proxy;
pub mod sound;
pub mod stream;
pub mod user;
pub mod window;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use reelpress::tools::{cancel::CancelToken, child};

/// No program of a test takes this long unless it hangs, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// A program that `make setup` fetches, by its name in the folder for such programs.
pub fn fetched_tool(name: &str) -> PathBuf {
    let path = tools_folder().join(name);
    assert!(path.exists(), "{} is missing: run `make setup`", path.display());
    path
}

/// The folder that `make setup` fetches programs into.
pub fn tools_folder() -> PathBuf {
    let cache = || {
        let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
        given.or(home).expect("HOME is set").join("reelpress-test-tools")
    };
    std::env::var_os("REELPRESS_TEST_TOOLS").map_or_else(cache, PathBuf::from)
}

/// A program of the system.
pub fn system_tool(name: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").expect("PATH is set");
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: run `make setup`"))
}

/// Runs a helper to its end and gives what it printed; panics with its complaints when it fails.
pub fn output_of(command: Command) -> Vec<u8> {
    let line = format!("{command:?}");
    let output = run(command);
    assert!(output.status.success(), "{line}\n{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Runs a program to its end, whatever its exit status.
pub fn run(command: Command) -> Output {
    let line = format!("{command:?}");
    child::run_to_end(command, PATIENCE, &CancelToken::default()).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Waits until `reached` gives something. For things that come about in other processes, where nothing can be waited
/// on; panics only when it is certain that it will not happen.
pub fn wait_for<T>(what: &str, mut reached: impl FnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = reached() {
            return found;
        }
        assert!(std::time::Instant::now() < deadline, "{what}: did not happen within {} s", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
}
