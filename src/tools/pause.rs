//! Holding a running child without ending it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::child;

/// Holds and releases the process groups of a job. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct PauseSwitch {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_paused: bool,
    groups: Vec<u32>,
    /// When the hold began that lasts.
    held_since: Option<Instant>,
    /// Length of all holds that are over.
    held: Duration,
}

/// Keeps a process group under a switch until it is dropped.
#[derive(Debug)]
pub struct PauseGuard {
    switch: PauseSwitch,
    process_id: u32,
}

impl PauseSwitch {
    /// Whether a process can be held on this system.
    pub const IS_SUPPORTED: bool = cfg!(unix);

    /// Holds all processes, also those that start later, or lets them go on.
    pub fn set(&self, is_paused: bool) {
        let mut state = self.lock();
        state.is_paused = is_paused;
        if !is_paused && let Some(since) = state.held_since.take() {
            state.held += since.elapsed();
        } else if is_paused {
            state.held_since.get_or_insert_with(Instant::now);
        }
        for group in &state.groups {
            child::hold_group(*group, is_paused);
        }
    }

    /// Whether what is under the switch is held.
    pub fn is_set(&self) -> bool {
        self.lock().is_paused
    }

    /// For how long it was held in all.
    pub fn held(&self) -> Duration {
        let state = self.lock();
        state.held + state.held_since.map(|since| since.elapsed()).unwrap_or_default()
    }

    /// How long was worked since `started`, from which on the switch has been there: without the holds.
    pub fn worked_since(&self, started: Instant) -> Duration {
        started.elapsed().saturating_sub(self.held())
    }

    /// Puts the child with this process id, which must be the leader of its group, under the switch.
    pub fn guard(&self, process_id: u32) -> PauseGuard {
        let mut state = self.lock();
        state.groups.push(process_id);
        if state.is_paused {
            child::hold_group(process_id, true);
        }
        drop(state);
        PauseGuard { switch: self.clone(), process_id }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PauseGuard {
    fn drop(&mut self) {
        self.switch.lock().groups.retain(|group| *group != self.process_id);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// The letter of the kernel for what a process does: T is stopped.
    fn state_of(process_id: u32) -> char {
        let text = std::fs::read_to_string(format!("/proc/{process_id}/stat")).expect("the process is known");
        text.rsplit(") ").next().and_then(|rest| rest.chars().next()).expect("the kernel tells a state")
    }

    #[test]
    fn a_child_is_held_and_goes_on_whether_it_started_before_or_after() {
        let switch = PauseSwitch::default();
        let mut command = Command::new("sleep");
        child::isolate(command.arg("60").stdin(Stdio::null()));
        let mut first = command.spawn().unwrap();
        let guard = switch.guard(first.id());
        switch.set(true);
        let mut second = command.spawn().unwrap();
        let _guard = switch.guard(second.id());
        for child in [&first, &second] {
            while state_of(child.id()) != 'T' {
                std::thread::yield_now();
            }
        }
        let held = switch.held();
        assert!(!held.is_zero() && switch.held() > held);
        switch.set(false);
        let held = switch.held();
        assert_eq!(switch.held(), held);
        while state_of(first.id()) == 'T' || state_of(second.id()) == 'T' {
            std::thread::yield_now();
        }
        drop(guard);
        switch.set(true);
        assert_ne!(state_of(first.id()), 'T', "it is no longer under the switch");
        for child in [&mut first, &mut second] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
