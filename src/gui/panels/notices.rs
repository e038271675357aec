//! Small messages at the bottom left, above the status line.

use eframe::egui::{self, Align2, Frame, Margin, RichText, Stroke, Ui, vec2};

use crate::{
    engine::{Command, Snapshot},
    gui::{
        action::Action,
        theme::{self, icon},
        view_state::{Notice, NoticeMessage, ViewState},
        widgets::{Button, icon_button, text},
    },
};

const WIDTH: f32 = 420.0;

/// Lays the messages out over the queue; a dismissed one leaves `view`.
pub fn notices_ui(ui: &Ui, snapshot: &Snapshot, view: &mut ViewState, actions: &mut Vec<Action>) {
    if view.notices.is_empty() {
        return;
    }
    let can_undo = !snapshot.last_removed.is_empty();
    let offset = vec2(theme::SIDE_MARGIN, -(theme::STATUS_HEIGHT + theme::SIDE_MARGIN));
    egui::Area::new(egui::Id::unique("notices"))
        .anchor(Align2::LEFT_BOTTOM, offset)
        .order(egui::Order::Foreground)
        .show(ui.ctx(), |ui| {
            let mut dismissed = None;
            for (index, notice) in view.notices.iter().enumerate() {
                if notice_ui(ui, notice, can_undo, actions) {
                    dismissed = Some(index);
                }
            }
            if let Some(index) = dismissed {
                view.notices.remove(index);
            }
        });
}

/// One message; true when it is to go.
fn notice_ui(ui: &mut Ui, notice: &Notice, can_undo: bool, actions: &mut Vec<Action>) -> bool {
    let palette = theme::palette(ui);
    let frame = Frame::new()
        .fill(palette.panel)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(theme::RADIUS)
        .shadow(ui.visuals().popup_shadow)
        .inner_margin(Margin { left: 12, right: 4, top: 4, bottom: 4 });
    let mut is_dismissed = false;
    frame.show(ui, |ui| {
        ui.set_max_width(WIDTH);
        ui.horizontal(|ui| {
            let is_failure = matches!(notice.message, NoticeMessage::Failure(_));
            let (glyph, colour) =
                if is_failure { (icon::WARNING, palette.warning) } else { (icon::NOTICE, palette.accent) };
            let (rect, _) = ui.allocate_exact_size(vec2(theme::ICON_SIZE, theme::CONTROL_HEIGHT), egui::Sense::hover());
            text::paint_icon(ui.painter(), rect.center(), glyph, theme::ICON_SIZE, colour);
            let (headline, hint) = match &notice.message {
                NoticeMessage::Text(text) | NoticeMessage::Removed(text) => (text.as_str(), ""),
                NoticeMessage::Failure(failure) => (failure.headline.as_str(), failure.hint.as_str()),
            };
            ui.vertical(|ui| {
                ui.set_max_width(WIDTH - 150.0);
                ui.spacing_mut().item_spacing.y = 2.0;
                ui.add_space(theme::SPACE[1] - 1.0);
                ui.label(headline);
                if !hint.is_empty() {
                    ui.label(RichText::new(hint).font(theme::facts()).color(palette.weak));
                    ui.add_space(theme::SPACE[0]);
                }
            });
            if matches!(notice.message, NoticeMessage::Removed(_))
                && can_undo
                && Button::plain("Undo").show(ui).clicked()
            {
                actions.push(Action::Send(Command::UndoRemove));
                is_dismissed = true;
            }
            is_dismissed |= icon_button(ui, icon::CLOSE, &format!("Dismiss: {headline}"), "Dismiss").clicked();
        });
    });
    is_dismissed
}
