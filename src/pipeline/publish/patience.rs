//! A lost network is waited for: what is up stays up, and the upload goes on by itself when the store answers again.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable, TokioSleeper};

use super::{error::PublishError, status::StatusBoard};

/// The SDK has tried for some ten seconds by itself before the first of these waits.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// A network that is back is noticed within this.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What arrived damaged is sent again so often: a fault that stays is one of the store or of what lies before it.
const MOST_DAMAGED: u32 = 2;
const DAMAGED_WAIT: Duration = Duration::from_millis(500);

/// What the first contact with a store waits for.
#[derive(Debug, Clone, Copy)]
pub enum FirstContact<'a> {
    /// For one answer, whatever that is.
    Once,
    /// For a store that answers, and is asked again as long as it can't take requests. Each wait is told on the board.
    WhileBusy(&'a StatusBoard),
    /// For a store that can be reached and takes requests. Each wait is told on the board.
    UntilReached(&'a StatusBoard),
}

impl FirstContact<'_> {
    /// Makes the first contact.
    ///
    /// # Errors
    /// Whatever is not waited for.
    pub(super) async fn make<T, F: Future<Output = Result<T, PublishError>>>(
        self,
        mut contact: impl FnMut() -> F,
    ) -> Result<T, PublishError> {
        match self {
            Self::Once => contact().await,
            Self::WhileBusy(board) => until(board, PublishError::is_busy, contact).await,
            Self::UntilReached(board) => until(board, PublishError::is_passing, contact).await,
        }
    }
}

/// Makes a request until it gets an answer other than "not now". Each wait is told on `board`. Only the caller can end
/// it, by dropping it. What the store says has arrived damaged is sent twice more.
///
/// # Errors
/// Whatever waiting does not mend.
pub(super) async fn until_answered<T, F: Future<Output = Result<T, PublishError>>>(
    board: &StatusBoard,
    request: impl FnMut() -> F,
) -> Result<T, PublishError> {
    until(board, PublishError::is_passing, request).await
}

/// Makes a request until it ends otherwise than with what passes.
async fn until<T, F: Future<Output = Result<T, PublishError>>>(
    board: &StatusBoard,
    passes: fn(&PublishError) -> bool,
    request: impl FnMut() -> F,
) -> Result<T, PublishError> {
    let waits = ExponentialBuilder::default()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_jitter()
        .without_max_times();
    let mut damaged = 0;
    let result = request
        .retry(waits)
        .sleep(TokioSleeper)
        .when(|error| passes(error) || error.is_damaged())
        .adjust(|error, wait| {
            damaged += u32::from(error.is_damaged());
            if error.is_damaged() { (damaged <= MOST_DAMAGED).then_some(DAMAGED_WAIT) } else { wait }
        })
        .notify(|error, _| {
            if error.is_damaged() {
                tracing::warn!("sent once more: {}", error.clone().into_failure().detail);
            } else {
                board.interrupted(error.clone().into_failure());
            }
        })
        .await;
    board.goes_on();
    result
}
