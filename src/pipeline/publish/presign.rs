//! Addresses at which anyone can read a private bucket for a while.
//!
//! The names in a playlist are not signed with it, so that an HLS stream needs playlists of its own for this: beside each
//! one lies another, `….signed.m3u8`, in which every name is a presigned address. A DASH player puts the names of
//! segments together itself and can't sign them.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_s3::{Client, config::ResponseChecksumValidation, presigning::PresigningConfig};
use jiff::Timestamp;

use super::{
    error::{PublishError, causes},
    headers::FileKind,
    object_headers::Headers,
    playlist::{resolve, with_uris},
    reach::time_of_store,
    s3::Bucket,
    target::Target,
};
use crate::format;

/// How the key of a signed playlist ends.
pub(super) const SIGNED_END: &str = ".signed.m3u8";

/// Clocks that are no further apart count as one: answers take their time, and stores allow for more.
const CLOCKS_AGREE: Duration = Duration::from_secs(60);

/// The addresses of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Presigned {
    /// By path in the stream; a playlist has that of its signed form.
    pub(super) urls: BTreeMap<String, String>,
    /// What the user should know of them.
    pub(super) warnings: Vec<String>,
}

/// Signs addresses for reading the objects of a bucket.
#[derive(Debug)]
pub(super) struct Signer {
    client: Client,
    bucket: String,
    configuration: PresigningConfig,
}

impl Signer {
    /// Signs addresses that hold so long from now on.
    pub(super) fn new(bucket: &Bucket, holds: Duration) -> Result<Self, PublishError> {
        Self::from(bucket, Timestamp::now(), holds)
    }

    /// Signs addresses that hold so long from this time on.
    fn from(bucket: &Bucket, start: Timestamp, holds: Duration) -> Result<Self, PublishError> {
        let internal = |error: &dyn std::error::Error| PublishError::Internal { detail: error.to_string() };
        let configuration = PresigningConfig::builder().start_time(start.into()).expires_in(holds).build();
        let configuration = configuration.map_err(|error| internal(&error))?;
        // A player knows no header that would ask for checksums, and could not send what was signed with it.
        let client = bucket.client.config().to_builder();
        let client = client.response_checksum_validation(ResponseChecksumValidation::WhenRequired).build();
        Ok(Self { client: Client::from_conf(client), bucket: bucket.name.clone(), configuration })
    }

    pub(super) async fn url(&self, key: &str) -> Result<String, PublishError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let signed = request.presigned(self.configuration.clone()).await;
        let signed = signed.map_err(|error| PublishError::Internal { detail: causes(&error) })?;
        Ok(signed.uri().to_owned())
    }
}

/// The time at which something is signed.
#[derive(Debug, PartialEq, Eq)]
struct Clock {
    now: Timestamp,
    /// What the user should know of this computer's clock.
    difference: Option<String>,
}

impl Clock {
    /// That of the store, where this computer's is another.
    fn of(here: Timestamp, store: Option<Timestamp>) -> Self {
        let Some(store) = store.filter(|store| store.duration_since(here).unsigned_abs() > CLOCKS_AGREE) else {
            return Self { now: here, difference: None };
        };
        let apart = format::clock(store.duration_since(here).unsigned_abs());
        let is = if store > here { "behind" } else { "ahead of" };
        let difference = format!("This computer's clock is {apart} {is} the store's, by which it was signed: set it");
        Self { now: store, difference: Some(difference) }
    }
}

