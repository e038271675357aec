//! How the segments of a stream are encrypted, and where the keys are.

use std::{fmt, num::NonZeroU64, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use url::Url;

/// Field of a key URI that stands for the job's id.
const ID_FIELD: &str = "{id}";
/// Field of a key URI that stands for the number of the key, from 1.
const NUMBER_FIELD: &str = "{n}";

/// Folder of keys that lie in the stream's folder.
pub const KEYS_FOLDER: &str = "keys";

/// Encryption of whole segments with AES-128 (METHOD=AES-128 of rfc8216bis 4.4.4.4). Holds no key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// Where keys come from, and where players get them.
    pub keys: Keys,
    /// When another key takes over; never when not given.
    #[serde(default)]
    pub rotation: Option<KeyRotation>,
}

/// Where keys come from, and where players get them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// Each job makes its own, as `FOLDER/JOB-ID/1.key`, `2.key` and so on, for the user's key server.
    Made {
        /// What players ask for; may have `{id}` and `{n}`.
        uri: String,
        /// Where the keys are written: not in the output folder.
        #[serde(with = "crate::job::path_text")]
        folder: PathBuf,
    },
    /// One key for everything, in a file of 16 bytes that the user has.
    Given {
        /// What players ask for; may have `{id}`.
        uri: String,
        /// The key.
        #[serde(with = "crate::job::path_text")]
        file: PathBuf,
    },
    /// Each job makes its own and puts them into the stream's folder, so that whoever can read the stream can read them.
    BesideSegments,
}

/// When another key takes over, always at the border of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRotation {
    /// After this many segments.
    Segments(NonZeroU64),
    /// After this time, rounded to whole segments.
    Time(Duration),
}

impl fmt::Display for KeyRotation {
    /// As [`typed::key_rotation`](super::typed::key_rotation) reads it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segments(number) => write!(formatter, "{number}segments"),
            Self::Time(time) => write!(formatter, "{}s", time.as_secs()),
        }
    }
}

/// Why keys can't be used as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    /// The URI is none, or has a field that is not known.
    #[error("the key URI “{0}” is not a URI that players can ask for")]
    BadUri(String),
    /// Every job has its own key, and all would be found at the same place.
    #[error("the key URI “{0}” is the same for every stream, though each has a key of its own")]
    UriWithoutId(String),
    /// Several keys would be found at the same place.
    #[error("the key URI “{0}” is the same for every key, though they rotate")]
    UriWithoutNumber(String),
    /// A key that is given can't rotate.
    #[error("one given key can't rotate")]
    GivenKeyRotates,
    /// A key would hold for no time.
    #[error("a key holds for a second at least")]
    NoTime,
}

impl EncryptionError {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::BadUri(_) => "Give a URI with its scheme, such as https://keys.example.org/{id}/{n}.key",
            Self::UriWithoutId(_) => "Put {id} into the key URI, or give the key in a file",
            Self::UriWithoutNumber(_) => "Put {n} into the key URI, or leave the rotation out",
            Self::GivenKeyRotates => "Let keys be made by giving a key folder, or leave the rotation out",
            Self::NoTime => "Give a longer time, such as 5min",
        }
    }
}

impl Encryption {
    /// Whether this can be done at all, whatever the source is.
    ///
    /// # Errors
    /// What contradicts what.
    pub fn check(&self) -> Result<(), EncryptionError> {
        if let Some(KeyRotation::Time(time)) = self.rotation
            && time < Duration::from_secs(1)
        {
            return Err(EncryptionError::NoTime);
        }
        match &self.keys {
            Keys::Made { uri, .. } => {
                check_uri(uri)?;
                if !uri.contains(ID_FIELD) {
                    return Err(EncryptionError::UriWithoutId(uri.clone()));
                }
                if self.rotation.is_some() && !uri.contains(NUMBER_FIELD) {
                    return Err(EncryptionError::UriWithoutNumber(uri.clone()));
                }
                Ok(())
            }
            Keys::Given { .. } if self.rotation.is_some() => Err(EncryptionError::GivenKeyRotates),
            Keys::Given { uri, .. } => check_uri(uri),
            Keys::BesideSegments => Ok(()),
        }
    }
}

/// The URI of a key, from its template.
pub fn key_uri(template: &str, id: &str, number: u64) -> String {
    template.replace(ID_FIELD, id).replace(NUMBER_FIELD, &number.to_string())
}

/// A quoted string has no quotes and no line ends (rfc8216bis 4.2), and a relative URI would mean the stream's folder.
fn check_uri(template: &str) -> Result<(), EncryptionError> {
    let example = key_uri(template, "0", 1);
    let is_plain = example.chars().all(|letter| letter.is_ascii_graphic() && !r#"<>"\^`{|}"#.contains(letter));
    let has_scheme = Url::parse(&example).is_ok_and(|url| !matches!(url.scheme(), "file" | "data"));
    if is_plain && has_scheme { Ok(()) } else { Err(EncryptionError::BadUri(template.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(uri: &str, rotation: Option<KeyRotation>) -> Result<(), EncryptionError> {
        Encryption { keys: Keys::Made { uri: uri.to_owned(), folder: "/keys".into() }, rotation }.check()
    }

    #[test]
    fn a_key_uri_leads_to_one_key_alone() {
        let rotation = NonZeroU64::new(10).map(KeyRotation::Segments);
        assert_eq!(made("https://keys.example.org/{id}/{n}.key", rotation), Ok(()));
        assert_eq!(made("acme-keys://{id}?n={n}", rotation), Ok(()));
        assert_eq!(made("https://keys.example.org/{id}", None), Ok(()));
        let uri = || "https://keys.example.org/{id}".to_owned();
        assert_eq!(made(&uri(), rotation), Err(EncryptionError::UriWithoutNumber(uri())));
        assert!(matches!(made("https://keys.example.org/{n}", None), Err(EncryptionError::UriWithoutId(_))));
        for bad in ["", "{id}", "keys/{id}", "/keys/{id}", "file:///{id}", "https://k/{id}/{name}", "https://k/ {id}\""]
        {
            assert!(matches!(made(bad, None), Err(EncryptionError::BadUri(_))), "{bad}");
        }
        let given = |rotation| Encryption {
            keys: Keys::Given { uri: "https://k/one".to_owned(), file: "/key".into() },
            rotation,
        };
        assert_eq!(given(None).check(), Ok(()));
        assert_eq!(given(rotation).check(), Err(EncryptionError::GivenKeyRotates));
        let instant = Some(KeyRotation::Time(Duration::from_millis(20)));
        assert_eq!(made("https://k/{id}/{n}", instant), Err(EncryptionError::NoTime));
    }

    #[test]
    fn the_fields_of_a_uri_are_filled_in() {
        assert_eq!(key_uri("https://k/{id}/{n}.key", "7f", 12), "https://k/7f/12.key");
    }
}
