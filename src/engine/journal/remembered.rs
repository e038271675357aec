//! Jobs that have left the list and are kept for the history.

use std::sync::Arc;

use super::{Journal, JournalError};
use crate::{
    engine::{Event, Job},
    job::JobId,
};

/// Removed jobs that the history has at most; the oldest go.
const REMEMBERED_JOBS: i64 = 5000;
pub(super) const ADD_JOB: &str = "INSERT OR REPLACE INTO history (job, events) VALUES (?1, ?2)";
const DROP_OLD_HISTORY: &str =
    "DELETE FROM history WHERE rowid <= (SELECT rowid FROM history ORDER BY rowid DESC LIMIT 1 OFFSET ?1)";

impl Journal {
    /// Keeps jobs that leave the list for the history, without their lists of files.
    pub(in crate::engine) fn remember(&mut self, jobs: &[Arc<Job>]) -> Result<(), JournalError> {
        let result = (|| {
            let transaction = self.connection.transaction()?;
            {
                let mut statement = transaction.prepare_cached(ADD_JOB)?;
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

    /// Keeps jobs that another journal had remembered: their ids, and their events as text.
    pub(super) fn remember_again(&mut self, jobs: &[(String, String)]) -> Result<(), JournalError> {
        let result = (|| {
            let transaction = self.connection.transaction()?;
            for (id, events) in jobs {
                transaction.execute(ADD_JOB, [id, events])?;
            }
            transaction.commit()
        })();
        result.map_err(|source| self.failed(source))
    }

    /// Takes jobs out of the history that are in the list again.
    pub(in crate::engine) fn forget(&mut self, ids: &[JobId]) -> Result<(), JournalError> {
        let result = (|| {
            let transaction = self.connection.transaction()?;
            for id in ids {
                transaction.execute("DELETE FROM history WHERE job = ?1", [id.to_string()])?;
            }
            transaction.commit()
        })();
        result.map_err(|source| self.failed(source))
    }
}
