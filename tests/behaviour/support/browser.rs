//! Streams in headless Chromium, played by hls.js and by the browser itself.

use std::{ffi::OsStr, path::Path, process::Command};

use serde::Deserialize;

use super::{output_of, system_tool, tools_folder};

/// What playing a stream in a browser came to.
#[derive(Debug, Deserialize)]
pub struct Playback {
    /// With hls.js.
    pub hls: HlsPlayback,
    /// With the browser's own player.
    pub native: NativePlayback,
    /// Requests that were answered with an error.
    pub refused: Vec<String>,
}

/// What hls.js said.
#[derive(Debug, Deserialize)]
pub struct HlsPlayback {
    /// Errors, and gaps or overlaps that it mended.
    pub errors: Vec<String>,
    /// Each level, played from the first frame to the last.
    pub levels: Vec<Level>,
    /// Length of the stream in seconds.
    pub duration: f64,
    /// True when the player took it for a stream that goes on.
    pub live: bool,
    /// Bytes of sound that were decoded.
    pub audio_bytes: u64,
    /// What went wrong when levels were changed while playing; empty when nothing did.
    pub switching: String,
}

/// One level.
#[derive(Debug, Deserialize)]
pub struct Level {
    /// Width and height that the multivariant playlist says.
    pub declared: [u64; 2],
    /// Width and height of the picture.
    pub shown: [u64; 2],
    /// What went wrong; empty when nothing did.
    pub problem: String,
    /// Spans in seconds that were never in the buffer.
    pub holes: Vec<[f64; 2]>,
    /// Where playing stopped, in seconds.
    pub played_to: f64,
}

/// What the browser's own player did.
#[derive(Debug, Deserialize)]
pub struct NativePlayback {
    /// Its complaint; empty when it had none.
    pub error: String,
    /// How far it had come, in seconds, when it was stopped; a second when all is well.
    pub played_to: f64,
    /// Length of the stream in seconds.
    pub duration: f64,
    /// Width and height of the picture.
    pub shown: [u64; 2],
}

/// What playing a DASH presentation came to.
#[derive(Debug, Deserialize)]
pub struct DashPlayback {
    /// With Shaka Player.
    pub shaka: DashPlayer,
    /// With dash.js.
    pub dashjs: DashPlayer,
    /// Requests that were answered with an error.
    pub refused: Vec<String>,
}

/// What one DASH player said.
#[derive(Debug, Deserialize)]
pub struct DashPlayer {
    /// Errors, gaps that were jumped, and standstills.
    pub errors: Vec<String>,
    /// Each video representation, played from the first frame to the last.
    pub representations: Vec<PlayedRepresentation>,
    /// Length of the presentation in seconds.
    pub duration: f64,
    /// Bytes of sound that were decoded.
    pub audio_bytes: u64,
}

/// One video representation.
#[derive(Debug, Deserialize)]
pub struct PlayedRepresentation {
    /// Width and height that the manifest says.
    pub declared: [u64; 2],
    /// Width and height of the picture.
    pub shown: [u64; 2],
    /// Where playing stopped, in seconds.
    pub played_to: f64,
}

/// What playing a file without a script came to.
#[derive(Debug, Deserialize)]
pub struct FilePlayback {
    /// The browser's complaint; empty when it had none.
    pub error: String,
    /// Where playing stopped, in seconds.
    pub played_to: f64,
    /// Length of the file in seconds.
    pub duration: f64,
    /// Width and height of the picture.
    pub shown: [u64; 2],
    /// Bytes of sound that were decoded.
    pub audio_bytes: u64,
    /// Requests that were answered with an error.
    pub refused: Vec<String>,
}

/// Plays the stream in this folder.
pub fn play_folder(folder: &Path) -> Playback {
    play(folder.as_os_str())
}

/// Plays the stream with this URL.
pub fn play_url(url: &str) -> Playback {
    play(OsStr::new(url))
}

/// Plays the DASH presentation in this folder.
pub fn play_dash(folder: &Path) -> DashPlayback {
    told_by("play_dash.mjs", folder.as_os_str())
}

