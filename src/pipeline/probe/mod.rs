//! Reading what a source is: ffprobe's JSON becomes [`SourceMedia`].

mod convert;
mod error;
mod ffprobe_json;
mod frame_grid;
mod later_picture;
mod look;
mod missing_packets;
mod orientation;
mod picture_end;
mod scan;
mod sidecar;
mod thumbnail;
mod transport_codecs;
mod transport_length;

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

pub use error::ProbeError;
pub use later_picture::begin_at;
pub use missing_packets::missing_packets;
pub use orientation::upright_filters;
pub use picture_end::picture_end;
pub use thumbnail::thumbnail;
pub use transport_codecs::{Recordings, codec_change, recordings};
pub use transport_length::transport_length;

use crate::{
    media::{DynamicRange, SourceMedia},
    tools::{
        cancel::CancelToken,
        child::{self, ChildError},
        ffmpeg::Toolbox,
        memory,
    },
};

/// Time that ffprobe has: generous for a file on a slow network share.
const PROBE_LIMIT: Duration = Duration::from_secs(60);
/// What ffmpeg and ffprobe may open for a source file: the file itself, and nothing on the network.
pub const PROTOCOL_WHITELIST: &str = "file,pipe,crypto,data";
/// Lines of a program's output that go into the detail of a failure.
const DETAIL_LINES: usize = 20;

/// Whether a file may be handed to ffmpeg: a regular one, and no list or script that makes it open others.
///
/// # Errors
/// When it is not there, can't be read or is none.
pub fn look_at(file: &Path) -> Result<(), ProbeError> {
    look::look_at(file).map(drop)
}

/// Reads what `source` is. Facts that the file does not tell stay unknown; a file without moving pictures and without
/// sound is an error.
///
/// # Errors
/// When the file is not there or can't be read, is not a video, is incomplete, would make ffprobe open other files,
/// takes too long, vanishes meanwhile, or when `cancel` says so.
pub fn probe(source: &Path, toolbox: &Toolbox, cancel: &CancelToken) -> Result<SourceMedia, ProbeError> {
    let first_look = look::look_at(source)?;
    let output = run(probe_command(source, first_look.demuxer, toolbox), source, cancel)?;
    let parsed: Option<ffprobe_json::Output> = serde_json::from_slice(&output.stdout).ok();
    let found = parsed.filter(|found| !found.streams.is_empty());
    let Some(found) = found.filter(|_| output.status.success()) else {
        return Err(refused(source, &output, &first_look));
    };
    convert::check_container(source, &found)?;
    let mut media = convert::source_media(&found, first_look.size_bytes);
    media.missing_bytes = first_look.missing_bytes;
    if first_look.is_animated_webp && (media.video.is_empty() || media.is_still()) {
        return Err(ProbeError::MovingWebp { source_file: source.to_owned() });
    }
    if media.is_still()
        && let Some(video) = media.video.first_mut()
    {
        orientation::turn(video, source);
    }
    if media.video.is_empty()
        && let Some(error) = convert::why_nothing(source, &found, &media)
    {
        return Err(match refused_size(&output.stderr) {
            Some(size) => ProbeError::PictureTooLarge { source_file: source.to_owned(), size },
            None => error,
        });
    }
    transport_length::correct(&mut media, source, toolbox, cancel);
    picture_end::measure_ends(&mut media, source, toolbox, cancel);
    frame_grid::correct(&mut media, source, toolbox, cancel);
    leave_out_lost_sound(&mut media, source, toolbox, cancel)?;
    add_metadata_of_frames(&mut media, source, toolbox, cancel)?;
    scan::find_out(&mut media, source, toolbox, cancel)?;
    media.subtitle_files = sidecar::subtitle_files(source);
    Ok(media)
}

