//! The path of one job, straight: intake, probe, plan, encode, package, verify, publish, report.
//!
//! This is the only place where the order is written. No stage knows who asked for it.

pub mod check;
pub mod encode;
pub mod hardware;
pub mod intake;
pub mod measure;
pub mod package;
pub mod plan;
pub mod probe;
pub mod publish;

mod prepare;
mod progress;
mod publish_again;
mod stream_folder;
mod verify;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use encode::{
    Damage, EncodeSession,
    subtitles::{ReadSubtitles, read_subtitles},
};
use package::{
    FinishedStream, MULTIVARIANT_PLAYLIST, OutputMaker, PackageError, Packager, ReportedJob, images::ImageMaker,
};
use plan::EncodePlan;
use progress::Reporter;
use publish::{Place, PublishedLocation, Publisher};
use stream_folder::StreamFolder;

use crate::{
    failure::{Failure, FailureKind},
    job::{Destination, FileReport, JobId, JobSpec, Progress, Report, Stage, ThumbnailFormat, UnpublishedStream},
    media::SourceMedia,
    preset::OnDamage,
    tools::{cancel::CancelToken, ffmpeg::Toolbox, pause::PauseSwitch},
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
    /// A line for the log.
    Logged(String),
}

/// Who is told of a job's progress. `notice` is called on the job's threads and must not wait.
pub trait Observer: Send + Sync {
    /// Takes one notice.
    fn notice(&self, notice: Notice);
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
    /// A folder for passing files; made and removed by the job.
    pub work_folder: PathBuf,
    /// Where it is kept which hardware encoders work.
    pub hardware_file: PathBuf,
    /// Where it is kept what has to be removed later of streams that were replaced.
    pub replaced_folder: PathBuf,
}

/// How often the end of an upload is looked for, and told of.
const PUBLISH_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// A stream that is shorter than its source by more than this part and this time is worth a warning.
const MISSING_PART: f64 = 0.02;
const MISSING_TIME: Duration = Duration::from_secs(1);

/// Runs a job from its source to its report, on the calling thread.
///
/// # Errors
/// The failure of the first stage that fails, or that the job was cancelled. Then nothing is left under a final name,
/// and no process runs any more.
pub fn run(request: &JobRequest, observer: &dyn Observer) -> Result<Report, JobEnd> {
    let unpublished = request.unpublished.as_ref();
    let result = match unpublished.and_then(|stream| Some((stream, stream.whole_folder()?))) {
        Some((stream, folder)) => publish_again::run(request, stream, folder, observer),
        None => WorkFolder::create(&request.work_folder).and_then(|work| run_stages(request, &work.0, observer)),
    };
    if request.cancel.is_cancelled() && result.is_err() {
        return Err(JobEnd::Cancelled);
    }
    result.map_err(JobEnd::Failed)
}

fn run_stages(request: &JobRequest, work_folder: &Path, observer: &dyn Observer) -> Result<Report, Failure> {
    let started = Instant::now();
    let spec = &request.spec;
    let fingerprint = SourceFingerprint::of(&spec.source);

    let source = probe::probe(&spec.source, &request.toolbox, &request.cancel)
        .map_err(|error| error.into_failure().at(Stage::Probe))?;
    observer.notice(Notice::SourceProbed(Box::new(source.clone())));
    check_tools(request)?;
    let plan = prepare::plan(request, &source, observer).map_err(|failure| failure.at(Stage::Probe))?;

    let folder = StreamFolder::create(spec.destination.local_folder(), &spec.source)
        .map_err(|failure| failure.at(Stage::Package))?;
    observer.notice(Notice::Planned(Box::new(plan.summary(folder.path().to_owned()))));
    let publisher = start_publisher(request, &folder)?;

    let software = plan.in_software();
    let listeners = (observer, publisher.as_ref());
    let places = (work_folder, &folder);
    let Attempt { plan, reporter, made } = encode_somehow(request, (&plan, software.as_ref()), places, listeners);
    let made = made.and_then(|(stream, mut warnings)| {
        warnings.extend(check_length(plan, &stream, spec, fingerprint.as_ref())?);
        verify::all_there(folder.path(), &reporter.finished_files())?;
        // The final multivariant playlist goes up only after this.
        verify::verify(request, plan, folder.path(), observer)?;
        Ok((stream, warnings))
    });
    let (stream, warnings) = match made {
        Ok(made) => made,
        Err(failure) => {
            drop(reporter);
            withdraw(publisher);
            return Err(failure);
        }
    };
    reporter.finished(Stage::Package);
    let mut report = report(&folder, stream, reporter.finished_files());
    report.warnings = plan.warnings.iter().cloned().chain(warnings).collect();
    report.wall_time = started.elapsed();
    let Some(uploads) = &publisher else {
        folder.keep();
        return Ok(report);
    };
    let unpublished = UnpublishedStream { report: report.clone(), prefix: uploads.prefix().to_owned() };
    observer.notice(Notice::StreamMade(Box::new(unpublished)));
    wait_for_uploads(uploads, &reporter);
    drop(reporter);
    if let Some(publisher) = publisher {
        report = finish_in_bucket(request, publisher, folder, report)?;
    }
    report.wall_time = started.elapsed();
    Ok(report)
}

