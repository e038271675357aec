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
mod parameters;
pub(super) mod span;
pub(super) mod video_encoder;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    ffi::OsString,
    io::BufReader,
    path::Path,
    process::ExitStatus,
    thread::ScopedJoinHandle,
    time::Instant,
};

pub(super) use argv::PASS_LOG;
pub use damage::Damage;
pub use error::EncodeError;
use ffmpeg_sidecar::{
    child::FfmpegChild,
    command::FfmpegCommand,
    event::{FfmpegEvent, FfmpegProgress, LogLevel},
};
pub(super) use format_change::FormatChange;
use format_change::FormatWatch;
pub use missed_pictures::take_missed;

use super::{
    pace::Pace,
    package::{
        Packager,
        segmenter::{self, SegmenterError},
    },
    plan::EncodePlan,
};
use crate::tools::{
    cancel::CancelToken,
    child::{self, KillOnCancel},
    ffmpeg::Toolbox,
    memory,
    pause::PauseSwitch,
    stall::{LifeSigns, StallWatch},
};

/// Lines of ffmpeg's output that a failure shows.
const TAIL_LINES: usize = 30;
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
    let mut command = FfmpegCommand::new_with_path(&toolbox.ffmpeg);
    command.args(argv::arguments(plan, work_folder));
    child::isolate(command.as_inner_mut());
    let command_line = printable(&command);
    tracing::debug!(command = command_line, "encode");
    session.listener.logged(command_line.clone());
    let mut process = command.spawn().map_err(|error| EncodeError::NotStarted(error.to_string()))?;
    let process_id = process.as_inner().id();
    if let Some(bytes) = memory::whole_machine_bytes() {
        memory::limit(process_id, bytes);
    }
    let guard = KillOnCancel::guard(process_id, session.cancel);
    let held = session.pause.guard(process_id);
    let layout = packager.layout();
    let Some(pipe) = process.take_stdout() else {
        child::kill_group(process_id);
        return Err(EncodeError::NotStarted("its output can't be read".to_owned()));
    };
    let mut tail = Tail::default();
    let signs = LifeSigns::default();
    let pipe = signs.of_output(pipe);
    let watch = StallWatch::guard(process_id, &signs, session.pause);
    let (cut, status) = std::thread::scope(|scope| {
        let cutting = std::thread::Builder::new().name("job-segmenter".to_owned()).spawn_scoped(scope, move || {
            let result = segmenter::cut(BufReader::with_capacity(PIPE_BUFFER_BYTES, pipe), &layout, packager);
            if result.is_err() {
                // Nobody reads any more: ffmpeg would wait for ever.
                child::kill_group(process_id);
            }
            result
        });
        let pace = RefCell::default();
        let progressed = |told: &FfmpegProgress| session.listener.progressed(session.frames_per_second(&pace, told));
        let listened = listen(&mut process, &progressed, session.listener, &mut tail);
        if cutting.is_err() || listened.is_err() {
            child::kill_group(process_id);
        }
        let status = process.wait();
        (cutting.map(join), status)
    });
    drop((guard, held));
    if session.cancel.is_cancelled() {
        return Err(EncodeError::Cancelled);
    }
    if watch.has_ended_it() {
        return Err(EncodeError::StoodStill { command: command_line, tail: tail.lines.into() });
    }
    if let Some(change) = tail.formats.stops {
        return Err(EncodeError::FormatChanges(change));
    }
    let told = tail.told();
    outcome(cut, status, command_line, tail).map(|_| told)
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
    run_alone((toolbox, arguments), session, &progressed).map(|_| ())
}

/// Runs ffmpeg with arguments that make it write files, to its end; gives what it tells of what it reads.
///
/// # Errors
/// When ffmpeg can't be started or fails, or the job is cancelled. In every case the process is gone when this returns.
pub(super) fn run_alone(
    run: (&Toolbox, Vec<OsString>),
    session: &EncodeSession<'_>,
    progressed: &dyn Fn(&FfmpegProgress),
) -> Result<Told, EncodeError> {
    run_watched(run, session, progressed, FormatWatch::default())
}

