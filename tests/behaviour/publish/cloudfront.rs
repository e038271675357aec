//! A CDN before the bucket shows a replaced stream at once, and has the beginning of each before the first viewer.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::Output,
    sync::{Arc, Mutex},
};

use tokio::runtime::Runtime;

use super::write_stream;
use crate::support::{
    object_store::{ACCESS_KEY, SECRET_KEY, new_bucket, shared_endpoint},
    recording_proxy::{RecordingProxy, answer, header},
    run,
    user::User,
};

/// Takes every request for CloudFront itself, of which there is none here, and keeps head and body.
struct FakeCloudFront {
    endpoint: String,
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl FakeCloudFront {
    fn answering(status: u16, text: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let request = read(&mut client);
                kept.lock().unwrap().push(request);
                let _ = client.write_all(answer(status, text).as_bytes());
            }
        });
        Self { endpoint, requests }
    }
}

fn read(client: &mut TcpStream) -> (String, String) {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
    let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body).unwrap();
    (head, body)
}

fn publish(user: &User, folder: &Path, place: &str, (cdn, fake): (&str, &FakeCloudFront)) -> Output {
    let mut command = user.reelpress();
    command.env("AWS_ENDPOINT_URL_CLOUDFRONT", &fake.endpoint);
    command.arg("publish").arg(folder).args([place, "--endpoint", &shared_endpoint(), "--replace"]);
    command.args(["--public-url", cdn, "--cloudfront", "E2EXAMPLE1"]);
    run(command)
}

#[test]
fn what_was_replaced_is_forgotten_and_the_beginning_is_there_before_the_first_viewer() {
    let runtime = Runtime::new().unwrap();
    let bucket = new_bucket(&runtime, &shared_endpoint()).bucket;
    let user = User::new();
    let folder = user.path("bunny");
    write_stream(&folder);
    let edge = RecordingProxy::before(&shared_endpoint());
    let cdn = format!("{}/{bucket}", edge.endpoint);
    let place = format!("s3://{bucket}/films");
    let cloudfront = FakeCloudFront::answering(201, "<Invalidation><Id>I1</Id></Invalidation>");

    let first = publish(&user, &folder, &place, (&cdn, &cloudfront));
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(cloudfront.requests.lock().unwrap().is_empty(), "nothing was replaced");
    let asked = edge.heads("GET");
    for path in ["720p/init.mp4", "720p/segment-1.m4s", "audio/segment-1.m4s", "720p/media.m3u8"] {
        assert!(asked.iter().any(|head| head.lines().next().unwrap().contains(path)), "{path}: {asked:?}");
    }
    // The look as a player would reads a byte of some segment.
    let is_beyond = |head: &String| head.contains("segment-2.m4s") && !head.contains("range: ");
    assert!(!asked.iter().any(is_beyond), "only the beginning: {asked:?}");

    let second = publish(&user, &folder, &place, (&cdn, &cloudfront));
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
    let requests = cloudfront.requests.lock().unwrap().clone();
    let [(head, body)] = requests.as_slice() else { panic!("{requests:?}") };
    assert!(head.starts_with("POST /2020-05-31/distribution/E2EXAMPLE1/invalidation HTTP/1.1"), "{head}");
    let authorization = header(head, "authorization").unwrap();
    let scope = "/us-east-1/cloudfront/aws4_request";
    assert!(authorization.contains(&format!("Credential={ACCESS_KEY}/")) && authorization.contains(scope), "{head}");
    // The picture has kept its address as well.
    let paths = ["main.m3u8", "poster.jpg"].map(|path| format!("<Path>/{bucket}/films/bunny/{path}</Path>"));
    let has_all = paths.iter().all(|path| body.contains(path)) && body.contains("<Quantity>2</Quantity>");
    assert!(has_all && !body.contains(SECRET_KEY) && !head.contains(SECRET_KEY), "{body}");
}

#[test]
fn a_refusal_of_cloudfront_is_a_warning_with_the_permission_that_is_missing() {
    let runtime = Runtime::new().unwrap();
    let bucket = new_bucket(&runtime, &shared_endpoint()).bucket;
    let user = User::new();
    let folder = user.path("bunny");
    write_stream(&folder);
    let cdn = format!("{}/{bucket}", shared_endpoint());
    let cloudfront =
        FakeCloudFront::answering(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>");
    for _ in 0..2 {
        let published = publish(&user, &folder, &format!("s3://{bucket}"), (&cdn, &cloudfront));
        assert!(published.status.success());
        let told = String::from_utf8_lossy(&published.stderr).into_owned();
        let is_told = told.contains("AccessDenied") && told.contains("cloudfront:CreateInvalidation");
        assert_eq!(is_told, !cloudfront.requests.lock().unwrap().is_empty(), "{told}");
    }
    assert_eq!(cloudfront.requests.lock().unwrap().len(), 1);
}