/// The report of a stream whose uploads have ended.
fn finish_in_bucket(
    request: &JobRequest,
    mut publisher: Publisher,
    folder: StreamFolder,
    mut report: Report,
) -> Result<Report, Failure> {
    match finish_publishing(&mut publisher, &folder) {
        Ok(published) => {
            publish::replace::remember(published.replaced.as_ref(), &request.replaced_folder);
            report.urls = published.urls;
            report.warnings.extend(published.warnings);
        }
        Err(failure) => {
            if request.cancel.is_cancelled() {
                publisher.withdraw();
            } else {
                // The finished stream is not lost because it could not be sent, nor is what was sent of it.
                folder.keep();
            }
            return Err(failure);
        }
    }
    if matches!(request.spec.destination, Destination::S3 { keep_local: true, .. }) {
        folder.keep();
    } else {
        report.folder = None;
        report.multivariant_playlist = None;
    }
    Ok(report)
}

/// What was asked for and this ffmpeg can't do is said before anything is made.
fn check_tools(request: &JobRequest) -> Result<(), Failure> {
    if request.spec.outputs.thumbnails.format == ThumbnailFormat::Webp && !request.toolbox.encoders.contains("libwebp")
    {
        let hint = "Choose JPEG for the thumbnails, or install an ffmpeg with libwebp, such as Debian's";
        let headline = "This ffmpeg can't write thumbnails as WebP";
        return Err(Failure::new(FailureKind::ToolMissing, headline, hint).at(Stage::Probe));
    }
    Ok(())
}

/// What came of encoding a plan.
struct Attempt<'a> {
    plan: &'a EncodePlan,
    reporter: Reporter<'a>,
    made: Result<(FinishedStream, Vec<String>), Failure>,
}

fn attempt<'a>(
    request: &JobRequest,
    plan: &'a EncodePlan,
    (work_folder, folder): (&Path, &StreamFolder),
    (observer, publisher): (&'a dyn Observer, Option<&'a Publisher>),
) -> Attempt<'a> {
    let reporter = Reporter::new(observer, plan, publisher);
    let made = encode_and_package(request, plan, work_folder, folder, &reporter);
    Attempt { plan, reporter, made }
}

/// Encodes a plan, and once more in software when hardware fails.
fn encode_somehow<'a>(
    request: &JobRequest,
    (plan, software): (&'a EncodePlan, Option<&'a EncodePlan>),
    places: (&Path, &StreamFolder),
    listeners: (&'a dyn Observer, Option<&'a Publisher>),
) -> Attempt<'a> {
    let first = attempt(request, plan, places, listeners);
    match (&first.made, software) {
        (Err(failure), Some(software))
            if failure.kind == FailureKind::EncoderFailed && !request.cancel.is_cancelled() =>
        {
            let notice = format!("{}: the encode begins again in software", failure.headline);
            listeners.0.notice(Notice::Logged(notice));
            attempt(request, software, places, listeners)
        }
        _ => first,
    }
}

fn wait_for_uploads(uploads: &Publisher, reporter: &Reporter<'_>) {
    uploads.seal();
    while !uploads.has_ended() {
        reporter.tell();
        std::thread::sleep(PUBLISH_POLL_INTERVAL);
    }
    reporter.finished(Stage::Publish);
}

/// Leaves nothing of an unfinished stream in the bucket.
fn withdraw(publisher: Option<Publisher>) {
    if let Some(publisher) = publisher {
        publisher.withdraw();
    }
}

fn start_publisher(request: &JobRequest, folder: &StreamFolder) -> Result<Option<Publisher>, Failure> {
    let Destination::S3 { location, .. } = &request.spec.destination else { return Ok(None) };
    let place = Place::New { stream_name: folder.name() };
    Publisher::start(&request.runtime, location, folder.path(), place, &request.cancel)
        .map(Some)
        .map_err(|error| error.into_failure().at(Stage::Publish))
}

