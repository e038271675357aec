//! A stream in a private bucket is watched through presigned addresses.

use std::ffi::OsString;

use reelpress::{job::S3Location, pipeline::publish::publish_folder, tools::cancel::CancelToken};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::write_stream;
use crate::support::{
    browser, clips,
    object_store::{ObjectStore, new_bucket, with_credentials},
    recording_proxy::RecordingProxy,
    user::{Ended, User},
    wait_for,
};

fn status(url: &str) -> u16 {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    agent.get(url).call().unwrap().status().as_u16()
}

#[test]
fn a_private_stream_plays_in_a_browser_by_its_presigned_address() {
    let store = ObjectStore::start_private();
    let runtime = Runtime::new().unwrap();
    let bucket = new_bucket(&runtime, &store.endpoint).bucket;
    let user = User::new();
    let flags: Vec<OsString> =
        ["--endpoint", &store.endpoint, "--presign", "2h", "--speed", "ultrafast", "--dash", "--mp4"]
            .map(Into::into)
            .to_vec();
    let destination = OsString::from(format!("s3://{bucket}/films"));
    let ended = Ended::of(user.encode_command_to(&destination, &flags, &[&clips::SMALL.path()], "quick"));
    ended.assert_all_done();
    let finished = ended.events_named("job_finished")[0];
    let url = finished["urls"][0].as_str().unwrap();
    assert!(url.contains("/master.signed.m3u8?") && url.contains("X-Amz-Expires=7200"), "{url}");
    let plain = format!(
        "{}/{bucket}/films/{}/master.m3u8",
        store.endpoint,
        clips::SMALL.path().file_stem().unwrap().to_string_lossy()
    );
    assert_eq!((status(&plain), status(url)), (403, 200));
    browser::play_url(url).assert_flawless(1, 7.0);
    let urls = finished["urls"].as_array().unwrap().iter().filter_map(|url| url.as_str());
    let films: Vec<&str> = urls.filter(|url| url.contains("/mp4/")).collect();
    assert!(!films.is_empty() && films.iter().all(|film| status(film) == 200), "{films:?}");
    let warnings = finished["warnings"].to_string();
    assert!(warnings.contains("manifest.mpd has no presigned address") && warnings.contains("end at 20"), "{warnings}");
    assert!(!warnings.contains("Viewers may not read"), "the presigned address was looked at: {warnings}");
}

#[test]
fn a_presigned_address_ends_in_time() {
    with_credentials("publish::presigned::a_presigned_address_ends_in_time", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let place = S3Location { presign: Some(std::time::Duration::from_secs(1)), ..new_bucket(&runtime, endpoint) };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("bunny");
        write_stream(&folder);
        let cancel = CancelToken::default();
        let published = publish_folder(runtime.handle(), &folder, &place, &|_| {}, &cancel).unwrap();
        assert!(published.urls.iter().all(|url| url.contains("X-Amz-Signature=")), "{:?}", published.urls);
        wait_for("the end of the address", || (status(&published.urls[0]) == 403).then_some(()));
        // The same files again: what was signed before is no other stream.
        let again = S3Location { presign: None, ..place };
        let again = publish_folder(runtime.handle(), &folder, &again, &|_| {}, &cancel).unwrap();
        assert!(again.urls[0].ends_with("/bunny/main.m3u8"), "{:?}", again.urls);
    });
}

#[test]
fn a_cache_before_the_store_does_not_tell_the_time_by_which_is_signed() {
    let name = "publish::presigned::a_cache_before_the_store_does_not_tell_the_time_by_which_is_signed";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let cache = RecordingProxy::answering(endpoint, |_| {
            let date = "Date: Thu, 01 Jan 2026 00:00:00 GMT";
            Some(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{date}\r\nAge: 60\r\n\r\n"))
        });
        let place = S3Location {
            presign: Some(std::time::Duration::from_secs(3600)),
            public_url: Some(cache.endpoint.clone()),
            ..new_bucket(&runtime, endpoint)
        };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("bunny");
        write_stream(&folder);
        let cancel = CancelToken::default();
        let published = publish_folder(runtime.handle(), &folder, &place, &|_| {}, &cancel).unwrap();
        assert_eq!(status(&published.urls[0]), 200, "{:?}", published.urls);
        assert!(!published.warnings.iter().any(|warning| warning.contains("clock")), "{:?}", published.warnings);
    });
}
