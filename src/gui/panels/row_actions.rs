//! What can be done with a job: a few icons in its row, all of it in its menu.

use eframe::egui::{self, Popup, Rect, Ui, pos2};

use crate::{
    engine::{Command, Job, Snapshot},
    gui::{
        action::Action,
        dialogs::adjust::AdjustTarget,
        theme::{self, icon, icon::Icon},
        widgets::{icon_button_at, menu_entry},
        wording,
    },
    job::JobState,
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
            // Where a row that waits has its removal, which can be undone, one click must not give finished work up.
            Action::Send(Command::Cancel { .. }) if matches!(job.state, JobState::Interrupted { .. }) => None,
            Action::Send(Command::Cancel { .. }) => Some(2),
            Action::Send(Command::Remove { .. }) if !is_done => Some(2),
            _ => None,
        }
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
    let cancel = || send(icon::CLOSE, "Cancel", Command::Cancel { id });
    let pause = || job.can_be_paused().then(|| send(icon::PAUSE, "Pause", Command::Pause { id }));
    let resume = || send(icon::START, "Resume", Command::Resume { id });
    let remove = || send(icon::CLOSE, "Remove", Command::Remove { id });
    let list = match &job.state {
        JobState::Running { is_paused: true, .. } => vec![Some(resume()), Some(cancel()), preview, open_folder],
        JobState::Running { .. } => vec![preview, pause(), Some(cancel()), open_folder],
        JobState::Waiting if job.retry.is_some() => {
            vec![Some(send(icon::RETRY, "Try now", Command::Retry { id })), Some(remove())]
        }
        JobState::Interrupted { is_held: true, .. } => vec![Some(resume()), Some(cancel()), preview, open_folder],
        JobState::Interrupted { .. } => {
            vec![Some(send(icon::START, "Go on", Command::Retry { id })), Some(cancel()), preview, open_folder]
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
    (snapshot, job): (&Snapshot, &Job),
    actions: &mut Vec<Action>,
) {
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
        row_menu_ui(ui, (snapshot, job), actions);
    });
}

/// Everything that can be done with a job.
pub fn row_menu_ui(ui: &mut Ui, (snapshot, job): (&Snapshot, &Job), actions: &mut Vec<Action>) {
    ui.set_width(200.0);
    ui.spacing_mut().item_spacing.y = 0.0;
    let is_removal = |possible: &JobAction| matches!(possible.action, Action::Send(Command::Remove { .. }));
    let (removals, others): (Vec<_>, Vec<_>) = actions_for(job).into_iter().partition(is_removal);
    for possible in others.into_iter().chain(scheduling(snapshot, job)) {
        if menu_entry(ui, possible.verb).clicked() {
            actions.push(possible.action);
        }
    }
    ui.separator();
    if menu_entry(ui, "Show details").clicked() {
        actions.push(Action::Select(job.id));
        actions.push(Action::ShowDetails);
    }
    if let Some((words, target)) = adjusting(job)
        && menu_entry(ui, words).clicked()
    {
        actions.push(Action::OpenAdjust(target));
    }
    if can_be_scheduled(job) && menu_entry(ui, "Priority and start…").clicked() {
        actions.push(Action::OpenSchedule(job.id));
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
        if menu_entry(ui, removal.verb).clicked() {
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
            Some(("Change settings…", AdjustTarget::Job { id: job.id, spec }))
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