/// In a fragment that was cut off, the sound may lie behind all that is left.
fn leave_out_lost_sound(
    media: &mut SourceMedia,
    source: &Path,
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<(), ProbeError> {
    if media.missing_bytes == 0 || media.video.is_empty() {
        return Ok(());
    }
    for audio in std::mem::take(&mut media.audio) {
        let mut command = ffprobe(toolbox);
        command.args(["-show_entries", "packet=size", "-of", "csv=p=0", "-read_intervals", "%+#1", "-select_streams"]);
        command.arg(audio.index.to_string()).arg("-i").arg(input_url(source));
        if !run(command, source, cancel)?.stdout.trim_ascii().is_empty() {
            media.audio.push(audio);
        }
    }
    Ok(())
}

/// HDR10 metadata is often only in the first frames, not in the container.
fn add_metadata_of_frames(
    media: &mut SourceMedia,
    source: &Path,
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<(), ProbeError> {
    for video in &mut media.video {
        if video.colour.dynamic_range() == DynamicRange::Sdr {
            continue;
        }
        let mut command = ffprobe(toolbox);
        command.args(["-print_format", "json", "-show_frames", "-read_intervals", "%+#1", "-select_streams"]);
        command.arg(video.index.to_string()).arg("-i").arg(input_url(source));
        let output = run(command, source, cancel)?;
        // What the container told is kept when the frame can't be read here: encoding will tell why.
        let frames: ffprobe_json::Frames = serde_json::from_slice(&output.stdout).unwrap_or_default();
        for frame in &frames.frames {
            convert::add_hdr_metadata(&mut video.colour.hdr, &frame.side_data_list);
        }
    }
    Ok(())
}

/// The file as an input that can be neither an option nor another protocol, whatever its name.
pub fn input_url(source: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(source);
    url
}

fn ffprobe(toolbox: &Toolbox) -> Command {
    let mut command = Command::new(&toolbox.ffprobe);
    command.args(["-v", "error", "-protocol_whitelist", PROTOCOL_WHITELIST]);
    command
}

fn probe_command(source: &Path, demuxer: Option<&str>, toolbox: &Toolbox) -> Command {
    let mut command = ffprobe(toolbox);
    command.args(demuxer.iter().flat_map(|demuxer| ["-f", demuxer]));
    command.args(["-print_format", "json", "-show_format", "-show_streams", "-show_chapters", "-i"]);
    command.arg(input_url(source));
    command
}

/// Runs ffprobe or ffmpeg on the source; an unsuccessful exit is not an error here.
fn run(command: Command, source: &Path, cancel: &CancelToken) -> Result<Output, ProbeError> {
    run_for(command, PROBE_LIMIT, source, cancel)
}

/// The same with another limit to its time.
fn run_for(command: Command, limit: Duration, source: &Path, cancel: &CancelToken) -> Result<Output, ProbeError> {
    let source_file = source.to_owned();
    child::run_within(command, limit, Some(memory::PROBE_BYTES), cancel).map_err(|error| match error {
        ChildError::Cancelled => ProbeError::Cancelled,
        ChildError::TimedOut { limit, .. } => ProbeError::TimedOut { source_file, limit },
        not_run @ ChildError::NotRun { .. } => {
            ProbeError::ToolFailed { source_file, program: "ffprobe", detail: not_run.to_string() }
        }
    })
}

/// Why ffprobe made nothing of the file.
fn refused(source: &Path, output: &Output, first_look: &look::FirstLook) -> ProbeError {
    let source_file = source.to_owned();
    let detail = tail(&output.stderr);
    if let Err(now) = look::look_at(source) {
        return match now {
            ProbeError::NoSuchFile { .. } => ProbeError::Vanished { source_file },
            other => other,
        };
    }
    if detail.contains("Input/output error") {
        return ProbeError::Unreadable { source_file, source: std::io::Error::other(detail) };
    }
    if first_look.is_iso_media {
        return ProbeError::Incomplete { source_file, detail };
    }
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&output.status) {
        let detail = format!("ffprobe was ended by signal {signal}\n{detail}");
        return ProbeError::ToolFailed { source_file, program: "ffprobe", detail };
    }
    ProbeError::NotMedia { source_file, detail }
}

/// The size of a picture that ffprobe does not take, as it tells it.
fn refused_size(complaints: &[u8]) -> Option<String> {
    let complaints = String::from_utf8_lossy(complaints);
    let (_, rest) = complaints.split_once("Picture size ")?;
    let (size, rest) = rest.split_once(' ')?;
    rest.starts_with("is invalid").then(|| size.replace('x', "×"))
}

/// The last lines of a program's output.
fn tail(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(DETAIL_LINES)..].join("\n")
}
