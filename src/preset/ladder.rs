//! A ladder trimmed to its source: never larger than the source, its shape kept, even pixels. Pure.

use super::{BitRate, LadderChoice, Rung};
use crate::media::PictureSize;

/// A neighbour with more than this part of the own size's pixels is too close to be a rung of its own.
const TOO_CLOSE: f64 = 0.8;
/// A rung has at least this many pixels on its short side, the width of a macroblock of H.264.
const SMALLEST_SIDE: u32 = 16;
/// Bit rates of neighbours are at least this far apart.
const SMALLEST_STEP: f64 = 1.3;
/// The rate that 1920×1080 gets when no rung says otherwise.
const FULL_HD_BITS_PER_SECOND: f64 = 5_000_000.0;
const FULL_HD_PIXELS: f64 = 1920.0 * 1080.0;
/// Bits grow slower than pixels: larger pictures compress better.
const BITS_BY_PIXELS_EXPONENT: f64 = 0.75;
const LOWEST_BITS_PER_SECOND: f64 = 100_000.0;
/// Two thirds of the sides are about half of the bits: neighbours should be 1.5 to 2 times apart.
const COMPANION_SCALE: f64 = 2.0 / 3.0;
const LARGEST_ALONE: f64 = 240.0;
/// The most by which a picture may be stretched for the sake of even sides, where there is another size.
const LARGEST_BEND: f64 = 0.01;

/// A rung as it will be encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRung {
    /// The rung's name and folder, such as `1080p`.
    pub name: String,
    /// Size of the picture; both sides even.
    pub size: PictureSize,
    /// Average video bit rate.
    pub bitrate: BitRate,
}

/// The rungs for one source, from the largest to the smallest; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder(pub Vec<PlannedRung>);

impl Ladder {
    /// Trims `choice` to a source that is seen at `source` (square pixels, upright).
    pub fn for_source(choice: &LadderChoice, source: PictureSize) -> Self {
        let own = even_in_shape(source, f64::from(source.width.max(source.height)));
        let rungs = match choice {
            LadderChoice::SourceSize => {
                return Self::with_companion(vec![planned(own, bitrate_by_pixels(own))], source);
            }
            LadderChoice::Rungs(rungs) => rungs,
        };
        let mut planned_rungs: Vec<PlannedRung> = Vec::new();
        let mut needs_own_size = false;
        for rung in rungs {
            match fit_into_short_side(source, rung.short_side) {
                // Rounding would bend it beyond recognition; the larger rungs, or the own size, are left.
                Some(size) if size.short_side() < SMALLEST_SIDE => {}
                Some(size) => {
                    planned_rungs.push(PlannedRung { name: rung_name(rung.short_side), size, bitrate: rung.bitrate });
                }
                None => needs_own_size = true,
            }
        }
        if needs_own_size {
            let own_bitrate = bitrate_between(rungs, own);
            let is_close = |rung: &PlannedRung| {
                let step = own_bitrate.bits_per_second() as f64 / rung.bitrate.bits_per_second() as f64;
                rung.size.pixels() as f64 > TOO_CLOSE * own.pixels() as f64 || step < SMALLEST_STEP
            };
            match planned_rungs.first_mut() {
                Some(largest) if largest.size == own => {}
                Some(largest) if is_close(largest) => *largest = planned(own, largest.bitrate),
                _ => planned_rungs.insert(0, planned(own, own_bitrate)),
            }
        }
        planned_rungs.dedup_by(|smaller, larger| smaller.size == larger.size);
        if planned_rungs.is_empty() {
            planned_rungs.push(planned(own, bitrate_by_pixels(own)));
        }
        Self::with_companion(planned_rungs, source)
    }

    /// Gives a lone rung, unless it is small, a companion of two thirds: a stream has more than one video bit rate
    /// (Apple HLS Authoring Specification 9.9).
    fn with_companion(mut rungs: Vec<PlannedRung>, source: PictureSize) -> Self {
        if let [lone] = rungs.as_slice()
            && box_short_side(lone.size) > LARGEST_ALONE
            && let Some(size) =
                fit_into_short_side(source, (box_short_side(lone.size) * COMPANION_SCALE).round() as u32)
            && size.short_side() >= SMALLEST_SIDE
        {
            let bits = lone.bitrate.bits_per_second() as f64;
            let bits = bits * (size.pixels() as f64 / lone.size.pixels() as f64).powf(BITS_BY_PIXELS_EXPONENT);
            let companion = planned(size, rounded(bits));
            // A picture that is long and thin has few pixels: both rungs would be at the lowest rate.
            if lone.bitrate.bits_per_second() as f64 >= SMALLEST_STEP * companion.bitrate.bits_per_second() as f64 {
                rungs.push(companion);
            }
        }
        Self(rungs)
    }
}

/// The name of a rung by its short side, such as `720p`.
pub fn rung_name(short_side: u32) -> String {
    format!("{short_side}p")
}

