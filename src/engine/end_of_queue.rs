//! The end of a queue: when it has come, and what the machine does then. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Snapshot;
use crate::settings::PowerAction;

/// What the machine will do soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPowerAction {
    /// What.
    pub action: PowerAction,
    /// When.
    pub at: Timestamp,
}

/// Jobs that have ended since the last end of the queue. What the user has cancelled does not count: they are here.
#[derive(Debug, Default)]
pub(super) struct EndedJobs {
    pub(super) done: usize,
    pub(super) failed: usize,
    /// Jobs whose source could not be read while they waited: they end no queue, as they come with files that are added.
    pub(super) refused: usize,
}

impl EndedJobs {
    /// The jobs of a queue that was worked off and has come to its end; once for each end.
    pub(super) fn at_end_of(&mut self, snapshot: &Snapshot) -> Option<Self> {
        (self.done + self.failed > 0 && !snapshot.has_work()).then(|| std::mem::take(self))
    }
}

impl Snapshot {
    /// Whether a job is at work, or starts at some time by itself or when the queue is resumed.
    pub fn has_work(&self) -> bool {
        self.jobs.iter().any(|job| job.progress().is_some() || job.starts_by_itself(&self.settings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Event,
        failure::{Failure, FailureKind},
        job::{Destination, JobId, JobSpec},
        preset::find_preset,
    };

    #[test]
    fn a_queue_ends_once_when_the_last_job_has_ended_at_work() {
        let (mut snapshot, mut ended) = (Snapshot::default(), EndedJobs::default());
        let at = Timestamp::UNIX_EPOCH;
        let add = |snapshot: &mut Snapshot| {
            let id = JobId::generate();
            let spec = JobSpec::stream("a.mp4", find_preset("quick").unwrap(), Destination::Folder("out".into()));
            snapshot.apply(&Event::JobAdded { id, spec: Box::new(spec), at });
            id
        };
        let [first, second] = [add(&mut snapshot), add(&mut snapshot)];
        let mut end = |snapshot: &mut Snapshot, id: JobId| {
            snapshot.apply(&Event::JobStarted { id, at });
            let failure = Failure::new(FailureKind::DiskFull, "The disk is full", "Make room");
            snapshot.apply(&Event::JobFailed { id, failure, at });
            ended.failed += 1;
            ended.at_end_of(snapshot).map(|ended| (ended.done, ended.failed))
        };
        assert_eq!(end(&mut snapshot, first), None, "one still waits");
        snapshot.apply(&Event::QueuePaused);
        snapshot.apply(&Event::JobRequeued { id: first });
        assert_eq!(end(&mut snapshot, second), None, "a paused queue is not at its end");
        assert_eq!(end(&mut snapshot, first), Some((0, 3)));
    }
}
