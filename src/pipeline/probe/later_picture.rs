//! What the picture of a recording is where its part begins that is kept: one that goes over into another recording may begin
//! with another one.

use std::{path::Path, time::Duration};

use serde::Deserialize;

use super::{ProbeError, convert, ffprobe, ffprobe_json, input_url, run};
use crate::{
    media::{FrameRate, SourceMedia},
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};

/// Containers without a head that tells the format of all, by ffprobe's names.
const CONTAINERS: [&str; 2] = ["mpegts", "mpeg"];
/// What is read behind the start, as times are not exact.
const MORE_PACKETS: u32 = 60;
/// The source is read from this much before: decoding begins at the next whole picture, and where a clock begins anew, what
/// is read counts from where the source is opened.
const LEAD: Duration = Duration::from_secs(10);
/// No broadcast has more pictures a second.
const HIGHEST_RATE: f64 = 60.0;
/// A clock that goes on by more begins anew, in seconds.
const LONGEST_STEP: f64 = 1.0;
/// Facts of each picture.
const FACTS: &str = "frame=pts_time,width,height,pix_fmt,sample_aspect_ratio,color_range,color_space,color_primaries,\
                     color_transfer,side_data_list";
/// Times of frames that are nearer than this are the same, in seconds.
const SAME_SECONDS: f64 = 0.005;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pictures {
    frames: Vec<Picture>,
}

#[derive(Debug, Deserialize)]
struct Picture {
    pts_time: Option<String>,
    #[serde(flatten)]
    facts: ffprobe_json::Stream,
}

/// Corrects what is known of the main picture by the one that is shown at `start`. What can't be read there is told of by the
/// encode.
///
/// # Errors
/// When `cancel` says so.
pub fn begin_at(
    media: &mut SourceMedia,
    (source, start): (&Path, Duration),
    toolbox: &Toolbox,
    cancel: &CancelToken,
) -> Result<(), ProbeError> {
    let Some(index) = media.main_video().map(|video| video.index) else { return Ok(()) };
    let Some(video) = media.video.iter_mut().find(|video| video.index == index) else { return Ok(()) };
    if !CONTAINERS.contains(&media.container.as_str()) {
        return Ok(());
    }
    let lead = LEAD.min(start);
    let place = media.start_time_seconds.unwrap_or_default() + (start - lead).as_secs_f64();
    let rate = video.average_frame_rate.or(video.real_frame_rate).map_or(HIGHEST_RATE, FrameRate::per_second);
    let packets = MORE_PACKETS + (lead.as_secs_f64() * rate.min(HIGHEST_RATE)).ceil() as u32;
    let mut command = ffprobe(toolbox);
    command.args(["-select_streams", &index.to_string(), "-show_entries", FACTS, "-of", "json"]);
    command.args(["-read_intervals", &format!("{place:.6}%+#{packets}"), "-i"]).arg(input_url(source));
    let output = match run(command, source, cancel) {
        Err(ProbeError::Cancelled) => return Err(ProbeError::Cancelled),
        Err(error) => {
            tracing::info!(%error, "the picture at the start could not be read");
            return Ok(());
        }
        Ok(output) => output,
    };
    let pictures: Pictures = serde_json::from_slice(&output.stdout).unwrap_or_default();
    if let Some(first) = first_from(&pictures.frames, place, lead.as_secs_f64()) {
        convert::become_other(video, &first.facts);
    }
    Ok(())
}

/// The first picture that is shown so many seconds after `place`, by a clock that may begin anew.
fn first_from(pictures: &[Picture], place: f64, seconds: f64) -> Option<&Picture> {
    let mut clock: Option<(f64, f64, f64)> = None;
    pictures.iter().find(|picture| {
        let Some(now) = ffprobe_json::number::<f64>(picture.pts_time.as_ref()) else { return false };
        let (elapsed, step) = match clock {
            None => (now - place, 0.0),
            Some((last, elapsed, step)) => {
                let step = Some(now - last).filter(|step| (0.0..LONGEST_STEP).contains(step)).unwrap_or(step);
                (elapsed + step, step)
            }
        };
        clock = Some((now, elapsed, step));
        elapsed >= seconds - SAME_SECONDS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_at_the_start_is_found_also_where_the_clock_begins_anew() {
        let times = [1.40, 1.44, 1.48, 0.50, 0.54, 0.58];
        let picture = |time: &f64| {
            let text =
                format!(r#"{{"pts_time": "{time:.6}", "width": 720, "height": 576, "sample_aspect_ratio": "16:15"}}"#);
            serde_json::from_str(&text).unwrap()
        };
        let pictures: Vec<Picture> = times.iter().map(picture).collect();
        let found = |place, seconds| first_from(&pictures, place, seconds).and_then(|picture| picture.pts_time.clone());
        assert_eq!(found(1.4, 0.0).as_deref(), Some("1.400000"));
        assert_eq!(found(1.42, 0.0).as_deref(), Some("1.440000"));
        assert_eq!(found(1.4, 0.12).as_deref(), Some("0.500000"));
        assert_eq!(found(1.4, 0.16).as_deref(), Some("0.540000"));
        assert_eq!((found(1.4, 9.0), found(9.0, 0.0)), (None, None));
    }
}
