//! When the last picture of a source ends: where a film was cut between pictures that lean on each other, its track says
//! less.

use std::{path::Path, time::Duration};

use super::{PROBE_LIMIT, ffprobe, input_url, run_for};
use crate::{
    media::SourceMedia,
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};

/// Pictures lean on others that are shown no later than this.
const LOOK_BACK: Duration = Duration::from_secs(10);

/// Ends of picture and sound that a transport stream tells are worth a look where they differ by this.
const LEAST_DIFFERENCE: Duration = Duration::from_millis(500);
/// Where they differ by more, the clock has jumped between them.
const MOST_DIFFERENCE: Duration = Duration::from_secs(600);
/// Larger files of containers without an index would be read whole for their last packets.
const LARGEST_WITHOUT_INDEX_BYTES: u64 = 1_000_000_000;

/// Measures by their packets when picture and sound end in containers that tell it badly: transport streams guess it, FLV
/// tells the end of what is longest. What can't be measured stays as it is told.
pub(super) fn measure_ends(media: &mut SourceMedia, source: &Path, toolbox: &Toolbox, cancel: &CancelToken) {
    let is_transport_stream = media.container.starts_with("mpeg");
    let is_flash = media.container == "flv" && media.size_bytes <= LARGEST_WITHOUT_INDEX_BYTES;
    if !(is_transport_stream || is_flash) || media.clock_goes_back.is_some() {
        return;
    }
    let (Some(video), Some(audio)) = (media.main_video(), media.main_audio()) else { return };
    let (picture, sound) = (video.index, audio.index);
    let file_start = media.start_time_seconds.unwrap_or(0.0);
    let time = |start: Option<f64>| Duration::try_from_secs_f64(start.unwrap_or(file_start)).unwrap_or_default();
    let (picture_start, sound_start) = (time(video.start_time_seconds), time(audio.start_time_seconds));
    let Some((picture_told, sound_told)) = video.duration.or(media.duration).zip(audio.duration.or(media.duration))
    else {
        return;
    };
    let (picture_told, sound_told) = (picture_start + picture_told, sound_start + sound_told);
    if is_transport_stream && sound_told.saturating_sub(picture_told) < LEAST_DIFFERENCE {
        return;
    }
    let end = |stream, told| picture_end(source, (stream, told), toolbox, cancel);
    let Some((picture_end, sound_end)) = end(picture, picture_told).zip(end(sound, sound_told)) else { return };
    if picture_end <= picture_start
        || sound_end <= sound_start
        || sound_end.saturating_sub(picture_end) > MOST_DIFFERENCE
    {
        return;
    }
    for video in media.video.iter_mut().filter(|video| video.index == picture) {
        video.duration = Some(picture_end - picture_start);
    }
    for audio in media.audio.iter_mut().filter(|audio| audio.index == sound) {
        audio.duration = Some(sound_end - sound_start);
    }
    media.ends_are_measured = true;
}

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
