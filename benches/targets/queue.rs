//! A long queue: how soon it is there, and how soon it answers.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use reelpress::{
    control::{Client, Owner, Reply, Request, Server},
    engine::{Command, Engine, EngineConfig, EngineHandle, Event, QueueEntry, QueueLife},
    failure::{Failure, FailureKind},
    job::{Destination, JobId, JobSpec, Priority, Schedule},
    preset::find_preset,
    settings::{AppFolders, Settings},
    tools::cancel::CancelToken,
};

use crate::{
    Row, say,
    support::{clips, ffmpeg::FfmpegVersion},
};

const JOBS: usize = 10_000;
const START_TARGET_SECONDS: f64 = 1.0;
const ANSWER_TARGET_MILLISECONDS: f64 = 5.0;
/// Times that each kind of command is asked.
const ROUNDS: usize = 50;
const STARTS: usize = 3;
/// What the journal writes at least.
const PAGE_BYTES: usize = 4096;
const END_LIMIT: Duration = Duration::from_secs(60);

/// Measures both.
pub fn measure() -> Vec<Row> {
    say("A queue of 10 000 jobs");
    let job = real_job();
    let [empty, long] = [0, JOBS].map(|jobs| {
        let home = tempfile::tempdir().expect("a temporary folder");
        let folders = AppFolders::under(home.path());
        fill(&folders, &job, jobs);
        (home, folders)
    });
    let [without, with] = [&empty.1, &long.1].map(median_start);
    let [answers, flushes] = answer_times(&long.1).map(Spread::of);
    let seconds = |value: f64| format!("{value:.2} s");
    let words = |value: f64| format!("{value:.2} ms");
    vec![
        Row::at_most(
            "start with 10 000 jobs, more than with none",
            with.saturating_sub(without).as_secs_f64(),
            START_TARGET_SECONDS,
            seconds,
        ),
        Row::at_most("command to a queue of 10 000 jobs, median", answers.median, ANSWER_TARGET_MILLISECONDS, words),
        Row::at_most("… 99 of 100 commands within", answers.of_99_percent, ANSWER_TARGET_MILLISECONDS, words),
        Row::at_most("… worst of 500", answers.worst, ANSWER_TARGET_MILLISECONDS, words),
        Row::for_comparison("the disk alone, a page flushed after each command, median", words(flushes.median)),
        Row::for_comparison("… 99 of 100 within", words(flushes.of_99_percent)),
        Row::for_comparison("… worst of 500", words(flushes.worst)),
    ]
}

/// Times of many, in milliseconds.
struct Spread {
    median: f64,
    of_99_percent: f64,
    worst: f64,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |place: usize| times[place].as_secs_f64() * 1000.0;
        let last = times.len() - 1;
        Self { median: at(last / 2), of_99_percent: at(last * 99 / 100), worst: at(last) }
    }
}

fn spec(source: &Path, folder: &Path) -> JobSpec {
    JobSpec::stream(
        source.to_owned(),
        find_preset("quick").expect("a built-in preset"),
        Destination::Folder(folder.to_owned()),
    )
}

fn start(folders: &AppFolders, queue: QueueLife) -> EngineHandle {
    let settings = Settings { ffmpeg: Some(FfmpegVersion::System.program()), ..Settings::default() };
    Engine::start(EngineConfig { folders: folders.clone(), settings, queue }).expect("an engine")
}

fn stop(engine: &EngineHandle) {
    engine.send(Command::Stop).expect("the engine runs");
    assert!(engine.wait_for_end(END_LIMIT), "the engine does not end");
}

/// The events of a job that was really made.
fn real_job() -> Vec<Event> {
    let home = tempfile::tempdir().expect("a temporary folder");
    let engine = start(&AppFolders::under(home.path()), QueueLife::ThisRun);
    let events = engine.subscribe().events;
    let spec = spec(&clips::sample(), &home.path().join("out"));
    engine.send(Command::AddJobs { specs: vec![spec] }).expect("the engine runs");
    let mut happened = Vec::new();
    for event in &events {
        assert!(!matches!(event, Event::JobFailed { .. }), "{event:?}");
        let is_end = matches!(event, Event::JobFinished { .. });
        happened.extend(event.is_journaled().then_some(event));
        if is_end {
            break;
        }
    }
    stop(&engine);
    happened
}

