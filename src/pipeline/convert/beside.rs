//! What is beside picture and sound, and is taken out of the source into a passing file before the run that makes the file:
//! styled subtitles, of which drawings and notes are left out where text alone is held, and cover art, which some containers
//! hold in a form that ffmpeg does not write by itself.

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
        if plan.chapters == PlannedChapters::OfPart(None) {
            let start = plan.trim.start.unwrap_or_default();
            let length = plan.trim.end.map(|end| end.saturating_sub(start)).or(plan.duration);
            let chapters = chapters_from(&self.source.chapters, start, length);
            let file = self.work_folder.join("chapters.txt");
            if !chapters.is_empty() {
                std::fs::write(&file, chapters_text(&chapters))
                    .map_err(|error| write_failure(&file, &error).at(Stage::Encode))?;
                plan.chapters = PlannedChapters::OfPart(Some(file));
            }
        }
        for (place, subtitles) in plan.subtitles.iter_mut().enumerate().filter(|(_, subtitles)| subtitles.is_styled) {
            let file = self.work_folder.join(format!("styled_{place}.ass"));
            let options = ["-c", "copy", "-f", "ass"];
            let text = self.taken(subtitles.track.index, &options, &file)?;
            let text = text.and_then(|text| String::from_utf8(text).ok()).map(|text| read_lines(&text));
            subtitles.file = text.filter(|text| std::fs::write(&file, text).is_ok()).map(|_| file);
        }
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
    fn a_cover_in_a_comment_tells_its_type_and_length() {
        let text = comment(&[0xff, 0xd8, 0xff], "image/jpeg");
        let encoded = text.strip_prefix(";FFMETADATA1\nMETADATA_BLOCK_PICTURE=").unwrap().trim_end().replace('\\', "");
        let block = STANDARD.decode(encoded).unwrap();
        assert_eq!(block[..8], [0, 0, 0, 3, 0, 0, 0, 10]);
        assert_eq!(block[8..18], *b"image/jpeg");
        assert_eq!(block[38..], [0, 0, 0, 3, 0xff, 0xd8, 0xff]);
    }
}
