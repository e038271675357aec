//! The filters of the operations that a job asks for. Pure.

use std::time::Duration;

use super::span;
use crate::{
    job::{Flip, Strength, Turn, WatermarkPosition},
    pipeline::plan::{DrawnColours, EncodePlan, LoudnessCorrection, PlannedBurnIn, PlannedWatermark},
};

/// Highest true peak that EBU R 128 allows, in dBTP.
pub const HIGHEST_TRUE_PEAK: f64 = -1.0;
/// At this rate, in samples a second, peaks between the samples of 48 kHz are seen (ITU-R BS.1770, annex 2).
const TRUE_PEAK_RATE: u32 = 192_000;

/// Trim, crop, turn and flip of the decoded picture, in this order, at the output's frame rate.
pub(super) fn on_source(plan: &EncodePlan) -> Vec<String> {
    let operations = &plan.operations;
    let mut filters = Vec::new();
    filters.extend(span::trim(plan));
    if let Some(crop) = operations.crop {
        // In parts of what is decoded, as its pixels may not be square.
        let (area, of) = (crop.area, crop.of);
        filters.push(format!(
            "crop=w=iw*{}/{}:h=ih*{}/{}:x=iw*{}/{}:y=ih*{}/{}:exact=1",
            area.width, of.width, area.height, of.height, area.left, of.width, area.top, of.height
        ));
    }
    match operations.rotate {
        Some(Turn::Clockwise) => filters.push("transpose=clock".to_owned()),
        Some(Turn::CounterClockwise) => filters.push("transpose=cclock".to_owned()),
        Some(Turn::Half) => filters.extend(["hflip", "vflip"].map(str::to_owned)),
        None => {}
    }
    match operations.flip {
        Some(Flip::Horizontal) => filters.push("hflip".to_owned()),
        Some(Flip::Vertical) => filters.push("vflip".to_owned()),
        None => {}
    }
    filters
}

/// Subtitles over the picture, on the source's timeline at the output's frame rate.
pub(super) fn burned_in(plan: &EncodePlan) -> Option<String> {
    let PlannedBurnIn { stream, size, colours } = plan.operations.burn_in?;
    let scale = format!("scale={}:{}:flags=bicubic", size.width, size.height);
    let (drawn, format) = match colours {
        DrawnColours::Rgb => (format!("{scale},format=gbrap"), "gbrp"),
        DrawnColours::Standard => {
            let matrix = super::argv::swscale_matrix(&plan.conversion.label);
            (format!("{scale}:out_range=tv:out_color_matrix={matrix},format=yuva420p"), "yuv420")
        }
        DrawnColours::High { white_percent } => {
            let part = format!("val*{white_percent}/100");
            let dimmed = format!("format=rgba,lutrgb=r={part}:g={part}:b={part}");
            (format!("{dimmed},{scale}:out_range=tv:out_color_matrix=bt2020,format=yuva420p"), "yuv420p10")
        }
    };
    let input = span::video_input(plan);
    Some(format!(
        "null[undrawn];[{input}:{stream}]{drawn}[subtitles];[undrawn][subtitles]overlay=eof_action=pass:format={format}"
    ))
}

/// Denoise, sharpen, watermark and fades on the largest picture of a cascade; gives the input and filters of the chain
/// that goes on from there.
pub(super) fn on_picture(
    chains: &mut Vec<String>,
    plan: &EncodePlan,
    (input, mut filters): (String, Vec<String>),
) -> (String, Vec<String>) {
    let operations = &plan.operations;
    if let Some(strength) = operations.denoise {
        let amount = match strength {
            Strength::Light => 2,
            Strength::Medium => 4,
            Strength::Strong => 8,
        };
        filters.push(format!("hqdn3d={amount}"));
    }
    if let Some(strength) = operations.sharpen {
        let amount = match strength {
            Strength::Light => 0.4,
            Strength::Medium => 0.8,
            Strength::Strong => 1.5,
        };
        filters.push(format!("unsharp=luma_amount={amount}"));
    }
    let mut input = input;
    if let Some(watermark) = &operations.watermark {
        chains.push(format!("{input}{}[below]", filters.join(",")));
        chains.push(watermark_chain(plan, watermark));
        input = "[below][mark]".to_owned();
        filters = vec![overlay(watermark), "format=yuv420p".to_owned()];
    }
    if let Some(length) = operations.fade.at_start {
        filters.push(format!("fade=t=in:st=0:d={}", seconds(length)));
    }
    if let Some((start, length)) = operations.fade.at_end {
        filters.push(format!("fade=t=out:st={}:d={}", seconds(start), seconds(length)));
    }
    filters.extend(span::start(plan));
    (input, filters)
}

