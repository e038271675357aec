//! After the upload it is looked at what the store holds, and what viewers get of it.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::{
    Client,
    primitives::ByteStream,
    types::{CorsConfiguration, CorsRule},
};
use reelpress::{
    failure::FailureKind,
    job::{
        S3Location,
        s3::{ByKind, ObjectOptions, ObjectTag},
    },
    pipeline::publish::{PublishError, PublishedLocation, publish_folder},
    tools::cancel::CancelToken,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{
    SEGMENT_BYTES, objects, read_url,
    replacing::{media_playlists, play, publish_version},
    write, write_stream,
};
use crate::support::{
    object_store::{client, new_bucket, with_credentials},
    recording_proxy::{RecordingProxy, answer, header},
};

fn publish(runtime: &Runtime, location: &S3Location) -> Result<PublishedLocation, PublishError> {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("bunny");
    write_stream(&folder);
    publish_folder(runtime.handle(), &folder, location, &|_| {}, &CancelToken::default())
}

#[test]
fn a_file_that_the_store_lost_is_noticed() {
    with_credentials("publish::what_viewers_get::a_file_that_the_store_lost_is_noticed", |endpoint| {
        let runtime = Runtime::new().unwrap();
        // It says that it has written what it has not.
        let proxy = RecordingProxy::answering(endpoint, |head| {
            (head.starts_with("PUT ") && head.contains("720p/segment-2.m4s")).then(|| answer(200, ""))
        });
        let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
        let failure = publish(&runtime, &location).unwrap_err().into_failure();
        assert_eq!(failure.kind, FailureKind::StreamIncorrect, "{failure:?}");
        assert_eq!(failure.detail, "bunny/720p/segment-2.m4s");
    });
}

/// Does this once, at the store itself, before the multivariant playlist goes up.
fn meddling(endpoint: &str, meddle: impl Fn(&Client, &Runtime) + Send + Sync + 'static) -> RecordingProxy {
    let (store, has_meddled) = (client(endpoint), AtomicBool::new(false));
    RecordingProxy::answering(endpoint, move |head| {
        if head.starts_with("PUT ") && head.contains("main.m3u8") && !has_meddled.swap(true, Ordering::AcqRel) {
            meddle(&store, &Runtime::new().unwrap());
        }
        None
    })
}

#[test]
fn what_somebody_deletes_or_overwrites_in_the_bucket_during_an_upload_is_sent_again() {
    let name =
        "publish::what_viewers_get::what_somebody_deletes_or_overwrites_in_the_bucket_during_an_upload_is_sent_again";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let bucket = location.bucket.clone();
        let proxy = meddling(endpoint, move |store, runtime| {
            let deleted = store.delete_object().bucket(&bucket).key("bunny/720p/segment-2.m4s").send();
            runtime.block_on(deleted).unwrap();
            let other = ByteStream::from_static(b"something else");
            let put = store.put_object().bucket(&bucket).key("bunny/audio/segment-1.m4s").body(other).send();
            runtime.block_on(put).unwrap();
        });
        let through_proxy = S3Location { endpoint: Some(proxy.endpoint.clone()), ..location.clone() };
        let published = publish(&runtime, &through_proxy).unwrap();
        let [warning] = published.warnings.as_slice() else { panic!("{:?}", published.warnings) };
        assert!(warning.contains("bunny/720p/segment-2.m4s and 1 more, which was sent again"), "{warning}");
        let url = |path: &str| format!("{endpoint}/{}/bunny/{path}", location.bucket);
        assert_eq!(read_url(&url("720p/segment-2.m4s")), [2; SEGMENT_BYTES]);
        assert_eq!(read_url(&url("audio/segment-1.m4s")), [1; SEGMENT_BYTES]);

        // Each file that a playlist names was asked for by itself, and the picture was not.
        let asked = proxy.heads("HEAD");
        let is_asked = |path: &str| asked.iter().any(|head| head.lines().next().unwrap().contains(path));
        for path in ["720p/init.mp4", "720p/segment-3.m4s", "audio/segment-2.m4s", "audio/media.m3u8", "main.m3u8"] {
            assert!(is_asked(path), "{path}: {asked:?}");
        }
        assert!(!is_asked("poster.jpg"), "{asked:?}");
    });
}

