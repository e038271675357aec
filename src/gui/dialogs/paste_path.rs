//! A path to type or paste, where the system has no file dialog.

use std::path::{Path, PathBuf};

use eframe::egui::{self, Ui};

use super::{
    button_line, dialog,
    fields::{FieldProblem, Fields, say},
};
use crate::gui::{
    action::Action,
    file_dialog::{PathPurpose, PickedPaths},
    theme,
    widgets::Button,
};

/// What has been typed so far.
pub struct PathForm {
    /// What the path is for.
    pub purpose: PathPurpose,
    /// The text; several paths on lines of their own when it was pasted.
    pub text: String,
    /// True until the field has taken the keyboard.
    takes_keyboard: bool,
    is_refused: bool,
}

impl PathForm {
    /// A form that begins with what is set now, which is empty where nothing is.
    pub fn new(purpose: PathPurpose, present: String) -> Self {
        Self { purpose, text: present, takes_keyboard: true, is_refused: false }
    }
}

/// Asks for a path; true when it was given or the dialog closed.
pub fn path_ui(ui: &Ui, form: &mut PathForm, actions: &mut Vec<Action>) -> bool {
    let label = match form.purpose {
        PathPurpose::AddFiles => "Path of a video file",
        PathPurpose::AddFolder | PathPurpose::OutputFolder | PathPurpose::SettingsOutputFolder => "Path of a folder",
        PathPurpose::Ffmpeg | PathPurpose::SettingsFfmpeg => "Path of ffmpeg",
        PathPurpose::SettingsFfprobe => "Path of ffprobe",
        PathPurpose::Watermark => "Path of an image",
    };
    let example = match form.purpose {
        PathPurpose::AddFiles => "/home/anna/Videos/film.mp4",
        PathPurpose::AddFolder | PathPurpose::OutputFolder | PathPurpose::SettingsOutputFolder => "/home/anna/Videos",
        PathPurpose::Ffmpeg | PathPurpose::SettingsFfmpeg => "/usr/bin/ffmpeg",
        PathPurpose::SettingsFfprobe => "/usr/bin/ffprobe",
        PathPurpose::Watermark => "/home/anna/Pictures/logo.png",
    };
    dialog(ui, (form.purpose.title(), 520.0), |ui| {
        let words = "This is not a full path; it begins at the root of the disk or with ~";
        let problem = form.is_refused.then(|| FieldProblem::new(label, words));
        let response = Fields::of(problem.as_ref()).text(ui, label, &mut form.text, example);
        if std::mem::take(&mut form.takes_keyboard) {
            response.request_focus();
        }
        if response.changed() {
            form.is_refused = false;
        }
        let is_given = !form.text.trim().is_empty();
        let told = match form.purpose {
            _ if !is_given => "Give a full path",
            PathPurpose::OutputFolder => "A folder that does not exist yet is made when the first job writes there",
            _ => "",
        };
        if !told.is_empty() && !form.is_refused {
            say(ui, told, theme::palette(ui).weak);
        }
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let mut is_done = false;
        button_line(ui, |ui| {
            is_done |= Button::new("Cancel").show(ui).clicked();
            let verb = if form.purpose == PathPurpose::AddFiles || form.purpose == PathPurpose::AddFolder {
                "Add"
            } else {
                "Choose"
            };
            let is_pressed = Button::primary(verb).enabled(is_given).show(ui).clicked();
            if is_given && (is_pressed || is_entered) {
                let paths = paths_in(&form.text, home().as_deref());
                form.is_refused = paths.is_empty();
                form.takes_keyboard = form.is_refused;
                if !paths.is_empty() {
                    actions.push(Action::Picked(PickedPaths { purpose: form.purpose, paths }));
                    is_done = true;
                }
            }
        });
        is_done
    })
}

fn home() -> Option<PathBuf> {
    directories::UserDirs::new().map(|folders| folders.home_dir().to_owned())
}

/// The full paths that a text consists of: one a line, plain, quoted, as `file://` address, or from `~` on. Empty when
/// any line is something else.
pub fn paths_in(text: &str, home: Option<&Path>) -> Vec<PathBuf> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let paths: Option<Vec<PathBuf>> = lines.map(|line| path_in(line, home)).collect();
    paths.unwrap_or_default()
}

fn path_in(line: &str, home: Option<&Path>) -> Option<PathBuf> {
    let bare = ['"', '\''].iter().find_map(|quote| line.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(line);
    let path = if let Some(address) = bare.strip_prefix("file://") {
        PathBuf::from(percent_encoding::percent_decode_str(address).decode_utf8().ok()?.as_ref())
    } else if let Some(rest) = bare.strip_prefix("~/") {
        home?.join(rest)
    } else {
        PathBuf::from(bare)
    };
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_text_is_a_list_of_paths_or_nothing() {
        let home = Some(Path::new("/home/anna"));
        let paths = |text: &str| paths_in(text, home);
        assert_eq!(paths("/films/a b.mp4"), [Path::new("/films/a b.mp4")]);
        assert_eq!(
            paths(" \"/films/a.mp4\"\n'/films/b.mp4'\r\n"),
            [Path::new("/films/a.mp4"), Path::new("/films/b.mp4")]
        );
        assert_eq!(paths("file:///films/M%C3%BCller%20%231.mp4"), [Path::new("/films/Müller #1.mp4")]);
        assert_eq!(paths("~/Videos/a.mp4"), [Path::new("/home/anna/Videos/a.mp4")]);
        assert_eq!(paths("hello"), Vec::<PathBuf>::new());
        assert_eq!(paths("/films/a.mp4\nand some words"), Vec::<PathBuf>::new());
        assert_eq!(paths(""), Vec::<PathBuf>::new());
    }
}
