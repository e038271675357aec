//! How many files and parts go up at a time: as many as make the whole faster, which is found by trying.
//!
//! The number climbs by a step as long as each step brings a higher throughput, goes back when one does not, and is tried
//! again after a while, since lines change. What is measured while nothing waits for its turn tells how fast files are
//! made, not how fast the line is, and is passed over. A store that asks for less gets half.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::error::PublishError;

/// At the start.
const FIRST: usize = 6;
const FEWEST: usize = 2;
/// Each may hold a piece of a file in memory, so that this bounds it.
pub(super) const MOST_LANES: usize = 24;
const STEP: usize = 2;
/// A step that brings less than this is not worth its connections.
const WORTH: f64 = 1.05;
/// Measurements between two tries.
const REST: u32 = 8;
/// Under a limit so much of what it lets through may be on its way at once: more would only make each transfer slow, so
/// that stores give it up and that much is lost when it ends early.
const UNDER_WAY_SECONDS: u64 = 2;
/// A measurement takes at least this long and so many transfers for each lane.
const MEASURED_FOR: Duration = Duration::from_secs(1);
const TRANSFERS_PER_LANE: usize = 2;

/// Whose turn it is to go up.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    state: Mutex<State>,
    freed: Notify,
    /// Most bytes of all transfers together that are on their way, but for one that has more by itself.
    most_bytes: Option<u64>,
}

#[derive(Debug, Default)]
struct State {
    width: Width,
    taken: usize,
    /// Bytes of those.
    taken_bytes: u64,
    waiting: usize,
    measured: Measured,
}

/// What has gone up since the measurement began.
#[derive(Debug, Default)]
struct Measured {
    since: Option<Instant>,
    transfers: usize,
    bytes: u64,
    /// A lane was free and nothing waited for it.
    was_idle: bool,
}

/// The number of lanes, and what is being tried. Pure.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Width {
    lanes: usize,
    course: Course,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Course {
    /// One step was added to what had this throughput, in bytes a second.
    Trying(f64),
    /// For so many measurements nothing is tried.
    Resting(u32),
}

impl Default for Width {
    fn default() -> Self {
        Self { lanes: FIRST, course: Course::Resting(0) }
    }
}

impl Width {
    /// Takes the throughput of these lanes in bytes a second.
    fn measured(&mut self, rate: f64) {
        let was_worth_it = match self.course {
            Course::Trying(before) => rate >= before * WORTH,
            Course::Resting(left) if left > 0 => {
                self.course = Course::Resting(left - 1);
                return;
            }
            Course::Resting(_) => true,
        };
        if !was_worth_it {
            *self = Self { lanes: self.lanes - STEP, course: Course::Resting(REST) };
        } else if self.lanes + STEP <= MOST_LANES {
            *self = Self { lanes: self.lanes + STEP, course: Course::Trying(rate) };
        } else {
            self.course = Course::Resting(REST);
        }
    }

    /// The store asks for less, or does not answer.
    fn refused(&mut self) {
        *self = Self { lanes: (self.lanes / 2).max(FEWEST), course: Course::Resting(REST) };
    }
}

/// One transfer's turn; it ends when this is dropped.
pub(super) struct Lane<'a> {
    lanes: &'a Lanes,
    /// What is to go up, in bytes.
    bytes: u64,
    /// What has gone up, in bytes.
    sent: u64,
}

impl Lanes {
    /// Lanes of a line of which so many bytes a second may be used.
    pub(super) fn under(most_bytes_per_second: Option<u64>) -> Self {
        let most_bytes = most_bytes_per_second.map(|most| most.saturating_mul(UNDER_WAY_SECONDS));
        Self { most_bytes, ..Self::default() }
    }

    /// How many transfers may be at work or about to be: one more than there are lanes, so that it shows when all are taken.
    pub(super) fn most_at_work(&self) -> usize {
        self.state().width.lanes + 1
    }

    /// Waits for a turn of a transfer of so many bytes.
    pub(super) async fn take(&self, bytes: u64) -> Lane<'_> {
        let waits = Waiting::begin(self);
        loop {
            let freed = self.freed.notified();
            {
                let mut state = self.state();
                let fits = self.most_bytes.is_none_or(|most| state.taken_bytes.saturating_add(bytes) <= most);
                if state.taken == 0 || (state.taken < state.width.lanes && fits) {
                    state.taken += 1;
                    state.taken_bytes += bytes;
                    drop(state);
                    drop(waits);
                    return Lane { lanes: self, bytes, sent: 0 };
                }
            }
            freed.await;
        }
    }

    fn refused(&self) {
        let mut state = self.state();
        state.width.refused();
        state.measured = Measured::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, (bytes, sent): (u64, u64)) {
        let mut state = self.state();
        state.taken -= 1;
        state.taken_bytes -= bytes;
        state.ended(sent, Instant::now());
        drop(state);
        // More lanes than one may be free now.
        self.freed.notify_waiters();
    }
}

