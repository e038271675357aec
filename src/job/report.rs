//! What a finished job made.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::S3Location;

/// What a finished job made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The folder of the local stream; `None` when it was removed after publishing.
    #[serde(default, with = "crate::job::path_text::optional")]
    pub folder: Option<PathBuf>,
    /// The file that was made, where that is one file.
    #[serde(default, with = "crate::job::path_text::optional")]
    pub file: Option<PathBuf>,
    /// Path of the multivariant playlist on this machine, if it is still there.
    #[serde(default, with = "crate::job::path_text::optional")]
    pub multivariant_playlist: Option<PathBuf>,
    /// URLs of the published stream, the multivariant playlist first; empty for a folder.
    pub urls: Vec<String>,
    /// Where it was published, in the order of the job's buckets.
    #[serde(default)]
    pub published: Vec<PublishedStream>,
    /// What was made, the largest picture first, sound last.
    pub renditions: Vec<RenditionReport>,
    /// Every file of the stream.
    pub files: Vec<FileReport>,
    /// Length of the stream.
    pub duration: Duration,
    /// Size of all files.
    pub total_bytes: u64,
    /// Wall time of the job, without pauses.
    pub wall_time: Duration,
    /// Seconds of the source that were encoded in a second of work, without pauses; of a job that makes a file or pictures,
    /// that were worked through. `None` where that is not known.
    #[serde(default)]
    pub speed: Option<f64>,
    /// The folder, or the file, of the keys that its segments are encrypted with, if they are not in the stream's folder.
    #[serde(default, with = "crate::job::path_text::optional")]
    pub keys: Option<PathBuf>,
    /// What the user should know although the job is done.
    pub warnings: Vec<String>,
    /// What is good to know and nothing to worry about, such as that nothing had to be encoded.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Report {
    /// Seconds of the source for each second of the whole job; `None` where one of them is not known.
    pub(crate) fn overall_speed(&self) -> Option<f64> {
        let is_known = !self.duration.is_zero() && !self.wall_time.is_zero();
        is_known.then(|| self.duration.as_secs_f64() / self.wall_time.as_secs_f64())
    }
}

/// Where a stream lies in one of its buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedStream {
    /// The place that was asked for, as `s3://bucket/prefix`.
    pub destination: String,
    /// URLs to start from, the multivariant playlist first.
    pub urls: Vec<String>,
}

/// Where a stream, or a part of it, lies in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceInBucket {
    /// Key under which its multivariant playlist lies, without a slash at its end.
    pub prefix: String,
    /// The folder under it with all other files, where it replaces another stream of the same name.
    pub revision: Option<String>,
}

/// A stream that is finished on this machine, on its way to its destinations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnpublishedStream {
    /// What was made; without URLs.
    pub report: Report,
    /// Key under which its files lie in the first bucket, without a slash at its end; empty when it has no place there
    /// yet.
    pub prefix: String,
    /// The same for each further bucket.
    #[serde(default)]
    pub more_prefixes: Vec<String>,
    /// Where it replaces another stream, the folders of its files under these, in the order of the buckets; empty where
    /// it replaces none.
    #[serde(default)]
    pub revisions: Vec<String>,
    /// The buckets in which it is whole already, by their place in the job's list.
    #[serde(default, deserialize_with = "by_place")]
    pub published: BTreeMap<usize, PublishedStream>,
}

/// Keys of JSON objects are text, and stay so inside of an enum that is told apart by a tag (serde reads it twice).
fn by_place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<usize, PublishedStream>, D::Error> {
    let by_text = BTreeMap::<String, PublishedStream>::deserialize(deserializer)?;
    by_text.into_iter().map(|(place, stream)| Ok((place.parse().map_err(D::Error::custom)?, stream))).collect()
}

impl PlaceInBucket {
    /// `s3://bucket/key` of the folder with its files, in the bucket of this location.
    pub fn address(&self, location: &S3Location) -> String {
        let revision = self.revision.as_ref().map(|revision| format!("/{revision}")).unwrap_or_default();
        format!("s3://{}/{}{revision}", location.bucket, self.prefix)
    }

    /// The prefixes and the revisions of these places, as they are kept: empty where there is none.
    pub(crate) fn as_texts(places: Vec<Option<Self>>) -> (Vec<String>, Vec<String>) {
        let texts = |place: Option<Self>| place.map(|place| (place.prefix, place.revision.unwrap_or_default()));
        places.into_iter().map(|place| texts(place).unwrap_or_default()).unzip()
    }
}

