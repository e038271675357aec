//! Encoding and packaging a plan, going on after an encoder that was lost, and in software after hardware that failed.

use std::path::Path;

use super::{
    JobRequest, Notice, Observer,
    encode::{
        self, Damage, EncodeError, EncodeSession,
        subtitles::{ReadSubtitles, read_subtitles},
    },
    encryption::Encryptor,
    package::{
        FinishedSegments, FinishedStream, OutputMaker, PackageError, Packager, ReportedJob, Room, images::ImageMaker,
    },
    plan::EncodePlan,
    progress::Reporter,
    stream_folder::StreamFolder,
    unfinished::Unfinished,
    uploads::Uploads,
    verify::taken_away,
    work_folder::WorkFolder,
};
use crate::{
    failure::{Failure, FailureKind},
    format::clock,
    job::{JobSpec, Stage},
    preset::OnDamage,
};

/// How often an encoder is begun again that was killed or crashed and had come farther than the one before.
const MOST_LOST_ENCODERS: u32 = 3;

/// What came of encoding a plan.
pub(super) struct Attempt<'a> {
    pub(super) plan: &'a EncodePlan,
    pub(super) reporter: Reporter<'a>,
    pub(super) made: Result<(FinishedStream, Vec<String>), Failure>,
}

/// Where a stream is made, and who hears of it.
pub(super) struct Making<'a> {
    pub(super) request: &'a JobRequest,
    pub(super) folder: &'a StreamFolder,
    pub(super) listeners: (&'a dyn Observer, &'a Room, Option<&'a Uploads>),
}

/// Why an attempt has ended without a stream.
enum Stop {
    /// The encoder was killed or crashed.
    EncoderLost(Failure),
    /// The encoder has failed.
    EncoderFailed(Failure),
    /// What was finished before can't be gone on with.
    CannotGoOn(Failure),
    /// All else.
    Failed(Failure),
}

impl Stop {
    fn of(error: EncodeError, source_name: &str, goes_on: bool) -> Self {
        let (was_lost, is_misfit) = (error.was_ended_by_signal(), goes_on && error.is_misfit());
        let has_failed = matches!(error, EncodeError::Failed { .. } | EncodeError::StoodStill { .. });
        let failure = error.into_failure(source_name).at(Stage::Encode);
        match (was_lost, is_misfit, has_failed) {
            (true, _, _) => Self::EncoderLost(failure),
            (_, true, _) => Self::CannotGoOn(failure),
            (_, _, true) => Self::EncoderFailed(failure),
            _ => Self::Failed(failure),
        }
    }
}

/// By what a stream is made, and from where.
struct Course<'a> {
    plan: &'a EncodePlan,
    /// What is made in place of a plan whose hardware fails.
    software: Option<&'a EncodePlan>,
    /// What is finished of it.
    finished: Option<FinishedSegments>,
    lost_encoders: u32,
    /// The last encoder that was lost had finished nothing: one may be a chance hit, a second in a row is not.
    lost_without_gain: bool,
}

