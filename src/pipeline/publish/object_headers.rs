//! What an object is sent with beside its content.

use aws_sdk_s3::{
    operation::{
        copy_object::builders::CopyObjectFluentBuilder,
        create_multipart_upload::builders::CreateMultipartUploadFluentBuilder,
        get_object_tagging::GetObjectTaggingOutput, head_object::HeadObjectOutput,
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

/// What a store says that an object has beside its content.
#[derive(Debug, Clone, Default)]
pub(super) struct ToldHeaders {
    content_type: Option<String>,
    cache_control: Option<String>,
    storage_class: Option<StorageClass>,
    encryption: Option<ServerSideEncryption>,
    encryption_key: Option<String>,
}

impl ToldHeaders {
    /// Those of this answer.
    pub(super) fn of(object: &HeadObjectOutput) -> Self {
        Self {
            content_type: object.content_type.clone(),
            cache_control: object.cache_control.clone(),
            storage_class: object.storage_class.clone(),
            encryption: object.server_side_encryption.clone(),
            encryption_key: object.ssekms_key_id.clone(),
        }
    }
}

/// These requests have the same setters, and no trait in common.
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
        let tags: Vec<String> = options.tags_of(kind).map(|(key, value)| tag(key, value)).collect();
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

    /// How viewers get an object otherwise than these say; `None` where they don't.
    pub(super) fn difference(&self, told: &ToldHeaders) -> Option<String> {
        let differs = |told: Option<&str>, own: &str| {
            let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
            told.is_none_or(|told| plain(told) != plain(own))
        };
        let (content_type, cache_control) = (told.content_type.as_deref(), told.cache_control.as_deref());
        if differs(content_type, self.content_type) {
            return Some(format!("as “{}” instead of “{}”", content_type.unwrap_or_default(), self.content_type));
        }
        differs(cache_control, &self.cache_control).then(|| {
            let told = cache_control.unwrap_or_default();
            format!("with the Cache-Control “{told}” instead of “{}”", self.cache_control)
        })
    }

    /// Whether an object that is there has all of these, as far as the answer to a HEAD tells.
    pub(super) fn are(&self, told: &ToldHeaders) -> bool {
        // What is in the standard class has none that is told.
        let class = told.storage_class.as_ref().unwrap_or(&StorageClass::Standard);
        let is_in_class = self.storage_class.as_ref().is_none_or(|wanted| wanted == class);
        let is_encrypted = self.encryption.is_none() || self.encryption == told.encryption;
        is_in_class && is_encrypted && self.difference(told).is_none()
    }

    /// The same with the storage class and the encryption of an object that is there, where no others are asked for. A copy
    /// that names none gets those of the bucket (Amazon S3 API Reference, `CopyObject`).
    pub(super) fn or_as_told(self, told: ToldHeaders) -> Self {
        let (encryption, encryption_key) = match self.encryption {
            Some(_) => (self.encryption, self.encryption_key),
            None => (told.encryption, told.encryption_key),
        };
        Self { storage_class: self.storage_class.or(told.storage_class), encryption, encryption_key, ..self }
    }

    /// True when objects are to have tags.
    pub(super) fn have_tags(&self) -> bool {
        self.tagging.is_some()
    }

    /// Whether these are the object's tags.
    pub(super) fn tags_are(&self, told: &GetObjectTaggingOutput) -> bool {
        let mut told: Vec<String> = told.tag_set().iter().map(|told| tag(told.key(), told.value())).collect();
        let mut wanted: Vec<&str> = self.tagging.as_deref().unwrap_or_default().split('&').collect();
        told.sort_unstable();
        wanted.sort_unstable();
        told == wanted
    }

    /// Puts them on the request that gives them to an object in its place.
    pub(super) fn on_copy(self, request: CopyObjectFluentBuilder) -> CopyObjectFluentBuilder {
        with_headers!(request, self)
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

/// A tag as it stands in the query of a URL.
fn tag(key: &str, value: &str) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    format!("{}={}", escaped(key), escaped(value))
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
