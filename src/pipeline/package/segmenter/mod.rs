//! Cuts the one fragmented MP4 that ffmpeg writes into CMAF segments, as it arrives, on a timeline that we write
//! ourselves: presentation starts at 0, every frame takes the same whole number of ticks, decode times count up.
//!
//! The timeline thus depends neither on ffmpeg's version nor on its muxer's options (ISO/IEC 23000-19, 7.3).

mod audio;
mod codec_string;
mod fragment_reader;
mod init_segment;
mod segment_writer;
mod video;

use std::{io::Read, time::Duration};

use audio::AudioCutter;
use fragment_reader::{FragmentReader, Piece};
pub(super) use init_segment::format_in;
pub use init_segment::{InitSegment, TrackFormat};
pub use segment_writer::KeyframeRange;
use video::VideoCutter;

use crate::pipeline::plan::Timing;

/// Why ffmpeg's stream could not be cut.
#[derive(Debug, thiserror::Error)]
pub enum SegmenterError {
    /// The pipe broke.
    #[error("the encoder's output could not be read: {0}")]
    Read(#[from] std::io::Error),
    /// A box that can't be understood.
    #[error("the encoder's output is not a fragmented MP4: {0}")]
    Box(#[from] mp4_atom::Error),
    /// Boxes that are right each, but not together.
    #[error("the encoder's output is not what was planned: {0}")]
    Unplanned(String),
    /// Nothing came at all.
    #[error("the encoder wrote no stream at all")]
    Nothing,
    /// The end came before all was there: a consequence of how the encoder ended.
    #[error("the encoder's output ends too early: {0}")]
    Incomplete(String),
    /// What goes on with a stream begins in another place.
    #[error("the encoder begins at {found:?} in place of {expected:?}")]
    Misplaced {
        /// Where it begins.
        found: Duration,
        /// Where it should.
        expected: Duration,
    },
    /// Whoever takes the segments gave up.
    #[error(transparent)]
    Sink(#[from] super::PackageError),
}

/// What each track of the pipe is, in the order of ffmpeg's `-map` options: video renditions, then sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackLayout {
    /// Number of video tracks.
    pub video_tracks: usize,
    /// The tracks of sound that follow them.
    pub audio_tracks: Vec<AudioTrackLayout>,
    /// Frame rate and segment length.
    pub timing: Timing,
    /// Number of frames that the source should have, where its length is known.
    pub expected_frames: Option<u64>,
    /// Number of the first segment of the pictures; the sound begins at the start.
    pub first_segment: u64,
    /// Silence that follows each track of sound without pictures, and of which as much stays as makes all equally long.
    pub silence_after: Duration,
}

/// What a track of sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioTrackLayout {
    /// Samples a second.
    pub sample_rate_hz: u32,
    /// Samples of each channel in a packet.
    pub packet_samples: u32,
    /// Packets at the start that hold no sound.
    pub priming_packets: u32,
}

/// A finished segment of one track.
#[derive(Debug)]
pub struct Segment {
    /// Index of the track in the layout.
    pub track: usize,
    /// Number of the segment, from 0.
    pub number: u64,
    /// Length in ticks of the track.
    pub duration_ticks: u64,
    /// Ticks a second.
    pub timescale: u32,
    /// `styp`, then `moof` and `mdat` for each GOP.
    pub data: Vec<u8>,
    /// Where each keyframe lies in `data`; empty for sound.
    pub keyframes: Vec<KeyframeRange>,
}

/// Who takes what the segmenter makes, in order: all init segments first, then segments as they are finished.
pub trait SegmentSink {
    /// Takes the init segment of a track.
    ///
    /// # Errors
    /// When it can't be kept; the segmenter stops then.
    fn init_segment(&mut self, track: usize, init: InitSegment) -> Result<(), super::PackageError>;
    /// Takes a segment.
    ///
    /// # Errors
    /// When it can't be kept; the segmenter stops then.
    fn segment(&mut self, segment: Segment) -> Result<(), super::PackageError>;
    /// Hears how many frames all renditions have, in segments or not yet.
    fn advanced(&mut self, frames: u64);
}

/// Reads `pipe` to its end and gives everything to `sink`. Returns the number of frames of each video track, or the
/// length of the sound in frames when it is alone.
///
/// # Errors
/// When the pipe breaks or carries something else than planned, or the sink gives up.
pub fn cut(pipe: impl Read, layout: &TrackLayout, sink: &mut dyn SegmentSink) -> Result<u64, SegmenterError> {
    let mut reader = FragmentReader::new(pipe);
    let mut cutters: Option<Cutters> = None;
    while let Some(piece) = reader.next_piece()? {
        match piece {
            Piece::Movie(movie) => {
                let inits = init_segment::split(&movie, layout.track_count())?;
                layout.check_start(&inits)?;
                for (track, init) in inits.into_iter().enumerate() {
                    sink.init_segment(track, init)?;
                }
                cutters = Some(Cutters::new(layout));
            }
            Piece::Fragment(fragment) => {
                let cutters = cutters
                    .as_mut()
                    .ok_or_else(|| SegmenterError::Unplanned("a fragment comes before the movie header".to_owned()))?;
                for (track, samples) in fragment {
                    cutters.take(track, samples)?;
                }
                cutters.emit(sink)?;
            }
        }
    }
    let mut cutters = cutters.ok_or(SegmenterError::Nothing)?;
    cutters.finish(sink)
}

impl TrackLayout {
    fn track_count(&self) -> usize {
        self.video_tracks + self.audio_tracks.len()
    }

