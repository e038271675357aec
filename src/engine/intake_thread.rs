//! The thread `engine-intake`: finds the files in dropped folders and looks at sources that wait, so that a queued row
//! already says what it is.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, select_biased};

use super::dispatcher::WorkerReport;
use crate::{
    failure::{Failure, FailureKind},
    job::{JobId, JobSpec, Stage},
    media::SourceMedia,
    pipeline::{
        intake::{self, IntakeError},
        probe::{self, ProbeError},
    },
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};

/// How long the end of the program waits for an inspection to end.
const STOP_LIMIT: Duration = Duration::from_secs(3);

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
    current: Current,
    is_stopped: bool,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// What the thread is at, for whoever stops it.
#[derive(Clone, Default)]
struct Current(Arc<Mutex<CurrentInspection>>);

#[derive(Default)]
struct CurrentInspection {
    /// No further inspection begins.
    is_stopped: bool,
    cancel: CancelToken,
}

impl Current {
    /// The token of an inspection that begins now; `None` when none may begin.
    fn begin(&self) -> Option<CancelToken> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.cancel = CancelToken::default();
        (!current.is_stopped).then(|| current.cancel.clone())
    }

    fn stop(&self) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.is_stopped = true;
        current.cancel.cancel();
    }
}

struct Worker {
    toolbox: Arc<ArcSwapOption<Toolbox>>,
    thumbnails: PathBuf,
    reports: Sender<WorkerReport>,
    current: Current,
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
        // Bound 0: nothing is ever sent; the thread's end is the message.
        let (running, ended) = crossbeam_channel::bounded(0);
        let current = Current::default();
        let worker = Worker { toolbox, thumbnails, reports, current: current.clone() };
        std::thread::Builder::new().name("engine-intake".to_owned()).spawn(move || {
            let _running: Sender<()> = running;
            worker.run(&to_expand, &to_inspect);
        })?;
        Ok(Self { expand, inspect, current, is_stopped: false, ended })
    }

    /// Ends what the thread is at, with its child processes, and waits for that a moment at most.
    pub(super) fn stop(&mut self) {
        self.current.stop();
        self.is_stopped = true;
        // The thread ends when both are gone.
        (self.expand, self.inspect) = (crossbeam_channel::bounded(0).0, crossbeam_channel::bounded(0).0);
        if self.ended.recv_timeout(STOP_LIMIT) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the intake thread did not end in time");
        }
    }

    /// Hands over a request; never waits. After the stop nothing is taken any more: sources are looked at by the next run.
    pub(super) fn send(&self, request: IntakeRequest) {
        if self.is_stopped {
            return;
        }
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
        loop {
            // New files show up in the queue before the waiting ones are looked at.
            let report = select_biased! {
                recv(to_expand) -> specs => match specs {
                    Ok(specs) => guarded(|| expand(specs)).unwrap_or_else(|failure| WorkerReport::Expanded {
                        specs: Vec::new(),
                        failures: vec![failure],
                    }),
                    Err(_) => return,
                },
                recv(to_inspect) -> request => match request {
                    Ok((id, source)) => {
                        if let Err(failure) = guarded(|| self.inspect(id, &source)) {
                            tracing::error!(detail = failure.detail, "{}", failure.headline);
                        }
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
        let Some(cancel) = self.current.begin() else { return };
        match probe::probe(source, &toolbox, &cancel) {
            Ok(media) => {
                let picture = self.thumbnails.join(format!("{id}.jpg"));
                tell(Inspection::Source(Box::new(media.clone())));
                match probe::thumbnail(source, &media, &toolbox, &picture, &cancel) {
                    Ok(()) => tell(Inspection::Thumbnail(picture)),
                    // A row without a picture is no reason to fail a job.
                    Err(error) => tracing::info!(%error, "no thumbnail"),
                }
            }
            Err(ProbeError::Cancelled) => {}
            Err(error) => tell(Inspection::Failed(error.into_failure().at(Stage::Probe))),
        }
    }
}

/// A panic over one file must not end the thread that all others need.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        let hint = "Add the files again; if it fails again, report the log";
        Failure::new(FailureKind::Internal, "Reelpress itself failed at a file", hint).with_detail(words)
    })
}

/// What is not there is told at once and becomes no job.
fn expand(specs: Vec<JobSpec>) -> WorkerReport {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    let mut missing = Vec::new();
    for spec in specs {
        match intake::videos_in(&spec.source, &CancelToken::default()) {
            Ok(files) => found.extend(files.into_iter().map(|source| JobSpec { source, ..spec.clone() })),
            Err(IntakeError::NoSuchPath { path }) => missing.push(path),
            Err(error) => failures.push(error.into_failure()),
        }
    }
    failures.extend(match missing.len() {
        0 => None,
        1 => missing.pop().map(|path| IntakeError::NoSuchPath { path }.into_failure()),
        _ => Some(IntakeError::NoSuchPaths { paths: missing }.into_failure()),
    });
    WorkerReport::Expanded { specs: found, failures }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{job::Destination, preset::find_preset};

    fn expanded(sources: &[PathBuf]) -> (Vec<PathBuf>, Vec<Failure>) {
        let preset = find_preset("quick").unwrap();
        let spec =
            |source: &PathBuf| JobSpec::stream(source.clone(), preset.clone(), Destination::Folder("/streams".into()));
        match expand(sources.iter().map(spec).collect()) {
            WorkerReport::Expanded { specs, failures } => {
                (specs.into_iter().map(|spec| spec.source).collect(), failures)
            }
            _ => panic!("nothing was expanded"),
        }
    }

    #[test]
    fn files_that_are_not_there_are_told_at_once_and_become_no_jobs() {
        let folder = tempfile::tempdir().unwrap();
        let [film, gone, lost] = ["film.mp4", "gone.mp4", "lost.mov"].map(|name| folder.path().join(name));
        std::fs::write(&film, "x").unwrap();
        let (found, failures) = expanded(&[film.clone(), gone.clone()]);
        assert_eq!(found.as_slice(), std::slice::from_ref(&film));
        assert_eq!(failures[0].headline, format!("{} does not exist", gone.display()));
        let (found, failures) = expanded(&[gone, film.clone(), lost.clone(), film.join("inside.mp4")]);
        assert_eq!(found, [film]);
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].headline, "3 files or folders do not exist");
        assert!(failures[0].detail.contains(&lost.display().to_string()));
    }
}
