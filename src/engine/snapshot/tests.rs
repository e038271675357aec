use super::*;
use crate::{
    failure::FailureKind,
    job::{Destination, Report, Trim},
    preset::find_preset,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn added(id: JobId, name: &str) -> Event {
    let spec =
        JobSpec::stream(name, find_preset("quick").expect("a built-in preset"), Destination::Folder("out".into()));
    Event::JobAdded { id, spec: Box::new(spec), at: at(1) }
}

fn snapshot_of(names: &[&str]) -> (Snapshot, Vec<JobId>) {
    let mut snapshot = Snapshot::default();
    let ids: Vec<JobId> = names.iter().map(|_| JobId::generate()).collect();
    for (id, name) in ids.iter().zip(names) {
        snapshot.apply(&added(*id, name));
    }
    (snapshot, ids)
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    snapshot.jobs.iter().map(|job| job.spec.source_name()).collect()
}

fn progress(fraction: f64, speed: f64, left_seconds: u64) -> Box<Progress> {
    let time_left = Some(Duration::from_secs(left_seconds));
    Box::new(Progress { fraction, speed: Some(speed), time_left, stage: Stage::Encode, ..Progress::default() })
}

fn report() -> Box<Report> {
    Box::new(Report {
        folder: Some("out/a".into()),
        multivariant_playlist: Some("out/a/master.m3u8".into()),
        files: vec![FileReport { path: "master.m3u8".to_owned(), bytes: 7 }],
        duration: Duration::from_secs(5),
        total_bytes: 7,
        wall_time: Duration::from_secs(2),
        ..Report::default()
    })
}

#[test]
fn a_job_runs_from_the_queue_to_its_report() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    let id = ids[0];
    assert_eq!(snapshot.job(id).unwrap().state, JobState::Waiting);
    snapshot.apply(&Event::JobStarted { id, at: at(2) });
    snapshot.apply(&Event::JobProgressed { id, progress: progress(0.5, 2.0, 10) });
    assert_eq!(snapshot.job(id).unwrap().progress().unwrap().fraction, 0.5);
    assert_eq!(snapshot.counts().encoding, 1);
    snapshot.apply(&Event::JobFinished { id, report: report(), at: at(9) });
    let job = snapshot.job(id).unwrap();
    assert_eq!((job.ended_at, job.files.len()), (Some(at(9)), 1));
    assert_eq!(snapshot.counts().of(JobFilter::Done), 1);
}

#[test]
fn progress_that_comes_after_the_end_changes_nothing() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    snapshot.apply(&Event::JobStarted { id: ids[0], at: at(2) });
    snapshot.apply(&Event::JobCancelled { id: ids[0], at: at(3) });
    snapshot.apply(&Event::JobProgressed { id: ids[0], progress: progress(0.9, 1.0, 1) });
    assert_eq!(snapshot.job(ids[0]).unwrap().state, JobState::Cancelled);
}

#[test]
fn a_retried_job_begins_afresh() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    let id = ids[0];
    let failure = Failure::new(FailureKind::DiskFull, "The disk is full", "Make room");
    snapshot.apply(&Event::JobStarted { id, at: at(2) });
    let files = vec![FileReport { path: "720p/init.mp4".to_owned(), bytes: 9 }];
    snapshot.apply(&Event::FilesFinished { id, files });
    snapshot.apply(&Event::JobFailed { id, failure, at: at(3) });
    assert_eq!(snapshot.counts().failed, 1);
    snapshot.apply(&Event::JobRequeued { id });
    let job = snapshot.job(id).unwrap();
    assert_eq!((&job.state, job.files.len(), job.ended_at), (&JobState::Waiting, 0, None));
}

