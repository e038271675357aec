//! ffmpeg is found, checked and fetched.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use reelpress::{
    failure::FailureKind,
    settings::AppFolders,
    tools::{
        cancel::CancelToken,
        ffmpeg::{DownloadProgress, SearchPlaces, ToolError, download_from},
    },
};

use crate::support::{
    clips,
    user::{Ended, User},
};

/// The ffmpeg or ffprobe of this machine.
pub fn system_program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()).unwrap()
}

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn link_both(folder: &Path) {
    for program in ["ffmpeg", "ffprobe"] {
        std::os::unix::fs::symlink(system_program(program), folder.join(program)).unwrap();
    }
}

/// An ffmpeg of a certain age that has all encoders.
fn ffmpeg_of_version(folder: &Path, version: &str) -> PathBuf {
    script(
        folder,
        "ffmpeg",
        &format!(
            "case \"$*\" in *-version*) echo 'ffmpeg version {version} Copyright';; \
             *-encoders*) echo ' V....D libx264 x'; echo ' A....D aac x';; *) echo ' ... scale V->V x';; esac"
        ),
    )
}

#[test]
fn an_explicit_path_goes_before_a_found_one_and_the_settings_before_the_environment() {
    let (one, other, found) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    link_both(found.path());
    let mut places = SearchPlaces {
        ffmpeg_in_settings: Some(ffmpeg_of_version(one.path(), "7.1")),
        ffmpeg_in_environment: Some(ffmpeg_of_version(other.path(), "6.1")),
        folders: vec![found.path().to_owned()],
        ..SearchPlaces::default()
    };
    let toolbox = places.find().unwrap();
    assert_eq!((toolbox.version.as_str(), toolbox.can_tone_map), ("7.1", false));
    assert_eq!(toolbox.ffprobe, found.path().join("ffprobe"), "ffprobe is looked for on its own");
    places.ffmpeg_in_settings = None;
    assert_eq!(places.find().unwrap().version, "6.1");
    places.ffmpeg_in_environment = None;
    let toolbox = places.find().unwrap();
    assert_eq!(toolbox.ffmpeg, found.path().join("ffmpeg"));
    assert!(toolbox.can_tone_map, "the system's ffmpeg has zscale and tonemap");
}

#[test]
fn an_explicit_path_that_does_not_work_is_named_and_not_passed_over() {
    let found = tempfile::tempdir().unwrap();
    link_both(found.path());
    let missing = found.path().join("nowhere/ffmpeg");
    let places = SearchPlaces {
        ffmpeg_in_environment: Some(missing.clone()),
        folders: vec![found.path().to_owned()],
        ..SearchPlaces::default()
    };
    let failure = places.find().unwrap_err().into_failure();
    assert_eq!(failure.kind, FailureKind::ToolMissing);
    assert!(failure.headline.contains(&*missing.to_string_lossy()), "{}", failure.headline);
    assert!(failure.hint.contains("REELPRESS_FFMPEG"), "{}", failure.hint);
}

#[test]
fn a_found_program_that_is_too_old_is_passed_over_for_a_later_one() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    ffmpeg_of_version(old.path(), "4.4.2-0ubuntu0.22.04.1");
    link_both(new.path());
    let mut places =
        SearchPlaces { folders: vec![old.path().to_owned(), new.path().to_owned()], ..SearchPlaces::default() };
    assert_eq!(places.find().unwrap().ffmpeg, new.path().join("ffmpeg"));
    places.folders.truncate(1);
    let reason = places.find().unwrap_err();
    assert!(matches!(&reason, ToolError::TooOld { version, .. } if version.starts_with("4.4.2")), "{reason}");
    assert!(reason.into_failure().hint.contains("reelpress setup"));
}

#[test]
fn an_ffmpeg_without_x264_is_refused_by_name_of_the_encoder() {
    let folder = tempfile::tempdir().unwrap();
    script(
        folder.path(),
        "ffmpeg",
        "case \"$*\" in *-version*) echo 'ffmpeg version 7.0';; *) echo ' A....D aac x';; esac",
    );
    let places = SearchPlaces { folders: vec![folder.path().to_owned()], ..SearchPlaces::default() };
    let reason = places.find().unwrap_err();
    assert!(matches!(reason, ToolError::LacksEncoder { encoder: "libx264", .. }), "{reason}");
}

/// One that answers for its version and encoders and does nothing else, as a wrapper with a mistake in it.
#[test]
fn an_ffmpeg_that_writes_nothing_is_named_and_not_the_source() {
    let user = User::new();
    let ffmpeg = system_program("ffmpeg");
    let text = format!("case \"$*\" in *pipe:1*|*made.mp4*|*.mp4) exit 0;; *) exec {} \"$@\";; esac", ffmpeg.display());
    let broken = script(&user.path(""), "ffmpeg", &text);
    let encode: &[&str] = &["encode", "--json", "--preset", "quick"];
    let convert: &[&str] = &["convert", "--json", "--reencode"];
    for (arguments, flag, place) in [(encode, "--out", "output"), (convert, "--output", "made.mp4")] {
        let mut command = user.reelpress();
        command.env("REELPRESS_FFMPEG", &broken).args(arguments).arg(flag).arg(user.path(place)).arg(clips::sample());
        let ended = Ended::of(command);
        let failed = ended.events_named("job_failed");
        let [failed] = failed.as_slice() else { panic!("{ended:?}") };
        let failure = &failed["failure"];
        assert_eq!(failure["kind"], "encoder_failed", "{failure}");
        assert!(failure["headline"].as_str().is_some_and(|words| words.contains("ffmpeg ended without")), "{failure}");
        assert!(failure["hint"].as_str().is_some_and(|words| words.contains("reelpress doctor")), "{failure}");
    }
}

