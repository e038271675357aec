//! What uploads have to do with segments that are dropped here as soon as all buckets have them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use aws_sdk_s3::{operation::head_object::HeadObjectError, types::ChecksumMode};
use tokio::runtime::Handle;

use super::{
    error::{Action, PublishError},
    s3::{self, Bucket},
    target::Target,
    unchanged::Known,
};
use crate::{
    job::{JobId, S3Location},
    pipeline::dropped::{DroppedSegment, DroppedSegments, Version},
};

/// The folder that a stream is published from.
#[derive(Debug, Clone)]
pub struct LocalStream<'a> {
    pub(super) folder: &'a Path,
    pub(super) dropped: Option<DroppedHere>,
    /// By what its place is known again; `None` where no later run goes on with it.
    pub(super) run: Option<String>,
}

/// The segments of a stream that are dropped here, and for which of its buckets they are looked at.
#[derive(Debug, Clone)]
pub(super) struct DroppedHere {
    segments: Arc<DroppedSegments>,
    /// Place in the job's list, and the length of that.
    bucket: (usize, usize),
}

impl<'a> LocalStream<'a> {
    /// A folder of which segments are dropped when all buckets of its job have them. `bucket` is the place of one in
    /// the job's list, and the length of that; `run` is the same for all that go on with one stream.
    pub(in crate::pipeline) fn dropping(
        folder: &'a Path,
        segments: Option<&Arc<DroppedSegments>>,
        bucket: (usize, usize),
        run: JobId,
    ) -> Self {
        let dropped = segments.map(|segments| DroppedHere { segments: Arc::clone(segments), bucket });
        Self { folder, dropped, run: Some(run.to_string()) }
    }
}

impl<'a, P: AsRef<Path> + ?Sized> From<&'a P> for LocalStream<'a> {
    fn from(folder: &'a P) -> Self {
        Self { folder: folder.as_ref(), dropped: None, run: None }
    }
}

/// What the store says of an object.
struct Found {
    size: u64,
    known: Known,
}

impl DroppedHere {
    pub(super) fn get(&self, path: &str) -> Option<DroppedSegment> {
        self.segments.get(path)
    }
}

impl Found {
    fn is(&self, segment: &DroppedSegment, bucket: usize) -> bool {
        let Known { crc32, entity_tag } = &self.known;
        segment.is_object(bucket, (self.size, entity_tag.as_deref(), crc32.as_deref()))
    }
}

impl Target {
    /// Makes sure that the bucket has a segment of which only the boxes are left here. Gives its entity tag.
    ///
    /// # Errors
    /// [`PublishError::SegmentLost`] when it has it no more, and when the store can't be asked.
    pub(super) async fn has_dropped(
        &self,
        (key, path): (&str, &str),
        dropped: (&DroppedHere, &DroppedSegment),
    ) -> Result<Option<String>, PublishError> {
        match found(&self.bucket, key).await? {
            Some(found) if found.is(dropped.1, dropped.0.bucket.0) => Ok(found.known.entity_tag),
            _ => {
                dropped.0.segments.lose();
                Err(PublishError::SegmentLost { place: self.bucket.place.clone(), file: self.folder.join(path) })
            }
        }
    }

    /// Compares a segment that went up with the file here, which is dropped when all buckets have it. What can't be told
    /// is not dropped.
    pub(super) async fn confirm(self, path: String) {
        let Some(DroppedHere { segments, bucket }) = self.dropped.clone() else { return };
        let Some(version) = segments.version(&path) else { return };
        let compared = self.unless_stopped(async { Ok(self.is_as_here(&path).await) }).await;
        let Ok(Some(entity_tag)) = compared else { return };
        let drop = move || drop_here(&segments, (&path, version), bucket, entity_tag);
        // It fails only when the program ends.
        let _ = tokio::task::spawn_blocking(drop).await;
    }

    /// The entity tag of the object that is known to hold the very bytes of this file.
    async fn is_as_here(&self, path: &str) -> Option<Option<String>> {
        let file = self.folder.join(path);
        let size = tokio::fs::metadata(&file).await.ok()?.len();
        let found = found(&self.bucket, &self.key(path, false)).await.ok()??;
        let entity_tag = found.known.entity_tag.clone();
        let same = found.size == size && found.known.matches(&file, 0, size).await.is_some();
        same.then_some(entity_tag)
    }
}

fn drop_here(
    segments: &DroppedSegments,
    (path, version): (&str, Version),
    bucket: (usize, usize),
    entity_tag: Option<String>,
) {
    // The folder of a job that has ended is gone.
    if let Err(error) = segments.confirm((path, version), bucket, entity_tag)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path, "a published segment keeps its room on the disk: {error}");
    }
}

/// `None` when there is no object of this key.
async fn found(bucket: &Bucket, key: &str) -> Result<Option<Found>, PublishError> {
    let mode = bucket.takes_checksums.then_some(ChecksumMode::Enabled);
    match bucket.client.head_object().bucket(&bucket.name).key(key).set_checksum_mode(mode).send().await {
        Ok(object) => {
            let size = object.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
            let known = Known { crc32: object.checksum_crc32, entity_tag: object.e_tag };
            Ok(Some(Found { size, known }))
        }
        Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
        Err(error) => Err(PublishError::of_store(&error, Action::Read, &bucket.place)),
    }
}

/// Those of `segments`, which were dropped here, that are not under `prefix` any more, or are others there. Takes 15
/// seconds at most. `bucket` is the place of `location` in the job's list. Must not be called on a thread of the runtime.
///
/// # Errors
/// When the store can't be asked.
pub(in crate::pipeline) fn lost_segments(
    runtime: &Handle,
    (location, prefix, bucket): (&S3Location, &str, usize),
    segments: &BTreeMap<String, DroppedSegment>,
) -> Result<Vec<String>, PublishError> {
    runtime.block_on(s3::first_contact(location, async {
        let store = Bucket::open(location).await?;
        let listed = store.listed_under(prefix).await?;
        let mut lost = Vec::new();
        for (path, segment) in segments {
            let is_there = match listed.get(path) {
                Some(object) if segment.is_object(bucket, (object.size, object.entity_tag.as_deref(), None)) => true,
                Some(_) => {
                    let found = found(&store, &format!("{prefix}/{path}")).await?;
                    found.is_some_and(|found| found.is(segment, bucket))
                }
                None => false,
            };
            if !is_there {
                lost.push(path.clone());
            }
        }
        Ok(lost)
    }))
}
