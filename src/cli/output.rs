//! What goes where: data to standard output, everything else to standard error.

use std::{
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use indicatif::MultiProgress;
use serde::Serialize;

pub use crate::logging::Verbosity;

use crate::failure::Failure;

/// Standard output and standard error of one call.
#[derive(Debug)]
pub struct Output {
    /// How much is said.
    pub verbosity: Verbosity,
    /// The progress bars on standard error; all text goes around them.
    pub bars: MultiProgress,
    /// Nobody reads standard output any more, or it can't be written.
    reader_left: AtomicBool,
    /// Data is lost that somebody waits for.
    lost_data: AtomicBool,
}

impl Output {
    /// Output for a call.
    pub fn new(verbosity: Verbosity) -> Self {
        Self {
            verbosity,
            bars: MultiProgress::new(),
            reader_left: AtomicBool::new(false),
            lost_data: AtomicBool::new(false),
        }
    }

    /// True when bars can be drawn: standard error is a terminal and nobody asked for silence.
    pub fn shows_bars(&self) -> bool {
        self.verbosity > Verbosity::Quiet && io::stderr().is_terminal()
    }

    /// True when standard output could not be written although somebody reads it.
    pub fn has_lost_data(&self) -> bool {
        self.lost_data.load(Ordering::Relaxed)
    }

    /// Writes a line of data to standard output. When the reader has gone, as with `| head`, it is dropped silently.
    pub fn data(&self, line: &str) {
        // A program that reads it needs the names as they are.
        let line = if io::stdout().is_terminal() { harmless(line) } else { line.to_owned() };
        self.write_data(|stdout| writeln!(stdout, "{line}"));
    }

    /// Writes a value as one line of JSON to standard output.
    pub fn json(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(line) => self.data(&line),
            Err(error) => tracing::error!(%error, "a value can't be written as JSON"),
        }
    }

    /// Writes a value as JSON for people and programs to standard output.
    pub fn pretty_json(&self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.data(&text),
            Err(error) => tracing::error!(%error, "a value can't be written as JSON"),
        }
    }

    fn write_data(&self, write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>) {
        if self.reader_left.load(Ordering::Relaxed) {
            return;
        }
        let written = self.bars.suspend(|| {
            let mut stdout = io::stdout().lock();
            write(&mut stdout).and_then(|()| stdout.flush())
        });
        if let Err(error) = written {
            self.reader_left.store(true, Ordering::Relaxed);
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.lost_data.store(true, Ordering::Relaxed);
                self.say_always(&format!("reelpress: standard output can't be written: {error}"));
            }
        }
    }

    /// Says something to the user on standard error, unless they asked for silence.
    pub fn say(&self, line: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.say_always(line);
        }
    }

    /// Tells a failure on standard error; `subject` is the file or place that it is about, if the headline lacks it.
    pub fn failure(&self, subject: Option<&str>, failure: &Failure) {
        let subject = subject.map(|subject| format!("{subject}: ")).unwrap_or_default();
        let mut lines = vec![format!("reelpress: {subject}{}", failure.headline)];
        if !failure.hint.is_empty() {
            lines.push(format!("  {}", failure.hint));
        }
        if self.verbosity >= Verbosity::Verbose {
            lines.extend(failure.detail.lines().map(|line| format!("  | {line}")));
        }
        self.say_always(&lines.join("\n"));
    }

    /// Says something on standard error even if the user asked for silence.
    pub fn say_always(&self, line: &str) {
        // Nobody is left to tell when standard error is gone.
        self.bars.suspend(|| writeln!(io::stderr(), "{}", harmless(line))).ok();
    }
}

/// The text without what a terminal would obey: file names may hold escape sequences.
fn harmless(text: &str) -> String {
    text.replace(|letter: char| letter.is_control() && !matches!(letter, '\n' | '\t'), "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_nothing_to_obey() {
        assert_eq!(
            harmless("a\tb\nfilm\u{1b}]0;x\u{7}\u{9b}2J\r.mp4"),
            "a\tb\nfilm\u{fffd}]0;x\u{fffd}\u{fffd}2J\u{fffd}.mp4"
        );
    }
}
