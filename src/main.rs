//! The program `reelpress`: arguments in, an exit code out; everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use reelpress::cli::{self, Arguments};

fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => cli::run(arguments).into(),
        Err(help_or_error) => cli::explain(&help_or_error).into(),
    }
}
