//! HLS with MPEG-TS segments, for devices that know no fMP4: the same frames, cut at the same borders, with the sound in
//! every segment, the sound alone, and the subtitles. In a folder of its own with its own multivariant playlist.

mod clear;
mod packets;
mod playlists;
mod sound_alone;
mod subtitles;

use std::{ffi::OsString, path::Path, process::Command, time::Duration};

use super::{
    FinishedTrack, OutputMaker, PackageError,
    hls::{self, SegmentEntry, VideoVariant},
    segmenter::{KeyframeRange, TrackFormat},
};
use crate::{
    media::{DynamicRange, PictureSize},
    pipeline::{
        encryption::{self, Sealed, SegmentPlace},
        layout::{relative_folder_uri, relative_uri, transport_segment_file_name as segment_file_name},
    },
    tools::{
        atomic_file,
        child::{self, ChildError},
    },
};
use clear::ClearMedia;
use playlists::MuxedPlaylist;

const OUTPUT_NAME: &str = "The stream in MPEG-TS";
/// When the first frame is shown, in ticks of MPEG's clock of 90 kHz.
const MEDIA_START_TICKS: u64 = 10 * 90_000;
/// The first frame is shown at 10 s, so that no time stamp or clock reference is below zero, whatever the delay between
/// decoding and showing: this, and twice ffmpeg's `-muxdelay`.
struct Clock {
    start_offset_seconds: &'static str,
    mux_delay_seconds: &'static str,
}

const PICTURE_CLOCK: Clock = Clock { start_offset_seconds: "8.6", mux_delay_seconds: "0.7" };
/// Time for ffmpeg to copy a rendition: a start, and a rate that any disk reaches.
const SHORTEST_LIMIT: Duration = Duration::from_secs(600);
const SLOWEST_BYTES_PER_SECOND: u64 = 1_000_000;
/// What a film and its segments in MPEG-TS, with the heads of their packets, take together beside the film.
const FILM_AND_SEGMENTS: f64 = 2.15;

/// Whether a rendition can be offered in MPEG-TS: old devices know H.264 and AAC.
fn is_offered(track: &FinishedTrack) -> bool {
    match &track.format {
        TrackFormat::Video { codecs, .. } => codecs.starts_with("avc1."),
        TrackFormat::Audio { codecs, .. } => codecs.starts_with("mp4a.40."),
    }
}

/// A rendition that is written.
struct WrittenRendition {
    segments: Vec<SegmentEntry>,
    tables_bytes: u64,
}

