//! `reelpress encode --discard`: what interrupted runs of a call have left is given up.

use super::{Context, Outcome, credentials, encode::Call, publish, wire::WireEvent};
use crate::{
    job::{JobKind, JobSpec},
    pipeline::{self, Discarded},
};

/// Removes what interrupted runs of this call have left, and tells what that was and what stays.
pub(super) fn run(context: &Context, call: &Call) -> Outcome {
    let output = &context.output;
    let is_stream = |spec: &&JobSpec| spec.kind == JobKind::Stream;
    let specs: Vec<&JobSpec> = call.jobs.iter().map(|job| &job.spec).filter(is_stream).collect();
    credentials::ask_for_missing(context, specs.iter().flat_map(|spec| spec.destination.buckets()));
    let Some(network) = publish::network(context) else { return Outcome::SomeFailed };
    let mut outcome = Outcome::AllDone;
    for failure in &call.without_job {
        output.failure(None, failure);
        outcome = outcome.max(Outcome::of(failure));
    }
    for spec in specs {
        let name = spec.source_name();
        let Discarded { folders, stays } = pipeline::discard(network.handle(), spec);
        if folders.is_empty() && stays.is_empty() {
            output.say(&format!("{name}: there is nothing of an interrupted run"));
        }
        for folder in folders {
            let folder = folder.display().to_string();
            output.say(&format!("{name}: removed the unfinished stream in {folder}"));
            if call.json {
                output.json(&WireEvent::Discarded { source: spec.source.display().to_string(), folder });
            }
        }
        for failure in stays {
            outcome = outcome.max(Outcome::of(&failure));
            if call.json {
                output.json(&WireEvent::noticed(&failure));
            }
            output.failure(Some(&name), &failure);
        }
    }
    outcome
}
