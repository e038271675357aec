//! One job in the queue.

use eframe::egui::{
    self, Align2, Color32, CornerRadius, CursorIcon, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2,
};

use super::{
    queue::DraggedJobs,
    row_actions::{self, Chosen},
};
use crate::{
    engine::{Job, Snapshot},
    format,
    gui::{
        action::Action,
        selection::Selection,
        theme::{self, Palette, icon, icon::Icon},
        thumbnails::PictureUse,
        view_state::ViewState,
        widgets::{BarKind, badge, badge_width, progress_bar_at, text},
        wording,
    },
    job::{Destination, JobState, Progress, Stage, StageState},
};

const THUMBNAIL_LEFT: f32 = 44.0;
const TEXT_LEFT: f32 = THUMBNAIL_LEFT + theme::THUMBNAIL.x + theme::SPACE[2];
/// Middles of the three lines, from the top of the row.
const LINES: [f32; 3] = [20.0, 38.0, 56.0];
/// Room for the icons with "…" and the margin at the right.
const ICONS_WIDTH: f32 = (row_actions::PLACES + 1) as f32 * (theme::ICON_HIT + 1.0) + 11.0;
const STATE_WIDTH: (f32, f32) = (190.0, 360.0);

/// Part of the line of a name that badges may take from it.
const MOST_BADGES: f32 = 0.5;

/// A row on its way to another place is still seen at its old one.
const DRAGGED_OPACITY: f32 = 0.45;

/// Where the parts of a row lie.
struct Columns {
    text_right: f32,
    state: egui::Rangef,
    icons_left: f32,
}

impl Columns {
    fn of(row: Rect) -> Self {
        let icons_left = row.right() - ICONS_WIDTH;
        let state_right = icons_left - theme::SPACE[0];
        let width = (row.width() * 0.293).clamp(STATE_WIDTH.0, STATE_WIDTH.1);
        let state = egui::Rangef::new(state_right - width, state_right);
        Self { text_right: state.min - theme::SPACE[3], state, icons_left }
    }
}

/// Lays one row out.
pub fn row_ui(ui: &mut Ui, (snapshot, job): (&Snapshot, &Job), view: &mut ViewState, actions: &mut Vec<Action>) {
    let size = vec2(ui.available_width(), theme::ROW_HEIGHT);
    let (_, rect) = ui.allocate_space(size);
    let response = ui.interact(rect, egui::Id::unique(("row", job.id)), Sense::click());
    let is_selected = view.selection.has(job.id);
    let now = jiff::Zoned::now();
    let description = wording::row_description(snapshot, job, &now);
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, is_selected, &description));
    // Names of sources may come twice in a queue: what is in a row is told apart by the job.
    let ui = &mut ui.new_child(egui::UiBuilder::new().id_salt(("row", job.id)).max_rect(rect));
    let dragged = egui::DragAndDrop::payload::<DraggedJobs>(ui.ctx());
    if dragged.is_some_and(|dragged| dragged.ids.contains(&job.id)) {
        ui.set_opacity(DRAGGED_OPACITY);
    }
    let palette = theme::palette(ui);
    paint_ground(ui, rect, &response, (is_selected, palette));
    if let Some(action) = selecting(ui, &response, is_selected, job) {
        actions.push(action);
    }
    if response.double_clicked() {
        actions.push(Action::ToggleDetails);
    }
    let columns = Columns::of(rect);
    grip(ui, rect, (snapshot, job, &view.selection));
    thumbnail(ui, rect, job, view);
    let is_name_cut = names(ui, rect, &columns, (job, view, palette));
    state(ui, rect, &columns, (job, &wording::queued_state_line(snapshot, job, &now), palette));
    let chosen = Chosen::of(job, &view.selection);
    row_actions::row_actions_ui(ui, (columns.icons_left, rect), (snapshot, &chosen), actions);
    response.context_menu(|ui| row_actions::row_menu_ui(ui, (snapshot, &chosen), actions));
    tip(response, job, is_name_cut);
}

/// What a click into a row selects.
fn selecting(ui: &Ui, response: &Response, is_selected: bool, job: &Job) -> Option<Action> {
    if response.secondary_clicked() {
        // The menu is for all that are selected.
        return (!is_selected).then_some(Action::Select(job.id));
    }
    let modifiers = ui.input(|input| input.modifiers);
    response.clicked().then_some(match (modifiers.command, modifiers.shift) {
        (true, _) => Action::SelectToo(job.id),
        (false, true) => Action::SelectUpTo(job.id),
        (false, false) => Action::Select(job.id),
    })
}

fn paint_ground(ui: &Ui, rect: Rect, response: &Response, (is_selected, palette): (bool, &Palette)) {
    let ground = if is_selected {
        palette.selected
    } else if response.contains_pointer() {
        palette.raised
    } else {
        Color32::TRANSPARENT
    };
    ui.painter().rect_filled(rect, 0.0, ground);
    if response.has_focus() {
        let stroke = egui::Stroke::new(2.0, palette.accent);
        ui.painter().rect_stroke(rect, 0.0, stroke, egui::StrokeKind::Inside);
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, (1.0, palette.line));
}

