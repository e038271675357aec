//! What can be typed after `reelpress queue`.

use std::path::PathBuf;

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use jiff::{Timestamp, civil::Time};

use super::args::{EncodeArguments, SideBySide, side_by_side, start_time};
use crate::{
    job::{Priority, schedule::typed_time_of_day},
    settings::PowerAction,
};

/// Work with the queue that the window shows
///
/// Where a window or “reelpress queue run” has the queue open, it does what is asked; else the saved queue is changed, and
/// nothing starts. Jobs are named by the id that “queue list” shows, or by a part of the file's name that no other has.
#[derive(Debug, Args)]
pub struct QueueArguments {
    /// What to do with it.
    #[command(subcommand)]
    pub command: QueueCommand,
}

/// What to do with the queue.
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// List all jobs in their order
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Put videos at the end of the queue, to become streams; “reelpress convert --queue” and “reelpress thumbnails --queue”
    /// put files and pictures there
    Add(Box<QueueAddArguments>),
    /// Work the queue off here, or follow the window that does, until nothing waits
    Run {
        /// Number of videos that are encoded side by side; auto: by their size and the machine's cores
        #[arg(long, value_name = "N|auto", value_parser = side_by_side)]
        jobs: Option<SideBySide>,
        /// What the machine does a minute after the end, this time: stay-on, sleep or shut-down
        #[arg(long, value_name = "WHAT", value_parser = power_action())]
        then: Option<PowerAction>,
        /// Tell what happens as one JSON event a line on standard output; “reelpress encode --help” documents them
        #[arg(long)]
        json: bool,
    },
    /// Finish the jobs at work and start no more; with jobs, hold these where they are
    Pause {
        /// Running jobs to hold
        #[arg(value_name = "JOB")]
        jobs: Vec<String>,
        /// Finish the jobs at work first, which is the default
        #[arg(long, conflicts_with_all = ["now", "jobs"])]
        after_current: bool,
        /// Hold the jobs at work as well
        #[arg(long, conflicts_with = "jobs")]
        now: bool,
    },
    /// Start jobs again, and let all that are held go on; with jobs, let these go on
    Resume {
        /// Held jobs
        #[arg(value_name = "JOB")]
        jobs: Vec<String>,
    },
    /// Stop waiting or running jobs
    Cancel {
        /// Which
        #[arg(value_name = "JOB", required = true)]
        jobs: Vec<String>,
    },
    /// Put failed or cancelled jobs back into the queue
    Retry {
        /// Which
        #[arg(value_name = "JOB", required_unless_present = "failed")]
        jobs: Vec<String>,
        /// All that failed
        #[arg(long, conflicts_with = "jobs")]
        failed: bool,
    },
    /// Take jobs off the list; finished files stay, what an interrupted job has encoded is deleted
    Remove {
        /// Which
        #[arg(value_name = "JOB", required = true)]
        jobs: Vec<String>,
    },
    /// Give a job another place in the order
    Move {
        /// Which
        #[arg(value_name = "JOB")]
        job: String,
        /// Where to
        #[command(flatten)]
        place: MovePlace,
    },
    /// Make jobs more or less urgent: of those that wait, the highest priority starts first
    Priority {
        /// From 0 to 100; jobs begin with 50
        #[arg(value_name = "NUMBER", value_parser = priority)]
        priority: Priority,
        /// Which
        #[arg(value_name = "JOB", required = true)]
        jobs: Vec<String>,
    },
    /// Start jobs as soon as there is a place, whatever their time and the working hours say; with --at, at that time
    Start {
        /// Which
        #[arg(value_name = "JOB", required = true)]
        jobs: Vec<String>,
        /// Start at this time: HH:MM, or with the date as 2026-11-21T22:00:00+01:00
        #[arg(long, value_name = "TIME", value_parser = start_time)]
        at: Option<Timestamp>,
    },
    /// Start jobs in this part of each day only; without times, tell which it is
    Hours {
        /// Where it begins, as HH:MM
        #[arg(value_name = "FROM", value_parser = typed_time_of_day, requires = "to")]
        from: Option<Time>,
        /// Where it ends; before FROM when it lasts over midnight
        #[arg(value_name = "TO", value_parser = typed_time_of_day)]
        to: Option<Time>,
        /// Start jobs at any time
        #[arg(long, conflicts_with = "from")]
        any: bool,
    },
    /// Say what is done when the queue has nothing left to do; without flags, tell what it is
    WhenDone(WhenDoneArguments),
    /// Keep the machine on that is about to sleep or to be shut down
    KeepOn,
    /// Take all finished jobs off the list; their files stay
    Clear {
        /// Failed and cancelled ones as well
        #[arg(long)]
        failed: bool,
        /// All that wait as well, but none of which something is encoded
        #[arg(long)]
        all: bool,
    },
    /// List the jobs that have ended, also those that were taken off the list, the newest first
    History {
        /// Only those with this in their source, preset, destination or failure
        #[arg(value_name = "TEXT", default_value = "")]
        text: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Put jobs that have ended into the queue once more, as new ones
    Again {
        /// Which, of those in the list and in the history
        #[arg(value_name = "JOB", required = true)]
        jobs: Vec<String>,
    },
    /// Write all that is known of a job into a JSON file, without secrets, to report a problem
    Report {
        /// Which, of those in the list and in the history
        #[arg(value_name = "JOB")]
        job: String,
        /// The file, or - for standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace the file if it is there
        #[arg(long)]
        overwrite: bool,
    },
    /// Write the jobs that are still to be done into a file
    Export {
        /// The file, or - for standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace the file if it is there
        #[arg(long)]
        overwrite: bool,
        /// Also those that are done, have failed or were cancelled
        #[arg(long)]
        all: bool,
    },
    /// Put the jobs of an exported file that were still to be done at the end of the queue
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Do those once more that had ended
        #[arg(long)]
        all: bool,
    },
}

