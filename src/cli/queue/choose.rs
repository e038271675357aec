//! Which jobs are meant by what was typed. Pure.

use std::sync::Arc;

use crate::{
    cli::bad_usage,
    engine::{Job, Snapshot},
    failure::Failure,
};

/// Candidates that an error lists.
const CANDIDATES_LISTED: usize = 8;

/// The jobs that are meant, each once, in the order in which they were named. Of several with one name that one is
/// meant with which alone it `can_be_done`.
///
/// # Errors
/// When a name is that of no job, or of several.
pub(super) fn chosen(
    snapshot: &Snapshot,
    names: &[String],
    can_be_done: &dyn Fn(&Job) -> bool,
) -> Result<Vec<Arc<Job>>, Failure> {
    let mut chosen: Vec<Arc<Job>> = Vec::new();
    for name in names {
        let job = one(snapshot, name, can_be_done)?;
        if !chosen.iter().any(|known| known.id == job.id) {
            chosen.push(job);
        }
    }
    Ok(chosen)
}

/// The job with this id, whole or short; else the only one with this name; else the only one with this in its name. Of
/// several that one with which alone it `can_be_done`.
///
/// # Errors
/// When there is none, or several.
pub(super) fn one(snapshot: &Snapshot, name: &str, can_be_done: &dyn Fn(&Job) -> bool) -> Result<Arc<Job>, Failure> {
    let needle = name.trim().to_lowercase();
    let has_id = |job: &Job| job.id.short() == needle || job.id.to_string() == needle;
    let has_name = |job: &Job| job.spec.source_name().to_lowercase() == needle;
    let has_part = |job: &Job| !needle.is_empty() && job.spec.source_name().to_lowercase().contains(&needle);
    let rules: [&dyn Fn(&Job) -> bool; 3] = [&has_id, &has_name, &has_part];
    for rule in rules {
        let meant: Vec<&Arc<Job>> = snapshot.jobs.iter().filter(|job| rule(job)).collect();
        match meant.as_slice() {
            [] => {}
            [job] => return Ok(Arc::clone(job)),
            several => {
                if let [only] = several.iter().filter(|job| can_be_done(job)).collect::<Vec<_>>()[..] {
                    return Ok(Arc::clone(only));
                }
                let headline = format!("“{name}” is the name of {} jobs", several.len());
                return Err(bad_usage(headline, format!("Give the id of one:{}", told_apart(several))));
            }
        }
    }
    let all: Vec<&Arc<Job>> = snapshot.jobs.iter().collect();
    let hint = match all.as_slice() {
        [] => "The queue is empty".to_owned(),
        all => format!("Give an id or a part of a name: {}", list(all)),
    };
    Err(bad_usage(format!("No job is named “{name}”"), hint))
}

/// A line for each job with what tells those of one name apart.
fn told_apart(jobs: &[&Arc<Job>]) -> String {
    let line = |job: &&Arc<Job>| {
        let (state, destination) = (super::list::state(job), job.spec.destination.label());
        format!("\n  {}, {state}, to {destination}", named(job))
    };
    let mut lines: String = jobs.iter().take(CANDIDATES_LISTED).map(line).collect();
    if let Some(more) = jobs.len().checked_sub(CANDIDATES_LISTED).filter(|more| *more > 0) {
        lines.push_str(&format!("\n  and {more} more"));
    }
    lines
}

fn list(jobs: &[&Arc<Job>]) -> String {
    let words = jobs.iter().take(CANDIDATES_LISTED).map(|job| named(job));
    let mut words: Vec<String> = words.collect();
    if let Some(more) = jobs.len().checked_sub(CANDIDATES_LISTED).filter(|more| *more > 0) {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}

/// `1a2b3c4d film.mp4`.
pub(super) fn named(job: &Job) -> String {
    format!("{} {}", job.id.short(), job.spec.source_name())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        engine::Event,
        job::{Destination, JobId, JobSpec},
        preset::find_preset,
    };

    fn queue(names: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for name in names {
            let spec = JobSpec::stream(name, find_preset("quick").unwrap(), Destination::Folder("out".into()));
            let id = JobId::generate();
            snapshot.apply(&Event::JobAdded { id, spec: Box::new(spec), at: Timestamp::UNIX_EPOCH });
        }
        snapshot
    }

    fn any(_: &Job) -> bool {
        true
    }

    #[test]
    fn ids_come_before_whole_names_and_those_before_parts() {
        let snapshot = queue(&["/a/film.mp4", "/a/film.mp4.mov", "/b/Trailer.mp4"]);
        let index = |name: &str| {
            let job = one(&snapshot, name, &any).unwrap();
            snapshot.jobs.iter().position(|known| known.id == job.id).unwrap()
        };
        let id = snapshot.jobs[1].id;
        assert_eq!([index(&id.short()), index(&id.to_string()), index(&id.short().to_uppercase())], [1, 1, 1]);
        assert_eq!([index("FILM.mp4"), index("trail"), index(".mov")], [0, 2, 1]);
        let both = chosen(&snapshot, &["trail".to_owned(), "Trailer.mp4".to_owned()], &any).unwrap();
        assert_eq!(both.len(), 1, "named twice, meant once");
    }

    #[test]
    fn unclear_and_unknown_names_are_refused_with_the_candidates() {
        let snapshot = queue(&["/a/film.mp4", "/b/film.mp4", "/c/other.mp4"]);
        let unclear = one(&snapshot, "film", &any).unwrap_err();
        for job in &snapshot.jobs[..2] {
            assert!(unclear.hint.contains(&format!("{}, waiting, to out", named(job))), "{}", unclear.hint);
        }
        assert!(!unclear.hint.contains("other"), "{}", unclear.hint);
        assert!(one(&snapshot, "nothing", &any).unwrap_err().hint.contains("other.mp4"));
        assert!(one(&snapshot, "", &any).is_err());
        assert_eq!(one(&queue(&[]), "film", &any).unwrap_err().hint, "The queue is empty");
        let many = queue(&["/a.mp4"; 12]);
        assert!(
            one(&many, "a.mp4", &any).unwrap_err().hint.ends_with("4 more"),
            "{}",
            one(&many, "a.mp4", &any).unwrap_err().hint
        );
    }

    #[test]
    fn of_several_that_one_is_meant_with_which_alone_it_can_be_done() {
        let mut snapshot = queue(&["/a/film.mp4", "/b/film.mp4", "/c/film.mp4"]);
        let ids: Vec<JobId> = snapshot.jobs.iter().map(|job| job.id).collect();
        snapshot.apply(&Event::JobCancelled { id: ids[0], at: Timestamp::UNIX_EPOCH });
        assert_eq!(one(&snapshot, "film.mp4", &|job| !job.is_waiting()).unwrap().id, ids[0]);
        assert!(one(&snapshot, "film.mp4", &Job::is_waiting).unwrap_err().headline.contains("3 jobs"));
    }
}
