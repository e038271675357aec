//! One bucket of an S3 store, by the SDK of AWS.

use std::{
    collections::HashMap,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, Region, SdkConfig, profile::ProfileFileCredentialsProvider};
use aws_sdk_s3::{
    Client,
    config::{
        Builder, Credentials, ProvideCredentials, RequestChecksumCalculation, ResponseChecksumValidation,
        SharedCredentialsProvider, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
    },
    operation::head_object::HeadObjectError,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, Delete, Object, ObjectIdentifier},
};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::{
    error::{Action, PublishError, causes},
    lanes::MOST_LANES,
    location::{self, BaseUrl},
    object_headers::{Headers, ToldHeaders},
    stored::Stored,
    throttle,
};
use crate::{
    job::{S3Location, s3::ObjectOptions},
    tools::keychain,
};

/// How long the first contact may take in all: a dead endpoint is then known before the encode has begun.
const FIRST_CONTACT_LIMIT: Duration = Duration::from_secs(15);
/// How long reading the configuration may take once more, for the words of an error alone.
const CONFIGURATION_LIMIT: Duration = Duration::from_secs(2);
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// For requests without a body of note.
const SMALL_REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// A transfer below this is given up; a transfer that moves nothing is ended much earlier by the SDK's own watch.
const SLOWEST_BYTES_PER_SECOND: u64 = 16 * 1024;
/// Pieces in which files are read: each is a task for the pool of blocking threads, and one waits in each transfer.
const READ_BYTES: usize = 256 << 10;
const STALL_LIMIT: Duration = Duration::from_secs(10);
const FIRST_CONTACT_ATTEMPTS: u32 = 3;
/// With the waits between them these bridge an outage of some ten seconds.
const TRANSFER_ATTEMPTS: u32 = 6;
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// As many as `DeleteObjects` takes.
const MOST_DELETED_AT_ONCE: usize = 1000;
const DELETIONS_AT_A_TIME: usize = 16;
/// Of an upload that is begun to see whether it can be, and dropped.
const TRIED_NAME: &str = "reelpress-test";
const DEFAULT_REGION: &str = "us-east-1";

/// One bucket, the prefix in it, and a client that may use it.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
    /// The bucket and the host of its store, for people.
    pub(super) place: String,
    /// The prefix in it, how it is reached, and what its objects are given.
    pub(super) location: Arc<S3Location>,
    /// False for a store that refuses checksum headers; content is then known by its entity tag.
    pub(super) takes_checksums: bool,
    /// When the credentials end, if they do.
    pub(super) credentials_end: Option<SystemTime>,
    pub(super) credentials: SharedCredentialsProvider,
    prefix: String,
    base_url: BaseUrl,
}

