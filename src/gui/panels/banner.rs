//! A strip below the toolbar while ffmpeg can't be used, as nothing is encoded until that is mended; and while the machine
//! is about to sleep or to be shut down.

use eframe::egui::{self, Align, Layout, RichText, Ui};

use crate::{
    engine::{Command, Snapshot, ToolStatus},
    gui::{
        action::Action,
        theme::{self, icon},
        widgets::{Button, text},
        wording,
    },
};

/// Whether there is something to say.
pub fn is_needed(snapshot: &Snapshot) -> bool {
    snapshot.planned_power_action.is_some()
        || matches!(snapshot.tools, ToolStatus::Unusable { .. } | ToolStatus::Downloading { .. })
}

/// Lays the strip out.
pub fn banner_ui(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui);
    let (words, colour, button, action) = match (&snapshot.planned_power_action, &snapshot.tools) {
        (Some(planned), _) => {
            let words = wording::planned_power_action(planned, &jiff::Zoned::now());
            (words, palette.warning, "Keep it on", Action::Send(Command::KeepOn))
        }
        (None, ToolStatus::Unusable { failure }) => {
            (failure.headline.clone(), palette.bad, "Set up ffmpeg…", Action::OpenTools)
        }
        (None, status) => (wording::tool_status(status), palette.accent, "Show…", Action::OpenTools),
    };
    ui.horizontal_centered(|ui| {
        ui.add_space(theme::SIDE_MARGIN);
        let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(theme::ICON_SIZE), egui::Sense::hover());
        text::paint_icon(ui.painter(), rect.center(), icon::WARNING, theme::ICON_SIZE, colour);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(theme::SIDE_MARGIN);
            if Button::new(button).show(ui).clicked() {
                actions.push(action);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(RichText::new(words).color(palette.text)).truncate());
            });
        });
    });
}
