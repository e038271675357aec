//! Jobs are to be cancelled of which something is encoded.

use std::{sync::Arc, time::Duration};

use eframe::egui::Ui;

use super::{button_line, dialog, next_step, paragraph};
use crate::{
    engine::{Command, Job},
    format,
    gui::{action::Action, widgets::Button},
};

/// What cancels a job at work: at once where nothing is encoded, else after a question.
pub fn cancelling(job: &Job) -> Action {
    match job.encoded() {
        Some(_) => Action::AskToCancel(vec![job.id]),
        None => Action::Send(Command::Cancel { id: job.id }),
    }
}

/// What would be lost; `None` when the job has ended meanwhile, or has nothing encoded.
fn loss(job: &Job) -> Option<String> {
    let encoded = job.encoded().filter(|_| job.progress().is_some())?;
    let part = format!("{} ({})", format::percent(job.fraction()?), format::clock(encoded));
    Some(format!("{part} of {} is encoded and would be lost.", job.spec.source_name()))
}

/// The same of several.
fn loss_of_several(jobs: &[&&Arc<Job>]) -> String {
    let encoded: Duration = jobs.iter().filter_map(|job| job.encoded()).sum();
    format!("{} of {} jobs at work are encoded and would be lost.", format::clock(encoded), jobs.len())
}

/// Asks whether the jobs are to be cancelled; true when it was answered, or there is nothing left to ask.
pub fn cancel_ui(ui: &Ui, jobs: &[&Arc<Job>], actions: &mut Vec<Action>) -> bool {
    let at_work: Vec<&&Arc<Job>> = jobs.iter().filter(|job| job.progress().is_some()).collect();
    if at_work.iter().all(|job| loss(job).is_none()) {
        return true;
    }
    let (title, verb, loss) = match at_work[..] {
        [job] => ("Cancel the job?", "Cancel the job", loss(job).unwrap_or_default()),
        _ => ("Cancel these jobs?", "Cancel the jobs", loss_of_several(&at_work)),
    };
    dialog(ui, (title, 440.0), |ui| {
        paragraph(ui, &loss);
        let mut is_done = false;
        button_line(ui, |ui| {
            if Button::new(verb).show(ui).clicked() {
                actions.extend(at_work.iter().map(|job| Action::Send(Command::Cancel { id: job.id })));
                is_done = true;
            }
            is_done |= next_step(ui, "Keep", true);
        });
        is_done
    })
}
