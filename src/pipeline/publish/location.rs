//! Reading `s3://bucket/prefix`, and the URLs and keys under it.

use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::PublishError;
use crate::job::{S3Location, s3::address_problem};

/// What stays as it is in the path of a URL: the unreserved characters of RFC 3986, and the slash between names.
/// A plus sign is escaped, because S3 reads it as a space.
const ESCAPED_IN_KEYS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Why a text is not a place in an S3 store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum S3LocationError {
    /// It does not begin with `s3://`.
    #[error("“{0}” is not an S3 location: it must begin with s3://, as in s3://bucket/prefix")]
    NotS3(String),
    /// The part after `s3://` is not the name of a bucket.
    #[error("“{0}” is not the name of a bucket: 3 to 63 small letters, digits, dots and hyphens")]
    BucketName(String),
    /// An address has a name or a password in it.
    #[error("{0}")]
    Address(String),
    /// A part of the prefix is empty, `.` or `..`.
    #[error("the prefix “{0}” has a part that is empty, “.” or “..”")]
    Prefix(String),
    /// What stands behind the question mark makes no sense.
    #[error("the options of “{place}” can't be used: {reason}")]
    Options {
        /// The place without them.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// This store can't be found without an address.
    #[error("{store} is found by its endpoint, of the form {form}, which was not given")]
    EndpointNeeded {
        /// Name of the store.
        store: &'static str,
        /// Form of its endpoint.
        form: &'static str,
    },
}

impl FromStr for S3Location {
    type Err = S3LocationError;

    /// Reads `s3://bucket` or `s3://bucket/prefix`, and options as in `s3://bucket/prefix?profile=backup`; a slash at
    /// the end of the prefix is ignored.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.trim().strip_prefix("s3://").ok_or_else(|| S3LocationError::NotS3(text.to_owned()))?;
        let (rest, options) = rest.split_once('?').map_or((rest, None), |(rest, options)| (rest, Some(options)));
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let location = Self {
            bucket: bucket.to_owned(),
            prefix: prefix.strip_suffix('/').unwrap_or(prefix).to_owned(),
            ..Self::default()
        };
        check(&location)?;
        match options {
            Some(options) => {
                let wrong = |reason| S3LocationError::Options { place: location.to_string(), reason };
                location.clone().with_options(options).map_err(wrong)
            }
            None => Ok(location),
        }
    }
}

/// Checks the bucket's name, the prefix and the addresses, also of a location that was put together by hand.
pub(super) fn check(location: &S3Location) -> Result<(), S3LocationError> {
    let bucket = &location.bucket;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(allowed) {
        return Err(S3LocationError::BucketName(bucket.clone()));
    }
    if !location.prefix.is_empty() && !is_inside(&location.prefix) {
        return Err(S3LocationError::Prefix(location.prefix.clone()));
    }
    location.check_addresses().map_err(S3LocationError::Address)
}

/// Makes sure that the store can be found without an endpoint.
pub(super) fn no_endpoint_needed(location: &S3Location) -> Result<(), S3LocationError> {
    match location.store.map(|store| (store.label(), store.profile().endpoint_form)) {
        Some((store, Some(form))) => Err(S3LocationError::EndpointNeeded { store, form }),
        _ => Ok(()),
    }
}

/// True for a relative path with forward slashes that stays under the place it starts from.
pub(super) fn is_inside(path: &str) -> bool {
    path.split('/').all(|name| !matches!(name, "" | "." | "..") && !name.contains('\0'))
}

/// A key as it stands in a URL.
pub(super) fn escaped_key(key: &str) -> String {
    utf8_percent_encode(key, ESCAPED_IN_KEYS).to_string()
}

/// Where the objects of a bucket can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BaseUrl(String);

impl BaseUrl {
    /// `endpoint` is a checked base URL of a store that is not AWS.
    pub(super) fn new(endpoint: Option<&str>, bucket: &str, region: &str, path_style: bool) -> Self {
        let Some(endpoint) = endpoint else {
            // The certificate of AWS covers one label, so that a bucket with dots can only be read by path.
            return Self(if path_style || bucket.contains('.') {
                format!("https://s3.{region}.amazonaws.com/{bucket}")
            } else {
                format!("https://{bucket}.s3.{region}.amazonaws.com")
            });
        };
        Self(match endpoint.split_once("://") {
            Some((scheme, host)) if !path_style => format!("{scheme}://{bucket}.{host}"),
            _ => format!("{endpoint}/{bucket}"),
        })
    }

    /// Where viewers read the root of the bucket, when that is not the store's own place.
    pub(super) fn public(url: &str) -> Result<Self, PublishError> {
        checked(url).map(Self).ok_or(PublishError::InvalidPublicUrl)
    }

    /// The URL of one object.
    pub(super) fn object(&self, key: &str) -> String {
        format!("{}/{}", self.0, escaped_key(key))
    }
}

/// The endpoint without a slash at its end.
///
/// # Errors
/// When it is not an `http://` or `https://` URL with a host. It is not repeated.
pub(super) fn checked_endpoint(endpoint: &str) -> Result<String, PublishError> {
    checked(endpoint).ok_or(PublishError::InvalidEndpoint)
}

fn checked(address: &str) -> Option<String> {
    let trimmed = address.trim().trim_end_matches('/');
    (!trimmed.is_empty() && address_problem(trimmed).is_none()).then(|| trimmed.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_read_and_written_alike() {
        for text in ["s3://videos", "s3://videos/a/b c"] {
            assert_eq!(text.parse::<S3Location>().unwrap().to_string(), text);
        }
        assert_eq!("s3://videos/a/".parse::<S3Location>().unwrap().prefix, "a");
    }

    #[test]
    fn what_is_no_location_is_told_apart() {
        let error = |text: &str| text.parse::<S3Location>().unwrap_err();
        assert!(matches!(error("https://videos"), S3LocationError::NotS3(_)));
        assert!(matches!(error("s3://"), S3LocationError::BucketName(_)));
        assert!(matches!(error("s3://Big"), S3LocationError::BucketName(_)));
        assert!(matches!(error("s3://videos/a/../b"), S3LocationError::Prefix(_)));
        assert!(matches!(error("s3://videos//a"), S3LocationError::Prefix(_)));
    }

    #[test]
    fn urls_follow_the_style_of_the_store_and_escape_names() {
        let local = BaseUrl::new(Some("http://localhost:8333"), "videos", "us-east-1", true);
        assert_eq!(local.object("a b/ü#%+?.m4s"), "http://localhost:8333/videos/a%20b/%C3%BC%23%25%2B%3F.m4s");
        let hosted = BaseUrl::new(Some("https://store.example"), "videos", "us-east-1", false);
        assert_eq!(hosted.object("a"), "https://videos.store.example/a");
        let aws = BaseUrl::new(None, "videos", "eu-central-1", false);
        assert_eq!(aws.object("a"), "https://videos.s3.eu-central-1.amazonaws.com/a");
        let dotted = BaseUrl::new(None, "my.videos", "eu-central-1", false);
        assert_eq!(dotted.object("a"), "https://s3.eu-central-1.amazonaws.com/my.videos/a");
    }

    #[test]
    fn an_endpoint_is_a_url_with_a_host() {
        assert_eq!(checked_endpoint("http://localhost:8333/").unwrap(), "http://localhost:8333");
        for wrong in ["localhost:8333", "ftp://host", "http://", "https:///x", "http://a b", "http://key:secret@host"] {
            let words = checked_endpoint(wrong).unwrap_err().to_string();
            assert!(!words.contains("secret"), "{words}");
        }
    }
}
