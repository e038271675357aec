//! Drives the one ffmpeg process of a plan and feeds what it writes to the segmenter.

pub mod argv;
mod damage;
mod error;
pub(super) mod following;
pub(super) mod format_change;
pub(super) mod inputs;
pub(super) mod joining;
pub mod operation_filters;
pub mod subtitles;
pub mod trial;

pub(super) mod cascade;
mod missed_pictures;
mod parameter_ranges;
mod parameters;
pub(super) mod picture_headers;
mod process;
pub(super) mod span;
pub(super) mod video_encoder;

use std::{
    cell::RefCell, ffi::OsString, io::BufReader, path::Path, process::ExitStatus, thread::ScopedJoinHandle,
    time::Instant,
};

pub use damage::Damage;
pub use error::EncodeError;
use ffmpeg_sidecar::event::FfmpegProgress;
pub(super) use format_change::FormatChange;
use format_change::{FormatWatch, Opening};
pub use missed_pictures::take_missed;
use process::{Ended, Process};
pub(super) use video_encoder::PASS_LOG;

use super::{
    pace::Pace,
    package::{
        Packager,
        segmenter::{self, SegmenterError},
    },
    plan::EncodePlan,
};
use crate::tools::{cancel::CancelToken, child, ffmpeg::Toolbox, pause::PauseSwitch};

const PIPE_BUFFER_BYTES: usize = 1 << 18;

/// Who is told what ffmpeg says. Called on the job's thread; must not wait, as ffmpeg waits meanwhile.
pub trait EncodeListener {
    /// A newer report of ffmpeg: frames in a second of work, averaged since the start; zero while nobody knows.
    fn progressed(&self, frames_per_second: f64);
    /// A newer report of the first of two passes: frames seen, and frames in a second of work.
    fn first_pass_progressed(&self, frames: u64, frames_per_second: f64);
    /// The command line, a warning or an error of ffmpeg.
    fn logged(&self, line: String);
}

/// Nobody hears of how far a look at the source is.
pub(super) struct Silent;

impl EncodeListener for Silent {
    fn progressed(&self, _frames_per_second: f64) {}
    fn first_pass_progressed(&self, _frames: u64, _frames_per_second: f64) {}
    fn logged(&self, _line: String) {}
}

/// What ffmpeg tells of its source while it reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// What could not be decoded.
    pub damage: Damage,
    /// Where the picture or the sound became another one, and was followed.
    pub changes: Vec<FormatChange>,
}

impl Told {
    /// With the changes that a run before has told. What it could not decode, this one could not either.
    pub(super) fn after(mut self, mut before: Self) -> Self {
        self.changes.append(&mut before.changes);
        self
    }
}

/// Encodes `plan` and packages it while it is encoded.
///
/// # Errors
/// When ffmpeg can't be started or fails, its output can't be cut or written, or the job is cancelled. In every case
/// the process is gone when this returns.
pub fn encode(
    plan: &EncodePlan,
    toolbox: &Toolbox,
    work_folder: &Path,
    packager: &mut Packager<'_>,
    session: &EncodeSession<'_>,
) -> Result<Told, EncodeError> {
    let run = (toolbox, argv::arguments(plan, work_folder));
    let mut process = Process::start(run, session, FormatWatch::of(Opening::of(plan)))?;
    session.listener.logged(process.command().to_owned());
    let layout = packager.layout();
    let pipe = process.take_output()?;
    let process_id = process.id();
    let (cut, ended) = std::thread::scope(|scope| {
        let cutting = std::thread::Builder::new().name("job-segmenter".to_owned()).spawn_scoped(scope, move || {
            let result = segmenter::cut(BufReader::with_capacity(PIPE_BUFFER_BYTES, pipe), &layout, packager);
            if result.is_err() {
                // Nobody reads any more: ffmpeg would wait for ever.
                child::kill_group(process_id);
            }
            result
        });
        if cutting.is_err() {
            child::kill_group(process_id);
        }
        let pace = RefCell::default();
        let progressed = |told: &FfmpegProgress| session.listener.progressed(session.frames_per_second(&pace, told));
        process.listen(&progressed, session.listener);
        let ended = process.wait(session.cancel);
        (cutting.map(join), ended)
    });
    let ended = ended.map_err(|error| error.in_time_of_source(plan))?;
    outcome(cut, ended)
}

