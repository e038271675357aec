//! What has been typed and chosen in the dialog of adjustments, and what it means.

use std::{path::PathBuf, time::Duration};

use super::{
    conversion_form::{ConversionForm, SHORT_SIDE},
    fields::FieldProblem,
    quality_form::{self, QualityForm},
    trim_form::{self, TrimForm},
};
use crate::{
    format,
    job::{
        Conversion, Crop, CropArea, Deinterlace, Flip, JobId, JobKind, JobSpec, LoudnessTarget, Operations, Outputs,
        RgbColour, Strength, SubtitleChoice, Turn, Watermark, WatermarkPosition, typed,
        validity::{SHORT_SIDES, SpecProblem},
    },
    preset::{Preset, PresetChanges, built_in_presets},
    settings::Settings,
};

/// What the dialog changes.
#[derive(Debug, Clone, PartialEq)]
pub enum AdjustTarget {
    /// What is done to files that are added from now on.
    NewFiles,
    /// A job that has not begun, or has ended without a stream.
    Job {
        /// Which job.
        id: JobId,
        /// What it is asked to do now.
        spec: Box<JobSpec>,
        /// What of it is encoded, if something is.
        encoded: Option<Duration>,
    },
    /// A new job like one that is done.
    Again {
        /// What the old one was asked to do.
        spec: Box<JobSpec>,
    },
}

/// A part of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdjustSection {
    /// Preset and outputs.
    Preset,
    /// Codecs, quality, encoder, 5.1.
    Quality,
    /// Format and quality of the one file.
    File,
    /// Which part is kept, and fades.
    Time,
    /// Crop, turn, filters.
    Picture,
    /// A picture on the picture.
    Watermark,
    /// Loudness and target size.
    SoundAndSize,
}

impl AdjustSection {
    /// Name of the part.
    pub fn label(self) -> &'static str {
        match self {
            Self::Preset => "Preset",
            Self::Quality => "Video and sound",
            Self::File => "File",
            Self::Time => "Time",
            Self::Picture => "Picture",
            Self::Watermark => "Watermark",
            Self::SoundAndSize => "Sound and size",
        }
    }
}

/// Which part of the picture is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CropChoice {
    /// All of it.
    Nothing,
    /// All but black bars.
    BlackBars,
    /// The area that was typed.
    Area,
}

/// Labels of the fields, at which is told what is wrong with them.
pub(super) mod labels {
    pub const FADE_IN: &str = "Fade in";
    pub const FADE_OUT: &str = "Fade out";
    /// In the order of [`AdjustForm::area`](super::AdjustForm).
    pub const AREA: [&str; 4] = ["Width", "Height", "From the left", "From the top"];
    pub const SHORT_SIDE: &str = "Largest short side in pixels";
    pub const BACKGROUND: &str = "Background of transparent pictures";
    pub const IMAGE: &str = "Image";
    pub const APPEARS: &str = "Appears";
    pub const GOES: &str = "Goes";
    pub const LOUDNESS: &str = "Loudness in LUFS";
    pub const TARGET_SIZE: &str = "Target size";
}

/// What is wrong with a field, and the part of the dialog where that is.
pub type Misplaced = (AdjustSection, FieldProblem);

/// The dialog's fields.
pub struct AdjustForm {
    /// What is changed.
    pub(super) target: AdjustTarget,
    /// Why a new job is made, where it was opened to change one.
    pub(super) too_late: Option<&'static str>,
    /// The part that is shown.
    pub(super) section: AdjustSection,
    /// The presets to choose from; the job's own first, if it is none of the built-in ones.
    pub(super) presets: Vec<Preset>,
    /// Index of the chosen one.
    pub(super) preset: usize,
    pub(super) outputs: Outputs,
    /// How one file is made, where that is what is made.
    pub(super) conversion: Option<ConversionForm>,
    /// What differs from the preset.
    pub(super) quality: QualityForm,
    /// The same as it was when the dialog was opened.
    quality_before: QualityForm,
    pub(super) trim: TrimForm,
    pub(super) fade_in: String,
    pub(super) fade_out: String,
    pub(super) crop: CropChoice,
    /// Width, height, left and top.
    pub(super) area: [String; 4],
    pub(super) turn: Option<Turn>,
    pub(super) flip: Option<Flip>,
    pub(super) deinterlace: Deinterlace,
    pub(super) denoise: Option<Strength>,
    pub(super) sharpen: Option<Strength>,
    /// Path of the image; without watermark when empty.
    pub(in crate::gui) image: String,
    pub(super) position: WatermarkPosition,
    pub(super) width_percent: f64,
    pub(super) margin_percent: f64,
    pub(super) opacity_percent: f64,
    pub(super) appears: String,
    pub(super) goes: String,
    pub(super) has_loudness: bool,
    pub(super) loudness: String,
    pub(super) target_size: String,
    pub(super) background: String,
    pub(super) short_side: String,
    /// Not in the form: kept as it was asked for.
    still_duration: Option<Duration>,
    /// The same.
    burn_in: Option<SubtitleChoice>,
}

