//! The queue: filters and search above, one row a job below; only the rows in sight are laid out.

use eframe::egui::{self, Align, Frame, Layout, Margin, Rect, RichText, ScrollArea, Stroke, TextEdit, Ui, pos2, vec2};

use super::{notices, row};
use crate::{
    engine::{Job, JobFilter, Snapshot},
    gui::{
        action::Action,
        selection::Selection,
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

/// Rows on their way to another place; the payload of a drag.
#[derive(Debug, Clone)]
pub struct DraggedJobs {
    /// Which jobs.
    pub ids: Vec<JobId>,
}

impl DraggedJobs {
    /// What goes with this row when it is dragged: itself, and all that wait of several that are selected with it.
    pub fn with(job: &Job, selection: &Selection, snapshot: &Snapshot) -> Self {
        let is_one_of_several = selection.is_several() && selection.has(job.id);
        Self { ids: if is_one_of_several { selection.waiting(snapshot) } else { vec![job.id] } }
    }
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
        let before = view.filter;
        segmented(ui, &mut view.filter, &filters, |filter| format!("{} {}", filter.label(), counts.of(filter)));
        view.scroll_to_top |= view.filter != before;
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
    let count = view.queue.shown.len();
    // What lies below messages can be scrolled above them.
    let covered = if view.notices.is_empty() { 0.0 } else { notices::covered_height(ui.ctx()) };
    let below = (covered / ROW_PITCH).ceil() as usize;
    let height = (viewport.height() - covered).max(ROW_PITCH);
    if std::mem::take(&mut view.scroll_to_top) {
        area = area.vertical_scroll_offset(0.0);
    } else if let Some(offset) = offset_to_show(ui, view, snapshot, height) {
        area = area.vertical_scroll_offset(offset);
    }
    let output = area.id_salt("queue").show_rows(ui, ROW_PITCH, count + below, |ui, range| {
        let top = ui.max_rect().top() - range.start as f32 * ROW_PITCH;
        for place in range {
            let Some(index) = view.queue.shown.get(place).copied() else { continue };
            let Some(job) = snapshot.jobs.get(index) else { continue };
            row::row_ui(ui, (snapshot, job), view, actions);
        }
        drop_target(ui, (top, viewport), (snapshot, view), actions);
    });
    let largest = (output.content_size.y - output.inner_rect.height()).max(0.0);
    let scrolled = Scrolled { offset: output.state.clamped_offset().y, largest };
    ui.ctx().data_mut(|data| data.insert_temp(scroll_id(), scrolled));
}

/// How far the list was scrolled in the last frame, and how far it could be.
#[derive(Clone, Copy, Default)]
struct Scrolled {
    offset: f32,
    largest: f32,
}

fn scroll_id() -> egui::Id {
    egui::Id::unique("queue scroll offset")
}

/// The offset that brings the wanted row into view in a list of this height, if it is not in view already.
fn offset_to_show(ui: &Ui, view: &mut ViewState, snapshot: &Snapshot, height: f32) -> Option<f32> {
    let wanted = view.scroll_to.take()?;
    let Scrolled { offset, largest } = ui.ctx().data(|data| data.get_temp(scroll_id())).unwrap_or_default();
    let place = view.queue.ids(snapshot).position(|id| id == wanted.id)?;
    let nearest = nearest_offset(place as f32 * ROW_PITCH, height, offset);
    // A message may come to cover the row in this frame, and a list that has grown springs back from where it could not
    // be scrolled to before.
    view.scroll_to = wanted.later(nearest.is_none());
    if view.scroll_to.is_some() {
        ui.ctx().request_repaint();
    }
    nearest.filter(|offset| *offset <= largest)
}

/// The smallest change of `offset` that shows the whole row at `top` in a list of this height.
fn nearest_offset(top: f32, height: f32, offset: f32) -> Option<f32> {
    // Offsets are rounded to pixels.
    if top + 0.5 < offset {
        Some(top)
    } else if top + ROW_PITCH > offset + height + 0.5 {
        Some(top + ROW_PITCH - height)
    } else {
        None
    }
}

/// Shows where dragged rows would land, and moves them there when they are let go.
fn drop_target(
    ui: &mut Ui,
    (top, viewport): (f32, Rect),
    (snapshot, view): (&Snapshot, &ViewState),
    actions: &mut Vec<Action>,
) {
    let Some(dragged) = egui::DragAndDrop::payload::<DraggedJobs>(ui.ctx()) else { return };
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
        actions.extend(view.queue.moving(snapshot, &dragged.ids, before).into_iter().map(Action::Send));
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
