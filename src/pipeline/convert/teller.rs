//! Tells how far a conversion is.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ffmpeg_sidecar::event::FfmpegProgress;

use crate::{
    job::{Progress, Stage, StageState},
    pipeline::{Notice, Observer, encode::EncodeListener, pace::Pace, progress::HIGHEST_FRACTION},
    tools::pause::PauseSwitch,
};

/// Part of the whole that decoding the result takes.
const CHECK_SHARE: f64 = 0.1;

/// Puts the runs of ffmpeg together into one measurement.
pub(super) struct Teller<'a> {
    observer: &'a dyn Observer,
    duration: Option<Duration>,
    /// Frames a second of the picture, if there is one.
    frame_rate: Option<f64>,
    has_first_pass: bool,
    encodes_picture: bool,
    is_copying: bool,
    /// Holds ffmpeg.
    pause: PauseSwitch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    run: Run,
    /// What was told is never taken back, also when a run is made again.
    highest: f64,
    /// Part of the run that is done.
    part_of_run: f64,
    /// Milliseconds that this run makes in a second of work.
    pace: Pace,
    /// Why ffmpeg is not run at this moment.
    shortage: Option<String>,
}

/// What ffmpeg is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Run {
    /// The run before.
    #[default]
    FirstPass,
    /// The run that writes the file.
    Main,
    /// Decoding the result.
    Check,
}

impl<'a> Teller<'a> {
    pub(super) fn new(observer: &'a dyn Observer, plan: &super::plan::ConvertPlan, pause: &PauseSwitch) -> Self {
        Self {
            observer,
            pause: pause.clone(),
            duration: plan.duration,
            frame_rate: plan.frame_rate().map(crate::media::FrameRate::per_second),
            has_first_pass: plan.has_first_pass(),
            encodes_picture: plan.encoded_picture().is_some(),
            is_copying: plan.encode.is_none(),
            state: Mutex::default(),
        }
    }

    /// Another run begins.
    pub(super) fn begin(&self, run: Run) {
        let mut state = self.state();
        (state.run, state.pace) = (run, Pace::default());
        drop(state);
        self.tell(Duration::ZERO, None, 0);
    }

    /// There is no room on the disk for this reason, or there is again.
    pub(super) fn short_of_room(&self, shortage: Option<String>) {
        self.state().shortage = shortage;
        self.tell(Duration::ZERO, None, 0);
    }

    /// Part of the run that ffmpeg has told to be done, from 0 to 1.
    pub(super) fn part_of_run(&self) -> f64 {
        self.state().part_of_run
    }

    /// ffmpeg tells how far it is.
    pub(super) fn progressed(&self, told: &FfmpegProgress) {
        let by_frames = self.frame_rate.map(|rate| f64::from(told.frame) / rate).unwrap_or(0.0);
        let seconds = time_in(&told.time).unwrap_or(0.0).max(by_frames);
        let done = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.tell(done, Some(told), u64::from(told.size_kb) * 1000);
    }

    fn tell(&self, done: Duration, told: Option<&FfmpegProgress>, bytes: u64) {
        let mut state = self.state();
        let run = state.run;
        let part = self.duration.filter(|duration| !duration.is_zero());
        let part = part.map_or(0.0, |duration| (done.as_secs_f64() / duration.as_secs_f64()).min(1.0));
        let passes = if self.has_first_pass { 2.0 } else { 1.0 };
        let made = match run {
            Run::FirstPass => part / passes,
            Run::Main if self.has_first_pass => (1.0 + part) / passes,
            Run::Main => part,
            Run::Check => 1.0,
        };
        let checked = if run == Run::Check { part } else { 0.0 };
        let fraction = made * (1.0 - CHECK_SHARE) + checked * CHECK_SHARE;
        state.highest = state.highest.max(fraction);
        let fraction = state.highest.min(HIGHEST_FRACTION);
        let disk_shortage = state.shortage.clone();
        if told.is_some() {
            state.part_of_run = part;
            state.pace.told(u64::try_from(done.as_millis()).unwrap_or(u64::MAX), Instant::now(), self.pause.held());
        }
        // ffmpeg's own speed counts pauses.
        let speed = told.and_then(|_| state.pace.per_second()).map(|rate| rate / 1000.0).filter(|speed| *speed > 0.0);
        drop(state);
        let left = self.duration.map(|duration| {
            let passes_left = if run == Run::FirstPass { 2 } else { 1 };
            (duration * passes_left).saturating_sub(done).as_secs_f64()
        });
        let time_left = left.zip(speed).and_then(|(left, speed)| Duration::try_from_secs_f64(left / speed).ok());
        let is_checked = run == Run::Check;
        let encode = if is_checked { StageState::Finished } else { StageState::AtWork };
        let package = if is_checked { StageState::AtWork } else { StageState::ToCome };
        self.observer.notice(Notice::Progressed(Box::new(Progress {
            stage: if is_checked { Stage::Package } else { Stage::Encode },
            stages: [StageState::Finished, encode, package, StageState::ToCome],
            fraction,
            encoded: done,
            source_duration: self.duration,
            is_copying: self.is_copying,
            rendition_count: usize::from(self.encodes_picture),
            frames_per_second: speed.zip(self.frame_rate).map(|(speed, rate)| speed * rate).filter(|_| !is_checked),
            speed: speed.filter(|_| !is_checked),
            time_left: time_left.filter(|_| !is_checked),
            bytes_written: bytes,
            disk_shortage,
            ..Progress::default()
        })));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EncodeListener for Teller<'_> {
    fn progressed(&self, _frames_per_second: f64) {}

    fn first_pass_progressed(&self, _frames: u64, _frames_per_second: f64) {}

    fn logged(&self, line: String) {
        self.observer.notice(Notice::Logged(line));
    }
}

/// Seconds in `00:03:29.04`.
fn time_in(text: &str) -> Option<f64> {
    text.split(':').try_fold(0.0, |seconds, part| Some(seconds * 60.0 + part.trim().parse::<f64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_ffmpeg_are_read() {
        assert_eq!(time_in("00:01:02.50"), Some(62.5));
        assert_eq!(time_in("N/A"), None);
    }
}
