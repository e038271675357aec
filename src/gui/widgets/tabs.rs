//! One of several: filters and segments with a raised ground, tabs with a line below.

use eframe::egui::{self, CornerRadius, CursorIcon, Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::{field_label, text};
use crate::gui::theme;

/// Words beside each other, the chosen one on a raised ground; `label` words a choice.
pub fn segmented<T: Copy + PartialEq>(ui: &mut Ui, chosen: &mut T, choices: &[T], label: impl Fn(T) -> String) -> bool {
    segments(ui, chosen, choices, (label, str::to_owned))
}

/// The same below a name, which is read aloud with each choice.
pub fn named_segmented<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    chosen: &mut T,
    choices: &[T],
    label: impl Fn(T) -> String,
) -> bool {
    field_label(ui, name);
    segments(ui, chosen, choices, (label, |word| format!("{name}: {word}")))
}

fn segments<T: Copy + PartialEq>(
    ui: &mut Ui,
    chosen: &mut T,
    choices: &[T],
    (label, spoken): (impl Fn(T) -> String, impl Fn(&str) -> String),
) -> bool {
    let mut has_changed = false;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE[0];
        for choice in choices {
            let is_chosen = choice == chosen;
            let word = label(*choice);
            let (rect, response) = choice_cell(ui, &word, theme::ICON_HIT);
            response.widget_info(|| WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), is_chosen, spoken(&word)));
            let palette = theme::palette(ui);
            if is_chosen || response.hovered() || response.has_focus() {
                let ground = if response.hovered() && !is_chosen { palette.hover } else { palette.raised };
                ui.painter().rect_filled(rect, CornerRadius::same(theme::RADIUS), ground);
            }
            paint_cell(ui, rect, &response, (&word, theme::body()), is_chosen);
            if response.clicked() && !is_chosen {
                *chosen = *choice;
                has_changed = true;
            }
        }
    });
    has_changed
}

/// Words beside each other, a line of the accent below the chosen one.
pub fn tabs<T: Copy + PartialEq>(ui: &mut Ui, chosen: &mut T, choices: &[T], label: impl Fn(T) -> &'static str) {
    ui.spacing_mut().item_spacing.x = theme::SPACE[3];
    for choice in choices {
        let is_chosen = choice == chosen;
        let font = if is_chosen { theme::strong() } else { theme::body() };
        let width = text::elided(ui, label(*choice), font.clone(), egui::Color32::WHITE, f32::INFINITY).size().x;
        let size = vec2(width, ui.available_height());
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::Tab, true, is_chosen, label(*choice)));
        paint_cell(ui, rect, &response, (label(*choice), font), is_chosen);
        if is_chosen {
            let line = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 2.0), rect.max);
            ui.painter().rect_filled(line, CornerRadius::ZERO, theme::palette(ui).accent);
        }
        if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
            *chosen = *choice;
        }
    }
}

fn choice_cell(ui: &mut Ui, word: &str, height: f32) -> (Rect, Response) {
    let width = text::elided(ui, word, theme::body(), egui::Color32::WHITE, f32::INFINITY).size().x;
    let size = vec2((width + 2.0 * (theme::SPACE[1] + 2.0)).ceil(), height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    (rect, response.on_hover_cursor(CursorIcon::PointingHand))
}

fn paint_cell(ui: &Ui, rect: Rect, response: &Response, (word, font): (&str, egui::FontId), is_chosen: bool) {
    let palette = theme::palette(ui);
    let ink = if is_chosen || response.hovered() { palette.text } else { palette.weak };
    let galley = text::elided(ui, word, font, ink, f32::INFINITY);
    let at = rect.center() - galley.size() / 2.0;
    ui.painter().galley(pos2(at.x, at.y.round()), galley, ink);
    if response.has_focus() {
        let stroke = Stroke::new(2.0, palette.accent);
        ui.painter().rect_stroke(rect, CornerRadius::same(theme::RADIUS), stroke, egui::StrokeKind::Inside);
    }
}
