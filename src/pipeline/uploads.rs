//! The uploads of a job, one for each of its buckets, none of which waits for another.

mod contact;
mod ending;
mod place;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contact::Contact;
pub(super) use ending::{Ending, end, stays_here};
use place::{Wanted, begin_each};

use super::{
    JobRequest, Notice, Observer,
    dropped::DroppedSegments,
    package::write_failure,
    publish::{FinishedFile, Leftover, PublishError, PublishStatus, Publisher},
    stream_folder::StreamFolder,
    unfinished::{Notes, Unfinished},
};
use crate::{
    failure::{Failure, FailureKind},
    job::{PlaceInBucket, PublishedStream, Report, S3Location, Stage, UnpublishedStream, UploadProgress},
};

/// The uploads of one job.
#[derive(Debug)]
pub(super) struct Uploads {
    each: Arc<Vec<Arc<Upload>>>,
    /// Segments that are dropped when all of them are there; `None` where all stay.
    dropped: Option<Arc<DroppedSegments>>,
}

/// The upload to one bucket.
#[derive(Debug)]
struct Upload {
    location: S3Location,
    /// Where an earlier run has put a part of the stream.
    earlier: Option<PlaceInBucket>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// At work.
    Running(Box<Publisher>),
    /// The store is away, and is asked until it answers.
    Waiting(Contact),
    /// Not begun; where the store was asked in vain, with why.
    ToCome(Option<Failure>),
    /// The whole stream is there: where, and how far it had come then.
    Published(PublishedStream, Option<PlaceInBucket>, PublishStatus),
    /// Ended early.
    Failed(Option<Box<Publisher>>, Failure),
}

impl Uploads {
    /// Takes the places of a job's stream in its buckets, if it goes to some, all at once. `goes_on` tells that an earlier
    /// run has put a part there. A store that is away or can take no requests is waited for while the encode goes on, and so
    /// are keys where the stream stays in a folder too; one that can't take the stream for another reason is asked again when
    /// that is finished, as long as another one takes it or it stays in a folder too.
    ///
    /// # Errors
    /// When no store takes a stream that goes to stores alone, or the job can't have its place in one.
    pub(super) fn start(
        request: &JobRequest,
        folder: &StreamFolder,
        (unfinished, goes_on): (&mut Unfinished, bool),
        notes: Notes<'_>,
    ) -> Result<Option<Self>, Failure> {
        let locations: Vec<&S3Location> = request.spec.destination.buckets().collect();
        if locations.is_empty() {
            return Ok(None);
        }
        let earlier: Vec<Option<PlaceInBucket>> =
            (0..locations.len()).map(|index| unfinished.place_in(index)).collect();
        let places: Vec<(&S3Location, Option<&PlaceInBucket>)> =
            locations.iter().copied().zip(earlier.iter().map(Option::as_ref)).collect();
        let dropped = unfinished.dropped().cloned();
        let wanted = Wanted::each(request, folder.path(), dropped.as_ref(), &places)?;
        let begun = begin_each(request, &wanted);
        // A stream that goes to stores alone is not begun for keys that may never come.
        let waits = |error: &PublishError| error.is_passing() || (stays_here(request) && error.can_come());
        let can_begin = stays_here(request) || begun.iter().any(|begun| begun.as_ref().err().is_none_or(waits));
        let refusal = begun.iter().filter_map(|begun| begun.as_ref().err()).filter(|error| !waits(error));
        let refusal = refusal.filter(|error| !can_begin || !error.is_of_place()).map(PublishError::clone).next();
        if let Some(error) = refusal {
            // What an earlier run has put there stays for the next one.
            let publishers = begun.into_iter().flatten().filter(|_| !goes_on).collect();
            // What stays is a note at most: nothing was sent.
            drop(withdraw_all(publishers));
            return Err(error.into_failure().at(Stage::Publish));
        }
        let mut away = Vec::new();
        let mut each = Vec::new();
        for (index, ((location, earlier), (begun, wanted))) in
            locations.into_iter().zip(earlier).zip(begun.into_iter().zip(wanted)).enumerate()
        {
            let state = match begun {
                Ok(publisher) => State::Running(Box::new(publisher)),
                Err(error) => {
                    let is_away = waits(&error);
                    let reason = error.into_failure();
                    away.extend(is_away.then(|| (index, (wanted, reason.clone()))));
                    State::ToCome(Some(reason))
                }
            };
            each.push(Arc::new(Upload::new(location, earlier, state)));
        }
        let uploads = Self { each: Arc::new(each), dropped };
        unfinished.lies_in_buckets(uploads.places(), notes)?;
        for (index, contact) in away {
            let noted = (Arc::downgrade(&uploads.each), unfinished.noted().clone());
            uploads.each[index].wait_for_store(request, contact, Some(noted));
        }
        Ok(Some(uploads))
    }

