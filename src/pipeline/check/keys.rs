//! Keys of encrypted segments, and what is decrypted with them.

use std::{cell::OnceCell, collections::HashMap};

use super::{
    files::{Address, Files, OpenError, Web},
    playlist::{AES_128, KeyText},
};
use crate::tools::content_key::{ContentKey, KEY_BYTES, KeyError, KeyFiles};

/// No key server answers with more than an error page.
const LARGEST_ANSWER_BYTES: u64 = 1 << 16;
/// The format of keys that are 16 bytes (rfc8216bis 4.4.4.4).
const IDENTITY: &str = "identity";

/// Why a key can't be used, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyProblem {
    /// It is not for everybody, or not there: nothing can be said of what it encrypts.
    Unavailable(String),
    /// It is there and is none.
    Wrong(String),
}

/// The keys of a stream, each fetched once.
pub(super) struct KeyRing<'a> {
    files: &'a dyn Files,
    /// Keys that the user has.
    supply: Option<&'a KeyFiles>,
    web: OnceCell<Web>,
    known: HashMap<(String, u64), Result<ContentKey, KeyProblem>>,
}

impl<'a> KeyRing<'a> {
    pub(super) fn new(files: &'a dyn Files, supply: Option<&'a KeyFiles>) -> Self {
        Self { files, supply, web: OnceCell::new(), known: HashMap::new() }
    }

    /// The key that a playlist names. The second value is true when it was not asked for before.
    pub(super) fn key(&mut self, playlist: &Address, text: &KeyText) -> (Result<ContentKey, KeyProblem>, bool) {
        let uri = text.uri.clone().unwrap_or_default();
        let name =
            self.files.resolve(playlist, &uri).map_or_else(|_| format!("{playlist}: {uri}"), |address| address.0);
        let name = (name, if self.supply.is_some() { text.number } else { 0 });
        if let Some(known) = self.known.get(&name) {
            return (known.clone(), false);
        }
        let key = self.fetch(playlist, text);
        self.known.insert(name, key.clone());
        (key, true)
    }

    fn fetch(&self, playlist: &Address, text: &KeyText) -> Result<ContentKey, KeyProblem> {
        if text.method != AES_128 {
            let reason = format!("METHOD={} encrypts within samples, which can't be judged", text.method);
            return Err(KeyProblem::Unavailable(reason));
        }
        if let Some(files) = self.supply {
            return files.key_of_uri(text.number, text.uri.as_deref().unwrap_or_default()).map_err(
                |error| match error {
                    KeyError::WrongLength { .. } => KeyProblem::Wrong(error.to_string()),
                    error => KeyProblem::Unavailable(error.to_string()),
                },
            );
        }
        let unavailable = |reason: String| KeyProblem::Unavailable(format!("{reason}; give the key with --key"));
        if let Some(format) = text.format.as_ref().filter(|format| *format != IDENTITY) {
            return Err(KeyProblem::Unavailable(format!("keys of KEYFORMAT “{format}” are not known")));
        }
        let uri = text.uri.as_deref().unwrap_or_default();
        let is_on_web = uri.starts_with("https://") || uri.starts_with("http://");
        let opened = if is_on_web {
            self.web.get_or_init(Web::new).open(&Address(uri.to_owned()), None, LARGEST_ANSWER_BYTES)
        } else {
            match self.files.resolve(playlist, uri) {
                Ok(address) => self.files.open(&address, None, LARGEST_ANSWER_BYTES),
                Err(_) => Ok(self.files.open_key_outside(playlist, uri).map_err(unavailable)?),
            }
        };
        let bytes = opened.and_then(super::files::Opened::into_bytes).map_err(|error| match error {
            OpenError::TooLarge(_) => KeyProblem::Wrong(format!("the key at {uri} is no key: it {error}")),
            error => unavailable(format!("the key at {uri} {error}")),
        })?;
        ContentKey::of(&bytes).ok_or_else(|| {
            KeyProblem::Wrong(format!("the key at {uri} has {} bytes; a key has {KEY_BYTES}", bytes.len()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::check::files::Folder;

    #[test]
    fn keys_come_from_the_stream_or_from_the_user_and_are_sixteen_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for (name, length) in [("right", 16), ("wrong", 15), ("page", 70_000)] {
            std::fs::write(folder.path().join(name), vec![1; length]).unwrap();
        }
        let files = Folder::new(folder.path()).unwrap();
        let playlist = Address("720p/playlist.m3u8".to_owned());
        let text = |uri: &str, format: Option<&str>| KeyText {
            method: "AES-128".to_owned(),
            uri: Some(uri.to_owned()),
            iv: None,
            format: format.map(str::to_owned),
            number: 1,
        };
        let mut ring = KeyRing::new(&files, None);
        assert!(ring.key(&playlist, &text("../right", None)).0.is_ok());
        assert!(!ring.key(&playlist, &text("../right", Some("identity"))).1, "it is known");
        for wrong in ["../wrong", "../page"] {
            assert!(matches!(ring.key(&playlist, &text(wrong, None)).0, Err(KeyProblem::Wrong(_))), "{wrong}");
        }
        for away in ["../gone", "../../outside", "skd://key", "http://127.0.0.1:9/key", "file:///etc/hostname"] {
            assert!(matches!(ring.key(&playlist, &text(away, None)).0, Err(KeyProblem::Unavailable(_))), "{away}");
        }
        let within = KeyText { method: "SAMPLE-AES".to_owned(), ..text("../third", None) };
        assert!(matches!(ring.key(&playlist, &within).0, Err(KeyProblem::Unavailable(_))));
        let drm = ring.key(&playlist, &text("../other", Some("com.apple.streamingkeydelivery"))).0;
        assert!(matches!(drm, Err(KeyProblem::Unavailable(_))));
        let supply = KeyFiles::One(folder.path().join("right"));
        let mut ring = KeyRing::new(&files, Some(&supply));
        assert!(ring.key(&playlist, &text("skd://key", None)).0.is_ok());
    }
}
