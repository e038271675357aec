//! Where the program writes what it does: standard error, and a file a day in the app's data folder.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use indicatif::MultiProgress;
use tracing::level_filters::LevelFilter;
use tracing_appender::{
    non_blocking::WorkerGuard,
    rolling::{RollingFileAppender, Rotation},
};
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    settings::AppFolders,
    tools::{private, regular_file},
};

/// Environment variable with what is logged: a level (`debug`), or levels of parts (`reelpress::engine=trace`).
pub const LOG_VARIABLE: &str = "REELPRESS_LOG";

const LOG_EXTENSION: &str = "log";
/// Files that are kept, one a day.
const KEPT_FILES: usize = 7;

/// Parts that can write signatures, tokens or whole requests when they tell much.
const DISCREET: [&str; 9] = [
    "aws_config",
    "aws_credential_types",
    "aws_runtime",
    "aws_sdk_s3",
    "aws_sigv4",
    "aws_smithy_http_client",
    "aws_smithy_runtime",
    "aws_smithy_runtime_api",
    "hyper_util",
];

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Failures alone.
    Quiet,
    /// Progress and results.
    Normal,
    /// Also the details of failures, and information messages in the log.
    Verbose,
    /// Everything, for finding defects.
    Debug,
}

/// Keeps the log file open; what is not written yet goes out when it is dropped.
#[derive(Debug)]
pub struct LogGuard {
    _file: Option<WorkerGuard>,
}

/// Starts logging for the whole process; a second call changes nothing. A data folder that can't be written only costs
/// the file. `bars` are the progress bars on standard error, which lines go around.
pub fn start(folders: &AppFolders, verbosity: Verbosity, bars: &MultiProgress) -> LogGuard {
    let terminal = fmt::layer()
        .with_writer(Around(bars.clone()).maker())
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .with_target(verbosity >= Verbosity::Debug)
        .without_time()
        .with_filter(filter(match verbosity {
            Verbosity::Quiet => LevelFilter::ERROR,
            Verbosity::Normal => LevelFilter::WARN,
            Verbosity::Verbose => LevelFilter::INFO,
            Verbosity::Debug => LevelFilter::DEBUG,
        }));
    let opened = open_file(folders);
    let (file, guard, problem) = match opened {
        Ok((writer, guard)) => {
            let layer = fmt::layer().with_writer(writer).with_ansi(false).with_filter(filter(LevelFilter::INFO));
            (Some(layer), Some(guard), None)
        }
        Err(error) => (None, None, Some(error)),
    };
    // An error means that this process logs already, as in tests.
    let _ = tracing_subscriber::registry().with(terminal).with(file).try_init();
    if let Some(error) = problem {
        tracing::info!(%error, "no log file");
    }
    LogGuard { _file: guard }
}

fn open_file(
    folders: &AppFolders,
) -> Result<(tracing_appender::non_blocking::NonBlocking, WorkerGuard), Box<dyn std::error::Error>> {
    // The library would write its own words to standard error for a folder that is not there or can't be read.
    private::create_folder(&folders.logs())?;
    for file in files(folders)? {
        regular_file::check(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("reelpress")
        .filename_suffix(LOG_EXTENSION)
        .max_log_files(KEPT_FILES)
        .build(folders.logs())?;
    // What is begun at midnight is closed at the next start; until then its folder is.
    files(folders)?.iter().for_each(|file| private::close(file));
    Ok(tracing_appender::non_blocking(appender))
}

fn files(folders: &AppFolders) -> io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(folders.logs())?.map(|entry| Ok(entry?.path()));
    let is_log = |path: &PathBuf| path.extension().is_some_and(|extension| extension == LOG_EXTENSION);
    paths.filter(|path| path.as_ref().map_or(true, is_log)).collect()
}

/// What the environment asks for, else `level` for us and warnings of others; never what could hold a secret.
fn filter(level: LevelFilter) -> EnvFilter {
    let asked = std::env::var(LOG_VARIABLE).ok().filter(|asked| !asked.trim().is_empty());
    filter_of(asked.as_deref(), level)
}

fn filter_of(asked: Option<&str>, level: LevelFilter) -> EnvFilter {
    let others = level.min(LevelFilter::WARN);
    let base = asked.map_or_else(|| format!("{others},reelpress={level}"), str::to_owned);
    let discreet: String = DISCREET.iter().map(|part| format!(",{part}=error")).collect();
    // One warns of every box that it has no name for, which are not wrong, their bytes are kept; the other of displays
    // that do not tell their size.
    EnvFilter::builder().parse_lossy(format!("mp4_atom=error,winit=error,{base}{discreet}"))
}

/// Standard error with progress bars.
#[derive(Clone)]
struct Around(MultiProgress);

impl Around {
    fn maker(self) -> impl Fn() -> Self {
        move || self.clone()
    }
}

impl Write for Around {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_hold_a_secret_stays_quiet_even_when_everything_is_asked_for() {
        for asked in ["trace", "aws_config=trace,aws_sigv4=debug", "debug,aws_sdk_s3=trace"] {
            let filter = filter_of(Some(asked), LevelFilter::INFO).to_string();
            for part in DISCREET {
                assert!(filter.contains(&format!("{part}=error")), "{filter}");
                assert!(!filter.contains(&format!("{part}=trace")) && !filter.contains(&format!("{part}=debug")));
            }
        }
    }

    #[test]
    fn other_parts_are_heard_only_when_they_warn() {
        let filter = filter_of(None, LevelFilter::DEBUG).to_string();
        assert!(filter.contains("reelpress=debug") && filter.contains("warn"), "{filter}");
        assert!(filter_of(None, LevelFilter::ERROR).to_string().contains("error"));
    }

    #[test]
    fn a_log_folder_that_can_not_be_read_costs_only_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let folders = AppFolders::under(folder.path());
        std::fs::create_dir_all(&folders.data).unwrap();
        std::fs::write(folders.logs(), "no folder").unwrap();
        let error = open_file(&folders).unwrap_err();
        assert!(error.is::<io::Error>(), "said by the system, not the library: {error}");
        std::fs::remove_file(folders.logs()).unwrap();
        assert!(open_file(&folders).is_ok());
    }
}
