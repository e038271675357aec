//! One job goes to several places.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use reelpress::{
    failure::FailureKind,
    job::{Destination, JobId, JobSpec, Report, S3Location, UnpublishedStream},
    pipeline::{self, Beginning, JobEnd, JobRequest, Notice, Observer},
    preset::find_preset,
    settings::{AppFolders, Settings},
    tools::{cancel::CancelToken, ffmpeg::Toolbox, pause::PauseSwitch},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::stopping::AtWork;
use crate::support::{
    clips,
    object_store::{client, new_bucket, shared_endpoint, with_credentials},
    recording_proxy::{RecordingProxy, header, refusal},
    system_tool,
    user::{Ended, User, files_under},
    wait_for,
};

/// Sizes of all objects under a prefix, by the rest of their keys.
fn sizes(runtime: &Runtime, endpoint: &str, bucket: &str, prefix: &str) -> BTreeMap<String, u64> {
    let listed = runtime.block_on(client(endpoint).list_objects_v2().bucket(bucket).prefix(prefix).send()).unwrap();
    let size = |object: &aws_sdk_s3::types::Object| {
        let path = object.key()?.strip_prefix(prefix)?.to_owned();
        Some((path, u64::try_from(object.size()?).ok()?))
    };
    listed.contents().iter().filter_map(size).collect()
}

fn sizes_in(folder: &Path) -> BTreeMap<String, u64> {
    files_under(folder).into_iter().map(|path| (path.clone(), folder.join(&path).metadata().unwrap().len())).collect()
}

#[test]
fn a_stream_goes_to_a_folder_and_two_buckets_while_it_is_encoded() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let [first, second] = [(); 2].map(|()| new_bucket(&runtime, &endpoint).bucket);
    let user = User::new();
    let flags: Vec<OsString> = vec![
        "--out".into(),
        format!("s3://{first}/films").into(),
        "--endpoint".into(),
        endpoint.clone().into(),
        "--out".into(),
        format!("s3://{second}?endpoint={endpoint}&region=us-east-1&cache-control=media:max-age%3D5").into(),
    ];
    let ended = Ended::of(user.encode_command_to(user.output().as_os_str(), &flags, &[&clips::sample()], "quick"));
    ended.assert_all_done();
    let here = sizes_in(&user.output().join("sample"));
    assert_eq!(sizes(&runtime, &endpoint, &first, "films/sample/"), here);
    assert_eq!(sizes(&runtime, &endpoint, &second, "sample/"), here);

    // Each has its own options.
    let head = |bucket: &str, key: &str| {
        let head = runtime.block_on(client(&endpoint).head_object().bucket(bucket).key(key).send()).unwrap();
        head.cache_control().map(str::to_owned)
    };
    assert_eq!(head(&second, "sample/360p/init.mp4").as_deref(), Some("max-age=5"));
    assert_ne!(head(&first, "films/sample/360p/init.mp4").as_deref(), Some("max-age=5"));

    let finished = ended.events_named("job_finished")[0];
    let url = |place: &str| format!("{endpoint}/{place}/sample/master.m3u8");
    let published = finished["published"].as_array().unwrap();
    let told: Vec<(&str, &str)> = published
        .iter()
        .map(|place| (place["destination"].as_str().unwrap(), place["urls"][0].as_str().unwrap()))
        .collect();
    let [first_place, second_place] = [format!("s3://{first}/films"), format!("s3://{second}")];
    let [first_url, second_url] = [url(&format!("{first}/films")), url(&second)];
    assert_eq!(told, [(first_place.as_str(), first_url.as_str()), (second_place.as_str(), second_url.as_str())]);
    assert_eq!(finished["urls"][0], first_url.as_str());
    let while_encoding = ended.events_named("job_progressed").into_iter().any(|event| {
        let uploads = event["uploads"].as_array().unwrap();
        let has_some = |upload: &serde_json::Value| upload["published_files"].as_u64() > Some(0);
        event["stage"] == "encode" && uploads.len() == 2 && uploads.iter().all(has_some)
    });
    assert!(while_encoding, "both buckets got files during the encode");
}

