//! Whether frames are made of two fields, where no header says so: the frames themselves do.

use std::path::Path;

use super::{ProbeError, ffprobe, ffprobe_json, input_url, run};
use crate::{
    media::{ScanType, SourceMedia, VideoStream},
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};

/// Codecs in which fields can be written, and whose decoders tell of each frame whether it is made of them.
const CODECS_WITH_FIELDS: [&str; 10] =
    ["dvvideo", "dnxhd", "prores", "mpeg2video", "mpeg4", "h264", "vc1", "wmv3", "mjpeg", "utvideo"];
/// Frames that are looked at.
const FRAMES: &str = "%+#4";
/// DV of so many lines has whole frames only (SMPTE 370M), which its decoder does not know.
const PROGRESSIVE_LINES_OF_DV: u32 = 720;

/// Finds out how the lines were taken where the file does not say.
///
/// # Errors
/// When ffprobe can't be run, or the job is cancelled.
pub(super) fn find_out(
    media: &mut SourceMedia,
    source: &Path,
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<(), ProbeError> {
    if media.is_still() {
        return Ok(());
    }
    for video in media.video.iter_mut().filter(|video| may_have_fields(video)) {
        let mut command = ffprobe(toolbox);
        command.args(["-print_format", "json", "-show_entries", "frame=interlaced_frame,top_field_first"]);
        command.args(["-read_intervals", FRAMES, "-select_streams"]).arg(video.index.to_string());
        command.arg("-i").arg(input_url(source));
        let output = run(command, source, cancel)?;
        // What can't be decoded here stays unknown: encoding will tell why.
        let frames: ffprobe_json::Frames = serde_json::from_slice(&output.stdout).unwrap_or_default();
        video.scan = scan_of(&frames.frames);
    }
    Ok(())
}

fn may_have_fields(video: &VideoStream) -> bool {
    let is_progressive_dv = video.codec == "dvvideo" && video.coded_size.height == PROGRESSIVE_LINES_OF_DV;
    video.scan == ScanType::Unknown && CODECS_WITH_FIELDS.contains(&video.codec.as_str()) && !is_progressive_dv
}

/// Interlaced only if all of them are: one may be marked by mistake.
fn scan_of(frames: &[ffprobe_json::Frame]) -> ScanType {
    match frames {
        [first, ..] if frames.iter().all(|frame| frame.interlaced_frame != 0) => match first.top_field_first {
            0 => ScanType::InterlacedBottomFirst,
            _ => ScanType::InterlacedTopFirst,
        },
        _ => ScanType::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(frames: &str) -> ScanType {
        scan_of(&serde_json::from_str::<ffprobe_json::Frames>(frames).unwrap().frames)
    }

    #[test]
    fn frames_tell_their_fields_and_one_that_is_marked_alone_does_not_count() {
        let (top, bottom) =
            (r#"{"interlaced_frame": 1, "top_field_first": 1}"#, r#"{"interlaced_frame": 1, "top_field_first": 0}"#);
        assert_eq!(scan(&format!(r#"{{"frames": [{top}, {top}]}}"#)), ScanType::InterlacedTopFirst);
        assert_eq!(scan(&format!(r#"{{"frames": [{bottom}]}}"#)), ScanType::InterlacedBottomFirst);
        assert_eq!(scan(&format!(r#"{{"frames": [{top}, {{"interlaced_frame": 0}}]}}"#)), ScanType::Unknown);
        assert_eq!(scan("{}"), ScanType::Unknown);
    }
}
