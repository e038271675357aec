//! Sleep and shutdown of the machine.

use std::{process::Command, time::Duration};

use super::{cancel::CancelToken, child};
use crate::settings::PowerAction;

/// Environment variable with a program that is run in place of the system's, with the name of the action: for tests.
pub const FAKE_COMMAND_VARIABLE: &str = "REELPRESS_FAKE_POWER_COMMAND";
/// Environment variable with the seconds that may be used to keep the machine on while the fake is set: for tests.
pub const FAKE_NOTICE_VARIABLE: &str = "REELPRESS_FAKE_POWER_NOTICE";

/// How long a user may keep the machine on.
const NOTICE: Duration = Duration::from_secs(60);
/// The system answers before it sleeps.
const LIMIT: Duration = Duration::from_secs(30);

/// How long a user may keep the machine on after it was said that it will not stay on.
pub fn notice() -> Duration {
    let fake = std::env::var_os(FAKE_COMMAND_VARIABLE).and_then(|_| std::env::var(FAKE_NOTICE_VARIABLE).ok());
    fake.and_then(|seconds| seconds.parse().ok()).map_or(NOTICE, Duration::from_secs)
}

/// Lets the machine sleep, or shuts it down.
///
/// # Errors
/// In words, when the system refuses.
pub fn perform(action: PowerAction) -> Result<(), String> {
    let Some(command) = command(action) else { return Ok(()) };
    let output = child::run_to_end(command, LIMIT, &CancelToken::default()).map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

fn command(action: PowerAction) -> Option<Command> {
    if action == PowerAction::StayOn {
        return None;
    }
    if let Some(fake) = std::env::var_os(FAKE_COMMAND_VARIABLE) {
        let mut command = Command::new(fake);
        command.arg(action.id());
        return Some(command);
    }
    let (program, arguments): (&str, &[&str]) = match action {
        PowerAction::Sleep if cfg!(target_os = "macos") => ("pmset", &["sleepnow"]),
        PowerAction::ShutDown if cfg!(target_os = "macos") => {
            ("osascript", &["-e", "tell application \"System Events\" to shut down"])
        }
        PowerAction::Sleep if cfg!(windows) => ("rundll32.exe", &["powrprof.dll,SetSuspendState", "0,1,0"]),
        PowerAction::ShutDown if cfg!(windows) => ("shutdown", &["/s", "/t", "0"]),
        PowerAction::Sleep => ("systemctl", &["suspend"]),
        PowerAction::ShutDown | PowerAction::StayOn => ("systemctl", &["poweroff"]),
    };
    let mut command = Command::new(program);
    command.args(arguments);
    Some(command)
}
