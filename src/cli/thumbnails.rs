//! `reelpress thumbnails`: pictures of each source, and nothing else.

use std::path::Path;

use super::{
    Context, Outcome, ThumbnailsArguments, bad_usage, destination,
    encode::{Call, absolute, checked},
    queue,
};
use crate::{
    engine::{QueueEntry, QueueLife},
    failure::Failure,
    job::{Destination, JobKind, JobSpec, Outputs},
    preset::pictures_preset,
    tools::cancel::CancelToken,
};

/// Makes what was asked and waits until every job is at rest, or puts it into the queue.
pub(super) fn run(context: &Context, arguments: &ThumbnailsArguments, interrupt: &CancelToken) -> Outcome {
    match plan(context, arguments) {
        Ok(call) if arguments.queueing.queue => queue::put((context, interrupt), call),
        Ok(call) => call.run(context, interrupt),
        Err(failure) => {
            context.output.failure(None, &failure);
            Outcome::BadUsage
        }
    }
}

fn plan(context: &Context, arguments: &ThumbnailsArguments) -> Result<Call, Failure> {
    let preset = pictures_preset();
    let mut outputs = Outputs { storyboard: arguments.storyboard, ..Outputs::default() };
    outputs.thumbnails.width = arguments.thumbnail_width;
    outputs.thumbnails.format = arguments.thumbnail_format.map(Into::into).unwrap_or_default();
    let keep = arguments.keep.as_deref().map(absolute);
    let destination = destination::destination(&arguments.out, keep, &arguments.s3, &|| context.folders.streams())?;
    let mut jobs = Vec::new();
    for file in &arguments.files {
        let source = absolute(file);
        if source.is_dir() {
            let hint = "Name the files in it, such as FOLDER/*.mov";
            return Err(bad_usage(format!("{} is a folder", source.display()), hint));
        }
        let beside = || Destination::Folder(source.parent().unwrap_or(Path::new(".")).to_owned());
        let destination = destination.clone().unwrap_or_else(beside);
        let spec = JobSpec {
            kind: JobKind::Pictures,
            thumbnails: arguments.thumbnail_times.clone().unwrap_or_default(),
            outputs: outputs.clone(),
            ..JobSpec::stream(source, preset.clone(), destination)
        };
        jobs.push(QueueEntry { spec, schedule: arguments.queueing.schedule() });
    }
    let settings = context.settings.clone();
    let call = Call { jobs, without_job: Vec::new(), settings, queue: QueueLife::ThisRun, json: arguments.json };
    checked(call, "“reelpress thumbnails --help” tells what can be asked")
}
