//! Access keys of stores in the keychain of the operating system, under names that the user chooses.
//!
//! Where there is no keychain, keys are held in the memory of this process alone: whoever starts it is asked each time.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use keyring::v1::{Entry, Error};
use serde::{Deserialize, Serialize};

use super::desktop_bus;
use crate::failure::{Failure, FailureKind};

/// Under which all keys of this program lie in the keychain.
const SERVICE: &str = "reelpress";

/// An access key and its secret. Written nowhere but into the keychain.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// The id, which is no secret.
    pub id: String,
    /// The secret.
    pub secret: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why the keychain can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeychainError {
    /// There is none, or it is locked.
    #[error("this system has no keychain that can be used")]
    Unavailable(String),
    /// It does not do what it was asked.
    #[error("the keychain refuses “{name}”: {detail}")]
    Refused {
        /// Name of the keys.
        name: String,
        /// What it says.
        detail: String,
    },
}

impl KeychainError {
    /// The same in words for the user, with what to do next.
    pub fn to_failure(&self) -> Failure {
        let (headline, hint) = match self {
            Self::Unavailable(_) => (
                "This system has no keychain that can be used".to_owned(),
                "Unlock the keychain of your desktop, or start one, such as gnome-keyring; without one, --credentials NAME in a \
                 terminal asks for the keys at each start, and --profile and AWS_ACCESS_KEY_ID work everywhere",
            ),
            Self::Refused { name, detail } => {
                (format!("The keychain refuses “{name}”: {detail}"), "Remove the keys and set them again")
            }
        };
        Failure::new(FailureKind::CredentialsRefused, headline, hint).with_detail(self.cause())
    }

    /// True when no keys can be had whatever their name.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// What went wrong in the words of the system; empty when the error says all.
    pub fn cause(&self) -> &str {
        match self {
            Self::Unavailable(cause) => cause,
            Self::Refused { .. } => "",
        }
    }

    /// The error and its cause in one line.
    pub fn with_cause(&self) -> String {
        match self.cause() {
            "" => self.to_string(),
            cause => format!("{self}: {cause}"),
        }
    }
}

/// Keys of this process.
static HELD: Mutex<BTreeMap<String, AccessKey>> = Mutex::new(BTreeMap::new());

/// What can be done with the system's keychain, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KeychainState {
    /// Keys can be kept, as far as it is known.
    #[default]
    Usable,
    /// It answers, but has no place yet where new keys are kept: the desktop may make one with the user's help.
    Empty,
    /// It answers, but kept nothing when that was last tried, as where nobody unlocked it.
    KeptNothing(
        /// What went wrong in the words of the system.
        String,
    ),
    /// There is none that can be used.
    Missing(
        /// What went wrong in the words of the system.
        String,
    ),
}

/// What was seen of the keychain so far.
#[derive(Debug, Default)]
struct Seen {
    /// Why nothing could be read when that was last tried.
    unreadable: Option<String>,
    /// Why nothing could be kept when that was last tried. A keychain may answer and keep nothing.
    keeps_nothing: Option<String>,
    is_empty: bool,
}

impl Seen {
    fn state(&self) -> KeychainState {
        match (&self.unreadable, &self.keeps_nothing) {
            (Some(cause), _) => KeychainState::Missing(cause.clone()),
            (None, Some(cause)) => KeychainState::KeptNothing(cause.clone()),
            (None, None) if self.is_empty => KeychainState::Empty,
            (None, None) => KeychainState::Usable,
        }
    }

    fn read<T>(&mut self, asked: &Result<T, KeychainError>) {
        self.unreadable = cause_of_absence(asked);
    }

    fn kept(&mut self, asked: &Result<(), KeychainError>) {
        self.keeps_nothing = cause_of_absence(asked);
        self.is_empty &= asked.is_err();
    }
}

fn cause_of_absence<T>(asked: &Result<T, KeychainError>) -> Option<String> {
    asked.as_ref().err().filter(|error| error.is_unavailable()).map(|error| error.cause().to_owned())
}

static SEEN: Mutex<Seen> = Mutex::new(Seen { unreadable: None, keeps_nothing: None, is_empty: false });

fn seen() -> MutexGuard<'static, Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of the system's keychain. Never waits.
pub fn state() -> KeychainState {
    seen().state()
}

/// Finds out whether the system has a keychain, by asking it for what nobody has put there, and whether that has a place
/// for keys. May wait for it; asks the user nothing.
pub fn look() {
    if read_kept("reelpress: is there a keychain").is_ok() {
        let is_empty = desktop_bus::keeps_no_secrets();
        seen().is_empty = is_empty;
    }
}

