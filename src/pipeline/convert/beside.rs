//! What is beside picture and sound, and is taken out of the source into a passing file before the run that makes the file:
//! styled subtitles, of which drawings and notes are left out where text alone is held; what subtitles say in a part; and
//! cover art, which some containers hold in a form that ffmpeg does not write by itself.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Job,
    container::{self, CoverPlace},
    plan::{ConvertPlan, PlannedChapters},
};
use crate::{
    failure::{Failure, FailureKind},
    job::Stage,
    media::Chapter,
    pipeline::{
        encode::{inputs::file_url, subtitles::read_lines},
        package::write_failure,
        plan::chapters_from,
        probe::{PROTOCOL_WHITELIST, input_url},
    },
    tools::{
        child::{self, ChildError},
        regular_file,
    },
};

/// Time for one run: as long as reading a large file from a slow share takes.
const LIMIT: Duration = Duration::from_secs(3600);
/// The picture type of a front cover (RFC 9639, 8.8).
const FRONT_COVER: u32 = 3;

impl Job<'_> {
    /// Takes out what has to pass through a file. What can't be taken is left out, and that is said; subtitles stay as they
    /// are.
    ///
    /// # Errors
    /// When the job is cancelled, or the chapters of a part can't be written.
    pub(super) fn take_out(&self, plan: &mut ConvertPlan) -> Result<(), Failure> {
        let start = plan.trim.start.unwrap_or_default();
        let length = plan.trim.end.map(|end| end.saturating_sub(start)).or(plan.duration);
        if plan.chapters == PlannedChapters::OfPart(None) {
            let chapters = chapters_from(&self.source.chapters, start, length);
            let file = self.work_folder.join("chapters.txt");
            if !chapters.is_empty() {
                std::fs::write(&file, chapters_text(&chapters))
                    .map_err(|error| write_failure(&file, &error).at(Stage::Encode))?;
                plan.chapters = PlannedChapters::OfPart(Some(file));
            }
        }
        for (place, subtitles) in plan.subtitles.iter_mut().enumerate().filter(|(_, subtitles)| subtitles.passes()) {
            let file = self.work_folder.join(format!("subtitles_{place}.ass"));
            let codec = if matches!(subtitles.track.codec.as_str(), "ass" | "ssa") { "copy" } else { "ass" };
            let text = self.taken(subtitles.track.index, &["-c", codec, "-f", "ass"], &file)?;
            let mut text = text.and_then(|text| String::from_utf8(text).ok());
            if subtitles.is_styled {
                text = text.map(|text| read_lines(&text));
            }
            if subtitles.is_part {
                text = text.and_then(|text| lines_of_part(&text, start, length));
            }
            subtitles.file = text.filter(|text| std::fs::write(&file, text).is_ok()).map(|_| file);
        }
        plan.leave_out_silent_subtitles();
        let place = container::cover_place(plan.format);
        let Some(cover) = plan.cover.as_mut().filter(|_| place != CoverPlace::Stream) else { return Ok(()) };
        let file = self.work_folder.join(if cover.is_png { "cover.png" } else { "cover.jpg" });
        let options = ["-c", "copy", "-frames:v", "1", "-f", "image2", "-update", "1"];
        let picture = self.taken(cover.stream, &options, &file)?;
        cover.file = match (picture, place) {
            (Some(picture), CoverPlace::Comment) => {
                let notes = self.work_folder.join("cover.txt");
                std::fs::write(&notes, comment(&picture, cover.media_type())).is_ok().then_some(notes)
            }
            (picture, _) => picture.map(|_| file),
        };
        if cover.file.is_none() {
            plan.cover = None;
            plan.warnings.push("The cover art is left out: it can't be read".to_owned());
        }
        Ok(())
    }

    /// A stream of the source in a file, by these options of ffmpeg; `None` where it can't be read.
    fn taken(&self, stream: usize, options: &[&str], file: &Path) -> Result<Option<Vec<u8>>, Failure> {
        let mut command = Command::new(&self.request.toolbox.ffmpeg);
        command.args(["-v", "error", "-nostdin", "-y", "-protocol_whitelist", PROTOCOL_WHITELIST, "-i"]);
        command.arg(input_url(&self.request.spec.source)).args(["-map", &format!("0:{stream}")]);
        command.args(options).arg(file_url(file));
        match child::run_to_end(command, LIMIT, &self.request.cancel) {
            Err(ChildError::Cancelled) => {
                let failure = Failure::new(FailureKind::Internal, "The job was cancelled", "Retry the job");
                return Err(failure.at(Stage::Probe));
            }
            Err(error) => tracing::warn!(%error, stream, "a stream could not be taken out"),
            Ok(output) if !output.stderr.is_empty() => {
                tracing::info!(said = %String::from_utf8_lossy(&output.stderr), stream, "a stream was taken out");
            }
            Ok(_) => {}
        }
        Ok(regular_file::read(file).ok().filter(|content| !content.is_empty()))
    }
}