impl Target {
    /// Signs the addresses of these files, each with whether it is an entry point, and writes the signed playlists.
    ///
    /// # Errors
    /// When nothing can be signed, a playlist can't be read here, or not be written there.
    pub(super) async fn presign(&self, files: &[(String, bool)], holds: Duration) -> Result<Presigned, PublishError> {
        let clock = self.clock().await?;
        let signer = Signer::from(&self.bucket, clock.now, holds)?;
        let end = self.end_of(clock.now, holds);
        let warnings = std::iter::once(end).chain(clock.difference).collect();
        let mut presigned = Presigned { warnings, ..Presigned::default() };
        for (path, is_entry) in files {
            match FileKind::of(path) {
                FileKind::Manifest => presigned.warnings.push(format!(
                    "{path} has no presigned address: DASH players make up the names of segments themselves and can't \
                     sign them"
                )),
                FileKind::Playlist => {
                    presigned.urls.insert(path.clone(), signer.url(&self.signed_key(path)).await?);
                }
                _ => {
                    presigned.urls.insert(path.clone(), signer.url(&self.key(path, *is_entry)).await?);
                }
            }
        }
        for (path, _) in files.iter().filter(|(path, _)| FileKind::of(path) == FileKind::Playlist) {
            self.write_signed(path, &presigned).await?;
        }
        Ok(presigned)
    }

    /// Where the signed form of a playlist lies: never under a key that stays when a stream is replaced.
    fn signed_key(&self, playlist: &str) -> String {
        let start = playlist.rsplit_once('.').map_or(playlist, |(start, _)| start);
        self.key(&format!("{start}{SIGNED_END}"), false)
    }

    async fn write_signed(&self, path: &str, presigned: &Presigned) -> Result<(), PublishError> {
        let file = self.folder.join(path);
        let text = tokio::fs::read_to_string(&file).await;
        let text = text.map_err(|error| PublishError::LocalFile { file, detail: causes(&error) })?;
        let signed = with_uris(&text, |uri| presigned.urls.get(&resolve(path, uri)?).cloned());
        let key = self.signed_key(path);
        self.board.sending(&key);
        let size = signed.len() as u64;
        let headers = Headers::of(path, false, false, &self.bucket.location.objects);
        let entity_tag = self.bucket.put_text(&key, signed.into(), headers.clone()).await?;
        self.ledger.note(&key, (size, entity_tag), &headers);
        Ok(())
    }

    /// The time by which the store judges what is signed. The store itself is asked: what stands before it may answer from
    /// a cache, with the time of then.
    async fn clock(&self) -> Result<Clock, PublishError> {
        let mut url = Signer::new(&self.bucket, CLOCKS_AGREE)?.url(&self.prefix).await?;
        // It is to be answered whatever the signature is worth.
        url.truncate(url.find('?').unwrap_or(url.len()));
        let told = tokio::task::spawn_blocking(move || time_of_store(&url)).await;
        Ok(Clock::of(Timestamp::now(), told.ok().flatten()))
    }

    /// When the addresses end: with the credentials that sign them, if these end sooner.
    fn end_of(&self, now: Timestamp, holds: Duration) -> String {
        let end = now.checked_add(holds).unwrap_or(now);
        let credentials_end = self.bucket.credentials_end.and_then(|end| Timestamp::try_from(end).ok());
        let words = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        match credentials_end.filter(|credentials_end| *credentials_end < end) {
            Some(sooner) => format!(
                "The presigned addresses end at {}, with the credentials that signed them, and not at {}: sign with a \
                 permanent access key to have them for longer",
                words(sooner),
                words(end)
            ),
            None => format!("The presigned addresses end at {}", words(end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_holds_by_the_clock_of_the_store() {
        let here: Timestamp = "2026-11-23T06:00:00Z".parse().unwrap();
        for store in [None, Some("2026-11-23T06:00:40Z"), Some("2026-11-23T05:59:10Z")] {
            let clock = Clock::of(here, store.map(|store| store.parse().unwrap()));
            assert_eq!(clock, Clock { now: here, difference: None });
        }
        for (store, words) in
            [("2026-11-23T08:00:00Z", "02:00:00 behind"), ("2026-11-23T05:30:00Z", "00:30:00 ahead of")]
        {
            let store = store.parse().unwrap();
            let clock = Clock::of(here, Some(store));
            assert!(clock.now == store && clock.difference.unwrap().contains(words), "{words}");
        }
    }
}
