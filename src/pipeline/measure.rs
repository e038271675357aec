//! Measures what a plan needs to know of a source beyond its headers: loudness, black bars.

use std::{path::Path, process::Command, time::Duration};

use serde::Deserialize;

use super::{
    encode::{
        argv, inputs,
        operation_filters::{self, HIGHEST_TRUE_PEAK},
    },
    plan::{EncodePlan, LoudnessCorrection},
    probe::{PROTOCOL_WHITELIST, input_url},
};
use crate::{
    failure::{Failure, FailureKind},
    job::CropArea,
    media::{PictureSize, SourceMedia, VideoStream},
    tools::{
        cancel::CancelToken,
        child::{self, ChildError},
        ffmpeg::Toolbox,
    },
};

/// Time that the sound of a long film may take.
const LOUDNESS_LIMIT: Duration = Duration::from_secs(4 * 3600);
/// Rate at which sound is measured.
const MEASURED_RATE_HZ: u32 = 48_000;
/// Loudness that is near enough, in LU.
const LOUDNESS_TOLERANCE_LU: f64 = 0.3;
/// How often a limited loudness is measured again.
const LIMITER_ROUNDS: usize = 4;
/// What is added at most for what the limiter takes, in dB: more would be distortion.
const HIGHEST_MAKE_UP_DB: f64 = 6.0;
/// Time that the frames at one place may take.
const BARS_LIMIT: Duration = Duration::from_secs(120);
/// Where black bars are looked for, as parts of the length: more places than a film has dark ones.
const BARS_PLACES: [f64; 6] = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85];
/// Frames that are looked at in each place.
const BARS_FRAMES: &str = "24";
/// Bars below this part of a side are the unclean edge of a picture.
const SMALLEST_BAR: f64 = 0.01;
/// A picture that seems to be smaller than this part of a side is a dark scene.
const SMALLEST_PICTURE: f64 = 0.3;

/// Measures the loudness of all sound of the plan as it will be heard, trimmed and mixed down, and finds what brings it
/// to the loudness that was asked for.
///
/// # Errors
/// When ffmpeg can't decode the sound, or the job is cancelled.
pub fn loudness(plan: &mut EncodePlan, toolbox: &Toolbox, cancel: &CancelToken) -> Result<(), Failure> {
    let Some(target) = plan.loudness_target else { return Ok(()) };
    for index in 0..plan.audio.len() {
        let heard = argv::heard_sound(plan, &plan.audio[index]);
        // Silence has no loudness: it stays as it is.
        let Some(measured) = measure_loudness(plan, &heard, toolbox, cancel)? else { continue };
        let gain_db = target.lufs() - measured.integrated_lufs;
        let limits_peaks = measured.true_peak_dbtp + gain_db > HIGHEST_TRUE_PEAK;
        let mut correction = LoudnessCorrection { gain_db, limits_peaks };
        // A limiter takes some of the loudness away, which is added again.
        for _ in 0..if limits_peaks { LIMITER_ROUNDS } else { 0 } {
            let corrected = format!("{heard},{}", operation_filters::loudness(&correction, MEASURED_RATE_HZ));
            let Some(measured) = measure_loudness(plan, &corrected, toolbox, cancel)? else { break };
            let missing = target.lufs() - measured.integrated_lufs;
            correction.gain_db = (correction.gain_db + missing).min(gain_db + HIGHEST_MAKE_UP_DB);
            if missing.abs() < LOUDNESS_TOLERANCE_LU {
                break;
            }
        }
        plan.loudness.insert(index, correction);
    }
    Ok(())
}

