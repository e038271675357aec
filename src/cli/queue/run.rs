//! `reelpress queue run`: works the queue off here, or follows the process that does.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, RecvTimeoutError, select_biased};

use super::Access;
use crate::{
    cli::{
        Context, Outcome,
        args::SideBySide,
        bad_usage, credentials,
        encode::wait_for_stop,
        reporter::{Reporter, reporter},
    },
    control::{Client, ControlError, Following, Owner, Request, Server},
    engine::{Command, EngineHandle, Event, Job, PlannedPowerAction, QueueLife, Snapshot, Subscription, ToolStatus},
    failure::Failure,
    format,
    job::{JobId, JobState, schedule},
    settings::PowerAction,
    tools::cancel::CancelToken,
};

/// How soon Ctrl-C is noticed while the machine may be kept on.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long the end of the program waits for what was begun at the end of the queue.
const END_LIMIT: Duration = Duration::from_secs(60);

/// Works until no job waits and none is at work.
pub(super) fn run(
    context: &Context,
    (jobs, then, json): (Option<SideBySide>, Option<PowerAction>, bool),
    interrupt: &CancelToken,
) -> Outcome {
    let mut settings = context.settings.clone();
    if let Some(jobs) = jobs {
        jobs.apply(&mut settings);
    }
    settings.when_done.power = then.unwrap_or(settings.when_done.power);
    let opened = ask_for_keys(context, interrupt)
        .and_then(|()| Access::open(context, (&settings, QueueLife::Lasting), interrupt));
    let ended = match opened {
        Ok(Access::Own(engine)) => Ok(work_off(context, &engine, json, interrupt)),
        Ok(Access::Owner(_)) if jobs.is_some() || then.is_some() => {
            context.output.failure(
                None,
                &bad_usage(
                    "Another Reelpress works the queue off, with the settings that it has",
                    "Leave --jobs and --then out to follow it; “reelpress queue when-done” changes what it does then",
                ),
            );
            Ok(Outcome::BadUsage)
        }
        Ok(Access::Owner(client)) => follow(context, client, json, interrupt),
        Err(failure) => Err(failure),
    };
    ended.unwrap_or_else(|failure| {
        if interrupt.is_cancelled() {
            return Outcome::Interrupted;
        }
        context.output.failure(None, &failure);
        Outcome::SomeFailed
    })
}

/// Asks for the keys that jobs need and no keychain has, before the first job begins. The process that works the queue
/// off asks by itself.
///
/// # Errors
/// When the queue can't be reached.
fn ask_for_keys(context: &Context, interrupt: &CancelToken) -> Result<(), Failure> {
    if !credentials::can_ask() {
        return Ok(());
    }
    let access = Access::open(context, (&context.settings, QueueLife::LastingAtRest), interrupt)?;
    if let Access::Own(engine) = &access {
        let queue = engine.snapshot();
        let is_to_be_done = |job: &&Arc<Job>| job.is_waiting() || matches!(job.state, JobState::Interrupted { .. });
        let jobs = queue.jobs.iter().filter(is_to_be_done);
        credentials::ask_for_missing(context, jobs.flat_map(|job| job.spec.destination.buckets()));
    }
    access.close();
    Ok(())
}

/// Works the queue off in this process, which others can reach meanwhile.
fn work_off(context: &Context, engine: &EngineHandle, json: bool, interrupt: &CancelToken) -> Outcome {
    let Subscription { base, events } = engine.subscribe();
    let _reachable = Server::start_or_warn(engine.clone(), &context.folders, Owner::Terminal);
    if base.queue_paused {
        context.output.say("the queue was paused and goes on");
    }
    let _ = engine.send(Command::ResumeQueue);
    let mut front = Front::new(context, (*base).clone(), json);
    // What the command comes to, before its events arrive.
    front.state.queue_paused = false;
    let held = base.jobs.iter().filter(|job| job.is_held()).count();
    if held > 0 {
        let (jobs, verb) = (format::count(held as u64, "job is", "jobs are"), if held == 1 { "stays" } else { "stay" });
        context.output.say(&format!("{jobs} held and {verb} so until “reelpress queue resume”"));
    }
    let waits_for_user = |job: &&Arc<Job>| job.is_waiting() && !job.is_held() && !job.starts_by_itself(&base.settings);
    for job in base.jobs.iter().filter(waits_for_user) {
        front.state.apply(&Event::JobRequeued { id: job.id });
    }
    let mut end = front.listen(&events, interrupt);
    while end == End::NothingLeft && front.goes_on_after_end(&events, interrupt) {
        end = front.listen(&events, interrupt);
    }
    let _ = engine.send(Command::Stop);
    wait_for_stop(&events, &mut |event| {
        // Of a job that was at work when the program was told to end.
        if end == End::Interrupted && matches!(event, Event::JobInterrupted { .. } | Event::JobFinished { .. }) {
            front.event(event);
        }
    });
    // What is done at the end of the queue is begun, and a sound is heard to its end.
    if !engine.wait_for_end(END_LIMIT) {
        tracing::warn!("the engine has not ended in time");
    }
    match end {
        End::Interrupted => front.interrupted("the queue waits: “reelpress queue run” goes on with it"),
        End::NothingLeft => front.say_what_holds_the_rest(),
        End::OwnerEnded | End::ToolsUnusable(_) => {}
    }
    front.outcome(&end)
}

