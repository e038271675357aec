//! A replacement that was cut off goes on where it was, or is taken back; the stream that viewers watch stays as it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::Duration,
};

use reelpress::{
    job::{PlaceInBucket, S3Location},
    pipeline::publish::{
        FileContent, FinishedFile, Place, Publisher, replace, withdraw_earlier, withdraw_unless_whole,
    },
    tools::cancel::CancelToken,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{
    objects, read_url,
    replacing::{media_playlists, play, publish_version, write_version},
    stopping::AtWork,
    unfinished_uploads,
};
use crate::support::{
    clips,
    ffmpeg::FfmpegVersion,
    object_store::{client, new_bucket, shared_endpoint, with_credentials},
    recording_proxy::RecordingProxy,
    user::{Ended, User},
    wait_for,
};

/// The name of the clip that replaces, and of the stream that is replaced.
const NAME: &str = "numbered";

/// What a viewer watches who has come before: a stream under the name of the clip, whose multivariant playlist has the
/// name that the new one will have. Gives its media playlists.
fn old_stream(user: &User, location: &S3Location) -> Vec<String> {
    let folder = user.path("old").join(NAME);
    write_version(&folder, 1);
    std::fs::rename(folder.join("main.m3u8"), folder.join("master.m3u8")).unwrap();
    let mut publish = user.reelpress();
    publish.arg("publish").arg(&folder).arg(location.to_string());
    publish.args(["--no-public-check", "--endpoint", location.endpoint.as_deref().unwrap()]);
    let urls = String::from_utf8(crate::support::output_of(publish)).unwrap();
    media_playlists(urls.lines().next().unwrap())
}

/// Names of the folders for new files beside the old ones, with what is in each.
fn revisions(runtime: &Runtime, location: &S3Location) -> BTreeMap<String, BTreeSet<String>> {
    let mut revisions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for key in objects(runtime, location).into_keys() {
        let path = key.strip_prefix(&format!("{NAME}/")).unwrap_or_default();
        if let Some((folder, file)) = path.split_once('/')
            && folder.len() == 11
            && folder.starts_with('r')
        {
            revisions.entry(folder.to_owned()).or_default().insert(file.to_owned());
        }
    }
    revisions
}

/// Lets the program encode at most five seconds of a source in a second.
fn slowly(user: &User, command: &mut Command) {
    let ffmpeg = FfmpegVersion::System.program();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *pipe:1*) exec '{0}' -readrate 5 \"$@\";; *) exec '{0}' \"$@\";; esac\n",
        ffmpeg.display()
    );
    let path = user.file("slow-ffmpeg", script.as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    command.env("REELPRESS_FFMPEG", path);
}

fn queue(user: &User, arguments: &[&str]) -> Command {
    let mut command = user.reelpress();
    command.arg("queue").args(arguments);
    command
}

#[test]
fn a_replacement_that_was_killed_and_is_then_cancelled_leaves_the_old_stream_and_nothing_else() {
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &shared_endpoint());
    let user = User::new();
    user.save_settings(&serde_json::json!({ "goes_on_by_itself": false }));
    let old = old_stream(&user, &location);
    let before = objects(&runtime, &location);
    for end in ["cancel", "remove"] {
        let mut add =
            queue(&user, &["add", "--preset", "quick", "--speed", "ultrafast", "--replace", "--no-public-check"]);
        add.arg("--out").arg(location.to_string()).args(["--endpoint", &shared_endpoint()]);
        add.arg(clips::NUMBERED.path());
        crate::support::output_of(add);
        let mut run = queue(&user, &["run", "--json"]);
        slowly(&user, &mut run);
        AtWork::start(run).until_published(2).kill(&user);
        assert_eq!(revisions(&runtime, &location).len(), 1, "a part of the new stream is up");
        assert_eq!(play(&old), 1);
        crate::support::output_of(queue(&user, &[end, NAME]));
        assert_eq!(objects(&runtime, &location), before, "after {end}");
        assert_eq!(play(&old), 1);
        if end == "cancel" {
            crate::support::output_of(queue(&user, &["remove", NAME]));
        }
    }
}

