//! Commands in, events out: the queue, one writer, one snapshot.

mod command;
mod event;
mod snapshot;

use std::sync::{Arc, PoisonError, RwLock};

use crossbeam_channel::{Receiver, Sender};

pub use command::Command;
pub use event::Event;
pub use snapshot::{DestinationTest, Job, JobFilter, QueueCounts, Snapshot, ToolStatus};

/// The engine has ended and takes no more commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine has ended")]
pub struct EngineStopped;

/// How fronts talk to the engine. Clones talk to the same engine.
#[derive(Clone)]
pub struct EngineHandle {
    shared: Arc<Shared>,
}

/// A snapshot, and every event after it.
#[derive(Debug)]
pub struct Subscription {
    /// The state before the first event.
    pub base: Arc<Snapshot>,
    /// Every event after it, in order.
    pub events: Receiver<Event>,
}

struct Shared {
    /// Unbounded: a front never waits for the engine, and people do not type fast enough to fill memory.
    commands: Sender<Command>,
    published: RwLock<Published>,
}

/// What the dispatcher shows to others; the lock is held only to copy or to swap.
struct Published {
    snapshot: Arc<Snapshot>,
    subscribers: Vec<Subscriber>,
}

struct Subscriber {
    /// Unbounded: lifecycle events are never dropped, and the dispatcher never waits for a front.
    events: Sender<Event>,
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

impl EngineHandle {
    /// Asks the engine for something; answers come as events.
    ///
    /// # Errors
    /// When the engine has ended.
    pub fn send(&self, command: Command) -> Result<(), EngineStopped> {
        self.shared.commands.send(command).map_err(|_| EngineStopped)
    }

    /// The state now. Never waits on work.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let published = self.shared.published.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&published.snapshot)
    }

    /// The state now and every event after it.
    pub fn subscribe(&self) -> Subscription {
        self.subscribe_with(None)
    }

    /// As [`subscribe`](Self::subscribe); `wake` is called on the dispatcher's thread after each event was put into the
    /// subscription, and must not wait. A window asks for a repaint with it.
    pub fn subscribe_waking(&self, wake: impl Fn() + Send + Sync + 'static) -> Subscription {
        self.subscribe_with(Some(Box::new(wake)))
    }

    fn subscribe_with(&self, wake: Option<Box<dyn Fn() + Send + Sync>>) -> Subscription {
        let (sender, events) = crossbeam_channel::unbounded();
        let mut published = self.shared.published.write().unwrap_or_else(PoisonError::into_inner);
        published.subscribers.push(Subscriber { events: sender, wake });
        Subscription { base: Arc::clone(&published.snapshot), events }
    }
}
