//! The path of one job, straight: intake, probe, plan, encode, package, verify, publish, report.
//!
//! This is the only place where the order is written. No stage knows who asked for it.

pub mod check;
pub mod encode;
pub mod encryption;
pub mod hardware;
pub mod intake;
pub mod layout;
pub mod measure;
pub mod package;
pub mod plan;
pub mod probe;
pub mod publish;

mod attempts;
mod convert;
mod dropped;
mod pace;
mod pictures;
mod prepare;
mod progress;
mod publish_again;
mod source_damage;
mod source_length;
mod standard_range;
mod stream_folder;
mod unfinished;
mod uploads;
mod verify;
mod work_folder;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use attempts::{Attempt, Making};
use package::{FileListener, FinishedStream, Room};
use plan::{EncodePlan, PlanSummary};
use progress::Reporter;
use source_length::{KnownSources, check_length};
use stream_folder::StreamFolder;
pub use stream_folder::remove_interrupted_folder;
pub use unfinished::{
    Beginning, Discarded, DiscardedFolder, GoesOnBy, Remains, discard, forget_unfinished, is_finished, is_under_way,
    reached, reached_by, remove_given_up, remove_interrupted,
};
use unfinished::{Begun, Notes, Unfinished};
use uploads::{Ending, Uploads, stays_here};
use work_folder::WorkFolder;
pub use work_folder::remove_left_behind;

use crate::{
    failure::{Failure, FailureKind},
    job::{FileReport, JobId, JobKind, JobSpec, Progress, Report, Stage, ThumbnailFormat, UnpublishedStream},
    media::SourceMedia,
    tools::{cancel::CancelToken, content_key::KeyFiles, ffmpeg::Toolbox, pause::PauseSwitch},
};

/// What a running job tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The source was read.
    SourceProbed(Box<SourceMedia>),
    /// It is known what will be made.
    Planned(Box<plan::PlanSummary>),
    /// A newer measurement.
    Progressed(Box<Progress>),
    /// The stream is finished on this machine; what is left is to publish it.
    StreamMade(Box<UnpublishedStream>),
    /// Files of the stream are finished.
    FilesFinished(Vec<FileReport>),
    /// Something of a cancelled stream stays where it was to be taken back, with what to do.
    Left(Failure),
    /// A line for the log.
    Logged(String),
}

/// Who is told of a job's progress, on the job's threads.
pub trait Observer: Send + Sync {
    /// Takes one notice. Must not wait.
    fn notice(&self, notice: Notice);

    /// Takes note of the end of a job whose stream is finished and lies where it stays. True once that outlives the program:
    /// until then the stream is one that a later run goes on with.
    fn finished(&self, report: &Report) -> bool;
}

/// How a job can end without a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEnd {
    /// The user stopped it.
    Cancelled,
    /// Something went wrong.
    Failed(Failure),
}

/// What a job needs to run.
#[derive(Debug, Clone)]
pub struct JobRequest {
    /// Its id.
    pub id: JobId,
    /// What was asked.
    pub spec: JobSpec,
    /// What an earlier run has finished and not published.
    pub unpublished: Option<UnpublishedStream>,
    /// The programs to drive.
    pub toolbox: Toolbox,
    /// Ends it.
    pub cancel: CancelToken,
    /// Holds its encoder.
    pub pause: PauseSwitch,
    /// Where uploads run.
    pub runtime: tokio::runtime::Handle,
    /// From where it begins.
    pub beginning: Beginning,
    /// Belongs to a queue that begins it again by itself when it was interrupted.
    pub is_queued: bool,
    /// A folder for passing files that may not lie beside the stream; made and removed by the job.
    pub work_folder: PathBuf,
    /// Where it is kept which hardware encoders work.
    pub hardware_file: PathBuf,
    /// Where it is kept what has to be removed later of streams that were replaced.
    pub replaced_folder: PathBuf,
    /// Where it is noted in which folders of the user's streams of calls in a terminal lie that go to buckets too.
    pub kept_folder: PathBuf,
}

