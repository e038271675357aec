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

/// What the page says at which a network asks people to sign in, for any request.
fn sign_in_page() -> String {
    let page = "<!doctype html><html><title>Welcome</title><body>Please sign in.</body></html>";
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}", page.len())
}

#[test]
fn a_network_that_asks_to_sign_in_is_told_as_such_and_takes_no_file_for_the_store() {
    with_credentials(
        "publish::troubled_store::a_network_that_asks_to_sign_in_is_told_as_such_and_takes_no_file_for_the_store",
        |endpoint| {
            let runtime = Runtime::new().unwrap();
            let parent = TempDir::new().unwrap();
            let folder = parent.path().join("film");
            write_stream(&folder);
            let portal = RecordingProxy::answering(endpoint, |_| Some(sign_in_page()));
            let location = S3Location { endpoint: Some(portal.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
            let failure = publish(&runtime, &folder, &location).unwrap_err().into_failure();
            assert!(failure.headline.ends_with("is no S3 store"), "{failure:?}");
            assert!(failure.hint.contains("sign in") && !failure.hint.contains("checksum"), "{failure:?}");

            // In the middle of an upload it is waited for.
            let shown = AtomicUsize::new(0);
            let portal = RecordingProxy::answering(endpoint, move |head| {
                let is_media = head.contains(".m4s");
                (is_media && shown.fetch_add(1, Ordering::AcqRel) < 4).then(sign_in_page)
            });
            let location = S3Location { endpoint: Some(portal.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
            publish(&runtime, &folder, &location).unwrap();
            assert_eq!(objects(&runtime, &location).len(), 12);
        },
    );
}

#[test]
fn the_headline_tells_what_a_store_says_that_refuses() {
    let user = crate::support::user::User::new();
    let folder = user.path("film");
    write_stream(&folder);
    let endpoint = crate::support::object_store::shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &endpoint);
    let proxy = RecordingProxy::answering(&endpoint, |head| {
        let is_media = head.starts_with("PUT ") && head.contains(".m4s");
        is_media.then(|| refusal(400, "InvalidStorageClass", "The storage class you specified is not valid"))
    });
    let mut publish = user.reelpress();
    publish.arg("publish").arg(&folder).arg(format!("s3://{}", location.bucket)).args(["--endpoint", &proxy.endpoint]);
    let output = crate::support::run(publish);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("InvalidStorageClass: The storage class you specified is not valid"), "{told}");
    assert!(told.contains("storage class, tags") && !told.contains("details") && !told.contains("checksum"), "{told}");
}
