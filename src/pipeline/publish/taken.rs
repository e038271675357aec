//! Which names are taken in a bucket.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::{
    error::{Action, PublishError},
    replace::CLAIM_END,
    s3::Bucket,
};

const LISTS_AT_A_TIME: usize = 16;

/// Names under which something lies.
#[derive(Debug, Default)]
pub(super) struct TakenNames {
    /// Under these lies more than a note.
    pub(super) taken: BTreeSet<String>,
    /// Under these lies nothing but the note of a program, which may have been killed right after it wrote it.
    pub(super) noted: BTreeSet<String>,
}

/// What lies in a folder.
enum Held {
    Nothing,
    Note,
    Objects,
}

impl Bucket {
    /// Of `start`, `start-2` and so on those directly under the prefix that have objects below them.
    ///
    /// # Errors
    /// When the store can't be asked.
    pub(super) async fn taken_names(&self, start: &str) -> Result<TakenNames, PublishError> {
        let key = self.key(start)?;
        let mut pages =
            self.client.list_objects_v2().bucket(&self.name).prefix(&key).delimiter("/").into_paginator().send();
        let mut names = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| PublishError::of_store(&error, Action::List, &self.place))?;
            let folders = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
            let listed = folders.filter_map(|folder| folder.trim_end_matches('/').rsplit('/').next());
            names.extend(listed.filter(|name| is_numbered(name, start)).map(str::to_owned));
        }
        self.that_hold_objects(names).await
    }

    /// Those of these folders under the prefix that hold objects: some stores (SeaweedFS) still list a folder after all
    /// below it was deleted.
    async fn that_hold_objects(&self, names: BTreeSet<String>) -> Result<TakenNames, PublishError> {
        let mut waiting = names.into_iter();
        let mut looking = JoinSet::new();
        let mut holding = TakenNames::default();
        loop {
            while looking.len() < LISTS_AT_A_TIME
                && let Some(name) = waiting.next()
            {
                let (bucket, folder) = (self.clone(), self.key(&name)?);
                looking.spawn(async move { bucket.held(&folder).await.map(|held| (held, name)) });
            }
            let Some(looked) = looking.join_next().await else { return Ok(holding) };
            match looked.map_err(|error| PublishError::Internal { detail: error.to_string() })?? {
                (Held::Nothing, _) => false,
                (Held::Note, name) => holding.noted.insert(name),
                (Held::Objects, name) => holding.taken.insert(name),
            };
        }
    }

    async fn held(&self, folder: &str) -> Result<Held, PublishError> {
        let listing = self.client.list_objects_v2().bucket(&self.name).prefix(format!("{folder}/")).max_keys(2);
        let note = format!("{folder}{CLAIM_END}");
        let mut held = Held::Nothing;
        let mut pages = listing.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| PublishError::of_store(&error, Action::List, &self.place))?;
            for object in page.contents() {
                if object.key() != Some(&note) {
                    return Ok(Held::Objects);
                }
                held = Held::Note;
            }
        }
        Ok(held)
    }
}

/// True for `start` and for `start-N`.
fn is_numbered(name: &str, start: &str) -> bool {
    let is_number = |end: &str| {
        end.strip_prefix('-').is_some_and(|digits| digits.bytes().all(|character| character.is_ascii_digit()))
    };
    name.strip_prefix(start).is_some_and(|end| end.is_empty() || is_number(end))
}
