//! Keys of an encrypted stream, for the player page of this computer alone: its playlists name keys on a server that may not
//! be reached from here, so that the preview serves them itself, under the same path that can't be guessed.

use crate::tools::content_key::key_file_name;

/// First part of the path of a key, after the token.
pub(super) const KEYS_PATH: &str = "keys";

/// A media playlist whose keys are those of this server: the first one that it names is number 1, and so on.
pub(super) fn with_local_keys(playlist: &str, token: &str) -> String {
    let mut known: Vec<&str> = Vec::new();
    let mut text = String::with_capacity(playlist.len());
    for line in playlist.split_inclusive('\n') {
        let Some((before, uri, after)) = key_uri(line) else {
            text.push_str(line);
            continue;
        };
        let index = known.iter().position(|other| *other == uri).unwrap_or_else(|| {
            known.push(uri);
            known.len() - 1
        });
        let name = key_file_name(index as u64 + 1);
        text.push_str(&format!("{before}/{token}/{KEYS_PATH}/{name}{after}"));
    }
    text
}

/// An EXT-X-KEY of a whole segment, cut around its URI.
fn key_uri(line: &str) -> Option<(&str, &str, &str)> {
    let attributes = line.strip_prefix("#EXT-X-KEY:")?;
    if !attributes.contains("METHOD=AES-128") {
        return None;
    }
    let start = line.find("URI=\"")? + "URI=\"".len();
    let end = start + line[start..].find('"')?;
    Some((&line[..start], &line[start..end], &line[end..]))
}

/// The number in the name of a key, such as `12.key`.
pub(super) fn key_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".key")?;
    digits.parse().ok().filter(|number| key_file_name(*number) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered_as_the_playlist_names_them() {
        let playlist = "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/a\",IV=0x1\n\
                        #EXTINF:6,\n1.m4s\n#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/b\",IV=0x2\n#EXTINF:6,\n2.m4s\n\
                        #EXT-X-KEY:METHOD=AES-128,URI=\"https://k/a\",IV=0x3\n#EXTINF:6,\n3.m4s\n#EXT-X-KEY:METHOD=NONE\n";
        let served = playlist.replace("https://k/a", "/t/keys/1.key").replace("https://k/b", "/t/keys/2.key");
        assert_eq!(with_local_keys(playlist, "t"), served);
        assert_eq!((key_number("12.key"), key_number("01.key"), key_number("../1.key")), (Some(12), None, None));
    }
}
