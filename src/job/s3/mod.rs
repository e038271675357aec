//! A place in an S3 store: where it is, what store it is, and what its objects are given.

mod objects;
mod options;
mod store;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use objects::{ByKind, Encryption, ObjectKind, ObjectOptions, ObjectTag, typed_acl};
pub use options::OPTIONS_MARK;
pub use store::{Store, StoreProfile};

/// How long the files of a replaced stream stay when nothing else is said: longer than most pauses of a viewer.
pub const OLD_FILES_STAY: Duration = Duration::from_secs(3600);

/// The longest that Signature Version 4 allows (Amazon S3 User Guide, "Sharing objects with presigned URLs").
pub const LONGEST_PRESIGNED: Duration = Duration::from_secs(7 * 24 * 3600);

/// A prefix in a bucket of an S3 store, and how to reach it. Never holds a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct S3Location {
    /// Name of the bucket.
    pub bucket: String,
    /// Prefix of all keys, without slashes at its ends; may be empty.
    pub prefix: String,
    /// Base URL of a store that is not AWS.
    pub endpoint: Option<String>,
    /// Region; by the store, else by the standard AWS chain when not given.
    pub region: Option<String>,
    /// Named profile of the AWS configuration files.
    pub profile: Option<String>,
    /// Name of keys in the system's keychain, in place of the standard AWS chain.
    pub credentials: Option<String>,
    /// `http://endpoint/bucket/key` instead of `http://bucket.endpoint/key`. When not given: as the store wants it, or
    /// true if there is an endpoint.
    pub path_style: Option<bool>,
    /// Whose store it is; what the other fields leave open is as this store needs it.
    pub store: Option<Store>,
    /// What the objects are given beside their content.
    pub objects: ObjectOptions,
    /// URL under which viewers read the root of the bucket, such as that of a CDN; the store's own when not given.
    pub public_url: Option<String>,
    /// Leaves out the look at the published stream as a player without credentials would see it.
    pub skip_public_check: bool,
    /// Replaces an earlier stream of the same name, whose files are removed after this time; when not given, a stream
    /// whose name is taken gets a number.
    pub replace_after: Option<Duration>,
    /// The results hold addresses at which anyone can read the stream for this long, also in a private bucket; not longer
    /// than [`LONGEST_PRESIGNED`].
    pub presign: Option<Duration>,
    /// Id of the CloudFront distribution that shows the bucket at the public URL: it is told what was replaced, and fetches
    /// the beginning of each stream beforehand.
    pub cloudfront: Option<String>,
    /// Most bytes a second that all uploads together may take.
    pub most_bytes_per_second: Option<u64>,
}

impl S3Location {
    /// The key of a path under the prefix.
    pub fn key_of(&self, path: &str) -> String {
        if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) }
    }

    /// Makes sure that each address is one at which a server can be, with nothing in it that might be a secret: addresses
    /// are shown, saved and exported.
    ///
    /// # Errors
    /// Which address is wrong, as its flag is called, and why; the address is not repeated.
    pub fn check_addresses(&self) -> Result<(), String> {
        let problem = |address: &Option<String>| address_problem(address.as_deref().unwrap_or_default());
        let named = [("endpoint", problem(&self.endpoint)), ("public-url", problem(&self.public_url))];
        match named.into_iter().find_map(|(name, problem)| Some((name, problem?))) {
            Some((name, problem)) => Err(format!("{name}: {problem}")),
            None => Ok(()),
        }
    }

    /// Base URL of the store: the one that was given, else that of the store where its region says it all.
    pub fn endpoint_url(&self) -> Option<String> {
        let given = self.endpoint.clone().filter(|endpoint| !endpoint.trim().is_empty());
        given.or_else(|| self.store?.profile().endpoint(self.region.as_deref()?))
    }

    /// The region that was given, else the one in the store's endpoint, else the store's only one.
    pub fn signing_region(&self) -> Option<String> {
        let profile = self.store.map(Store::profile);
        let in_endpoint = || profile?.region_in(self.endpoint.as_deref()?);
        self.region.clone().or_else(in_endpoint).or_else(|| profile?.region.map(str::to_owned))
    }

    /// Whether the bucket stands in the path, where that was chosen or the store is known.
    pub fn path_style_of_store(&self) -> Option<bool> {
        self.path_style.or_else(|| self.store.map(|store| store.profile().path_style))
    }

    /// False for a store that refuses the checksum headers of newer SDKs.
    pub fn takes_checksums(&self) -> bool {
        self.store.is_none_or(|store| store.profile().takes_checksums)
    }
}

