//! A JSON file that lists all files of a stream with size, checksum, duration and measured bit rates.

use std::{collections::HashMap, fmt::Write as _, fs::File, io::Read, path::Path};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{OutputMaker, PackageError, hls, segmenter::TrackFormat};
use crate::{
    job::{FileReport, RenditionReport},
    pipeline::publish::headers,
};

const READ_BUFFER_BYTES: usize = 1 << 18;

/// What the file holds. A field is never renamed or removed, and its meaning never changes; new ones may come.
#[derive(Debug, Serialize)]
struct StreamReport<'a> {
    /// Version of the program that made the stream.
    reelpress_version: &'static str,
    /// File name of the source.
    source: String,
    /// Id of the preset.
    preset: &'a str,
    /// Length of the picture in seconds.
    duration_seconds: f64,
    /// Size of all files but this one in bytes.
    total_bytes: u64,
    /// What was encoded, the largest picture first, sound last.
    renditions: Vec<ReportedRendition<'a>>,
    /// All files but this one, in the order of their paths.
    files: Vec<ReportedFile>,
}

/// A rendition.
#[derive(Debug, Serialize)]
struct ReportedRendition<'a> {
    /// Name, which is also the folder where the layout has not another.
    name: &'a str,
    /// CODECS as in RFC 6381.
    codecs: &'a str,
    /// Width in pixels; null for sound.
    width: Option<u32>,
    /// Height in pixels; null for sound.
    height: Option<u32>,
    /// Pictures a second; null for sound.
    frame_rate: Option<f64>,
    /// Bit rate that was asked for, in bits a second.
    target_bps: u64,
    /// Measured average in bits a second.
    average_bps: u64,
    /// Measured peak in bits a second (rfc8216bis 4.1).
    peak_bps: u64,
    /// Length in seconds.
    duration_seconds: f64,
    /// Size of all its segments in bytes.
    bytes: u64,
    /// Number of segments.
    segments: usize,
}

/// A file.
#[derive(Debug, Serialize)]
struct ReportedFile {
    /// Path relative to the stream's folder, with forward slashes.
    path: String,
    /// What a server says of it.
    content_type: &'static str,
    /// Size in bytes.
    bytes: u64,
    /// SHA-256 of the content, in hexadecimal.
    sha256: String,
    /// Length of the media in seconds; null for what has none.
    duration_seconds: Option<f64>,
    /// Bits a second over that length; null for what has none.
    average_bps: Option<u64>,
}

/// What is told of the job.
#[derive(Debug, Clone, Copy)]
pub struct ReportedJob<'a> {
    /// File name of the source.
    pub source: &'a str,
    /// Id of the preset.
    pub preset: &'a str,
}

/// What is known of a media file.
#[derive(Debug, Clone, Copy, Default)]
struct MediaFacts {
    seconds: Option<f64>,
    is_sound: bool,
}

impl OutputMaker<'_> {
    /// Writes the report on these files, which are finished.
    ///
    /// # Errors
    /// When a file can't be read or the report not written, or the job is cancelled.
    pub fn write_report(&self, job: ReportedJob<'_>, files: &[FileReport]) -> Result<(), PackageError> {
        let media = self.media_facts();
        let mut reported = Vec::with_capacity(files.len());
        for file in files {
            let full = self.folder.join(&file.path);
            let (bytes, sha256) = match self.listener.dropped_segments().and_then(|dropped| dropped.get(&file.path)) {
                Some(dropped) => (dropped.bytes, dropped.sha256),
                None => self.checksum(&full)?,
            };
            let facts = media.get(&file.path).copied().unwrap_or_default();
            let duration = facts.seconds;
            reported.push(ReportedFile {
                path: file.path.clone(),
                content_type: headers::content_type(&file.path, facts.is_sound),
                bytes,
                sha256,
                duration_seconds: duration,
                average_bps: duration
                    .filter(|seconds| *seconds > 0.0)
                    .map(|seconds| (bytes as f64 * 8.0 / seconds).round() as u64),
            });
        }
        reported.sort_by(|a, b| a.path.cmp(&b.path));
        let report = StreamReport {
            reelpress_version: env!("CARGO_PKG_VERSION"),
            source: job.source.to_owned(),
            preset: job.preset,
            duration_seconds: self.stream.duration.as_secs_f64(),
            total_bytes: reported.iter().map(|file| file.bytes).sum(),
            renditions: self.stream.renditions.iter().map(|rendition| self.reported(rendition)).collect(),
            files: reported,
        };
        let path = self.plan.files.report();
        let unwritable = |error: serde_json::Error| PackageError::Write {
            path: self.folder.join(&path),
            source: std::io::Error::other(error),
        };
        let mut text = serde_json::to_string_pretty(&report).map_err(unwritable)?;
        text.push('\n');
        self.write_text(&path, text)
    }

    fn reported<'b>(&self, rendition: &'b RenditionReport) -> ReportedRendition<'b> {
        let track = self.stream.tracks.iter().find(|track| track.name == rendition.name);
        ReportedRendition {
            name: &rendition.name,
            codecs: &rendition.codecs,
            width: rendition.size.map(|size| size.width),
            height: rendition.size.map(|size| size.height),
            frame_rate: rendition.size.map(|_| self.plan.timing.frame_rate.per_second()),
            target_bps: rendition.target_bps,
            average_bps: rendition.average_bps,
            peak_bps: rendition.peak_bps,
            duration_seconds: track.map_or(0.0, |track| hls::seconds(track.ticks(), track.timescale)),
            bytes: rendition.bytes,
            segments: rendition.segments,
        }
    }

    /// What is known of the media files.
    fn media_facts(&self) -> HashMap<String, MediaFacts> {
        let mut facts = HashMap::new();
        let files = &self.plan.files;
        for track in &self.stream.tracks {
            let is_sound = matches!(track.format, TrackFormat::Audio { .. });
            let whole = hls::seconds(track.ticks(), track.timescale);
            let film = MediaFacts { seconds: Some(whole), is_sound: false };
            facts.insert(files.mp4(&track.name, "mp4"), film);
            let sound = MediaFacts { seconds: Some(whole), is_sound: true };
            facts.insert(files.mp4(&track.name, "m4a"), sound);
            facts.insert(files.init_segment(&track.name), MediaFacts { seconds: None, is_sound });
            for (number, segment) in (0..).zip(&track.segments) {
                let seconds = Some(hls::seconds(segment.duration_ticks, track.timescale));
                facts.insert(files.segment(&track.name, number), MediaFacts { seconds, is_sound });
                let in_transport_stream = MediaFacts { seconds, is_sound: false };
                facts.insert(files.transport_segment(&track.name, number), in_transport_stream);
            }
        }
        facts
    }

    /// Size and SHA-256 of a file.
    fn checksum(&self, path: &Path) -> Result<(u64, String), PackageError> {
        let unreadable = |error: std::io::Error| PackageError::unreadable(path, &error);
        let mut file = File::open(path).map_err(unreadable)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; READ_BUFFER_BYTES];
        let mut bytes = 0;
        loop {
            if self.cancel.is_cancelled() {
                return Err(PackageError::Cancelled);
            }
            let read = file.read(&mut buffer).map_err(unreadable)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            bytes += read as u64;
        }
        let mut text = String::new();
        for byte in hasher.finalize() {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok((bytes, text))
    }
}
