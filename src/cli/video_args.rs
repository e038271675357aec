//! Flags of `encode` that change the video of a preset.

use clap::{Args, ValueEnum, builder::PossibleValue};

use crate::preset::{Crf, EncoderChoice, EncoderSpeed, HardwareFamily, HdrTreatment, Preset, RateControl, VideoCodec};

/// What changes the preset's video.
#[derive(Debug, Clone, Default, Args)]
pub struct VideoArguments {
    /// How much time the encoder takes for each frame
    #[arg(long, value_name = "SPEED", help_heading = "Video")]
    pub speed: Option<SpeedName>,
    /// Video codecs, each with a ladder of its own in the one stream: h264, hevc, av1, vp9
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Video")]
    pub codec: Vec<CodecName>,
    /// How bits are spent: abr (average bit rate with a VBV), capped-crf, crf, cbr, two-pass
    #[arg(long, value_name = "MODE", help_heading = "Video", hide_possible_values = true)]
    pub rate_control: Option<RateControlName>,
    /// Constant quality on x264's scale, from 1 (nearly lossless) to 51, capped unless --rate-control is crf
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=51), help_heading = "Video")]
    pub crf: Option<u8>,
    /// Which encoders: software, automatic (hardware where it works), or one kind of hardware
    #[arg(long, value_name = "KIND", help_heading = "Video")]
    pub encoder: Option<EncoderName>,
    /// What becomes of HDR: tone-map it, or keep it in HEVC beside H.264 with standard range
    #[arg(long, value_name = "TREATMENT", help_heading = "Video")]
    pub hdr: Option<HdrName>,
    /// Further parameters of x264, as name=value:name=value
    #[arg(long, value_name = "PARAMETERS", help_heading = "Video")]
    pub x264_params: Option<String>,
    /// Further parameters of x265, as name=value:name=value
    #[arg(long, value_name = "PARAMETERS", help_heading = "Video")]
    pub x265_params: Option<String>,
}

impl VideoArguments {
    /// Changes a preset to what was asked.
    ///
    /// # Errors
    /// When flags contradict each other.
    pub fn change(&self, preset: &mut Preset) -> Result<(), String> {
        if let Some(SpeedName(speed)) = self.speed {
            preset.encoder_speed = speed;
        }
        let video = &mut preset.video;
        if !self.codec.is_empty() {
            video.codecs = self.codec.iter().map(|name| name.0).collect();
        }
        video.rate_control = self.rate_control(video.rate_control)?;
        if let Some(EncoderName(encoder)) = self.encoder {
            video.encoder = encoder;
        }
        if let Some(HdrName(hdr)) = self.hdr {
            video.hdr = hdr;
        }
        if let Some(parameters) = &self.x264_params {
            video.x264_parameters.clone_from(parameters);
        }
        if let Some(parameters) = &self.x265_params {
            video.x265_parameters.clone_from(parameters);
        }
        Ok(())
    }

    fn rate_control(&self, of_preset: RateControl) -> Result<RateControl, String> {
        let crf = self.crf.and_then(Crf::new);
        let quality = crf.or(of_preset.crf()).unwrap_or_default();
        Ok(match (self.rate_control, crf) {
            (None, None) => of_preset,
            (None, Some(crf)) if matches!(of_preset, RateControl::Crf { .. }) => RateControl::Crf { crf },
            (None, Some(crf)) => RateControl::CappedCrf { crf },
            (Some(RateControlName::CappedCrf), _) => RateControl::CappedCrf { crf: quality },
            (Some(RateControlName::Crf), _) => RateControl::Crf { crf: quality },
            (Some(_), Some(_)) => return Err("--crf goes only with --rate-control capped-crf or crf".to_owned()),
            (Some(RateControlName::Abr), None) => RateControl::AverageBitrate,
            (Some(RateControlName::Cbr), None) => RateControl::ConstantBitrate,
            (Some(RateControlName::TwoPass), None) => RateControl::TwoPass,
        })
    }
}

/// A rate control in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RateControlName {
    /// Average bit rate with a VBV.
    Abr,
    /// Constant quality with a cap.
    CappedCrf,
    /// Constant quality.
    Crf,
    /// Constant bit rate.
    Cbr,
    /// Average bit rate in two passes.
    TwoPass,
}

/// A speed in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeedName(pub EncoderSpeed);

impl ValueEnum for SpeedName {
    fn value_variants<'a>() -> &'a [Self] {
        use EncoderSpeed::{Fast, Faster, Medium, Slow, Superfast, Ultrafast, Veryfast};
        &[Self(Ultrafast), Self(Superfast), Self(Veryfast), Self(Faster), Self(Fast), Self(Medium), Self(Slow)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.as_str()))
    }
}

/// A codec in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodecName(pub VideoCodec);

impl ValueEnum for CodecName {
    fn value_variants<'a>() -> &'a [Self] {
        use VideoCodec::{Av1, H264, Hevc, Vp9};
        &[Self(H264), Self(Hevc), Self(Av1), Self(Vp9)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.id()))
    }
}

/// A kind of encoder in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderName(pub EncoderChoice);

impl ValueEnum for EncoderName {
    fn value_variants<'a>() -> &'a [Self] {
        use HardwareFamily::{Amf, Nvenc, QuickSync, VaApi, VideoToolbox};
        &[
            Self(EncoderChoice::Software),
            Self(EncoderChoice::Automatic),
            Self(EncoderChoice::Hardware(Nvenc)),
            Self(EncoderChoice::Hardware(QuickSync)),
            Self(EncoderChoice::Hardware(VaApi)),
            Self(EncoderChoice::Hardware(VideoToolbox)),
            Self(EncoderChoice::Hardware(Amf)),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self.0 {
            EncoderChoice::Software => "software",
            EncoderChoice::Automatic => "automatic",
            EncoderChoice::Hardware(HardwareFamily::Nvenc) => "nvenc",
            EncoderChoice::Hardware(HardwareFamily::QuickSync) => "quicksync",
            EncoderChoice::Hardware(HardwareFamily::VaApi) => "vaapi",
            EncoderChoice::Hardware(HardwareFamily::VideoToolbox) => "videotoolbox",
            EncoderChoice::Hardware(HardwareFamily::Amf) => "amf",
        }))
    }
}

/// A treatment of HDR in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HdrName(pub HdrTreatment);

impl ValueEnum for HdrName {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(HdrTreatment::ToneMap), Self(HdrTreatment::Keep)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self.0 {
            HdrTreatment::ToneMap => "tone-map",
            HdrTreatment::Keep => "keep",
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::find_preset;

    fn changed(arguments: &VideoArguments) -> Result<RateControl, String> {
        let mut preset = find_preset("web-hls").unwrap();
        arguments.change(&mut preset).map(|()| preset.video.rate_control)
    }

    #[test]
    fn a_crf_alone_is_capped_and_contradicts_bit_rates() {
        let crf = VideoArguments { crf: Some(20), ..VideoArguments::default() };
        assert_eq!(changed(&crf), Ok(RateControl::CappedCrf { crf: Crf::new(20).unwrap() }));
        let uncapped = VideoArguments { rate_control: Some(RateControlName::Crf), ..crf.clone() };
        assert_eq!(changed(&uncapped), Ok(RateControl::Crf { crf: Crf::new(20).unwrap() }));
        assert!(changed(&VideoArguments { rate_control: Some(RateControlName::Cbr), ..crf }).is_err());
        assert_eq!(changed(&VideoArguments::default()), Ok(RateControl::AverageBitrate));
    }
}
