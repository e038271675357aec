//! Large files in parts, several at a time, with none left behind when it ends early.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_sdk_s3::{
    config::Builder,
    error::ProvideErrorMetadata,
    primitives::DateTime,
    types::{CompletedMultipartUpload, CompletedPart},
};
use tokio::task::JoinSet;

use super::{
    error::{Action, PublishError},
    lanes::Lanes,
    object_headers::Headers,
    patience::until_answered,
    s3::{Bucket, attempt_limit},
    status::StatusBoard,
    unchanged::Known,
};

/// Files above this size go up in parts.
pub(super) const MULTIPART_THRESHOLD_BYTES: u64 = 16 << 20;
const PART_BYTES: u64 = 8 << 20;
/// The protocol allows no more.
const MOST_PARTS: u64 = 10_000;

/// A file on its way up in parts.
pub(super) struct MultipartFile<'a> {
    pub(super) bucket: &'a Bucket,
    /// Is told of each part that has arrived.
    pub(super) board: &'a Arc<StatusBoard>,
    /// Whose turn it is.
    pub(super) lanes: &'a Arc<Lanes>,
    pub(super) key: &'a str,
    pub(super) file: &'a Path,
    /// Size in bytes.
    pub(super) size: u64,
    /// Whether an unfinished upload of the same key is ours.
    pub(super) may_go_on: bool,
}

#[derive(Debug, Clone)]
struct Part {
    number: i32,
    offset: u64,
    length: u64,
}