impl std::fmt::Display for S3Location {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(formatter, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

/// What is wrong with the address of a server; nothing is when there is none. The address is not repeated: what does not
/// belong into it may be a secret.
pub fn address_problem(address: &str) -> Option<&'static str> {
    let address = address.trim();
    if address.contains('@') {
        return Some(
            "an address must not have a name or a password (with “@”) in it; keys go into a profile or the keychain \
             (“reelpress credentials set”)",
        );
    }
    let host = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    let is_of_url = |character: char| character.is_ascii_graphic() && !matches!(character, '?' | '#');
    let is_right = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/') && host.chars().all(is_of_url));
    (!is_right && !address.is_empty()).then_some(
        "an address is http:// or https:// and a host, as in https://store.example:9000, without spaces, “?” and “#”",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_refused_without_being_repeated() {
        let secret = || Some("https://key:SE/CRET@store.example".to_owned());
        let endpoint = S3Location { endpoint: secret(), ..S3Location::default() };
        let public_url = S3Location { public_url: secret(), ..S3Location::default() };
        for (place, name) in [(endpoint, "endpoint"), (public_url, "public-url")] {
            let words = place.check_addresses().unwrap_err();
            assert!(words.starts_with(name) && !words.contains("CRET") && !words.contains("key:"), "{words}");
        }
        let plain = S3Location { endpoint: Some("http://localhost:8333".to_owned()), ..S3Location::default() };
        assert_eq!(plain.check_addresses(), Ok(()));
        for wrong in ["http://host?key=CRET", "http://host#CRET", "http://ho st/CRET", "host:CRET", "https:///CRET"] {
            let words = S3Location { endpoint: Some(wrong.to_owned()), ..plain.clone() }.check_addresses().unwrap_err();
            assert!(words.starts_with("endpoint: ") && !words.contains("CRET"), "{words}");
        }
        assert_eq!(S3Location { endpoint: Some(" ".to_owned()), ..plain }.check_addresses(), Ok(()));
    }

    #[test]
    fn a_store_fills_what_the_user_left_open() {
        let at = |store: Store, endpoint: Option<&str>, region: Option<&str>| S3Location {
            store: Some(store),
            endpoint: endpoint.map(str::to_owned),
            region: region.map(str::to_owned),
            ..S3Location::default()
        };
        let wasabi = at(Store::Wasabi, None, Some("eu-central-1"));
        assert_eq!(wasabi.endpoint_url().as_deref(), Some("https://s3.eu-central-1.wasabisys.com"));
        let b2 = at(Store::B2, Some("https://s3.us-west-004.backblazeb2.com"), None);
        assert_eq!(b2.signing_region().as_deref(), Some("us-west-004"));
        assert!(!b2.takes_checksums());
        let r2 = at(Store::R2, Some("https://abc.r2.cloudflarestorage.com"), None);
        assert_eq!(r2.signing_region().as_deref(), Some("auto"));
        assert_eq!(at(Store::R2, None, Some("auto")).endpoint_url(), None, "the account is not known");
        let spaces = at(Store::Spaces, Some("https://ams3.digitaloceanspaces.com"), None);
        assert_eq!((spaces.signing_region().as_deref(), spaces.path_style_of_store()), (Some("ams3"), Some(false)));
        let plain = S3Location::default();
        assert_eq!((plain.endpoint_url(), plain.signing_region(), plain.path_style_of_store()), (None, None, None));
        assert!(plain.takes_checksums());
    }

    #[test]
    fn what_older_versions_saved_can_be_read() {
        let old: S3Location = serde_json::from_str(r#"{"bucket":"films","prefix":"a"}"#).unwrap();
        assert_eq!(old, S3Location { bucket: "films".to_owned(), prefix: "a".to_owned(), ..S3Location::default() });
        let destination = r#"{"s3":{"location":{"bucket":"films"},"local_folder":"/out","keep_local":false}}"#;
        let destination: crate::job::Destination = serde_json::from_str(destination).unwrap();
        assert_eq!((destination.buckets().count(), destination.label().as_str()), (1, "s3://films"));
        assert!(!destination.drops_published());
        let report = r#"{"folder":null,"urls":[],"renditions":[],"files":[],"duration":{"secs":1,"nanos":0},
            "total_bytes":1,"wall_time":{"secs":1,"nanos":0},"warnings":[]}"#;
        let stream = format!(r#"{{"report":{report},"prefix":"films/a"}}"#);
        let stream: crate::job::UnpublishedStream = serde_json::from_str(&stream).unwrap();
        assert_eq!(stream.place_in(0).map(|place| place.prefix).as_deref(), Some("films/a"));
        assert_eq!(stream.place_in(1), None);
    }
}
