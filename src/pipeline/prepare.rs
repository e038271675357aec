//! From a source that is known to a plan that will work: what has to be found out first, and what can be refused before
//! anything is written.

use std::{collections::BTreeSet, path::Path, process::Command, time::Duration};

use super::{
    JobRequest, Notice, Observer,
    encode::{EncodeError, EncodeSession, FormatChange, Silent, following, picture_headers, trial},
    hardware::{self, TriedEncoder},
    layout::StreamFiles,
    measure,
    plan::{self, EncodePlan, Findings, JoinPlan, PictureHeaders, PlanError},
    probe::{self, PROTOCOL_WHITELIST, ProbeError, input_url},
};
use crate::{
    failure::{Failure, FailureKind},
    job::Crop,
    media::SourceMedia,
    preset::EncoderChoice,
    tools::child,
};

/// What is read in no time.
const READ_AT_ONCE_BYTES: u64 = 64 << 20;
/// Time that the image of a watermark may take to be read.
const IMAGE_LIMIT: Duration = Duration::from_secs(30);

/// Finds out what the plan needs, makes it, and has the encoders and the image tried.
///
/// # Errors
/// Whatever would fail the job later: a source that can't be planned, an encoder that is missing, a parameter that is
/// refused, an image that can't be read.
pub(super) fn plan(
    request: &JobRequest,
    (source, join): (&SourceMedia, Option<&JoinPlan>),
    observer: &dyn Observer,
) -> Result<EncodePlan, Failure> {
    let resolve = |findings: &Findings| {
        let plan = EncodePlan::resolve_with(&request.spec, source, findings)?;
        let files = StreamFiles::of(&request.spec, request.id, &plan)?;
        Ok(EncodePlan { files, ..plan })
    };
    plan_with((request, source, join), observer, &resolve, |plan| Some(plan))
}

/// Reads the source, and those that follow it, as one.
///
/// # Errors
/// When one of them can't be read or can't be joined.
pub(super) fn read_sources(request: &JobRequest) -> Result<(SourceMedia, Option<JoinPlan>), Failure> {
    let JobRequest { spec, toolbox, cancel, .. } = request;
    let read = |file: &Path| {
        let media = probe::probe(file, toolbox, cancel).map_err(ProbeError::into_failure)?;
        // Of a short file ffmpeg may see the end before it begins, and takes all of it for that.
        let change = (media.size_bytes <= READ_AT_ONCE_BYTES).then(|| probe::codec_change(file, cancel)).flatten();
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        match change.filter(|change| !change.is_sound) {
            Some(change) => Err(change.into_failure(&name)),
            None => Ok(media),
        }
    };
    let mut first = read(&spec.source)?;
    if spec.joined.is_empty() {
        if let Some(start) = spec.operations.trim.start {
            probe::begin_at(&mut first, (&spec.source, start), toolbox, cancel).map_err(ProbeError::into_failure)?;
        }
        return Ok((first, None));
    }
    let mut sources = vec![first];
    for file in &spec.joined {
        sources.push(read(file)?);
    }
    let (media, join) = plan::join(spec, &sources, toolbox.can_tone_map).map_err(PlanError::into_failure)?;
    check_headers(request, (&sources, &join))?;
    Ok((media, Some(join)))
}

/// A joined picture is not followed where it changes: where only its headers tell of that, they are looked at before.
fn check_headers(request: &JobRequest, (sources, join): (&[SourceMedia], &JoinPlan)) -> Result<(), Failure> {
    let name = request.spec.source_name();
    let session = EncodeSession { cancel: &request.cancel, pause: &request.pause, listener: &Silent };
    for (number, (source, part)) in sources.iter().zip(&join.parts).enumerate() {
        let stream = part.picture.as_ref().map(|picture| picture.stream);
        let video = source.video.iter().find(|video| Some(video.index) == stream);
        let headers = video.and_then(|video| Some((video.index, PictureHeaders::of(&source.container, &video.codec)?)));
        let Some((stream, headers)) = headers else { continue };
        let arguments = picture_headers::scan_arguments_of((&part.source, stream), headers);
        match following::changes_in((&request.toolbox, arguments), &session) {
            Ok(changes) => {
                if let Some(change) = changes.into_iter().find(|change| change.header.is_some()) {
                    return Err(EncodeError::FormatChanges(FormatChange { part: number, ..change }).into_failure(&name));
                }
            }
            Err(error @ EncodeError::Cancelled) => return Err(error.into_failure(&name)),
            // What can't be read is told of by the encode.
            Err(error) => tracing::info!(%error, "headers could not be looked at"),
        }
    }
    Ok(())
}

