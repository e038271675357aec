//! Encrypted streams in a browser.

use std::{path::Path, process::Command};

use reelpress::{preview::PreviewServer, tools::content_key::KeyFiles};

use super::{Made, SECONDS};
use crate::support::{
    browser, clips, output_of, system_tool, tools_folder,
    user::{Ended, User, files_under},
};

#[test]
fn every_rung_plays_to_the_end_while_the_key_changes() {
    let made = Made::once();
    browser::play_folder(&made.encrypted.folder).assert_flawless_in_hls_js(2, SECONDS);
    assert_eq!(made.keys.asked().len(), 2, "{:?}", made.keys.asked());
    let shown = browser::read_subtitles(&made.encrypted.folder);
    assert_eq!(shown.errors, Vec::<String>::new());
    let texts: Vec<&str> = shown.tracks[0].cues.iter().map(|cue| cue.text.as_str()).collect();
    assert_eq!(texts, ["Hello", "Bye"]);
}

#[test]
fn the_form_for_old_devices_plays_too() {
    let made = Made::once();
    let playback = browser::play_folder(&made.encrypted.folder.join("ts"));
    assert!(playback.refused.is_empty(), "{:?}", playback.refused);
    assert_eq!(playback.hls.errors, Vec::<String>::new());
    assert_eq!(playback.hls.levels.len(), 2);
    for level in &playback.hls.levels {
        assert_eq!((level.problem.as_str(), level.shown), ("", level.declared), "{level:?}");
        assert!((level.played_to - SECONDS).abs() < 0.2, "{level:?}");
    }
}

#[test]
fn keys_that_lie_beside_the_segments_on_demand_need_no_server() {
    let user = User::new();
    let flags = ["--encrypt", "--key-beside-segments", "--rotate-key", "1segment", "--speed", "ultrafast"];
    let flags = flags.map(Into::into);
    let source = clips::SMALL.path();
    Ended::of(user.encode_command_to(user.output().as_os_str(), &flags, &[&source], "quick")).assert_all_done();
    let folder = user.stream_of(&source).folder;
    let keys: Vec<String> = files_under(&folder.join("keys"));
    assert_eq!(keys, ["1.key", "2.key"]);
    browser::play_folder(&folder).assert_flawless_in_hls_js(1, 7.0);
}

/// The player page of `reelpress preview` in a browser, where the user's key server can't be reached.
#[test]
fn the_preview_plays_with_keys_that_only_its_own_page_gets() {
    let made = Made::once();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = PreviewServer::start(runtime.handle()).unwrap();
    let folder = &made.encrypted.folder;
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let locked = server.url_for(folder);
    let described = || agent.get(format!("{locked}stream.json")).call().unwrap().body_mut().read_to_string().unwrap();
    let is_locked = || serde_json::from_str::<serde_json::Value>(&described()).unwrap()["locked"].clone();
    assert_eq!(is_locked(), true);
    assert_eq!(agent.get(format!("{locked}keys/1.key")).call().unwrap().status(), 404);

    let url = server.url_for_encrypted(folder, Some(KeyFiles::Numbered(made.key_folder.clone())));
    assert_eq!((url.as_str(), is_locked()), (locked.as_str(), serde_json::Value::Bool(false)));
    let mut answer = agent.get(format!("{url}keys/2.key")).call().unwrap();
    assert_eq!(answer.body_mut().read_to_vec().unwrap(), made.key("2.key"));
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("access-control-allow-origin"), None, "no other page can read it");
    assert_eq!(header("cross-origin-resource-policy").as_deref(), Some("same-origin"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    let foreign = agent.get(format!("{url}keys/2.key")).header("Host", "keys.example.org").call().unwrap();
    assert_eq!(foreign.status(), 403);
    for name in ["3.key", "..%2f1.key", "1"] {
        assert_eq!(agent.get(format!("{url}keys/{name}")).call().unwrap().status(), 404, "{name}");
    }

    for player in ["native", "hlsjs"] {
        let mut command = Command::new(system_tool("node"));
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/support/play_preview.mjs"));
        command.arg(tools_folder()).arg(system_tool("chromium")).arg(&url).arg(player);
        let played: serde_json::Value = serde_json::from_slice(&output_of(command)).unwrap();
        assert_eq!(played["problems"], serde_json::json!([]), "{player}: {played}");
        // Chromium's own player says that it may play HLS, and fails at encrypted segments.
        assert_eq!(played["player"], "hls.js 1.7.4", "{player}");
        for (entry, shown) in played["entries"].as_array().unwrap()[1..].iter().zip([[1280, 720], [640, 360]]) {
            assert_eq!(entry["shown"], serde_json::json!(shown), "{player}: {played}");
        }
    }
}
