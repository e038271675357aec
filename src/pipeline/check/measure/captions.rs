//! Segments of WebVTT: their map to the timeline and the times of their cues.

/// What a WebVTT segment says.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Captions {
    /// Whether there is an X-TIMESTAMP-MAP.
    pub(in super::super) has_map: bool,
    /// Start and end of each cue on the timeline of the pictures, in seconds, before MPEGTS of the first picture is
    /// taken away.
    pub(in super::super) cues: Vec<(f64, f64)>,
}

/// Reads a segment (rfc8216bis 3.1.4; WebVTT, 4).
///
/// # Errors
/// In words, when it is not WebVTT.
pub(in super::super) fn read(content: &[u8]) -> Result<Captions, String> {
    let text = std::str::from_utf8(content).map_err(|_| "it is not UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let after = text.strip_prefix("WEBVTT").ok_or_else(|| "it does not begin with WEBVTT".to_owned())?;
    if after.starts_with(|next: char| !next.is_whitespace()) {
        return Err("it does not begin with WEBVTT".to_owned());
    }
    let mut offset = 0.0;
    let mut captions = Captions { has_map: false, cues: Vec::new() };
    for line in text.lines() {
        if let Some(map) = line.strip_prefix("X-TIMESTAMP-MAP=") {
            offset = map_offset(map).ok_or_else(|| format!("“{line}” is no map"))?;
            captions.has_map = true;
        } else if let Some((start, rest)) = line.split_once("-->") {
            let end = rest.split_whitespace().next().unwrap_or_default();
            let times = clock(start.trim()).zip(clock(end)).filter(|(start, end)| start < end);
            let (start, end) = times.ok_or_else(|| format!("“{line}” is no time of a cue"))?;
            captions.cues.push((start + offset, end + offset));
        }
    }
    Ok(captions)
}

/// What `LOCAL:00:00:00.000,MPEGTS:900000` adds to the times of cues.
fn map_offset(map: &str) -> Option<f64> {
    let mut local = None;
    let mut transport = None;
    for part in map.split(',') {
        match part.trim().split_once(':')? {
            ("LOCAL", time) => local = clock(time),
            ("MPEGTS", ticks) => transport = ticks.trim().parse::<u64>().ok(),
            _ => {}
        }
    }
    Some(transport? as f64 / 90_000.0 - local?)
}

/// `01:02:03.500` or `02:03.500` in seconds.
fn clock(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_time = (2..=3).contains(&parts.len())
        && parts.iter().all(|part| part.starts_with(|digit: char| digit.is_ascii_digit()));
    if !is_time {
        return None;
    }
    let seconds = parts.iter().try_fold(0.0, |seconds, part| Some(seconds * 60.0 + part.parse::<f64>().ok()?));
    seconds.filter(|seconds| seconds.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_moved_to_the_timeline_by_the_map() {
        let text = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:01.000,MPEGTS:900000\n\n1\n00:02.000 --> 00:00:03.500 align:start\nHi\n";
        let captions = read(text.as_bytes()).unwrap();
        assert!(captions.has_map);
        assert_eq!(captions.cues, [(11.0, 12.5)]);
        assert_eq!(read(b"WEBVTT\n").unwrap(), Captions { has_map: false, cues: Vec::new() });
    }

    #[test]
    fn what_is_not_webvtt_is_told() {
        for broken in [
            &b"1\n00:00:01,000 --> 00:00:02,000\nHi"[..],
            b"WEBVTTX",
            b"WEBVTT\n\n00:02.000 --> 00:01.000\nHi",
            b"WEBVTT\n\nx --> y\n",
            b"WEBVTT\nX-TIMESTAMP-MAP=LOCAL:1\n",
            b"WEBVTT\n\xff",
        ] {
            assert!(read(broken).is_err(), "{}", String::from_utf8_lossy(broken));
        }
    }
}
