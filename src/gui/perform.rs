//! Performing what a person did.

use std::{path::PathBuf, sync::Arc, time::Duration};

use eframe::egui::{self, ViewportCommand};

use super::{
    action::{Action, CloseAnswer},
    app::ReelpressApp,
    dialogs::{
        adjust::{AdjustForm, AdjustTarget},
        paste_path::PathForm,
        schedule::ScheduleForm,
        settings::{SettingsForm, SettingsSection},
    },
    file_dialog::{self, PathPurpose, PickedPaths},
    view_state::{Dialog, NoticeMessage, RowToShow},
};
use crate::{
    engine::{Command, Job, QueueEntry},
    failure::{Failure, FailureKind},
    job::{JobId, JobKind, JobSpec, OutputKind, Outputs, StreamLayout},
    preset::{built_in_presets, find_preset, one_file_preset, pictures_preset},
    settings::Settings,
};

impl ReelpressApp {
    pub(super) fn perform(&mut self, ctx: &egui::Context, action: Action) {
        match action {
            Action::Send(command) => self.send_by_hand(command),
            Action::AddPaths(paths) => self.add_paths(paths),
            Action::Pick(purpose) => self.pick(ctx, purpose),
            Action::Picked(picked) => self.take_picked(picked),
            Action::TrySampleClip => self.desktop.unpack_sample(self.folders.clone()),
            change @ (Action::ChoosePreset(_)
            | Action::ChangePreset(_)
            | Action::ChooseOutput { .. }
            | Action::MakeOneFile(_)
            | Action::MakePicturesAlone
            | Action::ChooseSound(_)
            | Action::ChoosePublishToS3(_)) => self.change_settings(|settings| choose(settings, change)),
            Action::OpenSettings(section) => self.open_settings(section),
            Action::OpenAdjust(target) => {
                let form = match target {
                    AdjustTarget::NewFiles => AdjustForm::for_new_files(&self.view.operations, &self.snapshot.settings),
                    of_a_job => {
                        let length = self.length_of_source(&of_a_job);
                        AdjustForm::for_job(of_a_job, length)
                    }
                };
                self.view.dialog = Some(Dialog::Adjust(Box::new(form)));
            }
            Action::OpenSchedule(ids) => self.open_schedule(&ids),
            Action::AskToCancel(ids) => self.view.dialog = Some(Dialog::Cancel(ids)),
            Action::SaveReport(job) => self.save_report(job),
            Action::RunAgain(job) => {
                if self.can_be_asked(&job.spec) {
                    self.send(Command::Enqueue { jobs: vec![QueueEntry::again(&job)] });
                }
            }
            Action::OpenHistory => self.open_history(),
            Action::AdjustNewFiles(operations) => self.view.operations = *operations,
            Action::UseKeys { name, key, in_keychain } => self.use_keys(name, key, in_keychain),
            Action::RetryWithSameKeys(ids) => ids.into_iter().for_each(|id| self.send(Command::Retry { id })),
            Action::RemoveKeys(name) => self.remove_keys(name),
            Action::OpenTools => self.view.dialog = Some(Dialog::Tools { asks_for_download: false }),
            Action::OpenFolder(folder) => self.desktop.open(folder),
            Action::Copy { text, what } => {
                ctx.copy_text(text);
                self.view.notify(NoticeMessage::Text(format!("{what} copied")));
            }
            Action::Select(_) | Action::SelectToo(_) | Action::SelectUpTo(_) | Action::SelectAll => {
                self.select(&action);
            }
            Action::ShowDetails => self.show_details(true),
            Action::ToggleDetails => {
                let is_shown = if self.view.is_wide { self.view.details_wanted } else { self.view.details_cover_queue };
                self.show_details(!is_shown);
            }
            Action::FocusSearch => {
                self.view.details_cover_queue = false;
                self.view.focus_search = true;
            }
            Action::AnswerClose(answer) => self.answer_close(ctx, answer),
            Action::StayOpen => self.view.close_when_finished = false,
        }
    }

    fn select(&mut self, action: &Action) {
        let selection = &mut self.view.selection;
        let shown = self.view.queue.ids(&self.snapshot);
        match action {
            Action::Select(id) => selection.set(Some(*id)),
            Action::SelectToo(id) => return selection.toggle(*id, shown),
            Action::SelectUpTo(id) => selection.extend_to(*id, shown),
            _ => return selection.set_all(shown),
        }
        self.view.scroll_to = self.view.selection.current().map(RowToShow::of);
    }

