//! Why a stream could not be published, told apart by what the user can do about it.

use std::{error::Error, path::PathBuf};

pub use super::action::Action;
use super::location::S3LocationError;
use crate::{failure::Failure, format::shortened, pipeline::GoesOnBy};

/// Of what a store says in a headline.
const MOST_CHARACTERS: usize = 200;

/// Why a stream could not be published.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// The text or the parts of a location make no sense.
    #[error(transparent)]
    InvalidLocation(#[from] S3LocationError),
    /// The endpoint is no URL.
    #[error("the endpoint is no address of an S3 store")]
    InvalidEndpoint,
    /// The public URL is no URL.
    #[error("the public URL is no address at which viewers could read a bucket")]
    InvalidPublicUrl,
    /// Another job of this program publishes to this key.
    #[error("another job is publishing to {key}")]
    InUse {
        /// The key.
        key: String,
    },
    /// Something lies at this key, and the stream is to lie exactly there.
    #[error("something lies at {key} already, and may belong to another job")]
    Taken {
        /// The key.
        key: String,
    },
    /// Another program has published there meanwhile.
    #[error("another stream was published at {place} meanwhile")]
    PlaceTaken {
        /// The object, as `s3://bucket/key`.
        place: String,
    },
    /// A file's name can't be used as a part of a key.
    #[error("“{name}” can't be the name of an object")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// There is no such bucket.
    #[error("the bucket {place} does not exist")]
    BucketMissing {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What the store said.
        detail: String,
    },
    /// No credentials were found in the environment, the configuration files or the machine.
    #[error("no credentials for {place}")]
    CredentialsMissing {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// The profile that was to be used.
        profile: Option<String>,
        /// What the providers said.
        detail: String,
    },
    /// The keychain of the system does not give the keys.
    #[error("no keys “{name}” for {place}")]
    KeysMissing {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// Name of the keys.
        name: String,
        /// False when the system has no keychain that could have them.
        has_keychain: bool,
        /// What the keychain said.
        detail: String,
    },
    /// The store does not know the key, or the secret is wrong, or the session has expired.
    #[error("the credentials are refused by {place}")]
    CredentialsRefused {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What the store said.
        detail: String,
    },
    /// The credentials are good, but are not allowed to do this.
    #[error("no permission to {} in {place}", action.verb())]
    PermissionDenied {
        /// What was tried.
        action: Action,
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What the store said.
        detail: String,
    },
    /// The credentials are good, but some of what publishing does is not allowed to them.
    #[error("no permission to {} in {place}", verbs(actions))]
    PermissionsMissing {
        /// What was tried.
        actions: Vec<Action>,
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What the store said.
        detail: String,
    },
    /// Objects that were sent are not in the store, or other than they were sent.
    #[error("the store of {place} has lost or changed {}", keys.first().map_or("an object", String::as_str))]
    NotStored {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// The keys of all such objects.
        keys: Vec<String>,
    },
    /// This computer's clock is too far from the store's.
    #[error("this computer's clock differs too much from that of {place}")]
    ClockSkew {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What the store said.
        detail: String,
    },
    /// The bucket is in another region.
    #[error("the bucket {place} is in another region")]
    WrongRegion {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What the store said.
        detail: String,
    },
    /// No answer: name unknown, connection refused, cut or silent.
    #[error("no connection to {place}")]
    NetworkLost {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What went wrong on the way.
        detail: String,
    },
    /// The store answers, but can't do it now.
    #[error("the store can't take requests now: {place}")]
    StoreUnavailable {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What the store said.
        detail: String,
    },
    /// Something answers that is no S3 store, such as the page at which a network asks people to sign in.
    #[error("what answers for {place} is no S3 store")]
    NotAStore {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What it said.
        detail: String,
    },
    /// The store refuses for another reason.
    #[error("the store of {place} refuses to {} an object: {}", action.verb(), first_line(detail))]
    Refused {
        /// What was tried.
        action: Action,
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What the store said.
        detail: String,
    },
    /// What arrived at the store is not what was sent.
    #[error("what arrives at the store of {place} is not what was sent")]
    Damaged {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// What the store said.
        detail: String,
    },
    /// What was read back is not what was written.
    #[error("the store of {place} gave back other bytes than were written")]
    ContentDiffers {
        /// The bucket, and its store when that is not AWS.
        place: String,
    },
    /// A file of the stream was written to while it was published.
    #[error("the file {} changed while it was published", file.display())]
    FileChanged {
        /// The file.
        file: PathBuf,
        /// What is other about it.
        detail: String,
    },
    /// A file of the stream can't be read from the disk.
    #[error("the file {} can't be read", file.display())]
    LocalFile {
        /// The file.
        file: PathBuf,
        /// What the system says.
        detail: String,
    },
    /// A segment that was dropped here when all buckets had it is not in the bucket any more.
    #[error("{} was dropped here when it was published, and {place} has lost or changed it", file.display())]
    SegmentLost {
        /// The bucket, and its store when that is not AWS.
        place: String,
        /// The file.
        file: PathBuf,
    },
    /// Segments of the stream in this folder were dropped when all buckets had them.
    #[error("segments of the stream in {} were dropped here when they were published", folder.display())]
    NotWhole {
        /// The folder.
        folder: PathBuf,
    },
    /// A stream is being made in the folder, or was when its program was killed.
    #[error("the stream in {} is not finished", folder.display())]
    Unfinished {
        /// The folder of that stream.
        folder: PathBuf,
        /// Who goes on with it.
        goes_on_by: GoesOnBy,
    },
    /// What was named is no folder.
    #[error("{} is no folder", file.display())]
    NotAFolder {
        /// What was named.
        file: PathBuf,
    },
    /// There is no such folder.
    #[error("there is no folder {}", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder has no file that could be published.
    #[error("there is nothing to publish in {}", folder.display())]
    NothingToPublish {
        /// The folder.
        folder: PathBuf,
    },
    /// A playlist names files that are not part of the stream.
    #[error("the playlist {playlist} names {}, which is not there", names.first().map_or("a file", String::as_str))]
    PlaylistIncomplete {
        /// Path of the playlist in the stream.
        playlist: String,
        /// Paths of what is missing.
        names: Vec<String>,
    },
    /// A file of the stream is empty or ends too early.
    #[error("the file {} is not whole: {detail}", file.display())]
    NotWholeFile {
        /// The file.
        file: PathBuf,
        /// How that shows.
        detail: String,
    },
    /// A task of this program ended in a way that it should not.
    #[error("publishing stopped by a defect of Reelpress")]
    Internal {
        /// What is known of it.
        detail: String,
    },
    /// The user stopped it.
    #[error("publishing was stopped")]
    Cancelled,
}