/// Runs a job from its source to its report, on the calling thread.
///
/// # Errors
/// The failure of the first stage that fails, or that the job was cancelled. Then nothing is left under a final name,
/// and no process runs any more.
pub fn run(request: &JobRequest, observer: &dyn Observer) -> Result<Report, JobEnd> {
    let unpublished = request.unpublished.as_ref();
    let result = match unpublished.and_then(|stream| Some((stream, stream.whole_folder()?))) {
        Some((stream, folder)) => publish_again::run(request, stream, folder, observer),
        None => match &request.spec.kind {
            JobKind::Stream => run_stages(request, observer),
            JobKind::File(conversion) => WorkFolder::create(&request.work_folder)
                .and_then(|work| convert::run(request, conversion, work.path(), observer)),
            JobKind::Pictures => {
                WorkFolder::create(&request.work_folder).and_then(|work| pictures::run(request, work.path(), observer))
            }
        },
    };
    if request.cancel.is_cancelled() && result.is_err() {
        return Err(JobEnd::Cancelled);
    }
    result.map_err(|failure| JobEnd::Failed(with_cause(failure, request)))
}

/// A source that is taken for a damaged one may have become another one midway.
fn with_cause(failure: Failure, request: &JobRequest) -> Failure {
    let JobRequest { spec, cancel, .. } = request;
    if failure.kind != FailureKind::SourceInvalid || !spec.joined.is_empty() {
        return failure;
    }
    match probe::codec_change(&spec.source, cancel) {
        Some(change) => Failure { stage: failure.stage, ..change.into_failure(&spec.source_name()) },
        None => failure,
    }
}

fn run_stages(request: &JobRequest, observer: &dyn Observer) -> Result<Report, Failure> {
    let started = Instant::now();
    let spec = &request.spec;
    let sources = KnownSources::of(spec);

    let (source, join) = prepare::read_sources(request).map_err(|failure| failure.at(Stage::Probe))?;
    observer.notice(Notice::SourceProbed(Box::new(source.clone())));
    check_wishes(request)?;
    let mut plan =
        prepare::plan(request, (&source, join.as_ref()), observer).map_err(|failure| failure.at(Stage::Probe))?;

    let Begun { folder, mut unfinished, goes_on } = begin_stream((request, observer), &mut plan)?;
    // What goes on keeps the id from which its keys and vectors follow.
    let request = &JobRequest { id: unfinished.job().unwrap_or(request.id), ..request.clone() };
    let finished = if goes_on { unfinished.finished_segments(&plan, request) } else { None };
    let goes_on_at = finished.as_ref().map(|finished| plan.reached_with(finished.first_segment));
    let summary = PlanSummary { goes_on_at, ..plan.summary(folder.path().to_owned()) };
    observer.notice(Notice::Planned(Box::new(summary)));
    let places = (&folder, goes_on_at);
    let (room, uploads) = match open_places((request, observer), &plan, places, &mut unfinished) {
        Err(failure) if goes_on && (request.cancel.is_suspended() || !request.cancel.is_cancelled()) => {
            // What is finished is not lost because there is no room, or the store can't be reached.
            folder.keep();
            return Err(failure);
        }
        opened => opened?,
    };

    let software = plan.in_software();
    let listeners = (observer, &room, uploads.as_ref());
    let making = Making { request, folder: &folder, listeners };
    let Attempt { plan, reporter, made } = making.make((&plan, software.as_ref()), &mut unfinished, finished);
    let made = made.and_then(|made| judged((request, observer), (plan, &folder), &reporter, &sources, made));
    let (stream, warnings) = match made {
        Ok(made) => made,
        Err(failure) => {
            drop(reporter);
            leave((request, observer), folder, uploads);
            return Err(sources.with_cause(failure, &request.cancel));
        }
    };
    reporter.finished(Stage::Package);
    let mut report = report(request, &folder, plan, stream, reporter.finished_files());
    report.warnings = plan.warnings.iter().cloned().chain(warnings).collect();
    report.speed = reporter.speed();
    report.wall_time = request.pause.worked_since(started);
    let Some(running) = &uploads else {
        folder.keep();
        unfinished.end(observer.finished(&report));
        return Ok(report);
    };
    let rest = upload_rest((request, observer), running, (&folder, &mut unfinished), (&reporter, &report));
    drop(reporter);
    let stream = match rest {
        Ok(stream) => stream,
        Err(failure) => {
            leave_finished((request, observer), (folder, unfinished), uploads);
            return Err(failure);
        }
    };
    if let Some(uploads) = uploads {
        report = uploads::end((request, observer), uploads, (folder, unfinished), &stream)?;
    }
    report.wall_time = request.pause.worked_since(started);
    Ok(report)
}

