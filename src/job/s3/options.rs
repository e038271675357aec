//! The options of a place in S3 as one text, as they stand behind the question mark of
//! `s3://bucket/prefix?profile=backup&region=eu-central-1`: each named as the flag for it.

use url::form_urlencoded;

use super::{ByKind, Encryption, OLD_FILES_STAY, ObjectKind, ObjectTag, S3Location, Store, typed_acl};
use crate::job::typed;

/// Begins the options of a place.
pub const OPTIONS_MARK: char = '?';

impl S3Location {
    /// This place with the options of a query, each named as its flag; those that are not named are left open.
    ///
    /// # Errors
    /// What is wrong, in words for the user.
    pub fn with_options(self, query: &str) -> Result<Self, String> {
        let mut place = Self { bucket: self.bucket, prefix: self.prefix, ..Self::default() };
        let (mut cache_control, mut storage_class, mut tags) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |reason: &str| format!("{name}: {reason}");
            let text = || if value.is_empty() { Err(wrong("a value is missing")) } else { Ok(value.to_string()) };
            match name.as_ref() {
                "store" => {
                    let store = Store::of_id(&value).ok_or_else(|| wrong(&format!("there is no store “{value}”")))?;
                    place.store = Some(store);
                }
                "endpoint" => place.endpoint = Some(text()?),
                "region" => place.region = Some(text()?),
                "profile" => place.profile = Some(text()?),
                "credentials" => place.credentials = Some(text()?),
                "path-style" => place.path_style = Some(true),
                "virtual-host" => place.path_style = Some(false),
                "cache-control" => cache_control.push(text()?),
                "storage-class" => storage_class.push(text()?),
                "tag" => tags.push(text()?),
                // The second is what it was called before.
                "server-side-encryption" | "encryption" => {
                    place.objects.encryption = Some(Encryption::typed(&value).map_err(|reason| wrong(&reason))?);
                }
                "acl" => place.objects.acl = Some(typed_acl(&value).map_err(|reason| wrong(&reason))?),
                "public-url" => place.public_url = Some(text()?),
                "no-public-check" => place.skip_public_check = true,
                "replace" => place.replace_after = place.replace_after.or(Some(OLD_FILES_STAY)),
                "replace-after" => {
                    place.replace_after = Some(typed::time_span(&value).map_err(|reason| wrong(&reason))?);
                }
                "presign" => place.presign = Some(typed::presigned_span(&value).map_err(|reason| wrong(&reason))?),
                "cloudfront" => {
                    place.cloudfront = Some(typed::distribution(&value).map_err(|reason| wrong(&reason))?);
                }
                "max-upload" => {
                    place.most_bytes_per_second = Some(typed::byte_size(&value).map_err(wrong)?);
                }
                _ => return Err(format!("there is no option “{name}”")),
            }
        }
        let wrong = |name: &str, reason: String| format!("{name}: {reason}");
        place.objects.cache_control = ByKind::typed(&cache_control).map_err(|reason| wrong("cache-control", reason))?;
        place.objects.storage_class = ByKind::typed(&storage_class).map_err(|reason| wrong("storage-class", reason))?;
        place.objects.tags = ObjectTag::typed(&tags).map_err(|reason| wrong("tag", reason))?;
        if place.cloudfront.is_some() && place.public_url.is_none() {
            return Err("cloudfront needs public-url, the address of the distribution".to_owned());
        }
        place.check_addresses()?;
        Ok(place)
    }

    /// The place with its options, as [`with_options`](Self::with_options) and `s3://` read it.
    pub fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut add = |name: &str, value: &str| {
            query.append_pair(name, value);
        };
        let given = [
            ("store", self.store.map(|store| store.id().to_owned())),
            ("endpoint", self.endpoint.clone()),
            ("region", self.region.clone()),
            ("profile", self.profile.clone()),
            ("credentials", self.credentials.clone()),
            ("server-side-encryption", self.objects.encryption.as_ref().map(Encryption::text)),
            ("acl", self.objects.acl.clone()),
            ("public-url", self.public_url.clone()),
            ("replace-after", self.replace_after.map(|stays| format!("{}s", stays.as_secs()))),
            ("presign", self.presign.map(|holds| format!("{}s", holds.as_secs()))),
            ("cloudfront", self.cloudfront.clone()),
            ("max-upload", self.most_bytes_per_second.map(|most| most.to_string())),
        ];
        given.iter().for_each(|(name, value)| value.iter().for_each(|value| add(name, value)));
        for (name, is_set) in [
            ("path-style", self.path_style == Some(true)),
            ("virtual-host", self.path_style == Some(false)),
            ("no-public-check", self.skip_public_check),
        ] {
            if is_set {
                add(name, "");
            }
        }
        self.objects.cache_control.texts().for_each(|text| add("cache-control", &text));
        self.objects.storage_class.texts().for_each(|text| add("storage-class", &text));
        self.objects.tags.iter().for_each(|tag| add("tag", &tag.text()));
        let query = query.finish();
        if query.is_empty() { self.to_string() } else { format!("{self}?{query}") }
    }

    /// True when both are the same place, however each is reached.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let endpoint = |place: &Self| place.endpoint_url().map(|url| url.trim_end_matches('/').to_owned());
        (&self.bucket, &self.prefix, endpoint(self)) == (&other.bucket, &other.prefix, endpoint(other))
    }
}

