//! Asking the engine for something and waiting until it has taken it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::{Command, EngineHandle, EngineStopped, Event};
use crate::{
    failure::{Failure, FailureKind},
    job::JobId,
};

/// The dispatcher takes commands within milliseconds, also on a disk that is slow to sync.
const LIMIT: Duration = Duration::from_secs(30);

/// What the engine told while it took a command.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Jobs that came into the queue.
    pub added: Vec<JobId>,
    /// What went wrong.
    pub notices: Vec<Failure>,
}

impl Answer {
    /// Why what was done is not on the disk, if it is not.
    pub fn unsaved(&self) -> Option<&Failure> {
        self.notices
            .iter()
            .find(|failure| matches!(failure.kind, FailureKind::DiskFull | FailureKind::OutputNotWritable))
    }
}

impl EngineHandle {
    /// Asks the engine for something and waits until that is in the journal and in the snapshot.
    ///
    /// # Errors
    /// When the engine has ended, or ends before it comes to the command.
    pub fn ask(&self, command: Command) -> Result<Answer, EngineStopped> {
        static TOKENS: AtomicU64 = AtomicU64::new(0);
        // Other askers have other tokens, also those in other processes that send the command themselves.
        let token = TOKENS.fetch_add(1, Ordering::Relaxed) ^ uuid::Uuid::now_v7().as_u64_pair().1;
        let events = self.subscribe().events;
        self.send(command)?;
        self.send(Command::Acknowledge { token })?;
        let deadline = Instant::now() + LIMIT;
        let mut answer = Answer::default();
        loop {
            match events.recv_deadline(deadline).map_err(|_| EngineStopped)? {
                Event::Acknowledged { token: acknowledged } if acknowledged == token => return Ok(answer),
                Event::JobAdded { id, .. } => answer.added.push(id),
                Event::Noticed { failure } => answer.notices.push(failure),
                Event::Stopped => return Err(EngineStopped),
                _ => {}
            }
        }
    }
}
