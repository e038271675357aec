//! What objects are given beside their content: how long they are kept, where and how the store keeps them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// As many as S3 takes for an object (Amazon S3 User Guide, "Object tagging").
const MOST_TAGS: usize = 10;
const LONGEST_TAG_KEY: usize = 128;
const LONGEST_TAG_VALUE: usize = 256;
/// The canned ACLs (Amazon S3 User Guide, "Access control list overview") that make sense for objects.
const CANNED_ACLS: [&str; 6] = [
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

/// The files of a stream, told apart by how they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// All files for which nothing else is said.
    All,
    /// Init segments, segments and MP4 files.
    Media,
    /// Playlists and manifests.
    Playlists,
    /// Captions, chapters and the index of a storyboard.
    Captions,
    /// Posters, thumbnails and storyboards.
    Images,
    /// Anything else.
    Others,
}

impl ObjectKind {
    pub(super) const NAMED: [(&'static str, Self); 6] = [
        ("all", Self::All),
        ("media", Self::Media),
        ("playlists", Self::Playlists),
        ("captions", Self::Captions),
        ("images", Self::Images),
        ("others", Self::Others),
    ];

    /// Takes `media:rest` apart; what begins with no kind is for all.
    fn split(text: &str) -> (Self, &str) {
        let named = text.split_once(':').and_then(|(name, rest)| {
            let kind = Self::NAMED.into_iter().find(|(known, _)| *known == name)?.1;
            Some((kind, rest))
        });
        named.unwrap_or((Self::All, text))
    }
}

/// A value for each kind of file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByKind(BTreeMap<ObjectKind, String>);

impl ByKind {
    /// The value for files of this kind.
    pub fn get(&self, kind: ObjectKind) -> Option<&str> {
        self.0.get(&kind).or_else(|| self.0.get(&ObjectKind::All)).map(String::as_str)
    }

    /// The values as they are typed.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(kind, value)| kind.of_text(value))
    }

    /// Reads `value` for all files and `kind:value` for one kind, such as `playlists:no-cache`.
    ///
    /// # Errors
    /// What is wrong, in words for the user.
    pub fn typed(texts: &[String]) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        for text in texts {
            let (kind, value) = ObjectKind::split(text);
            if value.is_empty() || !value.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ') {
                return Err(format!("“{text}” has no value that can stand in a header"));
            }
            values.insert(kind, value.trim().to_owned());
        }
        Ok(Self(values))
    }
}

/// A key and a value by which the owner of a bucket finds objects again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectTag {
    /// The files that get it.
    pub kind: ObjectKind,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// How the store encrypts what it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// With keys of the store (SSE-S3).
    S3,
    /// With a key of the key management service (SSE-KMS).
    Kms {
        /// Id or ARN of the key; the account's own for S3 when not given.
        key: Option<String>,
    },
}

/// What objects are given beside their content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectOptions {
    /// `Cache-Control`, in place of what is usual for each kind. A playlist that grows is never kept longer than a
    /// second.
    pub cache_control: ByKind,
    /// Storage class, such as `STANDARD_IA`.
    pub storage_class: ByKind,
    /// Tags.
    pub tags: Vec<ObjectTag>,
    /// How the store encrypts them; as the bucket says when not given.
    pub encryption: Option<Encryption>,
    /// A canned ACL. None is sent when not given: new buckets of AWS refuse ACLs.
    pub acl: Option<String>,
}

impl ObjectOptions {
    /// The tags of files of this kind.
    pub fn tags_of(&self, kind: ObjectKind) -> impl Iterator<Item = (&str, &str)> {
        let is_meant = move |tag: &&ObjectTag| tag.kind == ObjectKind::All || tag.kind == kind;
        self.tags.iter().filter(is_meant).map(|tag| (tag.key.as_str(), tag.value.as_str()))
    }
}

impl ObjectTag {
    /// As it is typed, with its kind.
    pub fn text(&self) -> String {
        self.kind.of_text(&format!("{}={}", self.key, self.value))
    }

    /// Reads `key=value` for all files and `kind:key=value` for one kind.
    ///
    /// # Errors
    /// What is wrong, in words for the user.
    pub fn typed(texts: &[String]) -> Result<Vec<Self>, String> {
        if texts.len() > MOST_TAGS {
            return Err(format!("an object has at most {MOST_TAGS} tags"));
        }
        let tag = |text: &String| {
            let (kind, pair) = ObjectKind::split(text);
            let (key, value) = pair.split_once('=').ok_or_else(|| format!("“{text}” is not of the form key=value"))?;
            if !(1..=LONGEST_TAG_KEY).contains(&key.chars().count()) || value.chars().count() > LONGEST_TAG_VALUE {
                return Err(format!(
                    "“{text}” has a key without or with more than {LONGEST_TAG_KEY} letters, or a value with more than \
                     {LONGEST_TAG_VALUE}"
                ));
            }
            Ok(Self { kind, key: key.to_owned(), value: value.to_owned() })
        };
        texts.iter().map(tag).collect()
    }
}

impl Encryption {
    /// Reads `s3`, `kms` and `kms:KEY`.
    ///
    /// # Errors
    /// What is wrong, in words for the user.
    pub fn typed(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "s3" => Ok(Self::S3),
            None if text == "kms" => Ok(Self::Kms { key: None }),
            Some(("kms", key)) if !key.is_empty() && key.chars().all(|letter| letter.is_ascii_graphic()) => {
                Ok(Self::Kms { key: Some(key.to_owned()) })
            }
            _ => Err("give s3, kms, or kms:KEY".to_owned()),
        }
    }
}

/// Reads a canned ACL.
///
/// # Errors
/// Which there are, in words for the user.
pub fn typed_acl(text: &str) -> Result<String, String> {
    if CANNED_ACLS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("the canned ACLs are {}", CANNED_ACLS.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn a_value_for_one_kind_wins_over_the_one_for_all() {
        let classes = ByKind::typed(&texts(&["STANDARD_IA", "playlists:STANDARD"])).unwrap();
        assert_eq!(classes.get(ObjectKind::Media), Some("STANDARD_IA"));
        assert_eq!(classes.get(ObjectKind::Playlists), Some("STANDARD"));
        assert_eq!(ByKind::default().get(ObjectKind::Media), None);
        assert!(ByKind::typed(&texts(&["media:"])).is_err());
        assert!(ByKind::typed(&texts(&["no-cache\r\nx-evil: 1"])).is_err());
    }

    #[test]
    fn tags_are_for_all_or_for_one_kind() {
        let tags = ObjectTag::typed(&texts(&["project=films", "media:tier=cold", "a:b=c=d"])).unwrap();
        let options = ObjectOptions { tags, ..ObjectOptions::default() };
        let of = |kind| options.tags_of(kind).collect::<Vec<_>>();
        assert_eq!(of(ObjectKind::Media), [("project", "films"), ("tier", "cold"), ("a:b", "c=d")]);
        assert_eq!(of(ObjectKind::Images), [("project", "films"), ("a:b", "c=d")]);
        for wrong in [vec!["project"], vec!["=x"], vec!["a=b"; 11]] {
            assert!(ObjectTag::typed(&texts(&wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn encryption_and_acl_are_of_the_known_ones() {
        assert_eq!(Encryption::typed("kms:alias/films"), Ok(Encryption::Kms { key: Some("alias/films".to_owned()) }));
        assert!(Encryption::typed("aes").is_err() && Encryption::typed("kms:").is_err());
        assert!(typed_acl("public-read").is_ok() && typed_acl("public").is_err());
    }
}
