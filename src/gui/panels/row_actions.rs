//! What can be done with a job: a few icons in its row, all of it in its menu.

use std::sync::Arc;

use eframe::egui::{self, KeyboardShortcut, Popup, Rect, Ui, pos2};

use crate::{
    engine::{Command, Job, Snapshot},
    format,
    gui::{
        action::Action,
        dialogs::{adjust::AdjustTarget, cancel::cancelling},
        keyboard,
        selection::Selection,
        theme::{self, icon, icon::Icon},
        widgets::{icon_button_at, menu_choice, menu_entry, menu_entry_with_keys, menu_heading},
        wording,
    },
    job::{JobId, JobKind, JobSpec, JobState},
    preset::built_in_presets,
};

/// One thing that can be done with a job.
struct JobAction {
    icon: Icon,
    verb: &'static str,
    action: Action,
}

impl JobAction {
    /// Its place in the row, the same in every state, so that a click as the state changes hits what was seen, or
    /// nothing that matters. `None` for what is in the menu alone.
    fn place(&self, job: &Job) -> Option<usize> {
        let is_done = matches!(job.state, JobState::Done { .. });
        match &self.action {
            Action::Send(Command::Preview { .. } | Command::MoveToTop { .. }) => Some(0),
            Action::Send(Command::Pause { .. } | Command::Resume { .. } | Command::Retry { .. }) => Some(1),
            Action::Copy { .. } => Some(1),
            Action::OpenFolder(_) if is_done && wording::published_url(job).is_none() => Some(1),
            // It asks first.
            Action::AskToCancel(_) => Some(2),
            // Where other rows have what costs nothing, nothing may give up what is encoded of a job that rests.
            Action::Send(Command::Cancel { .. } | Command::Remove { .. }) if rests_with_work(job) => None,
            Action::Send(Command::Cancel { .. }) => Some(2),
            Action::Send(Command::Remove { .. }) if !is_done => Some(2),
            _ => None,
        }
    }

    /// The keys that do it for the current row.
    fn keys(&self) -> Option<KeyboardShortcut> {
        match &self.action {
            Action::Send(Command::Preview { .. }) => Some(keyboard::OPEN),
            Action::Send(Command::Cancel { .. } | Command::Remove { .. }) | Action::AskToCancel(_) => {
                Some(keyboard::REMOVE)
            }
            _ => None,
        }
    }
}

/// Whether a job that is not at work has something encoded.
fn rests_with_work(job: &Job) -> bool {
    let is_begun = matches!(job.state, JobState::Interrupted { .. } | JobState::Running { is_paused: true, .. });
    is_begun || (job.is_waiting() && job.encoded().is_some())
}

/// What a menu is for: the row in which it opens, and all that are selected where that is one of them.
pub struct Chosen<'a> {
    job: &'a Job,
    selection: Option<&'a Selection>,
}

impl<'a> Chosen<'a> {
    /// What the menu of this row is for.
    pub fn of(job: &'a Job, selection: &'a Selection) -> Self {
        Self { job, selection: Some(selection).filter(|all| all.is_several() && all.has(job.id)) }
    }
}

/// Icons in a row before "…".
pub const PLACES: usize = 3;

