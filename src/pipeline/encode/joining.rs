//! The part of the filter graph that makes one picture and one sound of several sources. Pure.

use super::{
    argv,
    format_change::{self, Opening},
    span,
};
use crate::pipeline::plan::{EncodePlan, JOINED_RATE_HZ, JoinPlan, JoinedPart, JoinedPicture, PartPicture};

/// The label of the joined picture.
pub(super) const PICTURE: &str = "[joined]";
/// The label of the joined sound.
pub(super) const SOUND: &str = "[heard]";

/// The chains that end in [`PICTURE`], which begins with the first frame that is scaled.
pub(super) fn picture_chains(plan: &EncodePlan) -> Vec<String> {
    let Some((join, picture)) = plan.join.as_ref().and_then(|join| Some((join, join.picture?))) else {
        return Vec::new();
    };
    let (first, skipped_frames) = plan.first_part();
    let first_input = span::video_input(plan);
    let mut chains = Vec::new();
    for (index, part) in join.parts[first..].iter().enumerate() {
        let skipped = if index == 0 { skipped_frames } else { 0 };
        let places = Places { label: index, input: first_input + index, part: first + index };
        chains.push(picture_chain(&picture, places, (part, skipped)));
    }
    let inputs: String = (0..chains.len()).map(|index| format!("[p{index}]")).collect();
    chains.push(format!("{inputs}concat=n={}:v=1:a=0{PICTURE}", chains.len()));
    chains
}

/// The frame of the whole with which [`PICTURE`] begins.
pub(super) fn first_frame(plan: &EncodePlan) -> u64 {
    let (part, skipped) = plan.first_part();
    let before = plan.join.iter().flat_map(|join| &join.parts[..part]).map(|part| part.frames).sum::<u64>();
    before + skipped
}

/// Where a part comes from and goes to.
#[derive(Clone, Copy)]
struct Places {
    /// Number of its chain.
    label: usize,
    /// Number of ffmpeg's input.
    input: usize,
    /// Its number among all parts.
    part: usize,
}

/// A part in the shape of all, for exactly as many frames as were planned, but for those that are skipped.
fn picture_chain(
    picture: &JoinedPicture,
    Places { label: index, input, part: number }: Places,
    (part, skipped): (&JoinedPart, u64),
) -> String {
    let JoinedPicture { size, frame_rate, label } = picture;
    let mut filters = Vec::new();
    let source = match &part.picture {
        Some(own) => {
            filters.push(format_change::watched_picture(number, own.stream, Opening::default()));
            filters.extend(own_filters(own));
            // A picture that ends early stays, one that starts late is there from the start.
            filters.push(format!("fps={frame_rate}:start_time=0"));
            filters.extend(argv::marked_deinterlaced(&own.conversion, *frame_rate));
            filters.push("tpad=stop=-1:stop_mode=clone".to_owned());
            filters.push(match skipped {
                0 => format!("trim=end_frame={}", part.frames),
                skipped => format!("trim=start_frame={skipped}:end_frame={},setpts=PTS-STARTPTS", part.frames),
            });
            let alpha = own.conversion.alpha.map(|alpha| argv::alpha_filters(alpha, &index.to_string()));
            filters.extend(alpha);
            filters.extend(argv::range_filters_of(&own.conversion, own.size));
            let matrix = argv::swscale_matrix(label);
            filters.push(format!(
                "scale={}:{}:flags=bicubic:out_range=tv:out_color_matrix={matrix},setsar=1,format=yuv420p",
                own.size.width, own.size.height
            ));
            if own.size != *size {
                filters.push(format!("pad={}:{}:(ow-iw)/2:(oh-ih)/2:black", size.width, size.height));
            }
            format!("[{input}:{}]", own.stream)
        }
        None => {
            filters.push(format!("color=c=black:s={}x{}:r={frame_rate}", size.width, size.height));
            filters.push(format!("trim=end_frame={},format=yuv420p,setsar=1", part.frames - skipped));
            String::new()
        }
    };
    filters.push(argv::label_filter(label));
    format!("{source}{}[p{index}]", filters.join(","))
}

/// What the picture needs by itself.
fn own_filters(own: &PartPicture) -> Vec<String> {
    let mut filters: Vec<String> = argv::upright(&own.conversion).into_iter().collect();
    filters.extend(argv::assumed_colours(&own.conversion));
    filters.extend(argv::deinterlaced(&own.conversion));
    filters
}

/// The chains that end in [`SOUND`]: silence where a part has no sound, each as long as its picture.
pub(in crate::pipeline) fn sound_chains(join: &JoinPlan) -> Vec<String> {
    if !join.has_sound {
        return Vec::new();
    }
    let mut chains = Vec::new();
    let mut start = 0;
    let layout = if join.is_mono { "mono" } else { "stereo" };
    let format = format!("aformat=sample_fmts=fltp:sample_rates={JOINED_RATE_HZ}:channel_layouts={layout}");
    // One channel is as loud on both sides as alone: ffmpeg would make it quieter by 3 dB.
    let doubled = "aformat=channel_layouts=mono,pan=stereo|c0=c0|c1=c0,";
    for (number, (part, end)) in join.parts.iter().zip(join.sound_ends()).enumerate() {
        let samples = end - start;
        start = end;
        let source = match part.sound {
            Some(stream) => {
                let watch = format_change::watched_sound(number, stream, Opening::default());
                let doubled = if part.is_mono && !join.is_mono { doubled } else { "" };
                format!(
                    "[{number}:{stream}]{watch},aresample=async=1:first_pts=0:rematrix_maxval=1,{doubled}{format},apad"
                )
            }
            None => format!("anullsrc=r={JOINED_RATE_HZ}:cl={layout},{format}"),
        };
        chains.push(format!("{source},atrim=end_sample={samples}[q{number}]"));
    }
    let inputs: String = (0..join.parts.len()).map(|number| format!("[q{number}]")).collect();
    chains.push(format!("{inputs}concat=n={}:v=0:a=1{SOUND}", join.parts.len()));
    chains
}
