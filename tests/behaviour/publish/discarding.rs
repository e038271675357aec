//! `encode --discard` gives up what interrupted calls have left in buckets and in folders of the user's.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use reelpress::{job::PlaceInBucket, pipeline::publish::withdraw_unless_whole};

use super::{
    stopping::{AtWork, SOON},
    *,
};
use crate::support::{
    clips,
    object_store::{client, shared_endpoint, with_credentials},
    recording_proxy::refusal,
    user::{Ended, User, files_under},
};

/// An address at which nobody listens, as a second place.
fn place_that_is_away() -> String {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    format!("s3://backup/films?endpoint=http://{closed}&region=us-east-1")
}

/// `encode` of a source to the bucket of this location, with more flags.
fn encode(user: &User, location: &S3Location, source: &Path, more: &[&str]) -> std::process::Command {
    let place = OsString::from(format!("s3://{}/films", location.bucket));
    let endpoint = location.endpoint.as_deref().unwrap();
    let flags = ["--endpoint", endpoint].into_iter().chain(more.iter().copied());
    user.encode_command_to(&place, &flags.map(Into::into).collect::<Vec<_>>(), &[source], "quick")
}

#[test]
fn a_stream_that_is_finished_in_a_folder_of_the_users_stays_when_the_rest_is_discarded() {
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &shared_endpoint());
    let (user, away) = (User::new(), place_that_is_away());
    let (kept, source) = (user.output(), clips::SMALL.path());
    let call = |more: &[&str]| encode(&user, &location, &source, &[&["--out", &away], more].concat());
    let with_folder = ["--out", kept.to_str().unwrap()];
    let running = AtWork::start(call(&with_folder)).until(|event| event["uploads"][0]["is_whole"] == true);
    let stopped = running.interrupt();
    assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);

    // The folder need not be named again.
    let discarded = Ended::of(call(&["--discard"]));
    assert_eq!(discarded.exit_code, Some(0), "{}", discarded.stderr);
    let [event] = discarded.events_named("discarded")[..] else { panic!("{:#?}", discarded.events) };
    let folder = kept.join("small");
    assert_eq!(event["kept_folder"].as_str(), folder.to_str(), "{event}");
    assert!(event["folder"].is_null(), "{event}");
    let whole = format!("s3://{}/films/small", location.bucket);
    assert_eq!((&event["buckets"], &event["kept_buckets"]), (&serde_json::json!([]), &serde_json::json!([whole])));
    assert!(discarded.stderr.contains(&format!("the finished stream in {whole} stays")), "{}", discarded.stderr);
    assert!(objects(&runtime, &location).contains_key("films/small/master.m3u8"));
    assert!(user.stream_of(&source).media_playlist("180p", "playlist.m3u8").end_list);
    let files = files_under(&folder);
    assert!(!files.iter().any(|file| file.contains(".reelpress-")), "{files:?}");

    let again = Ended::of(call(&[&with_folder[..], &["--discard"]].concat()));
    assert_eq!((again.exit_code, again.events.len()), (Some(0), 0), "{:#?}", again.events);
    assert!(again.stderr.contains("nothing of an interrupted run"), "{}", again.stderr);
    assert_eq!(files_under(&folder), files);
}

#[test]
fn an_unfinished_stream_that_was_to_be_kept_is_discarded_without_naming_its_folder() {
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &shared_endpoint());
    let user = User::new();
    let source = clips::MINUTE.path();
    let kept = user.path("kept");
    let call = encode(&user, &location, &source, &["--keep", kept.to_str().unwrap(), "--max-upload", "300k"]);
    let stopped = AtWork::start(call).until_published(2).interrupt();
    assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);
    let discarded = Ended::of(encode(&user, &location, &source, &["--discard"]));
    assert_eq!(discarded.exit_code, Some(0), "{}", discarded.stderr);
    let [event] = discarded.events_named("discarded")[..] else { panic!("{:#?}", discarded.events) };
    assert_eq!(event["folder"].as_str(), kept.join("minute").to_str(), "{event}");
    assert_eq!(event["buckets"], serde_json::json!([format!("s3://{}/films/minute", location.bucket)]), "{event}");
    assert!(objects(&runtime, &location).is_empty() && !kept.join("minute").exists());
}

