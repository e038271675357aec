//! A stream takes the place of an earlier one, or keeps away from the place of another.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use reelpress::{
    failure::FailureKind,
    job::S3Location,
    pipeline::publish::{
        FileContent, FinishedFile, PublishedLocation, Publisher, publish_folder,
        replace::{self, Cleaned},
    },
    tools::cancel::CancelToken,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{MULTIVARIANT, new, objects, read_url, unfinished_uploads, write, write_stream};
use crate::support::{
    object_store::{client, credentialed, new_bucket, shared_endpoint, with_credentials},
    recording_proxy::{RecordingProxy, answer, header, refusal},
    wait_for,
};

const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// A stream all of whose segments hold this number.
pub fn write_version(folder: &Path, version: u8) {
    write_stream(folder);
    for rendition in ["720p", "audio"] {
        for segment in 1..=3 {
            write(folder, &format!("{rendition}/segment-{segment}.m4s"), &[version; 1000]);
        }
    }
}

pub fn publish_version(runtime: &Runtime, version: u8, location: &S3Location) -> PublishedLocation {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("bunny");
    write_version(&folder, version);
    publish_folder(runtime.handle(), &folder, location, &|_| {}, &CancelToken::default()).unwrap()
}

/// Playlists that the multivariant playlist at `url` names.
pub fn media_playlists(url: &str) -> Vec<String> {
    let text = String::from_utf8(read_url(url)).unwrap();
    let audio = text.split("URI=\"").nth(1).unwrap().split('"').next().unwrap();
    let video = text.lines().last().unwrap();
    [video, audio].map(|path| beside(url, path)).to_vec()
}

fn beside(url: &str, path: &str) -> String {
    format!("{}/{path}", url.rsplit_once('/').unwrap().0)
}

/// Reads all that media playlists name; gives the version, which is the same in every segment.
pub fn play(playlists: &[String]) -> u8 {
    let mut versions = Vec::new();
    for playlist in playlists {
        let text = String::from_utf8(read_url(playlist)).unwrap();
        assert!(!read_url(&beside(playlist, "init.mp4")).is_empty());
        for segment in text.lines().filter(|line| line.ends_with(".m4s")) {
            versions.push(read_url(&beside(playlist, segment))[0]);
        }
    }
    assert_eq!(versions.len(), 6);
    assert!(versions.iter().all(|version| *version == versions[0]), "streams are mixed: {versions:?}");
    versions[0]
}

#[test]
fn viewers_notice_nothing_of_a_replacement() {
    with_credentials("publish::replacing::viewers_notice_nothing_of_a_replacement", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let bucket = S3Location { prefix: "films".to_owned(), ..new_bucket(&runtime, endpoint) };
        let in_an_hour = S3Location { replace_after: Some(Duration::from_secs(3600)), ..bucket.clone() };
        let first = publish_version(&runtime, 1, &bucket);
        let url = first.urls[0].clone();
        let pictures: Vec<&String> = first.urls.iter().filter(|url| url.ends_with(".jpg")).collect();
        assert!(!pictures.is_empty());
        let old = media_playlists(&url);
        let (ended, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            // One has begun with the old stream, another one comes anew each time.
            let viewers = scope.spawn(|| {
                let mut seen = Vec::new();
                while !ended.load(Ordering::Acquire) {
                    assert_eq!(play(&old), 1, "the old stream plays on");
                    seen.push(play(&media_playlists(&url)));
                    rounds.fetch_add(1, Ordering::Release);
                }
                seen
            });
            wait_for("a viewer", || (rounds.load(Ordering::Acquire) > 0).then_some(()));
            let published = publish_version(&runtime, 2, &in_an_hour);
            assert_eq!(published.urls, first.urls, "the addresses stay");
            let after = rounds.load(Ordering::Acquire);
            wait_for("a later viewer", || {
                (rounds.load(Ordering::Acquire) > after + 1 || viewers.is_finished()).then_some(())
            });
            ended.store(true, Ordering::Release);
            let seen = viewers.join().unwrap();
            assert_eq!((seen.first(), seen.last()), (Some(&1), Some(&2)));
            assert!(seen.is_sorted(), "nobody is led back: {seen:?}");
        });

        let clean = || replace::clean(runtime.handle(), &bucket, A_DAY).unwrap();
        assert_eq!(clean(), Cleaned::default(), "the hour is not over");
        assert_eq!(play(&old), 1);
        publish_version(&runtime, 3, &S3Location { replace_after: Some(Duration::ZERO), ..bucket.clone() });
        // Ten files of the first stream beside its multivariant playlist and its picture, and those of the second.
        assert_eq!(clean(), Cleaned { objects: 20, uploads: 0 });
        assert_eq!(play(&media_playlists(&url)), 3);
        for picture in pictures {
            assert!(!read_url(picture).is_empty(), "{picture} stays too");
        }
        let left = objects(&runtime, &bucket);
        let files = left.keys().filter(|key| !key.contains("/.reelpress/")).count();
        assert_eq!(files, 12, "{:?}", left.keys());
    });
}

