//! What a playlist names.

use m3u8_rs::{Key, MasterPlaylist, MediaPlaylist, Playlist};
use percent_encoding::percent_decode_str;

/// What has to be known of a playlist before it can go up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PlaylistFacts {
    /// An HLS media playlist.
    Media {
        /// Paths in the stream of all that it names.
        names: Vec<String>,
        /// True without EXT-X-ENDLIST.
        growing: bool,
    },
    /// An HLS multivariant playlist.
    Multivariant {
        /// Paths in the stream of all playlists that it names.
        names: Vec<String>,
    },
    /// An MPD, or something that can't be read.
    Other {
        /// True when a newer version can be expected.
        growing: bool,
    },
}

impl PlaylistFacts {
    /// True for an HLS multivariant playlist.
    pub(super) fn is_multivariant(&self) -> bool {
        matches!(self, Self::Multivariant { .. })
    }

    /// True where a newer version can be expected.
    pub(super) fn is_growing(&self) -> bool {
        matches!(self, Self::Media { growing: true, .. } | Self::Other { growing: true })
    }

    /// Reads the playlist of this path relative to the stream's folder. What lies outside the folder by a URL with a
    /// scheme is not counted: it is not ours to upload.
    pub(super) fn read(path: &str, text: &[u8]) -> Self {
        if path.to_ascii_lowercase().ends_with(".mpd") {
            return Self::Other { growing: contains(text, b"type=\"dynamic\"") };
        }
        let resolved = |uris: Vec<String>| uris.iter().filter_map(|uri| resolve(path, uri)).collect();
        match m3u8_rs::parse_playlist_res(text) {
            Ok(Playlist::MediaPlaylist(media)) => {
                Self::Media { growing: !media.end_list, names: resolved(media_uris(media)) }
            }
            Ok(Playlist::MasterPlaylist(multivariant)) => {
                Self::Multivariant { names: resolved(multivariant_uris(multivariant)) }
            }
            Err(_) => Self::Other { growing: !contains(text, b"#EXT-X-ENDLIST") },
        }
    }
}

/// Names of files that an MPD tells, without their folders; `None` stands for what a template puts there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ManifestName(Vec<Option<String>>);

impl ManifestName {
    /// Those that stand in its attributes and its base addresses (ISO/IEC 23009-1, 5.3.9.4.4 and 5.6).
    pub(super) fn all(text: &[u8]) -> Vec<Self> {
        let text = String::from_utf8_lossy(text);
        let names = text.split(['"', '\'', '<', '>']).map(|value| value.trim().rsplit('/').next().unwrap_or_default());
        names.filter(|name| name.contains('.') && !name.contains(char::is_whitespace)).map(Self::of).collect()
    }

    fn of(name: &str) -> Self {
        // Between two of these signs stands what is replaced.
        let parts = name.split('$').enumerate();
        Self(
            parts
                .map(|(index, part)| (index % 2 == 0).then(|| percent_decode_str(part).decode_utf8_lossy().into()))
                .collect(),
        )
    }

    /// Whether the file of this path may be meant.
    pub(super) fn may_be(&self, path: &str) -> bool {
        let mut rest = path.rsplit('/').next().unwrap_or(path);
        let mut is_open = false;
        for part in &self.0 {
            let Some(part) = part else {
                is_open = true;
                continue;
            };
            let found = if is_open { rest.find(part.as_str()) } else { rest.starts_with(part.as_str()).then_some(0) };
            let Some(at) = found else { return false };
            rest = &rest[at + part.len()..];
            is_open = false;
        }
        is_open || rest.is_empty()
    }
}

fn media_uris(playlist: MediaPlaylist) -> Vec<String> {
    let mut uris = Vec::with_capacity(playlist.segments.len() + 1);
    for segment in playlist.segments {
        uris.extend(segment.map.map(|map| map.uri));
        uris.extend(segment.key.and_then(|key: Key| key.uri));
        // I-frame playlists name the same segment many times over, one after the other.
        if uris.last() != Some(&segment.uri) {
            uris.push(segment.uri);
        }
    }
    uris
}

fn multivariant_uris(playlist: MasterPlaylist) -> Vec<String> {
    let alternatives = playlist.alternatives.into_iter().filter_map(|alternative| alternative.uri);
    let keys = playlist.session_key.into_iter().filter_map(|key| key.0.uri);
    playlist.variants.into_iter().map(|variant| variant.uri).chain(alternatives).chain(keys).collect()
}