impl Bucket {
    /// Reads the configuration and finds the credentials; asks nothing of the store yet.
    pub(super) async fn open(location: &S3Location) -> Result<Self, PublishError> {
        location::check(location)?;
        let configuration = load_configuration(location).await?;
        let endpoint = match endpoint_of(location, &configuration) {
            Some(endpoint) => Some(location::checked_endpoint(&endpoint)?),
            None => location::no_endpoint_needed(location).map(|()| None)?,
        };
        let place = place_of(location, endpoint.as_deref(), configuration.region());
        let (credentials, credentials_end) = check_credentials(location, &configuration, &place).await?;
        let region = configuration.region().map_or(DEFAULT_REGION, AsRef::as_ref).to_owned();
        let path_style = location.path_style_of_store().unwrap_or(endpoint.is_some());
        let base_url = match &location.public_url {
            Some(url) => BaseUrl::public(url)?,
            None => BaseUrl::new(endpoint.as_deref(), &location.bucket, &region, path_style),
        };
        let only_when_required = Some(RequestChecksumCalculation::WhenRequired);
        let takes_checksums =
            location.takes_checksums() && configuration.request_checksum_calculation() != only_when_required;
        let mut builder = Builder::from(&configuration)
            .region(Region::new(region))
            .force_path_style(path_style)
            .retry_config(RetryConfig::standard().with_max_attempts(FIRST_CONTACT_ATTEMPTS))
            .timeout_config(attempt_limit(SMALL_REQUEST_LIMIT))
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL_LIMIT).build());
        builder.set_endpoint_url(endpoint);
        if !takes_checksums {
            builder = builder
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        Ok(Self {
            client: Client::from_conf(builder.build()),
            name: location.bucket.clone(),
            place,
            location: Arc::new(location.clone()),
            takes_checksums,
            credentials_end,
            credentials,
            prefix: location.prefix.clone(),
            base_url,
        })
    }

    /// The same bucket with a client that tries harder before it gives up: what failed is the work of hours then.
    pub(super) fn into_patient(mut self) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(TRANSFER_ATTEMPTS).with_max_backoff(LONGEST_BACKOFF);
        self.client = Client::from_conf(self.client.config().to_builder().retry_config(retries).build());
        self
    }

    /// By what the parts of an upload are secured, if the store knows that.
    pub(super) fn part_checksum(&self) -> Option<ChecksumAlgorithm> {
        self.takes_checksums.then_some(ChecksumAlgorithm::Crc32)
    }

    /// The key of `name` directly under the location's prefix.
    pub(super) fn key(&self, name: &str) -> Result<String, PublishError> {
        if !location::is_inside(name) {
            return Err(PublishError::InvalidName { name: name.to_owned() });
        }
        Ok(if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) })
    }

    /// The URL at which an object can be read.
    pub(super) fn url(&self, key: &str) -> String {
        self.base_url.object(key)
    }

    /// Sizes in bytes of all objects below `prefix/`, by the rest of their keys.
    pub(super) async fn objects_under(&self, prefix: &str) -> Result<HashMap<String, u64>, PublishError> {
        Ok(self.listed_under(prefix).await?.into_iter().map(|(path, stored)| (path, stored.size)).collect())
    }

    /// What the store's list says of all objects below `prefix/`, by the rest of their keys.
    pub(super) async fn listed_under(&self, prefix: &str) -> Result<HashMap<String, Stored>, PublishError> {
        let below = format!("{prefix}/");
        let mut pages = self.client.list_objects_v2().bucket(&self.name).prefix(&below).into_paginator().send();
        let mut objects = HashMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| PublishError::of_store(&error, Action::List, &self.place))?;
            for object in page.contents() {
                let path = object.key().and_then(|key| key.strip_prefix(&below));
                let size = object.size().and_then(|size| u64::try_from(size).ok());
                let entity_tag = object.e_tag().map(str::to_owned);
                let stored = size.map(|size| Stored { size, entity_tag, headers: None });
                objects.extend(path.map(str::to_owned).zip(stored));
            }
        }
        Ok(objects)
    }

    /// When the objects whose keys begin so were written, in nanoseconds since 1970, by their keys.
    pub(super) async fn times_under(&self, below: &str) -> Result<HashMap<String, i128>, PublishError> {
        let mut pages = self.client.list_objects_v2().bucket(&self.name).prefix(below).into_paginator().send();
        let mut times = HashMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| PublishError::of_store(&error, Action::List, &self.place))?;
            let time = |object: &Object| Some((object.key()?.to_owned(), object.last_modified()?.as_nanos()));
            times.extend(page.contents().iter().filter_map(time));
        }
        Ok(times)
    }

    /// Keys of all objects under the location's prefix.
    pub(super) async fn keys_under_location(&self) -> Result<Vec<String>, PublishError> {
        let below = if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) };
        let mut pages = self.client.list_objects_v2().bucket(&self.name).prefix(&below).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| PublishError::of_store(&error, Action::List, &self.place))?;
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        Ok(keys)
    }

    /// Whether objects may be written under this key as they are to be, without leaving one: an upload in parts is begun
    /// and dropped.
    pub(super) async fn check_writable(&self, key: &str) -> Result<(), PublishError> {
        let request = self.client.create_multipart_upload().bucket(&self.name).key(key);
        let started = Headers::of_note(&self.location.objects).on_multipart(request).send().await;
        let upload = started.map_err(|error| PublishError::of_store(&error, Action::Write, &self.place))?;
        if let Some(id) = upload.upload_id() {
            self.abort_multipart(key, id).await;
        }
        Ok(())
    }

    /// What a refusal of a store that fails just where it is to encrypt means: some say no more than that when they have no
    /// keys for it. Any other error stays as it is.
    pub(super) async fn told_by_encryption(&self, error: PublishError) -> PublishError {
        let failure = error.clone().into_failure();
        let fails = failure.detail.starts_with("HTTP 500");
        if !fails || self.location.objects.encryption.is_none() {
            return error;
        }
        let plain = ObjectOptions { encryption: None, ..self.location.objects.clone() };
        let Ok(key) = self.key(TRIED_NAME) else { return error };
        let request = self.client.create_multipart_upload().bucket(&self.name).key(&key);
        let Ok(upload) = Headers::of_note(&plain).on_multipart(request).send().await else { return error };
        if let Some(id) = upload.upload_id() {
            self.abort_multipart(&key, id).await;
        }
        let detail =
            format!("it fails with --server-side-encryption alone, and may have no keys for that: {}", failure.detail);
        PublishError::Refused { action: Action::Write, place: self.place.clone(), detail }
    }

    /// Drops an upload in parts. A failure is logged only: what is left costs space, but no viewer can see it.
    pub(super) async fn abort_multipart(&self, key: &str, upload_id: &str) {
        let request = self.client.abort_multipart_upload().bucket(&self.name).key(key).upload_id(upload_id);
        let once = Builder::new().retry_config(RetryConfig::disabled()).timeout_config(attempt_limit(CONNECT_LIMIT));
        if let Err(error) = request.customize().config_override(once).send().await {
            let error = PublishError::of_store(&error, Action::Write, &self.place);
            tracing::warn!(key, "the unfinished upload could not be dropped: {error}");
        }
    }

    /// Writes a small object from memory. Gives its entity tag.
    pub(super) async fn put_text(
        &self,
        key: &str,
        text: Bytes,
        headers: Headers,
    ) -> Result<Option<String>, PublishError> {
        let size = text.len() as u64;
        self.put(key, (ByteStream::from(text), size), headers).await
    }

    /// Writes an object from a file of this size in one request, without holding it in memory. Gives its
    /// entity tag.
    pub(super) async fn put_file(
        &self,
        key: &str,
        file: &Path,
        size: u64,
        headers: Headers,
    ) -> Result<Option<String>, PublishError> {
        let body = self.file_body(file, 0, size).await?;
        self.put(key, (body, size), headers).await
    }

    async fn put(
        &self,
        key: &str,
        (body, size): (ByteStream, u64),
        headers: Headers,
    ) -> Result<Option<String>, PublishError> {
        let limit = self.transfer_limit(size);
        let request = headers.on_put(self.client.put_object().bucket(&self.name).key(key).body(body));
        let with_limit = Builder::new().timeout_config(attempt_limit(limit));
        let written = request.customize().config_override(with_limit).send().await;
        let written = written.map_err(|error| PublishError::of_store(&error, Action::Write, &self.place))?;
        if written.e_tag.is_none() && self.head(key).await?.is_none_or(|stored| stored.size != size) {
            // A network that asks people to sign in takes everything.
            let detail = "a file was accepted and is not there".to_owned();
            return Err(PublishError::NotAStore { place: self.place.clone(), detail });
        }
        Ok(written.e_tag)
    }

    /// A body that is read from a part of a file while it is sent, and once more when the SDK tries again.
    pub(super) async fn file_body(&self, file: &Path, offset: u64, length: u64) -> Result<ByteStream, PublishError> {
        let length = aws_sdk_s3::primitives::Length::Exact(length);
        let piece = self.location.most_bytes_per_second.map_or(READ_BYTES, throttle::piece_bytes);
        let body = ByteStream::read_from().path(file).buffer_size(piece).offset(offset).length(length).build().await;
        let body = body.map_err(|error| PublishError::LocalFile { file: file.to_owned(), detail: causes(&error) })?;
        Ok(match self.location.most_bytes_per_second {
            Some(most) => throttle::limited(body, most),
            None => body,
        })
    }

    /// How long the transfer of so many bytes may take.
    pub(super) fn transfer_limit(&self, bytes: u64) -> Duration {
        // Under a limit all transfers share what it leaves.
        let share = self.location.most_bytes_per_second.map_or(u64::MAX, |most| most / MOST_LANES as u64 / 2);
        SMALL_REQUEST_LIMIT + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND.min(share).max(1))
    }

    /// Deletes these objects; those that are not there are passed over.
    pub(super) async fn delete_all(&self, keys: &[String]) -> Result<(), PublishError> {
        if !self.takes_checksums {
            return self.delete_one_by_one(keys).await;
        }
        for page in keys.chunks(MOST_DELETED_AT_ONCE) {
            let objects = page.iter().filter_map(|key| ObjectIdentifier::builder().key(key).build().ok()).collect();
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
            let delete = delete.map_err(|error| PublishError::Internal { detail: error.to_string() })?;
            let deleted = self.client.delete_objects().bucket(&self.name).delete(delete).send().await;
            let deleted = deleted.map_err(|error| PublishError::of_store(&error, Action::Delete, &self.place))?;
            if let Some(refused) = deleted.errors().first() {
                let detail =
                    format!("{}: {}", refused.key().unwrap_or_default(), refused.message().unwrap_or_default());
                return Err(PublishError::Internal { detail });
            }
        }
        Ok(())
    }

    /// The request that deletes many has to have a checksum, which not every store takes.
    async fn delete_one_by_one(&self, keys: &[String]) -> Result<(), PublishError> {
        for page in keys.chunks(DELETIONS_AT_A_TIME) {
            let mut deletions = JoinSet::new();
            for key in page {
                deletions.spawn(self.client.delete_object().bucket(&self.name).key(key).send());
            }
            while let Some(deleted) = deletions.join_next().await {
                let deleted = deleted.map_err(|error| PublishError::Internal { detail: error.to_string() })?;
                deleted.map_err(|error| PublishError::of_store(&error, Action::Delete, &self.place))?;
            }
        }
        Ok(())
    }

    /// What the store says of an object; `None` when there is none of this key.
    pub(super) async fn head(&self, key: &str) -> Result<Option<Stored>, PublishError> {
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(object) => {
                let size = object.content_length().and_then(|length| u64::try_from(length).ok());
                let headers = Some(ToldHeaders::of(&object));
                Ok(size.map(|size| Stored { size, entity_tag: object.e_tag, headers }))
            }
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(PublishError::of_store(&error, Action::Read, &self.place)),
        }
    }
}

