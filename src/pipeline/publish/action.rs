//! What is asked of a store, in the words of its permissions.

/// What was asked of the store when it failed, in the words of its permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Listing what lies under the prefix.
    List,
    /// Writing an object.
    Write,
    /// Reading an object.
    Read,
    /// Deleting an object.
    Delete,
    /// Listing unfinished uploads.
    ListUploads,
    /// Listing what is up of an unfinished upload.
    ListParts,
    /// Dropping an unfinished upload.
    Abort,
}

impl Action {
    /// The permission of an S3 policy that allows it.
    pub fn permission(self) -> &'static str {
        match self {
            Self::List => "s3:ListBucket",
            Self::Write => "s3:PutObject",
            Self::Read => "s3:GetObject",
            Self::Delete => "s3:DeleteObject",
            Self::ListUploads => "s3:ListBucketMultipartUploads",
            Self::ListParts => "s3:ListMultipartUploadParts",
            Self::Abort => "s3:AbortMultipartUpload",
        }
    }

    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Write => "write",
            Self::Read => "read",
            Self::Delete => "delete",
            Self::ListUploads => "list unfinished uploads",
            Self::ListParts => "list the parts of uploads",
            Self::Abort => "drop unfinished uploads",
        }
    }
}