#[test]
fn without_any_ffmpeg_the_failure_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let places = SearchPlaces { folders: vec![folder.path().to_owned()], ..SearchPlaces::default() };
    let failure = places.find().unwrap_err().into_failure();
    assert_eq!(failure.headline, "ffmpeg was not found");
    assert!(failure.hint.contains("reelpress setup") && failure.hint.contains("apt install ffmpeg"));
    std::os::unix::fs::symlink(system_program("ffmpeg"), folder.path().join("ffmpeg")).unwrap();
    assert_eq!(places.find().unwrap_err().to_string(), "ffprobe was not found");
}

/// A `.tar.xz` as the usual build server packs it, from the programs of this machine.
pub fn pack(folder: &Path, programs: &[(&str, PathBuf)]) -> Vec<u8> {
    let binaries = folder.join("ffmpeg-n9.0-latest-linux64-gpl-9.0/bin");
    fs::create_dir_all(&binaries).unwrap();
    for (name, program) in programs {
        fs::copy(program, binaries.join(name)).unwrap();
    }
    let archive = folder.join("archive.tar.xz");
    let mut tar = Command::new("tar");
    tar.env("XZ_OPT", "-1").arg("-cJf").arg(&archive).arg("-C").arg(folder).arg("ffmpeg-n9.0-latest-linux64-gpl-9.0");
    assert!(tar.status().unwrap().success());
    fs::read(archive).unwrap()
}

/// Serves `body` once for each of two requests, saying that it has `length` bytes.
pub fn serve(body: Vec<u8>, length: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ffmpeg-n9.0-latest-linux64-gpl-9.0.tar.xz", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            // The client may hang up early.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    url
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_downloaded_ffmpeg_is_unpacked_tried_and_replaces_the_one_before() {
    let (home, packing) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let programs = ["ffmpeg", "ffprobe"].map(|name| (name, system_program(name)));
    let body = pack(packing.path(), &programs);
    let length = body.len();
    let url = serve(body, length);
    let folders = AppFolders::under(home.path());
    fs::create_dir_all(folders.tools()).unwrap();
    fs::write(folders.tools().join("ffmpeg"), "an old one").unwrap();
    let seen = Mutex::new(Vec::new());
    let toolbox = download_from(&url, &folders, &|at| seen.lock().unwrap().push(at), &CancelToken::default()).unwrap();
    assert_eq!(toolbox.ffmpeg, folders.tools().join("ffmpeg"));
    assert_eq!(names_in(&folders.tools()), ["ffmpeg", "ffprobe"]);
    assert_eq!(names_in(&folders.data), ["tools"], "nothing temporary stays");
    let found = SearchPlaces { folders: vec![folders.tools()], ..SearchPlaces::default() }.find().unwrap();
    assert_eq!(found, toolbox);
    let seen = seen.into_inner().unwrap();
    assert!(seen.iter().any(
        |at| matches!(at, DownloadProgress::Downloading { total_bytes, .. } if *total_bytes == Some(length as u64))
    ));
    assert_eq!(seen.last(), Some(&DownloadProgress::Unpacking));
}

#[test]
fn a_download_that_fails_leaves_what_was_there() {
    let home = tempfile::tempdir().unwrap();
    let folders = AppFolders::under(home.path());
    fs::create_dir_all(folders.tools()).unwrap();
    fs::write(folders.tools().join("ffmpeg"), "an old one").unwrap();
    let free_port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let urls = [
        format!("http://127.0.0.1:{free_port}/ffmpeg.tar.xz"),
        "http://ffmpeg.host.invalid/ffmpeg.tar.xz".to_owned(),
        serve(b"not an archive".to_vec(), 14),
        serve(vec![0; 1000], 5000),
    ];
    for url in urls {
        let reason = download_from(&url, &folders, &|_| {}, &CancelToken::default()).unwrap_err();
        assert!(matches!(reason, ToolError::NotDownloaded { .. }), "{url}: {reason}");
        let failure = reason.into_failure();
        assert!(failure.headline.contains(&url) && !failure.detail.is_empty(), "{failure:?}");
        assert_eq!(names_in(&folders.data), ["tools"]);
        assert_eq!(fs::read(folders.tools().join("ffmpeg")).unwrap(), b"an old one");
    }
}

#[test]
fn a_download_of_a_program_that_does_not_run_here_is_refused() {
    let (home, packing) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let broken = script(packing.path(), "broken", "exit 3");
    let body = pack(packing.path(), &[("ffmpeg", broken)]);
    let length = body.len();
    let folders = AppFolders::under(home.path());
    let reason = download_from(&serve(body, length), &folders, &|_| {}, &CancelToken::default()).unwrap_err();
    assert!(matches!(reason, ToolError::Broken { .. }), "{reason}");
    assert_eq!(names_in(&folders.data), Vec::<String>::new());
}

#[test]
fn a_download_can_be_cancelled_while_the_server_is_silent() {
    let home = tempfile::tempdir().unwrap();
    let folders = AppFolders::under(home.path());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ffmpeg.tar.xz", silent.local_addr().unwrap());
    let cancel = CancelToken::default();
    let canceller = cancel.clone();
    let server = std::thread::spawn(move || {
        let connection = silent.accept().unwrap();
        canceller.cancel();
        connection
    });
    let reason = download_from(&url, &folders, &|_| {}, &cancel).unwrap_err();
    assert!(matches!(reason, ToolError::Cancelled), "{reason}");
    assert_eq!(names_in(&folders.data), Vec::<String>::new());
    drop(server.join().unwrap());
}
