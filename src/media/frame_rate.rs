//! How many frames a second.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// The rates that streams keep exactly, as numerator and denominator (Apple HLS Authoring Specification 1.18).
pub const STANDARD_RATES: [(u32, u32); 8] =
    [(24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1), (60000, 1001), (60, 1)];

/// Frames a second as an exact fraction, always in lowest terms (30000/1001, not 29.97).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrameRate {
    numerator: u32,
    denominator: u32,
}

impl FrameRate {
    /// What is written when a source says nothing of its rate.
    pub const FALLBACK: Self = Self { numerator: 25, denominator: 1 };

    /// A rate of `numerator / denominator` frames a second; `None` when either is zero.
    pub const fn new(numerator: u32, denominator: u32) -> Option<Self> {
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let divisor = greatest_common_divisor(numerator, denominator);
        Some(Self { numerator: numerator / divisor, denominator: denominator / divisor })
    }

    /// The numerator in lowest terms.
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// The denominator in lowest terms.
    pub const fn denominator(self) -> u32 {
        self.denominator
    }

    /// Frames a second as a floating point number, for display and comparison.
    pub fn per_second(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// The time that `frames` frames take.
    pub fn duration_of(self, frames: u64) -> Duration {
        let nanoseconds =
            u128::from(frames) * u128::from(self.denominator) * 1_000_000_000 / u128::from(self.numerator);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// The number of frames in `duration`, to the nearest frame.
    pub fn frames_in(self, duration: Duration) -> u64 {
        (duration.as_secs_f64() * self.per_second()).round() as u64
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.denominator == 1 {
            write!(formatter, "{}", self.numerator)
        } else {
            write!(formatter, "{}/{}", self.numerator, self.denominator)
        }
    }
}

const fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_rate_is_kept_in_lowest_terms_and_counts_frames_exactly() {
        let rate = FrameRate::new(60000, 2002).unwrap();
        assert_eq!(rate.to_string(), "30000/1001");
        assert_eq!(rate.frames_in(Duration::from_millis(2002)), 60);
        assert_eq!(rate.duration_of(60), Duration::from_millis(2002));
        assert_eq!(FrameRate::new(0, 1), None);
        assert_eq!(FrameRate::new(25, 0), None);
    }
}
