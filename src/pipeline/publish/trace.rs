//! The note by which other programs see that a place is taken: what a first contact that comes to nothing leaves of it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{STOPPED_LIMIT, s3::Bucket};

/// A store may finish a request whose sender has gone; a small one that it has at all shows within this.
const LATE_ARRIVAL: Duration = Duration::from_millis(300);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The note that a first contact has sent last.
#[derive(Debug, Default)]
pub(super) struct Trace(Mutex<Option<Sent>>);

#[derive(Debug)]
struct Sent {
    bucket: Bucket,
    key: String,
    text: Bytes,
}

impl Trace {
    /// The note with this key and text may be in the bucket from now on.
    pub(super) fn sending(&self, bucket: &Bucket, key: &str, text: &Bytes) {
        let sent = Sent { bucket: bucket.clone(), key: key.to_owned(), text: text.clone() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
    }

    /// Removes the note, unless it is somebody else's, as far as the store answers soon.
    pub(super) async fn remove(&self) {
        let Some(sent) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        match tokio::time::timeout(STOPPED_LIMIT, sent.remove()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(key = sent.key, "a small object stays in the bucket: {error}"),
            Err(_) => tracing::warn!(key = sent.key, "a small object stays in the bucket: the store is too slow"),
        }
    }
}

impl Sent {
    async fn remove(&self) -> Result<(), super::PublishError> {
        let began = Instant::now();
        loop {
            match self.bucket.text(&self.key).await? {
                Some(found) if found == self.text => {
                    return self.bucket.delete_all(std::slice::from_ref(&self.key)).await;
                }
                Some(_) => return Ok(()),
                None if began.elapsed() >= LATE_ARRIVAL => return Ok(()),
                None => tokio::time::sleep(LOOK_INTERVAL).await,
            }
        }
    }
}
