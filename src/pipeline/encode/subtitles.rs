//! Turns subtitles into WebVTT: those of the source in one run of ffmpeg, each file beside it by itself, whatever its
//! encoding.

mod drawings;
mod encoding;
mod markup;
mod placing;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

pub(in crate::pipeline) use drawings::read_lines;
use encoding::ReadText;

use super::inputs::file_url;
use crate::{
    pipeline::{
        package::captions::{Captions, Cue},
        plan::{EncodePlan, SubtitleOrigin, SubtitleRendition},
    },
    tools::{
        cancel::CancelToken,
        child::{self, ChildError},
        ffmpeg::Toolbox,
        regular_file,
    },
};

/// Time for one run: as long as reading a large file from a slow share takes.
const LIMIT: Duration = Duration::from_secs(3600);

/// What is taken out of the source as it is.
const SUBRIP_SOURCE: &str = "source.srt";
const ASS_SOURCE: &str = "source.ass";

/// Nothing is shown for longer, but what has no sensible end.
const LONGEST_CUE: Duration = Duration::from_secs(24 * 3600);

/// What came of the subtitles of a plan.
#[derive(Debug)]
pub struct ReadSubtitles<'a> {
    /// Renditions that have text.
    pub read: Vec<(&'a SubtitleRendition, Captions)>,
    /// What could not be read, and what had to be guessed.
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
    let reader = Reader { toolbox, work_folder, cancel };
    reader.read_source(plan)?;
    let (mut read, mut warnings) = (Vec::new(), Vec::new());
    for (index, rendition) in plan.subtitles.iter().enumerate() {
        let captions = reader.captions((index, rendition), &mut warnings)?;
        let cues = within(captions.cues, plan);
        let has_text = !cues.is_empty();
        let cues = trimmed(cues, plan);
        if !has_text {
            warnings
                .push(format!("The subtitles “{}” have no text that can be read and are left out", rendition.label));
        } else {
            read.push((rendition, Captions { cues, ..captions }));
        }
    }
    Ok(ReadSubtitles { read, warnings })
}

/// The formats of text that files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextFormat {
    SubRip,
    WebVtt,
    Ass,
}

impl TextFormat {
    /// By the extension, so that a list under this name is not followed.
    fn of(path: &Path) -> Self {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "vtt" => Self::WebVtt,
            "ass" | "ssa" => Self::Ass,
            _ => Self::SubRip,
        }
    }
}

/// Reads subtitles with the help of ffmpeg.
struct Reader<'a> {
    toolbox: &'a Toolbox,
    work_folder: &'a Path,
    cancel: &'a CancelToken,
}

impl Reader<'_> {
    /// Where the text of a rendition passes by.
    fn file_of(&self, index: usize, extension: &str) -> PathBuf {
        self.work_folder.join(format!("subtitles_{index}.{extension}"))
    }

    /// Takes all tracks of text out of the source: SubRip and ASS as they are, the others as WebVTT.
    fn read_source(&self, plan: &EncodePlan) -> Result<(), ChildError> {
        let mut command = ffmpeg(self.toolbox);
        command.arg("-i").arg(file_url(&plan.source));
        let mut has_streams = false;
        for (index, rendition) in plan.subtitles.iter().enumerate() {
            let (stream, codec, format) = match rendition.origin {
                SubtitleOrigin::Stream(stream) => (stream, "webvtt", "webvtt"),
                SubtitleOrigin::SubRip(stream) => (stream, "copy", "srt"),
                SubtitleOrigin::Ass(stream) => (stream, "copy", "ass"),
                SubtitleOrigin::File(_) => continue,
            };
            has_streams = true;
            let extension = match format {
                "srt" => SUBRIP_SOURCE,
                "ass" => ASS_SOURCE,
                _ => "vtt",
            };
            command.args(["-map", &format!("0:{stream}"), "-c:s", codec, "-f", format]);
            command.arg(file_url(&self.file_of(index, extension)));
        }
        if has_streams { self.run(command) } else { Ok(()) }
    }

    /// What a rendition says; nothing where it can't be read.
    fn captions(
        &self,
        (index, rendition): (usize, &SubtitleRendition),
        warnings: &mut Vec<String>,
    ) -> Result<Captions, ChildError> {
        let (file, format) = match &rendition.origin {
            SubtitleOrigin::Stream(_) => return Ok(self.written_by_ffmpeg(index)),
            SubtitleOrigin::SubRip(_) => (self.file_of(index, SUBRIP_SOURCE), TextFormat::SubRip),
            SubtitleOrigin::Ass(_) => (self.file_of(index, ASS_SOURCE), TextFormat::Ass),
            SubtitleOrigin::File(path) => (path.clone(), TextFormat::of(path)),
        };
        let content = regular_file::read(&file).unwrap_or_default();
        let ReadText { text, guessed } = encoding::read(&content, &rendition.language);
        let captions = match format {
            TextFormat::WebVtt => {
                let mut captions = Captions::of_file(&text);
                captions.cues.iter_mut().for_each(|cue| cue.text = markup::escaped(&cue.text));
                captions
            }
            TextFormat::SubRip => self.turned((index, "srt"), &placing::marked_subrip(&markup::guarded(&text)))?,
            TextFormat::Ass => {
                let text = placing::marked_ass(&drawings::left_out(&text));
                self.turned((index, "ass"), &markup::guarded_ass(&text))?
            }
        };
        if let Some(guessed) = guessed.filter(|_| !captions.cues.is_empty()) {
            let label = &rendition.label;
            warnings.push(format!("The subtitles “{label}” are not in UTF-8: they were read as {guessed}"));
        }
        Ok(captions)
    }

    /// Turns a text in a format that ffmpeg knows into WebVTT.
    fn turned(&self, (index, format): (usize, &str), text: &str) -> Result<Captions, ChildError> {
        let file = self.file_of(index, format);
        if let Err(error) = std::fs::write(&file, text) {
            tracing::warn!(%error, "subtitles");
            return Ok(Captions::default());
        }
        let mut command = ffmpeg(self.toolbox);
        // The times in the file are those that a viewer sees, also if the first cue comes late.
        command.args(["-f", format, "-copyts", "-i"]).arg(file_url(&file));
        command.args(["-map", "0:s:0", "-c:s", "webvtt", "-f", "webvtt"]).arg(file_url(&self.file_of(index, "vtt")));
        self.run(command)?;
        Ok(self.written_by_ffmpeg(index))
    }

    fn written_by_ffmpeg(&self, index: usize) -> Captions {
        let text = std::fs::read_to_string(self.file_of(index, "vtt")).unwrap_or_default();
        let Captions { head, cues } = Captions::of_ffmpeg(&markup::escaped(&text));
        Captions { head, cues: cues.into_iter().filter_map(placing::placed).collect() }
    }

    /// Runs ffmpeg; what it can't read is missing afterwards.
    fn run(&self, command: Command) -> Result<(), ChildError> {
        match child::run_to_end(command, LIMIT, self.cancel) {
            Err(ChildError::Cancelled) => return Err(ChildError::Cancelled),
            Err(error) => tracing::warn!(%error, "subtitles"),
            Ok(output) if !output.stderr.is_empty() => {
                tracing::info!(said = %String::from_utf8_lossy(&output.stderr), "subtitles");
            }
            Ok(_) => {}
        }
        Ok(())
    }
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
