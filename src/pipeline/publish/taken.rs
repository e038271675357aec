//! Which names are taken in a bucket.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::{
    error::{Action, PublishError},
    s3::Bucket,
};

const LISTS_AT_A_TIME: usize = 16;

impl Bucket {
    /// Of `start`, `start-2` and so on those directly under the prefix that have objects below them.
    pub(super) async fn taken_names(&self, start: &str) -> Result<BTreeSet<String>, PublishError> {
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
    async fn that_hold_objects(&self, names: BTreeSet<String>) -> Result<BTreeSet<String>, PublishError> {
        let mut waiting = names.into_iter();
        let mut looking = JoinSet::new();
        let mut holding = BTreeSet::new();
        loop {
            while looking.len() < LISTS_AT_A_TIME
                && let Some(name) = waiting.next()
            {
                let (bucket, below) = (self.clone(), format!("{}/", self.key(&name)?));
                looking.spawn(async move { bucket.holds_object(&below).await.map(|holds| holds.then_some(name)) });
            }
            let Some(looked) = looking.join_next().await else { return Ok(holding) };
            holding.extend(looked.map_err(|error| PublishError::Internal { detail: error.to_string() })??);
        }
    }

    /// Whether there is an object whose key begins with `below`.
    async fn holds_object(&self, below: &str) -> Result<bool, PublishError> {
        let listing = self.client.list_objects_v2().bucket(&self.name).prefix(below).max_keys(1);
        let mut pages = listing.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| PublishError::of_store(&error, Action::List, &self.place))?;
            if !page.contents().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// True for `start` and for `start-N`.
fn is_numbered(name: &str, start: &str) -> bool {
    let is_number = |end: &str| {
        end.strip_prefix('-').is_some_and(|digits| digits.bytes().all(|character| character.is_ascii_digit()))
    };
    name.strip_prefix(start).is_some_and(|end| end.is_empty() || is_number(end))
}
