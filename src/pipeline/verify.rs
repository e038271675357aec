//! Judges the stream that a job has made, before anybody is told that it is finished.

use std::path::Path;

use super::{
    JobRequest, Notice, Observer,
    check::{CheckError, CheckOptions, Judgement, Level, Rule, StreamPlace, Verdict, check},
    encryption,
    package::PackageError,
    plan::EncodePlan,
    probe,
};
use crate::{
    failure::{Failure, FailureKind},
    job::{FileReport, Stage},
};

/// Reads the stream in `folder` again and judges it, in all its forms of HLS. It is measured by its boxes, of each segment
/// once.
///
/// # Errors
/// When it breaks a rule of level MUST, can't be read, or the job is cancelled.
pub(super) fn verify(
    request: &JobRequest,
    plan: &EncodePlan,
    folder: &Path,
    observer: &dyn Observer,
) -> Result<(), Failure> {
    verify_playlist(request, plan, (folder, plan.files.multivariant_playlist()), observer)?;
    let transport_stream = plan.files.transport_multivariant_playlist();
    // It is left out where it can't be right.
    if folder.join(&transport_stream).is_file() {
        verify_playlist(request, plan, (folder, transport_stream), observer)?;
    }
    Ok(())
}

fn verify_playlist(
    request: &JobRequest,
    plan: &EncodePlan,
    (folder, playlist): (&Path, String),
    observer: &dyn Observer,
) -> Result<(), Failure> {
    let place = StreamPlace::Playlist { folder: folder.to_owned(), playlist };
    let mut verdict = judge(request, &place, plan.most_frames)?;
    if verdict.broken(Level::Must).any(|judgement| judgement.rule == Rule::SourceLength)
        && let Some(most_frames) = most_frames_by_packets(request, plan)
    {
        verdict = judge(request, &place, Some(most_frames))?;
    }
    for judgement in verdict.broken(Level::Should) {
        observer.notice(Notice::Logged(line("could be better", judgement)));
    }
    failure(&request.spec.source_name(), &verdict, &asked_for(plan)).map_or(Ok(()), Err)
}

fn judge(request: &JobRequest, place: &StreamPlace, source_frames: Option<u64>) -> Result<Verdict, Failure> {
    let keys = encryption::key_files(request.spec.outputs.encryption.as_ref(), request.id);
    let options = CheckOptions { source_frames, boxes_alone: true, decodes: false, keys: keys.as_ref() };
    check(place, Some(&request.toolbox), options, &request.cancel).map_err(|error| match error {
        CheckError::Cancelled => PackageError::Cancelled.into_failure(),
        error => error.into_failure().at(Stage::Package),
    })
}

/// The most frames that the source gives by the times of its packets, where that is more than its container tells.
fn most_frames_by_packets(request: &JobRequest, plan: &EncodePlan) -> Option<u64> {
    let of_stream = (plan.video_stream?, plan.duration?);
    let end = probe::picture_end(&plan.source, of_stream, &request.toolbox, &request.cancel)?;
    plan.most_frames_until(end).filter(|most_frames| Some(*most_frames) > plan.most_frames)
}

/// Makes sure that nobody has removed files of the stream while it was made.
///
/// # Errors
/// When one is missing.
pub(super) fn all_there(folder: &Path, files: &[FileReport]) -> Result<(), Failure> {
    let Some(missing) = files.iter().find(|file| !folder.join(&file.path).is_file()) else { return Ok(()) };
    Err(taken_away(folder, &missing.path))
}

/// The failure of a stream of which somebody has removed this.
pub(super) fn taken_away(folder: &Path, what: &str) -> Failure {
    let headline = format!("Files were removed from {} while the stream was made", folder.display());
    let hint = "Leave the output folder alone until the job is done, then retry the job";
    let failure = Failure::new(FailureKind::OutputNotWritable, headline, hint);
    failure.with_detail(format!("{what} is missing")).at(Stage::Package)
}

fn line(what: &str, judgement: &Judgement) -> String {
    format!("Rule {} {what}: {}", judgement.rule, judgement.detail())
}

/// Rules that the stream breaks because it was asked for so, of which the plan has a warning.
fn asked_for(plan: &EncodePlan) -> Vec<Rule> {
    if plan.has_opus_alone() { vec![Rule::StereoSound] } else { Vec::new() }
}

/// What is said of a stream that breaks a rule of level MUST, other than these.
fn failure(source_name: &str, verdict: &Verdict, asked_for: &[Rule]) -> Option<Failure> {
    let broken = || verdict.broken(Level::Must).filter(|judgement| !asked_for.contains(&judgement.rule));
    let first = broken().next()?;
    let headline = format!("The stream of “{source_name}” breaks the rule “{}”", first.rule.name());
    let hint = "Retry the job; if it happens again, report it with this job's log and say what the source is";
    let lines = broken()
        .map(|judgement| format!("{} ({}, {})", line("is broken", judgement), judgement.says, judgement.source));
    let detail = lines.collect::<Vec<_>>().join("\n");
    Some(Failure::new(FailureKind::StreamIncorrect, headline, hint).with_detail(detail).at(Stage::Package))
}
