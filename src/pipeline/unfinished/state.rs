//! What is noted of a stream in the making.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FOLDER, STATE, SourceIdentity, identity::hex};
use crate::{
    job::{Destination, Encryption, JobId, JobSpec, PlaceInBucket, S3Location},
    pipeline::{JobRequest, encode::following::Following, plan::EncodePlan},
    tools::regular_file,
};

/// Version of the state; another one is not gone on with.
const FORMAT: u32 = 1;

/// What a stream is made of and by. Only what is the same in all of it can be gone on with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) format: u32,
    pub(super) program: String,
    pub(super) ffmpeg: String,
    #[serde(with = "crate::job::path_text")]
    pub(super) source: PathBuf,
    pub(super) destination: String,
    /// Where the stream goes, whatever is asked of its objects.
    #[serde(default)]
    pub(super) places: String,
    pub(super) identity: Option<SourceIdentity>,
    /// By what the sources that follow the first are known again.
    #[serde(default)]
    pub(super) joined: Vec<Option<SourceIdentity>>,
    /// SHA-256 of the plan.
    pub(super) plan: String,
    /// How the segments are encrypted.
    #[serde(default)]
    pub(super) encryption: Option<Encryption>,
    /// The job that has begun it: keys and vectors follow from its id.
    #[serde(default)]
    pub(super) job: Option<JobId>,
    /// The first of two passes is done, and its notes lie here.
    #[serde(default)]
    pub(super) has_first_pass: bool,
    /// Where its source changes its format, which is followed.
    #[serde(default)]
    pub(super) format_changes: Following,
    /// Belongs to a queue that begins it again by itself.
    pub(super) is_queued: bool,
    /// Where its files are in the first bucket.
    pub(super) bucket_prefix: Option<String>,
    /// Where they are in the further ones; empty where they have no place yet.
    #[serde(default)]
    pub(super) more_bucket_prefixes: Vec<String>,
    /// The folders of all but the entry points under these, in the order of the buckets; empty where no other stream is
    /// replaced.
    #[serde(default)]
    pub(super) revisions: Vec<String>,
    /// All segments are written.
    pub(super) is_encoded: bool,
    /// It is finished in a folder of the user's that keeps it; what is left is to publish it.
    #[serde(default)]
    pub(super) is_finished_here: bool,
    pub(super) segment_duration: Duration,
    /// Of the whole stream, where that is known.
    #[serde(default)]
    pub(super) duration: Option<Duration>,
    /// Folders of the segments by which its length is counted, in the stream's.
    pub(super) segments_folders: Vec<String>,
}

