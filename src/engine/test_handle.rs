//! A handle without an engine behind it, for tests of fronts: the test plays the dispatcher.

use super::{Arc, Command, EngineHandle, Event, Published, Receiver, RwLock, Showcase, Snapshot};

/// The other end of a handle made by [`EngineHandle::for_test`].
pub(crate) struct TestDispatcher {
    showcase: Showcase,
    snapshot: Snapshot,
    commands: Receiver<Command>,
}

impl EngineHandle {
    /// A handle that shows `snapshot`, and the dispatcher that the test plays.
    pub(crate) fn for_test(snapshot: Snapshot) -> (Self, TestDispatcher) {
        let (sender, commands) = crossbeam_channel::unbounded();
        let shown = Published::of(snapshot.clone());
        let published = Arc::new(RwLock::new(shown));
        let dispatcher = TestDispatcher { showcase: Showcase(Arc::clone(&published)), snapshot, commands };
        (Self { commands: sender, end: crossbeam_channel::never(), published }, dispatcher)
    }
}

impl TestDispatcher {
    /// Applies an event as the dispatcher does, and tells the subscribers.
    pub(crate) fn emit(&mut self, event: Event) {
        self.snapshot.apply(&event);
        self.showcase.show(&self.snapshot, &[event]);
    }

    /// Goes as a dispatcher does that panics.
    pub(crate) fn end_by_fault(&mut self) {
        let nobody = Published::of(Snapshot::default());
        self.showcase = Showcase(Arc::new(RwLock::new(nobody)));
    }

    /// Everything that was asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<Command> {
        self.commands.try_iter().collect()
    }
}

/// Writes a journal at `file` whose history has these jobs, which are off the list.
pub(crate) fn write_history(file: &std::path::Path, jobs: &[std::sync::Arc<super::Job>]) {
    super::journal::Journal::open(file).unwrap().remember(jobs).unwrap();
}
