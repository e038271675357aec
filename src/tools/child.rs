//! A child process that is never left behind: asked to quit, then killed with its whole process group.

use std::{
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{cancel::CancelToken, memory};

/// Time between asking a process to end and killing it.
const GRACE: Duration = Duration::from_millis(800);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Puts the child into a process group of its own, so that its helpers end with it and Ctrl-C in the terminal reaches
/// only us, who then end it in order. Where the system can do that (Linux), it ends with us, however that comes: it must be
/// waited for by the thread that starts it.
pub fn isolate(command: &mut Command) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    #[cfg(target_os = "linux")]
    end_with_us(command);
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt;
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
}

/// A program that is killed can't end its children any more: the system does.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "nothing but this asks the system before the child begins")]
fn end_with_us(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let ask = || Ok(rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?);
    // SAFETY: between fork and exec nothing runs but this one system call, which takes no memory and no lock.
    unsafe { command.pre_exec(ask) };
}

/// Kills the process group of a running child when the token is cancelled, until the guard is dropped.
#[derive(Debug)]
pub struct KillOnCancel {
    active: Arc<AtomicBool>,
}

impl KillOnCancel {
    /// Guards the child with this process id, which must be the leader of its group (see [`isolate`]).
    pub fn guard(process_id: u32, cancel: &CancelToken) -> Self {
        let active = Arc::new(AtomicBool::new(true));
        let still_active = Arc::clone(&active);
        cancel.on_cancel(move || {
            // The grace must not hold up whoever cancels.
            let killer = move || {
                if still_active.load(Ordering::Acquire) {
                    terminate_group(process_id);
                }
                let deadline = Instant::now() + GRACE;
                while Instant::now() < deadline && still_active.load(Ordering::Acquire) {
                    std::thread::sleep(POLL_INTERVAL);
                }
                if still_active.load(Ordering::Acquire) {
                    kill_group(process_id);
                }
            };
            if std::thread::Builder::new().name("child-killer".to_owned()).spawn(killer).is_err() {
                kill_group(process_id);
            }
        });
        Self { active }
    }
}

impl Drop for KillOnCancel {
    fn drop(&mut self) {
        self.active.store(false, Ordering::Release);
    }
}

#[cfg(unix)]
fn signal_group(process_id: u32, signal: rustix::process::Signal) {
    let group = i32::try_from(process_id).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // The group may be gone already; then there is nothing left to do.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

/// Asks every process of the group to end.
pub fn terminate_group(process_id: u32) {
    #[cfg(unix)]
    signal_group(process_id, rustix::process::Signal::TERM);
    #[cfg(not(unix))]
    kill_group(process_id);
}

/// Stops every process of the group where it is, or lets it go on.
pub fn hold_group(process_id: u32, is_held: bool) {
    #[cfg(unix)]
    signal_group(process_id, if is_held { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT });
    #[cfg(not(unix))]
    let _ = (process_id, is_held);
}

/// Kills every process of the group.
pub fn kill_group(process_id: u32) {
    #[cfg(unix)]
    signal_group(process_id, rustix::process::Signal::KILL);
    #[cfg(windows)]
    {
        let _ = Command::new("taskkill").args(["/F", "/T", "/PID", &process_id.to_string()]).output();
    }
}

/// Why a short-lived helper process gave no output.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It could not be started, or its output could not be read.
    #[error("{program} could not be run: {source}")]
    NotRun {
        /// The program.
        program: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It did not end in time and was killed.
    #[error("{program} gave no answer within {} s and was stopped", limit.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// The time it had.
        limit: Duration,
    },
    /// The job was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Runs a short-lived program to its end and returns its output. It is killed after `limit`, or when `cancel` says so,
/// and gets no more memory than the machine has.
///
/// # Errors
/// When it can't be started, takes too long, or is cancelled. A non-zero exit status is not an error here.
pub fn run_to_end(command: Command, limit: Duration, cancel: &CancelToken) -> Result<Output, ChildError> {
    run_within(command, limit, memory::whole_machine_bytes(), cancel)
}

/// As [`run_to_end`], with no more than this many bytes of memory.
///
/// # Errors
/// As [`run_to_end`].
pub fn run_within(
    mut command: Command,
    limit: Duration,
    memory_bytes: Option<u64>,
    cancel: &CancelToken,
) -> Result<Output, ChildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    isolate(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let not_run = |source| ChildError::NotRun { program: program.clone(), source };
    let child = command.spawn().map_err(not_run)?;
    let process_id = child.id();
    if let Some(bytes) = memory_bytes {
        memory::limit(process_id, bytes);
    }
    let guard = KillOnCancel::guard(process_id, cancel);
    let timed_out = watch(process_id, limit);
    let output = child.wait_with_output().map_err(not_run);
    drop(guard);
    let was_late = timed_out.stop();
    if cancel.is_cancelled() {
        return Err(ChildError::Cancelled);
    }
    if was_late {
        return Err(ChildError::TimedOut { program, limit });
    }
    output
}

/// Kills a process group after a time, unless stopped before.
struct Watch {
    done: crossbeam_channel::Sender<()>,
    late: Arc<AtomicBool>,
}

fn watch(process_id: u32, limit: Duration) -> Watch {
    // Bound 1: the only message is that the child has ended.
    let (done, ended) = crossbeam_channel::bounded(1);
    let late = Arc::new(AtomicBool::new(false));
    let is_late = Arc::clone(&late);
    let watcher = move || {
        if ended.recv_timeout(limit) == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
            is_late.store(true, Ordering::Release);
            kill_group(process_id);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("child-watch".to_owned()).spawn(watcher) {
        tracing::warn!(%error, "a helper process runs without a time limit");
    }
    Watch { done, late }
}

impl Watch {
    fn stop(self) -> bool {
        let _ = self.done.try_send(());
        self.late.load(Ordering::Acquire)
    }
}