/// What a job has told last of its finished stream.
#[derive(Default)]
struct LastStream(Mutex<Option<UnpublishedStream>>);

impl Observer for LastStream {
    fn notice(&self, notice: Notice) {
        if let Notice::StreamMade(stream) = notice {
            *self.0.lock().unwrap() = Some(*stream);
        }
    }

    fn finished(&self, _: &Report) -> bool {
        true
    }
}

/// A job for these buckets, run by itself, without a queue that would try again.
fn run(
    home: &Path,
    runtime: &Runtime,
    places: &[S3Location],
    unpublished: Option<UnpublishedStream>,
) -> (Result<Report, JobEnd>, Option<UnpublishedStream>) {
    let (location, also_to) = places.split_first().unwrap();
    let destination = Destination::S3 {
        location: Box::new(location.clone()),
        local_folder: home.join("out"),
        keep_local: true,
        also_to: also_to.to_vec(),
        drop_published: false,
    };
    let spec = JobSpec::stream(clips::SMALL.path(), find_preset("quick").unwrap(), destination);
    let settings =
        Settings { ffmpeg: Some(system_tool("ffmpeg")), ffprobe: Some(system_tool("ffprobe")), ..Settings::default() };
    let request = JobRequest {
        id: JobId::generate(),
        spec,
        unpublished,
        toolbox: Toolbox::find(&settings, &AppFolders::under(home)).unwrap(),
        cancel: CancelToken::default(),
        pause: PauseSwitch::default(),
        runtime: runtime.handle().clone(),
        beginning: Beginning::WhereItWas,
        is_queued: false,
        work_folder: home.join("work"),
        hardware_file: home.join("hardware.json"),
        replaced_folder: home.join("replaced"),
        kept_folder: home.join("kept"),
    };
    let observer = LastStream::default();
    let result = pipeline::run(&request, &observer);
    (result, observer.0.into_inner().unwrap())
}

#[test]
fn one_bucket_that_is_down_neither_holds_up_nor_loses_the_other() {
    with_credentials("publish::several::one_bucket_that_is_down_neither_holds_up_nor_loses_the_other", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let home = TempDir::new().unwrap();
        let is_down = Arc::new(AtomicBool::new(true));
        let unavailable = {
            let is_down = Arc::clone(&is_down);
            move |_: &str| is_down.load(Ordering::SeqCst).then(|| refusal(503, "SlowDown", "later"))
        };
        let good = RecordingProxy::before(endpoint);
        let down = RecordingProxy::answering(endpoint, unavailable);
        let [first, second] = [&down, &good]
            .map(|proxy| S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) });
        let places = [first.clone(), second.clone()];

        // It comes back when the other one has the whole stream, which its own note says by going.
        let (served, bucket) = (endpoint.to_owned(), second.bucket.clone());
        let back = std::thread::spawn(move || {
            let runtime = Runtime::new().unwrap();
            wait_for("a whole stream", || {
                let there = sizes(&runtime, &served, &bucket, "");
                (there.contains_key("small/master.m3u8") && !there.keys().any(|key| key.contains(".reelpress/")))
                    .then_some(())
            });
            is_down.store(false, Ordering::SeqCst);
        });
        let (ended, stream) = run(home.path(), &runtime, &places, None);
        back.join().unwrap();
        let report = ended.unwrap_or_else(|end| panic!("{end:?}"));
        assert_eq!(report.published.len(), 2);
        let stream = stream.expect("the stream is finished");
        assert_eq!(stream.published.keys().copied().collect::<Vec<_>>(), [0, 1]);
        let here = sizes_in(&home.path().join("out/small"));
        for location in &places {
            assert_eq!(sizes(&runtime, endpoint, &location.bucket, "small/"), here);
        }
    });
}

