//! The other process: asks the owner of the queue.

use std::{
    io::{self, BufRead, BufReader, Write},
    time::Duration,
};

use crossbeam_channel::Receiver;
use serde_json::Value;

use super::{Envelope, PROTOCOL_VERSION, Reply, Request, address};
use crate::{
    engine::{Event, Snapshot},
    failure::{Failure, FailureKind},
    settings::AppFolders,
};

#[cfg(unix)]
type Stream = std::os::unix::net::UnixStream;
#[cfg(windows)]
type Stream = std::fs::File;

/// An owner that works answers within milliseconds; one that was stopped (SIGSTOP) never.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the owner did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The channel can't be used.
    #[error("the Reelpress that has the queue open can't be reached: {0}")]
    Unreachable(#[from] io::Error),
    /// The owner went before it had answered.
    #[error("the Reelpress that had the queue open ended before it answered")]
    Gone,
    /// The owner speaks another version of the protocol, or none.
    #[error("another version of Reelpress has the queue open")]
    OtherVersion,
    /// It refused.
    #[error("{}", failure.headline)]
    Refused {
        /// Why, and what to do.
        failure: Failure,
        /// True when another process can own the queue in a moment.
        is_ending: bool,
    },
}

impl ControlError {
    /// What the user is told.
    pub fn into_failure(self) -> Failure {
        let hint = match &self {
            Self::Refused { failure, .. } => return failure.clone(),
            Self::Unreachable(_) => "Close the other Reelpress, then try again",
            Self::Gone => "See with “reelpress queue list” whether it was done",
            Self::OtherVersion => "Close it and start it again in this version",
        };
        Failure::new(FailureKind::Internal, self.to_string(), hint)
    }
}

/// A connection to the owner of a queue.
#[derive(Debug)]
pub struct Client(BufReader<Stream>);

/// A queue of another process: its state, and all events after it until the owner has ended.
#[derive(Debug)]
pub struct Following {
    /// The state before the first event; without lists of files.
    pub base: Snapshot,
    /// Every event after it, in order.
    pub events: Receiver<Event>,
}

impl Client {
    /// Connects to the owner of the queue in these folders; `None` when no process listens.
    ///
    /// # Errors
    /// When one listens and can't be reached.
    pub fn connect(folders: &AppFolders) -> Result<Option<Self>, ControlError> {
        match open(folders) {
            Ok(stream) => Ok(stream.map(|stream| Self(BufReader::new(stream)))),
            // What a killed owner left behind refuses the connection.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks for something and waits for the answer.
    ///
    /// # Errors
    /// When the owner refuses, ends, or can't be understood.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, ControlError> {
        let mut line = serde_json::to_vec(&Envelope::of(request)).map_err(io::Error::other)?;
        line.push(b'\n');
        // An owner that ends in this moment has closed its side.
        self.0.get_mut().write_all(&line).map_err(gone)?;
        match self.reply()? {
            Reply::Refused { failure, is_ending } => Err(ControlError::Refused { failure, is_ending }),
            reply => Ok(reply),
        }
    }

    /// The queue, and all that happens in it from now on.
    ///
    /// # Errors
    /// When the owner refuses, ends, or can't be understood; when the system gives no thread.
    pub fn follow(mut self) -> Result<Following, ControlError> {
        let Reply::Queue { events } = self.ask(&Request::Follow)? else { return Err(ControlError::OtherVersion) };
        let mut base = Snapshot::default();
        base.apply_all(&events);
        #[cfg(unix)]
        self.0.get_ref().set_read_timeout(None)?;
        // Unbounded: events come ten times a second for each running job at most.
        let (sender, events) = crossbeam_channel::unbounded();
        std::thread::Builder::new().name("control-follow".to_owned()).spawn(move || {
            while let Ok(Reply::Happened { event }) = self.reply() {
                if sender.send(*event).is_err() {
                    return;
                }
            }
        })?;
        Ok(Following { base, events })
    }

    fn reply(&mut self) -> Result<Reply, ControlError> {
        let mut line = Vec::new();
        if self.0.read_until(b'\n', &mut line).map_err(gone)? == 0 || !line.ends_with(b"\n") {
            return Err(ControlError::Gone);
        }
        let read: Envelope<Value> = serde_json::from_slice(&line).map_err(|_| ControlError::OtherVersion)?;
        if read.version != PROTOCOL_VERSION {
            return Err(ControlError::OtherVersion);
        }
        serde_json::from_value(read.message).map_err(|_| ControlError::OtherVersion)
    }
}

fn gone(error: io::Error) -> ControlError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset => ControlError::Gone,
        _ => ControlError::Unreachable(error),
    }
}

#[cfg(unix)]
fn open(folders: &AppFolders) -> io::Result<Option<Stream>> {
    let socket = address::socket(folders);
    // In a folder of somebody else nobody listens for this user.
    if !socket.parent().is_some_and(address::is_own_folder) {
        return Ok(None);
    }
    let stream = Stream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(Some(stream))
}

#[cfg(windows)]
fn open(folders: &AppFolders) -> io::Result<Option<Stream>> {
    use backon::{BlockingRetryable, ConstantBuilder};
    /// All ends of the pipe are taken at this moment.
    const ERROR_PIPE_BUSY: i32 = 231;
    let pipe = address::pipe(folders);
    let waits = ConstantBuilder::new().with_delay(Duration::from_millis(20)).with_max_times(100);
    let connect = || std::fs::OpenOptions::new().read(true).write(true).open(&pipe);
    connect.retry(waits).when(|error| error.raw_os_error() == Some(ERROR_PIPE_BUSY)).call().map(Some)
}
