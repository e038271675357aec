//! Whether all of a source was read: it may end early, or be taken away meanwhile.

use std::time::Duration;

use super::{JobRequest, package::FinishedStream, plan::EncodePlan, probe, unfinished::SourceIdentity};
use crate::{
    failure::{Failure, FailureKind},
    job::Stage,
};

/// A stream that is shorter than its source by more than this part and this time is worth a warning.
const MISSING_PART: f64 = 0.02;
const MISSING_TIME: Duration = Duration::from_secs(1);

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
        let name = spec.source_name();
        let headline = format!("“{name}” was removed or changed while it was encoded");
        let hint = "Put the file back, leave it in place until the job is done, and retry the job";
        let failure = Failure::new(FailureKind::SourceVanished, headline, hint);
        return Err(failure.with_detail(format!("{made} of {of} could be read")).at(Stage::Encode));
    }
    // The clock of a broadcast can jump: what it says is not how much there is.
    let there = spec.joined.is_empty().then(|| probe::transport_length(&spec.source, toolbox, cancel)).flatten();
    let there = there.map(|there| there.saturating_sub(spec.operations.trim.start.unwrap_or_default()));
    if there.is_some_and(is_whole) {
        return Ok(None);
    }
    Ok(Some(format!("The source ends early: {made} of {of} could be read")))
}
