//! Poster, thumbnails and storyboard of a source, without an encode. No more is decoded than they need: where a source can
//! be sought, the parts around the times that were asked for.

use std::{
    ops::Range,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    JobRequest, Notice, Observer, check_wishes,
    encode::{self, EncodeError, EncodeSession, argv, following::Following, format_change::Opening, picture_headers},
    layout::StreamFiles,
    measure,
    package::{FinishedStream, OutputMaker, Room, images::ImageMaker, tile_path},
    plan::{EncodePlan, Findings, JoinPlan, PicturePlan, PlanError},
    prepare,
    progress::Reporter,
    publish_again,
    source_length::KnownSources,
    stream_folder::StreamFolder,
};
use crate::{
    failure::{Failure, FailureKind},
    job::{Crop, Destination, JobSpec, Outputs, Report, Stage, UnpublishedStream},
    media::{DynamicRange, SourceMedia},
    preset::RateControl,
};

/// What lies nearer together is decoded in one go: opening a source and what is decoded before its place take as long.
const NEAR: Duration = Duration::from_secs(8);
/// The longest that is decoded of a source that does not tell its length.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Makes pictures from their source to their report.
///
/// # Errors
/// The failure of the first stage that fails, also when not one picture can be had. Then nothing is left.
pub(super) fn run(request: &JobRequest, work_folder: &Path, observer: &dyn Observer) -> Result<Report, Failure> {
    let (started, spec) = (Instant::now(), &request.spec);
    let sources = KnownSources::of(spec);
    check_wishes(request)?;
    let (source, join) = prepare::read_sources(request).map_err(|failure| failure.at(Stage::Probe))?;
    observer.notice(Notice::SourceProbed(Box::new(source.clone())));
    let plan = plan(request, &source, join.as_ref()).map_err(|failure| failure.at(Stage::Probe))?;
    let folder = StreamFolder::of_job(request).map_err(|failure| failure.at(Stage::Package))?;
    observer.notice(Notice::Planned(Box::new(plan.summary(folder.path().to_owned()))));
    let room = Room::for_stream(spec.destination.local_folder(), None)?;
    let reporter = Reporter::new(observer, &plan, &room, None);

    let taken = take(request, &plan, work_folder, &reporter);
    let lost = taken.map_err(|failure| sources.with_cause(failure, &request.cancel))?;
    sources.are_unchanged(&[])?;
    reporter.finished(Stage::Encode);
    let missing = write(request, &plan, (folder.path(), work_folder), &reporter)?;
    reporter.finished(Stage::Package);
    let files = reporter.finished_files();
    drop(reporter);
    if files.is_empty() {
        return Err(lost.unwrap_or_else(|| no_picture(spec)).at(Stage::Encode));
    }
    let partly = lost.map(|failure| format!("Not all pictures could be taken: {}", failure.headline));
    let mut report = Report {
        folder: Some(folder.path().to_owned()),
        total_bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        duration: plan.duration.unwrap_or_default(),
        wall_time: request.pause.worked_since(started),
        warnings: plan.warnings.into_iter().chain(partly).chain(missing).collect(),
        ..Report::default()
    };
    report.speed = report.overall_speed();
    // Pictures that are made are not lost because they could not be sent.
    folder.keep();
    publish(request, report, observer)
}

/// Brings the finished pictures to the buckets that the job names, if any.
fn publish(request: &JobRequest, report: Report, observer: &dyn Observer) -> Result<Report, Failure> {
    if matches!(request.spec.destination, Destination::Folder(_)) {
        return Ok(report);
    }
    let Some(folder) = report.folder.clone() else { return Ok(report) };
    let stream = UnpublishedStream::of(report);
    observer.notice(Notice::StreamMade(Box::new(stream.clone())));
    publish_again::send(request, &stream, &folder, observer)
}

/// The plan of a stream, less what pictures do not need.
fn plan(request: &JobRequest, source: &SourceMedia, join: Option<&JoinPlan>) -> Result<EncodePlan, Failure> {
    let JobRequest { spec, toolbox, cancel, .. } = request;
    let mut findings = Findings { can_tone_map: toolbox.can_tone_map, join: join.cloned(), ..Findings::default() };
    if spec.operations.crop == Some(Crop::BlackBars) {
        findings.picture_without_bars = measure::picture_without_bars(&spec.source, source, toolbox, cancel)?;
    }
    let mut plan = EncodePlan::resolve_with(spec, source, &findings).map_err(PlanError::into_failure)?;
    let files = StreamFiles::of(spec, request.id, &plan).map_err(PlanError::into_failure)?;
    if plan.renditions.first().is_some_and(|largest| largest.range == DynamicRange::Sdr) {
        plan.renditions.truncate(1);
    }
    if plan.video_stream.is_some() {
        plan.audio = Vec::new();
    }
    Ok(EncodePlan {
        files,
        subtitles: Vec::new(),
        chapters: Vec::new(),
        is_encrypted: false,
        rate_control: RateControl::AverageBitrate,
        ..plan
    })
}

