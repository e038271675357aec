//! What must survive the program: every lifecycle event, in SQLite, before anyone sees it.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{Event, Snapshot};

/// Version of the tables; a file with a newer one is left alone.
const SCHEMA_VERSION: i64 = 1;
/// The journal is rewritten at the start when it holds this many times the events that its state needs.
const REWRITE_FACTOR: usize = 4;
const REWRITE_SLACK: usize = 200;

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
}

impl Journal {
    /// A journal that ends with the program.
    pub(super) fn in_memory() -> Result<Self, JournalError> {
        let file = PathBuf::from(":memory:");
        let connection =
            Connection::open_in_memory().map_err(|source| JournalError::Database { file: file.clone(), source })?;
        let journal = Self { connection, file, _lock: None };
        journal.create_tables()?;
        Ok(journal)
    }

    /// Opens or makes the journal at `file` and takes its lock.
    pub(super) fn open(file: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Folder { file: file.to_owned(), source };
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = File::create(file.with_extension("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse(file.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let database = |source| JournalError::Database { file: file.to_owned(), source };
        let connection = Connection::open(file).map_err(database)?;
        let journal = Self { connection, file: file.to_owned(), _lock: Some(lock) };
        let found: i64 =
            journal.connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(database)?;
        if found > SCHEMA_VERSION {
            return Err(JournalError::TooNew { file: file.to_owned(), found });
        }
        journal.connection.pragma_update(None, "journal_mode", "WAL").map_err(database)?;
        journal.connection.pragma_update(None, "synchronous", "FULL").map_err(database)?;
        journal.create_tables()?;
        Ok(journal)
    }

    fn create_tables(&self) -> Result<(), JournalError> {
        self.connection
            .execute_batch(&format!(
                "CREATE TABLE IF NOT EXISTS events (sequence INTEGER PRIMARY KEY, event TEXT NOT NULL);
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

    /// The state that all events add up to, and the number of entries that could not be read.
    pub(super) fn replay(&mut self) -> Result<(Snapshot, usize), JournalError> {
        let (events, unreadable) = self.read_all().map_err(|source| self.failed(source))?;
        let mut snapshot = Snapshot::default();
        for event in &events {
            snapshot.apply(event);
        }
        let needed = snapshot.as_events();
        if unreadable == 0 && events.len() > needed.len() * REWRITE_FACTOR + REWRITE_SLACK {
            self.rewrite(&needed).map_err(|source| self.failed(source))?;
        }
        Ok((snapshot, unreadable))
    }

    fn read_all(&self) -> rusqlite::Result<(Vec<Event>, usize)> {
        let mut statement = self.connection.prepare("SELECT event FROM events ORDER BY sequence")?;
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
    use jiff::Timestamp;

    use super::*;
    use crate::{
        job::{Destination, JobId, JobSpec, Outputs, ThumbnailTimes},
        preset::find_preset,
    };

    fn added() -> (JobId, Event) {
        let id = JobId::generate();
        let spec = JobSpec {
            source: "a.mp4".into(),
            preset: find_preset("quick").expect("a built-in preset"),
            destination: Destination::Folder("out".into()),
            thumbnails: ThumbnailTimes::default(),
            outputs: Outputs::default(),
        };
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
        let (snapshot, unreadable) = Journal::open(&file).unwrap().replay().unwrap();
        assert_eq!(unreadable, 0);
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
        let (before, _) = journal.replay().unwrap();
        let (after, _) = journal.replay().unwrap();
        assert_eq!(before, after);
        assert!(journal.read_all().unwrap().0.len() < 10);
    }

    #[test]
    fn a_newer_journal_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queue.sqlite");
        Connection::open(&file).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        assert!(matches!(Journal::open(&file), Err(JournalError::TooNew { .. })));
    }
}
