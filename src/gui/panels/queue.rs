//! The queue: filters and search above, one row a job below; only the rows in sight are laid out.

use eframe::egui::{self, Align, Frame, Layout, Margin, Rect, RichText, ScrollArea, Stroke, TextEdit, Ui, pos2, vec2};

use super::row;
use crate::{
    engine::{Command, JobFilter, Snapshot},
    gui::{
        action::Action,
        theme::{self, icon},
        view_state::ViewState,
        widgets::{Button, mark, segmented, text},
    },
    job::JobId,
};

const SEARCH_WIDTH: f32 = 200.0;
/// Height of a row with its hairline.
const ROW_PITCH: f32 = theme::ROW_HEIGHT;
/// Near the upper and lower edge a dragged row scrolls the list, by this many points a frame at most.
const DRAG_SCROLL: f32 = 8.0;
const DRAG_SCROLL_ZONE: f32 = 40.0;

/// A row on its way to another place; the payload of a drag.
#[derive(Debug, Clone, Copy)]
pub struct DraggedJob {
    /// Which job.
    pub id: JobId,
    /// Its index in the list of all jobs.
    pub from: usize,
}

/// Lays filters and rows out.
pub fn queue_ui(ui: &mut Ui, snapshot: &Snapshot, view: &mut ViewState, actions: &mut Vec<Action>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    filter_bar(ui, view);
    let line = ui.cursor().top();
    ui.painter().hline(ui.max_rect().x_range(), line - 0.5, (1.0, theme::palette(ui).line));
    if view.queue.shown.is_empty() {
        nothing_shown(ui, view);
        return;
    }
    rows(ui, snapshot, view, actions);
}

fn filter_bar(ui: &mut Ui, view: &mut ViewState) {
    let size = vec2(ui.available_width(), theme::FILTER_BAR_HEIGHT);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_size(size);
        ui.add_space(theme::SIDE_MARGIN);
        let counts = view.queue.counts;
        // Few queues have cancelled jobs; the last filter moves no other when it comes.
        let is_shown = |filter: &JobFilter| {
            *filter != JobFilter::Cancelled || view.filter == JobFilter::Cancelled || counts.cancelled > 0
        };
        let filters: Vec<JobFilter> = JobFilter::ALL.into_iter().filter(is_shown).collect();
        segmented(ui, &mut view.filter, &filters, |filter| format!("{} {}", filter.label(), counts.of(filter)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(theme::SIDE_MARGIN);
            search_field(ui, view);
        });
    });
    ui.add_space(1.0);
}

fn search_field(ui: &mut Ui, view: &mut ViewState) {
    let palette = theme::palette(ui);
    let frame = Frame::new()
        .fill(palette.background)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(theme::RADIUS)
        .inner_margin(Margin { left: 28, right: 8, top: 4, bottom: 4 });
    let hint = RichText::new("Search the queue").color(palette.weak);
    let width = SEARCH_WIDTH.min(ui.available_width());
    let edit = TextEdit::singleline(&mut view.search).hint_text(hint).frame(frame).desired_width(width);
    let response = ui.add(edit);
    response.clone().accessible_name("Search the queue");
    if response.has_focus() {
        mark(ui, &response, palette.accent);
    }
    let glass = pos2(response.rect.left() + 15.0, response.rect.center().y);
    text::paint_icon(ui.painter(), glass, icon::SEARCH, 14.0, palette.weak);
    if view.focus_search {
        response.request_focus();
        view.focus_search = false;
    }
    if response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Escape)) {
        view.search.clear();
    }
}

fn nothing_shown(ui: &mut Ui, view: &mut ViewState) {
    ui.vertical_centered(|ui| {
        ui.add_space(theme::SPACE[4] * 3.0);
        let words = if view.search.trim().is_empty() {
            format!("No job is {}", view.filter.label().to_lowercase())
        } else {
            format!("No job is named like “{}”", view.search.trim())
        };
        ui.label(RichText::new(words).color(theme::palette(ui).weak));
        ui.add_space(theme::SPACE[2]);
        if Button::new("Show all").show(ui).clicked() {
            view.search.clear();
            view.filter = JobFilter::All;
        }
    });
}

