//! `reelpress queue export` and `import`.

use std::path::Path;

use super::{Access, Refusal, enqueue};
use crate::{
    cli::{Context, bad_usage},
    engine::{FiledJob, QueueFile},
    failure::{Failure, FailureKind},
    format,
    tools::{atomic_file, regular_file},
};

/// Stands for standard output.
pub(super) const STANDARD_OUTPUT: &str = "-";
/// Some hundred thousand jobs.
const LARGEST_QUEUE_BYTES: u64 = 1024 * 1024 * 1024;

/// Refuses a file that is there already and may not be replaced.
pub(super) fn check_free(file: &Path, overwrite: bool) -> Result<(), Refusal> {
    if overwrite || file == Path::new(STANDARD_OUTPUT) || file.symlink_metadata().is_err() {
        return Ok(());
    }
    let hint = "Give another name, or --overwrite to replace it";
    Err(Refusal::usage(bad_usage(format!("{} is there already", file.display()), hint)))
}

/// Writes the jobs of the queue into a file, whole or not at all.
pub(super) fn export(
    (context, access): (&Context, &mut Access),
    file: &Path,
    all: bool,
    overwrite: bool,
) -> Result<(), Refusal> {
    check_free(file, overwrite)?;
    let queue = QueueFile::of(&access.snapshot()?, all);
    let failed = |error: std::io::Error| {
        let headline = format!("{} can't be written: {error}", file.display());
        Failure::new(FailureKind::OutputNotWritable, headline, "Choose a folder that you may write to")
    };
    let text = queue.text().map_err(|error| failed(std::io::Error::other(error)))?;
    if file == Path::new(STANDARD_OUTPUT) {
        context.output.data(&String::from_utf8_lossy(&text));
        return Ok(());
    }
    atomic_file::write_privately(&absolute(file), &text).map_err(failed)?;
    let jobs = format::count(queue.jobs.len() as u64, "job", "jobs");
    context.output.say(&format!("{jobs} written to {}", file.display()));
    Ok(())
}

/// Puts the jobs of a file at the end of the queue, as new ones; those that had ended only with `all`.
pub(super) fn import((context, access): (&Context, &mut Access), file: &Path, all: bool) -> Result<(), Refusal> {
    let text = read(file).map_err(|error| {
        let headline = format!("{} can't be read: {error}", file.display());
        Refusal::usage(Failure::new(FailureKind::SourceUnreadable, headline, "Give a file of “reelpress queue export”"))
    })?;
    let queue = QueueFile::read(&text).map_err(|error| {
        let hint = match error {
            crate::engine::QueueFileError::TooNew(_) => "Install the newest version of Reelpress",
            crate::engine::QueueFileError::Malformed(_) => "Give a file of “reelpress queue export”",
            crate::engine::QueueFileError::Job { .. } => "Correct this job in the file; no job of it was added",
        };
        Refusal::usage(bad_usage(format!("{} can't be imported: {error}", file.display()), hint))
    })?;
    if queue.jobs.is_empty() {
        context.output.say(&format!("{} has no jobs in it", file.display()));
        return Ok(());
    }
    let (wanted, left_out): (Vec<FiledJob>, Vec<FiledJob>) =
        queue.jobs.into_iter().partition(|job| all || job.ended.is_none());
    if !left_out.is_empty() {
        let jobs = format::count(left_out.len() as u64, "job", "jobs");
        let hint = "“--all” puts them into the queue once more";
        context.output.say(&format!("{jobs} of {} had ended and stay out; {hint}", file.display()));
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let unkept = context.folders.streams();
    let file = absolute(file);
    let folder = file.parent().unwrap_or(&file);
    let entries = wanted.into_iter().map(|job| job.into_entry(folder, &unkept)).collect();
    enqueue(context, access, entries, false)
}

/// What a file holds that may be an exported queue.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    regular_file::check(file)?;
    if std::fs::metadata(file)?.len() > LARGEST_QUEUE_BYTES {
        return Err(std::io::Error::other("it is too large for a queue"));
    }
    std::fs::read(file)
}

fn absolute(file: &Path) -> std::path::PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}
