//! Bit rates for a stream of a size that was asked for.

use std::time::Duration;

use super::{EncodePlan, PlanError, renditions};
use crate::{
    format,
    preset::{RateControl, RateControlMode},
};

/// Part of a target size that is left for the headers of segments and for what a first pass can't foresee.
const RESERVE: f64 = 0.03;
/// What the headers of its many small packets add to sound.
const SOUND_HEADERS: f64 = 0.06;

impl EncodePlan {
    /// Chooses bit rates so that all renditions and the sound together have this size.
    pub(in crate::pipeline) fn fit_into(mut self, bytes: u64) -> Result<Self, PlanError> {
        let Some(seconds) = self.duration.map(|duration| duration.as_secs_f64()) else {
            return Err(PlanError::NotPossible {
                what: "The source does not say how long it is, so its size can't be chosen".to_owned(),
                hint: "Choose bit rates or a CRF instead".to_owned(),
            });
        };
        let has_two_passes = self
            .renditions
            .iter()
            .all(|rendition| rendition.hardware.is_none() && RateControlMode::TwoPass.fits(rendition.codec));
        self.rate_control = match self.rate_control {
            RateControl::ConstantBitrate => RateControl::ConstantBitrate,
            _ if has_two_passes => RateControl::TwoPass,
            _ => RateControl::AverageBitrate,
        };
        let sound_bps: u64 = self.audio.iter().map(|audio| audio.bitrate.bits_per_second()).sum();
        let sound_bits = sound_bps as f64 * (1.0 + SOUND_HEADERS) * seconds;
        let bits = bytes as f64 * 8.0 * (1.0 - RESERVE) - sound_bits;
        renditions::fit_bits(&mut self.renditions, (bits, seconds), self.rate_control).map_err(|least_bits| {
            let least = ((least_bits + sound_bits) / 8.0 / (1.0 - RESERVE)).ceil();
            PlanError::NotPossible {
                what: format!(
                    "{} are too few for {} of pictures of this size",
                    format::bytes(bytes),
                    format::clock(Duration::from_secs_f64(seconds))
                ),
                hint: format!("Give at least {}, or make smaller or fewer pictures", format::bytes(least as u64)),
            }
        })?;
        Ok(self)
    }
}
