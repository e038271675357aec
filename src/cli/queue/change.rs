//! Changing the queue: hold, end, order, times.

use std::sync::Arc;

use jiff::Zoned;

use super::{Access, MovePlace, QueueCommand, Refusal, choose, tell_notices};
use crate::{
    cli::{Context, bad_usage},
    engine::{Command, Job, Snapshot},
    format,
    job::{JobId, JobState, schedule},
    settings::Settings,
};

/// Whether something can be done with a job; else what it is instead.
type Rule = fn(&Job) -> Result<(), &'static str>;

/// Does what was asked, and says so.
pub(super) fn change(context: &Context, access: &mut Access, command: QueueCommand) -> Result<(), Refusal> {
    let snapshot = access.snapshot()?;
    let mut changes = Changes { context, access, snapshot: &snapshot };
    match command {
        QueueCommand::Pause { jobs, now, .. } if jobs.is_empty() => changes.pause_queue(now),
        QueueCommand::Pause { jobs, .. } => changes.each(&jobs, can_be_held, |id| Command::Pause { id }, "is held"),
        QueueCommand::Resume { jobs } if jobs.is_empty() => changes.resume_queue(),
        QueueCommand::Resume { jobs } => changes.resume(&jobs),
        QueueCommand::Cancel { jobs } => {
            changes.each(&jobs, can_be_cancelled, |id| Command::Cancel { id }, "is cancelled")
        }
        QueueCommand::Retry { failed: true, .. } => changes.retry_failed(),
        QueueCommand::Retry { jobs, .. } => {
            changes.each(&jobs, can_be_retried, |id| Command::Retry { id }, "waits again")
        }
        QueueCommand::Remove { jobs } => {
            let ids = changes.ids(&jobs, can_be_removed)?;
            changes.remove(ids)
        }
        QueueCommand::Move { job, place } => changes.move_job(&job, place),
        QueueCommand::Priority { priority, jobs } => {
            let words = format!("has priority {}", priority.number());
            changes.each(&jobs, can_be_scheduled, |id| Command::SetPriority { id, priority }, &words)
        }
        QueueCommand::Start { jobs, at: None } => {
            changes.each(&jobs, is_waiting, |id| Command::StartNow { id }, "starts as soon as there is a place")
        }
        QueueCommand::Start { jobs, at } => {
            let words = at.map(|at| format!("starts at {}", schedule::short_time(at, &jiff::Zoned::now())));
            changes.each(&jobs, can_be_scheduled, |id| Command::StartAt { id, at }, &words.unwrap_or_default())
        }
        QueueCommand::Clear { failed, all } => {
            let jobs = snapshot.jobs.iter().filter(|job| is_cleared(job, failed, all));
            let ids = jobs.map(|job| job.id).collect();
            changes.remove(ids)
        }
        QueueCommand::List { .. }
        | QueueCommand::Add(_)
        | QueueCommand::Run { .. }
        | QueueCommand::Hours { .. }
        | QueueCommand::History { .. }
        | QueueCommand::Again { .. }
        | QueueCommand::Report { .. }
        | QueueCommand::WhenDone(_)
        | QueueCommand::KeepOn
        | QueueCommand::Export { .. }
        | QueueCommand::Import { .. } => Ok(()),
    }
}

fn is_cleared(job: &Job, failed: bool, all: bool) -> bool {
    match job.state {
        JobState::Done { .. } => true,
        JobState::Failed { .. } | JobState::Cancelled => failed || all,
        // What is encoded goes when somebody names the job, not with many others.
        JobState::Waiting | JobState::Interrupted { .. } => all && job.encoded().is_none() && !job.has_remains(),
        JobState::Running { .. } => false,
    }
}

fn can_be_held(job: &Job) -> Result<(), &'static str> {
    match job.state {
        _ if job.is_held() => Err("is held already"),
        _ if job.can_be_paused() => Ok(()),
        JobState::Running { .. } => Err("has no encoder at work that could be held"),
        _ => Err("is not at work"),
    }
}

fn is_held(job: &Job) -> Result<(), &'static str> {
    if job.is_held() { Ok(()) } else { Err("is not held") }
}

