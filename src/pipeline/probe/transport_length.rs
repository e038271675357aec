//! How long a transport stream is whose clock jumps: neither its container nor the first and the last time stamp tell.

use std::{path::Path, time::Duration};

use super::{ProbeError, ffprobe, input_url, run_for};
use crate::{
    media::SourceMedia,
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};

/// No moving picture with so few bits a second is broadcast.
const SMALLEST_RATE_BPS: f64 = 150_000.0;
/// Reading all of a recording from a slow disk.
const LIMIT: Duration = Duration::from_secs(1800);
/// ffprobe's name of the container.
const CONTAINER: &str = "mpegts";

/// The length of all pictures of a transport stream together, or of its sound where it has no picture, whatever its clock
/// says. All of the file is read. `None` for other containers and for what can't be read.
pub fn transport_length(source: &Path, toolbox: &Toolbox, cancel: &CancelToken) -> Option<Duration> {
    ["v:0", "a:0"].into_iter().find_map(|stream| length_of(source, stream, toolbox, cancel))
}

/// Corrects the length of a transport stream that has too few bytes for it, or whose clock begins anew.
pub(super) fn correct(media: &mut SourceMedia, source: &Path, toolbox: &Toolbox, cancel: &CancelToken) {
    if media.container != CONTAINER || media.video.is_empty() {
        return;
    }
    media.clock_goes_back = super::transport_codecs::clock_goes_back(source, cancel);
    let told = media.duration.unwrap_or_default().as_secs_f64();
    if media.size_bytes as f64 * 8.0 >= told * SMALLEST_RATE_BPS && media.clock_goes_back.is_none() {
        return;
    }
    let Some(length) = transport_length(source, toolbox, cancel) else { return };
    media.duration = Some(length);
    if media.clock_goes_back.is_some() {
        media.video.iter_mut().for_each(|video| video.duration = Some(length));
        media.audio.iter_mut().for_each(|audio| audio.duration = Some(length));
        return;
    }
    for video in &mut media.video {
        video.duration = video.duration.map(|told| told.min(length));
    }
    for audio in &mut media.audio {
        audio.duration = audio.duration.map(|told| told.min(length));
    }
}

fn length_of(source: &Path, stream: &str, toolbox: &Toolbox, cancel: &CancelToken) -> Option<Duration> {
    let mut command = ffprobe(toolbox);
    command.args(["-select_streams", stream, "-show_entries", "format=format_name:packet=duration_time"]);
    command.args(["-of", "csv=print_section=1", "-i"]).arg(input_url(source));
    let output: Result<_, ProbeError> = run_for(command, LIMIT, source, cancel);
    length_in(&String::from_utf8_lossy(&output.ok()?.stdout))
}

/// The sum of the packets that ffprobe tells of.
fn length_in(told: &str) -> Option<Duration> {
    let is_transport_stream = told.lines().any(|line| line == format!("format,{CONTAINER}"));
    let seconds = |line: &str| -> Option<f64> { line.strip_prefix("packet,")?.split(',').next()?.parse().ok() };
    let length: f64 = told.lines().filter_map(seconds).sum();
    Duration::try_from_secs_f64(length).ok().filter(|length| is_transport_stream && !length.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_added_up_and_only_of_transport_streams() {
        let told = "packet,0.040000,\n\npacket,0.040000\npacket,N/A\nformat,mpegts\n";
        assert_eq!(length_in(told), Some(Duration::from_millis(80)));
        assert_eq!(length_in(&told.replace("mpegts", "matroska,webm")), None);
        assert_eq!(length_in("format,mpegts\n"), None);
    }
}