#[test]
fn a_job_that_begins_again_by_itself_says_so_until_it_has_ended_and_survives_the_journal() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    let id = ids[0];
    let failure = Failure::new(FailureKind::NetworkLost, "No connection", "Check the network");
    let retry = Box::new(PlannedRetry { number: 1, not_before: at(9), failure, waits_for_keys: false });
    snapshot.apply(&Event::JobStarted { id, at: at(2) });
    snapshot.apply(&Event::JobRetryPlanned { id, retry });
    assert_eq!(snapshot.job(id).unwrap().waits_for_retry().map(|retry| retry.number), Some(1));
    let mut again = Snapshot::default();
    snapshot.as_events().iter().for_each(|event| again.apply(event));
    assert_eq!(again, snapshot);
    snapshot.apply(&Event::JobStarted { id, at: at(9) });
    let job = snapshot.job(id).unwrap();
    assert!(job.waits_for_retry().is_none() && job.retry.is_some(), "the tries are counted on");
    snapshot.apply(&Event::JobCancelled { id, at: at(10) });
    assert_eq!(snapshot.job(id).unwrap().retry, None);
}

#[test]
fn a_finished_stream_is_remembered_until_it_is_published() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    let id = ids[0];
    let report = Report { folder: Some("out/a".into()), ..Report::default() };
    let stream = Box::new(UnpublishedStream {
        report: report.clone(),
        prefix: "films/a".to_owned(),
        more_prefixes: Vec::new(),
        revisions: Vec::new(),
        published: std::collections::BTreeMap::new(),
    });
    let failure = Failure::new(FailureKind::CredentialsRefused, "Refused", "Sign in");
    snapshot.apply(&Event::JobStarted { id, at: at(2) });
    snapshot.apply(&Event::StreamMade { id, stream });
    snapshot.apply(&Event::JobFailed { id, failure, at: at(3) });
    snapshot.apply(&Event::JobRequeued { id });
    let mut again = Snapshot::default();
    snapshot.as_events().iter().for_each(|event| again.apply(event));
    snapshot.apply(&Event::JobStarted { id, at: at(4) });
    again.apply(&Event::JobStarted { id, at: at(4) });
    assert_eq!(again, snapshot);
    assert_eq!(snapshot.job(id).unwrap().unpublished.as_ref().map(|stream| stream.prefix.as_str()), Some("films/a"));
    snapshot.apply(&Event::JobFinished { id, report: Box::new(report), at: at(5) });
    assert_eq!(snapshot.job(id).unwrap().unpublished, None);
}

#[test]
fn a_job_that_goes_on_begins_at_what_is_encoded_already() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    let id = ids[0];
    let reached = Duration::from_secs(34);
    let source = SourceMedia { duration: Some(Duration::from_secs(100)), ..SourceMedia::default() };
    snapshot.apply(&Event::SourceProbed { id, source: Box::new(source) });
    snapshot.apply(&Event::JobStarted { id, at: at(1) });
    snapshot.apply(&Event::JobInterrupted { id, reached, folder: Some("out/a".into()), is_held: true });
    let assert_reached = |snapshot: &Snapshot| {
        let mut again = Snapshot::default();
        snapshot.as_events().iter().for_each(|event| again.apply(event));
        let job = snapshot.job(id).unwrap();
        assert_eq!((job.fraction(), job.encoded()), (Some(0.34), Some(reached)), "{:?}", job.state);
        assert_eq!(again.job(id).unwrap().encoded(), Some(reached), "after a restart");
    };
    assert_reached(&snapshot);
    for event in [
        Event::JobRequeued { id },
        Event::JobStarted { id, at: at(2) },
        Event::JobPaused { id },
        Event::JobProgressed { id, progress: Box::default() },
    ] {
        snapshot.apply(&event);
        assert_reached(&snapshot);
    }
    let failure = Failure::new(FailureKind::NetworkLost, "The network is lost", "Retry");
    let left = Event::StreamLeft { id, reached, folder: "out/a".into() };
    for event in [left, Event::JobFailed { id, failure, at: at(3) }, Event::JobRequeued { id }] {
        snapshot.apply(&event);
    }
    assert_reached(&snapshot);
    snapshot.apply(&Event::JobCancelled { id, at: at(4) });
    assert_eq!(snapshot.job(id).unwrap().encoded(), None);
}

#[test]
fn an_interrupted_job_with_other_settings_begins_anew() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    let (id, reached) = (ids[0], Duration::from_secs(34));
    snapshot.apply(&Event::JobStarted { id, at: at(1) });
    snapshot.apply(&Event::JobInterrupted { id, reached, folder: None, is_held: true });
    let spec = Box::new(snapshot.job(id).unwrap().spec.clone());
    snapshot.apply(&Event::JobChanged { id, spec });
    let mut again = Snapshot::default();
    again.apply_all(&snapshot.as_events());
    for snapshot in [snapshot, again] {
        let job = snapshot.job(id).unwrap();
        assert_eq!((job.encoded(), job.is_held()), (None, true));
    }
}

