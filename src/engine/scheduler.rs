//! Which job starts next. Pure.

use std::sync::Arc;

use jiff::{Timestamp, Zoned};

use super::{Job, Snapshot};
use crate::{
    job::{JobId, JobState, Priority},
    settings::Settings,
};

impl Job {
    /// Whether it has a turn to wait for; an interrupted one waits to go on.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, JobState::Waiting | JobState::Interrupted { .. })
    }

    /// Whether it waits for access keys that nobody has given yet.
    pub fn waits_for_keys(&self) -> bool {
        self.waits_for_retry().is_some_and(|retry| retry.waits_for_keys)
    }

    /// Whether the user holds it, also since an earlier run of the program.
    pub fn is_held(&self) -> bool {
        matches!(self.state, JobState::Running { is_paused: true, .. } | JobState::Interrupted { is_held: true, .. })
    }

    /// Whether it starts when its turn comes, without being asked for.
    pub fn starts_by_itself(&self, settings: &Settings) -> bool {
        match self.state {
            JobState::Waiting => !self.waits_for_keys(),
            JobState::Interrupted { is_held, .. } => settings.goes_on_by_itself && !is_held,
            _ => false,
        }
    }

    /// The earliest time at which a waiting job may start by its own schedule and the queue's working hours; `None` when
    /// it may start now, or does not wait.
    pub fn waits_until(&self, settings: &Settings, now: &Zoned) -> Option<Timestamp> {
        let until = self.schedule.waits_until(settings.working_hours, now);
        until.filter(|_| self.is_waiting())
    }

    fn is_due(&self, settings: &Settings, now: &Zoned) -> bool {
        self.starts_by_itself(settings)
            && self.waits_for_retry().is_none_or(|retry| retry.is_due(now.timestamp()))
            && self.waits_until(settings, now).is_none()
    }
}

impl Snapshot {
    /// How urgent a job must be to come before all others that wait; never less than it is.
    pub fn priority_at_top(&self, id: JobId) -> Priority {
        self.waiting_priorities(id).chain(self.priority(id)).max().unwrap_or_default()
    }

    /// How urgent a job may be to come after all others that wait; never more than it is.
    pub fn priority_at_bottom(&self, id: JobId) -> Priority {
        self.waiting_priorities(id).chain(self.priority(id)).min().unwrap_or_default()
    }

    fn priority(&self, id: JobId) -> Option<Priority> {
        self.job(id).map(|job| job.schedule.priority)
    }

    /// Priorities of the jobs that wait beside this one.
    fn waiting_priorities(&self, but: JobId) -> impl Iterator<Item = Priority> {
        self.jobs.iter().filter(move |job| job.is_waiting() && job.id != but).map(|job| job.schedule.priority)
    }
}

/// The job that starts next when there is a place for one: the most urgent of those whose time has come, and of several
/// the first in the list. Those that `can_start` refuses let others pass.
pub(super) fn next_job<'a>(
    snapshot: &'a Snapshot,
    now: &Zoned,
    can_start: &dyn Fn(&Job) -> bool,
) -> Option<&'a Arc<Job>> {
    let due = snapshot.jobs.iter().filter(|job| job.is_due(&snapshot.settings, now) && can_start(job));
    // Of equal ones `max_by_key` gives the last, `min_by_key` the first.
    due.min_by_key(|job| std::cmp::Reverse(job.schedule.priority))
}

