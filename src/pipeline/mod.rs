//! The path of one job, straight: intake, probe, plan, encode, package, publish, report.
//!
//! This is the only place where the order is written. No stage knows who asked for it.

pub mod plan;
pub mod probe;

use crate::{
    failure::Failure,
    job::{FileReport, Progress},
    media::SourceMedia,
};

/// What a running job tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The source was read.
    SourceProbed(Box<SourceMedia>),
    /// It is known what will be made.
    Planned(Box<plan::PlanSummary>),
    /// A newer measurement.
    Progressed(Box<Progress>),
    /// Files of the stream are finished.
    FilesFinished(Vec<FileReport>),
    /// A line for the log.
    Logged(String),
}

/// Who is told of a job's progress. `notice` is called on the job's threads and must not wait.
pub trait Observer: Send + Sync {
    /// Takes one notice.
    fn notice(&self, notice: Notice);
}

/// How a job can end without a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEnd {
    /// The user stopped it.
    Cancelled,
    /// Something went wrong.
    Failed(Failure),
}
