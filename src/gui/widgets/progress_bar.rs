//! How far something has come.

use eframe::egui::{self, Color32, CornerRadius, Rect, Role, Sense, Ui, WidgetInfo};

use crate::gui::theme;

/// What the colour of a bar says; the words beside it say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarKind {
    /// At work.
    AtWork,
    /// Nothing goes on just now.
    Paused,
}

/// Paints a bar over `rect`; `name` says what progresses.
pub fn progress_bar_at(ui: &mut Ui, rect: Rect, fraction: f64, kind: BarKind, name: &str) {
    let fraction = fraction.clamp(0.0, 1.0);
    let response = ui.interact(rect, ui.scope_id().with(("progress", name)), Sense::hover());
    let percent = (fraction * 100.0).floor();
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, name);
        info.value = Some(percent);
        info
    });
    let palette = theme::palette(ui);
    let radius = CornerRadius::same((rect.height() / 2.0) as u8);
    let colour: Color32 = match kind {
        BarKind::AtWork => palette.accent,
        BarKind::Paused => palette.warning,
    };
    ui.painter().rect_filled(rect, radius, palette.track);
    if fraction > 0.0 {
        let width = (rect.width() * fraction as f32).max(rect.height());
        let filled = Rect::from_min_size(rect.min, egui::vec2(width, rect.height()));
        ui.painter().rect_filled(filled, radius, colour);
    }
}
