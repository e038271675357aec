//! What is typed of the bucket that streams go to, and what it means: each field as the flag of the terminal. Pure.

use jiff::SignedDuration;

use super::{fields::FieldProblem, settings_form::filled};
use crate::{
    job::{
        S3Location,
        s3::{
            ByKind, Encryption, OLD_FILES_STAY, OPTIONS_MARK, ObjectOptions, ObjectTag, Store, address_problem,
            typed_acl,
        },
        typed,
    },
    pipeline::publish::S3LocationError,
    settings::Settings,
};

/// Labels of the fields, at which is told what is wrong with them.
pub(super) mod labels {
    pub const BUCKET: &str = "Bucket";
    pub const ENDPOINT: &str = "Endpoint";
    pub const CREDENTIALS: &str = "Named keys";
    pub const PUBLIC_URL: &str = "Public URL";
    pub const CLOUDFRONT: &str = "CloudFront distribution";
    pub const PRESIGN: &str = "Presigned for";
    pub const REPLACE_AFTER: &str = "Old files stay";
    pub const ALSO_TO: &str = "Also to";
    pub const CACHE_CONTROL: &str = "Cache-Control";
    pub const STORAGE_CLASS: &str = "Storage class";
    pub const TAGS: &str = "Tags";
    pub const ENCRYPTION: &str = "Encrypted by the store";
    pub const ACL: &str = "ACL";
    pub const UPLOAD_LIMIT: &str = "Upload limit";
}

/// Stands between several values of one field.
const BETWEEN_VALUES: char = ';';

/// A part of what is set of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Part {
    /// Where it is, and with what keys it is written.
    Bucket,
    /// How viewers reach what is there.
    Viewers,
    /// What the files are given.
    Files,
}

impl S3Part {
    /// All in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Bucket, Self::Viewers, Self::Files];

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bucket => "Bucket and keys",
            Self::Viewers => "Viewers",
            Self::Files => "Files",
        }
    }

    /// The part with the field of this label.
    pub fn of_field(label: &str) -> Self {
        match label {
            labels::BUCKET | labels::ENDPOINT | labels::CREDENTIALS => Self::Bucket,
            labels::PUBLIC_URL | labels::CLOUDFRONT | labels::PRESIGN | labels::REPLACE_AFTER => Self::Viewers,
            _ => Self::Files,
        }
    }
}

/// The place in a store as text to edit.
#[derive(Debug, Clone, PartialEq)]
pub struct S3Form {
    /// The part that is shown.
    pub part: S3Part,
    /// New files go to the bucket.
    pub publishes: bool,
    /// Name of the bucket.
    pub bucket: String,
    /// Prefix of the keys.
    pub prefix: String,
    /// URL of a store that is not AWS.
    pub endpoint: String,
    /// Region.
    pub region: String,
    /// Named profile of the AWS configuration.
    pub profile: String,
    /// Name of keys in the keychain; empty for the AWS chain.
    pub credentials: String,
    /// How the bucket stands in the URL.
    pub path_style: PathStyle,
    /// Whose store it is, where that is known.
    pub store: Option<Store>,
    /// Where viewers read the bucket, when that is not the store's own place.
    pub public_url: String,
    /// Id of the CloudFront distribution there; empty for none.
    pub cloudfront: String,
    /// How long presigned addresses hold; empty for none.
    pub presign: String,
    /// A published stream is looked at as a player without credentials would.
    pub checks_in_public: bool,
    /// An earlier stream of the same name is replaced.
    pub replaces: bool,
    /// How long the files of a replaced stream stay.
    pub replace_after: String,
    /// `Cache-Control`, storage class and tags, several with semicolons between them.
    pub cache_control: String,
    /// See there.
    pub storage_class: String,
    /// See there.
    pub tags: String,
    /// How the store encrypts objects: `s3`, `kms` or `kms:KEY`; empty as the bucket says.
    pub encryption: String,
    /// Canned ACL; empty for none.
    pub acl: String,
    /// Further places, `s3://bucket/prefix` each, with spaces between them.
    pub also_to: String,
    /// Segments do not stay in the output folder once they are published.
    pub drops_published: bool,
    /// Most bytes a second of all uploads; empty for no limit.
    pub upload_limit: String,
    /// The places that were tested in this dialog: results for others are not shown.
    pub tested: Vec<S3Location>,
}

/// How the bucket stands in the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStyle {
    /// In the path when an endpoint is given.
    Automatic,
    /// In the path.
    Path,
    /// In the host name.
    Host,
}

impl PathStyle {
    /// All in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Automatic, Self::Path, Self::Host];

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Automatic => "Automatic",
            Self::Path => "In the path",
            Self::Host => "In the host name",
        }
    }

    fn of(setting: Option<bool>) -> Self {
        match setting {
            None => Self::Automatic,
            Some(true) => Self::Path,
            Some(false) => Self::Host,
        }
    }

    fn setting(self) -> Option<bool> {
        match self {
            Self::Automatic => None,
            Self::Path => Some(true),
            Self::Host => Some(false),
        }
    }
}

