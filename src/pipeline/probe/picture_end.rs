//! When the last picture of a source ends: where a film was cut between pictures that lean on each other, its track says
//! less.

use std::{path::Path, time::Duration};

use super::{PROBE_LIMIT, ffprobe, input_url, run_for};
use crate::tools::{cancel::CancelToken, ffmpeg::Toolbox};

/// Pictures lean on others that are shown no later than this.
const LOOK_BACK: Duration = Duration::from_secs(10);

/// The end of the last picture of this stream on the source's timeline, by the times of the packets near `told`, the end
/// that the container tells. `None` where they can't be read.
pub fn picture_end(
    source: &Path,
    (stream, told): (usize, Duration),
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Option<Duration> {
    let mut command = ffprobe(toolbox);
    let from = format!("{}%", told.saturating_sub(LOOK_BACK).as_secs());
    command.args(["-read_intervals", &from, "-select_streams"]).arg(stream.to_string());
    command.args(["-show_entries", "packet=pts_time,duration_time,flags", "-of", "default=noprint_wrappers=0"]);
    command.arg("-i").arg(input_url(source));
    let output = run_for(command, PROBE_LIMIT, source, cancel).ok()?;
    latest_end(&String::from_utf8_lossy(&output.stdout))
}

/// The latest end of all packets that are shown.
fn latest_end(told: &str) -> Option<Duration> {
    let ends = told.split("[/PACKET]").filter_map(|packet| {
        let value = |name: &str| packet.lines().find_map(|line| line.strip_prefix(name));
        let is_left_out = value("flags=").is_some_and(|flags| flags.contains('D'));
        let start: f64 = value("pts_time=").filter(|_| !is_left_out)?.parse().ok()?;
        let length: f64 = value("duration_time=").and_then(|length| length.parse().ok()).unwrap_or(0.0);
        Duration::try_from_secs_f64(start + length).ok()
    });
    ends.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_shown_last_counts_wherever_it_lies_and_none_that_is_left_out() {
        let packet = |pts: &str, flags: &str| {
            format!("[PACKET]\npts_time={pts}\nduration_time=0.040000\nflags={flags}\n[/PACKET]\n")
        };
        let told = packet("3.40", "K__") + &packet("3.68", "___") + &packet("3.52", "___") + &packet("9.00", "_D_");
        assert_eq!(latest_end(&told), Some(Duration::from_millis(3720)));
        assert_eq!(latest_end(&packet("N/A", "K__")), None);
        assert_eq!(latest_end(""), None);
    }
}
