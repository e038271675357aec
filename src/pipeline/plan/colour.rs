//! What happens to the colours, and how the result is labelled (truly).

use crate::{
    job::{Deinterlace, RgbColour},
    media::{Colour, DynamicRange, VideoStream},
    preset::InterlacedOutput,
};

/// The colour description that is written into every rendition, in ffmpeg's names; the range is always limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColourLabel {
    /// Colour primaries.
    pub primaries: &'static str,
    /// Transfer function.
    pub transfer: &'static str,
    /// Matrix.
    pub matrix: &'static str,
}

/// Codecs, by ffmpeg's names, that mark each picture as a frame or as fields.
const CODECS_WITH_FIELDS: [&str; 4] = ["mpeg2video", "h264", "hevc", "vc1"];
/// Nothing smaller is a broadcast.
const SMALLEST_FIELDS: u32 = 16;

/// HD: ITU-R BT.709.
const BT709: ColourLabel = ColourLabel { primaries: "bt709", transfer: "bt709", matrix: "bt709" };
/// SD of 525 lines.
const SMPTE170M: ColourLabel = ColourLabel { primaries: "smpte170m", transfer: "smpte170m", matrix: "smpte170m" };
/// SD of 625 lines. The matrix is the same as 525's; ITU-R BT.601 gives both the transfer function of smpte170m.
const BT470BG: ColourLabel = ColourLabel { primaries: "bt470bg", transfer: "smpte170m", matrix: "bt470bg" };

/// A colour description as ISO/IEC 23091-2 numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColourCodePoints {
    /// ColourPrimaries.
    pub primaries: u8,
    /// TransferCharacteristics.
    pub transfer: u8,
    /// MatrixCoefficients.
    pub matrix: u8,
}

impl ColourLabel {
    /// The label in numbers.
    pub fn code_points(&self) -> ColourCodePoints {
        ColourCodePoints {
            primaries: match self.primaries {
                "bt470bg" => 5,
                "smpte170m" => 6,
                "bt2020" => 9,
                _ => 1,
            },
            transfer: match self.transfer {
                "smpte170m" => 6,
                "smpte2084" => 16,
                "arib-std-b67" => 18,
                _ => 1,
            },
            matrix: match self.matrix {
                "bt470bg" => 5,
                "smpte170m" => 6,
                "bt2020nc" => 9,
                _ => 1,
            },
        }
    }

    /// How kept HDR is labelled (ITU-R BT.2100); `None` for standard range.
    pub fn of_hdr(range: DynamicRange) -> Option<Self> {
        let transfer = match range {
            DynamicRange::Sdr => return None,
            DynamicRange::Pq => "smpte2084",
            DynamicRange::Hlg => "arib-std-b67",
        };
        Some(Self { primaries: "bt2020", transfer, matrix: "bt2020nc" })
    }
}

/// What a picture is taken for where it does not say itself, in ffmpeg's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AssumedColours {
    /// Colour primaries.
    pub primaries: Option<&'static str>,
    /// Transfer function.
    pub transfer: Option<&'static str>,
    /// Matrix.
    pub matrix: Option<&'static str>,
}

impl AssumedColours {
    /// For a picture of high range or of wide gamut, which is converted only where all of it is known: what one part tells,
    /// the others go with. High range is that of ITU-R BT.2100, which has the colours of BT.2020; BT.2020's curve for
    /// standard range is that of BT.709.
    fn of_wide(colour: &Colour, is_rgb: bool) -> Self {
        let is_display_p3 = matches!(colour.primaries.as_deref(), Some("smpte431" | "smpte432"));
        let matrix = if is_display_p3 && colour.dynamic_range() == DynamicRange::Sdr { "bt709" } else { "bt2020nc" };
        Self {
            primaries: colour.primaries.is_none().then_some("bt2020"),
            transfer: colour.transfer.is_none().then_some("bt709"),
            matrix: (colour.matrix.is_none() && !is_rgb).then_some(matrix),
        }
    }
}

/// What each picture goes through before it is scaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureConversion {
    /// Fields become whole frames.
    pub deinterlace: bool,
    /// In a picture that begins with whole frames, those that are marked as fields become whole ones too.
    pub deinterlace_marked: bool,
    /// What each field becomes then.
    pub interlaced: InterlacedOutput,
    /// HDR becomes standard dynamic range.
    pub tone_map: bool,
    /// The brightest light of such a picture, in cd/m².
    pub peak_luminance: u32,
    /// Primaries that are neither HD's nor SD's are converted to BT.709 by way of linear light.
    pub convert_gamut: bool,
    /// What the source is taken for where it does not say itself.
    pub assumed: AssumedColours,
    /// How a still picture stands (EXIF 2.32, tag 274), from 2 to 8.
    pub exif_orientation: Option<u8>,
    /// The decoded picture is of red, green and blue.
    pub is_rgb: bool,
    /// What is seen where the picture is transparent, if it can be.
    pub alpha: Option<AlphaConversion>,
    /// How the result is labelled.
    pub label: ColourLabel,
}