impl MultipartFile<'_> {
    /// Uploads the file. `stopped` ends it early; the parts that are up are then dropped. Goes on with an upload of
    /// the same key that an earlier run has left, whose parts the store lists. Gives the object's entity tag.
    pub(super) async fn upload(
        &self,
        headers: Headers,
        stopped: impl Future<Output = ()>,
    ) -> Result<Option<String>, PublishError> {
        let mut stopped = std::pin::pin!(stopped);
        let (id, present) = tokio::select! {
            begun = until_answered(self.board, || self.go_on_or_begin(headers.clone())) => begun?,
            () = &mut stopped => return Err(PublishError::Cancelled),
        };
        let upload = async {
            let parts = self.upload_parts(&id, present).await?;
            until_answered(self.board, || self.complete(&id, parts.clone())).await
        };
        let result = tokio::select! {
            result = upload => result,
            () = &mut stopped => Err(PublishError::Cancelled),
        };
        if let Err(error) = &result {
            let abort = self.bucket.abort_multipart(self.key, &id);
            let limit = if error.is_cancelled() { super::STOPPED_LIMIT } else { Duration::MAX };
            if tokio::time::timeout(limit, abort).await.is_err() {
                tracing::warn!(key = self.key, "the unfinished upload stays: the store does not answer");
            }
        }
        result
    }

    /// The id of the upload, and the parts of it that are up.
    async fn go_on_or_begin(&self, headers: Headers) -> Result<(String, Vec<CompletedPart>), PublishError> {
        if self.may_go_on
            && let Some(id) = self.unfinished().await?
        {
            let present = self.parts_at_store(&id).await?;
            tracing::info!(key = self.key, parts = present.len(), "an upload in parts goes on");
            return Ok((id, present));
        }
        Ok((self.begin(headers).await?, Vec::new()))
    }

    async fn unfinished(&self) -> Result<Option<String>, PublishError> {
        let listed =
            self.bucket.client.list_multipart_uploads().bucket(&self.bucket.name).prefix(self.key).send().await;
        let listed = listed.map_err(|error| PublishError::of_store(&error, Action::List, &self.bucket.place))?;
        let ours = listed.uploads().iter().filter(|upload| upload.key() == Some(self.key));
        let newest = ours.max_by_key(|upload| upload.initiated().map(DateTime::as_nanos));
        Ok(newest.and_then(|upload| upload.upload_id()).map(str::to_owned))
    }

    /// The parts that the store has, of those whose size and checksum are the file's.
    async fn parts_at_store(&self, id: &str) -> Result<Vec<CompletedPart>, PublishError> {
        let listing = self.bucket.client.list_parts().bucket(&self.bucket.name).key(self.key).upload_id(id);
        let mut pages = listing.into_paginator().send();
        let mut present = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| PublishError::of_store(&error, Action::List, &self.bucket.place))?;
            for at_store in page.parts() {
                let planned = parts_of(self.size).into_iter().find(|part| Some(part.number) == at_store.part_number());
                let Some(planned) = planned.filter(|part| at_store.size() == i64::try_from(part.length).ok()) else {
                    continue;
                };
                let known = Known { crc32: at_store.checksum_crc32.clone(), entity_tag: at_store.e_tag.clone() };
                let part = CompletedPart::builder().part_number(planned.number).set_e_tag(known.entity_tag.clone());
                if let Some(crc32) = known.matches(self.file, planned.offset, planned.length).await {
                    self.board.arrived(0, planned.length);
                    let crc32 = Some(crc32).filter(|_| self.bucket.takes_checksums);
                    present.push(part.set_checksum_crc32(crc32).build());
                }
            }
        }
        Ok(present)
    }

    async fn begin(&self, headers: Headers) -> Result<String, PublishError> {
        let request = self.bucket.client.create_multipart_upload().bucket(&self.bucket.name).key(self.key);
        let started = headers
            .on_multipart(request)
            .set_checksum_algorithm(self.bucket.part_checksum())
            .send()
            .await
            .map_err(|error| PublishError::of_store(&error, Action::Write, &self.bucket.place))?;
        started.upload_id.ok_or_else(|| PublishError::Refused {
            action: Action::Write,
            place: self.bucket.place.clone(),
            detail: "the store gave no id for an upload in parts".to_owned(),
        })
    }

    async fn upload_parts(&self, id: &str, present: Vec<CompletedPart>) -> Result<Vec<CompletedPart>, PublishError> {
        let numbers: Vec<Option<i32>> = present.iter().map(CompletedPart::part_number).collect();
        let is_missing = move |part: &Part| !numbers.contains(&Some(part.number));
        let mut waiting = parts_of(self.size).into_iter().filter(is_missing);
        // Dropped with this future, which ends the requests under way.
        let mut running = JoinSet::new();
        let mut completed = present;
        loop {
            while running.len() < self.lanes.most_at_work()
                && let Some(part) = waiting.next()
            {
                let sender = PartSender {
                    bucket: self.bucket.clone(),
                    lanes: Arc::clone(self.lanes),
                    key: self.key.to_owned(),
                    file: self.file.to_owned(),
                    id: id.to_owned(),
                };
                let board = Arc::clone(self.board);
                running.spawn(async move { until_answered(&board, || sender.send_in_turn(&part)).await });
            }
            match running.join_next().await {
                Some(Ok(Ok((part, length)))) => {
                    self.board.arrived(length, length);
                    completed.push(part);
                }
                Some(Ok(Err(error))) => return Err(error),
                Some(Err(error)) => return Err(PublishError::Internal { detail: error.to_string() }),
                None => break,
            }
        }
        completed.sort_by_key(|part| part.part_number);
        Ok(completed)
    }

    async fn complete(&self, id: &str, parts: Vec<CompletedPart>) -> Result<Option<String>, PublishError> {
        let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let completed = self
            .bucket
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket.name)
            .key(self.key)
            .upload_id(id)
            .multipart_upload(upload)
            .customize()
            // A store may take its time to join many parts.
            .config_override(Builder::new().timeout_config(attempt_limit(self.bucket.transfer_limit(self.size / 64))))
            .send()
            .await
            .map_err(|error| PublishError::of_store(&error, Action::Write, &self.bucket.place));
        match completed {
            Ok(completed) => Ok(completed.e_tag),
            // A request whose answer was lost may have been carried out: then the object is there, whole, and the upload is
            // none any more. An older object may have the same size.
            Err(error) => match self.bucket.head(self.key).await {
                Ok(Some(found)) if found.size == self.size && self.is_over(id).await => Ok(found.entity_tag),
                _ => Err(error),
            },
        }
    }

    /// True when the store knows the upload no more, as after it was completed.
    async fn is_over(&self, id: &str) -> bool {
        let listing = self.bucket.client.list_parts().bucket(&self.bucket.name).key(self.key).upload_id(id);
        let error = listing.max_parts(1).send().await.err();
        error.as_ref().and_then(ProvideErrorMetadata::code) == Some("NoSuchUpload")
    }
}

