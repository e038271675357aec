//! Whether all of a source was read: it may end early, or be taken away meanwhile.

use std::time::Duration;

use super::{package::FinishedStream, plan::EncodePlan, unfinished::SourceIdentity};
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
    identity: Option<&SourceIdentity>,
) -> Result<Option<String>, Failure> {
    let Some(expected) = plan.duration else { return Ok(None) };
    check_made((stream.duration, expected), spec, identity)
}

/// The same for what was made and what was expected.
pub(super) fn check_made(
    (made, expected): (Duration, Duration),
    spec: &JobSpec,
    identity: Option<&SourceIdentity>,
) -> Result<Option<String>, Failure> {
    let missing = expected.saturating_sub(made);
    if missing <= MISSING_TIME.max(expected.mul_f64(MISSING_PART)) {
        return Ok(None);
    }
    let made = crate::format::clock(made);
    let of = crate::format::clock(expected);
    if SourceIdentity::of(&spec.source).as_ref() != identity {
        let name = spec.source_name();
        let headline = format!("“{name}” was removed or changed while it was encoded");
        let hint = "Put the file back, leave it in place until the job is done, and retry the job";
        let failure = Failure::new(FailureKind::SourceVanished, headline, hint);
        return Err(failure.with_detail(format!("{made} of {of} could be read")).at(Stage::Encode));
    }
    Ok(Some(format!("The source ends early: {made} of {of} could be read")))
}
