//! One measurement of a job out of what encoder, packager and publisher say.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use super::{
    Notice, Observer,
    dropped::DroppedSegments,
    encode::EncodeListener,
    package::{FileListener, PackageProgress, Room},
    plan::EncodePlan,
    publish::{FileContent, FinishedFile},
    uploads::Uploads,
};
use crate::job::{FileReport, Progress, Stage, StageState};

/// Part of a job's percentage that the encode makes up when the stream is uploaded too.
const ENCODE_SHARE_WITH_UPLOAD: f64 = 0.9;
/// What is shown before the job has ended is less than all.
pub(super) const HIGHEST_FRACTION: f64 = 0.999;

/// Puts together what the stages say and tells the observer. Shared by the threads of one job.
pub(super) struct Reporter<'a> {
    observer: &'a dyn Observer,
    plan: &'a EncodePlan,
    uploads: Option<&'a Uploads>,
    room: &'a Room,
    package: Mutex<Arc<Mutex<PackageProgress>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    frames_per_second: Option<f64>,
    /// Length that the first of two passes has seen.
    first_pass: Duration,
    finished_stages: Vec<Stage>,
    files: Vec<FileReport>,
    /// What was last said about uploads that do not go on.
    told_of_uploads: Option<String>,
    is_short_of_room: bool,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(
        observer: &'a dyn Observer,
        plan: &'a EncodePlan,
        room: &'a Room,
        uploads: Option<&'a Uploads>,
    ) -> Self {
        let state = Mutex::new(State { finished_stages: vec![Stage::Probe], ..State::default() });
        Self { observer, plan, uploads, room, package: Mutex::default(), state }
    }

    /// Reads from now on how far the packaging is.
    pub(super) fn package_through(&self, progress: Arc<Mutex<PackageProgress>>) {
        *self.package.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// A stage is done.
    pub(super) fn finished(&self, stage: Stage) {
        self.state().finished_stages.push(stage);
        self.tell();
    }

    /// All files that were finished, each once, in the order of their first version.
    pub(super) fn finished_files(&self) -> Vec<FileReport> {
        self.state().files.clone()
    }

    /// Seconds of the source that are encoded in a second of work, both passes together; `None` while nobody knows.
    pub(super) fn speed(&self) -> Option<f64> {
        let rate = self.state().frames_per_second.filter(|rate| *rate > 0.0)?;
        let passes = if self.plan.has_first_pass() { 2.0 } else { 1.0 };
        Some(rate / self.plan.timing.frame_rate.per_second() / passes)
    }

    /// Tells the observer how far the job is.
    pub(super) fn tell(&self) {
        let progress = self.measure();
        self.warn_of_lost_uploads();
        self.warn_of_shortage(progress.disk_shortage.as_ref());
        self.observer.notice(Notice::Progressed(Box::new(progress)));
    }

    /// Uploads that have ended early fail the job, but only after the encode, whose result is kept: said at once in the
    /// log, as that may be hours away. So is a lost network, for which the uploads wait.
    fn warn_of_lost_uploads(&self) {
        let Some(uploads) = self.uploads else { return };
        let status = uploads.status();
        let line = match (&status.failure, &status.interruption) {
            (Some(failure), _) if uploads.are_several() => {
                Some(format!("One of the places does not get the stream: {}", failure.headline))
            }
            (Some(failure), _) => Some(format!("Publishing has ended: {}", failure.headline)),
            (None, Some(reason)) => Some(format!("Publishing waits and goes on by itself: {}", reason.headline)),
            (None, None) => None,
        };
        let told = std::mem::replace(&mut self.state().told_of_uploads, line.clone());
        if line != told {
            self.observer.notice(Notice::Logged(line.unwrap_or_else(|| "Publishing goes on".to_owned())));
        }
    }

    fn warn_of_shortage(&self, shortage: Option<&String>) {
        let was_short = std::mem::replace(&mut self.state().is_short_of_room, shortage.is_some());
        if let Some(shortage) = shortage.filter(|_| !was_short) {
            self.observer.notice(Notice::Logged(shortage.clone()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self) -> Progress {
        let package = Arc::clone(&self.package.lock().unwrap_or_else(PoisonError::into_inner));
        let package = package.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let published = self.uploads.map(Uploads::status);
        let state = self.state();
        let stages = self.stage_states(
            &state,
            package.bytes > 0,
            published.as_ref().is_some_and(|status| status.finished_files > 0),
        );
        let frame_rate = self.plan.timing.frame_rate;
        let is_encoded = state.finished_stages.contains(&Stage::Encode);
        let encoded = package.encoded;
        let frames_per_second = state.frames_per_second.filter(|rate| *rate > 0.0);
        let speed = frames_per_second.map(|rate| rate / frame_rate.per_second());
        let time_left = if is_encoded {
            let rate = published.as_ref().and_then(|status| status.bytes_per_second);
            published.as_ref().zip(rate).and_then(|(status, rate)| time_for(status.queued_bytes as f64, rate))
        } else {
            let passes = if self.plan.has_first_pass() { 2 } else { 1 };
            let seen = encoded + state.first_pass;
            let left = self.plan.duration.map(|duration| (duration * passes).saturating_sub(seen).as_secs_f64());
            left.zip(speed).and_then(|(seconds, speed)| time_for(seconds, speed))
        };
        Progress {
            stage: if is_encoded { self.last_stage(&stages) } else { Stage::Encode },
            stages,
            fraction: self.fraction(
                (encoded, state.first_pass),
                is_encoded,
                published.as_ref().map(|status| (status.published_files, status.finished_files)),
            ),
            encoded,
            source_duration: self.plan.duration,
            is_copying: false,
            rendition_count: self.plan.renditions.len(),
            frames_per_second: frames_per_second.filter(|_| !is_encoded),
            speed: speed.filter(|_| !is_encoded),
            time_left,
            bytes_written: package.bytes,
            playable: package.playable,
            published_files: published.as_ref().map_or(0, |status| status.published_files),
            finished_files: state.files.len() as u64,
            upload_interruption: published
                .as_ref()
                .and_then(|status| Some(status.interruption.as_ref()?.headline.clone())),
            disk_shortage: self.room.shortage(),
            upload_bytes_per_second: published.and_then(|status| status.bytes_per_second),
            renditions: package.renditions,
            uploads: self.uploads.map(Uploads::progress).unwrap_or_default(),
        }
    }

    fn last_stage(&self, stages: &[StageState; 4]) -> Stage {
        if stages[2] == StageState::Finished && self.uploads.is_some() { Stage::Publish } else { Stage::Package }
    }

    fn stage_states(&self, state: &State, packages: bool, publishes: bool) -> [StageState; 4] {
        Stage::ALL.map(|stage| {
            let has_begun = match stage {
                Stage::Probe | Stage::Encode => true,
                Stage::Package => packages,
                Stage::Publish => publishes,
            };
            match (state.finished_stages.contains(&stage), has_begun) {
                (true, _) => StageState::Finished,
                (false, true) => StageState::AtWork,
                (false, false) => StageState::ToCome,
            }
        })
    }

    fn fraction(
        &self,
        (encoded, first_pass): (Duration, Duration),
        is_encoded: bool,
        files: Option<(u64, u64)>,
    ) -> f64 {
        let encode_fraction = match self.plan.duration {
            _ if is_encoded => 1.0,
            Some(duration) if !duration.is_zero() => {
                let part = |seen: Duration| (seen.as_secs_f64() / duration.as_secs_f64()).min(1.0);
                if self.plan.has_first_pass() { (part(first_pass) + part(encoded)) / 2.0 } else { part(encoded) }
            }
            _ => 0.0,
        };
        let fraction = match files {
            None => encode_fraction,
            Some((published, finished)) => {
                let upload_fraction = if finished == 0 { 0.0 } else { published as f64 / finished as f64 };
                encode_fraction * (ENCODE_SHARE_WITH_UPLOAD + (1.0 - ENCODE_SHARE_WITH_UPLOAD) * upload_fraction)
            }
        };
        fraction.min(HIGHEST_FRACTION)
    }
}

/// The time that an amount takes at a rate; `None` when nothing moves.
fn time_for(amount: f64, rate: f64) -> Option<Duration> {
    (rate > 0.0).then(|| Duration::try_from_secs_f64(amount / rate).ok()).flatten()
}

impl EncodeListener for Reporter<'_> {
    fn progressed(&self, frames_per_second: f64) {
        self.state().frames_per_second = Some(frames_per_second);
        self.tell();
    }

    fn first_pass_progressed(&self, frames: u64, frames_per_second: f64) {
        let mut state = self.state();
        state.first_pass = self.plan.timing.frame_rate.duration_of(frames);
        state.frames_per_second = Some(frames_per_second);
        drop(state);
        self.tell();
    }

    fn logged(&self, line: String) {
        self.observer.notice(Notice::Logged(line));
    }
}

impl FileListener for Reporter<'_> {
    fn room(&self) -> &Room {
        self.room
    }

    fn room_changed(&self) {
        self.tell();
    }

    fn dropped_segments(&self) -> Option<&DroppedSegments> {
        self.uploads.and_then(Uploads::dropped).map(|dropped| &**dropped)
    }

    fn file_finished(&self, file: FileReport, text: Option<Bytes>) {
        if let Some(uploads) = self.uploads {
            let content = text.map_or(FileContent::OnDisk, FileContent::Text);
            uploads.file_finished(&FinishedFile { path: file.path.clone(), content });
        }
        let mut state = self.state();
        match state.files.iter_mut().rev().find(|known| known.path == file.path) {
            Some(known) => known.bytes = file.bytes,
            None => {
                state.files.push(file.clone());
                drop(state);
                self.observer.notice(Notice::FilesFinished(vec![file]));
            }
        }
    }
}
