//! What must survive the program: every lifecycle event, in SQLite, before anyone sees it.

mod damage;
mod remembered;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use backon::{BlockingRetryable, ConstantBuilder};
use damage::{as_damage, has_log_alone, is_cut_to_nothing, is_damage, set_aside, set_entries_aside};
use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;

use super::{Event, Snapshot};
use crate::{
    failure::{Failure, FailureKind},
    tools::{disk, private, regular_file},
};

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
    /// There is no room for it.
    #[error("the disk is full: the queue {} can't be saved", file.display())]
    DiskFull {
        /// The journal.
        file: PathBuf,
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

impl JournalError {
    /// Of what kind it is.
    pub fn kind(&self) -> FailureKind {
        if matches!(self, Self::DiskFull { .. }) { FailureKind::DiskFull } else { FailureKind::Internal }
    }

    /// What the user can do when the queue can't be opened.
    pub fn hint(&self) -> String {
        match self {
            Self::InUse(_) => "Use the Reelpress that is open, or close it first".to_owned(),
            Self::TooNew { .. } => "Install the newest version of Reelpress".to_owned(),
            Self::DiskFull { file } => {
                let folder = file.parent().unwrap_or(file);
                format!("Make room on the disk of {}, then try again", folder.display())
            }
            Self::Folder { .. } | Self::Database { .. } => {
                "Check that the folder is on a working disk, may be written to, and holds files under these names"
                    .to_owned()
            }
        }
    }

    /// What is said of events that are not on the disk, and are tried again with those that follow.
    pub(super) fn unsaved_failure(&self) -> Failure {
        if let Self::DiskFull { file } = self {
            let folder = file.parent().unwrap_or(file).display();
            let headline = format!("The disk of {folder} is full: the queue can't be saved");
            let hint = format!("Make room on the disk of {folder}; what is not saved when Reelpress ends is lost");
            return Failure::new(FailureKind::DiskFull, headline, hint);
        }
        let hint = "Check the disk that holds your user folder; what is not saved when Reelpress ends is lost";
        Failure::new(FailureKind::OutputNotWritable, "The queue can't be saved", hint).with_detail(self.to_string())
    }

    /// What the system says of the folder or a file in it.
    fn of_system(file: &Path, source: std::io::Error) -> Self {
        if disk::is_full(&source) {
            Self::DiskFull { file: file.to_owned() }
        } else {
            Self::Folder { file: file.to_owned(), source }
        }
    }

    /// What SQLite says, which calls a full disk one that fails.
    fn of_database(file: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DiskFull, SystemIoFailure};
        let is_full = match source.sqlite_error_code() {
            Some(DiskFull) => true,
            Some(SystemIoFailure | CannotOpen) => file.parent().is_some_and(disk::has_no_room),
            _ => false,
        };
        if is_full {
            Self::DiskFull { file: file.to_owned() }
        } else {
            Self::Database { file: file.to_owned(), source }
        }
    }
}

/// The events of one queue on disk, or in memory for a queue that ends with the program.
#[derive(Debug)]
pub(super) struct Journal {
    connection: Connection,
    file: PathBuf,
    /// Held as long as the journal is open; the system frees it when the program dies.
    _lock: Option<File>,
    /// What could not be written yet, such as to a full disk; it goes in before what follows.
    unsaved: Vec<Event>,
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
    /// Where these lie now, or the damaged journal that this one replaces.
    pub(super) set_aside: Option<PathBuf>,
}

impl Journal {
    /// A journal that ends with the program.
    pub(super) fn in_memory() -> Result<Self, JournalError> {
        let file = PathBuf::from(":memory:");
        let connection = Connection::open_in_memory().map_err(|source| JournalError::of_database(&file, source))?;
        let journal = Self { connection, file, _lock: None, unsaved: Vec::new(), set_aside: None };
        journal.create_tables()?;
        Ok(journal)
    }

