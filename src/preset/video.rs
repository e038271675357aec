//! How pictures are encoded: codecs, rate control, the kind of encoder.

use serde::{Deserialize, Serialize};

use super::PresetContradiction;

/// How the video of a preset is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VideoSettings {
    /// The codecs, each with a ladder of its own, side by side in one stream; never empty.
    pub codecs: Vec<VideoCodec>,
    /// How bits are spent.
    pub rate_control: RateControl,
    /// Software, or which hardware.
    pub encoder: EncoderChoice,
    /// What becomes of a source with high dynamic range.
    pub hdr: HdrTreatment,
    /// Further parameters of x264, as `name=value:name=value`.
    pub x264_parameters: String,
    /// Further parameters of x265, as `name=value:name=value`.
    pub x265_parameters: String,
}

impl Default for VideoSettings {
    fn default() -> Self {
        Self {
            codecs: vec![VideoCodec::H264],
            rate_control: RateControl::default(),
            encoder: EncoderChoice::default(),
            hdr: HdrTreatment::default(),
            x264_parameters: String::new(),
            x265_parameters: String::new(),
        }
    }
}

impl VideoSettings {
    /// What of it no encoder can do, on any machine.
    pub fn contradiction(&self) -> Option<PresetContradiction> {
        let mode = self.rate_control.mode();
        let without_mode = self.codecs.iter().find(|codec| !mode.fits(**codec));
        if let Some(codec) = without_mode {
            return Some(PresetContradiction::CodecWithout { codec: *codec, mode });
        }
        let EncoderChoice::Hardware(family) = self.encoder else { return None };
        if mode == RateControlMode::TwoPass {
            return Some(PresetContradiction::HardwareWithTwoPasses);
        }
        let without_codec = self.codecs.iter().find(|codec| family.encoder(**codec).is_none());
        without_codec.map(|codec| PresetContradiction::HardwareWithout { family, codec: *codec })
    }
}

/// A video codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    /// H.264 (AVC), which every player decodes.
    H264,
    /// HEVC (H.265).
    Hevc,
    /// AV1.
    Av1,
    /// VP9.
    Vp9,
}

impl VideoCodec {
    /// All codecs.
    pub const ALL: [Self; 4] = [Self::H264, Self::Hevc, Self::Av1, Self::Vp9];

    /// Its name in flags and folders, such as `hevc`.
    pub fn id(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
            Self::Vp9 => "vp9",
        }
    }

    /// Its name for people, such as `HEVC`.
    pub fn label(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::Hevc => "HEVC",
            Self::Av1 => "AV1",
            Self::Vp9 => "VP9",
        }
    }

    /// The bits that it needs for a picture as good as H.264's, as a part of H.264's bits.
    pub fn bitrate_factor(self) -> f64 {
        match self {
            Self::H264 => 1.0,
            Self::Hevc => 0.65,
            Self::Av1 => 0.55,
            Self::Vp9 => 0.7,
        }
    }

    /// The CRF on this codec's own scale that looks like `crf` on x264's: HEVC has the same scale of 0 to 51, AV1 and
    /// VP9 have one of 0 to 63.
    pub fn crf_like(self, crf: Crf) -> u8 {
        let x264 = f64::from(crf.0);
        let own = match self {
            Self::H264 => x264,
            Self::Hevc => (x264 + 3.0).min(51.0),
            Self::Av1 => (x264 * 1.4 + 2.0).min(63.0),
            Self::Vp9 => (x264 * 1.4 - 1.0).clamp(0.0, 63.0),
        };
        own.round() as u8
    }

    /// Name of its software encoder in ffmpeg.
    pub fn software_encoder(self) -> &'static str {
        match self {
            Self::H264 => "libx264",
            Self::Hevc => "libx265",
            Self::Av1 => "libsvtav1",
            Self::Vp9 => "libvpx-vp9",
        }
    }
}

/// A constant rate factor on x264's scale from 1, nearly lossless, to 51, the worst; some 17 looks like the source, 23 is x264's
/// default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Crf(u8);

impl Crf {
    /// The factor; `None` above 51, and for 0: lossless H.264 needs a profile that no player of streams knows.
    pub const fn new(factor: u8) -> Option<Self> {
        if factor >= 1 && factor <= 51 { Some(Self(factor)) } else { None }
    }

    /// The number.
    pub const fn factor(self) -> u8 {
        self.0
    }
}