impl OutputMaker<'_> {
    /// Writes the MPEG-TS form of all H.264 renditions, their playlists after them, the multivariant playlist last.
    pub(super) fn write_transport_stream(&self) -> Result<(), PackageError> {
        let is_sound = |track: &&FinishedTrack| matches!(track.format, TrackFormat::Audio { .. });
        let mut sounds: Vec<&FinishedTrack> =
            self.stream.tracks.iter().filter(|track| is_offered(track) && is_sound(track)).collect();
        sounds.sort_by_key(|track| track.sound.as_ref().is_none_or(|sound| !sound.is_default));
        let sound = sounds.first().copied();
        let pictures: Vec<&FinishedTrack> =
            self.stream.tracks.iter().filter(|track| is_offered(track) && !is_sound(track)).collect();
        if pictures.is_empty() {
            let detail = "No rendition is in H.264, which is all that MPEG-TS players know";
            return Err(PackageError::Remux { output: OUTPUT_NAME, detail: detail.to_owned() });
        }
        let files = &self.plan.files;
        let multivariant = files.transport_multivariant_playlist();
        let target_duration = self.plan.timing.target_duration_seconds();
        let media = self.clear_media()?;
        if let Some(sound) = sound {
            media.add(sound)?;
        }
        let mut variants = Vec::new();
        let first = pictures[0];
        for track in pictures {
            media.add(track)?;
            let written = self.write_rendition(track, sound, &media)?;
            media.remove(track)?;
            let path = files.transport_media_playlist(&track.name);
            let folder = files.transport_segments_folder(&track.name);
            let playlist = MuxedPlaylist {
                folder_uri: &relative_folder_uri(&path, &folder),
                segments: &written.segments,
                timescale: track.timescale,
                target_duration,
            };
            self.write_text(&path, playlists::media_playlist(&playlist))?;
            let i_frame_path = files.transport_i_frame_playlist(&track.name);
            let folder_uri = &relative_folder_uri(&i_frame_path, &folder);
            let text = playlists::i_frame_playlist(&MuxedPlaylist { folder_uri, ..playlist }, written.tables_bytes);
            self.write_text(&i_frame_path, text)?;
            let uris = (relative_uri(&multivariant, &path), relative_uri(&multivariant, &i_frame_path));
            variants.extend(muxed_variant(uris, track, &written, target_duration));
        }
        let alone = sound.map(|sound| self.write_sound_alone(sound, &media)).transpose()?;
        let subtitles = self.write_transport_subtitles(first)?;
        let rate = self.plan.timing.frame_rate;
        let text = hls::muxed_multivariant_playlist(&variants, alone.as_ref(), &subtitles, rate);
        self.write_text(&multivariant, text)
    }

    fn write_rendition(
        &self,
        track: &FinishedTrack,
        sound: Option<&FinishedTrack>,
        media: &ClearMedia<'_>,
    ) -> Result<WrittenRendition, PackageError> {
        let tracks: Vec<&FinishedTrack> = std::iter::once(track).chain(sound).collect();
        let maps: &[&str] = if sound.is_some() { &["0:v:0", "0:a:0"] } else { &["0:v:0"] };
        let borders = borders(track, self.plan.timing.frame_ticks);
        let workplace = self.segments_of(&tracks, media, (maps, &PICTURE_CLOCK), &borders)?;

        // The same rendition in fMP4 has other vectors.
        let rendition = format!("{}/{}", self.plan.files.transport_stream_folder(), track.name);
        let playlist = self.plan.files.transport_media_playlist(&track.name);
        let mut written = WrittenRendition { segments: Vec::new(), tables_bytes: 0 };
        for (number, planned) in (0..).zip(&track.segments) {
            let name = segment_file_name(number);
            let finished = workplace.path().join(&name);
            let content = std::fs::read(&finished).map_err(|error| PackageError::unreadable(&finished, &error))?;
            let (entry, tables_bytes) =
                segment_entry(planned, &content).map_err(|what| wrong(&format!("{name} of {}: {what}", track.name)))?;
            if number == 0 {
                written.tables_bytes = tables_bytes;
            }
            let path = self.plan.files.transport_segment(&track.name, number);
            let place = SegmentPlace { rendition: &rendition, playlist: &playlist, number };
            written.segments.push(self.keep_segment((&finished, content), &path, place, entry)?);
        }
        Ok(written)
    }

    /// The segments of these tracks together, cut where the first of them is cut, in a folder that goes with what is given.
    fn segments_of(
        &self,
        tracks: &[&FinishedTrack],
        media: &ClearMedia<'_>,
        streams: (&[&str], &Clock),
        borders: &[u64],
    ) -> Result<tempfile::TempDir, PackageError> {
        let make = || {
            let workplace = self.workplace()?;
            let film = workplace.path().join("film.mp4");
            let bytes = super::progressive::write(tracks, media.folder(), &film, self.cancel)?;
            let segments = tracks.first().map_or(0, |first| first.segments.len());
            self.cut((&film, bytes), segments, arguments(&film, streams, borders))?;
            // It was only passing.
            std::fs::remove_file(&film).map_err(|source| PackageError::Write { path: film, source })?;
            Ok(workplace)
        };
        let bytes: u64 = tracks.iter().map(|track| track.bytes()).sum();
        match self.encryptor {
            None => self.in_room((bytes as f64 * FILM_AND_SEGMENTS) as u64, make),
            // The work folder may lie on another disk.
            Some(_) => make(),
        }
    }

    /// A folder for segments that are not finished.
    fn workplace(&self) -> Result<tempfile::TempDir, PackageError> {
        // What is clear does not even pass through the folder of an encrypted stream.
        let parent = match self.encryptor {
            None => self.folder.join(self.plan.files.transport_stream_folder()),
            Some(_) => self.work_folder.to_owned(),
        };
        atomic_file::temporary_folder(&parent).map_err(|source| PackageError::Write { path: parent.clone(), source })
    }

    /// Brings a segment to its place in the stream, encrypted if the stream is.
    fn keep_segment(
        &self,
        (finished, content): (&Path, Vec<u8>),
        path: &str,
        place: SegmentPlace<'_>,
        entry: SegmentEntry,
    ) -> Result<SegmentEntry, PackageError> {
        if self.encryptor.is_none() {
            self.take_finished(finished, path)?;
            return Ok(entry);
        }
        let Sealed { data, key } = encryption::seal(self.encryptor, place, content)?;
        self.write_file(path, &data)?;
        Ok(SegmentEntry { bytes: data.len() as u64, key, ..entry })
    }

    /// Lets ffmpeg copy the film into segments beside it.
    fn cut(&self, (film, bytes): (&Path, u64), segments: usize, arguments: Vec<OsString>) -> Result<(), PackageError> {
        let mut command = Command::new(&self.toolbox.ffmpeg);
        // The names of the segments are a pattern, which the path of a folder must not become a part of.
        command.current_dir(film.parent().unwrap_or(self.folder));
        command.args(arguments);
        let line = format!("{command:?}");
        let limit = SHORTEST_LIMIT + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND);
        let output = child::run_to_end(command, limit, self.cancel).map_err(|error| match error {
            ChildError::Cancelled => PackageError::Cancelled,
            other => PackageError::Remux { output: OUTPUT_NAME, detail: other.to_string() },
        })?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            let surplus = film.with_file_name(segment_file_name(segments as u64));
            return if surplus.exists() { Err(wrong("more segments than planned")) } else { Ok(()) };
        }
        if said.contains("No space left on device") {
            let source = std::io::ErrorKind::StorageFull.into();
            return Err(PackageError::Write { path: film.to_owned(), source });
        }
        let tail: Vec<&str> = said.lines().rev().take(20).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        let detail = format!("ffmpeg ended with {}\n{}\n\n{line}", output.status, tail.join("\n"));
        Err(PackageError::Remux { output: OUTPUT_NAME, detail })
    }
}

