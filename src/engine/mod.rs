//! Commands in, events out: the queue, one writer, one snapshot.

mod answer;
mod bug_report;
mod command;
mod dispatcher;
mod end_of_queue;
mod event;
mod history;
mod intake_thread;
mod job_thread;
mod journal;
mod machine;
mod places;
mod queue_file;
mod retry;
mod scheduler;
mod services;
mod side_by_side;
mod snapshot;
#[cfg(test)]
pub(crate) mod test_handle;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

pub use answer::Answer;
pub use bug_report::BugReport;
pub use command::{Command, QueueEntry};
pub use end_of_queue::PlannedPowerAction;
pub use event::Event;
pub use history::{ended_jobs, saved_queue};
pub use journal::JournalError;
pub use queue_file::{FiledEnd, FiledJob, QueueFile, QueueFileError};
pub use retry::{MOST_RETRIES, PlannedRetry};
pub use snapshot::{DestinationTest, Job, JobFilter, QueueCounts, Snapshot, ToolStatus};

use crate::{
    failure::{Failure, FailureKind},
    pipeline,
    settings::{AppFolders, Settings},
};

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Where the program keeps its own files.
    pub folders: AppFolders,
    /// The settings at the start.
    pub settings: Settings,
    /// How long the queue lives.
    pub queue: QueueLife,
}

/// How long a queue lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueLife {
    /// As long as the engine: for one call in the terminal. Changed settings are not saved.
    ThisRun,
    /// The same, and what an earlier call has left unfinished is not gone on with but removed.
    ThisRunAfresh,
    /// In the journal of the app's data folder, with one owner at a time; changed settings are saved.
    Lasting,
    /// In the same journal, to look at it and to change it: no job starts.
    LastingAtRest,
}

/// Why an engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The queue can't be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system gives no threads.
    #[error("the system gives no threads: {0}")]
    Threads(#[from] std::io::Error),
}

/// Starts engines.
#[derive(Debug)]
pub struct Engine;

impl Engine {
    /// Starts the threads of an engine and, with a lasting queue, brings back what the journal holds; jobs that ran
    /// when the program ended are interrupted ones.
    ///
    /// # Errors
    /// When another instance owns the queue, its journal can't be used, or the system gives no threads.
    pub fn start(config: EngineConfig) -> Result<EngineHandle, EngineError> {
        let EngineConfig { folders, settings, queue } = config;
        let mut journal = match queue {
            QueueLife::ThisRun | QueueLife::ThisRunAfresh => journal::Journal::in_memory()?,
            QueueLife::Lasting | QueueLife::LastingAtRest => journal::Journal::open(&folders.journal_file())?,
        };
        let journal::Replay { mut snapshot, unreadable, set_aside } = journal.replay()?;
        let waiting =
            queue_damage(unreadable, set_aside).into_iter().map(|failure| Event::Noticed { failure }).collect();
        let interrupted: Vec<Event> =
            snapshot.jobs.iter().filter(|job| job.progress().is_some()).map(|job| interruption_of(job)).collect();
        journal.append(&interrupted)?;
        snapshot.apply_all(&interrupted);
        snapshot.apply(&Event::SettingsChanged { settings: Box::new(settings) });

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("engine-network")
            .enable_all()
            .build()?;
        // Unbounded: a front never waits for the engine, and people do not type fast enough to fill memory.
        let (commands, to_do) = crossbeam_channel::unbounded();
        // Unbounded: a job never waits for the dispatcher; what comes often goes through the job's slot instead.
        let (reports, reported) = crossbeam_channel::unbounded();
        let services = services::Services::start(folders, queue, runtime, reports.clone())?;
        let published = Published { waiting, ..Published::of(snapshot.clone()) };
        let published = Arc::new(RwLock::new(published));
        let dispatcher = dispatcher::Dispatcher {
            snapshot,
            journal,
            showcase: Showcase(Arc::clone(&published)),
            services,
            running: HashMap::new(),
            toolbox: None,
            reports,
            disks: dispatcher::KnownDisks::default(),
            ended: end_of_queue::EndedJobs::default(),
            power_due: None,
            undo_until: None,
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            is_stopping: false,
        };
        let (running, end) = crossbeam_channel::bounded(0);
        std::thread::Builder::new().name("engine-dispatcher".to_owned()).spawn(move || {
            dispatcher.run(&to_do, &reported);
            drop(running);
        })?;
        Ok(EngineHandle { commands, end, published })
    }
}

/// What became of a job that ran when the program ended. What can't be gone on with must not stay under its final name.
fn interruption_of(job: &Job) -> Event {
    let id = job.id;
    let folder = job.plan.as_ref().map(|plan| plan.folder.clone()).or(job.unfinished.clone());
    let is_held = job.is_held();
    let nothing = Event::JobInterrupted { id, reached: Duration::ZERO, folder: None, is_held };
    let Some(folder) = folder else { return nothing };
    match pipeline::reached(&folder) {
        Some(reached) => Event::JobInterrupted { id, reached, folder: Some(folder), is_held },
        None => {
            // A stream that is finished stays: to be published, or since its end was not noted any more.
            if job.unpublished.is_none() && !pipeline::is_finished(&folder) {
                pipeline::remove_interrupted_folder((&job.spec, id), &folder);
            }
            nothing
        }
    }
}