impl Default for Crf {
    /// What our own presets use: by VMAF at most 1.5 below fixed bit rates on the clips that were measured, where 23 is
    /// further below.
    fn default() -> Self {
        Self(22)
    }
}

impl TryFrom<u8> for Crf {
    type Error = String;

    fn try_from(factor: u8) -> Result<Self, String> {
        Self::new(factor).ok_or_else(|| format!("a CRF is from 1 to 51, not {factor}"))
    }
}

impl From<Crf> for u8 {
    fn from(crf: Crf) -> Self {
        crf.0
    }
}

/// How bits are spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "mode")]
pub enum RateControl {
    /// The rung's bit rate on average (ABR), with a VBV.
    #[default]
    AverageBitrate,
    /// A constant quality, never above the rung's bit rate for longer than the VBV holds.
    CappedCrf {
        /// The quality.
        crf: Crf,
    },
    /// A constant quality, whatever it takes: no VBV.
    Crf {
        /// The quality.
        crf: Crf,
    },
    /// The rung's bit rate all the time.
    ConstantBitrate,
    /// The rung's bit rate on average, spread over the whole length by a first run that only measures.
    TwoPass,
}

impl RateControl {
    /// Its name in flags, such as `capped-crf`.
    pub fn id(self) -> &'static str {
        match self {
            Self::AverageBitrate => "abr",
            Self::CappedCrf { .. } => "capped-crf",
            Self::Crf { .. } => "crf",
            Self::ConstantBitrate => "cbr",
            Self::TwoPass => "two-pass",
        }
    }

    /// The way, without its quality.
    pub fn mode(self) -> RateControlMode {
        match self {
            Self::AverageBitrate => RateControlMode::AverageBitrate,
            Self::CappedCrf { .. } => RateControlMode::CappedCrf,
            Self::Crf { .. } => RateControlMode::Crf,
            Self::ConstantBitrate => RateControlMode::ConstantBitrate,
            Self::TwoPass => RateControlMode::TwoPass,
        }
    }

    /// The quality that is asked for, if any.
    pub fn crf(self) -> Option<Crf> {
        match self {
            Self::CappedCrf { crf } | Self::Crf { crf } => Some(crf),
            _ => None,
        }
    }
}

/// A way to spend bits, without the quality that some have; see [`RateControl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateControlMode {
    /// See [`RateControl::AverageBitrate`].
    AverageBitrate,
    /// See [`RateControl::CappedCrf`].
    CappedCrf,
    /// See [`RateControl::Crf`].
    Crf,
    /// See [`RateControl::ConstantBitrate`].
    ConstantBitrate,
    /// See [`RateControl::TwoPass`].
    TwoPass,
}

impl RateControlMode {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::CappedCrf, Self::Crf, Self::AverageBitrate, Self::ConstantBitrate, Self::TwoPass];

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::AverageBitrate => "Average bit rate",
            Self::CappedCrf => "Constant quality, capped",
            Self::Crf => "Constant quality",
            Self::ConstantBitrate => "Constant bit rate",
            Self::TwoPass => "Two passes",
        }
    }

    /// Whether a quality goes with it.
    pub fn has_quality(self) -> bool {
        matches!(self, Self::CappedCrf | Self::Crf)
    }

    /// Whether the software encoder of a codec has it.
    pub fn fits(self, codec: VideoCodec) -> bool {
        match self {
            Self::TwoPass => matches!(codec, VideoCodec::H264 | VideoCodec::Vp9),
            Self::ConstantBitrate => codec != VideoCodec::Av1,
            Self::AverageBitrate | Self::CappedCrf | Self::Crf => true,
        }
    }

    /// The rate control of this way, with this quality where one goes with it.
    pub fn with(self, crf: Crf) -> RateControl {
        match self {
            Self::AverageBitrate => RateControl::AverageBitrate,
            Self::CappedCrf => RateControl::CappedCrf { crf },
            Self::Crf => RateControl::Crf { crf },
            Self::ConstantBitrate => RateControl::ConstantBitrate,
            Self::TwoPass => RateControl::TwoPass,
        }
    }
}

/// Which encoders are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderChoice {
    /// Those of the processor: the best picture for the bits.
    #[default]
    Software,
    /// Hardware where it works, else software.
    Automatic,
    /// This hardware.
    Hardware(HardwareFamily),
}

