//! What keys do, where no field and no dialog has the keyboard.

use eframe::egui::{Context, Event, Key, KeyboardShortcut, Modifiers, Popup};

use super::{
    action::Action,
    dialogs::{paste_path::paths_in, settings::SettingsSection},
    file_dialog::PathPurpose,
    panels::row_actions,
    pausing,
    view_state::{NoticeMessage, ViewState},
    wording,
};
use crate::engine::{Command, Snapshot};

/// Rows that Page up and Page down move by.
const PAGE: isize = 6;

/// Shows and hides the details of the job.
pub const DETAILS: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::I);
/// Previews the job, or shows its details where there is nothing to see yet.
pub const OPEN: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::Enter);
/// Takes the selected jobs off the list, or cancels them where they are at work.
pub const REMOVE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::Delete);

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
    let is_pressed = |key: Key| presses(ctx, Modifiers::NONE, key) > 0;
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
        let (single, extended) = (presses(ctx, Modifiers::NONE, key), presses(ctx, Modifiers::SHIFT, key));
        let times = isize::try_from(single + extended).unwrap_or(isize::MAX);
        if times > 0
            && let Some(id) = view.queue.neighbour(snapshot, view.selection.current(), steps.saturating_mul(times))
        {
            actions.push(if extended > 0 { Action::SelectUpTo(id) } else { Action::Select(id) });
        }
    }
    if ctx.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::A)) {
        actions.push(Action::SelectAll);
    }
    // A button that was reached by Tab is pressed by these keys itself.
    if ctx.memory(eframe::egui::Memory::focused).is_some() {
        return;
    }
    if is_pressed(Key::Space) && !snapshot.jobs.is_empty() {
        actions.extend(pausing::pause_or_resume(snapshot).into_iter().map(Action::Send));
    }
    for (key, steps) in [(Key::ArrowUp, -1), (Key::ArrowDown, 1)] {
        let times = presses(ctx, Modifiers::ALT, key);
        if ctx.input_mut(|input| input.consume_key(Modifiers::ALT, key)) {
            actions.extend(moved(snapshot, view, steps * times.max(1).cast_signed()).into_iter().map(Action::Send));
        }
    }
    let Some(job) = view.selection.current().and_then(|id| snapshot.job(id)) else { return };
    if is_pressed(OPEN.logical_key) {
        if wording::can_preview(job) {
            actions.push(Action::Send(Command::Preview { id: job.id }));
        } else {
            actions.push(Action::ShowDetails);
        }
    }
    if is_pressed(REMOVE.logical_key) {
        actions.extend(row_actions::removing(&view.selection.jobs(snapshot)));
    }
}

/// How often a key was pressed in this frame with these modifiers and no others. A slow frame may hold a whole press: what
/// is held down at its end says nothing about it, only what the key's own event carries.
pub fn presses(ctx: &Context, with: Modifiers, key: Key) -> usize {
    let is_meant = |event: &&Event| match event {
        Event::Key { key: pressed, pressed: true, modifiers, .. } => *pressed == key && modifiers.matches_exact(with),
        _ => false,
    };
    ctx.input(|input| input.events.iter().filter(is_meant).count())
}

/// Moves the selected jobs that wait by so many places among those that are shown, upwards where `steps` is negative.
fn moved(snapshot: &Snapshot, view: &ViewState, steps: isize) -> Vec<Command> {
    let ids = view.selection.waiting(snapshot);
    let places: Vec<usize> =
        (0..).zip(view.queue.ids(snapshot)).filter(|(_, id)| ids.contains(id)).map(|(place, _)| place).collect();
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return Vec::new() };
    let before = match steps < 0 {
        true if *first == 0 => return Vec::new(),
        true => first.saturating_sub(steps.unsigned_abs()),
        false => (last + 1 + steps.unsigned_abs()).min(view.queue.shown.len()),
    };
    view.queue.moving(snapshot, &ids, before)
}

fn shortcuts(ctx: &Context, view: &mut ViewState, actions: &mut Vec<Action>) {
    let shift = Modifiers::COMMAND | Modifiers::SHIFT;
    let known = [
        (KeyboardShortcut::new(shift, Key::O), Action::Pick(PathPurpose::AddFolder)),
        (KeyboardShortcut::new(Modifiers::COMMAND, Key::O), Action::Pick(PathPurpose::AddFiles)),
        (KeyboardShortcut::new(Modifiers::COMMAND, Key::Comma), Action::OpenSettings(SettingsSection::General)),
        (DETAILS, Action::ToggleDetails),
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
        match view.selection.is_several() {
            true => view.selection.narrow(),
            false => view.selection.set(None),
        }
    }
}
