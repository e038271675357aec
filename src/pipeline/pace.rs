//! How fast an encoder works, without the time in which it was held, the machine slept or nothing could be written.

use std::time::{Duration, Instant};

/// A silence of more than this is no work. An encoder tells every tenth of a second how far it is, also while a frame takes
/// seconds; it says nothing while it waits for room on the disk, or when the whole program was stopped.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// Before this much work nothing can be said.
const SHORTEST_WORK: Duration = Duration::from_millis(500);

/// What an encoder does in a second of work.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// What was done when it was first heard of.
    first: Option<u64>,
    done: u64,
    /// When it was last heard of, and for how long it had been held by then.
    last: Option<(Instant, Duration)>,
    worked: Duration,
}

impl Pace {
    /// At this moment so much is done in all; by then the encoder had been held for `held` in all.
    pub(super) fn told(&mut self, done: u64, at: Instant, held: Duration) {
        self.first.get_or_insert(done);
        self.done = done;
        if let Some((before, held_before)) = self.last.replace((at, held)) {
            let since = at.saturating_duration_since(before).saturating_sub(held.saturating_sub(held_before));
            if since <= LONGEST_SILENCE {
                self.worked += since;
            }
        }
    }

    /// How much is done in a second of work; `None` until that can be told.
    pub(super) fn per_second(&self) -> Option<f64> {
        let done = self.done.saturating_sub(self.first?);
        (self.worked >= SHORTEST_WORK).then(|| done as f64 / self.worked.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells of 25 frames a second in steps of a tenth, for this many seconds.
    fn work(pace: &mut Pace, (from, held): (Instant, Duration), seconds: u64, done: &mut u64) -> Instant {
        for step in 1..=seconds * 10 {
            if step % 2 == 0 {
                *done += 5;
            }
            pace.told(*done, from + Duration::from_millis(step * 100), held);
        }
        from + Duration::from_secs(seconds)
    }

    #[test]
    fn pauses_sleep_and_waiting_for_room_do_not_count() {
        let (mut pace, mut done) = (Pace::default(), 0);
        assert_eq!(pace.per_second(), None);
        let mut at = work(&mut pace, (Instant::now(), Duration::ZERO), 10, &mut done);
        let is_steady = |pace: &Pace| {
            let rate = pace.per_second().unwrap();
            assert!((rate - 25.0).abs() < 1.0, "{rate}");
        };
        is_steady(&pace);
        // Held for ten seconds, then for an hour.
        let mut held = Duration::ZERO;
        for seconds in [10, 3600] {
            held += Duration::from_secs(seconds);
            at = work(&mut pace, (at + Duration::from_secs(seconds), held), 10, &mut done);
            is_steady(&pace);
        }
        // Stopped from outside.
        work(&mut pace, (at + Duration::from_secs(7200), held), 10, &mut done);
        is_steady(&pace);
    }
}