fn encode_and_package(
    request: &JobRequest,
    plan: &EncodePlan,
    work_folder: &Path,
    folder: &StreamFolder,
    reporter: &Reporter<'_>,
) -> Result<(FinishedStream, Vec<String>), Failure> {
    let name = request.spec.source_name();
    let mut packager = Packager::new(plan, folder.path(), reporter, request.cancel.clone());
    reporter.package_through(packager.progress());
    let session = EncodeSession { cancel: &request.cancel, pause: &request.pause, listener: reporter };
    if plan.has_first_pass() {
        encode::first_pass(plan, &request.toolbox, work_folder, &session)
            .map_err(|error| error.into_failure(&name).at(Stage::Encode))?;
    }
    let encoded = encode::encode(plan, &request.toolbox, work_folder, &mut packager, &session)
        .map_err(|error| error.into_failure(&name).at(Stage::Encode))?;
    let damage = weigh_damage(&encoded.damage, &request.spec)?;
    reporter.finished(Stage::Encode);
    let failed = |error: PackageError| error.into_failure().at(Stage::Package);
    let images = ImageMaker {
        work_folder,
        stream_folder: folder.path(),
        style: request.spec.outputs.thumbnails,
        toolbox: &request.toolbox,
        cancel: &request.cancel,
        listener: reporter,
    };
    images.write(&plan.pictures).map_err(failed)?;
    let ReadSubtitles { read: subtitles, warnings } =
        read_subtitles(plan, &request.toolbox, work_folder, &request.cancel)
            .map_err(|_| failed(PackageError::Cancelled))?;
    for (rendition, cues) in &subtitles {
        packager.add_subtitles(rendition, cues).map_err(failed)?;
    }
    packager.add_chapters().map_err(failed)?;
    let stream = packager.finish().map_err(failed)?;
    let maker = OutputMaker {
        plan,
        stream: &stream,
        subtitles: &subtitles,
        folder: folder.path(),
        work_folder,
        toolbox: &request.toolbox,
        cancel: &request.cancel,
        listener: reporter,
    };
    let left_out = maker.make(&request.spec.outputs).map_err(failed)?;
    if request.spec.outputs.report {
        let job = ReportedJob { source: &name, preset: &request.spec.preset.id };
        maker.write_report(job, &reporter.finished_files()).map_err(failed)?;
    }
    Ok((stream, damage.into_iter().chain(warnings).chain(left_out).collect()))
}

/// A warning that says how much of a damaged source is lost, or the failure of the job where its preset wants that.
fn weigh_damage(damage: &Damage, spec: &JobSpec) -> Result<Option<String>, Failure> {
    let Some(lost) = damage.description() else { return Ok(None) };
    match spec.preset.on_damage {
        OnDamage::Warn => Ok(Some(format!("The source is damaged: {lost}"))),
        OnDamage::Fail => {
            let headline = format!("“{}” is damaged: {lost}", spec.source_name());
            let hint = "Copy the file again from where it came from, or let damaged sources pass with a warning";
            Err(Failure::new(FailureKind::SourceInvalid, headline, hint).at(Stage::Encode))
        }
    }
}

/// Compares the stream's length with the source's: a warning when the source ended early, a failure when it was taken
/// away or changed meanwhile.
fn check_length(
    plan: &EncodePlan,
    stream: &FinishedStream,
    spec: &JobSpec,
    fingerprint: Option<&SourceFingerprint>,
) -> Result<Option<String>, Failure> {
    let Some(expected) = plan.duration else { return Ok(None) };
    let missing = expected.saturating_sub(stream.duration);
    if missing <= MISSING_TIME.max(expected.mul_f64(MISSING_PART)) {
        return Ok(None);
    }
    let made = crate::format::clock(stream.duration);
    let of = crate::format::clock(expected);
    if SourceFingerprint::of(&spec.source).as_ref() != fingerprint {
        let name = spec.source_name();
        let headline = format!("“{name}” was removed or changed while it was encoded");
        let hint = "Put the file back, leave it in place until the job is done, and retry the job";
        let failure = Failure::new(FailureKind::SourceVanished, headline, hint);
        return Err(failure.with_detail(format!("{made} of {of} could be read")).at(Stage::Encode));
    }
    Ok(Some(format!("The source ends early: {made} of {of} could be read")))
}

/// Where a stream is that is up, or why it is not.
fn finish_publishing(publisher: &mut Publisher, folder: &StreamFolder) -> Result<PublishedLocation, Failure> {
    publisher.finish().map_err(|error| {
        let mut failure = error.into_failure().at(Stage::Publish);
        let kept = folder.path().display();
        failure.hint.push_str(&format!(
            "; the finished stream is kept in {kept}: retry the job or use “reelpress publish” to send the rest"
        ));
        failure
    })
}

fn report(folder: &StreamFolder, stream: FinishedStream, files: Vec<FileReport>) -> Report {
    Report {
        folder: Some(folder.path().to_owned()),
        multivariant_playlist: Some(folder.path().join(MULTIVARIANT_PLAYLIST)),
        urls: Vec::new(),
        renditions: stream.renditions,
        total_bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        duration: stream.duration,
        wall_time: Duration::ZERO,
        warnings: Vec::new(),
    }
}

/// The folder for passing files; removed with all it holds.
struct WorkFolder(PathBuf);

impl WorkFolder {
    fn create(path: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(path).map_err(|error| package::write_failure(&path.join("."), &error))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::info!(%error, path = %self.0.display(), "passing files could not be removed");
        }
    }
}

/// By what a file is known again.
#[derive(Debug, PartialEq)]
struct SourceFingerprint {
    bytes: u64,
    modified: Option<std::time::SystemTime>,
}

impl SourceFingerprint {
    fn of(source: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(source).ok()?;
        Some(Self { bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}
