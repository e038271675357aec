//! Measures the file that was made, before it gets its name.

use std::{path::Path, process::Command, time::Duration};

use super::{
    container,
    plan::{ConvertPlan, PlannedPicture},
    sound::PlannedSound,
};
use crate::{
    failure::{Failure, FailureKind},
    media::SourceMedia,
    pipeline::probe::{self, PROTOCOL_WHITELIST, input_url},
    tools::{
        cancel::CancelToken,
        child::{self, ChildError},
        ffmpeg::Toolbox,
    },
};

/// Time that listing all packets of a file may take, on a slow disk.
const PACKETS_LIMIT: Duration = Duration::from_secs(3600);
/// Sound and picture may begin this late: as long as the delay of an encoder that its container has no place for.
const LATEST_START: f64 = 0.1;

/// A stream of the file, as its packets tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct MeasuredStream {
    /// Their number.
    pub(super) packets: u64,
    /// Their size.
    pub(super) bytes: u64,
    /// When the first is shown or heard, in seconds.
    pub(super) start: f64,
    /// When the last ends, in seconds.
    pub(super) end: f64,
}

/// What was made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// The streams in the order of the file.
    pub(super) streams: Vec<MeasuredStream>,
    /// What it is.
    pub(super) media: SourceMedia,
}

impl Measured {
    /// Length of its picture and sound.
    pub(super) fn duration(&self) -> Duration {
        let subtitles = &self.media.subtitles;
        let streams = self.streams.iter().enumerate();
        let of_media = streams.filter(|(index, _)| !subtitles.iter().any(|track| track.index == *index));
        let ends = of_media.map(|(_, stream)| stream).map(|stream| stream.end - stream.start.min(0.0));
        Duration::try_from_secs_f64(ends.fold(0.0, f64::max)).unwrap_or_default()
    }
}

