//! Buckets that can't be published to.

use std::{ffi::OsString, process::Command};

use super::{assert_failed_alone, assert_nothing_left};
use crate::support::{
    clips, object_store,
    user::{Ended, User},
};

/// Encodes the sample to this destination in the store with this endpoint.
fn publish(user: &User, bucket: &str, endpoint: &str, change: impl FnOnce(&mut Command)) -> Ended {
    let options: [OsString; 2] = ["--endpoint".into(), endpoint.into()];
    let destination = OsString::from(format!("s3://{bucket}/films"));
    let mut command = user.encode_command_to(&destination, &options, &[&clips::sample()], "quick");
    change(&mut command);
    Ended::of(command)
}

fn bucket_of_the_store() -> (String, String) {
    let endpoint = object_store::shared_endpoint();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let location = object_store::new_bucket(&runtime, &endpoint);
    (location.bucket, endpoint)
}

#[test]
fn a_bucket_that_does_not_exist() {
    let user = User::new();
    let ended = publish(&user, "no-such-bucket", &object_store::shared_endpoint(), |_| {});
    assert_failed_alone(&ended, "bucket_missing", "no-such-bucket");
    assert_nothing_left(&user, &[]);
}

#[test]
fn a_secret_key_that_is_wrong() {
    let user = User::new();
    let (bucket, endpoint) = bucket_of_the_store();
    let ended = publish(&user, &bucket, &endpoint, |command| {
        command.env("AWS_SECRET_ACCESS_KEY", "not-the-secret");
    });
    assert_failed_alone(&ended, "credentials_refused", "");
    assert!(!format!("{ended:?}").contains("not-the-secret"), "the secret is shown");
    assert_nothing_left(&user, &[]);
}
