//! Asks the encoders before the encode whether they take what they are going to be given.

use std::{process::Command, time::Duration};

use super::{
    parameter_ranges::{self, Library},
    parameters, video_encoder,
};
use crate::{
    failure::{Failure, FailureKind},
    pipeline::{
        hardware::VAAPI_DEVICE,
        plan::{EncodePlan, VideoRendition},
    },
    preset::{HardwareFamily, VideoCodec},
    tools::{
        cancel::CancelToken,
        child::{self, ChildError},
        ffmpeg::Toolbox,
    },
};

/// Time that a few frames may take, on a busy machine and with a slow preset.
const TRIAL_LIMIT: Duration = Duration::from_secs(60);
/// Frames of a trial: hardware has to show that it goes on after the first.
const TRIAL_FRAMES: &str = "10";

/// Checks that every encoder of the plan is there and takes its parameters.
///
/// # Errors
/// The failure that names the missing encoder, or the parameter that is refused; also when the job is cancelled.
pub fn check(plan: &EncodePlan, toolbox: &Toolbox, cancel: &CancelToken) -> Result<(), Failure> {
    for rendition in &plan.renditions {
        if rendition.hardware.is_none() && !toolbox.encoders.contains(rendition.encoder()) {
            return Err(missing(rendition, toolbox));
        }
    }
    if let Some(decoder) = transparency_decoders(plan).find(|decoder| !toolbox.encoders.contains(*decoder)) {
        let headline = format!("This ffmpeg can't read the transparency of the picture: it has no {decoder}");
        let hint = format!("Use an ffmpeg with {decoder}, such as Debian's or the one of “reelpress setup”");
        return Err(Failure::new(FailureKind::ToolMissing, headline, hint));
    }
    for (library, codec, given) in [
        (Library::X264, VideoCodec::H264, &plan.x264_parameters),
        (Library::X265, VideoCodec::Hevc, &plan.x265_parameters),
    ] {
        let uses = |rendition: &&VideoRendition| rendition.codec == codec && rendition.hardware.is_none();
        if given.is_empty() {
            continue;
        }
        let encoder = library.name();
        for parameter in parameters::given(given) {
            let reason = parameters::refusal(&parameter).map(str::to_owned);
            let reason = reason.or_else(|| parameter_ranges::missed(library, &parameter));
            let reason = reason.or_else(|| match library {
                Library::X264 => video_encoder::needs_a_higher_level(plan, &parameter),
                Library::X265 => None,
            });
            if let Some(reason) = reason {
                return Err(refused(encoder, &parameter.to_string(), &reason));
            }
        }
        // The smallest rendition takes the same parameters in the shortest time.
        if let Some(rendition) = plan.renditions.iter().rev().find(uses) {
            check_parameters(&Trial { plan, rendition, toolbox, cancel }, (encoder, given))?;
        }
    }
    Ok(())
}

/// The libraries that read transparent pictures; each is a decoder and an encoder of one name.
fn transparency_decoders(plan: &EncodePlan) -> impl Iterator<Item = &'static str> {
    let parts = plan.join.iter().flat_map(|join| &join.parts).filter_map(|part| part.picture.as_ref());
    let conversions = std::iter::once(&plan.conversion).chain(parts.map(|picture| &picture.conversion));
    conversions.filter_map(|conversion| conversion.alpha?.decoder)
}

/// Whether the hardware encoders of the plan encode some frames of their largest renditions; `Err` holds what was said.
///
/// # Errors
/// When one of them does not, or the job is cancelled.
pub fn check_hardware(plan: &EncodePlan, toolbox: &Toolbox, cancel: &CancelToken) -> Result<(), String> {
    let mut tried = Vec::new();
    for rendition in plan.renditions.iter().filter(|rendition| rendition.hardware.is_some()) {
        if !tried.contains(&rendition.encoder()) {
            tried.push(rendition.encoder());
            Trial { plan, rendition, toolbox, cancel }.run(plan)?;
        }
    }
    Ok(())
}