/// The same with another eye on changes of format.
fn run_watched(
    (toolbox, arguments): (&Toolbox, Vec<OsString>),
    session: &EncodeSession<'_>,
    progressed: &dyn Fn(&FfmpegProgress),
    formats: FormatWatch,
) -> Result<Told, EncodeError> {
    let mut command = FfmpegCommand::new_with_path(&toolbox.ffmpeg);
    command.args(arguments);
    child::isolate(command.as_inner_mut());
    let command_line = printable(&command);
    tracing::debug!(command = command_line, "ffmpeg alone");
    let mut process = command.spawn().map_err(|error| EncodeError::NotStarted(error.to_string()))?;
    let process_id = process.as_inner().id();
    if let Some(bytes) = memory::whole_machine_bytes() {
        memory::limit(process_id, bytes);
    }
    let guard = KillOnCancel::guard(process_id, session.cancel);
    let held = session.pause.guard(process_id);
    let mut tail = Tail { formats, ..Tail::default() };
    let (signs, far) = (LifeSigns::default(), Cell::new(None));
    let watch = StallWatch::guard(process_id, &signs, session.pause);
    let progressed = |told: &FfmpegProgress| {
        // One that hangs goes on to tell where.
        if far.replace(Some((told.frame, told.size_kb, told.time.clone())))
            != Some((told.frame, told.size_kb, told.time.clone()))
        {
            signs.seen();
        }
        progressed(told);
    };
    if listen(&mut process, &progressed, session.listener, &mut tail).is_err() {
        child::kill_group(process_id);
    }
    let status = process.wait();
    drop(held);
    drop(guard);
    if session.cancel.is_cancelled() {
        return Err(EncodeError::Cancelled);
    }
    if watch.has_ended_it() {
        return Err(EncodeError::StoodStill { command: command_line, tail: tail.lines.into() });
    }
    if let Some(change) = tail.formats.stops {
        return Err(EncodeError::FormatChanges(change));
    }
    let status = match status {
        Ok(status) if status.success() && tail.is_silent => {
            return Err(EncodeError::WroteNothing { command: command_line, tail: Vec::new() });
        }
        Ok(status) if status.success() => return Ok(tail.told()),
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    Err(EncodeError::Failed { status, command: command_line, tail: tail.lines.into() })
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
    status: std::io::Result<ExitStatus>,
    command: String,
    tail: Tail,
) -> Result<u64, EncodeError> {
    let cut = cut.map_err(|error| EncodeError::NotStarted(error.to_string()))?;
    let blames_source = tail.blames_source();
    let tail: Vec<String> = tail.lines.into();
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
    match status {
        Ok(status) if status.success() && !blames_source && matches!(cut, Err(SegmenterError::Nothing)) => {
            Err(EncodeError::WroteNothing { command, tail })
        }
        Ok(status) if status.success() => cut.map_err(|source| EncodeError::Segmenter { source, tail }),
        Ok(status) => Err(EncodeError::Failed { status: status.to_string(), command, tail }),
        Err(error) => Err(EncodeError::Failed { status: error.to_string(), command, tail }),
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

/// The last lines that ffmpeg wrote.
struct Tail {
    lines: VecDeque<String>,
    damage: Damage,
    formats: FormatWatch,
    /// It has said nothing at all, not even what it reads.
    is_silent: bool,
}

impl Default for Tail {
    fn default() -> Self {
        Self { lines: VecDeque::new(), damage: Damage::default(), formats: FormatWatch::default(), is_silent: true }
    }
}

impl Tail {
    fn told(&self) -> Told {
        Told { damage: self.damage, changes: self.formats.followed.clone() }
    }

    /// Whether it has told that nothing could be had of the source.
    fn blames_source(&self) -> bool {
        let is_told = |line: &String| line.contains("nothing was encoded") || line.contains("Invalid data found");
        self.damage != Damage::default() || self.lines.iter().any(is_told)
    }

    fn push(&mut self, line: String) {
        if self.lines.len() >= TAIL_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

fn listen(
    process: &mut FfmpegChild,
    progressed: &dyn Fn(&FfmpegProgress),
    listener: &dyn EncodeListener,
    tail: &mut Tail,
) -> Result<(), String> {
    for event in process.iter().map_err(|error| error.to_string())? {
        tail.is_silent &= matches!(event, FfmpegEvent::LogEOF | FfmpegEvent::Done);
        if let FfmpegEvent::Log(_, line) | FfmpegEvent::Error(line) = &event {
            tail.damage.note(line);
        }
        let is_of_each_picture = match &event {
            FfmpegEvent::Log(_, line) => tail.formats.note(line),
            FfmpegEvent::Progress(progress) => {
                tail.formats.note(&progress.raw_log_message);
                false
            }
            _ => false,
        };
        if is_of_each_picture {
            continue;
        }
        if tail.formats.stops.is_some() {
            return Err("the source changes its format".to_owned());
        }
        match event {
            // Its time is that of the track that is farthest, which is the sound: the segmenter knows the picture's.
            FfmpegEvent::Progress(progress) => progressed(&progress),
            FfmpegEvent::Log(LogLevel::Error | LogLevel::Fatal | LogLevel::Warning, line) => {
                tail.push(line.clone());
                listener.logged(line);
            }
            FfmpegEvent::Log(LogLevel::Unknown, line) | FfmpegEvent::Error(line) => tail.push(line),
            _ => {}
        }
    }
    Ok(())
}

fn printable(command: &FfmpegCommand) -> String {
    let program = "ffmpeg".to_owned();
    let arguments = command.get_args().map(|argument| {
        let text = argument.to_string_lossy();
        if text.contains([' ', '\'', '[', ';', '(']) {
            format!("'{}'", text.replace('\'', r"'\''"))
        } else {
            text.into_owned()
        }
    });
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
