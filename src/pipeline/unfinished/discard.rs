//! Giving up what interrupted calls have left of a stream, without making it.

use std::path::PathBuf;

use tokio::runtime::Handle;

use super::{Beginning, Remains, State, candidates, lock, remove_interrupted};
use crate::{
    failure::{Failure, FailureKind},
    job::{JobId, JobSpec},
};

/// What was given up of a stream.
#[derive(Debug, Default)]
pub struct Discarded {
    /// The folders that are gone, with what was published from them.
    pub folders: Vec<PathBuf>,
    /// What stays, here or in a bucket, with what to do about it.
    pub stays: Vec<Failure>,
}

/// Removes what interrupted calls for this stream's source and destination have left, here and in its buckets. The source
/// need not be there any more. Must not be called on a thread of the runtime.
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
        let id = earlier.job.unwrap_or_else(JobId::generate);
        let remains = Remains { folder: Some(&folder), ..Remains::default() };
        discarded.stays.extend(remove_interrupted(runtime, (spec, id), remains));
        discarded.folders.push(folder);
    }
    discarded
}