#[test]
fn an_entry_point_that_is_lost_while_it_is_replaced_is_written_again() {
    let name = "publish::what_viewers_get::an_entry_point_that_is_lost_while_it_is_replaced_is_written_again";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        publish_version(&runtime, 1, &location);
        let (store, bucket) = (client(endpoint), location.bucket.clone());
        let (is_written, is_lost) = (AtomicBool::new(false), AtomicBool::new(false));
        let proxy = RecordingProxy::answering(endpoint, move |head| {
            let is_about_entry = head.lines().next().is_some_and(|line| line.contains("/bunny/main.m3u8"));
            if is_about_entry && head.starts_with("PUT ") {
                is_written.store(true, Ordering::Release);
            } else if is_about_entry && is_written.load(Ordering::Acquire) && !is_lost.swap(true, Ordering::AcqRel) {
                let deleted = store.delete_object().bucket(&bucket).key("bunny/main.m3u8").send();
                Runtime::new().unwrap().block_on(deleted).unwrap();
            }
            None
        });
        let replace_after = Some(std::time::Duration::from_secs(3600));
        let through_proxy = S3Location { endpoint: Some(proxy.endpoint.clone()), replace_after, ..location.clone() };
        let published = publish_version(&runtime, 2, &through_proxy);
        let warnings = published.warnings.join("; ");
        assert!(warnings.contains("bunny/main.m3u8, which was sent again"), "{warnings}");
        let url = format!("{endpoint}/{}/bunny/main.m3u8", location.bucket);
        assert_eq!(play(&media_playlists(&url)), 2);
    });
}

#[test]
fn an_object_that_is_delivered_as_another_type_is_told() {
    with_credentials("publish::what_viewers_get::an_object_that_is_delivered_as_another_type_is_told", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let bucket = location.bucket.clone();
        let proxy = meddling(endpoint, move |store, runtime| {
            let same = ByteStream::from_static(&[2; SEGMENT_BYTES]);
            let put = store.put_object().bucket(&bucket).key("bunny/720p/segment-2.m4s").content_type("text/plain");
            runtime.block_on(put.body(same).send()).unwrap();
        });
        let through_proxy = S3Location { endpoint: Some(proxy.endpoint.clone()), ..location };
        let published = publish(&runtime, &through_proxy).unwrap();
        let [warning] = published.warnings.as_slice() else { panic!("{:?}", published.warnings) };
        let words = "bunny/720p/segment-2.m4s as “text/plain” instead of “video/mp4”";
        assert!(warning.contains(words), "{warning}");
    });
}

#[test]
fn a_store_that_refuses_to_tell_of_single_objects_has_not_lost_them() {
    let name = "publish::what_viewers_get::a_store_that_refuses_to_tell_of_single_objects_has_not_lost_them";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let proxy = RecordingProxy::answering(endpoint, |head| {
            (head.starts_with("HEAD ") && head.contains("/bunny/")).then(|| answer(403, ""))
        });
        let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
        let published = publish(&runtime, &location).unwrap();
        let [warning] = published.warnings.as_slice() else { panic!("{:?}", published.warnings) };
        assert!(warning.contains("list alone") && warning.contains("s3:GetObject"), "{warning}");
    });
}

#[test]
fn publishing_again_sends_only_what_is_new_and_gives_the_rest_its_new_headers_in_place() {
    let name = "publish::what_viewers_get::publishing_again_sends_only_what_is_new_and_gives_the_rest_its_new_headers_in_place";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let at_store = new_bucket(&runtime, endpoint);
        publish(&runtime, &at_store).unwrap();
        let before = objects(&runtime, &at_store);
        // Of the stream, with and without a body.
        let written = |options: ObjectOptions| {
            let proxy = RecordingProxy::before(endpoint);
            let location = S3Location { endpoint: Some(proxy.endpoint.clone()), objects: options, ..at_store.clone() };
            publish(&runtime, &location).unwrap();
            let puts = proxy.heads("PUT").into_iter();
            let is_of_stream = |head: &String| [".m4s", ".mp4", ".m3u8", ".jpg"].iter().any(|end| head.contains(end));
            puts.filter(is_of_stream).partition::<Vec<String>, _>(|head| header(head, "x-amz-copy-source").is_none())
        };
        let (sent, renewed) = written(ObjectOptions::default());
        assert!(sent.is_empty() && renewed.is_empty(), "{sent:?} {renewed:?}");
        assert_eq!(objects(&runtime, &at_store), before);

        let cache_control = ByKind::typed(&["media:max-age=7".to_owned()]).unwrap();
        let tags = ObjectTag::typed(&["media:tier=cold".to_owned()]).unwrap();
        let options = ObjectOptions { cache_control, tags, ..ObjectOptions::default() };
        let (sent, renewed) = written(options.clone());
        // Two init segments and six others.
        assert_eq!((sent.len(), renewed.len()), (0, 8), "{sent:?} {renewed:?}");
        for (key, (content_type, cache_control, tag)) in objects(&runtime, &at_store) {
            let is_media = key.ends_with(".m4s") || key.ends_with(".mp4");
            let expected = if is_media { "max-age=7" } else { before[&key].1.as_str() };
            let now = (content_type.as_str(), cache_control.as_str(), tag.as_str());
            assert_eq!(now, (before[&key].0.as_str(), expected, before[&key].2.as_str()), "{key}");
        }
        let (sent, renewed) = written(options);
        assert!(sent.is_empty() && renewed.is_empty(), "{sent:?} {renewed:?}");
    });
}

