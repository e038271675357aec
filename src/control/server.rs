//! The owner of the queue: the thread `control` answers other processes of the same user.

use std::{io, time::Duration};

use crossbeam_channel::RecvTimeoutError;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf},
    sync::{mpsc, oneshot},
};

use super::{Envelope, Owner, PROTOCOL_VERSION, Reply, Request, queue_events};
use crate::{
    engine::{Answer, Command, EngineHandle, Event, Subscription},
    failure::{Failure, FailureKind},
    settings::AppFolders,
};

/// An import of a queue of tens of thousands of jobs is smaller.
const LONGEST_REQUEST: u64 = 256 << 20;
/// A reader that takes nothing for so long has been stopped.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// How soon it is noticed that a follower has gone while nothing happens.
const FOLLOWER_CHECK: Duration = Duration::from_secs(1);
/// Events on their way to a follower; more wait in its subscription, where only the newest progress is kept.
const EVENTS_ON_THE_WAY: usize = 64;

/// Answers other processes as long as it is there.
#[derive(Debug)]
pub struct Server {
    /// Closed to end the thread.
    _running: oneshot::Sender<()>,
}

/// What a request is answered from.
#[derive(Clone)]
struct Desk {
    engine: EngineHandle,
    owner: Owner,
}

impl Server {
    /// Starts the thread; the caller's engine owns the queue in these folders. What a killed owner left behind goes.
    ///
    /// # Errors
    /// When the socket or pipe can't be made, or the system gives no thread.
    pub fn start(engine: EngineHandle, folders: &AppFolders, owner: Owner) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().thread_name("control-work").build()?;
        // Bound before this returns: whoever was told of the owner can reach it.
        let mut listener = {
            let _inside = runtime.enter();
            Listener::bind(folders)?
        };
        let (running, mut end) = oneshot::channel();
        let desk = Desk { engine, owner };
        std::thread::Builder::new().name("control".to_owned()).spawn(move || {
            runtime.block_on(async {
                loop {
                    let accepted = tokio::select! {
                        _ = &mut end => return,
                        accepted = listener.accept() => accepted,
                    };
                    match accepted {
                        Ok(stream) => {
                            tokio::spawn(serve(stream, desk.clone()));
                        }
                        Err(error) => {
                            tracing::warn!(%error, "another process could not reach this one");
                            // Too many open files pass by themselves; a busy loop would not help.
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                    }
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { _running: running })
    }
}

impl Server {
    /// As [`start`](Self::start); a queue that others can't reach works all the same, so a failure is only logged.
    pub fn start_or_warn(engine: EngineHandle, folders: &AppFolders, owner: Owner) -> Option<Self> {
        let started = Self::start(engine, folders, owner);
        started.inspect_err(|error| tracing::warn!(%error, "other processes can't reach this queue")).ok()
    }
}

#[cfg(unix)]
struct Listener(tokio::net::UnixListener);

#[cfg(unix)]
impl Listener {
    fn bind(folders: &AppFolders) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let socket = super::address::socket(folders);
        if let Some(folder) = socket.parent() {
            super::address::private_folder(folder)?;
        }
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = tokio::net::UnixListener::bind(&socket)?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self(listener))
    }

    async fn accept(&mut self) -> io::Result<tokio::net::UnixStream> {
        loop {
            let (stream, _) = self.0.accept().await?;
            // Also where a file system knows no permissions.
            if stream.peer_cred()?.uid() == rustix::process::getuid().as_raw() {
                return Ok(stream);
            }
            tracing::warn!("a process of another user was turned away");
        }
    }
}

/// The default rights of a pipe let its maker and the administrators write to it, and nobody else.
#[cfg(windows)]
struct Listener {
    pipe: std::path::PathBuf,
    /// The end that the next process connects to.
    next: tokio::net::windows::named_pipe::NamedPipeServer,
}

#[cfg(windows)]
impl Listener {
    fn bind(folders: &AppFolders) -> io::Result<Self> {
        let pipe = super::address::pipe(folders);
        let next = tokio::net::windows::named_pipe::ServerOptions::new()
            .first_pipe_instance(true)
            .reject_remote_clients(true)
            .create(&pipe)?;
        Ok(Self { pipe, next })
    }

    async fn accept(&mut self) -> io::Result<tokio::net::windows::named_pipe::NamedPipeServer> {
        self.next.connect().await?;
        let next =
            tokio::net::windows::named_pipe::ServerOptions::new().reject_remote_clients(true).create(&self.pipe)?;
        Ok(std::mem::replace(&mut self.next, next))
    }
}

/// Answers one process until it goes.
async fn serve(stream: impl AsyncRead + AsyncWrite + Send + 'static, desk: Desk) {
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        match (&mut lines).take(LONGEST_REQUEST).read_until(b'\n', &mut line).await {
            Ok(length) if length > 0 => {}
            _ => return,
        }
        let reply = match understood(&line) {
            Ok(Request::Follow) => return follow(lines, write, desk).await,
            Ok(request) => {
                let desk = desk.clone();
                let answered = tokio::task::spawn_blocking(move || desk.answer(request)).await;
                answered.unwrap_or_else(|_| ending())
            }
            Err(failure) => Reply::Refused { failure, is_ending: false },
        };
        if send(&mut write, &reply).await.is_err() {
            return;
        }
    }
}

fn understood(line: &[u8]) -> Result<Request, Failure> {
    let read: Option<Envelope<Value>> = serde_json::from_slice(line).ok();
    let known = read.filter(|read| read.version == PROTOCOL_VERSION);
    known.and_then(|known| serde_json::from_value(known.message).ok()).ok_or_else(|| {
        let headline = format!("Reelpress {} has the queue open and does not know this", env!("CARGO_PKG_VERSION"));
        Failure::new(FailureKind::InvalidRequest, headline, "Close it and start it again in this version")
    })
}

async fn send<S: AsyncWrite>(write: &mut WriteHalf<S>, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(&Envelope::of(reply)).map_err(io::Error::other)?;
    line.push(b'\n');
    tokio::time::timeout(WRITE_LIMIT, write.write_all(&line)).await.map_err(io::Error::other)?
}

/// Tells all that happens until the process goes.
async fn follow<S: AsyncRead + AsyncWrite>(mut lines: BufReader<ReadHalf<S>>, mut write: WriteHalf<S>, desk: Desk) {
    let (sender, mut replies) = mpsc::channel(EVENTS_ON_THE_WAY);
    tokio::task::spawn_blocking(move || desk.tell_all(&sender));
    loop {
        tokio::select! {
            // A follower says nothing: what comes is its end.
            _ = lines.read_u8() => return,
            reply = replies.recv() => match reply {
                Some(reply) if send(&mut write, &reply).await.is_ok() => {}
                _ => return,
            },
        }
    }
}

impl Desk {
    fn answer(&self, request: Request) -> Reply {
        let command = match request {
            Request::Tell | Request::Follow => return Reply::Queue { events: queue_events(&self.engine.snapshot()) },
            Request::Do { command } => *command,
        };
        if matches!(command, Command::OpenFiles { .. }) && self.owner == Owner::Terminal {
            return Reply::Refused { failure: no_window(), is_ending: false };
        }
        match self.engine.ask(command) {
            Ok(Answer { added, notices }) => Reply::Taken { added, notices },
            Err(_) => ending(),
        }
    }

