//! Whether an object, or a part of one, holds what a file holds, told by the checksums that the store keeps; what is only
//! to be delivered otherwise is not sent again.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use aws_sdk_s3::{
    operation::head_object::HeadObjectOutput,
    types::{ChecksumMode, MetadataDirective, TaggingDirective},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use md5::{Digest, Md5};

use super::{
    error::{Action, PublishError},
    location::escaped_key,
    multipart::part_lengths,
    object_headers::{Headers, ToldHeaders},
    s3::Bucket,
};

const READ_BYTES: usize = 1 << 16;

/// What a store knows of the content of an object or a part.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// CRC32, big-endian, in base 64; with `-N` for an object of N parts, of whose checksums it is made then (Amazon
    /// S3 User Guide, "Checking object integrity", composite checksums).
    pub(super) crc32: Option<String>,
    /// The entity tag, which is the MD5 in hexadecimal digits in quotes for what was sent in one piece, in most stores.
    pub(super) entity_tag: Option<String>,
}

impl Known {
    /// The CRC32 in base 64 of `file` from `offset` on, when these are known to be the same bytes. What can't be told is
    /// not known.
    pub(super) async fn matches(self, file: &Path, offset: u64, length: u64) -> Option<String> {
        let file = file.to_owned();
        let compared = tokio::task::spawn_blocking(move || self.compare(&file, offset, length));
        compared.await.ok()?.ok()?
    }

    fn compare(&self, path: &Path, offset: u64, length: u64) -> io::Result<Option<String>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        self.is_of(&mut file, length)
    }

    fn is_of(&self, content: &mut impl Read, length: u64) -> io::Result<Option<String>> {
        match (&self.crc32, &self.entity_tag) {
            (Some(known), _) if known.contains('-') => {
                let mut of_parts = Vec::new();
                for part in part_lengths(length) {
                    of_parts.extend_from_slice(&read(content, part)?.0.to_be_bytes());
                }
                let parts = of_parts.len() / size_of::<u32>();
                let own = format!("{}-{parts}", in_base_64(crc32fast::hash(&of_parts)));
                Ok((*known == own).then_some(own))
            }
            (Some(known), _) => {
                let own = in_base_64(read(content, length)?.0);
                Ok((*known == own).then_some(own))
            }
            (None, Some(tag)) => {
                let (crc32, md5) = read(content, length)?;
                let digits: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
                Ok(tag.trim_matches('"').eq_ignore_ascii_case(&digits).then(|| in_base_64(crc32)))
            }
            (None, None) => Ok(None),
        }
    }
}

/// What an object is compared with.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A file of this size in bytes.
    File(PathBuf, u64),
    Text(Bytes),
}

impl Content {
    /// Size in bytes.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::File(_, size) => *size,
            Self::Text(text) => text.len() as u64,
        }
    }
}

/// The entity tag of the object of this key, when it is known to hold the very bytes of `content` and has these headers.
/// It is given them where it has others, without sending the content again, and keeps those that are not asked for; an ACL
/// can't be compared. `None` where that does not work either, or nothing is known.
pub(super) async fn holds(bucket: &Bucket, key: &str, content: Content, headers: &Headers) -> Option<Option<String>> {
    let object = same(bucket, key, content).await?;
    let told = ToldHeaders::of(&object);
    if headers.are(&told) && bucket.has_tags_of(key, headers).await {
        return Some(object.e_tag);
    }
    let renewed = bucket.renew(key, headers.clone().or_as_told(told)).await;
    renewed.inspect_err(|error| tracing::warn!(key, "the object is sent again: {error}")).ok()
}

/// The store's answer about the object of this key, when it is known to hold the very bytes of `content`.
pub(super) async fn same(bucket: &Bucket, key: &str, content: Content) -> Option<HeadObjectOutput> {
    let mode = bucket.takes_checksums.then_some(ChecksumMode::Enabled);
    let head = bucket.client.head_object().bucket(&bucket.name).key(key).set_checksum_mode(mode);
    let object = head.send().await.ok()?;
    let known = Known { crc32: object.checksum_crc32.clone(), entity_tag: object.e_tag.clone() };
    let found = match content {
        Content::File(file, size) => known.matches(&file, 0, size).await,
        Content::Text(text) => known.is_of(&mut &text[..], text.len() as u64).ok()?,
    };
    found.map(|_| object)
}

impl Bucket {
    /// True where nobody asks for tags, and where the object has just those that are asked for.
    async fn has_tags_of(&self, key: &str, headers: &Headers) -> bool {
        if !headers.have_tags() {
            return true;
        }
        let told = self.client.get_object_tagging().bucket(&self.name).key(key).send().await;
        told.is_ok_and(|told| headers.tags_are(&told))
    }

    /// Gives an object other headers in its place, and other tags if there are any among them. Gives its entity tag, which
    /// may be another.
    async fn renew(&self, key: &str, headers: Headers) -> Result<Option<String>, PublishError> {
        let tags = if headers.have_tags() { TaggingDirective::Replace } else { TaggingDirective::Copy };
        let request = self.client.copy_object().bucket(&self.name).key(key);
        let renewed = headers
            .on_copy(request)
            .copy_source(format!("{}/{}", self.name, escaped_key(key)))
            .metadata_directive(MetadataDirective::Replace)
            .tagging_directive(tags)
            .set_checksum_algorithm(self.part_checksum())
            .send()
            .await
            .map_err(|error| PublishError::of_store(&error, Action::Write, &self.place))?;
        Ok(renewed.copy_object_result.and_then(|result| result.e_tag))
    }
}

fn in_base_64(crc32: u32) -> String {
    STANDARD.encode(crc32.to_be_bytes())
}

/// CRC32 and MD5 of so many bytes.
fn read(content: &mut impl Read, length: u64) -> io::Result<(u32, [u8; 16])> {
    let (mut crc32, mut md5) = (crc32fast::Hasher::new(), Md5::new());
    let mut buffer = vec![0; READ_BYTES];
    let mut content = content.take(length);
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok((crc32.finalize(), md5.finalize().into())),
            count => {
                crc32.update(&buffer[..count]);
                md5.update(&buffer[..count]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_known_by_checksum_or_tag() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, b"..123456789").unwrap();
        let known = |crc32: Option<&str>, tag: Option<&str>| Known {
            crc32: crc32.map(str::to_owned),
            entity_tag: tag.map(str::to_owned),
        };
        let is = |known: Known| known.compare(&file, 2, 9).unwrap().is_some();
        // The check value of CRC-32/ISO-HDLC is 0xcbf43926.
        assert!(is(known(Some("y/Q5Jg=="), None)));
        assert!(!is(known(Some("y/Q5JA=="), None)));
        let composite = in_base_64(crc32fast::hash(&0xcbf4_3926_u32.to_be_bytes()));
        assert!(is(known(Some(&format!("{composite}-1")), None)));
        assert!(is(known(None, Some("\"25f9e794323b453885f5181f1b624d0b\""))));
        assert!(!is(known(None, Some("\"25f9e794323b453885f5181f1b624d0b-2\""))));
        assert!(!is(known(None, None)));
    }
}
