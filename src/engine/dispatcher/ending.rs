//! What is done when the queue has nothing left to do.

use std::time::Instant;

use jiff::Timestamp;

use super::{Dispatcher, Event};
use crate::{
    engine::{PlannedPowerAction, scheduler},
    settings::PowerAction,
    tools::power,
};

impl Dispatcher {
    /// Whether the passing of time alone lets something happen.
    pub(super) fn waits_for_a_time(&self) -> bool {
        self.snapshot.planned_power_action.is_some() || scheduler::a_job_waits_for_its_time(&self.snapshot)
    }

    /// What follows from the state for the end of the queue. Told together with what led to it, so that nobody sees a
    /// queue at its end and does not know what the machine does next.
    pub(super) fn end_of_queue(&mut self) -> Vec<Event> {
        let planned = self.snapshot.planned_power_action;
        if planned.is_some() && self.snapshot.has_work() {
            return vec![Event::PowerActionCancelled];
        }
        if !self.services.is_lasting() || self.is_stopping {
            return Vec::new();
        }
        let Some(ended) = self.ended.at_end_of(&self.snapshot) else { return Vec::new() };
        let when_done = &self.snapshot.settings.when_done;
        let (done, failed) = (ended.done, ended.failed + ended.refused);
        self.services.tell_end(when_done, done, failed);
        let mut events = vec![Event::QueueFinished { done, failed }];
        if when_done.power != PowerAction::StayOn
            && let Ok(at) = Timestamp::now().checked_add(power::notice())
        {
            self.power_due = Instant::now().checked_add(power::notice());
            let planned = PlannedPowerAction { action: when_done.power, at };
            events.push(Event::PowerActionPlanned { planned });
        }
        events
    }

    /// Does what was planned when its time has come.
    pub(super) fn perform_planned(&mut self) {
        if let Some(planned) = self.snapshot.planned_power_action
            && self.power_due.is_none_or(|due| due <= Instant::now())
        {
            self.emit(vec![Event::PowerActionBegun]);
            self.services.perform(planned.action);
        }
    }

    pub(super) fn keep_on(&mut self) {
        if self.snapshot.planned_power_action.is_some() {
            self.emit(vec![Event::PowerActionCancelled]);
        }
    }
}
