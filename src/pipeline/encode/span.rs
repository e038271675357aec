//! How ffmpeg is told to make a part of a stream only. Pure.
//!
//! The part keeps the time stamps of the whole: `-itsoffset` gives back what `-ss` takes away, to the microsecond. Of
//! joined sources those that come before the part are not opened for the picture, and the first is read from its start.

use super::{inputs, operation_filters};
use crate::pipeline::plan::{EncodePlan, PlannedSpan};

/// The source as the picture of a part is read from it; the sound is read from its start beside it. What is cut off within
/// a fragment is read twice too: ffmpeg ends at the first packet that is missing, whichever stream's it is, and the sound of
/// a fragment often lies behind all of its pictures.
pub(super) fn has_own_input(plan: &EncodePlan) -> bool {
    (plan.span.is_some() || plan.is_cut_off) && !plan.audio.is_empty() && plan.format.even_sound.is_none()
}

/// Number of the input that the picture comes from; of joined sources, the first one's.
pub(in crate::pipeline) fn video_input(plan: &EncodePlan) -> usize {
    if has_own_input(plan) { inputs::input_count(plan) } else { plan.first_part().0 }
}

/// Where the source is opened for the picture.
pub(super) fn input_options(plan: &EncodePlan) -> Vec<String> {
    let Some(span) = plan.span.filter(PlannedSpan::is_sought) else { return inputs::trim_options(plan) };
    let seek = plan.operations.trim.map(|trim| trim.seek).unwrap_or_default();
    let skipped = operation_filters::seconds(span.skipped);
    vec!["-itsoffset".to_owned(), skipped, "-ss".to_owned(), operation_filters::seconds(seek + span.skipped)]
}

/// The filters that bring the picture to its frame rate. A part that is read from its middle must not be filled up from
/// the start.
pub(super) fn frame_rate(plan: &EncodePlan) -> String {
    let rate = plan.timing.frame_rate;
    match plan.span {
        Some(span) if span.is_sought() => format!("fps={rate}"),
        _ => format!("fps={rate}:start_time=0"),
    }
}

/// What is left out at once of a part, and the trim of the whole, after which times count from the start of the stream.
pub(super) fn trim(plan: &EncodePlan) -> Option<String> {
    let trim = plan.operations.trim;
    let Some(span) = plan.span else {
        let trim = trim?;
        let end = trim.frames.map(|frames| format!(":end_frame={}", trim.lead_frames + frames)).unwrap_or_default();
        return Some(format!("trim=start_frame={}{end},setpts=PTS-STARTPTS", trim.lead_frames));
    };
    let lead = trim.map_or(0, |trim| trim.lead_frames);
    let end = trim.and_then(|trim| trim.frames).map(|frames| format!(":end_pts={}", lead + frames));
    let start = lead + span.first_scaled_frame;
    Some(format!("trim=start_pts={start}{},setpts=PTS-{lead}", end.unwrap_or_default()))
}

/// Leaves out what has only been filtered for the sake of what follows it.
pub(super) fn start(plan: &EncodePlan) -> Option<String> {
    let span = plan.span?;
    let end = span.end_frame.map(|end| format!(":end_pts={end}")).unwrap_or_default();
    Some(format!("trim=start_pts={}{end}", span.first_frame))
}
