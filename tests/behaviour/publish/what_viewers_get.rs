//! After the upload it is looked at what the store holds, and what viewers get of it.

use aws_sdk_s3::types::{CorsConfiguration, CorsRule};
use reelpress::{
    failure::FailureKind,
    job::S3Location,
    pipeline::publish::{PublishError, PublishedLocation, publish_folder},
    tools::cancel::CancelToken,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{read_url, write, write_stream};
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
