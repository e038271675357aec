//! What the pictures are (rules 17 to 21).

use crate::pipeline::check::{
    measure::{
        Kind,
        format::{Bitstream, ColourTags, Format},
    },
    rule::Rule,
    stream::{Rendition, Stream},
    verdict::Ledger,
};

const HIGHEST_RATE: f64 = 60.0;
const NATURAL_RATES: [f64; 8] = [23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0];
const LOWEST_NATURAL_RATE: f64 = 23.9;
/// Two shapes that differ by no more are the same.
const SHAPE_TOLERANCE: f64 = 0.01;
/// Values of ISO/IEC 23091-2 that mean nothing: reserved and unspecified.
const NOT_WRITTEN: [u16; 3] = [0, 2, 3];
const MATRIX_RGB: u16 = 0;
const BT2020: u16 = 9;
const HDR_TRANSFERS: [u16; 2] = [16, 18];

/// Levels of H.264 with their numbers, macroblocks a second and in a frame (ISO/IEC 14496-10, table A-1).
const H264_LEVELS: [(u8, u64, u64); 17] = [
    (10, 1485, 99),
    (11, 3000, 396),
    (12, 6000, 396),
    (13, 11_880, 396),
    (20, 11_880, 396),
    (21, 19_800, 792),
    (22, 20_250, 1620),
    (30, 40_500, 1620),
    (31, 108_000, 3600),
    (32, 216_000, 5120),
    (40, 245_760, 8192),
    (41, 245_760, 8192),
    (42, 522_240, 8704),
    (50, 589_824, 22_080),
    (51, 983_040, 36_864),
    (52, 2_073_600, 36_864),
    (60, 4_177_920, 139_264),
];

/// All renditions with pictures.
pub(super) fn pictures(stream: &Stream, ledger: &mut Ledger) {
    for rendition in stream.pictures() {
        let Some(format) = rendition.format(Kind::Picture) else { continue };
        coding(rendition, format, ledger);
        shape(rendition, format, ledger);
        if let Some(colour) = format.colour {
            let problem = colour_problem(colour);
            ledger
                .judge(Rule::Colour, &rendition.address, problem.is_none(), || problem.unwrap_or_default().to_owned());
        }
        if let Some(rate) = rendition.frame_rate() {
            ledger.judge(Rule::FrameRateLimit, &rendition.address, rate <= HIGHEST_RATE + 0.01, || {
                format!("{rate:.3} frames a second")
            });
            let is_natural =
                rate < LOWEST_NATURAL_RATE || NATURAL_RATES.iter().any(|natural| (natural - rate).abs() < 0.006);
            ledger
                .judge(Rule::FrameRateNatural, &rendition.address, is_natural, || format!("{rate:.3} frames a second"));
        }
    }
    same_shape(stream, ledger);
}

fn coding(rendition: &Rendition, format: &Format, ledger: &mut Ledger) {
    let address = &rendition.address;
    let level = format.level.unwrap_or(0);
    let profile = match (format.bitstream, format.profile) {
        (Bitstream::H264(_), Some(profile)) => Some(matches!(profile, 66 | 77 | 100) && level <= 52),
        (Bitstream::Hevc(_), Some(profile)) => Some(matches!(profile, 1 | 2) && level <= 153),
        (Bitstream::Av1, Some(profile)) => Some(profile == 0),
        (Bitstream::Vp9, Some(profile)) => Some(matches!(profile, 0 | 2)),
        _ => None,
    };
    if let Some(kept) = profile {
        ledger.judge(Rule::Profile, address, kept, || {
            format!("the format is {}", format.codecs.as_deref().unwrap_or("not known"))
        });
    }
    if let (Bitstream::H264(_), Some(size), Some(rate)) = (format.bitstream, format.size, rendition.frame_rate()) {
        let blocks = u64::from(size.width.div_ceil(16)) * u64::from(size.height.div_ceil(16));
        let kept = is_level_fit(level, blocks, rate);
        ledger.judge(Rule::PictureLevel, address, kept, || {
            format!("level {}.{} for {size} at {rate:.3} frames a second", level / 10, level % 10)
        });
    }
    if let Some(chroma) = format.chroma {
        let depth = format.bit_depth.unwrap_or(8);
        let kept = chroma == "4:2:0" && (depth == 8 || !matches!(format.bitstream, Bitstream::H264(_)));
        ledger.judge(Rule::PixelFormat, address, kept, || format!("pictures are {chroma} with {depth} bits"));
    }
    if let Some(is_interlaced) = format.is_interlaced {
        ledger.judge(Rule::Progressive, address, !is_interlaced, || "pictures are interlaced".to_owned());
    }
}

