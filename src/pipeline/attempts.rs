//! Encoding and packaging a plan, going on after an encoder that was lost, and in software after hardware that failed.

use std::path::Path;

use super::{
    JobRequest, Notice, Observer,
    encode::{
        self, Damage, EncodeError, EncodeSession, FormatChange,
        following::{Following, remove_even_sound},
        subtitles::{ReadSubtitles, read_subtitles},
    },
    encryption::Encryptor,
    measure,
    package::{
        FileListener, FinishedSegments, FinishedStream, OutputMaker, PackageError, Packager, ReportedJob, Room,
        images::ImageMaker, write_failure,
    },
    plan::{EncodePlan, PicturePlan},
    progress::Reporter,
    source_damage::weigh_damage,
    stream_folder::StreamFolder,
    unfinished::{Notes, Unfinished},
    uploads::Uploads,
    verify::taken_away,
    work_folder::WorkFolder,
};
use crate::{
    failure::{Failure, FailureKind},
    format::clock,
    job::Stage,
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
    /// There was no room for what the encoder writes itself.
    DiskFull(Failure),
    /// The encoder has failed.
    EncoderFailed(Failure),
    /// What was finished before can't be gone on with from its end.
    CannotGoOn(Failure),
    /// What was finished before can't be gone on with at all: it has another init segment.
    OtherInitSegment(Failure),
    /// The source changes its format, and that was not followed.
    FormatChanged(Box<FormatChange>, Failure),
    /// All else.
    Failed(Failure),
}