#[test]
fn a_bucket_that_is_not_there_is_said_before_anything_is_encoded() {
    with_credentials("publish::several::a_bucket_that_is_not_there_is_said_before_anything_is_encoded", |endpoint| {
        let user = User::new();
        let out = format!("s3://no-such-bucket/a?endpoint={endpoint}&region=us-east-1");
        let ended = Ended::of(user.encode_command_to(out.as_ref(), &[], &[&clips::SMALL.path()], "quick"));
        let [failed] = ended.events_named("job_failed")[..] else { panic!("{ended:?}") };
        assert_eq!(failed["failure"]["kind"], "bucket_missing");
        assert!(ended.events_named("files_finished").is_empty());
    });
}

#[test]
fn a_bucket_that_is_not_there_does_not_keep_the_stream_from_the_other_place() {
    let name = "publish::several::a_bucket_that_is_not_there_does_not_keep_the_stream_from_the_other_place";
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let home = TempDir::new().unwrap();
        let good = new_bucket(&runtime, endpoint);
        let bucket = format!("late-{}", JobId::generate());
        let missing = S3Location { bucket: bucket.clone(), ..good.clone() };
        let places = [missing, good.clone()];
        let (ended, stream) = run(home.path(), &runtime, &places, None);
        let Err(JobEnd::Failed(failure)) = ended else { panic!("{ended:?}") };
        assert_eq!(failure.kind, FailureKind::BucketMissing, "{failure:?}");
        let url = format!("{endpoint}/{}/small/master.m3u8", good.bucket);
        assert!(failure.headline.contains(&bucket) && failure.hint.contains(&url), "{failure:?}");
        assert!(failure.hint.contains("the same command, typed again"), "{failure:?}");
        let mut here = sizes_in(&home.path().join("out/small"));
        let notes: Vec<String> = here.extract_if(.., |path, _| path.starts_with('.')).map(|(path, _)| path).collect();
        assert_eq!(notes, [".reelpress-unfinished/lock", ".reelpress-unfinished/state.json"]);
        assert_eq!(sizes(&runtime, endpoint, &good.bucket, "small/"), here);

        // When it is there, the other one is sent nothing again.
        let stream = stream.expect("the stream is finished");
        assert_eq!(stream.published.keys().copied().collect::<Vec<_>>(), [1]);
        runtime.block_on(client(endpoint).create_bucket().bucket(&bucket).send()).unwrap();
        let (ended, _) = run(home.path(), &runtime, &places, Some(stream));
        assert_eq!(ended.unwrap_or_else(|end| panic!("{end:?}")).published.len(), 2);
        assert_eq!(sizes(&runtime, endpoint, &bucket, "small/"), here);
    });
}

/// The same in the terminal, which says it as soon as it is known, for a folder beside keys that may not write.
#[test]
fn a_folder_gets_its_stream_beside_a_bucket_that_refuses_it() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let bucket = new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    std::fs::write(
        user.path("aws-credentials"),
        "[reader]\naws_access_key_id = readerkey\naws_secret_access_key = readersecret\n",
    )
    .unwrap();
    let place = format!("s3://{bucket}/a?endpoint={endpoint}&region=us-east-1&profile=reader");
    let mut encode = user.reelpress();
    encode.args(["encode", "--preset", "quick", "--out"]).arg(user.output()).args(["--out", &place]);
    encode.arg(clips::SMALL.path());
    let output = crate::support::run(encode);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let (early, late) = said.split_once("; the rest goes on").unwrap_or_else(|| panic!("{said}"));
    assert!(early.contains(&bucket) && early.contains("o permission to write"), "{said}");
    assert!(late.contains("reelpress publish") && late.contains("s3:PutObject"), "{said}");
    assert!(user.output().join("small/master.m3u8").is_file());
}

