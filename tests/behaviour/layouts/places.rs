//! Templates that could write over other files are refused, and what lies somewhere stays as it is.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{assert_correct, frames_of};
use crate::support::{
    clips, object_store,
    user::{Ended, User, files_under},
};

const QUICK: [&str; 4] = ["--duration", "2", "--speed", "ultrafast"];

fn encode(user: &User, destination: &Path, flags: &[&str], sources: &[&Path]) -> Ended {
    let flags: Vec<OsString> = QUICK.iter().chain(flags).map(OsString::from).collect();
    Ended::of(user.encode_command_to(destination.as_os_str(), &flags, sources, "quick"))
}

/// Copies of a clip with these names in the user's folder.
fn sources<const N: usize>(user: &User, names: [&str; N]) -> [PathBuf; N] {
    names.map(|name| {
        let path = user.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the user's folder can be written");
        std::fs::copy(clips::NUMBERED.path(), &path).expect("the user's folder can be written");
        path
    })
}

/// All files with what is in them.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |path: String| {
        let content = std::fs::read(folder.join(&path)).expect("a file");
        (path, content)
    };
    files_under(folder).into_iter().map(read).collect()
}

#[track_caller]
fn assert_refused(ended: &Ended, says: &str) {
    let failed = ended.events_named("job_failed");
    assert_eq!((ended.exit_code, failed.len()), (Some(1), 1), "{}", ended.stderr);
    let failure = &failed[0]["failure"];
    assert_eq!(failure["kind"], "invalid_request");
    assert!(failure["headline"].as_str().is_some_and(|headline| headline.contains(says)), "{failure}");
    assert!(failure["hint"].as_str().is_some_and(|hint| hint.contains("{id}")), "{failure}");
}

#[test]
fn of_two_jobs_that_would_meet_the_second_is_refused_and_nothing_is_written_over() {
    let user = User::new();
    let [first, second, other] = sources(&user, ["a/film.mp4", "b/film.mp4", "b/other.mp4"]);
    let template = ["--template", "videos/{name}"];
    let ended = encode(&user, &user.output(), &template, &[&first, &second, &other]);
    assert_refused(&ended, "“film.mp4”");
    assert_eq!(ended.events_named("job_finished").len(), 2);
    let made = contents(&user.output());
    assert!(made.contains_key("videos/film/master.m3u8") && made.contains_key("videos/other/master.m3u8"));

    // Later, and in another process, the place is known by what lies there.
    assert_refused(&encode(&user, &user.output(), &template, &[&second]), "videos/film is there already");
    let inside = encode(&user, &user.output(), &["--template", "videos/{name}/hls"], &[&second]);
    assert_refused(&inside, "videos/film is there already");
    assert_eq!(contents(&user.output()), made);
    // With the id in it, the same name is no trouble.
    encode(&user, &user.output(), &["--template", "videos/{name}-{id}"], &[&first, &second]).assert_all_done();
    // And our own layout finds a number.
    encode(&user, &user.output(), &["--layout", "processed"], &[&first, &second]).assert_all_done();
    let master = |folder: &str| user.output().join(folder).join("hls/master.m3u8").is_file();
    assert!(master("film_processed") && master("film_processed-2"));
}

#[test]
fn a_place_in_a_bucket_that_belongs_to_another_job_stays_as_it_is() {
    let endpoint = object_store::shared_endpoint();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bucket = object_store::new_bucket(&runtime, &endpoint).bucket;
    let client = object_store::client(&endpoint);
    let user = User::new();
    let [source] = sources(&user, ["film.mp4"]);
    let destination = PathBuf::from(format!("s3://{bucket}/films"));
    let objects = || {
        let listed = runtime.block_on(client.list_objects_v2().bucket(&bucket).send()).expect("a list");
        let of = |object: &aws_sdk_s3::types::Object| Some((object.key()?.to_owned(), object.e_tag()?.to_owned()));
        listed.contents().iter().filter_map(of).collect::<BTreeMap<_, _>>()
    };
    let send =
        |template: &str| encode(&user, &destination, &["--endpoint", &endpoint, "--template", template], &[&source]);
    send("videos/{name}").assert_all_done();
    let made = objects();
    assert!(made.contains_key("films/videos/film/master.m3u8"), "{made:?}");
    for template in ["videos/{name}", "videos/{name}/hls"] {
        assert_refused(&send(template), "Something lies at films/videos/film already");
        assert_eq!(objects(), made, "{template}");
    }
    assert_eq!(files_under(&user.path("home/cache/streams")), Vec::<String>::new(), "nothing is left on this machine");
}