impl Stop {
    fn of(error: EncodeError, (source_name, folder): (&str, &Path), goes_on: bool) -> Self {
        let (was_lost, is_misfit) = (error.was_ended_by_signal(), goes_on && error.is_misfit());
        let is_other_init = goes_on && error.is_of_another_init_segment();
        let has_failed = matches!(error, EncodeError::Failed { .. } | EncodeError::StoodStill { .. });
        if error.met_full_disk() {
            let full = write_failure(folder, &std::io::ErrorKind::StorageFull.into());
            let detail = error.into_failure(source_name).detail;
            return Self::DiskFull(full.with_detail(detail).at(Stage::Encode));
        }
        let change = if let EncodeError::FormatChanges(change) = &error { Some(Box::new(*change)) } else { None };
        let failure = error.into_failure(source_name).at(Stage::Encode);
        if let Some(change) = change {
            return Self::FormatChanged(change, failure);
        }
        match failure {
            failure if was_lost => Self::EncoderLost(failure),
            failure if is_other_init => Self::OtherInitSegment(failure),
            failure if is_misfit => Self::CannotGoOn(failure),
            failure if has_failed => Self::EncoderFailed(failure),
            failure => Self::Failed(failure),
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
    /// Where the source changes its format.
    following: Following,
    lost_encoders: u32,
    /// What could not be gone on with was tried with one segment less.
    has_stepped_back: bool,
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
        let following = unfinished.format_changes();
        let mut course = Course {
            plan,
            software,
            finished,
            following,
            lost_encoders: 0,
            has_stepped_back: false,
            lost_without_gain: false,
        };
        loop {
            let plan = course.plan;
            let reporter = Reporter::new(self.listeners.0, plan, self.listeners.1, self.listeners.2);
            let made = match self.encode_and_package(&mut course, unfinished, &reporter) {
                Ok(made) => Ok(made),
                Err(Stop::Failed(failure)) => Err(failure),
                Err(_) if self.request.cancel.is_cancelled() => Err(PackageError::Cancelled.into_failure()),
                // Without its folder for passing files ffmpeg fails too; that is not its fault.
                Err(_) if !unfinished.work_folder().is_dir() => {
                    Err(taken_away(self.folder.path(), "the folder for passing files"))
                }
                Err(stop) => {
                    let changed = || reporter.room_changed();
                    let notes = self.notes(&changed);
                    match self
                        .with_room(stop, &reporter)
                        .and_then(|stop| course.after(stop, (unfinished, notes), self.request))
                    {
                        Ok(told) => {
                            self.tell(&told, &course);
                            continue;
                        }
                        Err(failure) => Err(failure),
                    }
                }
            };
            return Attempt { plan, reporter, made };
        }
    }

    /// Waits, where there was no room for an encoder, until there is; what is left then is to go on without it.
    fn with_room(&self, stop: Stop, reporter: &Reporter<'_>) -> Result<Stop, Failure> {
        let Stop::DiskFull(failure) = stop else { return Ok(stop) };
        let changed = || reporter.room_changed();
        let room = self.listeners.1.wait_for_rest(&self.request.cancel, &changed);
        room.map_err(PackageError::into_failure)?;
        Ok(Stop::EncoderLost(failure))
    }

    fn notes<'n>(&'n self, changed: &'n dyn Fn()) -> Notes<'n> {
        Notes { room: self.listeners.1, cancel: &self.request.cancel, changed }
    }

    fn tell(&self, what: &str, course: &Course<'_>) {
        let from = match &course.finished {
            Some(finished) => format!("goes on at {}", clock(course.plan.reached_with(finished.first_segment))),
            None => "begins again".to_owned(),
        };
        self.listeners.0.notice(Notice::Logged(format!("{what}: the encode {from}")));
    }

    fn encode_and_package(
        &self,
        course: &mut Course<'_>,
        unfinished: &mut Unfinished,
        reporter: &Reporter<'_>,
    ) -> Result<(FinishedStream, Vec<String>), Stop> {
        let (request, plan) = (self.request, course.plan);
        let failed = |error: PackageError| Stop::Failed(error.into_failure().at(Stage::Package));
        unfinished.is_packaged_again(self.notes(&|| reporter.room_changed())).map_err(Stop::Failed)?;
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
        let damage = if let Some(finished) = course.finished.as_ref().filter(|_| unfinished.is_encoded()) {
            self.take_lost_pictures(course, finished.frames(plan), &work_folder, reporter)?;
            None
        } else {
            let damage = self.encode(course, (unfinished, &work_folder), &mut packager, reporter)?;
            let changed = || reporter.room_changed();
            unfinished.was_encoded(self.notes(&changed)).map_err(Stop::Failed)?;
            weigh_damage(&damage, request).map_err(Stop::Failed)?
        };
        reporter.finished(Stage::Encode);
        let (stream, warnings) = self.package((plan, encryptor), packager, &work_folder, reporter).map_err(failed)?;
        let changes = course.following.warnings(request.spec.operations.trim);
        Ok((stream, changes.into_iter().chain(damage).chain(warnings).collect()))
    }

    /// Takes the pictures of a stream that is encoded, as far as those that were set aside are gone: the folder outside of
    /// an encrypted stream goes with its program.
    fn take_lost_pictures(
        &self,
        course: &Course<'_>,
        frames: u64,
        work_folder: &Path,
        reporter: &Reporter<'_>,
    ) -> Result<(), Stop> {
        let (request, plan) = (self.request, course.plan);
        let session = EncodeSession { cancel: &request.cancel, pause: &request.pause, listener: reporter };
        // Of the sound only a waveform is made.
        let audio = if plan.video_stream.is_some() { Vec::new() } else { plan.audio.clone() };
        let plan = EncodePlan { audio, ..plan.clone() };
        let stop = |error| Stop::of(error, (&request.spec.source_name(), work_folder), true);
        let (plan, _) = course.following.apply(&plan, (&request.toolbox, work_folder), &session).map_err(stop)?;
        let taken = encode::take_missed(&plan, frames, &request.toolbox, work_folder, &request.cancel);
        remove_even_sound(&plan);
        taken.map_err(|_| Stop::Failed(PackageError::Cancelled.into_failure()))
    }

    fn encode(
        &self,
        course: &mut Course<'_>,
        (unfinished, work_folder): (&mut Unfinished, &Path),
        packager: &mut Packager<'_>,
        reporter: &Reporter<'_>,
    ) -> Result<Damage, Stop> {
        let (request, plan) = (self.request, course.plan);
        let name = request.spec.source_name();
        let session = EncodeSession { cancel: &request.cancel, pause: &request.pause, listener: reporter };
        let goes_on = course.finished.is_some();
        let stop = |error: EncodeError| Stop::of(error, (&name, work_folder), goes_on);
        let places = (&request.toolbox, work_folder);
        if let Some(bytes) = course.following.passing_bytes(plan) {
            let changed = || reporter.room_changed();
            let room = self.listeners.1.wait_for_beside(bytes, &request.cancel, &changed);
            room.map_err(|error| Stop::Failed(error.into_failure().at(Stage::Encode)))?;
        }
        let (followed, of_sound) = course.following.apply(plan, places, &session).map_err(stop)?;
        let plan = &self.with_loudness(followed).map_err(Stop::Failed)?;
        if plan.has_first_pass() && !unfinished.has_first_pass() {
            encode::first_pass(plan, &request.toolbox, work_folder, &session).map_err(stop)?;
            // What lies outside of the stream's folder is gone after a crash, and is made again.
            if !plan.is_encrypted {
                let changed = || reporter.room_changed();
                unfinished.had_first_pass(self.notes(&changed)).map_err(Stop::Failed)?;
            }
        }
        let rest = plan.from_segment(course.first_segment());
        encode::take_missed(plan, rest.first_frame(), &request.toolbox, work_folder, &request.cancel)
            .map_err(|_| Stop::Failed(PackageError::Cancelled.into_failure()))?;
        let told = encode::encode(&rest, &request.toolbox, work_folder, packager, &session).map_err(stop)?;
        remove_even_sound(plan);
        let told = told.after(of_sound);
        if !course.following.is_empty() {
            course.following.learn(&told, Some(plan));
            let changed = || reporter.room_changed();
            let notes = self.notes(&changed);
            unfinished.has_format_changes(&course.following, notes).map_err(Stop::Failed)?;
        }
        Ok(told.damage)
    }

    /// The loudness that was measured before counts nothing where the sound changes its format.
    fn with_loudness(&self, mut plan: EncodePlan) -> Result<EncodePlan, Failure> {
        if plan.format.even_sound.is_some() {
            measure::loudness(&mut plan, &self.request.toolbox, &self.request.cancel)?;
        }
        Ok(plan)
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
        let missing = images.write(&plan.pictures)?;
        let missing = PicturePlan::told_missing(&missing, (plan.duration, plan.timing.frame_rate));
        let ReadSubtitles { read: subtitles, warnings } =
            read_subtitles(plan, &request.toolbox, work_folder, &request.cancel)
                .map_err(|_| PackageError::Cancelled)?;
        for (rendition, captions) in &subtitles {
            packager.add_subtitles(rendition, captions)?;
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
        Ok((stream, missing.into_iter().chain(warnings).chain(left_out).collect()))
    }
}

impl Course<'_> {
    fn first_segment(&self) -> u64 {
        self.finished.as_ref().map_or(0, |finished| finished.first_segment)
    }

    /// What is finished with one segment less, once, where nothing was written since: of a source whose length nobody knows
    /// all may be encoded, and an encoder without pictures fails.
    fn one_segment_earlier(&mut self, unfinished: &Unfinished, request: &JobRequest) -> Option<FinishedSegments> {
        if std::mem::replace(&mut self.has_stepped_back, true) {
            return None;
        }
        let finished = unfinished.finished_segments(self.plan, request)?;
        finished.one_earlier().filter(|less| less.first_segment + 1 == self.first_segment())
    }

    /// What is to be made after an encoder has stopped, and what the user is told of it.
    ///
    /// # Errors
    /// When nothing is left to try.
    fn after(
        &mut self,
        stop: Stop,
        (unfinished, notes): (&mut Unfinished, Notes<'_>),
        request: &JobRequest,
    ) -> Result<String, Failure> {
        let failure = match stop {
            Stop::CannotGoOn(failure) => {
                self.finished = self.one_segment_earlier(unfinished, request);
                if self.finished.is_none() {
                    unfinished.start_over(notes)?;
                }
                return Ok(failure.headline);
            }
            Stop::OtherInitSegment(failure) => {
                self.finished = None;
                unfinished.start_over(notes)?;
                return Ok(failure.headline);
            }
            Stop::FormatChanged(change, failure) => {
                let Some(following) = self.following.with(*change, self.plan) else { return Err(failure) };
                self.finished = None;
                unfinished.start_over(notes)?;
                unfinished.has_format_changes(&following, notes)?;
                self.following = following;
                return Ok(change.headline(&request.spec.source_name()));
            }
            Stop::EncoderLost(failure) if self.lost_encoders < MOST_LOST_ENCODERS => {
                let reached = self.first_segment();
                let finished = unfinished.finished_segments(self.plan, request);
                let has_advanced = finished.as_ref().is_some_and(|finished| finished.first_segment > reached);
                if has_advanced || !self.lost_without_gain {
                    self.lost_without_gain = !has_advanced;
                    self.lost_encoders += 1;
                    if finished.is_none() {
                        unfinished.start_over(notes)?;
                    }
                    self.finished = finished;
                    return Ok(failure.headline);
                }
                failure
            }
            Stop::EncoderLost(failure)
            | Stop::DiskFull(failure)
            | Stop::EncoderFailed(failure)
            | Stop::Failed(failure) => failure,
        };
        match self.software.take() {
            Some(software) if failure.kind == FailureKind::EncoderFailed => {
                self.plan = software;
                self.finished = unfinished.finished_segments(software, request);
                unfinished.is_made_by(software, notes)?;
                Ok(format!("{}, so software takes over", failure.headline))
            }
            _ => Err(failure),
        }
    }
}
