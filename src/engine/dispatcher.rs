//! The one writer: takes commands and reports, turns them into events, keeps the journal, starts and stops jobs.

mod ending;
mod jobs;
mod ordering;
mod removal;
mod short_disks;

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, select_biased};
use jiff::{Timestamp, Zoned};
pub(super) use short_disks::KnownDisks;

use super::{
    Command, Event, Job, PlannedRetry, QueueEntry, Showcase, Snapshot, ToolStatus,
    end_of_queue::EndedJobs,
    intake_thread::{Inspection, IntakeRequest},
    interruption_of,
    job_thread::{self, JobOutcome, RunningJob},
    journal::Journal,
    scheduler,
    services::Services,
    side_by_side::Load,
    snapshot::KEPT_LOG_LINES,
};
use crate::{
    failure::{Failure, FailureKind},
    job::{JobId, JobSpec, JobState, Report, Schedule},
    pipeline::{self, JobEnd, JobRequest, Notice, encryption},
    settings::Settings,
    tools::{cancel::CancelToken, disk::Disk, ffmpeg::Toolbox, pause::PauseSwitch},
};

/// Progress goes out ten times a second at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How soon a job begins after its time has come.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How often free disk space is measured.
const DISK_INTERVAL: Duration = Duration::from_secs(10);
/// How long the end of the program waits for its jobs to clean up.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// What the engine's threads tell the dispatcher.
pub(super) enum WorkerReport {
    /// A lifecycle notice of a running job.
    Noticed { id: JobId, notice: Notice },
    /// A job has finished its stream, and ends once it was told whether the journal has that.
    Finished { id: JobId, report: Box<Report>, noted: Sender<bool> },
    /// A job's thread is done.
    Ended { id: JobId, outcome: JobOutcome },
    /// Files were found for an `AddJobs`.
    Expanded { specs: Vec<JobSpec>, failures: Vec<Failure> },
    /// A source was looked at.
    Inspected { id: JobId, inspection: Inspection },
    /// ffmpeg was looked for.
    Tools(Result<Toolbox, Failure>),
    /// The disks of folders; `None` for one that can't be reached.
    DisksFound(Vec<(PathBuf, Option<Disk>)>),
    /// An event that a service made.
    Event(Box<Event>),
}

pub(super) struct Dispatcher {
    pub(super) snapshot: Snapshot,
    pub(super) journal: Journal,
    pub(super) showcase: Showcase,
    pub(super) services: Services,
    pub(super) running: HashMap<JobId, RunningJob>,
    pub(super) toolbox: Option<Toolbox>,
    pub(super) reports: Sender<WorkerReport>,
    /// On which disks folders are, while a job waits for room.
    pub(super) disks: KnownDisks,
    /// Towards the end of the queue.
    pub(super) ended: EndedJobs,
    /// When a planned power action is due: a clock that is set meanwhile neither hastens nor delays it.
    pub(super) power_due: Option<Instant>,
    /// Until when what was begun of removed jobs stays for "Undo"; `None` where nothing of the kind is there.
    pub(super) undo_until: Option<Instant>,
    /// How many threads the machine runs at a time.
    pub(super) cores: usize,
    /// The program ends, and not because the queue has come to its end.
    pub(super) is_stopping: bool,
}

impl Dispatcher {
    /// Works until `Stop`, or until every handle is gone.
    pub(super) fn run(mut self, commands: &Receiver<Command>, reports: &Receiver<WorkerReport>) {
        let disk = crossbeam_channel::tick(DISK_INTERVAL);
        let progress = crossbeam_channel::tick(PROGRESS_INTERVAL);
        let retries = crossbeam_channel::tick(RETRY_INTERVAL);
        let idle = crossbeam_channel::never();
        // Without tools nothing starts.
        if self.services.starts_jobs() {
            self.services.check_tools(&self.snapshot.settings);
            self.settle_earlier_removals();
            self.services.remove_replaced();
            self.services.remove_left_behind(self.known_jobs(), self.known_folders());
            self.services.forget_unfinished(self.finished_folders());
            self.services.measure_disk(&self.snapshot.settings);
            // The keychain may have them now.
            let without_keys = self.snapshot.jobs.iter().filter(|job| job.waits_for_keys());
            let without_keys: Vec<JobId> = without_keys.map(|job| job.id).collect();
            self.retry_all(&without_keys);
        }
        loop {
            let progress = if self.running.is_empty() { &idle } else { &progress };
            let retries = if self.waits_for_a_time() { &retries } else { &idle };
            select_biased! {
                recv(commands) -> command => match command {
                    Ok(Command::Stop) | Err(_) => break,
                    Ok(command) => self.command(command),
                },
                recv(reports) -> report => if let Ok(report) = report { self.report(report) },
                recv(progress) -> _ => self.drain_slots(),
                // Jobs whose time has come are started below.
                recv(retries) -> _ => {},
                recv(disk) -> _ => {
                    self.services.measure_disk(&self.snapshot.settings);
                    self.save_unsaved();
                    self.settle_old_removal();
                }
            }
            self.start_jobs();
            self.perform_planned();
            self.services.keep_awake(!self.running.is_empty());
        }
        self.stop(reports);
    }

