//! Where the program writes what it does: standard error, and a file a day in the app's data folder.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use indicatif::MultiProgress;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
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

const LOG_PREFIX: &str = "reelpress";
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
    // What another version has left open to others.
    files(folders)?.iter().for_each(|file| private::close(file));
    let mut day = DayFile { folder: folders.logs(), begun: None };
    day.begin(today());
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(LOG_PREFIX)
        .filename_suffix(LOG_EXTENSION)
        .max_log_files(KEPT_FILES)
        .build(folders.logs())?;
    Ok(tracing_appender::non_blocking(ClosedToOthers { appender, day, today }))
}

/// The day by which the library names its files.
fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// Log files of which each is closed to others from its first moment: made here before the library opens it.
struct ClosedToOthers<W> {
    appender: W,
    day: DayFile,
    today: fn() -> Date,
}

/// The file of the newest day.
struct DayFile {
    folder: PathBuf,
    begun: Option<Date>,
}

impl DayFile {
    fn begin(&mut self, day: Date) {
        if self.begun.replace(day) != Some(day) {
            // Where that fails, the library can't write there either.
            let _ = private::create_file(&self.folder.join(format!("{LOG_PREFIX}.{day}.{LOG_EXTENSION}")));
        }
    }
}

impl<W: Write> Write for ClosedToOthers<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.day.begin((self.today)());
        let written = self.appender.write(text);
        // Midnight may have come between the two.
        self.day.begin((self.today)());
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.appender.flush()
    }
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

    #[cfg(unix)]
    #[test]
    fn the_file_of_each_day_is_closed_to_others_from_its_first_moment() {
        use std::{
            os::unix::fs::PermissionsExt,
            sync::atomic::{AtomicI8, Ordering},
        };
        static DAY: AtomicI8 = AtomicI8::new(1);
        fn today() -> Date {
            Date::constant(2026, 1, DAY.load(Ordering::Relaxed))
        }
        /// Opens the file of the day as the library does, and says what it was then.
        struct Library(PathBuf);
        impl Write for Library {
            fn write(&mut self, text: &[u8]) -> io::Result<usize> {
                let file = self.0.join(format!("reelpress.{}.log", today()));
                let mut opened = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
                assert_eq!(opened.metadata()?.permissions().mode() & 0o777, 0o600);
                opened.write(text)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let day = DayFile { folder: path.clone(), begun: None };
        let mut log = ClosedToOthers { appender: Library(path), day, today };
        for day in [1, 1, 2] {
            DAY.store(day, Ordering::Relaxed);
            log.write_all(b"line\n").unwrap();
        }
        assert_eq!(std::fs::read(folder.path().join("reelpress.2026-01-01.log")).unwrap(), b"line\nline\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn the_library_writes_into_the_file_that_was_made_for_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let folders = AppFolders::under(folder.path());
        let (_, guard) = open_file(&folders).unwrap();
        drop(guard);
        let files = files(&folders).unwrap();
        // Two where midnight has come meanwhile.
        assert!((1..=2).contains(&files.len()), "{files:?}");
        for file in files {
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        }
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
