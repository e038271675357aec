//! Sources that change their format midway: what is copied of them is wrong, or is not played, as the head of a file tells one
//! format alone. What is encoded follows the changes.

use std::time::Duration;

use super::{
    Job, Unmade, argv, failure_of,
    output::OutputFile,
    plan::{ConvertPlan, PlannedPicture},
    teller::Teller,
};
use crate::{
    failure::{Failure, FailureKind},
    format::precise_clock,
    job::Stage,
    pipeline::{
        Notice,
        encode::{self, EncodeError, EncodeSession, FormatChange, Silent, Told, following::Following},
        measure,
        plan::PictureHeaders,
    },
};

/// Containers without a head that tells the formats of all, by ffprobe's names. Of what others hold, the copy shows it.
const WITHOUT_HEAD: [&str; 12] =
    ["mpegts", "mpeg", "flv", "aac", "ac3", "eac3", "mp3", "dts", "h264", "hevc", "mpegvideo", "m4v"];

/// A part that ends this much before a change has none of it: sound comes in packets.
const END_BEFORE: Duration = Duration::from_millis(100);

/// Whether a source in this container can change its format without that being seen in a copy.
pub(super) fn is_possible(container: &str) -> bool {
    container.split(',').any(|name| WITHOUT_HEAD.contains(&name))
}

/// The failure of a copy that changes its format.
pub(super) fn cannot_be_copied(change: &FormatChange, source_name: &str) -> Failure {
    let headline = format!("{}, so it can't be copied", change.headline(source_name));
    let before = precise_clock(change.at.saturating_sub(END_BEFORE));
    let hint = format!("Leave --lossless out to have it encoded, or end before the change, with “--end {before}”");
    Failure::new(FailureKind::SourceInvalid, headline, hint).at(Stage::Package)
}

impl Job<'_> {
    /// Where the streams that are to be copied change their format.
    pub(super) fn changes_of_copied(&self, plan: &ConvertPlan) -> Result<Vec<FormatChange>, Failure> {
        if !plan.copies() {
            return Ok(Vec::new());
        }
        let request = self.request;
        self.observer.notice(Notice::Logged("Looking whether what is copied changes its format".to_owned()));
        let session = EncodeSession { cancel: &request.cancel, pause: &request.pause, listener: &Silent };
        let headers = match &plan.picture {
            Some(PlannedPicture::Copied(video)) => PictureHeaders::of(&self.source.container, &video.codec),
            _ => None,
        };
        let run = (&request.toolbox, argv::scan_arguments(plan, headers));
        match encode::following::changes_in(run, &session) {
            Ok(changes) => {
                let opening = argv::opening(plan);
                let in_time = |change: FormatChange| match &plan.picture {
                    Some(PlannedPicture::Copied(video)) if change.header.is_some() => {
                        FormatChange { stream: video.index, ..change.in_time_of_source(opening) }
                    }
                    _ => change,
                };
                let mut changes: Vec<FormatChange> = changes.into_iter().map(in_time).collect();
                // Older versions begin a chain anew also for a frame that is left out after the end.
                changes.retain(|change| plan.trim.end.is_none_or(|end| change.at < end));
                Ok(changes)
            }
            Err(error @ EncodeError::Cancelled) => Err(error.into_failure(&request.spec.source_name())),
            Err(error) => {
                // What can't be decoded shows in the copy too, which is decoded.
                tracing::info!(%error, "changes of format could not be looked for");
                Ok(Vec::new())
            }
        }
    }

    /// Brings what is encoded into the form that follows the changes that are known.
    pub(super) fn follow(
        &self,
        plan: &mut ConvertPlan,
        following: &Following,
        (file, session, teller): (&OutputFile, &EncodeSession<'_>, &Teller<'_>),
    ) -> Result<Told, Unmade> {
        let Some(encode) = &plan.encode else { return Ok(Told::default()) };
        let places = (&self.request.toolbox, self.work_folder);
        if let Some(bytes) = following.passing_bytes(encode) {
            self.wait_for_bytes(bytes, self.work_folder, teller)?;
        }
        let (mut encode, told) =
            following.apply(encode, places, session).map_err(|error| self.unmade(error, (plan, following), file))?;
        if encode.format.even_sound.is_some() {
            // What was measured of sound that changes its format counts nothing.
            measure::loudness(&mut encode, &self.request.toolbox, &self.request.cancel)?;
        }
        plan.encode = Some(encode);
        Ok(told)
    }

    /// Why a run of ffmpeg has made nothing of a plan, and with what it can be made.
    pub(super) fn unmade(
        &self,
        error: EncodeError,
        (plan, following): (&ConvertPlan, &Following),
        file: &OutputFile,
    ) -> Unmade {
        let error = match &plan.encode {
            Some(encode) => error.in_time_of_source(encode),
            None => error,
        };
        let change = if let EncodeError::FormatChanges(change) = &error { Some(*change) } else { None };
        let further = change.zip(plan.encode.as_ref()).and_then(|(change, encode)| following.with(change, encode));
        let failure = failure_of(error, &self.request.spec.source_name(), file.unfinished()).at(Stage::Encode);
        Unmade { failure, copied: false, following: further }
    }
}