/// The path in the stream that a relative URI means; `None` for a URI with a scheme or a host. A URI that leaves the
/// folder keeps its `..`, which no file of the stream has, so that it is reported as missing.
pub(super) fn resolve(playlist: &str, uri: &str) -> Option<String> {
    let has_scheme = uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
    });
    if has_scheme || uri.starts_with("//") {
        return None;
    }
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let folder = playlist.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if path.starts_with('/') { "" } else { folder };
    let mut names: Vec<&str> = Vec::new();
    for name in start.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// The playlist with `base` before each relative URI. All other letters stay as they are.
pub(super) fn with_uris_under(base: &str, playlist: &str) -> String {
    with_uris(playlist, |uri| is_relative(uri).then(|| format!("{base}{uri}")))
}

fn is_relative(uri: &str) -> bool {
    let has_scheme = uri.split_once(':').is_some_and(|(scheme, _)| !scheme.contains('/'));
    !uri.is_empty() && !uri.starts_with('/') && !has_scheme
}

/// The playlist with the new URI in place of each for which there is one. All other letters stay as they are.
pub(super) fn with_uris(playlist: &str, new: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(playlist.len() * 2);
    for line in playlist.split_inclusive('\n') {
        if !line.starts_with('#') {
            let uri = line.trim();
            match new(uri).filter(|_| !uri.is_empty()) {
                Some(new) => text.push_str(&line.replacen(uri, &new, 1)),
                None => text.push_str(line),
            }
            continue;
        }
        // Parts at odd places lie between quotation marks; what is before them says what they are.
        let mut before = "";
        for (place, part) in line.split('"').enumerate() {
            if place > 0 {
                text.push('"');
            }
            let is_uri = before.ends_with(",URI=") || before.ends_with(":URI=");
            match new(part).filter(|_| place % 2 == 1 && is_uri) {
                Some(new) => text.push_str(&new),
                None => text.push_str(part),
            }
            before = part;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_tells_what_is_a_part_of_its_stream() {
        let text = "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><BaseURL>video/all%201.mp4</BaseURL><SegmentTemplate \
                    initialization=\"init-$RepresentationID$.mp4\" media='$RepresentationID$/$Number%05d$.m4s'/></MPD>";
        let names = ManifestName::all(text.as_bytes());
        let is_named = |path: &str| names.iter().any(|name| name.may_be(path));
        for (path, is_part) in [
            ("video/all 1.mp4", true),
            ("init-0.mp4", true),
            ("0/00001.m4s", true),
            ("mp4/360p.mp4", false),
            ("film.mp4", false),
        ] {
            assert_eq!(is_named(path), is_part, "{path}");
        }
    }

    #[test]
    fn a_media_playlist_names_its_init_segment_and_segments() {
        let text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"init.mp4\"\n\
                    #EXTINF:6.0,\nsegment%201.m4s\n#EXTINF:6.0,\n../other/2.m4s?x=1\n#EXTINF:6.0,\nhttps://cdn.example/3.m4s\n";
        let names = ["v/init.mp4", "v/segment 1.m4s", "other/2.m4s"].map(str::to_owned).to_vec();
        let facts = PlaylistFacts::read("v/media.m3u8", text.as_bytes());
        assert_eq!(facts, PlaylistFacts::Media { names: names.clone(), growing: true });
        let ended = format!("{text}#EXT-X-ENDLIST\n");
        let facts = PlaylistFacts::read("v/media.m3u8", ended.as_bytes());
        assert_eq!(facts, PlaylistFacts::Media { names, growing: false });
    }

    #[test]
    fn a_multivariant_playlist_names_variants_sound_and_i_frame_playlists() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",URI=\"audio/media.m3u8\"\n\
                    #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\n720p/media.m3u8\n\
                    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"720p/iframes.m3u8\"\n";
        let PlaylistFacts::Multivariant { mut names } = PlaylistFacts::read("main.m3u8", text.as_bytes()) else {
            panic!("not read as multivariant");
        };
        names.sort();
        assert_eq!(names, ["720p/iframes.m3u8", "720p/media.m3u8", "audio/media.m3u8"]);
    }

    #[test]
    fn what_leaves_the_folder_can_never_be_up() {
        assert_eq!(resolve("v/media.m3u8", "../../secret").as_deref(), Some("../secret"));
        assert_eq!(resolve("v/media.m3u8", "skd://key"), None);
        assert_eq!(resolve("v/media.m3u8", "//host/key"), None);
        assert_eq!(resolve("v/media.m3u8", "1:2.m4s").as_deref(), Some("v/1:2.m4s"));
    }
}