/// What a file of subtitles in the form of ASS, as ffmpeg writes it, says in a part, by the times of the part; `None` where
/// it says nothing.
fn lines_of_part(file: &str, start: Duration, length: Option<Duration>) -> Option<String> {
    let mut says_something = false;
    let mut line_of_part = |line: &str| {
        let Some(dialogue) = line.strip_prefix("Dialogue: ") else { return Some(line.to_owned()) };
        let [layer, from, to, rest] = dialogue.splitn(4, ',').collect::<Vec<_>>()[..] else { return None };
        let (from, to) = (hundredths(from)?, hundredths(to)?);
        let hundredth = |time: Duration| u64::try_from(time.as_millis() / 10).unwrap_or(u64::MAX);
        let (start, end) = (hundredth(start), length.map_or(u64::MAX, hundredth));
        let (from, to) = (from.saturating_sub(start), to.saturating_sub(start).min(end));
        if from >= to {
            return None;
        }
        says_something = true;
        Some(format!("Dialogue: {layer},{},{},{rest}", clock_of_ass(from), clock_of_ass(to)))
    };
    let lines: Vec<String> = file.lines().filter_map(&mut line_of_part).collect();
    says_something.then(|| lines.join("\n") + "\n")
}

/// Hundredths of a second of a time such as `0:01:02.34`.
fn hundredths(time: &str) -> Option<u64> {
    let (clock, parts) = time.trim().split_once('.')?;
    let mut seconds = 0_u64;
    for number in clock.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(number.parse().ok()?)?;
    }
    seconds.checked_mul(100)?.checked_add(parts.parse().ok()?)
}

fn clock_of_ass(hundredths: u64) -> String {
    let seconds = hundredths / 100;
    format!("{}:{:02}:{:02}.{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60, hundredths % 100)
}

/// Chapters in a file of notes as ffmpeg reads them (<https://ffmpeg.org/ffmpeg-formats.html#Metadata-2>).
fn chapters_text(chapters: &[Chapter]) -> String {
    let mut text = ";FFMETADATA1\n".to_owned();
    for Chapter { start, end, title } in chapters {
        let (start, end) = (start.as_millis(), end.as_millis());
        text.push_str(&format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\n"));
        if let Some(title) = title {
            text.push_str("title=");
            for letter in title.chars() {
                if matches!(letter, '=' | ';' | '#' | '\\' | '\n') {
                    text.push('\\');
                }
                text.push(letter);
            }
            text.push('\n');
        }
    }
    text
}

/// Cover art as a comment of Vorbis, in a file of notes as ffmpeg reads them (RFC 9639, 8.8; its size is not told).
fn comment(picture: &[u8], media_type: &str) -> String {
    let mut block = Vec::with_capacity(picture.len() + 64);
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    block.extend(FRONT_COVER.to_be_bytes());
    block.extend(length(media_type.as_bytes()));
    block.extend(media_type.as_bytes());
    // No description, width, height, depth and number of colours.
    block.extend([0; 5 * 4]);
    block.extend(length(picture));
    block.extend(picture);
    let text = STANDARD.encode(&block).replace('=', "\\=");
    format!(";FFMETADATA1\nMETADATA_BLOCK_PICTURE={text}\n")
}

/// Cover art that goes into a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlannedCover {
    /// Index of its stream in the source.
    pub(super) stream: usize,
    /// Whether it is PNG; else JPEG.
    pub(super) is_png: bool,
    /// The file by which it passes, where it does.
    pub(super) file: Option<PathBuf>,
}

impl PlannedCover {
    /// Its media type.
    pub(super) fn media_type(&self) -> &'static str {
        if self.is_png { "image/png" } else { "image/jpeg" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_the_lines_that_are_said_in_it_at_its_own_times() {
        let line = |from: &str, to: &str, text: &str| format!("Dialogue: 0,{from},{to},Default,,0,0,0,,{text}\n");
        let head = "[Events]\nFormat: Layer, Start, End, Style\n";
        let file = head.to_owned()
            + &line("0:00:01.00", "0:00:03.00", "before, and gone")
            + &line("0:00:03.50", "0:00:04.50", "over the start, with a comma")
            + &line("1:01:01.25", "1:01:09.00", "over the end");
        let part = |start: u64, length| lines_of_part(&file, Duration::from_secs(start), length);
        let expected = head.to_owned()
            + &line("0:00:00.00", "0:00:00.50", "over the start, with a comma")
            + &line("1:00:57.25", "1:01:00.00", "over the end");
        assert_eq!(part(4, Some(Duration::from_secs(3660))), Some(expected));
        assert_eq!(part(5, Some(Duration::from_secs(60))), None);
        assert!(part(3600, None).is_some_and(|text| text.contains("Dialogue: 0,0:01:01.25,0:01:09.00,")));
    }

    #[test]
    fn a_cover_in_a_comment_tells_its_type_and_length() {
        let text = comment(&[0xff, 0xd8, 0xff], "image/jpeg");
        let encoded = text.strip_prefix(";FFMETADATA1\nMETADATA_BLOCK_PICTURE=").unwrap().trim_end().replace('\\', "");
        let block = STANDARD.decode(encoded).unwrap();
        assert_eq!(block[..8], [0, 0, 0, 3, 0, 0, 0, 10]);
        assert_eq!(block[8..18], *b"image/jpeg");
        assert_eq!(block[38..], [0, 0, 0, 3, 0xff, 0xd8, 0xff]);
    }
}
