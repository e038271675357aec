//! The uploads of a job: their place, their end, and what becomes of the local stream.

use std::time::Duration;

use super::{
    JobRequest,
    progress::Reporter,
    publish::{self, Place, PublishedLocation, Publisher},
    stream_folder::{StreamFolder, wanted_folder},
    unfinished::Unfinished,
};
use crate::{
    failure::Failure,
    job::{Destination, Report, Stage, WhenTaken},
};

/// How often the end of an upload is looked for, and told of.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Takes the place of a job's stream in its bucket, if it goes to one.
pub(super) fn start(
    request: &JobRequest,
    folder: &StreamFolder,
    unfinished: &mut Unfinished,
) -> Result<Option<Publisher>, Failure> {
    let Destination::S3 { location, .. } = &request.spec.destination else { return Ok(None) };
    let wanted = wanted_folder(request).map_err(|failure| failure.at(Stage::Publish))?;
    let earlier = request.unpublished.as_ref().map(|stream| stream.prefix.as_str());
    let place = match (unfinished.bucket_prefix(), wanted.when_taken) {
        (Some(prefix), _) => Place::GoOn { prefix },
        // The folder here may have a number that the place there has not.
        _ if location.replace_after.is_some() => Place::Exactly { path: &wanted.path, is_of_same_job: false },
        (None, WhenTaken::Number) => Place::New { stream_name: folder.name() },
        (None, when_taken) => Place::Exactly {
            path: &wanted.path,
            is_of_same_job: when_taken == WhenTaken::Replace || earlier == Some(&location.key_of(&wanted.path)),
        },
    };
    let publisher = Publisher::start(&request.runtime, location, folder.path(), place, &request.cancel)
        .map_err(|error| error.into_failure().at(Stage::Publish))?;
    unfinished.lies_in_bucket(publisher.prefix())?;
    Ok(Some(publisher))
}

/// Waits until all is up or can't be, and tells how far it is.
pub(super) fn wait(uploads: &Publisher, reporter: &Reporter<'_>) {
    uploads.seal();
    while !uploads.has_ended() {
        reporter.tell();
        std::thread::sleep(POLL_INTERVAL);
    }
    reporter.finished(Stage::Publish);
}

/// The report of a stream whose uploads have ended.
pub(super) fn finish(
    request: &JobRequest,
    mut publisher: Publisher,
    (folder, unfinished): (StreamFolder, Unfinished),
    mut report: Report,
) -> Result<Report, Failure> {
    match finish_publishing(&mut publisher, &folder) {
        Ok(published) => {
            publish::replace::remember(published.replaced.as_ref(), &request.replaced_folder);
            report.urls = published.urls;
            report.warnings.extend(published.warnings);
        }
        Err(failure) => {
            if request.cancel.is_suspended() {
                folder.keep();
            } else if request.cancel.is_cancelled() {
                publisher.withdraw();
            } else {
                // The finished stream is not lost because it could not be sent, nor is what was sent of it.
                unfinished.remove();
                folder.keep();
            }
            return Err(failure);
        }
    }
    unfinished.remove();
    if matches!(request.spec.destination, Destination::S3 { keep_local: true, .. }) {
        folder.keep();
    } else {
        report.folder = None;
        report.multivariant_playlist = None;
    }
    Ok(report)
}

/// Where a stream is that is up, or why it is not.
fn finish_publishing(publisher: &mut Publisher, folder: &StreamFolder) -> Result<PublishedLocation, Failure> {
    publisher.finish().map_err(|error| {
        let mut failure = error.into_failure().at(Stage::Publish);
        let kept = folder.path().display();
        failure.hint.push_str(&format!(
            "; the finished stream is kept in {kept}: retry the job or use “reelpress publish” to send the rest"
        ));
        failure
    })
}
