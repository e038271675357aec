//! Keys that jobs need: those that no keychain gives are asked for, and jobs that had failed without them begin again.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    app::ReelpressApp,
    desktop::DesktopAnswer,
    dialogs::keys::KeysForm,
    view_state::{Dialog, NoticeMessage},
};
use crate::{
    engine::{Command, Job, Snapshot},
    failure::FailureKind,
    job::{JobId, JobState, S3Location},
    tools::keychain::{self, AccessKey, KeychainError},
};

/// Keys that no keychain gives, or that a store refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingKeys {
    /// Their name.
    pub name: String,
    /// Why others are needed.
    pub why: NeedOfKeys,
}

/// Why keys are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NeedOfKeys {
    /// Nobody has given them; why, in words that follow a colon.
    Missing(String),
    /// They were given, and refused.
    Refused {
        /// What the store has said.
        failure: String,
        /// The jobs that somebody tries again.
        jobs: Vec<JobId>,
    },
}

impl ReelpressApp {
    /// Finds out, off the UI thread, whether the system has a keychain, before the user is offered one.
    pub(super) fn look_for_keychain(&self) {
        self.desktop.run("keychain", || {
            keychain::look();
            Some(DesktopAnswer::KeychainLookedFor)
        });
    }

    /// Looks whether the keys are there that new files and the jobs of the queue need.
    pub(super) fn look_for_all_keys(&self) {
        let settings = &self.snapshot.settings;
        let new_files = settings.destination();
        let jobs = self.snapshot.jobs.iter().filter(|job| is_to_be_done(job));
        let names = names(new_files.buckets().chain(jobs.flat_map(|job| job.spec.destination.buckets())));
        self.look_for_keys(names);
    }

    /// Looks whether a job waits or has failed because its keys are missing.
    pub(super) fn look_for_keys_of(&self, id: JobId) {
        if let Some(job) = self.snapshot.job(id) {
            self.look_for_keys(names(job.spec.destination.buckets()));
        }
    }

    /// Who tries a job again may be asked for its keys again.
    pub(super) fn ask_again_for_keys_of(&mut self, id: JobId) {
        if let Some(job) = self.snapshot.job(id) {
            let names = names(job.spec.destination.buckets());
            self.view.asked_keys.retain(|asked| !names.contains(asked));
        }
    }

    /// Tries a job again; where a store has refused its keys, others are asked for first.
    pub(super) fn retry_by_hand(&mut self, id: JobId) {
        self.ask_again_for_keys_of(id);
        let Some((name, failure)) = self.snapshot.job(id).and_then(|job| refused_keys(job)) else {
            return self.send(Command::Retry { id });
        };
        let earlier = self.view.missing_keys.iter_mut().find(|asked| asked.name == name);
        if let Some(MissingKeys { why: NeedOfKeys::Refused { jobs, .. }, .. }) = earlier {
            jobs.push(id);
        } else {
            let why = NeedOfKeys::Refused { failure, jobs: vec![id] };
            self.view.missing_keys.push(MissingKeys { name, why });
        }
    }

    /// Tries all jobs again that have failed; where stores have refused their keys, others are asked for first.
    pub(super) fn retry_failed_by_hand(&mut self) {
        let failed: Vec<Arc<Job>> =
            self.snapshot.jobs.iter().filter(|job| matches!(job.state, JobState::Failed { .. })).cloned().collect();
        if failed.iter().all(|job| refused_keys(job).is_none()) {
            return self.send(Command::RetryFailed);
        }
        failed.iter().for_each(|job| self.retry_by_hand(job.id));
    }

    fn look_for_keys(&self, names: BTreeSet<String>) {
        let names: Vec<String> = names.into_iter().filter(|name| !self.view.asked_keys.contains(name)).collect();
        if !names.is_empty() {
            self.desktop.run("keychain", move || {
                let missing = names.into_iter().filter_map(missing).collect::<Vec<_>>();
                (!missing.is_empty()).then_some(DesktopAnswer::KeysMissing(missing))
            });
        }
    }

