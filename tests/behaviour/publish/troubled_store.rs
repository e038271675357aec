//! A store that is in trouble while a stream goes up: it refuses for a while, stands still, or loses its bucket.

use super::*;

/// More than the requests of one file are tried in one go.
const REFUSALS: usize = 12;
const FROZEN: Duration = Duration::from_secs(3);

#[test]
fn a_store_that_is_overloaded_or_fails_for_a_while_gets_the_whole_stream() {
    with_credentials(
        "publish::troubled_store::a_store_that_is_overloaded_or_fails_for_a_while_gets_the_whole_stream",
        |endpoint| {
            let runtime = Runtime::new().unwrap();
            let parent = TempDir::new().unwrap();
            let folder = parent.path().join("film");
            write_stream(&folder);
            let refused = AtomicUsize::new(0);
            let proxy = RecordingProxy::answering(endpoint, move |head| {
                let is_media = head.starts_with("PUT ") && head.contains(".m4s");
                let number = is_media.then(|| refused.fetch_add(1, Ordering::AcqRel))?;
                match number % 2 {
                    _ if number >= REFUSALS => None,
                    0 => Some(refusal(503, "SlowDown", "Please reduce your request rate.")),
                    _ => Some(refusal(500, "InternalError", "We encountered an internal error. Please try again.")),
                }
            });
            let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
            publish(&runtime, &folder, &location).unwrap();
            assert_eq!(objects(&runtime, &location).len(), 12);
            assert!(proxy.heads("PUT").len() >= 12 + REFUSALS);
        },
    );
}

#[test]
fn an_upload_to_a_store_that_was_frozen_goes_on() {
    with_credentials("publish::troubled_store::an_upload_to_a_store_that_was_frozen_goes_on", |_| {
        let runtime = Runtime::new().unwrap();
        let store = ObjectStore::start();
        let location = new_bucket(&runtime, &store.endpoint);
        let folder = TempDir::new().unwrap();
        let mut publisher =
            Publisher::start(runtime.handle(), &location, folder.path(), new("film"), &CancelToken::default()).unwrap();
        finish_files(&publisher, folder.path(), "before", 1);
        wait_until(|| publisher.status().published_files == 1);
        store.freeze();
        finish_files(&publisher, folder.path(), "after", 20);
        std::thread::sleep(FROZEN);
        assert_eq!(publisher.status().published_files, 1);
        store.thaw();
        publisher.finish().unwrap();
        assert_eq!(objects(&runtime, &location).len(), 21);
    });
}

#[test]
fn a_bucket_that_is_removed_in_an_upload_is_told() {
    with_credentials("publish::troubled_store::a_bucket_that_is_removed_in_an_upload_is_told", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("film");
        write_stream(&folder);
        // SeaweedFS makes a bucket again that is written to.
        let sent = AtomicUsize::new(0);
        let proxy = RecordingProxy::answering(endpoint, move |head| {
            let is_gone = head.starts_with("PUT ") && sent.fetch_add(1, Ordering::AcqRel) >= 3;
            is_gone.then(|| refusal(404, "NoSuchBucket", "The specified bucket does not exist"))
        });
        let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
        let failure = publish(&runtime, &folder, &location).unwrap_err().into_failure();
        assert_eq!(failure.kind, FailureKind::BucketMissing, "{failure:?}");
        assert!(failure.headline.contains(&location.bucket), "{failure:?}");
        assert!(folder.join("main.m3u8").is_file(), "what was made stays here");
    });
}
