//! `reelpress queue history`, `again` and `report`: jobs that have ended, in the list or not.

use std::{path::Path, sync::Arc};

use super::{Access, Refusal, choose, enqueue, list, transfer};
use crate::{
    cli::{Context, bad_usage},
    engine::{BugReport, Job, QueueEntry, Snapshot, ended_jobs},
    failure::{Failure, FailureKind},
};

/// Prints the jobs that have ended and have a text in them.
pub(super) fn history(context: &Context, access: &mut Access, text: &str, json: bool) -> Result<(), Refusal> {
    let snapshot = access.snapshot()?;
    let jobs = ended(context, &snapshot)?;
    let found: Vec<Arc<Job>> = jobs.into_iter().filter(|job| job.matches(text)).collect();
    if json {
        list::print_json(context, &found, &snapshot);
        return Ok(());
    }
    let now = jiff::Zoned::now();
    let ended_at = |job: &Job| {
        let at = job.ended_at.map(|at| at.to_zoned(now.time_zone().clone()));
        at.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
    };
    let header = ["ID", "ENDED", "STATE", "NAME", "PRESET", "DESTINATION", ""].map(str::to_owned);
    let rows = found.iter().map(|job| {
        [
            job.id.short(),
            ended_at(job),
            list::state(job).to_owned(),
            job.spec.source_name(),
            job.spec.preset.id.clone(),
            job.spec.destination.label(),
            list::note(job, &snapshot.settings, &now),
        ]
    });
    let rows: Vec<[String; 7]> = std::iter::once(header).chain(rows).collect();
    if found.is_empty() {
        context.output.say("no job like this has ended");
    } else {
        list::aligned(&rows).iter().for_each(|line| context.output.data(line));
    }
    Ok(())
}

/// Puts jobs into the queue once more.
pub(super) fn again(context: &Context, access: &mut Access, names: &[String]) -> Result<(), Refusal> {
    let snapshot = access.snapshot()?;
    let past = Snapshot { jobs: Arc::new(ended(context, &snapshot)?), ..Snapshot::default() };
    let jobs = choose::chosen(&past, names, &|_| true).map_err(Refusal::usage)?;
    enqueue(context, access, jobs.iter().map(|job| QueueEntry::again(job)).collect(), false)
}

/// Writes the report of a job.
pub(super) fn report(
    (context, access): (&Context, &mut Access),
    name: &str,
    file: &Path,
    overwrite: bool,
) -> Result<(), Refusal> {
    let is_printed = file == Path::new(transfer::STANDARD_OUTPUT);
    if !is_printed && file.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("json")) {
        let headline = format!("{} does not end in .json", file.display());
        return Err(Refusal::usage(bad_usage(headline, "The report is a JSON file: name it so")));
    }
    transfer::check_free(file, overwrite)?;
    let snapshot = access.snapshot()?;
    let removed = ended(context, &snapshot)?.into_iter().filter(|job| snapshot.job(job.id).is_none());
    let all = Snapshot { jobs: Arc::new(snapshot.jobs.iter().map(Arc::clone).chain(removed).collect()), ..snapshot };
    let job = choose::one(&all, name, &|_| true).map_err(Refusal::usage)?;
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let report = BugReport::of(&all, &job, &context.folders);
    if is_printed {
        context.output.data(String::from_utf8_lossy(&report.text()?).trim_end());
        return Ok(());
    }
    report.write(&path)?;
    context.output.say(&format!("the report of {} is {}", choose::named(&job), file.display()));
    Ok(())
}

fn ended(context: &Context, list: &Snapshot) -> Result<Vec<Arc<Job>>, Failure> {
    ended_jobs(list, &context.folders).map_err(|error| {
        Failure::new(FailureKind::Internal, error.to_string(), "Check that the disk works and the file may be read")
    })
}
