//! What is made of a finished stream beside HLS with fMP4: nothing is encoded again.

use std::path::Path;

use bytes::Bytes;

use super::{
    FileListener, FinishedStream, FinishedTrack, PackageError,
    captions::{self, Captions},
    dash::{self, DashSubtitles},
    progressive,
    segmenter::TrackFormat,
};
use crate::{
    job::{FileReport, Outputs},
    pipeline::{
        encryption::Encryptor,
        layout::relative_uri,
        plan::{AudioCodec, AudioRendition, EncodePlan, SubtitleRendition},
    },
    tools::{atomic_file, cancel::CancelToken, ffmpeg::Toolbox},
};

/// Below it, the pictures of a transport stream come too seldom to carry its clock.
const LOWEST_TS_FRAME_RATE: f64 = 10.0;

/// Makes other forms of a finished stream.
pub struct OutputMaker<'a> {
    /// What was planned.
    pub plan: &'a EncodePlan,
    /// What was made.
    pub stream: &'a FinishedStream,
    /// Its subtitles.
    pub subtitles: &'a [(&'a SubtitleRendition, Captions)],
    /// Where it lies.
    pub folder: &'a Path,
    /// Where the encode has set pictures aside.
    pub work_folder: &'a Path,
    /// The programs to drive.
    pub toolbox: &'a Toolbox,
    /// What has encrypted its segments, if they are encrypted.
    pub encryptor: Option<&'a Encryptor<'a>>,
    /// Ends it.
    pub cancel: &'a CancelToken,
    /// Is told of finished files.
    pub listener: &'a dyn FileListener,
}

