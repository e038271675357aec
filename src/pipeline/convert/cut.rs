//! Where a part begins that is copied without encoding: at a keyframe, as nothing before one can be decoded.

use std::{path::Path, process::Command, time::Duration};

use super::plan::{ConvertPlan, PlannedPicture};
use crate::{
    failure::{Failure, FailureKind},
    media::SourceMedia,
    pipeline::plan::nothing_after,
    pipeline::probe::{PROTOCOL_WHITELIST, input_url},
    tools::{
        cancel::CancelToken,
        child::{self, ChildError},
        ffmpeg::Toolbox,
    },
};

/// Time that listing the packets of a file may take, on a slow disk.
const PACKETS_LIMIT: Duration = Duration::from_secs(3600);
/// Times in seconds that are nearer than this are the same: containers count in milliseconds or finer.
const SAME: f64 = 0.002;
/// What is read past the place that is looked for: frames are not stored in the order in which they are shown.
const READ_PAST: f64 = 1.0;
/// Containers in which ffmpeg looks for the time at which a picture is decoded, and so passes a keyframe that is shown much
/// later than it is decoded.
const SOUGHT_BY_DECODING: [&str; 2] = ["mpegts", "mpeg"];
/// More than any encoder changes the order of pictures by.
const LEAD: Duration = Duration::from_secs(3);

