//! `reelpress publish`: a finished folder goes into a bucket.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Context, Outcome, PublishArguments, bad_usage, destination};
use crate::{
    failure::{Failure, FailureKind},
    format,
    pipeline::publish::{PublishStatus, publish_folder},
    tools::cancel::CancelToken,
};

pub(super) fn run(context: &Context, arguments: &PublishArguments, interrupt: &CancelToken) -> Outcome {
    let location = match destination::s3_location(Path::new(&arguments.destination), &arguments.s3) {
        Ok(Some(location)) => location,
        Ok(None) => {
            let headline = format!("{} is not an S3 location", arguments.destination);
            context.output.failure(None, &bad_usage(headline, "Write the destination as s3://bucket/prefix"));
            return Outcome::BadUsage;
        }
        Err(failure) => {
            context.output.failure(None, &failure);
            return Outcome::BadUsage;
        }
    };
    let Some(runtime) = network(context) else { return Outcome::SomeFailed };
    let bar = context.output.shows_bars().then(|| context.output.bars.add(ProgressBar::new(0).with_style(style())));
    let progress = |status: PublishStatus| {
        if let Some(bar) = &bar {
            bar.set_length(status.published_bytes + status.queued_bytes);
            bar.set_position(status.published_bytes);
            bar.set_message(line(&status));
        }
    };
    let result = publish_folder(runtime.handle(), &arguments.folder, &location, &progress, interrupt);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    match result {
        Ok(published) => {
            context.output.say(&format!("Published to s3://{}/{}", location.bucket, published.prefix));
            published.warnings.iter().for_each(|warning| context.output.say(&format!("Warning: {warning}")));
            published.urls.iter().for_each(|url| context.output.data(url));
            Outcome::AllDone
        }
        Err(error) if error.is_cancelled() => {
            context.output.say("Cancelled; what is already in the bucket stays there");
            Outcome::Interrupted
        }
        Err(error) => {
            let failure = error.into_failure();
            context.output.failure(None, &failure);
            Outcome::of(&failure)
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
