//! What the dispatcher has done elsewhere, because it takes time: looking for tools, trying destinations, measuring the
//! disk, serving previews. Each answers with a report; none is waited for.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwapOption;
use crossbeam_channel::Sender;

use super::{
    DestinationTest, Event, Job, QueueLife, ToolStatus,
    dispatcher::WorkerReport,
    intake_thread::{IntakeRequest, IntakeThread},
};
use crate::{
    failure::{Failure, FailureKind},
    job::{JobId, S3Location},
    pipeline::{self, Beginning, publish},
    preview::PreviewServer,
    settings::{AppFolders, Settings},
    tools::{
        cancel::CancelToken,
        content_key::KeyFiles,
        disk,
        ffmpeg::{DownloadProgress, ToolError, Toolbox},
    },
};

/// How long the end of the engine waits for what runs in the background.
const SHUT_DOWN_LIMIT: std::time::Duration = std::time::Duration::from_secs(1);

/// How often it is looked whether something of a replaced stream is due.
const REPLACED_LOOK_INTERVAL: std::time::Duration = std::time::Duration::from_secs(300);

pub(super) struct Services {
    pub(super) folders: AppFolders,
    /// How long the queue lives.
    queue: QueueLife,
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) reports: Sender<WorkerReport>,
    toolbox: Arc<ArcSwapOption<Toolbox>>,
    intake: IntakeThread,
    /// One server for all previews, started by the first. Locked on blocking threads only.
    preview: Arc<Mutex<Option<PreviewServer>>>,
}

impl Services {
    pub(super) fn start(
        folders: AppFolders,
        queue: QueueLife,
        runtime: tokio::runtime::Runtime,
        reports: Sender<WorkerReport>,
    ) -> std::io::Result<Self> {
        let toolbox = Arc::new(ArcSwapOption::empty());
        let intake = IntakeThread::start(Arc::clone(&toolbox), folders.thumbnails(), reports.clone())?;
        Ok(Self { folders, queue, runtime, reports, toolbox, intake, preview: Arc::default() })
    }

    /// Whether jobs start.
    pub(super) fn starts_jobs(&self) -> bool {
        self.queue != QueueLife::LastingAtRest
    }

    pub(super) fn runtime_handle(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }

    /// From where a job begins, of which an interrupted run has left something in this folder.
    pub(super) fn beginning(&self, unfinished: Option<PathBuf>) -> Beginning {
        match (unfinished, self.queue) {
            (Some(folder), _) => Beginning::From(folder),
            (None, QueueLife::ThisRun) => Beginning::WhereItWas,
            (None, QueueLife::ThisRunAfresh | QueueLife::Lasting | QueueLife::LastingAtRest) => Beginning::Fresh,
        }
    }

    /// Removes what an interrupted run has left of a job that will not go on.
    pub(super) fn remove_unfinished(&self, job: &Job) {
        // A folder that was finished or moved meanwhile is left alone.
        if let Some(folder) = job.unfinished.clone().filter(|folder| pipeline::reached(folder).is_some()) {
            let (spec, id) = (job.spec.clone(), job.id);
            self.in_background(move |_| pipeline::remove_interrupted(&spec, id, &folder));
        }
    }

    /// Whether the queue outlives this run: then changed settings are saved, and waiting sources are looked at so that
    /// their rows tell what they are. The terminal's does not.
    pub(super) fn is_lasting(&self) -> bool {
        self.queue == QueueLife::Lasting
    }

    /// The folder for a job's passing files.
    pub(super) fn work_folder(&self, id: JobId) -> PathBuf {
        self.folders.cache.join("work").join(id.to_string())
    }

    /// Where it is kept which hardware encoders work.
    pub(super) fn hardware_file(&self) -> PathBuf {
        self.folders.hardware_file()
    }

    pub(super) fn use_toolbox(&self, toolbox: Option<&Toolbox>) {
        self.toolbox.store(toolbox.cloned().map(Arc::new));
    }

    pub(super) fn intake(&self, request: IntakeRequest) {
        if self.is_lasting() || matches!(request, IntakeRequest::Expand { .. }) {
            self.intake.send(request);
        }
    }

    /// Ends what the intake thread is at.
    pub(super) fn stop_intake(&mut self) {
        self.intake.stop();
    }

    pub(super) fn check_tools(&self, settings: &Settings) {
        let (settings, folders) = (settings.clone(), self.folders.clone());
        self.in_background(move |report| {
            report(WorkerReport::Tools(Toolbox::find(&settings, &folders).map_err(ToolError::into_failure)));
        });
    }

