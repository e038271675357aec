//! `reelpress` without a command: the window where there is a display, else the terminal.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::{Arguments, Context, EncodeCallArguments, Outcome, bad_usage, encode};
use crate::tools::cancel::CancelToken;

/// Words at least this much alike are taken for a slip, as clap does with mistyped flags.
const NEAR: f64 = 0.7;

const WITHOUT_WINDOW: &str = "\
There is no display to open a window on. In the terminal:

  reelpress encode video.mp4 --out streams     make a stream in the folder streams
  reelpress encode video.mp4 --out s3://bucket/videos     and publish it
  reelpress preview streams/video     watch it in the browser
  reelpress doctor     check ffmpeg, the disk and a destination
  reelpress --help     all commands";

/// Opens the window with these files in its queue; without a display, encodes them here as the settings say.
pub(super) fn run(context: &Context, files: &[PathBuf], interrupt: &CancelToken) -> Outcome {
    if let Some(word) = files.iter().find_map(|file| mistyped_command(file)) {
        let near = nearest_command(&word).map_or_else(String::new, |command| format!(": did you mean “{command}”?"));
        let headline = format!("“{word}” is neither a command nor a file{near}");
        context.output.failure(None, &bad_usage(headline, "“reelpress help” lists the commands"));
        return Outcome::BadUsage;
    }
    #[cfg(feature = "gui")]
    if crate::gui::has_display() {
        return window::run(context, files, interrupt);
    }
    if files.is_empty() {
        context.output.say_always(WITHOUT_WINDOW);
        return Outcome::BadUsage;
    }
    let arguments = EncodeCallArguments { encode: encode::as_set(files), jobs: None, fresh: false, discard: false };
    encode::run(context, &arguments, interrupt)
}

/// A lone word in the place of a file, where no such file is. What looks like a path may be on its way, and becomes a job
/// that says what is wrong with it.
fn mistyped_command(file: &Path) -> Option<String> {
    let word = file.to_str()?;
    let is_word = !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphabetic() || letter == '-');
    (is_word && !file.exists()).then(|| word.to_owned())
}

fn nearest_command(word: &str) -> Option<String> {
    let arguments = Arguments::command();
    let likeness = |command: &str| strsim::jaro(word, command);
    let names = arguments.get_subcommands().map(|command| command.get_name().to_owned());
    names.filter(|name| likeness(name) >= NEAR).max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}

#[cfg(feature = "gui")]
mod window {
    use std::{path::PathBuf, time::Duration};

    use crate::{
        cli::{
            Context, Outcome,
            queue::{Access, add_as_set},
        },
        control::{Client, ControlError, Request},
        engine::{Command, EngineHandle, QueueLife},
        failure::{Failure, FailureKind},
        format,
        gui::{self, GuiError, WindowStart},
        tools::cancel::CancelToken,
    };

    /// How long the end of the program waits for running jobs to be stopped and written down.
    const END_LIMIT: Duration = Duration::from_secs(30);

    pub(super) fn run(context: &Context, files: &[PathBuf], interrupt: &CancelToken) -> Outcome {
        match Access::open(context, (&context.settings, QueueLife::Lasting), interrupt) {
            Ok(Access::Own(engine)) => open(context, &engine, files, interrupt),
            Ok(Access::Owner(client)) => hand_over(context, client, files, interrupt),
            Err(_) if interrupt.is_cancelled() => Outcome::Interrupted,
            Err(failure) => {
                context.output.failure(None, &failure);
                Outcome::SomeFailed
            }
        }
    }

    /// Another process has the queue: its window takes the files and comes to the front.
    fn hand_over(context: &Context, mut client: Client, files: &[PathBuf], interrupt: &CancelToken) -> Outcome {
        let files: Vec<PathBuf> =
            files.iter().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone())).collect();
        let open = Request::Do { command: Box::new(Command::OpenFiles { files: files.clone() }) };
        match client.ask(&open) {
            Ok(_) => {
                context.output.say(&match files.len() {
                    0 => "Reelpress is open already: its window comes to the front".to_owned(),
                    count => {
                        format!("{} handed to the window that is open", format::count(count as u64, "file", "files"))
                    }
                });
                Outcome::AllDone
            }
            // There is no window but “reelpress queue run”.
            Err(ControlError::Refused { is_ending: false, .. }) if !files.is_empty() => {
                add_as_set(context, &files, interrupt)
            }
            Err(_) if interrupt.is_cancelled() => Outcome::Interrupted,
            Err(error) => {
                context.output.failure(None, &error.into_failure());
                Outcome::SomeFailed
            }
        }
    }

    fn open(context: &Context, engine: &EngineHandle, files: &[PathBuf], interrupt: &CancelToken) -> Outcome {
        let interrupted = engine.clone();
        interrupt.on_cancel(move || {
            // The window closes when the engine has ended; an engine that has ended before takes no command.
            let _ = interrupted.send(Command::Stop);
        });
        let start = WindowStart {
            files: files.to_vec(),
            folders: Some(context.folders.clone()),
            notice: context.settings_lost.clone(),
        };
        let outcome = gui::run(engine.clone(), start);
        if !engine.wait_for_end(END_LIMIT) {
            tracing::warn!("the engine has not ended in time");
        }
        match outcome {
            Ok(()) if interrupt.is_cancelled() => Outcome::Interrupted,
            Ok(()) => Outcome::AllDone,
            Err(error @ GuiError::DisplayLost) => {
                let hint = "Start Reelpress again: the queue is kept, and jobs that were at work go on";
                let failure = Failure::new(FailureKind::Internal, error.to_string(), hint);
                context.output.failure(None, &failure);
                Outcome::SomeFailed
            }
            Err(error) => {
                let hint = "Install what is missing, or use the terminal: reelpress --help";
                context.output.failure(None, &Failure::new(FailureKind::ToolMissing, error.to_string(), hint));
                Outcome::ToolMissing
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_command_is_no_file_and_its_neighbour_is_named() {
        assert_eq!(mistyped_command(Path::new("encdoe")), Some("encdoe".to_owned()));
        assert_eq!(nearest_command("encdoe").as_deref(), Some("encode"));
        assert_eq!(nearest_command("holiday"), None);
        for path in ["film.mp4", "./film", "films/film", ""] {
            assert_eq!(mistyped_command(Path::new(path)), None, "{path}");
        }
    }
}
