//! Times, sizes and areas as people type them, in flags and in the window's fields.

use std::{num::NonZeroU64, ops::RangeInclusive, time::Duration};

use super::{Crop, CropArea, KeyRotation, LoudnessTarget, SubtitleChoice, Turn, s3::LONGEST_PRESIGNED};

/// Seconds, `MM:SS` or `HH:MM:SS`, each with decimals if wanted.
///
/// # Errors
/// In words, when it is no time.
pub fn time(text: &str) -> Result<Duration, &'static str> {
    clock_time(text.trim()).ok_or("give a time such as 5.5, 01:30 or 00:01:30.25")
}

fn clock_time(text: &str) -> Option<Duration> {
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return None;
    }
    let mut seconds = 0.0;
    for (place, part) in parts.into_iter().enumerate() {
        // Only the first may count beyond its unit: 90 minutes are 90:00.
        let most = if place == 0 { f64::INFINITY } else { 60.0 };
        let number: f64 = part.parse().ok().filter(|number: &f64| *number >= 0.0 && *number < most)?;
        seconds = seconds * 60.0 + number;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// `WIDTH:HEIGHT:LEFT:TOP` in pixels, or `auto` for black bars.
///
/// # Errors
/// In words, when it is neither.
pub fn crop(text: &str) -> Result<Crop, &'static str> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(Crop::BlackBars);
    }
    let numbers: Option<Vec<u32>> = text.split(':').map(|number| number.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[width, height, left, top]) => Ok(Crop::Area(CropArea { width, height, left, top })),
        _ => Err("give WIDTH:HEIGHT:LEFT:TOP in pixels, or auto"),
    }
}

/// Degrees clockwise.
///
/// # Errors
/// In words, when it is no right angle.
pub fn turn(text: &str) -> Result<Turn, &'static str> {
    match text {
        "90" => Ok(Turn::Clockwise),
        "180" => Ok(Turn::Half),
        "270" | "-90" => Ok(Turn::CounterClockwise),
        _ => Err("give 90, 180 or 270"),
    }
}

/// The number of a track of subtitles, or the tag of its language.
///
/// # Errors
/// In words, when it is neither.
pub fn subtitles(text: &str) -> Result<SubtitleChoice, &'static str> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return if number > 0 { Ok(SubtitleChoice::Number(number)) } else { Err("tracks are counted from 1") };
    }
    let is_tag =
        (2..=35).contains(&text.len()) && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    let is_tag = is_tag && text.starts_with(|letter: char| letter.is_ascii_alphabetic());
    is_tag
        .then(|| SubtitleChoice::Language(text.to_owned()))
        .ok_or("give the number of a track, or a language such as en")
}

/// LUFS; a minus may be written as `-` or `−`.
///
/// # Errors
/// In words, when it is no loudness that can be aimed at.
pub fn loudness(text: &str) -> Result<LoudnessTarget, &'static str> {
    let target = text.trim().replace('−', "-").parse().ok().and_then(LoudnessTarget::new);
    target.ok_or("give a loudness from -70 to -5 LUFS")
}

/// Whoever types a smaller number without a unit means another unit than bytes.
const FEWEST_BARE_BYTES: u64 = 1000;

/// Bytes, with k, M or G for thousands, millions and thousand millions.
///
/// # Errors
/// In words, when it is no size.
pub fn byte_size(text: &str) -> Result<u64, &'static str> {
    const ADVICE: &str = "give a size such as 900k, 25M or 1.5G";
    let text = text.trim();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().trim_end_matches('b') {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        _ => return Err(ADVICE),
    };
    let has_unit = digits.len() < text.len();
    let number: Option<f64> = digits.trim().parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite());
    let bytes = number.map(|number| (number * unit) as u64).ok_or(ADVICE)?;
    if !has_unit && bytes < FEWEST_BARE_BYTES {
        return Err("a number without a unit is bytes, and these are too few: write 25M for 25 megabytes");
    }
    Ok(bytes)
}

/// Reads a number of pixels within a range.
pub fn pixels(range: &'static RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> + Clone + Send + Sync {
    move |text| {
        let number = text.trim().parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("give pixels from {} to {}", range.start(), range.end()))
    }
}

/// A span of time such as `90s`, `30m` or `1h 30m`.
///
/// # Errors
/// In words, when it is none.
pub fn time_span(text: &str) -> Result<Duration, String> {
    let span = text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
    span.ok_or_else(|| "give a time such as 90s, 30m or 2h".to_owned())
}

