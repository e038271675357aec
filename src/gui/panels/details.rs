//! The panel of the selected job: Overview, Files, Log.

use std::sync::Arc;

use eframe::egui::{self, Align, Layout, RichText, ScrollArea, Ui, vec2};

use super::details_overview::overview_ui;
use crate::{
    engine::{Job, Snapshot},
    format,
    gui::{
        action::Action,
        theme::{self, icon},
        view_state::{DetailsTab, ViewState},
        widgets::{Button, field_label, icon_button, tabs, text},
    },
};

const TABS_HEIGHT: f32 = 40.0;

/// Lays the panel out for the selected job; nothing when none is selected.
pub fn details_ui(ui: &mut Ui, snapshot: &Snapshot, view: &mut ViewState, actions: &mut Vec<Action>) {
    let Some(job) = view.selection.current().and_then(|id| snapshot.job(id)) else { return };
    let palette = theme::palette(ui);
    ui.spacing_mut().item_spacing.y = 0.0;
    let size = vec2(ui.available_width(), TABS_HEIGHT);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_size(size);
        ui.add_space(theme::SPACE[3]);
        if view.details_cover_queue
            && icon_button(ui, icon::BACK, "Back to the queue", "Back to the queue (Esc)").clicked()
        {
            view.details_cover_queue = false;
        }
        tabs(ui, &mut view.tab, &DetailsTab::ALL, DetailsTab::label);
        if !view.details_cover_queue {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_space(theme::SPACE[1]);
                if icon_button(ui, icon::CLOSE, "Close the details", "Close the details (Ctrl+I)").clicked() {
                    view.details_wanted = false;
                }
            });
        }
    });
    ui.painter().hline(ui.max_rect().x_range(), ui.cursor().top() - 0.5, (1.0, palette.line));
    if view.selection.is_several() {
        ui.add_space(theme::SPACE[2]);
        ui.horizontal(|ui| {
            ui.add_space(theme::SPACE[3]);
            field_label(ui, &format!("One of {} selected jobs", view.selection.count()));
        });
    }
    match view.tab {
        DetailsTab::Overview => {
            ScrollArea::vertical().id_salt(("overview", job.id)).auto_shrink(false).show(ui, |ui| {
                padded(ui, |ui| overview_ui(ui, (snapshot, job), view, actions));
            });
        }
        DetailsTab::Files => files_ui(ui, job),
        DetailsTab::Log => log_ui(ui, job, actions),
    }
}

fn padded(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    egui::Frame::new().inner_margin(egui::Margin::same(16)).show(ui, contents);
}

fn files_ui(ui: &mut Ui, job: &Job) {
    let palette = theme::palette(ui);
    if job.files.is_empty() {
        padded(ui, |ui| {
            ui.label(RichText::new("No file is finished yet").color(palette.weak));
        });
        return;
    }
    let total: u64 = job.files.iter().map(|file| file.bytes).sum();
    let count = format::count(job.files.len() as u64, "file", "files");
    padded(ui, |ui| {
        ui.label(RichText::new(format!("{count} · {}", format::bytes(total))).font(theme::facts()).color(palette.weak));
    });
    let mut files: Vec<_> = job.files.iter().collect();
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    ScrollArea::vertical().id_salt(("files", job.id)).auto_shrink(false).show_rows(
        ui,
        theme::ICON_HIT,
        files.len(),
        |ui, range| {
            for file in files.get(range).unwrap_or_default() {
                file_line(ui, &file.path, &format::bytes(file.bytes));
            }
        },
    );
}

fn file_line(ui: &mut Ui, path: &str, size: &str) {
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ICON_HIT), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ListItem, true, format!("{path}, {size}")));
    let line = rect.shrink2(vec2(theme::SPACE[3], 0.0));
    text::paint_elided(ui, line.left_center(), path, (theme::facts(), palette.text), line.width() - 80.0);
    ui.painter().text(line.right_center(), egui::Align2::RIGHT_CENTER, size, theme::facts(), palette.weak);
    ui.painter().hline(line.x_range(), rect.bottom() - 0.5, (1.0, palette.line));
}

fn joined_log(job: &Job) -> String {
    let lines: Vec<&str> = job.log.iter().map(String::as_str).collect();
    lines.join("\n")
}

fn log_ui(ui: &mut Ui, job: &Arc<Job>, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui);
    padded(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme::SPACE[1];
            if !job.log.is_empty() && Button::new("Copy log").icon(icon::COPY).show(ui).clicked() {
                actions.push(Action::Copy { text: joined_log(job), what: "Log" });
            }
            let report = Button::new("Save report").show(ui);
            if report.on_hover_text("All that is known of the job, without secrets, to report a problem").clicked() {
                actions.push(Action::SaveReport(Arc::clone(job)));
            }
        });
        if job.log.is_empty() {
            ui.add_space(theme::SPACE[2]);
            ui.label(RichText::new("Nothing was logged yet").color(palette.weak));
        }
    });
    if job.log.is_empty() {
        return;
    }
    ScrollArea::vertical().id_salt(("log", job.id)).auto_shrink(false).stick_to_bottom(true).show(ui, |ui| {
        egui::Frame::new().inner_margin(egui::Margin::symmetric(theme::SPACE[3] as i8, 0)).show(ui, |ui| {
            ui.style_mut().interaction.selectable_labels = true;
            ui.add(egui::Label::new(RichText::new(joined_log(job)).monospace().color(palette.text)).wrap());
        });
    });
}
