//! Which hardware encoders work on this machine: found by encoding ten real frames with each, as the list that ffmpeg
//! prints only says what it was built with.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    preset::{HardwareFamily, VideoCodec},
    tools::{atomic_file, cancel::CancelToken, child, ffmpeg::Toolbox, regular_file},
};

/// Where VA-API finds the graphics card.
pub const VAAPI_DEVICE: &str = "/dev/dri/renderD128";
const FRAMES: usize = 10;
const TRIAL_LIMIT: Duration = Duration::from_secs(30);

/// A hardware encoder that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedEncoder {
    /// Its name in ffmpeg.
    pub name: String,
    /// Whose it is.
    pub family: HardwareFamily,
    /// What it encodes.
    pub codec: VideoCodec,
    /// A line of what was said; `None` when it works.
    pub complaint: Option<String>,
}

impl TriedEncoder {
    /// Whether it had no place for another encode, which is no word on whether it works.
    pub fn is_busy(&self) -> bool {
        self.complaint.as_deref().is_some_and(says_busy)
    }
}

/// What ffmpeg and the drivers say of hardware that works and has no place for another encode now, in small letters.
const BUSY_WORDS: [&str; 9] = [
    // NVENC: all sessions, or all the memory of the card, are taken (`nvenc_errors` in FFmpeg's libavcodec/nvenc.c).
    "openencodesessionex failed: out of memory",
    "openencodesessionex failed: incompatible client key",
    "openencodesessionex failed: encoder busy",
    "cuda_error_out_of_memory",
    // Quick Sync: MFX_WRN_DEVICE_BUSY (libavcodec/qsv.c).
    "device busy",
    // VA-API: VA_STATUS_ERROR_HW_BUSY, and no resources for another context (vaErrorStr in libva's va.c).
    "hw busy now",
    "failed to create encode pipeline context: 2",
    // VideoToolbox: kVTVideoEncoderNotAvailableNowErr.
    "cannot create compression session: -12915",
    // EBUSY of a device file.
    "device or resource busy",
];

/// Whether this log tells of hardware that has no place for another encode now. What says no more than that there is no
/// device or driver is something else.
pub(super) fn says_busy(log: &str) -> bool {
    let log = log.to_ascii_lowercase();
    BUSY_WORDS.iter().any(|words| log.contains(words))
}

/// What was found, by driver and ffmpeg.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cache(BTreeMap<String, Vec<TriedEncoder>>);

/// All hardware encoders that this ffmpeg was built with, tried. Kept in `cache_file` for as long as ffmpeg and the
/// drivers stay the same.
pub fn detect(toolbox: &Toolbox, cache_file: &Path, cancel: &CancelToken) -> Vec<TriedEncoder> {
    let key = format!("{} {} {}", toolbox.ffmpeg.display(), toolbox.version, drivers());
    let mut cache: Cache =
        regular_file::read(cache_file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    if let Some(tried) = cache.0.remove(&key) {
        return tried;
    }
    let tried = try_all(toolbox, cancel);
    // One that is busy now may work soon.
    let is_lasting = tried.iter().all(|encoder| !encoder.is_busy());
    if is_lasting && !cancel.is_cancelled() {
        // What was found for other drivers is of no use any more.
        let cache = Cache(BTreeMap::from([(key, tried.clone())]));
        let written = serde_json::to_vec_pretty(&cache).map_err(std::io::Error::from);
        if let Err(error) = written.and_then(|text| atomic_file::write(cache_file, &text)) {
            tracing::info!(%error, "what hardware works can't be kept");
        }
    }
    tried
}

/// The names of those that work.
pub fn working(tried: &[TriedEncoder]) -> BTreeSet<String> {
    tried.iter().filter(|encoder| encoder.complaint.is_none()).map(|encoder| encoder.name.clone()).collect()
}

/// By what drivers are known again: their versions, the cards, the kernel.
fn drivers() -> String {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let mut cards: Vec<String> = std::fs::read_dir("/dev/dri")
        .map(|folder| folder.flatten().map(|card| card.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    cards.sort();
    let known = [text("/proc/driver/nvidia/version"), text("/proc/sys/kernel/osrelease"), cards.join(" ")];
    known.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).join(" | ")
}

fn try_all(toolbox: &Toolbox, cancel: &CancelToken) -> Vec<TriedEncoder> {
    let pairs = HardwareFamily::ALL
        .into_iter()
        .flat_map(|family| VideoCodec::ALL.map(|codec| (family, codec)))
        .filter_map(|(family, codec)| family.encoder(codec).map(|name| (family, codec, name)));
    let mut tried = Vec::new();
    for (family, codec, name) in pairs.filter(|(_, _, name)| toolbox.encoders.contains(*name)) {
        if cancel.is_cancelled() {
            break;
        }
        let complaint = try_encoder(toolbox, family, name, cancel).err();
        tracing::debug!(name, ?complaint, "hardware encoder tried");
        tried.push(TriedEncoder { name: name.to_owned(), family, codec, complaint });
    }
    tried
}

/// Encodes ten frames; all of them have to come out.
fn try_encoder(toolbox: &Toolbox, family: HardwareFamily, name: &str, cancel: &CancelToken) -> Result<(), String> {
    let mut command = Command::new(&toolbox.ffmpeg);
    command.args(["-hide_banner", "-v", "error", "-nostdin"]);
    let via_card = family == HardwareFamily::VaApi;
    if via_card {
        command.args(["-vaapi_device", VAAPI_DEVICE]);
    }
    command.args(["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-frames:v", &FRAMES.to_string()]);
    command.args(["-vf", if via_card { "format=nv12,hwupload" } else { "format=nv12" }]);
    command.args(["-c:v", name, "-b:v", "1M", "-f", "framecrc", "-"]);
    let output = child::run_to_end(command, TRIAL_LIMIT, cancel).map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let telling = || said.lines().find(|line| says_busy(line)).or_else(|| said.lines().next());
    let reason = || telling().unwrap_or("no reason was given").to_owned();
    if !output.status.success() {
        return Err(reason());
    }
    let frames = String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.starts_with('#')).count();
    if frames == FRAMES { Ok(()) } else { Err(format!("{frames} of {FRAMES} frames came out")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_busy_is_told_from_what_does_not_work() {
        for busy in [
            "[h264_nvenc @ 0x55d] OpenEncodeSessionEx failed: out of memory (10): (no details)\n[h264_nvenc @ 0x55d] No capable devices found",
            "[hevc_nvenc @ 0x1] OpenEncodeSessionEx failed: incompatible client key (21): ",
            "[h264_qsv @ 0x1] Error during encoding: device busy (2)",
            "[h264_vaapi @ 0x1] Failed to create encode pipeline context: 2 (resource allocation failed).",
            "[h264_videotoolbox @ 0x1] Error: cannot create compression session: -12915",
        ] {
            assert!(says_busy(busy), "{busy}");
        }
        for broken in [
            "[h264_nvenc @ 0x1] Cannot load libcuda.so.1",
            "[av1_nvenc @ 0x1] Codec not supported\n[av1_nvenc @ 0x1] No capable devices found",
            "[h264_nvenc @ 0x1] OpenEncodeSessionEx failed: unsupported device (2): (no details)",
            "[AVHWDeviceContext @ 0x1] Failed to initialise VAAPI connection: -1 (unknown libva error).",
            "[AVHWDeviceContext @ 0x1] Error creating a MFX session: -9.",
            "no device",
        ] {
            assert!(!says_busy(broken), "{broken}");
        }
    }
}
