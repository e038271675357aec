//! `reelpress encode --discard`: what interrupted runs of a call have left is given up.

use super::{Context, Outcome, credentials, encode::Call, publish, wire::WireEvent};
use crate::{
    job::{JobKind, JobSpec},
    pipeline::{self, Discarded, DiscardedFolder},
    tools::cancel::CancelToken,
};

const WAY_ON: &str = "the same command goes on";

/// Removes what interrupted runs of this call have left, and tells what that was and what stays.
pub(super) fn run(context: &Context, call: &Call, interrupt: &CancelToken) -> Outcome {
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
    let kept = context.folders.kept();
    for spec in specs {
        let discarded = pipeline::discard(network.handle(), spec, &kept, interrupt);
        if discarded.is_empty() && !interrupt.is_cancelled() {
            output.say(&format!("{}: there is nothing of an interrupted run", spec.source_name()));
        }
        for discarded in discarded {
            outcome = outcome.max(tell((context, call.json), spec, discarded));
        }
    }
    // A name that is looked up for a store that is away is not waited for.
    network.shutdown_background();
    if !interrupt.is_cancelled() {
        return outcome;
    }
    if call.json {
        output.json(&WireEvent::Interrupted { hint: WAY_ON.to_owned() });
    }
    output.say_always(&format!("reelpress: interrupted; {WAY_ON}"));
    Outcome::Interrupted
}

/// Tells what has become of one stream.
fn tell((context, json): (&Context, bool), spec: &JobSpec, discarded: Discarded) -> Outcome {
    let (output, name) = (&context.output, spec.source_name());
    let Discarded { folder, buckets, whole, stays } = discarded;
    for bucket in &buckets {
        output.say(&format!("{name}: removed what was published of it in {bucket}"));
    }
    for bucket in &whole {
        output.say(&format!("{name}: the finished stream in {bucket} stays; delete it there if you don't want it"));
    }
    let (mut removed, mut kept) = (None, None);
    match folder {
        DiscardedFolder::Removed(folder) => {
            let folder = removed.insert(folder.display().to_string());
            output.say(&format!("{name}: removed the unfinished stream in {folder}"));
        }
        DiscardedFolder::Kept(folder) => {
            let folder = kept.insert(folder.display().to_string());
            output.say(&format!(
                "{name}: the finished stream in {folder} stays; delete that folder if you don't want it"
            ));
        }
        DiscardedFolder::Stays(_) => {}
    }
    if json && (removed.is_some() || kept.is_some() || !buckets.is_empty() || !whole.is_empty()) {
        let source = spec.source.display().to_string();
        output.json(&WireEvent::Discarded { source, folder: removed, kept_folder: kept, buckets, kept_buckets: whole });
    }
    let mut outcome = Outcome::AllDone;
    for failure in stays {
        outcome = outcome.max(Outcome::of(&failure));
        if json {
            output.json(&WireEvent::noticed(&failure));
        }
        output.failure(Some(&name), &failure);
    }
    outcome
}