fn measure_loudness(
    plan: &EncodePlan,
    chain: &str,
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<Option<MeasuredLoudness>, Failure> {
    let mut command = Command::new(&toolbox.ffmpeg);
    let inputs = if plan.format.even_sound.is_some() { inputs::inputs(plan) } else { inputs::source_inputs(plan) };
    command.args(["-hide_banner", "-v", "info", "-nostats", "-nostdin"]).args(inputs);
    let measured = format!("{chain},loudnorm=print_format=json[measured]");
    let graph = argv::joined_sound(plan).into_iter().chain([measured]).collect::<Vec<_>>().join(";");
    command.args(["-filter_complex", &graph, "-map", "[measured]", "-f", "null", "-"]);
    Ok(loudness_in(&run(command, LOUDNESS_LIMIT, cancel, &plan.source)?))
}

/// What was measured by EBU R 128.
#[derive(Debug, Clone, Copy, PartialEq)]
struct MeasuredLoudness {
    integrated_lufs: f64,
    true_peak_dbtp: f64,
}

/// What loudnorm prints at its end.
#[derive(Deserialize)]
struct LoudnormReport {
    input_i: String,
    input_tp: String,
}

fn loudness_in(log: &str) -> Option<MeasuredLoudness> {
    let report = log.get(log.rfind('{')?..=log.rfind('}')?)?;
    let report: LoudnormReport = serde_json::from_str(report).ok()?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    Some(MeasuredLoudness { integrated_lufs: number(&report.input_i)?, true_peak_dbtp: number(&report.input_tp)? })
}

/// The part of the picture within black bars, in pixels as it is seen; `None` when there are none.
///
/// # Errors
/// When ffmpeg can't decode the picture, or the job is cancelled.
pub fn picture_without_bars(
    source: &Path,
    media: &SourceMedia,
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<Option<CropArea>, Failure> {
    let Some(video) = media.main_video() else { return Ok(None) };
    let length = media.picture_duration().unwrap_or_default();
    let mut found: Option<CropArea> = None;
    for place in BARS_PLACES {
        let mut command = Command::new(&toolbox.ffmpeg);
        command.args(["-hide_banner", "-v", "info", "-nostats", "-nostdin"]);
        command.args(["-ss", &format!("{:.3}", length.mul_f64(place).as_secs_f64())]);
        command.args(["-protocol_whitelist", PROTOCOL_WHITELIST, "-i"]).arg(input_url(source));
        let graph = format!("[0:{}]cropdetect=round=2:skip=0[seen]", video.index);
        command.args(["-filter_complex", &graph, "-map", "[seen]", "-frames:v", BARS_FRAMES, "-f", "null", "-"]);
        let log = run(command, BARS_LIMIT, cancel, source)?;
        if let Some(area) = area_in(&log) {
            found = Some(found.map_or(area, |other| around(other, area)));
        }
    }
    Ok(found.and_then(|area| without_unclean_edges(area, video)))
}

/// The last area that cropdetect tells, as it widens it frame by frame.
fn area_in(log: &str) -> Option<CropArea> {
    let told = log.rsplit("crop=").next()?.split_whitespace().next()?;
    let numbers: Option<Vec<u32>> = told.split(':').map(|number| number.parse().ok()).collect();
    let [width, height, left, top] = numbers?.try_into().ok()?;
    Some(CropArea { width, height, left, top })
}

/// The smallest area that holds both.
fn around(one: CropArea, other: CropArea) -> CropArea {
    let (left, top) = (one.left.min(other.left), one.top.min(other.top));
    let right = (one.left + one.width).max(other.left + other.width);
    let bottom = (one.top + one.height).max(other.top + other.height);
    CropArea { width: right - left, height: bottom - top, left, top }
}

/// The area as it is seen, with only those edges cut off that are bars.
fn without_unclean_edges(area: CropArea, video: &VideoStream) -> Option<CropArea> {
    let seen = video.display_size();
    let is_lying = video.rotation_degrees % 180 == 90;
    let coded = if is_lying {
        PictureSize { width: video.coded_size.height, height: video.coded_size.width }
    } else {
        video.coded_size
    };
    let across = scaled_span((area.left, area.width), coded.width, seen.width)?;
    let down = scaled_span((area.top, area.height), coded.height, seen.height)?;
    let has_bars = across.1 < seen.width || down.1 < seen.height;
    has_bars.then_some(CropArea { left: across.0, width: across.1, top: down.0, height: down.1 })
}

/// A span of `coded` pixels as even numbers of `seen` ones; `None` for one that is no picture.
fn scaled_span((start, length): (u32, u32), coded: u32, seen: u32) -> Option<(u32, u32)> {
    let scale = f64::from(seen) / f64::from(coded.max(1));
    let edge = f64::from(coded) * SMALLEST_BAR;
    let start_is_bar = f64::from(start) > edge;
    let end_is_bar = f64::from(coded.saturating_sub(start + length)) > edge;
    let first = if start_is_bar { (f64::from(start) * scale).ceil() as u32 } else { 0 };
    let end = if end_is_bar { (f64::from(start + length) * scale).floor() as u32 } else { seen };
    let length = end.checked_sub(first)?;
    (f64::from(length) >= f64::from(seen) * SMALLEST_PICTURE).then_some((first, length))
}

/// Runs ffmpeg to its end; gives its log.
fn run(command: Command, limit: Duration, cancel: &CancelToken, source: &Path) -> Result<String, Failure> {
    let name = source.file_name().unwrap_or(source.as_os_str()).to_string_lossy().into_owned();
    let failed = |detail: String| {
        Failure::new(
            FailureKind::SourceInvalid,
            format!("“{name}” could not be measured"),
            "The file may be damaged; leave the automatic crop and the loudness out, or copy the file again",
        )
        .with_detail(detail)
    };
    let output = child::run_to_end(command, limit, cancel).map_err(|error| match error {
        ChildError::Cancelled => Failure::new(FailureKind::Internal, "The job was cancelled", "Retry the job"),
        other => failed(other.to_string()),
    })?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(log) } else { Err(failed(log)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_area_of_a_log_counts_and_areas_are_joined() {
        let log = "[c] x1:0 crop=640:272:0:44\n[c] crop=640:276:0:42\nvideo:0kB";
        assert_eq!(area_in(log), Some(CropArea { width: 640, height: 276, left: 0, top: 42 }));
        assert_eq!(area_in("nothing"), None);
        assert_eq!(area_in("crop=-640:272:0:44"), None);
        let one = CropArea { width: 100, height: 50, left: 10, top: 20 };
        let other = CropArea { width: 100, height: 80, left: 0, top: 30 };
        assert_eq!(around(one, other), CropArea { width: 110, height: 90, left: 0, top: 20 });
    }

    #[test]
    fn bars_of_a_few_pixels_are_no_bars() {
        assert_eq!(scaled_span((4, 632), 640, 640), Some((0, 640)));
        assert_eq!(scaled_span((44, 272), 360, 360), Some((44, 272)));
        assert_eq!(scaled_span((90, 540), 720, 1024), Some((128, 768)));
        assert_eq!(scaled_span((300, 40), 640, 640), None, "a dark scene");
    }

    #[test]
    fn loudness_is_read_from_what_loudnorm_prints() {
        let log = "[Parsed_loudnorm] \n{\n\t\"input_i\" : \"-31.46\",\n\t\"input_tp\" : \"-8.10\",\n\t\"input_lra\" : \"3.20\",\n\
                   \t\"input_thresh\" : \"-41.92\",\n\t\"output_i\" : \"-24.1\",\n\t\"target_offset\" : \"0.1\"\n}\nsize=N/A";
        let measured = loudness_in(log).unwrap();
        assert_eq!((measured.integrated_lufs, measured.true_peak_dbtp), (-31.46, -8.1));
        assert_eq!(loudness_in(&log.replace("-31.46", "-inf")), None);
    }
}