    /// Those of a stream that an earlier run has finished in `folder`; what is whole already is left as it is.
    ///
    /// # Errors
    /// When it can't be known what of it was dropped.
    pub(super) fn again(request: &JobRequest, stream: &UnpublishedStream, folder: &Path) -> Result<Self, Failure> {
        let dropped =
            DroppedSegments::of(folder, false).map_err(|error| write_failure(folder, &error).at(Stage::Publish))?;
        let state = |index: usize| match stream.published.get(&index) {
            Some(published) => State::Published(published.clone(), stream.place_in(index), PublishStatus::default()),
            None => State::ToCome(None),
        };
        let locations = request.spec.destination.buckets().enumerate();
        let upload = |(index, location)| Arc::new(Upload::new(location, stream.place_in(index), state(index)));
        Ok(Self { each: Arc::new(locations.map(upload).collect()), dropped })
    }

    /// Segments that are dropped when all buckets have them; `None` where all stay.
    pub(super) fn dropped(&self) -> Option<&Arc<DroppedSegments>> {
        self.dropped.as_ref()
    }

    /// Takes a file that will go up in its turn to each bucket. Never waits.
    pub(super) fn file_finished(&self, file: &FinishedFile) {
        for upload in self.each.iter() {
            upload.file_finished(file);
        }
    }

    /// How far all of them have come: files that are in each bucket, bytes of all together.
    pub(super) fn status(&self) -> PublishStatus {
        let mut all: Option<PublishStatus> = None;
        let (mut interruption, mut failure) = (None, None);
        for upload in self.each.iter() {
            let (status, is_under_way) = match &*upload.state() {
                State::Running(publisher) => (publisher.status(), true),
                State::Published(_, _, status) => (status.clone(), status.finished_files > 0),
                State::Waiting(contact) => {
                    (PublishStatus { interruption: contact.reason(), ..Default::default() }, false)
                }
                State::ToCome(Some(reason)) if reason.kind != FailureKind::NetworkLost => {
                    (PublishStatus { failure: Some(reason.clone()), ..Default::default() }, false)
                }
                State::ToCome(reason) => (PublishStatus { interruption: reason.clone(), ..Default::default() }, false),
                State::Failed(_, reason) => {
                    (PublishStatus { failure: Some(reason.clone()), ..Default::default() }, false)
                }
            };
            interruption = interruption.or(status.interruption.clone());
            failure = failure.or(status.failure.clone());
            if is_under_way {
                all = Some(all.map_or(status.clone(), |all| joined(&all, &status)));
            }
        }
        PublishStatus { interruption, failure, ..all.unwrap_or_default() }
    }

    /// Whether the stream goes to more than one bucket.
    pub(super) fn are_several(&self) -> bool {
        self.each.len() > 1
    }

    /// How far each has come; empty when there is only one and nothing is wrong with it for good.
    pub(super) fn progress(&self) -> Vec<UploadProgress> {
        let all: Vec<UploadProgress> = self.each.iter().map(|upload| upload.progress()).collect();
        if self.are_several() || self.status().failure.is_some() { all } else { Vec::new() }
    }