#[test]
fn what_a_template_can_not_be_is_said_before_anything_is_made() {
    let user = User::new();
    let [source] = sources(&user, ["film.mp4"]);
    for (template, says) in [
        ("videos/{nmae}", "{nmae}"),
        ("../{id}", "“..”"),
        ("/srv/{id}", "absolute"),
        ("{id}//hls", "empty part"),
        ("videos\\{id}", "“\\”"),
        ("{id}/\u{7}", "control character"),
        ("videos/hls", "neither {id} nor {name}"),
        ("{id}/{height}p", "without {rung}"),
        ("{date:%!}/{id}", "{date:%!}"),
    ] {
        let ended = encode(&user, &user.output(), &["--template", template], &[&source]);
        assert_eq!((ended.exit_code, ended.events.len()), (Some(2), 0), "{template}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{template}: {}", ended.stderr);
    }
    assert!(files_under(&user.output()).is_empty());
}

#[test]
fn odd_names_become_folders_that_play() {
    let user = User::new();
    let long = format!("{}.mp4", "ü".repeat(125));
    let names = ["a b...mp4", "🎬 #1 %20?.mp4", "..mp4", "CON.mp4", "-i.mp4", "line\nbreak.mp4", &long];
    let paths = sources(&user, names);
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let flags = ["--layout", "processed", "--template", "{user}/{name}-{id}/{rung}", "--jobs", "2"];
    let flags: Vec<OsString> = QUICK.iter().chain(&flags).map(OsString::from).collect();
    let mut command = user.encode_command_to(user.output().as_os_str(), &flags, &paths, "quick");
    command.env("USER", "../anna/🎬..");
    let ended = Ended::of(command);
    ended.assert_all_done();
    assert!(user.output().join("_anna_🎬").is_dir() || user.output().join("_.._anna_🎬").is_dir(), "the user's folder");
    let folders: Vec<&str> =
        ended.events_named("job_finished").iter().filter_map(|event| event["folder"].as_str()).collect();
    assert_eq!(folders.len(), names.len());
    for folder in folders {
        let folder = Path::new(folder);
        assert!(folder.starts_with(user.output()), "{folder:?}");
        assert_eq!(frames_of(folder.join("hls/master.m3u8").as_os_str(), 0), (50, String::new()), "{folder:?}");
        assert_correct(&user, folder.as_os_str());
    }
}

/// A failed job leaves neither files nor the empty folders that its template made.
#[test]
fn a_failed_job_leaves_no_folders() {
    let user = User::new();
    let source = user.file("film.mp4", b"no video");
    let ended = encode(&user, &user.output(), &["--template", "{date:%Y/%m}/{name}/hls"], &[&source]);
    assert_eq!(ended.exit_code, Some(1));
    let [cut] = sources(&user, ["cut.mp4"]);
    let content = std::fs::read(&cut).expect("a clip");
    std::fs::write(&cut, &content[..content.len() / 2]).expect("the user's folder can be written");
    encode(&user, &user.output(), &["--template", "{date:%Y/%m}/{name}/hls", "--on-damage", "fail"], &[&cut]);
    let left: Vec<_> = walkdir::WalkDir::new(user.output()).min_depth(1).into_iter().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}