/// Reads a finished file again.
///
/// # Errors
/// When it is not what was planned, or can't be read.
pub(super) fn measure(
    plan: &ConvertPlan,
    file: &Path,
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<Measured, Failure> {
    let media =
        probe::probe(file, toolbox, cancel).map_err(|error| wrong("it can't be read again", &error.to_string()))?;
    check_streams(plan, &media)?;
    let measured = Measured { streams: packets(file, toolbox, cancel)?, media };
    check_times(plan, &measured)?;
    Ok(measured)
}

/// Whether all streams are there as planned.
fn check_streams(plan: &ConvertPlan, media: &SourceMedia) -> Result<(), Failure> {
    let picture = media.main_video();
    let planned = match &plan.picture {
        Some(PlannedPicture::Copied(video)) => Some(video.codec.as_str()),
        Some(PlannedPicture::Encoded(codec)) => Some(container::picture_names(*codec).1),
        None => None,
    };
    if picture.map(|video| video.codec.as_str()) != planned {
        return Err(wrong("its picture is not what was planned", &format!("{picture:?}, not {planned:?}")));
    }
    if picture.map(crate::media::VideoStream::display_size) != plan.size() {
        return Err(wrong("its picture has another size than planned", &format!("{picture:?}, not {:?}", plan.size())));
    }
    let sound: Vec<&str> = media.audio.iter().map(|track| track.codec.as_str()).collect();
    let planned: Vec<&str> = plan.sound.iter().map(PlannedSound::codec_name).collect();
    if sound != planned {
        return Err(wrong("its sound is not what was planned", &format!("{sound:?}, not {planned:?}")));
    }
    if media.subtitles.len() != plan.subtitles.len() {
        return Err(wrong("its subtitles are not what was planned", &format!("{:?}", media.subtitles)));
    }
    Ok(())
}

/// Whether everything begins at the start, and nothing goes on after what was planned.
fn check_times(plan: &ConvertPlan, measured: &Measured) -> Result<(), Failure> {
    let streams = &measured.streams;
    let media = &measured.media;
    let of_media = media.video.iter().map(|video| video.index).chain(media.audio.iter().map(|audio| audio.index));
    let mut packets = of_media.map(|index| streams.get(index).map_or(0, |stream| stream.packets));
    if packets.any(|packets| packets == 0) {
        return Err(wrong("a stream of it is empty", &format!("{streams:?}")));
    }
    let earliest = streams.iter().map(|stream| stream.start).fold(f64::INFINITY, f64::min);
    if earliest > LATEST_START {
        return Err(wrong("it does not begin at its start", &format!("{streams:?}")));
    }
    let joined: u64 = plan.copied_parts.iter().map(|part| part.frames).sum();
    if let Some(picture) = streams.first().filter(|picture| joined > 0 && picture.packets != joined) {
        return Err(wrong("it has not all pictures of its sources", &format!("{picture:?}, not {joined}")));
    }
    if let (Some((encode, _)), Some(picture)) = (plan.encoded_picture(), streams.first())
        && let Some(frames) = encode.operations.trim.and_then(|trim| trim.frames)
    {
        let rate = encode.timing.frame_rate.per_second();
        let most = (frames + 1) as f64 / rate;
        if picture.end > most + LATEST_START {
            return Err(wrong("it is longer than planned", &format!("{} s, not {} frames", picture.end, frames)));
        }
    }
    Ok(())
}

/// The failure of a file that is not right.
pub(super) fn wrong(what: &str, detail: &str) -> Failure {
    let hint = "Retry the job with --reencode, or with another format; if it fails again, report the log";
    Failure::new(FailureKind::StreamIncorrect, format!("The file is not right: {what}"), hint).with_detail(detail)
}

/// Sums the packets of each stream up.
fn packets(file: &Path, toolbox: &Toolbox, cancel: &CancelToken) -> Result<Vec<MeasuredStream>, Failure> {
    let mut command = Command::new(&toolbox.ffprobe);
    command.args(["-v", "error", "-protocol_whitelist", PROTOCOL_WHITELIST]);
    command.args(["-show_entries", "packet=stream_index,pts_time,duration_time,size", "-of", "csv=p=0", "-i"]);
    command.arg(input_url(file));
    let output = child::run_to_end(command, PACKETS_LIMIT, cancel).map_err(|error| match error {
        ChildError::Cancelled => Failure::new(FailureKind::Internal, "The job was cancelled", "Retry the job"),
        other => wrong("its packets can't be read", &other.to_string()),
    })?;
    Ok(sums(&String::from_utf8_lossy(&output.stdout)))
}

/// Sums of lines of stream, time, duration and size.
fn sums(lines: &str) -> Vec<MeasuredStream> {
    let mut streams: Vec<MeasuredStream> = Vec::new();
    for line in lines.lines() {
        let mut fields = line.split(',');
        let Some(index) = fields.next().and_then(|field| field.parse::<usize>().ok()) else { continue };
        if index >= streams.len() {
            let unseen = MeasuredStream { start: f64::INFINITY, ..MeasuredStream::default() };
            streams.resize(index + 1, unseen);
        }
        let mut number = || fields.next().and_then(|field| field.parse::<f64>().ok());
        let (time, duration, size) = (number(), number(), number());
        let stream = &mut streams[index];
        stream.packets += 1;
        stream.bytes += size.unwrap_or(0.0) as u64;
        if let Some(time) = time {
            stream.start = stream.start.min(time);
            stream.end = stream.end.max(time + duration.unwrap_or(0.0));
        }
    }
    streams
}

/// The number of pictures in ffmpeg's notes of its progress.
pub(super) fn frames_in(notes: &str) -> Option<u64> {
    notes.lines().rev().find_map(|line| line.strip_prefix("frame=")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_summed_for_each_stream() {
        let streams = sums("0,0.040000,0.040000,100\n1,0.000000,0.021333,50,\n0,0.000000,0.040000,70\n1,N/A,N/A,1\n");
        assert_eq!(streams[0], MeasuredStream { packets: 2, bytes: 170, start: 0.0, end: 0.08 });
        assert_eq!((streams[1].packets, streams[1].bytes), (2, 51));
        assert_eq!(sums(""), []);
    }

    #[test]
    fn the_last_note_counts() {
        assert_eq!(frames_in("frame=10\nfps=1\nprogress=continue\nframe=25\nprogress=end\n"), Some(25));
        assert_eq!(frames_in("progress=end\n"), None);
    }
}