#[test]
fn ctrl_c_ends_a_discard_which_says_what_is_left_and_goes_on_when_it_is_typed_again() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let is_held = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&is_held);
    let proxy = RecordingProxy::answering(&endpoint, move |_| {
        while held.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    });
    let at_store = new_bucket(&runtime, &endpoint);
    let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..at_store.clone() };
    let user = User::new();
    let source = clips::MINUTE.path();
    let stopped = AtWork::start(encode(&user, &location, &source, &["--max-upload", "300k"])).until_published(2);
    assert_eq!(stopped.interrupt().exit_code, Some(130));

    is_held.store(true, Ordering::Release);
    let asked = || ["GET", "PUT", "POST", "HEAD"].map(|method| proxy.heads(method).len()).iter().sum::<usize>();
    let before = asked();
    let discard = AtWork::start(encode(&user, &location, &source, &["--discard"]));
    wait_for("a question to the store", || (asked() > before).then_some(()));
    let stopped = discard.interrupt();
    is_held.store(false, Ordering::Release);
    assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);
    assert!(stopped.took < SOON, "{:?}", stopped.took);
    let left = format!("A part of the unfinished stream stays in s3://{}/films/minute", location.bucket);
    assert!(stopped.told.contains(&left) && stopped.told.contains("the same command goes on"), "{}", stopped.told);
    assert_eq!(stopped.events.last().unwrap()["event"], "interrupted", "{:?}", stopped.events);
    assert!(!objects(&runtime, &at_store).is_empty());

    let again = Ended::of(encode(&user, &location, &source, &["--discard"]));
    assert_eq!(again.exit_code, Some(0), "{}", again.stderr);
    assert_eq!(again.events_named("discarded").len(), 1, "{:#?}", again.events);
    assert!(objects(&runtime, &at_store).is_empty());
}

#[test]
fn a_stream_stays_that_only_its_bucket_has_or_of_which_nobody_can_say_whether_it_is_whole() {
    let name =
        "publish::discarding::a_stream_stays_that_only_its_bucket_has_or_of_which_nobody_can_say_whether_it_is_whole";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("bunny");
        write_stream(&folder);
        std::fs::rename(folder.join("main.m3u8"), folder.join("master.m3u8")).unwrap();
        publish_folder(runtime.handle(), &folder, &location, &|_| {}, &CancelToken::default()).unwrap();
        let before = objects(&runtime, &location);
        let place = PlaceInBucket { prefix: "bunny".to_owned(), revision: None };
        let withdraw = |location: &S3Location| {
            withdraw_unless_whole(runtime.handle(), (location, &place), &folder, &CancelToken::default())
        };
        let proxy = RecordingProxy::answering(endpoint, |head| {
            head.contains("list-type=2").then(|| refusal(503, "SlowDown", "Please reduce your request rate."))
        });
        let left = withdraw(&S3Location { endpoint: Some(proxy.endpoint.clone()), ..location.clone() }).unwrap_err();
        assert!(left.into_failure().headline.contains("stays in s3://"));
        assert_eq!(objects(&runtime, &location), before);

        // A program that cleared up behind it was killed in the midst of that.
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(withdraw(&location), Ok(true));
        assert_eq!(objects(&runtime, &location), before);
        let delete = client(endpoint);
        let delete = delete.delete_object().bucket(&location.bucket).key("bunny/master.m3u8").send();
        runtime.block_on(delete).unwrap();
        assert_eq!(withdraw(&location), Ok(false), "it was not led to yet");
        assert_eq!(objects(&runtime, &location), BTreeMap::default());
    });
}