/// The folder of the stream, with what an earlier run has left there and can be gone on with.
fn begin_stream((request, observer): (&JobRequest, &dyn Observer), plan: &mut EncodePlan) -> Result<Begun, Failure> {
    let Begun { folder, mut unfinished, goes_on } =
        Unfinished::begin(request, plan).map_err(|failure| failure.at(Stage::Package))?;
    match look_at_dropped((request, observer), &folder, &mut unfinished) {
        Ok(warning) => plan.warnings.extend(warning),
        Err(failure) if goes_on => {
            // What is finished is not lost because that can't be noted.
            folder.keep();
            return Err(failure);
        }
        Err(failure) => return Err(failure),
    }
    Ok(Begun { folder, unfinished, goes_on })
}

/// A stream that was made, once it is known to be whole and right: the final multivariant playlist goes up only after this.
fn judged(
    (request, observer): (&JobRequest, &dyn Observer),
    (plan, folder): (&EncodePlan, &StreamFolder),
    reporter: &Reporter<'_>,
    sources: &KnownSources,
    (stream, mut warnings): (FinishedStream, Vec<String>),
) -> Result<(FinishedStream, Vec<String>), Failure> {
    sources.are_unchanged(&warnings)?;
    warnings.extend(check_length(plan, &stream, request, sources.first())?);
    verify::all_there(folder.path(), &reporter.finished_files())?;
    verify::verify(request, plan, folder.path(), observer)?;
    Ok((stream, warnings))
}

