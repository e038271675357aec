//! Jobs that have ended, also those that are no longer in the list. Read from the journal's file by any process of the user,
//! whoever owns the queue; nothing is written.

use std::{path::Path, sync::Arc};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags};

use super::{Event, Job, JournalError, QueueEntry, Snapshot, journal};
use crate::{
    job::{JobId, Schedule},
    settings::AppFolders,
};

/// All jobs that have ended, the newest first: those of the list, and those that were removed from it.
///
/// # Errors
/// When the journal is there and can't be read.
pub fn ended_jobs(list: &Snapshot, folders: &AppFolders) -> Result<Vec<Arc<Job>>, JournalError> {
    let mut jobs = list.ended_jobs();
    let file = folders.journal_file();
    if file.exists() {
        let removed = removed_jobs(&file).map_err(|source| JournalError::Database { file, source })?;
        // One that came back by an undo is in the list.
        jobs.extend(removed.into_iter().filter(|job| list.job(job.id).is_none()));
        sort(&mut jobs);
    }
    Ok(jobs)
}

fn sort(jobs: &mut [Arc<Job>]) {
    jobs.sort_by_key(|job| std::cmp::Reverse(job.ended_at));
}

impl Snapshot {
    /// The jobs of the list that have ended, the newest first.
    pub fn ended_jobs(&self) -> Vec<Arc<Job>> {
        let mut jobs: Vec<Arc<Job>> = self.jobs.iter().filter(|job| job.state.is_at_rest()).map(Arc::clone).collect();
        sort(&mut jobs);
        jobs
    }
}

impl QueueEntry {
    /// What a job was asked to make, once more: with its priority, at any time.
    pub fn again(job: &Job) -> Self {
        let schedule = Schedule { priority: job.schedule.priority, ..Schedule::default() };
        Self { spec: job.spec.clone(), schedule }
    }
}

/// What the journal at `file` holds of a job.
pub(super) fn events_of(id: JobId, file: &Path) -> rusqlite::Result<Vec<Event>> {
    let connection = read_only(file)?;
    let mut statement = connection.prepare("SELECT event FROM events WHERE event LIKE ?1 ORDER BY sequence")?;
    let rows = statement.query_map([format!("%{id}%")], journal::entry)?;
    let events = rows.filter_map(|event| event.ok()?.ok());
    // An event about several jobs names others, which do not belong here.
    Ok(events.filter(|event: &Event| event.job() == Some(id)).collect())
}

fn removed_jobs(file: &Path) -> rusqlite::Result<Vec<Arc<Job>>> {
    let connection = read_only(file)?;
    let mut statement = match connection.prepare("SELECT events FROM history ORDER BY rowid") {
        // A journal of a version that kept none.
        Err(error) if error.to_string().contains("no such table") => return Ok(Vec::new()),
        prepared => prepared?,
    };
    let rows = statement.query_map([], journal::entry::<Vec<Event>>)?;
    let mut past = Snapshot::default();
    for events in rows {
        if let Ok(events) = events? {
            past.apply_all(&events);
        }
    }
    Ok(past.jobs.to_vec())
}

/// The queue as it was saved last, for who can neither own it nor ask its owner, as where the disk is full.
///
/// # Errors
/// When the journal can't be read without writing anything.
pub fn saved_queue(folders: &AppFolders) -> Result<Snapshot, JournalError> {
    let file = folders.journal_file();
    let events = (|| {
        let connection = unwritten(&file)?;
        let mut statement = connection.prepare("SELECT event FROM events ORDER BY sequence")?;
        let rows = statement.query_map([], journal::entry)?;
        // Entries that can't be read are told of when the queue is opened.
        rows.filter_map(|entry| entry.map(Result::ok).transpose()).collect::<rusqlite::Result<Vec<Event>>>()
    })();
    let events = events.map_err(|source| JournalError::Database { file: file.clone(), source })?;
    let mut snapshot = Snapshot::default();
    snapshot.apply_all(&events);
    Ok(snapshot)
}

/// A journal that is opened without the files that SQLite makes beside it, unless there is more in these than in it.
fn unwritten(file: &Path) -> rusqlite::Result<Connection> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    if std::fs::metadata(&log).is_ok_and(|facts| facts.len() > 0) {
        return read_only(file);
    }
    let path = percent_encode(file.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)
}

fn read_only(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

impl Job {
    /// Whether a text is in the path of its source, its preset, its destination or its failure, in whatever case. An
    /// empty text is in all.
    pub fn matches(&self, text: &str) -> bool {
        let needle = text.trim().to_lowercase();
        let failure = match &self.state {
            crate::job::JobState::Failed { failure } => failure.headline.clone(),
            _ => String::new(),
        };
        let preset = &self.spec.preset;
        let destination = self.spec.destination.label();
        [&self.spec.source.to_string_lossy(), preset.id.as_str(), &preset.name, &destination, &failure]
            .iter()
            .any(|part| part.to_lowercase().contains(&needle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::journal::Journal,
        job::{Destination, JobSpec},
        preset::find_preset,
    };

    #[test]
    fn the_saved_queue_is_read_without_writing_anything() {
        let home = tempfile::tempdir().unwrap();
        let folders = AppFolders::under(&home.path().join("100 % #1?"));
        let file = folders.journal_file();
        let folder = file.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let spec = JobSpec::stream("a.mp4", find_preset("quick").unwrap(), Destination::Folder("out".into()));
        let (id, at) = (JobId::generate(), jiff::Timestamp::UNIX_EPOCH);
        Journal::open(&file).unwrap().append(&[Event::JobAdded { id, spec: Box::new(spec), at }]).unwrap();
        let files = || std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
        let before = files();
        let saved = saved_queue(&folders).unwrap();
        assert_eq!(saved.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
        assert_eq!(files(), before);
    }
}
