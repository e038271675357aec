//! Pictures of several sources that follow each other as they are, without being encoded.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::{
    job::{JobSpec, Trim},
    pipeline::{
        JobRequest,
        plan::{Findings, JoinPlan, JoinedPart},
        probe::{PROTOCOL_WHITELIST, input_url},
    },
    tools::child,
};

/// Time that reading the facts of a source may take.
const LIMIT: Duration = Duration::from_secs(60);
/// All that two pictures must have in common to be decoded as one, parameter sets included, and what tells their length.
const FACTS: &str = "stream=id,codec_name,profile,level,pix_fmt,width,height,sample_aspect_ratio,field_order,time_base,\
                     r_frame_rate,avg_frame_rate,start_pts,has_b_frames,color_range,color_space,color_transfer,\
                     color_primaries,extradata_hash,nb_frames,duration_ts:stream_side_data=rotation:format=format_name";
/// What may be another in each of them.
const OWN_FACTS: [&str; 2] = ["nb_frames", "duration_ts"];

/// The id of the stream of pictures in all parts, if these can follow each other as they are: in the same codec with the
/// same parameter sets, upright, at the same constant rate, from their start to their end without a gap, and no shorter
/// than their sound.
pub(super) fn alike_picture(request: &JobRequest, join: &JoinPlan) -> Option<String> {
    if request.spec.operations.trim != Trim::default() || !can_be_listed(&request.spec) {
        return None;
    }
    let mut first: Option<Value> = None;
    for part in &join.parts {
        let mut facts = facts(request, &part.source, part.picture.as_ref()?.stream)?;
        if !is_even(&facts, part.frames, join) {
            return None;
        }
        let stream = facts.pointer_mut("/streams/0").and_then(Value::as_object_mut)?;
        stream.retain(|name, _| !OWN_FACTS.contains(&name.as_str()));
        if *first.get_or_insert_with(|| facts.clone()) != facts {
            return None;
        }
    }
    let id = first?.pointer("/streams/0/id")?.as_str()?.to_owned();
    id.chars().all(|character| character.is_ascii_alphanumeric()).then_some(id)
}

/// The list of sources is one of lines of text.
fn can_be_listed(spec: &JobSpec) -> bool {
    let mut files = std::iter::once(&spec.source).chain(&spec.joined);
    files.all(|file| file.to_str().is_some_and(|path| !path.contains(char::is_control)))
}

fn facts(request: &JobRequest, source: &Path, stream: usize) -> Option<Value> {
    let mut command = Command::new(&request.toolbox.ffprobe);
    command.args(["-v", "error", "-protocol_whitelist", PROTOCOL_WHITELIST, "-show_data_hash", "sha256"]);
    command.args(["-select_streams", &stream.to_string(), "-show_entries", FACTS, "-of", "json"]);
    command.arg(input_url(source));
    let output = child::run_to_end(command, LIMIT, &request.cancel).ok().filter(|output| output.status.success())?;
    serde_json::from_slice(&output.stdout).ok()
}

/// Upright frames with square pixels, in even sizes, each as long as the others, and nothing beside them.
fn is_even(facts: &Value, frames: u64, join: &JoinPlan) -> bool {
    let Some(stream) = facts.pointer("/streams/0") else { return false };
    let text = |name: &str| stream.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| stream.get(name).and_then(Value::as_u64);
    let count = |name: &str| text(name).parse::<u64>().ok();
    let rate = join.frame_rate();
    let told_rate = format!("{}/{}", rate.numerator(), rate.denominator());
    let is_mp4 = facts.pointer("/format/format_name").and_then(Value::as_str).is_some_and(|name| name.contains("mp4"));
    let has_square_pixels = matches!(text("sample_aspect_ratio"), "" | "1:1" | "0:1" | "N/A");
    let is_upright = stream.get("side_data_list").is_none();
    let has_even_size = ["width", "height"].iter().all(|side| number(side).is_some_and(|side| side % 2 == 0));
    let is_constant = text("r_frame_rate") == told_rate && text("avg_frame_rate") == told_rate;
    let starts = number("start_pts") == Some(0);
    let is_progressive = matches!(text("field_order"), "" | "progressive" | "unknown");
    // Frames × time of a frame = ticks × time of a tick, in whole numbers.
    let time_base = text("time_base").split_once('/').and_then(|(one, of)| Some((one.parse().ok()?, of.parse().ok()?)));
    let has_no_gap = time_base.zip(number("duration_ts")).is_some_and(|((one, of), ticks): ((u64, u64), u64)| {
        let by_ticks = u128::from(ticks) * u128::from(one) * u128::from(rate.numerator());
        by_ticks == u128::from(frames) * u128::from(rate.denominator()) * u128::from(of)
    });
    let has_all = count("nb_frames") == Some(frames) && !text("extradata_hash").is_empty();
    is_mp4
        && has_square_pixels
        && is_upright
        && has_even_size
        && is_constant
        && starts
        && is_progressive
        && has_no_gap
        && has_all
}

/// A source that is copied, and how long it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CopiedPart {
    /// The file.
    pub(super) source: PathBuf,
    /// The id of its pictures' stream.
    pub(super) stream: String,
    /// Its pictures.
    pub(super) frames: u64,
    /// Their time.
    pub(super) duration: Duration,
}

/// The sources of a joined picture in their order; none where the picture is not joined of alike ones.
pub(super) fn parts(findings: &Findings) -> Vec<CopiedPart> {
    let Some((join, stream)) = findings.join.as_ref().zip(findings.alike_picture.as_ref()) else { return Vec::new() };
    let rate = join.frame_rate();
    let part = |part: &JoinedPart| CopiedPart {
        source: part.source.clone(),
        stream: stream.clone(),
        frames: part.frames,
        duration: rate.duration_of(part.frames),
    };
    join.parts.iter().map(part).collect()
}

/// The list that ffmpeg's concat demuxer reads.
pub(super) fn list(parts: &[CopiedPart]) -> String {
    let line = |part: &CopiedPart| {
        let path = part.source.to_string_lossy().replace('\'', r"'\''");
        format!("file 'file:{path}'\nduration {:.6}\n", part.duration.as_secs_f64())
    };
    // The pictures alone: sound that begins before 0 by the delay of its encoder would move them.
    let id = parts.first().map(|part| part.stream.as_str()).unwrap_or_default();
    let head = format!("ffconcat version 1.0\nstream\nexact_stream_id {id}\n");
    std::iter::once(head).chain(parts.iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_list_are_names_whatever_they_hold() {
        let duration = Duration::from_millis(4004);
        let parts = [CopiedPart { source: "/a/it's #1.mp4".into(), stream: "0x1".into(), frames: 120, duration }];
        let expected =
            "ffconcat version 1.0\nstream\nexact_stream_id 0x1\nfile 'file:/a/it'\\''s #1.mp4'\nduration 4.004000\n";
        assert_eq!(list(&parts), expected);
    }
}
