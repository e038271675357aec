//! One wording for bytes, bit rates, times and counts, for every front.

use std::time::Duration;

use crate::preset::BitRate;

/// `18.4 GB`: powers of ten, at most one decimal.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// `12.4 MB/s`.
pub fn bytes_per_second(rate: f64) -> String {
    format!("{}/s", bytes(rate.max(0.0) as u64))
}

/// `00:05:12`, with days before it from 24 hours on: `2 d 03:00:00`.
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if days > 0 { format!("{days} d {text}") } else { text }
}

/// How long something took, as [`clock`]; `under a second` where that would be nothing.
pub fn elapsed(duration: Duration) -> String {
    if duration.as_secs() == 0 { "under a second".to_owned() } else { clock(duration) }
}

/// `00:05:12 left`; nothing when less than a second is left, or none is known.
pub fn time_left(left: Option<Duration>) -> Option<String> {
    left.filter(|left| left.as_secs() > 0).map(|left| format!("{} left", clock(left)))
}

/// `00:05:12.25`: as [`clock`], with the part of a second where there is one.
pub fn precise_clock(duration: Duration) -> String {
    let milliseconds = format!(".{:03}", duration.subsec_millis());
    let part = milliseconds.trim_end_matches('0').trim_end_matches('.');
    format!("{}{part}", clock(duration))
}

/// `5 000 k` for tables: kilobits a second with a narrow space between thousands.
pub fn kilobits(rate: BitRate) -> String {
    format!("{} k", grouped(rate.kilobits_per_second()))
}

/// `5 Mbit/s` or `800 kbit/s` for text.
pub fn bit_rate(rate: BitRate) -> String {
    let kilobits = rate.kilobits_per_second();
    if kilobits >= 1000 {
        let megabits = kilobits as f64 / 1000.0;
        if kilobits.is_multiple_of(1000) { format!("{megabits:.0} Mbit/s") } else { format!("{megabits:.1} Mbit/s") }
    } else {
        format!("{kilobits} kbit/s")
    }
}

/// `25 fps`, `29.97 fps`.
pub fn frames_per_second(rate: f64) -> String {
    let text = format!("{rate:.2}");
    format!("{} fps", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `62 %`, never 100 before the end.
pub fn percent(fraction: f64) -> String {
    format!("{} %", (fraction.clamp(0.0, 1.0) * 100.0).floor() as u64)
}

/// `1 file`, `4 files`.
pub fn count(number: u64, singular: &str, plural: &str) -> String {
    if number == 1 { format!("1 {singular}") } else { format!("{} {plural}", grouped(number)) }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// The text, with its middle left out if it is longer than `width` characters.
pub fn shortened(text: &str, width: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= width {
        return text.to_owned();
    }
    let end = (width - 1) / 2;
    let begin = width - 1 - end;
    let mut short: String = characters[..begin].iter().collect();
    short.push('…');
    short.extend(&characters[characters.len() - end..]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_use_powers_of_ten() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(18_400_000_000), "18.4 GB");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(bytes(571_000_000), "571 MB");
    }

    #[test]
    fn times_show_days_only_when_there_are_some() {
        assert_eq!(clock(Duration::from_secs(312)), "00:05:12");
        assert_eq!(clock(Duration::from_secs(2 * 86_400 + 10_800)), "2 d 03:00:00");
        assert_eq!(elapsed(Duration::from_millis(999)), "under a second");
        assert_eq!(elapsed(Duration::from_secs(312)), "00:05:12");
        assert_eq!(precise_clock(Duration::from_millis(90_250)), "00:01:30.25");
        assert_eq!(precise_clock(Duration::from_secs(100)), "00:01:40");
    }

    #[test]
    fn rates_are_worded_by_where_they_stand() {
        assert_eq!(kilobits(BitRate::from_kilobits(5000)), "5\u{202f}000 k");
        assert_eq!(bit_rate(BitRate::from_kilobits(5000)), "5 Mbit/s");
        assert_eq!(bit_rate(BitRate::from_kilobits(800)), "800 kbit/s");
        assert_eq!(frames_per_second(30000.0 / 1001.0), "29.97 fps");
        assert_eq!(frames_per_second(25.0), "25 fps");
        assert_eq!(percent(0.999), "99 %");
        assert_eq!(count(1, "file", "files"), "1 file");
    }

    #[test]
    fn long_names_lose_their_middle_and_keep_their_extension() {
        let short = shortened("A very long name of a recording.mp4", 20);
        assert_eq!(short.chars().count(), 20);
        assert!(short.starts_with("A very") && short.ends_with(".mp4"), "{short}");
        assert_eq!(shortened("clip.mp4", 20), "clip.mp4");
    }
}