    /// How long the picture of a job's source is, where it has been looked at; files that follow it count too, but are not.
    fn length_of_source(&self, target: &AdjustTarget) -> Option<Duration> {
        let (AdjustTarget::Job { spec, .. } | AdjustTarget::Again { spec }) = target else { return None };
        let job = self.snapshot.jobs.iter().find(|job| job.spec == **spec && spec.joined.is_empty())?;
        job.source.as_ref()?.picture_duration()
    }

    fn open_settings(&mut self, section: SettingsSection) {
        let form = SettingsForm::new(&self.snapshot.settings, section);
        self.view.dialog = Some(Dialog::Settings(Box::new(form)));
    }

    fn open_schedule(&mut self, ids: &[JobId]) {
        let jobs: Vec<&Arc<Job>> = ids.iter().filter_map(|id| self.snapshot.job(*id)).collect();
        if let Some(form) = ScheduleForm::of(&jobs) {
            self.view.dialog = Some(Dialog::Schedule(form));
        }
    }

    fn save_report(&self, job: Arc<Job>) {
        if let Some(folders) = self.folders.clone() {
            self.desktop.save_report(Arc::clone(&self.snapshot), job, folders);
        }
    }

    fn open_history(&mut self) {
        self.view.dialog = Some(Dialog::History(Box::default()));
        self.refresh_history();
    }

    /// Reads the history again, if it is looked at.
    pub(super) fn refresh_history(&mut self) {
        if let Some(Dialog::History(view)) = &mut self.view.dialog
            && view.wants_reading()
        {
            self.read_history();
        }
    }

    fn read_history(&mut self) {
        match self.folders.clone() {
            Some(folders) => self.desktop.read_history(Arc::clone(&self.snapshot), folders),
            None => self.take_history(Ok(self.snapshot.ended_jobs())),
        }
    }

    /// Shows what was read of the history, if that is still looked at.
    pub(super) fn take_history(&mut self, jobs: Result<Vec<Arc<Job>>, Failure>) {
        if let Some(Dialog::History(view)) = &mut self.view.dialog
            && view.take(jobs)
        {
            self.read_history();
        }
    }

    fn show_details(&mut self, are_shown: bool) {
        if self.view.is_wide {
            self.view.details_wanted = are_shown;
        } else {
            self.view.details_cover_queue = are_shown && self.view.selection.current().is_some();
        }
    }

    fn send_by_hand(&mut self, command: Command) {
        match command {
            Command::Retry { id } => self.retry_by_hand(id),
            Command::RetryFailed => self.retry_failed_by_hand(),
            command => self.send(command),
        }
    }

    pub(super) fn send(&mut self, command: Command) {
        if let Command::Preview { id } = &command {
            self.previews_asked.insert(*id);
        }
        if self.engine.send(command).is_err() {
            self.view.notify(NoticeMessage::Text("The engine has ended; close the window and start again".to_owned()));
        }
    }

    fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.snapshot.settings).clone();
        change(&mut settings);
        self.send(Command::UpdateSettings { settings: Box::new(settings) });
    }

    /// Makes jobs of files and folders, with the chosen preset and destination.
    pub(super) fn add_paths(&mut self, paths: Vec<PathBuf>) {
        let settings = &self.snapshot.settings;
        let chosen = find_preset(&settings.preset).or_else(|| built_in_presets().into_iter().next());
        let Some(chosen) = chosen else { return };
        // Only streams have a layout, and files beside them.
        let (preset, outputs, layout) = match settings.kind() {
            JobKind::File(_) => (one_file_preset(), Outputs::default(), StreamLayout::default()),
            JobKind::Pictures => {
                let Outputs { storyboard, thumbnails, .. } = settings.outputs;
                let outputs = Outputs { storyboard, thumbnails, ..Outputs::default() };
                (pictures_preset(), outputs, StreamLayout::default())
            }
            JobKind::Stream => {
                let preset = match settings.preset_changes.apply(&chosen) {
                    Ok(preset) => preset,
                    Err(problem) => {
                        self.view.notify(NoticeMessage::Text(format!("{problem}. {}", problem.hint())));
                        return;
                    }
                };
                (preset, settings.outputs.clone(), settings.layout.clone())
            }
        };
        let destination = settings.destination();
        let specs: Vec<JobSpec> = paths
            .into_iter()
            .map(|path| JobSpec {
                kind: settings.kind(),
                outputs: outputs.clone(),
                operations: self.view.operations.clone(),
                layout: layout.clone(),
                ..JobSpec::stream(std::path::absolute(&path).unwrap_or(path), preset.clone(), destination.clone())
            })
            .collect();
        if !specs.is_empty() && specs.iter().all(|spec| self.can_be_asked(spec)) {
            self.view.select_next_added = true;
            self.send(Command::AddJobs { specs });
        }
    }

    /// Whether a job can be added; says what is wrong with it otherwise.
    fn can_be_asked(&mut self, spec: &JobSpec) -> bool {
        let Err(problem) = spec.check() else { return true };
        let place = match problem.field {
            "destination" => "Change it under Settings → S3 destination",
            "outputs.thumbnails.width" => "Change it under Outputs",
            _ => "Change it under “Adjust new files…”",
        };
        let failure = Failure::new(FailureKind::InvalidRequest, format!("Nothing was added: {problem}"), place);
        self.view.notify(NoticeMessage::Failure(failure));
        false
    }

    fn pick(&mut self, ctx: &egui::Context, purpose: PathPurpose) {
        let is_shown = self.view.has_file_dialogs
            && file_dialog::pick(purpose, self.picked.0.clone(), ctx.clone())
                .inspect_err(|error| tracing::warn!(%error, "no thread for a file dialog"))
                .is_ok();
        if !is_shown {
            let settings = &self.snapshot.settings;
            let present = match purpose {
                PathPurpose::OutputFolder => Some(&settings.output_folder),
                PathPurpose::Ffmpeg => settings.ffmpeg.as_ref(),
                _ => None,
            };
            let present = present.map(|path| path.display().to_string()).unwrap_or_default();
            self.view.dialog = Some(Dialog::Path(PathForm::new(purpose, present)));
        }
    }

    fn take_picked(&mut self, PickedPaths { purpose, paths }: PickedPaths) {
        if matches!(purpose, PathPurpose::AddFiles | PathPurpose::AddFolder) {
            self.add_paths(paths);
            return;
        }
        let Some(path) = paths.into_iter().next() else { return };
        let text = path.display().to_string();
        match (purpose, &mut self.view.dialog) {
            (PathPurpose::OutputFolder, _) => self.change_settings(|settings| settings.output_folder = path),
            (PathPurpose::Ffmpeg, _) => self.change_settings(|settings| settings.ffmpeg = Some(path)),
            (PathPurpose::SettingsOutputFolder, Some(Dialog::Settings(form))) => form.output_folder = text,
            (PathPurpose::SettingsFfmpeg, Some(Dialog::Settings(form))) => form.ffmpeg = text,
            (PathPurpose::SettingsFfprobe, Some(Dialog::Settings(form))) => form.ffprobe = text,
            (PathPurpose::Watermark, Some(Dialog::Adjust(form))) => form.image = text,
            _ => {}
        }
    }

    fn answer_close(&mut self, ctx: &egui::Context, answer: CloseAnswer) {
        match answer {
            CloseAnswer::KeepRunning => ctx.send_viewport_cmd(ViewportCommand::Minimized(true)),
            CloseAnswer::CloseWhenFinished => self.view.close_when_finished = true,
            CloseAnswer::StopAndClose => {
                self.view.is_stopping = true;
                if self.engine.send(Command::Stop).is_err() {
                    self.engine_ended(ctx);
                }
            }
            CloseAnswer::Cancel => {}
        }
    }
}

/// Sets what becomes of new files.
fn choose(settings: &mut Settings, choice: Action) {
    match choice {
        Action::ChoosePreset(preset) => settings.preset = preset,
        Action::ChangePreset(changes) => settings.preset_changes = *changes,
        Action::ChooseOutput { kind, is_made } => {
            settings.one_file = None;
            // A storyboard is made of pictures as well.
            settings.pictures_alone &= kind == OutputKind::Storyboard;
            settings.outputs.set(kind, is_made);
        }
        Action::MakeOneFile(conversion) => {
            settings.one_file = conversion.map(|conversion| *conversion);
            settings.pictures_alone = false;
        }
        Action::MakePicturesAlone => {
            settings.one_file = None;
            settings.pictures_alone = true;
        }
        Action::ChooseSound(stereo) => {
            settings.one_file = None;
            settings.pictures_alone = false;
            let of_preset = find_preset(&settings.preset).map(|preset| preset.stereo);
            settings.preset_changes.stereo = Some(stereo).filter(|stereo| of_preset != Some(*stereo));
        }
        Action::ChoosePublishToS3(publishes) => settings.publish_to_s3 = publishes,
        _ => {}
    }
}
