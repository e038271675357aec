//! `reelpress queue`: the queue of the window, from the terminal.

mod access;
mod change;
mod choose;
mod list;
mod past;
mod run;
mod setting;
mod transfer;

pub(super) use access::Access;

use super::{Context, MovePlace, Outcome, QueueAddArguments, QueueArguments, QueueCommand, encode, wire::WireEvent};
use crate::{
    engine::{Answer, Command, Event, QueueEntry, QueueLife, Snapshot, saved_queue},
    failure::{Failure, FailureKind},
    format,
    job::{JobId, JobState, WorkingHours},
    tools::cancel::CancelToken,
};

/// Does what the arguments ask.
pub(super) fn run(context: &Context, arguments: QueueArguments, interrupt: &CancelToken) -> Outcome {
    match arguments.command {
        QueueCommand::Run { jobs, then, json } => run::run(context, (jobs, then, json), interrupt),
        QueueCommand::WhenDone(arguments) => {
            with_queue((context, interrupt), |access| setting::when_done(context, access, &arguments))
        }
        QueueCommand::KeepOn => with_queue((context, interrupt), |access| setting::keep_on(context, access)),
        QueueCommand::Add(arguments) => add(context, &arguments, interrupt),
        QueueCommand::List { json } => list((context, interrupt), json),
        QueueCommand::Export { file, all, overwrite } => {
            with_queue((context, interrupt), |access| transfer::export((context, access), &file, all, overwrite))
        }
        QueueCommand::Hours { from, to, any } => {
            let asked = from.zip(to).map(|(from, to)| WorkingHours { from, to });
            with_queue((context, interrupt), |access| setting::hours(context, access, asked, any))
        }
        QueueCommand::History { text, json } => {
            with_queue((context, interrupt), |access| past::history(context, access, &text, json))
        }
        QueueCommand::Again { jobs } => with_queue((context, interrupt), |access| past::again(context, access, &jobs)),
        QueueCommand::Report { job, file, overwrite } => {
            with_queue((context, interrupt), |access| past::report((context, access), &job, &file, overwrite))
        }
        QueueCommand::Import { file, all } => {
            with_queue((context, interrupt), |access| transfer::import((context, access), &file, all))
        }
        change => with_queue((context, interrupt), |access| change::change(context, access, change)),
    }
}

/// Why nothing was done, and the exit code that tells it.
struct Refusal(Failure, Outcome);

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let outcome = Outcome::of(&failure);
        Self(failure, outcome)
    }
}

impl Refusal {
    /// What was typed means nothing here.
    fn usage(failure: Failure) -> Self {
        Self(failure, Outcome::BadUsage)
    }
}

/// Prints the list; where nothing can be written, as it was saved last.
fn list((context, interrupt): (&Context, &CancelToken), json: bool) -> Outcome {
    let opened = open((context, interrupt));
    if let Err(failure) = &opened
        && failure.kind == FailureKind::DiskFull
        && let Ok(saved) = saved_queue(&context.folders)
    {
        context.output.failure(None, failure);
        list::print(context, &saved, json);
        return Outcome::AllDone;
    }
    with_opened((context, interrupt), opened, |access| {
        list::print(context, &access.snapshot()?, json);
        Ok(())
    })
}

fn open((context, interrupt): (&Context, &CancelToken)) -> Result<Access, Failure> {
    Access::open(context, (&context.settings, QueueLife::LastingAtRest), interrupt)
}

fn with_queue(
    (context, interrupt): (&Context, &CancelToken),
    work: impl FnOnce(&mut Access) -> Result<(), Refusal>,
) -> Outcome {
    with_opened((context, interrupt), open((context, interrupt)), work)
}

fn with_opened(
    (context, interrupt): (&Context, &CancelToken),
    opened: Result<Access, Failure>,
    work: impl FnOnce(&mut Access) -> Result<(), Refusal>,
) -> Outcome {
    let mut access = match opened {
        Ok(access) => access,
        Err(_) if interrupt.is_cancelled() => return Outcome::Interrupted,
        Err(failure) => {
            context.output.failure(None, &failure);
            return Outcome::SomeFailed;
        }
    };
    // What was found when the queue was read is told to the first who asks.
    if let Ok(answer) = access.ask(Command::Acknowledge { token: 0 }) {
        tell_notices(context, &answer);
    }
    let outcome = match work(&mut access) {
        Ok(()) => Outcome::AllDone,
        Err(_) if interrupt.is_cancelled() => {
            context.output.say("Interrupted; “reelpress queue list” tells whether it was done");
            Outcome::Interrupted
        }
        Err(Refusal(failure, outcome)) => {
            context.output.failure(None, &failure);
            outcome
        }
    };
    access.close();
    outcome
}

