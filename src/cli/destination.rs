//! From `--out` and the S3 flags to places.

use std::path::{Path, PathBuf};

use super::{args::S3Arguments, bad_usage};
use crate::{
    failure::Failure,
    job::{Destination, S3Location, s3::OPTIONS_MARK},
};

const S3_SCHEME: &str = "s3://";

/// The place in a store that is meant, or `None` when `text` names a folder. A place has options of its own or takes the
/// flags, not both.
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
    if !text.contains(OPTIONS_MARK) {
        return s3.complete(location).map(Some);
    }
    if s3.any() {
        return Err(bad_usage(
            format!(
                "{location} has options of its own after the question mark, and does not take {}",
                s3.given().join(", ")
            ),
            "Write all of them after the question mark, as in s3://bucket/prefix?region=eu-west-1&public-url=…, or all as flags",
        ));
    }
    Ok(Some(location))
}

/// A bucket's address that was mistyped, such as `s3:/films`: nobody means a folder by that.
fn is_nearly_a_bucket(place: &Path) -> bool {
    let scheme = place.to_str().and_then(|text| text.split_once(':'));
    scheme.is_some_and(|(scheme, rest)| scheme.eq_ignore_ascii_case("s3") && !rest.starts_with("//"))
}

/// Where streams go that have these places after `--out`, and perhaps a folder after `--keep`. `None` when no place was
/// given. `unkept` is where streams are made that do not stay.
pub(super) fn destination(
    out: &[PathBuf],
    keep: Option<PathBuf>,
    s3: &S3Arguments,
    unkept: &dyn Fn() -> PathBuf,
) -> Result<Option<Destination>, Failure> {
    let is_bucket = |place: &&PathBuf| place.to_str().is_some_and(|text| text.starts_with(S3_SCHEME));
    let (buckets, folders): (Vec<&PathBuf>, Vec<&PathBuf>) = out.iter().partition(is_bucket);
    if let (true, Some(first)) = (buckets.is_empty() && s3.any(), folders.first()) {
        s3_location(first, s3)?;
    } else if buckets.is_empty() && s3.any() {
        s3_location(Path::new(""), s3)?;
    }
    if let Some(place) = folders.iter().find(|folder| is_nearly_a_bucket(folder)) {
        let headline = format!("{} is neither a folder nor a bucket", place.display());
        return Err(bad_usage(headline, "Write s3://bucket/prefix, or ./s3:… for a folder of that name"));
    }
    if let Some((scheme, _)) = folders.iter().find_map(|folder| folder.to_str()?.split_once("://")) {
        let headline = format!("{scheme}:// is no destination that Reelpress knows");
        return Err(bad_usage(headline, "Give a folder, or s3://bucket/prefix"));
    }
    if folders.len() + usize::from(keep.is_some()) > 1 && (folders.len() > 1 || !buckets.is_empty()) {
        return Err(bad_usage(
            "The local stream can lie in one folder only",
            "Give one folder, after --out or --keep, and any number of s3:// destinations",
        ));
    }
    let folder = folders.first().map(|folder| super::encode::absolute(folder));
    if buckets.is_empty() {
        return match keep {
            Some(_) => Err(bad_usage(
                "--keep is for s3:// destinations: a folder keeps its stream anyway",
                "Leave --keep out, or give an s3:// destination with --out",
            )),
            None => Ok(folder.map(Destination::Folder)),
        };
    }
    let has_options = |bucket: &Path| bucket.to_str().is_some_and(|text| text.contains(OPTIONS_MARK));
    let takes_flags = buckets.iter().any(|bucket| !has_options(bucket));
    let of_others = S3Arguments::default();
    let mut places: Vec<S3Location> = Vec::new();
    for bucket in buckets {
        // The flags are those of the places without options.
        let flags = if takes_flags && has_options(bucket) { &of_others } else { s3 };
        let Some(place) = s3_location(bucket, flags)? else { continue };
        if places.iter().any(|other| other.is_same_place(&place)) {
            return Err(bad_usage(format!("{place} was given twice"), "Give each destination once"));
        }
        places.push(place);
    }
    let kept = folder.or(keep);
    let location = Box::new(places.remove(0));
    Ok(Some(Destination::S3 {
        location,
        keep_local: kept.is_some(),
        local_folder: kept.unwrap_or_else(unkept),
        also_to: places,
        drop_published: false,
    }))
}

/// The same place with segments that are dropped here once they are published. `is_typed` for one that was given with
/// `--out`; what is set in the window to be kept is not.
pub(super) fn dropping(place: Destination, is_typed: bool) -> Result<Destination, Failure> {
    match place {
        Destination::Folder(_) => Err(bad_usage(
            "--drop-published is for s3:// destinations: a folder keeps its stream",
            "Leave --drop-published out, or give an s3:// destination with --out",
        )),
        Destination::S3 { keep_local: true, .. } if is_typed => Err(bad_usage(
            "--drop-published does not go with a folder after --out: the stream can't be kept and dropped",
            "Give s3:// destinations alone, or leave --drop-published out",
        )),
        Destination::S3 { location, local_folder, also_to, .. } => {
            Ok(Destination::S3 { location, local_folder, also_to, keep_local: false, drop_published: true })
        }
    }
}
