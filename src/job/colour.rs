//! Colours as people write them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The basic colours of CSS (CSS Color Module 4, 6.1) and orange.
const NAMES: [(&str, RgbColour); 18] = [
    ("black", RgbColour::new(0x00, 0x00, 0x00)),
    ("silver", RgbColour::new(0xc0, 0xc0, 0xc0)),
    ("gray", RgbColour::new(0x80, 0x80, 0x80)),
    ("grey", RgbColour::new(0x80, 0x80, 0x80)),
    ("white", RgbColour::new(0xff, 0xff, 0xff)),
    ("maroon", RgbColour::new(0x80, 0x00, 0x00)),
    ("red", RgbColour::new(0xff, 0x00, 0x00)),
    ("purple", RgbColour::new(0x80, 0x00, 0x80)),
    ("fuchsia", RgbColour::new(0xff, 0x00, 0xff)),
    ("green", RgbColour::new(0x00, 0x80, 0x00)),
    ("lime", RgbColour::new(0x00, 0xff, 0x00)),
    ("olive", RgbColour::new(0x80, 0x80, 0x00)),
    ("yellow", RgbColour::new(0xff, 0xff, 0x00)),
    ("navy", RgbColour::new(0x00, 0x00, 0x80)),
    ("blue", RgbColour::new(0x00, 0x00, 0xff)),
    ("teal", RgbColour::new(0x00, 0x80, 0x80)),
    ("aqua", RgbColour::new(0x00, 0xff, 0xff)),
    ("orange", RgbColour::new(0xff, 0xa5, 0x00)),
];

/// Red, green and blue, each from 0 to 255. It is written as `#rrggbb`, and read from that or from a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RgbColour {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
}

impl RgbColour {
    /// No light at all.
    pub const BLACK: Self = Self::new(0, 0, 0);

    /// A colour of these parts.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }
}

/// Neither a name that is known nor `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give a colour as #rrggbb or by a name such as black, white, grey, red, green or blue")]
pub struct UnknownColour;

impl FromStr for RgbColour {
    type Err = UnknownColour;

    fn from_str(text: &str) -> Result<Self, UnknownColour> {
        let text = text.trim();
        if let Some((_, colour)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Ok(*colour);
        }
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii());
        let digits =
            digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())).ok_or(UnknownColour)?;
        let part = |place: usize| u8::from_str_radix(&digits[place..place + 2], 16).map_err(|_| UnknownColour);
        Ok(Self::new(part(0)?, part(2)?, part(4)?))
    }
}

impl TryFrom<String> for RgbColour {
    type Error = UnknownColour;

    fn try_from(text: String) -> Result<Self, UnknownColour> {
        text.parse()
    }
}

impl From<RgbColour> for String {
    fn from(colour: RgbColour) -> Self {
        colour.to_string()
    }
}

impl fmt::Display for RgbColour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_names_or_six_digits() {
        assert_eq!("White".parse(), Ok(RgbColour::new(255, 255, 255)));
        assert_eq!(" #00B140 ".parse(), Ok(RgbColour::new(0, 0xb1, 0x40)));
        for wrong in ["", "#", "#fff", "00b140", "#00b14", "#00b1400", "#+0+0+0", "#ä0000", "chartreuse-ish"] {
            assert_eq!(wrong.parse::<RgbColour>(), Err(UnknownColour), "{wrong}");
        }
        let text = serde_json::to_string(&RgbColour::new(0, 0xb1, 0x40)).unwrap();
        assert_eq!(text, "\"#00b140\"");
        assert_eq!(serde_json::from_str::<RgbColour>(&text).unwrap(), RgbColour::new(0, 0xb1, 0x40));
    }
}
