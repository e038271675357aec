//! Keys show themselves nowhere but in their files.

use std::{path::Path, process::Command};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustix::process::{Signal, kill_process};

use super::hexadecimal;
use crate::support::{
    clips,
    key_server::KeyServer,
    object_store, system_tool,
    user::{Shown, User, files_under},
    wait_for,
    window::Display,
};

/// The forms in which a key could be written down.
fn forms(key: &[u8]) -> Vec<Vec<u8>> {
    let hexadecimal = hexadecimal(key);
    let decimal = key.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let texts = [hexadecimal.to_uppercase(), hexadecimal, STANDARD.encode(key), decimal.replace(',', ", "), decimal];
    texts.into_iter().map(String::into_bytes).chain([key.to_vec()]).collect()
}

fn assert_hidden(key: &[u8], content: &[u8], place: &str) {
    for form in forms(key) {
        assert!(!content.windows(form.len()).any(|part| part == form), "{place} shows a key");
    }
}

fn assert_hidden_under(key: &[u8], folder: &Path) {
    for file in files_under(folder) {
        let content = std::fs::read(folder.join(&file)).unwrap_or_default();
        assert_hidden(key, &content, &file);
    }
}

#[test]
fn a_given_key_is_in_no_log_no_command_line_and_no_file_of_the_stream() {
    let user = User::new();
    let key = b"planted-key-0042";
    let file = user.file("secret", key);
    let mut command = user.reelpress();
    command.args(["encode", "-vv", "--ts", "--report", "--storyboard", "--speed", "ultrafast", "--preset", "quick"]);
    command.args(["--encrypt", "--key-uri", "https://keys.example.org/one", "--key"]).arg(&file);
    command.arg("--out").arg(user.output()).arg(clips::SMALL.path());
    command.env("REELPRESS_LOG", "trace");
    let Shown { is_success, told: output, command_lines: lines } = user.watch(command);
    assert!(is_success, "{}", String::from_utf8_lossy(&output));
    assert!(lines.iter().any(|line| line.contains("ffmpeg")), "{lines:?}");
    assert_hidden(key, lines.into_iter().collect::<String>().as_bytes(), "a command line");
    assert_hidden(key, &output, "the terminal");
    assert_hidden_under(key, &user.path("home"));
    assert_hidden_under(key, &user.output());
    assert!(!files_under(&user.path("home")).iter().any(|file| file.ends_with(".key")));
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
}

#[test]
fn a_killed_window_goes_on_with_the_same_keys_and_keeps_them_out_of_its_journal() {
    let user = User::new();
    let keys = KeyServer::of(&user.path("keys"));
    let made = serde_json::json!({ "uri": keys.template(), "folder": user.path("keys") });
    let encryption = serde_json::json!({ "keys": { "made": made }, "rotation": { "segments": 1 } });
    user.save_settings(&serde_json::json!({
        "output_folder": user.output(), "preset": "quick", "outputs": { "encryption": encryption },
    }));
    let mut display = Display::start();
    let mut command = user.reelpress();
    command.arg(clips::LANDSCAPE.path());
    display.launch(command);
    let stream = user.stream_of(&clips::LANDSCAPE.path());
    wait_for("a first segment", || stream.folder.join("720p/segment_00000.m4s").is_file().then_some(()));
    let made_first = files_under(&user.path("keys"));
    let first_key = user.path("keys").join(&made_first[0]);
    let key = std::fs::read(&first_key).unwrap();
    let first_tag = || {
        let text = std::fs::read_to_string(stream.folder.join("720p/playlist.m3u8")).ok()?;
        text.lines().find(|line| line.starts_with("#EXT-X-KEY")).map(str::to_owned)
    };
    let tag = wait_for("a first playlist", first_tag);
    for program in ["reelpress", "ffmpeg"] {
        for process in user.process_ids_running(program) {
            kill_process(process, Signal::KILL).expect("the process runs");
        }
    }
    wait_for("the end of the window", || user.process_ids_running("reelpress").is_empty().then_some(()));
    assert!(!stream.folder.join("720p/iframes.m3u8").exists(), "the job was killed in its middle");

    display.launch(user.reelpress());
    wait_for("a finished stream", || {
        let text = std::fs::read_to_string(stream.folder.join("master.m3u8")).ok()?;
        text.contains("I-FRAME").then_some(())
    });
    assert_eq!(std::fs::read(&first_key).unwrap(), key);
    assert_eq!(first_tag(), Some(tag), "what a viewer has of the playlist stays right");
    let job = made_first[0].split('/').next().unwrap().to_owned();
    assert_eq!(files_under(&user.path("keys")), [1, 2, 3].map(|number| format!("{job}/{number}.key")));
    assert_eq!((mode(&first_key), mode(&user.path("keys"))), (0o600, 0o700));
    for number in 1..=3 {
        let key = std::fs::read(user.path("keys").join(format!("{job}/{number}.key"))).unwrap();
        assert_hidden_under(&key, &user.path("home"));
        assert_hidden_under(&key, &user.output());
    }
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-protocol_whitelist", "file,crypto,http,tcp"]);
    command.args(["-allowed_extensions", "ALL", "-i"]).arg(stream.folder.join("720p/playlist.m3u8"));
    command.args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framehash", "-"]);
    let hashes = String::from_utf8(crate::support::output_of(command)).unwrap();
    assert_eq!(hashes.lines().filter(|line| !line.starts_with('#')).count(), clips::LANDSCAPE.frames);
}

#[test]
fn keys_go_to_the_bucket_only_when_they_lie_beside_the_segments() {
    let endpoint = object_store::shared_endpoint();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bucket = object_store::new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    let keys = user.path("keys").display().to_string();
    let apart = ["--key-uri", "https://keys.example.org/{id}/{n}.key", "--key-folder", &keys];
    let client = object_store::client(&endpoint);
    for (place, flags) in [("apart", &apart[..]), ("beside", &["--key-beside-segments"][..])] {
        let mut all = vec!["--encrypt", "--speed", "ultrafast", "--endpoint", &endpoint];
        all.extend(flags);
        let all: Vec<std::ffi::OsString> = all.iter().map(Into::into).collect();
        let destination = format!("s3://{bucket}/{place}");
        let source = clips::SMALL.path();
        let command = user.encode_command_to(destination.as_ref(), &all, &[&source], "quick");
        crate::support::user::Ended::of(command).assert_all_done();
        let listed = runtime.block_on(client.list_objects_v2().bucket(&bucket).prefix(place).send());
        let listed = listed.expect("the bucket can be listed");
        let names: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
        assert!(names.iter().any(|name| name.ends_with(".m4s")), "{names:?}");
        let keys: Vec<&&str> = names.iter().filter(|name| name.contains("key")).collect();
        let expected: &[&str] = if place == "apart" { &[] } else { &["beside/small/keys/1.key"] };
        assert_eq!(keys.into_iter().copied().collect::<Vec<_>>(), expected);
    }
}
