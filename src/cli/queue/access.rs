//! The way to the queue: through the process that owns it, or by owning it for a moment.

use std::time::{Duration, Instant};

use crate::{
    cli::Context,
    control::{Client, ControlError, Reply, Request},
    engine::{Answer, Command, Engine, EngineConfig, EngineError, EngineHandle, JournalError, QueueLife, Snapshot},
    failure::{Failure, FailureKind},
    settings::Settings,
    tools::cancel::CancelToken,
};

/// How long an owner may take to begin to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(15);
const WAIT: Duration = Duration::from_millis(50);
/// How long the end of the program waits until the queue is written down.
const END_LIMIT: Duration = Duration::from_secs(20);

/// The queue.
pub(in crate::cli) enum Access {
    /// This process owns it.
    Own(EngineHandle),
    /// Another process owns it.
    Owner(Client),
}

impl Access {
    /// Reaches the queue's owner, or becomes it.
    ///
    /// # Errors
    /// When neither can be, or it was interrupted.
    pub(in crate::cli) fn open(
        context: &Context,
        (settings, queue): (&Settings, QueueLife),
        interrupt: &CancelToken,
    ) -> Result<Self, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(client) = listening_owner(context, interrupt)? {
                return Ok(Self::Owner(client));
            }
            if interrupt.is_cancelled() {
                return Err(Failure::new(FailureKind::Internal, "Interrupted", "Try again"));
            }
            let config = EngineConfig { folders: context.folders.clone(), settings: settings.clone(), queue };
            match Engine::start(config) {
                Ok(engine) => return Ok(Self::Own(engine)),
                // It owns the queue and does not listen yet, or no more.
                Err(EngineError::Journal(JournalError::InUse(_))) if Instant::now() < deadline => {
                    std::thread::sleep(WAIT);
                }
                Err(error) => return Err(failure(&error)),
            }
        }
    }

    /// The process that owns the queue, if there is one that answers.
    pub(in crate::cli) fn of_owner(context: &Context) -> Option<Self> {
        listening_owner(context, &CancelToken::default()).ok().flatten().map(Self::Owner)
    }

    /// The queue as it is now.
    ///
    /// # Errors
    /// When its owner can't be asked.
    pub(in crate::cli) fn snapshot(&mut self) -> Result<Snapshot, Failure> {
        let client = match self {
            Self::Own(engine) => return Ok((*engine.snapshot()).clone()),
            Self::Owner(client) => client,
        };
        match client.ask(&Request::Tell) {
            Ok(Reply::Queue { events }) => {
                let mut snapshot = Snapshot::default();
                snapshot.apply_all(&events);
                Ok(snapshot)
            }
            Ok(_) => Err(ControlError::OtherVersion.into_failure()),
            Err(error) => Err(error.into_failure()),
        }
    }

    /// Has something done; it is in the journal when this returns.
    ///
    /// # Errors
    /// When it was not done.
    pub(in crate::cli) fn ask(&mut self, command: Command) -> Result<Answer, Failure> {
        match self {
            Self::Own(engine) => {
                let answer = engine.ask(command).map_err(|error| {
                    let hint = "Try again; if it fails again, report the log";
                    Failure::new(FailureKind::Internal, error.to_string(), hint)
                })?;
                // With this process it would be lost.
                answer.unsaved().map_or(Ok(()), |failure| Err(failure.clone()))?;
                Ok(answer)
            }
            Self::Owner(client) => match client.ask(&Request::Do { command: Box::new(command) }) {
                Ok(Reply::Taken { added, notices }) => Ok(Answer { added, notices }),
                Ok(_) => Err(ControlError::OtherVersion.into_failure()),
                Err(error) => Err(error.into_failure()),
            },
        }
    }

    /// Gives the queue back.
    pub(super) fn close(self) {
        if let Self::Own(engine) = self
            && engine.send(Command::Stop).is_ok()
            && !engine.wait_for_end(END_LIMIT)
        {
            tracing::warn!("the engine has not ended in time");
        }
    }
}

/// The owner of the queue, if there is one that takes commands.
fn listening_owner(context: &Context, interrupt: &CancelToken) -> Result<Option<Client>, Failure> {
    let Some(mut client) = Client::connect(&context.folders, interrupt).map_err(ControlError::into_failure)? else {
        return Ok(None);
    };
    let hello = Request::Do { command: Box::new(Command::Acknowledge { token: 0 }) };
    match client.ask(&hello) {
        Ok(_) => Ok(Some(client)),
        Err(ControlError::Gone | ControlError::Refused { is_ending: true, .. }) => {
            std::thread::sleep(WAIT);
            Ok(None)
        }
        Err(error) => Err(error.into_failure()),
    }
}

fn failure(error: &EngineError) -> Failure {
    match error {
        EngineError::Journal(error) => Failure::new(error.kind(), error.to_string(), error.hint()),
        EngineError::Threads(_) => {
            Failure::new(FailureKind::Internal, error.to_string(), "Close other programs, then try again")
        }
    }
}
