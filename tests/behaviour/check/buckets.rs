//! Streams in buckets that nobody reads without credentials.

use std::{ffi::OsString, path::Path};

use reelpress::job::S3Location;
use tokio::runtime::Runtime;

use super::{call, good_stream};
use crate::support::{
    object_store::{ObjectStore, client, new_bucket, shared_endpoint},
    output_of,
    user::User,
};

/// Publishes a folder under `films` of a new bucket.
fn publish(user: &User, endpoint: &str, folder: &Path, flags: &[&str]) -> S3Location {
    let bucket = new_bucket(&Runtime::new().unwrap(), endpoint);
    let location = S3Location { prefix: "films".to_owned(), ..bucket };
    let mut publish = user.reelpress();
    publish.arg("publish").arg(folder).arg(location.to_string());
    output_of({
        publish.args(["--no-public-check", "--endpoint", endpoint]).args(flags);
        publish
    });
    location
}

/// The rows of the table by the names of their rules.
fn result<'a>(table: &'a str, rule: &str) -> &'a str {
    table.lines().find(|line| line.split_whitespace().next() == Some(rule)).unwrap_or_else(|| panic!("{rule}: {table}"))
}

#[test]
fn a_stream_in_a_private_bucket_is_judged_with_the_credentials_of_its_owner() {
    let store = ObjectStore::start_private();
    let user = User::new();
    let location = publish(&user, &store.endpoint, good_stream(), &[]);
    let name = good_stream().file_name().unwrap().to_str().unwrap();
    let place = format!("{location}/{name}");
    let check = |place: &str, flags: &[&str]| {
        let flags = [&["--endpoint", &store.endpoint], flags].concat();
        call(&user, &[&[place], flags.as_slice()].concat())
    };

    let (code, table, told) = check(&place, &[]);
    assert_eq!(code, Some(0), "{table}\n{told}");
    for rule in ["segment-present", "i-frame-ranges", "playlist-type-header", "media-type-header", "cache-control"] {
        assert!(result(&table, rule).contains("kept"), "{table}");
    }
    for playlist in ["master.m3u8", "ts/master.m3u8", "360p/playlist.m3u8"] {
        let (code, table, told) = check(&format!("{place}/{playlist}"), &[]);
        assert_eq!(code, Some(0), "{playlist}: {table}\n{told}");
    }
    let url = format!("{}/{}/films/{name}/master.m3u8", store.endpoint, location.bucket);
    let (code, _, told) = call(&user, &[&url]);
    assert_eq!(code, Some(1), "nobody else may read it");
    assert!(told.contains("403"), "{told}");

    let (code, _, told) = check(&format!("{location}/nothing"), &[]);
    assert_eq!(code, Some(2), "{told}");
    let (code, _, told) = check(&format!("{place}/gone.m3u8"), &[]);
    assert_eq!(code, Some(1), "{told}");
    user.file("aws-credentials", b"[stranger]\naws_access_key_id = testkey\naws_secret_access_key = wrong\n");
    let (code, _, told) = check(&place, &["--profile", "stranger"]);
    assert!(code == Some(1) && told.contains("credentials are refused"), "{code:?} {told}");

    let runtime = Runtime::new().unwrap();
    let gone = format!("films/{name}/720p/segment_00001.m4s");
    let delete = client(&store.endpoint).delete_object().bucket(&location.bucket).key(gone);
    runtime.block_on(delete.send()).unwrap();
    let (code, table, told) = check(&place, &["-v"]);
    assert_eq!(code, Some(1), "{table}");
    assert!(result(&table, "segment-present").contains("is not there"), "{table}");
    assert!(!format!("{table}{told}").contains("X-Amz-"), "an address that anyone could use is shown: {table}{told}");
}

#[test]
fn a_stream_that_replaces_others_keeps_every_rule_in_each_form() {
    let (user, endpoint) = (User::new(), shared_endpoint());
    let location = publish(&user, &endpoint, good_stream(), &["--replace"]);
    let name = good_stream().file_name().unwrap().to_str().unwrap();
    for playlist in ["", "/master.m3u8", "/ts/master.m3u8"] {
        let place = format!("{location}/{name}{playlist}");
        let (code, table, told) = call(&user, &[&place, "--endpoint", &endpoint]);
        assert_eq!(code, Some(0), "{place}: {table}\n{told}");
        assert!(result(&table, "uri-inside").contains("kept"), "{place}: {table}");
    }
}

#[test]
fn flags_of_a_store_belong_to_a_bucket() {
    let user = User::new();
    let folder: OsString = good_stream().into();
    let (code, _, told) = call(&user, &[folder.to_str().unwrap(), "--region", "eu-west-1"]);
    assert!(code == Some(2) && told.contains("s3://"), "{code:?} {told}");
}
