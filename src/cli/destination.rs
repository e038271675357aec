//! From `--out` and the S3 flags to a place.

use std::path::Path;

use super::{args::S3Arguments, bad_usage};
use crate::{failure::Failure, job::S3Location};

const S3_SCHEME: &str = "s3://";

/// The place in a store that is meant, or `None` when `text` names a folder.
pub(super) fn s3_location(text: &Path, s3: &S3Arguments) -> Result<Option<S3Location>, Failure> {
    let Some(text) = text.to_str().filter(|text| text.starts_with(S3_SCHEME)) else {
        return if s3.any() {
            Err(bad_usage(
                "The S3 flags, such as --endpoint and --store, need an s3:// destination",
                "Write the destination as s3://bucket/prefix, or leave them out",
            ))
        } else {
            Ok(None)
        };
    };
    let location: S3Location =
        text.parse().map_err(|error| bad_usage(format!("{error}"), "Write the destination as s3://bucket/prefix"))?;
    s3.complete(location).map(Some)
}