/// Whether a level is no more than one step above the lowest in which so many blocks a frame fit.
fn is_level_fit(level: u8, blocks: u64, rate: f64) -> bool {
    let fits = |(_, blocks_a_second, blocks_a_frame): &(u8, u64, u64)| {
        *blocks_a_frame >= blocks && *blocks_a_second as f64 + 0.5 >= blocks as f64 * rate
    };
    let lowest = H264_LEVELS.iter().position(fits).unwrap_or(H264_LEVELS.len() - 1);
    // Bit rates and reference frames can need the next step; below 3.0 nobody cares.
    let highest = H264_LEVELS[(lowest + 2).min(H264_LEVELS.len() - 1)].0.max(30);
    level <= highest
}

fn shape(rendition: &Rendition, format: &Format, ledger: &mut Ledger) {
    if let Some(size) = format.size {
        let kept = size.width.is_multiple_of(2) && size.height.is_multiple_of(2);
        ledger.judge(Rule::EvenSize, &rendition.address, kept, || format!("the picture is {size}"));
    }
    if let Some((width, height)) = format.pixel_aspect.filter(|(width, height)| *width > 0 && *height > 0) {
        ledger
            .judge(Rule::SquarePixels, &rendition.address, width == height, || format!("pixels are {width}:{height}"));
    }
}

fn colour_problem(colour: ColourTags) -> Option<&'static str> {
    let is_hdr = HDR_TRANSFERS.contains(&colour.transfer);
    if colour.is_full_range {
        Some("the range is full")
    } else if colour.matrix == MATRIX_RGB {
        Some("pictures are RGB")
    } else if [colour.primaries, colour.transfer, colour.matrix].iter().any(|value| NOT_WRITTEN.contains(value)) {
        Some("primaries, transfer or matrix are not written")
    } else if is_hdr && (colour.primaries != BT2020 || colour.matrix != BT2020) {
        Some("the transfer is that of HDR, primaries and matrix are not those of BT.2020")
    } else if (colour.primaries == BT2020) != (colour.matrix == BT2020 || colour.matrix == BT2020 + 1) {
        Some("primaries and matrix do not agree")
    } else {
        None
    }
}

fn same_shape(stream: &Stream, ledger: &mut Ledger) {
    let mut shapes = stream.pictures().filter_map(|rendition| {
        let size = rendition.format(Kind::Picture)?.size?;
        (size.height > 0).then(|| (rendition, f64::from(size.width) / f64::from(size.height), size))
    });
    let Some((_, first, _)) = shapes.next() else { return };
    for (rendition, shape, size) in shapes {
        // Small pictures can't be nearer than one pixel, and sides are even.
        let tolerance = SHAPE_TOLERANCE.max(2.0 / f64::from(size.short_side().max(1)));
        let kept = (shape / first - 1.0).abs() <= tolerance;
        ledger.judge(Rule::SameShape, &rendition.address, kept, || {
            format!("the shape is {shape:.3}, the first is {first:.3}")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_fit_size_and_rate() {
        assert!(is_level_fit(40, 8160, 25.0));
        assert!(is_level_fit(42, 8160, 60.0));
        assert!(!is_level_fit(52, 8160, 25.0));
        assert!(is_level_fit(30, 100, 25.0));
    }

    #[test]
    fn colours_are_written_and_agree() {
        let colour = |primaries, transfer, matrix| ColourTags { primaries, transfer, matrix, is_full_range: false };
        assert_eq!(colour_problem(colour(1, 1, 1)), None);
        assert_eq!(colour_problem(colour(5, 6, 5)), None);
        assert_eq!(colour_problem(colour(9, 16, 9)), None);
        assert!(colour_problem(colour(2, 1, 1)).is_some());
        assert!(colour_problem(colour(1, 16, 1)).is_some());
        assert!(colour_problem(ColourTags { is_full_range: true, ..colour(1, 1, 1) }).is_some());
    }
}
