//! What is asked for in place of what a preset says. Flags and the window's fields both become these changes.

use serde::{Deserialize, Serialize};

use super::{
    Crf, EncoderChoice, EncoderSpeed, HardwareFamily, HdrTreatment, InterlacedOutput, OnDamage, Preset, RateControl,
    RateControlMode, StereoCodecs, SurroundCodec, VideoCodec, find_preset,
};

/// What is asked for in place of what a preset says; by default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PresetChanges {
    /// How much time the encoder takes for each frame.
    pub speed: Option<EncoderSpeed>,
    /// The codecs, each with a ladder of its own; as in the preset when empty.
    pub codecs: Vec<VideoCodec>,
    /// How bits are spent.
    pub rate_control: Option<RateControlMode>,
    /// The quality; alone, it is asked for with a cap, unless the preset has none.
    pub crf: Option<Crf>,
    /// Which encoders.
    pub encoder: Option<EncoderChoice>,
    /// What becomes of high dynamic range.
    pub hdr: Option<HdrTreatment>,
    /// Further parameters of x264.
    pub x264_parameters: Option<String>,
    /// Further parameters of x265.
    pub x265_parameters: Option<String>,
    /// The codecs of stereo renditions.
    pub stereo: Option<StereoCodecs>,
    /// 5.1 renditions.
    pub surround: Option<SurroundChoice>,
    /// What happens when parts of a source can't be decoded.
    pub on_damage: Option<OnDamage>,
    /// What becomes of the fields of interlaced video.
    pub interlaced: Option<InterlacedOutput>,
}

/// Whether 5.1 renditions are made, of sound that has 5.1 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SurroundChoice {
    /// Stereo alone.
    None,
    /// In this codec.
    In(SurroundCodec),
}

impl SurroundChoice {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::None, Self::In(SurroundCodec::Aac), Self::In(SurroundCodec::Eac3)];

    /// What a preset has.
    pub fn of(codec: Option<SurroundCodec>) -> Self {
        codec.map_or(Self::None, Self::In)
    }

    fn codec(self) -> Option<SurroundCodec> {
        match self {
            Self::None => None,
            Self::In(codec) => Some(codec),
        }
    }

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::In(SurroundCodec::Aac) => "AAC",
            Self::In(SurroundCodec::Eac3) => "E-AC-3",
        }
    }
}

/// What can't be asked for together, whatever the source and the machine are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PresetContradiction {
    /// A quality for a mode that takes bit rates.
    #[error("a CRF goes only with the rate controls capped-crf and crf")]
    QualityWithBitRate,
    /// The codec's encoder has no such mode.
    #[error("{} can't be had with {}{}", mode.label(), codec.label(), mode.lack_of(*codec))]
    CodecWithout {
        /// The codec.
        codec: VideoCodec,
        /// The mode.
        mode: RateControlMode,
    },
    /// Only software measures first.
    #[error("Hardware encoders have no two passes")]
    HardwareWithTwoPasses,
    /// In no generation.
    #[error("{} can't encode {}", family.label(), codec.label())]
    HardwareWithout {
        /// The hardware.
        family: HardwareFamily,
        /// The codec.
        codec: VideoCodec,
    },
}

impl PresetContradiction {
    /// What can be done about it.
    pub fn hint(self) -> String {
        match self {
            Self::QualityWithBitRate => "Choose one of these, or leave the CRF out".to_owned(),
            Self::CodecWithout { mode, .. } => {
                let able: Vec<&str> =
                    VideoCodec::ALL.iter().filter(|codec| mode.fits(**codec)).map(|codec| codec.label()).collect();
                let able = match able.as_slice() {
                    [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
                    able => able.concat(),
                };
                format!("Choose another rate control, or one of the codecs {able}")
            }
            Self::HardwareWithTwoPasses => "Choose another rate control, or the software encoder".to_owned(),
            Self::HardwareWithout { .. } => "Choose the automatic or the software encoder".to_owned(),
        }
    }
}

impl PresetChanges {
    /// True when all is as the preset says.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The preset with these changes.
    ///
    /// # Errors
    /// When they contradict each other.
    pub fn apply(&self, preset: &Preset) -> Result<Preset, PresetContradiction> {
        let mut preset = preset.clone();
        preset.encoder_speed = self.speed.unwrap_or(preset.encoder_speed);
        preset.on_damage = self.on_damage.unwrap_or(preset.on_damage);
        preset.interlaced = self.interlaced.unwrap_or(preset.interlaced);
        preset.stereo = self.stereo.unwrap_or(preset.stereo);
        preset.surround = self.surround.map_or(preset.surround, SurroundChoice::codec);
        let video = &mut preset.video;
        if !self.codecs.is_empty() {
            video.codecs.clone_from(&self.codecs);
        }
        video.rate_control = self.rate_control(video.rate_control)?;
        video.encoder = self.encoder.unwrap_or(video.encoder);
        video.hdr = self.hdr.unwrap_or(video.hdr);
        if let Some(parameters) = &self.x264_parameters {
            video.x264_parameters.clone_from(parameters);
        }
        if let Some(parameters) = &self.x265_parameters {
            video.x265_parameters.clone_from(parameters);
        }
        Ok(preset)
    }

