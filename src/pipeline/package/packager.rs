//! Writes a stream while it is cut: segments first, then the playlists that name them.

mod going_on;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use super::{
    PackageError, Room,
    captions::{self, Captions},
    hls::{self, AudioGroup, AudioTrack, Growth, MeasuredRates, SegmentEntry, SubtitleTrack, VideoVariant},
    rendition::Rendition,
    segmenter::{AudioTrackLayout, InitSegment, Segment, SegmentSink, TrackFormat, TrackLayout},
};
use crate::{
    job::{FileReport, RenditionProgress, RenditionReport},
    media::DynamicRange,
    pipeline::{
        dropped::DroppedSegments,
        encryption::{self, Encryptor, Sealed, SegmentPlace},
        layout::{relative_folder_uri, relative_uri},
        plan::{AudioCodec, AudioLayout, AudioRendition, ColourLabel, EncodePlan, SubtitleRendition, VideoRendition},
    },
    preset::VideoCodec,
    tools::cancel::CancelToken,
};

/// Who is told of finished files, on the packager's thread; must not wait.
pub trait FileListener: Send + Sync {
    /// The disk that the files are written to.
    fn room(&self) -> &Room;

    /// There is no room, or there is again.
    fn room_changed(&self);

    /// Segments that are dropped as soon as all buckets have them; `None` where all stay.
    fn dropped_segments(&self) -> Option<&DroppedSegments> {
        None
    }

    /// A file is finished under its final name. `text` holds the content of playlists, which change while they grow.
    fn file_finished(&self, file: FileReport, text: Option<Bytes>);
}

/// How far the packaging has come; shared with whoever reports it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PackageProgress {
    /// What each rendition has come to.
    pub renditions: Vec<RenditionProgress>,
    /// Length of the source that has left the encoder in all renditions.
    pub encoded: Duration,
    /// Length of the stream that can be played; `None` until the multivariant playlist is there.
    pub playable: Option<Duration>,
    /// Size of all segments.
    pub bytes: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedStream {
    /// The renditions in the order of the plan, sound last.
    pub renditions: Vec<RenditionReport>,
    /// Length of the picture.
    pub duration: Duration,
    /// The same renditions, segment by segment: what the other outputs are made of.
    pub tracks: Vec<FinishedTrack>,
}

/// A rendition whose files are all written.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedTrack {
    /// Name.
    pub name: String,
    /// Path of the folder of its segments in the stream's folder.
    pub folder: String,
    /// What it holds.
    pub format: TrackFormat,
    /// Ticks a second.
    pub timescale: u32,
    /// Its segments in order.
    pub segments: Vec<SegmentEntry>,
    /// Its measured rates.
    pub rates: MeasuredRates,
    /// What was planned, for sound.
    pub sound: Option<AudioRendition>,
    /// Range and label of the pictures.
    pub colours: Option<(DynamicRange, ColourLabel)>,
}

impl FinishedTrack {
    /// Size of its segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Length in ticks.
    pub fn ticks(&self) -> u64 {
        self.segments.iter().map(|segment| segment.duration_ticks).sum()
    }
}

/// Takes segments and makes a stream of them in its folder.
pub struct Packager<'a> {
    plan: &'a EncodePlan,
    folder: PathBuf,
    renditions: Vec<Rendition>,
    listener: &'a dyn FileListener,
    progress: Arc<Mutex<PackageProgress>>,
    cancel: CancelToken,
    has_multivariant: bool,
    /// Number of the first segment of the pictures that is to be made.
    first_segment: u64,
    /// Subtitle renditions that are written.
    subtitles: Vec<SubtitleTrack<'a>>,
    /// Encrypts segments, if they are encrypted.
    encryptor: Option<&'a Encryptor<'a>>,
}