/// Waiting jobs can be dragged to another place.
fn grip(ui: &mut Ui, rect: Rect, (snapshot, job, selection): (&Snapshot, &Job, &Selection)) {
    if !job.is_waiting() {
        return;
    }
    let palette = theme::palette(ui);
    let middle = pos2(rect.left() + 17.0, rect.center().y);
    let handle = Rect::from_center_size(middle, egui::Vec2::splat(theme::ICON_HIT));
    let response = ui.interact(handle, egui::Id::unique(("grip", job.id)), Sense::drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Move {}", job.spec.source_name())));
    let colour = if response.hovered() || response.dragged() { palette.text } else { palette.weak };
    text::paint_icon(ui.painter(), middle, icon::GRIP, theme::ICON_SIZE, colour);
    if response.drag_started() {
        egui::DragAndDrop::set_payload(ui.ctx(), DraggedJobs::with(job, selection, snapshot));
    }
    let _ = response.on_hover_text("Drag to another place").on_hover_and_drag_cursor(CursorIcon::Grab);
}

fn thumbnail(ui: &Ui, rect: Rect, job: &Job, view: &mut ViewState) {
    let palette = theme::palette(ui);
    let left_top = pos2(rect.left() + THUMBNAIL_LEFT, rect.center().y - theme::THUMBNAIL.y / 2.0);
    let place = Rect::from_min_size(left_top, theme::THUMBNAIL);
    let texture = job.thumbnail.as_deref().and_then(|file| view.thumbnails.get(file, PictureUse::Row));
    paint_picture(ui, place, texture.as_ref(), palette);
}

/// Paints a picture in its own shape on a dark ground, or a film where there is none.
pub fn paint_picture(ui: &Ui, place: Rect, texture: Option<&egui::TextureHandle>, palette: &Palette) {
    let radius = CornerRadius::same(theme::IMAGE_RADIUS);
    let Some(texture) = texture else {
        ui.painter().rect_filled(place, radius, palette.track);
        text::paint_icon(ui.painter(), place.center(), icon::FILM, place.height().min(80.0) * 0.4, palette.weak);
        return;
    };
    let size = texture.size_vec2();
    let scale = (place.width() / size.x).min(place.height() / size.y);
    let picture = Align2::CENTER_CENTER.align_size_within_rect(size * scale, place);
    if (picture.width() - place.width()).abs() > 1.0 || (picture.height() - place.height()).abs() > 1.0 {
        ui.painter().rect_filled(place, radius, Color32::BLACK);
    }
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let shape = egui::epaint::RectShape::filled(picture, radius, Color32::WHITE).with_texture(texture.id(), whole);
    ui.painter().add(shape);
}

/// Name, facts and stages; true when the name is not whole.
fn names(ui: &Ui, rect: Rect, columns: &Columns, (job, view, palette): (&Job, &ViewState, &Palette)) -> bool {
    let left = rect.left() + TEXT_LEFT;
    let room = columns.text_right - left;
    let badges = job.source.as_ref().map(|source| source.badges()).unwrap_or_default();
    let line = |number: usize| pos2(left, rect.top() + LINES[number]);
    let name_room = room - badges_room(ui, &badges, room * MOST_BADGES);
    let name = job.spec.source_name();
    let (name, is_cut) = text::elided_in_middle(ui, &name, theme::strong(), palette.text, name_room);
    let name = text::paint_line(ui, line(0), name, palette.text);
    let mut x = name.right() + theme::SPACE[1];
    for word in &badges {
        let Some(badge) = badge(ui, pos2(x, line(0).y), columns.text_right, word) else { break };
        x = badge.right() + theme::SPACE[0];
    }
    let facts = match &job.source {
        Some(source) => wording::source_facts(source),
        None => {
            job.spec.source.parent().map(|folder| wording::short_path(folder, view.home.as_deref())).unwrap_or_default()
        }
    };
    text::paint_elided(ui, line(1), &facts, (theme::facts(), palette.weak), room);
    match job.progress() {
        Some(progress) => stages(ui, line(2), room, (job, progress, palette)),
        None => {
            let words = wording::rest_line(job, view.home.as_deref());
            text::paint_elided(ui, line(2), &words, (theme::facts(), palette.weak), room);
        }
    }
    is_cut
}

/// Width of the first badges, with the gap before each, that fit into `most`.
fn badges_room(ui: &Ui, badges: &[String], most: f32) -> f32 {
    let mut room = 0.0;
    for (place, word) in badges.iter().enumerate() {
        let gap = if place == 0 { theme::SPACE[1] } else { theme::SPACE[0] };
        let with_this = room + gap + badge_width(ui, word);
        if with_this > most {
            break;
        }
        room = with_this;
    }
    room
}

/// `✓ Probe › ● Encode › ● Package › ○ Publish`.
fn stages(ui: &Ui, left_middle: egui::Pos2, room: f32, (job, progress, palette): (&Job, &Progress, &Palette)) {
    let publishes = matches!(job.spec.destination, Destination::S3 { .. });
    let mut x = left_middle.x;
    let right = left_middle.x + room;
    for (stage, state) in Stage::ALL.into_iter().zip(progress.stages) {
        if stage == Stage::Publish && !publishes {
            continue;
        }
        let is_first = stage == Stage::Probe;
        let arrow = if is_first { 0.0 } else { 12.0 };
        let (glyph, colour, size) = match state {
            StageState::Finished => (icon::FINISHED, palette.good, 12.0),
            StageState::AtWork => (icon::AT_WORK, palette.text, 11.0),
            StageState::ToCome => (icon::TO_COME, palette.weak, 11.0),
        };
        let words = text::elided(ui, stage.label(), theme::small(), colour, f32::INFINITY);
        if x + arrow + 15.0 + words.size().x > right {
            return;
        }
        if !is_first {
            text::paint_icon(ui.painter(), pos2(x + 5.0, left_middle.y), icon::THEN, 9.0, palette.weak);
        }
        x += arrow;
        text::paint_icon(ui.painter(), pos2(x + 5.0, left_middle.y), glyph, size, colour);
        let at = pos2(x + 13.0, (left_middle.y - words.size().y / 2.0).round());
        x += 13.0 + words.size().x + theme::SPACE[0];
        ui.painter().galley(at, words, colour);
    }
}

/// Icon and colour of a state.
pub fn state_icon(state: &JobState, palette: &Palette) -> (Icon, Color32) {
    match state {
        JobState::Running { is_paused: true, .. } | JobState::Interrupted { is_held: true, .. } => {
            (icon::PAUSE, palette.warning)
        }
        JobState::Waiting | JobState::Interrupted { .. } => (icon::STATE_WAITING, palette.weak),
        JobState::Running { progress, .. } if progress.stage == Stage::Publish => {
            (icon::STATE_PUBLISHING, palette.accent)
        }
        JobState::Running { .. } => (icon::STATE_RUNNING, palette.accent),
        JobState::Done { report } if !report.warnings.is_empty() => (icon::STATE_DONE, palette.good),
        JobState::Done { .. } => (icon::STATE_DONE, palette.good),
        JobState::Failed { .. } => (icon::STATE_FAILED, palette.bad),
        JobState::Cancelled => (icon::STATE_CANCELLED, palette.weak),
    }
}

fn state(ui: &mut Ui, rect: Rect, columns: &Columns, (job, words, palette): (&Job, &str, &Palette)) {
    let (glyph, colour) = state_icon(&job.state, palette);
    let fraction = job.fraction();
    let is_failed = matches!(job.state, JobState::Failed { .. });
    let lines = match (fraction, words.is_empty()) {
        (Some(_), _) => [LINES[0], LINES[2] - 1.0],
        (None, true) => [rect.height() / 2.0; 2],
        (None, false) if is_failed => [LINES[0], LINES[1]],
        (None, false) => [LINES[1] - 9.0, LINES[1] + 9.0],
    };
    let left = columns.state.min;
    let width = columns.state.span();
    let middle = pos2(left + 7.0, rect.top() + lines[0]);
    text::paint_icon(ui.painter(), middle, glyph, theme::ICON_SIZE - 1.0, colour);
    let place = pos2(left + 21.0, middle.y);
    let font = (theme::body(), palette.text);
    text::paint_elided(ui, place, &wording::state_word(job), font, width - 70.0);
    let below = pos2(left, rect.top() + lines[1]);
    if is_failed {
        text::paint_in_two_lines(ui, below.into(), words, (theme::facts(), palette.bad), width);
    } else {
        text::paint_elided(ui, below, words, (theme::facts(), palette.weak), width);
    }
    if let Some(fraction) = fraction {
        let right_middle = pos2(columns.state.max, middle.y);
        let percent = format::percent(fraction);
        ui.painter().text(right_middle, Align2::RIGHT_CENTER, percent, theme::body(), palette.text);
        let bar = Rect::from_min_size(
            pos2(left, rect.top() + LINES[1] - theme::BAR_HEIGHT / 2.0),
            vec2(width, theme::BAR_HEIGHT),
        );
        let name = format!("Progress of {}", job.spec.source_name());
        let is_at_work = matches!(job.state, JobState::Running { is_paused: false, .. });
        progress_bar_at(ui, bar, fraction, if is_at_work { BarKind::AtWork } else { BarKind::Paused }, &name);
    }
}

/// What the row cuts off, whole: the name, cause and remedy, and why an upload waits.
fn tip(response: Response, job: &Job, is_name_cut: bool) {
    let mut lines: Vec<String> = is_name_cut.then(|| job.spec.source_name()).into_iter().collect();
    if let JobState::Failed { failure } = &job.state {
        lines.extend([failure.headline.clone(), failure.hint.clone()]);
    }
    lines.extend(wording::upload_waits(job));
    if !lines.is_empty() {
        let _ = response.on_hover_text_at_pointer(lines.join("\n"));
    }
}
