//! The end of a job's uploads, and what becomes of the local stream.

use std::{collections::BTreeSet, path::Path, time::Duration};

use super::{State, Upload, Uploads, place::begin_each};
use crate::{
    failure::{Failure, FailureKind},
    job::{Destination, PlaceInBucket, PublishedStream, Report, S3Location, Stage, UnpublishedStream},
    pipeline::{
        JobRequest, Observer,
        publish::{self, FileContent, FinishedFile, PublishError, published_files},
        stream_folder::StreamFolder,
        unfinished::Unfinished,
    },
};

/// How often the end of an upload is looked for, and told of.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What the end of the uploads needs.
pub(in crate::pipeline) struct Ending<'a> {
    pub(in crate::pipeline) request: &'a JobRequest,
    /// The finished stream.
    pub(in crate::pipeline) folder: &'a Path,
    /// Tells how far it is; called ten times a second.
    pub(in crate::pipeline) tell: &'a dyn Fn(),
    /// Keeps what has come of each bucket, so that a later run leaves out what is whole.
    pub(in crate::pipeline) keep: &'a dyn Fn(&UnpublishedStream),
}

/// Uploads that were begun when the stream was finished.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Rest {
    /// Their places in the list of buckets.
    buckets: Vec<usize>,
    /// Paths of all files of the stream, in the order in which they are to go up.
    files: Vec<String>,
}

impl Uploads {
    /// Begins what could not be begun before, and notes in `stream` where that goes. Nothing of it is sent yet.
    pub(in crate::pipeline) fn begin_rest(&self, ending: &Ending<'_>, stream: &mut UnpublishedStream) -> Rest {
        let is_to_come = |(_, upload): &(usize, &Upload)| matches!(&*upload.state(), State::ToCome(_));
        let rest: Vec<(usize, &Upload)> = self.each.iter().enumerate().filter(is_to_come).collect();
        if rest.is_empty() {
            return Rest::default();
        }
        let places: Vec<(&S3Location, Option<&PlaceInBucket>)> =
            rest.iter().map(|(_, upload)| (&upload.location, upload.earlier.as_ref())).collect();
        let name = ending.folder.file_name().unwrap_or_default().to_string_lossy();
        // What others have put into the folder meanwhile is not sent.
        let made: BTreeSet<String> = stream.report.files.iter().map(|file| file.path.clone()).collect();
        let files = published_files(ending.folder).map_err(PublishError::into_failure);
        let begun = files.and_then(|files| {
            let begun = begin_each(ending.request, (ending.folder, &name), self.dropped.as_ref(), &places)?;
            Ok((files, begun))
        });
        let files = match begun {
            Ok((files, begun)) => {
                for ((_, upload), begun) in rest.iter().zip(begun) {
                    *upload.state() = match begun {
                        Ok(publisher) => State::Running(Box::new(publisher)),
                        Err(error) => State::Failed(None, error.into_failure()),
                    };
                }
                files.into_keys().map(|(_, path)| path).filter(|path| made.contains(path)).collect()
            }
            Err(failure) => {
                rest.iter().for_each(|(_, upload)| *upload.state() = State::Failed(None, failure.clone()));
                Vec::new()
            }
        };
        stream.lies_in(self.places());
        Rest { buckets: rest.iter().map(|(index, _)| *index).collect(), files }
    }

    /// Sends all files of the finished stream to where these uploads have begun.
    pub(in crate::pipeline) fn send_rest(&self, rest: &Rest) {
        for upload in rest.buckets.iter().filter_map(|index| self.each.get(*index)) {
            if let State::Running(publisher) = &*upload.state() {
                for path in &rest.files {
                    publisher.file_finished(FinishedFile { path: path.clone(), content: FileContent::OnDisk });
                }
            }
        }
    }