/// Moves the start of the part to the keyframe at or before it; before the first keyframe, to the start of the source.
///
/// # Errors
/// When the part begins after the end of the source, the picture has no keyframe, or the source can't be read.
pub(super) fn begin_at_keyframe(
    plan: &mut ConvertPlan,
    source: &SourceMedia,
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<(), Failure> {
    let asked = plan.trim.start.unwrap_or_default();
    if let Some(duration) = source.duration.filter(|duration| asked >= *duration) {
        let headline = nothing_after(asked, duration);
        return Err(Failure::new(FailureKind::InvalidRequest, headline, "Start the trim earlier"));
    }
    let mut start = asked;
    let mut end = match (plan.trim.end, source.duration) {
        (Some(end), Some(duration)) => Some(end.min(duration)),
        (end, duration) => end.or(duration),
    };
    if let Some(PlannedPicture::Copied(video)) = &plan.picture {
        let origin = source.start_time_seconds.unwrap_or(0.0);
        let seconds = |time: Duration| time.as_secs_f64() + origin;
        let asked_end = plan.trim.end.map(seconds);
        let until = asked_end.unwrap_or(seconds(asked)) + READ_PAST;
        let packets = packets((&plan.source, video.index), until, toolbox, cancel)?;
        let time = |seconds: f64| Duration::try_from_secs_f64(seconds - origin).unwrap_or_default();
        let before = keyframe_before(&packets, seconds(asked));
        // The picture may begin after the sound, and a recording in the middle of a GOP.
        start = before.map(|keyframe| time(packets[keyframe].time)).unwrap_or_default();
        if let Some(asked_end) = asked_end {
            let first = before.or_else(|| packets.iter().position(|packet| packet.is_keyframe));
            let copied = first.map(|first| &packets[first..]).ok_or_else(no_keyframe)?;
            if let Some(cut) = end_without_gap(copied, asked_end) {
                plan.frames = Some(cut.frames);
                end = Some(time(cut.end));
                plan.trim.end = end;
            }
        }
    }
    plan.trim.start = (!start.is_zero()).then_some(start);
    if SOUGHT_BY_DECODING.contains(&source.container.as_str())
        && matches!(plan.picture, Some(PlannedPicture::Copied(_)))
    {
        plan.lead = LEAD;
    }
    plan.duration = end.map(|end| end.saturating_sub(start));
    Ok(())
}

/// A part in which nothing can be decoded without what comes before it.
fn no_keyframe() -> Failure {
    let hint = "Leave --lossless out, so that the part is encoded, or end the trim later";
    Failure::new(FailureKind::InvalidRequest, "There is no keyframe in the part that is to be copied", hint)
}

/// What the user should know of a cut: where it is, and where it was to be.
pub(super) fn said_of(plan: &ConvertPlan, asked: Duration, made: Duration) -> String {
    let start = plan.trim.start.unwrap_or_default();
    let end = start + made;
    let of = match asked.as_secs_f64() {
        _ if start == asked => String::new(),
        _ if start.is_zero() => ", the start of the source".to_owned(),
        asked => format!(", the keyframe before {asked:.3} s"),
    };
    format!("Cut without encoding: from {:.3} s{of}, to {:.3} s", start.as_secs_f64(), end.as_secs_f64())
}

/// Times and flags of a picture's packets from the start to `until`, in seconds.
fn packets(
    (file, stream): (&Path, usize),
    until: f64,
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<Vec<Packet>, Failure> {
    let mut command = Command::new(&toolbox.ffprobe);
    command.args(["-v", "error", "-protocol_whitelist", PROTOCOL_WHITELIST]);
    command.args(["-select_streams", &stream.to_string(), "-read_intervals", &format!("%{until:.3}")]);
    command.args(["-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", "-i"]).arg(input_url(file));
    let output = child::run_to_end(command, PACKETS_LIMIT, cancel).map_err(|error| match error {
        ChildError::Cancelled => Failure::new(FailureKind::Internal, "The job was cancelled", "Retry the job"),
        other => {
            let hint = "Copy the file here first, or leave --lossless out";
            Failure::new(FailureKind::SourceUnreadable, "The source's keyframes can't be read", hint)
                .with_detail(other.to_string())
        }
    })?;
    Ok(read_packets(&String::from_utf8_lossy(&output.stdout)))
}

/// A packet of a picture's stream.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Packet {
    /// When it is shown, in seconds.
    time: f64,
    is_keyframe: bool,
}

fn read_packets(lines: &str) -> Vec<Packet> {
    let packet = |line: &str| {
        let (time, flags) = line.split_once(',')?;
        Some(Packet { time: time.parse().ok()?, is_keyframe: flags.contains('K') })
    };
    lines.lines().filter_map(packet).collect()
}

/// Where a part ends.
#[derive(Debug, Clone, Copy, PartialEq)]
struct End {
    /// Number of its packets.
    frames: u64,
    /// The time of the first picture after it.
    end: f64,
}

/// The first place at or after a time where all pictures that are stored before are shown before, so that none before that
/// time is lost: elsewhere a cut would leave a gap. The last place before it where the list of packets has none after;
/// `None` when everything is shown before that time.
fn end_without_gap(packets: &[Packet], wanted: f64) -> Option<End> {
    let mut earliest_after = f64::INFINITY;
    let mut ends = Vec::new();
    for (index, packet) in packets.iter().enumerate().skip(1).rev() {
        earliest_after = earliest_after.min(packet.time);
        ends.push((index, earliest_after));
    }
    let mut latest_before = f64::NEG_INFINITY;
    let mut best = None;
    for ((index, after), before) in ends.into_iter().rev().zip(packets) {
        latest_before = latest_before.max(before.time);
        if after > latest_before {
            best = Some(End { frames: index as u64, end: after });
            if after >= wanted - SAME {
                break;
            }
        }
    }
    best.filter(|_| packets.iter().any(|packet| packet.time > wanted - SAME))
}

/// The place of the last keyframe at or before a time.
fn keyframe_before(packets: &[Packet], wanted: f64) -> Option<usize> {
    let is_before = |packet: &Packet| packet.is_keyframe && packet.time <= wanted + SAME;
    let keyframes = packets.iter().enumerate().filter(|(_, packet)| is_before(packet));
    keyframes.max_by(|(_, one), (_, other)| one.time.total_cmp(&other.time)).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_keyframe_before_a_time_is_found() {
        let packets = read_packets(
            "0.000000,K__\n0.120000,___\n0.040000,___\n2.000000,K__\n2.080000,___\n4.000000,K__\nN/A,K__\n",
        );
        assert_eq!(keyframe_before(&packets, 3.5), Some(3));
        assert_eq!(keyframe_before(&packets, 4.0), Some(5));
        assert_eq!(keyframe_before(&packets, -1.0), None);
    }

    #[test]
    fn a_part_ends_where_no_picture_is_missing_or_lost() {
        // I P B B P B B, in the order in which they are stored.
        let times = [0.0, 0.12, 0.04, 0.08, 0.24, 0.16, 0.20, 0.36, 0.28, 0.32];
        let packets: Vec<Packet> = times.iter().map(|time| Packet { time: *time, is_keyframe: *time == 0.0 }).collect();
        assert_eq!(end_without_gap(&packets, 0.2), Some(End { frames: 7, end: 0.28 }));
        assert_eq!(end_without_gap(&packets, 0.28), Some(End { frames: 7, end: 0.28 }));
        assert_eq!(end_without_gap(&packets, 0.16), Some(End { frames: 4, end: 0.16 }));
        assert_eq!(end_without_gap(&packets, 0.32), Some(End { frames: 7, end: 0.28 }), "what follows is not known");
        assert_eq!(end_without_gap(&packets, 5.0), None);
    }
}
