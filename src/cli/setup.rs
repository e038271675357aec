//! `reelpress setup`: fetching ffmpeg after asking.

use std::io::{self, BufRead, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Context, Outcome, SetupArguments};
use crate::{
    failure::Failure,
    format,
    tools::{
        cancel::CancelToken,
        ffmpeg::{DownloadProgress, ToolError, Toolbox},
    },
};

pub(super) fn run(context: &Context, arguments: &SetupArguments, interrupt: &CancelToken) -> Outcome {
    if !arguments.yes {
        if let Ok(toolbox) = Toolbox::find(&context.settings, &context.folders) {
            let path = toolbox.ffmpeg.display();
            context.output.say_always(&format!("ffmpeg {} is ready: {path}", toolbox.version));
            context.output.say("Nothing to download; `reelpress setup --yes` downloads a newer one anyway");
            return Outcome::AllDone;
        }
        if let Some(outcome) = refused(context) {
            return outcome;
        }
    }
    let result = download(context, interrupt);
    let failure = match result {
        Ok(toolbox) => {
            context.output.data(&toolbox.ffmpeg.display().to_string());
            context.output.say(&format!("ffmpeg {} is ready", toolbox.version));
            return Outcome::AllDone;
        }
        Err(ToolError::Cancelled) => return Outcome::Interrupted,
        Err(error) => error.into_failure(),
    };
    context.output.failure(None, &failure);
    told_why(context, &failure);
    Outcome::ToolMissing
}

/// A network failure without its cause is no help.
fn told_why(context: &Context, failure: &Failure) {
    if context.output.verbosity < super::Verbosity::Verbose && !failure.detail.is_empty() {
        context.output.say_always(&format!("  {}", failure.detail));
    }
}

/// Asks; gives the outcome when the answer is no.
fn refused(context: &Context) -> Option<Outcome> {
    if !io::stdin().is_terminal() {
        let hint = "Run `reelpress setup --yes` to download it without being asked";
        context.output.failure(None, &super::bad_usage("There is no terminal to ask on", hint));
        return Some(Outcome::BadUsage);
    }
    let folder = context.folders.tools();
    context.output.say_always(&format!("Download ffmpeg (about 100 MB) into {}? [y/N]", folder.display()));
    let mut answer = String::new();
    // An unreadable answer is a no.
    let _ = io::stdin().lock().read_line(&mut answer);
    let agreed = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    (!agreed).then(|| {
        context.output.say("Nothing was downloaded");
        Outcome::ToolMissing
    })
}

fn download(context: &Context, interrupt: &CancelToken) -> Result<Toolbox, ToolError> {
    let bar = context.output.shows_bars().then(|| context.output.bars.add(ProgressBar::new(0).with_style(style())));
    context.output.say(&format!("Downloading ffmpeg into {}", context.folders.tools().display()));
    let said_unpacking = std::cell::Cell::new(false);
    let progress = |progress| match (progress, &bar) {
        (DownloadProgress::Downloading { downloaded_bytes, total_bytes }, Some(bar)) => {
            bar.set_length(total_bytes.unwrap_or(downloaded_bytes));
            bar.set_position(downloaded_bytes);
            bar.set_message(match total_bytes {
                Some(total) => format!("{} of {}", format::bytes(downloaded_bytes), format::bytes(total)),
                None => format::bytes(downloaded_bytes),
            });
        }
        (DownloadProgress::Downloading { .. }, None) => {}
        (DownloadProgress::Unpacking, Some(bar)) => bar.set_message("unpacking and trying it"),
        (DownloadProgress::Unpacking, None) if said_unpacking.replace(true) => {}
        (DownloadProgress::Unpacking, None) => context.output.say("Unpacking and trying it"),
    };
    let result = Toolbox::download(&context.folders, &progress, interrupt);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    result
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("ffmpeg {bar:32} {percent:>3} %  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}
