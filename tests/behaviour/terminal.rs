//! What can be done from a terminal.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    support::{
        clips, object_store, run,
        user::{Ended, User, files_under},
    },
    tools::{pack, serve, system_program},
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `reelpress` with these arguments, without a display.
fn call(user: &User, arguments: &[&str]) -> Output {
    let mut command = user.reelpress();
    command.args(arguments).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").current_dir(user.path(""));
    run(command)
}

#[track_caller]
fn assert_refused(output: &Output, exit_code: i32, words: &str) {
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(exit_code), "{errors}");
    assert!(errors.contains(words), "{words} is not in: {errors}");
    assert_eq!(text(&output.stdout), "", "standard output is for data");
}

/// Whoever opens a pipe waits until somebody writes to it, which nobody does.
#[test]
fn a_pipe_in_the_place_of_settings_or_queue_is_refused_by_its_name() {
    let make_pipe = |path: &Path| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    };
    let user = User::new();
    for name in ["queue.sqlite", "queue.lock"] {
        let path = user.path("home").join("data").join(name);
        make_pipe(&path);
        assert_refused(
            &call(&user, &["queue", "list"]),
            1,
            &format!("{name} can't be opened: it is not a regular file"),
        );
        std::fs::remove_file(path).unwrap();
    }
    make_pipe(&user.path("home/config/settings.json"));
    assert_refused(&call(&user, &["presets"]), 2, "settings.json can't be read: it is not a regular file");
}

#[test]
fn events_of_good_and_bad_files_end_with_one_result_each() {
    let user = User::new();
    let empty = user.file("empty.mp4", b"");
    let missing = user.path("missing.mp4");
    let dash = user.path("-dash.mp4");
    std::fs::copy(clips::sample(), &dash).unwrap();
    let mut command = user.encode_command(&[&empty, Path::new("-dash.mp4"), &missing], "source");
    command.current_dir(user.path(""));
    let ended = Ended::of(command);
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    let added: Vec<&Value> = ended.events_named("job_added").iter().map(|event| &event["job"]).collect();
    assert_eq!(added.len(), 3);
    for job in &added {
        let of_job: Vec<&Value> = ended.events.iter().filter(|event| event["job"] == **job).collect();
        let last = of_job.last().unwrap()["event"].as_str().unwrap();
        assert!(["job_finished", "job_failed"].contains(&last), "{last}");
        let ends =
            of_job.iter().filter(|event| ["job_finished", "job_failed"].contains(&event["event"].as_str().unwrap()));
        assert_eq!(ends.count(), 1);
    }
    let finished = ended.events_named("job_finished");
    assert_eq!(finished.len(), 1);
    assert_eq!(&finished[0]["job"], added[2], "what is not there is told first, the rest is in the order of the names");
    let playlist = Path::new(finished[0]["multivariant_playlist"].as_str().unwrap());
    assert!(playlist.starts_with(user.output()) && playlist.is_file(), "{}", playlist.display());
    let kinds: Vec<&Value> = ended.events_named("job_failed").iter().map(|event| &event["failure"]["kind"]).collect();
    assert!(kinds.contains(&&"source_invalid".into()) && kinds.contains(&&"source_unreadable".into()), "{kinds:?}");
    assert_eq!(ended.events_named("job_planned")[0]["renditions"].as_array().unwrap().len(), 3);
}

#[test]
fn without_json_the_addresses_are_the_data_and_stages_are_told_beside() {
    let user = User::new();
    let sample = clips::sample();
    let output = call(
        &user,
        &[
            "encode",
            "--preset",
            "Quick",
            "--speed",
            "ultrafast",
            "--thumbnail-times",
            "00:00:01,2",
            "--out",
            "streams",
            sample.to_str().unwrap(),
        ],
    );
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let playlist = user.path("streams/sample/master.m3u8");
    assert_eq!(text(&output.stdout), format!("{}\n", playlist.display()));
    assert!(errors.contains("sample.mp4: Encoding 2 renditions") && errors.contains("sample.mp4: done: "), "{errors}");
    let images = files_under(&user.path("streams/sample/images"));
    assert_eq!(images.iter().filter(|name| name.starts_with("thumbnail")).count(), 2, "{images:?}");
    let quiet = call(
        &user,
        &["-q", "encode", "--preset", "quick", "--speed", "ultrafast", "--out", "quiet", sample.to_str().unwrap()],
    );
    assert_eq!((text(&quiet.stderr).as_str(), quiet.status.code()), ("", Some(0)));
}

#[test]
fn a_folder_gives_its_videos_and_a_folder_without_any_is_said_so() {
    let user = User::new();
    for folder in ["videos/inner", "none"] {
        std::fs::create_dir_all(user.path(folder)).unwrap();
    }
    std::fs::copy(clips::sample(), user.path("videos/inner/a.mp4")).unwrap();
    std::fs::write(user.path("videos/notes.txt"), "x").unwrap();
    std::fs::write(user.path("none/notes.txt"), "x").unwrap();
    let (videos, none) = (user.path("videos"), user.path("none"));
    let ended = user.encode(&[&none, &videos], "quick");
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.events_named("job_finished").len(), 1);
    let noticed = ended.events_named("noticed");
    assert!(noticed[0]["failure"]["headline"].as_str().unwrap().contains("none has no video in it"), "{noticed:?}");
}