    /// Journals, applies and shows events, in this order.
    fn emit(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let lasting: Vec<Event> = events.iter().filter(|event| event.is_journaled()).cloned().collect();
        let mut shown = events;
        if !lasting.is_empty()
            && let Err(error) = self.journal.append(&lasting)
        {
            tracing::error!(%error, "the journal can't be written");
            // Told first: who waits for the last job to end learns of it.
            shown.insert(0, Event::Noticed { failure: error.unsaved_failure() });
        }
        self.show(shown);
    }

    /// Applies and shows events that are in the journal already, or need not be there.
    fn show(&mut self, mut shown: Vec<Event>) {
        self.snapshot.apply_all(&shown);
        // Told first: who sees the last job end knows already what the machine does next.
        let end = self.end_of_queue();
        self.snapshot.apply_all(&end);
        shown.splice(0..0, end);
        self.showcase.show(&self.snapshot, &shown);
    }

    /// Writes what could not be written before, if there is room again. That it can't was told already.
    fn save_unsaved(&mut self) {
        if self.journal.has_unsaved()
            && let Err(error) = self.journal.append(&[])
        {
            tracing::info!(%error, "the journal still can't be written");
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::AddJobs { specs } => self.services.intake(IntakeRequest::Expand { specs }),
            Command::Cancel { id } => self.cancel(id),
            Command::Pause { id } => self.hold(id, true),
            Command::Resume { id } => self.hold(id, false),
            Command::Retry { id } => self.retry(id),
            Command::ChangeJob { id, spec } => self.change(id, spec),
            Command::Remove { id } => self.remove(|job_id, _| job_id == id),
            Command::RemoveFinished => self.remove(|_, state| matches!(state, JobState::Done { .. })),
            Command::UndoRemove => self.undo_removal(),
            Command::RemoveJobs { ids } => {
                let ids: HashSet<JobId> = ids.into_iter().collect();
                self.remove(|job_id, _| ids.contains(&job_id));
            }
            Command::Enqueue { jobs } => self.enqueue(jobs),
            Command::RetryFailed => self.retry_failed(),
            Command::MoveToTop { id } => self.move_to_top(id),
            Command::MoveToBottom { id } => self.move_to_bottom(id),
            Command::SetPriority { id, priority } => self.reschedule(id, |schedule| schedule.priority = priority),
            Command::StartAt { id, at } => {
                self.reschedule(id, |schedule| {
                    *schedule = Schedule { priority: schedule.priority, start_at: at, ..Schedule::default() }
                });
            }
            Command::StartNow { id } => self.reschedule(id, |schedule| {
                (schedule.start_at, schedule.ignores_working_hours) = (None, true);
            }),
            Command::OpenFiles { files } => self.emit(vec![Event::FilesOpened { files }]),
            Command::Acknowledge { token } => self.emit(vec![Event::Acknowledged { token }]),
            Command::MoveTo { id, index } => self.move_job(id, index),
            Command::PauseQueue => self.emit(vec![Event::QueuePaused]),
            Command::ResumeQueue => self.resume_queue(),
            Command::SetWorkingHours { hours } => {
                self.change_settings(move |settings| settings.working_hours = hours);
            }
            Command::SetWhenDone { when_done } => {
                self.change_settings(move |settings| settings.when_done.clone_from(&when_done));
            }
            Command::KeepOn => self.keep_on(),
            Command::UpdateSettings { settings } => self.use_settings(*settings),
            Command::CheckTools => self.services.check_tools(&self.snapshot.settings),
            Command::DownloadTools => self.services.download_tools(&self.snapshot.settings),
            Command::TestDestination { places } => self.services.test_destinations(places),
            Command::Preview { id } => {
                let job = self.snapshot.job(id);
                let stream = job.and_then(|job| {
                    Some((job.plan.as_ref()?.folder.clone(), job.spec.layout.kind.multivariant_playlist()))
                });
                let keys = job.and_then(|job| encryption::key_files(job.spec.outputs.encryption.as_ref(), id));
                self.services.preview(id, stream, keys);
            }
            Command::Stop => {}
        }
    }

