//! Questions and forms over the window.

pub mod adjust;
mod adjust_form;
pub mod cancel;
pub mod close;
mod conversion_form;
mod encryption_form;
mod fields;
pub mod history;
pub mod keys;
pub mod paste_path;
mod quality_form;
mod s3_form;
mod s3_settings;
pub mod schedule;
pub mod settings;
mod settings_form;
pub mod tools;
mod trim_form;

use eframe::egui::{self, Align, Frame, LayerId, Layout, Margin, Modal, Order, RichText, ScrollArea, Stroke, Ui, vec2};

use super::{
    action::Action,
    keyboard::presses,
    theme,
    view_state::{Dialog, ViewState},
    widgets::Button,
};
use crate::engine::Snapshot;

/// Lays the open dialog out, if there is one; Esc closes it.
pub fn dialogs_ui(ui: &Ui, snapshot: &Snapshot, view: &mut ViewState, actions: &mut Vec<Action>) {
    let Some(mut dialog) = view.dialog.take() else { return };
    let has_file_dialogs = view.has_file_dialogs;
    let is_done = match &mut dialog {
        Dialog::Settings(form) => settings::settings_ui(ui, snapshot, (form, has_file_dialogs), actions),
        Dialog::Tools { asks_for_download } => tools::tools_ui(ui, snapshot, asks_for_download, actions),
        Dialog::Adjust(form) => adjust::adjust_ui(ui, snapshot, (form, has_file_dialogs), actions),
        Dialog::Schedule(form) => schedule::schedule_ui(ui, form, actions),
        Dialog::Path(form) => paste_path::path_ui(ui, form, actions),
        Dialog::History(history) => history::history_ui(ui, history, view.home.as_deref(), actions),
        Dialog::Keys(form) => keys::keys_ui(ui, form, actions),
        Dialog::Cancel(ids) => {
            let jobs: Vec<_> = ids.iter().filter_map(|id| snapshot.job(*id)).collect();
            cancel::cancel_ui(ui, &jobs, actions)
        }
        Dialog::Close => close::close_ui(ui, &view.queue.counts, actions),
    };
    if !is_done {
        view.dialog = Some(dialog);
    } else if matches!(dialog, Dialog::Tools { .. }) {
        view.tools_dialog_dismissed = true;
    }
}

/// What becomes of a dialog when the user clicks beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClickBeside {
    /// It closes: there is nothing in it to lose.
    Closes,
    /// It stays: what was typed is not thrown away by a slip of the hand.
    Stays,
}

/// A dialog with a title, its contents, and a line of buttons; `contents` says whether it is done. True when it is, or
/// when it was closed by Esc or by a click beside it.
fn dialog(ui: &Ui, title: (&str, f32), contents: impl FnOnce(&mut Ui) -> bool) -> bool {
    modal(ui, title, ClickBeside::Closes, contents)
}

/// A dialog with fields to fill in, which a click beside it does not close.
fn filled_in_dialog(ui: &Ui, title: (&str, f32), contents: impl FnOnce(&mut Ui) -> bool) -> bool {
    modal(ui, title, ClickBeside::Stays, contents)
}

/// The layer of the dialog with this title.
fn layer(title: &str) -> LayerId {
    LayerId::new(Order::Foreground, egui::Id::unique(("dialog", title)))
}

fn modal(
    ui: &Ui,
    (title, width): (&str, f32),
    click_beside: ClickBeside,
    contents: impl FnOnce(&mut Ui) -> bool,
) -> bool {
    let palette = theme::palette(ui);
    let frame = Frame::new()
        .fill(palette.panel)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(theme::DIALOG_RADIUS)
        .shadow(ui.visuals().window_shadow)
        .inner_margin(Margin::same(20));
    let modal = Modal::new(layer(title).id).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(width.min(ui.ctx().content_rect().width() - 80.0));
        ui.spacing_mut().item_spacing = vec2(theme::SPACE[1], theme::SPACE[1]);
        ui.label(RichText::new(title).font(theme::title()));
        ui.add_space(theme::SPACE[0]);
        contents(ui)
    });
    let is_beside = modal.backdrop_response.clicked() && click_beside == ClickBeside::Stays;
    let is_closed = modal.should_close() && !is_beside;
    modal.inner || is_closed
}

/// The part of a dialog that scrolls, of this height: its fields end where the buttons do, its bar lies in the margin.
fn scrolled(ui: &mut Ui, (id, height): (&str, f32), contents: impl FnOnce(&mut Ui)) {
    let place = ui.available_rect_before_wrap();
    let with_bar = egui::Rect::from_min_max(place.min, place.max + vec2(theme::SPACE[2], 0.0));
    let mut area = ui.new_child(egui::UiBuilder::new().max_rect(with_bar));
    let scroll = ScrollArea::vertical().id_salt(id).max_height(height).min_scrolled_height(height);
    scroll.auto_shrink([false, true]).show(&mut area, |ui| {
        ui.set_min_size(vec2(place.width(), height));
        ui.set_max_width(place.width());
        contents(ui);
    });
    let used = area.min_rect();
    ui.allocate_rect(egui::Rect::from_min_size(used.min, vec2(place.width(), used.height())), egui::Sense::hover());
}

/// The button for the next step of a form; true when it is pressed. Return presses it too, unless another control has the
/// keyboard: a field of one line gives it away with that key.
fn next_step(ui: &mut Ui, verb: &str, can_be_taken: bool) -> bool {
    let is_pressed = Button::primary(verb).enabled(can_be_taken).show(ui).clicked();
    let is_entered =
        presses(ui.ctx(), egui::Modifiers::NONE, egui::Key::Enter) > 0 && ui.memory(egui::Memory::focused).is_none();
    can_be_taken && (is_pressed || is_entered)
}

/// The line of buttons below a dialog, the one for the next step last, at the right. They are laid out from the left, as they
/// are read and as Tab goes through them, and end where the dialog does.
fn button_line(ui: &mut Ui, buttons: impl FnOnce(&mut Ui)) {
    told_button_line(ui, "", buttons);
}

/// The same with words at the left.
fn told_button_line(ui: &mut Ui, words: &str, buttons: impl FnOnce(&mut Ui)) {
    ui.add_space(theme::SPACE[2]);
    let id = ui.scope_id().with("button line");
    let width = ui.data(|data| data.get_temp::<f32>(id));
    let size = vec2(ui.available_width(), theme::CONTROL_HEIGHT);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        if !words.is_empty() {
            ui.label(RichText::new(words).color(theme::palette(ui).weak));
        }
        let room = ui.available_width();
        ui.add_space((room - width.unwrap_or(room)).max(0.0));
        let line = ui.scope(buttons).response.rect.width();
        if width.is_none_or(|width| (width - line).abs() > 0.5) {
            ui.data_mut(|data| data.insert_temp(id, line));
            ui.ctx().request_discard("the width of the buttons is known now");
        }
    });
}

fn paragraph(ui: &mut Ui, words: &str) {
    ui.add(egui::Label::new(RichText::new(words).color(theme::palette(ui).weak)).wrap());
}
