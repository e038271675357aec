//! `reelpress publish`: a finished folder goes into a bucket.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Context, Outcome, PublishArguments, bad_usage, credentials, destination};
use crate::{
    failure::{Failure, FailureKind},
    format,
    job::S3Location,
    pipeline::publish::{ABANDONED_AFTER, PublishStatus, not_published, publish_folder, replace},
    tools::cancel::CancelToken,
};

pub(super) fn run(context: &Context, arguments: &PublishArguments, interrupt: &CancelToken) -> Outcome {
    match (&arguments.clean, &arguments.folder, &arguments.destination) {
        (Some(place), ..) => clean(context, arguments, place.as_deref()),
        (None, Some(folder), Some(destination)) => match location(context, arguments, destination) {
            Ok(location) => publish(context, folder, &location, interrupt),
            Err(outcome) => outcome,
        },
        (None, ..) => {
            context.output.failure(None, &bad_usage("A folder and a destination are needed", "“--help” tells more"));
            Outcome::BadUsage
        }
    }
}

fn location(context: &Context, arguments: &PublishArguments, destination: &str) -> Result<S3Location, Outcome> {
    let read = destination::s3_location(Path::new(destination), &arguments.s3).and_then(|location| {
        let headline = format!("{destination} is not an S3 location");
        location.ok_or_else(|| bad_usage(headline, "Write the destination as s3://bucket/prefix"))
    });
    read.map_err(|failure| {
        context.output.failure(None, &failure);
        Outcome::BadUsage
    })
}

/// Removes what is due of replaced streams.
fn clean(context: &Context, arguments: &PublishArguments, place: Option<&str>) -> Outcome {
    let location = match place.map(|place| location(context, arguments, place)).transpose() {
        Ok(location) => location,
        Err(outcome) => return outcome,
    };
    let Some(runtime) = network(context) else { return Outcome::SomeFailed };
    let cleaned = match location {
        Some(location) => replace::clean(runtime.handle(), &location, ABANDONED_AFTER),
        None => {
            let objects = runtime.block_on(replace::remove_due(&context.folders.replaced()));
            Ok(replace::Cleaned { objects, uploads: 0 })
        }
    };
    match cleaned {
        Ok(replace::Cleaned { objects, uploads }) => {
            let objects = format::count(objects as u64, "object", "objects");
            let uploads = format::count(uploads as u64, "unfinished upload", "unfinished uploads");
            context.output.say(&format!("Removed {objects} of replaced and unfinished streams and {uploads}"));
            Outcome::AllDone
        }
        Err(error) => {
            let failure = error.into_failure();
            context.output.failure(None, &failure);
            Outcome::of(&failure)
        }
    }
}

fn publish(context: &Context, folder: &Path, location: &S3Location, interrupt: &CancelToken) -> Outcome {
    credentials::ask_for_missing(context, std::iter::once(location));
    let Some(runtime) = network(context) else { return Outcome::SomeFailed };
    let bar = context.output.shows_bars().then(|| context.output.bars.add(ProgressBar::new(0).with_style(style())));
    let left_out = not_published(folder);
    if let [first, others @ ..] = left_out.as_slice() {
        let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        // Control characters would move the cursor of a terminal, or worse.
        let first = first.display().to_string().replace(char::is_control, "\u{fffd}");
        context
            .output
            .say(&format!("Left out, because links, hidden files and .part files are not published: {first}{more}"));
    }
    // Without a bar, what holds the upload up is said once.
    let waits = AtomicBool::new(false);
    let progress = |status: PublishStatus| {
        let has_begun_to_wait = status.interruption.is_some() && !waits.swap(true, Ordering::Relaxed);
        match &status.interruption {
            Some(reason) if bar.is_none() && has_begun_to_wait => {
                context.output.say(&format!("{}; goes on by itself", reason.headline));
            }
            Some(_) => {}
            None => waits.store(false, Ordering::Relaxed),
        }
        if let Some(bar) = &bar {
            bar.set_length(status.published_bytes + status.queued_bytes);
            bar.set_position(status.published_bytes);
            bar.set_message(line(&status));
        }
    };
    let result = publish_folder(runtime.handle(), folder, location, &progress, interrupt);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    match result {
        Ok(published) => {
            replace::remember(published.replaced.as_ref(), &context.folders.replaced());
            runtime.block_on(replace::remove_due(&context.folders.replaced()));
            // As “encode --out s3://” tells the same.
            let name = published.prefix.rsplit('/').next().unwrap_or_default();
            let about = |line: &str| context.output.say(&format!("reelpress: {name}: {line}"));
            published.warnings.iter().for_each(|warning| about(&format!("Warning: {warning}")));
            about(&format!("published to {location}"));
            published.urls.iter().take(1).for_each(|url| context.output.data(url));
            Outcome::AllDone
        }
        Err(error) if error.is_cancelled() => {
            context.output.say("Cancelled; what is already in the bucket stays there");
            Outcome::Interrupted
        }
        Err(error) => {
            let is_wrong_folder = error.is_wrong_folder();
            let mut failure = error.into_failure();
            if failure.kind == FailureKind::NetworkLost {
                failure.hint.push_str("; the same command sends what is missing");
            }
            context.output.failure(None, &failure);
            if is_wrong_folder { Outcome::BadUsage } else { Outcome::of(&failure) }
        }
    }
}

/// The threads for the network; `None` after it was said that the system gives none.
pub(super) fn network(context: &Context) -> Option<tokio::runtime::Runtime> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("network").enable_all().build();
    runtime
        .map_err(|error| {
            let headline = format!("The system gives no threads: {error}");
            let hint = "Close other programs, then try again";
            context.output.failure(None, &Failure::new(FailureKind::Internal, headline, hint));
        })
        .ok()
}

fn line(status: &PublishStatus) -> String {
    let mut parts = vec![format!("{} of {} files", status.published_files, status.finished_files)];
    parts.extend(status.bytes_per_second.map(format::bytes_per_second));
    parts.extend(status.interruption.as_ref().map(|reason| format!("{}, goes on by itself", reason.headline)));
    parts.join("  ")
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:32} {percent:>3} %  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}
