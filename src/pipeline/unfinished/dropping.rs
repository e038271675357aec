//! What of a stream in the making is in the buckets alone.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use super::Unfinished;
use crate::{
    failure::Failure,
    format::count,
    job::Stage,
    pipeline::{
        JobRequest,
        dropped::{DroppedSegments, why_not},
        package::write_failure,
        publish::lost_segments,
    },
};

impl Unfinished {
    /// Those of its segments that are dropped once all buckets have them; `None` where all stay.
    pub(in crate::pipeline) fn dropped(&self) -> Option<&Arc<DroppedSegments>> {
        self.dropped.as_ref()
    }

    /// Makes sure that what an earlier run has dropped here is in the buckets still. What is not is made again; gives a
    /// warning that says so. A store that does not answer is not asked again: its uploads do that.
    ///
    /// # Errors
    /// When what is to be made again can't be removed.
    pub(in crate::pipeline) fn give_up_lost_segments(
        &mut self,
        request: &JobRequest,
    ) -> Result<Option<String>, Failure> {
        let Some(dropped) = self.dropped.clone() else { return Ok(None) };
        let segments = dropped.all();
        let mut lost = BTreeSet::new();
        let places = request.spec.destination.buckets().enumerate().filter(|_| !segments.is_empty());
        for (bucket, location) in places {
            let asked = self
                .place_in(bucket)
                .map(|place| lost_segments(&request.runtime, (location, &place.prefix, bucket), &segments));
            match asked {
                Some(Ok(paths)) => lost.extend(paths),
                Some(Err(error)) => tracing::warn!("what was dropped can't be looked for: {error}"),
                // Nothing of the stream was ever there.
                None => lost.extend(segments.keys().cloned()),
            }
        }
        if lost.is_empty() {
            return Ok(None);
        }
        self.noted.state().is_encoded = false;
        self.noted.save_at_once()?;
        for path in &lost {
            let given_up = dropped.give_up(path);
            given_up.map_err(|error| write_failure(&self.stream_folder.join(path), &error).at(Stage::Package))?;
        }
        let count = count(lost.len() as u64, "published segment is", "published segments are");
        Ok(Some(format!("{count} not in the bucket any more and made again")))
    }
}

/// The segments of a job's stream that are dropped.
pub(super) fn dropped_segments(
    request: &JobRequest,
    stream_folder: &Path,
) -> Result<Option<Arc<DroppedSegments>>, Failure> {
    let drops = request.spec.destination.drops_published() && why_not(&request.spec, stream_folder).is_none();
    DroppedSegments::of(stream_folder, drops).map_err(|error| write_failure(stream_folder, &error).at(Stage::Package))
}
