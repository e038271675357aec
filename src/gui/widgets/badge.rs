//! A small framed word beside a name.

use std::sync::Arc;

use eframe::egui::{self, CornerRadius, Galley, Pos2, Rect, Stroke, Ui, vec2};

use super::text;
use crate::gui::theme;

/// Beside the word.
const PADDING: f32 = 5.0;

/// How wide a badge with this word is.
pub fn badge_width(ui: &Ui, word: &str) -> f32 {
    layout(ui, word).size().x + 2.0 * PADDING
}

fn layout(ui: &Ui, word: &str) -> Arc<Galley> {
    text::elided(ui, word, theme::group_heading(), theme::palette(ui).weak, f32::INFINITY)
}

/// Paints a badge with its left edge and middle at `left_middle`, if it ends before `right`; gives the place it takes.
pub fn badge(ui: &Ui, left_middle: Pos2, right: f32, word: &str) -> Option<Rect> {
    let palette = theme::palette(ui);
    let galley = layout(ui, word);
    let size = vec2(galley.size().x + 2.0 * PADDING, 16.0);
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