impl Encryption {
    /// As it is typed.
    pub fn text(&self) -> String {
        match self {
            Self::S3 => "s3".to_owned(),
            Self::Kms { key: None } => "kms".to_owned(),
            Self::Kms { key: Some(key) } => format!("kms:{key}"),
        }
    }
}

impl ObjectKind {
    /// The text with the kind before it, as it is typed.
    pub(super) fn of_text(self, text: &str) -> String {
        let name = Self::NAMED.into_iter().find(|(_, kind)| *kind == self).map_or("all", |(name, _)| name);
        format!("{name}:{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> S3Location {
        S3Location { bucket: "films".to_owned(), prefix: "2026".to_owned(), ..S3Location::default() }
    }

    #[test]
    fn what_an_address_says_is_read_again() {
        let query = "store=wasabi&endpoint=https://s3.example.org:9000&region=eu-west-1&profile=back+up&path-style&\
                     cache-control=max-age%3D60&cache-control=playlists:no-cache&storage-class=media:STANDARD_IA&\
                     tag=project=films&tag=media:tier=cold&encryption=kms:alias/a&acl=public-read&\
                     public-url=https://cdn.example.org&no-public-check&credentials=films&cloudfront=E2EXAMPLE&presign=12h&replace-after=2h&max-upload=20M";
        let full = place().with_options(query).unwrap();
        assert_eq!((full.profile.as_deref(), full.path_style), (Some("back up"), Some(true)));
        assert_eq!(full.objects.cache_control.get(ObjectKind::Playlists), Some("no-cache"));
        assert_eq!(full.replace_after, Some(std::time::Duration::from_secs(7200)));
        let address = full.address();
        assert_eq!(address.split_once('?').map(|(_, query)| place().with_options(query)), Some(Ok(full)), "{address}");
        assert_eq!(place().address(), "s3://films/2026");
        assert_eq!(place().with_options("replace").unwrap().replace_after, Some(OLD_FILES_STAY));
    }

    #[test]
    fn what_is_no_option_is_said() {
        for (query, word) in [
            ("stoer=r2", "stoer"),
            ("store=disk", "disk"),
            ("region=", "region"),
            ("replace-after=soon", "replace-after"),
            ("tag=x", "tag"),
            ("max-upload=fast", "max-upload"),
            ("cloudfront=E2EXAMPLE", "public-url"),
            ("endpoint=http://key:SECRET@host", "endpoint"),
            ("public-url=http://key:SECRET%40host", "public-url"),
        ] {
            let wrong = place().with_options(query).unwrap_err();
            assert!(wrong.contains(word) && !wrong.contains("SECRET"), "{query}: {wrong}");
        }
    }

    #[test]
    fn places_are_the_same_whoever_writes_there() {
        let other = S3Location { profile: Some("other".to_owned()), ..place() };
        assert!(place().is_same_place(&other));
        let elsewhere = S3Location { endpoint: Some("https://elsewhere.example".to_owned()), ..place() };
        assert!(!place().is_same_place(&elsewhere));
    }
}