/// Keeps a key in the memory of this process until it ends.
pub fn hold(name: &str, key: AccessKey) {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), key);
}

/// Puts a key into the keychain, in place of another of the same name. May ask the user to unlock it.
///
/// # Errors
/// When there is no keychain or it refuses.
pub fn keep(name: &str, key: &AccessKey) -> Result<(), KeychainError> {
    let text = serde_json::to_string(key).map_err(|error| refused(name, &error))?;
    let kept = entry(name).and_then(|entry| entry.set_password(&text).map_err(|error| of_keychain(name, &error)));
    seen().kept(&kept);
    if kept.is_ok() {
        // What was held before would be read in place of it.
        HELD.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
    kept
}

/// The key of this name; `None` when there is none. May wait for the user to unlock the keychain; must not be called on
/// a thread of the runtime.
///
/// # Errors
/// When there is no keychain or it refuses.
pub fn read(name: &str) -> Result<Option<AccessKey>, KeychainError> {
    if let Some(key) = HELD.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Ok(Some(key.clone()));
    }
    read_kept(name)
}

fn read_kept(name: &str) -> Result<Option<AccessKey>, KeychainError> {
    let read = entry(name).and_then(|entry| match entry.get_password() {
        // The parser's words could repeat a part of the secret.
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|_| refused(name, &"it holds something else")),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(of_keychain(name, &error)),
    });
    seen().read(&read);
    read
}

/// Takes a key out of the keychain; false when there was none of this name.
///
/// # Errors
/// When there is no keychain or it refuses.
pub fn remove(name: &str) -> Result<bool, KeychainError> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    match entry(name)?.delete_credential() {
        Ok(()) => Ok(true),
        Err(Error::NoEntry) => Ok(false),
        Err(error) => Err(of_keychain(name, &error)),
    }
}

fn entry(name: &str) -> Result<Entry, KeychainError> {
    if cfg!(test) {
        return Err(KeychainError::Unavailable("unit tests leave it alone".to_owned()));
    }
    if let Err(error) = Entry::store_status() {
        return Err(KeychainError::Unavailable(error.to_string()));
    }
    Entry::new(SERVICE, name).map_err(|error| of_keychain(name, &error))
}

fn of_keychain(name: &str, error: &Error) -> KeychainError {
    match error {
        // Without a service of the desktop for secrets, connecting to it is what fails.
        Error::NoStorageAccess(reason) | Error::PlatformFailure(reason) => {
            KeychainError::Unavailable(reason.to_string())
        }
        // Its words hold what was read.
        Error::BadEncoding(_) | Error::BadDataFormat(..) => refused(name, &"it holds something else"),
        error => refused(name, error),
    }
}

fn refused(name: &str, detail: &dyn std::fmt::Display) -> KeychainError {
    KeychainError::Refused { name: name.to_owned(), detail: detail.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_a_keychain_is_told_from_one_that_refuses() {
        let none = of_keychain("films", &Error::PlatformFailure("zbus error: no such file".into()));
        assert!(none.is_unavailable() && !none.to_string().contains("zbus"), "{none}");
        assert!(none.with_cause().ends_with("zbus error: no such file"));
        assert!(!of_keychain("films", &Error::BadEncoding(Vec::new())).is_unavailable());
    }

    #[test]
    fn a_keychain_that_answers_and_keeps_nothing_is_told_from_none() {
        let mut seen = Seen::default();
        seen.read(&Ok(()));
        assert_eq!(seen.state(), KeychainState::Usable);
        seen.is_empty = true;
        assert_eq!(seen.state(), KeychainState::Empty);
        seen.kept(&Err(KeychainError::Unavailable("no prompt".to_owned())));
        seen.read(&Ok(()));
        assert_eq!(seen.state(), KeychainState::KeptNothing("no prompt".to_owned()));
        seen.kept(&Ok(()));
        assert_eq!(seen.state(), KeychainState::Usable);
        seen.read::<()>(&Err(KeychainError::Unavailable("no bus".to_owned())));
        assert_eq!(seen.state(), KeychainState::Missing("no bus".to_owned()));
        seen.read(&Ok(()));
        assert_eq!(seen.state(), KeychainState::Usable, "it was started meanwhile");
    }

    #[test]
    fn a_held_key_is_read_again_and_its_secret_is_never_printed() {
        let key = AccessKey { id: "the-id".to_owned(), secret: "the-secret".to_owned() };
        assert_eq!(format!("{key:?}"), "AccessKey { id: \"the-id\", .. }");
        hold("a test's own name", key.clone());
        assert_eq!(read("a test's own name"), Ok(Some(key)));
    }
}
