//! What each way in which publishing fails means for the user: of what kind it is, and what to do next.

use super::{error::PublishError, location::S3LocationError};
use crate::{failure::FailureKind, pipeline::GoesOnBy};

/// What stores say that do not know the checksums which are sent with each request.
const OF_CHECKSUMS: [&str; 7] =
    ["checksum", "unsupported header", "x-amz-sdk", "trailer", "aws-chunked", "notimplemented", "not implemented"];

impl PublishError {
    /// Of what kind it is.
    pub(super) fn kind(&self) -> FailureKind {
        match self {
            Self::InvalidLocation(_)
            | Self::InvalidEndpoint
            | Self::InvalidPublicUrl
            | Self::InvalidName { .. }
            | Self::InUse { .. }
            | Self::PlaceTaken { .. }
            | Self::Taken { .. }
            | Self::WrongRegion { .. }
            | Self::ClockSkew { .. }
            | Self::Refused { .. }
            | Self::Damaged { .. }
            | Self::NoFolder { .. }
            | Self::NotAFolder { .. }
            | Self::Unfinished { .. }
            | Self::NotWhole { .. }
            | Self::NothingToPublish { .. }
            | Self::Cancelled => FailureKind::InvalidRequest,
            Self::BucketMissing { .. } => FailureKind::BucketMissing,
            Self::KeysMissing { .. } => FailureKind::KeysMissing,
            Self::CredentialsMissing { .. } | Self::CredentialsRefused { .. } => FailureKind::CredentialsRefused,
            Self::PermissionDenied { .. } | Self::PermissionsMissing { .. } => FailureKind::PermissionDenied,
            Self::NetworkLost { .. } | Self::StoreUnavailable { .. } | Self::NotAStore { .. } => {
                FailureKind::NetworkLost
            }
            Self::LocalFile { .. } | Self::FileChanged { .. } => FailureKind::SourceVanished,
            Self::PlaylistIncomplete { .. }
            | Self::NotWholeFile { .. }
            | Self::ContentDiffers { .. }
            | Self::NotStored { .. }
            | Self::SegmentLost { .. } => FailureKind::StreamIncorrect,
            Self::Internal { .. } => FailureKind::Internal,
        }
    }

