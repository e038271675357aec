//! A user publishes a stream to a bucket, as a whole or while it grows.

mod away;
mod cloudfront;
mod connection;
mod discarding;
mod dropping;
mod keychain;
mod leftovers;
mod object_options;
mod on_their_way;
mod presigned;
mod replacing;
mod replacing_again;
mod secrets;
mod several;
mod stopping;
mod troubled_store;
mod typed_keys;
mod unfinished;
mod what_viewers_get;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use reelpress::{
    failure::FailureKind,
    job::S3Location,
    pipeline::publish::{
        FileContent, FinishedFile, Place, PublishError, PublishStatus, Publisher, publish_folder, test_destination,
    },
    tools::cancel::CancelToken,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{
    object_store::{ObjectStore, client, new_bucket, with_credentials},
    recording_proxy::{RecordingProxy, refusal},
    wait_for,
};

const SEGMENT_BYTES: usize = 40_000;

fn write(folder: &Path, path: &str, content: &[u8]) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

fn media_playlist(segments: usize, ended: bool) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
                    #EXT-X-MAP:URI=\"init.mp4\"\n"
        .to_owned();
    for segment in 1..=segments {
        text += &format!("#EXTINF:6.0,\nsegment-{segment}.m4s\n");
    }
    if ended {
        text += "#EXT-X-ENDLIST\n";
    }
    text
}

const MULTIVARIANT: &str = "#EXTM3U\n#EXT-X-VERSION:7\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Sound\",DEFAULT=YES,URI=\"audio/media.m3u8\"\n\
    #EXT-X-STREAM-INF:BANDWIDTH=100000,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"audio\"\n720p/media.m3u8\n";

/// A finished stream with one rung and sound, three segments long; the init segments are real ones.
fn write_stream(folder: &Path) {
    for rendition in ["720p", "audio"] {
        write(folder, &format!("{rendition}/init.mp4"), &init_segment(rendition == "audio"));
        for segment in 1..=3 {
            write(folder, &format!("{rendition}/segment-{segment}.m4s"), &[segment; SEGMENT_BYTES]);
        }
        write(folder, &format!("{rendition}/media.m3u8"), media_playlist(3, true).as_bytes());
    }
    write(folder, "main.m3u8", MULTIVARIANT.as_bytes());
    write(folder, "poster.jpg", b"a picture");
    write(folder, ".reelpress-half", b"temporary");
    write(folder, "later.mp4.part", b"half");
}

