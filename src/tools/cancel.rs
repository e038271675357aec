//! Asking a job to end, and killing the process that it waits for.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// Shared by a job and whoever may stop it. Clones are the same token.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    suspended: AtomicBool,
    stoppers: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inner").field("cancelled", &self.cancelled).finish_non_exhaustive()
    }
}

impl CancelToken {
    /// True once [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancelled.load(Ordering::Acquire)
    }

    /// True when the job is to go on later, with what it has finished.
    pub fn is_suspended(&self) -> bool {
        self.inner.suspended.load(Ordering::Acquire)
    }

    /// Ends the work, not the job: as [`cancel`](Self::cancel), but what is finished stays. Without effect after that.
    pub fn suspend(&self) {
        if !self.is_cancelled() {
            self.inner.suspended.store(true, Ordering::Release);
            self.cancel();
        }
    }

    /// Ends the job: every registered stopper runs once, on the caller's thread. Calling it again does nothing.
    pub fn cancel(&self) {
        if self.inner.cancelled.swap(true, Ordering::AcqRel) {
            return;
        }
        let stoppers = std::mem::take(&mut *self.inner.stoppers.lock().unwrap_or_else(PoisonError::into_inner));
        for stop in stoppers {
            stop();
        }
    }

    /// Runs `stop` when the token is cancelled; at once if it is already. `stop` must return quickly.
    pub fn on_cancel(&self, stop: impl FnOnce() + Send + 'static) {
        let mut stoppers = self.inner.stoppers.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_cancelled() {
            drop(stoppers);
            stop();
        } else {
            stoppers.push(Box::new(stop));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn stoppers_run_once_whether_registered_before_or_after_the_cancel() {
        let token = CancelToken::default();
        let runs = Arc::new(AtomicUsize::new(0));
        let count = || {
            let runs = Arc::clone(&runs);
            move || {
                runs.fetch_add(1, Ordering::Relaxed);
            }
        };
        token.on_cancel(count());
        token.cancel();
        token.cancel();
        token.on_cancel(count());
        assert_eq!(runs.load(Ordering::Relaxed), 2);
    }
}
