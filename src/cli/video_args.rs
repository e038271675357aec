//! Flags of `encode` that change the video of a preset.

use clap::{Args, ValueEnum, builder::PossibleValue};

use crate::preset::{
    Crf, EncoderChoice, EncoderSpeed, HardwareFamily, HdrTreatment, PresetChanges, RateControlMode, VideoCodec,
};

/// What changes the preset's video.
#[derive(Debug, Clone, Default, Args)]
pub struct VideoArguments {
    /// How much time the encoder takes for each frame
    #[arg(long, value_name = "SPEED", help_heading = "Video")]
    pub speed: Option<SpeedName>,
    /// Video codecs, each with a ladder of its own in the one stream: h264, hevc, av1, vp9
    #[arg(long, alias = "codec", value_name = "LIST", value_delimiter = ',', help_heading = "Video")]
    pub video_codec: Vec<CodecName>,
    /// How bits are spent: abr (average bit rate with a VBV), capped-crf, crf, cbr, two-pass
    #[arg(long, value_name = "MODE", help_heading = "Video", hide_possible_values = true)]
    pub rate_control: Option<RateControlName>,
    /// Constant quality on x264's scale, from 1 (nearly lossless) to 51, capped unless --rate-control is crf
    #[arg(long, value_name = "N", conflicts_with = "target_size", value_parser = clap::value_parser!(u8).range(1..=51), help_heading = "Video")]
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
    /// What they change of a preset.
    pub fn changes(&self) -> PresetChanges {
        PresetChanges {
            speed: self.speed.map(|name| name.0),
            codecs: self.video_codec.iter().map(|name| name.0).collect(),
            rate_control: self.rate_control.map(Into::into),
            crf: self.crf.and_then(Crf::new),
            encoder: self.encoder.map(|name| name.0),
            hdr: self.hdr.map(|name| name.0),
            x264_parameters: self.x264_params.clone(),
            x265_parameters: self.x265_params.clone(),
            ..PresetChanges::default()
        }
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

impl From<RateControlName> for RateControlMode {
    fn from(name: RateControlName) -> Self {
        match name {
            RateControlName::Abr => Self::AverageBitrate,
            RateControlName::CappedCrf => Self::CappedCrf,
            RateControlName::Crf => Self::Crf,
            RateControlName::Cbr => Self::ConstantBitrate,
            RateControlName::TwoPass => Self::TwoPass,
        }
    }
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
