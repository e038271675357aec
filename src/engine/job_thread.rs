//! The thread of one running job, and what it tells the dispatcher.

use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Sender;
use jiff::Timestamp;

use super::dispatcher::WorkerReport;
use crate::{
    failure::{Failure, FailureKind},
    job::{FileReport, JobId, Progress, Report},
    pipeline::{self, JobEnd, Notice, Observer},
    tools::{cancel::CancelToken, pause::PauseSwitch},
};

/// Log lines that may wait for the dispatcher; a damaged source makes ffmpeg write faster than anyone reads.
const LOG_LINES_WAITING: usize = 200;

/// What a job has to tell that only its newest state matters for, or that can be told in batches. The dispatcher
/// empties it ten times a second, so that no job can flood it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) progress: Option<Progress>,
    pub(super) files: Vec<FileReport>,
    pub(super) log: Vec<String>,
}

/// A job at work, as the dispatcher sees it.
#[derive(Debug)]
pub(super) struct RunningJob {
    pub(super) cancel: CancelToken,
    pub(super) pause: PauseSwitch,
    pub(super) slot: Arc<Mutex<Slot>>,
    /// The job is to wait again when it has ended: the program ends, not the job.
    pub(super) requeue: bool,
    /// When it has finished its stream, if that is in the journal already.
    pub(super) finished_at: Option<Timestamp>,
}

impl RunningJob {
    /// Takes what waits in the slot.
    pub(super) fn take_slot(&self) -> Slot {
        std::mem::take(&mut *self.slot.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Reporter {
    id: JobId,
    slot: Arc<Mutex<Slot>>,
    reports: Sender<WorkerReport>,
}

impl Observer for Reporter {
    fn notice(&self, notice: Notice) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        match notice {
            Notice::Progressed(progress) => slot.progress = Some(*progress),
            Notice::FilesFinished(files) => slot.files.extend(files),
            Notice::Logged(line) => {
                if slot.log.len() < LOG_LINES_WAITING {
                    slot.log.push(line);
                }
            }
            lifecycle @ (Notice::SourceProbed(_) | Notice::Planned(_) | Notice::StreamMade(_) | Notice::Left(_)) => {
                drop(slot);
                // The dispatcher is gone only when the program ends; nobody is left to tell.
                let _ = self.reports.send(WorkerReport::Noticed { id: self.id, notice: lifecycle });
            }
        }
    }

    fn finished(&self, report: &Report) -> bool {
        let (noted, is_noted) = crossbeam_channel::bounded(1);
        let finished = WorkerReport::Finished { id: self.id, report: Box::new(report.clone()), noted };
        // Where the dispatcher is gone nothing is noted.
        self.reports.send(finished).is_ok() && is_noted.recv().unwrap_or(false)
    }
}

/// Starts the thread `job-<id>`.
pub(super) fn start(
    request: pipeline::JobRequest,
    reports: &Sender<WorkerReport>,
) -> Result<RunningJob, std::io::Error> {
    let id = request.id;
    let (cancel, pause) = (request.cancel.clone(), request.pause.clone());
    let slot = Arc::new(Mutex::new(Slot::default()));
    let reporter = Reporter { id, slot: Arc::clone(&slot), reports: reports.clone() };
    let reports = reports.clone();
    std::thread::Builder::new().name(format!("job-{}", id.short())).spawn(move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pipeline::run(&request, &reporter)));
        let outcome = outcome.unwrap_or_else(|panic| Err(JobEnd::Failed(defect(&request, panic.as_ref()))));
        let _ = reports.send(WorkerReport::Ended { id, outcome: outcome.map(Box::new) });
    })?;
    Ok(RunningJob { cancel, pause, slot, requeue: false, finished_at: None })
}

/// How a job ended.
pub(super) type JobOutcome = Result<Box<Report>, JobEnd>;

/// A panic in a job is a failed job, not a dead program.
fn defect(request: &pipeline::JobRequest, panic: &(dyn std::any::Any + Send)) -> Failure {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Failure::new(
        FailureKind::Internal,
        format!("Reelpress itself failed at “{}”", request.spec.source_name()),
        "Retry the job; if it fails again, report the log",
    )
    .with_detail(words)
}
