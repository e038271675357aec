//! The window is to be closed while jobs run.

use eframe::egui::Ui;

use super::{button_line, dialog, paragraph};
use crate::{
    engine::QueueCounts,
    format,
    gui::{
        action::{Action, CloseAnswer},
        widgets::Button,
    },
};

/// Asks what to do with the running jobs; true when it was answered.
pub fn close_ui(ui: &Ui, counts: &QueueCounts, actions: &mut Vec<Action>) -> bool {
    let running = (counts.encoding + counts.publishing + counts.paused) as u64;
    let mut answer = None;
    let is_done = dialog(ui, ("Jobs are still running", 560.0), |ui| {
        let jobs = format::count(running, "job is", "jobs are");
        paragraph(ui, &format!("{jobs} at work. Stopped jobs wait for the next start and go on from there."));
        button_line(ui, |ui| {
            if Button::new("Stop and close").show(ui).clicked() {
                answer = Some(CloseAnswer::StopAndClose);
            }
            if Button::new("Close when finished").show(ui).clicked() {
                answer = Some(CloseAnswer::CloseWhenFinished);
            }
            if Button::primary("Minimise and keep running").show(ui).clicked() {
                answer = Some(CloseAnswer::KeepRunning);
            }
        });
        answer.is_some()
    });
    if is_done {
        actions.push(Action::AnswerClose(answer.unwrap_or(CloseAnswer::Cancel)));
    }
    is_done
}
