//! Small messages at the bottom left, above the status line; over a dialog at the top right, where it has neither words nor
//! buttons.

use eframe::egui::{self, Align2, Frame, Label, Margin, RichText, ScrollArea, Stroke, Ui, vec2};

use crate::{
    engine::{Command, Snapshot},
    format,
    gui::{
        action::Action,
        theme::{self, icon},
        view_state::{Notice, NoticeMessage, ViewState},
        widgets::{Button, icon_button, text},
    },
};

const WIDTH: f32 = 420.0;
/// Room for the words, beside the icons and "Undo".
const WORDS_WIDTH: f32 = WIDTH - 110.0;
/// A longer detail scrolls.
const DETAIL_HEIGHT: f32 = 140.0;

/// Height of the queue that the messages of the last frame cover, from its lower edge.
pub fn covered_height(ctx: &egui::Context) -> f32 {
    let area = ctx.memory(|memory| memory.area_rect(area_id()));
    area.map_or(0.0, |area| area.height() + 2.0 * theme::SIDE_MARGIN)
}

fn area_id() -> egui::Id {
    egui::Id::unique("notices")
}

/// Lays the messages out over the queue; a dismissed one leaves `view`.
pub fn notices_ui(ui: &Ui, snapshot: &Snapshot, view: &mut ViewState, actions: &mut Vec<Action>) {
    if view.notices.is_empty() {
        return;
    }
    let can_undo = !snapshot.last_removed.is_empty();
    // Above a dialog, what its steps have led to is still read; menus come before them otherwise.
    let margin = theme::SIDE_MARGIN;
    let (order, corner, from_corner) = match view.dialog {
        Some(_) => (egui::Order::Tooltip, Align2::RIGHT_TOP, vec2(-margin, margin)),
        None => (egui::Order::Foreground, Align2::LEFT_BOTTOM, vec2(margin, -(theme::STATUS_HEIGHT + margin))),
    };
    let area = egui::Area::new(area_id()).anchor(corner, from_corner).order(order);
    area.show(ui.ctx(), |ui| {
        let mut dismissed = None;
        for (index, notice) in view.notices.iter_mut().enumerate() {
            // Two may have the same headline.
            if ui.push_id(index, |ui| notice_ui(ui, (index, notice), can_undo, actions)).inner {
                dismissed = Some(index);
            }
        }
        if let Some(index) = dismissed {
            view.notices.remove(index);
        }
    });
}

/// One message; true when it is to go.
fn notice_ui(ui: &mut Ui, (index, notice): (usize, &mut Notice), can_undo: bool, actions: &mut Vec<Action>) -> bool {
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
        ui.horizontal_top(|ui| {
            let is_failure = notice.message.failure().is_some();
            let (glyph, colour) =
                if is_failure { (icon::WARNING, palette.warning) } else { (icon::NOTICE, palette.accent) };
            let (rect, _) = ui.allocate_exact_size(vec2(theme::ICON_SIZE, theme::CONTROL_HEIGHT), egui::Sense::hover());
            text::paint_icon(ui.painter(), rect.center(), glyph, theme::ICON_SIZE, colour);
            let (headline, hint) = words(&notice.message);
            ui.vertical(|ui| {
                ui.set_max_width(WORDS_WIDTH);
                if is_failure {
                    ui.set_min_width(WORDS_WIDTH);
                }
                ui.spacing_mut().item_spacing.y = 2.0;
                ui.add_space(theme::SPACE[1] - 1.0);
                ui.add(Label::new(&headline).wrap());
                if !hint.is_empty() {
                    ui.add(Label::new(RichText::new(hint).font(theme::facts()).color(palette.weak)).wrap());
                    ui.add_space(theme::SPACE[0]);
                }
                offers(ui, (index, notice), actions);
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

/// What happened, and what to do or to know.
fn words(message: &NoticeMessage) -> (String, String) {
    match message {
        NoticeMessage::Text(text) | NoticeMessage::Removed(text) => (text.clone(), String::new()),
        NoticeMessage::Added(count) => {
            (format!("{} added", format::count(*count as u64, "job", "jobs")), String::new())
        }
        NoticeMessage::Report(file) => ("The report is saved".to_owned(), file.display().to_string()),
        NoticeMessage::Failure(failure) => (failure.headline.clone(), failure.hint.clone()),
        NoticeMessage::Preview { url, failure: None } => ("The preview opens in the browser".to_owned(), url.clone()),
        NoticeMessage::Preview { url, failure: Some(failure) } => {
            (failure.headline.clone(), format!("{}:\n{url}", failure.hint))
        }
    }
}

/// The URL of a preview or the path of a report to copy, and the detail of a failure to look at.
fn offers(ui: &mut Ui, (index, notice): (usize, &mut Notice), actions: &mut Vec<Action>) {
    let detail = notice.message.failure().map(|failure| failure.detail.as_str()).filter(|detail| !detail.is_empty());
    let copied = match &notice.message {
        NoticeMessage::Preview { url, .. } => Some(("Copy URL", "URL", url.clone())),
        NoticeMessage::Report(file) => Some(("Copy path", "Path", file.display().to_string())),
        _ => None,
    };
    if detail.is_none() && copied.is_none() {
        return;
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE[1];
        if let NoticeMessage::Report(file) = &notice.message
            && let Some(folder) = file.parent()
            && Button::new("Open folder").icon(icon::OPEN_FOLDER).named("Open folder of the report").show(ui).clicked()
        {
            actions.push(Action::OpenFolder(folder.to_owned()));
        }
        if let Some((verb, what, text)) = copied
            && Button::new(verb).icon(icon::COPY).show(ui).clicked()
        {
            actions.push(Action::Copy { text, what });
        }
        if detail.is_some() {
            let verb = if notice.shows_detail { "Hide details" } else { "Show details" };
            notice.shows_detail ^= Button::new(verb).show(ui).clicked();
        }
    });
    ui.add_space(theme::SPACE[1]);
    let Some(detail) = detail.filter(|_| notice.shows_detail) else { return };
    let palette = theme::palette(ui);
    let frame = Frame::new().fill(palette.background).corner_radius(theme::RADIUS).inner_margin(Margin::same(8));
    frame.show(ui, |ui| {
        ui.style_mut().interaction.selectable_labels = true;
        ScrollArea::vertical().id_salt(("notice detail", index)).max_height(DETAIL_HEIGHT).show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            ui.add(Label::new(RichText::new(detail).monospace()).wrap());
        });
    });
    ui.add_space(theme::SPACE[1]);
    if Button::new("Copy details").icon(icon::COPY).named("Copy details of the message").show(ui).clicked() {
        let (headline, hint) = words(&notice.message);
        actions.push(Action::Copy { text: format!("{headline}\n{hint}\n\n{detail}"), what: "Details" });
    }
    ui.add_space(theme::SPACE[1]);
}
