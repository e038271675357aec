//! Menus below buttons, and choices out of them.

use eframe::egui::{
    self, Align2, CornerRadius, CursorIcon, KeyboardShortcut, Popup, Rect, Response, Role, Sense, Stroke, Ui,
    WidgetInfo, pos2, vec2,
};

use super::{Button, field_label, text};
use crate::gui::theme::{self, icon};

/// Left edge of the words, behind the mark of what is chosen.
const WORDS_LEFT: f32 = 30.0;

/// A menu below a button.
pub fn menu(button: &Response, (name, width): (&str, f32), contents: impl FnOnce(&mut Ui)) {
    Popup::menu(button).gap(theme::SPACE[0]).accessible_name(name).show(|ui| {
        ui.set_width(width.min(ui.ctx().content_rect().width() - 2.0 * theme::SIDE_MARGIN));
        ui.spacing_mut().item_spacing.y = 0.0;
        contents(ui);
    });
}

/// A line of a menu.
pub fn menu_entry(ui: &mut Ui, words: &str) -> Response {
    plain_entry(ui, words, theme::SPACE[2])
}

/// A line of a menu, with the keys at its right that do the same.
pub fn menu_entry_with_keys(ui: &mut Ui, words: &str, keys: Option<KeyboardShortcut>) -> Response {
    let response = menu_entry(ui, words);
    if let Some(keys) = keys.filter(|_| ui.is_rect_visible(response.rect)) {
        let right = pos2(response.rect.right() - theme::SPACE[2], response.rect.center().y);
        let words = ui.ctx().format_shortcut(&keys);
        ui.painter().text(right, Align2::RIGHT_CENTER, words, theme::facts(), theme::palette(ui).weak);
    }
    response
}

/// A line of a menu with choices that is none itself: its words begin where theirs do.
pub fn menu_entry_below_choices(ui: &mut Ui, words: &str) -> Response {
    plain_entry(ui, words, WORDS_LEFT)
}

fn plain_entry(ui: &mut Ui, words: &str, words_left: f32) -> Response {
    let (rect, response) = line(ui);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), words));
    if ui.is_rect_visible(rect) {
        paint_ground(ui, rect, &response);
        let left = pos2(rect.left() + words_left, rect.center().y);
        let room = rect.width() - words_left - theme::SPACE[2];
        text::paint_elided(ui, left, words, (theme::body(), theme::palette(ui).text), room);
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// The place of a line.
fn line(ui: &mut Ui) -> (Rect, Response) {
    ui.allocate_exact_size(vec2(ui.available_width(), theme::ICON_HIT), Sense::click())
}

/// The line under the pointer, and the one with the keyboard, are to be seen.
fn paint_ground(ui: &Ui, rect: Rect, response: &Response) {
    let palette = theme::palette(ui);
    let radius = CornerRadius::same(theme::RADIUS);
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, radius, palette.hover);
    }
    if response.has_focus() {
        let stroke = Stroke::new(2.0, palette.accent);
        ui.painter().rect_stroke(rect, radius, stroke, egui::StrokeKind::Inside);
    }
}

/// Weak words above lines that belong together.
pub fn menu_heading(ui: &mut Ui, words: &str) {
    ui.add_space(theme::SPACE[1]);
    ui.horizontal(|ui| {
        ui.add_space(theme::SPACE[2]);
        field_label(ui, words);
    });
}

/// A line of a menu that is one of several choices, with a weak explanation.
pub fn menu_choice(ui: &mut Ui, is_chosen: bool, words: &str, explanation: &str) -> Response {
    marked_entry(ui, (is_chosen, Role::MenuItemRadio), words, explanation)
}

/// A line of a menu that is chosen or not by itself, with a weak explanation.
pub fn menu_check(ui: &mut Ui, is_chosen: bool, words: &str, explanation: &str) -> Response {
    marked_entry(ui, (is_chosen, Role::MenuItemCheckBox), words, explanation)
}

/// The explanations of all lines end at the same edge; one that has no room ends in "…", and is whole in the tip.
fn marked_entry(ui: &mut Ui, (is_chosen, role): (bool, Role), words: &str, explanation: &str) -> Response {
    let palette = theme::palette(ui);
    let (rect, response) = line(ui);
    response.widget_info(|| WidgetInfo::selected(role, ui.is_enabled(), is_chosen, words));
    if ui.is_rect_visible(rect) {
        paint_ground(ui, rect, &response);
        let middle = rect.center().y;
        if is_chosen {
            let mark = pos2(rect.left() + WORDS_LEFT / 2.0, middle);
            text::paint_icon(ui.painter(), mark, icon::CHOSEN, 14.0, palette.text);
        }
        let left = pos2(rect.left() + WORDS_LEFT, middle);
        let room = rect.width() - WORDS_LEFT - theme::SPACE[2];
        let name = text::paint_elided(ui, left, words, (theme::body(), palette.text), room);
        let room = rect.right() - theme::SPACE[2] - name.right() - theme::SPACE[3];
        let galley = text::elided(ui, explanation, theme::facts(), palette.weak, room);
        let at = Align2::RIGHT_CENTER.anchor_size(pos2(rect.right() - theme::SPACE[2], middle), galley.size());
        let is_cut = galley.elided;
        ui.painter().galley(pos2(at.left(), at.top().round()), galley, palette.weak);
        if is_cut {
            return response.on_hover_text(explanation).on_hover_cursor(CursorIcon::PointingHand);
        }
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// A name above a button with what is chosen, and a menu of all choices below; true when another was chosen. `label`
/// words a choice.
pub fn choice_field<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    chosen: &mut T,
    choices: &[T],
    label: impl Fn(T) -> String,
) -> bool {
    field_label(ui, name);
    ui.add_space(-theme::SPACE[0]);
    let (words, room) = (label(*chosen), ui.available_width());
    let spoken = format!("{name}: {words}");
    let button = Button::new(&words).drop_down().named(&spoken).fill(room).show(ui);
    let mut has_changed = false;
    menu(&button, (name, room.max(220.0)), |ui| {
        for choice in choices {
            if menu_choice(ui, choice == chosen, &label(*choice), "").clicked() && choice != chosen {
                *chosen = *choice;
                has_changed = true;
            }
        }
    });
    has_changed
}

#[cfg(test)]
mod tests {
    use egui_kittest::{Harness, kittest::Queryable};

    use super::*;

    #[test]
    fn another_choice_is_taken_from_the_menu() {
        let mut harness = Harness::new_ui_state(
            |ui, chosen: &mut u8| {
                theme::install(ui.ctx());
                choice_field(ui, "Number", chosen, &[1, 2, 3], |number| format!("No. {number}"));
            },
            1,
        );
        harness.run_steps(2);
        harness.get_by_label("Number: No. 1").click();
        harness.run_steps(4);
        harness.get_by_label("No. 3").click();
        harness.run_steps(4);
        assert_eq!(*harness.state(), 3);
        assert!(harness.query_by_label("No. 2").is_none(), "the menu is closed");
    }
}
