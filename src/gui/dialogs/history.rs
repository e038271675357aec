//! Jobs that have ended, also those that are no longer in the list: found again, run once more, reported.

use std::{collections::HashSet, path::Path, sync::Arc};

use eframe::egui::{Align, Label, Layout, Rect, RichText, ScrollArea, Ui, UiBuilder, pos2, vec2};
use jiff::Zoned;

use super::{dialog, paragraph, told_button_line};
use crate::{
    engine::Job,
    failure::Failure,
    gui::{
        action::Action,
        panels::row::state_icon,
        theme::{self, icon},
        widgets::{Button, icon_button, text, text_field},
        wording,
    },
    job::{JobId, JobState, schedule},
};

const WIDTH: f32 = 760.0;
const ROW_HEIGHT: f32 = 56.0;
/// Room for the buttons at the right of a row.
const BUTTONS_WIDTH: f32 = 248.0;
/// Room for the icon at the left of a row.
const ICON_ROOM: f32 = 28.0;
/// Height of the dialog without its list.
const REST_HEIGHT: f32 = 220.0;
const LEAST_LIST_HEIGHT: f32 = 2.0 * ROW_HEIGHT;
const MOST_LIST_HEIGHT: f32 = 8.0 * ROW_HEIGHT;

/// What is known of the history so far, and what is looked for in it.
#[derive(Default)]
pub struct HistoryView {
    search: String,
    /// The search field was given the keyboard.
    has_keyboard: bool,
    /// `None` until it is read.
    jobs: Option<Result<Vec<Arc<Job>>, Failure>>,
    reading: Reading,
    /// Indices of the jobs that the search lets through, and the search that did.
    found: (String, Vec<usize>),
    /// Jobs that were put into the queue again since the dialog was opened.
    begun_again: HashSet<JobId>,
}

/// Whether the history is being read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Not now.
    #[default]
    Rests,
    /// Now.
    Runs,
    /// Now, and a job has ended since that began.
    RunsTooEarly,
}

impl HistoryView {
    /// To be called when the history has changed; whether it is to be read now. One reading runs at a time, so that an
    /// older one never comes in last.
    pub fn wants_reading(&mut self) -> bool {
        let wants = self.reading == Reading::Rests;
        self.reading = if wants { Reading::Runs } else { Reading::RunsTooEarly };
        wants
    }

    /// Takes in what was read, the newest first; whether it is to be read once more.
    pub fn take(&mut self, jobs: Result<Vec<Arc<Job>>, Failure>) -> bool {
        self.jobs = Some(jobs);
        self.find();
        std::mem::take(&mut self.reading) == Reading::RunsTooEarly && self.wants_reading()
    }

    fn find(&mut self) {
        let Some(Ok(jobs)) = &self.jobs else { return };
        let fits = |(index, job): (usize, &Arc<Job>)| job.matches(&self.search).then_some(index);
        self.found = (self.search.clone(), jobs.iter().enumerate().filter_map(fits).collect());
    }
}

/// Shows the history, paths without `home` in front of them; true when it was closed.
pub fn history_ui(ui: &Ui, view: &mut HistoryView, home: Option<&Path>, actions: &mut Vec<Action>) -> bool {
    dialog(ui, ("History", WIDTH), |ui| {
        let search = text_field(ui, "Search the history", &mut view.search, "Name, preset, destination or failure");
        if !std::mem::replace(&mut view.has_keyboard, true) {
            search.request_focus();
        }
        if view.search != view.found.0 {
            view.find();
        }
        ui.add_space(theme::SPACE[1]);
        let height = (ui.ctx().content_rect().height() - REST_HEIGHT).clamp(LEAST_LIST_HEIGHT, MOST_LIST_HEIGHT);
        ui.allocate_ui_with_layout(vec2(ui.available_width(), height), Layout::top_down(Align::Min), |ui| {
            ui.set_min_size(vec2(ui.available_width(), height));
            list(ui, view, (height, home), actions);
        });
        let mut is_done = false;
        let count = match view.jobs {
            Some(Ok(_)) => crate::format::count(view.found.1.len() as u64, "job", "jobs"),
            _ => String::new(),
        };
        told_button_line(ui, &count, |ui| is_done = Button::primary("Close").show(ui).clicked());
        is_done
    })
}

