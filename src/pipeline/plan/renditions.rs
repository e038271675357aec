//! The video renditions: a ladder for each codec, and how each rendition is encoded.

use std::collections::BTreeSet;

use super::{Findings, PlanError};
use crate::{
    media::{DynamicRange, PictureSize},
    preset::{
        BitRate, EncoderChoice, HardwareFamily, HdrTreatment, Ladder, PlannedRung, Preset, PresetContradiction,
        RateControl, VideoCodec,
    },
};

/// The average may be exceeded by this factor at any time: well under the factor of two that Apple's HLS Authoring
/// Specification (1.30) allows, and enough for scenes that are harder than the rest.
const MAX_BITRATE_FACTOR: f64 = 1.2;
/// Seconds of the average rate that the VBV buffer holds.
const BUFFER_SECONDS: f64 = 1.5;
/// With a constant bit rate the buffer evens out this much.
const CONSTANT_BITRATE_BUFFER_SECONDS: f64 = 1.0;
/// Below this a picture is not worth its name.
const LOWEST_BITS_PER_SECOND: f64 = 50_000.0;

/// Samples of luma that players of H.264 up to level 5.2 and of HEVC up to level 5.1 take sixty times a second (ITU-T H.264,
/// table A-1; H.265, table A.8; Apple HLS Authoring Specification 1.3 and 1.6): 4096×2160.
const MOST_SAMPLES: u64 = 4096 * 2160;
/// The size that takes the place of a larger one, by its short side.
const LARGEST_SHORT_SIDE: u32 = 2160;
/// No level that is allowed holds a longer line (the same).
const LONGEST_SIDE: u32 = 8192;

/// One video rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoRendition {
    /// Name and folder, such as `1080p` or `1080p-hevc`.
    pub name: String,
    /// Size of the picture, even on both sides.
    pub size: PictureSize,
    /// The codec.
    pub codec: VideoCodec,
    /// The hardware that encodes it; `None` for software.
    pub hardware: Option<HardwareFamily>,
    /// Standard, or the source's where HDR is kept.
    pub range: DynamicRange,
    /// Average bit rate; with a CRF, what is expected at most on average.
    pub bitrate: BitRate,
    /// Highest bit rate that leaves the VBV.
    pub max_bitrate: BitRate,
    /// Size of the VBV buffer in bits.
    pub buffer_size_bits: u64,
}

impl VideoRendition {
    /// Name of its encoder in ffmpeg.
    pub fn encoder(&self) -> &'static str {
        let hardware = self.hardware.and_then(|family| family.encoder(self.codec));
        hardware.unwrap_or_else(|| self.codec.software_encoder())
    }

    /// Its codec for people, such as `HEVC HDR`.
    pub fn codec_label(&self) -> String {
        match self.range {
            DynamicRange::Sdr => self.codec.label().to_owned(),
            DynamicRange::Pq | DynamicRange::Hlg => format!("{} HDR", self.codec.label()),
        }
    }

    /// Bit rate and VBV for an average of this many bits a second.
    pub(in crate::pipeline) fn set_bitrate(&mut self, bits_per_second: f64, rate_control: RateControl) {
        let bits = bits_per_second.max(LOWEST_BITS_PER_SECOND);
        let (max_factor, buffer_seconds) = match rate_control {
            RateControl::ConstantBitrate => (1.0, CONSTANT_BITRATE_BUFFER_SECONDS),
            // The rung's bit rate is the cap.
            RateControl::CappedCrf { .. } => (1.0, BUFFER_SECONDS),
            _ => (MAX_BITRATE_FACTOR, BUFFER_SECONDS),
        };
        self.bitrate = BitRate::from_bits(bits.round() as u64);
        self.max_bitrate = BitRate::from_bits((bits * max_factor) as u64);
        self.buffer_size_bits = (bits * buffer_seconds) as u64;
    }
}

/// The largest size of this shape that players of streams take, or `None` for a size that they take as it is.
pub(super) fn largest_streamed(size: PictureSize) -> Option<PictureSize> {
    let long_side = size.width.max(size.height);
    if size.pixels() <= MOST_SAMPLES && long_side <= LONGEST_SIDE {
        return None;
    }
    let by_area = (MOST_SAMPLES as f64 / size.pixels() as f64).sqrt();
    let by_side = f64::from(LARGEST_SHORT_SIDE) / f64::from(size.short_side());
    let scale = by_area.min(by_side).min(f64::from(LONGEST_SIDE) / f64::from(long_side));
    // To the nearest: rounded down, a thin picture would lose its shape. A level holds a few lines more than that.
    let even = |side: u32| ((f64::from(side) * scale / 2.0).round() as u32 * 2).max(2);
    Some(PictureSize { width: even(size.width), height: even(size.height) })
}

/// All renditions of a preset for a picture that is seen at `size`: ladder after ladder, each from the largest to the
/// smallest, those of standard range first.
pub(super) fn video_renditions(
    preset: &Preset,
    size: PictureSize,
    source_range: DynamicRange,
    findings: &Findings,
) -> Result<Vec<VideoRendition>, PlanError> {
    let rungs = Ladder::for_source(&preset.ladder, size).0;
    let mut renditions = Vec::new();
    for (number, (codec, range)) in ladders(preset, source_range).into_iter().enumerate() {
        check_rate_control(preset.video.rate_control, codec)?;
        let hardware = if range == DynamicRange::Sdr { hardware_for(preset, codec, findings)? } else { None };
        for rung in &rungs {
            let mut rendition = of_rung(rung, codec, preset.video.rate_control);
            rendition.hardware = hardware;
            rendition.range = range;
            if number > 0 {
                rendition.name = format!("{}-{}", rung.name, codec.id());
            }
            renditions.push(rendition);
        }
    }
    Ok(renditions)
}