/// What the user has to know of a queue that could not be read whole.
fn queue_damage(unreadable: usize, set_aside: Option<PathBuf>) -> Option<Failure> {
    let missing = "Look through the queue and add what is missing";
    let failure = |headline: String, hint: &str| Failure::new(FailureKind::Internal, headline, hint);
    match (unreadable, set_aside) {
        (0, Some(file)) => {
            let aside = file.display();
            let words =
                format!("The saved queue was damaged: what could be read of it is here, the rest is in {aside}");
            Some(failure(words, missing))
        }
        (0, None) => None,
        (count, aside) => {
            let entries = crate::format::count(count as u64, "entry", "entries");
            let aside = aside.map(|file| format!("; what they hold is in {}", file.display())).unwrap_or_default();
            Some(failure(format!("{entries} of the saved queue could not be read{aside}"), missing))
        }
    }
}

/// The engine has ended and takes no more commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine has ended")]
pub struct EngineStopped;

/// How fronts talk to the engine. Clones talk to the same engine.
#[derive(Clone)]
pub struct EngineHandle {
    commands: Sender<Command>,
    /// Nothing is ever sent: it is closed when the dispatcher has ended.
    end: Receiver<std::convert::Infallible>,
    published: Arc<RwLock<Published>>,
}

/// A snapshot, and every event after it.
#[derive(Debug)]
pub struct Subscription {
    /// The state before the first event.
    pub base: Arc<Snapshot>,
    /// Every event after it, in order.
    pub events: Receiver<Event>,
}

/// What the dispatcher shows to others; the lock is held only to copy or to swap.
struct Published {
    snapshot: Arc<Snapshot>,
    subscribers: Vec<Subscriber>,
    /// What the first subscriber is to hear before all else: it was found out before there was one.
    waiting: Vec<Event>,
    /// Set when nothing follows any more: what those hear who come after it.
    end: Option<Vec<Event>>,
}

impl Published {
    fn of(snapshot: Snapshot) -> Self {
        Self { snapshot: Arc::new(snapshot), subscribers: Vec::new(), waiting: Vec::new(), end: None }
    }
}

/// Where the dispatcher shows each new state.
struct Showcase(Arc<RwLock<Published>>);

impl Showcase {
    /// Shows a state and the events that led to it.
    fn show(&self, snapshot: &Snapshot, events: &[Event]) {
        let snapshot = Arc::new(snapshot.clone());
        let mut published = self.0.write().unwrap_or_else(PoisonError::into_inner);
        published.snapshot = snapshot;
        if events.contains(&Event::Stopped) {
            published.end = Some(vec![Event::Stopped]);
        }
        published.subscribers.retain(|subscriber| {
            let is_there = events.iter().all(|event| subscriber.events.send(event.clone()).is_ok());
            if is_there && let Some(wake) = &subscriber.wake {
                wake();
            }
            is_there
        });
    }
}

impl Drop for Showcase {
    /// Ends all subscriptions, so that no front waits for an engine that is gone, whatever ended it.
    fn drop(&mut self) {
        let mut published = self.0.write().unwrap_or_else(PoisonError::into_inner);
        published.end.get_or_insert_default();
        let subscribers = std::mem::take(&mut published.subscribers);
        drop(published);
        for Subscriber { events, wake } in subscribers {
            drop(events);
            if let Some(wake) = wake {
                wake();
            }
        }
    }
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
        self.commands.send(command).map_err(|_| EngineStopped)
    }

    /// Waits until the engine has ended after [`Command::Stop`]: jobs are stopped, the journal is written. Returns
    /// whether it has within `limit`.
    pub fn wait_for_end(&self, limit: Duration) -> bool {
        self.end.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
    }

    /// The state now. Never waits on work.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let published = self.published.read().unwrap_or_else(PoisonError::into_inner);
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
        let mut published = self.published.write().unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut published.waiting);
        for event in waiting.into_iter().chain(published.end.clone().unwrap_or_default()) {
            // The receiver is right here.
            let _ = sender.send(event);
        }
        if published.end.is_none() {
            published.subscribers.push(Subscriber { events: sender, wake });
        }
        Subscription { base: Arc::clone(&published.snapshot), events }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_after_the_end_hears_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let folders = AppFolders::under(folder.path());
        let config = EngineConfig { folders, settings: Settings::default(), queue: QueueLife::ThisRun };
        let engine = Engine::start(config).unwrap();
        engine.send(Command::Stop).unwrap();
        assert!(engine.wait_for_end(Duration::from_secs(60)));
        let late = engine.subscribe().events;
        assert_eq!(late.recv(), Ok(Event::Stopped));
        assert!(late.recv().is_err());
    }

    #[test]
    fn the_last_settings_are_on_the_disk_when_the_engine_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let folders = AppFolders::under(folder.path());
        let file = folders.settings_file();
        let config = EngineConfig { folders, settings: Settings::default(), queue: QueueLife::Lasting };
        let engine = Engine::start(config).unwrap();
        for running_jobs in 1..=40 {
            let settings = Box::new(Settings { running_jobs, ..Settings::default() });
            engine.send(Command::UpdateSettings { settings }).unwrap();
        }
        engine.send(Command::Stop).unwrap();
        assert!(engine.wait_for_end(Duration::from_secs(60)));
        assert_eq!(Settings::load(&file).unwrap().running_jobs, 40);
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no half file stays");
    }
}
