//! One run of ffmpeg: its job ends and holds it, and it is ended when it stands still.

use std::{
    cell::Cell,
    collections::VecDeque,
    ffi::OsString,
    process::{ChildStdout, ExitStatus},
};

use ffmpeg_sidecar::{
    child::FfmpegChild,
    command::FfmpegCommand,
    event::{FfmpegEvent, FfmpegProgress, LogLevel},
};

use super::{Damage, EncodeError, EncodeListener, EncodeSession, Told, format_change::FormatWatch};
use crate::tools::{
    cancel::CancelToken,
    child::{self, KillOnCancel},
    ffmpeg::Toolbox,
    memory,
    pause::PauseGuard,
    stall::{LifeSigns, StallWatch, WatchedOutput},
};

/// Lines of ffmpeg's output that a failure shows.
const TAIL_LINES: usize = 30;

/// ffmpeg at work.
pub(super) struct Process {
    child: FfmpegChild,
    id: u32,
    command: String,
    tail: Tail,
    signs: LifeSigns,
    watch: StallWatch,
    _ended_with_job: KillOnCancel,
    _held_with_job: PauseGuard,
}

/// ffmpeg that has come to an end by itself, or that nobody wanted to go on.
pub(super) struct Ended {
    pub(super) status: std::io::Result<ExitStatus>,
    /// Its command line.
    pub(super) command: String,
    /// Its last lines.
    pub(super) lines: Vec<String>,
    /// It has said nothing at all, not even what it reads.
    pub(super) is_silent: bool,
    /// It has told that nothing could be had of the source.
    pub(super) blames_source: bool,
    pub(super) told: Told,
}

impl Process {
    /// Starts ffmpeg.
    ///
    /// # Errors
    /// When the system does not.
    pub(super) fn start(
        (toolbox, arguments): (&Toolbox, Vec<OsString>),
        session: &EncodeSession<'_>,
        formats: FormatWatch,
    ) -> Result<Self, EncodeError> {
        let mut command = FfmpegCommand::new_with_path(&toolbox.ffmpeg);
        command.args(arguments);
        child::isolate(command.as_inner_mut());
        let command_line = printable(&command);
        tracing::debug!(command = command_line, "ffmpeg");
        let mut child = command.spawn().map_err(|error| EncodeError::NotStarted(error.to_string()))?;
        let id = child.as_inner().id();
        if let Some(bytes) = memory::whole_machine_bytes() {
            memory::limit(id, bytes);
        }
        let signs = LifeSigns::default();
        Ok(Self {
            watch: StallWatch::guard(id, &signs, session.pause),
            _ended_with_job: KillOnCancel::guard(id, session.cancel),
            _held_with_job: session.pause.guard(id),
            tail: Tail::with(formats),
            command: command_line,
            child,
            id,
            signs,
        })
    }

    /// The number by which the system knows it.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Its command line.
    pub(super) fn command(&self) -> &str {
        &self.command
    }

    /// What it writes to its standard output.
    ///
    /// # Errors
    /// When it has none; it is killed then.
    pub(super) fn take_output(&mut self) -> Result<WatchedOutput<ChildStdout>, EncodeError> {
        match self.child.take_stdout() {
            Some(output) => Ok(self.signs.of_output(output)),
            None => {
                child::kill_group(self.id);
                Err(EncodeError::NotStarted("its output can't be read".to_owned()))
            }
        }
    }

    /// Hears what it says until it ends, and kills it at what can't be followed.
    pub(super) fn listen(&mut self, progressed: &dyn Fn(&FfmpegProgress), listener: &dyn EncodeListener) {
        let far = Cell::new(None);
        let progressed = |told: &FfmpegProgress| {
            // One that hangs goes on to tell where.
            let now = Some((told.frame, told.size_kb, told.time.clone()));
            let before = far.replace(now.clone());
            if before != now {
                self.signs.seen();
            }
            progressed(told);
        };
        if listen(&mut self.child, &progressed, listener, &mut self.tail).is_err() {
            child::kill_group(self.id);
        }
    }

    /// Waits until it is gone.
    ///
    /// # Errors
    /// When it was ended, by the job, as it stood still, or as its source can't be followed.
    pub(super) fn wait(mut self, cancel: &CancelToken) -> Result<Ended, EncodeError> {
        let status = self.child.wait();
        if cancel.is_cancelled() {
            return Err(EncodeError::Cancelled);
        }
        let (told, blames_source) = (self.tail.told(), self.tail.blames_source());
        let Self { command, tail, watch, .. } = self;
        let (lines, is_silent) = (tail.lines.into(), tail.is_silent);
        if watch.has_ended_it() {
            return Err(EncodeError::StoodStill { command, tail: lines });
        }
        match tail.formats.stops {
            Some(change) => Err(EncodeError::FormatChanges(change)),
            None => Ok(Ended { status, command, lines, is_silent, blames_source, told }),
        }
    }
}

/// The last lines that ffmpeg wrote.
struct Tail {
    lines: VecDeque<String>,
    damage: Damage,
    /// Of that, what lies before all that is shown.
    unseen: Damage,
    formats: FormatWatch,
    is_silent: bool,
}

impl Tail {
    fn with(formats: FormatWatch) -> Self {
        Self { lines: VecDeque::new(), damage: Damage::default(), unseen: Damage::default(), formats, is_silent: true }
    }

    fn told(&self) -> Told {
        Told { damage: self.damage.since(self.unseen), changes: self.formats.followed.clone() }
    }

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
            // A part ends before its source does, of which more is read than is needed.
            if !tail.formats.is_over {
                tail.damage.note(line);
            }
        }
        let was_near = tail.formats.is_near;
        let is_of_each_picture = match &event {
            FfmpegEvent::Log(_, line) => tail.formats.note(line),
            FfmpegEvent::Progress(progress) => {
                tail.formats.note(&progress.raw_log_message);
                false
            }
            _ => false,
        };
        if tail.formats.is_near && !was_near {
            tail.unseen = tail.damage;
        }
        if tail.formats.stops.is_some() {
            return Err("the source changes its format".to_owned());
        }
        if is_of_each_picture {
            continue;
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
    tail.formats.end();
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
