//! What keys do, where no field and no dialog has the keyboard.

use eframe::egui::{Context, Event, Key, KeyboardShortcut, Modifiers, Popup};

use super::{
    action::Action,
    dialogs::{paste_path::paths_in, settings::SettingsSection},
    file_dialog::PathPurpose,
    view_state::{NoticeMessage, ViewState},
    wording,
};
use crate::{
    engine::{Command, Snapshot},
    job::JobState,
};

/// Rows that Page up and Page down move by.
const PAGE: isize = 6;

/// Turns keys and pasted text into actions.
pub fn keyboard(ctx: &Context, snapshot: &Snapshot, view: &mut ViewState, actions: &mut Vec<Action>) {
    if view.dialog.is_some() || Popup::is_any_open(ctx) {
        return;
    }
    shortcuts(ctx, view, actions);
    if ctx.egui_wants_keyboard_input() {
        return;
    }
    pasted(ctx, view, actions);
    let is_pressed = |key: Key| ctx.input(|input| input.modifiers.is_none() && input.key_pressed(key));
    if is_pressed(Key::Escape) {
        escape(view);
    }
    for (key, steps) in [
        (Key::ArrowDown, 1),
        (Key::ArrowUp, -1),
        (Key::PageDown, PAGE),
        (Key::PageUp, -PAGE),
        (Key::End, isize::MAX),
        (Key::Home, isize::MIN),
    ] {
        if is_pressed(key)
            && let Some(id) = view.queue.neighbour(snapshot, view.selected, steps)
        {
            actions.push(Action::Select(id));
        }
    }
    // A button that was reached by Tab is pressed by these keys itself.
    if ctx.memory(eframe::egui::Memory::focused).is_some() {
        return;
    }
    if is_pressed(Key::Space) && !snapshot.jobs.is_empty() {
        let command = if snapshot.queue_paused { Command::ResumeQueue } else { Command::PauseQueue };
        actions.push(Action::Send(command));
    }
    let Some(job) = view.selected.and_then(|id| snapshot.job(id)) else { return };
    if is_pressed(Key::Enter) {
        if wording::can_preview(job) {
            actions.push(Action::Send(Command::Preview { id: job.id }));
        } else {
            actions.push(Action::ShowDetails);
        }
    }
    if is_pressed(Key::Delete) {
        let is_running = matches!(job.state, JobState::Running { .. });
        let id = job.id;
        actions.push(Action::Send(if is_running { Command::Cancel { id } } else { Command::Remove { id } }));
    }
}

fn shortcuts(ctx: &Context, view: &mut ViewState, actions: &mut Vec<Action>) {
    let shift = Modifiers::COMMAND | Modifiers::SHIFT;
    let known = [
        (KeyboardShortcut::new(shift, Key::O), Action::Pick(PathPurpose::AddFolder)),
        (KeyboardShortcut::new(Modifiers::COMMAND, Key::O), Action::Pick(PathPurpose::AddFiles)),
        (KeyboardShortcut::new(Modifiers::COMMAND, Key::Comma), Action::OpenSettings(SettingsSection::General)),
        (KeyboardShortcut::new(Modifiers::COMMAND, Key::I), Action::ToggleDetails),
        (KeyboardShortcut::new(Modifiers::COMMAND, Key::F), Action::FocusSearch),
        (KeyboardShortcut::new(Modifiers::COMMAND, Key::H), Action::OpenHistory),
    ];
    for (shortcut, action) in known {
        if ctx.input_mut(|input| input.consume_shortcut(&shortcut)) {
            actions.push(action);
        }
    }
    let undo = KeyboardShortcut::new(Modifiers::COMMAND, Key::Z);
    if !ctx.egui_wants_keyboard_input() && ctx.input_mut(|input| input.consume_shortcut(&undo)) {
        actions.push(Action::Send(Command::UndoRemove));
        view.notices.retain(|notice| !matches!(notice.message, NoticeMessage::Removed(_)));
    }
}

fn pasted(ctx: &Context, view: &mut ViewState, actions: &mut Vec<Action>) {
    let pasted = ctx.input(|input| {
        input.events.iter().find_map(|event| match event {
            Event::Paste(text) => Some(text.clone()),
            _ => None,
        })
    });
    let Some(text) = pasted.filter(|text| !text.trim().is_empty()) else { return };
    let paths = paths_in(&text, view.home.as_deref());
    if paths.is_empty() {
        view.notify(NoticeMessage::Text("The clipboard holds no path of a file".to_owned()));
    } else {
        actions.push(Action::AddPaths(paths));
    }
}

/// Esc goes back by one step.
fn escape(view: &mut ViewState) {
    if view.details_cover_queue {
        view.details_cover_queue = false;
    } else if !view.search.is_empty() {
        view.search.clear();
    } else if view.notices.pop().is_none() {
        view.selected = None;
    }
}