    /// Opens or makes the journal at `file` and takes its lock. A damaged file is set aside, and what can be read of it
    /// goes into a new one.
    pub(super) fn open(file: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::of_system(file, source);
        if let Some(folder) = file.parent() {
            private::create_folder(folder).map_err(failed)?;
        }
        let beside = ["-wal", "-shm", "-journal"].map(|end| {
            let mut name = file.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        });
        let lock_file = file.with_extension("lock");
        for path in beside.iter().map(PathBuf::as_path).chain([file, &lock_file]) {
            regular_file::check(path).map_err(|source| JournalError::Folder { file: path.to_owned(), source })?;
        }
        beside.iter().map(PathBuf::as_path).chain([file]).for_each(private::close);
        private::create_file(&lock_file).map_err(failed)?;
        let lock = File::create(lock_file).map_err(failed)?;
        let waits = ConstantBuilder::new().with_delay(LOCK_INTERVAL).with_max_times(LOCK_ATTEMPTS);
        let is_held = |error: &TryLockError| matches!(error, TryLockError::WouldBlock);
        match (|| lock.try_lock()).retry(waits).when(is_held).call() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse(file.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // Before SQLite sees it.
        if !is_cut_to_nothing(file) && !has_log_alone(file) {
            let is_new = !file.exists();
            let opened = Self::open_database(file);
            if is_new && opened.is_err() && is_cut_to_nothing(file) {
                // It would be taken for one that has lost its content.
                let _ = std::fs::remove_file(file);
            }
            match opened {
                Err(JournalError::Database { source, .. }) if is_damage(&source) => {}
                opened => return opened.map(|journal| Self { _lock: Some(lock), ..journal }),
            }
        }
        let (salvage, set_aside) = set_aside(file).map_err(failed)?;
        let mut journal = Self::open_database(file)?;
        journal.append(&salvage.events)?;
        journal.remember_again(&salvage.remembered)?;
        Ok(Self { _lock: Some(lock), set_aside: Some(set_aside), ..journal })
    }

    fn open_database(file: &Path) -> Result<Self, JournalError> {
        let database = |source| JournalError::of_database(file, source);
        // SQLite gives the files beside it the rights that it has.
        private::create_file(file).map_err(|source| JournalError::of_system(file, source))?;
        let connection = Connection::open(file).map_err(database)?;
        let unsaved = Vec::new();
        let journal = Self { connection, file: file.to_owned(), _lock: None, unsaved, set_aside: None };
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
        journal.check_tables().map_err(database)?;
        Ok(journal)
    }

    /// A table of the right name that has other columns was changed by somebody else, and takes no event.
    fn check_tables(&self) -> rusqlite::Result<()> {
        for statement in [ALL_EVENTS, ADD_EVENT, remembered::ADD_JOB] {
            self.connection.prepare(statement).map_err(as_damage)?;
        }
        Ok(())
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
        JournalError::of_database(&self.file, source)
    }

    /// Adds events, all or none. What can't be written is kept, and goes in with those that come next.
    pub(super) fn append(&mut self, events: &[Event]) -> Result<(), JournalError> {
        self.unsaved.extend_from_slice(events);
        let result = (|| {
            let transaction = self.connection.transaction()?;
            insert(&transaction, &self.unsaved)?;
            transaction.commit()
        })();
        result.map_err(|source| self.failed(source))?;
        self.unsaved.clear();
        Ok(())
    }

    /// Whether something could not be written yet.
    pub(super) fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// The state that all events add up to.
    pub(super) fn replay(&mut self) -> Result<Replay, JournalError> {
        let (events, unreadable) = self.read_all().map_err(|source| self.failed(source))?;
        let mut snapshot = Snapshot::default();
        snapshot.apply_all(&events);
        let needed = snapshot.as_events();
        let mut set_aside = self.set_aside.take();
        if !unreadable.is_empty() {
            match set_entries_aside(&mut self.connection, &self.file, &unreadable) {
                Ok(aside) => set_aside = Some(aside),
                Err(error) => tracing::warn!(%error, "entries that can't be read stay in the queue's journal"),
            }
        }
        let is_sound = unreadable.is_empty() || set_aside.is_some();
        if is_sound && events.len() > needed.len() * REWRITE_FACTOR + REWRITE_SLACK {
            self.rewrite(&needed).map_err(|source| self.failed(source))?;
        }
        Ok(Replay { snapshot, unreadable: unreadable.len(), set_aside })
    }

    /// All that can be read, and the numbers of the entries that can't.
    fn read_all(&self) -> rusqlite::Result<(Vec<Event>, Vec<i64>)> {
        let mut statement = self.connection.prepare(ALL_EVENTS)?;
        let rows = statement.query_map([], |row| Ok((entry(row)?, row.get(1)?)))?;
        let mut events = Vec::new();
        let mut unreadable = Vec::new();
        for row in rows {
            match row? {
                (Ok(event), _) => events.push(event),
                (Err(error), sequence) => {
                    tracing::warn!(%error, "an entry of the queue's journal can't be read and is passed over");
                    unreadable.push(sequence);
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

const ALL_EVENTS: &str = "SELECT event, sequence FROM events ORDER BY sequence";
const ADD_EVENT: &str = "INSERT INTO events (event) VALUES (?1)";

/// What the first column of a row holds, or why it can't be read: SQLite does not look whether a text is UTF-8, nor whether
/// a text is there at all.
pub(super) fn entry<T: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<Result<T, String>> {
    let value = row.get_ref(0)?;
    let bytes = value.as_bytes().map_err(|error| error.to_string());
    Ok(bytes.and_then(|bytes| serde_json::from_slice(bytes).map_err(|error| error.to_string())))
}

fn insert(transaction: &rusqlite::Transaction<'_>, events: &[Event]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(ADD_EVENT)?;
    for event in events {
        let text =
            serde_json::to_string(event).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        debug_assert!(serde_json::from_str::<Event>(&text).is_ok(), "this could not be read again: {text}");
        statement.execute([text])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