    /// Waits until each bucket has the whole stream or can't have it, and notes in `stream` which have it.
    pub(in crate::pipeline) fn finish(&self, ending: &Ending<'_>, stream: &mut UnpublishedStream) {
        for upload in &self.each {
            if let State::Running(publisher) = &*upload.state() {
                publisher.seal();
            }
        }
        loop {
            (ending.tell)();
            let ended: Vec<bool> = self.each.iter().enumerate().map(|at| ended(at, ending, stream)).collect();
            if ended.iter().all(|ended| *ended) {
                return;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Why not all buckets have the stream; `None` when they have.
    pub(in crate::pipeline) fn failure(&self) -> Option<Failure> {
        let failure = |upload: &Upload| match &*upload.state() {
            State::Failed(_, failure) => Some(failure.clone()),
            _ => None,
        };
        let mut failures: Vec<Failure> = self.each.iter().filter_map(failure).collect();
        // One whose cause may pass by itself makes the job try again.
        failures.sort_by_key(|failure| failure.kind != FailureKind::NetworkLost);
        let mut failures = failures.into_iter();
        let mut first = failures.next()?.at(Stage::Publish);
        for other in failures {
            first.detail = format!("{}\n\n{}\n{}", first.detail, other.headline, other.detail);
        }
        let whole: Vec<String> = self.published().iter().filter_map(|stream| stream.urls.first().cloned()).collect();
        if !whole.is_empty() {
            first.hint.push_str(&format!("; it is published already at {}", whole.join(" and ")));
        }
        Some(first)
    }

    fn published(&self) -> Vec<PublishedStream> {
        let published = |upload: &Upload| match &*upload.state() {
            State::Published(stream, _) => Some(stream.clone()),
            _ => None,
        };
        self.each.iter().filter_map(published).collect()
    }

    /// The report of a stream that all buckets have.
    pub(in crate::pipeline) fn report(&self, stream: &UnpublishedStream) -> Report {
        let published = self.published();
        let urls = published.first().map(|stream| stream.urls.clone()).unwrap_or_default();
        Report { urls, published, ..stream.report.clone() }
    }
}

/// True when the upload at this place in the list has ended; the first time, its end is noted.
fn ended((index, upload): (usize, &Upload), ending: &Ending<'_>, stream: &mut UnpublishedStream) -> bool {
    let mut state = upload.state();
    let State::Running(publisher) = &mut *state else { return true };
    if !publisher.has_ended() {
        return false;
    }
    let result = publisher.finish();
    let status = publisher.status();
    match result {
        Ok(published) => {
            publish::replace::remember(published.replaced.as_ref(), &ending.request.replaced_folder);
            let whole = PublishedStream { destination: upload.location.to_string(), urls: published.urls };
            stream.report.warnings.extend(published.warnings);
            stream.published.insert(index, whole.clone());
            *state = State::Published(whole, status);
            (ending.keep)(stream);
        }
        Err(error) => {
            let failure = error.into_failure();
            if let State::Running(publisher) = std::mem::replace(&mut *state, State::ToCome(None)) {
                *state = State::Failed(Some(publisher), failure);
            }
        }
    }
    true
}

/// The report of a stream whose uploads have ended.
pub(in crate::pipeline) fn end(
    (request, observer): (&JobRequest, &dyn Observer),
    uploads: Uploads,
    (folder, unfinished): (StreamFolder, Unfinished),
    stream: &UnpublishedStream,
) -> Result<Report, Failure> {
    if let Some(mut failure) = uploads.failure() {
        if uploads.dropped().is_some_and(|dropped| dropped.has_lost()) {
            // From here it can't be completed any more: the folder goes too.
            uploads.withdraw(observer);
            return Err(failure);
        }
        let kept = folder.path().display();
        let is_whole_here = uploads.dropped().is_none_or(|dropped| dropped.all().is_empty());
        let way_out = if is_whole_here {
            format!("the finished stream is kept in {kept}: retry the job or use “reelpress publish” to send the rest")
        } else {
            format!("what is not in all buckets is kept in {kept}: retry the job to send it")
        };
        failure.hint.push_str(&format!("; {way_out}"));
        if request.cancel.is_suspended() {
            folder.keep();
        } else if request.cancel.is_cancelled() {
            uploads.withdraw(observer);
        } else {
            // The finished stream is not lost because it could not be sent, nor is what was sent of it.
            unfinished.remove();
            folder.keep();
        }
        return Err(failure);
    }
    let mut report = uploads.report(stream);
    unfinished.remove();
    if matches!(request.spec.destination, Destination::S3 { keep_local: true, .. }) {
        folder.keep();
    } else {
        report.folder = None;
        report.multivariant_playlist = None;
    }
    Ok(report)
}
