//! The window driven by its labels, without a display and without an engine behind it: the test plays the dispatcher.

mod adding;
mod adjusting;
mod closing;
mod details;
mod ffmpeg;
mod history;
mod keys;
mod names;
mod quality;
mod queue;
mod scheduling;
mod selection;
mod settings;
pub mod states;

use eframe::egui;
use egui_kittest::{Harness, kittest::Queryable};

use super::{WindowStart, app::ReelpressApp};
use crate::{
    engine::{Command, EngineHandle, Event, Snapshot, test_handle::TestDispatcher},
    settings::AppFolders,
};

/// A window without a display, and the dispatcher that the test plays.
pub struct Window {
    pub harness: Harness<'static, ReelpressApp>,
    pub dispatcher: TestDispatcher,
    /// The app's own folders; removed with the window.
    pub home: tempfile::TempDir,
}

impl Window {
    /// A wide window on this state.
    pub fn open(snapshot: Snapshot) -> Self {
        Self::sized(snapshot, [1280.0, 800.0])
    }

    pub fn sized(snapshot: Snapshot, size: [f32; 2]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (engine, dispatcher) = EngineHandle::for_test(snapshot);
        let start = WindowStart { files: Vec::new(), folders: Some(AppFolders::under(home.path())), notice: None };
        let harness = Harness::builder()
            .with_size(size)
            .with_max_steps(64)
            .build_eframe(move |creation| ReelpressApp::new(&creation.egui_ctx, engine, start).unwrap());
        let mut window = Self { harness, dispatcher, home };
        window.draw();
        window
    }

    /// Lets the window take in what happened and lay itself out; more than one frame, since what was done in one shows
    /// in the next.
    pub fn draw(&mut self) {
        self.harness.run_steps(4);
    }

    /// Presses what has this name.
    pub fn press(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.draw();
    }

    pub fn shows(&self, label: &str) -> bool {
        self.harness.query_all_by_label(label).next().is_some()
    }

    pub fn shows_somewhere(&self, part: &str) -> bool {
        self.harness.query_all_by_label_contains(part).next().is_some()
    }

    pub fn key(&mut self, modifiers: egui::Modifiers, key: egui::Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.draw();
    }

    /// Replaces what is in this field.
    pub fn type_into(&mut self, label: &str, text: &str) {
        self.type_in(egui::Role::TextInput, label, text);
    }

    /// Replaces what is in this field, which does not show it.
    pub fn type_secret_into(&mut self, label: &str, text: &str) {
        self.type_in(egui::Role::PasswordInput, label, text);
    }

    fn type_in(&mut self, role: egui::Role, label: &str, text: &str) {
        self.harness.get_by_role_and_label(role, label).focus();
        self.draw();
        self.key(egui::Modifiers::COMMAND, egui::Key::A);
        self.harness.get_by_role_and_label(role, label).type_text(text);
        self.draw();
    }

    pub fn happens(&mut self, event: Event) {
        self.dispatcher.emit(event);
        self.draw();
    }

    /// What was asked of the engine since the last call.
    pub fn asked(&self) -> Vec<Command> {
        self.dispatcher.asked()
    }

    /// Puts text on the clipboard and presses Ctrl+V.
    pub fn paste(&mut self, text: &str) {
        self.harness.event(egui::Event::Paste(text.to_owned()));
        self.draw();
    }

    /// Asks the window to close, as its frame does; true when it will.
    pub fn close(&mut self) -> bool {
        let id = egui::ViewportId::ROOT;
        let viewport = self.harness.input_mut().viewports.entry(id).or_default();
        viewport.events.push(egui::ViewportEvent::Close);
        self.harness.step();
        let commands = &self.harness.output().viewport_output[&id].commands;
        let is_refused = commands.contains(&egui::ViewportCommand::CancelClose);
        self.harness.input_mut().viewports.entry(id).or_default().events.clear();
        self.draw();
        !is_refused
    }

    /// Draws one frame and gives what the window asked of the window system in it.
    pub fn step(&mut self) -> Vec<egui::ViewportCommand> {
        self.harness.step();
        self.harness.output().viewport_output[&egui::ViewportId::ROOT].commands.clone()
    }
}