    fn report(&mut self, report: WorkerReport) {
        match report {
            WorkerReport::Noticed { id, notice } => match notice {
                Notice::SourceProbed(source) => self.emit(vec![Event::SourceProbed { id, source }]),
                Notice::Planned(plan) => self.emit(vec![Event::JobPlanned { id, plan }]),
                Notice::StreamMade(stream) => self.emit(vec![Event::StreamMade { id, stream }]),
                Notice::Left(failure) => self.emit(vec![Event::Noticed { failure }]),
                Notice::Progressed(_) | Notice::FilesFinished(_) | Notice::Logged(_) => {}
            },
            WorkerReport::Finished { id, report, noted } => {
                // The thread waits; it is gone only with the whole program.
                let _ = noted.send(self.note_finished(id, report));
            }
            WorkerReport::Ended { id, outcome } => self.job_ended(id, outcome),
            WorkerReport::Expanded { specs, failures } => self.add_jobs(specs, failures),
            WorkerReport::Inspected { id, inspection } => self.inspected(id, inspection),
            WorkerReport::Tools(found) => self.tools_checked(found),
            WorkerReport::DisksFound(found) => self.disks.found(found),
            WorkerReport::Event(event) => self.emit(vec![*event]),
        }
    }

    /// Jobs that are in the list, or can come back into it.
    fn known_jobs(&self) -> HashSet<JobId> {
        let removed = self.snapshot.last_removed.iter().map(|(_, job)| job);
        self.snapshot.jobs.iter().chain(removed).map(|job| job.id).collect()
    }

    /// Folders of streams that these have made or begun.
    fn known_folders(&self) -> HashSet<PathBuf> {
        let removed = self.snapshot.last_removed.iter().map(|(_, job)| job);
        let folders = self.snapshot.jobs.iter().chain(removed).flat_map(|job| {
            let finished = job.unpublished.as_ref().and_then(|stream| stream.report.folder.clone());
            let planned = job.plan.as_ref().map(|plan| plan.folder.clone());
            [finished, planned, job.unfinished.clone()]
        });
        folders.flatten().collect()
    }

    /// Folders of streams that are finished, with their jobs.
    fn finished_folders(&self) -> Vec<(JobId, PathBuf)> {
        let folder = |job: &Arc<Job>| match &job.state {
            JobState::Done { report } => Some((job.id, report.folder.clone()?)),
            _ => None,
        };
        self.snapshot.jobs.iter().filter_map(folder).collect()
    }

    fn use_settings(&mut self, settings: Settings) {
        self.services.save_settings(&settings);
        let old = Arc::clone(&self.snapshot.settings);
        if (&old.ffmpeg, &old.ffprobe) != (&settings.ffmpeg, &settings.ffprobe) {
            self.services.check_tools(&settings);
        }
        if old.output_folder != settings.output_folder {
            self.services.measure_disk(&settings);
        }
        self.emit(vec![Event::SettingsChanged { settings: Box::new(settings) }]);
    }

    /// Changes a part of the settings, both of those that hold and of those that are saved.
    fn change_settings(&mut self, change: impl Fn(&mut Settings) + Send + 'static) {
        let mut settings = (*self.snapshot.settings).clone();
        change(&mut settings);
        self.services.change_saved_settings(change);
        self.emit(vec![Event::SettingsChanged { settings: Box::new(settings) }]);
    }

    fn add_jobs(&mut self, specs: Vec<JobSpec>, failures: Vec<Failure>) {
        self.enqueue(specs.into_iter().map(|spec| QueueEntry { spec, schedule: Schedule::default() }).collect());
        self.emit(failures.into_iter().map(|failure| Event::Noticed { failure }).collect());
    }