#[test]
fn a_folder_that_has_changed_and_gets_another_name_is_told_why() {
    with_credentials(
        "publish::what_viewers_get::a_folder_that_has_changed_and_gets_another_name_is_told_why",
        |endpoint| {
            let runtime = Runtime::new().unwrap();
            let location = new_bucket(&runtime, endpoint);
            let parent = TempDir::new().unwrap();
            let folder = parent.path().join("bunny");
            write_stream(&folder);
            let publish =
                || publish_folder(runtime.handle(), &folder, &location, &|_| {}, &CancelToken::default()).unwrap();
            assert_eq!(publish().warnings, Vec::<String>::new());
            write(&folder, "720p/segment-1.m4s", &[9; SEGMENT_BYTES + 1]);
            let published = publish();
            assert_eq!(published.prefix, "bunny-2");
            let [warning] = published.warnings.as_slice() else { panic!("{:?}", published.warnings) };
            assert!(warning.contains(&format!("s3://{}/bunny is", location.bucket)), "{warning}");
            assert!(warning.contains("as it was before") && warning.contains("--replace"), "{warning}");
        },
    );
}

#[test]
fn a_film_beside_a_manifest_alone_has_an_address_and_parts_of_the_stream_have_none() {
    let name =
        "publish::what_viewers_get::a_film_beside_a_manifest_alone_has_an_address_and_parts_of_the_stream_have_none";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("bunny");
        write_stream(&folder);
        for playlist in ["main.m3u8", "720p/media.m3u8", "audio/media.m3u8"] {
            std::fs::remove_file(folder.join(playlist)).unwrap();
        }
        let template =
            "initialization=\"$RepresentationID$/init.mp4\" media=\"$RepresentationID$/segment-$Number$.m4s\"";
        write(&folder, "manifest.mpd", format!("<MPD type=\"static\"><SegmentTemplate {template}/></MPD>").as_bytes());
        std::fs::copy(folder.join("720p/init.mp4"), folder.join("film.mp4")).unwrap();
        let urls = super::publish(&runtime, &folder, &location).unwrap();
        let expected = ["manifest.mpd", "film.mp4", "poster.jpg"];
        assert_eq!(urls, expected.map(|path| format!("{endpoint}/{}/bunny/{path}", location.bucket)));
    });
}

#[test]
fn players_on_other_sites_are_thought_of() {
    with_credentials("publish::what_viewers_get::players_on_other_sites_are_thought_of", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let open_to = |rule: CorsRule| {
            let cors = CorsConfiguration::builder().cors_rules(rule).build().unwrap();
            let put = client(endpoint).put_bucket_cors().bucket(&location.bucket).cors_configuration(cors);
            runtime.block_on(put.send()).unwrap();
        };
        // The server lets everyone in by itself until a bucket has rules of its own.
        let own = CorsRule::builder().allowed_methods("GET").allowed_origins("https://own.example").build().unwrap();
        open_to(own);
        let published = publish(&runtime, &location).unwrap();
        let [warning] = published.warnings.as_slice() else { panic!("{:?}", published.warnings) };
        assert!(warning.contains("CORS") && warning.contains(&published.urls[0]), "{warning}");

        // The rules that the warning shows are just those that the store takes, and that help.
        let rules: serde_json::Value = serde_json::from_str(&warning[warning.find('{').unwrap()..]).unwrap();
        let rule = &rules["CORSRules"][0];
        let texts = |name: &str| {
            let values = rule[name].as_array().unwrap().iter();
            Some(values.map(|value| value.as_str().unwrap().to_owned()).collect::<Vec<_>>())
        };
        let rule = CorsRule::builder()
            .set_allowed_methods(texts("AllowedMethods"))
            .set_allowed_origins(texts("AllowedOrigins"))
            .set_allowed_headers(texts("AllowedHeaders"))
            .set_expose_headers(texts("ExposeHeaders"))
            .build()
            .unwrap();
        open_to(rule);
        assert_eq!(publish(&runtime, &location).unwrap().warnings, [""; 0]);
    });
}

