//! Jobs that have ended, also those that are no longer in the list: found again, run once more, reported.

use std::{collections::HashSet, sync::Arc};

use eframe::egui::{Align, Label, Layout, Rect, RichText, ScrollArea, Ui, UiBuilder, vec2};
use jiff::Zoned;

use super::{dialog, paragraph, told_button_line};
use crate::{
    engine::Job,
    failure::Failure,
    gui::{
        action::Action,
        theme,
        widgets::{Button, text_field},
        wording,
    },
    job::{JobId, JobState, schedule},
};

const WIDTH: f32 = 760.0;
const ROW_HEIGHT: f32 = 56.0;
/// Room for the buttons at the right of a row.
const BUTTONS_WIDTH: f32 = 212.0;
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
    /// Indices of the jobs that the search lets through, and the search that did.
    found: (String, Vec<usize>),
    /// Jobs that were put into the queue again since the dialog was opened.
    begun_again: HashSet<JobId>,
}

impl HistoryView {
    /// Takes in what was read, the newest first.
    pub fn take(&mut self, jobs: Result<Vec<Arc<Job>>, Failure>) {
        self.jobs = Some(jobs);
        self.find();
    }

    fn find(&mut self) {
        let Some(Ok(jobs)) = &self.jobs else { return };
        let fits = |(index, job): (usize, &Arc<Job>)| job.matches(&self.search).then_some(index);
        self.found = (self.search.clone(), jobs.iter().enumerate().filter_map(fits).collect());
    }
}

/// Shows the history; true when it was closed.
pub fn history_ui(ui: &Ui, view: &mut HistoryView, actions: &mut Vec<Action>) -> bool {
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
            list(ui, view, height, actions);
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

fn list(ui: &mut Ui, view: &mut HistoryView, height: f32, actions: &mut Vec<Action>) {
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
            if row(ui, (job, &now), is_begun, actions) {
                begun_again = Some(job.id);
            }
        }
    });
    view.begun_again.extend(begun_again);
}

/// One job; true when it was put into the queue again.
fn row(ui: &mut Ui, (job, now): (&Arc<Job>, &Zoned), is_begun: bool, actions: &mut Vec<Action>) -> bool {
    let palette = theme::palette(ui);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), ROW_HEIGHT));
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, (1.0, palette.line));
    let split = rect.right() - BUTTONS_WIDTH;
    let words = Rect::from_x_y_ranges(rect.left()..=split - theme::SPACE[2], rect.top() + 8.0..=rect.bottom());
    let name = job.spec.source_name();
    ui.scope_builder(UiBuilder::new().max_rect(words).layout(Layout::top_down(Align::Min)), |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let path = job.spec.source.display().to_string();
        ui.add(Label::new(RichText::new(&name).font(theme::strong())).truncate()).on_hover_text(path);
        let line = RichText::new(facts(job, now)).font(theme::facts()).color(palette.weak);
        let line = ui.add(Label::new(line).truncate());
        if let JobState::Failed { failure } = &job.state {
            line.on_hover_text(format!("{}\n{}", failure.headline, failure.hint));
        }
    });
    let buttons = Rect::from_x_y_ranges(split..=rect.right() - theme::SPACE[2], rect.y_range());
    let builder = UiBuilder::new().max_rect(buttons).layout(Layout::right_to_left(Align::Center));
    let scope = ui.scope_builder(builder, |ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE[1];
        let report = Button::new("Save report").named(&format!("Save report of {name}")).show(ui);
        if report.on_hover_text("All that is known of the job, without secrets, to report a problem").clicked() {
            actions.push(Action::SaveReport(Arc::clone(job)));
        }
        if is_begun {
            ui.label(RichText::new("In the queue").color(palette.weak));
            return false;
        }
        let again = Button::new("Run again").named(&format!("Run {name} again")).show(ui);
        let is_pressed = again.on_hover_text("Puts the same job at the end of the queue once more").clicked();
        if is_pressed {
            actions.push(Action::RunAgain(Arc::clone(job)));
        }
        is_pressed
    });
    scope.inner
}

/// `Done · 20 Nov 14:03 · Web HLS → ~/Videos`, or why it failed.
fn facts(job: &Job, now: &Zoned) -> String {
    let ended = job.ended_at.map(|at| schedule::short_time(at, now));
    let what = match &job.state {
        JobState::Failed { failure } => failure.headline.clone(),
        _ => {
            let made = job.spec.kind.words(&job.spec.preset.name);
            format!("{made} → {}", wording::short_destination(&job.spec.destination, None))
        }
    };
    let facts = [Some(wording::state_word(job)), ended, Some(what)];
    facts.into_iter().flatten().collect::<Vec<_>>().join(wording::BETWEEN_FACTS)
}