fn of_rung(rung: &PlannedRung, codec: VideoCodec, rate_control: RateControl) -> VideoRendition {
    let mut rendition = VideoRendition {
        name: rung.name.clone(),
        size: rung.size,
        codec,
        hardware: None,
        range: DynamicRange::Sdr,
        bitrate: rung.bitrate,
        max_bitrate: rung.bitrate,
        buffer_size_bits: 0,
    };
    rendition.set_bitrate(rung.bitrate.bits_per_second() as f64 * codec.bitrate_factor(), rate_control);
    rendition
}

/// Codec and range of each ladder. Where HDR is kept, a ladder of standard range lies beside it for all other displays
/// (Apple HLS Authoring Specification 1.28).
fn ladders(preset: &Preset, source_range: DynamicRange) -> Vec<(VideoCodec, DynamicRange)> {
    let mut seen = BTreeSet::new();
    let mut codecs: Vec<VideoCodec> = preset.video.codecs.iter().copied().filter(|codec| seen.insert(*codec)).collect();
    let keeps_hdr = preset.video.hdr == HdrTreatment::Keep && source_range != DynamicRange::Sdr;
    if keeps_hdr {
        codecs.retain(|codec| *codec != VideoCodec::Hevc);
    }
    if codecs.is_empty() {
        codecs.push(VideoCodec::H264);
    }
    let standard = codecs.into_iter().map(|codec| (codec, DynamicRange::Sdr));
    standard.chain(keeps_hdr.then_some((VideoCodec::Hevc, source_range))).collect()
}

fn check_rate_control(rate_control: RateControl, codec: VideoCodec) -> Result<(), PlanError> {
    let mode = rate_control.mode();
    if mode.fits(codec) { Ok(()) } else { Err(not_possible(PresetContradiction::CodecWithout { codec, mode })) }
}

fn not_possible(contradiction: PresetContradiction) -> PlanError {
    PlanError::NotPossible { what: contradiction.to_string(), hint: contradiction.hint() }
}

/// The hardware that encodes a codec, if hardware is asked for.
fn hardware_for(preset: &Preset, codec: VideoCodec, findings: &Findings) -> Result<Option<HardwareFamily>, PlanError> {
    let works = |family: HardwareFamily| {
        family.encoder(codec).is_some_and(|encoder| findings.hardware_encoders.contains(encoder))
    };
    let has_two_passes = preset.video.rate_control == RateControl::TwoPass;
    match preset.video.encoder {
        EncoderChoice::Software => Ok(None),
        EncoderChoice::Automatic if has_two_passes => Ok(None),
        EncoderChoice::Automatic => Ok(HardwareFamily::ALL.into_iter().find(|family| works(*family))),
        EncoderChoice::Hardware(_) if has_two_passes => Err(not_possible(PresetContradiction::HardwareWithTwoPasses)),
        EncoderChoice::Hardware(family) if works(family) => Ok(Some(family)),
        EncoderChoice::Hardware(family) => Err(PlanError::NotPossible {
            what: format!("{} can't encode {} on this machine", family.label(), codec.label()),
            hint: "Choose the automatic or the software encoder; “reelpress doctor” lists the hardware that works"
                .to_owned(),
        }),
    }
}

/// Spreads `bits` for `seconds` over all renditions, in the proportion of their bit rates.
pub(super) fn fit_bits(
    renditions: &mut [VideoRendition],
    (bits, seconds): (f64, f64),
    rate_control: RateControl,
) -> Result<(), f64> {
    let asked: f64 = renditions.iter().map(|rendition| rendition.bitrate.bits_per_second() as f64).sum();
    let factor = bits / seconds / asked;
    let smallest =
        renditions.iter().map(|rendition| rendition.bitrate.bits_per_second() as f64).fold(f64::MAX, f64::min);
    if smallest * factor < LOWEST_BITS_PER_SECOND {
        // The least that would do, in bits.
        return Err(LOWEST_BITS_PER_SECOND / smallest * asked * seconds);
    }
    for rendition in renditions {
        rendition.set_bitrate(rendition.bitrate.bits_per_second() as f64 * factor, rate_control);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_players_can_not_decode_is_made_smaller_in_its_shape() {
        let limited =
            |width, height| largest_streamed(PictureSize { width, height }).map(|size| (size.width, size.height));
        assert_eq!((limited(3840, 2160), limited(2160, 4096), limited(8192, 1000)), (None, None, None));
        assert_eq!(limited(8194, 26), Some((8192, 26)), "a thin picture keeps its shape");
        assert_eq!(limited(7680, 4320), Some((3840, 2160)));
        assert_eq!(limited(4320, 7680), Some((2160, 3840)));
        let (width, height) = limited(16_000, 2000).unwrap();
        assert!(width <= 8192 && u64::from(width) * u64::from(height) <= MOST_SAMPLES, "{width}×{height}");
    }
}
