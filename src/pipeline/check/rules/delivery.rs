//! What a server says of the files (rule 27).

use crate::pipeline::{
    check::{
        files::{Address, Headers},
        rule::Rule,
        verdict::Ledger,
    },
    publish::headers,
};

/// Playlists that are kept for longer than this can't be corrected.
const LONGEST_PLAYLIST_AGE_SECONDS: u64 = 3600;
/// Segments never change; those that are kept for less are fetched again for nothing.
const SHORTEST_SEGMENT_AGE_SECONDS: u64 = 600;

/// The headers of a playlist.
pub(in super::super) fn of_playlist(address: &Address, headers: &Headers, ledger: &mut Ledger) {
    let kind = essence(headers);
    let known = ["application/vnd.apple.mpegurl", "audio/mpegurl", "application/x-mpegurl", "audio/x-mpegurl"];
    ledger.judge(Rule::PlaylistMime, address, known.contains(&kind.as_str()), || format!("Content-Type is “{kind}”"));
    let age = age_seconds(headers);
    let kept = age.is_some_and(|age| age <= LONGEST_PLAYLIST_AGE_SECONDS);
    ledger.judge(Rule::CacheControl, address, kept, || cache_problem(headers));
    cross_origin(address, headers, ledger);
}

/// The headers of a segment or init segment.
pub(in super::super) fn of_media(address: &Address, headers: &Headers, ledger: &mut Ledger) {
    let kind = essence(headers);
    let path = address.0.split(['?', '#']).next().unwrap_or_default();
    let expected = headers::content_type(path, false);
    let expected = expected.split(';').next().unwrap_or_default();
    let is_mp4 = expected.ends_with("/mp4") && matches!(kind.as_str(), "video/mp4" | "audio/mp4" | "video/iso.segment");
    let is_unknown = expected == "application/octet-stream";
    ledger.judge(Rule::MediaMime, address, kind == expected || is_mp4 || is_unknown, || {
        format!("Content-Type is “{kind}”, not {expected}")
    });
    let kept = age_seconds(headers).is_some_and(|age| age >= SHORTEST_SEGMENT_AGE_SECONDS);
    ledger.judge(Rule::CacheControl, address, kept, || cache_problem(headers));
    cross_origin(address, headers, ledger);
}

fn essence(headers: &Headers) -> String {
    let value = headers.content_type.as_deref().unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// For how long a file may be kept; nothing without `max-age`.
fn age_seconds(headers: &Headers) -> Option<u64> {
    let directives = headers.cache_control.as_deref()?.to_ascii_lowercase();
    let mut directives = directives.split(',').map(str::trim);
    directives.find_map(|directive| match directive {
        "no-cache" | "no-store" => Some(0),
        directive => directive.strip_prefix("max-age=")?.parse().ok(),
    })
}

fn cache_problem(headers: &Headers) -> String {
    match &headers.cache_control {
        Some(value) => format!("Cache-Control is “{value}”"),
        None => "has no Cache-Control".to_owned(),
    }
}

fn cross_origin(address: &Address, headers: &Headers, ledger: &mut Ledger) {
    let kept = headers.allow_origin.is_some();
    ledger.judge(Rule::CrossOrigin, address, kept, || "has no Access-Control-Allow-Origin".to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_judged_by_what_players_and_caches_do_with_them() {
        let judge = |kind: &str, cache: &str, path: &str| {
            let headers = Headers {
                content_type: Some(kind.to_owned()),
                cache_control: Some(cache.to_owned()),
                allow_origin: Some("*".to_owned()),
            };
            let mut ledger = Ledger::default();
            let address = Address(path.to_owned());
            if path.ends_with("m3u8") {
                of_playlist(&address, &headers, &mut ledger);
            } else {
                of_media(&address, &headers, &mut ledger);
            }
            [Rule::PlaylistMime, Rule::MediaMime, Rule::CacheControl, Rule::CrossOrigin]
                .map(|rule| !ledger.is_broken(rule))
        };
        let all = [true; 4];
        assert_eq!(judge("application/vnd.apple.mpegurl", "max-age=60", "https://host/a.m3u8"), all);
        assert_eq!(judge("audio/mp4", "public, max-age=31536000, immutable", "https://host/a.m4s?x"), all);
        assert_eq!(judge("text/plain", "max-age=60", "a.m3u8"), [false, true, true, true]);
        assert_eq!(judge("video/mp2t", "no-cache", "a.ts"), [true, true, false, true]);
        assert_eq!(judge("text/plain", "max-age=900", "a.ts"), [true, false, true, true]);
    }
}