/// Whether the passing of time alone can let a job start.
pub(super) fn a_job_waits_for_its_time(snapshot: &Snapshot) -> bool {
    let has_hours = snapshot.settings.working_hours.is_some();
    let waits =
        |job: &Arc<Job>| job.is_waiting() && (has_hours || job.retry.is_some() || job.schedule.start_at.is_some());
    snapshot.jobs.iter().any(waits)
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Time, date};

    use super::*;
    use crate::{
        engine::{Event, PlannedRetry},
        failure::{Failure, FailureKind},
        job::{Destination, JobId, JobSpec, Priority, Schedule, WorkingHours},
        preset::find_preset,
    };

    fn now() -> Zoned {
        date(2026, 11, 21).at(18, 30, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap()
    }

    fn queue(schedules: &[Schedule]) -> (Snapshot, Vec<JobId>) {
        let mut snapshot = Snapshot::default();
        let ids = schedules.iter().map(|schedule| {
            let id = JobId::generate();
            let spec = JobSpec::stream("a.mp4", find_preset("quick").unwrap(), Destination::Folder("out".into()));
            snapshot.apply(&Event::JobAdded { id, spec: Box::new(spec), at: Timestamp::UNIX_EPOCH });
            snapshot.apply(&Event::JobScheduled { id, schedule: *schedule });
            id
        });
        let ids = ids.collect();
        (snapshot, ids)
    }

    fn urgent(number: u8) -> Schedule {
        Schedule { priority: Priority::new(number).unwrap(), ..Schedule::default() }
    }

    /// The order in which the jobs start.
    fn order(mut snapshot: Snapshot, ids: &[JobId]) -> Vec<usize> {
        let mut order = Vec::new();
        while let Some(id) = next_job(&snapshot, &now(), &|_| true).map(|job| job.id) {
            order.push(ids.iter().position(|known| *known == id).unwrap());
            snapshot.apply(&Event::JobStarted { id, at: Timestamp::UNIX_EPOCH });
        }
        order
    }

    #[test]
    fn urgent_jobs_start_first_and_equal_ones_in_their_order() {
        let (snapshot, ids) = queue(&[urgent(50), urgent(80), urgent(50), urgent(100), urgent(80), urgent(0)]);
        assert_eq!(order(snapshot, &ids), [3, 1, 4, 0, 2, 5]);
    }

    #[test]
    fn a_job_that_starts_later_lets_others_pass_and_starts_when_its_time_has_come() {
        let at = now().timestamp() + jiff::SignedDuration::from_secs(1);
        let later = Schedule { start_at: Some(at), ..urgent(90) };
        let (snapshot, ids) = queue(&[later, urgent(50)]);
        assert!(a_job_waits_for_its_time(&snapshot));
        let then = at.to_zoned(jiff::tz::TimeZone::UTC);
        assert_eq!(next_job(&snapshot, &then, &|_| true).unwrap().id, ids[0]);
        assert_eq!(order(snapshot, &ids), [1]);
    }

    #[test]
    fn working_hours_hold_for_all_but_those_that_are_started_by_hand() {
        let by_hand = Schedule { ignores_working_hours: true, ..urgent(50) };
        let (mut snapshot, ids) = queue(&[urgent(50), by_hand]);
        let hours = WorkingHours { from: Time::constant(22, 0, 0, 0), to: Time::constant(6, 0, 0, 0) };
        let settings = Settings { working_hours: Some(hours), ..Settings::default() };
        snapshot.apply(&Event::SettingsChanged { settings: Box::new(settings) });
        assert!(a_job_waits_for_its_time(&snapshot));
        assert_eq!(order(snapshot, &ids), [1]);
    }

    #[test]
    fn working_hours_are_those_of_the_clock_also_when_it_changes_for_summer_and_winter() {
        let berlin = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let (mut snapshot, ids) = queue(&[urgent(50)]);
        let hours = WorkingHours { from: Time::constant(2, 30, 0, 0), to: Time::constant(4, 0, 0, 0) };
        snapshot.apply(&Event::SettingsChanged {
            settings: Box::new(Settings { working_hours: Some(hours), ..Settings::default() }),
        });
        let starts = |text: &str| {
            let at = text.parse::<Timestamp>().unwrap().to_zoned(berlin.clone());
            next_job(&snapshot, &at, &|_| true).map(|job| job.id) == Some(ids[0])
        };
        // On 29 March 2026 there is no 02:30: the hours begin with 03:00.
        assert!(!starts("2026-03-29T00:59:59Z") && starts("2026-03-29T01:00:00Z") && !starts("2026-03-29T02:00:00Z"));
        // On 25 October 2026 there are two; the hours last one longer, with a break while it is 02:00 again.
        assert!(!starts("2026-10-25T00:29:59Z") && starts("2026-10-25T00:30:00Z"));
        assert!(!starts("2026-10-25T01:15:00Z") && starts("2026-10-25T01:30:00Z") && !starts("2026-10-25T03:00:00Z"));
    }

    #[test]
    fn a_job_that_has_begun_does_not_begin_again_when_the_clock_is_set_back() {
        let start_at = Some(now().timestamp());
        let (mut snapshot, ids) = queue(&[Schedule { start_at, ..urgent(50) }]);
        let id = next_job(&snapshot, &now(), &|_| true).unwrap().id;
        snapshot.apply(&Event::JobStarted { id, at: now().timestamp() });
        let back = now().checked_sub(jiff::SignedDuration::from_hours(3)).unwrap();
        for at in [&back, &now()] {
            assert_eq!(next_job(&snapshot, at, &|_| true), None);
        }
        snapshot.apply(&Event::JobCancelled { id: ids[0], at: back.timestamp() });
        assert_eq!(next_job(&snapshot, &now(), &|_| true), None);
    }

    #[test]
    fn a_planned_retry_waits_for_its_time() {
        let (mut snapshot, ids) = queue(&[urgent(50), urgent(50)]);
        let not_before = now().timestamp() + jiff::SignedDuration::from_secs(5);
        let failure = Failure::new(FailureKind::NetworkLost, "No connection", "Check the network");
        let retry = Box::new(PlannedRetry { number: 1, not_before, failure, waits_for_keys: false });
        snapshot.apply(&Event::JobRetryPlanned { id: ids[0], retry });
        assert!(a_job_waits_for_its_time(&snapshot));
        assert_eq!(order(snapshot, &ids), [1]);
    }
}
