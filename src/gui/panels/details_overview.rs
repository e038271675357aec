//! What the selected job is and how far it has come.

use eframe::egui::{self, Align2, Frame, Label, Margin, Rect, RichText, ScrollArea, Sense, Ui, pos2, vec2};

use super::{
    row::{paint_picture, state_icon},
    row_actions::adjusting,
};
use crate::{
    engine::{Command, Job, Snapshot},
    failure::Failure,
    format,
    gui::{
        action::Action,
        theme::{self, icon},
        thumbnails::PictureUse,
        view_state::ViewState,
        widgets::{Button, text},
        wording::{self, RenditionRow},
    },
    job::{Destination, JobId, JobKind, JobState},
};

const LARGEST_PICTURE: egui::Vec2 = egui::Vec2::new(360.0, 202.0);
/// Right edges of the columns of numbers, in parts of the width of the table.
const COLUMN_EDGES: [f32; 4] = [0.365, 0.557, 0.794, 0.99];
/// In a window of middle size the overview has more room than it can use.
const WIDEST: f32 = 560.0;
const TERM_WIDTH: f32 = 112.0;
/// Height of a fact of one line.
const FACT_HEIGHT: f32 = 22.0;

/// Lays the overview out.
pub fn overview_ui(ui: &mut Ui, (snapshot, job): (&Snapshot, &Job), view: &mut ViewState, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui);
    ui.set_max_width(WIDEST.min(ui.available_width()));
    // Of what failed, the cause and the way out are worth more than the place of a picture.
    if job.thumbnail.is_some() || !matches!(job.state, JobState::Failed { .. }) {
        picture(ui, job, view);
        ui.add_space(theme::SPACE[3]);
    }
    ui.add(Label::new(RichText::new(job.spec.source_name()).font(theme::title()).color(palette.text)).wrap());
    ui.add_space(theme::SPACE[0]);
    let description = match &job.source {
        Some(source) => wording::source_description(source),
        None => job.spec.source.display().to_string(),
    };
    ui.add(Label::new(RichText::new(description).font(theme::facts()).color(palette.weak)).wrap());
    if view.details_cover_queue || matches!(job.state, JobState::Failed { .. }) {
        state_line(ui, job);
    }
    if let JobState::Failed { failure } = &job.state {
        failure_ui(ui, (job.id, failure), actions);
    }
    warnings(ui, job, actions);
    let renditions = wording::rendition_rows(job);
    if renditions.is_empty() {
        wanted(ui, job);
    } else {
        let (words, each) = match job.spec.kind {
            JobKind::Stream | JobKind::Pictures => ("Renditions", "Rendition"),
            JobKind::File(_) => ("Tracks", "Track"),
        };
        heading(ui, words);
        table(ui, each, &renditions);
    }
    let adjustments = job.spec.adjustments();
    if !adjustments.is_empty() {
        heading(ui, "Adjustments");
        for (what, how) in &adjustments {
            fact(ui, what, how);
        }
    }
    let starts = wording::start_facts(snapshot, job, &jiff::Zoned::now());
    if !starts.is_empty() {
        heading(ui, "Start");
        for (what, how) in &starts {
            fact(ui, what, how);
        }
    }
    let made = match job.spec.kind {
        JobKind::Stream => "Stream",
        JobKind::File(_) => "File",
        JobKind::Pictures => "Files",
    };
    heading(ui, made);
    stream(ui, job, view);
    buttons(ui, job, actions);
}

/// What is asked for, as long as it is not known what will be made.
fn wanted(ui: &mut Ui, job: &Job) {
    match &job.spec.kind {
        JobKind::Stream => {
            heading(ui, "Preset");
            fact(ui, "Name", &job.spec.preset.name);
            fact(ui, "Renditions", &job.spec.preset.summary());
        }
        JobKind::File(conversion) => {
            heading(ui, "File");
            fact(ui, "Format", conversion.format.label());
            fact(ui, "Picture and sound", conversion.streams.label());
        }
        JobKind::Pictures => {
            heading(ui, "Thumbnails");
            fact(ui, "Format", job.spec.outputs.thumbnails.format.label());
        }
    }
}

fn picture(ui: &mut Ui, job: &Job, view: &mut ViewState) {
    let size = LARGEST_PICTURE.min(vec2(ui.available_width(), LARGEST_PICTURE.y));
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let words = format!("Picture of {}", job.spec.source_name());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &words));
    let texture = job.thumbnail.as_deref().and_then(|file| view.thumbnails.get(file, PictureUse::Panel));
    paint_picture(ui, rect, texture.as_ref(), theme::palette(ui));
}

