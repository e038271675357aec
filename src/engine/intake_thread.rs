//! The thread `engine-intake`: finds the files in dropped folders and looks at sources that wait, so that a queued row
//! already says what it is.

use std::{path::PathBuf, sync::Arc, thread::JoinHandle};

use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, Sender, select_biased};

use super::dispatcher::WorkerReport;
use crate::{
    failure::Failure,
    job::{JobId, JobSpec, Stage},
    media::SourceMedia,
    pipeline::{intake, probe},
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};

/// What the dispatcher asks of the thread.
pub(super) enum IntakeRequest {
    /// Find the videos that these name.
    Expand { specs: Vec<JobSpec> },
    /// Say what a source is, and make a small picture of it.
    Inspect { id: JobId, source: PathBuf },
}

/// What was seen in a source.
pub(super) enum Inspection {
    Source(Box<SourceMedia>),
    Thumbnail(PathBuf),
    Failed(Failure),
}

/// Hands requests to the thread.
pub(super) struct IntakeThread {
    /// Unbounded, as the dispatcher must not wait; a request is a path.
    expand: Sender<Vec<JobSpec>>,
    /// Unbounded, for the same reason.
    inspect: Sender<(JobId, PathBuf)>,
    cancel: CancelToken,
    thread: JoinHandle<()>,
}

struct Worker {
    cancel: CancelToken,
    toolbox: Arc<ArcSwapOption<Toolbox>>,
    thumbnails: PathBuf,
    reports: Sender<WorkerReport>,
}

impl IntakeThread {
    /// Starts the thread; it ends when this handle is gone.
    pub(super) fn start(
        toolbox: Arc<ArcSwapOption<Toolbox>>,
        thumbnails: PathBuf,
        reports: Sender<WorkerReport>,
    ) -> std::io::Result<Self> {
        let (expand, to_expand) = crossbeam_channel::unbounded();
        let (inspect, to_inspect) = crossbeam_channel::unbounded();
        let cancel = CancelToken::default();
        let worker = Worker { cancel: cancel.clone(), toolbox, thumbnails, reports };
        let thread = std::thread::Builder::new()
            .name("engine-intake".to_owned())
            .spawn(move || worker.run(&to_expand, &to_inspect))?;
        Ok(Self { expand, inspect, cancel, thread })
    }

    /// Ends the thread and the program that it may wait for, so that none outlives the engine.
    pub(super) fn stop(self) {
        let Self { expand, inspect, cancel, thread } = self;
        drop((expand, inspect));
        cancel.cancel();
        if thread.join().is_err() {
            tracing::error!("the intake thread has panicked");
        }
    }

    /// Hands over a request; never waits.
    pub(super) fn send(&self, request: IntakeRequest) {
        let sent = match request {
            IntakeRequest::Expand { specs } => self.expand.send(specs).is_ok(),
            IntakeRequest::Inspect { id, source } => self.inspect.send((id, source)).is_ok(),
        };
        if !sent {
            tracing::error!("the intake thread has ended");
        }
    }
}

impl Worker {
    fn run(&self, to_expand: &Receiver<Vec<JobSpec>>, to_inspect: &Receiver<(JobId, PathBuf)>) {
        while !self.cancel.is_cancelled() {
            // New files show up in the queue before the waiting ones are looked at.
            let report = select_biased! {
                recv(to_expand) -> specs => match specs {
                    Ok(specs) => expand(specs),
                    Err(_) => return,
                },
                recv(to_inspect) -> request => match request {
                    Ok((id, source)) => {
                        self.inspect(id, &source);
                        continue;
                    }
                    Err(_) => return,
                },
            };
            if self.reports.send(report).is_err() {
                return;
            }
        }
    }

    fn inspect(&self, id: JobId, source: &std::path::Path) {
        let tell = |inspection| {
            let _ = self.reports.send(WorkerReport::Inspected { id, inspection });
        };
        let Some(toolbox) = self.toolbox.load_full() else { return };
        match probe::probe(source, &toolbox, &self.cancel) {
            Ok(media) => {
                let picture = self.thumbnails.join(format!("{id}.jpg"));
                tell(Inspection::Source(Box::new(media.clone())));
                match probe::thumbnail(source, &media, &toolbox, &picture, &self.cancel) {
                    Ok(()) => tell(Inspection::Thumbnail(picture)),
                    // A row without a picture is no reason to fail a job.
                    Err(error) => tracing::info!(%error, "no thumbnail"),
                }
            }
            Err(error) => tell(Inspection::Failed(error.into_failure().at(Stage::Probe))),
        }
    }
}

fn expand(specs: Vec<JobSpec>) -> WorkerReport {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for spec in specs {
        if !spec.source.is_dir() {
            // A file that is not there becomes a failed job, so that its row says why.
            found.push(spec);
            continue;
        }
        match intake::videos_in(&spec.source) {
            Ok(files) => found.extend(files.into_iter().map(|source| JobSpec { source, ..spec.clone() })),
            Err(error) => failures.push(error.into_failure()),
        }
    }
    WorkerReport::Expanded { specs: found, failures }
}
