//! Which jobs a list shows, and how many jobs stand where.

use crate::job::JobState;

/// Which jobs a list shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JobFilter {
    /// Every job.
    #[default]
    All,
    /// Jobs at work.
    Active,
    /// Jobs in the queue.
    Waiting,
    /// Jobs with a stream.
    Done,
    /// Jobs that failed.
    Failed,
    /// Jobs that the user has stopped.
    Cancelled,
}

impl JobFilter {
    /// All filters in the order in which they are shown.
    pub const ALL: [Self; 6] = [Self::All, Self::Active, Self::Waiting, Self::Done, Self::Failed, Self::Cancelled];

    /// Name of the filter.
    pub fn label(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Active => "Active",
            Self::Waiting => "Waiting",
            Self::Done => "Done",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether the filter lets a job through.
    pub fn shows(self, state: &JobState) -> bool {
        match self {
            Self::All => true,
            Self::Active => matches!(state, JobState::Running { .. }),
            Self::Waiting => matches!(state, JobState::Waiting | JobState::Interrupted { .. }),
            Self::Done => matches!(state, JobState::Done { .. }),
            Self::Failed => matches!(state, JobState::Failed { .. }),
            Self::Cancelled => *state == JobState::Cancelled,
        }
    }
}

/// How many jobs stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// All jobs.
    pub all: usize,
    /// At work, but not publishing alone, nor held.
    pub encoding: usize,
    /// At work, with only the publishing left.
    pub publishing: usize,
    /// Held by the user in their work.
    pub paused: usize,
    /// In the queue, begun or not.
    pub waiting: usize,
    /// With a stream.
    pub done: usize,
    /// Without a stream by a failure.
    pub failed: usize,
    /// Stopped by the user.
    pub cancelled: usize,
}

impl QueueCounts {
    /// The count that belongs to a filter.
    pub fn of(&self, filter: JobFilter) -> usize {
        match filter {
            JobFilter::All => self.all,
            JobFilter::Active => self.encoding + self.publishing + self.paused,
            JobFilter::Waiting => self.waiting,
            JobFilter::Done => self.done,
            JobFilter::Failed => self.failed,
            JobFilter::Cancelled => self.cancelled,
        }
    }
}