    /// A stream that is finished here and that these uploads bring to its buckets.
    pub(super) fn unpublished(&self, report: &Report) -> UnpublishedStream {
        let mut stream = UnpublishedStream::of(report.clone());
        stream.lies_in(self.places());
        stream
    }

    /// Where the stream lies, or a part of it, in the order of the buckets; `None` where it has no place yet.
    pub(super) fn places(&self) -> Vec<Option<PlaceInBucket>> {
        self.each.iter().map(|upload| upload.place()).collect()
    }

    /// Deletes what is in the buckets of a stream that will not be whole; where it is, viewers may be at it. What stays is
    /// told.
    pub(super) fn withdraw(self, observer: &dyn Observer) {
        let publisher = |upload: &Arc<Upload>| match std::mem::replace(&mut *upload.state(), State::ToCome(None)) {
            State::Running(publisher) | State::Failed(Some(publisher), _) => Some(*publisher),
            State::Waiting(contact) => contact.into_begun().map(|publisher| *publisher),
            State::ToCome(_) | State::Published(..) | State::Failed(None, _) => None,
        };
        for leftover in withdraw_all(self.each.iter().filter_map(publisher).collect()) {
            observer.notice(Notice::Left(leftover.into_failure()));
        }
    }
}

impl Upload {
    fn new(location: &S3Location, earlier: Option<PlaceInBucket>, state: State) -> Self {
        Self { location: location.clone(), earlier, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a file that will go up in its turn. Never waits.
    fn file_finished(&self, file: &FinishedFile) {
        match &mut *self.state() {
            State::Running(publisher) => publisher.file_finished(file.clone()),
            State::Waiting(contact) => contact.file_finished(file),
            _ => {}
        }
    }

    /// Where the stream lies there, or a part of it.
    fn place(&self) -> Option<PlaceInBucket> {
        match &*self.state() {
            State::Running(publisher) | State::Failed(Some(publisher), _) => Some(publisher.place().clone()),
            State::Waiting(contact) => contact.place().or(self.earlier.as_ref()).cloned(),
            State::Published(_, place, _) => place.clone(),
            _ => self.earlier.clone(),
        }
    }

    fn progress(&self) -> UploadProgress {
        let (published_files, trouble, is_whole) = match &*self.state() {
            State::Running(publisher) => {
                let status = publisher.status();
                (status.published_files, status.failure.or(status.interruption), false)
            }
            State::Waiting(contact) => (0, contact.reason(), false),
            State::ToCome(reason) => (0, reason.clone(), false),
            State::Published(_, _, status) => (status.published_files, None, true),
            State::Failed(publisher, reason) => {
                let files = publisher.as_ref().map_or(0, |publisher| publisher.status().published_files);
                (files, Some(reason.clone()), false)
            }
        };
        let trouble = trouble.map(|reason| reason.headline);
        UploadProgress { destination: self.location.to_string(), published_files, trouble, is_whole }
    }
}

/// Two uploads of the same files as one.
fn joined(one: &PublishStatus, other: &PublishStatus) -> PublishStatus {
    let rates: Vec<f64> = one.bytes_per_second.into_iter().chain(other.bytes_per_second).collect();
    PublishStatus {
        published_files: one.published_files.min(other.published_files),
        finished_files: one.finished_files.max(other.finished_files),
        published_bytes: one.published_bytes + other.published_bytes,
        queued_bytes: one.queued_bytes + other.queued_bytes,
        bytes_per_second: (!rates.is_empty()).then(|| rates.iter().sum()),
        interruption: None,
        failure: None,
    }
}

/// Gives what stays.
fn withdraw_all(publishers: Vec<Publisher>) -> Vec<Leftover> {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            publishers.into_iter().map(|publisher| scope.spawn(|| publisher.withdraw().err())).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    })
}