fn wrong(what: &str) -> PackageError {
    PackageError::Remux { output: OUTPUT_NAME, detail: format!("ffmpeg has made something else than asked: {what}") }
}

/// Numbers of the frames, or packets of sound, that begin segments, but for the first; the number of all frames if there
/// is only one segment.
fn borders(track: &FinishedTrack, frame_ticks: u32) -> Vec<u64> {
    let mut ticks = 0;
    let ends = track.segments.iter().map(|segment| {
        ticks += segment.duration_ticks;
        ticks / u64::from(frame_ticks.max(1))
    });
    let mut ends: Vec<u64> = ends.collect();
    if ends.len() > 1 {
        ends.pop();
    }
    ends
}

fn arguments(film: &Path, (maps, clock): (&[&str], &Clock), borders: &[u64]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut push = |list: &[&str]| arguments.extend(list.iter().map(OsString::from));
    push(&["-hide_banner", "-nostdin", "-v", "warning", "-y", "-protocol_whitelist", "file", "-i"]);
    let mut url = OsString::from("file:");
    url.push(film);
    arguments.push(url);
    let mut push = |list: &[&str]| arguments.extend(list.iter().map(OsString::from));
    for map in maps {
        push(&["-map", map]);
    }
    let borders: Vec<String> = borders.iter().map(ToString::to_string).collect();
    push(&["-c", "copy", "-avoid_negative_ts", "disabled", "-output_ts_offset", clock.start_offset_seconds]);
    push(&["-muxdelay", clock.mux_delay_seconds, "-f", "segment", "-segment_format", "mpegts"]);
    // One multiplex over all segments, so that continuity counters run on.
    push(&["-individual_header_trailer", "0", "-segment_frames", &borders.join(","), "segment_%05d.ts"]);
    arguments
}

/// The entry of a segment that was planned so, and the length of the tables at its start.
fn segment_entry(planned: &SegmentEntry, content: &[u8]) -> Result<(SegmentEntry, u64), String> {
    let layout = packets::layout(content)?;
    if layout.keyframes.len() != planned.keyframes.len() {
        return Err(format!("{} keyframes in place of {}", layout.keyframes.len(), planned.keyframes.len()));
    }
    let keyframes = layout.keyframes.iter().zip(&planned.keyframes).map(|(bytes, planned)| KeyframeRange {
        offset: bytes.start,
        length: bytes.end - bytes.start,
        duration_ticks: planned.duration_ticks,
    });
    let entry = SegmentEntry {
        duration_ticks: planned.duration_ticks,
        bytes: content.len() as u64,
        keyframes: keyframes.collect(),
        key: None,
    };
    Ok((entry, layout.tables_bytes))
}

fn muxed_variant(
    (uri, i_frame_uri): (String, String),
    track: &FinishedTrack,
    written: &WrittenRendition,
    target_duration: u64,
) -> Option<VideoVariant> {
    let TrackFormat::Video { codecs, width, height } = &track.format else { return None };
    Some(VideoVariant {
        uri,
        i_frame_uri,
        codecs: codecs.clone(),
        size: PictureSize { width: *width, height: *height },
        range: DynamicRange::Sdr,
        is_common: true,
        rates: hls::measure_segments(&written.segments, track.timescale, target_duration),
        i_frame_rates: Some(hls::measure_i_frames(&written.segments, track.timescale, target_duration)),
    })
}
