//! The status line: how far the queue is, how much room there is, which ffmpeg works.

use eframe::egui::{self, Align, Layout, RichText, Ui};

use crate::{
    engine::{Snapshot, ToolStatus},
    format,
    gui::{action::Action, theme, view_state::ViewState, wording},
};

/// Lays the status line out.
pub fn status_ui(ui: &mut Ui, snapshot: &Snapshot, view: &ViewState, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui);
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE[3];
        ui.add_space(theme::SIDE_MARGIN);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(theme::SIDE_MARGIN);
            let colour = if matches!(snapshot.tools, ToolStatus::Unusable { .. }) { palette.bad } else { palette.weak };
            ui.label(line(&wording::tool_status(&snapshot.tools), colour));
            if let Some(free) = snapshot.free_disk_bytes {
                ui.label(line(&format!("Disk {} free", format::bytes(free)), palette.weak));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| queue_part(ui, snapshot, view, actions));
        });
    });
}

fn queue_part(ui: &mut Ui, snapshot: &Snapshot, view: &ViewState, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui);
    if view.is_stopping {
        ui.label(line("Stopping the jobs", palette.weak));
        return;
    }
    for part in wording::queue_status(&view.queue.counts, view.queue.time_left, snapshot.queue_paused) {
        ui.label(line(&part, palette.weak));
    }
    if let Some(words) = wording::working_hours_status(&snapshot.settings, &jiff::Zoned::now())
        && view.queue.counts.waiting > 0
    {
        ui.label(line(&words, palette.weak));
    }
    if view.close_when_finished {
        ui.label(line("Closes when finished", palette.weak));
        let stay = egui::Button::new(RichText::new("Stay open").font(theme::facts())).small();
        if ui.add(stay).clicked() {
            actions.push(Action::StayOpen);
        }
    }
}

fn line(words: &str, colour: egui::Color32) -> RichText {
    RichText::new(words).font(theme::facts()).color(colour)
}