    fn inspected(&mut self, id: JobId, inspection: Inspection) {
        let job = self.snapshot.job(id);
        let is_known = job.is_some_and(|job| job.source.is_some());
        let is_waiting = job.is_some_and(|job| job.state == JobState::Waiting);
        match inspection {
            // Only the picture was missing; what the job has found itself stays.
            Inspection::Source(_) | Inspection::Failed(_) if is_known => {}
            Inspection::Source(source) => self.emit(vec![Event::SourceProbed { id, source }]),
            Inspection::Thumbnail(path) => self.emit(vec![Event::ThumbnailReady { id, path }]),
            // It may be free when its turn has come.
            Inspection::Failed(failure) if failure.kind == FailureKind::FileBusy => {}
            Inspection::Failed(failure) if is_waiting => {
                self.ended.refused += 1;
                self.emit(vec![Event::JobFailed { id, failure, at: Timestamp::now() }]);
            }
            // The running job meets the same failure itself.
            Inspection::Failed(_) => {}
        }
    }

    fn tools_checked(&mut self, found: Result<Toolbox, Failure>) {
        let status = match &found {
            Ok(toolbox) => ToolStatus::Ready {
                ffmpeg_version: toolbox.version.clone(),
                ffmpeg: toolbox.ffmpeg.clone(),
                ffprobe: toolbox.ffprobe.clone(),
            },
            Err(failure) => ToolStatus::Unusable { failure: failure.clone() },
        };
        let had_none = self.toolbox.is_none();
        self.toolbox = found.ok();
        self.services.use_toolbox(self.toolbox.as_ref());
        self.emit(vec![Event::ToolsChecked { status }]);
        if had_none && self.toolbox.is_some() {
            for job in self.snapshot.jobs.iter().filter(|job| job.lacks_picture()) {
                self.services.intake(IntakeRequest::Inspect { id: job.id, source: job.spec.source.clone() });
            }
        }
    }

    fn start_jobs(&mut self) {
        let Some(toolbox) = &self.toolbox else { return };
        let toolbox = toolbox.clone();
        self.look_at_disks();
        let being_cleared = self.places_being_cleared();
        while !self.snapshot.queue_paused {
            let busy = self.busy_jobs();
            // A queue may be long: it is looked through only where some job can begin.
            if !Load::ALL.iter().any(|load| self.has_place(&busy, *load)) {
                return;
            }
            let can_start = |job: &Job| {
                let is_free = !being_cleared.has_one_of(job.id, &job.spec);
                is_free && self.has_place(&busy, Load::of(job)) && self.has_room(job)
            };
            let Some(job) = scheduler::next_job(&self.snapshot, &Zoned::now(), &can_start).map(Arc::clone) else {
                return;
            };
            let request = JobRequest {
                id: job.id,
                spec: job.spec.clone(),
                unpublished: job.unpublished.as_deref().cloned(),
                toolbox: toolbox.clone(),
                cancel: CancelToken::default(),
                pause: PauseSwitch::default(),
                runtime: self.services.runtime_handle(),
                beginning: self.services.beginning(job.unfinished.clone()),
                is_queued: self.services.is_lasting(),
                work_folder: self.services.work_folder(job.id),
                hardware_file: self.services.hardware_file(),
                replaced_folder: self.services.folders.replaced(),
                kept_folder: self.services.folders.kept(),
            };
            self.emit(vec![Event::JobStarted { id: job.id, at: Timestamp::now() }]);
            match job_thread::start(request, &self.reports) {
                Ok(running) => {
                    self.running.insert(job.id, running);
                }
                Err(error) => {
                    let failure = Failure::new(
                        FailureKind::Internal,
                        "The system gives no thread for the job",
                        "Close other programs, then retry the job",
                    );
                    let failure = failure.with_detail(error.to_string());
                    self.emit(vec![Event::JobFailed { id: job.id, failure, at: Timestamp::now() }]);
                }
            }
        }
    }

    /// Writes into the journal that a job has finished its stream, before that shows: a program that is killed in between
    /// would take the stream for an unfinished one. True when it is there.
    fn note_finished(&mut self, id: JobId, report: Box<Report>) -> bool {
        let at = Timestamp::now();
        let Some(running) = self.running.get_mut(&id) else { return false };
        let is_noted = self.journal.append(&[Event::JobFinished { id, report, at }]).is_ok();
        running.finished_at = is_noted.then_some(at);
        is_noted
    }

