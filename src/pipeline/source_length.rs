//! Whether all of a source was read: it may end early, or be taken away meanwhile.

use std::{path::Path, time::Duration};

use super::{package::FinishedStream, plan::EncodePlan};
use crate::{
    failure::{Failure, FailureKind},
    job::{JobSpec, Stage},
};

/// A stream that is shorter than its source by more than this part and this time is worth a warning.
const MISSING_PART: f64 = 0.02;
const MISSING_TIME: Duration = Duration::from_secs(1);

/// Compares the stream's length with the source's: a warning when the source ended early, a failure when it was taken
/// away or changed meanwhile.
pub(super) fn check_length(
    plan: &EncodePlan,
    stream: &FinishedStream,
    spec: &JobSpec,
    fingerprint: Option<&SourceFingerprint>,
) -> Result<Option<String>, Failure> {
    let Some(expected) = plan.duration else { return Ok(None) };
    check_made((stream.duration, expected), spec, fingerprint)
}

/// The same for what was made and what was expected.
pub(super) fn check_made(
    (made, expected): (Duration, Duration),
    spec: &JobSpec,
    fingerprint: Option<&SourceFingerprint>,
) -> Result<Option<String>, Failure> {
    let missing = expected.saturating_sub(made);
    if missing <= MISSING_TIME.max(expected.mul_f64(MISSING_PART)) {
        return Ok(None);
    }
    let made = crate::format::clock(made);
    let of = crate::format::clock(expected);
    if SourceFingerprint::of(&spec.source).as_ref() != fingerprint {
        let name = spec.source_name();
        let headline = format!("“{name}” was removed or changed while it was encoded");
        let hint = "Put the file back, leave it in place until the job is done, and retry the job";
        let failure = Failure::new(FailureKind::SourceVanished, headline, hint);
        return Err(failure.with_detail(format!("{made} of {of} could be read")).at(Stage::Encode));
    }
    Ok(Some(format!("The source ends early: {made} of {of} could be read")))
}

/// By what a file is known again.
#[derive(Debug, PartialEq)]
pub(super) struct SourceFingerprint {
    bytes: u64,
    modified: Option<std::time::SystemTime>,
}

impl SourceFingerprint {
    /// What a file is known by now; `None` when it is not there.
    pub(super) fn of(source: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(source).ok()?;
        Some(Self { bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}