/// Tells how the queue goes on in another process.
fn follow(context: &Context, mut client: Client, json: bool, interrupt: &CancelToken) -> Result<Outcome, Failure> {
    client.ask(&Request::Do { command: Box::new(Command::ResumeQueue) }).map_err(ControlError::into_failure)?;
    let Following { base, events } = client.follow().map_err(ControlError::into_failure)?;
    context.output.say("another Reelpress works the queue off; this follows it");
    let mut front = Front::new(context, base, json);
    let end = front.listen(&events, interrupt);
    match end {
        End::Interrupted => front.interrupted("the jobs go on in the other Reelpress"),
        End::OwnerEnded => {
            context.output.say_always("reelpress: the other Reelpress has ended; the queue waits");
            front.reporter.interrupted("the other Reelpress has ended; “reelpress queue run” goes on with the queue");
        }
        End::NothingLeft => front.say_what_holds_the_rest(),
        End::ToolsUnusable(_) => {}
    }
    Ok(front.outcome(&end))
}

/// Why there is nothing more to listen to.
#[derive(Debug, PartialEq)]
enum End {
    NothingLeft,
    Interrupted,
    ToolsUnusable(Failure),
    OwnerEnded,
}

/// Follows all jobs of a queue.
struct Front<'a> {
    context: &'a Context,
    reporter: Box<dyn Reporter + 'a>,
    state: Snapshot,
    announced: HashSet<JobId>,
    outcome: Outcome,
    /// What was said that the machine will do.
    planned: Option<PlannedPowerAction>,
}

impl<'a> Front<'a> {
    fn new(context: &'a Context, state: Snapshot, json: bool) -> Self {
        let reporter = reporter(&context.output, json, false);
        Self { context, reporter, state, announced: HashSet::new(), outcome: Outcome::AllDone, planned: None }
    }

    fn listen(&mut self, events: &Receiver<Event>, interrupt: &CancelToken) -> End {
        // Bound 1: an interrupt is told once.
        let (interrupted, interrupts) = crossbeam_channel::bounded(1);
        interrupt.on_cancel(move || {
            let _ = interrupted.try_send(());
        });
        let running: Vec<JobId> =
            self.state.jobs.iter().filter(|job| job.progress().is_some()).map(|job| job.id).collect();
        running.into_iter().for_each(|id| self.announce(id));
        self.say_what_waits();
        loop {
            if let ToolStatus::Unusable { failure } = &self.state.tools {
                return End::ToolsUnusable(failure.clone());
            }
            if !self.has_work() {
                return End::NothingLeft;
            }
            select_biased! {
                recv(interrupts) -> _ => return End::Interrupted,
                recv(events) -> event => match event {
                    Ok(Event::Stopped) | Err(_) => return End::OwnerEnded,
                    Ok(event) => {
                        self.event(&event);
                        let has_ended = matches!(
                            event,
                            Event::JobFinished { .. } | Event::JobFailed { .. } | Event::JobCancelled { .. }
                        );
                        if has_ended && self.waits_for_a_time() {
                            self.say_what_waits();
                        }
                    }
                },
            }
        }
    }