#[test]
fn a_job_that_is_killed_at_two_buckets_ends_with_the_right_stream_in_each() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let [first, second] = [(); 2].map(|()| new_bucket(&runtime, &endpoint).bucket);
    let user = User::new();
    user.save_settings(&serde_json::json!({ "goes_on_by_itself": false }));
    let mut add = user.reelpress();
    add.args(["queue", "add", "--preset", "quick", "--speed", "ultrafast", "--keep"]).arg(user.output());
    // The second bucket takes its time.
    for (bucket, limit) in [(&first, ""), (&second, "&max-upload=60k")] {
        add.args(["--out", &format!("s3://{bucket}/a?endpoint={endpoint}&region=us-east-1{limit}")]);
    }
    add.arg(clips::SMALL.path());
    crate::support::output_of(add);
    let run = || {
        let mut run = user.reelpress();
        run.args(["queue", "run", "--json"]);
        run
    };
    AtWork::start(run()).until_published(2).kill(&user);
    let is_whole = |event: &serde_json::Value| event["uploads"][0]["is_whole"] == true;
    AtWork::start(run()).until(is_whole).kill(&user);
    let ended = Ended::of(run());
    ended.assert_all_done();
    assert!(!ended.stderr.contains("could not be read"), "{}", ended.stderr);
    let here = sizes_in(&user.output().join("small"));
    for bucket in [&first, &second] {
        assert_eq!(sizes(&runtime, &endpoint, bucket, "a/small/"), here, "{bucket}");
        assert_eq!(sizes(&runtime, &endpoint, bucket, "").len(), here.len(), "nothing else is in {bucket}");
    }
    let published = ended.events_named("job_finished")[0]["published"].as_array().unwrap().len();
    assert_eq!(published, 2);
}

#[test]
fn flags_beside_a_place_with_options_of_its_own_are_refused_by_name() {
    let user = User::new();
    let place = "s3://films/new?endpoint=http://localhost:1&region=us-east-1";
    for command in [vec!["publish", "streams"], vec!["encode", "film.mp4", "--out"]] {
        let mut call = user.reelpress();
        call.args(command).arg(place).args(["--public-url", "https://cdn.example", "--storage-class", "STANDARD_IA"]);
        let output = crate::support::run(call);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("does not take --storage-class, --public-url"), "{said}");
        assert!(said.contains("question mark"), "{said}");
    }
}

#[test]
fn two_buckets_behind_one_address_are_warned_of_once_by_name_and_fill_it_once() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let [first, second] = [(); 2].map(|()| new_bucket(&runtime, &endpoint).bucket);
    let user = User::new();
    let edge = RecordingProxy::before(&endpoint);
    let encode = |cdn: &str| {
        let mut flags = vec!["--out".to_owned(), format!("s3://{second}/films"), "--endpoint".into(), endpoint.clone()];
        flags.extend(["--public-url", cdn, "--cloudfront", "E2EXAMPLE1"].map(str::to_owned));
        let flags: Vec<OsString> = flags.into_iter().map(OsString::from).collect();
        let place = OsString::from(format!("s3://{first}/films"));
        let ended = Ended::of(user.encode_command_to(&place, &flags, &[&clips::SMALL.path()], "quick"));
        ended.assert_all_done();
        let warnings = ended.events_named("job_finished")[0]["warnings"].as_array().unwrap().clone();
        warnings.iter().filter_map(|warning| warning.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let about_places = |warnings: &[String]| -> Vec<String> {
        warnings.iter().filter(|warning| warning.contains("s3://")).cloned().collect()
    };
    let warnings = encode(&format!("{}/no-such-bucket", edge.endpoint));
    let told = about_places(&warnings);
    assert!(!told.is_empty(), "{warnings:?}");
    let both = format!("s3://{first}/films, s3://{second}/films: There is nothing at ");
    assert_eq!(told.iter().filter(|warning| warning.contains("There is nothing at ")).count(), 1, "{warnings:?}");
    assert!(told.iter().any(|warning| warning.starts_with(&both)), "{warnings:?}");

    let before = edge.heads("GET").len();
    encode(&format!("{}/{first}", edge.endpoint));
    let asked = edge.heads("GET").split_off(before);
    let mut whole: Vec<&str> =
        asked.iter().filter(|head| header(head, "range").is_none()).map(|head| head.lines().next().unwrap()).collect();
    let count = whole.len();
    assert!(count > 0, "{asked:?}");
    whole.sort_unstable();
    whole.dedup();
    assert_eq!(whole.len(), count, "an address was asked for twice: {asked:?}");
}
