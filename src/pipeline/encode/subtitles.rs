//! Turns subtitles into WebVTT with ffmpeg: those of the source in one run, each file beside it in one of its own.

use std::{path::Path, process::Command, time::Duration};

use super::inputs::file_url;
use crate::{
    pipeline::{
        package::captions::{self, Cue},
        plan::{EncodePlan, SubtitleOrigin, SubtitleRendition},
    },
    tools::{
        cancel::CancelToken,
        child::{self, ChildError},
        ffmpeg::Toolbox,
    },
};

/// Time for one run: as long as reading a large file from a slow share takes.
const LIMIT: Duration = Duration::from_secs(3600);

/// Nothing is shown for longer, but what has no sensible end.
const LONGEST_CUE: Duration = Duration::from_secs(24 * 3600);

/// What came of the subtitles of a plan.
#[derive(Debug)]
pub struct ReadSubtitles<'a> {
    /// Renditions that have text, with their cues.
    pub read: Vec<(&'a SubtitleRendition, Vec<Cue>)>,
    /// One for each rendition that has none.
    pub warnings: Vec<String>,
}

/// The cues of each subtitle rendition of `plan` that could be read, and a warning for each that could not.
///
/// # Errors
/// When the job is cancelled.
pub fn read_subtitles<'a>(
    plan: &'a EncodePlan,
    toolbox: &Toolbox,
    work_folder: &Path,
    cancel: &CancelToken,
) -> Result<ReadSubtitles<'a>, ChildError> {
    let file_of = |index: usize| work_folder.join(format!("subtitles_{index}.vtt"));
    let mut commands = Vec::new();
    let mut from_source = of_source(plan, toolbox);
    let mut has_streams = false;
    for (index, rendition) in plan.subtitles.iter().enumerate() {
        match &rendition.origin {
            SubtitleOrigin::Stream(stream) => {
                has_streams = true;
                from_source.args(["-map", &format!("0:{stream}"), "-c:s", "webvtt", "-f", "webvtt"]);
                from_source.arg(file_url(&file_of(index)));
            }
            SubtitleOrigin::File(path) => commands.push(of_file(path, &file_of(index), toolbox)),
        }
    }
    if has_streams {
        commands.push(from_source);
    }
    for command in commands {
        match child::run_to_end(command, LIMIT, cancel) {
            Err(ChildError::Cancelled) => return Err(ChildError::Cancelled),
            Err(error) => tracing::warn!(%error, "subtitles"),
            Ok(output) if !output.stderr.is_empty() => {
                tracing::info!(said = %String::from_utf8_lossy(&output.stderr), "subtitles");
            }
            Ok(_) => {}
        }
    }
    let (mut read, mut warnings) = (Vec::new(), Vec::new());
    for (index, rendition) in plan.subtitles.iter().enumerate() {
        let cues = std::fs::read_to_string(file_of(index)).map(|text| captions::cues(&text)).unwrap_or_default();
        let cues = within(cues, plan);
        let has_text = !cues.is_empty();
        let cues = trimmed(cues, plan);
        if !has_text {
            warnings
                .push(format!("The subtitles “{}” have no text that can be read and are left out", rendition.label));
        } else {
            read.push((rendition, cues));
        }
    }
    Ok(ReadSubtitles { read, warnings })
}

/// What is shown while the source lasts. A cue that ends before it begins comes out of ffmpeg with an end that nobody
/// can wait for.
fn within(cues: Vec<Cue>, plan: &EncodePlan) -> Vec<Cue> {
    let end = match plan.operations.trim {
        Some(_) => None,
        None => plan.duration,
    };
    let possible = |cue: &Cue| cue.end.saturating_sub(cue.start) <= LONGEST_CUE;
    cues.into_iter().filter(|cue| possible(cue) && end.is_none_or(|end| cue.start < end)).collect()
}

/// What is shown in the trimmed part, on its timeline.
fn trimmed(cues: Vec<Cue>, plan: &EncodePlan) -> Vec<Cue> {
    let Some(trim) = plan.operations.trim else { return cues };
    let rate = plan.timing.frame_rate;
    let start = rate.duration_of(trim.first_frame(rate));
    let length = trim.frames.map(|frames| rate.duration_of(frames));
    let cues = cues.into_iter().map(|cue| Cue {
        start: cue.start.saturating_sub(start),
        end: cue.end.saturating_sub(start),
        ..cue
    });
    cues.filter(|cue| !cue.end.is_zero() && length.is_none_or(|length| cue.start < length)).collect()
}

fn ffmpeg(toolbox: &Toolbox) -> Command {
    let mut command = Command::new(&toolbox.ffmpeg);
    command.args(["-v", "error", "-nostdin", "-y", "-protocol_whitelist", "file,pipe,crypto,data"]);
    command
}

fn of_source(plan: &EncodePlan, toolbox: &Toolbox) -> Command {
    let mut command = ffmpeg(toolbox);
    command.arg("-i").arg(file_url(&plan.source));
    command
}

fn of_file(path: &Path, into: &Path, toolbox: &Toolbox) -> Command {
    let mut command = ffmpeg(toolbox);
    // By the extension, so that a list under this name is not followed.
    let format = match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref()
    {
        Some("vtt") => "webvtt",
        Some("ass" | "ssa") => "ass",
        _ => "srt",
    };
    command.args(["-f", format]);
    if !is_unicode(path) {
        command.args(["-sub_charenc", "CP1252"]);
    }
    // The times in the file are those that a viewer sees, also if the first cue comes late.
    command.args(["-copyts", "-i"]).arg(file_url(path)).args(["-map", "0:s:0", "-c:s", "webvtt", "-f", "webvtt"]);
    command.arg(file_url(into));
    command
}

/// UTF-8, or UTF-16 with its mark, both of which ffmpeg tells by itself. All else is taken for Windows' Western text.
fn is_unicode(path: &Path) -> bool {
    let Ok(content) = std::fs::read(path) else { return true };
    content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]) || std::str::from_utf8(&content).is_ok()
}
