//! The flags that say how an S3 store is reached, and what is done there.

use std::time::Duration;

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{
    cli::bad_usage,
    failure::Failure,
    job::{
        S3Location,
        s3::{ByKind, Encryption, OLD_FILES_STAY, ObjectOptions, ObjectTag, Store, typed_acl},
        typed,
    },
};

/// How an S3 store is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct StoreArguments {
    /// Whose store it is, which sets what that one needs
    #[arg(long, value_name = "STORE", help_heading = "S3", value_parser = store())]
    pub store: Option<Store>,
    /// URL of an S3 store that is not AWS
    #[arg(long, value_name = "URL", help_heading = "S3")]
    pub endpoint: Option<String>,
    /// Region of the bucket
    #[arg(long, value_name = "NAME", help_heading = "S3")]
    pub region: Option<String>,
    /// Named profile of the AWS configuration files [default: the standard AWS chain]
    #[arg(long, value_name = "NAME", help_heading = "S3")]
    pub profile: Option<String>,
    /// Keys of the system's keychain by the name that `reelpress credentials set NAME` gave them; without a keychain they
    /// are asked for at the start
    #[arg(long, value_name = "NAME", conflicts_with = "profile", help_heading = "S3")]
    pub credentials: Option<String>,
    /// Address the bucket as URL/bucket, which is the default with --endpoint
    #[arg(long, conflicts_with = "virtual_host", help_heading = "S3")]
    pub path_style: bool,
    /// Address the bucket as bucket.URL, which is the default without --endpoint
    #[arg(long, help_heading = "S3")]
    pub virtual_host: bool,
}

/// How an S3 store is reached, and what is done there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct S3Arguments {
    /// How it is reached.
    #[command(flatten)]
    pub reached: StoreArguments,
    /// Cache-Control of all files, or of a kind of file as KIND:VALUE; may be given several times. Kinds: media,
    /// playlists, captions, images, others
    #[arg(long, value_name = "[KIND:]VALUE", help_heading = "S3")]
    pub cache_control: Vec<String>,
    /// Storage class, such as STANDARD_IA or media:STANDARD_IA; may be given several times
    #[arg(long, value_name = "[KIND:]CLASS", help_heading = "S3")]
    pub storage_class: Vec<String>,
    /// Tag of the objects, such as project=films or media:tier=cold; may be given several times
    #[arg(long = "tag", value_name = "[KIND:]KEY=VALUE", help_heading = "S3")]
    pub tags: Vec<String>,
    /// How the store encrypts the objects where they lie: s3, kms or kms:KEY [default: as the bucket says]; for segments that
    /// players decrypt there is --encrypt
    #[arg(long, alias = "encryption", value_name = "HOW", help_heading = "S3", value_parser = Encryption::typed)]
    pub server_side_encryption: Option<Encryption>,
    /// Canned ACL of the objects, such as public-read; buckets without ACLs refuse it [default: none]
    #[arg(long, value_name = "ACL", help_heading = "S3", value_parser = typed_acl)]
    pub acl: Option<String>,
    /// URL at which viewers read the root of the bucket, such as that of a CDN [default: the store's own]
    #[arg(long, value_name = "URL", help_heading = "S3")]
    pub public_url: Option<String>,
    /// Don't look at the published stream as a player without credentials would
    #[arg(long, help_heading = "S3")]
    pub no_public_check: bool,
    /// Replace an earlier stream of the same name: viewers go on with the old files until the new ones are up
    #[arg(long, help_heading = "S3")]
    pub replace: bool,
    /// How long the files of a replaced stream stay for those who are playing it, such as 90s, 30m or 2h [default: 1h]
    #[arg(long, value_name = "TIME", requires = "replace", help_heading = "S3", value_parser = typed::time_span)]
    pub replace_after: Option<Duration>,
    /// Give presigned addresses that hold so long, such as 12h or 7d, at most 7 days: anyone who has one can read a private
    /// bucket with it. Signed playlists are written beside the others; DASH manifests can't be presigned
    #[arg(long, value_name = "TIME", help_heading = "S3", value_parser = typed::presigned_span)]
    pub presign: Option<Duration>,
    /// Id of the CloudFront distribution at --public-url: it forgets what --replace has replaced, and fetches playlists and
    /// first segments beforehand
    #[arg(long, value_name = "ID", requires = "public_url", help_heading = "S3", value_parser = typed::distribution)]
    pub cloudfront: Option<String>,
    /// Most bytes a second that uploads take together, such as 500K or 20M
    #[arg(long, value_name = "BYTES", help_heading = "S3", value_parser = typed::byte_size)]
    pub max_upload: Option<u64>,
}