impl AdjustForm {
    /// The form for new files with these operations, which become what the settings say.
    pub fn for_new_files(operations: &Operations, settings: &Settings) -> Self {
        let form = Self::new(AdjustTarget::NewFiles, operations, None);
        let section = settings.one_file.as_ref().map_or(form.section, |_| AdjustSection::File);
        let preset = form.presets.iter().position(|preset| preset.id == settings.preset).unwrap_or_default();
        let quality = QualityForm::of(&settings.preset_changes);
        let conversion = settings.one_file.as_ref().map(ConversionForm::of);
        Self { conversion, section, preset, quality_before: quality.clone(), quality, ..form }
    }

    /// The form for a job, whose source is this long.
    pub fn for_job(target: AdjustTarget, length: Option<Duration>) -> Self {
        let operations = match &target {
            AdjustTarget::Job { spec, .. } | AdjustTarget::Again { spec } => spec.operations.clone(),
            AdjustTarget::NewFiles => Operations::default(),
        };
        Self::new(target, &operations, length)
    }

    fn new(target: AdjustTarget, operations: &Operations, source_length: Option<Duration>) -> Self {
        let (section, outputs, own, conversion) = match &target {
            AdjustTarget::NewFiles => (AdjustSection::Quality, Outputs::default(), None, None),
            AdjustTarget::Job { spec, .. } | AdjustTarget::Again { spec } => {
                let (section, conversion) = match &spec.kind {
                    JobKind::Stream | JobKind::Pictures => (AdjustSection::Preset, None),
                    JobKind::File(conversion) => (AdjustSection::File, Some(ConversionForm::of(conversion))),
                };
                (section, spec.outputs.clone(), Some(&spec.preset), conversion)
            }
        };
        let mut presets = built_in_presets();
        let (preset, changes) = own.map_or_else(Default::default, |own| place_of(own, &mut presets));
        let quality = QualityForm::of(&changes);
        let clock = |time: Option<Duration>| time.map(format::precise_clock).unwrap_or_default();
        let length = |time: Duration| if time.is_zero() { String::new() } else { time.as_secs_f64().to_string() };
        let (crop, area) = match operations.crop {
            None => (CropChoice::Nothing, Default::default()),
            Some(Crop::BlackBars) => (CropChoice::BlackBars, Default::default()),
            Some(Crop::Area(CropArea { width, height, left, top })) => {
                (CropChoice::Area, [width, height, left, top].map(|number| number.to_string()))
            }
        };
        let watermark = operations.watermark.as_ref();
        Self {
            too_late: None,
            section,
            presets,
            preset,
            outputs,
            conversion,
            quality_before: quality.clone(),
            quality,
            trim: TrimForm::of(operations.trim, source_length),
            fade_in: length(operations.fade_in),
            fade_out: length(operations.fade_out),
            crop,
            area,
            turn: operations.rotate,
            flip: operations.flip,
            deinterlace: operations.deinterlace,
            denoise: operations.denoise,
            sharpen: operations.sharpen,
            image: watermark.map(|watermark| watermark.image.display().to_string()).unwrap_or_default(),
            position: watermark.map(|watermark| watermark.position).unwrap_or_default(),
            width_percent: watermark.map_or(Watermark::WIDTH_PERCENT, |watermark| watermark.width_percent),
            margin_percent: watermark.map_or(Watermark::MARGIN_PERCENT, |watermark| watermark.margin_percent),
            opacity_percent: watermark.map_or(100.0, |watermark| watermark.opacity_percent),
            appears: clock(watermark.and_then(|watermark| watermark.from)),
            goes: clock(watermark.and_then(|watermark| watermark.until)),
            has_loudness: operations.loudness.is_some(),
            loudness: operations.loudness.unwrap_or(LoudnessTarget::EBU_R128).lufs().to_string(),
            target_size: operations.target_size_bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
            background: operations.background.map(|colour| colour.to_string()).unwrap_or_default(),
            short_side: operations.short_side.map(|side| side.to_string()).unwrap_or_default(),
            still_duration: operations.still_duration,
            burn_in: operations.burn_in.clone(),
            target,
        }
    }

    /// Takes all adjustments back; the preset stays.
    pub fn reset(&mut self) {
        let (section, preset, outputs) = (self.section, self.preset, std::mem::take(&mut self.outputs));
        let (target, conversion) =
            (std::mem::replace(&mut self.target, AdjustTarget::NewFiles), self.conversion.take());
        let (quality, quality_before) = (QualityForm::of(&PresetChanges::default()), self.quality_before.clone());
        let plain = Self::new(target, &Operations::default(), self.trim.length());
        *self = Self { section, preset, outputs, conversion, quality, quality_before, ..plain };
    }