    /// Pictures that go on with a stream must begin within half a frame of their place.
    fn check_start(&self, inits: &[InitSegment]) -> Result<(), SegmenterError> {
        if self.first_segment == 0 {
            return Ok(());
        }
        let rate = self.timing.frame_rate;
        let expected = rate.duration_of(self.first_segment * self.timing.segment_frames);
        let misplaced = inits.iter().take(self.video_tracks).find(|init| {
            let distance = init.starts_at.abs_diff(expected);
            distance > rate.duration_of(1) / 2
        });
        misplaced.map_or(Ok(()), |init| Err(SegmenterError::Misplaced { found: init.starts_at, expected }))
    }
}

/// The state of all tracks.
struct Cutters {
    video: Vec<VideoCutter>,
    audio: Vec<AudioCutter>,
    silence_after: Duration,
}

impl Cutters {
    fn new(layout: &TrackLayout) -> Self {
        let TrackLayout { video_tracks, timing, expected_frames, first_segment, .. } = *layout;
        let audio = layout.audio_tracks.iter().enumerate();
        let cutter = |track| VideoCutter::new(track, timing, expected_frames).after(first_segment);
        Self {
            video: (0..video_tracks).map(cutter).collect(),
            audio: audio.map(|(index, track)| AudioCutter::new(video_tracks + index, *track, timing)).collect(),
            silence_after: layout.silence_after,
        }
    }

    fn take(&mut self, track: usize, samples: Vec<fragment_reader::Sample>) -> Result<(), SegmenterError> {
        if let Some(video) = self.video.get_mut(track) {
            return video.take(samples);
        }
        match self.audio.get_mut(track - self.video.len()) {
            Some(audio) => {
                audio.take(samples);
                Ok(())
            }
            None => Err(SegmenterError::Unplanned(format!("track {} was not asked for", track + 1))),
        }
    }

    fn emit(&mut self, sink: &mut dyn SegmentSink) -> Result<(), SegmenterError> {
        for video in &mut self.video {
            while let Some(segment) = video.next_segment()? {
                sink.segment(segment)?;
            }
        }
        if self.video.is_empty() {
            return self.emit_alone(sink);
        }
        // The sound's segments follow the picture's: only then is it sure where the last one ends.
        let certain = self.video.iter().map(VideoCutter::segments_cut).min().unwrap_or(0);
        sink.advanced(self.video.iter().map(VideoCutter::frames_taken).min().unwrap_or(0));
        for audio in &mut self.audio {
            while let Some(segment) = audio.next_segment(certain)? {
                sink.segment(segment)?;
            }
        }
        Ok(())
    }

    /// Sound without pictures is cut by its own length.
    fn emit_alone(&mut self, sink: &mut dyn SegmentSink) -> Result<(), SegmenterError> {
        sink.advanced(self.audio.iter().map(AudioCutter::frames_taken).min().unwrap_or(0));
        for audio in &mut self.audio {
            while let Some(segment) = audio.next_segment_alone(self.silence_after)? {
                sink.segment(segment)?;
            }
        }
        Ok(())
    }

    /// What ends early goes on as silence until the longest has ended.
    fn finish_alone(&mut self, sink: &mut dyn SegmentSink) -> Result<u64, SegmenterError> {
        if !self.silence_after.is_zero() {
            let length = self.audio.iter().map(|audio| audio.length_without(self.silence_after)).max();
            self.audio.iter_mut().for_each(|audio| audio.end_at(length.unwrap_or_default()));
        }
        let frames = self.audio.iter().map(AudioCutter::frames_taken).max().unwrap_or(0);
        for audio in &mut self.audio {
            while let Some(segment) = audio.next_segment_alone(Duration::ZERO)? {
                sink.segment(segment)?;
            }
            if let Some(segment) = audio.last_segment_alone()? {
                sink.segment(segment)?;
            }
        }
        if frames == 0 {
            return Err(SegmenterError::Incomplete("no sound came out of the source".to_owned()));
        }
        Ok(frames)
    }

    fn finish(&mut self, sink: &mut dyn SegmentSink) -> Result<u64, SegmenterError> {
        self.emit(sink)?;
        if self.video.is_empty() {
            return self.finish_alone(sink);
        }
        let frames = self.video.first().map_or(0, VideoCutter::frames_taken);
        if let Some(uneven) = self.video.iter().find(|video| video.frames_taken() != frames) {
            let other = uneven.frames_taken();
            return Err(SegmenterError::Incomplete(format!("renditions of {frames} and {other} frames")));
        }
        if frames == 0 {
            return Err(SegmenterError::Incomplete("not one frame came out of the source".to_owned()));
        }
        for video in &mut self.video {
            if let Some(segment) = video.last_segment()? {
                sink.segment(segment)?;
            }
        }
        let segments = self.video.first().map_or(0, VideoCutter::segments_cut);
        for audio in &mut self.audio {
            for segment in audio.last_segments(segments, frames)? {
                sink.segment(segment)?;
            }
        }
        Ok(frames)
    }
}

#[cfg(test)]
mod tests;