    /// Asks for the first of the keys that are missing, when nothing else is asked.
    pub(super) fn ask_for_keys(&mut self) {
        if self.view.dialog.is_some() || self.view.missing_keys.is_empty() {
            return;
        }
        let asked = self.view.missing_keys.remove(0);
        // Asked once: who does not give them now can set them in the settings, or try the job again.
        let is_new = self.view.asked_keys.insert(asked.name.clone());
        if is_new || matches!(asked.why, NeedOfKeys::Refused { .. }) {
            self.view.dialog = Some(Dialog::Keys(KeysForm::asking(asked)));
        }
    }

    /// Keeps or holds keys, off the UI thread: a keychain may ask to be unlocked.
    pub(super) fn use_keys(&self, name: String, key: AccessKey, in_keychain: bool) {
        self.desktop.run("keychain", move || {
            let kept = if in_keychain { keychain::keep(&name, &key) } else { Ok(()) };
            let is_kept = in_keychain && kept.is_ok();
            match kept {
                Err(error @ KeychainError::Refused { .. }) => return Some(DesktopAnswer::Failed(error.to_failure())),
                Err(KeychainError::Unavailable(_)) | Ok(()) if !is_kept => keychain::hold(&name, key),
                _ => {}
            }
            Some(DesktopAnswer::KeysUsed { name, is_kept })
        });
    }

    /// Takes keys out of the keychain, off the UI thread.
    pub(super) fn remove_keys(&self, name: String) {
        self.desktop.run("keychain", move || {
            Some(match keychain::remove(&name) {
                Ok(true) => DesktopAnswer::Told(format!("The keys “{name}” are out of the keychain")),
                Ok(false) => DesktopAnswer::Told(format!("The keychain has no keys “{name}”")),
                Err(error) => DesktopAnswer::Failed(error.to_failure()),
            })
        });
    }

    /// Says where the keys are, and begins the jobs again that had failed without them.
    pub(super) fn keys_used(&mut self, name: &str, is_kept: bool) {
        let words = if is_kept {
            format!("The keys “{name}” are in the keychain")
        } else {
            format!("The keys “{name}” hold until Reelpress ends")
        };
        self.view.notify(NoticeMessage::Text(words));
        self.view.missing_keys.retain(|missing| missing.name != name);
        for id in failed_without(&self.snapshot, name) {
            self.send(Command::Retry { id });
        }
    }
}

/// The keys of this name, when they can't be read.
fn missing(name: String) -> Option<MissingKeys> {
    let why = match keychain::read(&name) {
        Ok(Some(_)) => return None,
        Ok(None) => "the keychain has none of this name".to_owned(),
        Err(error) => error.to_string(),
    };
    Some(MissingKeys { name, why: NeedOfKeys::Missing(why) })
}

fn names<'a>(places: impl Iterator<Item = &'a S3Location>) -> BTreeSet<String> {
    places.filter_map(|place| place.credentials.clone()).collect()
}

fn is_to_be_done(job: &Job) -> bool {
    !matches!(job.state, JobState::Done { .. } | JobState::Cancelled | JobState::Failed { .. })
}

/// The named keys of a job that failed because a store refused them, and what it said. Of several the failure tells the
/// bucket.
fn refused_keys(job: &Job) -> Option<(String, String)> {
    let JobState::Failed { failure } = &job.state else { return None };
    if failure.kind != FailureKind::CredentialsRefused {
        return None;
    }
    let named = || job.spec.destination.buckets().filter(|place| place.credentials.is_some());
    let place = named().find(|place| failure.headline.contains(&place.bucket)).or_else(|| named().next())?;
    Some((place.credentials.clone()?, failure.headline.clone()))
}

/// Jobs that go to a place of these keys and wait for them, or were refused for their keys.
fn failed_without(snapshot: &Snapshot, name: &str) -> Vec<JobId> {
    let is_refused = |job: &Job| matches!(&job.state, JobState::Failed { failure } if failure.kind == FailureKind::CredentialsRefused);
    let needs = |job: &Job| job.spec.destination.buckets().any(|place| place.credentials.as_deref() == Some(name));
    let lacks = |job: &Job| job.waits_for_keys() || is_refused(job);
    snapshot.jobs.iter().filter(|job| lacks(job) && needs(job)).map(|job| job.id).collect()
}
