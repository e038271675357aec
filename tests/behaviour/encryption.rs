//! Streams whose segments are encrypted with AES-128: what players and strangers can read of them, and what not.

mod check;
mod content;
mod refused;
mod secrets;
mod watching;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
};

use m3u8_rs::MediaPlaylist;

use crate::support::{
    clips,
    key_server::KeyServer,
    output_of,
    stream::Stream,
    system_tool,
    user::{Ended, User},
};

const SECONDS: f64 = 14.0;

/// The same source encoded twice: encrypted with a key for every two segments, and clear.
struct Made {
    user: User,
    keys: KeyServer,
    encrypted: Stream,
    clear: Stream,
    /// Where the keys of the encrypted stream lie.
    key_folder: PathBuf,
}

impl Made {
    /// Encoded once in a run of the tests.
    fn once() -> Arc<Self> {
        static MADE: OnceLock<Arc<Made>> = OnceLock::new();
        Arc::clone(MADE.get_or_init(|| {
            let user = User::new();
            let source = user.path("film.mp4");
            std::fs::copy(clips::LANDSCAPE.path(), &source).expect("the user's folder can be written");
            user.file(
                "film.en.srt",
                b"1\n00:00:01,000 --> 00:00:08,000\nHello\n\n2\n00:00:12,500 --> 00:00:13,000\nBye\n",
            );
            let keys = KeyServer::of(&user.path("keys"));
            let template = keys.template();
            let folder = user.path("keys").display().to_string();
            let flags = ["--key-uri", &template, "--key-folder", &folder, "--rotate-key", "2segments"];
            let ended = encode(&user, &source, "encrypted", &[&["--encrypt"], &flags[..]].concat());
            ended.assert_all_done();
            let finished = ended.events_named("job_finished")[0];
            let key_folder = PathBuf::from(finished["keys"].as_str().expect("the place of the keys"));
            encode(&user, &source, "clear", &[]).assert_all_done();
            let stream = |name: &str| Stream::at(user.path(name).join("film"));
            Arc::new(Self { encrypted: stream("encrypted"), clear: stream("clear"), keys, key_folder, user })
        }))
    }

    /// The key of this URI, as the key server hands it out.
    fn key(&self, uri: &str) -> Vec<u8> {
        let name = uri.rsplit('/').next().expect("a name");
        std::fs::read(self.key_folder.join(name)).expect("the key is there")
    }
}

/// Encodes with "Quick", MPEG-TS and these flags into a folder of the user's.
fn encode(user: &User, source: &Path, folder: &str, flags: &[&str]) -> Ended {
    // Without a buffer to keep to, x264 makes the same bytes each time.
    let standard = ["--ts", "--speed", "ultrafast", "--rate-control", "crf", "--crf", "30"];
    let all: Vec<OsString> = standard.iter().chain(flags).map(OsString::from).collect();
    Ended::of(user.encode_command_to(user.path(folder).as_os_str(), &all, &[source], "quick"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What OpenSSL makes of a file with this key.
pub(crate) fn decrypted(file: &Path, key: &[u8], iv: &str, has_padding: bool) -> Vec<u8> {
    let mut command = Command::new(system_tool("openssl"));
    command.args(["enc", "-d", "-aes-128-cbc", "-K", &hexadecimal(key), "-iv", iv.trim_start_matches("0x"), "-in"]);
    command.arg(file);
    if !has_padding {
        command.arg("-nopad");
    }
    output_of(command)
}

/// URI and IV that apply to each segment of a playlist.
pub(crate) fn keys_of(playlist: &MediaPlaylist) -> Vec<(String, String)> {
    let mut current = None;
    let mut keys = Vec::new();
    for segment in &playlist.segments {
        if let Some(key) = &segment.key {
            assert_eq!(key.method, m3u8_rs::KeyMethod::AES128);
            current = Some((key.uri.clone().expect("URI"), key.iv.clone().expect("IV")));
        }
        keys.push(current.clone().expect("EXT-X-KEY"));
    }
    keys
}