fn planned(size: PictureSize, bitrate: BitRate) -> PlannedRung {
    PlannedRung { name: rung_name(box_short_side(size).round() as u32), size, bitrate }
}

/// The short side of the 16:9 (or 9:16) box that a picture fills: what its rung is called, so that wide and tall
/// pictures are named like the rungs around them.
fn box_short_side(size: PictureSize) -> f64 {
    let long_side = f64::from(size.width.max(size.height));
    f64::from(size.short_side()).max(long_side * 9.0 / 16.0)
}

/// The largest picture of the source's shape in a 16:9 (or 9:16) box of this short side; `None` if that would enlarge
/// the source.
pub(crate) fn fit_into_short_side(source: PictureSize, short_side: u32) -> Option<PictureSize> {
    let long_side = f64::from(short_side) * 16.0 / 9.0;
    let (box_width, box_height) =
        if source.is_portrait() { (f64::from(short_side), long_side) } else { (long_side, f64::from(short_side)) };
    let (width, height) = (f64::from(source.width), f64::from(source.height));
    let scale = (box_width / width).min(box_height / height);
    if scale > 1.0 {
        return None;
    }
    Some(even_in_shape(source, width.max(height) * scale))
}

/// The even size with a long side of about this length, or less where only that keeps the source's shape; never larger
/// than the source.
fn even_in_shape(source: PictureSize, long_side: f64) -> PictureSize {
    let ratio = f64::from(source.width.max(source.height)) / f64::from(source.short_side().max(1));
    // A side that is odd in the source must not grow by its rounding.
    let largest = even(source);
    let longest = nearest_even(long_side).min(largest.width.max(largest.height));
    // The short side is taken from the rounded long one, so that only one rounding bends the picture.
    let nearest = (longest, nearest_even(f64::from(longest) / ratio).min(largest.short_side()));
    let smaller = [0, 2, 4].into_iter().filter_map(|less| {
        let short = nearest.1.checked_sub(less).filter(|short| *short >= 2)?;
        let long = nearest_even(f64::from(short) * ratio);
        (long <= longest).then_some((long, short))
    });
    // Alike for a picture that lies and for one that stands.
    let bend = |(long, short): &(u32, u32)| {
        let change = f64::from(*long) / f64::from(*short) / ratio;
        change.max(change.recip()) - 1.0
    };
    let mut sizes = std::iter::once(nearest).chain(smaller);
    let in_shape = sizes.clone().find(|size| bend(size) <= LARGEST_BEND);
    let (long, short) =
        in_shape.or_else(|| sizes.by_ref().min_by(|a, b| bend(a).total_cmp(&bend(b)))).unwrap_or(nearest);
    if source.is_portrait() {
        PictureSize { width: short, height: long }
    } else {
        PictureSize { width: long, height: short }
    }
}

fn nearest_even(length: f64) -> u32 {
    (((length / 2.0).round() as u32) * 2).max(2)
}

/// The source's own size, made even without growing.
fn even(size: PictureSize) -> PictureSize {
    PictureSize { width: (size.width & !1).max(2), height: (size.height & !1).max(2) }
}

fn bitrate_by_pixels(size: PictureSize) -> BitRate {
    let bits = FULL_HD_BITS_PER_SECOND * (size.pixels() as f64 / FULL_HD_PIXELS).powf(BITS_BY_PIXELS_EXPONENT);
    rounded(bits)
}

/// The rate for the source's own size: on the line between the rungs around it, by the logarithm of the pixels of
/// the boxes.
fn bitrate_between(rungs: &[Rung], own_size: PictureSize) -> BitRate {
    let pixels_of = |rung: &Rung| f64::from(rung.short_side).powi(2);
    let own = box_short_side(own_size).powi(2);
    let above = rungs.iter().rev().find(|rung| pixels_of(rung) > own);
    let below = rungs.iter().find(|rung| pixels_of(rung) <= own);
    let bits = |rung: &Rung| rung.bitrate.bits_per_second() as f64;
    match (above, below) {
        (Some(above), Some(below)) => {
            let part = (own / pixels_of(below)).ln() / (pixels_of(above) / pixels_of(below)).ln();
            rounded((bits(below).ln() + part * (bits(above) / bits(below)).ln()).exp())
        }
        (Some(nearest), None) | (None, Some(nearest)) => {
            rounded(bits(nearest) * (own / pixels_of(nearest)).powf(BITS_BY_PIXELS_EXPONENT).min(1.0))
        }
        (None, None) => bitrate_by_pixels(own_size),
    }
}

