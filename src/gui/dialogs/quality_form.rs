//! How picture and sound of streams are encoded, where it differs from the preset: a part of the dialog of adjustments.

use eframe::egui::Ui;

use super::{
    fields::{FieldProblem, Fields},
    paragraph,
};
use crate::{
    gui::{
        theme,
        widgets::{check_box, choice_field, field_label},
    },
    preset::{
        Crf, EncoderChoice, EncoderSpeed, HdrTreatment, InterlacedOutput, OnDamage, Preset, PresetChanges,
        PresetContradiction, RateControl, RateControlMode, SurroundChoice, VideoCodec,
    },
};

const CRF: &str = "CRF";
const RATE_CONTROL: &str = "Rate control";
const ENCODER: &str = "Encoder";

/// What has been chosen and typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityForm {
    /// All but the quality.
    changes: PresetChanges,
    /// A factor; empty for the preset's.
    crf: String,
}

impl QualityForm {
    /// The form of these changes.
    pub fn of(changes: &PresetChanges) -> Self {
        let crf = changes.crf.map(|crf| crf.factor().to_string()).unwrap_or_default();
        Self { changes: PresetChanges { crf: None, ..changes.clone() }, crf }
    }

    /// The changes that the form means, of this preset.
    ///
    /// # Errors
    /// What is wrong, or can't be had together, and at which field.
    pub fn changes(&self, preset: &Preset) -> Result<PresetChanges, FieldProblem> {
        let crf = match self.crf.trim() {
            text if text.is_empty() || !self.takes_quality(preset) => None,
            text => match text.parse().ok().and_then(Crf::new) {
                Some(crf) => Some(crf),
                None => return Err(FieldProblem::new(CRF, "Give a number from 1 (nearly lossless) to 51")),
            },
        };
        let changes = PresetChanges { crf, ..self.changes.clone() };
        let changed = changes.apply(preset);
        let contradiction = match &changed {
            Ok(changed) => changed.video.contradiction(),
            Err(contradiction) => Some(*contradiction),
        };
        match contradiction {
            Some(contradiction) => Err(problem(contradiction)),
            None => Ok(changes),
        }
    }

    /// Whether a quality goes with the rate control.
    fn takes_quality(&self, preset: &Preset) -> bool {
        self.changes.rate_control.unwrap_or(preset.video.rate_control.mode()).has_quality()
    }
}

/// Where a contradiction is told.
pub(super) fn problem(contradiction: PresetContradiction) -> FieldProblem {
    let field = match contradiction {
        PresetContradiction::QualityWithBitRate | PresetContradiction::CodecWithout { .. } => RATE_CONTROL,
        PresetContradiction::HardwareWithTwoPasses | PresetContradiction::HardwareWithout { .. } => ENCODER,
    };
    FieldProblem::new(field, format!("{contradiction}. {}", contradiction.hint()))
}

/// The first choice of each field.
fn as_the_preset(what: &str) -> String {
    format!("As the preset: {what}")
}

/// `choices` after the one that leaves it to the preset.
fn with_preset<T: Copy>(choices: &[T]) -> Vec<Option<T>> {
    std::iter::once(None).chain(choices.iter().copied().map(Some)).collect()
}

/// A field for something that a preset has, where `label` words it.
fn field<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    chosen: &mut Option<T>,
    (of_preset, choices): (T, &[T]),
    label: impl Fn(T) -> String,
) {
    choice_field(ui, name, chosen, &with_preset(choices), |choice| match choice {
        Some(choice) => label(choice),
        None => as_the_preset(&label(of_preset)),
    });
}