fn can_be_cancelled(job: &Job) -> Result<(), &'static str> {
    if job.state.is_at_rest() { Err("has ended already") } else { Ok(()) }
}

fn can_be_retried(job: &Job) -> Result<(), &'static str> {
    match job.state {
        JobState::Failed { .. } | JobState::Cancelled | JobState::Interrupted { .. } => Ok(()),
        _ if job.waits_for_retry().is_some() => Ok(()),
        JobState::Done { .. } => Err("is done"),
        _ => Err("has not failed"),
    }
}

fn can_be_removed(job: &Job) -> Result<(), &'static str> {
    if matches!(job.state, JobState::Running { .. }) { Err("is at work: cancel it first") } else { Ok(()) }
}

fn can_be_scheduled(job: &Job) -> Result<(), &'static str> {
    match job.state {
        JobState::Running { .. } => Err("is at work already"),
        JobState::Done { .. } => Err("is done"),
        _ => Ok(()),
    }
}

fn is_waiting(job: &Job) -> Result<(), &'static str> {
    can_be_scheduled(job)?;
    if job.is_held() {
        return Err("is held: resume it");
    }
    if job.is_waiting() { Ok(()) } else { Err("does not wait: retry it") }
}

struct Changes<'a> {
    context: &'a Context,
    access: &'a mut Access,
    snapshot: &'a Snapshot,
}

/// What happens to jobs at work when the queue is paused, of which some were held.
fn paused_words(at_work: usize, held: Option<u64>) -> String {
    let at_work = match held {
        _ if at_work == 0 => String::new(),
        None => "; those at work are finished".to_owned(),
        Some(0) => "; none at work has an encoder that could be held".to_owned(),
        Some(held) => {
            let jobs = format::count(held, "job at work is held", "jobs at work are held");
            format!("; {jobs}, until “reelpress queue resume”")
        }
    };
    format!("no further jobs start{at_work}")
}

/// What becomes of the files of jobs that are taken off the list.
fn removal_words(jobs: &[&Arc<Job>]) -> String {
    let goes = |job: &&Arc<Job>| {
        let Some(encoded) = job.encoded() else { return job.loses_work().then(|| job.spec.source_name()) };
        let percent = job.fraction().map(|fraction| format!(", {}", format::percent(fraction)));
        Some(format!("{} of {}{}", format::clock(encoded), job.spec.source_name(), percent.unwrap_or_default()))
    };
    let begun: Vec<String> = jobs.iter().filter_map(goes).collect();
    match begun.is_empty() {
        true => "finished files stay".to_owned(),
        false => format!("finished files stay; what was encoded goes: {}", begun.join("; ")),
    }
}

/// What a job is after it was moved to the top, or to the bottom, where those at work have their places.
fn moved_words(job: &Job, is_first: bool, (settings, now): (&Settings, &Zoned)) -> String {
    let (in_order, to_start) = match is_first {
        true => ("is the first in the order", "is the next to start"),
        false => ("is the last in the order", "is the last to start"),
    };
    if job.is_held() {
        return format!("{in_order}, and held until “reelpress queue resume”");
    }
    match job.waits_until(settings, now) {
        Some(at) => format!("{in_order}, and starts at {}", schedule::short_time(at, now)),
        None if job.is_waiting() => to_start.to_owned(),
        None if is_first => "is before all that wait".to_owned(),
        None => "is after all that wait".to_owned(),
    }
}

