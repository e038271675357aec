//! The system's file dialogs, on a thread of their own because they wait for a person.

use std::path::{Path, PathBuf};

use crossbeam_channel::Sender;
use eframe::egui::Context;

/// Names that the file dialog offers first; any other file can still be chosen, since ffmpeg reads far more.
const VIDEO_EXTENSIONS: &[&str] = &[
    "mp4", "mov", "m4v", "mkv", "webm", "avi", "mxf", "ts", "m2ts", "mts", "mpg", "mpeg", "wmv", "flv", "ogv", "3gp",
    "vob",
];

/// Images that can be laid over a picture.
const IMAGE_EXTENSIONS: &[&str] = &["png", "webp", "jpg", "jpeg", "gif", "bmp", "tif", "tiff"];

/// What a path is picked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathPurpose {
    /// Videos to add to the queue.
    AddFiles,
    /// A folder with videos to add to the queue.
    AddFolder,
    /// The folder that gets a folder for each stream, at once.
    OutputFolder,
    /// The ffmpeg to use, at once.
    Ffmpeg,
    /// The output folder in the settings dialog.
    SettingsOutputFolder,
    /// ffmpeg in the settings dialog.
    SettingsFfmpeg,
    /// ffprobe in the settings dialog.
    SettingsFfprobe,
    /// The image in the dialog of adjustments.
    Watermark,
}

impl PathPurpose {
    /// Title of the dialog.
    pub fn title(self) -> &'static str {
        match self {
            Self::AddFiles => "Add files",
            Self::AddFolder => "Add folder",
            Self::OutputFolder | Self::SettingsOutputFolder => "Choose the output folder",
            Self::Ffmpeg | Self::SettingsFfmpeg => "Choose ffmpeg",
            Self::SettingsFfprobe => "Choose ffprobe",
            Self::Watermark => "Choose an image",
        }
    }
}

/// What was picked; empty when the person closed the dialog without choosing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickedPaths {
    /// What for.
    pub purpose: PathPurpose,
    /// Which.
    pub paths: Vec<PathBuf>,
}

/// Shows the system's dialog on a thread; the answer goes into `answers`, and `ctx` is repainted.
///
/// # Errors
/// When the system gives no thread.
pub fn pick(purpose: PathPurpose, answers: Sender<PickedPaths>, ctx: Context) -> std::io::Result<()> {
    std::thread::Builder::new().name("file-dialog".to_owned()).spawn(move || {
        let dialog = rfd::FileDialog::new().set_title(purpose.title());
        let paths = match purpose {
            PathPurpose::AddFiles => {
                dialog.add_filter("Videos", VIDEO_EXTENSIONS).add_filter("All files", &["*"]).pick_files()
            }
            PathPurpose::AddFolder | PathPurpose::OutputFolder | PathPurpose::SettingsOutputFolder => {
                dialog.pick_folder().map(|folder| vec![folder])
            }
            PathPurpose::Watermark => dialog.add_filter("Images", IMAGE_EXTENSIONS).pick_file().map(|file| vec![file]),
            PathPurpose::Ffmpeg | PathPurpose::SettingsFfmpeg | PathPurpose::SettingsFfprobe => {
                dialog.pick_file().map(|file| vec![file])
            }
        };
        let picked = PickedPaths { purpose, paths: paths.unwrap_or_default() };
        if answers.send(picked).is_ok() {
            ctx.request_repaint();
        }
    })?;
    Ok(())
}

/// Whether the system can show a file dialog. Without one the library answers as if the person had cancelled, so this
/// must be known before. Looks at the disk: not for the UI thread.
pub fn is_available() -> bool {
    if cfg!(any(target_os = "macos", target_os = "windows")) {
        return true;
    }
    has_zenity() || has_portal()
}

fn has_zenity() -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join("zenity").is_file())
}

/// A desktop portal that implements the file chooser, on a session bus.
fn has_portal() -> bool {
    let has_bus = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some()
        || std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).join("bus").exists());
    let folders = std::env::var_os("XDG_DATA_DIRS").unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    has_bus
        && std::env::split_paths(&folders).any(|folder| offers_file_chooser(&folder.join("xdg-desktop-portal/portals")))
}

fn offers_file_chooser(portals: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(portals) else { return false };
    entries.flatten().any(|entry| {
        std::fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("org.freedesktop.impl.portal.FileChooser"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portal_counts_only_with_a_file_chooser() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!offers_file_chooser(&folder.path().join("missing")));
        let portal = |interfaces: &str| {
            let text =
                format!("[portal]\nDBusName=org.freedesktop.impl.portal.desktop.test\nInterfaces={interfaces}\n");
            std::fs::write(folder.path().join("test.portal"), text).unwrap();
        };
        portal("org.freedesktop.impl.portal.Settings;");
        assert!(!offers_file_chooser(folder.path()));
        portal("org.freedesktop.impl.portal.FileChooser;org.freedesktop.impl.portal.Settings;");
        assert!(offers_file_chooser(folder.path()));
    }
}