/// A journal of so many jobs like this one: of ten, three are done, one has failed, six wait.
fn fill(folders: &AppFolders, job: &[Event], jobs: usize) {
    stop(&start(folders, QueueLife::LastingAtRest));
    let old = job.iter().find_map(Event::job).expect("events about a job").to_string();
    let mut connection = rusqlite::Connection::open(folders.journal_file()).expect("a journal");
    let transaction = connection.transaction().expect("a transaction");
    let insert = |event: &Event, id: JobId| {
        let text = serde_json::to_string(event).expect("JSON").replace(&old, &id.to_string());
        transaction.execute("INSERT INTO events (event) VALUES (?1)", [text]).expect("room on the disk");
    };
    for number in 0..jobs {
        let id = JobId::generate();
        let is_done = number % 10 < 3;
        let kept = |event: &&Event| is_done || matches!(event, Event::JobAdded { .. } | Event::SourceProbed { .. });
        job.iter().filter(kept).for_each(|event| insert(event, id));
        if number % 10 == 3 {
            let failure = Failure::new(FailureKind::DiskFull, "The disk is full", "Make room").with_detail("no space");
            insert(&Event::JobFailed { id, failure, at: Timestamp::now() }, id);
        }
    }
    insert(&Event::QueuePaused, JobId::generate());
    transaction.commit().expect("room on the disk");
}

fn median_start(folders: &AppFolders) -> Duration {
    let mut times: Vec<Duration> = (0..STARTS)
        .map(|_| {
            let began = Instant::now();
            let engine = start(folders, QueueLife::LastingAtRest);
            let time = began.elapsed();
            stop(&engine);
            time
        })
        .collect();
    times.sort_unstable();
    times[STARTS / 2]
}

/// How long commands of many kinds take from another process' side until they are in the journal, and how long the disk takes
/// to write a page and flush it after each, which no command can do without.
fn answer_times(folders: &AppFolders) -> [Vec<Duration>; 2] {
    let engine = start(folders, QueueLife::LastingAtRest);
    let server = Server::start(engine.clone(), folders, Owner::Terminal).expect("a socket");
    let mut client = Client::connect(folders, &CancelToken::default()).expect("it can be reached").expect("it listens");
    let mut page = File::create(folders.journal_file().with_extension("page")).expect("a file");
    let (mut times, mut flushes) = (Vec::new(), Vec::new());
    let mut ask = |command: Command| {
        let request = Request::Do { command: Box::new(command) };
        let began = Instant::now();
        let reply = client.ask(&request).expect("an answer");
        times.push(began.elapsed());
        let began = Instant::now();
        page.write_all(&[0; PAGE_BYTES]).and_then(|()| page.sync_data()).expect("room on the disk");
        flushes.push(began.elapsed());
        let Reply::Taken { added, .. } = reply else { panic!("{reply:?}") };
        added
    };
    for round in 0..ROUNDS {
        let spec = spec(Path::new("/films/new.mp4"), Path::new("/out"));
        let added = ask(Command::Enqueue { jobs: vec![QueueEntry { spec, schedule: Schedule::default() }] });
        let id = added[0];
        let priority = Priority::new((round % 100) as u8).expect("up to 100");
        ask(Command::SetPriority { id, priority });
        ask(Command::MoveToTop { id });
        ask(Command::MoveToBottom { id });
        ask(Command::StartAt { id, at: Some(Timestamp::MAX) });
        ask(Command::Cancel { id });
        ask(Command::Retry { id });
        ask(Command::RemoveJobs { ids: vec![id] });
        ask(Command::UndoRemove);
        ask(Command::Remove { id });
    }
    drop(server);
    stop(&engine);
    [times, flushes]
}