impl StoreArguments {
    /// What was asked of the style; `None` lets the endpoint decide.
    pub fn path_style(&self) -> Option<bool> {
        match (self.path_style, self.virtual_host) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

impl S3Arguments {
    /// True when any of them was given.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// The flags that were given, as they are typed.
    pub fn given(&self) -> Vec<&'static str> {
        let reached = &self.reached;
        let flags = [
            ("--store", reached.store.is_some()),
            ("--endpoint", reached.endpoint.is_some()),
            ("--region", reached.region.is_some()),
            ("--profile", reached.profile.is_some()),
            ("--credentials", reached.credentials.is_some()),
            ("--path-style", reached.path_style),
            ("--virtual-host", reached.virtual_host),
            ("--cache-control", !self.cache_control.is_empty()),
            ("--storage-class", !self.storage_class.is_empty()),
            ("--tag", !self.tags.is_empty()),
            ("--server-side-encryption", self.server_side_encryption.is_some()),
            ("--acl", self.acl.is_some()),
            ("--public-url", self.public_url.is_some()),
            ("--no-public-check", self.no_public_check),
            ("--replace", self.replace),
            ("--replace-after", self.replace_after.is_some()),
            ("--presign", self.presign.is_some()),
            ("--cloudfront", self.cloudfront.is_some()),
            ("--max-upload", self.max_upload.is_some()),
        ];
        flags.into_iter().filter_map(|(flag, is_given)| is_given.then_some(flag)).collect()
    }

    /// This place, reached and written as the flags say.
    ///
    /// # Errors
    /// When a flag's value makes no sense.
    pub fn complete(&self, place: S3Location) -> Result<S3Location, Failure> {
        let wrong = |flag: &str, reason: String| bad_usage(format!("{flag}: {reason}"), "“--help” tells the forms");
        let place = S3Location {
            store: self.reached.store,
            endpoint: self.reached.endpoint.clone(),
            region: self.reached.region.clone(),
            profile: self.reached.profile.clone(),
            credentials: self.reached.credentials.clone(),
            path_style: self.reached.path_style(),
            objects: ObjectOptions {
                cache_control: ByKind::typed(&self.cache_control).map_err(|reason| wrong("--cache-control", reason))?,
                storage_class: ByKind::typed(&self.storage_class).map_err(|reason| wrong("--storage-class", reason))?,
                tags: ObjectTag::typed(&self.tags).map_err(|reason| wrong("--tag", reason))?,
                encryption: self.server_side_encryption.clone(),
                acl: self.acl.clone(),
            },
            public_url: self.public_url.clone(),
            skip_public_check: self.no_public_check,
            replace_after: self.replace.then(|| self.replace_after.unwrap_or(OLD_FILES_STAY)),
            presign: self.presign,
            cloudfront: self.cloudfront.clone(),
            most_bytes_per_second: self.max_upload,
            ..place
        };
        place.check_addresses().map_err(|words| bad_usage(format!("--{words}"), "“--help” tells the forms"))?;
        Ok(place)
    }
}

fn store() -> impl TypedValueParser<Value = Store> {
    let ids = PossibleValuesParser::new(Store::ALL.map(Store::id));
    ids.try_map(|id| Store::of_id(&id).ok_or_else(|| format!("there is no store “{id}”")))
}
