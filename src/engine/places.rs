//! Where the streams of the queue will lie: two jobs never write to one place. Pure.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use super::{Job, Snapshot};
use crate::{
    failure::{Failure, FailureKind},
    job::{Destination, JobId, JobSpec, S3Location, TemplateError, WantedFolder, WhenTaken},
};

/// The places of the jobs that wait, run or go on later, each with the name of its job's source.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    /// The queue, until its places are looked at: most jobs take a number where a name is taken, and a queue may be long.
    unread: Option<&'a Snapshot>,
    taken: BTreeMap<String, (JobId, String)>,
}

impl<'a> Places<'a> {
    /// Those of all jobs that have not ended.
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        Self { unread: Some(snapshot), taken: BTreeMap::new() }
    }

    /// Those of these jobs.
    pub(super) fn of_jobs<'b>(jobs: impl Iterator<Item = &'b Arc<Job>>) -> Self {
        let mut places = Self::default();
        places.insert_all(jobs);
        places
    }

    /// Whether a job would write to one of them, above it or below it.
    pub(super) fn has_one_of(&self, id: JobId, spec: &JobSpec) -> bool {
        let is_met = |path: &str| keys(spec, path).iter().any(|key| self.meets(id, key).is_some());
        !self.taken.is_empty() && spec.wanted_folder(id).is_ok_and(|wanted| is_met(&wanted.path))
    }

    fn read(&mut self) {
        if let Some(snapshot) = self.unread.take() {
            self.insert_all(snapshot.jobs.iter().filter(|job| !job.state.is_at_rest()));
        }
    }

    fn insert_all<'b>(&mut self, jobs: impl Iterator<Item = &'b Arc<Job>>) {
        for job in jobs {
            if let Ok(wanted) = job.spec.wanted_folder(job.id) {
                self.insert(job.id, &job.spec, &wanted);
            }
        }
    }

    /// Takes the place of a job that is to wait.
    ///
    /// # Errors
    /// When its template gives no place, or one that belongs to another job.
    pub(super) fn take(&mut self, id: JobId, spec: &JobSpec) -> Result<(), Failure> {
        let wanted = spec.wanted_folder(id).map_err(TemplateError::into_failure)?;
        if wanted.when_taken != WhenTaken::Number {
            self.read();
            for key in keys(spec, &wanted.path) {
                if let Some((_, other)) = self.meets(id, &key) {
                    let headline = format!(
                        "“{}” would write over the files of “{other}”: both have {} for their folder",
                        spec.source_name(),
                        wanted.path
                    );
                    let hint = "Put {id} into the template, or rename one of the two, then add the file again";
                    return Err(Failure::new(FailureKind::InvalidRequest, headline, hint));
                }
            }
        }
        self.insert(id, spec, &wanted);
        Ok(())
    }

    fn insert(&mut self, id: JobId, spec: &JobSpec, wanted: &WantedFolder) {
        for key in keys(spec, &wanted.path) {
            self.taken.entry(key).or_insert_with(|| (id, spec.source_name()));
        }
    }

    /// The job whose place is this one, above it or below it.
    fn meets(&self, id: JobId, key: &str) -> Option<&(JobId, String)> {
        let above = key.match_indices('/').map(|(end, _)| &key[..end]).chain([key]);
        let below = (Bound::Excluded(format!("{key}/")), Bound::Excluded(format!("{key}0")));
        let mut found =
            above.filter_map(|place| self.taken.get(place)).chain(self.taken.range(below).map(|(_, job)| job));
        found.find(|(other, _)| *other != id)
    }
}