fn state_line(ui: &mut Ui, job: &Job) {
    let palette = theme::palette(ui);
    let (glyph, colour) = state_icon(&job.state, palette);
    let percent = job.fraction().map(|fraction| format!(", {}", format::percent(fraction)));
    ui.add_space(theme::SPACE[1]);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(theme::ICON_SIZE), Sense::hover());
        text::paint_icon(ui.painter(), rect.center(), glyph, theme::ICON_SIZE - 1.0, colour);
        ui.label(format!("{}{}", wording::state_word(job), percent.unwrap_or_default()));
    });
}

fn heading(ui: &mut Ui, words: &str) {
    ui.add_space(theme::SPACE[4] - 4.0);
    ui.label(RichText::new(words).font(theme::group_heading()).color(theme::palette(ui).weak));
    ui.add_space(theme::SPACE[1]);
}

/// Headline, hint, a button to try again, and the technical detail to copy.
fn failure_ui(ui: &mut Ui, (id, failure): (JobId, &Failure), actions: &mut Vec<Action>) {
    let palette = theme::palette(ui);
    ui.add_space(theme::SPACE[2]);
    ui.add(Label::new(RichText::new(&failure.headline).color(palette.bad)).wrap());
    ui.add_space(theme::SPACE[0]);
    ui.add(Label::new(&failure.hint).wrap());
    ui.add_space(theme::SPACE[2]);
    if Button::primary("Retry").icon(icon::RETRY).show(ui).clicked() {
        actions.push(Action::Send(Command::Retry { id }));
    }
    if failure.detail.is_empty() {
        return;
    }
    ui.add_space(theme::SPACE[2]);
    let frame = Frame::new().fill(palette.background).corner_radius(theme::RADIUS).inner_margin(Margin::same(8));
    frame.show(ui, |ui| {
        ui.style_mut().interaction.selectable_labels = true;
        ScrollArea::vertical().id_salt("failure detail").max_height(140.0).show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            ui.add(Label::new(RichText::new(&failure.detail).monospace()).wrap());
        });
    });
    ui.add_space(theme::SPACE[1]);
    if Button::new("Copy details").icon(icon::COPY).show(ui).clicked() {
        let text = format!("{}\n{}\n\n{}", failure.headline, failure.hint, failure.detail);
        actions.push(Action::Copy { text, what: "Details" });
    }
}

fn warnings(ui: &mut Ui, job: &Job, actions: &mut Vec<Action>) {
    let (warnings, notes) = match (&job.state, &job.plan) {
        (JobState::Done { report }, _) => (report.warnings.as_slice(), report.notes.as_slice()),
        (_, Some(plan)) => (plan.warnings.as_slice(), [].as_slice()),
        (_, None) => return,
    };
    let palette = theme::palette(ui);
    for note in notes {
        ui.add_space(theme::SPACE[1]);
        ui.add(Label::new(RichText::new(note).font(theme::facts()).color(palette.weak)).wrap());
    }
    for warning in warnings {
        ui.add_space(theme::SPACE[1]);
        ui.horizontal_top(|ui| {
            let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(theme::ICON_SIZE), Sense::hover());
            text::paint_icon(ui.painter(), rect.center(), icon::WARNING, theme::ICON_SIZE - 1.0, palette.warning);
            ui.add(Label::new(RichText::new(warning).font(theme::facts())).wrap());
        });
    }
    if !warnings.is_empty() {
        ui.add_space(theme::SPACE[1]);
        let (words, what) =
            if warnings.len() == 1 { ("Copy warning", "Warning") } else { ("Copy warnings", "Warnings") };
        if Button::new(words).icon(icon::COPY).show(ui).clicked() {
            actions.push(Action::Copy { text: warnings.join("\n"), what });
        }
    }
}

/// The table of renditions: numbers right-aligned in columns that stay where they are.
fn table(ui: &mut Ui, each: &str, rows: &[RenditionRow]) {
    let palette = theme::palette(ui);
    let header = [each, "Codec", "Target", "Measured", "Written"].map(str::to_owned);
    let line = table_line(ui, &header, palette.weak);
    ui.painter().hline(line.x_range(), line.bottom() - 0.5, (1.0, palette.line));
    for (place, row) in rows.iter().enumerate() {
        let cells = [
            row.name.clone(),
            row.codec.clone(),
            row.target.map(format::kilobits).unwrap_or_default(),
            row.measured.map(format::kilobits).unwrap_or_default(),
            row.written.map(format::bytes).unwrap_or_default(),
        ];
        let line = table_line(ui, &cells, palette.text);
        if place + 1 < rows.len() {
            ui.painter().hline(line.x_range(), line.bottom() - 0.5, (1.0, palette.line));
        }
    }
}

