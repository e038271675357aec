//! What is typed into the settings, and what it means. Pure.

use std::path::PathBuf;

use jiff::civil::Time;

use super::{
    encryption_form::EncryptionForm,
    fields::FieldProblem,
    keys::KeysForm,
    s3_form::{S3Form, S3Part},
};
use crate::{
    job::{JobId, LayoutKind, Outputs, StreamLayout, TemplateError, WorkingHours, schedule},
    settings::{Appearance, Settings, WhenDone},
};

pub(super) const OUTPUT_FOLDER: &str = "Output folder";
pub(super) const HOURS_FROM: &str = "From";
pub(super) const HOURS_TO: &str = "To";
pub(super) const TEMPLATE: &str = "Template of the folder";

/// Most jobs that may run side by side.
pub const MOST_JOBS: usize = 16;

/// What the fields show before hours were ever set: the night.
const FIRST_HOURS: WorkingHours = WorkingHours { from: Time::constant(22, 0, 0, 0), to: Time::constant(6, 0, 0, 0) };

/// The settings as text to edit.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsForm {
    /// The place that is shown first.
    pub section: SettingsSection,
    /// Path of ffmpeg; empty to look for it.
    pub ffmpeg: String,
    /// Path of ffprobe; empty to look for it.
    pub ffprobe: String,
    /// The output folder.
    pub output_folder: String,
    /// How the files of a stream lie in its folder.
    pub layout: LayoutKind,
    /// Template of the stream's folder; empty for that of the layout.
    pub template: String,
    /// How segments are encrypted.
    pub encryption: EncryptionForm,
    /// Stands for a job when the layout is shown.
    pub example_job: JobId,
    /// Light, dark or the system's.
    pub appearance: Appearance,
    /// Jobs that run side by side.
    pub running_jobs: usize,
    /// As many as the machine is made for, instead.
    pub automatic_jobs: bool,
    /// Waiting jobs start only in a part of the day.
    pub has_working_hours: bool,
    /// Where that part begins, as `HH:MM`.
    pub hours_from: String,
    /// Where it ends.
    pub hours_to: String,
    /// Interrupted jobs go on at the next start.
    pub goes_on_by_itself: bool,
    /// What is done at the end of the queue, but for its command.
    pub when_done: WhenDone,
    /// The command of that; empty for none.
    pub done_command: String,
    /// The bucket, and further ones.
    pub s3: S3Form,
    /// Keys that are being typed, over the settings.
    pub keys: Option<KeysForm>,
}

/// A part of the settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SettingsSection {
    /// Appearance, jobs side by side, output folder.
    #[default]
    General,
    /// What is done at the end of the queue.
    WhenDone,
    /// Where the files of streams lie.
    Layout,
    /// How segments are encrypted.
    Encryption,
    /// ffmpeg and ffprobe.
    Ffmpeg,
    /// The bucket.
    S3,
}

impl SettingsSection {
    /// All parts in the order in which they are shown.
    pub const ALL: [Self; 6] = [Self::General, Self::WhenDone, Self::Layout, Self::Encryption, Self::Ffmpeg, Self::S3];

    /// Name of the part.
    pub fn label(self) -> &'static str {
        match self {
            Self::General => "General",
            Self::WhenDone => "When done",
            Self::Layout => "Layout",
            Self::Encryption => "Encryption",
            Self::Ffmpeg => "ffmpeg",
            Self::S3 => "S3 destination",
        }
    }
}

