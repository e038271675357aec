//! What the window asks of the desktop, off the UI thread: open an address or a folder, unpack the sample clip,
//! read the history.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use crossbeam_channel::Sender;
use eframe::egui::Context;

use super::access_keys::MissingKeys;
use crate::{
    engine::{BugReport, Job, Snapshot, ended_jobs},
    failure::{Failure, FailureKind},
    settings::AppFolders,
};

/// The clip that comes with the program, so that the first run has something to encode.
const SAMPLE_CLIP: &[u8] = include_bytes!("../../assets/sample.mp4");
const SAMPLE_NAME: &str = "Reelpress sample.mp4";

/// How long it is awaited that a program of the desktop refuses to open an address. One that is still at work by then has
/// most likely become the browser.
#[cfg(not(test))]
const OPENING_LIMIT: std::time::Duration = std::time::Duration::from_secs(3);

/// What a helper thread has to say.
#[derive(Debug)]
pub enum DesktopAnswer {
    /// The sample clip lies here.
    SampleReady(PathBuf),
    /// A report lies here.
    ReportSaved(PathBuf),
    /// The jobs that have ended, the newest first.
    HistoryRead(Result<Vec<Arc<Job>>, Failure>),
    /// The browser was asked to show a preview.
    PreviewOpened {
        /// Its address.
        url: String,
        /// Why the browser does not show it, where that is known.
        failure: Option<Failure>,
    },
    /// It did not work.
    Failed(Failure),
    /// Whether the system can show file dialogs.
    FileDialogs(bool),
    /// It is known whether the system has a keychain.
    KeychainLookedFor,
    /// Keys that are needed and that no keychain gives.
    KeysMissing(Vec<MissingKeys>),
    /// Keys can be used now.
    KeysUsed {
        /// Their name.
        name: String,
        /// Whether they are in the keychain, or held until the program ends.
        is_kept: bool,
    },
    /// Something was done.
    Told(String),
}

/// Runs errands on threads and tells the window how they went.
#[derive(Clone)]
pub struct Desktop {
    /// Unbounded: an answer for each thing a person does.
    answers: Sender<DesktopAnswer>,
    ctx: Context,
}

impl Desktop {
    /// Errands that answer into `answers` and then repaint `ctx`.
    pub fn new(answers: Sender<DesktopAnswer>, ctx: Context) -> Self {
        Self { answers, ctx }
    }

    /// Opens the address of a preview in the browser, and tells whether that was done.
    pub fn open_preview(&self, url: String) {
        self.run("open", move || {
            let failure = open_in_browser(&url).err().map(|error| preview_failure(&error));
            Some(DesktopAnswer::PreviewOpened { url, failure })
        });
    }

    /// Opens a web address in the browser, or a folder in the file manager.
    pub fn open(&self, target: impl Into<OsString>) {
        let target = target.into();
        self.run("open", move || {
            let failure = |error: std::io::Error| {
                let headline = format!("{} can't be opened", target.to_string_lossy());
                Failure::new(FailureKind::Internal, headline, "Open it by hand; the system found no program for it")
                    .with_detail(error.to_string())
            };
            open_in_desktop(&target).map_err(failure).err().map(DesktopAnswer::Failed)
        });
    }

    /// Puts the sample clip into the cache folder.
    pub fn unpack_sample(&self, folders: Option<AppFolders>) {
        self.run("sample", move || {
            let folder = folders.map_or_else(std::env::temp_dir, |folders| folders.cache);
            Some(match write_sample(&folder) {
                Ok(file) => DesktopAnswer::SampleReady(file),
                Err(error) => DesktopAnswer::Failed(
                    Failure::new(
                        FailureKind::OutputNotWritable,
                        format!("The sample clip can't be written to {}", folder.display()),
                        "Free some space there, or add a video of your own",
                    )
                    .with_detail(error.to_string()),
                ),
            })
        });
    }

    /// Writes the report of a job into the app's folder for them, and opens that.
    pub fn save_report(&self, snapshot: Arc<Snapshot>, job: Arc<Job>, folders: AppFolders) {
        let desktop = self.clone();
        self.run("report", move || {
            let file = free_report(&folders.data.join("reports"), &job.spec.stream_name());
            match BugReport::of(&snapshot, &job, &folders).write(&file) {
                Ok(()) => {
                    desktop.open(file.parent().unwrap_or(&file));
                    Some(DesktopAnswer::ReportSaved(file))
                }
                Err(failure) => Some(DesktopAnswer::Failed(failure)),
            }
        });
    }