/// Ends with `NetworkLost` when `contact` takes longer than a first contact may.
pub(super) async fn first_contact<T>(
    location: &S3Location,
    contact: impl Future<Output = Result<T, PublishError>>,
) -> Result<T, PublishError> {
    match tokio::time::timeout(FIRST_CONTACT_LIMIT, contact).await {
        Ok(answered) => answered,
        Err(_) => Err(no_answer(tried_place(location).await, FIRST_CONTACT_LIMIT)),
    }
}

/// A store that has not answered within this time.
pub(super) fn no_answer(place: String, limit: Duration) -> PublishError {
    PublishError::NetworkLost { place, detail: format!("no answer within {} seconds", limit.as_secs_f64()) }
}

/// The place that was tried, as far as the configuration tells it at once.
async fn tried_place(location: &S3Location) -> String {
    let read = tokio::time::timeout(CONFIGURATION_LIMIT, load_configuration(location)).await;
    let Ok(Ok(configuration)) = read else { return place_of(location, location.endpoint_url().as_deref(), None) };
    place_of(location, endpoint_of(location, &configuration).as_deref(), configuration.region())
}

/// The bucket and the host of its store, for people; the host of AWS only where the region is known.
fn place_of(location: &S3Location, endpoint: Option<&str>, region: Option<&Region>) -> String {
    let bucket = &location.bucket;
    match (endpoint, region) {
        (Some(endpoint), _) => format!("s3://{bucket} at {endpoint}"),
        (None, Some(region)) => format!("s3://{bucket} at s3.{region}.amazonaws.com"),
        (None, None) => format!("s3://{bucket}"),
    }
}

