//! `reelpress check` of encrypted streams.

use std::path::Path;

use serde_json::Value;

use super::Made;
use crate::support::{run, user::User};

/// A copy of the encrypted stream that can be damaged.
struct Copy {
    user: User,
}

impl Copy {
    fn of(made: &Made) -> Self {
        let user = User::new();
        for file in crate::support::user::files_under(&made.encrypted.folder) {
            let to = user.path("film").join(&file);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(made.encrypted.folder.join(&file), to).unwrap();
        }
        Self { user }
    }

    /// Changes the text of every media playlist.
    fn change(&self, change: impl Fn(&str) -> String) {
        for file in crate::support::user::files_under(&self.user.path("film")) {
            let path = self.user.path("film").join(&file);
            if file.ends_with(".m3u8") {
                std::fs::write(&path, change(&std::fs::read_to_string(&path).unwrap())).unwrap();
            }
        }
    }

    fn verdict(&self, arguments: &[&str]) -> Verdict {
        verdict(&self.user.path("film"), arguments)
    }
}

/// What `reelpress check --json` says.
struct Verdict {
    exit_code: Option<i32>,
    json: Value,
}

impl Verdict {
    fn names(&self, result: &str, level: &str) -> Vec<&str> {
        let rules = self.json["rules"].as_array().unwrap().iter();
        let chosen = rules.filter(|rule| rule["result"] == result && rule["level"] == level);
        chosen.map(|rule| rule["rule"].as_str().unwrap()).collect()
    }

    #[track_caller]
    fn assert_broken(&self, must: &[&str], should: &[&str]) {
        assert_eq!(self.names("broken", "must"), must, "{:#}", self.json);
        assert_eq!(self.names("broken", "should"), should, "{:#}", self.json);
        let is_whole = !should.contains(&"key-available");
        assert_eq!(self.exit_code, Some(i32::from(!must.is_empty() || !is_whole)));
    }
}

fn verdict(folder: &Path, arguments: &[&str]) -> Verdict {
    let user = User::new();
    let mut command = user.reelpress();
    command.arg("check").arg(folder).arg("--json").args(arguments);
    let output = run(command);
    let json = serde_json::from_slice(&output.stdout);
    let json = json.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    Verdict { exit_code: output.status.code(), json }
}

#[test]
fn what_reelpress_encrypts_keeps_every_rule_with_keys_of_the_server_and_of_the_user() {
    let made = Made::once();
    let keys = made.key_folder.display().to_string();
    let above = made.key_folder.parent().expect("the folder of all keys").display().to_string();
    for folder in [made.encrypted.folder.clone(), made.encrypted.folder.join("ts")] {
        for arguments in [&[][..], &["--key", keys.as_str()], &["--key", above.as_str()]] {
            let verdict = verdict(&folder, arguments);
            verdict.assert_broken(&[], &[]);
            let kept = verdict.names("kept", "must");
            for rule in ["encryption", "key", "starts-with-idr", "continuous", "segment-present"] {
                assert!(kept.contains(&rule), "{rule} was not judged: {kept:?}");
            }
        }
    }
}

#[test]
fn damage_in_encrypted_frames_is_found_with_the_keys() {
    let made = Made::once();
    let keys = made.key_folder.display().to_string();
    let copy = Copy::of(&made);
    let sound = copy.verdict(&["--decode", "--key", &keys]);
    sound.assert_broken(&[], &[]);
    assert!(sound.names("kept", "must").contains(&"decodes"));
    let segment = copy.user.path("film/720p/segment_00001.m4s");
    let mut content = std::fs::read(&segment).unwrap();
    // Each changed byte makes a block of 16 unreadable, and more than one is needed: a frame may decode all the same.
    let middle = content.len() / 2;
    content[middle..].iter_mut().step_by(500).take(10).for_each(|byte| *byte ^= 0xff);
    std::fs::write(&segment, content).unwrap();
    copy.verdict(&["--decode", "--key", &keys]).assert_broken(&["decodes"], &[]);
    let locked = Copy::of(&made);
    locked.change(|text| text.replace("http://127.0.0.1", "acme-keys://keys"));
    assert!(!locked.verdict(&["--decode"]).names("kept", "must").contains(&"decodes"));
}

#[test]
fn without_its_keys_nothing_is_said_of_the_media() {
    let made = Made::once();
    let copy = Copy::of(&made);
    copy.change(|text| text.replace("http://127.0.0.1", "acme-keys://keys"));
    let verdict = copy.verdict(&[]);
    verdict.assert_broken(&[], &["key-available"]);
    let kept = verdict.names("kept", "must");
    for rule in ["starts-with-idr", "continuous", "aligned", "sync-start", "stereo-sound", "key", "i-frame-ranges"] {
        assert!(!kept.contains(&rule), "{rule} can't be judged without media");
    }
    assert!(kept.contains(&"segment-present") && kept.contains(&"encryption"));
}

#[test]
fn what_is_wrong_with_keys_is_noticed() {
    let made = Made::once();
    let copy = Copy::of(&made);
    let other = copy.user.file("other", b"another-key-0815").display().to_string();
    let verdict = copy.verdict(&["--key", &other]);
    assert_eq!(verdict.exit_code, Some(1));
    assert!(verdict.names("broken", "must").contains(&"key"), "{:#}", verdict.json);

    let short = copy.user.file("short", b"short").display().to_string();
    assert!(copy.verdict(&["--key", &short]).names("broken", "must").contains(&"key"));

    let keys = made.key_folder.display().to_string();
    let damages = [
        ("IV=0x", "IV=", "encryption"),
        ("METHOD=AES-128,URI", "METHOD=AES-999,URI", "encryption"),
        ("#EXT-X-VERSION:7", "#EXT-X-VERSION:1", "version"),
    ];
    for (right, wrong, rule) in damages {
        let copy = Copy::of(&made);
        copy.change(|text| text.replace(right, wrong));
        let verdict = copy.verdict(&["--key", &keys]);
        assert!(verdict.names("broken", "must").contains(&rule), "{rule}: {:#}", verdict.json);
    }

    let copy = Copy::of(&made);
    let trick_play = copy.user.path("film/720p/iframes.m3u8");
    let text = std::fs::read_to_string(&trick_play).unwrap();
    assert!(text.contains("/2.key"), "{text}");
    std::fs::write(&trick_play, text.replace("/2.key", "/1.key")).unwrap();
    assert!(copy.verdict(&[]).names("broken", "must").contains(&"key"));

    let copy = Copy::of(&made);
    let subtitles = copy.user.path("film/subtitles-en/playlist.m3u8");
    let text = std::fs::read_to_string(&subtitles).unwrap();
    let last = text.rfind("#EXTINF").unwrap();
    std::fs::write(&subtitles, format!("{}#EXT-X-ENDLIST\n", &text[..last])).unwrap();
    let verdict = copy.verdict(&["--key", &keys]);
    assert!(verdict.names("broken", "must").contains(&"same-length"), "{text}\n{:#}", verdict.json);

    let copy = Copy::of(&made);
    let segment = copy.user.path("film/720p/segment_00001.m4s");
    let content = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &content[..content.len() - 7]).unwrap();
    let verdict = copy.verdict(&["--key", &keys]);
    assert!(verdict.names("broken", "must").contains(&"key"), "{:#}", verdict.json);
}
