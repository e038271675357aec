//! `reelpress queue export` and `import`.

use std::path::Path;

use super::{Access, Refusal, enqueue};
use crate::{
    cli::{Context, bad_usage},
    engine::QueueFile,
    failure::{Failure, FailureKind},
    format,
    tools::atomic_file,
};

/// Writes the jobs of the queue into a file, whole or not at all.
pub(super) fn export(context: &Context, access: &mut Access, file: &Path, all: bool) -> Result<(), Refusal> {
    let queue = QueueFile::of(&access.snapshot()?, all);
    let written =
        queue.text().map_err(std::io::Error::other).and_then(|text| atomic_file::write(&absolute(file), &text));
    written.map_err(|error| {
        let headline = format!("{} can't be written: {error}", file.display());
        Failure::new(FailureKind::OutputNotWritable, headline, "Choose a folder that you may write to")
    })?;
    let jobs = format::count(queue.jobs.len() as u64, "job", "jobs");
    context.output.say(&format!("{jobs} written to {}", file.display()));
    Ok(())
}

/// Puts the jobs of a file at the end of the queue, as new ones.
pub(super) fn import(context: &Context, access: &mut Access, file: &Path) -> Result<(), Refusal> {
    let text = std::fs::read(file).map_err(|error| {
        let headline = format!("{} can't be read: {error}", file.display());
        Refusal::usage(Failure::new(FailureKind::SourceUnreadable, headline, "Give a file of “reelpress queue export”"))
    })?;
    let queue = QueueFile::read(&text).map_err(|error| {
        let hint = match error {
            crate::engine::QueueFileError::TooNew(_) => "Install the newest version of Reelpress",
            crate::engine::QueueFileError::Malformed(_) => "Give a file of “reelpress queue export”",
        };
        Refusal::usage(bad_usage(format!("{} can't be imported: {error}", file.display()), hint))
    })?;
    if queue.jobs.is_empty() {
        context.output.say(&format!("{} has no jobs in it", file.display()));
        return Ok(());
    }
    enqueue(context, access, queue.jobs, false)
}

fn absolute(file: &Path) -> std::path::PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}
