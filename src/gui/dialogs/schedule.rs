//! How urgent a job is, and when it may start.

use eframe::egui::{self, Slider, Ui};
use jiff::{Timestamp, Zoned, tz::TimeZone};

use super::{
    button_line,
    fields::{FieldProblem, Fields},
    filled_in_dialog, next_step, paragraph,
};
use crate::{
    engine::{Command, Job},
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
    id: JobId,
    name: String,
    /// What holds until it is saved.
    old: Schedule,
    priority: u8,
    starts_later: bool,
    start: String,
}

impl ScheduleForm {
    /// The form for a job.
    pub fn of(job: &Job) -> Self {
        let start = job.schedule.start_at.map(|at| typed(at, &TimeZone::system())).unwrap_or_default();
        Self {
            id: job.id,
            name: job.spec.source_name(),
            old: job.schedule,
            priority: job.schedule.priority.number(),
            starts_later: job.schedule.start_at.is_some(),
            start,
        }
    }

    /// What has to be asked of the engine.
    ///
    /// # Errors
    /// What is wrong with the time.
    fn commands(&self, now: &Zoned) -> Result<Vec<Command>, FieldProblem> {
        let id = self.id;
        let unchanged = self.old.start_at.filter(|at| typed(*at, now.time_zone()) == self.start.trim());
        let start_at = match (self.starts_later, unchanged) {
            (false, _) => None,
            (true, Some(at)) => Some(at),
            (true, None) => Some(self.start_time(now)?),
        };
        let priority = Priority::new(self.priority).filter(|priority| *priority != self.old.priority);
        let set_priority = priority.map(|priority| Command::SetPriority { id, priority });
        let set_start = (start_at != self.old.start_at).then_some(Command::StartAt { id, at: start_at });
        Ok(set_priority.into_iter().chain(set_start).collect())
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
