//! How pictures are encoded: codecs, rate control, the kind of encoder.

use serde::{Deserialize, Serialize};

use super::{Crf, PresetContradiction, RateControl, RateControlMode};

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
        let x264 = f64::from(crf.factor());
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
        assert_eq!(VideoCodec::ALL.map(|codec| codec.crf_like(Crf::new(51).unwrap())), [51, 51, 63, 63]);
        assert_eq!(VideoCodec::Vp9.crf_like(Crf::new(1).unwrap()), 0);
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
