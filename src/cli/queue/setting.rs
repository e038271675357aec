//! Settings of the queue that can be changed from the terminal.

use super::{Access, Refusal, tell_notices};
use crate::{
    cli::{Context, WhenDoneArguments, bad_usage},
    engine::Command,
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

/// `reelpress queue when-done`: changes what is done at the end of the queue, or tells what it is.
pub(super) fn when_done(context: &Context, access: &mut Access, asked: &WhenDoneArguments) -> Result<(), Refusal> {
    let mut when_done = access.snapshot()?.settings.when_done.clone();
    let old = when_done.clone();
    when_done.notifies = asked.notify.unwrap_or(when_done.notifies);
    when_done.plays_sound = asked.sound.unwrap_or(when_done.plays_sound);
    when_done.power = asked.then.unwrap_or(when_done.power);
    if let Some(command) = &asked.command {
        when_done.command = Some(command.trim().to_owned()).filter(|command| !command.is_empty());
    }
    if when_done != old {
        let command = Command::SetWhenDone { when_done: when_done.clone() };
        change(context, access, command, |settings| settings.when_done = when_done.clone())?;
    }
    let yes_or_no = |is_set: bool| if is_set { "yes" } else { "no" };
    context.output.data(&format!("notify   {}", yes_or_no(when_done.notifies)));
    context.output.data(&format!("sound    {}", yes_or_no(when_done.plays_sound)));
    context.output.data(&format!("command  {}", when_done.command.as_deref().unwrap_or("none")));
    context.output.data(&format!("then     {}", when_done.power.id()));
    Ok(())
}

/// `reelpress queue keep-on`.
pub(super) fn keep_on(context: &Context, access: &mut Access) -> Result<(), Refusal> {
    let was_planned = access.snapshot()?.planned_power_action.is_some();
    if let Err(failure) = access.ask(Command::KeepOn)
        && !was_planned
    {
        return Err(failure.into());
    }
    // A “queue run” that has nothing left to do ends when the machine is kept on, maybe before it has answered.
    context.output.say(if was_planned { "the machine stays on" } else { "nothing was planned: the machine stays on" });
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
    changed.map_err(|error| error.into_failure("").into())
}
