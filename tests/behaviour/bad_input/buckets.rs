//! Buckets that can't be published to.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, TcpListener},
    process::Command,
};

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

#[test]
fn an_endpoint_where_nobody_listens() {
    let user = User::new();
    let closed = closed_address();
    let ended = publish(&user, "films", &format!("http://{closed}"), |_| {});
    assert_failed_alone(&ended, "network_lost", &closed);
    assert_nothing_left(&user, &[]);
}

#[test]
fn a_folder_gets_its_stream_also_when_the_store_beside_it_does_not_answer() {
    let user = User::new();
    let closed = closed_address();
    let options = ["--endpoint".into(), format!("http://{closed}").into(), "--out".into(), user.output().into()];
    let destination = OsString::from("s3://films/new");
    let ended = Ended::of(user.encode_command_to(&destination, &options, &[&clips::sample()], "quick"));
    assert_failed_alone(&ended, "network_lost", &closed);
    assert!(user.stream_of(&clips::sample()).media_playlist("360p", "playlist.m3u8").end_list);
}

/// An address at which nobody listens.
fn closed_address() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").to_string()
}