impl UnpublishedStream {
    /// A stream that has no place in any bucket yet.
    pub fn of(report: Report) -> Self {
        Self {
            report,
            prefix: String::new(),
            more_prefixes: Vec::new(),
            revisions: Vec::new(),
            published: BTreeMap::new(),
        }
    }

    /// Where it lies in the bucket at this place in the job's list, if it has a place there.
    pub fn place_in(&self, bucket: usize) -> Option<PlaceInBucket> {
        let prefix = match bucket {
            0 => Some(&self.prefix),
            further => self.more_prefixes.get(further - 1),
        };
        let revision = self.revisions.get(bucket).filter(|revision| !revision.is_empty());
        let prefix = prefix.filter(|prefix| !prefix.is_empty())?;
        Some(PlaceInBucket { prefix: prefix.clone(), revision: revision.cloned() })
    }

    /// Notes where it lies in each bucket, in the order of the job's list.
    pub fn lies_in(&mut self, places: Vec<Option<PlaceInBucket>>) {
        let (prefixes, revisions) = PlaceInBucket::as_texts(places);
        let mut prefixes = prefixes.into_iter();
        self.prefix = prefixes.next().unwrap_or_default();
        self.more_prefixes = prefixes.collect();
        self.revisions = revisions;
    }

    /// The folder that holds the stream, if all its files are there in their size.
    pub fn whole_folder(&self) -> Option<&std::path::Path> {
        let folder = self.report.folder.as_deref()?;
        let is_there = |file: &FileReport| {
            std::fs::metadata(folder.join(&file.path)).is_ok_and(|found| found.is_file() && found.len() == file.bytes)
        };
        (!self.report.files.is_empty() && self.report.files.iter().all(is_there)).then_some(folder)
    }
}

/// One rendition of a finished stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenditionReport {
    /// Name of the rendition, which is also its folder in our own layout: `1080p`, `audio`.
    pub name: String,
    /// The CODECS value of RFC 6381.
    pub codecs: String,
    /// Picture size; `None` for sound.
    pub size: Option<crate::media::PictureSize>,
    /// Asked bit rate in bits a second.
    pub target_bps: u64,
    /// Average over the whole rendition in bits a second.
    pub average_bps: u64,
    /// The largest segment's bit rate in bits a second.
    pub peak_bps: u64,
    /// Size of all its segments.
    pub bytes: u64,
    /// Number of segments.
    pub segments: usize,
}

/// One file of a finished stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Path relative to the stream's folder, with forward slashes.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the journal's events are: told apart by a field.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "event")]
    enum Tagged {
        Made { published: UnpublishedStream },
    }

    #[test]
    fn what_is_whole_in_some_buckets_can_be_read_inside_of_an_event() {
        let report = serde_json::json!({
            "urls": [], "renditions": [], "files": [], "duration": { "secs": 1, "nanos": 0 }, "total_bytes": 1,
            "wall_time": { "secs": 1, "nanos": 0 }, "warnings": [],
        });
        let stream = serde_json::json!({ "report": report, "prefix": "a" });
        let mut stream: UnpublishedStream = serde_json::from_value(stream).unwrap();
        let whole = PublishedStream { destination: "s3://films".to_owned(), urls: Vec::new() };
        stream.published.insert(1, whole);
        let event = Tagged::Made { published: stream };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Tagged>(&text).unwrap(), event);
    }

    #[test]
    fn places_are_read_as_they_were_noted_and_those_of_older_versions_have_no_revision() {
        let report = serde_json::json!({
            "urls": [], "renditions": [], "files": [], "duration": { "secs": 1, "nanos": 0 }, "total_bytes": 1,
            "wall_time": { "secs": 1, "nanos": 0 }, "warnings": [],
        });
        let older = serde_json::json!({ "report": report, "prefix": "a", "more_prefixes": ["", "b"] });
        let mut stream: UnpublishedStream = serde_json::from_value(older).unwrap();
        let place = |prefix: &str, revision: Option<&str>| {
            Some(PlaceInBucket { prefix: prefix.to_owned(), revision: revision.map(str::to_owned) })
        };
        assert_eq!(
            [0, 1, 2, 3].map(|bucket| stream.place_in(bucket)),
            [place("a", None), None, place("b", None), None]
        );
        let places = [place("a", None), None, place("c", Some("r1"))];
        stream.lies_in(places.to_vec());
        assert_eq!([0, 1, 2].map(|bucket| stream.place_in(bucket)), places);
    }
}
