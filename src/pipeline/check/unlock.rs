//! Reads what is encrypted.

use std::io::Cursor;

use super::{
    files::{Address, LARGEST_SEGMENT_BYTES, LARGEST_SMALL_FILE_BYTES, Opened},
    keys::KeyProblem,
    measure::Unmeasurable,
    playlist::{AES_128, Entry, KeyText, MapText},
    reading::Reader,
    rule::Rule,
    stream::Rendition,
};
use crate::tools::content_key::ContentKey;

/// How the methods begin that encrypt within samples: then only sizes can be measured.
const SAMPLE_AES: &str = "SAMPLE-AES";

impl Reader<'_> {
    /// The content of a segment as it is without encryption; `None` after it was written down why it can't be had.
    pub(super) fn unlock(&mut self, rendition: &Rendition, entry: &Entry, opened: Opened) -> Option<Opened> {
        let Some(key) = entry.key.and_then(|key| rendition.media.keys.get(key)) else { return Some(opened) };
        self.decrypt(&rendition.address, (key, entry.sequence), &entry.uri, opened)
    }

    /// Opens an init segment as it is without encryption; `None` without its key. A byte range counts the bytes of the clear
    /// file (rfc8216bis 6.3.6), so that all of it is decrypted.
    pub(super) fn open_map(
        &mut self,
        rendition: &Rendition,
        map: &MapText,
        address: &Address,
    ) -> Result<Option<Opened>, Unmeasurable> {
        let failed = |error: super::files::OpenError| Unmeasurable(error.to_string());
        let Some(key) = map.key.and_then(|key| rendition.media.keys.get(key)) else {
            return self.files.open(address, map.byte_range, LARGEST_SMALL_FILE_BYTES).map(Some).map_err(failed);
        };
        let opened = self.files.open(address, None, LARGEST_SEGMENT_BYTES).map_err(failed)?;
        let headers = opened.headers.clone();
        let Some(clear) = self.decrypt(&rendition.address, (key, 0), &map.uri, opened) else { return Ok(None) };
        let mut content = clear.into_bytes().map_err(failed)?;
        if let Some(range) = map.byte_range {
            let place = usize::try_from(range.offset).ok().zip(usize::try_from(range.end()).ok());
            let part = place.and_then(|(start, end)| content.get(start..end));
            content = part.ok_or_else(|| Unmeasurable(format!("has only {} bytes", content.len())))?.to_vec();
        }
        Ok(Some(Opened { headers, ..Opened::in_memory(content) }))
    }

    /// Gets all keys that a playlist names, those that encrypt nothing of what was read among them.
    pub(super) fn read_keys(&mut self, rendition: &mut Rendition) {
        let keys = rendition.media.keys.iter();
        rendition.keys =
            keys.map(|key| (key.method == AES_128).then(|| self.key(&rendition.address, key)).flatten()).collect();
    }

    /// A key; `None` after it was written down why it can't be had.
    fn key(&mut self, playlist: &Address, key: &KeyText) -> Option<ContentKey> {
        let (found, is_new) = self.keys.key(playlist, key);
        match found {
            Ok(found) => {
                if is_new {
                    self.ledger.kept(Rule::KeyAvailable);
                }
                Some(found)
            }
            Err(KeyProblem::Unavailable(reason)) if is_new => {
                self.ledger.broken(Rule::KeyAvailable, playlist, reason);
                None
            }
            Err(KeyProblem::Wrong(reason)) if is_new => {
                self.ledger.broken(Rule::Key, playlist, reason);
                None
            }
            Err(_) => None,
        }
    }

    fn decrypt(
        &mut self,
        playlist: &Address,
        (key, sequence): (&KeyText, u64),
        uri: &str,
        opened: Opened,
    ) -> Option<Opened> {
        if key.method != AES_128 && !key.method.starts_with(SAMPLE_AES) {
            // The rule on methods says so.
            return None;
        }
        let found = self.key(playlist, key)?;
        let vector = key.vector(sequence)?;
        let headers = opened.headers.clone();
        let content = opened.into_bytes().ok()?;
        let clear = found.decrypt(vector, content);
        let place = Address(format!("{playlist}: {uri}"));
        self.ledger.judge(Rule::Key, &place, clear.is_some(), || "can't be decrypted with its key".to_owned());
        let clear = clear?;
        Some(Opened { bytes: clear.len() as u64, content: Box::new(Cursor::new(clear)), headers, path: None })
    }
}
