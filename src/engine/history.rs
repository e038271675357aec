//! Jobs that have ended, also those that are no longer in the list. Read from the journal's file by any process of the user,
//! whoever owns the queue; nothing is written.

use std::{path::Path, sync::Arc};

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
