//! How bits are spent: rate controls and the quality that some have.

use serde::{Deserialize, Serialize};

use super::VideoCodec;

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
            Self::TwoPass | Self::ConstantBitrate => codec != VideoCodec::Av1,
            Self::AverageBitrate | Self::CappedCrf | Self::Crf => true,
        }
    }

    /// Why the software encoder of a codec does not have it, to stand behind that; empty where nothing is to be said.
    pub fn lack_of(self, codec: VideoCodec) -> &'static str {
        match (self, codec) {
            (Self::TwoPass, VideoCodec::Av1) => ": with ffmpeg 5.1, SVT-AV1 keeps no notes of a first pass",
            (Self::ConstantBitrate, VideoCodec::Av1) => ": SVT-AV1 does not hold it and goes up to 70 % above",
            _ => "",
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
