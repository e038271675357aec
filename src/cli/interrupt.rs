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
    let listener = move || {
        runtime.block_on(async move {
            while let Ok(()) = signal().await {
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
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut ends = [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    let [terminate, hang_up] = &mut ends;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