fn rounded(bits_per_second: f64) -> BitRate {
    let bits = bits_per_second.max(LOWEST_BITS_PER_SECOND);
    BitRate::from_kilobits((bits / 10_000.0).round() as u64 * 10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::preset::{built_in_presets, find_preset};

    fn ladder(preset: &str, width: u32, height: u32) -> Vec<(String, u32, u32, u64)> {
        let preset = find_preset(preset).expect("a built-in preset");
        Ladder::for_source(&preset.ladder, PictureSize { width, height })
            .0
            .into_iter()
            .map(|rung| (rung.name, rung.size.width, rung.size.height, rung.bitrate.kilobits_per_second()))
            .collect()
    }

    fn rung(name: &str, width: u32, height: u32, kilobits: u64) -> (String, u32, u32, u64) {
        (name.to_owned(), width, height, kilobits)
    }

    #[test]
    fn full_hd_gets_all_rungs() {
        assert_eq!(
            ladder("web-hls", 1920, 1080),
            [
                rung("1080p", 1920, 1080, 5000),
                rung("720p", 1280, 720, 3000),
                rung("480p", 854, 480, 1500),
                rung("360p", 640, 360, 800)
            ]
        );
    }

    #[test]
    fn a_rung_above_the_source_is_replaced_by_the_sources_own_size() {
        let rungs = ladder("web-hls", 1600, 900);
        assert_eq!(rungs[0].0, "900p");
        assert!((3000..5000).contains(&rungs[0].3));
        assert_eq!(rungs[1], rung("720p", 1280, 720, 3000));
        assert_eq!(ladder("web-hls", 320, 180), [rung("180p", 320, 180, 280)]);
        assert_eq!(ladder("web-hls", 1280, 720)[0], rung("720p", 1280, 720, 3000));
    }

    #[test]
    fn an_own_size_close_to_a_rung_takes_its_place() {
        let rungs = ladder("web-hls", 1298, 730);
        assert_eq!(rungs[0], rung("730p", 1298, 730, 3000));
        assert_eq!(rungs[1].0, "480p");
    }

    #[test]
    fn portrait_sources_get_portrait_rungs() {
        assert_eq!(ladder("quick", 1080, 1920), [rung("720p", 720, 1280, 3000), rung("360p", 360, 640, 800)]);
    }

    #[test]
    fn wide_sources_keep_their_shape() {
        assert_eq!(ladder("web-hls", 1920, 804)[0], rung("1080p", 1920, 804, 5000));
        assert_eq!(ladder("web-hls", 640, 272), [rung("360p", 640, 272, 800), rung("240p", 426, 182, 440)]);
        let names: Vec<String> = ladder("web-hls", 1600, 670).into_iter().map(|rung| rung.0).collect();
        assert_eq!(names, ["900p", "720p", "480p", "360p"]);
    }

    #[test]
    fn source_size_is_the_own_size_and_a_smaller_companion() {
        assert_eq!(ladder("source", 1920, 1080), [rung("1080p", 1920, 1080, 5000), rung("720p", 1280, 720, 2720)]);
        assert_eq!(ladder("source", 853, 481)[0].1, 852);
        assert_eq!(ladder("source", 320, 240).len(), 1);
    }

    #[test]
    fn long_and_thin_pictures_keep_their_shape() {
        assert!(
            ladder("web-hls-240", 932, 6076).iter().all(|rung| (rung.1, rung.2) != (66, 426)),
            "it bends by 1.003 %"
        );
        for (width, height, rung) in [(1920, 120, (832, 52)), (2000, 100, (840, 42)), (100, 3000, (28, 840))] {
            let sizes = ladder("web-hls", width, height);
            assert!(sizes.iter().any(|(_, width, height, _)| (*width, *height) == rung), "{sizes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_ladder_upscales_or_bends_a_picture(width in 16_u32..8000, height in 16_u32..8000, index in 0_usize..4) {
            let preset = &built_in_presets()[index];
            let rungs = Ladder::for_source(&preset.ladder, PictureSize { width, height }).0;
            prop_assert!(!rungs.is_empty());
            for pair in rungs.windows(2) {
                prop_assert!(pair[0].size.pixels() > pair[1].size.pixels());
                prop_assert!(pair[0].bitrate > pair[1].bitrate, "{rungs:?}");
                prop_assert!(pair[0].name != pair[1].name);
            }
            for rung in &rungs {
                prop_assert!(rung.size.width <= width && rung.size.height <= height, "{rung:?}");
                prop_assert!(rung.size.width % 2 == 0 && rung.size.height % 2 == 0);
                let shape = |width: u32, height: u32| f64::from(width) / f64::from(height);
                let smallest_side = f64::from(rung.size.short_side());
                let bend = (shape(rung.size.width, rung.size.height) / shape(width, height) - 1.0).abs();
                prop_assert!(bend <= 2.5 / smallest_side, "{rung:?} bends {width}x{height} by {bend}");
                // Two pixels more or less of so long a side are less than one in a hundred.
                let is_small = rung.size.width.max(rung.size.height) < 110;
                prop_assert!(is_small || bend <= LARGEST_BEND, "{rung:?} bends {width}x{height} by {bend}");
            }
        }
    }
}
