//! Taking away what the runs of a job have left, here and in its buckets.

use std::path::Path;

use tokio::runtime::Handle;

use super::State;
use crate::{
    failure::Failure,
    job::{JobId, JobSpec, UnpublishedStream},
    pipeline::{
        JobRequest,
        publish::{Leftover, withdraw_earlier},
        stream_folder::remove_interrupted_folder,
    },
};

/// Takes what can't be gone on with out of the buckets too.
pub(super) fn withdraw(request: &JobRequest, earlier: &State) {
    for (index, location) in request.spec.destination.buckets().enumerate() {
        let Some(place) = earlier.place_in(index) else { continue };
        // What stays is in the log: the job begins again beside it.
        let _ = withdraw_earlier(&request.runtime, location, &place);
    }
}

/// What the runs of a job that will not go on have left.
#[derive(Debug, Clone, Copy, Default)]
pub struct Remains<'a> {
    /// The folder of a stream in the making.
    pub folder: Option<&'a Path>,
    /// A stream that is finished on this machine and not whole in all of its buckets.
    pub unpublished: Option<&'a UnpublishedStream>,
    /// The finished stream is kept here, so that it can be sent to the places that it has in its buckets.
    pub is_kept: bool,
}

/// Removes what the runs of a job have left: in the folder, if that is one which this job makes, and in the job's buckets,
/// but where the stream is whole. Must not be called on a thread of the runtime. Gives what stays in the buckets.
pub fn remove_interrupted(runtime: &Handle, (spec, id): (&JobSpec, JobId), remains: Remains<'_>) -> Vec<Failure> {
    let state = remains.folder.and_then(State::read);
    let is_removed = remains.folder.is_some_and(|folder| remove_interrupted_folder((spec, id), folder));
    let state = state.filter(|_| is_removed);
    let mut left = Vec::new();
    for (index, location) in spec.destination.buckets().enumerate() {
        if remains.unpublished.is_some_and(|stream| stream.published.contains_key(&index)) {
            continue;
        }
        let of_state = state.as_ref().and_then(|state| state.place_in(index));
        // Nobody knows a revision any more, also where the stream is kept.
        let of_stream = remains.unpublished.and_then(|stream| stream.place_in(index));
        let of_stream = of_stream.filter(|place| !remains.is_kept || place.revision.is_some());
        let places = of_state.iter().chain(of_stream.iter().filter(|place| Some(*place) != of_state.as_ref()));
        left.extend(places.filter_map(|place| withdraw_earlier(runtime, location, place).err()));
    }
    left.into_iter().map(Leftover::into_failure).collect()
}