    /// What the user can do next.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::InvalidLocation(error) => location_hint(error).to_owned(),
            Self::InvalidPublicUrl => "Write the public URL as https://cdn.example.org".to_owned(),
            Self::InvalidEndpoint => "Write the endpoint as http://host:port or https://host, without spaces, “?” and “#”".to_owned(),
            Self::InvalidName { .. } => "Rename the file or folder and publish again".to_owned(),
            Self::InUse { .. } => "Wait until that job has ended, then retry this one".to_owned(),
            Self::Taken { .. } => {
                "Put {id} into the template, empty this place, or replace what lies there, then retry the job".to_owned()
            }
            Self::PlaceTaken { .. } => {
                "That stream stays as it is; publish this one again, which gives it a name of its own, or replace that one"
                    .to_owned()
            }
            Self::BucketMissing { .. } => "Check the bucket's name and the endpoint, or create the bucket".to_owned(),
            Self::CredentialsMissing { .. }
            | Self::KeysMissing { .. }
            | Self::CredentialsRefused { .. }
            | Self::PermissionDenied { .. }
            | Self::PermissionsMissing { .. } => self.access_hint(),
            Self::NotStored { .. } => {
                "Publish it again, which sends what is missing; if it stays so, the store or a proxy before it is faulty"
                    .to_owned()
            }
            Self::ClockSkew { .. } => "Set this computer's clock and try again".to_owned(),
            Self::WrongRegion { .. } => "Set the bucket's own region in the destination".to_owned(),
            Self::NetworkLost { .. } => "Check the network and the address of the store, then try again".to_owned(),
            Self::StoreUnavailable { .. } => "Wait a while, then try again".to_owned(),
            Self::NotAStore { .. } => {
                "Open a web page to see whether this network asks you to sign in, and check the address of the store"
                    .to_owned()
            }
            Self::Refused { detail, .. } => refused_hint(detail).to_owned(),
            Self::Damaged { .. } => {
                "Publish it again; if it stays so, the store, a proxy before it or this computer's memory is faulty".to_owned()
            }
            Self::ContentDiffers { .. } => {
                "Try again; if it stays so, the store or a proxy before it is faulty".to_owned()
            }
            Self::LocalFile { .. } => "Leave the stream's folder alone while it is published, then try again".to_owned(),
            Self::SegmentLost { .. } => "Retry the job, which encodes the source again".to_owned(),
            Self::NotWhole { .. } => "Retry the job that has made it, which sends the rest to its own place".to_owned(),
            Self::FileChanged { .. } => "Publish again when it is finished".to_owned(),
            Self::Unfinished { goes_on_by, .. } => unfinished_hint(*goes_on_by).to_owned(),
            Self::NotAFolder { .. } => "Give the folder that holds the stream's playlists".to_owned(),
            Self::NoFolder { .. } => "Check the path of the stream's folder".to_owned(),
            Self::NothingToPublish { .. } => "Choose the folder that holds the stream's playlists".to_owned(),
            Self::PlaylistIncomplete { .. } => "Encode the source again, or restore the missing files".to_owned(),
            Self::NotWholeFile { .. } => "Copy it again from where it is whole, or encode the source again".to_owned(),
            Self::Internal { .. } => "Try again; if it fails again, report it with the log".to_owned(),
            Self::Cancelled => "Publish the folder again to go on".to_owned(),
        }
    }

    /// The same for keys and permissions.
    fn access_hint(&self) -> String {
        match self {
            Self::CredentialsMissing { profile: Some(profile), .. } => {
                format!("Add the profile “{profile}” to ~/.aws/credentials or ~/.aws/config, or choose another profile")
            }
            Self::CredentialsMissing { profile: None, .. } => {
                "Name keys (in the window with Set keys…, in the terminal with --credentials), choose a profile of \
                 ~/.aws/credentials, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    .to_owned()
            }
            Self::KeysMissing { name, has_keychain, .. } => keys_hint(name, *has_keychain),
            Self::CredentialsRefused { .. } => {
                "Check the access key and its secret, sign in again if they have expired, or choose another profile"
                    .to_owned()
            }
            Self::PermissionDenied { action, .. } => {
                format!("Allow {} for these credentials, or choose another profile", action.permission())
            }
            Self::PermissionsMissing { actions, .. } => {
                let names: Vec<&str> = actions.iter().map(|action| action.permission()).collect();
                format!(
                    "Allow {} for these credentials; a policy that allows all that is needed is at hand",
                    names.join(", ")
                )
            }
            _ => String::new(),
        }
    }
}

/// What the user can do about this answer of a store.
fn refused_hint(detail: &str) -> &'static str {
    let detail = detail.to_ascii_lowercase();
    if OF_CHECKSUMS.iter().any(|word| detail.contains(word)) {
        return "If this store knows no checksums, choose it (--store) or set \
                AWS_REQUEST_CHECKSUM_CALCULATION=when_required";
    }
    "Check the address of the store, and what the destination asks for: storage class, tags, encryption, access (ACL)"
}

fn location_hint(error: &S3LocationError) -> &'static str {
    match error {
        S3LocationError::EndpointNeeded { .. } => {
            "Give the endpoint, or the region where the form has one; the store's own pages show it"
        }
        S3LocationError::Options { .. } => {
            "Name options as the S3 flags of “reelpress encode --help”, such as ?profile=NAME&region=NAME"
        }
        S3LocationError::Address(_) => "Write the address as http://host:port or https://host",
        _ => "Write the destination as s3://bucket/prefix",
    }
}

fn unfinished_hint(goes_on_by: GoesOnBy) -> &'static str {
    match goes_on_by {
        GoesOnBy::RunningJob => "Wait until the job that makes it is done, then publish it",
        GoesOnBy::Queue => "The queue goes on with it, in the window or with “reelpress queue run”; publish it then",
        GoesOnBy::SameCall => "The same “reelpress encode” goes on with it; publish it then",
    }
}

fn keys_hint(name: &str, has_keychain: bool) -> String {
    if has_keychain {
        return format!(
            "Run “reelpress credentials set {name}” to put them into the keychain, or start the job in a terminal or in the \
             window, which ask for them"
        );
    }
    "This system has no keychain: start the job in a terminal or in the window, which ask for the keys, or choose a profile, \
     or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        .to_owned()
}