impl<'a> Packager<'a> {
    /// A packager for `plan` that writes into `folder`.
    pub fn new(plan: &'a EncodePlan, folder: &Path, listener: &'a dyn FileListener, cancel: CancelToken) -> Self {
        let video = plan.renditions.iter().map(|rendition| {
            let peak_bps = rendition.max_bitrate.bits_per_second();
            let average_bps = rendition.bitrate.bits_per_second();
            Rendition::new(&rendition.name, MeasuredRates { peak_bps, average_bps }, plan.timing.timescale)
        });
        let audio = plan.audio.iter().map(|audio| {
            let bps = audio.bitrate.bits_per_second();
            let rates = MeasuredRates { peak_bps: bps, average_bps: bps };
            Rendition::new(&audio.name, rates, audio.sample_rate_hz)
        });
        let renditions: Vec<Rendition> = video.chain(audio).collect();
        let progress = PackageProgress {
            renditions: renditions.iter().map(Rendition::progress).collect(),
            ..PackageProgress::default()
        };
        Self {
            plan,
            folder: folder.to_owned(),
            renditions,
            listener,
            progress: Arc::new(Mutex::new(progress)),
            cancel,
            has_multivariant: false,
            first_segment: 0,
            subtitles: Vec::new(),
            encryptor: None,
        }
    }

    /// The same, with segments that are encrypted.
    #[must_use]
    pub fn encrypted_by(self, encryptor: Option<&'a Encryptor<'a>>) -> Self {
        Self { encryptor, ..self }
    }

    /// Where the progress can be read while the packager is at work.
    pub fn progress(&self) -> Arc<Mutex<PackageProgress>> {
        Arc::clone(&self.progress)
    }

    /// What the segmenter has to expect.
    pub fn layout(&self) -> TrackLayout {
        let audio = self.plan.audio.iter().map(|audio| AudioTrackLayout {
            sample_rate_hz: audio.sample_rate_hz,
            packet_samples: audio.codec.packet_samples(),
            priming_packets: audio.codec.priming_packets(),
        });
        TrackLayout {
            video_tracks: self.plan.renditions.len(),
            audio_tracks: audio.collect(),
            timing: self.plan.timing,
            expected_frames: self.plan.duration.map(|duration| self.plan.timing.frame_rate.frames_in(duration)),
            first_segment: self.first_segment,
            silence_after: self.plan.silence_after_sound(),
        }
    }

