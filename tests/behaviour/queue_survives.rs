//! The queue of the window outlives the window.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use reelpress::settings::AppFolders;
use rustix::process::{Signal, kill_process};

use crate::support::{
    browser, clips, ffmpeg, object_store,
    stream::Stream,
    user::{User, files_under},
    wait_for,
    window::Display,
};

#[test]
fn a_killed_window_comes_back_with_its_queue_and_finishes_it() {
    let user = User::new();
    user.save_settings(&serde_json::json!({ "output_folder": user.output(), "preset": "quick" }));
    let sources: Vec<PathBuf> = ["first.mp4", "second.mp4"].map(|name| user.path(name)).into();
    for source in &sources {
        std::fs::copy(clips::LANDSCAPE.path(), source).expect("the user's folder can be written");
    }
    let mut display = Display::start();
    let mut command = user.reelpress();
    command.args(&sources);
    display.launch(command);
    let half = user.stream_of(&sources[0]).folder;
    for rendition in ["720p", "360p", "audio"] {
        wait_for("a first segment", || half.join(rendition).join("segment_00000.m4s").is_file().then_some(()));
    }
    kill_everything(&user);
    assert!(!half.join("720p/iframes.m3u8").exists(), "the job was killed in its middle");
    let encoded_at = modified(&half.join("720p/segment_00000.m4s"));

    display.launch(user.reelpress());
    for source in &sources {
        let stream = user.stream_of(source);
        wait_for("a finished stream", || {
            let text = std::fs::read_to_string(stream.folder.join("master.m3u8")).ok()?;
            text.contains("I-FRAME").then_some(())
        });
        let (frames, complaints) = ffmpeg::decode(&stream.whole("720p", &user.path("")));
        assert_eq!((frames, complaints.as_str()), (clips::LANDSCAPE.frames, ""));
    }
    assert_eq!(modified(&half.join("720p/segment_00000.m4s")), encoded_at, "the job goes on after its first segment");
    let mut folders: Vec<_> =
        std::fs::read_dir(user.output()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    folders.sort();
    assert_eq!(folders, ["first", "second"], "nothing is left of the half stream");
    assert!(files_under(&user.output()).iter().all(|file| !file.contains(".part") && !file.contains(".tmp")));
    assert!(AppFolders::under(&user.path("home")).journal_file().is_file());
}

/// The second run meets the half stream of the first at the very place that its template names.
#[test]
fn a_killed_window_finishes_a_job_at_the_exact_place_of_its_template() {
    let user = User::new();
    let layout = serde_json::json!({ "kind": "processed", "template": "videos/{name}/out" });
    user.save_settings(&serde_json::json!({ "output_folder": user.output(), "preset": "quick", "layout": layout }));
    let mut display = Display::start();
    let mut command = user.reelpress();
    command.arg(clips::LANDSCAPE.path());
    display.launch(command);
    let folder = user.output().join("videos/landscape/out");
    wait_for("a first segment", || folder.join("hls/segments/720p/segment_00000.m4s").is_file().then_some(()));
    kill_everything(&user);
    assert!(!folder.join("hls/720p_iframes.m3u8").exists(), "the job was killed in its middle");

    display.launch(user.reelpress());
    let master = folder.join("hls/master.m3u8");
    wait_for("a finished stream", || std::fs::read_to_string(&master).ok()?.contains("I-FRAME").then_some(()));
    assert_eq!(ffmpeg::decode(&master), (clips::LANDSCAPE.frames, String::new()));
    assert_eq!(std::fs::read_dir(user.output()).unwrap().count(), 1);
}

#[test]
fn a_window_killed_while_it_publishes_sends_only_the_rest_after_its_return() {
    assert_sends_only_the_rest(&serde_json::json!({}), "sample", ("master.m3u8", "720p"));
}

#[test]
fn a_window_killed_while_it_publishes_in_another_layout_goes_on_in_the_same_place() {
    let layout = serde_json::json!({ "kind": "processed", "template": "videos/{name}/{rung}" });
    assert_sends_only_the_rest(&layout, "videos/sample", ("hls/master.m3u8", "hls/segments/720p"));
}

fn assert_sends_only_the_rest(layout: &serde_json::Value, folder: &str, (multivariant, segments): (&str, &str)) {
    let user = User::new();
    let mut store = object_store::ObjectStore::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let location = object_store::new_bucket(&runtime, &store.endpoint);
    user.save_settings(&serde_json::json!({
        "output_folder": user.output(), "preset": "quick", "s3": location, "publish_to_s3": true, "layout": layout,
    }));
    let mut display = Display::start();
    let mut command = user.reelpress();
    command.arg(clips::sample());
    display.launch(command);
    let stream = Stream::at(user.output().join(folder));
    let is_whole = || {
        let text = std::fs::read_to_string(stream.folder.join(multivariant)).ok()?;
        text.contains("I-FRAME").then_some(())
    };
    wait_for("a first file in the folder", || stream.folder.join(segments).join("init.mp4").is_file().then_some(()));
    store.kill();
    wait_for("a finished stream", is_whole);
    // The journal knows of the finished stream a moment after its last file is there.
    let journal = AppFolders::under(&user.path("home")).journal_file();
    wait_for("an entry in the journal", || {
        let log = std::fs::read(journal.with_extension("sqlite-wal")).ok()?;
        log.windows(11).any(|bytes| bytes == b"stream_made").then_some(())
    });
    let segment = stream.folder.join(segments).join("segment_00000.m4s");
    let encoded_at = modified(&segment);
    kill_everything(&user);

    store.revive();
    display.launch(user.reelpress());
    let client = object_store::client(&store.endpoint);
    wait_for("a published stream", || {
        let key = format!("{folder}/{multivariant}");
        let request = client.get_object().bucket(&location.bucket).key(key);
        let body = runtime.block_on(async { request.send().await.ok()?.body.collect().await.ok() })?;
        String::from_utf8(body.to_vec()).ok()?.contains("I-FRAME").then_some(())
    });
    assert_eq!(modified(&segment), encoded_at, "nothing is encoded again");
    let url = format!("{}/{}/{folder}/{multivariant}", store.endpoint, location.bucket);
    browser::play_url(&url).assert_flawless(2, 5.2);
    assert_eq!(std::fs::read_dir(user.output()).unwrap().count(), 1);
}

fn modified(file: &Path) -> SystemTime {
    std::fs::metadata(file).and_then(|metadata| metadata.modified()).expect("the file is there")
}

/// As a power cut: the window and all that it drives end at once.
fn kill_everything(user: &User) {
    for program in ["reelpress", "ffmpeg"] {
        for process in user.process_ids_running(program) {
            kill_process(process, Signal::KILL).expect("the process runs");
        }
    }
    wait_for("the end of the window", || user.process_ids_running("reelpress").is_empty().then_some(()));
}
