//! Access keys of stores in the keychain of the operating system, under names that the user chooses.
//!
//! Where there is no keychain, keys are held in the memory of this process alone: whoever starts it is asked each time.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use keyring::v1::{Entry, Error};
use serde::{Deserialize, Serialize};

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

/// Whether there was no keychain that could be used when one was last asked.
static IS_MISSING: AtomicBool = AtomicBool::new(false);

/// Whether the system is known to have no keychain that can be used. Never waits.
pub fn is_missing() -> bool {
    IS_MISSING.load(Ordering::Relaxed)
}

/// Finds out whether the system has a keychain, by asking it for what nobody has put there. May wait for it.
pub fn look() {
    let _ = read_kept("reelpress: is there a keychain");
}

/// Notes whether there was a keychain to ask.
fn noted<T>(asked: Result<T, KeychainError>) -> Result<T, KeychainError> {
    let is_missing = asked.as_ref().is_err_and(KeychainError::is_unavailable);
    IS_MISSING.store(is_missing, Ordering::Relaxed);
    asked
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
    noted(entry(name).and_then(|entry| entry.set_password(&text).map_err(|error| of_keychain(name, &error))))
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
    noted(entry(name).and_then(|entry| match entry.get_password() {
        // The parser's words could repeat a part of the secret.
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|_| refused(name, &"it holds something else")),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(of_keychain(name, &error)),
    }))
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
    fn a_held_key_is_read_again_and_its_secret_is_never_printed() {
        let key = AccessKey { id: "the-id".to_owned(), secret: "the-secret".to_owned() };
        assert_eq!(format!("{key:?}"), "AccessKey { id: \"the-id\", .. }");
        hold("a test's own name", key.clone());
        assert_eq!(read("a test's own name"), Ok(Some(key)));
    }
}