    /// Writes a subtitle rendition, in segments of the same length as those of the first rendition. Called when that is
    /// whole.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn add_subtitles(&mut self, planned: &'a SubtitleRendition, text: &Captions) -> Result<(), PackageError> {
        let first = &self.renditions[0];
        let time_of = |ticks: u64| Duration::from_secs_f64(hls::seconds(ticks, first.timescale));
        let path = self.plan.files.media_playlist(&planned.name);
        let mut end = 0;
        let mut entries = Vec::with_capacity(first.segments.len());
        for (number, segment) in (0..).zip(&first.segments) {
            let start = end;
            end += segment.duration_ticks;
            let text = captions::segment(text, time_of(start), time_of(end), captions::MEDIA_START_TICKS);
            let place = SegmentPlace { rendition: &planned.name, playlist: &path, number };
            let Sealed { data, key } = encryption::seal(self.encryptor, place, text.into_bytes())?;
            self.write(&self.plan.files.subtitle_segment(&planned.name, number), &data, None)?;
            let (duration_ticks, bytes) = (segment.duration_ticks, data.len() as u64);
            entries.push(SegmentEntry { duration_ticks, bytes, keyframes: Vec::new(), key });
        }
        let target = self.plan.timing.target_duration_seconds();
        let text = hls::subtitle_playlist(&self.folder_uri(&path, &planned.name), &entries, first.timescale, target);
        let rates = hls::measure_segments(&entries, first.timescale, target);
        let uri = self.uri_in_multivariant(&path);
        self.write_text(&path, text)?;
        self.subtitles.push(SubtitleTrack { uri, rendition: planned, rates });
        Ok(())
    }

    /// Writes the source's chapters, if it has some.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn add_chapters(&self) -> Result<(), PackageError> {
        if self.plan.chapters.is_empty() {
            return Ok(());
        }
        self.write_text(&self.plan.files.chapters(), captions::chapters(&self.plan.chapters))
    }

    /// Turns the growing stream into a finished one: VOD playlists, I-frame playlists, measured rates.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn finish(mut self) -> Result<FinishedStream, PackageError> {
        let target = self.plan.timing.target_duration_seconds();
        for track in 0..self.renditions.len() {
            self.write_media_playlist(track, Growth::Finished)?;
            let rendition = &self.renditions[track];
            if matches!(rendition.format, Some(TrackFormat::Video { .. })) {
                let path = self.plan.files.i_frame_playlist(&rendition.name);
                let folder_uri = self.folder_uri(&path, &rendition.name);
                let text = hls::i_frame_playlist(&folder_uri, &rendition.segments, rendition.timescale, target);
                self.write_text(&path, text)?;
            }
        }
        self.write_multivariant(Growth::Finished)?;
        let video = &self.renditions[0];
        let ticks: u64 = video.segments.iter().map(|segment| segment.duration_ticks).sum();
        Ok(FinishedStream {
            duration: Duration::from_secs_f64(hls::seconds(ticks, video.timescale)),
            renditions: self.renditions.iter().map(|rendition| rendition.report(target)).collect(),
            tracks: self.tracks(target),
        })
    }

    fn tracks(&self, target: u64) -> Vec<FinishedTrack> {
        let colours = |planned: &VideoRendition| (planned.range, self.plan.label(planned.range));
        let track = |rendition: &Rendition| {
            let format = rendition.format.clone()?;
            Some(FinishedTrack {
                folder: self.plan.files.segments_folder(&rendition.name),
                name: rendition.name.clone(),
                format,
                timescale: rendition.timescale,
                segments: rendition.segments.clone(),
                rates: rendition.rates(target, Growth::Finished),
                sound: self.plan.audio.iter().find(|audio| audio.name == rendition.name).cloned(),
                colours: self.plan.renditions.iter().find(|planned| planned.name == rendition.name).map(colours),
            })
        };
        self.renditions.iter().filter_map(track).collect()
    }

    fn write(&self, path: &str, content: &[u8], text: Option<Bytes>) -> Result<(), PackageError> {
        let full = self.folder.join(path);
        self.listener.room().write(&full, content, &self.cancel, &|| self.listener.room_changed())?;
        self.listener.file_finished(FileReport { path: path.to_owned(), bytes: content.len() as u64 }, text);
        Ok(())
    }

    /// Writes a segment, also in the place of one that was dropped.
    fn write_segment(&self, path: &str, content: &[u8]) -> Result<(), PackageError> {
        let full = self.folder.join(path);
        let dropped = self.listener.dropped_segments();
        let unwritable = |source| PackageError::Write { path: full.clone(), source };
        dropped.map_or(Ok(()), |dropped| dropped.begin_writing(path)).map_err(unwritable)?;
        self.listener.room().write(&full, content, &self.cancel, &|| self.listener.room_changed())?;
        dropped.map_or(Ok(()), |dropped| dropped.written(path)).map_err(unwritable)?;
        self.listener.file_finished(FileReport { path: path.to_owned(), bytes: content.len() as u64 }, None);
        Ok(())
    }

    fn write_text(&self, path: &str, text: String) -> Result<(), PackageError> {
        let text = Bytes::from(text);
        self.write(path, &text, Some(text.clone()))
    }

    /// What a playlist puts before the names of a rendition's files.
    fn folder_uri(&self, playlist: &str, rendition: &str) -> String {
        relative_folder_uri(playlist, &self.plan.files.segments_folder(rendition))
    }

    fn uri_in_multivariant(&self, path: &str) -> String {
        relative_uri(&self.plan.files.multivariant_playlist(), path)
    }

    fn write_media_playlist(&self, track: usize, growth: Growth) -> Result<(), PackageError> {
        let rendition = &self.renditions[track];
        let target = self.plan.timing.target_duration_seconds();
        let path = self.plan.files.media_playlist(&rendition.name);
        let folder_uri = self.folder_uri(&path, &rendition.name);
        let text = hls::media_playlist(&folder_uri, &rendition.segments, rendition.timescale, target, growth);
        self.write_text(&path, text)
    }

    fn write_multivariant(&mut self, growth: Growth) -> Result<(), PackageError> {
        let target = self.plan.timing.target_duration_seconds();
        let planned = &self.plan.renditions;
        let h264 = planned.iter().find(|rendition| rendition.codec == VideoCodec::H264);
        let common = h264.or(planned.first()).map(|rendition| rendition.codec);
        let videos = self.renditions.iter().zip(planned).filter_map(|(rendition, planned)| {
            let uri = self.uri_in_multivariant(&self.plan.files.media_playlist(&rendition.name));
            let i_frame_uri = self.uri_in_multivariant(&self.plan.files.i_frame_playlist(&rendition.name));
            let variant = rendition.variant((uri, i_frame_uri), target, growth)?;
            Some(VideoVariant { range: planned.range, is_common: Some(planned.codec) == common, ..variant })
        });
        let videos: Vec<VideoVariant> = videos.collect();
        let audio = self.audio_groups(target, growth);
        let text = hls::multivariant_playlist(&videos, &audio, &self.subtitles, self.plan.timing.frame_rate);
        self.write_text(&self.plan.files.multivariant_playlist(), text)?;
        self.has_multivariant = true;
        Ok(())
    }

    /// The groups of all layouts and codecs. A track that has no rendition in a layout is there in stereo, so that every
    /// group has the same languages.
    fn audio_groups(&self, target: u64, growth: Growth) -> Vec<AudioGroup> {
        let all = &self.plan.audio;
        let group_of = |audio: &AudioRendition| match (audio.layout, audio.codec) {
            (AudioLayout::Surround, _) => "surround",
            (_, AudioCodec::Opus) => "opus",
            _ => "stereo",
        };
        // Each track of the source has one of these.
        let first_group = all.first().map(group_of);
        let tracks = |id: &str| {
            all.iter()
                .filter(|audio| Some(group_of(audio)) == first_group)
                .map(|first| {
                    let is_it = |audio: &&AudioRendition| group_of(audio) == id && audio.stream == first.stream;
                    all.iter().find(is_it).unwrap_or(first)
                })
                .filter_map(|planned| self.audio_track(planned, target, growth))
                .collect()
        };
        ["stereo", "opus", "surround"]
            .into_iter()
            .filter(|id| all.iter().any(|audio| group_of(audio) == *id))
            .map(|id| AudioGroup { id, tracks: tracks(id) })
            .collect()
    }

    fn audio_track(&self, planned: &AudioRendition, target: u64, growth: Growth) -> Option<AudioTrack> {
        let rendition = self.renditions.iter().find(|rendition| rendition.name == planned.name)?;
        Some(AudioTrack {
            uri: self.uri_in_multivariant(&self.plan.files.media_playlist(&rendition.name)),
            codecs: rendition.format.as_ref()?.codecs().to_owned(),
            channels: planned.layout.channels(),
            language: planned.language.clone(),
            name: planned.label.clone(),
            is_default: planned.is_default,
            is_autoselect: planned.is_autoselect,
            describes_video: planned.describes_video,
            rates: rendition.rates(target, growth),
        })
    }

    fn update_progress(&self, bytes: u64) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.bytes += bytes;
        progress.renditions = self.renditions.iter().map(Rendition::progress).collect();
        if self.has_multivariant {
            let shortest = self.renditions.iter().map(Rendition::seconds).fold(f64::INFINITY, f64::min);
            progress.playable = Some(Duration::from_secs_f64(shortest));
        }
    }
}