/// Made by ffmpeg: an MP4 header of a track of sound or of picture.
fn init_segment(sound: bool) -> Vec<u8> {
    let source = if sound { "sine=frequency=440" } else { "testsrc2=size=64x64:rate=25" };
    let output = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", source, "-t", "0.1", "-f", "mp4"])
        .args(["-movflags", "+empty_moov+default_base_moof+frag_keyframe", "pipe:1"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Content type, cache control and entity tag of everything in the bucket.
fn objects(runtime: &Runtime, location: &S3Location) -> BTreeMap<String, (String, String, String)> {
    let client = client(location.endpoint.as_deref().unwrap());
    runtime.block_on(async {
        let listed = client.list_objects_v2().bucket(&location.bucket).send().await.unwrap();
        let mut objects = BTreeMap::new();
        for key in listed.contents().iter().filter_map(|object| object.key()) {
            let head = client.head_object().bucket(&location.bucket).key(key).send().await.unwrap();
            let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
            let facts = (text(head.content_type()), text(head.cache_control()), text(head.e_tag()));
            objects.insert(key.to_owned(), facts);
        }
        objects
    })
}

fn unfinished_uploads(runtime: &Runtime, location: &S3Location) -> usize {
    let client = client(location.endpoint.as_deref().unwrap());
    let listed = runtime.block_on(client.list_multipart_uploads().bucket(&location.bucket).send()).unwrap();
    listed.uploads().len()
}

fn read_url(url: &str) -> Vec<u8> {
    let mut answer = ureq::get(url).call().unwrap_or_else(|error| panic!("{url}: {error}"));
    answer.body_mut().with_config().limit(200 << 20).read_to_vec().unwrap()
}

fn new(stream_name: &str) -> Place<'_> {
    Place::New { stream_name }
}

fn publish(runtime: &Runtime, folder: &Path, location: &S3Location) -> Result<Vec<String>, PublishError> {
    publish_folder(runtime.handle(), folder, location, &|_| {}, &CancelToken::default()).map(|published| published.urls)
}

fn wait_until(mut reached: impl FnMut() -> bool) {
    wait_for("a state of the upload", || reached().then_some(()));
}

fn finish_files(publisher: &Publisher, folder: &Path, name: &str, count: usize) {
    for number in 0..count {
        let path = format!("{name}-{number}.bin");
        write(folder, &path, &vec![1; 1 << 20]);
        publisher.file_finished(FinishedFile { path, content: FileContent::OnDisk });
    }
}

#[test]
fn a_folder_is_published_with_the_headers_that_players_need() {
    with_credentials("publish::a_folder_is_published_with_the_headers_that_players_need", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = S3Location { prefix: "films/2026".to_owned(), ..new_bucket(&runtime, endpoint) };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("bunny");
        write_stream(&folder);
        let last = Mutex::new(None);
        let progress = |status| *last.lock().unwrap() = Some(status);
        let published =
            publish_folder(runtime.handle(), &folder, &location, &progress, &CancelToken::default()).unwrap();
        let url = |path: &str| format!("{endpoint}/{}/films/2026/bunny/{path}", location.bucket);
        assert_eq!(published.urls, [url("main.m3u8"), url("poster.jpg")]);
        assert_eq!(published.prefix, "films/2026/bunny");
        let status = last.into_inner().unwrap().unwrap();
        assert_eq!((status.published_files, status.finished_files, status.queued_bytes), (12, 12, 0));

        let for_ever = "public, max-age=31536000, immutable";
        let objects = objects(&runtime, &location);
        let facts = |path: &str| {
            let (content_type, cache_control, _) = &objects[&format!("films/2026/bunny/{path}")];
            (content_type.as_str(), cache_control.as_str())
        };
        assert_eq!(facts("720p/init.mp4"), ("video/mp4", for_ever));
        assert_eq!(facts("720p/segment-2.m4s"), ("video/mp4", for_ever));
        assert_eq!(facts("audio/init.mp4"), ("audio/mp4", for_ever));
        assert_eq!(facts("audio/segment-2.m4s"), ("audio/mp4", for_ever));
        assert_eq!(facts("720p/media.m3u8"), ("application/vnd.apple.mpegurl", "max-age=60"));
        assert_eq!(facts("main.m3u8"), ("application/vnd.apple.mpegurl", "max-age=60"));
        assert_eq!(facts("poster.jpg"), ("image/jpeg", "public, max-age=86400"));
        assert_eq!(objects.len(), 12, "{:?}", objects.keys());
        assert_eq!(unfinished_uploads(&runtime, &location), 0);
        assert_eq!(read_url(&url("720p/segment-2.m4s")), [2; SEGMENT_BYTES]);
    });
}

#[test]
fn a_viewer_of_a_growing_stream_never_meets_a_missing_file() {
    with_credentials("publish::a_viewer_of_a_growing_stream_never_meets_a_missing_file", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let folder = TempDir::new().unwrap();
        let mut publisher =
            Publisher::start(runtime.handle(), &location, folder.path(), new("live"), &CancelToken::default()).unwrap();
        let base = format!("{endpoint}/{}/live", location.bucket);
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let viewer = std::thread::spawn({
            let (base, seen, ended) = (base.clone(), Arc::clone(&seen), Arc::clone(&ended));
            move || watch(&base, &seen, &ended)
        });
        let wait_until_seen = |wanted: &dyn Fn(&BTreeSet<usize>) -> bool| {
            while !wanted(&seen.lock().unwrap()) && !viewer.is_finished() {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        const SEGMENTS: usize = 12;
        publisher.file_finished(FinishedFile {
            path: "main.m3u8".to_owned(),
            content: FileContent::Text(Bytes::from_static(MULTIVARIANT.as_bytes())),
        });
        for rendition in ["720p", "audio"] {
            write(folder.path(), &format!("{rendition}/init.mp4"), &init_segment(false));
            let path = format!("{rendition}/init.mp4");
            publisher.file_finished(FinishedFile { path, content: FileContent::OnDisk });
        }
        for segment in 1..=SEGMENTS {
            for rendition in ["720p", "audio"] {
                let path = format!("{rendition}/segment-{segment}.m4s");
                write(folder.path(), &path, &vec![7; 200_000]);
                publisher.file_finished(FinishedFile { path, content: FileContent::OnDisk });
                let text = media_playlist(segment, segment == SEGMENTS);
                let path = format!("{rendition}/media.m3u8");
                publisher.file_finished(FinishedFile { path, content: FileContent::Text(text.into()) });
            }
            if segment == SEGMENTS / 2 {
                wait_until_seen(&|seen| !seen.is_empty());
            }
        }
        let published = publisher.finish().unwrap();
        wait_until_seen(&|seen| seen.contains(&SEGMENTS));
        ended.store(true, Ordering::Release);
        assert_eq!(published.urls[0], format!("{base}/main.m3u8"));
        viewer.join().unwrap();
        let seen = seen.lock().unwrap();
        assert!(seen.len() > 1, "the viewer saw the stream grow: {seen:?}");
        assert_eq!(read_url(&format!("{base}/720p/media.m3u8")), media_playlist(SEGMENTS, true).into_bytes());
        let objects = objects(&runtime, &location);
        assert_eq!(objects["live/main.m3u8"].1, "max-age=60");
    });
}

/// Reads the multivariant playlist over and over, then each playlist that it names, then each file that these name.
/// Notes the lengths of the media playlists that were seen, once all that they name was there.
fn watch(base: &str, seen: &Mutex<BTreeSet<usize>>, ended: &AtomicBool) {
    while !ended.load(Ordering::Acquire) {
        if ureq::get(&format!("{base}/main.m3u8")).call().is_err() {
            continue;
        }
        for rendition in ["720p", "audio"] {
            let playlist = String::from_utf8(read_url(&format!("{base}/{rendition}/media.m3u8"))).unwrap();
            assert!(!read_url(&format!("{base}/{rendition}/init.mp4")).is_empty());
            let segments: Vec<&str> = playlist.lines().filter(|line| line.ends_with(".m4s")).collect();
            for segment in &segments {
                let url = format!("{base}/{rendition}/{segment}");
                let answer = ureq::head(&url).call().unwrap_or_else(|error| panic!("{url}: {error}"));
                assert_eq!(answer.headers()["content-length"], "200000");
            }
            seen.lock().unwrap().insert(segments.len());
        }
    }
}

#[test]
fn large_files_go_up_in_parts() {
    with_credentials("publish::large_files_go_up_in_parts", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("large");
        let content: Vec<u8> = (0..20_u32 << 20).map(|index| (index >> 10) as u8).collect();
        write(&folder, "film.mp4", &content);
        let urls = publish(&runtime, &folder, &location).unwrap();
        let (content_type, _, tag) = &objects(&runtime, &location)["large/film.mp4"];
        assert_eq!(content_type, "video/mp4");
        assert!(tag.trim_matches('"').ends_with("-3"), "three parts of 8 MiB: {tag}");
        assert!(read_url(&urls[0]) == content, "the bytes differ");
        assert_eq!(unfinished_uploads(&runtime, &location), 0);
    });
}

#[test]
fn a_second_stream_of_the_same_name_gets_a_number() {
    with_credentials("publish::a_second_stream_of_the_same_name_gets_a_number", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = S3Location { prefix: "films".to_owned(), ..new_bucket(&runtime, endpoint) };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("bunny");
        write_stream(&folder);
        let url = |name: &str| format!("{endpoint}/{}/films/{name}/main.m3u8", location.bucket);
        assert_eq!(publish(&runtime, &folder, &location).unwrap()[0], url("bunny"));
        // The very same files again: nothing is sent but the playlists.
        let before = objects(&runtime, &location);
        assert_eq!(publish(&runtime, &folder, &location).unwrap()[0], url("bunny"));
        assert_eq!(objects(&runtime, &location), before);
        write(&folder, "extra.bin", b"another stream of the same name");
        std::fs::remove_file(folder.join("poster.jpg")).unwrap();
        assert_eq!(publish(&runtime, &folder, &location).unwrap()[0], url("bunny-2"));
        // That one again, also after a try that was cut off: it is known by its files under its number too.
        let store = client(endpoint);
        let delete = |key: &str| {
            let delete = store.delete_object().bucket(&location.bucket).key(key).send();
            runtime.block_on(delete).unwrap();
        };
        let before = objects(&runtime, &location);
        ["main.m3u8", "extra.bin"].iter().for_each(|path| delete(&format!("films/bunny-2/{path}")));
        assert_eq!(publish(&runtime, &folder, &location).unwrap()[0], url("bunny-2"));
        assert_eq!(objects(&runtime, &location), before);
        // Two jobs at the same time: nothing of the first lies in the bucket when the second asks.
        let start =
            || Publisher::start(runtime.handle(), &location, &folder, new("bunny"), &CancelToken::default()).unwrap();
        let (third, fourth) = (start(), start());
        assert_eq!((third.place().prefix.as_str(), fourth.place().prefix.as_str()), ("films/bunny-3", "films/bunny-4"));
    });
}

