//! The plan for a source of sound alone.

use std::{collections::BTreeMap, time::Duration};

use super::{
    AudioRendition, EncodePlan, Findings, OneFormat, PictureConversion, PicturePlan, PlanError, PlannedOperations,
    SubtitleRendition, Timing,
    operations::{self, Trimmed},
    timing,
};
use crate::{
    job::{JobKind, JobSpec, Operations},
    media::{FrameRate, SourceMedia},
    pipeline::layout::StreamFiles,
};

/// The steps in which files of sound are cut.
const MILLISECONDS: Option<FrameRate> = FrameRate::new(1000, 1);
/// Silence after the end of each of several tracks, of which as much stays as makes all equally long.
const SILENCE_AFTER: Duration = Duration::from_secs(1);

impl EncodePlan {
    /// The silence that follows each track of a stream of sound alone; none where there is nothing as long as which it
    /// should be.
    pub fn silence_after_sound(&self) -> Duration {
        let has_others = self.video_stream.is_none() && self.audio.len() > 1;
        if has_others { SILENCE_AFTER } else { Duration::ZERO }
    }

    /// The plan for a source of sound alone.
    pub(super) fn of_sound(
        spec: &JobSpec,
        source: &SourceMedia,
        (audio, subtitles): (Vec<AudioRendition>, Vec<SubtitleRendition>),
        (findings, warnings): (&Findings, Vec<String>),
    ) -> Result<Self, PlanError> {
        if audio.is_empty() {
            return Err(PlanError::Nothing(spec.source_name()));
        }
        let is_file = matches!(spec.kind, JobKind::File(_));
        let asked = &spec.operations;
        check_operations(spec, is_file)?;
        // Segments are as long as if there were pictures at this rate; a file is cut to the millisecond.
        let rate = if is_file { MILLISECONDS } else { Some(FrameRate::FALLBACK) }.unwrap_or(FrameRate::FALLBACK);
        let duration = source.duration.filter(|duration| !duration.is_zero());
        let Trimmed { trim, duration } = operations::trim(asked, (&source.container, duration), rate)?;
        let operations = PlannedOperations { trim, fade: operations::fade(asked, duration)?, ..Default::default() };
        Ok(Self {
            source: spec.source.clone(),
            demuxer: None,
            join: findings.join.clone(),
            video_stream: None,
            format: OneFormat { clock_goes_back: source.clock_goes_back, ..OneFormat::default() },
            timing: Timing::for_rate(rate),
            conversion: PictureConversion::none(),
            hold_last_picture: None,
            chapters: timing::chapters_from(&source.chapters, operations.start(rate), duration),
            operations,
            renditions: Vec::new(),
            encoder_speed: spec.preset.encoder_speed,
            rate_control: spec.preset.video.rate_control,
            x264_parameters: String::new(),
            x265_parameters: String::new(),
            hdr: None,
            loudness_target: asked.loudness,
            loudness: BTreeMap::new(),
            audio,
            subtitles,
            pictures: PicturePlan::waveform(),
            storyboard: None,
            files: StreamFiles::default(),
            duration,
            most_frames: None,
            can_be_sought: false,
            is_cut_off: source.missing_bytes > 0,
            span: None,
            is_encrypted: spec.outputs.encryption.is_some(),
            why_software: None,
            warnings,
        })
    }
}

/// Streams of sound alone are neither cut nor faded; no picture can be changed where there is none.
fn check_operations(spec: &JobSpec, is_file: bool) -> Result<(), PlanError> {
    let mut rest = Operations { loudness: None, still_duration: None, background: None, ..spec.operations.clone() };
    if is_file {
        rest =
            Operations { trim: Default::default(), fade_in: Default::default(), fade_out: Default::default(), ..rest };
    }
    if rest == Operations::default() {
        return Ok(());
    }
    let (what, hint) = if is_file {
        ("only its length, fades and loudness can be changed", "Leave out what changes the picture")
    } else {
        ("only its loudness can be changed", "Leave out what trims or changes the picture")
    };
    Err(PlanError::NotPossible {
        what: format!("“{}” has sound alone: {what}", spec.source_name()),
        hint: hint.to_owned(),
    })
}