#[test]
fn what_is_due_is_removed_by_a_later_start() {
    with_credentials("publish::replacing::what_is_due_is_removed_by_a_later_start", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let bucket = new_bucket(&runtime, endpoint);
        publish_version(&runtime, 1, &bucket);
        let replaced =
            publish_version(&runtime, 2, &S3Location { replace_after: Some(Duration::ZERO), ..bucket.clone() });
        let home = TempDir::new().unwrap();
        let records = reelpress::settings::AppFolders::under(home.path()).replaced();
        replace::remember(replaced.replaced.as_ref(), &records);
        assert!(objects(&runtime, &bucket).contains_key("bunny/720p/segment-1.m4s"));
        let mut command = credentialed(Command::new(env!("CARGO_BIN_EXE_reelpress")), home.path());
        let output = command.env("REELPRESS_HOME", home.path()).args(["publish", "--clean"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("Removed 10 objects"), "{told}");
        assert!(!objects(&runtime, &bucket).contains_key("bunny/720p/segment-1.m4s"));
        assert_eq!(std::fs::read_dir(&records).unwrap().count(), 0);
        assert_eq!(play(&media_playlists(&replaced.urls[0])), 2);
    });
}

#[test]
fn what_the_store_has_lost_is_noticed_before_viewers_are_led_to_it() {
    with_credentials(
        "publish::replacing::what_the_store_has_lost_is_noticed_before_viewers_are_led_to_it",
        |endpoint| {
            let runtime = Runtime::new().unwrap();
            let bucket = new_bucket(&runtime, endpoint);
            let url = publish_version(&runtime, 1, &bucket).urls[0].clone();
            // It says that it has the segment, and has not.
            let proxy = RecordingProxy::answering(endpoint, |head| {
                (head.starts_with("PUT ") && head.contains("/720p/segment-2.m4s")).then(|| answer(200, ""))
            });
            let location = S3Location {
                endpoint: Some(proxy.endpoint.clone()),
                replace_after: Some(Duration::ZERO),
                ..bucket.clone()
            };
            let parent = TempDir::new().unwrap();
            let folder = parent.path().join("bunny");
            write_version(&folder, 2);
            let replaced = publish_folder(runtime.handle(), &folder, &location, &|_| {}, &CancelToken::default());
            let failure = replaced.unwrap_err().into_failure();
            assert_eq!(failure.kind, FailureKind::StreamIncorrect, "{failure:?}");
            assert!(failure.headline.contains("720p/segment-2.m4s"), "{failure:?}");
            assert_eq!(play(&media_playlists(&url)), 1, "the old stream is still played");
            assert!(proxy.heads("PUT").iter().all(|head| !head.contains("/main.m3u8")));
        },
    );
}