    /// The parts of the dialog.
    pub fn sections(&self) -> &'static [AdjustSection] {
        use AdjustSection::{File, Picture, Preset, Quality, SoundAndSize, Time, Watermark};
        match &self.target {
            _ if self.conversion.is_some() => &[File, Time, Picture, Watermark, SoundAndSize],
            AdjustTarget::NewFiles => &[Quality, Time, Picture, Watermark, SoundAndSize],
            AdjustTarget::Job { spec, .. } | AdjustTarget::Again { spec } if spec.kind == JobKind::Pictures => {
                &[Preset, Time, Picture, Watermark, SoundAndSize]
            }
            _ => &[Preset, Quality, Time, Picture, Watermark, SoundAndSize],
        }
    }

    /// The operations that the form means, within the limits of those that can be asked for.
    ///
    /// # Errors
    /// What is wrong, at which field, and the part where that is.
    pub fn operations(&self) -> Result<Operations, Misplaced> {
        let operations = self.typed_operations()?;
        operations.check().map_err(|problem| place_of_problem(&problem))?;
        Ok(operations)
    }

    fn typed_operations(&self) -> Result<Operations, Misplaced> {
        let trim = self.trim.trim().map_err(|problem| (AdjustSection::Time, problem))?;
        let loudness = self.has_loudness.then(|| typed::loudness(&self.loudness)).transpose();
        let size = filled(&self.target_size).map(typed::byte_size).transpose();
        let background = filled(&self.background).map(str::parse::<RgbColour>).transpose();
        let short_side = filled(&self.short_side).map(typed::pixels(&SHORT_SIDES)).transpose();
        let in_picture =
            |field: &'static str, advice: String| (AdjustSection::Picture, FieldProblem::new(field, advice));
        let sound_and_size =
            |field: &'static str| move |advice: &str| (AdjustSection::SoundAndSize, FieldProblem::new(field, advice));
        Ok(Operations {
            trim,
            crop: self.crop()?,
            rotate: self.turn,
            flip: self.flip,
            deinterlace: self.deinterlace,
            denoise: self.denoise,
            sharpen: self.sharpen,
            watermark: self.watermark()?,
            fade_in: typed_time(AdjustSection::Time, labels::FADE_IN, &self.fade_in)?.unwrap_or_default(),
            fade_out: typed_time(AdjustSection::Time, labels::FADE_OUT, &self.fade_out)?.unwrap_or_default(),
            loudness: loudness.map_err(sound_and_size(labels::LOUDNESS))?,
            target_size_bytes: size.map_err(sound_and_size(labels::TARGET_SIZE))?,
            still_duration: self.still_duration,
            burn_in: self.burn_in.clone(),
            background: background.map_err(|advice| in_picture(labels::BACKGROUND, advice.to_string()))?,
            short_side: short_side.map_err(|advice| in_picture(labels::SHORT_SIDE, advice))?,
        })
    }

    /// How one file is made, where that is what is made.
    ///
    /// # Errors
    /// As [`operations`](Self::operations).
    pub fn conversion(&self) -> Result<Option<Conversion>, Misplaced> {
        let conversion = self.conversion.as_ref().map(ConversionForm::conversion).transpose();
        conversion.map_err(|problem| (AdjustSection::File, problem))
    }

    /// What new files' streams have in place of what the preset says; `None` when that stays as it is.
    ///
    /// # Errors
    /// As [`operations`](Self::operations).
    pub fn changes(&self) -> Result<Option<PresetChanges>, Misplaced> {
        if self.conversion.is_some() || self.quality == self.quality_before {
            return Ok(None);
        }
        let preset = self.presets.get(self.preset);
        let changes = preset.map(|preset| self.quality.changes(preset)).transpose();
        changes.map_err(|problem| (AdjustSection::Quality, problem))
    }

    /// The preset of a job with what differs from it.
    fn changed_preset(&self, base: &Preset) -> Result<Preset, Misplaced> {
        let preset = self.presets.get(self.preset).unwrap_or(base);
        if self.conversion.is_some() {
            return Ok(preset.clone());
        }
        let changes = self.quality.changes(preset).map_err(|problem| (AdjustSection::Quality, problem))?;
        changes.apply(preset).map_err(|contradiction| (AdjustSection::Quality, quality_form::problem(contradiction)))
    }

    /// What a job is asked to do when it is done with these fields.
    ///
    /// # Errors
    /// As [`operations`](Self::operations).
    pub fn spec(&self, base: &JobSpec) -> Result<JobSpec, Misplaced> {
        let preset = self.changed_preset(&base.preset)?;
        let kind = match self.conversion()? {
            Some(conversion) => JobKind::File(Box::new(conversion)),
            None if base.kind == JobKind::Pictures => JobKind::Pictures,
            None => JobKind::Stream,
        };
        let operations = self.operations()?;
        let spec = JobSpec { kind, preset, outputs: self.outputs.clone(), operations, ..base.clone() };
        spec.check().map_err(|problem| place_of_problem(&problem))?;
        Ok(spec)
    }

    fn crop(&self) -> Result<Option<Crop>, Misplaced> {
        match self.crop {
            CropChoice::Nothing => Ok(None),
            CropChoice::BlackBars => Ok(Some(Crop::BlackBars)),
            CropChoice::Area => {
                let pixels = |place: usize, least: u32| {
                    let number = self.area[place].trim().parse().ok().filter(|number| *number >= least);
                    number.ok_or_else(|| {
                        let advice = if least > 0 { "Give pixels, 1 at least" } else { "Give pixels, or 0" };
                        (AdjustSection::Picture, FieldProblem::new(labels::AREA[place], advice))
                    })
                };
                let (width, height) = (pixels(0, 1)?, pixels(1, 1)?);
                Ok(Some(Crop::Area(CropArea { width, height, left: pixels(2, 0)?, top: pixels(3, 0)? })))
            }
        }
    }

    fn watermark(&self) -> Result<Option<Watermark>, Misplaced> {
        let Some(image) = filled(&self.image).map(PathBuf::from) else { return Ok(None) };
        let wrong = |field, words: &str| (AdjustSection::Watermark, FieldProblem::new(field, words));
        if image.is_relative() {
            return Err(wrong(labels::IMAGE, "The image needs its full path"));
        }
        let from = typed_time(AdjustSection::Watermark, labels::APPEARS, &self.appears)?;
        let until = typed_time(AdjustSection::Watermark, labels::GOES, &self.goes)?;
        if until.is_some_and(|until| until <= from.unwrap_or_default()) {
            return Err(wrong(labels::GOES, "The watermark goes after it appears"));
        }
        Ok(Some(Watermark {
            image,
            position: self.position,
            width_percent: self.width_percent,
            margin_percent: self.margin_percent,
            opacity_percent: self.opacity_percent,
            from,
            until,
        }))
    }
}