#[test]
fn a_replacement_that_was_killed_while_it_was_sent_goes_on_in_its_place_and_leaves_nothing_when_it_is_removed() {
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &shared_endpoint());
    let user = User::new();
    user.save_settings(&serde_json::json!({ "goes_on_by_itself": false }));
    let old = old_stream(&user, &location);
    let before = objects(&runtime, &location);
    let mut add = queue(&user, &["add", "--preset", "quick", "--speed", "ultrafast", "--replace", "--no-public-check"]);
    add.args(["--max-upload", "100K", "--endpoint", &shared_endpoint(), "--out"]).arg(location.to_string());
    add.arg(clips::NUMBERED.path());
    crate::support::output_of(add);
    // The stream is finished here; the second time there is nothing else to do than to send it.
    let mut places = BTreeSet::new();
    for _ in 0..2 {
        let is_sent = |event: &Value| event["stage"] == "publish" && event["published_files"].as_u64() >= Some(2);
        AtWork::start(queue(&user, &["run", "--json"])).until(is_sent).kill(&user);
        places.extend(revisions(&runtime, &location).into_keys());
        assert_eq!(places.len(), 1, "{places:?}");
    }
    assert_eq!(play(&old), 1);
    crate::support::output_of(queue(&user, &["remove", NAME]));
    assert_eq!(objects(&runtime, &location), before);
}

#[test]
fn a_replacement_that_was_killed_goes_on_with_what_is_up_when_it_is_typed_again() {
    let runtime = Runtime::new().unwrap();
    let proxy = RecordingProxy::before(&shared_endpoint());
    let location = new_bucket(&runtime, &shared_endpoint());
    let user = User::new();
    let old = old_stream(&user, &location);
    let encode = || {
        let flags = ["--endpoint", &proxy.endpoint, "--speed", "ultrafast", "--replace", "--no-public-check"];
        let place = location.to_string();
        user.encode_command_to(place.as_ref(), &flags.map(Into::into), &[&clips::NUMBERED.path()], "quick")
    };
    let mut slow = encode();
    slowly(&user, &mut slow);
    AtWork::start(slow).until(|event| event["playable_seconds"].as_f64() >= Some(6.0)).kill(&user);
    let up = revisions(&runtime, &location);
    assert_eq!(play(&old), 1);

    let sent_before = proxy.heads("PUT").len();
    let ended = Ended::of(encode());
    ended.assert_all_done();
    assert!(ended.events_named("job_planned")[0]["goes_on_at_seconds"].as_f64() >= Some(6.0));
    let whole = revisions(&runtime, &location);
    assert_eq!(whole.keys().collect::<Vec<_>>(), up.keys().collect::<Vec<_>>(), "it goes on in the same folder");
    let (revision, files) = up.first_key_value().unwrap();
    let again = proxy.heads("PUT").split_off(sent_before);
    let media: Vec<&String> = files.iter().filter(|file| file.ends_with(".m4s") || file.ends_with(".mp4")).collect();
    assert!(media.iter().any(|file| file.ends_with(".m4s")), "{files:?}");
    for file in media {
        let is_sent = |head: &String| head.lines().next().unwrap_or_default().contains(&format!("/{revision}/{file}"));
        assert!(!again.iter().any(is_sent), "{file} was up already");
    }
    assert_eq!(play(&old), 1, "who has come before plays on");
    let url = format!("{}/{}/{NAME}/master.m3u8", shared_endpoint(), location.bucket);
    assert!(String::from_utf8(read_url(&url)).unwrap().contains(&format!("\n{revision}/")));
    let mut check = user.reelpress();
    crate::support::output_of({
        check.arg("check").arg(&url);
        check
    });
}

