//! Ctrl-C and the system's request to end: the first ends everything in order, the second at once.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::Outcome;
use crate::tools::cancel::CancelToken;

/// Requests that come this soon after the first are the same one: `timeout` and terminals that close signal the program
/// and then its whole process group.
const SAME_REQUEST: Duration = Duration::from_millis(500);

/// Starts listening for Ctrl-C and for the system's request to end. The first suspends the token: work that can go on later
/// stays, as nobody has said that it is given up. The second ends the program at once.
///
/// # Errors
/// When the system gives no thread or no signal handler; Ctrl-C then ends the program as it always does.
pub(super) fn listen() -> std::io::Result<CancelToken> {
    let token = CancelToken::default();
    let interrupted = token.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Registered before this returns: a signal that comes earlier than the thread is not the end of the program.
    let mut signals = {
        let _inside = runtime.enter();
        Signals::register()?
    };
    let listener = move || {
        runtime.block_on(async move {
            let mut first = None;
            while signals.next().await.is_some() {
                let first = *first.get_or_insert_with(Instant::now);
                if interrupted.is_cancelled() {
                    if first.elapsed() < SAME_REQUEST {
                        continue;
                    }
                    std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
                }
                interrupted.suspend();
            }
        });
    };
    thread::Builder::new().name("interrupt".to_owned()).spawn(listener)?;
    Ok(token)
}

#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn register() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    /// Waits for the next one; `None` when none can come any more.
    async fn next(&mut self) -> Option<()> {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            received = interrupt.recv() => received,
            received = terminate.recv() => received,
            received = hang_up.recv() => received,
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn register() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    /// Waits for the next one; `None` when none can come any more.
    async fn next(&mut self) -> Option<()> {
        self.0.recv().await
    }
}
