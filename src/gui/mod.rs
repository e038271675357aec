//! The window: drop a file, watch it become a stream.
//!
//! [`app`] takes the engine's snapshot and performs what a person did; the view functions in [`panels`] and [`dialogs`]
//! read the snapshot, edit the [`view_state`], and push [`action`]s. Nothing here waits: files, dialogs, the browser and
//! pictures have threads of their own.

mod access_keys;
pub mod action;
pub mod app;
pub mod desktop;
pub mod dialogs;
mod display;
pub mod file_dialog;
mod keyboard;
pub mod panels;
mod pausing;
mod perform;
pub mod queue_view;
mod selection;
#[cfg(test)]
mod tests;
pub mod theme;
pub mod thumbnails;
pub mod view_state;
pub mod widgets;
pub mod wording;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::PathBuf,
};

use eframe::egui;

pub use display::has_display;
use display::is_set;

use crate::{control, engine::EngineHandle, failure::Failure, settings::AppFolders};

/// Debian's packages for all that the window loads while it runs.
const PACKAGES: &str =
    "libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon0 libxkbcommon-x11-0 libgl1 libgl1-mesa-dri";

/// What the window begins with.
#[derive(Debug, Clone, Default)]
pub struct WindowStart {
    /// Files and folders to add at once.
    pub files: Vec<PathBuf>,
    /// Where the program keeps its own files; `None` when the system knows no home.
    pub folders: Option<AppFolders>,
    /// What the user has to know from the start.
    pub notice: Option<Failure>,
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum GuiError {
    /// Neither an X11 nor a Wayland display is known.
    #[error(
        "there is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are not set); start Reelpress in a desktop \
         session, or use `reelpress encode`"
    )]
    NoDisplay,
    /// The display went away while the window was on it.
    #[error("the display that the window was on has ended")]
    DisplayLost,
    /// The window can't be made; most often a library is missing.
    #[error(
        "the window can't be opened: {cause}\nOn Debian and Ubuntu these packages are needed: sudo apt install {PACKAGES}"
    )]
    CannotOpen {
        /// What the window system or the loader says.
        cause: String,
    },
}

/// Opens the window and returns when it was closed; the engine was asked to stop by then.
///
/// # Errors
/// When there is no display, or a library or driver is missing.
pub fn run(engine: EngineHandle, start: WindowStart) -> Result<(), GuiError> {
    if !has_display() {
        return Err(GuiError::NoDisplay);
    }
    let persistence = start.folders.as_ref().map(|folders| folders.configuration.join("window.ron"));
    let stopping = engine.clone();
    let (mut control, opened) = (None, std::cell::Cell::new(false));
    let has_opened = &opened;
    let reachable = &mut control;
    let create: eframe::AppCreator<'_> = Box::new(move |creation| {
        let folders = start.folders.clone();
        let app = app::ReelpressApp::new(&creation.egui_ctx, engine.clone(), start)?;
        has_opened.set(true);
        // Only now: what others hand over before the window listens to the engine would be lost.
        *reachable =
            folders.and_then(|folders| control::Server::start_or_warn(engine, &folders, control::Owner::Window));
        Ok(Box::new(app))
    });
    let _quiet = display::quiet_when_lost();
    let outcome = catch_unwind(AssertUnwindSafe(|| eframe::run_native("Reelpress", options(persistence), create)));
    let is_stopped_already = stopping.send(crate::engine::Command::Stop).is_err();
    let was_opened = opened.get();
    drop(control);
    tracing::debug!(is_stopped_already, "window closed");
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) if was_opened && display::is_lost() => Err(GuiError::DisplayLost),
        Ok(Err(error)) => Err(GuiError::CannotOpen { cause: error.to_string() }),
        Err(panic) => match missing_library(panic.as_ref()) {
            Some(cause) => Err(GuiError::CannotOpen { cause }),
            None => resume_unwind(panic),
        },
    }
}

/// The window library panics where libxkbcommon-x11 is missing; any other panic is a defect and goes on.
fn missing_library(panic: &(dyn Any + Send)) -> Option<String> {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied())?;
    let is_about_a_library = text.contains("xkbcommon") || text.contains("could not be loaded");
    is_about_a_library.then(|| text.lines().next().unwrap_or(text).to_owned())
}

fn options(persistence_path: Option<PathBuf>) -> eframe::NativeOptions {
    let viewport = egui::ViewportBuilder::default()
        .with_title("Reelpress")
        .with_app_id("reelpress")
        .with_inner_size(theme::FIRST_WINDOW)
        .with_min_inner_size(theme::SMALLEST_WINDOW)
        .with_drag_and_drop(true);
    eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Glow,
        event_loop_builder: event_loop_builder(),
        // The system's fonts are read on a thread of their own instead, see `theme::fonts`.
        system_font_fallback: false,
        persistence_path,
        ..eframe::NativeOptions::default()
    }
}

/// winit's Wayland backend takes no dropped files, so a Wayland desktop with XWayland gets an X11 window.
#[cfg(target_os = "linux")]
fn event_loop_builder() -> Option<eframe::EventLoopBuilderHook> {
    use winit::platform::x11::EventLoopBuilderExtX11;
    is_set("DISPLAY").then(|| -> eframe::EventLoopBuilderHook {
        Box::new(|builder| {
            builder.with_x11();
        })
    })
}

#[cfg(not(target_os = "linux"))]
fn event_loop_builder() -> Option<eframe::EventLoopBuilderHook> {
    None
}