fn list(ui: &mut Ui, view: &mut HistoryView, (height, home): (f32, Option<&Path>), actions: &mut Vec<Action>) {
    let jobs = match &view.jobs {
        None => return paragraph(ui, "The history is read…"),
        Some(Err(failure)) => return paragraph(ui, &format!("{}. {}", failure.headline, failure.hint)),
        Some(Ok(jobs)) if jobs.is_empty() => {
            return paragraph(
                ui,
                "Nothing has ended yet. Jobs that are done, failed or cancelled are found here, also when they are off the list.",
            );
        }
        Some(Ok(jobs)) => jobs,
    };
    if view.found.1.is_empty() {
        return paragraph(ui, &format!("No job like “{}” has ended", view.search.trim()));
    }
    let now = Zoned::now();
    ui.spacing_mut().item_spacing.y = 0.0;
    let area = ScrollArea::vertical().auto_shrink(false).max_height(height).id_salt("history");
    let mut begun_again = None;
    area.show_rows(ui, ROW_HEIGHT, view.found.1.len(), |ui, range| {
        for job in view.found.1[range].iter().filter_map(|index| jobs.get(*index)) {
            let is_begun = view.begun_again.contains(&job.id);
            if row(ui, (job, (&now, home)), is_begun, actions) {
                begun_again = Some(job.id);
            }
        }
    });
    view.begun_again.extend(begun_again);
}

/// The time, and the folder that paths are told without.
type Surroundings<'a> = (&'a Zoned, Option<&'a Path>);

/// One job; true when it was put into the queue again.
fn row(ui: &mut Ui, (job, around): (&Arc<Job>, Surroundings<'_>), is_begun: bool, actions: &mut Vec<Action>) -> bool {
    let palette = theme::palette(ui);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), ROW_HEIGHT));
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, (1.0, palette.line));
    let split = rect.right() - BUTTONS_WIDTH;
    let (glyph, colour) = state_icon(&job.state, palette);
    let icon_at = pos2(rect.left() + ICON_ROOM / 2.0, rect.center().y);
    text::paint_icon(ui.painter(), icon_at, glyph, theme::ICON_SIZE, colour);
    let left = rect.left() + ICON_ROOM + theme::SPACE[0];
    let words = Rect::from_x_y_ranges(left..=split - theme::SPACE[2], rect.top() + 8.0..=rect.bottom());
    let name = job.spec.source_name();
    ui.scope_builder(UiBuilder::new().max_rect(words).layout(Layout::top_down(Align::Min)), |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let path = job.spec.source.display().to_string();
        ui.add(Label::new(RichText::new(&name).font(theme::strong())).truncate()).on_hover_text(path);
        let line = RichText::new(facts(job, around)).font(theme::facts()).color(palette.weak);
        let line = ui.add(Label::new(line).truncate());
        if let JobState::Failed { failure } = &job.state {
            line.on_hover_text(format!("{}\n{}", failure.headline, failure.hint));
        }
    });
    let buttons = Rect::from_x_y_ranges(split..=rect.right() - theme::SPACE[2], rect.y_range());
    // Names of sources may come more than once: what is in a row is told apart by the job.
    let builder = UiBuilder::new().id_salt(job.id).max_rect(buttons).layout(Layout::right_to_left(Align::Center));
    let scope = ui.scope_builder(builder, |ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE[1];
        let report = Button::new("Save report").named(&format!("Save report of {name}")).show(ui);
        if report.on_hover_text("All that is known of the job, without secrets, to report a problem").clicked() {
            actions.push(Action::SaveReport(Arc::clone(job)));
        }
        let is_pressed = if is_begun {
            ui.label(RichText::new("In the queue").color(palette.weak));
            false
        } else {
            let again = Button::new("Run again").named(&format!("Run {name} again")).show(ui);
            again.on_hover_text("Puts the same job at the end of the queue once more").clicked()
        };
        if is_pressed {
            actions.push(Action::RunAgain(Arc::clone(job)));
        }
        if let Some(folder) = wording::stream_folder(job)
            && icon_button(ui, icon::OPEN_FOLDER, &format!("Open folder of {name}"), "Open folder").clicked()
        {
            actions.push(Action::OpenFolder(folder.to_owned()));
        }
        is_pressed
    });
    scope.inner
}

/// `Done · 20 Nov 14:03 · Web HLS → Videos/film`, or why it failed.
fn facts(job: &Job, (now, home): Surroundings<'_>) -> String {
    let ended = job.ended_at.map(|at| schedule::short_time(at, now));
    let what = match &job.state {
        JobState::Failed { failure } => failure.headline.clone(),
        _ => {
            let made = job.spec.kind.words(&job.spec.preset.name);
            let folder = wording::stream_folder(job).filter(|_| job.spec.destination.buckets().next().is_none());
            let place = match folder {
                Some(folder) => wording::short_path(folder, home),
                None => wording::short_destination(&job.spec.destination, home),
            };
            format!("{made} → {place}")
        }
    };
    let facts = [Some(wording::state_word(job)), ended, Some(what)];
    facts.into_iter().flatten().collect::<Vec<_>>().join(wording::BETWEEN_FACTS)
}
