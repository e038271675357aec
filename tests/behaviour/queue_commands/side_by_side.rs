//! Jobs at work at the same time.

use tokio::runtime::Runtime;

use super::*;
use crate::support::object_store::{new_bucket, shared_endpoint};

#[test]
fn a_job_that_is_published_does_not_keep_the_next_one_from_its_encode() {
    let user = User::new();
    let bucket = new_bucket(&Runtime::new().expect("a runtime"), &shared_endpoint()).bucket;
    // So slow that it is at it for longer than the other one takes.
    let slowly = format!("s3://{bucket}?endpoint={}&region=us-east-1&max-upload=40k", shared_endpoint());
    done(
        &user,
        &[
            "add",
            "--preset",
            "quick",
            "--speed",
            "ultrafast",
            "--out",
            &slowly,
            video(&user, "a.mp4").to_str().unwrap(),
        ],
    );
    add(&user, &[video(&user, "b.mp4").to_str().unwrap()]);
    let ended = Ended::of(queue(&user, &["run", "--json", "--jobs", "1"]));
    ended.assert_all_done();
    let jobs: Vec<&Value> = ended.events_named("job_added").iter().map(|event| &event["job"]).collect();
    let [first, second] = jobs[..] else { panic!("{jobs:?}") };
    let place = |job: &Value, is_meant: &dyn Fn(&Value) -> bool| {
        let place = ended.events.iter().position(|event| event["job"] == *job && is_meant(event));
        place.unwrap_or_else(|| panic!("{:#?}", ended.events))
    };
    let published = place(first, &|event| event["stage"] == "publish");
    let begun = place(second, &|event| event["event"] == "job_started");
    let whole = place(second, &|event| event["event"] == "job_finished");
    let all_sent = place(first, &|event| event["event"] == "job_finished");
    assert!(published < begun, "one encode at a time was asked for");
    assert!(whole < all_sent, "the second was done while the first was on its way");
}