impl EncoderChoice {
    /// All choices.
    pub const ALL: [Self; 7] = [
        Self::Software,
        Self::Automatic,
        Self::Hardware(HardwareFamily::Nvenc),
        Self::Hardware(HardwareFamily::QuickSync),
        Self::Hardware(HardwareFamily::VaApi),
        Self::Hardware(HardwareFamily::VideoToolbox),
        Self::Hardware(HardwareFamily::Amf),
    ];

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Software => "Software",
            Self::Automatic => "Automatic",
            Self::Hardware(family) => family.label(),
        }
    }
}

/// A family of hardware encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HardwareFamily {
    /// NVIDIA.
    Nvenc,
    /// Intel.
    QuickSync,
    /// Intel and AMD on Linux.
    VaApi,
    /// Apple.
    VideoToolbox,
    /// AMD.
    Amf,
}

impl HardwareFamily {
    /// All families, the one that is tried first first.
    pub const ALL: [Self; 5] = [Self::Nvenc, Self::VideoToolbox, Self::QuickSync, Self::Amf, Self::VaApi];

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Nvenc => "NVENC",
            Self::QuickSync => "Quick Sync",
            Self::VaApi => "VA-API",
            Self::VideoToolbox => "VideoToolbox",
            Self::Amf => "AMF",
        }
    }

    /// Whether a quality with a cap can be asked of it; all take bit rates.
    pub fn has_capped_quality(self) -> bool {
        self == Self::Nvenc
    }

    /// Name in ffmpeg of its encoder for a codec; `None` where the family has none in any generation.
    pub fn encoder(self, codec: VideoCodec) -> Option<&'static str> {
        use VideoCodec::{Av1, H264, Hevc, Vp9};
        Some(match (self, codec) {
            (Self::Nvenc, H264) => "h264_nvenc",
            (Self::Nvenc, Hevc) => "hevc_nvenc",
            (Self::Nvenc, Av1) => "av1_nvenc",
            (Self::QuickSync, H264) => "h264_qsv",
            (Self::QuickSync, Hevc) => "hevc_qsv",
            (Self::QuickSync, Av1) => "av1_qsv",
            (Self::QuickSync, Vp9) => "vp9_qsv",
            (Self::VaApi, H264) => "h264_vaapi",
            (Self::VaApi, Hevc) => "hevc_vaapi",
            (Self::VaApi, Av1) => "av1_vaapi",
            (Self::VaApi, Vp9) => "vp9_vaapi",
            (Self::VideoToolbox, H264) => "h264_videotoolbox",
            (Self::VideoToolbox, Hevc) => "hevc_videotoolbox",
            (Self::Amf, H264) => "h264_amf",
            (Self::Amf, Hevc) => "hevc_amf",
            (Self::Amf, Av1) => "av1_amf",
            (Self::Nvenc | Self::Amf, Vp9) | (Self::VideoToolbox, Av1 | Vp9) => return None,
        })
    }
}

/// What becomes of a source with high dynamic range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HdrTreatment {
    /// It is tone-mapped to standard dynamic range in all renditions.
    #[default]
    ToneMap,
    /// It is kept in the HEVC renditions (Main 10); those of the other codecs, H.264 at least, are tone-mapped.
    Keep,
}

impl HdrTreatment {
    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::ToneMap => "Tone-mapped",
            Self::Keep => "Kept in HEVC",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quality_is_matched_on_the_scale_of_each_codec() {
        let crf = Crf::new(23).unwrap();
        assert_eq!(VideoCodec::ALL.map(|codec| codec.crf_like(crf)), [23, 26, 34, 31]);
        assert_eq!(VideoCodec::ALL.map(|codec| codec.crf_like(Crf(51))), [51, 51, 63, 63]);
        assert_eq!(VideoCodec::Vp9.crf_like(Crf(0)), 0);
    }

    #[test]
    fn settings_of_older_versions_are_read_as_what_they_meant() {
        let settings: VideoSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, VideoSettings::default());
        let asked = r#"{"codecs":["h264","hevc"],"rate_control":{"mode":"capped_crf","crf":21}}"#;
        let settings: VideoSettings = serde_json::from_str(asked).unwrap();
        assert_eq!(settings.rate_control.crf(), Crf::new(21));
        assert!(serde_json::from_str::<RateControl>(r#"{"mode":"crf","crf":52}"#).is_err());
    }
}
