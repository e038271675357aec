//! Where a part begins that is copied without encoding: at a keyframe, as nothing before one can be decoded.

use std::{path::Path, process::Command, time::Duration};

use super::plan::{ConvertPlan, PlannedPicture};
use crate::{
    failure::{Failure, FailureKind},
    format,
    media::SourceMedia,
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

/// Moves the start of the part to the keyframe at or before it.
///
/// # Errors
/// When the part begins after the end of the source, there is no keyframe before it, or the source can't be read.
pub(super) fn begin_at_keyframe(
    plan: &mut ConvertPlan,
    source: &SourceMedia,
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<(), Failure> {
    let asked = plan.trim.start.unwrap_or_default();
    let refused = |headline: String| Failure::new(FailureKind::InvalidRequest, headline, "Start the trim earlier");
    if let Some(duration) = source.duration.filter(|duration| asked >= *duration) {
        let (start, end) = (format::clock(asked), format::clock(duration));
        return Err(refused(format!("The trim starts at {start}, after the end of the source at {end}")));
    }
    let mut start = asked;
    if let Some(PlannedPicture::Copied(video)) = &plan.picture
        && !asked.is_zero()
    {
        let origin = source.start_time_seconds.unwrap_or(0.0);
        let wanted = asked.as_secs_f64() + origin;
        let packets = packets((&plan.source, video.index), wanted + READ_PAST, toolbox, cancel)?;
        let keyframe = keyframe_before(&packets, wanted)
            .ok_or_else(|| refused(format!("There is no keyframe before {}", format::clock(asked))))?;
        start = Duration::try_from_secs_f64(keyframe - origin).unwrap_or_default();
    }
    let end = match (plan.trim.end, source.duration) {
        (Some(end), Some(duration)) => Some(end.min(duration)),
        (end, duration) => end.or(duration),
    };
    plan.trim.start = (!start.is_zero()).then_some(start);
    plan.duration = end.map(|end| end.saturating_sub(start));
    Ok(())
}

/// What the user should know of a cut: where it is, and where it was to be.
pub(super) fn said_of(plan: &ConvertPlan, asked: Duration, made: Duration) -> String {
    let start = plan.trim.start.unwrap_or_default();
    let end = start + made;
    let of = if start == asked { String::new() } else { format!(", the keyframe before {:.3} s", asked.as_secs_f64()) };
    format!("Cut without encoding: from {:.3} s{of}, to {:.3} s", start.as_secs_f64(), end.as_secs_f64())
}

/// Times and flags of a picture's packets from the start to `until`, in seconds.
fn packets(
    (file, stream): (&Path, usize),
    until: f64,
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<String, Failure> {
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
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last keyframe at or before a time.
fn keyframe_before(packets: &str, wanted: f64) -> Option<f64> {
    let keyframes = packets.lines().filter_map(|line| {
        let (time, flags) = line.split_once(',')?;
        flags.contains('K').then(|| time.parse::<f64>().ok()).flatten()
    });
    keyframes.filter(|time| *time <= wanted + SAME).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_keyframe_before_a_time_is_found() {
        let packets = "0.000000,K__\n0.120000,___\n0.040000,___\n2.000000,K__\n2.080000,___\n4.000000,K__\nN/A,K__\n";
        assert_eq!(keyframe_before(packets, 3.5), Some(2.0));
        assert_eq!(keyframe_before(packets, 4.0), Some(4.0));
        assert_eq!(keyframe_before(packets, -1.0), None);
    }
}