impl SegmentSink for Packager<'_> {
    fn init_segment(&mut self, track: usize, init: InitSegment) -> Result<(), PackageError> {
        if self.has_init_segment(track, &init)? {
            return Ok(());
        }
        let path = self.plan.files.init_segment(&self.renditions[track].name);
        self.write(&path, &init.data, None)?;
        self.renditions[track].format = Some(init.format);
        Ok(())
    }

    fn segment(&mut self, segment: Segment) -> Result<(), PackageError> {
        if self.has_segment(&segment)? {
            return Ok(());
        }
        let rendition = &self.renditions[segment.track];
        let playlist = self.plan.files.media_playlist(&rendition.name);
        let place = SegmentPlace { rendition: &rendition.name, playlist: &playlist, number: segment.number };
        let Sealed { data, key } = encryption::seal(self.encryptor, place, segment.data)?;
        self.write_segment(&self.plan.files.segment(&rendition.name, segment.number), &data)?;
        let bytes = data.len() as u64;
        self.renditions[segment.track].segments.push(SegmentEntry {
            duration_ticks: segment.duration_ticks,
            bytes,
            keyframes: segment.keyframes,
            key,
        });
        self.write_media_playlist(segment.track, Growth::Growing)?;
        if !self.has_multivariant && self.renditions.iter().all(|rendition| !rendition.segments.is_empty()) {
            self.write_multivariant(Growth::Growing)?;
        }
        self.update_progress(bytes);
        Ok(())
    }

    fn advanced(&mut self, frames: u64) {
        let seconds = frames as f64 / self.plan.timing.frame_rate.per_second();
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).encoded = Duration::from_secs_f64(seconds);
    }
}