impl Changes<'_> {
    fn ask(&mut self, command: Command) -> Result<(), Refusal> {
        let answer = self.access.ask(command)?;
        tell_notices(self.context, &answer);
        Ok(())
    }

    fn say(&self, words: &str) {
        self.context.output.say(words);
    }

    /// The jobs that are meant, if what is asked can be done with all of them: nothing is done by halves.
    fn jobs(&self, names: &[String], rule: Rule) -> Result<Vec<Arc<Job>>, Refusal> {
        let jobs = choose::chosen(self.snapshot, names, &|job| rule(job).is_ok()).map_err(Refusal::usage)?;
        for job in &jobs {
            if let Err(words) = rule(job) {
                let headline = format!("“{}” {words}", job.spec.source_name());
                return Err(bad_usage(headline, "“reelpress queue list” shows where each job stands").into());
            }
        }
        Ok(jobs)
    }

    fn ids(&self, names: &[String], rule: Rule) -> Result<Vec<JobId>, Refusal> {
        Ok(self.jobs(names, rule)?.iter().map(|job| job.id).collect())
    }

    fn each(
        &mut self,
        names: &[String],
        rule: Rule,
        command: impl Fn(JobId) -> Command,
        done: &str,
    ) -> Result<(), Refusal> {
        for job in self.jobs(names, rule)? {
            self.ask(command(job.id))?;
            self.say(&format!("{} {done}", choose::named(&job)));
        }
        Ok(())
    }

    fn pause_queue(&mut self, now: bool) -> Result<(), Refusal> {
        self.ask(Command::PauseQueue)?;
        let at_work: Vec<&Arc<Job>> = self.snapshot.jobs.iter().filter(|job| job.progress().is_some()).collect();
        let mut held = 0;
        if now {
            for job in at_work.iter().filter(|job| can_be_held(job).is_ok()) {
                self.ask(Command::Pause { id: job.id })?;
                held += 1;
            }
        }
        self.say(&paused_words(at_work.len(), now.then_some(held)));
        Ok(())
    }

    fn resume(&mut self, names: &[String]) -> Result<(), Refusal> {
        for job in self.jobs(names, is_held)? {
            self.ask(Command::Resume { id: job.id })?;
            // One that was held when the program ended waits for its turn.
            let waits = job.is_waiting() && self.snapshot.queue_paused;
            let words =
                if waits { "goes on after “reelpress queue resume”: the queue is paused" } else { "goes on" };
            self.say(&format!("{} {words}", choose::named(&job)));
        }
        Ok(())
    }

    fn resume_queue(&mut self) -> Result<(), Refusal> {
        for job in self.snapshot.jobs.iter().filter(|job| is_held(job).is_ok()) {
            self.ask(Command::Resume { id: job.id })?;
        }
        self.ask(Command::ResumeQueue)?;
        self.say(match self.access {
            Access::Own(_) => "jobs start again with “reelpress queue run” or with the window",
            Access::Owner(_) => "jobs start again",
        });
        Ok(())
    }

    fn retry_failed(&mut self) -> Result<(), Refusal> {
        let failed = self.snapshot.jobs.iter().filter(|job| matches!(job.state, JobState::Failed { .. })).count();
        self.ask(Command::RetryFailed)?;
        self.say(&match failed {
            0 => "no job has failed".to_owned(),
            1 => "1 failed job waits again".to_owned(),
            several => format!("{several} failed jobs wait again"),
        });
        Ok(())
    }

    fn remove(&mut self, ids: Vec<JobId>) -> Result<(), Refusal> {
        let count = format::count(ids.len() as u64, "job", "jobs");
        let jobs: Vec<&Arc<Job>> = ids.iter().filter_map(|id| self.snapshot.job(*id)).collect();
        let files = removal_words(&jobs);
        if !ids.is_empty() {
            self.ask(Command::RemoveJobs { ids })?;
        }
        self.say(&format!("{count} taken off the list; {files}"));
        Ok(())
    }

    fn move_job(&mut self, name: &str, place: MovePlace) -> Result<(), Refusal> {
        let job = choose::one(self.snapshot, name, &Job::is_waiting).map_err(Refusal::usage)?;
        let id = job.id;
        let (command, words) = match place.to {
            Some(line) => {
                let index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
                let index = index.min(self.snapshot.jobs.len().saturating_sub(1));
                (Command::MoveTo { id, index }, format!("is in line {}", index + 1))
            }
            None => {
                let (command, priority) = match place.top {
                    true => (Command::MoveToTop { id }, self.snapshot.priority_at_top(id)),
                    false => (Command::MoveToBottom { id }, self.snapshot.priority_at_bottom(id)),
                };
                let words = moved_words(&job, place.top, (&self.snapshot.settings, &Zoned::now()));
                let (before, after) = (job.schedule.priority.number(), priority.number());
                let has_changed = before != after;
                (
                    command,
                    if has_changed { format!("{words}; its priority is {after} now (was {before})") } else { words },
                )
            }
        };
        self.ask(command)?;
        self.say(&format!("{} {words}", choose::named(&job)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, civil::date, tz::TimeZone};

    use super::*;
    use crate::{
        engine::Event,
        job::{Destination, JobSpec, Schedule},
        media::SourceMedia,
        preset::find_preset,
    };

    #[test]
    fn a_job_at_the_top_or_bottom_that_waits_for_its_time_or_is_held_does_not_start_next_or_last() {
        let now = date(2026, 11, 21).at(18, 30, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        let mut snapshot = Snapshot::default();
        let spec = JobSpec::stream("a.mp4", find_preset("quick").unwrap(), Destination::Folder("out".into()));
        let id = JobId::generate();
        snapshot.apply(&Event::JobAdded { id, spec: Box::new(spec), at: Timestamp::UNIX_EPOCH });
        let words = |snapshot: &Snapshot| {
            [true, false].map(|top| moved_words(snapshot.job(id).unwrap(), top, (&snapshot.settings, &now)))
        };
        assert_eq!(words(&snapshot), ["is the next to start", "is the last to start"]);
        let start_at = Some(date(2026, 11, 21).at(22, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp());
        snapshot.apply(&Event::JobScheduled { id, schedule: Schedule { start_at, ..Schedule::default() } });
        let starts =
            ["is the first in the order, and starts at 22:00", "is the last in the order, and starts at 22:00"];
        assert_eq!(words(&snapshot), starts);
        let reached = std::time::Duration::from_secs(5);
        snapshot.apply(&Event::JobInterrupted { id, reached, folder: None, is_held: true });
        assert!(words(&snapshot).iter().all(|words| words.ends_with("order, and held until “reelpress queue resume”")));
    }

    #[test]
    fn a_removal_says_what_goes_of_each_job_that_has_begun() {
        let mut snapshot = Snapshot::default();
        for name in ["a.mp4", "b.mp4"] {
            let spec = JobSpec::stream(name, find_preset("quick").unwrap(), Destination::Folder("out".into()));
            let (id, at) = (JobId::generate(), Timestamp::UNIX_EPOCH);
            snapshot.apply(&Event::JobAdded { id, spec: Box::new(spec), at });
        }
        let words = |snapshot: &Snapshot| removal_words(&snapshot.jobs.iter().collect::<Vec<_>>());
        assert_eq!(words(&snapshot), "finished files stay");
        let id = snapshot.jobs[1].id;
        let duration = Some(std::time::Duration::from_secs(100));
        let source = Box::new(SourceMedia { duration, ..SourceMedia::default() });
        snapshot.apply(&Event::SourceProbed { id, source });
        let reached = std::time::Duration::from_secs(34);
        snapshot.apply(&Event::JobInterrupted { id, reached, folder: None, is_held: false });
        assert_eq!(words(&snapshot), "finished files stay; what was encoded goes: 00:00:34 of b.mp4, 34 %");
        assert!(!is_cleared(&snapshot.jobs[1], true, true) && is_cleared(&snapshot.jobs[0], false, true));

        // One that tries again after the network was lost.
        let id = snapshot.jobs[0].id;
        snapshot.apply(&Event::StreamLeft { id, reached: std::time::Duration::ZERO, folder: "out/a".into() });
        snapshot.apply(&Event::JobRequeued { id });
        assert_eq!(words(&snapshot), "finished files stay; what was encoded goes: a.mp4; 00:00:34 of b.mp4, 34 %");
        assert!(!is_cleared(&snapshot.jobs[0], false, true));
    }

    #[test]
    fn a_pause_says_what_becomes_of_jobs_at_work() {
        assert_eq!(paused_words(0, Some(0)), "no further jobs start");
        assert_eq!(paused_words(2, None), "no further jobs start; those at work are finished");
        assert!(paused_words(2, Some(1)).starts_with("no further jobs start; 1 job at work is held"));
    }
}
