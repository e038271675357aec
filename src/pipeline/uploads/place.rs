//! Where in each bucket the stream of a job goes.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    failure::Failure,
    job::{JobId, PlaceInBucket, S3Location, Stage, WantedFolder, WhenTaken},
    pipeline::{
        JobRequest,
        dropped::DroppedSegments,
        publish::{FirstContact, LocalStream, Place, PublishError, Publisher},
        stream_folder::wanted_folder,
        unfinished::begun_by,
    },
    tools::cancel::CancelToken,
};

/// The upload of a stream to one place, before it has begun.
#[derive(Debug)]
pub(super) struct Wanted {
    location: S3Location,
    folder: PathBuf,
    place: WantedFolder,
    /// Where an earlier run has put a part.
    earlier: Option<PlaceInBucket>,
    /// Where an earlier try of the job had its stream.
    earlier_try: Option<PlaceInBucket>,
    dropped: Option<Arc<DroppedSegments>>,
    /// Place in the job's list, and the length of that.
    bucket: (usize, usize),
    /// The job that has begun the stream.
    begun_by: JobId,
    cancel: CancelToken,
}

impl Wanted {
    /// The uploads from `folder` to each of these places. Beside a place stands where an earlier run has put a part.
    /// `dropped` are segments that need not stay when all have them.
    ///
    /// # Errors
    /// When the job's template gives no folder.
    pub(super) fn each(
        request: &JobRequest,
        folder: &Path,
        dropped: Option<&Arc<DroppedSegments>>,
        places: &[(&S3Location, Option<&PlaceInBucket>)],
    ) -> Result<Vec<Self>, Failure> {
        let place = wanted_folder(request).map_err(|failure| failure.at(Stage::Publish))?;
        let begun_by = begun_by(folder).unwrap_or(request.id);
        let buckets: Vec<&S3Location> = request.spec.destination.buckets().collect();
        let wanted = |(index, (location, earlier)): (usize, &(&S3Location, Option<&PlaceInBucket>))| {
            // What is begun later goes by its place in the job's list too.
            let index = buckets.iter().position(|bucket| bucket == location).unwrap_or(index);
            Self {
                location: (*location).clone(),
                folder: folder.to_owned(),
                place: place.clone(),
                earlier: earlier.cloned(),
                earlier_try: request.unpublished.as_ref().and_then(|stream| stream.place_in(index)),
                dropped: dropped.cloned(),
                bucket: (index, buckets.len()),
                begun_by,
                cancel: request.cancel.clone(),
            }
        };
        Ok(places.iter().enumerate().map(wanted).collect())
    }

    /// Begins it.
    pub(super) async fn begin(&self, contact: FirstContact<'_>) -> Result<Publisher, PublishError> {
        let place = match &self.earlier {
            // Under the key of what was to replace another stream lies that one.
            Some(earlier) if earlier.revision.is_none() || self.location.replace_after.is_some() => {
                Place::GoOn(earlier)
            }
            _ => self.place(),
        };
        let local = LocalStream::dropping(&self.folder, self.dropped.as_ref(), self.bucket, self.begun_by);
        Publisher::begin(&self.location, local, place, &self.cancel, contact).await
    }

    fn place(&self) -> Place<'_> {
        let (wanted, location) = (&self.place, &self.location);
        match wanted.when_taken {
            _ if location.replace_after.is_some() => Place::Exactly { path: &wanted.path, is_of_same_job: false },
            // The folder here may have a number that the place there needs not, and the other way round.
            WhenTaken::Number => Place::New { stream_name: &wanted.path },
            when_taken => Place::Exactly {
                path: &wanted.path,
                is_of_same_job: when_taken == WhenTaken::Replace
                    || self.earlier_try.as_ref().is_some_and(|earlier| {
                        earlier.revision.is_none() && earlier.prefix == location.key_of(&wanted.path)
                    }),
            },
        }
    }
}

/// Begins all of these at the same time, which takes as long as the slowest store, 15 seconds at most.
pub(super) fn begin_each(request: &JobRequest, wanted: &[Wanted]) -> Vec<Result<Publisher, PublishError>> {
    std::thread::scope(|scope| {
        let begin = |wanted: &Wanted| request.runtime.block_on(wanted.begin(FirstContact::Once));
        let threads: Vec<_> = wanted.iter().map(|wanted| scope.spawn(move || begin(wanted))).collect();
        let crashed = |_| Err(PublishError::Internal { detail: "the first contact has crashed".to_owned() });
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(crashed)).collect()
    })
}
