//! How much of a damaged source is not there at all: its packets leave gaps in the time.

use std::{path::Path, time::Duration};

use super::{ffprobe, input_url, run_for};
use crate::{
    job::Trim,
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};

/// Reading all of a recording from a slow disk.
const LIMIT: Duration = Duration::from_secs(1800);
/// Where more than this part of the steps are gaps, packets come when they like, and none is missing.
const MOST_GAPS: f64 = 0.05;
/// Less is no loss that anybody could see.
const LEAST_MISSING: Duration = Duration::from_millis(50);
/// With fewer packets nobody knows how long a step is.
const FEWEST_PACKETS: usize = 20;

/// For how long packets of the picture are missing within `trim`, or of the sound where there is no picture, and which of
/// them it is in a word. All of the file is read. `None` where nothing is missing, or nobody knows.
pub fn missing_packets(
    (source, trim): (&Path, Trim),
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Option<(Duration, &'static str)> {
    for (stream, what) in [("v:0", "picture"), ("a:0", "sound")] {
        let mut command = ffprobe(toolbox);
        command.args(["-select_streams", stream, "-show_entries", "packet=pts_time", "-of", "default=nokey=0"]);
        command.arg("-i").arg(input_url(source));
        let told = run_for(command, LIMIT, source, cancel).ok()?.stdout;
        let times = times_in(&String::from_utf8_lossy(&told));
        if times.len() >= FEWEST_PACKETS {
            return gaps_in(times, trim).map(|missing| (missing, what));
        }
    }
    None
}

fn times_in(told: &str) -> Vec<f64> {
    let times = told.lines().filter_map(|line| line.strip_prefix("pts_time=")?.parse().ok());
    times.filter(|time: &f64| time.is_finite()).collect()
}

/// The sum of all gaps between these times.
fn gaps_in(mut times: Vec<f64>, trim: Trim) -> Option<Duration> {
    times.sort_by(f64::total_cmp);
    let start = *times.first()?;
    let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let gapped: Vec<(f64, f64)> = times.iter().copied().zip(steps.iter().copied()).collect();
    steps.sort_by(f64::total_cmp);
    let step = *steps.get(steps.len() / 2)?;
    let from = trim.start.map_or(f64::MIN, |from| start + from.as_secs_f64());
    let end = trim.end.map_or(f64::MAX, |end| start + end.as_secs_f64());
    // A gap that is longer than all that is there comes of a clock that was set anew.
    let all = times.len() as f64 * step;
    let gaps: Vec<f64> = gapped
        .into_iter()
        .filter(|(_, gap)| *gap > 1.5 * step && *gap < all)
        .map(|(at, gap)| (at + gap).min(end) - (at + step).max(from))
        .collect();
    if gaps.len() as f64 > MOST_GAPS * steps.len() as f64 {
        return None;
    }
    let missing: f64 = gaps.into_iter().filter(|gap| *gap > 0.0).sum();
    Duration::try_from_secs_f64(missing).ok().filter(|missing| *missing >= LEAST_MISSING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(left: impl Fn(u32) -> bool) -> Vec<f64> {
        (0..200).filter(|frame| left(*frame)).map(|frame| 1.4 + f64::from(frame) * 0.04).collect()
    }

    fn milliseconds(times: Vec<f64>, trim: Trim) -> Option<u128> {
        gaps_in(times, trim).map(|missing| (missing.as_secs_f64() * 1000.0).round() as u128)
    }

    #[test]
    fn frames_that_are_not_there_are_missed_and_uneven_ones_are_not() {
        let whole = Trim::default();
        let hole = || frames(|frame| !(100..125).contains(&frame));
        assert_eq!(milliseconds(hole(), whole), Some(1000));
        let until = |seconds| Trim { start: None, end: Some(Duration::from_secs_f64(seconds)) };
        assert_eq!((milliseconds(hole(), until(4.5)), milliseconds(hole(), until(2.0))), (Some(500), None));
        assert_eq!(milliseconds(frames(|_| true), whole), None);
        let jumps: Vec<f64> = hole().into_iter().map(|time| if time < 5.0 { time } else { time + 45_000.0 }).collect();
        assert_eq!(milliseconds(jumps.clone(), whole), Some(1000), "a new clock is no gap");
        assert_eq!(milliseconds(jumps, until(4.5)), None);
        assert_eq!(milliseconds(frames(|frame| frame * frame % 11 < 5), whole), None);
        assert_eq!(times_in("[PACKET]\npts_time=1.5\n[/PACKET]\npts_time=N/A\n"), [1.5]);
    }
}