    /// Blocks until the follower has gone or the engine has ended.
    fn tell_all(&self, follower: &mpsc::Sender<Reply>) {
        let Subscription { base, events } = self.engine.subscribe();
        let mut waiting = vec![Reply::Queue { events: queue_events(&base) }];
        loop {
            for reply in waiting.drain(..) {
                if follower.blocking_send(reply).is_err() {
                    return;
                }
            }
            match events.recv_timeout(FOLLOWER_CHECK) {
                Ok(event) => {
                    let backlog: Vec<Event> = std::iter::once(event).chain(events.try_iter()).collect();
                    waiting.extend(newest(backlog).into_iter().map(|event| Reply::Happened { event: Box::new(event) }));
                }
                Err(RecvTimeoutError::Timeout) if !follower.is_closed() => {}
                Err(_) => return,
            }
        }
    }
}

/// Without the measurements that a later one of the same job replaces.
fn newest(events: Vec<Event>) -> Vec<Event> {
    let mut measured = std::collections::HashSet::new();
    let mut kept: Vec<Event> = events
        .into_iter()
        .rev()
        .filter(|event| match event {
            Event::JobProgressed { id, .. } => measured.insert(*id),
            _ => true,
        })
        .collect();
    kept.reverse();
    kept
}

fn ending() -> Reply {
    let hint = "Try again in a moment";
    let failure = Failure::new(FailureKind::Internal, "The Reelpress that has the queue open is ending", hint);
    Reply::Refused { failure, is_ending: true }
}

fn no_window() -> Failure {
    Failure::new(
        FailureKind::InvalidRequest,
        "“reelpress queue run” works the queue off in a terminal, so there is no window",
        "Add files with “reelpress queue add”, or end it there with Ctrl-C and open the window then",
    )
}
