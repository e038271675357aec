//! Giving up what interrupted calls have left of a stream, without making it.

use std::path::PathBuf;

use tokio::runtime::Handle;

use super::{Beginning, State, candidates, lock};
use crate::{
    failure::{Failure, FailureKind},
    job::{JobId, JobSpec},
    pipeline::{
        publish::{Leftover, withdraw_earlier},
        stream_folder::remove_interrupted_folder,
    },
};

/// What was given up of a stream.
#[derive(Debug, Default)]
pub struct Discarded {
    /// The folders that are gone, with what was published from them.
    pub folders: Vec<PathBuf>,
    /// What stays, here or in a bucket, with what to do about it.
    pub stays: Vec<Failure>,
}

/// Removes what interrupted calls for this stream's sources and places have left, here and in its buckets, with whatever
/// preset they were. The source need not be there any more. Must not be called on a thread of the runtime.
pub fn discard(runtime: &Handle, spec: &JobSpec) -> Discarded {
    let mut discarded = Discarded::default();
    for folder in candidates((spec, JobId::generate()), &Beginning::Fresh) {
        let Some(earlier) = State::read(&folder).filter(|earlier| earlier.is_of_call_for(spec)) else { continue };
        if lock(&folder).is_none() {
            let headline = format!("A stream is being made in {} at this moment", folder.display());
            let hint = "End that run first, then give the same command again";
            discarded.stays.push(Failure::new(FailureKind::InvalidRequest, headline, hint));
            continue;
        }
        let places =
            spec.destination.buckets().enumerate().map(|(index, location)| (location, earlier.place_in(index)));
        let withdrawn = places.filter_map(|(location, place)| withdraw_earlier(runtime, location, &place?).err());
        let left: Vec<Leftover> = withdrawn.collect();
        if left.is_empty() {
            let id = earlier.job.unwrap_or_else(JobId::generate);
            remove_interrupted_folder((spec, id), &folder);
            discarded.folders.push(folder);
        }
        // The folder tells where that is, so that it is found again.
        let again = "Give the same command again when the store answers";
        discarded.stays.extend(left.into_iter().map(|left| Failure { hint: again.to_owned(), ..left.into_failure() }));
    }
    discarded
}
