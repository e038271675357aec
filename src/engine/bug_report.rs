//! All that is known of one job, for whoever looks into a fault. Holds no secret.

mod secrets;

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Event, Job, Snapshot, ToolStatus, history};
use crate::{
    failure::{Failure, FailureKind},
    job::{JobId, JobState},
    pipeline::plan::PlanSummary,
    settings::{AppFolders, Settings},
    tools::{atomic_file, ffmpeg::Toolbox, regular_file},
};

/// Version of the form of the file.
const SCHEMA_VERSION: u32 = 1;
/// Field of settings and jobs with the address of keys.
const URI_FIELD: &str = "uri";
/// Lines of the program's own log that come along.
const PROGRAM_LOG_LINES: usize = 300;

/// All that is known of one job.
#[derive(Debug, Serialize)]
pub struct BugReport {
    schema_version: u32,
    written_at: Timestamp,
    /// Version of Reelpress.
    version: &'static str,
    /// Operating system and processor.
    system: String,
    /// Version and place of ffmpeg, or why there is none.
    ffmpeg: Result<String, Failure>,
    settings: Settings,
    job: JobId,
    state: JobState,
    plan: Option<PlanSummary>,
    /// Command lines of ffmpeg that the job's log has.
    command_lines: Vec<String>,
    /// The journal's part on this job: what was asked, what the source is, all that happened.
    journal: Vec<Event>,
    log: Vec<String>,
    /// The end of the newest log file of the program.
    program_log: Vec<String>,
}

impl BugReport {
    /// Collects what is known of a job, from memory and from the app's own folders.
    pub fn of(snapshot: &Snapshot, job: &Job, folders: &AppFolders) -> Self {
        let recorded = history::events_of(job.id, &folders.journal_file()).unwrap_or_default();
        let journal = if recorded.is_empty() { job.as_events() } else { recorded };
        let mut log: Vec<String> = job.log.iter().cloned().collect();
        for event in &journal {
            // The log of another process is in the journal alone.
            if let Event::LogKept { lines, .. } = event
                && !log.starts_with(lines)
            {
                log.splice(0..0, lines.iter().cloned());
            }
        }
        let ffmpeg = match &snapshot.tools {
            ToolStatus::Ready { ffmpeg_version, ffmpeg, .. } => Ok(format!("{ffmpeg_version}, {}", ffmpeg.display())),
            _ => Toolbox::find(&snapshot.settings, folders)
                .map(|toolbox| format!("{}, {}", toolbox.version, toolbox.ffmpeg.display()))
                .map_err(crate::tools::ffmpeg::ToolError::into_failure),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            written_at: Timestamp::now(),
            version: env!("CARGO_PKG_VERSION"),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            ffmpeg,
            settings: (*snapshot.settings).clone(),
            job: job.id,
            state: job.state.clone(),
            plan: job.plan.as_deref().cloned(),
            command_lines: log.iter().filter(|line| line.starts_with("ffmpeg ")).cloned().collect(),
            journal,
            log,
            program_log: program_log(&folders.logs()),
        }
    }

    /// Writes it as JSON, whole or not at all.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, file: &Path) -> Result<(), Failure> {
        let text = self.text()?;
        atomic_file::write_privately(file, &text).map_err(|error| {
            let headline = format!("{} can't be written: {error}", file.display());
            Failure::new(FailureKind::OutputNotWritable, headline, "Choose a folder that you may write to")
        })
    }

    /// It as JSON, without secrets.
    ///
    /// # Errors
    /// When a value of the job can't be written as JSON.
    pub fn text(&self) -> Result<Vec<u8>, Failure> {
        let text = || {
            let mut value = serde_json::to_value(self)?;
            let known = secrets::of_environment(std::env::vars());
            without_secrets(&mut value, &known);
            let mut text = serde_json::to_vec_pretty(&value)?;
            text.push(b'\n');
            Ok(text)
        };
        text().map_err(|error: serde_json::Error| {
            let headline = format!("The report can't be made: {error}");
            Failure::new(FailureKind::Internal, headline, "Send the output of “reelpress doctor” and the log instead")
        })
    }
}

fn without_secrets(value: &mut Value, known: &[String]) {
    match value {
        Value::String(text) => *text = secrets::removed_from(text, known),
        Value::Array(values) => values.iter_mut().for_each(|value| without_secrets(value, known)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    // That of keys need not have a scheme.
                    Value::String(text) if name == URI_FIELD => *text = secrets::without_query(text),
                    _ => {}
                }
                without_secrets(value, known);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The last lines of the newest file; their names have the date.
fn program_log(folder: &Path) -> Vec<String> {
    let newest = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).max();
    let text = newest.and_then(|file| regular_file::read(&file).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(PROGRAM_LOG_LINES)).map(|line| (*line).to_owned()).collect()
}
