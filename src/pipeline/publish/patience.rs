//! A lost network is waited for: what is up stays up, and the upload goes on by itself when the store answers again.

use std::time::Duration;

use backon::{BackoffBuilder, ConstantBackoff, ConstantBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, sleep},
};

use super::{error::PublishError, status::StatusBoard};

/// Between two questions to a store that is away, with as much again by chance: one that is back is noticed within ten
/// seconds. The SDK tries for some seconds by itself before each.
const WAIT: Duration = Duration::from_secs(5);
/// A request of an upload in which another one has come through waits this long, with as much again by chance, where the
/// store has too much to do.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// With bounded patience a store that has too much to do is asked so often again, after 5, 10 and 20 seconds and as much
/// again by chance.
const MOST_BUSY_WAITS: usize = 3;
/// With bounded patience a store that can't be reached is waited for so long: a router has begun anew by then.
const LONGEST_AWAY: Duration = Duration::from_secs(30 * 60);

/// What arrived damaged is sent again so often: a fault that stays is one of the store or of what lies before it.
const MOST_DAMAGED: u32 = 2;
const DAMAGED_WAIT: Duration = Duration::from_millis(500);

/// How long a store is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Patience {
    /// Until it answers.
    #[default]
    Endless,
    /// As long as somebody waits for the end of one upload.
    Bounded,
}

/// What the first contact with a store waits for.
#[derive(Debug, Clone, Copy)]
pub enum FirstContact<'a> {
    /// For one answer, whatever that is.
    Once,
    /// For a store that answers, and is asked three times more when it can't take requests. Each wait is told on the board.
    WhileBusy(&'a StatusBoard),
    /// For a store that can be reached and takes requests, and for keys that the user has not given yet. Each wait is told on
    /// the board.
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
            Self::WhileBusy(board) => until((board, self.patience()), PublishError::is_busy, contact).await,
            Self::UntilReached(board) => until((board, self.patience()), PublishError::can_come, contact).await,
        }
    }

    /// How long the store is waited for, here and in the upload that follows.
    pub(super) fn patience(self) -> Patience {
        match self {
            Self::WhileBusy(_) => Patience::Bounded,
            Self::Once | Self::UntilReached(_) => Patience::Endless,
        }
    }
}

/// A store that is away, as the requests of one upload see it: one of them asks for all, so that a store which comes back,
/// or has too much to do, is not asked by all of them at once.
#[derive(Debug)]
pub(super) struct Outage {
    asks: Semaphore,
    answered: Notify,
}

impl Default for Outage {
    fn default() -> Self {
        Self { asks: Semaphore::new(1), answered: Notify::new() }
    }
}

/// Makes a request until it gets an answer other than "not now". Each wait is told on `board`, which also says how patient
/// this is. The caller can end it by dropping it. What the store says has arrived damaged is sent twice more.
///
/// # Errors
/// Whatever waiting does not mend.
pub(super) async fn until_answered<T, F: Future<Output = Result<T, PublishError>>>(
    board: &StatusBoard,
    request: impl FnMut() -> F,
) -> Result<T, PublishError> {
    until((board, board.patience()), PublishError::is_passing, request).await
}

/// Makes a request until it ends otherwise than with what passes.
async fn until<T, F: Future<Output = Result<T, PublishError>>>(
    (board, patience): (&StatusBoard, Patience),
    passes: fn(&PublishError) -> bool,
    mut request: impl FnMut() -> F,
) -> Result<T, PublishError> {
    let (outage, mut waits) = (board.outage(), Waits::new(patience));
    let mut damaged = 0;
    // Held by the request that asks for all.
    let mut asks = None;
    let ended = loop {
        let error = match request().await {
            Err(error) if error.is_damaged() && damaged < MOST_DAMAGED => {
                damaged += 1;
                tracing::warn!("sent once more: {}", error.into_failure().detail);
                sleep(DAMAGED_WAIT).await;
                continue;
            }
            Err(error) if passes(&error) => error,
            ended => break ended,
        };
        board.interrupted(error.clone().into_failure());
        if asks.is_none() {
            tokio::select! {
                biased;
                () = outage.answered.notified() => {
                    if error.is_busy() {
                        sleep(by_chance(BUSY_WAIT)).await;
                    }
                    continue;
                }
                turn = outage.asks.acquire() => asks = turn.ok(),
            }
        }
        match waits.next(&error) {
            Some(wait) => sleep(wait).await,
            None => break Err(error),
        }
    };
    board.goes_on();
    outage.answered.notify_waiters();
    ended
}

