//! Flags of commands that can put their jobs into the queue.

use clap::Args;
use jiff::Timestamp;

use super::start_time;
use crate::{
    cli::queue_args::priority,
    job::{Priority, Schedule},
};

/// Whether jobs go into the queue, and how.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct QueueingArguments {
    /// Put it at the end of the queue that the window and “reelpress queue” show, instead of doing it here and now
    #[arg(long, help_heading = "Queue")]
    pub queue: bool,
    /// With --queue: how urgent it is, from 0 to 100 [default: 50]
    #[arg(long, value_name = "NUMBER", value_parser = priority, requires = "queue", help_heading = "Queue")]
    pub priority: Option<Priority>,
    /// With --queue: start at this time: HH:MM, or with the date as 2026-11-21T22:00:00+01:00
    #[arg(long, value_name = "TIME", value_parser = start_time, requires = "queue", help_heading = "Queue")]
    pub start_at: Option<Timestamp>,
}

impl QueueingArguments {
    /// When jobs start.
    pub fn schedule(&self) -> Schedule {
        let standard = Schedule::default();
        Schedule { priority: self.priority.unwrap_or(standard.priority), start_at: self.start_at, ..standard }
    }
}
