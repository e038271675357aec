//! Whether all of a source was read: it may end early, be taken away or be written to meanwhile.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    JobRequest, package::FinishedStream, plan::EncodePlan, probe, source_damage::DAMAGED, unfinished::SourceIdentity,
};
use crate::{
    failure::{Failure, FailureKind},
    job::{JobSpec, Stage},
    tools::cancel::CancelToken,
};

/// A stream that is shorter than its source by more than this part and this time is worth a warning.
const MISSING_PART: f64 = 0.02;
const MISSING_TIME: Duration = Duration::from_secs(1);

/// The sources of a job as they are when it begins.
pub(super) struct KnownSources(Vec<(PathBuf, Option<SourceIdentity>)>);

impl KnownSources {
    pub(super) fn of(spec: &JobSpec) -> Self {
        let sources = std::iter::once(&spec.source).chain(&spec.joined);
        Self(sources.map(|source| (source.clone(), SourceIdentity::of(source))).collect())
    }

    /// The first of them.
    pub(super) fn first(&self) -> Option<&SourceIdentity> {
        self.0.first().and_then(|(_, identity)| identity.as_ref())
    }

    /// Whether what was made of them with these warnings can be of one state of them.
    ///
    /// # Errors
    /// The failure for a source that was written to meanwhile: what was made of it may be of both.
    pub(super) fn are_unchanged(&self, warnings: &[String]) -> Result<(), Failure> {
        let is_damaged = warnings.iter().any(|warning| warning.starts_with(DAMAGED));
        match self.changed(is_damaged) {
            Some(changed) => Err(changed.with_detail(warnings.join("\n"))),
            None => Ok(()),
        }
    }

    /// The failure of a job, or that of a source which was written to meanwhile, where it may come of that.
    pub(super) fn with_cause(&self, failure: Failure, cancel: &CancelToken) -> Failure {
        match self.changed(true) {
            Some(changed) if may_come_of_source(&failure) && !cancel.is_cancelled() => {
                changed.with_detail(format!("{}\n{}", failure.headline, failure.detail))
            }
            _ => failure,
        }
    }

    /// The failure for a source that was written to since then. One that was only touched, or has gone when it was read,
    /// counts where `has_suffered`.
    fn changed(&self, has_suffered: bool) -> Option<Failure> {
        let is_changed = |(path, known): &&(PathBuf, Option<SourceIdentity>)| match (SourceIdentity::of(path), known) {
            (Some(now), Some(known)) if has_suffered => now != *known,
            (Some(now), Some(known)) => !now.has_content_of(known),
            (now, known) => has_suffered && now.is_some() != known.is_some(),
        };
        self.0.iter().find(is_changed).map(|(path, _)| changed(path))
    }
}

/// Whether what failed so may come of a source that was written to.
fn may_come_of_source(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::EncoderFailed
            | FailureKind::SourceInvalid
            | FailureKind::SourceUnreadable
            | FailureKind::SourceVanished
            | FailureKind::StreamIncorrect
    )
}

fn changed(source: &Path) -> Failure {
    let name = source.file_name().unwrap_or(source.as_os_str()).to_string_lossy();
    let headline = format!("“{name}” was removed or changed while it was encoded");
    let hint = "Put the file back, leave it in place until the job is done, and retry the job";
    Failure::new(FailureKind::SourceVanished, headline, hint).at(Stage::Encode)
}

/// Compares the stream's length with the source's: a warning when the source ended early, a failure when it was taken
/// away or changed meanwhile.
pub(super) fn check_length(
    plan: &EncodePlan,
    stream: &FinishedStream,
    request: &JobRequest,
    identity: Option<&SourceIdentity>,
) -> Result<Option<String>, Failure> {
    let Some(expected) = plan.duration else { return Ok(None) };
    check_made((stream.duration, expected), request, identity)
}

/// The same for what was made and what was expected.
pub(super) fn check_made(
    (made, expected): (Duration, Duration),
    request: &JobRequest,
    identity: Option<&SourceIdentity>,
) -> Result<Option<String>, Failure> {
    let JobRequest { spec, toolbox, cancel, .. } = request;
    let is_whole =
        |expected: Duration| expected.saturating_sub(made) <= MISSING_TIME.max(expected.mul_f64(MISSING_PART));
    if is_whole(expected) {
        return Ok(None);
    }
    let made = crate::format::clock(made);
    let of = crate::format::clock(expected);
    if SourceIdentity::of(&spec.source).as_ref() != identity {
        return Err(changed(&spec.source).with_detail(format!("{made} of {of} could be read")));
    }
    // The clock of a broadcast can jump: what it says is not how much there is.
    let there = spec.joined.is_empty().then(|| probe::transport_length(&spec.source, toolbox, cancel)).flatten();
    let there = there.map(|there| there.saturating_sub(spec.operations.trim.start.unwrap_or_default()));
    if there.is_some_and(is_whole) {
        return Ok(None);
    }
    Ok(Some(format!("The source ends early: {made} of {of} could be read")))
}