#[test]
fn a_removal_that_has_not_ended_is_known_after_a_restart() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4", "b.mp4", "c.mp4"]);
    let restarted = |snapshot: &Snapshot| {
        let mut again = Snapshot::default();
        again.apply_all(&snapshot.as_events());
        let of_each = |jobs: &mut dyn Iterator<Item = &Arc<Job>>| jobs.map(|job| job.id).collect::<Vec<JobId>>();
        let removed = of_each(&mut again.last_removed.iter().map(|(_, job)| job));
        (of_each(&mut again.jobs.iter()), removed, of_each(&mut again.leaving.iter()))
    };
    for id in [ids[0], ids[1]] {
        let folder = Some(PathBuf::from("out"));
        snapshot.apply(&Event::JobInterrupted { id, reached: Duration::ZERO, folder, is_held: false });
    }
    snapshot.apply(&Event::JobsRemoved { ids: vec![ids[0]] });
    assert_eq!(restarted(&snapshot), (vec![ids[1], ids[2]], vec![ids[0]], vec![]));
    snapshot.apply(&Event::RemovalSettled);
    snapshot.apply(&Event::JobsRemoved { ids: vec![ids[1]] });
    assert_eq!(restarted(&snapshot), (vec![ids[2]], vec![ids[1]], vec![ids[0]]));
    snapshot.apply(&Event::RemainsRemoved { id: ids[0] });
    snapshot.apply(&Event::RemovalUndone);
    assert_eq!(restarted(&snapshot), (vec![ids[1], ids[2]], vec![], vec![]));
}

#[test]
fn the_logs_of_the_last_five_hundred_failed_jobs_outlive_the_program() {
    let names: Vec<String> = (0..=FAILED_LOGS_KEPT).map(|number| format!("{number}.mp4")).collect();
    let (mut snapshot, ids) = snapshot_of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for (second, id) in (2..).zip(&ids) {
        snapshot.apply(&Event::JobStarted { id: *id, at: at(second) });
        snapshot.apply(&Event::LogKept { id: *id, lines: vec!["frame=1".to_owned()] });
        let failure = Failure::new(FailureKind::EncoderFailed, "The encoder failed", "Look into the log");
        snapshot.apply(&Event::JobFailed { id: *id, failure, at: at(second) });
    }
    let mut again = Snapshot::default();
    again.apply_all(&snapshot.as_events());
    let lines = |id: &JobId| again.job(*id).unwrap().log.iter().cloned().collect::<Vec<_>>();
    assert_eq!(lines(&ids[0]), ["The encoder failed"], "of the oldest the failure alone");
    assert!(ids[1..].iter().all(|id| lines(id) == ["frame=1", "The encoder failed"]));
    assert_eq!(again.jobs.len(), FAILED_LOGS_KEPT + 1);
}

#[test]
fn removed_jobs_come_back_to_their_places() {
    let (mut snapshot, ids) = snapshot_of(&["a", "b", "c", "d"]);
    snapshot.apply(&Event::JobsRemoved { ids: vec![ids[1], ids[3]] });
    assert_eq!(names(&snapshot), ["a", "c"]);
    snapshot.apply(&Event::RemovalUndone);
    assert_eq!(names(&snapshot), ["a", "b", "c", "d"]);
    snapshot.apply(&Event::RemovalUndone);
    assert_eq!(names(&snapshot), ["a", "b", "c", "d"]);
}

#[test]
fn jobs_are_moved_and_unknown_ones_are_left_out() {
    let (mut snapshot, ids) = snapshot_of(&["a", "b", "c"]);
    snapshot.apply(&Event::JobMoved { id: ids[2], index: 0 });
    assert_eq!(names(&snapshot), ["c", "a", "b"]);
    snapshot.apply(&Event::JobMoved { id: ids[2], index: 99 });
    assert_eq!(names(&snapshot), ["a", "b", "c"]);
    let before = snapshot.clone();
    snapshot.apply(&Event::JobMoved { id: JobId::generate(), index: 0 });
    snapshot.apply(&Event::JobStarted { id: JobId::generate(), at: at(5) });
    assert_eq!(snapshot, before);
}

