//! The pictures of a stream whose program was killed while it wrote them.

use std::{
    collections::BTreeSet,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::{Ended, FfmpegVersion, User, clips, files_under, wait_for};

/// `reelpress encode` with keys outside of the stream, whose clear pictures may not lie in its folder either.
fn encrypted(user: &User, folder: &str, source: &Path, storyboard: bool) -> Command {
    let keys = user.path(&format!("keys of {folder}")).display().to_string();
    let flags = ["--speed", "ultrafast", "--encrypt", "--key-uri", "https://keys.example.org/{id}/{n}.key"];
    let more = ["--key-folder", &keys, "--thumbnail-format", "webp", "--report"];
    let flags = flags.iter().chain(&more).chain(storyboard.then_some(&"--storyboard")).map(Into::into);
    let flags: Vec<_> = flags.collect();
    user.encode_command_to(user.path(folder).as_os_str(), &flags, &[source], "quick")
}

/// The same ffmpeg, but for a thumbnail, at which it stands still.
fn ffmpeg_that_stops_at_a_thumbnail(user: &User, reached: &Path) -> PathBuf {
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *libwebp*) : > '{}'; exec sleep 600;; *) exec '{}' \"$@\";; esac\n",
        reached.display(),
        FfmpegVersion::System.program().display()
    );
    let path = user.file("stopping-ffmpeg", script.as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the script can be made to run");
    path
}

/// Kills program and encoder once the encode is finished and the first thumbnail is begun.
fn kill_at_the_pictures(user: &User, mut command: Command) {
    let reached = user.path("reached");
    let _ = std::fs::remove_file(&reached);
    command.env("REELPRESS_FFMPEG", ffmpeg_that_stops_at_a_thumbnail(user, &reached));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("reelpress starts");
    wait_for("the first thumbnail", || {
        assert_eq!(child.try_wait().expect("the child is ours"), None, "it ended before it could be killed");
        // The shell that tells it becomes the one that sleeps a moment later.
        (reached.exists() && !user.process_ids_running("sleep").is_empty()).then_some(())
    });
    for process in ["reelpress", "sleep"].iter().flat_map(|name| user.process_ids_running(name)) {
        // One may have ended with the other.
        let _ = kill_process(process, Signal::KILL);
    }
    child.wait().expect("the child is ours");
}

/// Paths in a list of files of a report or an event.
fn paths(files: &Value) -> BTreeSet<String> {
    let files = files.as_array().expect("a list of files");
    files.iter().map(|file| file["path"].as_str().expect("a path").to_owned()).collect()
}

fn assert_all_pictures_after_a_kill(source: &Path, storyboard: bool) {
    let user = User::new();
    let call = |folder: &str| encrypted(&user, folder, source, storyboard);
    let stream = |folder: &str| user.path(folder).join(source.file_stem().expect("a name"));
    Ended::of(call("whole")).assert_all_done();
    kill_at_the_pictures(&user, call("output"));
    // Another program of the user begins meanwhile, which takes the passing files of the killed one away.
    let mut other = user.reelpress();
    other.args(["queue", "list"]);
    crate::support::output_of(other);
    let ended = Ended::of(call("output"));
    ended.assert_all_done();
    let finished = ended.events_named("job_finished")[0];
    assert_eq!(finished["warnings"].as_array().map(Vec::len), Some(0), "{finished}");

    let made = stream("output");
    let files: BTreeSet<String> = files_under(&made).into_iter().collect();
    assert_eq!(files, files_under(&stream("whole")).into_iter().collect());
    assert!(files.contains("images/poster.jpg") && files.contains("images/thumbnail_1.webp"), "{files:?}");
    for picture in files.iter().filter(|file| file.starts_with("images/")) {
        let [whole, made] = ["whole", "output"].map(|folder| std::fs::read(stream(folder).join(picture)).unwrap());
        assert!(whole == made, "{picture}");
    }
    assert_eq!(paths(&finished["files"]), files);
    let report: Value = serde_json::from_slice(&std::fs::read(made.join("report.json")).unwrap()).unwrap();
    let mut told = paths(&report["files"]);
    told.insert("report.json".to_owned());
    assert_eq!(told, files);
    assert_eq!(user.processes(), Vec::<String>::new());
}

#[test]
fn an_encrypted_stream_has_all_its_pictures_after_a_kill_while_they_were_written() {
    assert_all_pictures_after_a_kill(&clips::NUMBERED.path(), true);
}

#[test]
fn an_encrypted_sound_has_its_waveform_after_a_kill_while_it_was_written() {
    let user = User::new();
    let sound = user.path("sound.m4a");
    let mut record = Command::new(FfmpegVersion::System.program());
    record.args(["-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=9", "-c:a", "aac"]).arg(&sound);
    crate::support::output_of(record);
    assert_all_pictures_after_a_kill(&sound, false);
}