/// Lays the form out.
pub fn quality_ui(ui: &mut Ui, form: &mut QualityForm, preset: &Preset, fields: &Fields) {
    codecs(ui, &mut form.changes.codecs, &preset.video.codecs);
    ui.add_space(theme::SPACE[2]);
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        rate_control(left, form, preset.video.rate_control);
        fields.tell_below(left, RATE_CONTROL);
        if form.takes_quality(preset) {
            let hint = match preset.video.rate_control.crf() {
                Some(crf) => as_the_preset(&crf.factor().to_string()),
                None => format!("As usual: {}", Crf::default().factor()),
            };
            fields.text(right, CRF, &mut form.crf, &hint);
        }
    });
    if form.takes_quality(preset) {
        paragraph(ui, "On the scale of x264: some 17 looks like the source, 23 is usual, 51 is the worst.");
    }
    ui.add_space(theme::SPACE[2]);
    let (changes, video) = (&mut form.changes, &preset.video);
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        let speeds = (preset.encoder_speed, EncoderSpeed::ALL.as_slice());
        field(left, "Speed", &mut changes.speed, speeds, |speed| speed.label().to_owned());
        let encoders = (video.encoder, EncoderChoice::ALL.as_slice());
        field(right, ENCODER, &mut changes.encoder, encoders, |encoder| encoder.label().to_owned());
        fields.tell_below(right, ENCODER);
        left.add_space(theme::SPACE[1]);
        right.add_space(theme::SPACE[1]);
        let treatments = (video.hdr, [HdrTreatment::ToneMap, HdrTreatment::Keep].as_slice());
        field(left, "HDR", &mut changes.hdr, treatments, |hdr| hdr.label().to_owned());
        let outputs = (preset.interlaced, [InterlacedOutput::Frames, InterlacedOutput::Fields].as_slice());
        field(right, "Interlaced video", &mut changes.interlaced, outputs, |output| output.label().to_owned());
        left.add_space(theme::SPACE[1]);
        right.add_space(theme::SPACE[1]);
        let surround = (SurroundChoice::of(preset.surround), SurroundChoice::ALL.as_slice());
        field(left, "5.1 sound", &mut changes.surround, surround, |choice| choice.label().to_owned());
        let on_damage = (preset.on_damage, [OnDamage::Warn, OnDamage::Fail].as_slice());
        field(right, "Damaged source", &mut changes.on_damage, on_damage, |choice| choice.label().to_owned());
    });
}

fn codecs(ui: &mut Ui, chosen: &mut Vec<VideoCodec>, of_preset: &[VideoCodec]) {
    let names: Vec<&str> = of_preset.iter().map(|codec| codec.label()).collect();
    field_label(ui, &format!("Codecs, each with a ladder of its own; the preset has {}", names.join(" and ")));
    let made = if chosen.is_empty() { of_preset.to_vec() } else { chosen.clone() };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE[3];
        for codec in VideoCodec::ALL {
            let mut is_made = made.contains(&codec);
            if check_box(ui, &mut is_made, codec.label()).changed() {
                // Always in the same order, whichever is ticked first.
                let is_wanted = |other: &VideoCodec| if *other == codec { is_made } else { made.contains(other) };
                let wanted = VideoCodec::ALL.into_iter().filter(is_wanted);
                // Without any, and with its own, it is as the preset has it.
                *chosen = wanted.collect();
                if chosen.len() == of_preset.len() && of_preset.iter().all(|codec| chosen.contains(codec)) {
                    chosen.clear();
                }
            }
        }
    });
}

fn rate_control(ui: &mut Ui, form: &mut QualityForm, of_preset: RateControl) {
    let words = match of_preset.crf() {
        Some(crf) => format!("CRF {}", crf.factor()),
        None => of_preset.mode().label().to_owned(),
    };
    choice_field(ui, RATE_CONTROL, &mut form.changes.rate_control, &with_preset(&RateControlMode::ALL), |mode| {
        mode.map_or_else(|| as_the_preset(&words), |mode| mode.label().to_owned())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::{HardwareFamily, StereoCodecs, SurroundCodec, find_preset};

    fn preset(id: &str) -> Preset {
        find_preset(id).unwrap()
    }

    #[test]
    fn an_untouched_form_changes_nothing() {
        let everything = PresetChanges {
            speed: Some(EncoderSpeed::Slow),
            codecs: vec![VideoCodec::H264, VideoCodec::Hevc],
            rate_control: Some(RateControlMode::CappedCrf),
            crf: Crf::new(19),
            encoder: Some(EncoderChoice::Hardware(HardwareFamily::Nvenc)),
            hdr: Some(HdrTreatment::Keep),
            x264_parameters: Some("aq-mode=3".to_owned()),
            x265_parameters: None,
            stereo: Some(StereoCodecs::AacAndOpus),
            surround: Some(SurroundChoice::In(SurroundCodec::Aac)),
            on_damage: Some(OnDamage::Fail),
            interlaced: Some(InterlacedOutput::Fields),
        };
        for changes in [PresetChanges::default(), everything] {
            assert_eq!(QualityForm::of(&changes).changes(&preset("web-hls")), Ok(changes));
        }
    }

    #[test]
    fn a_quality_goes_with_constant_quality_alone() {
        let form = |rate_control, crf: &str| QualityForm {
            changes: PresetChanges { rate_control, ..PresetChanges::default() },
            crf: crf.to_owned(),
        };
        let capped = form(Some(RateControlMode::CappedCrf), "20");
        assert_eq!(capped.changes(&preset("web-hls")).unwrap().crf, Crf::new(20));
        // The field is not shown then.
        assert_eq!(form(None, "20").changes(&preset("web-hls")).unwrap().crf, None);
        assert_eq!(form(None, "20").changes(&preset("quick")).unwrap().crf, Crf::new(20));
        for wrong in ["0", "52", "good"] {
            assert!(form(None, wrong).changes(&preset("quick")).is_err(), "{wrong}");
        }
    }
}