impl State {
    pub(super) fn of(request: &JobRequest, plan: &EncodePlan) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            ffmpeg: request.toolbox.version.clone(),
            source: request.spec.source.clone(),
            destination: destination(&request.spec),
            places: places(&request.spec),
            identity: SourceIdentity::of(&request.spec.source),
            joined: request.spec.joined.iter().map(|source| SourceIdentity::of(source)).collect(),
            plan: plan_hash(plan),
            encryption: request.spec.outputs.encryption.clone(),
            job: Some(request.id),
            has_first_pass: false,
            format_changes: Following::default(),
            is_queued: request.is_queued,
            bucket_prefix: None,
            more_bucket_prefixes: Vec::new(),
            revisions: Vec::new(),
            is_encoded: false,
            is_finished_here: false,
            segment_duration: plan.timing.frame_rate.duration_of(plan.timing.segment_frames),
            duration: plan.duration,
            segments_folders: leading_renditions(plan).map(|name| plan.files.segments_folder(name)).collect(),
        }
    }

    pub(super) fn read(stream_folder: &Path) -> Option<Self> {
        serde_json::from_slice(&regular_file::read(&stream_folder.join(FOLDER).join(STATE)).ok()?).ok()
    }

    pub(super) fn place_in(&self, bucket: usize) -> Option<PlaceInBucket> {
        let prefix = match bucket {
            0 => self.bucket_prefix.as_ref(),
            further => self.more_bucket_prefixes.get(further - 1),
        };
        let revision = self.revisions.get(bucket).filter(|revision| !revision.is_empty());
        let prefix = prefix.filter(|prefix| !prefix.is_empty())?;
        Some(PlaceInBucket { prefix: prefix.clone(), revision: revision.cloned() })
    }

    /// Whether this is what a call for these sources and places has left, which a job of no queue may take over.
    pub(super) fn is_of_call_for(&self, spec: &JobSpec) -> bool {
        let is_of_sources = self.source == spec.source && self.joined.len() == spec.joined.len();
        !self.is_queued && is_of_sources && self.places == places(spec)
    }

    /// Notes where it lies in each bucket, if it has a place there yet.
    pub(super) fn lies_in_buckets(&mut self, places: Vec<Option<PlaceInBucket>>) {
        let (prefixes, revisions) = PlaceInBucket::as_texts(places);
        let mut prefixes = prefixes.into_iter();
        self.bucket_prefix = prefixes.next().filter(|prefix| !prefix.is_empty());
        self.more_bucket_prefixes = prefixes.collect();
        self.revisions = revisions;
    }

    /// Why a job of this state can't go on with what `earlier` has begun; `None` when it can.
    pub(super) fn differs_from(&self, earlier: &Self) -> Option<&'static str> {
        let is_known = self.identity.is_some() && self.joined.iter().all(Option::is_some);
        let is_same = self.identity == earlier.identity && self.joined == earlier.joined;
        if !is_known || !is_same || self.source != earlier.source {
            Some("the source has changed")
        } else if self.program != earlier.program || self.format != earlier.format {
            Some("it was begun by another version of Reelpress")
        } else if self.ffmpeg != earlier.ffmpeg {
            Some("it was begun by another ffmpeg")
        } else if self.plan != earlier.plan
            || self.destination != earlier.destination
            || self.encryption != earlier.encryption
        {
            Some("the settings are others")
        } else {
            None
        }
    }
}

/// The names of the renditions by which a stream's length is counted: pictures, or sound alone.
fn leading_renditions(plan: &EncodePlan) -> impl Iterator<Item = &str> {
    let sound = plan.audio.iter().filter(|_| plan.renditions.is_empty());
    plan.renditions.iter().map(|video| video.name.as_str()).chain(sound.map(|audio| audio.name.as_str()))
}

/// All that is asked of the destination and shows in what lies there.
fn destination(spec: &JobSpec) -> String {
    let mut destination = spec.destination.clone();
    if let Destination::S3 { location, also_to, .. } = &mut destination {
        for location in std::iter::once(location.as_mut()).chain(also_to) {
            location.most_bytes_per_second = None;
            location.skip_public_check = false;
        }
    }
    format!("{destination:?}")
}

fn places(spec: &JobSpec) -> String {
    let in_bucket = |location: &S3Location| (location.bucket.clone(), location.prefix.clone(), location.endpoint_url());
    let in_buckets: Vec<_> = spec.destination.buckets().map(in_bucket).collect();
    format!("{:?} {in_buckets:?}", spec.destination.local_folder())
}

/// Warnings and what is left to do change nothing of what is made.
pub(super) fn plan_hash(plan: &EncodePlan) -> String {
    let plan = EncodePlan { warnings: Vec::new(), why_software: None, span: None, ..plan.clone() };
    hex(&Sha256::digest(format!("{plan:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_version_has_noted_of_buckets_is_known_still() {
        let older = serde_json::json!({
            "format": 1, "program": "0.1.0", "ffmpeg": "5.1", "source": "/films/a.mp4", "destination": "", "identity": null,
            "plan": "", "is_queued": true, "bucket_prefix": "films/a", "more_bucket_prefixes": [""], "is_encoded": false,
            "segment_duration": { "secs": 6, "nanos": 0 }, "segments_folders": [],
        });
        let state: State = serde_json::from_value(older).unwrap();
        let place = PlaceInBucket { prefix: "films/a".to_owned(), revision: None };
        assert_eq!([0, 1, 2].map(|bucket| state.place_in(bucket)), [Some(place), None, None]);
    }
}
