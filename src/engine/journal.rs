//! What must survive the program: every lifecycle event, in SQLite, before anyone sees it.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use backon::{BlockingRetryable, ConstantBuilder};
use jiff::Timestamp;
use rusqlite::Connection;

use super::{Event, Job, Snapshot};
use crate::job::JobId;

/// Version of the tables; a file with a newer one is left alone.
const SCHEMA_VERSION: i64 = 1;
/// The journal is rewritten at the start when it holds this many times the events that its state needs.
const REWRITE_FACTOR: usize = 4;
const REWRITE_SLACK: usize = 200;

/// A program that was killed frees its lock a moment after it is gone from the list of processes.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);
const LOCK_ATTEMPTS: usize = 20;

/// Why the journal can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another instance of the program has the queue.
    #[error("another Reelpress window has the queue {} open", .0.display())]
    InUse(PathBuf),
    /// A later version of the program wrote it.
    #[error("the queue {} was written by a newer version of Reelpress (format {found})", file.display())]
    TooNew {
        /// The journal.
        file: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The folder or lock file can't be made.
    #[error("the queue {} can't be opened: {source}", file.display())]
    Folder {
        /// The journal.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// SQLite reports an error.
    #[error("the queue {} can't be used: {source}", file.display())]
    Database {
        /// The journal.
        file: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

/// The events of one queue on disk, or in memory for a queue that ends with the program.
#[derive(Debug)]
pub(super) struct Journal {
    connection: Connection,
    file: PathBuf,
    /// Held as long as the journal is open; the system frees it when the program dies.
    _lock: Option<File>,
    /// Where a damaged journal was put, in whose place this one came.
    set_aside: Option<PathBuf>,
}

/// What a journal holds.
#[derive(Debug)]
pub(super) struct Replay {
    /// The state that all readable entries add up to.
    pub(super) snapshot: Snapshot,
    /// Number of entries that could not be read.
    pub(super) unreadable: usize,
    /// Where the damaged journal lies that this one replaces.
    pub(super) set_aside: Option<PathBuf>,
}

impl Journal {
    /// A journal that ends with the program.
    pub(super) fn in_memory() -> Result<Self, JournalError> {
        let file = PathBuf::from(":memory:");
        let connection =
            Connection::open_in_memory().map_err(|source| JournalError::Database { file: file.clone(), source })?;
        let journal = Self { connection, file, _lock: None, set_aside: None };
        journal.create_tables()?;
        Ok(journal)
    }

    /// Opens or makes the journal at `file` and takes its lock. A damaged file is set aside, and what can be read of it
    /// goes into a new one.
    pub(super) fn open(file: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Folder { file: file.to_owned(), source };
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = File::create(file.with_extension("lock")).map_err(failed)?;
        let waits = ConstantBuilder::new().with_delay(LOCK_INTERVAL).with_max_times(LOCK_ATTEMPTS);
        let is_held = |error: &TryLockError| matches!(error, TryLockError::WouldBlock);
        match (|| lock.try_lock()).retry(waits).when(is_held).call() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse(file.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        match Self::open_database(file) {
            Err(JournalError::Database { source, .. }) if is_damage(&source) => {
                let (events, set_aside) = set_aside(file).map_err(failed)?;
                let mut journal = Self::open_database(file)?;
                journal.append(&events)?;
                Ok(Self { _lock: Some(lock), set_aside: Some(set_aside), ..journal })
            }
            opened => opened.map(|journal| Self { _lock: Some(lock), ..journal }),
        }
    }

    fn open_database(file: &Path) -> Result<Self, JournalError> {
        let database = |source| JournalError::Database { file: file.to_owned(), source };
        let connection = Connection::open(file).map_err(database)?;
        let journal = Self { connection, file: file.to_owned(), _lock: None, set_aside: None };
        let found: i64 =
            journal.connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(database)?;
        if found > SCHEMA_VERSION {
            return Err(JournalError::TooNew { file: file.to_owned(), found });
        }
        journal.connection.pragma_update(None, "journal_mode", "WAL").map_err(database)?;
        journal.connection.pragma_update(None, "synchronous", "FULL").map_err(database)?;
        let state: String =
            journal.connection.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(database)?;
        if state != "ok" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(database(rusqlite::Error::SqliteFailure(code, Some(state))));
        }
        journal.create_tables()?;
        Ok(journal)
    }

    fn create_tables(&self) -> Result<(), JournalError> {
        self.connection
            .execute_batch(&format!(
                "CREATE TABLE IF NOT EXISTS events (sequence INTEGER PRIMARY KEY, event TEXT NOT NULL);
                 CREATE TABLE IF NOT EXISTS history (job TEXT PRIMARY KEY, events TEXT NOT NULL);
                 PRAGMA user_version = {SCHEMA_VERSION};"
            ))
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> JournalError {
        JournalError::Database { file: self.file.clone(), source }
    }

    /// Adds events, all or none.
    pub(super) fn append(&mut self, events: &[Event]) -> Result<(), JournalError> {
        let result = (|| {
            let transaction = self.connection.transaction()?;
            insert(&transaction, events)?;
            transaction.commit()
        })();
        result.map_err(|source| self.failed(source))
    }

    /// Keeps jobs that leave the list for the history, without their lists of files.
    pub(super) fn remember(&mut self, jobs: &[Arc<Job>]) -> Result<(), JournalError> {
        let result = (|| {
            let transaction = self.connection.transaction()?;
            {
                let mut statement =
                    transaction.prepare_cached("INSERT OR REPLACE INTO history (job, events) VALUES (?1, ?2)")?;
                for job in jobs {
                    let mut events = job.as_events();
                    for event in &mut events {
                        if let Event::JobFinished { report, .. } = event {
                            report.files.clear();
                        }
                    }
                    let text = serde_json::to_string(&events)
                        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
                    statement.execute([job.id.to_string(), text])?;
                }
                transaction.execute(DROP_OLD_HISTORY, [REMEMBERED_JOBS])?;
            }
            transaction.commit()
        })();
        result.map_err(|source| self.failed(source))
    }

    /// Takes jobs out of the history that are in the list again.
    pub(super) fn forget(&mut self, ids: &[JobId]) -> Result<(), JournalError> {
        let result = (|| {
            let transaction = self.connection.transaction()?;
            for id in ids {
                transaction.execute("DELETE FROM history WHERE job = ?1", [id.to_string()])?;
            }
            transaction.commit()
        })();
        result.map_err(|source| self.failed(source))
    }

    /// The state that all events add up to.
    pub(super) fn replay(&mut self) -> Result<Replay, JournalError> {
        let (events, unreadable) = self.read_all().map_err(|source| self.failed(source))?;
        let mut snapshot = Snapshot::default();
        snapshot.apply_all(&events);
        let needed = snapshot.as_events();
        if unreadable == 0 && events.len() > needed.len() * REWRITE_FACTOR + REWRITE_SLACK {
            self.rewrite(&needed).map_err(|source| self.failed(source))?;
        }
        Ok(Replay { snapshot, unreadable, set_aside: self.set_aside.take() })
    }

    fn read_all(&self) -> rusqlite::Result<(Vec<Event>, usize)> {
        let mut statement = self.connection.prepare(ALL_EVENTS)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        let mut events = Vec::new();
        let mut unreadable = 0;
        for row in rows {
            match serde_json::from_str(&row?) {
                Ok(event) => events.push(event),
                Err(error) => {
                    tracing::warn!(%error, "an entry of the queue's journal can't be read and is passed over");
                    unreadable += 1;
                }
            }
        }
        Ok((events, unreadable))
    }

    fn rewrite(&mut self, events: &[Event]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM events", [])?;
        insert(&transaction, events)?;
        transaction.commit()
    }
}

/// Of an SQLite file (<https://sqlite.org/fileformat2.html#the_database_header>).
const HEADER_BYTES: usize = 100;
/// Where in the header the number of pages stands, big-endian.
const PAGE_COUNT_AT: usize = 28;
/// SQLite's default, which a journal has.
const PAGE_BYTES: usize = 4096;

/// Removed jobs that the history has at most; the oldest go.
const REMEMBERED_JOBS: i64 = 5000;
const DROP_OLD_HISTORY: &str =
    "DELETE FROM history WHERE rowid <= (SELECT rowid FROM history ORDER BY rowid DESC LIMIT 1 OFFSET ?1)";

const ALL_EVENTS: &str = "SELECT event FROM events ORDER BY sequence";

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    error.sqlite_error_code().is_some_and(|code| matches!(code, DatabaseCorrupt | NotADatabase))
}

/// Moves a damaged journal out of the way and gives the events of its readable part, and where it lies now.
fn set_aside(file: &Path) -> std::io::Result<(Vec<Event>, PathBuf)> {
    let as_it_is = readable_events(file).unwrap_or_default();
    let with_new_header = readable_events_behind_header(file).unwrap_or_default();
    let events = if with_new_header.len() > as_it_is.len() { with_new_header } else { as_it_is };
    let stamp = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let aside = file.with_extension(format!("damaged-{stamp}.sqlite"));
    for ending in ["", "-wal", "-shm"] {
        let named = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        match std::fs::rename(named(file), named(&aside)) {
            Err(error) if ending.is_empty() || error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok((events, aside))
}

/// What a copy with the header of a new journal holds: SQLite reads nothing of a file whose header is damaged, or tells
/// of more pages than there are.
fn readable_events_behind_header(file: &Path) -> Result<Vec<Event>, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (template, copy) = (folder.path().join("template.sqlite"), folder.path().join("copy.sqlite"));
    drop(Journal::open_database(&template)?);
    let mut header = std::fs::read(&template)?;
    header.truncate(HEADER_BYTES);
    let mut content = std::fs::read(file)?;
    let pages = u32::try_from(content.len() / PAGE_BYTES)?;
    content.truncate(pages as usize * PAGE_BYTES);
    content.get_mut(..HEADER_BYTES).ok_or("not even a header")?.copy_from_slice(&header);
    content[PAGE_COUNT_AT..PAGE_COUNT_AT + 4].copy_from_slice(&pages.to_be_bytes());
    std::fs::write(&copy, content)?;
    Ok(readable_events(&copy)?)
}

/// All events up to the first place that can't be read.
fn readable_events(file: &Path) -> rusqlite::Result<Vec<Event>> {
    let connection = Connection::open(file)?;
    let mut statement = connection.prepare(ALL_EVENTS)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    Ok(rows.map_while(Result::ok).filter_map(|text| serde_json::from_str(&text).ok()).collect())
}

fn insert(transaction: &rusqlite::Transaction<'_>, events: &[Event]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("INSERT INTO events (event) VALUES (?1)")?;
    for event in events {
        let text =
            serde_json::to_string(event).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        statement.execute([text])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        job::{Destination, JobId, JobSpec},
        preset::find_preset,
    };

    fn added() -> (JobId, Event) {
        let id = JobId::generate();
        let spec = JobSpec::stream(
            "a.mp4",
            find_preset("quick").expect("a built-in preset"),
            Destination::Folder("out".into()),
        );
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
        let kept = snapshot.jobs.len();
        assert!((100..400).contains(&kept), "{kept} jobs were kept");
        assert!(snapshot.jobs.iter().zip(&ids).all(|(job, id)| job.id == *id), "the first jobs in their order");
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

    #[test]
    fn a_newer_journal_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queue.sqlite");
        Connection::open(&file).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        assert!(matches!(Journal::open(&file), Err(JournalError::TooNew { .. })));
    }
}
