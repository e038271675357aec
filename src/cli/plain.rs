//! `reelpress` without a command: the window where there is a display, else the terminal.

use std::path::PathBuf;

use super::{Context, Outcome, encode};
use crate::tools::cancel::CancelToken;

const WITHOUT_WINDOW: &str = "\
There is no display to open a window on. In the terminal:

  reelpress encode video.mp4 --out streams     make a stream in the folder streams
  reelpress encode video.mp4 --out s3://bucket/videos     and publish it
  reelpress preview streams/video     watch it in the browser
  reelpress doctor     check ffmpeg, the disk and a destination
  reelpress --help     all commands";

/// Opens the window with these files in its queue; without a display, encodes them here as the settings say.
pub(super) fn run(context: &Context, files: &[PathBuf], interrupt: &CancelToken) -> Outcome {
    #[cfg(feature = "gui")]
    if crate::gui::has_display() {
        return window::run(context, files, interrupt);
    }
    if files.is_empty() {
        context.output.say_always(WITHOUT_WINDOW);
        return Outcome::BadUsage;
    }
    encode::run_as_set(context, files, interrupt)
}

#[cfg(feature = "gui")]
mod window {
    use std::{path::PathBuf, time::Duration};

    use crate::{
        cli::{Context, Outcome},
        engine::{Command, Engine, EngineConfig, EngineError, JournalError, QueueLife},
        failure::{Failure, FailureKind},
        gui::{self, WindowStart},
        tools::cancel::CancelToken,
    };

    /// How long the end of the program waits for running jobs to be stopped and written down.
    const END_LIMIT: Duration = Duration::from_secs(30);

    pub(super) fn run(context: &Context, files: &[PathBuf], interrupt: &CancelToken) -> Outcome {
        let config = EngineConfig {
            folders: context.folders.clone(),
            settings: context.settings.clone(),
            queue: QueueLife::Lasting,
        };
        let engine = match Engine::start(config) {
            Ok(engine) => engine,
            Err(error) => {
                context.output.failure(None, &failure(&error));
                return Outcome::SomeFailed;
            }
        };
        let interrupted = engine.clone();
        interrupt.on_cancel(move || {
            // The window closes when the engine has ended; an engine that has ended before takes no command.
            let _ = interrupted.send(Command::Stop);
        });
        let start = WindowStart { files: files.to_vec(), folders: Some(context.folders.clone()) };
        let outcome = gui::run(engine.clone(), start);
        if !engine.wait_for_end(END_LIMIT) {
            tracing::warn!("the engine has not ended in time");
        }
        match outcome {
            Ok(()) if interrupt.is_cancelled() => Outcome::Interrupted,
            Ok(()) => Outcome::AllDone,
            Err(error) => {
                let hint = "Install what is missing, or use the terminal: reelpress --help";
                context.output.failure(None, &Failure::new(FailureKind::ToolMissing, error.to_string(), hint));
                Outcome::ToolMissing
            }
        }
    }

    fn failure(error: &EngineError) -> Failure {
        let hint = match error {
            EngineError::Journal(JournalError::InUse(_)) => "Use the window that is open, or close it first",
            EngineError::Journal(JournalError::TooNew { .. }) => "Install the newest version of Reelpress",
            EngineError::Journal(_) => "Check that the folder is on a working disk and may be written to",
            EngineError::Threads(_) => "Close other programs, then try again",
        };
        Failure::new(FailureKind::Internal, error.to_string(), hint)
    }
}
