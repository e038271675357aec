use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::*;
use crate::{
    job::{Destination, JobId, JobSpec, PublishedStream, UnpublishedStream},
    preset::find_preset,
};

fn added() -> (JobId, Event) {
    let id = JobId::generate();
    let spec =
        JobSpec::stream("a.mp4", find_preset("quick").expect("a built-in preset"), Destination::Folder("out".into()));
    (id, Event::JobAdded { id, spec: Box::new(spec), at: Timestamp::UNIX_EPOCH })
}

#[test]
fn the_journal_gives_back_the_queue_and_is_owned_by_one_instance() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.sqlite");
    let (first, first_added) = added();
    let (second, second_added) = added();
    let mut expected = Snapshot::default();
    {
        let mut journal = Journal::open(&file).unwrap();
        let events = [
            first_added,
            second_added,
            Event::JobMoved { id: second, index: 0 },
            Event::JobCancelled { id: first, at: Timestamp::UNIX_EPOCH },
            Event::QueuePaused,
        ];
        events.iter().for_each(|event| expected.apply(event));
        journal.append(&events).unwrap();
        assert!(matches!(Journal::open(&file), Err(JournalError::InUse(_))));
    }
    let Replay { snapshot, unreadable, set_aside } = Journal::open(&file).unwrap().replay().unwrap();
    assert_eq!((unreadable, set_aside), (0, None));
    assert_eq!(snapshot, expected);
    assert_eq!(snapshot.jobs[0].id, second);
}

#[test]
fn a_stream_that_some_of_its_buckets_have_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.sqlite");
    let (id, job_added) = added();
    let none = serde_json::json!({"secs": 0, "nanos": 0});
    let report = serde_json::json!({
        "urls": [], "renditions": [], "files": [], "warnings": [], "total_bytes": 0, "duration": none, "wall_time": none
    });
    let report = serde_json::from_value(report).unwrap();
    let published = |bucket: &str| PublishedStream { destination: format!("s3://{bucket}"), urls: Vec::new() };
    let stream = UnpublishedStream {
        report,
        prefix: "film".to_owned(),
        more_prefixes: vec!["films/film".to_owned()],
        revisions: Vec::new(),
        published: BTreeMap::from([(0, published("first")), (11, published("last"))]),
    };
    Journal::open(&file)
        .unwrap()
        .append(&[job_added, Event::StreamMade { id, stream: Box::new(stream.clone()) }])
        .unwrap();
    let Replay { snapshot, unreadable, .. } = Journal::open(&file).unwrap().replay().unwrap();
    assert_eq!(unreadable, 0);
    assert_eq!(snapshot.jobs[0].unpublished.as_deref(), Some(&stream));
}

#[test]
fn a_long_journal_is_rewritten_without_changing_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.sqlite");
    let (_, job_added) = added();
    let mut events = vec![job_added];
    for _ in 0..300 {
        events.extend([Event::QueuePaused, Event::QueueResumed]);
    }
    let mut journal = Journal::open(&file).unwrap();
    journal.append(&events).unwrap();
    let before = journal.replay().unwrap().snapshot;
    let after = journal.replay().unwrap().snapshot;
    assert_eq!(before, after);
    assert!(journal.read_all().unwrap().0.len() < 10);
}

#[test]
fn a_damaged_journal_is_set_aside_and_its_readable_part_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.sqlite");
    std::fs::write(&file, b"this was a database once").unwrap();
    let Replay { snapshot, set_aside, .. } = Journal::open(&file).unwrap().replay().unwrap();
    assert!(snapshot.jobs.is_empty());
    assert_eq!(std::fs::read(set_aside.unwrap()).unwrap(), b"this was a database once");

    let ids: Vec<JobId> = {
        let mut journal = Journal::open(&file).unwrap();
        let events: Vec<(JobId, Event)> = (0..400).map(|_| added()).collect();
        let (ids, events): (Vec<JobId>, Vec<Event>) = events.into_iter().unzip();
        journal.append(&events).unwrap();
        ids
    };
    // A page in the last quarter is overwritten, as a failing disk does.
    let mut bytes = std::fs::read(&file).unwrap();
    let damaged = bytes.len() / 4096 * 3 / 4 * 4096;
    bytes[damaged..damaged + 4096].fill(0xA5);
    std::fs::write(&file, bytes).unwrap();
    let Replay { snapshot, set_aside, .. } = Journal::open(&file).unwrap().replay().unwrap();
    assert!(set_aside.unwrap().is_file());
    let kept: Vec<JobId> = snapshot.jobs.iter().map(|job| job.id).collect();
    assert!((350..400).contains(&kept.len()), "{} jobs were kept", kept.len());
    let in_order = ids.iter().filter(|id| kept.contains(id));
    assert!(in_order.eq(&kept), "all others in their order");
}

