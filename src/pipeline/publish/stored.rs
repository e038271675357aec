//! Whether the store holds what was sent, asked once all is up.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::task::JoinSet;

use super::{
    error::PublishError,
    object_headers::{Headers, ToldHeaders},
    s3::Bucket,
};

/// What is known of an object, by the store's answer to the request that wrote it, by its list, or by what it says of the
/// object alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Stored {
    /// Size in bytes.
    pub(super) size: u64,
    /// Entity tag, where it was told.
    pub(super) entity_tag: Option<String>,
    /// What it is delivered with; a list does not tell.
    pub(super) headers: Option<ToldHeaders>,
}

impl Stored {
    fn is(&self, other: &Self) -> bool {
        let tags = self.entity_tag.as_ref().zip(other.entity_tag.as_ref());
        self.size == other.size && tags.is_none_or(|(one, other)| one.trim_matches('"') == other.trim_matches('"'))
    }
}

/// What was put there.
#[derive(Debug, Clone)]
struct Sent {
    stored: Stored,
    headers: Headers,
    /// The store was asked for it by itself since then, and has it.
    is_confirmed: bool,
}

/// How an object is other than it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// There is none.
    Missing,
    /// Its size or its entity tag is another.
    Different,
}

/// Keys of objects that are not as they were sent.
pub(super) type AllWrong = BTreeMap<String, Wrong>;

/// What this run has put into the bucket, the last version of each object.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sent: HashMap<String, Sent>,
    /// Keys of what was sent once more.
    again: BTreeSet<String>,
    /// Keys of objects that are delivered otherwise than they were to be, with how.
    odd_headers: BTreeMap<String, String>,
    /// The store does not let these credentials ask for single objects.
    must_not_ask: bool,
}

impl Ledger {
    /// An object of this key was written.
    pub(super) fn note(&self, key: &str, (size, entity_tag): (u64, Option<String>), headers: &Headers) {
        let stored = Stored { size, entity_tag, headers: None };
        let sent = Sent { stored, headers: headers.clone(), is_confirmed: false };
        self.state().sent.insert(key.to_owned(), sent);
    }

    /// True for an object that this run has written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.state().sent.contains_key(key)
    }

    /// An object that has gone is sent again as if it had never been. False for one that was sent again already.
    pub(super) fn may_send_again(&self, key: &str) -> bool {
        let mut state = self.state();
        state.again.insert(key.to_owned()) && state.sent.remove(key).is_some()
    }

    /// Whether an object had gone, or was changed, and is sent again.
    pub(super) fn is_sent_again(&self, key: &str) -> bool {
        self.state().again.contains(key)
    }

    /// What is worth a word although all is there.
    pub(super) fn warnings(&self) -> Vec<String> {
        let state = self.state();
        let others = |count: usize| if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        let again = state.again.first().map(|key| {
            format!("The store had lost or changed {key}{}, which was sent again", others(state.again.len()))
        });
        let odd = state
            .odd_headers
            .first_key_value()
            .map(|(key, how)| format!("The store delivers {key}{} {how}", others(state.odd_headers.len())));
        let unasked = state.must_not_ask.then(|| {
            "What is up was compared by the store’s list alone, since these credentials may not read objects: allow \
             s3:GetObject to them"
                .to_owned()
        });
        [again, odd, unasked].into_iter().flatten().collect()
    }

    /// Asks the store for each of the objects of these keys by itself, `most` at a time, and compares the others with its
    /// list, which says size and entity tag of a thousand in one answer. What seems wrong there is asked for by itself too.
    ///
    /// # Errors
    /// When the store can't be asked.
    pub(super) async fn compare(
        &self,
        bucket: &Bucket,
        prefix: &str,
        (named, most): (&HashSet<String>, usize),
    ) -> Result<AllWrong, PublishError> {
        let mut wrong = AllWrong::new();
        self.ask_for_each(bucket, (named, most), &mut wrong).await?;
        let listed = bucket.listed_under(prefix).await?;
        let path_of = |key: &str| {
            let path = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
            path.unwrap_or(key).to_owned()
        };
        let seems_wrong =
            |key: &str, sent: &Sent| !listed.get(&path_of(key)).is_some_and(|listed| listed.is(&sent.stored));
        let doubtful: Vec<String> = {
            let state = self.state();
            let doubtful = state.sent.iter().filter(|(key, sent)| seems_wrong(key, sent));
            doubtful.map(|(key, _)| key.clone()).filter(|key| !wrong.contains_key(key)).collect()
        };
        for key in doubtful {
            let found = match bucket.head(&key).await {
                // The list has to do.
                Err(PublishError::PermissionDenied { .. }) => listed.get(&path_of(&key)).cloned(),
                found => found?,
            };
            wrong.extend(self.judge(&key, found).map(|how| (key, how)));
        }
        Ok(wrong)
    }

    /// Of what was asked for before and not written since, nothing is asked again.
    async fn ask_for_each(
        &self,
        bucket: &Bucket,
        (named, most): (&HashSet<String>, usize),
        wrong: &mut AllWrong,
    ) -> Result<(), PublishError> {
        let mut waiting: Vec<String> = {
            let state = self.state();
            let is_open = |(key, sent): &(&String, &Sent)| !sent.is_confirmed && named.contains(*key);
            let open = state.sent.iter().filter(|_| !state.must_not_ask).filter(is_open);
            open.map(|(key, _)| key.clone()).collect()
        };
        // Dropped with this future, which ends the requests under way.
        let mut running = JoinSet::new();
        loop {
            while running.len() < most
                && let Some(key) = waiting.pop()
            {
                let bucket = bucket.clone();
                running.spawn(async move { (bucket.head(&key).await, key) });
            }
            match running.join_next().await {
                Some(Ok((Ok(found), key))) => {
                    wrong.extend(self.judge(&key, found).map(|how| (key, how)));
                }
                // That is no answer about the object: the list has to do.
                Some(Ok((Err(PublishError::PermissionDenied { .. }), _))) => {
                    self.state().must_not_ask = true;
                    return Ok(());
                }
                Some(Ok((Err(error), _))) => return Err(error),
                Some(Err(error)) => return Err(PublishError::Internal { detail: error.to_string() }),
                None => return Ok(()),
            }
        }
    }

    /// Compares what the store says of an object with what was sent.
    fn judge(&self, key: &str, found: Option<Stored>) -> Option<Wrong> {
        let mut state = self.state();
        let sent = state.sent.get_mut(key)?;
        match found {
            None => Some(Wrong::Missing),
            Some(found) if !found.is(&sent.stored) => Some(Wrong::Different),
            Some(found) => {
                sent.is_confirmed = true;
                let odd = found.headers.and_then(|told| sent.headers.difference(&told));
                if let Some(odd) = odd {
                    state.odd_headers.insert(key.to_owned(), odd);
                }
                None
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
