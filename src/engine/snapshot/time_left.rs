//! How long the queue will take.

use std::time::Duration;

use super::{Job, Snapshot};
use crate::{
    job::{JobKind, JobState, Progress},
    preset::Preset,
};

/// How fast jobs of one kind were on this machine.
struct MeasuredKind<'a> {
    preset: &'a Preset,
    kind: &'a JobKind,
    /// Seconds of source in a second of work, of all of them together.
    speeds: f64,
    jobs: f64,
}

impl Snapshot {
    /// Expected time until all running and waiting jobs are done, from the speed of jobs of the same kind that are done,
    /// else of those that run. What goes on only when the user wants it does not count: jobs that are held, and those that
    /// wait in a paused queue. `None` when it can't be told, and when nothing goes on.
    pub fn time_left(&self) -> Option<Duration> {
        let at_work = self.jobs.iter().filter(|job| !job.is_held());
        let running: Vec<&Progress> = at_work.filter_map(|job| job.progress()).collect();
        let left_running = match running.as_slice() {
            [] => Duration::ZERO,
            running => running.iter().filter_map(|progress| progress.time_left).max()?,
        };
        let kinds = self.measured_kinds();
        let running_speed: f64 = running.iter().filter_map(|progress| progress.speed).sum();
        let side_by_side = running.len().max(1) as f64;
        let mut waiting_seconds = 0.0;
        let mut waits = false;
        let usual = self.usual_length();
        for job in self.jobs.iter().filter(|job| !self.queue_paused && job.comes_by_itself()) {
            // A source that was not looked at yet is taken for one like the others, so that the time does not grow while
            // many files are looked at.
            let whole = if job.source.is_some() { job.length_to_encode() } else { usual };
            let Some(length) = whole.map(|whole| whole.saturating_sub(job.reached)) else { continue };
            let measured = kinds.iter().find(|known| known.is_of(job)).map(|known| known.speeds / known.jobs);
            let speed = measured.map_or(running_speed, |speed| speed * side_by_side);
            if speed <= 0.0 {
                return None;
            }
            waiting_seconds += length.as_secs_f64() / speed;
            waits = true;
        }
        if running.is_empty() && !waits {
            return None;
        }
        left_running.checked_add(Duration::try_from_secs_f64(waiting_seconds).ok()?)
    }

    /// The mean of what is to be encoded of the sources whose length is known.
    fn usual_length(&self) -> Option<Duration> {
        let known: Vec<Duration> = self.jobs.iter().filter_map(|job| job.length_to_encode()).collect();
        known.iter().sum::<Duration>().checked_div(u32::try_from(known.len()).ok()?)
    }

    fn measured_kinds(&self) -> Vec<MeasuredKind<'_>> {
        let mut kinds: Vec<MeasuredKind<'_>> = Vec::new();
        for job in self.jobs.iter() {
            let JobState::Done { report } = &job.state else { continue };
            let Some(speed) = report.speed.filter(|speed| *speed > 0.0) else { continue };
            match kinds.iter_mut().find(|known| known.is_of(job)) {
                Some(known) => {
                    known.speeds += speed;
                    known.jobs += 1.0;
                }
                None => kinds.push(MeasuredKind {
                    preset: &job.spec.preset,
                    kind: &job.spec.kind,
                    speeds: speed,
                    jobs: 1.0,
                }),
            }
        }
        kinds
    }
}

impl MeasuredKind<'_> {
    fn is_of(&self, job: &Job) -> bool {
        *self.preset == job.spec.preset && *self.kind == job.spec.kind
    }
}
