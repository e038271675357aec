//! Where in each bucket the stream of a job goes.

use std::{path::Path, sync::Arc};

use crate::{
    failure::Failure,
    job::{PlaceInBucket, S3Location, Stage, WantedFolder, WhenTaken},
    pipeline::{
        JobRequest,
        dropped::DroppedSegments,
        publish::{LocalStream, Place, PublishError, Publisher},
        stream_folder::wanted_folder,
    },
};

/// Begins the upload from `folder`, whose stream has this name, to each of these places, at the same time. Beside a place
/// stands where an earlier run has put a part. `dropped` are segments that need not stay when all have them. Takes as
/// long as the slowest store, 15 seconds at most.
///
/// # Errors
/// When the job's template gives no folder.
pub(super) fn begin_each(
    request: &JobRequest,
    (folder, name): (&Path, &str),
    dropped: Option<&Arc<DroppedSegments>>,
    places: &[(&S3Location, Option<&PlaceInBucket>)],
) -> Result<Vec<Result<Publisher, PublishError>>, Failure> {
    let wanted = wanted_folder(request).map_err(|failure| failure.at(Stage::Publish))?;
    let buckets: Vec<&S3Location> = request.spec.destination.buckets().collect();
    let begin = |(index, (location, earlier)): (usize, &(&S3Location, Option<&PlaceInBucket>))| {
        let earlier_try = request.unpublished.as_ref().and_then(|stream| stream.place_in(index));
        let place = match *earlier {
            // Under the key of what was to replace another stream lies that one.
            Some(earlier) if earlier.revision.is_none() || location.replace_after.is_some() => Place::GoOn(earlier),
            _ => place(&wanted, name, (location, earlier_try.as_ref())),
        };
        // What is begun later goes by its place in the job's list too.
        let bucket = buckets.iter().position(|bucket| *bucket == *location).unwrap_or(index);
        let local = LocalStream::dropping(folder, dropped, (bucket, buckets.len()));
        Publisher::start(&request.runtime, location, local, place, &request.cancel)
    };
    Ok(std::thread::scope(|scope| {
        let begin = &begin;
        let threads: Vec<_> = places.iter().enumerate().map(|place| scope.spawn(move || begin(place))).collect();
        let crashed = |_| Err(PublishError::Internal { detail: "the first contact has crashed".to_owned() });
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(crashed)).collect()
    }))
}

/// `earlier` is where an earlier try of the job had its stream.
fn place<'a>(
    wanted: &'a WantedFolder,
    name: &'a str,
    (location, earlier): (&S3Location, Option<&PlaceInBucket>),
) -> Place<'a> {
    match wanted.when_taken {
        // The folder here may have a number that the place there has not.
        _ if location.replace_after.is_some() => Place::Exactly { path: &wanted.path, is_of_same_job: false },
        WhenTaken::Number => Place::New { stream_name: name },
        when_taken => Place::Exactly {
            path: &wanted.path,
            is_of_same_job: when_taken == WhenTaken::Replace
                || earlier.is_some_and(|earlier| {
                    earlier.revision.is_none() && earlier.prefix == location.key_of(&wanted.path)
                }),
        },
    }
}
