//! `reelpress doctor`: what encoding needs, whether it is there, and what to do where it is not.

use std::path::Path;

use serde::Serialize;
use tokio::runtime::Handle;

use super::{Context, DoctorArguments, Outcome, credentials, destination, publish::network};
use crate::{
    failure::{Failure, FailureKind},
    format,
    job::S3Location,
    pipeline::{
        hardware::{self, TriedEncoder},
        publish::{self, policy::iam_policy},
    },
    tools::{
        atomic_file::TEMPORARY_PREFIX,
        cancel::CancelToken,
        disk,
        ffmpeg::{Capabilities, Toolbox},
    },
};

/// Free space below which an ordinary film may not fit.
const LITTLE_SPACE_BYTES: u64 = 5_000_000_000;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Fine,
    /// Is as somebody has chosen, and may not be what is wanted.
    Note,
    /// Works, with less.
    Limited,
    Failed,
    /// A tool is missing or unusable.
    ToolMissing,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    message: String,
    /// What to do; empty when nothing has to be done.
    hint: String,
    detail: String,
    /// A policy of IAM that gives the missing permissions.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
}

impl Finding {
    fn new(check: &'static str, status: Status, message: impl Into<String>) -> Self {
        Self { check, status, message: message.into(), hint: String::new(), detail: String::new(), policy: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    fn of(check: &'static str, failure: Failure) -> Self {
        let status = match Outcome::of(&failure) {
            Outcome::ToolMissing => Status::ToolMissing,
            _ => Status::Failed,
        };
        Self { check, status, message: failure.headline, hint: failure.hint, detail: failure.detail, policy: None }
    }
}

pub(super) fn run(context: &Context, arguments: &DoctorArguments, interrupt: &CancelToken) -> Outcome {
    let location = match arguments.destination.as_deref() {
        Some(place) => destination::s3_location(place, &arguments.s3),
        None if arguments.s3.any() => destination::s3_location(Path::new(""), &arguments.s3),
        None => Ok(None),
    };
    let location = match location {
        Ok(location) => location,
        Err(failure) => {
            context.output.failure(None, &failure);
            return Outcome::BadUsage;
        }
    };
    let mut findings = tools(context, interrupt);
    match (location, arguments.destination.as_deref()) {
        (Some(location), _) => {
            findings.push(folder("output folder", &context.settings.output_folder));
            credentials::ask_for_missing(context, std::iter::once(&location));
            let Some(runtime) = network(context) else { return Outcome::SomeFailed };
            findings.extend(bucket(runtime.handle(), &location));
        }
        (None, place) => findings.push(folder("output folder", place.unwrap_or(&context.settings.output_folder))),
    }
    findings.push(folder("app data", &context.folders.data));
    if interrupt.is_cancelled() {
        return Outcome::Interrupted;
    }
    tell(context, &findings, arguments.json);
    let outcome_of = |finding: &Finding| match finding.status {
        Status::Fine | Status::Note | Status::Limited => Outcome::AllDone,
        Status::Failed => Outcome::SomeFailed,
        Status::ToolMissing => Outcome::ToolMissing,
    };
    findings.iter().map(outcome_of).max().unwrap_or(Outcome::AllDone)
}

/// Whether a bucket takes streams, and whether viewers can read them there.
fn bucket(runtime: &Handle, location: &S3Location) -> Vec<Finding> {
    if let Err(error) = publish::test_destination(runtime, location) {
        let failure = error.into_failure();
        let policy = (failure.kind == FailureKind::PermissionDenied).then(|| iam_policy(location));
        return vec![Finding { policy, ..Finding::of("destination", failure) }];
    }
    let message = format!("{location}: {}", publish::CONNECTION_WORKS);
    let works = Finding::new("destination", Status::Fine, message);
    if location.skip_public_check {
        return vec![works];
    }
    let seen = match publish::public_view(runtime, location) {
        Ok(seen) => seen,
        Err(error) => return vec![works, Finding::of("viewers", error.into_failure())],
    };
    let viewers = match seen.unreadable {
        None => Finding::new("viewers", Status::Fine, format!("{} can be read without keys", seen.url)),
        Some(_) if location.presign.is_some() => {
            Finding::new("viewers", Status::Fine, "the bucket is private: the addresses that it is read by are signed")
        }
        Some(why) if location.public_url.is_some() => Finding::new("viewers", Status::Limited, why),
        Some(why) => Finding::new("viewers", Status::Note, why)
            .hint("For a private bucket, --presign 12h gives addresses that hold so long, or a CDN may read it"),
    };
    let sites = match seen.closed_to_sites {
        Some(why) => Finding::new("other sites", Status::Note, why)
            .hint("Without them the stream plays in apps, and in pages that the bucket's own host serves"),
        None if viewers.status == Status::Limited => {
            Finding::new("other sites", Status::Note, "not known as long as nobody can read there")
        }
        None => Finding::new("other sites", Status::Fine, "players in pages of other sites can read it (CORS)"),
    };
    vec![works, viewers, sites]
}

fn tell(context: &Context, findings: &[Finding], json: bool) {
    if json {
        context.output.pretty_json(&findings);
        return;
    }
    for finding in findings {
        let mark = match finding.status {
            Status::Fine => "ok     ",
            Status::Note => "note   ",
            Status::Limited => "limited",
            Status::Failed | Status::ToolMissing => "FAILED ",
        };
        context.output.data(&format!("{mark}  {}: {}", finding.check, finding.message));
        if !finding.hint.is_empty() {
            context.output.data(&format!("         {}", finding.hint));
        }
        let shows_detail = finding.status != Status::Fine || context.output.verbosity > super::Verbosity::Normal;
        for line in finding.detail.lines().filter(|_| shows_detail) {
            context.output.data(&format!("         | {line}"));
        }
        if let Some(policy) = &finding.policy {
            context.output.data(&format!("This policy allows all that is needed:\n{policy}"));
        }
    }
}

/// ffmpeg, its encoders and filters, and ffprobe.
fn tools(context: &Context, interrupt: &CancelToken) -> Vec<Finding> {
    let toolbox = match Toolbox::find(&context.settings, &context.folders) {
        Ok(toolbox) => toolbox,
        Err(error) => return vec![Finding::of("ffmpeg", error.into_failure())],
    };
    let capabilities = match Capabilities::read(&toolbox.ffmpeg, interrupt) {
        Ok(capabilities) => capabilities,
        Err(error) => return vec![Finding::of("ffmpeg", error.into_failure())],
    };
    let version = format!("{} at {}", toolbox.version, toolbox.ffmpeg.display());
    let encoders: Vec<&str> = ["libx264", "libx265", "libsvtav1", "libvpx-vp9", "aac", "libopus"]
        .into_iter()
        .filter(|encoder| capabilities.encoders.contains(*encoder))
        .collect();
    let tone_mapping = if toolbox.can_tone_map {
        Finding::new("HDR", Status::Fine, "HDR sources can be tone-mapped")
    } else {
        Finding::new("HDR", Status::Limited, "This ffmpeg can't tone-map HDR sources: colours will look pale")
            .hint("Use an ffmpeg with the filters zscale and tonemap, such as the one of `reelpress setup`")
    };
    vec![
        Finding::new("ffmpeg", Status::Fine, version),
        Finding::new("ffprobe", Status::Fine, toolbox.ffprobe.display().to_string()),
        Finding::new("encoders", Status::Fine, encoders.join(", ")),
        hardware(&hardware::detect(&toolbox, &context.folders.hardware_file(), interrupt)),
        tone_mapping,
    ]
}

/// Which hardware encoders work; none is no fault.
fn hardware(tried: &[TriedEncoder]) -> Finding {
    let working: Vec<&str> =
        tried.iter().filter(|encoder| encoder.complaint.is_none()).map(|encoder| encoder.name.as_str()).collect();
    let message = if working.is_empty() {
        "none works on this machine: videos are encoded in software".to_owned()
    } else {
        working.join(", ")
    };
    let complaint =
        |encoder: &TriedEncoder| encoder.complaint.as_ref().map(|complaint| format!("{}: {complaint}", encoder.name));
    let detail = tried.iter().filter_map(complaint).collect::<Vec<_>>().join("\n");
    Finding { detail, ..Finding::new("hardware encoders", Status::Fine, message) }
}

/// Whether a folder can be written, and how much fits.
fn folder(check: &'static str, folder: &Path) -> Finding {
    let shown = folder.display();
    let Some(existing) = folder.ancestors().find(|folder| folder.is_dir()) else {
        return Finding::new(check, Status::Failed, format!("{shown} can't be made"))
            .hint("Choose another folder, or connect its disk");
    };
    // A folder that does not exist yet is made in the nearest one that does.
    if let Err(error) = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(existing) {
        let hint = "Give yourself permission to write there, or choose another folder";
        let finding = Finding::new(check, Status::Failed, format!("{shown} can't be written")).hint(hint);
        return Finding { detail: error.to_string(), ..finding };
    }
    match disk::free_bytes(existing) {
        Some(bytes) if bytes < LITTLE_SPACE_BYTES => {
            Finding::new(check, Status::Limited, format!("{shown}: only {} free", format::bytes(bytes)))
                .hint("Free some space, or choose a folder on another disk: a film needs some gigabytes")
        }
        Some(bytes) => Finding::new(check, Status::Fine, format!("{shown}: {} free", format::bytes(bytes))),
        None => Finding::new(check, Status::Limited, format!("{shown}: free space is not known")),
    }
}