fn table_line(ui: &mut Ui, cells: &[String; 5], colour: egui::Color32) -> Rect {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ICON_HIT), Sense::hover());
    let spoken: Vec<&str> = cells.iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Row, true, spoken.join(", ")));
    let [name, numbers @ ..] = cells;
    let font = theme::facts();
    let mut room = rect.width();
    for (cell, edge) in numbers.iter().zip(COLUMN_EDGES) {
        let right_middle = pos2(rect.left() + rect.width() * edge, rect.center().y);
        let drawn = ui.painter().text(right_middle, Align2::RIGHT_CENTER, cell, font.clone(), colour);
        room = room.min(drawn.left() - theme::SPACE[0] - rect.left());
    }
    text::paint_elided(ui, rect.left_center(), name, (font, colour), room);
    rect
}

fn stream(ui: &mut Ui, job: &Job, view: &ViewState) {
    if let Some(playable) = wording::playable(job) {
        fact(ui, "Playable", &playable);
    }
    if let Some(published) = wording::published(job) {
        fact(ui, "Published", &published);
    }
    if let Some(waits) = wording::upload_waits(job) {
        fact(ui, "Upload waits", &waits);
    }
    if let JobState::Done { report } = &job.state
        && let Some(file) = &report.file
    {
        fact(ui, "File", &wording::short_path(file, view.home.as_deref()));
        return;
    }
    let uploads = wording::uploads(job);
    if !uploads.is_empty() {
        uploads.iter().for_each(|(term, words)| fact(ui, term, words));
        return;
    }
    match (wording::published_url(job), &job.spec.destination, wording::stream_folder(job)) {
        (Some(url), _, _) => fact(ui, "URL", url),
        // The folder that it got, which has another name where there was one already.
        (None, Destination::Folder(_), Some(folder)) => {
            fact(ui, "Destination", &wording::short_path(folder, view.home.as_deref()));
        }
        (None, ..) => fact(ui, "Destination", &wording::short_destination(&job.spec.destination, view.home.as_deref())),
    }
}

/// A term and its value, on as many lines as it takes.
fn fact(ui: &mut Ui, term: &str, value: &str) {
    let palette = theme::palette(ui);
    let room = ui.available_width() - TERM_WIDTH;
    let value_text = ui.painter().layout(value.to_owned(), theme::facts(), palette.text, room);
    let line = value_text.rows.first().map_or(FACT_HEIGHT, |row| row.height());
    let height = FACT_HEIGHT + value_text.size().y - line;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, format!("{term}: {value}")));
    let middle = rect.top() + FACT_HEIGHT / 2.0;
    text::paint_elided(ui, pos2(rect.left(), middle), term, (theme::facts(), palette.weak), TERM_WIDTH);
    let top = (middle - line / 2.0).round();
    ui.painter().galley(pos2(rect.left() + TERM_WIDTH, top), value_text, palette.text);
}

fn buttons(ui: &mut Ui, job: &Job, actions: &mut Vec<Action>) {
    ui.add_space(theme::SPACE[3]);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(theme::SPACE[1], theme::SPACE[1]);
        if wording::can_preview(job) && Button::primary("Preview").icon(icon::START).show(ui).clicked() {
            actions.push(Action::Send(Command::Preview { id: job.id }));
        }
        if let Some(text) = wording::published_urls(job) {
            let (words, what) = if text.contains('\n') { ("Copy URLs", "URLs") } else { ("Copy URL", "URL") };
            if Button::new(words).icon(icon::LINK).show(ui).clicked() {
                actions.push(Action::Copy { text, what });
            }
        }
        if let Some(folder) = wording::stream_folder(job)
            && Button::new("Open folder").icon(icon::OPEN_FOLDER).show(ui).clicked()
        {
            actions.push(Action::OpenFolder(folder.to_owned()));
        }
        if matches!(job.state, JobState::Cancelled) && Button::primary("Retry").icon(icon::RETRY).show(ui).clicked() {
            actions.push(Action::Send(Command::Retry { id: job.id }));
        }
        if let Some((words, target)) = adjusting(job)
            && Button::new(words).icon(icon::ADJUST).show(ui).clicked()
        {
            actions.push(Action::OpenAdjust(target));
        }
        if job.is_waiting() && Button::new("Priority and start…").show(ui).clicked() {
            actions.push(Action::OpenSchedule(vec![job.id]));
        }
    });
}