/// How a picture that is transparent in places becomes one that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlphaConversion {
    /// What is seen through it.
    pub over: RgbColour,
    /// ffmpeg's name of the decoder that reads the transparency, where the usual one does not.
    pub decoder: Option<&'static str>,
}

impl AlphaConversion {
    fn of(video: &VideoStream, over: RgbColour) -> Self {
        let decoder = match video.codec.as_str() {
            "vp8" => Some("libvpx"),
            "vp9" => Some("libvpx-vp9"),
            _ => None,
        };
        Self { over, decoder }
    }
}

/// Whether frames of this codec tell each whether it is interlaced, in a form that can be deinterlaced.
fn can_become_interlaced(video: &VideoStream) -> bool {
    let is_planar = video.pixel_format.as_deref().is_some_and(|format| format.starts_with("yuv4"));
    let size = video.coded_size;
    is_planar && CODECS_WITH_FIELDS.contains(&video.codec.as_str()) && size.width.min(size.height) >= SMALLEST_FIELDS
}

impl PictureConversion {
    /// What sound alone needs.
    pub(super) fn none() -> Self {
        Self {
            deinterlace: false,
            deinterlace_marked: false,
            interlaced: InterlacedOutput::Frames,
            tone_map: false,
            peak_luminance: Colour::default().peak_luminance(),
            convert_gamut: false,
            assumed: AssumedColours::default(),
            exif_orientation: None,
            is_rgb: false,
            alpha: None,
            label: BT709,
        }
    }

    /// The same with what is asked for interlaced pictures.
    pub(super) fn wish(&mut self, asked: Deinterlace) {
        self.deinterlace = asked.applies_to(self.deinterlace);
        self.deinterlace_marked &= !self.deinterlace && asked == Deinterlace::Automatic;
    }

    /// What a stream needs; `background` is what is seen where it is transparent.
    pub fn for_stream(video: &VideoStream, interlaced: InterlacedOutput, background: Option<RgbColour>) -> Self {
        let colour = &video.colour;
        let matrix = colour.matrix.as_deref().filter(|matrix| *matrix != "unknown" && *matrix != "reserved");
        let is_rgb = video.pixel_format.as_deref().is_some_and(|format| {
            ["rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "mono"]
                .iter()
                .any(|start| format.starts_with(start))
        }) || matrix == Some("gbr");
        let tone_map = colour.dynamic_range() != DynamicRange::Sdr;
        let has_wide_gamut = matches!(colour.primaries.as_deref(), Some("bt2020" | "smpte431" | "smpte432"))
            || matches!(matrix, Some("bt2020nc" | "bt2020c"));
        let of_matrix = |matrix| AssumedColours { matrix, ..AssumedColours::default() };
        let (label, assumed) = if tone_map || has_wide_gamut {
            (BT709, AssumedColours::of_wide(colour, is_rgb))
        } else if is_rgb {
            (BT709, AssumedColours::default())
        } else {
            let (label, matrix) = match matrix {
                Some("smpte170m") => (SMPTE170M, None),
                Some("bt470bg") => (BT470BG, None),
                Some(_) => (BT709, None),
                // What says nothing is by convention SD's matrix up to SD's size, and HD's above.
                None if video.coded_size.height <= 486 && video.coded_size.width <= 720 => {
                    (SMPTE170M, Some(SMPTE170M.matrix))
                }
                None if video.coded_size.height <= 576 && video.coded_size.width <= 1024 => {
                    (BT470BG, Some(BT470BG.matrix))
                }
                None => (BT709, Some(BT709.matrix)),
            };
            (label, of_matrix(matrix))
        };
        Self {
            deinterlace: video.scan.is_interlaced(),
            deinterlace_marked: !video.scan.is_interlaced() && can_become_interlaced(video),
            interlaced,
            tone_map,
            peak_luminance: colour.peak_luminance(),
            convert_gamut: has_wide_gamut && !tone_map,
            assumed,
            exif_orientation: video.exif_orientation,
            is_rgb,
            alpha: video.has_alpha().then(|| AlphaConversion::of(video, background.unwrap_or_default())),
            label,
        }
    }
}
