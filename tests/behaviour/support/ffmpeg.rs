//! The two versions of ffmpeg between which everything has to work.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{fetched_tool, output_of, run, system_tool};

/// Which ffmpeg encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FfmpegVersion {
    /// The one that the system has: 5.1 on Debian 12, the oldest that is supported.
    System,
    /// A static build of 9.0.
    Nine,
}

impl FfmpegVersion {
    /// The program; `REELPRESS_TEST_FFMPEG_9` names another build of 9.0 than the fetched one.
    pub fn program(self) -> PathBuf {
        match self {
            Self::System => system_tool("ffmpeg"),
            Self::Nine => {
                std::env::var_os("REELPRESS_TEST_FFMPEG_9").map_or_else(|| fetched_tool("ffmpeg-9"), PathBuf::from)
            }
        }
    }
}

/// Makes one test for each version of a function that takes it.
macro_rules! on_both_ffmpeg_versions {
    ($($(#[$attribute:meta])* fn $name:ident($version:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every behaviour needs its module's names")]
            use super::*;

            $(#[$attribute])*
            fn check($version: $crate::support::ffmpeg::FfmpegVersion) $body

            #[test]
            fn with_the_systems_ffmpeg() {
                check($crate::support::ffmpeg::FfmpegVersion::System);
            }

            #[test]
            fn with_ffmpeg_9() {
                check($crate::support::ffmpeg::FfmpegVersion::Nine);
            }
        }
    )*};
}
pub(crate) use on_both_ffmpeg_versions;

/// Facts of the only stream in a file, as ffprobe's JSON has them.
pub fn stream_facts(file: &Path) -> serde_json::Value {
    let mut command = Command::new(system_tool("ffprobe"));
    command.args(["-v", "error", "-show_streams", "-of", "json"]).arg(file);
    let answer: serde_json::Value = serde_json::from_slice(&output_of(command)).expect("ffprobe writes JSON");
    answer["streams"][0].clone()
}

/// Number of pictures that decoding a file gives, and every complaint of the decoder.
pub fn decode(file: &Path) -> (usize, String) {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    command.args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framehash", "-hash", "crc32", "-"]);
    let output = run(command);
    let hashes = String::from_utf8_lossy(&output.stdout);
    let frames = hashes.lines().filter(|line| !line.starts_with('#')).count();
    (frames, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Whether the first picture of an H.264 file is an IDR picture, read from the bit stream and not from the container.
pub fn begins_with_an_idr_picture(file: &Path) -> bool {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    command.args(["-map", "0:v:0", "-c", "copy", "-frames:v", "1", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "-"]);
    let stream = output_of(command);
    let mut slice = stream.windows(4).filter(|bytes| bytes[..3] == [0, 0, 1]).map(|bytes| bytes[3] & 0x1f);
    slice.find(|kind| (1..=5).contains(kind)) == Some(5)
}
