//! Stores that speak the protocol of S3, and in what they differ.

use serde::{Deserialize, Serialize};

/// Whose store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// Amazon S3.
    Aws,
    /// Cloudflare R2.
    R2,
    /// Backblaze B2.
    B2,
    /// MinIO.
    Minio,
    /// SeaweedFS.
    Seaweedfs,
    /// Wasabi.
    Wasabi,
    /// DigitalOcean Spaces.
    Spaces,
}

/// What a store needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreProfile {
    /// Form of its endpoint, with `{region}` or `{account}` where that belongs; `None` where the SDK knows it.
    pub endpoint_form: Option<&'static str>,
    /// The only region it has.
    pub region: Option<&'static str>,
    /// Whether the bucket stands in the path.
    pub path_style: bool,
    /// Whether it takes the checksum headers that newer SDKs send with every request.
    pub takes_checksums: bool,
}

impl Store {
    /// All stores, in the order in which they are offered.
    pub const ALL: [Self; 7] =
        [Self::Aws, Self::R2, Self::B2, Self::Minio, Self::Seaweedfs, Self::Wasabi, Self::Spaces];

    /// Name in the terminal.
    pub fn id(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::R2 => "r2",
            Self::B2 => "b2",
            Self::Minio => "minio",
            Self::Seaweedfs => "seaweedfs",
            Self::Wasabi => "wasabi",
            Self::Spaces => "spaces",
        }
    }

    /// The store of this name in the terminal.
    pub fn of_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|store| store.id() == id)
    }

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Aws => "Amazon S3",
            Self::R2 => "Cloudflare R2",
            Self::B2 => "Backblaze B2",
            Self::Minio => "MinIO",
            Self::Seaweedfs => "SeaweedFS",
            Self::Wasabi => "Wasabi",
            Self::Spaces => "DigitalOcean Spaces",
        }
    }

    /// What the store needs, by its maker's documentation:
    ///
    /// - Amazon S3: AWS General Reference, "Amazon S3 endpoints"; buckets in the host name, since new regions know no
    ///   other form.
    /// - R2: developers.cloudflare.com/r2/api/s3/api (the region is `auto`; no checksums but a few) and
    ///   developers.cloudflare.com/r2/examples/aws (checksums only when required).
    /// - B2: backblaze.com/docs/cloud-storage-s3-compatible-api (endpoints; `x-amz-checksum-…` headers among the
    ///   unsupported features).
    /// - MinIO: its servers know buckets in the host name only after `MINIO_DOMAIN` was set; any region, `us-east-1`
    ///   by default (MinIO Server, "Core settings").
    /// - SeaweedFS: wiki "Amazon S3 API"; measured with 4.48.
    /// - Wasabi: docs.wasabi.com/docs/rest-api-introduction (path style is recommended); its endpoints have the
    ///   region in them. It is not told that the checksum headers are known, so that they are left out.
    /// - Spaces: docs.digitalocean.com/reference/api/spaces-api (the endpoint has the region in it; SDKs since
    ///   January 2025 can't write with their checksums).
    pub fn profile(self) -> StoreProfile {
        let (endpoint_form, region, path_style, takes_checksums) = match self {
            Self::Aws => (None, None, false, true),
            Self::R2 => (Some("https://{account}.r2.cloudflarestorage.com"), Some("auto"), true, false),
            Self::B2 => (Some("https://s3.{region}.backblazeb2.com"), None, true, false),
            Self::Minio => (Some("https://{host}:9000"), Some("us-east-1"), true, true),
            Self::Seaweedfs => (Some("http://{host}:8333"), Some("us-east-1"), true, true),
            Self::Wasabi => (Some("https://s3.{region}.wasabisys.com"), None, true, false),
            Self::Spaces => (Some("https://{region}.digitaloceanspaces.com"), None, false, false),
        };
        StoreProfile { endpoint_form, region, path_style, takes_checksums }
    }
}

impl StoreProfile {
    /// The endpoint in this region; `None` when it has more in it than the region, or the SDK knows it.
    pub fn endpoint(&self, region: &str) -> Option<String> {
        let form = self.endpoint_form.filter(|form| form.contains("{region}"))?;
        Some(form.replace("{region}", region))
    }

    /// The region that stands in an endpoint of this store.
    pub fn region_in(&self, endpoint: &str) -> Option<String> {
        let (before, after) = self.endpoint_form?.split_once("{region}")?;
        let region = endpoint.trim().trim_end_matches('/').strip_prefix(before)?.strip_suffix(after)?;
        (!region.is_empty() && !region.contains('.')).then(|| region.to_owned())
    }
}
