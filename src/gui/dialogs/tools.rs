//! ffmpeg can't be used: what is wrong, and three ways to mend it.

use eframe::egui::{Label, RichText, Sense, Ui, vec2};

use super::{button_line, dialog, paragraph};
use crate::{
    engine::{Command, Snapshot, ToolStatus},
    failure::Failure,
    format,
    gui::{
        action::Action,
        file_dialog::PathPurpose,
        theme::{self, icon},
        widgets::{BarKind, Button, progress_bar_at},
    },
};

const TITLE: &str = "ffmpeg";

/// Shows what is the matter with ffmpeg; true when the dialog is to close.
pub fn tools_ui(ui: &Ui, snapshot: &Snapshot, asks_for_download: &mut bool, actions: &mut Vec<Action>) -> bool {
    dialog(ui, (TITLE, 520.0), |ui| match &snapshot.tools {
        ToolStatus::Unusable { .. } if *asks_for_download => confirm_download(ui, asks_for_download, actions),
        ToolStatus::Unusable { failure } => unusable(ui, failure, asks_for_download, actions),
        ToolStatus::Downloading { fraction } => {
            *asks_for_download = false;
            downloading(ui, *fraction)
        }
        ToolStatus::Unchecked => {
            paragraph(ui, "Looking for ffmpeg and ffprobe");
            false
        }
        ToolStatus::Ready { ffmpeg_version, ffmpeg, .. } => ready(ui, ffmpeg_version, &ffmpeg.display().to_string()),
    })
}

fn unusable(ui: &mut Ui, failure: &Failure, asks_for_download: &mut bool, actions: &mut Vec<Action>) -> bool {
    ui.add(Label::new(RichText::new(&failure.headline).color(theme::palette(ui).bad)).wrap());
    ui.add(Label::new(&failure.hint).wrap());
    if !failure.detail.is_empty() {
        ui.add(Label::new(RichText::new(&failure.detail).monospace().color(theme::palette(ui).weak)).wrap());
    }
    let mut is_done = false;
    button_line(ui, |ui| {
        is_done = Button::plain("Not now").show(ui).clicked();
        if Button::new("Check again").icon(icon::RETRY).show(ui).clicked() {
            actions.push(Action::Send(Command::CheckTools));
        }
        if Button::new("Choose…").named("Choose ffmpeg…").show(ui).clicked() {
            actions.push(Action::Pick(PathPurpose::Ffmpeg));
        }
        *asks_for_download = Button::primary("Download ffmpeg…").show(ui).clicked();
    });
    is_done
}

fn confirm_download(ui: &mut Ui, asks_for_download: &mut bool, actions: &mut Vec<Action>) -> bool {
    paragraph(
        ui,
        "Reelpress fetches a build of ffmpeg and ffprobe for this system from the internet, about 100 MB, and keeps it \
         in its own data folder. Nothing else on this computer changes.",
    );
    button_line(ui, |ui| {
        if Button::new("Back").show(ui).clicked() {
            *asks_for_download = false;
        }
        if Button::primary("Download").show(ui).clicked() {
            actions.push(Action::Send(Command::DownloadTools));
            *asks_for_download = false;
        }
    });
    false
}

fn downloading(ui: &mut Ui, fraction: Option<f64>) -> bool {
    match fraction {
        Some(fraction) => paragraph(ui, &format!("Downloading ffmpeg, {}", format::percent(fraction))),
        None => paragraph(ui, "Unpacking ffmpeg"),
    }
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), theme::BAR_HEIGHT), Sense::hover());
    progress_bar_at(ui, rect, fraction.unwrap_or(1.0), BarKind::AtWork, "Download of ffmpeg");
    let mut is_done = false;
    button_line(ui, |ui| is_done = Button::new("Go on in the background").show(ui).clicked());
    is_done
}

fn ready(ui: &mut Ui, version: &str, path: &str) -> bool {
    ui.label(format!("ffmpeg {version} is ready"));
    paragraph(ui, path);
    let mut is_done = false;
    button_line(ui, |ui| is_done = Button::primary("Close").show(ui).clicked());
    is_done
}