    /// Waits, where the machine will not stay on, until it is told so or kept on; true when there is work again.
    fn goes_on_after_end(&mut self, events: &Receiver<Event>, interrupt: &CancelToken) -> bool {
        while let Some(planned) = self.state.planned_power_action {
            if self.planned != Some(planned) {
                self.planned = Some(planned);
                let at = jiff::Zoned::new(planned.at, jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string();
                let verb = planned.action.verb();
                self.context.output.say_always(&format!(
                    "reelpress: the machine {verb} at {at}; Ctrl-C or “reelpress queue keep-on” keeps it on"
                ));
            }
            if interrupt.is_cancelled() {
                return false;
            }
            match events.recv_timeout(LOOK_INTERVAL) {
                Ok(event) => self.event(&event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        self.has_work()
    }

    /// Whether nothing is at work and nothing starts now, so that there is silence until a job's time comes.
    fn waits_for_a_time(&self) -> bool {
        let (settings, now) = (&self.state.settings, jiff::Zoned::now());
        let starts_now = |job: &crate::engine::Job| {
            job.starts_by_itself(settings) && job.waits_until(settings, &now).is_none() && !self.state.queue_paused
        };
        !self.state.jobs.iter().any(|job| job.progress().is_some() || starts_now(job)) && self.has_work()
    }

    /// Says how many jobs wait, and until when if none of them starts now.
    fn say_what_waits(&self) {
        let settings = &self.state.settings;
        let waiting = self.state.jobs.iter().filter(|job| job.starts_by_itself(settings));
        let count = waiting.clone().count() as u64;
        if count == 0 {
            return;
        }
        let now = jiff::Zoned::now();
        // None of these is a job that may start now, which comes before all times.
        let first = waiting.map(|job| job.waits_until(settings, &now)).min().flatten();
        let until = first.map(|at| format!("; the first starts at {}", schedule::short_time(at, &now)));
        let jobs = format::count(count, "job", "jobs");
        self.context.output.say(&format!("{jobs} waiting{}", until.unwrap_or_default()));
    }

    /// Says why nothing goes on although jobs wait, or that none did.
    fn say_what_holds_the_rest(&self) {
        let is_held = self.state.jobs.iter().any(|job| job.is_held());
        if self.announced.is_empty() && !self.state.queue_paused && !is_held {
            self.context.output.say("no job waits in the queue");
        }
        let waiting = self.state.jobs.iter().filter(|job| job.starts_by_itself(&self.state.settings)).count() as u64;
        if self.state.queue_paused && waiting > 0 {
            let (jobs, verb) = (format::count(waiting, "job", "jobs"), if waiting == 1 { "waits" } else { "wait" });
            self.context.output.say_always(&format!(
                "reelpress: the queue was paused and {jobs} {verb}; “reelpress queue run” goes on with them"
            ));
        }
    }

    /// Whether a job is at work, or starts at some time.
    fn has_work(&self) -> bool {
        let starts = |job: &crate::engine::Job| job.starts_by_itself(&self.state.settings) && !self.state.queue_paused;
        self.state.jobs.iter().any(|job| job.progress().is_some() || starts(job))
    }

    fn event(&mut self, event: &Event) {
        self.state.apply(event);
        match event {
            Event::JobStarted { id, .. } => self.announce(*id),
            Event::JobFailed { id, failure, .. } => {
                self.announce(*id);
                self.outcome = self.outcome.max(Outcome::of(failure));
            }
            Event::Noticed { failure } => self.outcome = self.outcome.max(Outcome::of(failure)),
            Event::JobRetryPlanned { retry, .. } if retry.waits_for_keys => {
                self.outcome = self.outcome.max(Outcome::of(&retry.failure));
            }
            // Told when it begins: a queue may be long.
            Event::JobAdded { .. } => return,
            _ => {}
        }
        let spec = event.job().and_then(|id| self.state.job(id)).map(|job| job.spec.clone());
        self.reporter.event(event, spec.as_ref());
    }

    /// Says how to go on to whoever has ended the program, person or program.
    fn interrupted(&mut self, hint: &str) {
        self.context.output.say(hint);
        self.reporter.interrupted(hint);
    }

    /// Lets the reporter know a job.
    fn announce(&mut self, id: JobId) {
        if let Some(job) = self.state.job(id)
            && self.announced.insert(id)
        {
            let added = Event::JobAdded { id, spec: Box::new(job.spec.clone()), at: job.added_at };
            self.reporter.event(&added, Some(&job.spec));
        }
    }

    fn outcome(&self, end: &End) -> Outcome {
        let of_the_end = match end {
            End::NothingLeft => Outcome::AllDone,
            End::Interrupted => Outcome::Interrupted,
            End::OwnerEnded => Outcome::SomeFailed,
            End::ToolsUnusable(failure) => {
                self.context.output.failure(None, failure);
                Outcome::of(failure)
            }
        };
        self.outcome.max(of_the_end)
    }
}
