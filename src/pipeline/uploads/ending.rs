//! The end of a job's uploads, and what becomes of the local stream.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use super::{
    State, Upload, Uploads,
    place::{Wanted, begin_each},
};
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
    /// Begins what could not be begun before, and notes in `stream` where that goes. Nothing of it is sent yet. A store that
    /// is away is waited for; keys are not any more, as a job that waits for them makes room for others.
    pub(in crate::pipeline) fn begin_rest(&self, ending: &Ending<'_>, stream: &mut UnpublishedStream) -> Rest {
        self.each.iter().for_each(|upload| upload.ends_wait_for_keys());
        let is_to_come = |(_, upload): &(usize, &Arc<Upload>)| matches!(&*upload.state(), State::ToCome(_));
        let rest: Vec<(usize, &Arc<Upload>)> = self.each.iter().enumerate().filter(is_to_come).collect();
        if rest.is_empty() {
            return Rest::default();
        }
        let places: Vec<(&S3Location, Option<&PlaceInBucket>)> =
            rest.iter().map(|(_, upload)| (&upload.location, upload.earlier.as_ref())).collect();
        // What others have put into the folder meanwhile is not sent.
        let made: BTreeSet<String> = stream.report.files.iter().map(|file| file.path.clone()).collect();
        let files = published_files(ending.folder).map_err(PublishError::into_failure);
        let begun = files.and_then(|files| {
            let wanted = Wanted::each(ending.request, ending.folder, self.dropped.as_ref(), &places)?;
            let begun = begin_each(ending.request, &wanted);
            Ok((files, begun.into_iter().zip(wanted)))
        });
        let files = match begun {
            Ok((files, begun)) => {
                for ((_, upload), (begun, wanted)) in rest.iter().zip(begun) {
                    match begun {
                        Ok(publisher) => *upload.state() = State::Running(Box::new(publisher)),
                        Err(error) if error.is_passing() => {
                            upload.wait_for_store(ending.request, (wanted, error.into_failure()), None);
                        }
                        Err(error) => *upload.state() = State::Failed(None, error.into_failure()),
                    }
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

    /// Sends all files of the finished stream to where these uploads have begun, and to where they will.
    pub(in crate::pipeline) fn send_rest(&self, rest: &Rest) {
        for upload in rest.buckets.iter().filter_map(|index| self.each.get(*index)) {
            for path in &rest.files {
                upload.file_finished(&FinishedFile { path: path.clone(), content: FileContent::OnDisk });
            }
        }
    }

    /// Waits until each bucket has the whole stream or can't have it, and notes in `stream` which have it.
    pub(in crate::pipeline) fn finish(&self, ending: &Ending<'_>, stream: &mut UnpublishedStream) {
        self.each.iter().for_each(|upload| upload.seal());
        let mut noted = self.places();
        let mut warmed = BTreeSet::new();
        loop {
            // Of what was stopped nothing goes on.
            if !ending.request.cancel.is_cancelled() {
                (ending.tell)();
            }
            let places = self.places();
            if places != noted {
                stream.lies_in(places.clone());
                (ending.keep)(stream);
                noted = places;
            }
            self.go_on_at(&noted);
            let mut ended = |at| ended(at, (ending, self.are_several()), stream, &mut warmed);
            let ended: Vec<bool> = self.each.iter().enumerate().map(&mut ended).collect();
            if ended.iter().all(|ended| *ended) {
                return;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Why not all buckets have the stream; `None` when they have.
    pub(in crate::pipeline) fn failure(&self) -> Option<Failure> {
        let failure = |upload: &Arc<Upload>| match &*upload.state() {
            State::Failed(_, failure) if self.are_several() => Some(failure.clone().naming(&upload.location)),
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
        let published = |upload: &Arc<Upload>| match &*upload.state() {
            State::Published(stream, ..) => Some(stream.clone()),
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

impl Upload {
    /// Nothing more will be finished.
    fn seal(&self) {
        let mut state = self.state();
        match &mut *state {
            State::Running(publisher) => publisher.seal(),
            State::Waiting(contact) => contact.seal(),
            // The store has refused after what could be begun was.
            State::ToCome(reason) => {
                if let Some(failure) = reason.take() {
                    *state = State::Failed(None, failure);
                }
            }
            State::Published(..) | State::Failed(..) => {}
        }
    }
}

/// Adds what was noticed at this place to the warnings of a stream that goes to several: what was noticed at others too
/// stands there once, with all of their names.
fn add_warnings(warnings: &mut Vec<String>, place: &S3Location, noticed: Vec<String>) {
    for warning in noticed {
        let is_same = |other: &&mut String| {
            let places = other.strip_suffix(&warning).and_then(|places| places.strip_suffix(": "));
            places.is_some_and(|places| places.starts_with("s3://"))
        };
        match warnings.iter_mut().find(is_same) {
            Some(same) => {
                let places = same.len() - warning.len() - ": ".len();
                if !same[..places].split(", ").any(|other| other == place.to_string()) {
                    same.insert_str(places, &format!(", {place}"));
                }
            }
            None => warnings.push(format!("{place}: {warning}")),
        }
    }
}

/// True when the upload at this place in the list has ended; the first time, its end is noted. `warmed` are the URLs that
/// the CDN was asked for beforehand.
fn ended(
    (index, upload): (usize, &Arc<Upload>),
    (ending, are_several): (&Ending<'_>, bool),
    stream: &mut UnpublishedStream,
    warmed: &mut BTreeSet<String>,
) -> bool {
    let mut state = upload.state();
    let publisher = match &mut *state {
        State::Running(publisher) => publisher,
        State::Waiting(contact) => {
            let Some(failure) = contact.end().cloned() else { return false };
            *state = State::Failed(None, failure);
            return true;
        }
        _ => return true,
    };
    if !publisher.has_ended() {
        return false;
    }
    let result = publisher.finish_beside(warmed);
    let (place, status) = (publisher.place().clone(), publisher.status());
    match result {
        Ok(published) => {
            publish::replace::remember(published.replaced.as_ref(), &ending.request.replaced_folder);
            let whole = PublishedStream { destination: upload.location.to_string(), urls: published.urls };
            match are_several {
                true => add_warnings(&mut stream.report.warnings, &upload.location, published.warnings),
                false => stream.report.warnings.extend(published.warnings),
            }
            stream.published.insert(index, whole.clone());
            *state = State::Published(whole, Some(place), status);
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
        let goes_on_by_call = !request.is_queued;
        let way_out = match (goes_on_by_call, is_whole_here) {
            (true, true) if stays_here(request) => format!(
                "the finished stream is kept in {kept}: the same command, typed again, or “reelpress publish” sends the rest"
            ),
            (true, _) => {
                format!("the finished stream is kept in {kept}: the same command, typed again, sends the rest")
            }
            (false, true) => {
                format!(
                    "the finished stream is kept in {kept}: retry the job or use “reelpress publish” to send the rest"
                )
            }
            (false, false) => format!("what is not in all buckets is kept in {kept}: retry the job to send it"),
        };
        failure.hint.push_str(&format!("; {way_out}"));
        if request.cancel.is_suspended() {
            folder.keep();
        } else if request.cancel.is_cancelled() {
            uploads.withdraw(observer);
            if stays_here(request) {
                unfinished.remove();
                folder.keep();
            }
        } else {
            // The finished stream is not lost because it could not be sent, nor is what was sent of it.
            match goes_on_by_call {
                true => unfinished.remove_passing_files(),
                false => unfinished.remove(),
            }
            folder.keep();
        }
        return Err(failure);
    }
    let mut report = uploads.report(stream);
    if stays_here(request) {
        unfinished.remove();
        folder.keep();
    } else {
        // With the folder goes, as the last of it, what tells whose stream it is.
        drop(folder);
        drop(unfinished);
        report.folder = None;
        report.multivariant_playlist = None;
    }
    Ok(report)
}

/// Whether the job's stream goes to a folder too. There it is whole before it is in the buckets, and stays like in a bucket
/// that has it whole.
pub(in crate::pipeline) fn stays_here(request: &JobRequest) -> bool {
    matches!(request.spec.destination, Destination::S3 { keep_local: true, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_buckets_have_in_common_is_said_once_with_their_names() {
        let place = |text: &str| text.parse::<S3Location>().unwrap();
        let mut warnings = vec!["The sound is short".to_owned()];
        add_warnings(&mut warnings, &place("s3://one/films"), vec!["closed".to_owned(), "slow".to_owned()]);
        add_warnings(&mut warnings, &place("s3://two"), vec!["closed".to_owned()]);
        add_warnings(&mut warnings, &place("s3://two"), vec!["closed".to_owned()]);
        assert_eq!(warnings, ["The sound is short", "s3://one/films, s3://two: closed", "s3://one/films: slow"]);
    }
}
