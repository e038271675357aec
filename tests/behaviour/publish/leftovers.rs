//! What earlier runs have left on this machine neither changes the names in a bucket nor stays for ever.

use std::ffi::OsString;

use super::*;
use crate::support::{
    clips,
    object_store::shared_endpoint,
    user::{Ended, User, files_under},
};

/// A store that does not let the multivariant playlist in while it is closed.
struct GuardedStore {
    location: S3Location,
    is_closed: Arc<AtomicBool>,
}

impl GuardedStore {
    fn new(runtime: &Runtime) -> Self {
        let endpoint = shared_endpoint();
        let is_closed = Arc::new(AtomicBool::new(true));
        let closed = Arc::clone(&is_closed);
        let proxy = RecordingProxy::answering(&endpoint, move |head| {
            let is_refused =
                closed.load(Ordering::Acquire) && head.starts_with("PUT ") && head.contains("/master.m3u8");
            is_refused.then(|| refusal(403, "AccessDenied", "Access Denied"))
        });
        Self { location: S3Location { endpoint: Some(proxy.endpoint), ..new_bucket(runtime, &endpoint) }, is_closed }
    }

    fn flags(&self) -> [OsString; 2] {
        ["--endpoint".into(), self.location.endpoint.clone().unwrap().into()]
    }

    /// `reelpress encode` of a small film into the bucket and the user's folder, with these flags too.
    fn encode_into_folder_too(&self, user: &User, more: &[OsString]) -> std::process::Command {
        let place = OsString::from(format!("s3://{}", self.location.bucket));
        let flags = [&self.flags()[..], &["--out".into(), user.output().into()], more].concat();
        user.encode_command_to(&place, &flags, &[&clips::SMALL.path()], "quick")
    }

    fn names(&self, runtime: &Runtime) -> Vec<String> {
        objects(runtime, &self.location).into_keys().collect()
    }
}

fn passing_streams(user: &User) -> Vec<String> {
    files_under(&user.path("home/cache/streams"))
}

#[test]
fn a_stream_is_named_by_what_its_bucket_holds_and_not_by_what_lies_on_this_machine() {
    let runtime = Runtime::new().unwrap();
    let endpoint = shared_endpoint();
    let location = new_bucket(&runtime, &endpoint);
    let user = User::new();
    write(&user.path("home/cache/streams/small"), "master.m3u8", b"#EXTM3U\n");
    write(&user.path("output/small"), "master.m3u8", b"#EXTM3U\n");
    let place = OsString::from(format!("s3://{}", location.bucket));
    let flags: [OsString; 2] = ["--endpoint".into(), endpoint.into()];
    Ended::of(user.encode_command_to(&place, &flags, &[&clips::SMALL.path()], "quick")).assert_all_done();
    let with_folder = [&flags[..], &["--out".into(), user.output().into()]].concat();
    let other = OsString::from(format!("s3://{}/other", location.bucket));
    Ended::of(user.encode_command_to(&other, &with_folder, &[&clips::SMALL.path()], "quick")).assert_all_done();
    let names: Vec<String> = objects(&runtime, &location).into_keys().collect();
    assert!(names.contains(&"small/master.m3u8".to_owned()) && names.contains(&"other/small/master.m3u8".to_owned()));
    assert!(names.iter().all(|name| !name.contains("small-2")), "{names:?}");
    assert!(user.output().join("small-2/master.m3u8").is_file(), "nothing is overwritten in the folder");
}

