//! A store that is in trouble while a stream goes up: it refuses for a while, stands still, or loses its bucket.

use super::*;
use crate::support::recording_proxy::answer;

/// More than the requests of one file are tried in one go.
const REFUSALS: usize = 12;
/// One more than the tries of one request.
const JOINING_TRIES: usize = 7;
const FROZEN: Duration = Duration::from_secs(3);
/// More than a store needs under load, less than anybody takes for silence.
const SLOW_ANSWER: Duration = Duration::from_millis(1500);

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
fn a_store_that_takes_its_time_for_each_answer_is_sent_each_file_once() {
    let name = "publish::troubled_store::a_store_that_takes_its_time_for_each_answer_is_sent_each_file_once";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("film");
        write_stream(&folder);
        let proxy = RecordingProxy::answering(endpoint, |_| {
            std::thread::sleep(SLOW_ANSWER);
            None
        });
        let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
        publish(&runtime, &folder, &location).unwrap();
        assert_eq!(objects(&runtime, &location).len(), 12);
        let sent = |path: &str| proxy.heads("PUT").iter().filter(|head| head.contains(path)).count();
        for path in ["720p/segment-2.m4s", "audio/segment-3.m4s", "720p/media.m3u8", "film/main.m3u8", "poster.jpg"] {
            assert_eq!(sent(path), 1, "{path}");
        }
    });
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

#[test]
fn a_store_that_says_yes_and_means_no_when_parts_are_joined_is_not_believed() {
    let name = "publish::troubled_store::a_store_that_says_yes_and_means_no_when_parts_are_joined_is_not_believed";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let (proxy, failures) = before_a_store_that_fails_to_join(endpoint);
        let at_store = new_bucket(&runtime, endpoint);
        let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..at_store.clone() };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("large");
        write(&folder, "film.bin", &vec![7; 17 << 20]);
        publish(&runtime, &folder, &location).unwrap();
        assert!(failures.load(Ordering::Acquire) > JOINING_TRIES, "it was asked again");
        let url = format!("{endpoint}/{}/large/film.bin", at_store.bucket);
        assert_eq!(read_url(&url).len(), 17 << 20);
        assert_eq!(unfinished_uploads(&runtime, &at_store), 0);
    });
}

#[test]
fn a_file_whose_parts_could_not_be_joined_is_not_taken_for_an_older_one() {
    let name = "publish::troubled_store::a_file_whose_parts_could_not_be_joined_is_not_taken_for_an_older_one";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let at_store = new_bucket(&runtime, endpoint);
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("large");
        // By these the folder is known again.
        for number in ["0", "1", "2", "3", "96", "97", "98", "99"] {
            write(&folder, &format!("{number}.bin"), b"same");
        }
        write(&folder, "50.bin", &vec![7; 17 << 20]);
        publish(&runtime, &folder, &at_store).unwrap();
        write(&folder, "50.bin", &vec![8; 17 << 20]);
        let (proxy, failures) = before_a_store_that_fails_to_join(endpoint);
        let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..at_store.clone() };
        publish(&runtime, &folder, &location).unwrap();
        assert!(failures.load(Ordering::Acquire) > JOINING_TRIES, "it was asked again");
        let url = format!("{endpoint}/{}/large/50.bin", at_store.bucket);
        assert_eq!(read_url(&url)[..1], [8]);
    });
}

/// Whatever was begun is answered with 200 before it is known how it ends (Amazon S3 API Reference,
/// CompleteMultipartUpload). Gives how often it was asked, too.
fn before_a_store_that_fails_to_join(endpoint: &str) -> (RecordingProxy, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let noted = Arc::clone(&asked);
    let proxy = RecordingProxy::answering(endpoint, move |head| {
        let is_end = head.starts_with("POST ") && head.contains("uploadId=");
        let body = "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>Try again</Message></Error>";
        (is_end && noted.fetch_add(1, Ordering::AcqRel) < JOINING_TRIES).then(|| answer(200, body))
    });
    (proxy, asked)
}

#[test]
fn a_clock_that_goes_wrong_during_an_upload_is_told_as_such() {
    with_credentials("publish::troubled_store::a_clock_that_goes_wrong_during_an_upload_is_told_as_such", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let proxy = RecordingProxy::answering(endpoint, |head| {
            let message = "The difference between the request time and the current time is too large.";
            (head.starts_with("PUT ") && head.contains("segment-3"))
                .then(|| refusal(403, "RequestTimeTooSkewed", message))
        });
        let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("bunny");
        write_stream(&folder);
        let failure = publish(&runtime, &folder, &location).unwrap_err().into_failure();
        assert!(failure.headline.contains("clock") && failure.hint.contains("clock"), "{failure:?}");
    });
}
