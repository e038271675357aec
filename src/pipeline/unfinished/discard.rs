//! Giving up what interrupted calls have left of a stream, without making it.

use std::path::{Path, PathBuf};

use tokio::runtime::Handle;

use super::{Beginning, State, candidates, kept_elsewhere, lock, remove_state};
use crate::{
    failure::{Failure, FailureKind},
    job::{Destination, JobId, JobSpec, PlaceInBucket, S3Location},
    pipeline::{
        publish::{Leftover, withdraw_earlier, withdraw_unless_whole},
        stream_folder::remove_interrupted_folder,
    },
    tools::cancel::CancelToken,
};

const AGAIN: &str = "Give the same command again when the store answers";
const AGAIN_AT_ONCE: &str = "Give the same command again to go on";

/// What was given up of one stream.
#[derive(Debug)]
pub struct Discarded {
    /// What became of its folder on this machine.
    pub folder: DiscardedFolder,
    /// Places in buckets from which it was removed, as `s3://bucket/key`.
    pub buckets: Vec<String>,
    /// Places in buckets that have the whole stream, which stays there, as `s3://bucket/key`.
    pub whole: Vec<String>,
    /// What stays although it was to be removed, here or in a bucket, with what to do about it.
    pub stays: Vec<Failure>,
}

/// What became of the folder of a stream that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiscardedFolder {
    /// It is gone.
    Removed(PathBuf),
    /// The stream in it is finished and lies where the user has kept it: it stays, and nobody goes on to publish it.
    Kept(PathBuf),
    /// It stays, so that the same call finds again what could not be removed.
    Stays(PathBuf),
}

/// Removes what interrupted calls for this stream's sources and places have left, here and in its buckets, with whatever
/// preset they were. The source need not be there any more. A stream that is finished in a folder that keeps it stays there,
/// and so does one that a bucket has as a whole, as when the call is cancelled.
/// Where `spec` keeps no local stream, those that earlier calls have kept elsewhere are found by `kept`, the folder with the
/// notes of these. `cancel` ends it within a moment; the same call finds the rest again. Must not be called on a thread of
/// the runtime.
pub fn discard(runtime: &Handle, spec: &JobSpec, kept: &Path, cancel: &CancelToken) -> Vec<Discarded> {
    let mut specs = vec![spec.clone()];
    if let Destination::S3 { keep_local: false, .. } = spec.destination {
        specs.extend(kept_elsewhere::folders(kept).into_iter().filter_map(|folder| kept_in(spec, folder)));
    }
    specs.iter().flat_map(|spec| discard_there(runtime, spec, cancel)).collect()
}

/// The same stream, kept in this folder.
fn kept_in(spec: &JobSpec, folder: PathBuf) -> Option<JobSpec> {
    let mut spec = spec.clone();
    let Destination::S3 { local_folder, keep_local, .. } = &mut spec.destination else { return None };
    (*local_folder, *keep_local) = (folder, true);
    Some(spec)
}

/// Removes what lies in the folder of the destination, and what was published from there.
fn discard_there(runtime: &Handle, spec: &JobSpec, cancel: &CancelToken) -> Vec<Discarded> {
    let mut discarded = Vec::new();
    for folder in candidates((spec, JobId::generate()), &Beginning::Fresh) {
        let Some(earlier) = State::read(&folder).filter(|earlier| earlier.is_of_call_for(spec)) else { continue };
        // Held until its folder is gone.
        let Some(_lock) = lock(&folder) else {
            let headline = format!("A stream is being made in {} at this moment", folder.display());
            let hint = "End that run first, then give the same command again";
            let stays = vec![Failure::new(FailureKind::InvalidRequest, headline, hint)];
            let folder = DiscardedFolder::Stays(folder);
            discarded.push(Discarded { folder, buckets: Vec::new(), whole: Vec::new(), stays });
            continue;
        };
        discarded.push(discard_one((runtime, cancel), spec, (folder, &earlier)));
    }
    discarded
}

fn discard_one(
    (runtime, cancel): (&Handle, &CancelToken),
    spec: &JobSpec,
    (folder, earlier): (PathBuf, &State),
) -> Discarded {
    let of_bucket = |(index, location)| Some((location, earlier.place_in(index)?));
    let places: Vec<(&S3Location, PlaceInBucket)> =
        spec.destination.buckets().enumerate().filter_map(of_bucket).collect();
    let (mut buckets, mut whole, mut stays) = (Vec::new(), Vec::new(), Vec::new());
    for (location, place) in &places {
        let withdrawn = match earlier.is_encoded || earlier.is_finished_here {
            true => withdraw_unless_whole(runtime, (location, place), &folder, cancel),
            false => withdraw_earlier(runtime, location, place, cancel).map(|()| false),
        };
        match withdrawn {
            Ok(true) => whole.push(place.address(location)),
            Ok(false) => buckets.push(place.address(location)),
            Err(left) => stays.push(left),
        }
    }
    let hint = if cancel.is_cancelled() { AGAIN_AT_ONCE } else { AGAIN };
    let told = |left: Leftover| Failure { hint: hint.to_owned(), ..left.into_failure() };
    let mut stays: Vec<Failure> = stays.into_iter().map(told).collect();
    if stays.is_empty() && cancel.is_cancelled() {
        let headline = format!("The unfinished stream in {} stays", folder.display());
        stays.push(Failure::new(FailureKind::InvalidRequest, headline, AGAIN_AT_ONCE));
    }
    let folder = if !stays.is_empty() {
        // It tells where that is, so that it is found again.
        DiscardedFolder::Stays(folder)
    } else if earlier.is_finished_here {
        remove_state(&folder);
        DiscardedFolder::Kept(folder)
    } else {
        remove_interrupted_folder((spec, earlier.job.unwrap_or_else(JobId::generate)), &folder);
        DiscardedFolder::Removed(folder)
    };
    Discarded { folder, buckets, whole, stays }
}