/// How long a presigned address holds, such as `12h` or `7d`.
///
/// # Errors
/// In words, when it is no time, or longer than [`LONGEST_PRESIGNED`].
pub fn presigned_span(text: &str) -> Result<Duration, String> {
    let span = text.parse::<jiff::Span>().ok();
    let span = span.and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok());
    let span = span.and_then(|span| Duration::try_from(span).ok()).filter(|span| span.as_secs() > 0);
    match span.ok_or_else(|| "give a time such as 90m, 12h or 7d".to_owned())? {
        span if span > LONGEST_PRESIGNED => {
            Err("a presigned address holds for 7 days at most (AWS Signature Version 4)".to_owned())
        }
        span => Ok(span),
    }
}

/// The id of a CloudFront distribution: capital letters and digits.
///
/// # Errors
/// In words, when it can't be one.
pub fn distribution(text: &str) -> Result<String, String> {
    let is_id = (8..=20).contains(&text.len())
        && text.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit());
    if is_id { Ok(text.to_owned()) } else { Err("give the id of a distribution, such as E2EXAMPLE1".to_owned()) }
}

/// When another key takes over: `10segments`, `90s`, `5min` or `1h`.
///
/// # Errors
/// What can be given.
pub fn key_rotation(text: &str) -> Result<KeyRotation, &'static str> {
    const EXAMPLE: &str = "give a number of segments or a time, such as 10segments, 90s, 5min or 1h";
    let text = text.trim();
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit()).ok_or(EXAMPLE)?;
    let number: NonZeroU64 = text[..unit_at].parse().map_err(|_| EXAMPLE)?;
    let time = |seconds: u64| {
        let seconds = number.get().checked_mul(seconds).ok_or(EXAMPLE)?;
        Ok(KeyRotation::Time(Duration::from_secs(seconds)))
    };
    match text[unit_at..].trim() {
        "segment" | "segments" => Ok(KeyRotation::Segments(number)),
        "s" | "sec" => time(1),
        "min" => time(60),
        "h" => time(3600),
        _ => Err(EXAMPLE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_a_clock() {
        let seconds = |text: &str| time(text).map(|time| time.as_secs_f64());
        assert_eq!((seconds("5.5"), seconds("01:30"), seconds(" 00:01:30.25 ")), (Ok(5.5), Ok(90.0), Ok(90.25)));
        assert_eq!(
            (presigned_span("7d"), presigned_span("90m")),
            (Ok(LONGEST_PRESIGNED), Ok(Duration::from_secs(5400)))
        );
        assert!(presigned_span("8d").is_err_and(|words| words.contains("7 days")));
        for wrong in ["0s", "-1h", "soon", ""] {
            assert!(presigned_span(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "-1", "a", "1:2:3:4", "1:", "inf", "nan", "1e300"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn areas_sizes_and_loudness_are_read() {
        assert_eq!(crop("auto"), Ok(Crop::BlackBars));
        assert_eq!(crop("640:272:0:44"), Ok(Crop::Area(CropArea { width: 640, height: 272, left: 0, top: 44 })));
        assert!(crop("640:272").is_err() && crop("-1:2:3:4").is_err());
        assert_eq!(
            (byte_size("25M"), byte_size("1.5GB"), byte_size("900 k"), byte_size("12000")),
            (Ok(25_000_000), Ok(1_500_000_000), Ok(900_000), Ok(12_000))
        );
        assert!(byte_size("25").is_err_and(|words| words.contains("25M")), "nobody means 25 bytes");
        assert!(byte_size("M").is_err() && byte_size("-5").is_err() && byte_size("3T").is_err());
        assert_eq!(loudness("-16"), Ok(LoudnessTarget::new(-16.0).unwrap()));
        assert_eq!(loudness("−23 "), Ok(LoudnessTarget::EBU_R128));
        assert!(loudness("0").is_err());
        assert_eq!(subtitles(" 2"), Ok(SubtitleChoice::Number(2)));
        assert_eq!(subtitles("pt-BR"), Ok(SubtitleChoice::Language("pt-BR".to_owned())));
        assert!(["", "0", "-1", "e", "en us", "1.5"].iter().all(|text| subtitles(text).is_err()));
    }

    #[test]
    fn key_rotations_are_read() {
        assert_eq!(key_rotation("10segments"), Ok(KeyRotation::Segments(NonZeroU64::new(10).unwrap())));
        for (text, seconds) in [("5min", 300), ("90s", 90), ("1h", 3600)] {
            assert_eq!(key_rotation(text), Ok(KeyRotation::Time(Duration::from_secs(seconds))));
        }
        for wrong in ["", "0segments", "5", "min", "-1min", "5 weeks", "99999999999999999999s", "9999999999999999999h"]
        {
            assert!(key_rotation(wrong).is_err(), "{wrong}");
        }
    }
}
