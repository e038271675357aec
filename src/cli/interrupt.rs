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

/// Starts listening for Ctrl-C and for the system's request to end. The first cancels the token, or suspends it where the
/// user has not asked for the end: the terminal was closed, or the machine goes down. The second ends the program at once.
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
            while let Some(request) = signals.next().await {
                let first = *first.get_or_insert_with(Instant::now);
                if interrupted.is_cancelled() {
                    if first.elapsed() < SAME_REQUEST {
                        continue;
                    }
                    std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
                }
                match request {
                    Request::OfUser => interrupted.cancel(),
                    #[cfg(unix)]
                    Request::OfSystem => interrupted.suspend(),
                }
            }
        });
    };
    thread::Builder::new().name("interrupt".to_owned()).spawn(listener)?;
    Ok(token)
}

/// Who wants the program to end.
enum Request {
    OfUser,
    #[cfg(unix)]
    OfSystem,
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
    async fn next(&mut self) -> Option<Request> {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            received = interrupt.recv() => received.map(|()| Request::OfUser),
            received = terminate.recv() => received.map(|()| Request::OfSystem),
            received = hang_up.recv() => received.map(|()| Request::OfSystem),
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
    async fn next(&mut self) -> Option<Request> {
        self.0.recv().await.map(|()| Request::OfUser)
    }
}