impl S3Form {
    /// The form for the places of these settings.
    pub fn new(settings: &Settings) -> Self {
        let s3 = &settings.s3;
        let text = |given: &Option<String>| given.clone().unwrap_or_default();
        let objects = &s3.objects;
        Self {
            part: S3Part::Bucket,
            publishes: settings.publish_to_s3,
            bucket: s3.bucket.clone(),
            prefix: s3.prefix.clone(),
            endpoint: text(&s3.endpoint),
            region: text(&s3.region),
            profile: text(&s3.profile),
            credentials: text(&s3.credentials),
            path_style: PathStyle::of(s3.path_style),
            store: s3.store,
            public_url: text(&s3.public_url),
            cloudfront: text(&s3.cloudfront),
            presign: s3.presign.map(time_text).unwrap_or_default(),
            checks_in_public: !s3.skip_public_check,
            replaces: s3.replace_after.is_some(),
            replace_after: time_text(s3.replace_after.unwrap_or(OLD_FILES_STAY)),
            cache_control: joined(objects.cache_control.texts()),
            storage_class: joined(objects.storage_class.texts()),
            tags: joined(objects.tags.iter().map(ObjectTag::text)),
            encryption: objects.encryption.as_ref().map(Encryption::text).unwrap_or_default(),
            acl: text(&objects.acl),
            upload_limit: s3.most_bytes_per_second.map(|most| most.to_string()).unwrap_or_default(),
            drops_published: settings.drop_published,
            also_to: settings.also_to.iter().map(|place| text_beside(s3, place)).collect::<Vec<_>>().join(" "),
            tested: Vec::new(),
        }
    }

    /// Takes another store, and fills in what is known of it.
    pub fn choose_store(&mut self, store: Option<Store>) {
        let old = self.store.map(Store::profile);
        // What the user has typed stays; what the store before has filled in goes.
        let was_filled = |text: &str, filled: Option<&str>| text.trim().is_empty() || filled == Some(text);
        let new = store.map(Store::profile);
        if was_filled(&self.endpoint, old.and_then(|old| old.endpoint_form)) {
            self.endpoint = new.and_then(|new| new.endpoint_form).unwrap_or_default().to_owned();
        }
        if was_filled(&self.region, old.and_then(|old| old.region)) {
            self.region = new.and_then(|new| new.region).unwrap_or_default().to_owned();
        }
        self.path_style = PathStyle::Automatic;
        self.store = store;
    }

    /// The bucket and the further places, which are reached and written as it is unless they have options of their own.
    /// Without a bucket, nothing can be published, and need not make sense.
    ///
    /// # Errors
    /// What is missing or wrong, and at which field.
    pub fn places(&self) -> Result<(S3Location, Vec<S3Location>), FieldProblem> {
        let first = match self.location() {
            Err(_) if self.bucket.trim().is_empty() && !self.publishes => S3Location::default(),
            location => location?,
        };
        let mut places: Vec<S3Location> = Vec::new();
        for text in self.also_to.split_whitespace() {
            let place: S3Location =
                text.parse().map_err(|error: S3LocationError| FieldProblem::new(labels::ALSO_TO, error.to_string()))?;
            let place = if text.contains(OPTIONS_MARK) { place } else { beside(&first, place) };
            if std::iter::once(&first).chain(&places).any(|other| other.is_same_place(&place)) {
                return Err(FieldProblem::new(labels::ALSO_TO, format!("“{place}” is named twice")));
            }
            places.push(place);
        }
        Ok((first, places))
    }

    /// All places of the form, where it makes sense and has one.
    pub fn all_places(&self) -> Option<Vec<S3Location>> {
        let (first, others) = self.places().ok().filter(|(first, _)| !first.bucket.is_empty())?;
        Some(std::iter::once(first).chain(others).collect())
    }

    /// The place in S3 that the form means.
    ///
    /// # Errors
    /// As [`places`](Self::places).
    pub fn location(&self) -> Result<S3Location, FieldProblem> {
        let (bucket, prefix) = self.bucket_and_prefix()?;
        let region = filled(&self.region);
        let endpoint = self.endpoint_in(region.as_deref())?;
        let public_url = filled(&self.public_url);
        checked_address(labels::PUBLIC_URL, "The public URL", public_url.as_deref())?;
        let (profile, credentials) = (filled(&self.profile), filled(&self.credentials));
        if profile.is_some() && credentials.is_some() {
            return Err(FieldProblem::new(labels::CREDENTIALS, "Give a profile or keys of the keychain, not both"));
        }
        let limit = filled(&self.upload_limit).map(|text| typed::byte_size(&text)).transpose();
        let cloudfront = given(labels::CLOUDFRONT, &self.cloudfront, typed::distribution)?;
        if cloudfront.is_some() && public_url.is_none() {
            let words = "CloudFront needs the public URL, the address of the distribution";
            return Err(FieldProblem::new(labels::CLOUDFRONT, words));
        }
        let replace_after = given(labels::REPLACE_AFTER, &self.replace_after, typed::time_span)?;
        Ok(S3Location {
            bucket,
            prefix,
            endpoint,
            region,
            profile,
            credentials,
            path_style: self.path_style.setting(),
            store: self.store,
            objects: self.objects()?,
            public_url,
            skip_public_check: !self.checks_in_public,
            replace_after: self.replaces.then(|| replace_after.unwrap_or(OLD_FILES_STAY)),
            presign: given(labels::PRESIGN, &self.presign, typed::presigned_span)?,
            cloudfront,
            most_bytes_per_second: limit
                .map_err(|_| FieldProblem::new(labels::UPLOAD_LIMIT, "The upload limit is of the form 500K or 20M"))?,
        })
    }