#[test]
fn the_shortest_list_of_events_adds_up_to_the_same_state() {
    let (mut snapshot, ids) = snapshot_of(&["a", "b", "c", "d", "e"]);
    snapshot.apply(&Event::JobStarted { id: ids[0], at: at(2) });
    snapshot.apply(&Event::JobFinished { id: ids[0], report: report(), at: at(4) });
    snapshot.apply(&Event::JobStarted { id: ids[1], at: at(5) });
    snapshot.apply(&Event::JobRequeued { id: ids[1] });
    snapshot.apply(&Event::JobCancelled { id: ids[2], at: at(6) });
    snapshot.apply(&Event::JobMoved { id: ids[4], index: 0 });
    snapshot.apply(&Event::QueuePaused);
    let mut folded = Snapshot::default();
    for event in snapshot.as_events() {
        assert!(event.is_journaled());
        let text = serde_json::to_string(&event).unwrap();
        folded.apply(&serde_json::from_str(&text).unwrap());
    }
    assert_eq!(folded, snapshot);
}

#[test]
fn the_log_keeps_its_newest_lines() {
    let (mut snapshot, ids) = snapshot_of(&["a"]);
    for number in 0..LOG_LINES_KEPT + 3 {
        snapshot.apply(&Event::JobLogged { id: ids[0], line: number.to_string() });
    }
    let log = &snapshot.job(ids[0]).unwrap().log;
    assert_eq!((log.len(), log[0].as_str()), (LOG_LINES_KEPT, "3"));
}

#[test]
fn the_time_left_counts_running_and_waiting_jobs() {
    let (mut snapshot, ids) = snapshot_of(&["a", "b"]);
    assert_eq!(snapshot.time_left(), None);
    let source = SourceMedia { duration: Some(Duration::from_secs(60)), ..SourceMedia::default() };
    snapshot.apply(&Event::SourceProbed { id: ids[1], source: Box::new(source) });
    snapshot.apply(&Event::JobStarted { id: ids[0], at: at(2) });
    snapshot.apply(&Event::JobProgressed { id: ids[0], progress: progress(0.5, 2.0, 10) });
    assert_eq!(snapshot.time_left(), Some(Duration::from_secs(40)));

    // Those of the same kind that are done tell how fast they are, also when nothing runs.
    let report = Box::new(Report { speed: Some(4.0), ..*report() });
    snapshot.apply(&Event::JobFinished { id: ids[0], report, at: at(9) });
    assert_eq!(snapshot.time_left(), Some(Duration::from_secs(15)));
    snapshot.apply(&Event::JobStarted { id: ids[1], at: at(10) });
    assert_eq!(snapshot.time_left(), None, "it has told nothing yet");
    snapshot.apply(&Event::JobFinished { id: ids[1], report: self::report(), at: at(11) });
    assert_eq!(snapshot.time_left(), None, "nothing is left");
}

#[test]
fn what_is_held_or_waits_in_a_paused_queue_takes_no_time() {
    let (mut snapshot, ids) = snapshot_of(&["a", "b", "c"]);
    let source = SourceMedia { duration: Some(Duration::from_secs(60)), ..SourceMedia::default() };
    snapshot.apply(&Event::SourceProbed { id: ids[2], source: Box::new(source) });
    for (id, seconds) in [(ids[0], 10), (ids[1], 50)] {
        snapshot.apply(&Event::JobStarted { id, at: at(2) });
        snapshot.apply(&Event::JobProgressed { id, progress: progress(0.5, 2.0, seconds) });
    }
    assert_eq!(snapshot.time_left(), Some(Duration::from_secs(50 + 15)));
    snapshot.apply(&Event::JobPaused { id: ids[1] });
    assert_eq!(snapshot.time_left(), Some(Duration::from_secs(10 + 30)));
    snapshot.apply(&Event::QueuePaused);
    assert_eq!(snapshot.time_left(), Some(Duration::from_secs(10)), "the waiting one does not begin");
    snapshot.apply(&Event::JobPaused { id: ids[0] });
    assert_eq!(snapshot.time_left(), None);
    snapshot.apply(&Event::QueueResumed);
    assert_eq!(snapshot.time_left(), None, "nothing tells how fast the next one will be");
    for id in [ids[0], ids[1]] {
        snapshot.apply(&Event::JobFinished {
            id,
            report: Box::new(Report { speed: Some(4.0), ..*report() }),
            at: at(9),
        });
        assert_eq!(snapshot.time_left(), Some(Duration::from_secs(15)), "it begins beside one that is held");
    }
    snapshot.apply(&Event::QueuePaused);
    assert_eq!(snapshot.time_left(), None, "nothing begins");
}

