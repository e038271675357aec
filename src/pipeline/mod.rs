//! The path of one job, straight: intake, probe, plan, encode, package, verify, publish, report.
//!
//! This is the only place where the order is written. No stage knows who asked for it.

pub mod check;
pub mod encode;
pub mod hardware;
pub mod intake;
pub mod layout;
pub mod measure;
pub mod package;
pub mod plan;
pub mod probe;
pub mod publish;

mod convert;
mod prepare;
mod progress;
mod publish_again;
mod source_length;
mod stream_folder;
mod uploads;
mod verify;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use encode::{
    Damage, EncodeSession,
    subtitles::{ReadSubtitles, read_subtitles},
};
use package::{FinishedStream, OutputMaker, PackageError, Packager, ReportedJob, Room, images::ImageMaker};
use plan::EncodePlan;
use progress::Reporter;
use publish::Publisher;
use source_length::{SourceFingerprint, check_length};
use stream_folder::StreamFolder;
pub use stream_folder::remove_interrupted;

use crate::{
    failure::{Failure, FailureKind},
    job::{FileReport, JobId, JobKind, JobSpec, Progress, Report, Stage, ThumbnailFormat, UnpublishedStream},
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

/// Runs a job from its source to its report, on the calling thread.
///
/// # Errors
/// The failure of the first stage that fails, or that the job was cancelled. Then nothing is left under a final name,
/// and no process runs any more.
pub fn run(request: &JobRequest, observer: &dyn Observer) -> Result<Report, JobEnd> {
    let unpublished = request.unpublished.as_ref();
    let result = match unpublished.and_then(|stream| Some((stream, stream.whole_folder()?))) {
        Some((stream, folder)) => publish_again::run(request, stream, folder, observer),
        None => WorkFolder::create(&request.work_folder).and_then(|work| match &request.spec.kind {
            JobKind::Stream => run_stages(request, &work.0, observer),
            JobKind::File(conversion) => convert::run(request, conversion, &work.0, observer),
        }),
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

    let (source, join) = prepare::read_sources(request).map_err(|failure| failure.at(Stage::Probe))?;
    observer.notice(Notice::SourceProbed(Box::new(source.clone())));
    check_tools(request)?;
    let plan =
        prepare::plan(request, (&source, join.as_ref()), observer).map_err(|failure| failure.at(Stage::Probe))?;

    let folder = StreamFolder::of_job(request).map_err(|failure| failure.at(Stage::Package))?;
    let expected_bytes = package::expected_bytes(&plan, &spec.outputs);
    let room = Room::for_stream(spec.destination.local_folder(), expected_bytes)?;
    observer.notice(Notice::Planned(Box::new(plan.summary(folder.path().to_owned()))));
    let publisher = uploads::start(request, &folder)?;

    let software = plan.in_software();
    let listeners = (observer, &room, publisher.as_ref());
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
            uploads::withdraw(publisher);
            return Err(failure);
        }
    };
    reporter.finished(Stage::Package);
    let mut report = report(&folder, plan, stream, reporter.finished_files());
    report.warnings = plan.warnings.iter().cloned().chain(warnings).collect();
    report.wall_time = started.elapsed();
    let Some(running) = &publisher else {
        folder.keep();
        return Ok(report);
    };
    let unpublished = UnpublishedStream { report: report.clone(), prefix: running.prefix().to_owned() };
    observer.notice(Notice::StreamMade(Box::new(unpublished)));
    uploads::wait(running, &reporter);
    drop(reporter);
    if let Some(publisher) = publisher {
        report = uploads::finish(request, publisher, folder, report)?;
    }
    report.wall_time = started.elapsed();
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

/// Who is told, where it is written, and who sends it.
type Listeners<'a> = (&'a dyn Observer, &'a Room, Option<&'a Publisher>);

fn attempt<'a>(
    request: &JobRequest,
    plan: &'a EncodePlan,
    (work_folder, folder): (&Path, &StreamFolder),
    (observer, room, publisher): Listeners<'a>,
) -> Attempt<'a> {
    let reporter = Reporter::new(observer, plan, room, publisher);
    let made = encode_and_package(request, plan, work_folder, folder, &reporter);
    Attempt { plan, reporter, made }
}

/// Encodes a plan, and once more in software when hardware fails.
fn encode_somehow<'a>(
    request: &JobRequest,
    (plan, software): (&'a EncodePlan, Option<&'a EncodePlan>),
    places: (&Path, &StreamFolder),
    listeners: Listeners<'a>,
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
        files: &plan.files,
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

fn report(folder: &StreamFolder, plan: &EncodePlan, stream: FinishedStream, files: Vec<FileReport>) -> Report {
    Report {
        folder: Some(folder.path().to_owned()),
        file: None,
        multivariant_playlist: Some(folder.path().join(plan.files.multivariant_playlist())),
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
