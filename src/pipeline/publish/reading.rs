//! Reading what lies in a bucket, with the credentials of its owner.

use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;

use super::{
    error::{Action, PublishError},
    presign::Signer,
    s3::{self, Bucket},
};
use crate::job::S3Location;

/// How long the address of one object holds: longer than it takes to begin to read it.
const ADDRESS_HOLDS: Duration = Duration::from_secs(900);

/// Reads the objects of a bucket, private ones too.
#[derive(Debug)]
pub struct BucketReader {
    runtime: Handle,
    bucket: Bucket,
    signer: Signer,
}

/// What lies in one folder of a bucket.
#[derive(Debug, Default)]
pub struct Listing {
    /// Keys of the objects directly in it.
    pub keys: Vec<String>,
    /// Keys of the folders directly in it, without slashes at their ends.
    pub folders: Vec<String>,
}

impl BucketReader {
    /// Finds the credentials; asks nothing of the store yet. Must not be called on a thread of the runtime, as none of the
    /// rest.
    ///
    /// # Errors
    /// When the location makes no sense or no credentials are found.
    pub fn open(runtime: &Handle, location: &S3Location) -> Result<Self, PublishError> {
        let bucket = runtime.block_on(s3::first_contact(location, Bucket::open(location)))?;
        let signer = Signer::new(&bucket, ADDRESS_HOLDS)?;
        Ok(Self { runtime: runtime.clone(), bucket, signer })
    }

    /// The content of a small object; `None` when there is none of this key.
    ///
    /// # Errors
    /// When the store does not answer or refuses.
    pub fn text(&self, key: &str) -> Result<Option<Bytes>, PublishError> {
        self.runtime.block_on(self.bucket.text(key))
    }

    /// What lies in the folder of this key; in the bucket itself when it is empty.
    ///
    /// # Errors
    /// When the store does not answer or refuses.
    pub fn list(&self, folder: &str) -> Result<Listing, PublishError> {
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let listing = self.bucket.client.list_objects_v2().bucket(&self.bucket.name).prefix(below).delimiter("/");
        self.runtime.block_on(async {
            let mut pages = listing.into_paginator().send();
            let mut found = Listing::default();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| PublishError::of_store(&error, Action::List, &self.bucket.place))?;
                found.keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
                let folders = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
                found.folders.extend(folders.map(|folder| folder.trim_end_matches('/').to_owned()));
            }
            Ok(found)
        })
    }

    /// An address at which whoever has it can read this object for some minutes. It is a secret.
    ///
    /// # Errors
    /// When the credentials give no signature.
    pub fn signed_url(&self, key: &str) -> Result<String, PublishError> {
        self.runtime.block_on(self.signer.url(key))
    }
}