/// The waits of one request.
struct Waits {
    patience: Patience,
    usual: ConstantBackoff,
    busy: ExponentialBackoff,
    away_since: Option<Instant>,
}

impl Waits {
    fn new(patience: Patience) -> Self {
        let usual = ConstantBuilder::default().with_delay(WAIT).with_jitter().without_max_times().build();
        let busy = ExponentialBuilder::default().with_min_delay(WAIT).with_jitter().with_max_times(MOST_BUSY_WAITS);
        Self { patience, usual, busy: busy.build(), away_since: None }
    }

    /// How long to wait after this error; `None` when it is not waited for any more.
    fn next(&mut self, error: &PublishError) -> Option<Duration> {
        match self.patience {
            Patience::Bounded if error.is_busy() => self.busy.next(),
            Patience::Bounded => {
                let since = *self.away_since.get_or_insert_with(Instant::now);
                self.usual.next().filter(|_| since.elapsed() < LONGEST_AWAY)
            }
            Patience::Endless => self.usual.next(),
        }
    }
}

/// This long, and as much again by chance.
fn by_chance(wait: Duration) -> Duration {
    ConstantBuilder::default().with_delay(wait).with_jitter().build().next().unwrap_or(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> PublishError {
        PublishError::StoreUnavailable { place: "films".to_owned(), detail: "HTTP 503".to_owned() }
    }

    fn away() -> PublishError {
        PublishError::NetworkLost { place: "films".to_owned(), detail: "refused".to_owned() }
    }

    #[test]
    fn a_job_asks_its_store_every_five_to_ten_seconds_as_long_as_it_takes() {
        let mut waits = Waits::new(Patience::Endless);
        for error in [away(), busy()].iter().cycle().take(500) {
            let wait = waits.next(error).unwrap();
            assert!((WAIT..=2 * WAIT).contains(&wait), "{wait:?}");
        }
    }

    #[test]
    fn who_waits_for_one_upload_waits_three_times_for_a_busy_store_and_half_an_hour_for_a_lost_network() {
        let mut waits = Waits::new(Patience::Bounded);
        for least in [5, 10, 20] {
            let (wait, least) = (waits.next(&busy()).unwrap(), Duration::from_secs(least));
            assert!((least..=2 * least).contains(&wait), "{wait:?}");
        }
        assert_eq!(waits.next(&busy()), None);
        assert!(waits.next(&away()).is_some());
        waits.away_since = Instant::now().checked_sub(LONGEST_AWAY);
        assert!(waits.away_since.is_none() || waits.next(&away()).is_none());
    }

    #[tokio::test]
    async fn one_request_asks_for_all_of_an_upload_and_the_others_follow_its_answer_at_once() {
        let board = StatusBoard::default();
        let asks = board.outage().asks.acquire().await.unwrap();
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let other = until_answered(&board, || {
            let first = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            async move { if first { Err(away()) } else { Ok(()) } }
        });
        let answer = async {
            tokio::task::yield_now().await;
            assert!(board.read().interruption.is_some());
            board.outage().answered.notify_waiters();
        };
        let began = Instant::now();
        let (other, ()) = tokio::join!(other, answer);
        assert!(other.is_ok() && began.elapsed() < WAIT, "it has not waited by itself");
        drop(asks);
        assert_eq!(board.read().interruption, None);
    }
}