    fn rate_control(&self, of_preset: RateControl) -> Result<RateControl, PresetContradiction> {
        let crf = self.crf.or(of_preset.crf()).unwrap_or_default();
        Ok(match (self.rate_control, self.crf) {
            (None, None) => of_preset,
            (None, Some(crf)) if of_preset.mode() == RateControlMode::Crf => RateControl::Crf { crf },
            (None, Some(crf)) => RateControl::CappedCrf { crf },
            (Some(mode), Some(_)) if !mode.has_quality() => return Err(PresetContradiction::QualityWithBitRate),
            (Some(mode), _) => mode.with(crf),
        })
    }

    /// What makes `changed` of `preset`, as far as these changes can; the smallest that do.
    pub fn between(preset: &Preset, changed: &Preset) -> Self {
        fn other<T: PartialEq + Clone>(from: &T, to: &T) -> Option<T> {
            (from != to).then(|| to.clone())
        }
        let (from, to) = (&preset.video, &changed.video);
        let has_other_rate = from.rate_control != to.rate_control;
        Self {
            speed: other(&preset.encoder_speed, &changed.encoder_speed),
            codecs: other(&from.codecs, &to.codecs).unwrap_or_default(),
            rate_control: has_other_rate.then(|| to.rate_control.mode()),
            crf: to.rate_control.crf().filter(|_| has_other_rate),
            encoder: other(&from.encoder, &to.encoder),
            hdr: other(&from.hdr, &to.hdr),
            x264_parameters: other(&from.x264_parameters, &to.x264_parameters),
            x265_parameters: other(&from.x265_parameters, &to.x265_parameters),
            stereo: other(&preset.stereo, &changed.stereo),
            surround: other(&preset.surround, &changed.surround).map(SurroundChoice::of),
            on_damage: other(&preset.on_damage, &changed.on_damage),
            interlaced: other(&preset.interlaced, &changed.interlaced),
        }
    }

    /// `changed` as it was before these changes were made to `preset`: with all else that it has of its own.
    pub fn undone(preset: &Preset, changed: &Preset) -> Preset {
        Preset {
            encoder_speed: preset.encoder_speed,
            video: preset.video.clone(),
            stereo: preset.stereo,
            surround: preset.surround,
            on_damage: preset.on_damage,
            interlaced: preset.interlaced,
            ..changed.clone()
        }
    }