#[test]
fn names_that_urls_must_escape_can_be_read_by_their_urls() {
    with_credentials("publish::names_that_urls_must_escape_can_be_read_by_their_urls", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = S3Location { prefix: "a b".to_owned(), ..new_bucket(&runtime, endpoint) };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("Über 100% #1 + more & 'so' (on)");
        write(&folder, "50% + ümlaut #2.txt", "grün".as_bytes());
        let urls = publish(&runtime, &folder, &location).unwrap();
        assert_eq!(urls.len(), 1);
        assert!(urls[0].is_ascii() && !urls[0].contains([' ', '#', '+']), "{}", urls[0]);
        assert_eq!(read_url(&urls[0]), "grün".as_bytes());
    });
}

#[test]
fn what_is_wrong_with_a_destination_is_told_apart_before_anything_is_sent() {
    with_credentials("publish::what_is_wrong_with_a_destination_is_told_apart_before_anything_is_sent", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let good = new_bucket(&runtime, endpoint);
        let with_profile = |profile: &str| S3Location { profile: Some(profile.to_owned()), ..good.clone() };
        let missing = S3Location { bucket: "no-such-bucket".to_owned(), ..good.clone() };
        let down = S3Location { endpoint: Some("http://127.0.0.1:9".to_owned()), ..good.clone() };
        // It takes connections and never answers.
        let silent_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let silent_endpoint = format!("http://{}", silent_listener.local_addr().unwrap());
        let silent = S3Location { endpoint: Some(silent_endpoint.clone()), ..good.clone() };
        let not_a_url = S3Location { endpoint: Some("localhost".to_owned()), ..good.clone() };
        let folder = TempDir::new().unwrap();
        write_stream(folder.path());
        let cases = [
            (missing, FailureKind::BucketMissing, "no-such-bucket"),
            (with_profile("wrong-secret"), FailureKind::CredentialsRefused, "credentials are refused"),
            (with_profile("unknown-key"), FailureKind::CredentialsRefused, "credentials are refused"),
            (with_profile("no-such-profile"), FailureKind::CredentialsRefused, "No credentials"),
            (with_profile("reader"), FailureKind::PermissionDenied, "No permission to write"),
            (down, FailureKind::NetworkLost, "127.0.0.1:9"),
            (silent, FailureKind::NetworkLost, silent_endpoint.as_str()),
            (not_a_url, FailureKind::InvalidRequest, "Endpoint: an address is"),
        ];
        for (location, kind, words) in cases {
            for result in
                [publish(&runtime, folder.path(), &location).map(|_| ()), test_destination(runtime.handle(), &location)]
            {
                let failure = result.unwrap_err().into_failure();
                assert_eq!(failure.kind, kind, "{failure:?}");
                assert!(failure.headline.contains(words), "{failure:?}");
                assert!(!failure.hint.is_empty() && !failure.detail.contains("not-the-secret"), "{failure:?}");
            }
        }
        assert!(objects(&runtime, &good).is_empty());
    });
}

#[test]
fn testing_a_destination_leaves_nothing_behind() {
    with_credentials("publish::testing_a_destination_leaves_nothing_behind", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = S3Location { prefix: "films".to_owned(), ..new_bucket(&runtime, endpoint) };
        test_destination(runtime.handle(), &location).unwrap();
        assert!(objects(&runtime, &location).is_empty());
    });
}
