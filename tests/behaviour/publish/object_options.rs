//! Objects are written with what the user asks for each kind of file, and as each store takes it.

use aws_sdk_s3::Client;
use reelpress::job::{
    S3Location,
    s3::{ByKind, Encryption, ObjectOptions, ObjectTag, Store},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{objects, publish, read_url, write, write_stream};
use crate::support::{
    object_store::{client, new_bucket, with_credentials},
    recording_proxy::{RecordingProxy, answer, header, refusal},
};

fn typed(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn each_kind_of_file_gets_what_was_asked_for_it() {
    with_credentials("publish::object_options::each_kind_of_file_gets_what_was_asked_for_it", |endpoint| {
        let runtime = Runtime::new().unwrap();
        // The server at hand has no keys for KMS: what it was asked for is seen here, and it is spared the request.
        let proxy = RecordingProxy::answering(endpoint, |head| {
            let begun = "<InitiateMultipartUploadResult><UploadId>none</UploadId></InitiateMultipartUploadResult>";
            let is_encrypted = header(head, "x-amz-server-side-encryption").is_some();
            is_encrypted.then(|| answer(200, if head.starts_with("POST") { begun } else { "" }))
        });
        let location = S3Location {
            objects: ObjectOptions {
                cache_control: ByKind::typed(&typed(&["no-cache", "media:public, max-age=600"])).unwrap(),
                storage_class: ByKind::typed(&typed(&["media:STANDARD_IA"])).unwrap(),
                tags: ObjectTag::typed(&typed(&["project=Über & more", "images:tier=hot"])).unwrap(),
                encryption: Some(Encryption::Kms { key: Some("alias/films".to_owned()) }),
                acl: Some("bucket-owner-full-control".to_owned()),
            },
            ..new_bucket(&runtime, endpoint)
        };
        let through = S3Location { endpoint: Some(proxy.endpoint.clone()), ..location.clone() };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("bunny");
        write_stream(&folder);
        let _ = publish(&runtime, &folder, &through);
        write(&folder, "film.mp4", &vec![1; 17 << 20]);
        let _ = publish(&runtime, &folder, &through);
        let asked = |method: &str, path: &str| {
            let heads = proxy.heads(method);
            heads.into_iter().find(|head| head.lines().next().unwrap().contains(path)).expect("a request for it")
        };
        for head in [asked("PUT", "poster.jpg"), asked("POST", "film.mp4?uploads")] {
            assert_eq!(header(&head, "x-amz-server-side-encryption"), Some("aws:kms"), "{head}");
            assert_eq!(header(&head, "x-amz-server-side-encryption-aws-kms-key-id"), Some("alias/films"), "{head}");
            assert_eq!(header(&head, "x-amz-acl"), Some("bucket-owner-full-control"), "{head}");
        }
        let head = asked("POST", "film.mp4?uploads");
        assert_eq!(header(&head, "x-amz-storage-class"), Some("STANDARD_IA"), "{head}");

        // What the server keeps is read back from it.
        let kept = S3Location {
            objects: ObjectOptions { encryption: None, acl: None, ..location.objects.clone() },
            ..location.clone()
        };
        publish(&runtime, &folder, &kept).unwrap();
        let found = objects(&runtime, &kept);
        let cache_control = |path: &str| found[&format!("bunny/{path}")].1.as_str();
        assert_eq!(cache_control("720p/segment-1.m4s"), "public, max-age=600");
        assert_eq!(cache_control("film.mp4"), "public, max-age=600");
        assert_eq!((cache_control("main.m3u8"), cache_control("poster.jpg")), ("no-cache", "no-cache"));
        let client = client(endpoint);
        assert_eq!(tags(&runtime, &client, (&location, "film.mp4")), ["project=Über & more"]);
        assert_eq!(tags(&runtime, &client, (&location, "poster.jpg")), ["project=Über & more", "tier=hot"]);
        assert_eq!(class(&runtime, &client, (&location, "720p/segment-1.m4s")).as_deref(), Some("STANDARD_IA"));
    });
}

/// The tags of a file of the published stream.
fn tags(runtime: &Runtime, client: &Client, (location, path): (&S3Location, &str)) -> Vec<String> {
    let request = client.get_object_tagging().bucket(&location.bucket).key(format!("bunny/{path}")).send();
    let tagging = runtime.block_on(request).unwrap();
    let mut tags: Vec<String> = tagging.tag_set().iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect();
    tags.sort();
    tags
}

/// Its storage class, where one is told.
fn class(runtime: &Runtime, client: &Client, (location, path): (&S3Location, &str)) -> Option<String> {
    let head = client.head_object().bucket(&location.bucket).key(format!("bunny/{path}")).send();
    runtime.block_on(head).unwrap().storage_class().map(|class| class.as_str().to_owned())
}

#[test]
fn what_is_not_asked_for_when_a_stream_is_published_again_stays_as_it_was() {
    let name = "publish::object_options::what_is_not_asked_for_when_a_stream_is_published_again_stays_as_it_was";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let first = S3Location {
            objects: ObjectOptions {
                storage_class: ByKind::typed(&typed(&["media:STANDARD_IA"])).unwrap(),
                tags: ObjectTag::typed(&typed(&["project=films", "images:tier=hot"])).unwrap(),
                ..ObjectOptions::default()
            },
            ..new_bucket(&runtime, endpoint)
        };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("bunny");
        write_stream(&folder);
        publish(&runtime, &folder, &first).unwrap();
        let cache_control = ByKind::typed(&typed(&["media:public, max-age=900", "images:no-store"])).unwrap();
        let again =
            S3Location { objects: ObjectOptions { cache_control, ..ObjectOptions::default() }, ..first.clone() };
        publish(&runtime, &folder, &again).unwrap();
        let found = objects(&runtime, &again);
        assert_eq!(found["bunny/720p/segment-1.m4s"].1, "public, max-age=900");
        assert_eq!(found["bunny/poster.jpg"].1, "no-store");
        let client = client(endpoint);
        assert_eq!(tags(&runtime, &client, (&again, "720p/segment-1.m4s")), ["project=films"]);
        assert_eq!(tags(&runtime, &client, (&again, "poster.jpg")), ["project=films", "tier=hot"]);
        assert_eq!(class(&runtime, &client, (&again, "720p/segment-1.m4s")).as_deref(), Some("STANDARD_IA"));
    });
}

