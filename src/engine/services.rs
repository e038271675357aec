//! What the dispatcher has done elsewhere, because it takes time: looking for tools, trying destinations, measuring the
//! disk, serving previews. Each answers with a report; none is waited for.

use std::{
    collections::HashSet,
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{
    DestinationTest, Event, Job, QueueLife, ToolStatus,
    dispatcher::WorkerReport,
    intake_thread::{IntakeRequest, IntakeThread},
    machine::{self, Wakefulness},
};
use crate::{
    failure::{Failure, FailureKind},
    job::{Destination, JobId, JobState, S3Location},
    pipeline::{self, Beginning, Remains, publish},
    preview::PreviewServer,
    settings::{AppFolders, PowerAction, Settings, SettingsError, WhenDone},
    tools::{
        cancel::CancelToken,
        content_key::KeyFiles,
        disk::{self, Disk},
        ffmpeg::{DownloadProgress, ToolError, Toolbox},
        power, private,
    },
};

/// How long the end of the engine waits for what runs in the background.
const SHUT_DOWN_LIMIT: std::time::Duration = std::time::Duration::from_secs(1);

/// How long the end of the engine waits for what it must not leave half done.
const COMPLETION_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

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
    wakefulness: Wakefulness,
    /// The newest settings, until they are on the disk.
    unsaved: Arc<Mutex<Option<Settings>>>,
    /// Held by whoever writes them: older ones never come after newer ones.
    saving: Arc<Mutex<()>>,
    /// What the end of the engine waits for has a sender of its own; nothing is ever sent.
    completion: (Sender<Infallible>, Receiver<Infallible>),
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
        Ok(Self {
            folders,
            queue,
            runtime,
            reports,
            toolbox,
            intake,
            preview: Arc::default(),
            wakefulness: Wakefulness::default(),
            unsaved: Arc::default(),
            saving: Arc::default(),
            completion: crossbeam_channel::bounded(0),
        })
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
        let folder = job.unfinished.clone().filter(|folder| pipeline::reached(folder).is_some());
        let unpublished = job.unpublished.clone();
        let is_kept = matches!(job.state, JobState::Failed { .. })
            && !matches!(job.spec.destination, Destination::S3 { keep_local: false, .. });
        let (spec, id) = (job.spec.clone(), job.id);
        let (runtime, reports) = (self.runtime_handle(), self.reports.clone());
        self.to_completion(move || {
            let remains = Remains { folder: folder.as_deref(), unpublished: unpublished.as_deref(), is_kept };
            for failure in pipeline::remove_interrupted(&runtime, (&spec, id), remains) {
                // The dispatcher is gone only when the program ends.
                let _ = reports.send(WorkerReport::Event(Box::new(Event::Noticed { failure })));
            }
            let _ = reports.send(WorkerReport::Event(Box::new(Event::RemainsRemoved { id })));
        });
    }

    /// Removes the notes that streams are unfinished, of jobs that are at their end.
    pub(super) fn forget_unfinished(&self, finished: Vec<(JobId, PathBuf)>) {
        self.in_background(move |_| {
            finished.iter().for_each(|(id, folder)| pipeline::forget_unfinished(folder, *id));
        });
    }

    /// Removes what killed programs have left in the app's own folders: passing files, streams that nobody goes on with,
    /// and pictures of jobs that are no longer known.
    pub(super) fn remove_left_behind(&self, known: HashSet<JobId>, folders: HashSet<PathBuf>) {
        let work = self.work_folders();
        let (streams, is_lasting) = (self.folders.streams(), self.is_lasting());
        let thumbnails = self.is_lasting().then(|| self.folders.thumbnails());
        let own = [self.folders.data.clone(), self.folders.cache.clone()];
        self.in_background(move |_| {
            // They hold pictures of the user's films and say where these lie.
            own.iter().filter_map(|folder| private::create_folder(folder).err()).for_each(|error| {
                tracing::info!(%error, "a folder of the program could not be made");
            });
            pipeline::remove_left_behind(&work);
            let is_known = |path: &Path| folders.contains(path);
            pipeline::remove_given_up(&streams, is_lasting.then_some(&is_known));
            if let Some(folder) = thumbnails {
                remove_pictures(&folder, &known);
            }
        });
    }

    /// Says that the queue has come to its end, in the ways that were asked for. The end of the engine waits for that.
    pub(super) fn tell_end(&self, when_done: &WhenDone, done: usize, failed: usize) {
        let when_done = when_done.clone();
        let runtime = self.runtime_handle();
        self.to_completion(move || machine::tell(&runtime, &when_done, done, failed));
    }

    /// Lets the machine sleep, or shuts it down.
    pub(super) fn perform(&self, action: PowerAction) {
        let reports = self.reports.clone();
        self.to_completion(move || {
            if let Err(words) = power::perform(action) {
                let headline = format!("The machine stays on: the system did not let it {}", action.id());
                let hint = "Allow it in the system’s settings, or give a command of your own for the end of the queue";
                let failure = Failure::new(FailureKind::PermissionDenied, headline, hint).with_detail(words);
                // The dispatcher is gone only when the program ends.
                let _ = reports.send(WorkerReport::Event(Box::new(Event::Noticed { failure })));
            }
        });
    }

    /// Keeps the machine awake from now on, or no longer.
    pub(super) fn keep_awake(&self, is_wanted: bool) {
        self.wakefulness.want(is_wanted, &self.runtime);
    }

    /// Whether the queue outlives this run: then changed settings are saved, and waiting sources are looked at so that
    /// their rows tell what they are. The terminal's does not.
    pub(super) fn is_lasting(&self) -> bool {
        self.queue == QueueLife::Lasting
    }

    /// The folder for a job's passing files.
    pub(super) fn work_folder(&self, id: JobId) -> PathBuf {
        self.work_folders().join(id.to_string())
    }

    fn work_folders(&self) -> PathBuf {
        self.folders.cache.join("work")
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
        *self.unsaved.lock().unwrap_or_else(PoisonError::into_inner) = Some(settings.clone());
        // Who came before may have written these too.
        self.write_settings(|newest, _| Ok(newest));
    }

    /// Changes what is saved of the settings, and nothing else: those that hold may be of this run alone.
    pub(super) fn change_saved_settings(&self, change: impl FnOnce(&mut Settings) + Send + 'static) {
        if self.is_lasting() {
            self.write_settings(|newest, file| {
                let mut settings = newest.map_or_else(|| Settings::load(file), Ok)?;
                change(&mut settings);
                Ok(Some(settings))
            });
        }
    }

    /// Saves what `settled` makes of the newest settings that are not saved yet, one after the other.
    fn write_settings(
        &self,
        settled: impl FnOnce(Option<Settings>, &Path) -> Result<Option<Settings>, SettingsError> + Send + 'static,
    ) {
        let (unsaved, saving) = (Arc::clone(&self.unsaved), Arc::clone(&self.saving));
        let (file, reports) = (self.folders.settings_file(), self.reports.clone());
        self.to_completion(move || {
            let _one_at_a_time = saving.lock().unwrap_or_else(PoisonError::into_inner);
            let newest = unsaved.lock().unwrap_or_else(PoisonError::into_inner).take();
            let saved = settled(newest, &file).and_then(|settings| settings.map_or(Ok(()), |all| all.save(&file)));
            if let Err(error) = saved {
                let failure = error.into_failure("The settings hold until Reelpress ends. ");
                // The dispatcher is gone only when the program ends.
                let _ = reports.send(WorkerReport::Event(Box::new(Event::Noticed { failure })));
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

    /// Finds out on which disks these folders are.
    pub(super) fn find_disks(&self, folders: Vec<PathBuf>) {
        self.in_background(move |report| {
            let disks =
                folders.into_iter().map(|folder| (Disk::of(&folder), folder)).map(|(disk, folder)| (folder, disk));
            report(WorkerReport::DisksFound(disks.collect()));
        });
    }

    pub(super) fn test_destinations(&self, places: Vec<S3Location>) {
        let runtime = self.runtime_handle();
        self.in_background(move |report| {
            let tell = |test| report(WorkerReport::Event(Box::new(Event::DestinationTested { test })));
            tell(DestinationTest::Running);
            let are_several = places.len() > 1;
            let failure = places.iter().find_map(|place| {
                let failure = publish::test_destination(&runtime, place).err()?.into_failure();
                Some(if are_several { failure.naming(place) } else { failure })
            });
            tell(failure.map_or(DestinationTest::Passed, |failure| DestinationTest::Failed { failure }));
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
        let (own, others) = self.completion;
        drop(own);
        if others.recv_timeout(COMPLETION_LIMIT) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("files of removed jobs are still being removed");
        }
        self.runtime.shutdown_timeout(SHUT_DOWN_LIMIT);
    }

    /// Runs `work` on a thread of the runtime that may block; the end of the engine waits for it.
    fn to_completion(&self, work: impl FnOnce() + Send + 'static) {
        let completion = self.completion.0.clone();
        self.runtime.spawn_blocking(move || {
            work();
            drop(completion);
        });
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

/// Removes the pictures of jobs that are not `known`. Their files are named after them.
fn remove_pictures(folder: &Path, known: &HashSet<JobId>) {
    let known: HashSet<String> = known.iter().map(ToString::to_string).collect();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let job = path.file_stem().unwrap_or_default().to_string_lossy();
        if !known.contains(job.as_ref())
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::info!(%error, path = %path.display(), "the picture of a removed job could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_removed_jobs_go_and_those_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let [known, removed] = [JobId::generate(), JobId::generate()];
        let picture = |job: JobId| folder.path().join(format!("{job}.jpg"));
        for job in [known, removed] {
            std::fs::write(picture(job), "").unwrap();
        }
        remove_pictures(folder.path(), &HashSet::from([known]));
        assert!(picture(known).exists() && !picture(removed).exists());
    }
}
