//! What will happen, in words, while files hover over the window. The whole window is the target.

use eframe::egui::{self, CornerRadius, LayerId, Order, Rect, Sense, Stroke, Ui, UiBuilder, WidgetInfo, vec2};

use crate::{
    engine::Snapshot,
    format,
    gui::{panels::made_of_new_files, theme, view_state::ViewState, widgets::text, wording},
};

/// Names of the files that hover over the window now; empty names where the window system gives none.
pub fn hovering(ui: &Ui) -> Vec<String> {
    let name = |file: &egui::HoveredFile| {
        let name = file.path.as_deref().and_then(std::path::Path::file_name);
        name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    ui.input(|input| input.raw.hovered_files.iter().map(name).collect())
}

/// Tint and border over everything between toolbar and status line, with a card in the middle.
pub fn drop_overlay_ui(ui: &mut Ui, snapshot: &Snapshot, view: &ViewState, names: &[String]) {
    let palette = theme::palette(ui);
    let window = ui.ctx().content_rect();
    let area =
        Rect::from_min_max(window.min + vec2(0.0, theme::TOOLBAR_HEIGHT), window.max - vec2(0.0, theme::STATUS_HEIGHT));
    let layer = LayerId::new(Order::Tooltip, egui::Id::unique("drop overlay"));
    let ui = &mut ui.new_child(UiBuilder::new().layer_id(layer).max_rect(window));
    ui.painter().rect_filled(area, 0.0, palette.accent.gamma_multiply(0.16));
    ui.painter().rect_stroke(area, 0.0, Stroke::new(2.0, palette.accent), egui::StrokeKind::Inside);

    let headline = wording::drop_headline(names);
    let destination = wording::short_destination(&snapshot.settings.destination(), view.home.as_deref());
    let preset = made_of_new_files(snapshot);
    let explanation = match view.operations.summary().len() as u64 {
        0 => format!("as {preset} to {destination}"),
        count => format!("as {preset} with {} to {destination}", format::count(count, "adjustment", "adjustments")),
    };
    let widest = area.width() - 2.0 * theme::SPACE[4] - 56.0;
    let first = text::elided(ui, &headline, theme::display(), palette.text, widest);
    let second = text::elided(ui, &explanation, theme::body(), palette.weak, widest);
    let card = Rect::from_center_size(area.center(), vec2(first.size().x.max(second.size().x) + 56.0, 96.0));
    let response = ui.interact(card, egui::Id::unique("drop card"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, format!("{headline} {explanation}")));
    ui.painter().rect_filled(card, CornerRadius::same(theme::DIALOG_RADIUS), palette.panel);
    let y = card.top() + 22.0;
    ui.painter().galley(egui::pos2((card.center().x - first.size().x / 2.0).round(), y), first, palette.text);
    ui.painter().galley(egui::pos2((card.center().x - second.size().x / 2.0).round(), y + 31.0), second, palette.weak);
}