/// Waits for the end of the uploads of a stream that is finished here.
fn upload_rest(
    (request, observer): (&JobRequest, &dyn Observer),
    uploads: &Uploads,
    (folder, unfinished): (&StreamFolder, &mut Unfinished),
    (reporter, report): (&Reporter<'_>, &Report),
) -> Result<UnpublishedStream, Failure> {
    let mut stream = uploads.unpublished(report);
    let keep = |stream: &UnpublishedStream| observer.notice(Notice::StreamMade(Box::new(stream.clone())));
    let ending = Ending { request, folder: folder.path(), tell: &|| reporter.tell(), keep: &keep };
    let rest = uploads.begin_rest(&ending, &mut stream);
    let notes = Notes { room: reporter.room(), cancel: &request.cancel, changed: &|| reporter.room_changed() };
    unfinished.was_finished(stays_here(request), uploads.places(), notes)?;
    keep(&stream);
    uploads.send_rest(&rest);
    uploads.finish(&ending, &mut stream);
    if !request.cancel.is_cancelled() {
        reporter.finished(Stage::Publish);
    }
    Ok(stream)
}

/// The disk and the buckets for what is left to be made.
fn open_places(
    (request, observer): (&JobRequest, &dyn Observer),
    plan: &EncodePlan,
    (folder, goes_on_at): (&StreamFolder, Option<Duration>),
    unfinished: &mut Unfinished,
) -> Result<(Room, Option<Uploads>), Failure> {
    let there =
        goes_on_at.zip(plan.duration).map_or(0.0, |(at, whole)| at.as_secs_f64() / whole.as_secs_f64().max(1.0));
    let mut expected_bytes = package::expected_bytes(plan, &request.spec.outputs);
    let gives_back = unfinished.dropped().is_some_and(|dropped| dropped.drops());
    if gives_back {
        let at_once = |bytes| package::expected_at_once(bytes, plan.duration.unwrap_or_default());
        expected_bytes = expected_bytes.map(at_once);
    }
    let left_bytes = expected_bytes.map(|bytes| (bytes as f64 * (1.0 - there.min(1.0))) as u64);
    let room = Room::for_stream(request.spec.destination.local_folder(), left_bytes)?;
    // Published segments that are dropped give their room back.
    let room = if gives_back { room } else { room.held_by(folder.path()) };
    let changed = || {
        let progress = Progress { disk_shortage: room.shortage(), ..Progress::default() };
        observer.notice(Notice::Progressed(Box::new(progress)));
    };
    let notes = Notes { room: &room, cancel: &request.cancel, changed: &changed };
    let uploads = Uploads::start(request, folder, (unfinished, goes_on_at.is_some()), notes)?;
    Ok((room, uploads))
}

/// Tells in the log why segments are not dropped, and gives a warning of those that were and are lost in a bucket.
fn look_at_dropped(
    (request, observer): (&JobRequest, &dyn Observer),
    folder: &StreamFolder,
    unfinished: &mut Unfinished,
) -> Result<Option<String>, Failure> {
    let stay = dropped::why_not(&request.spec, folder.path()).map(stay_until_the_end);
    stay.into_iter().for_each(|note| observer.notice(Notice::Logged(note)));
    unfinished.give_up_lost_segments(request)
}

/// What is said of segments that are not dropped although the user wants it.
fn stay_until_the_end(why: &str) -> String {
    format!("Published segments stay on the disk until the end: {why}")
}

/// What was asked for and can't be done is said before anything is made.
fn check_wishes(request: &JobRequest) -> Result<(), Failure> {
    request.spec.check().map_err(|problem| problem.into_failure().at(Stage::Probe))?;
    encryption::check(&request.spec).map_err(|failure| failure.at(Stage::Probe))?;
    if request.spec.outputs.thumbnails.format == ThumbnailFormat::Webp && !request.toolbox.encoders.contains("libwebp")
    {
        let hint = "Choose JPEG for the thumbnails, or install an ffmpeg with libwebp, such as Debian's";
        let headline = "This ffmpeg can't write thumbnails as WebP";
        return Err(Failure::new(FailureKind::ToolMissing, headline, hint).at(Stage::Probe));
    }
    if request.spec.preset.stereo.has_opus() && !request.toolbox.encoders.contains("libopus") {
        let hint = "Choose AAC for the sound, or install an ffmpeg with libopus, such as Debian's";
        let headline = "This ffmpeg can't encode Opus";
        return Err(Failure::new(FailureKind::ToolMissing, headline, hint).at(Stage::Probe));
    }
    Ok(())
}

/// Leaves a finished stream where it was to stay, and nothing of it in the buckets, unless the job goes on later.
fn leave_finished(
    (request, observer): (&JobRequest, &dyn Observer),
    (folder, unfinished): (StreamFolder, Unfinished),
    uploads: Option<Uploads>,
) {
    if stays_here(request) && !request.cancel.is_suspended() {
        unfinished.remove();
        folder.keep();
        uploads.into_iter().for_each(|uploads| uploads.withdraw(observer));
    } else {
        leave((request, observer), folder, uploads);
    }
}

/// Leaves nothing of an unfinished stream here or in the buckets, unless the job goes on later.
fn leave((request, observer): (&JobRequest, &dyn Observer), folder: StreamFolder, uploads: Option<Uploads>) {
    if request.cancel.is_suspended() {
        folder.keep();
    } else if let Some(uploads) = uploads {
        uploads.withdraw(observer);
    }
}

fn report(
    request: &JobRequest,
    folder: &StreamFolder,
    plan: &EncodePlan,
    stream: FinishedStream,
    files: Vec<FileReport>,
) -> Report {
    let encryption = request.spec.outputs.encryption.as_ref();
    Report {
        folder: Some(folder.path().to_owned()),
        multivariant_playlist: Some(folder.path().join(plan.files.multivariant_playlist())),
        renditions: stream.renditions,
        total_bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        duration: stream.duration,
        notes: dropped::why_not(&request.spec, folder.path())
            .map(stay_until_the_end)
            .into_iter()
            .chain(plan.why_software.clone())
            .collect(),
        keys: encryption::key_files(encryption, request.id).map(KeyFiles::into_path),
        ..Report::default()
    }
}
