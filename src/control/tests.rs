use std::{
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    time::Duration,
};

use jiff::Timestamp;

use super::*;
use crate::{
    engine::{Engine, EngineConfig, EngineHandle, QueueEntry, QueueLife},
    job::{Destination, JobSpec, Schedule},
    preset::find_preset,
    settings::{AppFolders, Settings},
    tools::cancel::CancelToken,
};

struct Place {
    folder: tempfile::TempDir,
    engine: EngineHandle,
    server: Server,
}

impl Place {
    fn open(owner: Owner) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = EngineConfig {
            folders: AppFolders::under(folder.path()),
            settings: Settings::default(),
            queue: QueueLife::LastingAtRest,
        };
        let engine = Engine::start(config).expect("an engine");
        let server = Server::start(engine.clone(), &AppFolders::under(folder.path()), owner).expect("a server");
        Self { folder, engine, server }
    }

    fn folders(&self) -> AppFolders {
        AppFolders::under(self.folder.path())
    }

    fn client(&self) -> Client {
        Client::connect(&self.folders(), &CancelToken::default()).expect("a connection").expect("a server that listens")
    }

    /// Ends the engine and waits for that.
    fn end_engine(&self) {
        self.engine.send(Command::Stop).expect("the engine runs");
        assert!(self.engine.wait_for_end(Duration::from_secs(20)));
    }
}

fn entry(name: &str) -> QueueEntry {
    let spec =
        JobSpec::stream(name, find_preset("quick").expect("a built-in preset"), Destination::Folder("/out".into()));
    QueueEntry { spec, schedule: Schedule::default() }
}

fn enqueue(names: &[&str]) -> Request {
    Request::Do { command: Box::new(Command::Enqueue { jobs: names.iter().map(|name| entry(name)).collect() }) }
}

#[test]
fn a_command_is_done_when_it_is_answered_and_the_queue_is_told() {
    let place = Place::open(Owner::Window);
    let mut client = place.client();
    let Reply::Taken { added, notices } = client.ask(&enqueue(&["/a.mp4", "/b.mp4"])).unwrap() else {
        panic!("not taken")
    };
    assert_eq!((added.len(), notices.len()), (2, 0));
    let Reply::Queue { events } = client.ask(&Request::Tell).unwrap() else { panic!("not told") };
    let mut told = Snapshot::default();
    events.iter().for_each(|event| told.apply(event));
    assert_eq!(told.jobs, place.engine.snapshot().jobs);
    assert_eq!(told.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), added);
}

#[test]
fn a_follower_hears_of_all_that_happens_until_the_owner_ends() {
    let place = Place::open(Owner::Terminal);
    place.client().ask(&enqueue(&["/a.mp4"])).unwrap();
    let Following { base, events } = place.client().follow().unwrap();
    assert_eq!(base.jobs.len(), 1);
    let id = base.jobs[0].id;
    place.client().ask(&Request::Do { command: Box::new(Command::Cancel { id }) }).unwrap();
    place.end_engine();
    let heard: Vec<Event> = events.into_iter().collect();
    assert!(matches!(heard.first(), Some(Event::JobCancelled { id: cancelled, .. }) if *cancelled == id), "{heard:?}");
    assert_eq!(heard.last(), Some(&Event::Stopped));
    let refused = place.client().ask(&enqueue(&["/b.mp4"]));
    assert!(matches!(refused, Err(ControlError::Refused { is_ending: true, .. })), "{refused:?}");
}

#[test]
fn files_are_not_opened_where_there_is_no_window() {
    let place = Place::open(Owner::Terminal);
    let open = Request::Do { command: Box::new(Command::OpenFiles { files: vec!["/a.mp4".into()] }) };
    let Err(ControlError::Refused { failure, is_ending: false }) = place.client().ask(&open) else {
        panic!("not refused")
    };
    assert!(failure.headline.contains("queue run"), "{failure:?}");
}

#[test]
fn what_another_version_says_is_refused_with_words_and_the_channel_goes_on() {
    let place = Place::open(Owner::Window);
    let mut stream = UnixStream::connect(address::socket(&place.folders())).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let newer = r#"{"version":2,"message":{"request":"tell"}}"#;
    for line in ["nonsense", newer, r#"{"version":1,"message":{"request":"fly"}}"#] {
        writeln!(stream, "{line}").unwrap();
        let reply: Envelope<Reply> = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert!(matches!(reply.message, Reply::Refused { is_ending: false, .. }), "{line}: {reply:?}");
    }
    writeln!(stream, r#"{{"version":1,"message":{{"request":"tell"}}}}"#).unwrap();
    let reply: Envelope<Reply> = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert!(matches!(reply.message, Reply::Queue { .. }), "{reply:?}");
}

#[test]
fn only_the_user_may_use_the_socket_and_one_that_was_left_behind_is_no_obstacle() {
    let place = Place::open(Owner::Window);
    let socket = address::socket(&place.folders());
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(socket.parent().unwrap()), mode(&socket)), (0o700, 0o600));
    let Place { folder, engine, server } = place;
    drop(server);
    let folders = AppFolders::under(folder.path());
    // The thread ends a moment after it was told to.
    while Client::connect(&folders, &CancelToken::default()).unwrap().is_some() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(socket.exists());
    let _server = Server::start(engine, &folders, Owner::Window).unwrap();
    assert!(Client::connect(&folders, &CancelToken::default()).unwrap().is_some());
}

#[test]
fn a_queue_is_told_with_its_running_and_held_jobs_and_without_lists_of_files() {
    let mut snapshot = Snapshot::default();
    let id = JobId::generate();
    snapshot.apply(&Event::JobAdded { id, spec: Box::new(entry("/a.mp4").spec), at: Timestamp::UNIX_EPOCH });
    snapshot.apply(&Event::JobStarted { id, at: Timestamp::UNIX_EPOCH });
    let progress = crate::job::Progress { fraction: 0.5, ..crate::job::Progress::default() };
    snapshot.apply(&Event::JobProgressed { id, progress: Box::new(progress) });
    snapshot.apply(&Event::JobPaused { id });
    let files = vec![crate::job::FileReport { path: "720p/init.mp4".to_owned(), bytes: 9 }];
    snapshot.apply(&Event::FilesFinished { id, files });
    let mut told = Snapshot::default();
    queue_events(&snapshot).iter().for_each(|event| told.apply(event));
    assert_eq!(told.jobs[0].state, snapshot.jobs[0].state);
    assert!(told.jobs[0].files.is_empty());
}