    fn bucket_and_prefix(&self) -> Result<(String, String), FieldProblem> {
        let wrong = |words: &str| FieldProblem::new(labels::BUCKET, words);
        let typed = self.bucket.trim();
        let (bucket, prefix_in_bucket) = match typed.strip_prefix("s3://").map(|place| place.split_once('/')) {
            Some(Some((bucket, prefix))) => (bucket, prefix),
            Some(None) => (&typed["s3://".len()..], ""),
            None => (typed, ""),
        };
        if bucket.is_empty() {
            return Err(wrong("A bucket is needed"));
        }
        if bucket.contains('/') || bucket.chars().any(char::is_whitespace) {
            return Err(wrong("The name of the bucket has a slash or a space; a folder belongs into the prefix"));
        }
        let prefixes = [prefix_in_bucket, self.prefix.trim()].map(|prefix| prefix.trim_matches('/'));
        let prefix: Vec<&str> = prefixes.into_iter().filter(|prefix| !prefix.is_empty()).collect();
        Ok((bucket.to_owned(), prefix.join("/")))
    }

    fn endpoint_in(&self, region: Option<&str>) -> Result<Option<String>, FieldProblem> {
        let Some(mut endpoint) = filled(&self.endpoint) else { return Ok(None) };
        if let Some(region) = region {
            endpoint = endpoint.replace("{region}", region);
        }
        if endpoint.contains(['{', '}']) {
            let words = "The endpoint has a part in {braces} to fill in; the store’s own pages show it";
            return Err(FieldProblem::new(labels::ENDPOINT, words));
        }
        checked_address(labels::ENDPOINT, "The endpoint", Some(&endpoint))?;
        Ok(Some(endpoint))
    }

    fn objects(&self) -> Result<ObjectOptions, FieldProblem> {
        let wrong = |field: &'static str| move |reason: String| FieldProblem::new(field, reason);
        Ok(ObjectOptions {
            cache_control: ByKind::typed(&taken_apart(&self.cache_control)).map_err(wrong(labels::CACHE_CONTROL))?,
            storage_class: ByKind::typed(&taken_apart(&self.storage_class)).map_err(wrong(labels::STORAGE_CLASS))?,
            tags: ObjectTag::typed(&taken_apart(&self.tags)).map_err(wrong(labels::TAGS))?,
            encryption: given(labels::ENCRYPTION, &self.encryption, Encryption::typed)?,
            acl: given(labels::ACL, &self.acl, typed_acl)?,
        })
    }
}

/// A further place, reached and written as the first is.
fn beside(first: &S3Location, place: S3Location) -> S3Location {
    S3Location { bucket: place.bucket, prefix: place.prefix, ..first.clone() }
}

/// A further place as it is typed beside the first.
fn text_beside(first: &S3Location, place: &S3Location) -> String {
    if *place == beside(first, place.clone()) {
        return place.to_string();
    }
    let address = place.address();
    // The mark alone tells that it is reached in another way.
    if address.contains(OPTIONS_MARK) { address } else { format!("{address}{OPTIONS_MARK}") }
}

/// What a field says, if it says something.
fn given<T>(
    field: &'static str,
    text: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, FieldProblem> {
    filled(text).map(|text| read(&text)).transpose().map_err(|reason| FieldProblem::new(field, reason))
}

/// An address that may be given, if it can be one; what is wrong is told without repeating it, as it may hold a secret.
fn checked_address(field: &'static str, what: &str, address: Option<&str>) -> Result<(), FieldProblem> {
    let Some(address) = address else { return Ok(()) };
    if !address.starts_with("http://") && !address.starts_with("https://") && !address.contains('@') {
        return Err(FieldProblem::new(field, format!("{what} begins with http:// or https://")));
    }
    address_problem(address).map_or(Ok(()), |problem| Err(FieldProblem::new(field, problem)))
}

/// A time as it is typed, such as `12h` or `1h 30m`.
fn time_text(time: std::time::Duration) -> String {
    SignedDuration::try_from(time).map(|time| format!("{time:#}")).unwrap_or_default()
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    // Without a kind it is for all files.
    let short = |text: String| match text.strip_prefix("all:") {
        Some(rest) if !rest.contains(':') => rest.to_owned(),
        _ => text,
    };
    texts.map(short).collect::<Vec<_>>().join(&format!("{BETWEEN_VALUES} "))
}

fn taken_apart(text: &str) -> Vec<String> {
    text.split(BETWEEN_VALUES).filter_map(filled).collect()
}
