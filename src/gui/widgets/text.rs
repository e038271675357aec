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
    paint_line(ui, left_middle, elided(ui, text, font, colour, width), colour)
}

/// Paints text on at most two lines, the second of which ends in "…" where it does not fit. `top` is the middle of the first.
pub fn paint_in_two_lines(ui: &Ui, (left, top): (f32, f32), text: &str, (font, colour): (FontId, Color32), width: f32) {
    let mut job = LayoutJob::simple(text.to_owned(), font, colour, width.max(0.0));
    job.wrap.max_rows = 2;
    let galley = ui.painter().layout_job(job);
    let half_line = galley.rows.first().map_or(0.0, |row| row.height() / 2.0);
    ui.painter().galley(pos2(left, (top - half_line).round()), galley, colour);
}

/// Paints a line of text with its left edge and its middle at `left_middle`; gives the place it takes.
pub fn paint_line(ui: &Ui, left_middle: Pos2, line: Arc<Galley>, colour: Color32) -> Rect {
    let rect = Align2::LEFT_CENTER.anchor_size(left_middle, line.size());
    let at = pos2(rect.left(), rect.top().round());
    ui.painter().galley(at, line, colour);
    rect
}

/// One line of text, no wider than `width`, that has "…" in its middle where it does not fit: the ends of two names of files
/// tell them apart. True when it has.
pub fn elided_in_middle(ui: &Ui, text: &str, font: FontId, colour: Color32, width: f32) -> (Arc<Galley>, bool) {
    let fits = |text: &str| {
        let galley = elided(ui, text, font.clone(), colour, f32::INFINITY);
        (galley.size().x <= width).then_some(galley)
    };
    if let Some(whole) = fits(text) {
        return (whole, false);
    }
    let characters: Vec<char> = text.chars().collect();
    let with = |kept: usize| {
        let end = kept / 3;
        let [start, end] = [&characters[..kept - end], &characters[characters.len() - end..]].map(String::from_iter);
        format!("{start}…{end}")
    };
    // The most characters that fit.
    let (mut fitting, mut too_many) = (0, characters.len());
    while too_many - fitting > 1 {
        let tried = usize::midpoint(fitting, too_many);
        if fits(&with(tried)).is_some() { fitting = tried } else { too_many = tried }
    }
    (elided(ui, &with(fitting), font, colour, width), true)
}

/// Paints an icon with its middle at `middle`.
pub fn paint_icon(painter: &Painter, middle: Pos2, icon: Icon, size: f32, colour: Color32) {
    let font = FontId::new(size, fonts::icon_family(icon));
    painter.text(middle, Align2::CENTER_CENTER, icon.glyph, font, colour);
}
