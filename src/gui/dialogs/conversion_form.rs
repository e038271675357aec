//! How one file is made of a source: the part of the dialog of adjustments for jobs that make no stream.

use eframe::egui::Ui;

use super::{
    fields::{FieldProblem, Fields},
    paragraph,
};
use crate::{
    gui::{
        theme,
        widgets::{field_label, named_segmented, radio},
    },
    job::{Conversion, FileFormat, StreamTreatment, VideoRate, typed, validity::SHORT_SIDES},
    preset::Crf,
};

const QUALITY: &str = "Quality (CRF)";
pub(super) const SHORT_SIDE: &str = "Short side in pixels";
/// In one line of the dialog.
const FORMATS_IN_A_LINE: usize = 6;

/// What has been typed and chosen.
pub struct ConversionForm {
    format: FileFormat,
    streams: StreamTreatment,
    /// A factor; empty for the usual.
    quality: String,
    /// In pixels; empty for the source's.
    short_side: String,
    /// What is not in the form is kept as it was asked for.
    base: Conversion,
}

impl ConversionForm {
    /// The form of a conversion.
    pub fn of(conversion: &Conversion) -> Self {
        let quality = match conversion.video_rate {
            Some(VideoRate::Quality(crf)) => crf.factor().to_string(),
            Some(VideoRate::Bitrate(_)) | None => String::new(),
        };
        Self {
            format: conversion.format,
            streams: conversion.streams,
            quality,
            short_side: conversion.short_side.map(|pixels| pixels.to_string()).unwrap_or_default(),
            base: conversion.clone(),
        }
    }

    /// The conversion that the form means.
    ///
    /// # Errors
    /// What is wrong, and at which field.
    pub fn conversion(&self) -> Result<Conversion, FieldProblem> {
        let quality = match self.quality.trim() {
            "" => None,
            text => match text.parse().ok().and_then(Crf::new) {
                Some(crf) => Some(VideoRate::Quality(crf)),
                None => return Err(FieldProblem::new(QUALITY, "Give a number from 1 (best) to 51")),
            },
        };
        let short_side = match self.short_side.trim() {
            "" => None,
            text => {
                let side = typed::pixels(&SHORT_SIDES)(text);
                Some(side.map_err(|advice| FieldProblem::new(SHORT_SIDE, advice))?)
            }
        };
        let has_bitrate = matches!(self.base.video_rate, Some(VideoRate::Bitrate(_)));
        let video_rate = if has_bitrate { quality.or(self.base.video_rate) } else { quality };
        let fits = self.format == self.base.format;
        Ok(Conversion {
            format: self.format,
            streams: self.streams,
            video_rate,
            short_side,
            // The codecs and the name of the file were chosen for its old container.
            output: self.base.output.clone().filter(|_| fits),
            video_codec: self.base.video_codec.filter(|_| fits),
            audio_codec: self.base.audio_codec.filter(|_| fits),
            ..self.base.clone()
        })
    }
}

/// Lays the form out.
pub fn conversion_ui(ui: &mut Ui, form: &mut ConversionForm, fields: &Fields) {
    field_label(ui, "Format");
    for formats in FileFormat::ALL.chunks(FORMATS_IN_A_LINE) {
        ui.horizontal(|ui| {
            for format in formats {
                let response = radio(ui, form.format == *format, format.label());
                if response.on_hover_text(format.explanation()).clicked() {
                    form.format = *format;
                }
            }
        });
    }
    paragraph(ui, form.format.explanation());
    ui.add_space(theme::SPACE[2]);
    named_segmented(ui, "Picture and sound", &mut form.streams, &StreamTreatment::ALL, |treatment| {
        treatment.label().to_owned()
    });
    paragraph(ui, "What is copied keeps its quality and takes seconds; adjustments of the picture need an encode.");
    ui.add_space(theme::SPACE[2]);
    if form.format.has_picture() {
        ui.columns(2, |columns| {
            fields.text(&mut columns[0], QUALITY, &mut form.quality, "As usual: 20, from 1 (best) to 51");
            fields.text(&mut columns[1], SHORT_SIDE, &mut form.short_side, "As in the source");
        });
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{job::FileVideoCodec, preset::BitRate};

    #[test]
    fn an_untouched_form_changes_nothing() {
        let rich = Conversion {
            output: Some(PathBuf::from("/films/a.mkv")),
            video_codec: Some(FileVideoCodec::Hevc),
            short_side: Some(480),
            ..Conversion::to(FileFormat::Mkv)
        };
        let quality = Conversion { video_rate: Crf::new(30).map(VideoRate::Quality), ..rich.clone() };
        let rate = VideoRate::Bitrate(BitRate::from_kilobits(900));
        let bitrate = Conversion { video_rate: Some(rate), ..rich.clone() };
        for conversion in [Conversion::to(FileFormat::Gif), rich, quality, bitrate] {
            assert_eq!(ConversionForm::of(&conversion).conversion(), Ok(conversion));
        }
    }

    #[test]
    fn another_format_forgets_the_codec_and_the_name_of_the_first() {
        let base = Conversion {
            output: Some(PathBuf::from("/films/a.mkv")),
            video_codec: Some(FileVideoCodec::Hevc),
            ..Conversion::to(FileFormat::Mkv)
        };
        let form = ConversionForm { format: FileFormat::Webm, ..ConversionForm::of(&base) };
        assert_eq!(form.conversion(), Ok(Conversion::to(FileFormat::Webm)));
    }

    #[test]
    fn nonsense_is_refused() {
        let form = || ConversionForm::of(&Conversion::to(FileFormat::Mp4));
        for quality in ["0", "52", "good"] {
            assert!(ConversionForm { quality: quality.to_owned(), ..form() }.conversion().is_err(), "{quality}");
        }
        for short_side in ["0", "-5", "small"] {
            assert!(ConversionForm { short_side: short_side.to_owned(), ..form() }.conversion().is_err());
        }
    }
}
