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
    dropped::DroppedHere,
    error::PublishError,
    intact::Look,
    lanes::Lanes,
    multipart::{MULTIPART_THRESHOLD_BYTES, MultipartFile},
    object_headers::Headers,
    order::{Body, Upload},
    patience::until_answered,
    replace::Replacement,
    s3::Bucket,
    status::StatusBoard,
    stored::Ledger,
    unchanged::{self, Content},
};
use crate::tools::disk;

/// Where the uploads of one stream go, and who is told of them.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) bucket: Bucket,
    /// The stream's folder on this machine.
    pub(super) folder: PathBuf,
    /// Of which files only the boxes are left there.
    pub(super) dropped: Option<DroppedHere>,
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
        // One that the store has lost: what it was to replace is gone too.
        if self.ledger.is_sent_again(key) {
            return Condition::Absent;
        }
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
        if self.replacement.is_none() && self.is_there((path, key), Content::Text(text.clone()), &headers).await {
            return Ok(());
        }
        self.put_entry(path, key, text, headers).await
    }

    async fn put_entry(&self, path: &str, key: &str, text: Bytes, headers: Headers) -> Result<(), PublishError> {
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
        self.ledger.note(key, (size, entity_tag), &headers);
        self.board.arrived(size, 0);
        Ok(())
    }

    /// Whether an earlier run has put the very same there, which has these headers now at the latest.
    async fn is_there(&self, (path, key): (&str, &str), content: Content, headers: &Headers) -> bool {
        let size = content.size();
        if self.present.get(path) != Some(&size) {
            return false;
        }
        let held = unchanged::holds(&self.bucket, key, content, headers).await;
        if let Some(entity_tag) = &held {
            self.ledger.note(key, (size, entity_tag.clone()), headers);
        }
        held.is_some()
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
            Body::Text(text) if is_entry && upload.growing => self.put_entry(&upload.path, &key, text, headers).await,
            Body::Text(text) if is_entry => self.send_entry(&upload.path, &key, text, headers).await,
            Body::Text(text) => {
                let same = Content::Text(text.clone());
                if !upload.growing && self.is_there((&upload.path, &key), same, &headers).await {
                    return Ok(());
                }
                let size = text.len() as u64;
                let put = || self.bucket.put_text(&key, text.clone(), headers.clone());
                let entity_tag = self.unless_stopped(until_answered(&self.board, put)).await?;
                self.ledger.note(&key, (size, entity_tag), &headers);
                self.board.arrived(size, 0);
                Ok(())
            }
            Body::File { size, .. } => {
                let file = self.folder.join(&upload.path);
                if let Some(dropped) = &self.dropped
                    && let Some(segment) = dropped.get(&upload.path)
                {
                    let ask = || self.has_dropped((key.as_str(), upload.path.as_str()), (dropped, &segment));
                    let entity_tag = self.unless_stopped(until_answered(&self.board, ask)).await?;
                    self.ledger.note(&key, (size, entity_tag), &headers);
                    self.board.arrived(0, size);
                    return Ok(());
                }
                let same = Content::File(file.clone(), size);
                if self.is_there((&upload.path, &key), same, &headers).await {
                    self.board.arrived(0, size);
                    return Ok(());
                }
                if self.dropped.is_some() && has_hole(&file).await {
                    let detail = "a part of it was given back to the disk".to_owned();
                    return Err(PublishError::LocalFile { file, detail });
                }
                let look = Look::at(&file).await?.with_size(size);
                let result = self.send_file(&key, &file, look, headers.clone()).await;
                if !matches!(result, Err(ref error) if error.is_cancelled()) {
                    look.check(&file).await?;
                }
                self.ledger.note(&key, (size, result?), &headers);
                Ok(())
            }
        }
    }

    async fn send_file(
        &mut self,
        key: &str,
        file: &Path,
        look: Look,
        headers: Headers,
    ) -> Result<Option<String>, PublishError> {
        let size = look.size;
        if size <= MULTIPART_THRESHOLD_BYTES {
            // A file that has changed or gone meanwhile would be asked for in vain for ever.
            let put = || async {
                look.check(file).await?;
                let lane = self.lanes.take(size).await;
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

/// Whether there are zeros in place of what was written.
async fn has_hole(file: &Path) -> bool {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || disk::has_hole(&file)).await.is_ok_and(|looked| looked.unwrap_or(false))
}
