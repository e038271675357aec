//! What playlists say of encryption (rule 16).

use crate::pipeline::check::{
    playlist::{AES_128, KeyText},
    rule::Rule,
    stream::Rendition,
    verdict::Ledger,
};

/// The EXT-X-KEY tags of a media playlist.
pub(super) fn keys(rendition: &Rendition, ledger: &mut Ledger) {
    for key in &rendition.media.keys {
        let problem = problem(key);
        ledger.judge(Rule::Encryption, &rendition.address, problem.is_none(), || problem.unwrap_or_default());
    }
    for map in &rendition.media.maps {
        let Some(key) = map.key.and_then(|key| rendition.media.keys.get(key)) else { continue };
        let kept = key.method != AES_128 || key.iv.is_some();
        ledger.judge(Rule::Encryption, &rendition.address, kept, || {
            "EXT-X-MAP is encrypted, and its EXT-X-KEY has no IV".to_owned()
        });
    }
}

fn problem(key: &KeyText) -> Option<String> {
    let is_known = matches!(key.method.as_str(), "NONE" | AES_128 | "SAMPLE-AES" | "SAMPLE-AES-CTR");
    if !is_known {
        return Some(format!("METHOD={} is not known", key.method));
    }
    if key.method == "NONE" {
        let is_alone = key.uri.is_none() && key.iv.is_none() && key.format.is_none();
        return (!is_alone).then(|| "EXT-X-KEY has METHOD=NONE and other attributes".to_owned());
    }
    if key.uri.as_ref().is_none_or(String::is_empty) {
        return Some("EXT-X-KEY has no URI".to_owned());
    }
    match &key.iv {
        Some(iv) if key.vector(0).is_none() => Some(format!("IV={iv} is not 0x and up to 32 hexadecimal digits")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_keys_are_those_of_the_standard() {
        let is_kept = |method: &str, uri: Option<&str>, iv: Option<&str>| {
            let (uri, iv) = (uri.map(str::to_owned), iv.map(str::to_owned));
            problem(&KeyText { method: method.to_owned(), uri, iv, format: None, number: 1 }).is_none()
        };
        assert!(is_kept("AES-128", Some("k"), None));
        assert!(is_kept("AES-128", Some("k"), Some("0x000102030405060708090a0b0c0D0E0F")));
        assert!(is_kept("NONE", None, None));
        assert!(!is_kept("AES-256", Some("k"), None));
        assert!(!is_kept("AES-128", None, None) && !is_kept("AES-128", Some(""), None));
        assert!(!is_kept("NONE", Some("k"), None) && !is_kept("NONE", None, Some("0x1")));
        for iv in ["000102030405060708090a0b0c0d0e0f", "0x", "0xg", "0x000102030405060708090a0b0c0d0e0f00"] {
            assert!(!is_kept("AES-128", Some("k"), Some(iv)), "{iv}");
        }
    }
}
