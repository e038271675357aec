//! A user tests a destination and is told which permissions are missing.

use std::{path::Path, process::Command};

use reelpress::{
    failure::FailureKind,
    job::S3Location,
    pipeline::publish::{policy::iam_policy, test_destination},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::objects;
use crate::support::{
    object_store::{credentialed, new_bucket, shared_endpoint, with_credentials},
    recording_proxy::{RecordingProxy, header, refusal},
    run,
};

#[test]
fn all_missing_permissions_are_told_at_once() {
    with_credentials("publish::connection::all_missing_permissions_are_told_at_once", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let good = S3Location { prefix: "films".to_owned(), ..new_bucket(&runtime, endpoint) };
        let missing = |profile: &str| {
            let location = S3Location { profile: Some(profile.to_owned()), ..good.clone() };
            let failure = test_destination(runtime.handle(), &location).unwrap_err().into_failure();
            assert_eq!(failure.kind, FailureKind::PermissionDenied, "{failure:?}");
            failure.hint
        };
        let reader = missing("reader");
        assert!(reader.contains("s3:PutObject") && reader.contains("s3:DeleteObject"), "{reader}");
        assert!(!reader.contains("s3:ListBucket ") && !reader.contains("s3:GetObject"), "{reader}");
        let writer = missing("writer");
        assert!(writer.contains("s3:ListBucket"), "{writer}");
        assert!(!writer.contains("s3:PutObject"), "{writer}");
        assert!(objects(&runtime, &good).is_empty(), "nothing stays behind");
        test_destination(runtime.handle(), &good).unwrap();
        assert!(objects(&runtime, &good).is_empty(), "nothing stays behind");
    });
}

#[test]
fn doctor_prints_the_policy_that_is_missing() {
    let runtime = Runtime::new().unwrap();
    let location = S3Location { prefix: "films".to_owned(), ..new_bucket(&runtime, &shared_endpoint()) };
    let home = TempDir::new().unwrap();
    let doctor = |profile: &str| {
        let mut command = credentialed(Command::new(env!("CARGO_BIN_EXE_reelpress")), home.path());
        command.env("REELPRESS_HOME", home.path().join("reelpress")).args(["doctor", "--destination"]);
        command.arg(location.to_string()).args(["--endpoint", &shared_endpoint(), "--profile", profile]);
        command.env("REELPRESS_FFMPEG", Path::new("/nonexistent"));
        String::from_utf8(run(command).stdout).unwrap()
    };
    let told = doctor("reader");
    assert!(told.contains("FAILED   destination: No permission to write"), "{told}");
    assert!(told.contains(&iam_policy(&location)), "{told}");
}

#[test]
fn doctor_tells_whether_viewers_can_read_the_bucket() {
    let runtime = Runtime::new().unwrap();
    let location = S3Location { prefix: "films".to_owned(), ..new_bucket(&runtime, &shared_endpoint()) };
    let home = TempDir::new().unwrap();
    let doctor = |endpoint: &str, more: &[&str]| {
        let mut command = credentialed(Command::new(env!("CARGO_BIN_EXE_reelpress")), home.path());
        command.env("REELPRESS_HOME", home.path().join("reelpress")).args(["doctor", "--destination"]);
        command.arg(location.to_string()).args(["--endpoint", endpoint]).args(more);
        command.env("REELPRESS_FFMPEG", Path::new("/nonexistent"));
        String::from_utf8(run(command).stdout).unwrap()
    };
    let told = doctor(&shared_endpoint(), &[]);
    assert!(told.contains("ok       viewers: http://") && told.contains("can be read without keys"), "{told}");
    assert!(told.contains("other sites: "), "{told}");
    // In a private bucket only signed requests are answered.
    let private = RecordingProxy::answering(&shared_endpoint(), |head| {
        let is_signed = header(head, "authorization").is_some() || head.contains("X-Amz-Signature");
        (!is_signed).then(|| refusal(403, "AccessDenied", "Access Denied"))
    });
    let told = doctor(&private.endpoint, &[]);
    assert!(told.contains("note     viewers: Viewers may not read") && told.contains("--presign"), "{told}");
    assert!(told.contains("other sites: "), "{told}");
    let told = doctor(&private.endpoint, &["--presign", "12h"]);
    assert!(told.contains("ok       viewers: the bucket is private"), "{told}");
    assert!(!doctor(&private.endpoint, &["--no-public-check"]).contains("viewers"));
    assert!(objects(&runtime, &location).is_empty(), "nothing stays behind");
}

#[test]
fn a_store_that_takes_no_files_is_not_said_to_be_fine() {
    with_credentials("publish::connection::a_store_that_takes_no_files_is_not_said_to_be_fine", |endpoint| {
        let runtime = Runtime::new().unwrap();
        // As a store that was set up without keys: what is signed piece by piece is not taken.
        let proxy = RecordingProxy::answering(endpoint, |head| {
            let is_in_pieces = header(head, "x-amz-content-sha256").is_some_and(|sum| sum.starts_with("STREAMING-"));
            is_in_pieces.then(|| refusal(400, "InvalidRequest", "Signed request requires setting up authentication"))
        });
        let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
        let failure = test_destination(runtime.handle(), &location).unwrap_err().into_failure();
        assert!(failure.headline.contains("refuses to write"), "{failure:?}");
    });
}

#[test]
fn a_wrong_clock_is_told_as_such() {
    with_credentials("publish::connection::a_wrong_clock_is_told_as_such", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let message = "The difference between the request time and the server's time is too large.";
        let proxy = RecordingProxy::answering(endpoint, move |_| Some(refusal(403, "RequestTimeTooSkewed", message)));
        let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
        let failure = test_destination(runtime.handle(), &location).unwrap_err().into_failure();
        assert!(failure.headline.starts_with("This computer's clock differs too much from that of"), "{failure:?}");
        assert!(failure.hint.contains("clock"), "{failure:?}");
        assert!(failure.detail.contains(message), "{failure:?}");
    });
}
