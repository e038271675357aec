//! Ctrl-C: the first ends everything in order, the second at once.

use std::thread;

use super::Outcome;
use crate::tools::cancel::CancelToken;

/// Starts listening for Ctrl-C and for the system's request to end. The first cancels the token; the second ends the
/// program at once.
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
            while signals.next().await {
                if interrupted.is_cancelled() {
                    std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
                }
                interrupted.cancel();
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

    /// Waits for the next one; false when none can come any more.
    async fn next(&mut self) -> bool {
        let [interrupt, terminate, hang_up] = &mut self.0;
        let received = tokio::select! {
            received = interrupt.recv() => received,
            received = terminate.recv() => received,
            received = hang_up.recv() => received,
        };
        received.is_some()
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn register() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    /// Waits for the next one; false when none can come any more.
    async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