/// What can be done with a job, the next sensible thing first.
fn actions_for(job: &Job) -> Vec<JobAction> {
    let id = job.id;
    let send = |icon, verb, command| JobAction { icon, verb, action: Action::Send(command) };
    let preview = wording::can_preview(job).then(|| send(icon::PREVIEW, "Preview", Command::Preview { id }));
    let copy_url = wording::published_url(job).map(|url| JobAction {
        icon: icon::LINK,
        verb: "Copy URL",
        action: Action::Copy { text: url.to_owned(), what: "URL" },
    });
    let open_folder = wording::stream_folder(job).map(|folder| JobAction {
        icon: icon::OPEN_FOLDER,
        verb: "Open folder",
        action: Action::OpenFolder(folder.to_owned()),
    });
    let cancel = || JobAction { icon: icon::CLOSE, verb: "Cancel", action: cancelling(job) };
    let pause = || job.can_be_paused().then(|| send(icon::PAUSE, "Pause", Command::Pause { id }));
    let resume = || send(icon::START, "Resume", Command::Resume { id });
    let remove = || send(icon::CLOSE, "Remove", Command::Remove { id });
    let list = match &job.state {
        JobState::Running { is_paused: true, .. } => vec![Some(resume()), Some(cancel()), preview, open_folder],
        JobState::Running { .. } => vec![preview, pause(), Some(cancel()), open_folder],
        JobState::Waiting if job.retry.is_some() => {
            vec![Some(send(icon::RETRY, "Try now", Command::Retry { id })), Some(remove())]
        }
        JobState::Interrupted { is_held: true, .. } => vec![Some(resume()), preview, open_folder, Some(remove())],
        JobState::Interrupted { .. } => {
            vec![Some(send(icon::START, "Go on", Command::Retry { id })), preview, open_folder, Some(remove())]
        }
        JobState::Waiting => {
            vec![Some(send(icon::MOVE_TO_TOP, "Move to top", Command::MoveToTop { id })), Some(remove())]
        }
        JobState::Failed { .. } | JobState::Cancelled => {
            vec![Some(send(icon::RETRY, "Retry", Command::Retry { id })), Some(remove())]
        }
        JobState::Done { .. } => vec![preview, copy_url, open_folder, Some(remove())],
    };
    list.into_iter().flatten().collect()
}

/// When a waiting job starts.
fn scheduling(snapshot: &Snapshot, job: &Job) -> Vec<JobAction> {
    let id = job.id;
    let send = |icon, verb, command| JobAction { icon, verb, action: Action::Send(command) };
    let waits = job.waits_until(&snapshot.settings, &jiff::Zoned::now()).is_some();
    let start = waits.then(|| send(icon::START, "Start now", Command::StartNow { id }));
    let is_in_order = job.is_waiting();
    let bottom = is_in_order.then(|| send(icon::MOVE_TO_TOP, "Move to bottom", Command::MoveToBottom { id }));
    start.into_iter().chain(bottom).collect()
}