impl PublishError {
    /// True when the user stopped it, so that nothing has to be told.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// True when the folder that was named is none of a stream.
    pub fn is_wrong_folder(&self) -> bool {
        matches!(self, Self::NoFolder { .. } | Self::NotAFolder { .. } | Self::NothingToPublish { .. })
    }

    /// True for what mends itself: a lost network, also one that asks people to sign in, and a store that has too much to do.
    pub(in crate::pipeline) fn is_passing(&self) -> bool {
        matches!(self, Self::NetworkLost { .. } | Self::StoreUnavailable { .. } | Self::NotAStore { .. })
    }

    /// True for a store that answers, and has too much to do at this moment.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::StoreUnavailable { .. })
    }

    /// True for what may come by itself, or by a user who gives keys, while a stream is made.
    pub(in crate::pipeline) fn can_come(&self) -> bool {
        self.is_passing() || matches!(self, Self::KeysMissing { .. })
    }

    /// True for what lies in the place alone, such as a bucket that is not there: other places of a job get its stream, and
    /// this one can when it is mended.
    pub(in crate::pipeline) fn is_of_place(&self) -> bool {
        self.is_passing()
            || matches!(
                self,
                Self::BucketMissing { .. }
                    | Self::CredentialsMissing { .. }
                    | Self::KeysMissing { .. }
                    | Self::CredentialsRefused { .. }
                    | Self::PermissionDenied { .. }
                    | Self::PermissionsMissing { .. }
                    | Self::ClockSkew { .. }
                    | Self::WrongRegion { .. }
                    | Self::Refused { .. }
            )
    }

    /// True for what a fault on the way may have spoilt, so that sending it again may mend it.
    pub(super) fn is_damaged(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// The same in words for the user, with what to do next.
    pub fn into_failure(self) -> Failure {
        let headline = capitalised(&self.to_string());
        Failure::new(self.kind(), headline, self.hint()).with_detail(self.detail())
    }

    fn detail(&self) -> String {
        match self {
            Self::BucketMissing { detail, .. }
            | Self::CredentialsMissing { detail, .. }
            | Self::KeysMissing { detail, .. }
            | Self::CredentialsRefused { detail, .. }
            | Self::PermissionDenied { detail, .. }
            | Self::PermissionsMissing { detail, .. }
            | Self::ClockSkew { detail, .. }
            | Self::WrongRegion { detail, .. }
            | Self::NetworkLost { detail, .. }
            | Self::StoreUnavailable { detail, .. }
            | Self::NotAStore { detail, .. }
            | Self::Refused { detail, .. }
            | Self::Damaged { detail, .. }
            | Self::LocalFile { detail, .. }
            | Self::FileChanged { detail, .. }
            | Self::Internal { detail } => detail.clone(),
            Self::PlaylistIncomplete { names, .. } | Self::NotStored { keys: names, .. } => names.join("\n"),
            Self::InvalidLocation(_)
            | Self::InvalidEndpoint
            | Self::InvalidPublicUrl
            | Self::InvalidName { .. }
            | Self::InUse { .. }
            | Self::PlaceTaken { .. }
            | Self::Taken { .. }
            | Self::ContentDiffers { .. }
            | Self::NoFolder { .. }
            | Self::NotAFolder { .. }
            | Self::Unfinished { .. }
            | Self::SegmentLost { .. }
            | Self::NotWhole { .. }
            | Self::NotWholeFile { .. }
            | Self::NothingToPublish { .. }
            | Self::Cancelled => String::new(),
        }
    }
}

