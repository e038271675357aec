//! Finding ffmpeg and ffprobe, and what they can do.

use std::path::PathBuf;

/// The pair of programs that the engine drives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolbox {
    /// The encoder.
    pub ffmpeg: PathBuf,
    /// The reader of facts.
    pub ffprobe: PathBuf,
    /// Version of ffmpeg as it words it, such as `5.1.9-0+deb12u1`.
    pub version: String,
    /// True when HDR can be tone-mapped (filters zscale and tonemap).
    pub can_tone_map: bool,
}
