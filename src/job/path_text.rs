//! Paths as text in JSON, whatever bytes they have: a name that is not Unicode must not cost a queue its journal.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use serde::{Deserialize, Deserializer, Serializer};

/// No path has a NUL in it: what follows one is percent-encoded.
const MARK: char = '\0';
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// Writes a path; for `#[serde(with = "path_text")]`.
///
/// # Errors
/// When the serializer fails.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(path))
}

/// Reads a path.
///
/// # Errors
/// When it is no text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    String::deserialize(deserializer).map(path)
}

/// The same for a path that may be missing.
pub mod optional {
    use super::{Deserialize, Deserializer, PathBuf, Serializer};

    /// Writes a path or null.
    ///
    /// # Errors
    /// When the serializer fails.
    pub fn serialize<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        match path {
            Some(path) => serializer.serialize_some(&super::text(path)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a path or null.
    ///
    /// # Errors
    /// When it is neither.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(super::path))
    }
}

/// The same for several paths.
pub mod list {
    use super::{Deserialize, Deserializer, PathBuf, Serializer};

    /// Writes paths.
    ///
    /// # Errors
    /// When the serializer fails.
    pub fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| super::text(path)))
    }

    /// Reads paths.
    ///
    /// # Errors
    /// When they are no list of texts.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
        Ok(Vec::<String>::deserialize(deserializer)?.into_iter().map(super::path).collect())
    }
}

fn text(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => format!("{MARK}{}", percent_encode(path.as_os_str().as_encoded_bytes(), ESCAPED)),
    }
}

fn path(text: String) -> PathBuf {
    match text.strip_prefix(MARK) {
        Some(escaped) => from_bytes(percent_decode_str(escaped).collect()),
        None => text.into(),
    }
}

#[cfg(unix)]
fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    let name: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(bytes);
    name.into()
}

/// Elsewhere a name that is not Unicode can't be made of bytes; what can be read of it says which file was meant.
#[cfg(not(unix))]
fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use serde::Serialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(with = "super")]
        path: PathBuf,
        #[serde(with = "super::optional")]
        other: Option<PathBuf>,
    }

    #[test]
    fn every_path_comes_back_and_ordinary_ones_stay_readable() {
        for bytes in [&b"/a/film.mp4"[..], b"/a/50%.mp4", b"/a/bad\xff%41.mp4", "/a/Müller\n.mp4".as_bytes()] {
            let path = PathBuf::from(OsStr::from_bytes(bytes));
            let holder = Holder { path: path.clone(), other: Some(path) };
            let json = serde_json::to_string(&holder).unwrap();
            assert_eq!(serde_json::from_str::<Holder>(&json).unwrap(), holder, "{json}");
        }
        let plain = Holder { path: "/a/film.mp4".into(), other: None };
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"path":"/a/film.mp4","other":null}"#);
    }
}
