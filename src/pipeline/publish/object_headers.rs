//! What an object is sent with beside its content.

use aws_sdk_s3::{
    operation::{
        create_multipart_upload::builders::CreateMultipartUploadFluentBuilder,
        put_object::builders::PutObjectFluentBuilder,
    },
    types::{ObjectCannedAcl, ServerSideEncryption, StorageClass},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::headers::{self, FileKind};
use crate::job::s3::{Encryption, ObjectKind, ObjectOptions};

/// What an object is sent with beside its content.
#[derive(Debug, Clone)]
pub(super) struct Headers {
    content_type: &'static str,
    cache_control: String,
    storage_class: Option<StorageClass>,
    encryption: Option<ServerSideEncryption>,
    encryption_key: Option<String>,
    /// Tags as the query of a URL.
    tagging: Option<String>,
    acl: Option<ObjectCannedAcl>,
}

/// Both requests have the same setters, and no trait in common.
macro_rules! with_headers {
    ($request:expr, $headers:expr) => {{
        let headers: Headers = $headers;
        $request
            .content_type(headers.content_type)
            .cache_control(headers.cache_control)
            .set_storage_class(headers.storage_class)
            .set_server_side_encryption(headers.encryption)
            .set_ssekms_key_id(headers.encryption_key)
            .set_tagging(headers.tagging)
            .set_acl(headers.acl)
    }};
}

impl Headers {
    /// For the file of this path. `sound_only` is as in [`headers::content_type`]; `growing` is for playlists that will
    /// change soon, which nobody may keep for longer.
    pub(super) fn of(path: &str, sound_only: bool, growing: bool, options: &ObjectOptions) -> Self {
        let kind = FileKind::of(path);
        let chosen = options.cache_control.get(object_kind(kind)).filter(|_| !growing);
        let cache_control = chosen.unwrap_or_else(|| headers::cache_control(kind, growing));
        Self::with(headers::content_type(path, sound_only), cache_control, object_kind(kind), options)
    }

    /// For a small text of ours that is no part of a stream, and that nobody keeps.
    pub(super) fn of_note(options: &ObjectOptions) -> Self {
        // An infrequent-access class would bill such an object as if it lay there for a month.
        let options = ObjectOptions { storage_class: crate::job::s3::ByKind::default(), ..options.clone() };
        Self::with("text/plain; charset=utf-8", "no-store", ObjectKind::Others, &options)
    }

    fn with(content_type: &'static str, cache_control: &str, kind: ObjectKind, options: &ObjectOptions) -> Self {
        let (encryption, encryption_key) = match &options.encryption {
            None => (None, None),
            Some(Encryption::S3) => (Some(ServerSideEncryption::Aes256), None),
            Some(Encryption::Kms { key }) => (Some(ServerSideEncryption::AwsKms), key.clone()),
        };
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let tags: Vec<String> =
            options.tags_of(kind).map(|(key, value)| format!("{}={}", escaped(key), escaped(value))).collect();
        Self {
            content_type,
            cache_control: cache_control.to_owned(),
            storage_class: options.storage_class.get(kind).map(StorageClass::from),
            encryption,
            encryption_key,
            tagging: (!tags.is_empty()).then(|| tags.join("&")),
            acl: options.acl.as_deref().map(ObjectCannedAcl::from),
        }
    }

    /// Puts them on the request for an object in one piece.
    pub(super) fn on_put(self, request: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
        with_headers!(request, self)
    }

    /// Puts them on the request that begins an object in parts.
    pub(super) fn on_multipart(
        self,
        request: CreateMultipartUploadFluentBuilder,
    ) -> CreateMultipartUploadFluentBuilder {
        with_headers!(request, self)
    }
}

fn object_kind(kind: FileKind) -> ObjectKind {
    match kind {
        FileKind::Mp4 | FileKind::Segment => ObjectKind::Media,
        FileKind::Captions => ObjectKind::Captions,
        FileKind::Image => ObjectKind::Images,
        FileKind::Other => ObjectKind::Others,
        FileKind::Manifest | FileKind::Playlist => ObjectKind::Playlists,
    }
}