impl OutputMaker<'_> {
    /// Makes what is asked. Returns what the user should know of what could not be.
    ///
    /// # Errors
    /// When a file can't be read or written, ffmpeg fails, or the job is cancelled.
    pub fn make(&self, outputs: &Outputs) -> Result<Vec<String>, PackageError> {
        let mut left_out = Vec::new();
        if let Some(storyboard) = &self.plan.storyboard {
            self.write_storyboard(storyboard)?;
        }
        if outputs.dash {
            self.write_dash()?;
        }
        if outputs.mp4 {
            self.write_mp4_files()?;
        }
        if outputs.transport_stream {
            match self.no_transport_stream() {
                None => self.write_transport_stream()?,
                Some(reason) => left_out.push(format!("MPEG-TS is left out: {reason}")),
            }
        }
        if outputs.storyboard && self.plan.storyboard.is_none() {
            left_out.push("The storyboard is left out: the source is sound alone".to_owned());
        }
        Ok(left_out)
    }

    /// Why there can't be a transport stream, if so.
    fn no_transport_stream(&self) -> Option<&'static str> {
        if self.plan.video_stream.is_none() {
            return Some("the source is sound alone");
        }
        // The clock goes with the pictures, and comes at least every 100 ms (ISO/IEC 13818-1, D.0.3).
        if self.plan.timing.frame_rate.per_second() < LOWEST_TS_FRAME_RATE {
            return Some("the source has fewer than 10 frames a second");
        }
        // Its packets carry no durations: the length of the last picture is that from the one before it.
        let one_and_a_half = self.plan.timing.frame_rate.duration_of(3) / 2;
        (self.stream.duration < one_and_a_half).then_some("the source has a single frame")
    }

    /// The manifest, after the subtitles as whole files: in DASH, WebVTT is not cut into segments.
    fn write_dash(&self) -> Result<(), PackageError> {
        let path_of_manifest = self.plan.files.dash_manifest();
        let mut subtitles = Vec::new();
        for (rendition, captions) in self.subtitles {
            let path = self.plan.files.whole_subtitles(&rendition.name);
            let text = captions::whole(captions);
            self.write_file(&path, text.as_bytes())?;
            let uri = relative_uri(&path_of_manifest, &path);
            subtitles.push(DashSubtitles { rendition, uri, bytes: text.len() as u64 });
        }
        let (tracks, timing) = (&self.stream.tracks, &self.plan.timing);
        let text = dash::manifest((&path_of_manifest, tracks), &subtitles, timing, self.stream.duration);
        self.write_text(&path_of_manifest, text)
    }

    /// One file for each video rendition, with all sound; of several the default first, which players play. One file
    /// where there is sound alone.
    fn write_mp4_files(&self) -> Result<(), PackageError> {
        let is_video = |track: &&FinishedTrack| matches!(track.format, TrackFormat::Video { .. });
        // Opus beside AAC would be the same sound twice.
        let is_twice = |sound: &AudioRendition| sound.codec == AudioCodec::Opus && !self.plan.has_opus_alone();
        let is_heard = |track: &&FinishedTrack| track.sound.as_ref().is_some_and(|sound| !is_twice(sound));
        let mut sound: Vec<&FinishedTrack> = self.stream.tracks.iter().filter(is_heard).collect();
        sound.sort_by_key(|track| track.sound.as_ref().is_none_or(|sound| !sound.is_default));
        if let Some(first) = sound.first().filter(|_| self.plan.video_stream.is_none()) {
            let path = self.plan.files.mp4(&first.name, "m4a");
            self.write_mp4(path, &sound)?;
        }
        for track in self.stream.tracks.iter().filter(is_video) {
            let path = self.plan.files.mp4(&track.name, "mp4");
            let tracks: Vec<&FinishedTrack> = std::iter::once(track).chain(sound.iter().copied()).collect();
            self.write_mp4(path, &tracks)?;
        }
        Ok(())
    }

    fn write_mp4(&self, path: String, tracks: &[&FinishedTrack]) -> Result<(), PackageError> {
        let target = self.folder.join(&path);
        let most_bytes = tracks.iter().map(|track| track.bytes()).sum();
        let write = || progressive::write(tracks, self.folder, &target, self.cancel);
        let bytes = self.in_room(most_bytes, write)?;
        self.listener.file_finished(FileReport { path, bytes }, None);
        Ok(())
    }

    /// Makes files that take so many bytes at the most when there is room for them.
    pub(super) fn in_room<T>(
        &self,
        most_bytes: u64,
        make: impl Fn() -> Result<T, PackageError>,
    ) -> Result<T, PackageError> {
        self.listener.room().make(most_bytes, (self.cancel, &|| self.listener.room_changed()), make)
    }

    /// Writes a playlist, a manifest or another text that names files of the stream.
    pub(super) fn write_text(&self, path: &str, text: String) -> Result<(), PackageError> {
        let text = Bytes::from(text);
        self.write(path, &text)?;
        self.listener.file_finished(FileReport { path: path.to_owned(), bytes: text.len() as u64 }, Some(text));
        Ok(())
    }

    /// Writes a file that names no other.
    pub(super) fn write_file(&self, path: &str, content: &[u8]) -> Result<(), PackageError> {
        self.write(path, content)?;
        self.listener.file_finished(FileReport { path: path.to_owned(), bytes: content.len() as u64 }, None);
        Ok(())
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<(), PackageError> {
        let full = self.folder.join(path);
        self.listener.room().write(&full, content, self.cancel, &|| self.listener.room_changed())
    }

    /// Gives a file that lies finished under a temporary name its final one.
    pub(super) fn take_finished(&self, finished: &Path, path: &str) -> Result<(), PackageError> {
        if self.cancel.is_cancelled() {
            return Err(PackageError::Cancelled);
        }
        let full = self.folder.join(path);
        let moved = std::fs::metadata(finished).and_then(|metadata| {
            atomic_file::move_to(finished, &full)?;
            Ok(metadata.len())
        });
        let bytes = moved.map_err(|source| PackageError::Write { path: full, source })?;
        self.listener.file_finished(FileReport { path: path.to_owned(), bytes }, None);
        Ok(())
    }
}
