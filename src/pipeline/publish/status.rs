//! How far publishing has come, readable at any moment without waiting for it.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::patience::{Outage, Patience};
use crate::failure::{Failure, FailureKind};

/// How long a rate looks back.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// A store that takes nothing for so long does not answer, or the network is very slow.
const QUIET_LIMIT: Duration = Duration::from_secs(30);

/// How far publishing has come.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PublishStatus {
    /// Files that are at the destination, each counted once.
    pub published_files: u64,
    /// Files that were finished so far, each counted once.
    pub finished_files: u64,
    /// Bytes that have arrived, with every version of each playlist.
    pub published_bytes: u64,
    /// Bytes of finished files that have not arrived; playlists are not counted.
    pub queued_bytes: u64,
    /// Bytes a second over the last ten seconds; `None` before something has arrived in them.
    pub bytes_per_second: Option<f64>,
    /// Why nothing goes up at this moment; it goes on by itself.
    pub interruption: Option<Failure>,
    /// Why publishing has ended early.
    pub failure: Option<Failure>,
}

/// Written by the uploads, read by whoever shows them. The lock is held only to copy.
#[derive(Debug, Default)]
pub struct StatusBoard {
    state: Mutex<State>,
    patience: Patience,
    outage: Outage,
}

#[derive(Debug, Default)]
struct State {
    status: PublishStatus,
    /// When how much arrived, within the window.
    arrivals: VecDeque<(Instant, u64)>,
    began: Option<Instant>,
    /// Since when something waits to arrive.
    quiet_since: Option<Instant>,
    sent: BTreeSet<String>,
    stays: bool,
}

impl StatusBoard {
    /// The board of an upload that waits for its store as long as this.
    pub(super) fn with(patience: Patience) -> Self {
        Self { patience, ..Self::default() }
    }

    /// How long the upload waits for its store.
    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// What its requests know of a store that is away.
    pub(super) fn outage(&self) -> &Outage {
        &self.outage
    }

    /// A copy of the state, with the rate at this moment.
    pub fn read(&self) -> PublishStatus {
        let mut state = self.lock();
        state.forget_old(Instant::now());
        let mut status = state.status.clone();
        status.bytes_per_second = state.rate(Instant::now());
        if status.interruption.is_none() {
            status.interruption = state.silence(Instant::now());
        }
        status
    }

    pub(super) fn queued(&self, bytes: u64) {
        let mut state = self.lock();
        if state.status.queued_bytes == 0 {
            state.quiet_since = Some(Instant::now());
        }
        state.status.queued_bytes += bytes;
        state.began.get_or_insert_with(Instant::now);
    }

    /// Bytes have arrived; `of_queue` of them had been counted as queued.
    pub(super) fn arrived(&self, bytes: u64, of_queue: u64) {
        let now = Instant::now();
        let mut state = self.lock();
        state.status.published_bytes += bytes;
        state.status.queued_bytes = state.status.queued_bytes.saturating_sub(of_queue);
        state.quiet_since = (state.status.queued_bytes > 0).then_some(now);
        state.arrivals.push_back((now, bytes));
        state.began.get_or_insert(now);
        state.forget_old(now);
    }

    /// An object of this key may be in the bucket from now on.
    pub(super) fn sending(&self, key: &str) {
        self.lock().sent.insert(key.to_owned());
    }

    /// Keys of all objects that this run may have put into the bucket.
    pub(super) fn sent(&self) -> Vec<String> {
        self.lock().sent.iter().cloned().collect()
    }

    /// What lies in the bucket is in use from now on, or may be another stream's: nothing of it is taken back.
    pub(super) fn keep_all(&self) {
        self.lock().stays = true;
    }

    /// True after [`keep_all`](Self::keep_all).
    pub(super) fn stays(&self) -> bool {
        self.lock().stays
    }

    pub(super) fn set_files(&self, published: u64, finished: u64) {
        let mut state = self.lock();
        state.status.published_files = published;
        state.status.finished_files = finished;
    }

    /// The store does not answer, and is asked again later.
    pub(in crate::pipeline) fn interrupted(&self, reason: Failure) {
        self.lock().status.interruption = Some(reason);
    }

    /// The store has answered.
    pub(super) fn goes_on(&self) {
        self.lock().status.interruption = None;
    }

    pub(super) fn fail(&self, failure: Failure) {
        self.lock().status.failure = Some(failure);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_old(&mut self, now: Instant) {
        while self.arrivals.front().is_some_and(|(at, _)| now.duration_since(*at) > RATE_WINDOW) {
            self.arrivals.pop_front();
        }
    }

    /// What is to be said when nothing has arrived for long although something waits.
    fn silence(&self, now: Instant) -> Option<Failure> {
        let quiet = now.duration_since(self.quiet_since?);
        (quiet >= QUIET_LIMIT).then(|| {
            let headline = format!("The store has taken nothing for {} seconds or more", QUIET_LIMIT.as_secs());
            Failure::new(FailureKind::NetworkLost, headline, "Check the network and the store")
        })
    }

    fn rate(&self, now: Instant) -> Option<f64> {
        let bytes: u64 = self.arrivals.iter().map(|(_, bytes)| bytes).sum();
        let window = now.duration_since(self.began?).min(RATE_WINDOW).as_secs_f64();
        (bytes > 0 && window > 0.0).then(|| bytes as f64 / window)
    }
}