/// The error and all that caused it, from the outside in.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        cause = inner.source();
    }
    texts.join(": ")
}

/// As much of what a store says as goes into a headline.
fn first_line(detail: &str) -> String {
    let line = detail.lines().next().unwrap_or_default();
    shortened(&line.replace(char::is_control, " "), MOST_CHARACTERS)
}

/// `write, read and delete`.
fn verbs(actions: &[Action]) -> String {
    let verbs: Vec<&str> = actions.iter().map(|action| action.verb()).collect();
    match verbs.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_own_kind_and_hint() {
        let place = || "videos".to_owned();
        let detail = || "HTTP 403".to_owned();
        let keys_missing = |has_keychain| PublishError::KeysMissing {
            place: place(),
            name: "films".to_owned(),
            has_keychain,
            detail: detail(),
        };
        let errors = [
            PublishError::BucketMissing { place: place(), detail: detail() },
            PublishError::CredentialsMissing { place: place(), profile: None, detail: detail() },
            PublishError::CredentialsRefused { place: place(), detail: detail() },
            PublishError::PermissionDenied { action: Action::Write, place: place(), detail: detail() },
            PublishError::NetworkLost { place: place(), detail: detail() },
            PublishError::ClockSkew { place: place(), detail: detail() },
            keys_missing(true),
            keys_missing(false),
        ];
        let failures: Vec<Failure> = errors.into_iter().map(PublishError::into_failure).collect();
        for (index, failure) in failures.iter().enumerate() {
            assert!(failure.headline.contains("videos") && failure.headline.starts_with(char::is_uppercase));
            assert!(failures[..index].iter().all(|other| other.hint != failure.hint), "{}", failure.hint);
        }
        assert_eq!(failures[3].headline, "No permission to write in videos");
        assert!(failures[3].hint.contains("s3:PutObject"));
    }
}