/// The image in the colours of the picture.
fn watermark_chain(plan: &EncodePlan, watermark: &PlannedWatermark) -> String {
    let matrix = super::argv::swscale_matrix(&plan.conversion.label);
    let image = super::inputs::source_count(plan);
    format!(
        "[{image}:v:0]format=rgba,colorchannelmixer=aa={:.4},scale={}:-2:flags=bicubic:out_range=tv:out_color_matrix={matrix},\
         format=yuva420p[mark]",
        watermark.opacity, watermark.width
    )
}

fn overlay(watermark: &PlannedWatermark) -> String {
    let margin = watermark.margin;
    let (left, top) = (margin.to_string(), margin.to_string());
    let (right, bottom) = (format!("W-w-{margin}"), format!("H-h-{margin}"));
    let (x, y) = match watermark.position {
        WatermarkPosition::TopLeft => (left, top),
        WatermarkPosition::TopRight => (right, top),
        WatermarkPosition::BottomLeft => (left, bottom),
        WatermarkPosition::BottomRight => (right, bottom),
        WatermarkPosition::Centre => ("(W-w)/2".to_owned(), "(H-h)/2".to_owned()),
    };
    let enable = match watermark.shown {
        None => String::new(),
        Some((from, None)) => format!(":enable='gte(t,{})'", seconds(from)),
        Some((from, Some(until))) => format!(":enable='between(t,{},{})'", seconds(from), seconds(until)),
    };
    format!("overlay=x={x}:y={y}:format=yuv420{enable}")
}

/// The part of the sound that goes with the trimmed picture.
pub(super) fn sound_trim(plan: &EncodePlan) -> Option<String> {
    let trim = plan.operations.trim.filter(|trim| trim.lead_frames > 0)?;
    let start = seconds(plan.timing.frame_rate.duration_of(trim.lead_frames));
    Some(format!("atrim=start={start},asetpts=PTS-STARTPTS"))
}

/// Loudness and fades of the sound rendition of this index, after it was trimmed.
pub(in crate::pipeline) fn on_sound(plan: &EncodePlan, index: usize, sample_rate_hz: u32) -> Vec<String> {
    let mut filters = Vec::new();
    if let Some(correction) = plan.loudness.get(&index) {
        filters.push(loudness(correction, sample_rate_hz));
    }
    if let Some(length) = plan.operations.fade.at_start {
        filters.push(format!("afade=t=in:st=0:d={}", seconds(length)));
    }
    if let Some((start, length)) = plan.operations.fade.at_end {
        filters.push(format!("afade=t=out:st={}:d={}", seconds(start), seconds(length)));
    }
    filters
}

/// A gain, and where that takes peaks too high, a limiter.
pub fn loudness(correction: &LoudnessCorrection, sample_rate_hz: u32) -> String {
    let gain = format!("volume={:.2}dB", correction.gain_db);
    if !correction.limits_peaks {
        return gain;
    }
    let limit = 10_f64.powf(HIGHEST_TRUE_PEAK / 20.0);
    format!("{gain},aresample={TRUE_PEAK_RATE},alimiter=limit={limit:.4}:level=false,aresample={sample_rate_hz}")
}

/// A time as filters take it.
pub(in crate::pipeline) fn seconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}