#[test]
fn two_programs_that_publish_under_one_name_never_mix() {
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &shared_endpoint());
    let folders = TempDir::new().unwrap();
    let publishing: Vec<_> = (1..=4_u8)
        .map(|version| {
            let folder = folders.path().join(version.to_string()).join("bunny");
            write_version(&folder, version);
            let mut command = credentialed(Command::new(env!("CARGO_BIN_EXE_reelpress")), &folders.path().join("home"));
            command.env("REELPRESS_HOME", folders.path().join("home")).arg("publish").arg(folder);
            command.arg(location.to_string()).args(["--endpoint", &shared_endpoint(), "--no-public-check"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut versions = Vec::new();
    for program in publishing {
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let urls = String::from_utf8(output.stdout).unwrap();
        versions.push(play(&media_playlists(urls.lines().next().unwrap())));
    }
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4]);
    assert!(objects(&runtime, &location).keys().all(|key| !key.contains(".reelpress")), "no claim stays");
}

#[test]
fn a_stream_of_another_program_stays_as_it_is() {
    with_credentials("publish::replacing::a_stream_of_another_program_stays_as_it_is", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let folder = TempDir::new().unwrap();
        write_stream(folder.path());
        let cancel = CancelToken::default();
        let mut publisher = Publisher::start(runtime.handle(), &location, folder.path(), new("film"), &cancel).unwrap();
        let other = client(endpoint).put_object().bucket(&location.bucket).key("film/main.m3u8");
        runtime.block_on(other.body(b"another stream".to_vec().into()).send()).unwrap();
        for path in ["720p", "audio"].map(|rendition| format!("{rendition}/media.m3u8")) {
            let folder = path.split('/').next().unwrap();
            for file in ["init.mp4", "segment-1.m4s", "segment-2.m4s", "segment-3.m4s", "media.m3u8"] {
                let path = format!("{folder}/{file}");
                publisher.file_finished(FinishedFile { path, content: FileContent::OnDisk });
            }
        }
        let content = FileContent::Text(MULTIVARIANT.into());
        publisher.file_finished(FinishedFile { path: "main.m3u8".to_owned(), content });
        let failure = publisher.finish().unwrap_err().into_failure();
        assert_eq!(failure.kind, FailureKind::InvalidRequest);
        assert!(failure.headline.contains(&format!("s3://{}/film/main.m3u8", location.bucket)), "{failure:?}");
        publisher.withdraw().unwrap();
        let url = format!("{endpoint}/{}/film/main.m3u8", location.bucket);
        assert_eq!(read_url(&url), b"another stream");
    });
}

#[test]
fn stores_without_conditional_writes_are_written_without_conditions() {
    with_credentials(
        "publish::replacing::stores_without_conditional_writes_are_written_without_conditions",
        |endpoint| {
            let runtime = Runtime::new().unwrap();
            let proxy = RecordingProxy::answering(endpoint, |head| {
                let is_conditional = header(head, "if-none-match").is_some() || header(head, "if-match").is_some();
                is_conditional.then(|| refusal(501, "NotImplemented", "A header is not implemented"))
            });
            let location = S3Location {
                endpoint: Some(proxy.endpoint.clone()),
                replace_after: Some(Duration::ZERO),
                ..new_bucket(&runtime, endpoint)
            };
            for version in 1..=2 {
                let url = publish_version(&runtime, version, &location).urls[0].clone();
                assert_eq!(play(&media_playlists(&url)), version);
            }
            let conditional = proxy.heads("PUT").iter().filter(|head| header(head, "if-match").is_some()).count();
            assert_eq!(conditional, 1, "it was asked for");
        },
    );
}

#[test]
fn abandoned_uploads_of_ours_are_dropped_and_no_others() {
    with_credentials("publish::replacing::abandoned_uploads_of_ours_are_dropped_and_no_others", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let client = client(endpoint);
        let begin = |key: &str| {
            runtime.block_on(client.create_multipart_upload().bucket(&location.bucket).key(key).send()).unwrap();
        };
        // As a crashed run leaves it.
        let cancel = CancelToken::default();
        let folder = TempDir::new().unwrap();
        drop(Publisher::start(runtime.handle(), &location, folder.path(), new("film"), &cancel).unwrap());
        begin("film/film.mp4");
        begin("backups/disk.img");
        assert_eq!(replace::clean(runtime.handle(), &location, A_DAY).unwrap(), Cleaned::default(), "it is too young");
        assert_eq!(unfinished_uploads(&runtime, &location), 2);
        let cleaned = replace::clean(runtime.handle(), &location, Duration::ZERO).unwrap();
        assert_eq!(cleaned, Cleaned { objects: 0, uploads: 1 });
        assert_eq!(unfinished_uploads(&runtime, &location), 1);
    });
}
