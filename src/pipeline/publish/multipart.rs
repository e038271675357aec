//! Large files in parts, several at a time, with none left behind when it ends early.

use std::path::{Path, PathBuf};

use aws_sdk_s3::{
    config::Builder,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use tokio::task::JoinSet;

use super::{
    error::{Action, PublishError},
    s3::{Bucket, Headers, attempt_limit, file_body, transfer_limit},
};

/// Files above this size go up in parts.
pub(super) const MULTIPART_THRESHOLD_BYTES: u64 = 16 << 20;
const PART_BYTES: u64 = 8 << 20;
/// The protocol allows no more.
const MOST_PARTS: u64 = 10_000;
const PARTS_AT_A_TIME: usize = 3;

/// A file on its way up in parts.
pub(super) struct MultipartFile<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) key: &'a str,
    pub(super) file: &'a Path,
    /// Size in bytes.
    pub(super) size: u64,
}

#[derive(Debug, Clone)]
struct Part {
    number: i32,
    offset: u64,
    length: u64,
}

impl MultipartFile<'_> {
    /// Uploads the file. `stopped` ends it early; the parts that are up are then dropped. `sent` is told the size of
    /// each part that has arrived.
    pub(super) async fn upload(
        &self,
        headers: Headers,
        stopped: impl Future<Output = ()>,
        sent: impl Fn(u64),
    ) -> Result<(), PublishError> {
        let id = self.begin(headers).await?;
        let result = tokio::select! {
            result = self.upload_parts(&id, sent) => result,
            () = stopped => Err(PublishError::Cancelled),
        };
        let result = match result {
            Ok(parts) => self.complete(&id, parts).await,
            Err(error) => Err(error),
        };
        if result.is_err() {
            self.bucket.abort_multipart(self.key, &id).await;
        }
        result
    }

    async fn begin(&self, headers: Headers) -> Result<String, PublishError> {
        let started = self
            .bucket
            .client
            .create_multipart_upload()
            .bucket(&self.bucket.name)
            .key(self.key)
            .content_type(headers.content_type)
            .cache_control(headers.cache_control)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map_err(|error| PublishError::of_store(&error, Action::Write, &self.bucket.place))?;
        started.upload_id.ok_or_else(|| PublishError::Refused {
            action: Action::Write,
            place: self.bucket.place.clone(),
            detail: "the store gave no id for an upload in parts".to_owned(),
        })
    }

    async fn upload_parts(&self, id: &str, sent: impl Fn(u64)) -> Result<Vec<CompletedPart>, PublishError> {
        let mut waiting = parts_of(self.size).into_iter();
        // Dropped with this future, which ends the requests under way.
        let mut running = JoinSet::new();
        let mut completed = Vec::new();
        loop {
            while running.len() < PARTS_AT_A_TIME
                && let Some(part) = waiting.next()
            {
                let sender = PartSender {
                    bucket: self.bucket.clone(),
                    key: self.key.to_owned(),
                    file: self.file.to_owned(),
                    id: id.to_owned(),
                };
                running.spawn(async move { sender.send(part).await });
            }
            match running.join_next().await {
                Some(Ok(Ok((part, length)))) => {
                    sent(length);
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

    async fn complete(&self, id: &str, parts: Vec<CompletedPart>) -> Result<(), PublishError> {
        let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        self.bucket
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket.name)
            .key(self.key)
            .upload_id(id)
            .multipart_upload(upload)
            .customize()
            // A store may take its time to join many parts.
            .config_override(Builder::new().timeout_config(attempt_limit(transfer_limit(self.size / 64))))
            .send()
            .await
            .map_err(|error| PublishError::of_store(&error, Action::Write, &self.bucket.place))?;
        Ok(())
    }
}

struct PartSender {
    bucket: Bucket,
    key: String,
    file: PathBuf,
    id: String,
}

impl PartSender {
    async fn send(self, part: Part) -> Result<(CompletedPart, u64), PublishError> {
        let answer = self
            .bucket
            .client
            .upload_part()
            .bucket(&self.bucket.name)
            .key(&self.key)
            .upload_id(&self.id)
            .part_number(part.number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(file_body(&self.file, part.offset, part.length).await?)
            .customize()
            .config_override(Builder::new().timeout_config(attempt_limit(transfer_limit(part.length))))
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
