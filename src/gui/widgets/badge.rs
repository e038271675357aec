//! A small framed word beside a name.

use eframe::egui::{self, CornerRadius, Pos2, Rect, Stroke, Ui, vec2};

use super::text;
use crate::gui::theme;

/// Paints a badge with its left edge and middle at `left_middle`, if it ends before `right`; gives the place it takes.
pub fn badge(ui: &Ui, left_middle: Pos2, right: f32, word: &str) -> Option<Rect> {
    let palette = theme::palette(ui);
    let galley = text::elided(ui, word, theme::group_heading(), palette.weak, f32::INFINITY);
    let size = vec2(galley.size().x + 10.0, 16.0);
    let rect = Rect::from_min_size(egui::pos2(left_middle.x, (left_middle.y - size.y / 2.0).round()), size);
    if rect.right() > right {
        return None;
    }
    let radius = CornerRadius::same(theme::IMAGE_RADIUS);
    ui.painter().rect_stroke(
        rect,
        radius,
        Stroke::new(1.0, palette.weak.gamma_multiply(0.35)),
        egui::StrokeKind::Inside,
    );
    let at = rect.center() - galley.size() / 2.0;
    ui.painter().galley(at, galley, palette.weak);
    Some(rect)
}