/// The icons and "…" at the right of a row.
pub fn row_actions_ui(
    ui: &mut Ui,
    (left, row): (f32, Rect),
    (snapshot, chosen): (&Snapshot, &Chosen<'_>),
    actions: &mut Vec<Action>,
) {
    let job = chosen.job;
    let name = job.spec.source_name();
    let cell = |place: usize| {
        let middle = pos2(left + (place as f32 + 0.5) * (theme::ICON_HIT + 1.0), row.center().y);
        Rect::from_center_size(middle, egui::Vec2::splat(theme::ICON_HIT))
    };
    for possible in actions_for(job) {
        let Some(place) = possible.place(job) else { continue };
        let spoken = format!("{} {name}", possible.verb);
        if icon_button_at(ui, cell(place), possible.icon, &spoken, possible.verb).clicked() {
            actions.push(possible.action);
        }
    }
    let more = icon_button_at(ui, cell(PLACES), icon::MORE, &format!("More for {name}"), "More");
    Popup::menu(&more).gap(theme::SPACE[0]).accessible_name(format!("Menu of {name}")).show(|ui| {
        row_menu_ui(ui, (snapshot, chosen), actions);
    });
}

/// Takes these jobs off the list; where all of them are at work, they are cancelled, after a question if something would be
/// lost.
pub fn removing(jobs: &[Arc<Job>]) -> Vec<Action> {
    let is_at_work = |job: &Arc<Job>| matches!(job.state, JobState::Running { .. });
    match jobs {
        [job] if is_at_work(job) => vec![cancelling(job)],
        [job] => vec![Action::Send(Command::Remove { id: job.id })],
        jobs if jobs.iter().all(is_at_work) => cancelling_all(jobs),
        jobs => {
            let ids = jobs.iter().filter(|job| !is_at_work(job)).map(|job| job.id).collect();
            vec![Action::Send(Command::RemoveJobs { ids })]
        }
    }
}

/// Cancels these jobs at work, after one question if something is encoded of them.
fn cancelling_all(jobs: &[Arc<Job>]) -> Vec<Action> {
    let ids = jobs.iter().map(|job| job.id).collect();
    if jobs.iter().any(|job| job.encoded().is_some()) {
        return vec![Action::AskToCancel(ids)];
    }
    ids.into_iter().map(|id| Action::Send(Command::Cancel { id })).collect()
}

/// What can be done with several jobs at once.
fn several_menu_ui(ui: &mut Ui, snapshot: &Snapshot, jobs: &[Arc<Job>], actions: &mut Vec<Action>) {
    menu_heading(ui, &format::count(jobs.len() as u64, "job", "jobs"));
    let now = jiff::Zoned::now();
    let those = |is_meant: &dyn Fn(&Job) -> bool| -> Vec<Arc<Job>> {
        jobs.iter().filter(|job| is_meant(job)).map(Arc::clone).collect()
    };
    let send = |jobs: &[Arc<Job>], command: fn(JobId) -> Command| -> Vec<Action> {
        jobs.iter().map(|job| Action::Send(command(job.id))).collect()
    };
    let waiting = those(&|job| job.is_waiting());
    let upwards: Vec<Arc<Job>> = waiting.iter().rev().map(Arc::clone).collect();
    let ended = |job: &Job| matches!(job.state, JobState::Failed { .. } | JobState::Cancelled);
    let entries: [(&str, Vec<Action>); 6] = [
        // The last goes first, so that they keep their order.
        ("Move to top", send(&upwards, |id| Command::MoveToTop { id })),
        ("Move to bottom", send(&waiting, |id| Command::MoveToBottom { id })),
        (
            "Start now",
            send(&those(&|job| job.waits_until(&snapshot.settings, &now).is_some()), |id| Command::StartNow { id }),
        ),
        ("Pause", send(&those(&Job::can_be_paused), |id| Command::Pause { id })),
        ("Resume", send(&those(&Job::is_held), |id| Command::Resume { id })),
        ("Retry", send(&those(&ended), |id| Command::Retry { id })),
    ];
    for (verb, asked) in entries {
        if !asked.is_empty() && menu_entry(ui, verb).clicked() {
            actions.extend(asked);
        }
    }
    let scheduled = those(&can_be_scheduled);
    if !scheduled.is_empty() && menu_entry(ui, "Priority and start…").clicked() {
        actions.push(Action::OpenSchedule(scheduled.iter().map(|job| job.id).collect()));
    }
    presets_ui(ui, jobs, actions);
    ui.separator();
    let at_work = those(&|job| matches!(job.state, JobState::Running { .. }));
    if !at_work.is_empty() && menu_entry(ui, "Cancel those at work…").clicked() {
        actions.extend(cancelling_all(&at_work));
    }
    if at_work.len() < jobs.len() && menu_entry_with_keys(ui, "Remove", Some(keyboard::REMOVE)).clicked() {
        actions.extend(removing(jobs));
    }
}

/// Another preset for those of several jobs that wait and of which nothing is encoded yet, each with what its user had
/// changed of the old one. Those that have ended would begin again by it.
fn presets_ui(ui: &mut Ui, jobs: &[Arc<Job>], actions: &mut Vec<Action>) {
    let can_change = |job: &&Arc<Job>| job.is_waiting() && job.encoded().is_none() && job.spec.kind == JobKind::Stream;
    let changed: Vec<&Arc<Job>> = jobs.iter().filter(can_change).collect();
    if changed.is_empty() {
        return;
    }
    let all = changed.len() == jobs.len();
    menu_heading(ui, &if all { "Preset".to_owned() } else { format!("Preset of {} of them", changed.len()) });
    for preset in built_in_presets() {
        let is_chosen = changed.iter().all(|job| job.spec.preset.id == preset.id);
        if menu_choice(ui, is_chosen, &preset.name, "").clicked() && !is_chosen {
            actions.extend(changed.iter().map(|job| {
                let spec = JobSpec { preset: job.spec.preset.replaced_by(&preset), ..job.spec.clone() };
                Action::Send(Command::ChangeJob { id: job.id, spec: Box::new(spec) })
            }));
        }
    }
}

/// Everything that can be done with a job, or with all that are selected.
pub fn row_menu_ui(ui: &mut Ui, (snapshot, chosen): (&Snapshot, &Chosen<'_>), actions: &mut Vec<Action>) {
    ui.set_width(if chosen.selection.is_some() { 240.0 } else { 200.0 });
    ui.spacing_mut().item_spacing.y = 0.0;
    if let Some(selection) = chosen.selection {
        return several_menu_ui(ui, snapshot, &selection.jobs(snapshot), actions);
    }
    let job = chosen.job;
    let is_removal = |possible: &JobAction| matches!(possible.action, Action::Send(Command::Remove { .. }));
    let (removals, others): (Vec<_>, Vec<_>) = actions_for(job).into_iter().partition(is_removal);
    for possible in others.into_iter().chain(scheduling(snapshot, job)) {
        if menu_entry_with_keys(ui, possible.verb, possible.keys()).clicked() {
            actions.push(possible.action);
        }
    }
    ui.separator();
    if menu_entry_with_keys(ui, "Show details", Some(keyboard::DETAILS)).clicked() {
        actions.push(Action::Select(job.id));
        actions.push(Action::ShowDetails);
    }
    if let Some((words, target)) = adjusting(job)
        && menu_entry(ui, words).clicked()
    {
        actions.push(Action::OpenAdjust(target));
    }
    if can_be_scheduled(job) && menu_entry(ui, "Priority and start…").clicked() {
        actions.push(Action::OpenSchedule(vec![job.id]));
    }
    if menu_entry(ui, "Copy path of the source").clicked() {
        let text = job.spec.source.display().to_string();
        actions.push(Action::Copy { text, what: "Path" });
    }
    if matches!(job.state, JobState::Failed { .. }) && menu_entry(ui, "Retry all failed").clicked() {
        actions.push(Action::Send(Command::RetryFailed));
    }
    if let Some(removal) = removals.into_iter().next() {
        ui.separator();
        if menu_entry_with_keys(ui, removal.verb, Some(keyboard::REMOVE)).clicked() {
            actions.push(removal.action);
        }
    }
    if job.state.is_at_rest() && menu_entry(ui, "Remove all done").clicked() {
        actions.push(Action::Send(Command::RemoveFinished));
    }
}

/// Whether it matters how urgent a job is, and when it may start.
pub fn can_be_scheduled(job: &Job) -> bool {
    !matches!(job.state, JobState::Running { .. } | JobState::Done { .. })
}

/// How a job's settings can be changed, if they can.
pub fn adjusting(job: &Job) -> Option<(&'static str, AdjustTarget)> {
    let spec = Box::new(job.spec.clone());
    match job.state {
        JobState::Running { .. } => None,
        JobState::Done { .. } => Some(("Encode again…", AdjustTarget::Again { spec })),
        JobState::Waiting | JobState::Interrupted { .. } | JobState::Failed { .. } | JobState::Cancelled => {
            // All of a stream that could not be published is encoded.
            let encoded = || job.unpublished.as_ref().map(|stream| stream.report.duration);
            Some(("Change settings…", AdjustTarget::Job { id: job.id, spec, encoded: job.encoded().or_else(encoded) }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gui::tests::states;

    fn verbs(name: &str) -> Vec<&'static str> {
        let snapshot = states::busy();
        let job = snapshot.jobs.iter().find(|job| job.spec.source_name() == name).unwrap();
        actions_for(job).into_iter().map(|possible| possible.verb).collect()
    }

    #[test]
    fn the_next_sensible_thing_comes_first() {
        assert_eq!(verbs("Opening ceremony, camera A.mov"), ["Preview", "Pause", "Cancel", "Open folder"]);
        assert_eq!(verbs("Screen recording 2026-11-20 at 14.03.mkv"), ["Move to top", "Remove"]);
        assert_eq!(verbs("lecture-03.ts"), ["Retry", "Remove"]);
        assert_eq!(verbs("Teaser.mp4"), ["Preview", "Copy URL", "Open folder", "Remove"]);
    }

    #[test]
    fn every_icon_keeps_its_place() {
        let snapshot = states::busy();
        for job in snapshot.jobs.iter() {
            let mut taken = Vec::new();
            for action in actions_for(job) {
                let Some(place) = action.place(job) else { continue };
                assert!(place < PLACES && !taken.contains(&place), "{} of {}", action.verb, job.spec.source_name());
                taken.push(place);
                let expected = match action.verb {
                    "Preview" | "Move to top" => 0,
                    "Cancel" | "Remove" => 2,
                    _ => 1,
                };
                assert_eq!(place, expected, "{}", action.verb);
            }
        }
    }
}