impl State {
    fn ended(&mut self, bytes: u64, now: Instant) {
        let measured = &mut self.measured;
        measured.was_idle |= self.waiting == 0;
        let Some(since) = measured.since else {
            // What had begun before is half measured.
            *measured = Measured { since: Some(now), ..Measured::default() };
            return;
        };
        measured.bytes += bytes;
        measured.transfers += usize::from(bytes > 0);
        let span = now.duration_since(since);
        if span < MEASURED_FOR || measured.transfers < self.width.lanes * TRANSFERS_PER_LANE {
            return;
        }
        if !measured.was_idle {
            self.width.measured(measured.bytes as f64 / span.as_secs_f64());
        }
        self.measured = Measured { since: Some(now), ..Measured::default() };
    }
}

impl Lane<'_> {
    /// The transfer of so many bytes has ended in this way.
    pub(super) fn ended<T>(mut self, bytes: u64, result: &Result<T, PublishError>) {
        match result {
            Ok(_) => self.sent = bytes,
            Err(error) if error.is_passing() => self.lanes.refused(),
            Err(_) => {}
        }
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        self.lanes.release((self.bytes, self.sent));
    }
}

/// Counts one that waits, also when it is given up.
struct Waiting<'a>(&'a Lanes);

impl<'a> Waiting<'a> {
    fn begin(lanes: &'a Lanes) -> Self {
        lanes.state().waiting += 1;
        Self(lanes)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the number of lanes comes to rest on a line that gives this throughput to so many.
    fn settled(rate: impl Fn(usize) -> f64) -> usize {
        let mut width = Width::default();
        for _ in 0..100 {
            width.measured(rate(width.lanes));
        }
        if let Course::Trying(_) = width.course { width.lanes - STEP } else { width.lanes }
    }

    #[test]
    fn lanes_grow_as_long_as_that_pays() {
        assert_eq!(settled(|_| 100e6), FIRST, "a line that is full takes no more");
        let far_away = settled(|lanes| 1e6 * lanes as f64);
        assert!(far_away >= MOST_LANES - STEP, "{far_away}: each lane of a far store adds to the throughput");
        assert_eq!(settled(|lanes| 1e6 * lanes.min(12) as f64), 12);
    }

    #[test]
    fn a_store_that_asks_for_less_gets_half_and_always_something() {
        let mut width = Width::default();
        width.refused();
        assert_eq!(width.lanes, FIRST / 2);
        (0..5).for_each(|_| width.refused());
        assert_eq!(width.lanes, FEWEST);
    }

    #[test]
    fn what_goes_up_while_nothing_waits_says_nothing_of_the_line() {
        let began = Instant::now();
        for (waiting, is_changed) in [(0, false), (1, true)] {
            let mut state = State { waiting, ..State::default() };
            for step in 0..100 {
                state.ended(1_000_000, began + Duration::from_millis(100 * step));
            }
            assert_eq!(state.width != Width::default(), is_changed, "{waiting} waiting");
        }
    }

    #[tokio::test]
    async fn no_more_are_at_work_than_there_are_lanes() {
        let lanes = Lanes::default();
        let mut taken = Vec::new();
        for _ in 0..FIRST {
            taken.push(lanes.take(1).await);
        }
        assert!(tokio::time::timeout(Duration::from_millis(20), lanes.take(1)).await.is_err());
        assert_eq!(lanes.state().waiting, 0, "the one that gave up is not counted any more");
        if let Some(lane) = taken.pop() {
            lane.ended(5, &Ok(()));
        }
        tokio::time::timeout(Duration::from_secs(5), lanes.take(1)).await.unwrap_or_else(|_| panic!("a free lane"));
    }

    /// How many transfers of this size begin at once when these many bytes a second may be used.
    async fn begun_at_once(most_bytes_per_second: Option<u64>, bytes: u64) -> usize {
        let lanes = Lanes::under(most_bytes_per_second);
        let mut taken = Vec::new();
        while let Ok(lane) = tokio::time::timeout(Duration::from_millis(20), lanes.take(bytes)).await {
            taken.push(lane);
        }
        taken.len()
    }

    #[tokio::test]
    async fn under_a_limit_two_seconds_of_it_are_on_their_way_and_one_transfer_at_least() {
        assert_eq!(begun_at_once(Some(1_000_000), 8 << 20).await, 1);
        assert_eq!(begun_at_once(Some(1_000_000), 600_000).await, 3);
        assert_eq!(begun_at_once(Some(100_000_000), 600_000).await, FIRST);
        assert_eq!(begun_at_once(None, 8 << 20).await, FIRST);
    }
}