#[test]
fn of_a_journal_with_several_damaged_pages_only_what_was_in_them_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    for has_bad_end in [false, true] {
        let file = folder.path().join(format!("queue-{has_bad_end}.sqlite"));
        let (ids, events): (Vec<JobId>, Vec<Event>) = (0..400).map(|_| added()).unzip();
        Journal::open(&file).unwrap().append(&events).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        let pages = bytes.len() / 4096;
        let in_a_page = ids.len().div_ceil(pages - 5);
        let last = if has_bad_end { pages - 1 } else { pages * 3 / 4 };
        for page in [pages / 4, pages / 2, last] {
            bytes[page * 4096..(page + 1) * 4096].fill(0);
        }
        std::fs::write(&file, bytes).unwrap();
        let kept = Journal::open(&file).unwrap().replay().unwrap().snapshot.jobs.len();
        let expected = ids.len() - 4 * in_a_page..ids.len();
        assert!(expected.contains(&kept), "{kept} jobs were kept, {in_a_page} are in a page, {has_bad_end}");
    }
}

#[test]
fn a_journal_with_a_damaged_header_or_a_lost_end_gives_back_its_jobs() {
    let header = |bytes: &mut Vec<u8>| bytes[20..80].fill(0x5A);
    let end = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() * 3 / 4);
    for (name, damage, fewest) in [("header", header as fn(&mut Vec<u8>), 400), ("end", end, 100)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queue.sqlite");
        let events: Vec<Event> = (0..400).map(|_| added().1).collect();
        Journal::open(&file).unwrap().append(&events).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        damage(&mut bytes);
        std::fs::write(&file, bytes).unwrap();
        let Replay { snapshot, set_aside, .. } = Journal::open(&file).unwrap().replay().unwrap();
        assert!(set_aside.is_some() && snapshot.jobs.len() >= fewest, "{name}: {} jobs", snapshot.jobs.len());
    }
}

/// A journal of some jobs, with a copy of its log as it was before it was closed.
struct JournalWithLog {
    file: PathBuf,
    log: PathBuf,
    kept_log: PathBuf,
    ids: Vec<JobId>,
}

impl JournalWithLog {
    fn in_folder(folder: &Path) -> Self {
        let [file, log, kept_log] = ["queue.sqlite", "queue.sqlite-wal", "log"].map(|name| folder.join(name));
        let (ids, events): (Vec<JobId>, Vec<Event>) = (0..5).map(|_| added()).unzip();
        let mut journal = Journal::open(&file).unwrap();
        journal.append(&events).unwrap();
        std::fs::copy(&log, &kept_log).unwrap();
        Self { file, log, kept_log, ids }
    }
}

#[test]
fn a_journal_that_is_cut_to_nothing_is_told_and_gives_back_what_its_log_holds() {
    let folder = tempfile::tempdir().unwrap();
    let JournalWithLog { file, log, kept_log, ids } = JournalWithLog::in_folder(folder.path());
    for (has_log, jobs) in [(false, Vec::new()), (true, ids)] {
        std::fs::write(&file, "").unwrap();
        let _ = std::fs::remove_file(&log);
        if has_log {
            std::fs::copy(&kept_log, &log).unwrap();
        }
        let Replay { snapshot, set_aside, .. } = Journal::open(&file).unwrap().replay().unwrap();
        assert_eq!(snapshot.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), jobs);
        let set_aside = set_aside.unwrap();
        let mut log_aside = set_aside.clone().into_os_string();
        log_aside.push("-wal");
        assert_eq!(std::fs::read(log_aside).ok(), has_log.then(|| std::fs::read(&kept_log).unwrap()));
        // Told once.
        assert_eq!(Journal::open(&file).unwrap().replay().unwrap().set_aside, None);
        std::fs::remove_file(set_aside).unwrap();
    }
}

#[test]
fn a_log_whose_journal_is_gone_is_told_and_gives_back_its_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let JournalWithLog { file, log, kept_log, ids } = JournalWithLog::in_folder(folder.path());
    std::fs::remove_file(&file).unwrap();
    std::fs::copy(&kept_log, &log).unwrap();
    let Replay { snapshot, set_aside, .. } = Journal::open(&file).unwrap().replay().unwrap();
    assert_eq!(snapshot.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), ids);
    assert_eq!(std::fs::read(set_aside.unwrap()).unwrap(), std::fs::read(&kept_log).unwrap());
    assert_eq!(Journal::open(&file).unwrap().replay().unwrap().set_aside, None, "told once");
}