/// Put videos at the end of the queue
#[derive(Debug, Args)]
pub struct QueueAddArguments {
    /// How urgent they are, from 0 to 100 [default: 50]
    #[arg(long, value_name = "NUMBER", value_parser = priority)]
    pub priority: Option<Priority>,
    /// What is encoded, and how.
    #[command(flatten)]
    pub encode: EncodeArguments,
}

/// Where a job is moved to.
#[derive(Debug, Clone, Copy, Args)]
#[group(required = true, multiple = false)]
pub struct MovePlace {
    /// Before all that wait
    #[arg(long)]
    pub top: bool,
    /// After all others
    #[arg(long)]
    pub bottom: bool,
    /// To this line of the list, from 1
    #[arg(long, value_name = "LINE", value_parser = clap::value_parser!(u32).range(1..))]
    pub to: Option<u32>,
}

pub(super) fn priority(text: &str) -> Result<Priority, &'static str> {
    text.trim().parse().ok().and_then(Priority::new).ok_or("give a number from 0 to 100")
}

/// What is done when the queue has nothing left to do.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct WhenDoneArguments {
    /// Show a notification of the desktop: yes or no
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no, num_args = 0..=1, default_missing_value = "yes")]
    pub notify: Option<bool>,
    /// Play a short sound: yes or no
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no, num_args = 0..=1, default_missing_value = "yes")]
    pub sound: Option<bool>,
    /// Run this command in the shell, with the numbers of jobs in REELPRESS_DONE and REELPRESS_FAILED; empty for none
    #[arg(long, value_name = "COMMAND")]
    pub command: Option<String>,
    /// What the machine does a minute later: stay-on, sleep or shut-down
    #[arg(long, value_name = "WHAT", value_parser = power_action())]
    pub then: Option<PowerAction>,
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("give yes or no"),
    }
}

fn power_action() -> impl TypedValueParser<Value = PowerAction> {
    let ids = PossibleValuesParser::new(PowerAction::ALL.map(PowerAction::id));
    ids.try_map(|id| PowerAction::of_id(&id).ok_or("give stay-on, sleep or shut-down"))
}
