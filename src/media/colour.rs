//! How the numbers of a picture become light.

use serde::{Deserialize, Serialize};

/// Colour description in ffmpeg's names (`bt709`, `smpte2084`, …); `None` where the file does not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Colour {
    /// Colour primaries.
    pub primaries: Option<String>,
    /// Transfer function.
    pub transfer: Option<String>,
    /// Matrix between RGB and YCbCr.
    pub matrix: Option<String>,
    /// `tv` (limited) or `pc` (full).
    pub range: Option<String>,
    /// Mastering display and light level metadata, if any.
    pub hdr: Option<HdrMetadata>,
}

/// Static HDR metadata (SMPTE ST 2086, CTA-861.3) as far as the container carries it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HdrMetadata {
    /// Highest luminance of the mastering display in cd/m².
    pub mastering_max_luminance: Option<f64>,
    /// Lowest luminance of the mastering display in cd/m².
    pub mastering_min_luminance: Option<f64>,
    /// Chromaticities (CIE 1931 x and y) of the mastering display's red, green, blue and white.
    #[serde(default)]
    pub mastering_chromaticities: Option<[(f64, f64); 4]>,
    /// Maximum content light level (MaxCLL) in cd/m².
    pub max_content_light_level: Option<u32>,
    /// Maximum frame-average light level (MaxFALL) in cd/m².
    pub max_frame_average_light_level: Option<u32>,
    /// True when a Dolby Vision configuration is present.
    pub dolby_vision: bool,
}

/// The family of a source's dynamic range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DynamicRange {
    /// Standard dynamic range.
    Sdr,
    /// Perceptual quantiser (SMPTE ST 2084): HDR10 and Dolby Vision base layers.
    Pq,
    /// Hybrid log-gamma (ARIB STD-B67).
    Hlg,
}

impl Colour {
    /// The dynamic range that the transfer function tells.
    pub fn dynamic_range(&self) -> DynamicRange {
        match self.transfer.as_deref() {
            Some("smpte2084") => DynamicRange::Pq,
            Some("arib-std-b67") => DynamicRange::Hlg,
            _ => DynamicRange::Sdr,
        }
    }
}
