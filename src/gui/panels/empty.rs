//! The window without a job: one place to drop files on, and what will become of them.

use eframe::egui::{self, Align, Layout, Rect, RichText, Shape, Stroke, Ui, UiBuilder, vec2};

use crate::{
    engine::Snapshot,
    gui::{
        action::Action,
        file_dialog::PathPurpose,
        panels::made_of_new_files,
        theme::{self, icon},
        view_state::ViewState,
        widgets::{Button, text},
        wording,
    },
    job::JobKind,
};

const AREA: egui::Vec2 = egui::Vec2::new(560.0, 300.0);
const CONTENT_HEIGHT: f32 = 152.0;

/// Lays the drop area out in the middle of what is left of the window.
pub fn empty_ui(ui: &mut Ui, snapshot: &Snapshot, view: &ViewState, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui);
    let room = ui.max_rect();
    let size = AREA.min(room.size() - vec2(48.0, 32.0));
    let rect = Rect::from_center_size(room.center(), size);
    dashed_frame(ui, rect, Stroke::new(2.0, palette.line));
    let content = Rect::from_center_size(rect.center(), vec2(rect.width() - 32.0, CONTENT_HEIGHT));
    ui.scope_builder(UiBuilder::new().max_rect(content).layout(Layout::top_down(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE[2];
        let (film, _) = ui.allocate_exact_size(vec2(40.0, 40.0), egui::Sense::hover());
        text::paint_icon(ui.painter(), film.center(), icon::FILM, 44.0, palette.weak);
        ui.label(RichText::new("Drop video files or folders here").font(theme::display()));
        let destination = wording::short_destination(&snapshot.settings.destination(), view.home.as_deref());
        let verb = if snapshot.settings.destination().local_folder() == snapshot.settings.output_folder
            && destination.starts_with("s3://")
        {
            "published to"
        } else {
            "saved to"
        };
        let made = made_of_new_files(snapshot);
        let words = match snapshot.settings.kind() {
            JobKind::File(_) => format!("Each becomes one {made}, {verb} {destination}"),
            JobKind::Pictures => format!("Poster and thumbnails of each are {verb} {destination}"),
            JobKind::Stream => format!("Each becomes a stream in “{made}”, {verb} {destination}"),
        };
        ui.add(egui::Label::new(RichText::new(words).color(palette.weak)).truncate());
        ui.add_space(theme::SPACE[0]);
        buttons(ui, actions);
    });
}

fn buttons(ui: &mut Ui, actions: &mut Vec<Action>) {
    let width = 238.0;
    ui.allocate_ui(vec2(width, theme::CONTROL_HEIGHT), |ui| {
        ui.horizontal(|ui| {
            if Button::primary("Add files…").named("Add files… to the empty queue").show(ui).clicked() {
                actions.push(Action::Pick(PathPurpose::AddFiles));
            }
            if Button::new("Try the sample clip").show(ui).clicked() {
                actions.push(Action::TrySampleClip);
            }
        });
    });
}

/// A dashed line around `rect` with round corners.
fn dashed_frame(ui: &Ui, rect: Rect, stroke: Stroke) {
    let mut outline = Vec::new();
    egui::epaint::tessellator::path::rounded_rectangle(
        &mut outline,
        egui::epaint::RoundedRect::new(rect, f32::from(theme::DIALOG_RADIUS)),
    );
    if let Some(first) = outline.first().copied() {
        outline.push(first);
    }
    ui.painter().extend(Shape::dashed_line(&outline, stroke, 6.0, 4.0));
}