/// The place of a job's preset among `presets`, and what differs from it there. One that is none of them comes first.
fn place_of(own: &Preset, presets: &mut Vec<Preset>) -> (usize, PresetChanges) {
    for (index, preset) in presets.iter_mut().enumerate() {
        if preset.id == own.id {
            let changes = PresetChanges::between(preset, own);
            *preset = PresetChanges::undone(preset, own);
            return (index, changes);
        }
    }
    presets.insert(0, own.clone());
    (0, PresetChanges::default())
}

/// The part of the dialog and the field where this can be changed.
fn place_of_problem(problem: &SpecProblem) -> Misplaced {
    use AdjustSection::{File, Picture, Preset, Quality, SoundAndSize, Time, Watermark};
    let (section, field) = match problem.field.split('.').collect::<Vec<_>>().as_slice() {
        ["operations", "trim", "start"] => (Time, trim_form::START),
        ["operations", "trim", ..] => (Time, trim_form::END),
        ["operations", "fade_in"] => (Time, labels::FADE_IN),
        ["operations", "fade_out"] => (Time, labels::FADE_OUT),
        ["operations", "still_duration"] => (Time, "Time of a still picture"),
        ["operations", "watermark", "until"] => (Watermark, labels::GOES),
        ["operations", "watermark", ..] => (Watermark, labels::APPEARS),
        ["operations", "crop", ..] => (Picture, labels::AREA[0]),
        ["operations", "short_side"] => (Picture, labels::SHORT_SIDE),
        ["operations", "loudness"] => (SoundAndSize, labels::LOUDNESS),
        ["operations", "target_size_bytes"] => (SoundAndSize, labels::TARGET_SIZE),
        ["operations", ..] => (SoundAndSize, "Adjustments"),
        ["kind", "file", "short_side"] => (File, SHORT_SIDE),
        ["kind", ..] => (File, "File"),
        ["preset", ..] => (Quality, "Preset"),
        ["outputs" | "thumbnails", ..] => (Preset, "Thumbnails"),
        ["destination", ..] => (Preset, "Destination"),
        _ => (Preset, "Source"),
    };
    (section, FieldProblem::new(field, &problem.what))
}

fn typed_time(section: AdjustSection, field: &'static str, text: &str) -> Result<Option<Duration>, Misplaced> {
    let time = filled(text).map(typed::time).transpose();
    time.map_err(|advice| (section, FieldProblem::new(field, advice)))
}

fn filled(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