/// Tells what went wrong beside a command that was done.
fn tell_notices(context: &Context, answer: &Answer) {
    answer.notices.iter().for_each(|failure| context.output.failure(None, failure));
}

/// Puts these files into the queue as the settings say.
#[cfg(feature = "gui")]
pub(super) fn add_as_set(context: &Context, files: &[std::path::PathBuf], interrupt: &CancelToken) -> Outcome {
    add(context, &QueueAddArguments { priority: None, encode: encode::as_set(files) }, interrupt)
}

fn add(context: &Context, arguments: &QueueAddArguments, interrupt: &CancelToken) -> Outcome {
    let mut call = match encode::plan(context, &arguments.encode, interrupt) {
        _ if interrupt.is_cancelled() => return Outcome::Interrupted,
        Ok(call) => call,
        Err(failure) => {
            context.output.failure(None, &failure);
            return Outcome::BadUsage;
        }
    };
    // Whoever adds jobs may not be there when they run.
    for missing in call.jobs.iter().map(|job| &job.spec.source).filter(|source| !source.exists()) {
        let path = missing.display();
        context
            .output
            .say_always(&format!("reelpress: {path} does not exist; its job fails unless it is there by then"));
    }
    for job in &mut call.jobs {
        job.schedule.priority = arguments.priority.unwrap_or(job.schedule.priority);
    }
    put((context, interrupt), call)
}

/// Puts the jobs of a call at the end of the queue.
pub(super) fn put((context, interrupt): (&Context, &CancelToken), call: encode::Call) -> Outcome {
    let encode::Call { jobs, without_job, json, .. } = call;
    let mut outcome = Outcome::AllDone;
    for failure in &without_job {
        context.output.failure(None, failure);
        outcome = outcome.max(Outcome::of(failure));
    }
    if jobs.is_empty() {
        return outcome;
    }
    outcome.max(with_queue((context, interrupt), |access| enqueue(context, access, jobs, json)))
}

fn enqueue(context: &Context, access: &mut Access, jobs: Vec<QueueEntry>, json: bool) -> Result<(), Refusal> {
    let answer = access.ask(Command::Enqueue { jobs: jobs.clone() })?;
    tell_notices(context, &answer);
    if json {
        for (id, QueueEntry { spec, schedule }) in answer.added.iter().zip(jobs) {
            let (id, at) = (*id, jiff::Timestamp::now());
            let events = [Event::JobAdded { id, spec: Box::new(spec), at }, Event::JobScheduled { id, schedule }];
            events.iter().filter_map(|event| WireEvent::of(event, None)).for_each(|line| context.output.json(&line));
        }
        return Ok(());
    }
    for (id, QueueEntry { spec, .. }) in answer.added.iter().zip(&jobs) {
        context.output.data(&format!("{} {}", id.short(), spec.source_name()));
    }
    let mut refused = refused(&access.snapshot()?, &answer.added);
    let added = format::count((answer.added.len() - refused.len()) as u64, "job", "jobs");
    context.output.say(&match access {
        Access::Own(_) => format!("{added} added; “reelpress queue run” or the window starts them"),
        Access::Owner(_) => format!("{added} added to the queue that is open"),
    });
    let last = refused.pop();
    refused.iter().for_each(|failure| context.output.failure(None, failure));
    last.map_or(Ok(()), |failure| Err(failure.into()))
}

/// Why those of these jobs that can never begin have failed as they were added.
fn refused(snapshot: &Snapshot, added: &[JobId]) -> Vec<Failure> {
    let failure = |id: &JobId| match &snapshot.job(*id)?.state {
        JobState::Failed { failure } => Some(failure.clone()),
        _ => None,
    };
    added.iter().filter_map(failure).collect()
}