#[test]
fn a_bucket_that_nobody_may_read_is_told_with_its_policy() {
    with_credentials("publish::what_viewers_get::a_bucket_that_nobody_may_read_is_told_with_its_policy", |endpoint| {
        let runtime = Runtime::new().unwrap();
        // A private bucket: who comes without a signature is refused.
        let proxy = RecordingProxy::answering(endpoint, |head| {
            header(head, "authorization").is_none().then(|| answer(403, "<Error><Code>AccessDenied</Code></Error>"))
        });
        let endpoint = Some(proxy.endpoint.clone());
        let location = S3Location { endpoint, prefix: "new".to_owned(), ..new_bucket(&runtime, endpoint_of(&proxy)) };
        let published = publish(&runtime, &location).unwrap();
        let [warning] = published.warnings.as_slice() else { panic!("{:?}", published.warnings) };
        let policy: serde_json::Value = serde_json::from_str(&warning[warning.find('{').unwrap()..]).unwrap();
        let resource = &policy["Statement"][0]["Resource"];
        assert_eq!(*resource, format!("arn:aws:s3:::{}/new/*", location.bucket), "{warning}");
        let head = proxy.heads("GET").pop().unwrap();
        assert!(header(&head, "range").is_some() && header(&head, "origin").is_some(), "{head}");

        let asked = proxy.heads("GET").len();
        let quiet = S3Location { skip_public_check: true, ..location };
        assert_eq!(publish(&runtime, &quiet).unwrap().warnings, [""; 0]);
        let is_anonymous = |head: &String| header(head, "authorization").is_none();
        assert_eq!(proxy.heads("GET")[asked..].iter().filter(|head| is_anonymous(head)).count(), 0);
    });
}

fn endpoint_of(proxy: &RecordingProxy) -> &str {
    &proxy.endpoint
}

#[test]
fn the_results_have_the_address_of_the_cdn() {
    with_credentials("publish::what_viewers_get::the_results_have_the_address_of_the_cdn", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = S3Location { prefix: "a b".to_owned(), ..new_bucket(&runtime, endpoint) };
        let cdn = RecordingProxy::before(endpoint);
        let public_url = Some(format!("{}/{}", cdn.endpoint, location.bucket));
        let location = S3Location { public_url, ..location };
        let published = publish(&runtime, &location).unwrap();
        assert_eq!(published.urls[0], format!("{}/{}/a%20b/bunny/main.m3u8", cdn.endpoint, location.bucket));
        assert!(!read_url(&published.urls[0]).is_empty());
        assert!(cdn.heads("PUT").is_empty(), "nothing is written through it");
        let nowhere = S3Location { public_url: Some("http://127.0.0.1:9".to_owned()), ..location };
        let published = publish(&runtime, &nowhere).unwrap();
        assert!(published.warnings[0].contains("http://127.0.0.1:9/"), "{:?}", published.warnings);
    });
}

#[test]
fn an_upload_leaves_room_on_the_line() {
    with_credentials("publish::what_viewers_get::an_upload_leaves_room_on_the_line", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = S3Location { most_bytes_per_second: Some(8 << 20), ..new_bucket(&runtime, endpoint) };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("large");
        let content: Vec<u8> = (0..20_u32 << 20).map(|index| (index >> 11) as u8).collect();
        write(&folder, "film.mp4", &content);
        write(&folder, "film.bin", &content[..4 << 20]);
        let started = std::time::Instant::now();
        let cancel = CancelToken::default();
        let published = publish_folder(runtime.handle(), &folder, &location, &|_| {}, &cancel).unwrap();
        // 24 MiB at 8 MiB a second; that it may take longer is no fault of the limit.
        assert!(started.elapsed().as_secs_f64() > 2.9, "{:?}", started.elapsed());
        let url = published.media_url.unwrap();
        assert!(read_url(&url) == content, "the bytes differ");
    });
}