#[test]
fn sources_that_were_not_looked_at_yet_take_as_long_as_the_others() {
    let (mut snapshot, ids) = snapshot_of(&["a", "b", "c", "d"]);
    for (id, seconds) in [(ids[0], 40), (ids[1], 80)] {
        let source = SourceMedia { duration: Some(Duration::from_secs(seconds)), ..SourceMedia::default() };
        snapshot.apply(&Event::SourceProbed { id, source: Box::new(source) });
    }
    let report = Box::new(Report { speed: Some(4.0), ..*report() });
    snapshot.apply(&Event::JobFinished { id: ids[0], report, at: at(9) });
    assert_eq!(snapshot.time_left(), Some(Duration::from_secs(20 + 2 * 15)));
    let unknown = SourceMedia { duration: None, ..SourceMedia::default() };
    snapshot.apply(&Event::SourceProbed { id: ids[2], source: Box::new(unknown) });
    assert_eq!(snapshot.time_left(), Some(Duration::from_secs(20 + 15)), "nothing can be said of that one");
}

#[test]
fn of_a_source_that_is_cut_only_what_is_kept_takes_time() {
    let (mut snapshot, ids) = snapshot_of(&["a", "b"]);
    let source = SourceMedia { duration: Some(Duration::from_secs(3600)), ..SourceMedia::default() };
    snapshot.apply(&Event::SourceProbed { id: ids[1], source: Box::new(source) });
    let mut spec = snapshot.job(ids[1]).unwrap().spec.clone();
    spec.operations.trim = Trim { start: Some(Duration::from_secs(3540)), end: Some(Duration::from_secs(7200)) };
    snapshot.apply(&Event::JobChanged { id: ids[1], spec: Box::new(spec) });
    let report = Box::new(Report { speed: Some(4.0), ..*report() });
    snapshot.apply(&Event::JobFinished { id: ids[0], report, at: at(9) });
    assert_eq!(snapshot.time_left(), Some(Duration::from_secs(15)));
}

#[test]
fn other_settings_undo_what_was_made_with_the_old_ones() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    let id = ids[0];
    let stream = UnpublishedStream {
        report: *report(),
        prefix: "a".to_owned(),
        more_prefixes: Vec::new(),
        revisions: Vec::new(),
        published: std::collections::BTreeMap::new(),
    };
    snapshot.apply(&Event::JobStarted { id, at: at(2) });
    snapshot.apply(&Event::StreamMade { id, stream: Box::new(stream) });
    snapshot.apply(&Event::JobCancelled { id, at: at(3) });
    let mut spec = snapshot.job(id).unwrap().spec.clone();
    spec.outputs.dash = true;
    snapshot.apply(&Event::JobChanged { id, spec: Box::new(spec) });
    snapshot.apply(&Event::JobRequeued { id });
    let job = snapshot.job(id).unwrap();
    assert!(job.spec.outputs.dash && job.unpublished.is_none() && job.plan.is_none());
    assert_eq!(job.state, JobState::Waiting);
    let mut rebuilt = Snapshot::default();
    snapshot.as_events().iter().for_each(|event| rebuilt.apply(event));
    assert_eq!(rebuilt.job(id).unwrap().spec, job.spec);
}