/// Makes the first of two passes over the source; its notes go into `work_folder`.
///
/// # Errors
/// When ffmpeg can't be started or fails, or the job is cancelled. In every case the process is gone when this returns.
pub fn first_pass(
    plan: &EncodePlan,
    toolbox: &Toolbox,
    work_folder: &Path,
    session: &EncodeSession<'_>,
) -> Result<(), EncodeError> {
    let pace = RefCell::default();
    let progressed = |told: &FfmpegProgress| {
        let rate = session.frames_per_second(&pace, told);
        session.listener.first_pass_progressed(u64::from(told.frame), rate);
    };
    let arguments = argv::first_pass_arguments(plan, work_folder);
    let run = run_alone((toolbox, arguments), session, &progressed, Opening::of(plan));
    run.map(|_| ()).map_err(|error| error.in_time_of_source(plan))
}

/// Runs ffmpeg with arguments that make it write files, to its end; gives what it tells of what it reads of a source that is
/// opened so.
///
/// # Errors
/// When ffmpeg can't be started or fails, or the job is cancelled. In every case the process is gone when this returns.
pub(super) fn run_alone(
    run: (&Toolbox, Vec<OsString>),
    session: &EncodeSession<'_>,
    progressed: &dyn Fn(&FfmpegProgress),
    opening: Opening,
) -> Result<Told, EncodeError> {
    run_watched(run, session, progressed, FormatWatch::of(opening))
}

/// The same with another eye on changes of format.
fn run_watched(
    run: (&Toolbox, Vec<OsString>),
    session: &EncodeSession<'_>,
    progressed: &dyn Fn(&FfmpegProgress),
    formats: FormatWatch,
) -> Result<Told, EncodeError> {
    let mut process = Process::start(run, session, formats)?;
    process.listen(progressed, session.listener);
    let Ended { status, command, lines: tail, is_silent, told, .. } = process.wait(session.cancel)?;
    let status = match status {
        Ok(status) if status.success() && is_silent => return Err(EncodeError::WroteNothing { command, tail }),
        Ok(status) if status.success() => return Ok(told),
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    Err(EncodeError::Failed { status, command, tail })
}

/// What an encode has to do with the world around it.
pub struct EncodeSession<'a> {
    /// Ends it.
    pub cancel: &'a CancelToken,
    /// Holds it.
    pub pause: &'a PauseSwitch,
    /// Is told of its progress.
    pub listener: &'a dyn EncodeListener,
}

impl EncodeSession<'_> {
    /// Frames in a second of work; ffmpeg's own number counts pauses. Zero while nobody knows.
    fn frames_per_second(&self, pace: &RefCell<Pace>, told: &FfmpegProgress) -> f64 {
        let mut pace = pace.borrow_mut();
        pace.told(u64::from(told.frame), Instant::now(), self.pause.held());
        pace.per_second().unwrap_or_default()
    }
}

fn join(cutting: ScopedJoinHandle<'_, Result<u64, SegmenterError>>) -> Result<u64, SegmenterError> {
    // A panic goes on in the job's thread, which makes a failure of it.
    cutting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn outcome(
    cut: std::io::Result<Result<u64, SegmenterError>>,
    Ended { status, command, lines: tail, blames_source, told, .. }: Ended,
) -> Result<Told, EncodeError> {
    let cut = cut.map_err(|error| EncodeError::NotStarted(error.to_string()))?;
    let cut = match cut {
        // What the segmenter refuses is the cause of ffmpeg's end, not its consequence. A broken or empty pipe is.
        Err(
            source @ (SegmenterError::Sink(_)
            | SegmenterError::Box(_)
            | SegmenterError::Unplanned(_)
            | SegmenterError::Misplaced { .. }),
        ) if status.as_ref().is_ok_and(was_killed) => {
            return Err(EncodeError::Segmenter { source, tail });
        }
        Err(source @ SegmenterError::Sink(_)) => return Err(EncodeError::Segmenter { source, tail }),
        cut => cut,
    };
    match (status, cut) {
        (Ok(status), Ok(_)) if status.success() => Ok(told),
        (Ok(status), Err(SegmenterError::Nothing)) if status.success() && !blames_source => {
            Err(EncodeError::WroteNothing { command, tail })
        }
        (Ok(status), Err(source)) if status.success() => Err(EncodeError::Segmenter { source, tail }),
        (Ok(status), _) => Err(EncodeError::Failed { status: status.to_string(), command, tail }),
        (Err(error), _) => Err(EncodeError::Failed { status: error.to_string(), command, tail }),
    }
}

/// Whether the process was ended by a signal that it can't catch, as ours is when nobody reads its output any more.
fn was_killed(status: &ExitStatus) -> bool {
    #[cfg(unix)]
    {
        const SIGKILL: i32 = 9;
        std::os::unix::process::ExitStatusExt::signal(status) == Some(SIGKILL)
    }
    #[cfg(not(unix))]
    {
        !status.success()
    }
}
