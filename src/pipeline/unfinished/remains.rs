//! Taking away what the runs of a job have left, here and in its buckets.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use tokio::runtime::Handle;

use super::{FOLDER, State, under_way::is_locked};
use crate::{
    failure::Failure,
    job::{Destination, JobId, JobSpec, UnpublishedStream},
    pipeline::{
        JobRequest,
        publish::{Leftover, withdraw_earlier},
        stream_folder::remove_interrupted_folder,
    },
    tools::cancel::CancelToken,
};

/// A stream that nobody has touched for so long is not gone on with any more.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// Removes from `streams`, where streams lie on their way to buckets, what nobody goes on with: what is not known, not being
/// made, and was not touched for a week. Where the queue's own are not known, `is_known` is `None`, and only those of calls
/// in a terminal are removed.
pub fn remove_given_up(streams: &Path, is_known: Option<&dyn Fn(&Path) -> bool>) {
    for entry in std::fs::read_dir(streams).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_given_up(&path, is_known) {
            tracing::info!(path = %path.display(), "a stream that nobody goes on with is removed");
            if let Err(error) = std::fs::remove_dir_all(&path) {
                tracing::info!(%error, path = %path.display(), "it could not be removed");
            }
        }
    }
}

fn is_given_up(path: &Path, is_known: Option<&dyn Fn(&Path) -> bool>) -> bool {
    let mut of_a_call = false;
    for entry in walkdir::WalkDir::new(path) {
        let Ok(entry) = entry else { return false };
        let changed = entry.metadata().ok().and_then(|metadata| metadata.modified().ok());
        let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        if age.is_none_or(|age| age < GIVEN_UP_AFTER) || is_known.is_some_and(|is_known| is_known(entry.path())) {
            return false;
        }
        if entry.file_name() == FOLDER && entry.file_type().is_dir() {
            if is_locked(entry.path()) {
                return false;
            }
            let state = entry.path().parent().and_then(State::read);
            of_a_call |= state.is_some_and(|state| !state.is_queued);
        }
    }
    of_a_call || is_known.is_some()
}

/// Takes what can't be gone on with out of the buckets too.
pub(super) fn withdraw(request: &JobRequest, earlier: &State) {
    for (index, location) in request.spec.destination.buckets().enumerate() {
        let Some(place) = earlier.place_in(index) else { continue };
        // What stays is in the log: the job begins again beside it.
        let _ = withdraw_earlier(&request.runtime, location, &place, &CancelToken::default());
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

/// Removes what the runs of a job have left: in the folder, if that is one which this job makes, a finished stream that was
/// to lie in buckets alone, and what is in the job's buckets, but where the stream is whole. Must not be called on a
/// thread of the runtime. Gives what stays in the buckets.
pub fn remove_interrupted(runtime: &Handle, (spec, id): (&JobSpec, JobId), remains: Remains<'_>) -> Vec<Failure> {
    let state = remains.folder.and_then(State::read);
    let is_removed = remains.folder.is_some_and(|folder| remove_interrupted_folder((spec, id), folder));
    let state = state.filter(|_| is_removed);
    let is_passing = !remains.is_kept && matches!(spec.destination, Destination::S3 { keep_local: false, .. });
    if let Some(finished) =
        remains.unpublished.filter(|_| is_passing).and_then(|stream| stream.report.folder.as_deref())
    {
        remove_interrupted_folder((spec, id), finished);
    }
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
        let withdraw = |place| withdraw_earlier(runtime, location, place, &CancelToken::default());
        left.extend(places.filter_map(|place| withdraw(place).err()));
    }
    left.into_iter().map(Leftover::into_failure).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};

    use super::*;

    #[test]
    fn streams_that_nobody_goes_on_with_are_removed_after_a_week() {
        let streams = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - GIVEN_UP_AFTER - Duration::from_secs(60);
        let stream = |name: &str, touched: SystemTime| {
            let folder = streams.path().join(name);
            std::fs::create_dir_all(folder.join("720p")).unwrap();
            std::fs::write(folder.join("720p/segment_00000.m4s"), name).unwrap();
            for path in [folder.join("720p/segment_00000.m4s"), folder.join("720p"), folder.clone()] {
                File::open(path).unwrap().set_times(FileTimes::new().set_modified(touched)).unwrap();
            }
            folder
        };
        let [given_up, known] = ["given-up", "known"].map(|name| stream(name, old));
        let young = stream("young", SystemTime::now());
        remove_given_up(streams.path(), None);
        assert!(given_up.exists(), "it may be the queue's");
        remove_given_up(streams.path(), Some(&|path| path == known));
        assert!(!given_up.exists() && known.exists() && young.exists());
    }
}