    /// Reads the jobs that have ended, those of the list and those that are off it.
    pub fn read_history(&self, list: Arc<Snapshot>, folders: AppFolders) {
        self.run("history", move || {
            let jobs = ended_jobs(&list, &folders).map_err(|error| {
                let hint = "Check that the disk works and the file may be read";
                Failure::new(FailureKind::Internal, error.to_string(), hint)
            });
            Some(DesktopAnswer::HistoryRead(jobs))
        });
    }

    /// Finds out whether the system can show file dialogs.
    pub fn look_for_file_dialogs(&self) {
        self.run("file-dialog-service", || Some(DesktopAnswer::FileDialogs(super::file_dialog::is_available())));
    }

    /// Runs an errand on a thread of this name.
    pub(super) fn run(&self, name: &str, errand: impl FnOnce() -> Option<DesktopAnswer> + Send + 'static) {
        let desktop = self.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if let Some(answer) = errand() {
                desktop.answer(answer);
            }
        });
        if let Err(error) = thread {
            self.answer(DesktopAnswer::Failed(
                Failure::new(FailureKind::Internal, "The system gives no thread", "Close other programs and try again")
                    .with_detail(error.to_string()),
            ));
        }
    }

    fn answer(&self, answer: DesktopAnswer) {
        if self.answers.send(answer).is_ok() {
            self.ctx.request_repaint();
        }
    }
}

#[cfg(not(test))]
fn open_in_browser(url: &str) -> std::io::Result<()> {
    open::that_detached_with_timeout(url, OPENING_LIMIT)
}

/// A test sees what is told where no browser can be opened.
#[cfg(test)]
fn open_in_browser(_: &str) -> std::io::Result<()> {
    Err(std::io::Error::other("no method available for opening"))
}

#[cfg(not(test))]
fn open_in_desktop(target: &std::ffi::OsStr) -> std::io::Result<()> {
    open::that_detached(target)
}

/// What the tests of this process have opened: none starts the programs of whoever runs it.
#[cfg(test)]
pub(super) static OPENED: std::sync::Mutex<Vec<OsString>> = std::sync::Mutex::new(Vec::new());

#[cfg(test)]
fn open_in_desktop(target: &std::ffi::OsStr) -> std::io::Result<()> {
    OPENED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(target.to_owned());
    Ok(())
}

/// What is said when nothing opens a preview: it runs all the same.
fn preview_failure(error: &std::io::Error) -> Failure {
    let hint = "Copy its URL and open it in a browser on this machine, such as Firefox or Chromium";
    Failure::new(FailureKind::Internal, "No browser could be opened for the preview", hint)
        .with_detail(error.to_string())
}

/// A file in `folder` for a report on the source of this name, beside those that are there.
fn free_report(folder: &Path, source_name: &str) -> PathBuf {
    let file = |number: u32| match number {
        1 => folder.join(format!("{source_name} report.json")),
        _ => folder.join(format!("{source_name} report {number}.json")),
    };
    (1..).map(file).find(|file| !file.exists()).unwrap_or_else(|| file(1))
}

/// Writes the sample clip into `folder`, unless it lies there already.
fn write_sample(folder: &Path) -> std::io::Result<PathBuf> {
    let file = folder.join(SAMPLE_NAME);
    let is_there = std::fs::metadata(&file).is_ok_and(|found| found.len() == SAMPLE_CLIP.len() as u64);
    if !is_there {
        std::fs::create_dir_all(folder)?;
        crate::tools::atomic_file::write(&file, SAMPLE_CLIP)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_named_after_the_source_and_replace_none() {
        let folder = tempfile::tempdir().unwrap();
        let name = |file: PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(name(free_report(folder.path(), "Film 1")), "Film 1 report.json");
        std::fs::write(folder.path().join("Film 1 report.json"), "{}").unwrap();
        assert_eq!(name(free_report(folder.path(), "Film 1")), "Film 1 report 2.json");
    }

    #[test]
    fn the_sample_clip_is_written_whole_and_repaired() {
        let folder = tempfile::tempdir().unwrap();
        let file = write_sample(&folder.path().join("cache")).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), SAMPLE_CLIP);
        std::fs::write(&file, b"half").unwrap();
        write_sample(&folder.path().join("cache")).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), SAMPLE_CLIP);
    }
}