#[test]
fn nothing_is_sent_that_nobody_asked_for() {
    with_credentials("publish::object_options::nothing_is_sent_that_nobody_asked_for", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let proxy = RecordingProxy::before(endpoint);
        let through = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
        let parent = TempDir::new().unwrap();
        write_stream(&parent.path().join("bunny"));
        publish(&runtime, &parent.path().join("bunny"), &through).unwrap();
        assert!(proxy.heads("PUT").len() >= 12);
        for head in proxy.heads("PUT") {
            for name in ["x-amz-acl", "x-amz-storage-class", "x-amz-tagging", "x-amz-server-side-encryption"] {
                assert_eq!(header(&head, name), None, "{head}");
            }
            let has_checksum =
                header(&head, "x-amz-checksum-crc32").is_some() || header(&head, "x-amz-trailer").is_some();
            assert!(has_checksum, "{head}");
        }
    });
}

#[test]
fn stores_that_refuse_checksum_headers_get_none() {
    with_credentials("publish::object_options::stores_that_refuse_checksum_headers_get_none", |endpoint| {
        let runtime = Runtime::new().unwrap();
        // As Backblaze B2 does.
        let proxy = RecordingProxy::answering(endpoint, |head| {
            let head = head.to_ascii_lowercase();
            let is_checksum = |line: &str| line.starts_with("x-amz-checksum") || line.starts_with("x-amz-sdk-checksum");
            (head.lines().any(is_checksum) || head.contains("x-amz-trailer"))
                .then(|| refusal(400, "InvalidArgument", "Unsupported header"))
        });
        let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("bunny");
        write_stream(&folder);
        let film: Vec<u8> = (0..20_u32 << 20).map(|index| (index >> 12) as u8).collect();
        write(&folder, "film.mp4", &film);
        let refused = publish(&runtime, &folder, &location).unwrap_err().into_failure();
        assert!(refused.hint.contains("--store"), "{refused:?}");
        for store in [Store::R2, Store::B2, Store::Wasabi] {
            let of_store = S3Location { store: Some(store), prefix: store.id().to_owned(), ..location.clone() };
            publish(&runtime, &folder, &of_store).unwrap();
            // The second time asks what is there, by entity tags alone.
            publish(&runtime, &folder, &of_store).unwrap();
            let url = format!("{endpoint}/{}/{}/bunny/film.mp4", location.bucket, store.id());
            assert!(read_url(&url) == film, "the bytes differ");
            let region = of_store.signing_region().unwrap_or_else(|| "us-east-1".to_owned());
            let scope = format!("/{region}/s3/aws4_request");
            let last = proxy.heads("PUT").pop().unwrap();
            assert!(header(&last, "authorization").unwrap().contains(&scope), "{last}");
        }
    });
}

#[test]
fn a_store_without_keys_for_its_own_encryption_is_told_as_such_at_once() {
    let user = crate::support::user::User::new();
    let runtime = Runtime::new().unwrap();
    let endpoint = crate::support::object_store::shared_endpoint();
    let bucket = new_bucket(&runtime, &endpoint).bucket;
    let folder = user.path("bunny");
    write_stream(&folder);
    let mut publish = user.reelpress();
    publish.arg("publish").arg(&folder).arg(format!("s3://{bucket}")).args(["--endpoint", &endpoint]);
    publish.args(["--server-side-encryption", "s3"]);
    let output = crate::support::run(publish);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("may have no keys") && said.contains("--server-side-encryption"), "{said}");
    assert!(!said.contains("Wait a while") && !said.contains("goes on by itself"), "{said}");
}
