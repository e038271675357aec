//! The part of the filter graph that makes one picture and one sound of several sources. Pure.

use super::argv;
use crate::pipeline::plan::{JOINED_RATE_HZ, JoinPlan, JoinedPart, JoinedPicture, PartPicture};
use crate::preset::InterlacedOutput;

/// The label of the joined picture.
pub(super) const PICTURE: &str = "[joined]";
/// The label of the joined sound.
pub(super) const SOUND: &str = "[heard]";

/// The chains that end in [`PICTURE`].
pub(super) fn picture_chains(join: &JoinPlan) -> Vec<String> {
    let Some(picture) = &join.picture else { return Vec::new() };
    let mut chains: Vec<String> =
        join.parts.iter().enumerate().map(|(number, part)| picture_chain(picture, (number, part))).collect();
    let inputs: String = (0..join.parts.len()).map(|number| format!("[p{number}]")).collect();
    chains.push(format!("{inputs}concat=n={}:v=1:a=0{PICTURE}", join.parts.len()));
    chains
}

/// A part in the shape of all, for exactly as many frames as were planned.
fn picture_chain(picture: &JoinedPicture, (number, part): (usize, &JoinedPart)) -> String {
    let JoinedPicture { size, frame_rate, label } = picture;
    let mut filters = Vec::new();
    let source = match &part.picture {
        Some(own) => {
            filters.extend(own_filters(own));
            // A picture that ends early stays, one that starts late is there from the start.
            filters.push(format!("fps={frame_rate}:start_time=0,tpad=stop=-1:stop_mode=clone"));
            filters.push(format!("trim=end_frame={}", part.frames));
            let alpha = own.conversion.alpha.map(|alpha| argv::alpha_filters(alpha, &number.to_string()));
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
            format!("[{number}:{}]", own.stream)
        }
        None => {
            filters.push(format!("color=c=black:s={}x{}:r={frame_rate}", size.width, size.height));
            filters.push(format!("trim=end_frame={},format=yuv420p,setsar=1", part.frames));
            String::new()
        }
    };
    filters.push(argv::label_filter(label));
    format!("{source}{}[p{number}]", filters.join(","))
}

/// What the picture needs by itself.
fn own_filters(own: &PartPicture) -> Vec<String> {
    let mut filters: Vec<String> = argv::upright(&own.conversion).into_iter().collect();
    filters.extend(own.conversion.assumed_matrix.map(|matrix| format!("setparams=colorspace={matrix}")));
    if own.conversion.deinterlace {
        let mode = match own.conversion.interlaced {
            InterlacedOutput::Frames => "send_frame",
            InterlacedOutput::Fields => "send_field",
        };
        filters.push(format!("bwdif=mode={mode}"));
    }
    filters
}

/// The chains that end in [`SOUND`]: silence where a part has no sound, each as long as its picture.
pub(in crate::pipeline) fn sound_chains(join: &JoinPlan) -> Vec<String> {
    if !join.has_sound {
        return Vec::new();
    }
    let mut chains = Vec::new();
    let mut start = 0;
    let format = format!("aformat=sample_fmts=fltp:sample_rates={JOINED_RATE_HZ}:channel_layouts=stereo");
    for (number, (part, end)) in join.parts.iter().zip(join.sound_ends()).enumerate() {
        let samples = end - start;
        start = end;
        let source = match part.sound {
            Some(stream) => {
                format!("[{number}:{stream}]aresample=async=1:first_pts=0:rematrix_maxval=1,{format},apad")
            }
            None => format!("anullsrc=r={JOINED_RATE_HZ}:cl=stereo,{format}"),
        };
        chains.push(format!("{source},atrim=end_sample={samples}[q{number}]"));
    }
    let inputs: String = (0..join.parts.len()).map(|number| format!("[q{number}]")).collect();
    chains.push(format!("{inputs}concat=n={}:v=0:a=1{SOUND}", join.parts.len()));
    chains
}