    fn job_ended(&mut self, id: JobId, outcome: JobOutcome) {
        let (requeue, finished_at) = match self.running.remove(&id) {
            Some(running) => {
                let events = slot_events(id, &running);
                self.emit(events);
                (running.requeue, running.finished_at)
            }
            None => (false, None),
        };
        let at = finished_at.unwrap_or_else(Timestamp::now);
        let event = match outcome {
            Ok(report) => Event::JobFinished { id, report, at },
            Err(JobEnd::Cancelled) if requeue => match self.snapshot.job(id) {
                Some(job) => interruption_of(job),
                None => return,
            },
            Err(JobEnd::Cancelled) => Event::JobCancelled { id, at },
            Err(JobEnd::Failed(failure)) => {
                let job = self.snapshot.job(id);
                let tries = job.and_then(|job| job.retry.as_ref()).map_or(0, |retry| retry.number);
                // A job of one call has nobody who gives it keys later.
                let is_wanted = |retry: &PlannedRetry| !retry.waits_for_keys || self.services.is_lasting();
                match PlannedRetry::after(&failure, tries, at).filter(is_wanted) {
                    Some(retry) => Event::JobRetryPlanned { id, retry: Box::new(retry) },
                    None => Event::JobFailed { id, failure, at },
                }
            }
        };
        let mut events = Vec::new();
        if matches!(event, Event::JobRetryPlanned { .. } | Event::JobFailed { .. }) {
            // What is finished of its stream stays known, where the job has left it.
            let folder = self.snapshot.job(id).and_then(|job| Some(job.plan.as_ref()?.folder.clone()));
            let left = folder.and_then(|folder| Some((pipeline::reached_by(&folder, id)?, folder)));
            events.extend(left.map(|(reached, folder)| Event::StreamLeft { id, reached, folder }));
        }
        match &event {
            Event::JobFinished { .. } => self.ended.done += 1,
            Event::JobFailed { .. } => {
                self.ended.failed += 1;
                let log = self.snapshot.job(id).map(|job| Arc::clone(&job.log)).unwrap_or_default();
                let lines: Vec<String> = log.iter().skip(log.len().saturating_sub(KEPT_LOG_LINES)).cloned().collect();
                events.extend((!lines.is_empty()).then_some(Event::LogKept { id, lines }));
            }
            // What the user has cancelled does not count: they are here.
            _ => {}
        }
        events.push(event);
        if finished_at.is_some() { self.show(events) } else { self.emit(events) }
    }

    fn drain_slots(&mut self) {
        let events = self.running.iter().flat_map(|(id, running)| slot_events(*id, running)).collect();
        self.emit(events);
    }

    fn stop(mut self, reports: &Receiver<WorkerReport>) {
        self.is_stopping = true;
        self.settle_removal();
        for running in self.running.values_mut() {
            // What the user has cancelled stays cancelled, also if its end is still under way.
            running.requeue = !running.cancel.is_cancelled();
            running.cancel.suspend();
        }
        self.services.stop_intake();
        // Files that were dropped just before are in the queue at the next start.
        for report in reports.try_iter() {
            self.report(report);
        }
        let deadline = Instant::now() + STOP_LIMIT;
        while !self.running.is_empty() {
            match reports.recv_deadline(deadline) {
                Ok(report) => self.report(report),
                Err(_) => break,
            }
        }
        self.emit(vec![Event::Stopped]);
        self.services.shut_down();
        // Removals that have ended since then: what is not noted is done again at the next start.
        let ended = reports.try_iter().filter_map(|report| match report {
            WorkerReport::Event(event) if event.is_journaled() => Some(*event),
            _ => None,
        });
        if let Err(error) = self.journal.append(&ended.collect::<Vec<Event>>()) {
            tracing::warn!(%error, "the last removals are not in the journal");
        }
    }
}

fn slot_events(id: JobId, running: &RunningJob) -> Vec<Event> {
    let slot = running.take_slot();
    let mut events: Vec<Event> = slot.log.into_iter().map(|line| Event::JobLogged { id, line }).collect();
    if !slot.files.is_empty() {
        events.push(Event::FilesFinished { id, files: slot.files });
    }
    if let Some(progress) = slot.progress {
        events.push(Event::JobProgressed { id, progress: Box::new(progress) });
    }
    events
}