    pub(super) fn download_tools(&self, settings: &Settings) {
        let (settings, folders) = (settings.clone(), self.folders.clone());
        self.in_background(move |report| {
            let tell = |fraction| {
                report(WorkerReport::Event(Box::new(Event::ToolsChecked {
                    status: ToolStatus::Downloading { fraction },
                })));
            };
            tell(Some(0.0));
            let shown_percent = std::cell::Cell::new(0);
            let progress = |progress: DownloadProgress| {
                let fraction = progress.fraction();
                let percent = fraction.map_or(100, |fraction| (fraction * 100.0) as u32);
                if shown_percent.replace(percent) != percent {
                    tell(fraction);
                }
            };
            let downloaded = Toolbox::download(&folders, &progress, &CancelToken::default());
            // What is set or found first keeps its place before the download.
            let found = downloaded.and_then(|_| Toolbox::find(&settings, &folders));
            report(WorkerReport::Tools(found.map_err(ToolError::into_failure)));
        });
    }

    pub(super) fn save_settings(&self, settings: &Settings) {
        if !self.is_lasting() {
            return;
        }
        let (settings, file) = (settings.clone(), self.folders.settings_file());
        self.in_background(move |report| {
            if let Err(error) = settings.save(&file) {
                let failure = Failure::new(
                    FailureKind::OutputNotWritable,
                    error.to_string(),
                    "The settings hold until Reelpress ends; make the folder writable to keep them",
                );
                report(WorkerReport::Event(Box::new(Event::Noticed { failure })));
            }
        });
    }

    pub(super) fn measure_disk(&self, settings: &Settings) {
        let folder = settings.output_folder.clone();
        self.in_background(move |report| {
            let free_bytes = disk::free_bytes(&folder);
            report(WorkerReport::Event(Box::new(Event::DiskMeasured { free_bytes })));
        });
    }

    pub(super) fn test_destination(&self, location: Box<S3Location>) {
        let runtime = self.runtime_handle();
        self.in_background(move |report| {
            let tell = |test| report(WorkerReport::Event(Box::new(Event::DestinationTested { test })));
            tell(DestinationTest::Running);
            tell(match publish::test_destination(&runtime, &location) {
                Ok(()) => DestinationTest::Passed,
                Err(error) => DestinationTest::Failed { failure: error.into_failure() },
            });
        });
    }

    /// Removes what is due of streams that were replaced, now and from time to time.
    pub(super) fn remove_replaced(&self) {
        let folder = self.folders.replaced();
        self.runtime.spawn(async move {
            loop {
                publish::replace::remove_due(&folder).await;
                tokio::time::sleep(REPLACED_LOOK_INTERVAL).await;
            }
        });
    }

    /// Serves a folder once it holds this playlist.
    pub(super) fn preview(&self, id: JobId, stream: Option<(PathBuf, &'static str)>, keys: Option<KeyFiles>) {
        let (server, runtime) = (Arc::clone(&self.preview), self.runtime_handle());
        self.in_background(move |report| {
            let url = stream
                .filter(|(folder, playlist)| folder.join(playlist).is_file())
                .ok_or_else(|| {
                    Failure::new(
                        FailureKind::InvalidRequest,
                        "There is nothing to play yet",
                        "A stream can be played once its first segments are finished, and as long as its folder is there",
                    )
                })
                .and_then(|(folder, _)| {
                    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
                    if server.is_none() {
                        *server = Some(PreviewServer::start(&runtime).map_err(|error| {
                            Failure::new(
                                FailureKind::Internal,
                                "The preview can't be served on this machine",
                                "Allow Reelpress to listen on 127.0.0.1, or open the folder in another player",
                            )
                            .with_detail(error.to_string())
                        })?);
                    }
                    Ok(server.as_ref().map(|server| server.url_for_encrypted(&folder, keys)).unwrap_or_default())
                });
            report(WorkerReport::Event(Box::new(match url {
                Ok(url) => Event::PreviewReady { id, url },
                Err(failure) => Event::Noticed { failure },
            })));
        });
    }

    /// Ends the runtime; work that takes longer than a moment is left to end with the program.
    pub(super) fn shut_down(self) {
        self.runtime.shutdown_timeout(SHUT_DOWN_LIMIT);
    }

    /// Runs `work` on a thread of the runtime that may block.
    fn in_background(&self, work: impl FnOnce(&dyn Fn(WorkerReport)) + Send + 'static) {
        let reports = self.reports.clone();
        self.runtime.spawn_blocking(move || {
            work(&|report| {
                // The dispatcher is gone only when the program ends; nobody is left to tell.
                let _ = reports.send(report);
            });
        });
    }
}
