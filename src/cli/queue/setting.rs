//! Settings of the queue that can be changed from the terminal.

use super::{Access, Refusal, tell_notices};
use crate::{
    cli::{Context, bad_usage},
    engine::Command,
    failure::{Failure, FailureKind},
    job::WorkingHours,
    settings::Settings,
};

/// `reelpress queue hours`: sets the working hours (`any` drops them), or tells them when nothing is asked.
pub(super) fn hours(
    context: &Context,
    access: &mut Access,
    asked: Option<WorkingHours>,
    any: bool,
) -> Result<(), Refusal> {
    if asked.is_some_and(|hours| hours.from == hours.to) {
        let words = "The hours begin and end at the same time";
        return Err(Refusal::usage(bad_usage(words, "Give two times, or --any")));
    }
    let hours = match asked {
        None if !any => access.snapshot()?.settings.working_hours,
        hours => {
            change(context, access, Command::SetWorkingHours { hours }, |settings| settings.working_hours = hours)?;
            hours
        }
    };
    match hours {
        Some(hours) => context.output.data(&format!("jobs start from {hours}")),
        None => context.output.data("jobs start at any time"),
    }
    Ok(())
}

/// Has the owner of the queue change its settings. Where this process owns the queue, the saved settings are changed:
/// those that hold in this call have what its arguments and environment say.
fn change(
    context: &Context,
    access: &mut Access,
    command: Command,
    change: impl FnOnce(&mut Settings),
) -> Result<(), Refusal> {
    if let Access::Owner(_) = access {
        let answer = access.ask(command)?;
        tell_notices(context, &answer);
        return Ok(());
    }
    let file = context.folders.settings_file();
    let changed = Settings::load(&file).and_then(|mut settings| {
        change(&mut settings);
        settings.save(&file)
    });
    changed.map_err(|error| {
        let hint = "Make the folder writable, or correct the file";
        Failure::new(FailureKind::OutputNotWritable, error.to_string(), hint).into()
    })
}