    /// What is changed, in the user's words: what it is, and how.
    pub fn summary(&self) -> Vec<(&'static str, String)> {
        let codecs: Vec<&str> = self.codecs.iter().map(|codec| codec.label()).collect();
        let rate_control = match (self.rate_control, self.crf) {
            (Some(mode), Some(crf)) => Some(format!("{}, CRF {}", mode.label(), crf.factor())),
            (Some(mode), None) => Some(mode.label().to_owned()),
            (None, crf) => crf.map(|crf| format!("CRF {}", crf.factor())),
        };
        let own = |text: &str| text.to_owned();
        let lines = [
            ("Codecs", (!codecs.is_empty()).then(|| codecs.join(" and "))),
            ("Rate control", rate_control),
            ("Speed", self.speed.map(|speed| own(speed.label()))),
            ("Encoder", self.encoder.map(|encoder| own(encoder.label()))),
            ("HDR", self.hdr.map(|hdr| own(hdr.label()))),
            ("Interlaced video", self.interlaced.map(|interlaced| own(interlaced.label()))),
            ("Stereo sound", self.stereo.map(|stereo| own(stereo.codecs_label()))),
            ("5.1 sound", self.surround.map(|surround| own(surround.label()))),
            ("Damaged source", self.on_damage.map(|choice| own(choice.label()))),
            ("x264", self.x264_parameters.clone()),
            ("x265", self.x265_parameters.clone()),
        ];
        lines.into_iter().filter_map(|(what, how)| Some((what, how?))).collect()
    }
}

impl Preset {
    /// Another preset in its place, with what its user had changed of it, unless that contradicts the other.
    pub fn replaced_by(&self, other: &Self) -> Self {
        let Some(unchanged) = find_preset(&self.id) else { return other.clone() };
        let changes = PresetChanges::between(&unchanged, self);
        let changed = changes.apply(other).unwrap_or_else(|_| other.clone());
        // Belongs to the outputs, which stay.
        let keyframes = if self.keyframes == unchanged.keyframes { other.keyframes } else { self.keyframes };
        Self { keyframes, ..changed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::{KeyframeInterval, built_in_presets, find_preset};

    fn changed(changes: &PresetChanges) -> Result<RateControl, PresetContradiction> {
        changes.apply(&find_preset("web-hls").unwrap()).map(|preset| preset.video.rate_control)
    }

    #[test]
    fn another_preset_has_what_was_changed_of_the_first() {
        let [web, quick] = ["web-hls", "quick"].map(|id| find_preset(id).unwrap());
        let changes = PresetChanges { speed: Some(EncoderSpeed::Ultrafast), ..PresetChanges::default() };
        let own = Preset { keyframes: KeyframeInterval::OneSecond, ..changes.apply(&web).unwrap() };
        let replaced = own.replaced_by(&quick);
        assert_eq!(replaced.encoder_speed, EncoderSpeed::Ultrafast);
        assert_eq!(replaced, Preset { keyframes: own.keyframes, encoder_speed: own.encoder_speed, ..quick.clone() });
        assert_eq!(web.replaced_by(&quick), quick);
        let crf = PresetChanges { rate_control: Some(RateControlMode::ConstantBitrate), ..PresetChanges::default() };
        let constant = crf.apply(&web).unwrap().replaced_by(&quick);
        assert_eq!(constant.video.rate_control.mode(), RateControlMode::ConstantBitrate);
    }

    #[test]
    fn a_crf_alone_is_capped_and_contradicts_bit_rates() {
        let crf = PresetChanges { crf: Crf::new(20), ..PresetChanges::default() };
        assert_eq!(changed(&crf), Ok(RateControl::CappedCrf { crf: Crf::new(20).unwrap() }));
        let uncapped = PresetChanges { rate_control: Some(RateControlMode::Crf), ..crf.clone() };
        assert_eq!(changed(&uncapped), Ok(RateControl::Crf { crf: Crf::new(20).unwrap() }));
        let contradicting = PresetChanges { rate_control: Some(RateControlMode::ConstantBitrate), ..crf };
        assert_eq!(changed(&contradicting), Err(PresetContradiction::QualityWithBitRate));
        assert_eq!(changed(&PresetChanges::default()), Ok(RateControl::AverageBitrate));
    }

    #[test]
    fn what_was_changed_is_found_again() {
        let everything = PresetChanges {
            speed: Some(EncoderSpeed::Slow),
            codecs: vec![VideoCodec::Hevc, VideoCodec::Vp9],
            rate_control: Some(RateControlMode::CappedCrf),
            crf: Crf::new(19),
            encoder: Some(EncoderChoice::Hardware(HardwareFamily::VaApi)),
            hdr: Some(HdrTreatment::Keep),
            x264_parameters: Some("aq-mode=3".to_owned()),
            stereo: Some(StereoCodecs::Opus),
            x265_parameters: Some("aq-mode=2".to_owned()),
            surround: Some(SurroundChoice::In(SurroundCodec::Eac3)),
            on_damage: Some(OnDamage::Fail),
            interlaced: Some(InterlacedOutput::Fields),
        };
        let preset = find_preset("web-hls").unwrap();
        let changed = everything.apply(&preset).unwrap();
        assert_eq!(PresetChanges::between(&preset, &changed), everything);
        assert_eq!(PresetChanges::undone(&preset, &changed), preset);
        assert_eq!(everything.summary().len(), 11);
        for preset in built_in_presets() {
            assert!(PresetChanges::between(&preset, &preset).is_empty());
        }
        let own = Preset { keyframes: KeyframeInterval::OneSecond, ..changed };
        let before = PresetChanges::undone(&preset, &own);
        assert_eq!(before.keyframes, KeyframeInterval::OneSecond, "what no change is for stays");
        assert_eq!(PresetChanges::between(&before, &own).apply(&before), Ok(own));
    }

    #[test]
    fn saved_changes_are_read_again_also_those_of_older_versions() {
        let changes = PresetChanges { surround: Some(SurroundChoice::None), ..PresetChanges::default() };
        let text = serde_json::to_string(&changes).unwrap();
        assert_eq!(serde_json::from_str::<PresetChanges>(&text).unwrap(), changes);
        assert!(serde_json::from_str::<PresetChanges>("{}").unwrap().is_empty());
    }

    #[test]
    fn what_no_encoder_can_do_is_known_before_a_job_is_made() {
        let problem = |change: &dyn Fn(&mut PresetChanges)| {
            let mut changes = PresetChanges::default();
            change(&mut changes);
            changes.apply(&find_preset("web-hls").unwrap()).unwrap().video.contradiction()
        };
        let two_passes = Some(RateControlMode::TwoPass);
        assert_eq!(problem(&|changes| changes.rate_control = two_passes), None);
        let hevc = problem(&|changes| {
            changes.rate_control = two_passes;
            changes.codecs = vec![VideoCodec::H264, VideoCodec::Hevc];
        });
        assert_eq!(hevc, None);
        let av1 = problem(&|changes| {
            changes.rate_control = two_passes;
            changes.codecs = vec![VideoCodec::H264, VideoCodec::Av1];
        });
        assert!(av1.unwrap().to_string().starts_with("Two passes can't be had with AV1: "));
        assert!(av1.unwrap().hint().ends_with("one of the codecs H.264, HEVC and VP9"));
        let hardware = problem(&|changes| {
            changes.encoder = Some(EncoderChoice::Hardware(HardwareFamily::Nvenc));
            changes.codecs = vec![VideoCodec::Vp9];
        });
        assert_eq!(hardware.unwrap().to_string(), "NVENC can't encode VP9");
    }
}
