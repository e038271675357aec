//! `reelpress thumbnails`: pictures of each source, and nothing else.

use std::path::Path;

use super::{
    Context, Outcome, ThumbnailsArguments, bad_usage,
    encode::{Call, absolute},
};
use crate::{
    engine::{QueueEntry, QueueLife},
    failure::Failure,
    job::{Destination, JobKind, JobSpec, Outputs, Schedule},
    preset::{Preset, find_preset},
    tools::cancel::CancelToken,
};

const HELP: &str = "“reelpress thumbnails --help” tells what can be asked";

/// Makes what was asked and waits until every job is at rest.
pub(super) fn run(context: &Context, arguments: &ThumbnailsArguments, interrupt: &CancelToken) -> Outcome {
    match plan(context, arguments) {
        Ok(call) => call.run(context, interrupt),
        Err(failure) => {
            context.output.failure(None, &failure);
            Outcome::BadUsage
        }
    }
}

fn plan(context: &Context, arguments: &ThumbnailsArguments) -> Result<Call, Failure> {
    let source_size = find_preset("source").ok_or_else(|| bad_usage("There is no preset “source”", HELP))?;
    let preset = Preset { id: "thumbnails".to_owned(), name: "Thumbnails".to_owned(), ..source_size };
    let mut outputs = Outputs { storyboard: arguments.storyboard, ..Outputs::default() };
    outputs.thumbnails.width = arguments.width;
    outputs.thumbnails.format = arguments.format.map(Into::into).unwrap_or_default();
    let mut jobs = Vec::new();
    for file in &arguments.files {
        let source = absolute(file);
        if source.is_dir() {
            let hint = "Name the files in it, such as FOLDER/*.mov";
            return Err(bad_usage(format!("{} is a folder", source.display()), hint));
        }
        let folder = arguments.out.as_deref().map(absolute);
        let folder = folder.unwrap_or_else(|| source.parent().unwrap_or(Path::new(".")).to_owned());
        let spec = JobSpec {
            kind: JobKind::Pictures,
            thumbnails: arguments.times.clone().unwrap_or_default(),
            outputs: outputs.clone(),
            ..JobSpec::stream(source, preset.clone(), Destination::Folder(folder))
        };
        jobs.push(QueueEntry { spec, schedule: Schedule::default() });
    }
    let settings = context.settings.clone();
    Ok(Call { jobs, without_job: Vec::new(), settings, queue: QueueLife::ThisRun, json: arguments.json })
}
