//! What has been typed and chosen in the dialog of adjustments, and what it means.

use std::{path::PathBuf, time::Duration};

use super::conversion_form::ConversionForm;
use crate::{
    format,
    job::{
        Conversion, Crop, CropArea, Deinterlace, Flip, JobId, JobKind, JobSpec, LoudnessTarget, Operations, Outputs,
        Strength, Trim, Turn, Watermark, WatermarkPosition, typed,
    },
    preset::{Preset, built_in_presets},
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

/// The dialog's fields.
pub struct AdjustForm {
    /// What is changed.
    pub(super) target: AdjustTarget,
    /// The part that is shown.
    pub(super) section: AdjustSection,
    /// The presets to choose from; the job's own first, if it is none of the built-in ones.
    pub(super) presets: Vec<Preset>,
    /// Index of the chosen one.
    pub(super) preset: usize,
    pub(super) outputs: Outputs,
    /// How one file is made, where that is what is made.
    pub(super) conversion: Option<ConversionForm>,
    pub(super) start: String,
    pub(super) end: String,
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
    /// Not in the form: kept as it was asked for.
    still_duration: Option<Duration>,
}

impl AdjustForm {
    /// The form for new files with these operations, which become streams or one file each.
    pub fn for_new_files(operations: &Operations, one_file: Option<&Conversion>) -> Self {
        let form = Self::new(AdjustTarget::NewFiles, operations);
        let section = one_file.map_or(form.section, |_| AdjustSection::File);
        Self { conversion: one_file.map(ConversionForm::of), section, ..form }
    }

    /// The form for a job.
    pub fn for_job(target: AdjustTarget) -> Self {
        let operations = match &target {
            AdjustTarget::Job { spec, .. } | AdjustTarget::Again { spec } => spec.operations.clone(),
            AdjustTarget::NewFiles => Operations::default(),
        };
        Self::new(target, &operations)
    }

    fn new(target: AdjustTarget, operations: &Operations) -> Self {
        let (section, outputs, own, conversion) = match &target {
            AdjustTarget::NewFiles => (AdjustSection::Time, Outputs::default(), None, None),
            AdjustTarget::Job { spec, .. } | AdjustTarget::Again { spec } => {
                let (section, conversion) = match &spec.kind {
                    JobKind::Stream => (AdjustSection::Preset, None),
                    JobKind::File(conversion) => (AdjustSection::File, Some(ConversionForm::of(conversion))),
                };
                (section, spec.outputs.clone(), Some(&spec.preset), conversion)
            }
        };
        let mut presets = built_in_presets();
        let preset = own.map_or(0, |own| {
            presets.iter().position(|preset| preset == own).unwrap_or_else(|| {
                presets.insert(0, own.clone());
                0
            })
        });
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
            section,
            presets,
            preset,
            outputs,
            conversion,
            start: clock(operations.trim.start),
            end: clock(operations.trim.end),
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
            still_duration: operations.still_duration,
            target,
        }
    }

    /// Takes all adjustments back; the preset stays.
    pub fn reset(&mut self) {
        let (section, preset, outputs) = (self.section, self.preset, std::mem::take(&mut self.outputs));
        let (target, conversion) =
            (std::mem::replace(&mut self.target, AdjustTarget::NewFiles), self.conversion.take());
        *self = Self { section, preset, outputs, conversion, ..Self::new(target, &Operations::default()) };
    }

    /// The parts of the dialog.
    pub fn sections(&self) -> &'static [AdjustSection] {
        use AdjustSection::{File, Picture, Preset, SoundAndSize, Time, Watermark};
        match self.target {
            _ if self.conversion.is_some() => &[File, Time, Picture, Watermark, SoundAndSize],
            AdjustTarget::NewFiles => &[Time, Picture, Watermark, SoundAndSize],
            _ => &[Preset, Time, Picture, Watermark, SoundAndSize],
        }
    }

    /// The operations that the form means.
    ///
    /// # Errors
    /// What is wrong, in one sentence for the user, and the part where it is.
    pub fn operations(&self) -> Result<Operations, (AdjustSection, String)> {
        let trim = Trim { start: self.time("Start", &self.start)?, end: self.time("End", &self.end)? };
        if trim.end.is_some_and(|end| end <= trim.start.unwrap_or_default()) {
            return Err((AdjustSection::Time, "The end comes after the start".to_owned()));
        }
        let loudness = self.has_loudness.then(|| typed::loudness(&self.loudness)).transpose();
        let size = filled(&self.target_size).map(typed::byte_size).transpose();
        let sound_and_size = |field: &'static str| move |advice| (AdjustSection::SoundAndSize, words(field, advice));
        Ok(Operations {
            trim,
            crop: self.crop()?,
            rotate: self.turn,
            flip: self.flip,
            deinterlace: self.deinterlace,
            denoise: self.denoise,
            sharpen: self.sharpen,
            watermark: self.watermark()?,
            fade_in: self.time("Fade in", &self.fade_in)?.unwrap_or_default(),
            fade_out: self.time("Fade out", &self.fade_out)?.unwrap_or_default(),
            loudness: loudness.map_err(sound_and_size("Loudness"))?,
            target_size_bytes: size.map_err(sound_and_size("Target size"))?,
            still_duration: self.still_duration,
        })
    }

    /// How one file is made, where that is what is made.
    ///
    /// # Errors
    /// As [`operations`](Self::operations).
    pub fn conversion(&self) -> Result<Option<Conversion>, (AdjustSection, String)> {
        let conversion = self.conversion.as_ref().map(ConversionForm::conversion).transpose();
        conversion.map_err(|advice| (AdjustSection::File, advice))
    }

    /// What a job is asked to do when it is done with these fields.
    ///
    /// # Errors
    /// As [`operations`](Self::operations).
    pub fn spec(&self, base: &JobSpec) -> Result<JobSpec, (AdjustSection, String)> {
        let preset = self.presets.get(self.preset).unwrap_or(&base.preset).clone();
        let kind = self.conversion()?.map_or(JobKind::Stream, |conversion| JobKind::File(Box::new(conversion)));
        Ok(JobSpec { kind, preset, outputs: self.outputs.clone(), operations: self.operations()?, ..base.clone() })
    }

    fn time(&self, field: &str, text: &str) -> Result<Option<Duration>, (AdjustSection, String)> {
        let time = filled(text).map(typed::time).transpose();
        time.map_err(|advice| (AdjustSection::Time, words(field, advice)))
    }

    fn crop(&self) -> Result<Option<Crop>, (AdjustSection, String)> {
        match self.crop {
            CropChoice::Nothing => Ok(None),
            CropChoice::BlackBars => Ok(Some(Crop::BlackBars)),
            CropChoice::Area => {
                let numbers: Option<Vec<u32>> = self.area.iter().map(|text| text.trim().parse().ok()).collect();
                match numbers.as_deref() {
                    Some(&[width, height, left, top]) if width > 0 && height > 0 => {
                        Ok(Some(Crop::Area(CropArea { width, height, left, top })))
                    }
                    _ => Err((AdjustSection::Picture, "Crop: give all four numbers, in pixels".to_owned())),
                }
            }
        }
    }

    fn watermark(&self) -> Result<Option<Watermark>, (AdjustSection, String)> {
        let Some(image) = filled(&self.image).map(PathBuf::from) else { return Ok(None) };
        if image.is_relative() {
            return Err((AdjustSection::Watermark, "The image needs its full path".to_owned()));
        }
        let time = |field: &str, text: &str| {
            let time = filled(text).map(typed::time).transpose();
            time.map_err(|advice| (AdjustSection::Watermark, words(field, advice)))
        };
        let (from, until) = (time("Appears", &self.appears)?, time("Goes", &self.goes)?);
        if until.is_some_and(|until| until <= from.unwrap_or_default()) {
            return Err((AdjustSection::Watermark, "The watermark goes after it appears".to_owned()));
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

fn filled(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty()).then_some(text)
}

fn words(field: &str, advice: &str) -> String {
    format!("{field}: {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Operations {
        let seconds = Duration::from_secs;
        Operations {
            trim: Trim { start: Some(Duration::from_millis(1250)), end: Some(seconds(4000)) },
            crop: Some(Crop::Area(CropArea { width: 640, height: 272, left: 0, top: 44 })),
            rotate: Some(Turn::Clockwise),
            flip: Some(Flip::Vertical),
            deinterlace: Deinterlace::Never,
            denoise: Some(Strength::Light),
            sharpen: Some(Strength::Strong),
            watermark: Some(Watermark {
                image: std::env::temp_dir().join("logo.png"),
                position: WatermarkPosition::TopLeft,
                width_percent: 20.0,
                margin_percent: 1.5,
                opacity_percent: 60.0,
                from: Some(seconds(1)),
                until: Some(seconds(90)),
            }),
            fade_in: Duration::from_millis(500),
            fade_out: seconds(2),
            loudness: LoudnessTarget::new(-16.0),
            target_size_bytes: Some(25_000_001),
            still_duration: Some(seconds(7)),
        }
    }

    #[test]
    fn an_untouched_form_changes_nothing() {
        for operations in [Operations::default(), everything()] {
            assert_eq!(AdjustForm::for_new_files(&operations, None).operations(), Ok(operations));
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_place() {
        let wrong = |change: &dyn Fn(&mut AdjustForm)| {
            let mut form = AdjustForm::for_new_files(&everything(), None);
            change(&mut form);
            form.operations().map_err(|(section, _)| section).unwrap_err()
        };
        assert_eq!(wrong(&|form| form.start = "soon".to_owned()), AdjustSection::Time);
        assert_eq!(wrong(&|form| form.end = "1".to_owned()), AdjustSection::Time);
        assert_eq!(wrong(&|form| form.area[2].clear()), AdjustSection::Picture);
        assert_eq!(wrong(&|form| form.image = "logo.png".to_owned()), AdjustSection::Watermark);
        assert_eq!(wrong(&|form| form.goes = "0.5".to_owned()), AdjustSection::Watermark);
        assert_eq!(wrong(&|form| form.loudness = "3".to_owned()), AdjustSection::SoundAndSize);
        assert_eq!(wrong(&|form| form.target_size = "big".to_owned()), AdjustSection::SoundAndSize);
    }
}
