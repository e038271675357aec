//! The terminal: arguments in, data on standard output, the rest on standard error, an exit code out.

mod args;
mod check;
mod convert;
mod credentials;
mod destination;
mod discard;
mod doctor;
mod encode;
mod interrupt;
mod operation_args;
mod outcome;
mod output;
mod plain;
mod preview;
mod probe;
mod publish;
mod queue;
mod queue_args;
mod reporter;
mod setup;
mod thumbnails;
mod video_args;
mod wire;

use std::path::{Path, PathBuf};

pub use args::{
    Arguments, CheckArguments, CommandArguments, ConvertArguments, CredentialsArguments, DoctorArguments,
    EncodeArguments, EncodeCallArguments, GeneralArguments, OutputArguments, PresetsArguments, PreviewArguments,
    ProbeArguments, PublishArguments, S3Arguments, SetupArguments, StoreArguments, ThumbnailsArguments,
};
pub use operation_args::OperationArguments;
pub use outcome::Outcome;
pub use output::{Output, Verbosity};
pub use queue_args::{MovePlace, QueueAddArguments, QueueArguments, QueueCommand, WhenDoneArguments};
pub use video_args::VideoArguments;

use crate::{
    failure::{Failure, FailureKind},
    logging,
    preset::{Preset, built_in_presets},
    settings::{AppFolders, Settings},
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};

/// Environment variable with a folder for all that the program keeps, for portable use.
pub const HOME_VARIABLE: &str = "REELPRESS_HOME";

/// What every command needs.
#[derive(Debug)]
pub struct Context {
    /// Where the program keeps its own files.
    pub folders: AppFolders,
    /// Saved settings, with what the arguments change.
    pub settings: Settings,
    /// What was wrong with the saved settings, where the program goes on without them.
    pub settings_lost: Option<Failure>,
    /// Standard output and standard error.
    pub output: Output,
}

/// Does what the arguments ask.
pub fn run(arguments: Arguments) -> Outcome {
    let Arguments { general, command, files } = arguments;
    let output = Output::new(general.verbosity());
    let context = match context(&general, output, command.is_none()) {
        Ok(context) => context,
        Err((output, failure)) => {
            output.failure(None, &failure);
            return Outcome::BadUsage;
        }
    };
    let _log = logging::start(&context.folders, context.output.verbosity, &context.output.bars);
    let Some(interrupt) = listen(&context.output) else { return Outcome::SomeFailed };
    let Some(command) = command else { return plain::run(&context, &files, &interrupt) };
    let outcome = perform(&context, command, &interrupt);
    if context.output.has_lost_data() { outcome.max(Outcome::SomeFailed) } else { outcome }
}

fn perform(context: &Context, command: CommandArguments, interrupt: &CancelToken) -> Outcome {
    match command {
        CommandArguments::Encode(arguments) => encode::run(context, &arguments, interrupt),
        CommandArguments::Queue(arguments) => queue::run(context, arguments, interrupt),
        CommandArguments::Convert(arguments) => convert::run(context, &arguments, interrupt),
        CommandArguments::Compress(arguments) => convert::run_smaller(context, &arguments, interrupt),
        CommandArguments::Thumbnails(arguments) => thumbnails::run(context, &arguments, interrupt),
        CommandArguments::Publish(arguments) => publish::run(context, &arguments, interrupt),
        CommandArguments::Probe(arguments) => probe::run(context, &arguments, interrupt),
        CommandArguments::Presets(arguments) => list_presets(context, &arguments),
        CommandArguments::Preview(arguments) => preview::run(context, &arguments, interrupt),
        CommandArguments::Check(arguments) => check::run(context, &arguments, interrupt),
        CommandArguments::Doctor(arguments) => doctor::run(context, &arguments, interrupt),
        CommandArguments::Credentials(arguments) => credentials::run(context, &arguments),
        CommandArguments::Setup(arguments) => setup::run(context, &arguments, interrupt),
    }
}

/// Prints clap's help or error where it belongs.
pub fn explain(help_or_error: &clap::Error) -> Outcome {
    // A reader that has gone needs no help.
    let _ = help_or_error.print();
    if help_or_error.use_stderr() { Outcome::BadUsage } else { Outcome::AllDone }
}

/// The window opens whatever the settings file holds: who starts it by an icon reads no terminal.
fn context(general: &GeneralArguments, output: Output, is_window: bool) -> Result<Context, (Output, Failure)> {
    let folders = match std::env::var_os(HOME_VARIABLE).filter(|home| !home.is_empty()) {
        Some(home) => std::path::absolute(Path::new(&home)).ok().map(|home| AppFolders::under(&home)),
        None => AppFolders::of_user(),
    };
    let Some(folders) = folders else {
        let hint = format!("Set {HOME_VARIABLE} to a folder that Reelpress may use");
        return Err((output, bad_usage("This user has no home folder", hint)));
    };
    let file = folders.settings_file();
    let loaded =
        if is_window { Settings::load_or_set_aside(&file) } else { Settings::load(&file).map(|loaded| (loaded, None)) };
    let (mut settings, settings_lost) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            return Err((output, bad_usage(error.to_string(), "Correct the file, or delete it to start afresh")));
        }
    };
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    settings.ffmpeg = general.ffmpeg.as_ref().map(absolute).or(settings.ffmpeg);
    settings.ffprobe = general.ffprobe.as_ref().map(absolute).or(settings.ffprobe);
    if let Some(failure) = &settings_lost {
        output.failure(None, failure);
    }
    Ok(Context { folders, settings, settings_lost, output })
}

fn listen(output: &Output) -> Option<CancelToken> {
    match interrupt::listen() {
        Ok(token) => Some(token),
        Err(error) => {
            let hint = "Close other programs, then try again";
            let headline = format!("The system gives no signal handler: {error}");
            output.failure(None, &Failure::new(FailureKind::Internal, headline, hint));
            None
        }
    }
}

fn bad_usage(headline: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(FailureKind::InvalidRequest, headline, hint)
}

/// The tools, or the outcome after it was said what is wrong with them.
fn toolbox(context: &Context) -> Result<Toolbox, Outcome> {
    Toolbox::find(&context.settings, &context.folders).map_err(|error| {
        let failure = error.into_failure();
        context.output.failure(None, &failure);
        Outcome::of(&failure)
    })
}

fn list_presets(context: &Context, arguments: &PresetsArguments) -> Outcome {
    let presets = built_in_presets();
    if arguments.json {
        context.output.pretty_json(&presets);
        return Outcome::AllDone;
    }
    let width = |column: fn(&Preset) -> &str| presets.iter().map(|preset| column(preset).len()).max().unwrap_or(0);
    let (ids, names) = (width(|preset| &preset.id), width(|preset| &preset.name));
    for preset in &presets {
        let Preset { id, name, .. } = preset;
        context.output.data(&format!("{id:ids$}  {name:names$}  {}", preset.summary()));
    }
    Outcome::AllDone
}
