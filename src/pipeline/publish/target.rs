//! Where the files of one stream go, and how each is sent.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    Present,
    conditional::Condition,
    error::{PublishError, causes},
    lanes::Lanes,
    multipart::{MULTIPART_THRESHOLD_BYTES, MultipartFile},
    object_headers::Headers,
    order::{Body, Upload},
    patience::until_answered,
    replace::Replacement,
    s3::Bucket,
    status::StatusBoard,
    stored::Ledger,
    unchanged,
};

/// Where the uploads of one stream go, and who is told of them.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) bucket: Bucket,
    /// The stream's folder on this machine.
    pub(super) folder: PathBuf,
    /// Key of the stream's folder in the bucket.
    pub(super) prefix: String,
    /// What an earlier run has put there.
    pub(super) present: Arc<Present>,
    /// Whether unfinished uploads in parts are those of an earlier run.
    pub(super) goes_on: bool,
    pub(super) board: Arc<StatusBoard>,
    /// What it replaces.
    pub(super) replacement: Option<Arc<Replacement>>,
    /// What was put there, to be compared at the end.
    pub(super) ledger: Arc<Ledger>,
    /// Whose turn it is.
    pub(super) lanes: Arc<Lanes>,
    /// True once all has to end.
    pub(super) stop: watch::Receiver<bool>,
}

impl Target {
    /// The key of a file: entry points keep theirs when a stream is replaced, all else gets a new one.
    pub(super) fn key(&self, path: &str, is_entry: bool) -> String {
        match &self.replacement {
            Some(replacement) if !is_entry => format!("{}/{}/{path}", self.prefix, replacement.revision),
            _ => format!("{}/{path}", self.prefix),
        }
    }

    /// Under what condition this run writes an entry point.
    fn condition(&self, path: &str, key: &str) -> Condition {
        if self.ledger.has(key) || self.present.contains_key(path) {
            return Condition::None;
        }
        match &self.replacement {
            Some(replacement) if replacement.was_there(path) => {
                replacement.tag_before(path).map_or(Condition::None, |tag| Condition::Unchanged(tag.to_owned()))
            }
            _ => Condition::Absent,
        }
    }

    /// Writes a multivariant playlist or manifest, which leads viewers to all else.
    async fn send_entry(&self, path: &str, key: &str, text: Bytes, headers: Headers) -> Result<(), PublishError> {
        let condition = self.condition(path, key);
        let text = match &self.replacement {
            Some(replacement) => {
                // From here on viewers may be at the new files.
                self.board.keep_all();
                replacement.entry_text(path, &text)
            }
            None => text,
        };
        let size = text.len() as u64;
        let put = || self.bucket.put_text_if(key, &text, headers.clone(), &condition);
        let entity_tag = self.unless_stopped(until_answered(&self.board, put)).await?;
        self.ledger.note(key, size, entity_tag);
        self.board.arrived(size, 0);
        Ok(())
    }

    /// Sends a file or a text.
    pub(super) async fn send(mut self, upload: Upload, is_entry: bool) -> Result<(), PublishError> {
        let key = self.key(&upload.path, is_entry);
        if !is_entry || self.replacement.is_none() {
            self.board.sending(&key);
        }
        let sound_only = matches!(upload.body, Body::File { sound_only: true, .. });
        let headers = Headers::of(&upload.path, sound_only, upload.growing, &self.bucket.location.objects);
        match upload.body {
            Body::Text(text) if is_entry => self.send_entry(&upload.path, &key, text, headers).await,
            Body::Text(text) => {
                let size = text.len() as u64;
                let put = || self.bucket.put_text(&key, text.clone(), headers.clone());
                let entity_tag = self.unless_stopped(until_answered(&self.board, put)).await?;
                self.ledger.note(&key, size, entity_tag);
                self.board.arrived(size, 0);
                Ok(())
            }
            Body::File { size, .. } => {
                let file = self.folder.join(&upload.path);
                if self.present.get(&upload.path) == Some(&size)
                    && let Some(entity_tag) = unchanged::holds(&self.bucket, &key, &file, size).await
                {
                    self.ledger.note(&key, size, entity_tag);
                    self.board.arrived(0, size);
                    return Ok(());
                }
                let result = self.send_file(&key, &file, size, headers).await;
                if matches!(result, Err(ref error) if !error.is_cancelled()) {
                    check_unchanged(&file, size).await?;
                }
                self.ledger.note(&key, size, result?);
                Ok(())
            }
        }
    }

    async fn send_file(
        &mut self,
        key: &str,
        file: &Path,
        size: u64,
        headers: Headers,
    ) -> Result<Option<String>, PublishError> {
        if size <= MULTIPART_THRESHOLD_BYTES {
            // A file that has changed or gone meanwhile would be asked for in vain for ever.
            let put = || async {
                check_unchanged(file, size).await?;
                let lane = self.lanes.take().await;
                let put = self.bucket.put_file(key, file, size, headers.clone()).await;
                lane.ended(size, &put);
                put
            };
            let entity_tag = self.unless_stopped(until_answered(&self.board, put)).await?;
            self.board.arrived(size, size);
            return Ok(entity_tag);
        }
        let (bucket, board, lanes) = (&self.bucket, &self.board, &self.lanes);
        let multipart = MultipartFile { bucket, board, lanes, key, file, size, may_go_on: self.goes_on };
        let mut stop = self.stop.clone();
        multipart.upload(headers, stopped(&mut stop)).await
    }

    /// Makes the request, unless all has to end before.
    pub(super) async fn unless_stopped<T>(
        &self,
        request: impl Future<Output = Result<T, PublishError>>,
    ) -> Result<T, PublishError> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stopped(&mut stop) => Err(PublishError::Cancelled),
            result = request => result,
        }
    }
}

/// Ends once all has to end.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it whoever wants the upload.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Size in bytes of a file that is to be sent.
pub(super) async fn size_of(file: &Path) -> Result<u64, PublishError> {
    match tokio::fs::metadata(file).await {
        Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
        Ok(_) => Err(PublishError::LocalFile { file: file.to_owned(), detail: "it is not a file".to_owned() }),
        Err(error) => Err(PublishError::LocalFile { file: file.to_owned(), detail: causes(&error) }),
    }
}

/// Tells a file that has vanished or changed under the upload from a fault of the network.
async fn check_unchanged(file: &Path, size: u64) -> Result<(), PublishError> {
    let now = size_of(file).await?;
    if now == size {
        return Ok(());
    }
    let detail = format!("its size changed from {size} to {now} bytes while it was sent");
    Err(PublishError::LocalFile { file: file.to_owned(), detail })
}