fn missing(rendition: &VideoRendition, toolbox: &Toolbox) -> Failure {
    let (encoder, codec) = (rendition.encoder(), rendition.codec.label());
    Failure::new(
        FailureKind::ToolMissing,
        format!("This ffmpeg can't encode {codec}: it has no {encoder}"),
        format!("Leave {codec} out, or use an ffmpeg with {encoder}, such as the one of “reelpress setup”"),
    )
    .with_detail(format!("{} ({})", toolbox.ffmpeg.display(), toolbox.version))
}

fn refused(encoder: &str, parameter: &str, reason: &str) -> Failure {
    Failure::new(
        FailureKind::InvalidRequest,
        format!("The {encoder} parameter “{parameter}” {reason}"),
        format!("Correct the {encoder} parameters, or leave “{parameter}” out"),
    )
}

/// One rendition, encoded a little.
struct Trial<'a> {
    plan: &'a EncodePlan,
    rendition: &'a VideoRendition,
    toolbox: &'a Toolbox,
    cancel: &'a CancelToken,
}

impl Trial<'_> {
    /// Encodes some frames with the options of `plan`; gives the log, and `Err` with it when the encode fails.
    fn run(&self, plan: &EncodePlan) -> Result<String, String> {
        let mut command = Command::new(&self.toolbox.ffmpeg);
        command.args(["-hide_banner", "-v", "warning", "-nostdin"]);
        let size = self.rendition.size;
        let picture = format!("testsrc2=size={}x{}:rate={}", size.width, size.height, plan.timing.frame_rate);
        let via_card = self.rendition.hardware == Some(HardwareFamily::VaApi);
        if via_card {
            command.args(["-vaapi_device", VAAPI_DEVICE]);
        }
        command.args(["-f", "lavfi", "-i", &picture, "-frames:v", TRIAL_FRAMES]);
        if via_card {
            command.args(["-vf", "format=nv12,hwupload"]);
        }
        command.args(video_encoder::rendition_options(plan, self.rendition, (0, None))).args(["-f", "null", "-"]);
        match child::run_to_end(command, TRIAL_LIMIT, self.cancel) {
            Ok(output) => {
                let log = String::from_utf8_lossy(&output.stderr).into_owned();
                if output.status.success() { Ok(log) } else { Err(log) }
            }
            Err(error @ (ChildError::NotRun { .. } | ChildError::TimedOut { .. } | ChildError::Cancelled)) => {
                Err(error.to_string())
            }
        }
    }
}

/// Tries all parameters together and, when they are not taken, each alone to name the one.
fn check_parameters(trial: &Trial<'_>, (encoder, given): (&str, &str)) -> Result<(), Failure> {
    let result = trial.run(trial.plan);
    if let Ok(log) = &result
        && parameters::complaint(log, given).is_none()
    {
        return Ok(());
    }
    if trial.cancel.is_cancelled() {
        return Err(Failure::new(FailureKind::Internal, "The job was cancelled", "Retry the job"));
    }
    let log = result.unwrap_or_else(|log| log);
    for parameter in parameters::given(given) {
        let mut plan = trial.plan.clone();
        let alone = parameter.to_string();
        if encoder == "x264" {
            plan.x264_parameters.clone_from(&alone);
        } else {
            plan.x265_parameters.clone_from(&alone);
        };
        let (is_taken, log) = match trial.run(&plan) {
            Ok(log) => (parameters::complaint(&log, &alone).is_none(), log),
            Err(log) => (false, log),
        };
        if !is_taken {
            return Err(refused(encoder, &alone, "is not taken").with_detail(log));
        }
    }
    Err(Failure::new(
        FailureKind::InvalidRequest,
        format!("{encoder} does not take “{given}”"),
        "Each of the parameters is right, but not together: leave some out",
    )
    .with_detail(log))
}
