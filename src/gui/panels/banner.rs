//! A strip below the toolbar while ffmpeg can't be used: nothing is encoded until that is mended.

use eframe::egui::{self, Align, Layout, RichText, Ui};

use crate::{
    engine::{Snapshot, ToolStatus},
    gui::{
        action::Action,
        theme::{self, icon},
        widgets::{Button, text},
        wording,
    },
};

/// Whether there is something to say.
pub fn is_needed(snapshot: &Snapshot) -> bool {
    matches!(snapshot.tools, ToolStatus::Unusable { .. } | ToolStatus::Downloading { .. })
}

/// Lays the strip out.
pub fn banner_ui(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui);
    let (words, colour, button) = match &snapshot.tools {
        ToolStatus::Unusable { failure } => (failure.headline.clone(), palette.bad, "Set up ffmpeg…"),
        status => (wording::tool_status(status), palette.accent, "Show…"),
    };
    ui.horizontal_centered(|ui| {
        ui.add_space(theme::SIDE_MARGIN);
        let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(theme::ICON_SIZE), egui::Sense::hover());
        text::paint_icon(ui.painter(), rect.center(), icon::WARNING, theme::ICON_SIZE, colour);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(theme::SIDE_MARGIN);
            if Button::new(button).show(ui).clicked() {
                actions.push(Action::OpenTools);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(RichText::new(words).color(palette.text)).truncate());
            });
        });
    });
}