#[test]
fn streams_that_lie_beside_their_sources_are_no_sources_the_next_time() {
    let user = User::new();
    std::fs::create_dir(user.output()).unwrap();
    std::fs::copy(clips::sample(), user.output().join("a.mp4")).unwrap();
    for _ in 0..2 {
        let flags = ["--mp4", "--ts", "--speed", "ultrafast"].map(Into::into);
        let ended = Ended::of(user.encode_command_to(user.output().as_os_str(), &flags, &[&user.output()], "quick"));
        ended.assert_all_done();
        assert_eq!(ended.events_named("job_finished").len(), 1);
    }
}

#[test]
fn arguments_and_settings_that_make_no_sense_are_refused_with_a_remedy() {
    let user = User::new();
    let refused: [(&[&str], &str); 10] = [
        (&["encode", "a.mp4", "--preset", "nope"], "web-hls, web-hls-240, quick, source"),
        (&["encode", "a.mp4", "--thumbnail-times", "10%,5"], "--thumbnail-times"),
        (&["encode", "a.mp4", "--out", "x", "--keep", "y"], "--keep"),
        (&["encode", "a.mp4", "--out", "s3://UPPER/x"], "UPPER"),
        (&["encode", "a.mp4", "--out", "x", "--endpoint", "http://localhost"], "s3://"),
        (&["encode", "a.mp4", "--out", "s3://films/x", "--endpoint", "http://store/?a=b"], "--endpoint: an address is"),
        (&["queue", "add", "a.mp4", "--out", "s3://films/x?endpoint=http://a%20b"], "endpoint: an address is"),
        (&["encode", "a.mp4", "--jobs", "0"], "--jobs"),
        (&["encode"], "FILE"),
        (&["publish", ".", "not-s3"], "s3://bucket/prefix"),
    ];
    for (arguments, words) in refused {
        assert_refused(&call(&user, arguments), 2, words);
    }
    user.save_settings(&serde_json::json!({ "running_jobs": "many" }));
    assert_refused(&call(&user, &["presets"]), 2, "settings.json");
}

#[test]
fn a_missing_tool_is_named_by_every_command_that_needs_it() {
    let user = User::new();
    let sample = clips::sample();
    let sample = sample.to_str().unwrap();
    let nowhere = user.path("nowhere/ffmpeg");
    let flag = ["--ffmpeg", nowhere.to_str().unwrap()];
    for arguments in [&["probe", sample][..], &["encode", sample, "--out", "x"]] {
        let arguments: Vec<&str> = arguments.iter().chain(&flag).copied().collect();
        assert_refused(&call(&user, &arguments), 3, "nowhere/ffmpeg");
    }
    let doctor = call(&user, &["doctor", "--json", flag[0], flag[1]]);
    assert_eq!(doctor.status.code(), Some(3));
    let findings: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    assert_eq!((&findings[0]["check"], &findings[0]["status"]), (&"ffmpeg".into(), &"tool_missing".into()));
    assert!(!findings[0]["hint"].as_str().unwrap().is_empty());
}

#[test]
fn a_file_can_be_asked_what_it_is() {
    let user = User::new();
    let sample = clips::sample();
    let told = call(&user, &["probe", sample.to_str().unwrap()]);
    let told = text(&told.stdout);
    assert!(told.contains("h264") && told.contains("1280×720") && told.contains("25 fps"), "{told}");
    let json = call(&user, &["probe", "--json", sample.to_str().unwrap()]);
    let media: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(media["video"][0]["coded_size"]["width"], 1280);
    user.file("notes.mp4", b"no video at all");
    assert_refused(&call(&user, &["probe", "notes.mp4"]), 1, "notes.mp4 is not a video");
}

#[test]
fn presets_are_listed_for_people_and_programs() {
    let user = User::new();
    let told = text(&call(&user, &["presets"]).stdout);
    assert_eq!(told.lines().count(), 7);
    assert!(told.starts_with("web-hls ") && told.contains("1080p 5000k, 720p 3000k, 480p 1500k, 360p 800k"), "{told}");
    let presets: Vec<Value> = serde_json::from_slice(&call(&user, &["presets", "--json"]).stdout).unwrap();
    assert_eq!(presets[2]["id"], "quick");
}

#[test]
fn a_reader_that_leaves_early_is_no_defect() {
    let user = User::new();
    for arguments in [&["presets"][..], &["presets", "--json"], &["encode", "--help"]] {
        let mut command = user.reelpress();
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((text(&output.stderr).as_str(), output.status.code()), ("", Some(0)), "{arguments:?}");
    }
}