fn rows(ui: &mut Ui, snapshot: &Snapshot, view: &mut ViewState, actions: &mut Vec<Action>) {
    let mut area = ScrollArea::vertical().auto_shrink(false);
    let viewport = ui.available_rect_before_wrap();
    if let Some(offset) = offset_to_show(view, snapshot, viewport.height(), scroll_offset(ui)) {
        area = area.vertical_scroll_offset(offset);
    }
    let count = view.queue.shown.len();
    let output = area.id_salt("queue").show_rows(ui, ROW_PITCH, count, |ui, range| {
        let top = ui.max_rect().top() - range.start as f32 * ROW_PITCH;
        for place in range {
            let Some(index) = view.queue.shown.get(place).copied() else { continue };
            let Some(job) = snapshot.jobs.get(index) else { continue };
            row::row_ui(ui, (snapshot, job, index), view, actions);
        }
        drop_target(ui, (top, viewport), view, actions);
    });
    ui.ctx().data_mut(|data| data.insert_temp(scroll_id(), output.state.clamped_offset().y));
}

fn scroll_id() -> egui::Id {
    egui::Id::unique("queue scroll offset")
}

fn scroll_offset(ui: &Ui) -> f32 {
    ui.ctx().data(|data| data.get_temp(scroll_id())).unwrap_or_default()
}

/// The offset that brings the wanted row into view, if it is not in view already.
fn offset_to_show(view: &mut ViewState, snapshot: &Snapshot, height: f32, offset: f32) -> Option<f32> {
    let wanted = view.scroll_to.take()?;
    let place =
        view.queue.shown.iter().position(|index| snapshot.jobs.get(*index).is_some_and(|job| job.id == wanted))?;
    nearest_offset(place as f32 * ROW_PITCH, height, offset)
}

/// The smallest change of `offset` that shows the whole row at `top` in a list of this height.
fn nearest_offset(top: f32, height: f32, offset: f32) -> Option<f32> {
    if top < offset {
        Some(top)
    } else if top + ROW_PITCH > offset + height {
        Some(top + ROW_PITCH - height)
    } else {
        None
    }
}

/// Shows where a dragged row would land, and moves it there when it is let go.
fn drop_target(ui: &mut Ui, (top, viewport): (f32, Rect), view: &ViewState, actions: &mut Vec<Action>) {
    let Some(dragged) = egui::DragAndDrop::payload::<DraggedJob>(ui.ctx()) else { return };
    let Some(pointer) = ui.input(|input| input.pointer.interact_pos()) else { return };
    let before = ((pointer.y - top) / ROW_PITCH).round().clamp(0.0, view.queue.shown.len() as f32) as usize;
    let y = top + before as f32 * ROW_PITCH;
    ui.painter().hline(ui.max_rect().x_range(), y, (2.0, theme::palette(ui).accent));
    let above = (viewport.top() + DRAG_SCROLL_ZONE - pointer.y).max(0.0);
    let below = (pointer.y - viewport.bottom() + DRAG_SCROLL_ZONE).max(0.0);
    if above > 0.0 || below > 0.0 {
        ui.scroll_with_delta(vec2(0.0, above.min(DRAG_SCROLL) - below.min(DRAG_SCROLL)));
        ui.ctx().request_repaint();
    }
    if ui.input(|input| input.pointer.any_released()) {
        egui::DragAndDrop::clear_payload(ui.ctx());
        if let Some(index) = view.queue.index_after_drop(dragged.from, before) {
            actions.push(Action::Send(Command::MoveTo { id: dragged.id, index }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_in_sight_does_not_scroll_the_list() {
        assert_eq!(nearest_offset(76.0, 400.0, 0.0), None);
        assert_eq!(nearest_offset(76.0, 400.0, 100.0), Some(76.0));
        assert_eq!(nearest_offset(760.0, 400.0, 0.0), Some(436.0));
    }
}