#[test]
fn what_a_full_disk_did_not_take_is_told_and_written_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.sqlite");
    let mut journal = Journal::open(&file).unwrap();
    let pages: i64 = journal.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let limit = |journal: &Journal, pages: i64| {
        journal.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    limit(&journal, pages);
    let (ids, events): (Vec<JobId>, Vec<Event>) = (0..20).map(|_| added()).unzip();
    let error = journal.append(&events).unwrap_err();
    assert!(matches!(error, JournalError::DiskFull { .. }), "{error:?}");
    let failure = error.unsaved_failure();
    let place = folder.path().display().to_string();
    assert!(failure.kind == FailureKind::DiskFull && failure.headline.contains(&place), "{failure:?}");
    assert!(journal.has_unsaved() && journal.replay().unwrap().snapshot.jobs.is_empty());
    limit(&journal, pages + 1000);
    journal.append(&[]).unwrap();
    let kept: Vec<JobId> = journal.replay().unwrap().snapshot.jobs.iter().map(|job| job.id).collect();
    assert!(!journal.has_unsaved() && kept == ids);
}

#[test]
fn entries_whose_text_is_damaged_are_passed_over_and_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.sqlite");
    let (ids, events): (Vec<JobId>, Vec<Event>) = (0..5).map(|_| added()).unzip();
    Journal::open(&file).unwrap().append(&events).unwrap();
    let damages = [
        "UPDATE events SET event = CAST(x'80' || substr(CAST(event AS BLOB), 2) AS TEXT) WHERE sequence = 1",
        "UPDATE events SET event = x'FF00FF' WHERE sequence = 2",
        "UPDATE events SET event = CAST(replace(CAST(event AS BLOB), 'a.mp4', x'61C32E') AS TEXT) WHERE sequence = 4",
    ];
    let connection = Connection::open(&file).unwrap();
    for damage in damages {
        assert_eq!(connection.execute(damage, []).unwrap(), 1);
    }
    drop(connection);
    let Replay { snapshot, unreadable, set_aside } = Journal::open(&file).unwrap().replay().unwrap();
    assert_eq!(unreadable, 3);
    let kept: Vec<JobId> = snapshot.jobs.iter().map(|job| job.id).collect();
    assert_eq!(kept, [ids[2], ids[4]]);

    // They lie beside it, byte for byte, and are told of once.
    let aside = Connection::open(set_aside.unwrap()).unwrap();
    let bytes = |sequence: i64| -> Vec<u8> {
        let asked = "SELECT CAST(event AS BLOB) FROM events WHERE sequence = ?1";
        aside.query_row(asked, [sequence], |row| row.get(0)).unwrap()
    };
    assert_eq!(bytes(2), [0xFF, 0, 0xFF]);
    assert!(bytes(1).starts_with(b"\x80\"event\":"), "{:?}", String::from_utf8_lossy(&bytes(1)));
    let again = Journal::open(&file).unwrap().replay().unwrap();
    assert_eq!((again.unreadable, again.set_aside), (0, None));
    assert_eq!(again.snapshot, snapshot);
}

#[test]
fn a_journal_with_both_damaged_text_and_a_damaged_page_gives_back_what_is_behind_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.sqlite");
    let events: Vec<Event> = (0..400).map(|_| added().1).collect();
    Journal::open(&file).unwrap().append(&events).unwrap();
    Connection::open(&file).unwrap().execute("UPDATE events SET event = x'FF' WHERE sequence = 2", []).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let end = bytes.len() * 3 / 4;
    bytes.truncate(end);
    std::fs::write(&file, bytes).unwrap();
    let Replay { snapshot, set_aside, .. } = Journal::open(&file).unwrap().replay().unwrap();
    assert!(set_aside.is_some() && snapshot.jobs.len() >= 100, "{} jobs", snapshot.jobs.len());
}

#[test]
fn a_journal_with_tables_of_another_form_is_set_aside() {
    for change in [
        "ALTER TABLE events RENAME COLUMN event TO happening",
        "ALTER TABLE history RENAME COLUMN events TO happenings",
        "DROP TABLE events; CREATE VIEW events AS SELECT 1 AS sequence, '{}' AS event",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queue.sqlite");
        Journal::open(&file).unwrap().append(&[added().1]).unwrap();
        Connection::open(&file).unwrap().execute_batch(change).unwrap();
        let mut journal = Journal::open(&file).unwrap();
        let Replay { set_aside, .. } = journal.replay().unwrap();
        assert!(set_aside.unwrap().is_file(), "{change}");
        journal.append(&[added().1]).unwrap();
        journal.remember(&[]).unwrap();
    }
}

#[test]
fn a_newer_journal_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.sqlite");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    assert!(matches!(Journal::open(&file), Err(JournalError::TooNew { .. })));
}