/// The place of a stream on this machine, where it stays there, and in its buckets.
fn keys(spec: &JobSpec, path: &str) -> Vec<String> {
    let local = |folder: &std::path::Path| format!("folder:{}", folder.join(path).display());
    match &spec.destination {
        Destination::Folder(folder) => vec![local(folder)],
        Destination::S3 { local_folder, keep_local, .. } => {
            let bucket = |location: &S3Location| {
                let endpoint = location.endpoint.as_deref().unwrap_or_default().trim_end_matches('/');
                format!("s3:{endpoint}/{}/{}", location.bucket, location.key_of(path))
            };
            let folder = keep_local.then(|| local(local_folder));
            spec.destination.buckets().map(bucket).chain(folder).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        job::{LayoutKind, StreamLayout},
        preset::built_in_presets,
    };

    fn spec(source: &str, template: Option<&str>, destination: Destination) -> JobSpec {
        JobSpec {
            layout: StreamLayout { kind: LayoutKind::Own, template: template.map(|text| text.parse().unwrap()) },
            ..JobSpec::stream(source, built_in_presets().remove(0), destination)
        }
    }

    fn in_folder(source: &str, template: Option<&str>) -> JobSpec {
        spec(source, template, Destination::Folder("/out".into()))
    }

    #[test]
    fn the_second_job_of_a_place_is_refused_and_so_is_one_above_or_below() {
        for (first, second) in [
            ("videos/{name}", "videos/{name}"),
            ("videos/{name}", "videos/{name}/hls"),
            ("videos/{name}/hls", "videos/{name}"),
            ("{name}", "film/{name}"),
        ] {
            let mut places = Places::default();
            places.take(JobId::generate(), &in_folder("/a/film.mp4", Some(first))).unwrap();
            let refused = places.take(JobId::generate(), &in_folder("/b/film.mov", Some(second))).unwrap_err();
            assert!(refused.headline.contains("film.mp4") && refused.hint.contains("{id}"), "{first}, {second}");
        }
    }

    #[test]
    fn an_interrupted_job_keeps_its_place() {
        use jiff::Timestamp;

        use crate::engine::Event;
        let mut snapshot = Snapshot::default();
        let (id, at) = (JobId::generate(), Timestamp::UNIX_EPOCH);
        let spec = in_folder("/a/film.mp4", Some("videos/{name}"));
        snapshot.apply(&Event::JobAdded { id, spec: Box::new(spec.clone()), at });
        snapshot.apply(&Event::JobStarted { id, at });
        snapshot.apply(&Event::JobInterrupted { id, reached: std::time::Duration::ZERO, folder: None, is_held: false });
        assert!(Places::of(&snapshot).take(JobId::generate(), &spec).is_err());
        snapshot.apply(&Event::JobCancelled { id, at });
        assert!(Places::of(&snapshot).take(JobId::generate(), &spec).is_ok());
    }

    #[test]
    fn jobs_with_ids_numbers_or_other_destinations_do_not_meet() {
        let mut places = Places::default();
        let id = JobId::generate();
        let spec_of_first = in_folder("/a/film.mp4", Some("{name}"));
        places.take(id, &spec_of_first).unwrap();
        places.take(id, &spec_of_first).unwrap();
        places.take(JobId::generate(), &in_folder("/a/film.mp4", None)).unwrap();
        places.take(JobId::generate(), &in_folder("/b/film.mp4", None)).unwrap();
        places.take(JobId::generate(), &in_folder("/a/film 2.mp4", Some("{name}"))).unwrap();
        for _ in 0..2 {
            places.take(JobId::generate(), &in_folder("/a/film.mp4", Some("videos/{id}"))).unwrap();
        }
        for (bucket, keep_local) in [("one", false), ("two", false), ("one", true)] {
            let location = S3Location { bucket: bucket.to_owned(), ..S3Location::default() };
            let location = Box::new(location);
            let destination = Destination::S3 {
                location,
                local_folder: "/kept".into(),
                keep_local,
                also_to: Vec::new(),
                drop_published: false,
            };
            let taken = places.take(JobId::generate(), &spec("/a/film.mp4", Some("{name}"), destination));
            assert_eq!(taken.is_err(), keep_local, "{bucket}");
        }
    }
}
