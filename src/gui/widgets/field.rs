//! Fields of forms with the label that belongs to them.

use eframe::egui::{self, Frame, Margin, Response, Stroke, TextEdit, Ui};

use super::Button;
use crate::gui::theme;

/// The weak words above a field.
pub fn field_label(ui: &mut Ui, words: &str) -> Response {
    ui.label(egui::RichText::new(words).font(theme::facts()).color(theme::palette(ui).weak))
}

/// A label above a line of text to edit.
pub fn text_field(ui: &mut Ui, label: &str, text: &mut String, hint: &str) -> Response {
    let name = field_label(ui, label);
    ui.add_space(-theme::SPACE[0]);
    edit(ui, (text, false), hint, ui.available_width()).labelled_by(name.id)
}

/// A label above a line whose letters are not shown.
pub fn secret_field(ui: &mut Ui, label: &str, text: &mut String) -> Response {
    let name = field_label(ui, label);
    ui.add_space(-theme::SPACE[0]);
    edit(ui, (text, true), "", ui.available_width()).labelled_by(name.id)
}

/// Puts a line in this colour around a field: it has the keyboard, or something is the matter with it.
pub fn mark(ui: &Ui, field: &Response, colour: egui::Color32) {
    let stroke = Stroke::new(1.0, colour);
    ui.painter().rect_stroke(field.rect, theme::RADIUS, stroke, egui::StrokeKind::Inside);
}

/// A label above a path to edit, with "Choose…" beside it where the system has file dialogs. The second value is true
/// when that was pressed.
pub fn path_field(ui: &mut Ui, label: &str, text: &mut String, hint: &str, has_dialogs: bool) -> (Response, bool) {
    let name = field_label(ui, label);
    ui.add_space(-theme::SPACE[0]);
    ui.horizontal(|ui| {
        let button_width = if has_dialogs { 84.0 + theme::SPACE[1] } else { 0.0 };
        let response = edit(ui, (text, false), hint, ui.available_width() - button_width).labelled_by(name.id);
        let spoken = format!("Choose {label}…");
        let is_pressed = has_dialogs && Button::new("Choose…").named(&spoken).show(ui).clicked();
        (response, is_pressed)
    })
    .inner
}

fn edit(ui: &mut Ui, (text, is_secret): (&mut String, bool), hint: &str, width: f32) -> Response {
    let palette = theme::palette(ui);
    let frame = Frame::new()
        .fill(palette.background)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(theme::RADIUS)
        .inner_margin(Margin::symmetric(8, 6));
    let hint = egui::RichText::new(hint).color(palette.faint);
    let edit = TextEdit::singleline(text).password(is_secret).hint_text(hint).frame(frame).desired_width(width);
    let response = ui.add(edit);
    if response.has_focus() {
        mark(ui, &response, palette.accent);
    }
    response
}

/// A box to tick with its words.
pub fn check_box(ui: &mut Ui, is_ticked: &mut bool, words: &str) -> Response {
    outlined(ui, |ui| ui.checkbox(is_ticked, words))
}

/// A round mark with its words, for one of several choices.
pub fn radio(ui: &mut Ui, is_chosen: bool, words: &str) -> Response {
    outlined(ui, |ui| ui.radio(is_chosen, words))
}

/// Boxes and marks are to be seen also while they are empty.
fn outlined(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> Response) -> Response {
    ui.scope(|ui| {
        let palette = theme::palette(ui);
        let widgets = &mut ui.visuals_mut().widgets;
        for state in [&mut widgets.inactive, &mut widgets.hovered] {
            state.bg_stroke = Stroke::new(1.0, palette.weak);
            state.bg_fill = palette.background;
        }
        add(ui)
    })
    .inner
}