/// Plays a media file.
pub fn play_file(file: &Path) -> FilePlayback {
    told_by("play_file.mjs", file.as_os_str())
}

fn play(target: &OsStr) -> Playback {
    told_by("play_hls.mjs", target)
}

/// What one of the scripts beside this file prints of what it plays.
fn told_by<T: serde::de::DeserializeOwned>(script: &str, target: &OsStr) -> T {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/support").join(script);
    let mut command = Command::new(system_tool("node"));
    command.arg(script).arg(tools_folder()).arg(system_tool("chromium")).arg(target);
    serde_json::from_slice(&output_of(command)).expect("the player's script prints JSON")
}

impl Playback {
    /// Panics unless every level plays whole in its declared size, without an error, in both players.
    #[track_caller]
    pub fn assert_flawless(&self, levels: usize, duration: f64) {
        self.assert_flawless_in_hls_js(levels, duration);
        assert_eq!(self.native.error, "");
        assert!(self.native.played_to >= 1.0 && self.native.shown[0] > 0, "{:?}", self.native);
        assert!((self.native.duration - duration).abs() < 0.1, "{:?}, expected {duration} s", self.native);
    }

    /// The same for what Chromium's own player does not know: segments that are encrypted as a whole.
    #[track_caller]
    pub fn assert_flawless_in_hls_js(&self, levels: usize, duration: f64) {
        assert!(self.refused.is_empty(), "{:?}", self.refused);
        assert!(self.hls.errors.is_empty(), "{:?}", self.hls.errors);
        assert!(!self.hls.live, "the finished stream looks live to the player");
        assert_eq!(self.hls.levels.len(), levels);
        for level in &self.hls.levels {
            assert_eq!(level.problem, "", "{level:?}");
            assert_eq!(level.shown, level.declared, "{level:?}");
            assert!(level.holes.is_empty(), "{level:?}");
            assert!((level.played_to - duration).abs() < 0.1, "{level:?}, expected {duration} s");
        }
        assert_eq!(self.hls.switching, "");
        assert!((self.hls.duration - duration).abs() < 0.1, "{} s, expected {duration} s", self.hls.duration);
    }
}

impl DashPlayback {
    /// Panics unless every representation plays whole in its declared size, without an error, in both players.
    #[track_caller]
    pub fn assert_flawless(&self, representations: usize, duration: f64) {
        assert!(self.refused.is_empty(), "{:?}", self.refused);
        for player in [&self.shaka, &self.dashjs] {
            assert!(player.errors.is_empty(), "{player:?}");
            assert_eq!(player.representations.len(), representations);
            for played in &player.representations {
                assert_eq!(played.shown, played.declared, "{played:?}");
                assert!((played.played_to - duration).abs() < 0.1, "{played:?}, expected {duration} s");
            }
            assert!((player.duration - duration).abs() < 0.1, "{player:?}, expected {duration} s");
        }
    }
}

/// The subtitles of a stream as hls.js shows them.
#[derive(Debug, Deserialize)]
pub struct ShownSubtitles {
    /// In the order of the multivariant playlist.
    pub tracks: Vec<ShownTrack>,
    /// What went wrong.
    pub errors: Vec<String>,
}

/// One track of subtitles.
#[derive(Debug, Deserialize)]
pub struct ShownTrack {
    /// NAME.
    pub name: String,
    /// LANGUAGE.
    pub language: String,
    /// FORCED.
    pub forced: bool,
    /// DEFAULT.
    pub is_default: bool,
    /// Segments in its playlist.
    pub segments: usize,
    /// Its cues, each once.
    pub cues: Vec<ShownCue>,
}

/// One text on the picture.
#[derive(Debug, Deserialize)]
pub struct ShownCue {
    /// When it appears, in seconds.
    pub start: f64,
    /// When it is gone, in seconds.
    pub end: f64,
    /// The text with its markup.
    pub text: String,
}

/// Loads every subtitle track of the stream in this folder.
pub fn read_subtitles(folder: &Path) -> ShownSubtitles {
    told_by("read_cues.mjs", folder.as_os_str())
}