/// The limit on one attempt of a request.
pub(super) fn attempt_limit(limit: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_LIMIT).operation_attempt_timeout(limit).build()
}

async fn load_configuration(location: &S3Location) -> Result<SdkConfig, PublishError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = location.signing_region() {
        loader = loader.region(Region::new(region));
    }
    if let Some(profile) = &location.profile {
        // A profile that the user chose wins over keys in the environment, which come first in the standard chain.
        let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile).build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    if let Some(name) = &location.credentials {
        loader = loader.credentials_provider(of_keychain(location, name).await?);
    }
    Ok(loader.load().await)
}

/// The keys of this name in the system's keychain, or held by this process.
async fn of_keychain(location: &S3Location, name: &str) -> Result<Credentials, PublishError> {
    let wanted = name.to_owned();
    let read = tokio::task::spawn_blocking(move || keychain::read(&wanted)).await;
    let (has_keychain, detail) = match read {
        Ok(Ok(Some(key))) => return Ok(Credentials::new(key.id, key.secret, None, None, "keychain")),
        Ok(Ok(None)) => (true, "the keychain has none of this name".to_owned()),
        Ok(Err(error)) => (!error.is_unavailable(), error.with_cause()),
        Err(error) => (true, error.to_string()),
    };
    let place = place_of(location, location.endpoint_url().as_deref(), None);
    Err(PublishError::KeysMissing { place, name: name.to_owned(), has_keychain, detail })
}

/// The endpoint of the location, else that of the standard AWS chain.
fn endpoint_of(location: &S3Location, configuration: &SdkConfig) -> Option<String> {
    let of_environment = || std::env::var("AWS_ENDPOINT_URL_S3").ok().filter(|endpoint| !endpoint.is_empty());
    location.endpoint_url().or_else(of_environment).or_else(|| configuration.endpoint_url().map(str::to_owned))
}

/// Gives where the credentials come from and the time when they end, if they do.
async fn check_credentials(
    location: &S3Location,
    configuration: &SdkConfig,
    place: &str,
) -> Result<(SharedCredentialsProvider, Option<SystemTime>), PublishError> {
    let missing = |detail: String| PublishError::CredentialsMissing {
        place: place.to_owned(),
        profile: location.profile.clone(),
        detail,
    };
    let provider: Option<SharedCredentialsProvider> = configuration.credentials_provider();
    let provider = provider.ok_or_else(|| missing("the AWS configuration names no provider".to_owned()))?;
    let credentials = provider.provide_credentials().await.map_err(|error| missing(causes(&error)))?;
    if credentials.expiry().is_some_and(|expiry| expiry <= SystemTime::now()) {
        let detail = "the credentials have expired".to_owned();
        return Err(PublishError::CredentialsRefused { place: place.to_owned(), detail });
    }
    Ok((provider, credentials.expiry()))
}
