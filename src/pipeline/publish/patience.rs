//! A lost network is waited for: what is up stays up, and the upload goes on by itself when the store answers again.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable, TokioSleeper};

use super::{error::PublishError, status::StatusBoard};

/// The SDK has tried for some ten seconds by itself before the first of these waits.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// A network that is back is noticed within this.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Makes a request until it gets an answer other than "not now". Each wait is told on `board`. Only the caller can end
/// it, by dropping it.
///
/// # Errors
/// Whatever waiting does not mend.
pub(super) async fn until_answered<T, F: Future<Output = Result<T, PublishError>>>(
    board: &StatusBoard,
    request: impl FnMut() -> F,
) -> Result<T, PublishError> {
    let waits = ExponentialBuilder::default()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_jitter()
        .without_max_times();
    let result = request
        .retry(waits)
        .sleep(TokioSleeper)
        .when(PublishError::is_passing)
        .notify(|error, _| board.interrupted(error.clone().into_failure()))
        .await;
    board.goes_on();
    result
}