#[test]
fn an_interrupted_job_remembers_what_is_finished_until_it_is_planned_again() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    let id = ids[0];
    snapshot.apply(&Event::JobStarted { id, at: at(2) });
    let folder = PathBuf::from("out/a");
    let reached = Duration::from_secs(84);
    snapshot.apply(&Event::JobInterrupted { id, reached, folder: Some(folder.clone()), is_held: false });
    assert_eq!(snapshot.job(id).unwrap().state, JobState::Interrupted { reached, is_held: false });
    assert_eq!(snapshot.counts().waiting, 1);
    let replayed = |snapshot: &Snapshot| {
        let mut again = Snapshot::default();
        snapshot.as_events().iter().for_each(|event| again.apply(event));
        again
    };
    assert_eq!(replayed(&snapshot), snapshot);
    snapshot.apply(&Event::JobRequeued { id });
    assert_eq!(snapshot.job(id).unwrap().unfinished, Some(folder));
    assert_eq!(replayed(&snapshot), snapshot);
}

#[test]
fn a_job_that_is_held_when_the_program_ends_stays_held() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    let id = ids[0];
    snapshot.apply(&Event::JobStarted { id, at: at(2) });
    assert!(!snapshot.jobs[0].is_held());
    snapshot.apply(&Event::JobPaused { id });
    let mut folded = Snapshot::default();
    folded.apply_all(&snapshot.as_events());
    assert_eq!(folded.jobs, snapshot.jobs, "the journal says so too");
    snapshot.apply(&Event::JobInterrupted { id, reached: Duration::ZERO, folder: None, is_held: true });
    assert!(snapshot.jobs[0].is_held() && !snapshot.jobs[0].starts_by_itself(&snapshot.settings));
    let mut folded = Snapshot::default();
    folded.apply_all(&snapshot.as_events());
    assert_eq!(folded.jobs, snapshot.jobs);
    snapshot.apply(&Event::JobRequeued { id });
    assert!(!snapshot.jobs[0].is_held() && snapshot.jobs[0].starts_by_itself(&snapshot.settings));
}

#[test]
fn the_logs_of_failed_jobs_outlive_the_program() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4"]);
    let id = ids[0];
    snapshot.apply(&Event::JobStarted { id, at: at(2) });
    let lines: Vec<String> = (0..150).map(|number| format!("line {number}")).collect();
    let kept = lines[lines.len() - KEPT_LOG_LINES..].to_vec();
    snapshot.apply(&Event::LogKept { id, lines: kept.clone() });
    let failure = Failure::new(FailureKind::EncoderFailed, "ffmpeg failed", "Retry").with_detail("first\nsecond");
    snapshot.apply(&Event::JobFailed { id, failure, at: at(3) });
    let expected: Vec<&str> = kept.iter().map(String::as_str).chain(["ffmpeg failed", "first", "second"]).collect();
    assert_eq!(snapshot.jobs[0].log.iter().collect::<Vec<_>>(), expected);
    let mut folded = Snapshot::default();
    folded.apply_all(&snapshot.as_events());
    assert_eq!(folded.jobs, snapshot.jobs);
}

#[test]
fn a_job_that_was_worked_off_without_a_window_still_needs_its_picture() {
    let (mut snapshot, ids) = snapshot_of(&["a.mp4", "sound.mp3", "gone.mp4"]);
    let lacking = |snapshot: &Snapshot| -> Vec<bool> { snapshot.jobs.iter().map(|job| job.lacks_picture()).collect() };
    assert_eq!(lacking(&snapshot), [true; 3], "nothing is known of them");
    snapshot.apply(&Event::JobStarted { id: ids[0], at: at(2) });
    snapshot.apply(&Event::JobFinished { id: ids[0], report: report(), at: at(3) });
    snapshot.apply(&Event::SourceProbed { id: ids[1], source: Box::default() });
    let failure = Failure::new(FailureKind::SourceVanished, "Gone", "Put it back");
    snapshot.apply(&Event::JobFailed { id: ids[2], failure, at: at(3) });
    assert_eq!(
        lacking(&snapshot),
        [true, false, false],
        "sound gives none, and what has failed is not looked at again"
    );
    snapshot.apply(&Event::ThumbnailReady { id: ids[0], path: "a.jpg".into() });
    assert_eq!(lacking(&snapshot), [false; 3]);
}
