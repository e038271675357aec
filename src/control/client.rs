//! The other process: asks the owner of the queue.

use std::{
    io::{self, BufRead, BufReader, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Receiver;
use serde_json::Value;

use super::{Envelope, PROTOCOL_VERSION, Reply, Request, address};
use crate::{
    engine::{Event, Snapshot},
    failure::{Failure, FailureKind},
    settings::AppFolders,
    tools::cancel::CancelToken,
};

#[cfg(unix)]
type Stream = std::os::unix::net::UnixStream;
#[cfg(windows)]
type Stream = std::fs::File;

/// An owner that works gives its first answer within milliseconds; one that was stopped (SIGSTOP) never.
#[cfg(unix)]
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// An import of ten thousand jobs takes a while on a slow disk.
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
    /// The owner is there and says nothing.
    #[error("the Reelpress that has the queue open{} does not answer", in_process(*owner))]
    Silent {
        /// The id of its process, where the system tells it.
        owner: Option<u32>,
        /// It had answered before, so that it may still do what it was asked last.
        had_answered: bool,
    },
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
            Self::Silent { owner, had_answered } => {
                let hint = silent_hint(*owner, *had_answered);
                return Failure::new(FailureKind::Internal, self.to_string(), hint);
            }
            Self::Unreachable(_) => "Close the other Reelpress, then try again",
            Self::Gone => "See with “reelpress queue list” whether it was done",
            Self::OtherVersion => "Close it and start it again in this version",
        };
        Failure::new(FailureKind::Internal, self.to_string(), hint)
    }
}

/// A connection to the owner of a queue.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<Stream>,
    has_answered: bool,
    /// An answer is waited for, which an interrupt ends.
    is_asking: Arc<AtomicBool>,
    interrupt: CancelToken,
}

/// A queue of another process: its state, and all events after it until the owner has ended.
#[derive(Debug)]
pub struct Following {
    /// The state before the first event; without lists of files.
    pub base: Snapshot,
    /// Every event after it, in order.
    pub events: Receiver<Event>,
}

impl Client {
    /// Connects to the owner of the queue in these folders; `None` when no process listens. On Unix an answer is no longer
    /// waited for once `interrupt` is cancelled.
    ///
    /// # Errors
    /// When one listens and can't be reached.
    pub fn connect(folders: &AppFolders, interrupt: &CancelToken) -> Result<Option<Self>, ControlError> {
        match open(folders) {
            Ok(Some(stream)) => {
                let is_asking = Arc::default();
                #[cfg(unix)]
                close_on_interrupt(&stream, &is_asking, interrupt)?;
                let (stream, interrupt) = (BufReader::new(stream), interrupt.clone());
                Ok(Some(Self { stream, has_answered: false, is_asking, interrupt }))
            }
            Ok(None) => Ok(None),
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
    /// When the owner refuses, ends, says nothing, or can't be understood; when it was interrupted.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, ControlError> {
        let mut line = serde_json::to_vec(&Envelope::of(request)).map_err(io::Error::other)?;
        line.push(b'\n');
        self.is_asking.store(true, Ordering::SeqCst);
        let reply = if self.interrupt.is_cancelled() { Err(ControlError::Gone) } else { self.exchange(&line) };
        self.is_asking.store(false, Ordering::SeqCst);
        match reply? {
            Reply::Refused { failure, is_ending } => Err(ControlError::Refused { failure, is_ending }),
            reply => Ok(reply),
        }
    }

    fn exchange(&mut self, line: &[u8]) -> Result<Reply, ControlError> {
        #[cfg(unix)]
        {
            let patience = Some(if self.has_answered { PATIENCE } else { FIRST_PATIENCE });
            self.stream.get_ref().set_read_timeout(patience)?;
            self.stream.get_ref().set_write_timeout(patience)?;
        }
        // An owner that ends in this moment has closed its side.
        self.stream.get_mut().write_all(line).map_err(|error| self.gone(error))?;
        let reply = self.reply()?;
        self.has_answered = true;
        Ok(reply)
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
        self.stream.get_ref().set_read_timeout(None)?;
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
        let read = self.stream.read_until(b'\n', &mut line);
        if read.map_err(|error| self.gone(error))? == 0 || !line.ends_with(b"\n") {
            return Err(ControlError::Gone);
        }
        let read: Envelope<Value> = serde_json::from_slice(&line).map_err(|_| ControlError::OtherVersion)?;
        if read.version != PROTOCOL_VERSION {
            return Err(ControlError::OtherVersion);
        }
        serde_json::from_value(read.message).map_err(|_| ControlError::OtherVersion)
    }

    fn gone(&self, error: io::Error) -> ControlError {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, WouldBlock};
        match error.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset => ControlError::Gone,
            TimedOut | WouldBlock => {
                ControlError::Silent { owner: owner_of(self.stream.get_ref()), had_answered: self.has_answered }
            }
            _ => ControlError::Unreachable(error),
        }
    }
}

fn in_process(id: Option<u32>) -> String {
    id.map(|id| format!(" (process {id})")).unwrap_or_default()
}

fn silent_hint(owner: Option<u32>, had_answered: bool) -> String {
    let go_on = owner.map(|id| format!(", with “fg” in its terminal or “kill -CONT {id}”")).unwrap_or_default();
    let then = if had_answered {
        "see with “reelpress queue list” whether it has done what was asked"
    } else {
        "try again"
    };
    format!("If it was stopped, let it go on{go_on}; else end it. Then {then}")
}

/// The process at the other end.
#[cfg(target_os = "linux")]
fn owner_of(stream: &Stream) -> Option<u32> {
    let credentials = rustix::net::sockopt::socket_peercred(stream).ok()?;
    u32::try_from(credentials.pid.as_raw_nonzero().get()).ok()
}

#[cfg(not(target_os = "linux"))]
fn owner_of(_stream: &Stream) -> Option<u32> {
    None
}

/// Ends a wait for an answer when the user does not want to wait any longer.
#[cfg(unix)]
fn close_on_interrupt(stream: &Stream, is_asking: &Arc<AtomicBool>, interrupt: &CancelToken) -> io::Result<()> {
    let (stream, is_asking) = (stream.try_clone()?, Arc::downgrade(is_asking));
    interrupt.on_cancel(move || {
        if is_asking.upgrade().is_some_and(|is_asking| is_asking.load(Ordering::SeqCst)) {
            // One that is closed already needs no end.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    });
    Ok(())
}

#[cfg(unix)]
fn open(folders: &AppFolders) -> io::Result<Option<Stream>> {
    let socket = address::socket(folders);
    // In a folder of somebody else nobody listens for this user.
    if !socket.parent().is_some_and(address::is_own_folder) {
        return Ok(None);
    }
    Stream::connect(socket).map(Some)
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