#[test]
fn without_a_display_the_program_says_what_to_do_and_encodes_files_here() {
    let user = User::new();
    assert_refused(&call(&user, &[]), 2, "reelpress encode video.mp4");
    user.save_settings(&serde_json::json!({ "output_folder": user.output(), "preset": "quick" }));
    let output = call(&user, &[clips::sample().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(user.output().join("sample/master.m3u8").is_file());
}

#[test]
fn everything_that_the_program_keeps_lies_under_its_home() {
    let user = User::new();
    user.encode(&[&clips::sample()], "quick").assert_all_done();
    let kept = files_under(&user.path("home"));
    assert!(kept.iter().any(|file| file.starts_with("data/logs/reelpress.") && file.ends_with(".log")), "{kept:?}");
    for file in kept {
        let content = std::fs::read(user.path("home").join(&file)).unwrap();
        assert!(!text(&content).contains(object_store::SECRET_KEY), "{file} holds a secret");
    }
}

#[test]
fn setup_fetches_an_ffmpeg_that_is_then_found() {
    let user = User::new();
    let packing = tempfile::tempdir().unwrap();
    let body = pack(packing.path(), &["ffmpeg", "ffprobe"].map(|name| (name, system_program(name))));
    let length = body.len();
    let url = serve(body, length);
    let bare = |arguments: &[&str]| {
        let mut command = user.reelpress();
        command.args(arguments).env_remove("REELPRESS_FFMPEG").env_remove("REELPRESS_FFPROBE");
        command.env("PATH", packing.path()).env("REELPRESS_FFMPEG_URL", &url);
        run(command)
    };
    assert_refused(&bare(&["probe", clips::sample().to_str().unwrap()]), 3, "reelpress setup");
    assert_refused(&bare(&["setup"]), 2, "reelpress setup --yes");
    let fetched = bare(&["setup", "--yes"]);
    assert_eq!(fetched.status.code(), Some(0), "{}", text(&fetched.stderr));
    let ffmpeg = user.path("home/data/tools/ffmpeg");
    assert_eq!(text(&fetched.stdout).trim(), ffmpeg.to_str().unwrap());
    assert_eq!(bare(&["probe", clips::sample().to_str().unwrap()]).status.code(), Some(0));
    assert!(text(&bare(&["setup"]).stderr).contains("is ready"), "nothing is fetched twice");
}

#[test]
fn a_preview_is_served_until_ctrl_c() {
    let user = User::new();
    user.encode(&[&clips::sample()], "quick").assert_all_done();
    let mut command = user.reelpress();
    command.args(["preview", "--no-open"]).arg(user.output().join("sample")).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap();
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("<video"), "{answer}");
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The flags that reach the test store.
fn to_store(mut command: Command, endpoint: &str) -> Command {
    command.args(["--endpoint", endpoint, "--region", "us-east-1"]);
    command
}

#[test]
fn a_bucket_gets_the_stream_and_the_local_one_goes_unless_it_is_kept() {
    let user = User::new();
    let endpoint = object_store::shared_endpoint();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bucket = object_store::new_bucket(&runtime, &endpoint).bucket;
    let sample = clips::sample();
    let encode = |more: &[&str]| {
        let mut command = user.reelpress();
        command.args(["encode", "--preset", "quick", "--speed", "ultrafast", "--out", &format!("s3://{bucket}/a/b")]);
        command.args(more).arg(&sample);
        run(to_store(command, &endpoint))
    };
    let output = encode(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), format!("{endpoint}/{bucket}/a/b/sample/master.m3u8\n"));
    assert_eq!(files_under(&user.path("home/cache/streams")), Vec::<String>::new(), "the local stream is removed");
    let keep = user.path("kept");
    let output = encode(&["--keep", keep.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(keep.join("sample/master.m3u8").is_file());

    let mut command = user.reelpress();
    command.arg("publish").arg(keep.join("sample")).arg(format!("s3://{bucket}/again"));
    let output = run(to_store(command, &endpoint));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let first_url = text(&output.stdout).lines().next().unwrap().to_owned();
    assert_eq!(first_url, format!("{endpoint}/{bucket}/again/sample/master.m3u8"));
    let object = runtime
        .block_on(object_store::client(&endpoint).head_object().bucket(&bucket).key("again/sample/master.m3u8").send());
    assert_eq!(object.unwrap().content_type(), Some("application/vnd.apple.mpegurl"));
}

#[test]
fn the_doctor_tries_a_destination() {
    let user = User::new();
    let endpoint = object_store::shared_endpoint();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bucket = object_store::new_bucket(&runtime, &endpoint).bucket;
    let doctor = |bucket: &str| {
        let mut command = user.reelpress();
        command.args(["doctor", "--destination", &format!("s3://{bucket}/x")]);
        run(to_store(command, &endpoint))
    };
    let fine = doctor(&bucket);
    assert_eq!(fine.status.code(), Some(0), "{}", text(&fine.stdout));
    assert!(text(&fine.stdout).contains("Objects were listed, written, read, uploaded in parts and deleted"));
    let missing = doctor("no-such-bucket-here");
    assert_eq!(missing.status.code(), Some(1), "{}", text(&missing.stdout));
    let told = text(&missing.stdout);
    assert!(told.contains("FAILED   destination") && told.contains("create the bucket"), "{told}");
    assert!(!told.contains(object_store::SECRET_KEY));
}
