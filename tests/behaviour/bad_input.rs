//! What can go wrong with a job: each ends that job alone, with a reason and a remedy, and leaves nothing half-made.

mod buckets;
mod interrupted;
mod sources;
mod targets;

use serde_json::Value;

use crate::support::user::{Ended, User};

/// The failure of the only job that failed, or of the only source that gave no job.
#[track_caller]
fn only_failure(ended: &Ended) -> &Value {
    let failed = [ended.events_named("job_failed"), ended.events_named("noticed")].concat();
    assert_eq!(failed.len(), 1, "{:#?}\n{}", ended.events, ended.stderr);
    &failed[0]["failure"]
}

/// Panics unless exactly one job failed, in this way, told so that a person knows what to do.
#[track_caller]
fn assert_failed_alone(ended: &Ended, kind: &str, named: &str) {
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    let failure = only_failure(ended);
    let label = format!("{failure:#}");
    assert_eq!(failure["kind"], kind, "{label}");
    assert!(failure["headline"].as_str().is_some_and(|line| line.contains(named) && !line.contains('\n')), "{label}");
    assert!(failure["hint"].as_str().is_some_and(|line| !line.is_empty() && !line.contains('\n')), "{label}");
}

/// Panics if anything of an unfinished stream is left, or any process.
#[track_caller]
fn assert_nothing_left(user: &User, finished_streams: &[&str]) {
    for file in user.output_files() {
        let is_finished = finished_streams.iter().any(|name| file.starts_with(&format!("{name}/")));
        assert!(is_finished && !file.contains(".reelpress-"), "{file} is left");
    }
    assert_eq!(user.processes(), Vec::<String>::new(), "processes are left");
}