impl<'a> Making<'a> {
    /// Encodes and packages a plan after what is finished of it already. What stops an encoder stops only the segment
    /// that it was at: the next one goes on, in software where hardware has failed.
    pub(super) fn make(
        &self,
        (plan, software): (&'a EncodePlan, Option<&'a EncodePlan>),
        unfinished: &mut Unfinished,
        finished: Option<FinishedSegments>,
    ) -> Attempt<'a> {
        let mut course = Course { plan, software, finished, lost_encoders: 0, lost_without_gain: false };
        loop {
            let plan = course.plan;
            let reporter = Reporter::new(self.listeners.0, plan, self.listeners.1, self.listeners.2);
            let made = match self.encode_and_package(&course, unfinished, &reporter) {
                Ok(made) => Ok(made),
                Err(Stop::Failed(failure)) => Err(failure),
                Err(_) if self.request.cancel.is_cancelled() => Err(PackageError::Cancelled.into_failure()),
                // Without its folder for passing files ffmpeg fails too; that is not its fault.
                Err(_) if !unfinished.work_folder().is_dir() => {
                    Err(taken_away(self.folder.path(), "the folder for passing files"))
                }
                Err(stop) => match course.after(stop, unfinished, self.request) {
                    Ok(told) => {
                        self.tell(&told, &course);
                        continue;
                    }
                    Err(failure) => Err(failure),
                },
            };
            return Attempt { plan, reporter, made };
        }
    }

    fn tell(&self, what: &str, course: &Course<'_>) {
        let from = match &course.finished {
            Some(finished) => format!("goes on at {}", clock(course.plan.start_of_segment(finished.first_segment))),
            None => "begins again".to_owned(),
        };
        self.listeners.0.notice(Notice::Logged(format!("{what}: the encode {from}")));
    }

    fn encode_and_package(
        &self,
        course: &Course<'_>,
        unfinished: &mut Unfinished,
        reporter: &Reporter<'_>,
    ) -> Result<(FinishedStream, Vec<String>), Stop> {
        let (request, plan) = (self.request, course.plan);
        let failed = |error: PackageError| Stop::Failed(error.into_failure().at(Stage::Package));
        // What is clear does not even pass through the folder of an encrypted stream.
        let outside = plan.is_encrypted.then(|| WorkFolder::create(&request.work_folder)).transpose();
        let outside = outside.map_err(|failure| Stop::Failed(failure.at(Stage::Package)))?;
        let work_folder = outside.as_ref().map_or_else(|| unfinished.work_folder(), |folder| folder.path().to_owned());
        let job = (&request.spec, request.id);
        let encryptor = Encryptor::begin(job, self.folder.path(), &plan.timing, reporter)
            .map_err(|error| Stop::Failed(error.into_failure().at(Stage::Package)))?;
        let encryptor = encryptor.as_ref();
        let packager = Packager::new(plan, self.folder.path(), reporter, request.cancel.clone());
        let mut packager = packager.encrypted_by(encryptor);
        reporter.package_through(packager.progress());
        if let Some(finished) = &course.finished {
            packager.go_on_with(finished, unfinished.is_encoded()).map_err(failed)?;
        }
        let damage = if unfinished.is_encoded() && course.finished.is_some() {
            None
        } else {
            let damage = self.encode(course, (unfinished, &work_folder), &mut packager, reporter)?;
            unfinished.was_encoded().map_err(Stop::Failed)?;
            weigh_damage(&damage, &request.spec).map_err(Stop::Failed)?
        };
        reporter.finished(Stage::Encode);
        let (stream, warnings) = self.package((plan, encryptor), packager, &work_folder, reporter).map_err(failed)?;
        Ok((stream, damage.into_iter().chain(warnings).collect()))
    }

    fn encode(
        &self,
        course: &Course<'_>,
        (unfinished, work_folder): (&mut Unfinished, &Path),
        packager: &mut Packager<'_>,
        reporter: &Reporter<'_>,
    ) -> Result<Damage, Stop> {
        let (request, plan) = (self.request, course.plan);
        let name = request.spec.source_name();
        let session = EncodeSession { cancel: &request.cancel, pause: &request.pause, listener: reporter };
        let goes_on = course.finished.is_some();
        let stop = |error: EncodeError| Stop::of(error, &name, goes_on);
        if plan.has_first_pass() && !unfinished.has_first_pass() {
            encode::first_pass(plan, &request.toolbox, work_folder, &session).map_err(stop)?;
            // What lies outside of the stream's folder is gone after a crash, and is made again.
            if !plan.is_encrypted {
                unfinished.had_first_pass().map_err(Stop::Failed)?;
            }
        }
        let rest = plan.from_segment(course.first_segment());
        encode::take_missed(plan, rest.first_frame(), &request.toolbox, work_folder, &request.cancel)
            .map_err(|_| Stop::Failed(PackageError::Cancelled.into_failure()))?;
        let encoded = encode::encode(&rest, &request.toolbox, work_folder, packager, &session).map_err(stop)?;
        Ok(encoded.damage)
    }

    fn package<'p>(
        &self,
        (plan, encryptor): (&'p EncodePlan, Option<&'p Encryptor<'_>>),
        mut packager: Packager<'p>,
        work_folder: &Path,
        reporter: &'p Reporter<'_>,
    ) -> Result<(FinishedStream, Vec<String>), PackageError> {
        let (request, folder) = (self.request, self.folder.path());
        let images = ImageMaker {
            work_folder,
            stream_folder: folder,
            files: &plan.files,
            style: request.spec.outputs.thumbnails,
            toolbox: &request.toolbox,
            cancel: &request.cancel,
            listener: reporter,
        };
        images.write(&plan.pictures)?;
        let ReadSubtitles { read: subtitles, warnings } =
            read_subtitles(plan, &request.toolbox, work_folder, &request.cancel)
                .map_err(|_| PackageError::Cancelled)?;
        for (rendition, cues) in &subtitles {
            packager.add_subtitles(rendition, cues)?;
        }
        packager.add_chapters()?;
        let stream = packager.finish()?;
        let maker = OutputMaker {
            plan,
            stream: &stream,
            subtitles: &subtitles,
            folder,
            work_folder,
            toolbox: &request.toolbox,
            encryptor,
            cancel: &request.cancel,
            listener: reporter,
        };
        let left_out = maker.make(&request.spec.outputs)?;
        if request.spec.outputs.report {
            let name = request.spec.source_name();
            let job = ReportedJob { source: &name, preset: &request.spec.preset.id };
            maker.write_report(job, &reporter.finished_files())?;
        }
        Ok((stream, warnings.into_iter().chain(left_out).collect()))
    }
}

impl Course<'_> {
    fn first_segment(&self) -> u64 {
        self.finished.as_ref().map_or(0, |finished| finished.first_segment)
    }

    /// What is to be made after an encoder has stopped, and what the user is told of it.
    ///
    /// # Errors
    /// When nothing is left to try.
    fn after(&mut self, stop: Stop, unfinished: &mut Unfinished, request: &JobRequest) -> Result<String, Failure> {
        let failure = match stop {
            Stop::CannotGoOn(failure) => {
                self.finished = None;
                unfinished.start_over()?;
                return Ok(failure.headline);
            }
            Stop::EncoderLost(failure) if self.lost_encoders < MOST_LOST_ENCODERS => {
                let reached = self.first_segment();
                let finished = unfinished.finished_segments(self.plan, request);
                let has_advanced = finished.as_ref().is_some_and(|finished| finished.first_segment > reached);
                if has_advanced || !self.lost_without_gain {
                    self.lost_without_gain = !has_advanced;
                    self.lost_encoders += 1;
                    if finished.is_none() {
                        unfinished.start_over()?;
                    }
                    self.finished = finished;
                    return Ok(failure.headline);
                }
                failure
            }
            Stop::EncoderLost(failure) | Stop::EncoderFailed(failure) | Stop::Failed(failure) => failure,
        };
        match self.software.take() {
            Some(software) if failure.kind == FailureKind::EncoderFailed => {
                self.plan = software;
                self.finished = unfinished.finished_segments(software, request);
                unfinished.is_made_by(software)?;
                Ok(format!("{}, so software takes over", failure.headline))
            }
            _ => Err(failure),
        }
    }
}

/// A warning that says how much of a damaged source is lost, or the failure of the job where its preset wants that.
pub(super) fn weigh_damage(damage: &Damage, spec: &JobSpec) -> Result<Option<String>, Failure> {
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
