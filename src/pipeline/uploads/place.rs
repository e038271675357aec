//! Where in each bucket the stream of a job goes.

use std::path::Path;

use crate::{
    failure::Failure,
    job::{S3Location, Stage, WantedFolder, WhenTaken},
    pipeline::{
        JobRequest,
        publish::{Place, PublishError, Publisher},
        stream_folder::wanted_folder,
    },
};

/// Begins the upload from `folder`, whose stream has this name, to each of these places, at the same time. Beside a place
/// stands the key where an earlier run has put a part. Takes as long as the slowest store, 15 seconds at most.
///
/// # Errors
/// When the job's template gives no folder.
pub(super) fn begin_each(
    request: &JobRequest,
    (folder, name): (&Path, &str),
    places: &[(&S3Location, Option<&str>)],
) -> Result<Vec<Result<Publisher, PublishError>>, Failure> {
    let wanted = wanted_folder(request).map_err(|failure| failure.at(Stage::Publish))?;
    let begin = |(index, (location, prefix)): (usize, &(&S3Location, Option<&str>))| {
        let place = match prefix {
            Some(prefix) => Place::GoOn { prefix },
            None => {
                let earlier = request.unpublished.as_ref().and_then(|stream| stream.prefix_in(index));
                place(&wanted, name, (location, earlier))
            }
        };
        Publisher::start(&request.runtime, location, folder, place, &request.cancel)
    };
    Ok(std::thread::scope(|scope| {
        let begin = &begin;
        let threads: Vec<_> = places.iter().enumerate().map(|place| scope.spawn(move || begin(place))).collect();
        let crashed = |_| Err(PublishError::Internal { detail: "the first contact has crashed".to_owned() });
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(crashed)).collect()
    }))
}

/// `earlier` is the key where an earlier try of the job had its stream.
fn place<'a>(wanted: &'a WantedFolder, name: &'a str, (location, earlier): (&S3Location, Option<&str>)) -> Place<'a> {
    match wanted.when_taken {
        // The folder here may have a number that the place there has not.
        _ if location.replace_after.is_some() => Place::Exactly { path: &wanted.path, is_of_same_job: false },
        WhenTaken::Number => Place::New { stream_name: name },
        when_taken => Place::Exactly {
            path: &wanted.path,
            is_of_same_job: when_taken == WhenTaken::Replace || earlier == Some(&location.key_of(&wanted.path)),
        },
    }
}
