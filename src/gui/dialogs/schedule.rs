//! How urgent jobs are, and when they may start.

use std::sync::Arc;

use eframe::egui::{self, Slider, Ui};
use jiff::{Timestamp, Zoned, tz::TimeZone};

use super::{
    button_line,
    fields::{FieldProblem, Fields},
    filled_in_dialog, next_step, paragraph,
};
use crate::{
    engine::{Command, Job},
    format,
    gui::{
        action::Action,
        theme,
        widgets::{Button, check_box, field_label},
    },
    job::{JobId, Priority, Schedule, schedule},
};

/// Room for the number beside the slider.
const NUMBER_WIDTH: f32 = 64.0;
const START: &str = "Start at";

/// What has been chosen so far.
pub struct ScheduleForm {
    /// The jobs, and what holds of each until it is saved.
    jobs: Vec<(JobId, Schedule)>,
    name: String,
    priority: u8,
    starts_later: bool,
    start: String,
}

impl ScheduleForm {
    /// The form for these jobs, which begins with what holds of the first; `None` where there is none.
    pub fn of(jobs: &[&Arc<Job>]) -> Option<Self> {
        let first = jobs.first()?;
        let start = first.schedule.start_at.map(|at| typed(at, &TimeZone::system())).unwrap_or_default();
        let name = match jobs {
            [job] => job.spec.source_name(),
            jobs => format::count(jobs.len() as u64, "job", "jobs"),
        };
        Some(Self {
            jobs: jobs.iter().map(|job| (job.id, job.schedule)).collect(),
            name,
            priority: first.schedule.priority.number(),
            starts_later: first.schedule.start_at.is_some(),
            start,
        })
    }

    /// What has to be asked of the engine.
    ///
    /// # Errors
    /// What is wrong with the time.
    fn commands(&self, now: &Zoned) -> Result<Vec<Command>, FieldProblem> {
        let times = self.jobs.iter().filter_map(|(_, old)| old.start_at);
        let unchanged = times.into_iter().find(|at| typed(*at, now.time_zone()) == self.start.trim());
        let start_at = match (self.starts_later, unchanged) {
            (false, _) => None,
            (true, Some(at)) => Some(at),
            (true, None) => Some(self.start_time(now)?),
        };
        // What was left as the first has it is not asked for of the others.
        let first = self.jobs.first().map(|(_, first)| *first).unwrap_or_default();
        let priority = Priority::new(self.priority).filter(|priority| *priority != first.priority);
        let has_new_start = start_at != first.start_at;
        let of_job = |(id, old): &(JobId, Schedule)| {
            let id = *id;
            let priority = priority.filter(|priority| *priority != old.priority);
            let set_priority = priority.map(|priority| Command::SetPriority { id, priority });
            let is_later = has_new_start && start_at != old.start_at;
            let set_start = is_later.then_some(Command::StartAt { id, at: start_at });
            set_priority.into_iter().chain(set_start)
        };
        Ok(self.jobs.iter().flat_map(of_job).collect())
    }

    fn start_time(&self, now: &Zoned) -> Result<Timestamp, FieldProblem> {
        let start = schedule::start_time(&self.start, now);
        start.map_err(|words| FieldProblem::new(START, format!("The start is no time: {words}")))
    }
}

/// A time as it can be typed.
fn typed(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Asks for priority and start; true when they were saved or left.
pub fn schedule_ui(ui: &Ui, form: &mut ScheduleForm, actions: &mut Vec<Action>) -> bool {
    filled_in_dialog(ui, ("Priority and start", 420.0), |ui| {
        paragraph(ui, &form.name);
        ui.add_space(theme::SPACE[1]);
        let name = field_label(ui, "Priority");
        ui.spacing_mut().slider_width = ui.available_width() - NUMBER_WIDTH;
        ui.add(Slider::new(&mut form.priority, 0..=Priority::MOST)).labelled_by(name.id);
        paragraph(ui, "Of the jobs that wait, the highest starts first; jobs begin with 50.");
        ui.add_space(theme::SPACE[2]);
        check_box(ui, &mut form.starts_later, "Start later");
        if form.starts_later {
            // Nobody has typed anything wrong yet into an empty field.
            let problem = form.commands(&Zoned::now()).err().filter(|_| !form.start.trim().is_empty());
            let fields = Fields::of(problem.as_ref());
            fields.text(ui, START, &mut form.start, "Such as 22:00 or 2026-11-21T22:00:00+01:00");
        }
        let commands = form.commands(&Zoned::now());
        let mut is_done = false;
        button_line(ui, |ui: &mut egui::Ui| {
            is_done |= Button::new("Cancel").show(ui).clicked();
            if next_step(ui, "Save", commands.is_ok())
                && let Ok(commands) = commands
            {
                actions.extend(commands.into_iter().map(Action::Send));
                is_done = true;
            }
        });
        is_done
    })
}