#[test]
fn a_replacement_that_was_killed_and_never_typed_again_is_found_and_removed() {
    let name = "publish::replacing_again::a_replacement_that_was_killed_and_never_typed_again_is_found_and_removed";
    // It is made before, not by two processes at once.
    let clip = clips::NUMBERED.path();
    with_credentials(name, |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let user = User::new();
        let old = old_stream(&user, &location);
        let before = objects(&runtime, &location);
        let flags = ["--endpoint", endpoint, "--speed", "ultrafast", "--replace", "--no-public-check"];
        let (flags, place) = (flags.map(Into::into), location.to_string());
        let mut slow = user.encode_command_to(place.as_ref(), &flags, &[&clip], "quick");
        slowly(&user, &mut slow);
        AtWork::start(slow).until_published(2).kill(&user);
        let left = objects(&runtime, &location);
        assert_eq!(revisions(&runtime, &location).len(), 1);

        let mut clean = user.reelpress();
        clean.args(["publish", "--clean", &place, "--endpoint", endpoint]);
        crate::support::output_of(clean);
        assert_eq!(objects(&runtime, &location), left, "somebody may go on with it for a day");
        replace::clean(runtime.handle(), &location, Duration::ZERO).unwrap();
        assert_eq!(objects(&runtime, &location), before);
        assert_eq!(play(&old), 1);
    });
}

#[test]
fn what_is_played_is_neither_gone_on_with_nor_taken_back() {
    with_credentials("publish::replacing_again::what_is_played_is_neither_gone_on_with_nor_taken_back", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let bucket = new_bucket(&runtime, endpoint);
        let location = S3Location { replace_after: Some(Duration::from_secs(3600)), ..bucket.clone() };
        publish_version(&runtime, 1, &bucket);
        let url = publish_version(&runtime, 2, &location).urls[0].clone();
        let played = media_playlists(&url);
        let before = objects(&runtime, &location);
        let revision = played[0].strip_prefix(url.trim_end_matches("main.m3u8")).unwrap().split('/').next().unwrap();
        let place = PlaceInBucket { prefix: "bunny".to_owned(), revision: Some(revision.to_owned()) };

        let folder = TempDir::new().unwrap();
        // Also by who does not replace any more.
        for location in [&location, &bucket] {
            withdraw_earlier(runtime.handle(), location, &place, &CancelToken::default()).unwrap();
            let cancel = CancelToken::default();
            let stays = withdraw_unless_whole(runtime.handle(), (location, &place), folder.path(), &cancel).unwrap();
            assert!(stays, "it is not said to be removed");
            assert_eq!(objects(&runtime, location), before);
        }
        write_version(folder.path(), 3);
        let begin = |place: &PlaceInBucket| begin(&runtime, &location, folder.path(), place);
        let other = begin(&place);
        let half = other.place().clone();
        assert_ne!(half, place, "it is not gone on with");
        send_two(&other);
        // As after a kill: nobody takes back what is up.
        drop(other);
        let left = objects(&runtime, &location);
        assert_eq!(left.len(), before.len() + 3, "two segments and the note of who puts them there");
        // That program runs still.
        replace::clean(runtime.handle(), &location, Duration::ZERO).unwrap();
        assert_eq!(objects(&runtime, &location), left);

        let again = begin(&half);
        assert_eq!(again.place(), &half, "nobody plays it yet");
        again.withdraw().unwrap();
        assert_eq!(objects(&runtime, &location), before);

        send_two(&begin(&half));
        let upload = client(endpoint).create_multipart_upload().bucket(&location.bucket);
        let key = format!("bunny/{}/mp4/720p.mp4", half.revision.as_deref().unwrap());
        runtime.block_on(upload.key(key).send()).unwrap();
        assert_eq!(unfinished_uploads(&runtime, &location), 1);
        withdraw_earlier(runtime.handle(), &location, &half, &CancelToken::default()).unwrap();
        assert_eq!(objects(&runtime, &location), before);
        assert_eq!(unfinished_uploads(&runtime, &location), 0);
        assert_eq!(play(&played), 2);
    });
}

fn begin(runtime: &Runtime, location: &S3Location, folder: &Path, place: &PlaceInBucket) -> Publisher {
    Publisher::start(runtime.handle(), location, folder, Place::GoOn(place), &CancelToken::default()).unwrap()
}

/// Sends two segments and waits until they are up.
fn send_two(publisher: &Publisher) {
    for segment in [1, 2] {
        let path = format!("720p/segment-{segment}.m4s");
        publisher.file_finished(FinishedFile { path, content: FileContent::OnDisk });
    }
    wait_for("two segments", || (publisher.status().published_files == 2).then_some(()));
}