impl SettingsForm {
    /// The form for these settings.
    pub fn new(settings: &Settings, section: SettingsSection) -> Self {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let hours = settings.working_hours.unwrap_or(FIRST_HOURS);
        Self {
            section,
            ffmpeg: path(&settings.ffmpeg),
            ffprobe: path(&settings.ffprobe),
            output_folder: settings.output_folder.display().to_string(),
            layout: settings.layout.kind,
            template: settings.layout.template.as_ref().map(ToString::to_string).unwrap_or_default(),
            encryption: EncryptionForm::of(settings.outputs.encryption.as_ref()),
            example_job: JobId::generate(),
            appearance: settings.appearance,
            running_jobs: settings.running_jobs,
            automatic_jobs: settings.automatic_jobs,
            has_working_hours: settings.working_hours.is_some(),
            hours_from: schedule::time_of_day(hours.from),
            hours_to: schedule::time_of_day(hours.to),
            goes_on_by_itself: settings.goes_on_by_itself,
            when_done: settings.when_done.clone(),
            done_command: settings.when_done.command.clone().unwrap_or_default(),
            s3: S3Form::new(settings),
            keys: None,
        }
    }

    /// The settings that the form means; what the form does not show is kept from `base`.
    ///
    /// # Errors
    /// What is missing or wrong, at which field, and the part where that is.
    pub fn to_settings(&self, base: &Settings) -> Result<Settings, (SettingsSection, FieldProblem)> {
        let path = |text: &str| filled(text).map(PathBuf::from);
        let wrong_folder = |words: &str| (SettingsSection::General, FieldProblem::new(OUTPUT_FOLDER, words));
        let output_folder = path(&self.output_folder).ok_or_else(|| wrong_folder("An output folder is needed"))?;
        if output_folder.is_relative() {
            return Err(wrong_folder("The output folder needs its full path"));
        }
        let working_hours = self.working_hours().map_err(|problem| (SettingsSection::General, problem))?;
        let wrong_layout = |error: TemplateError| {
            (SettingsSection::Layout, FieldProblem::new(TEMPLATE, format!("{error}. {}", error.hint())))
        };
        let layout = self.stream_layout().map_err(wrong_layout)?;
        let encryption = self.encryption.encryption().map_err(|problem| (SettingsSection::Encryption, problem))?;
        let (s3, also_to) = self.s3.places().map_err(|problem| (SettingsSection::S3, problem))?;
        Ok(Settings {
            also_to,
            ffmpeg: path(&self.ffmpeg),
            ffprobe: path(&self.ffprobe),
            output_folder,
            s3,
            drop_published: self.s3.drops_published,
            publish_to_s3: self.s3.publishes,
            preset: base.preset.clone(),
            preset_changes: base.preset_changes.clone(),
            outputs: Outputs { encryption, ..base.outputs.clone() },
            one_file: base.one_file.clone(),
            pictures_alone: base.pictures_alone,
            layout,
            running_jobs: self.running_jobs.clamp(1, MOST_JOBS),
            automatic_jobs: self.automatic_jobs,
            working_hours,
            appearance: self.appearance,
            goes_on_by_itself: self.goes_on_by_itself,
            when_done: WhenDone { command: filled(&self.done_command), ..self.when_done.clone() },
        })
    }

    fn working_hours(&self) -> Result<Option<WorkingHours>, FieldProblem> {
        if !self.has_working_hours {
            return Ok(None);
        }
        let time = |field: &'static str, text: &str| {
            schedule::typed_time_of_day(text).map_err(|_| FieldProblem::new(field, "Hours are written as 22:00"))
        };
        let hours = WorkingHours { from: time(HOURS_FROM, &self.hours_from)?, to: time(HOURS_TO, &self.hours_to)? };
        if hours.from == hours.to {
            return Err(FieldProblem::new(HOURS_TO, "The hours begin and end at the same time"));
        }
        Ok(Some(hours))
    }

    /// Shows the part with a field.
    pub fn show(&mut self, section: SettingsSection, field: &str) {
        self.section = section;
        if section == SettingsSection::S3 {
            self.s3.part = S3Part::of_field(field);
        }
    }

    /// The layout that the form means.
    ///
    /// # Errors
    /// When the template can't be used.
    pub fn stream_layout(&self) -> Result<StreamLayout, TemplateError> {
        let template = filled(&self.template).map(|text| text.parse()).transpose()?;
        Ok(StreamLayout { kind: self.layout, template })
    }
}

pub(super) fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
