//! What the machine and the desktop are asked for: to stay awake while jobs run, and to tell that the queue is done. None
//! of it fails a job: what can't be had is one line in the log.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{runtime::Handle, sync::Mutex};

use crate::{
    format,
    settings::WhenDone,
    tools::{
        desktop_bus::{self, Awake},
        sound,
    },
};

/// Number of jobs that were done, for the user's own command.
pub const DONE_VARIABLE: &str = "REELPRESS_DONE";
/// Number of jobs that failed, for the user's own command.
pub const FAILED_VARIABLE: &str = "REELPRESS_FAILED";

/// Whether the machine is kept awake.
#[derive(Debug, Default)]
pub(super) struct Wakefulness {
    is_wanted: Arc<AtomicBool>,
    /// What keeps it awake. Locked while the system is asked.
    awake: Arc<Mutex<Option<Awake>>>,
    /// It was said that it can't be had.
    is_refused: Arc<AtomicBool>,
}

impl Wakefulness {
    /// Keeps the machine awake from now on, or no longer. Never waits.
    pub(super) fn want(&self, is_wanted: bool, runtime: &tokio::runtime::Runtime) {
        if self.is_wanted.swap(is_wanted, Ordering::Relaxed) == is_wanted {
            return;
        }
        let (wanted, awake, is_refused) =
            (Arc::clone(&self.is_wanted), Arc::clone(&self.awake), Arc::clone(&self.is_refused));
        runtime.spawn(async move {
            let mut awake = awake.lock().await;
            // What is wanted by now: others may have come before.
            if !wanted.load(Ordering::Relaxed) {
                *awake = None;
            } else if awake.is_none() {
                match Awake::keep("Videos are being encoded").await {
                    Ok(kept) => *awake = Some(kept),
                    Err(error) if !is_refused.swap(true, Ordering::Relaxed) => {
                        tracing::info!(error, "the machine can't be kept awake while jobs run");
                    }
                    Err(_) => {}
                }
            }
        });
    }
}

/// Tells the end of a queue in the ways that were asked for.
pub(super) fn tell(runtime: &Handle, when_done: &WhenDone, done: usize, failed: usize) {
    let said = |what: &str, result: Result<(), String>| {
        if let Err(error) = result {
            tracing::info!(error, "{what} at the end of the queue");
        }
    };
    if let Some(command) = &when_done.command {
        said("the command could not be started", run(command, done, failed));
    }
    if when_done.notifies {
        said("no notification", runtime.block_on(desktop_bus::notify("The queue is done", &words(done, failed))));
    }
    if when_done.plays_sound {
        said("no sound", sound::play());
    }
}

/// `3 videos are done, 1 failed`.
fn words(done: usize, failed: usize) -> String {
    let videos = format::count(done as u64, "video is done", "videos are done");
    if failed == 0 { videos } else { format!("{videos}, {failed} failed") }
}

/// Starts a command of the user's own, which may outlive this program.
fn run(command: &str, done: usize, failed: usize) -> Result<(), String> {
    let mut shell = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    shell.arg(if cfg!(windows) { "/C" } else { "-c" }).arg(command);
    shell.env(DONE_VARIABLE, done.to_string()).env(FAILED_VARIABLE, failed.to_string());
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = shell.spawn().map_err(|error| error.to_string())?;
    // Somebody has to wait for it, or it stays in the list of processes after its end.
    let waiting = std::thread::Builder::new().name("when-done".to_owned()).spawn(move || child.wait());
    waiting.map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_queue_is_told_in_words() {
        assert_eq!(words(1, 0), "1 video is done");
        assert_eq!(words(3, 2), "3 videos are done, 2 failed");
    }
}
