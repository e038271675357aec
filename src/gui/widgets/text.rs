//! Text that ends in "…" where it does not fit, painted at a place.

use std::sync::Arc;

use eframe::egui::{Align2, Color32, FontId, Galley, Painter, Pos2, Rect, Ui, pos2, text::LayoutJob};

use crate::gui::theme::{fonts, icon::Icon};

/// One line of text, no wider than `width`.
pub fn elided(ui: &Ui, text: &str, font: FontId, colour: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font, colour);
    job.wrap.max_width = width.max(0.0);
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    ui.painter().layout_job(job)
}

/// Paints one line of text with its left edge and its middle at `left_middle`; gives the place it takes.
pub fn paint_elided(ui: &Ui, left_middle: Pos2, text: &str, (font, colour): (FontId, Color32), width: f32) -> Rect {
    let galley = elided(ui, text, font, colour, width);
    let rect = Align2::LEFT_CENTER.anchor_size(left_middle, galley.size());
    let at = pos2(rect.left(), rect.top().round());
    ui.painter().galley(at, galley, colour);
    rect
}

/// Paints an icon with its middle at `middle`.
pub fn paint_icon(painter: &Painter, middle: Pos2, icon: Icon, size: f32, colour: Color32) {
    let font = FontId::new(size, fonts::icon_family(icon));
    painter.text(middle, Align2::CENTER_CENTER, icon.glyph, font, colour);
}