#[test]
fn the_same_command_sends_the_rest_of_a_stream_that_its_bucket_has_refused_and_leaves_nothing_here() {
    let runtime = Runtime::new().unwrap();
    let store = GuardedStore::new(&runtime);
    let user = User::new();
    let place = OsString::from(format!("s3://{}", store.location.bucket));
    let encode = || Ended::of(user.encode_command_to(&place, &store.flags(), &[&clips::SMALL.path()], "quick"));
    let refused = encode();
    assert_eq!(refused.exit_code, Some(1), "{refused:?}");
    let failure = &refused.events_named("job_failed")[0]["failure"];
    assert!(failure["hint"].as_str().unwrap().contains("the same command, typed again, sends the rest"), "{failure}");
    assert!(passing_streams(&user).contains(&"small/master.m3u8".to_owned()));

    store.is_closed.store(false, Ordering::Release);
    let ended = encode();
    ended.assert_all_done();
    assert!(ended.events_named("job_planned")[0]["goes_on_at_seconds"].is_number(), "nothing is encoded again");
    let names = store.names(&runtime);
    assert!(names.contains(&"small/master.m3u8".to_owned()), "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("small/")), "{names:?}");
    assert_eq!(passing_streams(&user), Vec::<String>::new(), "nothing stays here");
}

#[test]
fn the_same_command_sends_the_rest_of_a_stream_that_is_kept_in_a_folder_and_was_refused() {
    let runtime = Runtime::new().unwrap();
    let store = GuardedStore::new(&runtime);
    let user = User::new();
    let encode = || Ended::of(store.encode_into_folder_too(&user, &[]));
    let refused = encode();
    assert_eq!(refused.exit_code, Some(1), "{refused:?}");
    let failure = &refused.events_named("job_failed")[0]["failure"];
    assert!(
        failure["hint"].as_str().unwrap().contains("the same command, typed again, or “reelpress publish”"),
        "{failure}"
    );

    store.is_closed.store(false, Ordering::Release);
    let ended = encode();
    ended.assert_all_done();
    assert!(ended.events_named("job_planned")[0]["goes_on_at_seconds"].is_number(), "nothing is encoded again");
    let kept = user.output_files();
    assert!(kept.contains(&"small/master.m3u8".to_owned()), "{kept:?}");
    assert_eq!(store.names(&runtime), kept, "one stream, the same here and there");
}

#[test]
fn a_finished_folder_whose_bucket_has_refused_it_can_be_published_elsewhere_or_given_up() {
    let runtime = Runtime::new().unwrap();
    let store = GuardedStore::new(&runtime);
    let user = User::new();
    let refused = Ended::of(store.encode_into_folder_too(&user, &[]));
    assert_eq!(refused.exit_code, Some(1), "{refused:?}");

    let elsewhere = new_bucket(&runtime, &shared_endpoint());
    let mut publish = user.reelpress();
    publish.arg("publish").arg(user.output().join("small")).arg(format!("s3://{}", elsewhere.bucket));
    publish.args(["--endpoint", &shared_endpoint()]);
    crate::support::output_of(publish);
    let there: Vec<String> = objects(&runtime, &elsewhere).into_keys().collect();
    assert!(there.contains(&"small/master.m3u8".to_owned()), "{there:?}");

    crate::support::output_of(store.encode_into_folder_too(&user, &["--discard".into()]));
    assert_eq!(store.names(&runtime), Vec::<String>::new(), "nothing stays of what was refused");
    assert_eq!(user.output_files(), there, "the finished folder stays");
}

#[test]
fn a_failed_job_that_is_taken_off_the_queue_leaves_nothing_in_the_cache() {
    let runtime = Runtime::new().unwrap();
    let store = GuardedStore::new(&runtime);
    let user = User::new();
    let queue = |arguments: &[&str]| {
        let mut command = user.reelpress();
        command.arg("queue").args(arguments);
        command
    };
    let mut add = queue(&["add", "--preset", "quick", "--out", &format!("s3://{}", store.location.bucket)]);
    add.args(store.flags()).arg(clips::SMALL.path());
    crate::support::output_of(add);
    let ended = Ended::of(queue(&["run", "--json"]));
    assert_eq!(ended.exit_code, Some(1), "{ended:?}");
    assert!(passing_streams(&user).contains(&"small/master.m3u8".to_owned()), "a retry sends the rest");
    crate::support::output_of(queue(&["remove", "small"]));
    assert_eq!(passing_streams(&user), Vec::<String>::new());
}
