//! What damage of a source means for its job: a warning, or its end where the preset wants that.

use std::time::Duration;

use super::{
    JobRequest,
    encode::Damage,
    probe::{self, Recordings},
};
use crate::{
    failure::{Failure, FailureKind},
    job::{Stage, Trim},
    preset::OnDamage,
};

/// No more than this is read before and behind the part that is kept.
const READ_BESIDE: Duration = Duration::from_secs(10);

/// How the warning of a damaged source begins.
pub(super) const DAMAGED: &str = "The source is damaged";

/// What the user should know of recordings that meet at so many seams of what is kept.
fn following_recordings(seams: usize, kept: Trim) -> Option<String> {
    let what = if kept == Trim::default() { "The source" } else { "What is kept of the source" };
    let (recordings, places) = (seams + 1, if seams == 1 { "the place" } else { "the places" });
    let told = format!(
        "{what} is {recordings} recordings behind each other: a moment can be missing at {places} where they meet"
    );
    (seams > 0).then_some(told)
}

/// A warning that says how much of a damaged source is lost, or the failure of the job where its preset wants that.
pub(super) fn weigh_damage(damage: &Damage, request: &JobRequest) -> Result<Option<String>, Failure> {
    let Some(lost) = damage.description() else { return Ok(None) };
    let spec = &request.spec;
    let read = || probe::recordings(&spec.source, &request.cancel);
    let Recordings { codec_change: change, seams, streams } =
        spec.joined.is_empty().then(read).flatten().unwrap_or_default();
    if let Some(change) = change.filter(|change| !change.is_sound) {
        return Err(change.into_failure(&spec.source_name()).at(Stage::Encode));
    }
    let change = change.map(|change| format!("{}. {}", change.headline(&spec.source_name()), change.way_out()));
    let trim = spec.operations.trim;
    let within = |beside: Duration| {
        let start = trim.start.map_or(Duration::ZERO, |start| start.saturating_sub(beside));
        let is_within = |seam: &&Duration| **seam >= start && trim.end.is_none_or(|end| **seam <= end + beside);
        seams.iter().filter(is_within).count()
    };
    // What is told of one beside the part may be told before what is kept has ended.
    if change.is_none() && damage.is_of_seams(within(READ_BESIDE), streams) {
        return Ok(following_recordings(within(Duration::ZERO), trim));
    }
    // Where recordings meet, the clock may jump.
    let missing = (seams.is_empty() && spec.joined.is_empty())
        .then(|| probe::missing_packets((&spec.source, trim), &request.toolbox, &request.cancel))
        .flatten();
    let lost = missing.map_or_else(
        || lost.clone(),
        |(time, what)| format!("{lost}, {:.1} s of its {what} are missing", time.as_secs_f64()),
    );
    match spec.preset.on_damage {
        OnDamage::Warn if change.is_some() => Ok(change),
        OnDamage::Warn => Ok(Some(format!("{DAMAGED}: {lost}"))),
        OnDamage::Fail => {
            let headline = format!("“{}” is damaged: {lost}", spec.source_name());
            let hint = "Copy the file again from where it came from, or let damaged sources pass with a warning";
            Err(Failure::new(FailureKind::SourceInvalid, headline, hint).at(Stage::Encode))
        }
    }
}