impl Bucket {
    /// Drops the uploads in parts under `prefix/` that were begun at least `age` ago. Gives their number.
    pub(super) async fn abort_abandoned(&self, prefix: &str, age: Duration) -> Result<usize, PublishError> {
        let latest = DateTime::from(SystemTime::now() - age);
        self.abort_begun(prefix, |begun| begun.is_some_and(|begun| begun.as_nanos() <= latest.as_nanos())).await
    }

    /// Drops all uploads in parts under `prefix/`. A failure is logged only: what is left costs space, but no viewer can
    /// see it.
    pub(super) async fn abort_all(&self, prefix: &str) {
        if let Err(error) = self.abort_begun(prefix, |_| true).await {
            tracing::warn!(prefix, "unfinished uploads stay: {error}");
        }
    }

    async fn abort_begun(
        &self,
        prefix: &str,
        is_meant: impl Fn(Option<&DateTime>) -> bool,
    ) -> Result<usize, PublishError> {
        let below = format!("{prefix}/");
        let listed = self.client.list_multipart_uploads().bucket(&self.name).prefix(&below).send().await;
        let listed = listed.map_err(|error| PublishError::of_store(&error, Action::ListUploads, &self.place))?;
        let mut dropped = 0;
        for upload in listed.uploads().iter().filter(|upload| is_meant(upload.initiated())) {
            if let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) {
                self.abort_multipart(key, id).await;
                dropped += 1;
            }
        }
        Ok(dropped)
    }
}

struct PartSender {
    bucket: Bucket,
    lanes: Arc<Lanes>,
    key: String,
    file: PathBuf,
    id: String,
}

impl PartSender {
    async fn send_in_turn(&self, part: &Part) -> Result<(CompletedPart, u64), PublishError> {
        let lane = self.lanes.take(part.length).await;
        let sent = self.send(part).await;
        lane.ended(part.length, &sent);
        sent
    }

    async fn send(&self, part: &Part) -> Result<(CompletedPart, u64), PublishError> {
        let answer = self
            .bucket
            .client
            .upload_part()
            .bucket(&self.bucket.name)
            .key(&self.key)
            .upload_id(&self.id)
            .part_number(part.number)
            .set_checksum_algorithm(self.bucket.part_checksum())
            .body(self.bucket.file_body(&self.file, part.offset, part.length).await?)
            .customize()
            .config_override(Builder::new().timeout_config(attempt_limit(self.bucket.transfer_limit(part.length))))
            .send()
            .await
            .map_err(|error| PublishError::of_store(&error, Action::Write, &self.bucket.place))?;
        let completed = CompletedPart::builder()
            .part_number(part.number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .build();
        Ok((completed, part.length))
    }
}

/// Lengths of the parts of a file of this size in bytes.
pub(super) fn part_lengths(size: u64) -> impl Iterator<Item = u64> {
    parts_of(size).into_iter().map(|part| part.length)
}

fn parts_of(size: u64) -> Vec<Part> {
    let length = PART_BYTES.max(size.div_ceil(MOST_PARTS));
    let offsets = (0..size).step_by(usize::try_from(length).unwrap_or(usize::MAX));
    (1..).zip(offsets).map(|(number, offset)| Part { number, offset, length: length.min(size - offset) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_file_and_never_are_too_many() {
        for size in [MULTIPART_THRESHOLD_BYTES + 1, PART_BYTES * 3, 5 << 40] {
            let parts = parts_of(size);
            assert!(parts.len() as u64 <= MOST_PARTS);
            assert_eq!(parts[0].number, 1);
            assert_eq!(parts.iter().map(|part| part.length).sum::<u64>(), size);
            assert!(parts.windows(2).all(|pair| pair[0].offset + pair[0].length == pair[1].offset));
        }
    }
}
