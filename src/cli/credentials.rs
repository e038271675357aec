//! `reelpress credentials`: access keys in the system's keychain, and asking for those that it does not have.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, IsTerminal, Write},
};

use console::Term;

use super::{Context, CredentialsArguments, Outcome, args::CredentialsAction, queue::Access};
use crate::{
    engine::{Command, Job},
    failure::{Failure, FailureKind},
    job::S3Location,
    tools::keychain::{self, AccessKey},
};

pub(super) fn run(context: &Context, arguments: &CredentialsArguments) -> Outcome {
    let done = match &arguments.action {
        CredentialsAction::Set { name } => set(name).map(|()| {
            begin_waiting_jobs(context, name);
            format!("the keys “{name}” are in the keychain")
        }),
        CredentialsAction::Remove { name } => match keychain::remove(name) {
            Ok(true) => Ok(format!("the keys “{name}” are out of the keychain")),
            Ok(false) => Ok(format!("the keychain has no keys “{name}”")),
            Err(error) => Err(error.to_failure()),
        },
    };
    match done {
        Ok(words) => {
            context.output.say(&words);
            Outcome::AllDone
        }
        Err(failure) => {
            context.output.failure(None, &failure);
            Outcome::of(&failure)
        }
    }
}

fn set(name: &str) -> Result<(), Failure> {
    let key = asked(name).map_err(|error| {
        let hint = "Type the id of the access key and then its secret, or pipe them in, a line each";
        Failure::new(FailureKind::InvalidRequest, format!("No keys were given: {error}"), hint)
    })?;
    keychain::keep(name, &key).map_err(|error| error.to_failure())
}

/// Begins the jobs of the process that works the queue off, if one does, that wait for these keys.
fn begin_waiting_jobs(context: &Context, name: &str) {
    let Some(mut owner) = Access::of_owner(context) else { return };
    let Ok(queue) = owner.snapshot() else { return };
    let names = |job: &Job| job.spec.destination.buckets().any(|place| place.credentials.as_deref() == Some(name));
    for job in queue.jobs.iter().filter(|job| job.waits_for_keys() && names(job)) {
        if let Err(failure) = owner.ask(Command::Retry { id: job.id }) {
            context.output.failure(None, &failure);
        }
    }
}

/// Whether somebody can be asked in the terminal.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks whoever sits at the terminal for the keys that these places name and the keychain does not give. They are held
/// until the program ends. Without a terminal nothing is asked; the upload says then what is missing.
pub(super) fn ask_for_missing<'a>(context: &Context, places: impl Iterator<Item = &'a S3Location>) {
    if !can_ask() {
        return;
    }
    let names: BTreeSet<&str> = places.filter_map(|place| place.credentials.as_deref()).collect();
    for name in names {
        if matches!(keychain::read(name), Ok(Some(_))) {
            continue;
        }
        match asked(name) {
            Ok(key) => keychain::hold(name, key),
            Err(error) => context.output.say(&format!("no keys “{name}” were given: {error}")),
        }
    }
}

/// Reads a key from the terminal, where the secret is not shown, or from two lines of standard input.
fn asked(name: &str) -> io::Result<AccessKey> {
    let is_typed = io::stdin().is_terminal();
    if is_typed {
        write!(io::stderr(), "Access key id of “{name}”: ")?;
    }
    let id = line()?;
    let secret = if is_typed {
        write!(io::stderr(), "Its secret (not shown): ")?;
        Term::stderr().read_secure_line()?.trim().to_owned()
    } else {
        line()?
    };
    if id.is_empty() || secret.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "an empty line"));
    }
    Ok(AccessKey { id, secret })
}

fn line() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().read_line(&mut text)?;
    Ok(text.trim().to_owned())
}
