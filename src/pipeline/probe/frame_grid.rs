//! The rate at whose frames those of a variable source lie: ffprobe guesses it from the first ones.

use std::{path::Path, time::Duration};

use super::{PROBE_LIMIT, ffprobe, input_url, run_for};
use crate::{
    media::{FrameRate, STANDARD_RATES, SourceMedia, VideoStream},
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};

/// Places in a source at which packets are read, evenly over its length.
const LOOKS: u32 = 8;
/// What is read at each.
const LOOK_SECONDS: u32 = 10;
/// Containers that count in milliseconds are off by one between two frames.
const SAME_SECONDS: f64 = 0.0012;
/// Some frames are off every grid, as where two recordings were joined.
const LEAST_ON_GRID: f64 = 0.99;
/// With fewer steps a grid is a coincidence.
const FEWEST_STEPS: usize = 20;
/// Larger files that tell no variable rate are believed: one without an index would be read from its start at each place.
const LARGEST_GUESSED_BYTES: u64 = 4_000_000_000;
/// A grid of about the same rate as the one that was told is the same.
const SAME_RATE: f64 = 1.01;

/// Corrects the rates of a picture whose frames lie on a finer grid than its first ones tell, such as a recording that
/// begins at 30 frames a second and goes on at 60.
pub(super) fn correct(media: &mut SourceMedia, source: &Path, toolbox: &Toolbox, cancel: &CancelToken) {
    // Matroska tells one rate, or ffprobe guesses both of the first frames: whether it varies shows in the packets alone.
    let is_guessed = media.container.starts_with("matroska") && media.size_bytes <= LARGEST_GUESSED_BYTES;
    let is_meant = |video: &&VideoStream| {
        video.is_variable_frame_rate() || (is_guessed && !video.scan.is_interlaced() && !media.is_still())
    };
    let Some(video) = media.main_video().filter(is_meant) else { return };
    let (Some(real), Some(length)) = (video.real_frame_rate, video.duration.or(media.duration)) else { return };
    let index = video.index;
    let start = media.start_time_seconds.unwrap_or(0.0);
    let steps: Vec<f64> = intervals(start, length)
        .iter()
        .filter_map(|interval| times(source, (index, interval), toolbox, cancel))
        .flat_map(steps_between)
        .collect();
    if is_grid(&steps, real) {
        return;
    }
    let Some(grid) = grid_of(&steps).filter(|grid| grid.per_second() > real.per_second() * SAME_RATE) else { return };
    for video in media.video.iter_mut().filter(|video| video.index == index) {
        video.real_frame_rate = Some(grid);
        if is_guessed {
            video.average_frame_rate = mean_rate(&steps).or(video.average_frame_rate);
        }
    }
}

fn mean_rate(steps: &[f64]) -> Option<FrameRate> {
    let per_second = steps.len() as f64 / steps.iter().sum::<f64>();
    FrameRate::new((per_second * 1000.0).round() as u32, 1000)
}

/// Where is looked, in ffprobe's words.
fn intervals(start_seconds: f64, length: Duration) -> Vec<String> {
    if length <= Duration::from_secs((LOOKS * LOOK_SECONDS).into()) {
        return vec!["%".to_owned()];
    }
    let place = |look: u32| start_seconds + length.as_secs_f64() * f64::from(look) / f64::from(LOOKS);
    (0..LOOKS).map(|look| format!("{:.3}%+{LOOK_SECONDS}", place(look))).collect()
}

/// The times of the frames in an interval, in seconds.
fn times(
    source: &Path,
    (stream, interval): (usize, &str),
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Option<Vec<f64>> {
    let mut command = ffprobe(toolbox);
    command.args(["-read_intervals", interval, "-select_streams"]).arg(stream.to_string());
    command.args(["-show_entries", "packet=pts_time", "-of", "default=nokey=1:noprint_wrappers=1"]);
    command.arg("-i").arg(input_url(source));
    let told = run_for(command, PROBE_LIMIT, source, cancel).ok()?.stdout;
    let told = String::from_utf8_lossy(&told);
    Some(told.lines().filter_map(|time| time.parse().ok()).filter(|time: &f64| time.is_finite()).collect())
}

fn steps_between(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// By how many seconds a step is not one of whole frames at this rate.
fn off(step: f64, rate: FrameRate) -> f64 {
    let frames = (step * rate.per_second()).round().max(1.0);
    (step - frames / rate.per_second()).abs()
}

fn is_grid(steps: &[f64], rate: FrameRate) -> bool {
    let fitting = steps.iter().filter(|step| off(**step, rate) <= SAME_SECONDS).count();
    fitting as f64 >= steps.len() as f64 * LEAST_ON_GRID
}

/// The lowest standard rate at whose frames these steps begin and end; of rates that differ by a thousandth, the one that
/// they fit best.
fn grid_of(steps: &[f64]) -> Option<FrameRate> {
    if steps.len() < FEWEST_STEPS {
        return None;
    }
    let grids: Vec<FrameRate> = STANDARD_RATES
        .iter()
        .filter_map(|&(numerator, denominator)| FrameRate::new(numerator, denominator))
        .filter(|rate| is_grid(steps, *rate))
        .collect();
    let lowest = *grids.first()?;
    let like_lowest = grids.into_iter().filter(|rate| rate.per_second() < lowest.per_second() * SAME_RATE);
    let total_off = |rate: &FrameRate| steps.iter().map(|step| off(*step, *rate)).sum::<f64>();
    like_lowest.min_by(|one, other| total_off(one).total_cmp(&total_off(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of so many frames at a rate, as a container tells them that counts in so many parts of a second.
    fn steps(frames: &[u32], rate: (u32, u32), parts: f64) -> Vec<f64> {
        let rate = FrameRate::new(rate.0, rate.1).unwrap();
        let mut frame = 0;
        let place = |frame: u32| (f64::from(frame) / rate.per_second() * parts).round() / parts;
        frames
            .iter()
            .map(|step| {
                frame += step;
                place(frame) - place(frame - step)
            })
            .collect()
    }

    #[test]
    fn the_lowest_rate_that_has_all_frames_is_the_grid() {
        let bursts = [[2; 100], [1; 100], [5; 100]].concat();
        let rates = [(25, 1), (30, 1), (30000, 1001), (24000, 1001), (60, 1), (60000, 1001)];
        for rate in rates {
            assert_eq!(grid_of(&steps(&bursts, rate, 90_000.0)), FrameRate::new(rate.0, rate.1), "{rate:?}");
        }
        assert_eq!(grid_of(&steps(&[2; 100], (60, 1), 90_000.0)), FrameRate::new(30, 1), "every second one");
        let in_milliseconds = grid_of(&steps(&bursts, (60, 1), 1000.0)).unwrap();
        assert!((in_milliseconds.per_second() - 60.0).abs() < 0.1, "{in_milliseconds:?}");
    }

    #[test]
    fn uneven_times_and_few_frames_lie_on_no_grid() {
        let uneven: Vec<f64> = (0_u32..200).map(|number| 0.020 + f64::from(number * 37 % 101) / 5000.0).collect();
        assert_eq!(grid_of(&uneven), None);
        assert_eq!(grid_of(&steps(&[2, 1, 5], (60, 1), 90_000.0)), None);
    }

    #[test]
    fn long_sources_are_looked_at_in_places_and_short_ones_whole() {
        assert_eq!(intervals(0.0, Duration::from_secs(80)), ["%"]);
        let places = intervals(1.5, Duration::from_secs(8000));
        assert_eq!((places.len(), places[0].as_str(), places[7].as_str()), (8, "1.500%+10", "7001.500%+10"));
    }
}