/// Sets all pictures aside in the work folder. Returns why some of them could not be had.
///
/// # Errors
/// When ffmpeg can't be started, or the job is cancelled.
fn take(
    request: &JobRequest,
    plan: &EncodePlan,
    work_folder: &Path,
    reporter: &Reporter<'_>,
) -> Result<Option<Failure>, Failure> {
    let session = EncodeSession { cancel: &request.cancel, pause: &request.pause, listener: reporter };
    let mut following = Following::default();
    let mut lost = None;
    for part in parts(plan) {
        loop {
            let followed = following.apply(&part, (&request.toolbox, work_folder), &session);
            let run = followed.and_then(|(part, _)| {
                let mut arguments = argv::picture_arguments(&part, work_folder);
                arguments.extend(picture_headers::output(&part));
                let run = encode::run_alone((&request.toolbox, arguments), &session, &|_| {}, Opening::of(&part));
                run.map_err(|error| error.in_time_of_source(&part))
            });
            let Err(error) = run else { break };
            if let EncodeError::FormatChanges(change) = &error
                && let Some(further) = following.with(*change, &part)
            {
                following = further;
                continue;
            }
            let has_failed = matches!(error, EncodeError::Failed { .. });
            let failure = error.into_failure(&request.spec.source_name());
            if !has_failed {
                return Err(failure.at(Stage::Encode));
            }
            lost = Some(failure);
            break;
        }
    }
    Ok(lost)
}

/// The plan in as many parts as the source is opened times.
fn parts(plan: &EncodePlan) -> Vec<EncodePlan> {
    if plan.video_stream.is_none() || plan.join.is_some() || plan.demuxer.is_some() {
        return vec![plan.clone()];
    }
    let rate = plan.timing.frame_rate;
    if plan.storyboard.is_some() {
        return vec![plan.pictures_of(0..rate.frames_in(plan.duration.unwrap_or(LONGEST)))];
    }
    let frames = plan.pictures.pictures.iter().map(|picture| picture.frame);
    let near = if plan.can_be_sought { rate.frames_in(NEAR) } else { u64::MAX };
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for frame in frames {
        match ranges.last_mut() {
            Some(range) if frame - range.end <= near => range.end = frame + 1,
            _ => ranges.push(frame..frame + 1),
        }
    }
    ranges.into_iter().map(|range| plan.pictures_of(range)).collect()
}

/// Writes the files out of what was set aside; returns what is to be said of pictures that are missing.
fn write(
    request: &JobRequest,
    plan: &EncodePlan,
    (folder, work_folder): (&Path, &Path),
    reporter: &Reporter<'_>,
) -> Result<Option<String>, Failure> {
    let (toolbox, cancel) = (&request.toolbox, &request.cancel);
    let images = ImageMaker {
        work_folder,
        stream_folder: folder,
        files: &plan.files,
        style: request.spec.outputs.thumbnails,
        toolbox,
        cancel,
        listener: reporter,
    };
    let failed = |error: super::package::PackageError| error.into_failure().at(Stage::Package);
    let missing = images.write(&plan.pictures).map_err(failed)?;
    let missing = PicturePlan::told_missing(&missing, (plan.duration, plan.timing.frame_rate));
    let Some(storyboard) = &plan.storyboard else { return Ok(missing) };
    // The source may be shorter than it tells.
    let there = (0..).take_while(|index| tile_path(work_folder, *index).is_file()).count() as u64;
    if there == 0 {
        return Ok(missing);
    }
    let seen = plan.timing.frame_rate.duration_of(there * storyboard.interval_frames);
    let duration = plan.duration.map_or(seen, |duration| duration.min(seen));
    let stream = FinishedStream { renditions: Vec::new(), duration, tracks: Vec::new() };
    let maker = OutputMaker {
        plan,
        stream: &stream,
        subtitles: &[],
        folder,
        work_folder,
        toolbox,
        encryptor: None,
        cancel,
        listener: reporter,
    };
    maker.make(&Outputs::default()).map(|_| missing).map_err(failed)
}

fn no_picture(spec: &JobSpec) -> Failure {
    let headline = format!("Not one picture of “{}” can be read", spec.source_name());
    Failure::new(FailureKind::SourceInvalid, headline, "Play the file to see whether it is whole, and copy it again")
}
