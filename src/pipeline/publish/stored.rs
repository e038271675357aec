//! Whether the store holds what was sent, asked once all is up.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{error::PublishError, s3::Bucket};

/// What is known of an object, by the store's answer to the request that wrote it, or by its list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// Size in bytes.
    pub(super) size: u64,
    /// Entity tag, where it was told.
    pub(super) entity_tag: Option<String>,
}

impl Stored {
    fn is(&self, other: &Self) -> bool {
        let tags = self.entity_tag.as_ref().zip(other.entity_tag.as_ref());
        self.size == other.size && tags.is_none_or(|(one, other)| one.trim_matches('"') == other.trim_matches('"'))
    }
}

/// What this run has put into the bucket, the last version of each object.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<HashMap<String, Stored>>);

impl Ledger {
    /// An object of this key was written, or was there already as it has to be.
    pub(super) fn note(&self, key: &str, size: u64, entity_tag: Option<String>) {
        self.entries().insert(key.to_owned(), Stored { size, entity_tag });
    }

    /// True for an object that this run has written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries().contains_key(key)
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, HashMap<String, Stored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compares size and entity tag of each with the store's list, which says both of a thousand objects in one answer.
    /// What seems wrong there is asked for by itself.
    ///
    /// # Errors
    /// When something is missing or other than it was sent, or the store can't be asked.
    pub(super) async fn compare(&self, bucket: &Bucket, prefix: &str) -> Result<(), PublishError> {
        let listed = bucket.listed_under(prefix).await?;
        let seems_wrong = |key: &str, sent: &Stored| {
            let path = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')).unwrap_or(key);
            !listed.get(path).is_some_and(|listed| listed.is(sent))
        };
        let doubtful: Vec<(String, Stored)> = self
            .entries()
            .iter()
            .filter(|(key, sent)| seems_wrong(key, sent))
            .map(|(key, sent)| (key.clone(), sent.clone()))
            .collect();
        let mut wrong = Vec::new();
        for (key, sent) in doubtful {
            if !bucket.head(&key).await?.is_some_and(|found| found.is(&sent)) {
                wrong.push(key);
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        wrong.sort();
        Err(PublishError::NotStored { place: bucket.place.clone(), keys: wrong })
    }
}
