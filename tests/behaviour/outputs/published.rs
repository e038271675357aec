//! All outputs on their way to a bucket.

use std::{collections::BTreeSet, ffi::OsString};

use super::EVERYTHING;
use crate::support::{
    clips, object_store, run,
    user::{Ended, User, files_under},
};

#[test]
fn all_outputs_reach_the_bucket_with_their_types() {
    let endpoint = object_store::shared_endpoint();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bucket = object_store::new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    let kept = user.path("kept");
    let mut flags: Vec<OsString> = EVERYTHING.iter().map(OsString::from).collect();
    flags.extend(["--endpoint".into(), endpoint.clone().into(), "--keep".into(), kept.clone().into_os_string()]);
    let destination = OsString::from(format!("s3://{bucket}/films"));
    let ended = Ended::of(user.encode_command_to(&destination, &flags, &[&clips::sample()], "quick"));
    ended.assert_all_done();

    let client = object_store::client(&endpoint);
    let listed = runtime.block_on(client.list_objects_v2().bucket(&bucket).prefix("films/sample/").send());
    let listed = listed.expect("the bucket can be listed");
    let keys: BTreeSet<String> = listed
        .contents()
        .iter()
        .filter_map(|object| object.key()?.strip_prefix("films/sample/").map(str::to_owned))
        .collect();
    assert_eq!(keys, files_under(&kept.join("sample")).into_iter().collect::<BTreeSet<_>>());
    for (path, expected) in [
        ("manifest.mpd", "application/dash+xml"),
        ("mp4/360p.mp4", "video/mp4"),
        ("ts/master.m3u8", "application/vnd.apple.mpegurl"),
        ("ts/360p/segment_00000.ts", "video/mp2t"),
        ("storyboard/storyboard.vtt", "text/vtt; charset=utf-8"),
        ("storyboard/sheet_1.jpg", "image/jpeg"),
        ("report.json", "application/json"),
    ] {
        let key = format!("films/sample/{path}");
        let head = runtime.block_on(client.head_object().bucket(&bucket).key(&key).send()).expect(path);
        assert_eq!(head.content_type(), Some(expected), "{path}");
    }
    let finished = ended.events_named("job_finished")[0];
    let urls: Vec<&str> = finished["urls"].as_array().expect("urls").iter().filter_map(|url| url.as_str()).collect();
    let is_first = |url: &str, name: &str| url.ends_with(&format!("/films/sample/{name}"));
    assert!(is_first(urls[0], "master.m3u8"), "{urls:?}");
    assert!(urls.iter().any(|url| is_first(url, "manifest.mpd")), "{urls:?}");
    assert!(urls.iter().any(|url| is_first(url, "ts/master.m3u8")), "{urls:?}");
    assert!(urls.iter().any(|url| is_first(url, "mp4/360p.mp4")), "{urls:?}");
    assert!(!urls.iter().any(|url| url.ends_with("init.mp4") || url.ends_with(".m4s")), "{urls:?}");
}

#[test]
fn the_queue_tells_the_addresses_of_mp4_files_beside_a_dash_manifest() {
    let endpoint = object_store::shared_endpoint();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bucket = object_store::new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    let mut add = user.reelpress();
    add.args(["queue", "add", "--preset", "quick", "--dash", "--mp4", "--out", &format!("s3://{bucket}/films")]);
    add.args(["--endpoint", &endpoint]).arg(clips::SMALL.path());
    run(add);
    let mut work = user.reelpress();
    work.args(["queue", "run"]);
    run(work);
    let mut list = user.reelpress();
    list.args(["queue", "list", "--json"]);
    let listed = run(list);
    let told = String::from_utf8_lossy(&listed.stdout);
    for path in ["master.m3u8", "manifest.mpd", "mp4/180p.mp4"] {
        assert!(told.contains(&format!("{endpoint}/{bucket}/films/small/{path}")), "{path}: {told}");
    }
}
