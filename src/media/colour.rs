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

/// Luminance in cd/m² for which most pictures of high range are made: that of the reference display of ITU-R BT.2100.
const USUAL_PEAK_LUMINANCE: u32 = 1000;
/// The highest luminance that SMPTE ST 2084 can tell, in cd/m².
const HIGHEST_LUMINANCE: f64 = 10_000.0;

impl Colour {
    /// Luminance of the brightest light in a picture of high range, in cd/m²: that of its content or of the display for which
    /// it was made, or the usual one where neither is told.
    pub fn peak_luminance(&self) -> u32 {
        let hdr = self.hdr.as_ref();
        let of_content = hdr.and_then(|hdr| hdr.max_content_light_level).map(f64::from).filter(|told| *told >= 1.0);
        let of_display = hdr.and_then(|hdr| hdr.mastering_max_luminance).filter(|told| *told >= 1.0);
        let told = of_content.or(of_display).map(|told| told.min(HIGHEST_LUMINANCE) as u32);
        told.unwrap_or(USUAL_PEAK_LUMINANCE)
    }

    /// The dynamic range that the transfer function tells.
    pub fn dynamic_range(&self) -> DynamicRange {
        match self.transfer.as_deref() {
            Some("smpte2084") => DynamicRange::Pq,
            Some("arib-std-b67") => DynamicRange::Hlg,
            _ => DynamicRange::Sdr,
        }
    }
}