/// The same for a plan that has another one for what it encodes, if it encodes anything.
///
/// # Errors
/// As [`plan()`].
pub(super) fn plan_with<P>(
    (request, source, join): (&JobRequest, &SourceMedia, Option<&JoinPlan>),
    observer: &dyn Observer,
    resolve: &dyn Fn(&Findings) -> Result<P, PlanError>,
    encode: fn(&mut P) -> Option<&mut EncodePlan>,
) -> Result<P, Failure> {
    let JobRequest { spec, toolbox, cancel, .. } = request;
    let tell = |what: &str| observer.notice(Notice::Logged(what.to_owned()));
    let mut findings = Findings { can_tone_map: toolbox.can_tone_map, join: join.cloned(), ..Findings::default() };
    let mut tried = Vec::new();
    if spec.preset.video.encoder != EncoderChoice::Software {
        tell("Trying the hardware encoders");
        tried = hardware::detect(toolbox, &request.hardware_file, cancel);
        findings.hardware_encoders = hardware::working(&tried);
    }
    if spec.operations.crop == Some(Crop::BlackBars) {
        tell("Looking for black bars");
        findings.picture_without_bars = measure::picture_without_bars(&spec.source, source, toolbox, cancel)?;
    }
    let mut resolved = resolve(&findings).map_err(|error| {
        let chosen =
            tried.iter().filter(|encoder| spec.preset.video.encoder == EncoderChoice::Hardware(encoder.family));
        let busy = chosen.filter(|encoder| encoder.is_busy()).find_map(|encoder| encoder.complaint.clone());
        busy.map_or_else(|| error.into_failure(), busy_hardware)
    })?;
    let mut why_software = why_software(&tried);
    let refusal = encode(&mut resolved).and_then(|plan| trial::check_hardware(plan, toolbox, cancel).err());
    if let Some(log) = refusal {
        if spec.preset.video.encoder != EncoderChoice::Automatic {
            if hardware::says_busy(&log) {
                return Err(busy_hardware(log));
            }
            let hint = "Choose the automatic or the software encoder, or other settings";
            return Err(Failure::new(FailureKind::EncoderFailed, "The hardware encoder refuses this job", hint)
                .with_detail(log));
        }
        let why = "The hardware encoder refuses this job, so it is encoded in software";
        tell(why);
        why_software = why.to_owned();
        findings.hardware_encoders = BTreeSet::new();
        resolved = resolve(&findings).map_err(PlanError::into_failure)?;
    }
    let Some(plan) = encode(&mut resolved) else { return Ok(resolved) };
    let in_software =
        !plan.renditions.is_empty() && plan.renditions.iter().all(|rendition| rendition.hardware.is_none());
    if spec.preset.video.encoder == EncoderChoice::Automatic && in_software {
        plan.why_software = Some(if plan.has_first_pass() {
            "Encoded in software: hardware knows no two passes".to_owned()
        } else {
            why_software
        });
    }
    trial::check(plan, toolbox, cancel)?;
    if let Some(watermark) = &plan.operations.watermark {
        check_image(request, &watermark.image)?;
    }
    if plan.loudness_target.is_some() {
        tell("Measuring the loudness");
        measure::loudness(plan, toolbox, cancel)?;
    }
    Ok(resolved)
}

/// What is told of a job that is encoded in software although hardware was wished for where it works.
fn why_software(tried: &[TriedEncoder]) -> String {
    let failed = tried.iter().filter(|encoder| encoder.complaint.is_some());
    let failed: Vec<&str> = failed.map(|encoder| encoder.name.as_str()).collect();
    if failed.is_empty() {
        return "Encoded in software: this ffmpeg has no hardware encoder for it".to_owned();
    }
    let names = failed.join(", ");
    format!("Encoded in software, as none of {names} works here: “reelpress doctor -v” tells why")
}

/// Hardware that was chosen by hand has no place for this job, in whose place software is not wanted.
fn busy_hardware(log: String) -> Failure {
    let hint = "Wait until other programs and jobs encode less, or choose the automatic or the software encoder";
    let headline = "The hardware encoder has no place for this job now";
    Failure::new(FailureKind::EncoderBusy, headline, hint).with_detail(log)
}

/// Checks that the image of a watermark can be read, and that it stands still.
fn check_image(request: &JobRequest, image: &Path) -> Result<(), Failure> {
    const HINT: &str = "Choose a still picture, such as a PNG, JPEG or WebP file";
    let unreadable = |detail: String| {
        let headline = format!("The watermark {} can't be read", image.display());
        Err(Failure::new(FailureKind::InvalidRequest, headline, HINT).with_detail(detail))
    };
    if let Err(error) = probe::look_at(image) {
        return unreadable(error.to_string());
    }
    let mut command = Command::new(&request.toolbox.ffmpeg);
    command.args(["-v", "error", "-nostdin", "-protocol_whitelist", PROTOCOL_WHITELIST, "-i"]).arg(input_url(image));
    command.args(["-map", "0:v:0", "-frames:v", "2", "-fps_mode", "passthrough", "-f", "framecrc", "-"]);
    match child::run_to_end(command, IMAGE_LIMIT, &request.cancel) {
        Ok(output) if output.status.success() => {
            let pictures =
                output.stdout.split(|byte| *byte == b'\n').filter(|line| line.first() == Some(&b'0')).count();
            if pictures < 2 {
                return Ok(());
            }
            let headline = format!("The watermark {} is a moving picture", image.display());
            Err(Failure::new(FailureKind::InvalidRequest, headline, HINT))
        }
        Ok(output) => unreadable(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => unreadable(error.to_string()),
    }
}
