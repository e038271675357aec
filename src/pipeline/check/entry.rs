//! The playlist from which a stream is played, where only its folder was named.

use std::{collections::BTreeSet, path::Path};

use super::files::{Address, Files, LARGEST_PLAYLIST_BYTES, Opened, Stored};
use crate::pipeline::{layout::is_name_of_stream, publish::PublishError};

/// The playlist that whoever gets the address of a folder asks for.
const MAIN: &str = "master.m3u8";
/// How the names of our segments begin.
const SEGMENT_NAME: &[u8] = b"segment_0";

/// The playlist that is judged, and what else was seen while it was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) playlist: Address,
    /// Media playlists as we name them, outside of its folder: when it names none of them, their own main playlist is gone.
    pub(super) beside: Vec<Address>,
}

impl Found {
    /// A playlist that was named itself.
    pub(super) fn named(playlist: Address) -> Self {
        Self { playlist, beside: Vec::new() }
    }

    /// The main playlist that is missing where this media playlist lies.
    pub(super) fn main_beside(media: &Address) -> Address {
        let is_together = media.0.split('/').next() == Some("hls");
        Address(if is_together { format!("hls/{MAIN}") } else { MAIN.to_owned() })
    }
}

/// A playlist and its text. One that can't be read has no text.
type Candidate = (Address, Vec<u8>);

/// The playlist in a folder from which the stream is played: one in the folder itself, else in the folders directly in it.
pub(super) fn find_entry(folder: &Path) -> Option<Found> {
    choose(&candidates(folder, 1)).map(Found::named).or_else(|| choose_below(&candidates(folder, 2)))
}

fn candidates(folder: &Path, depth: usize) -> Vec<Candidate> {
    let walk = walkdir::WalkDir::new(folder).min_depth(depth).max_depth(depth).sort_by_file_name();
    let files = walk.into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    let playlists = files.filter_map(|entry| {
        let path = entry.path().strip_prefix(folder).ok().and_then(Path::to_str)?;
        let is_hidden = path.split(std::path::MAIN_SEPARATOR).any(|name| name.starts_with('.'));
        if is_hidden || !path.ends_with(".m3u8") {
            return None;
        }
        let is_small = entry.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST_PLAYLIST_BYTES);
        let text = is_small.then(|| std::fs::read(entry.path()).ok()).flatten().unwrap_or_default();
        Some((Address(path.replace(std::path::MAIN_SEPARATOR, "/")), text))
    });
    playlists.collect()
}

/// The same in a bucket.
///
/// # Errors
/// When the store can't be asked.
pub(super) fn find_stored_entry(files: &Stored) -> Result<Option<Found>, PublishError> {
    let candidates = |is_below: bool| -> Result<Vec<Candidate>, PublishError> {
        let text = |address: &Address| files.open(address, None, LARGEST_PLAYLIST_BYTES).and_then(Opened::into_bytes);
        let playlists = files.playlists(is_below)?.into_iter().map(Address);
        Ok(playlists.map(|address| (address.clone(), text(&address).unwrap_or_default())).collect())
    };
    match choose(&candidates(false)?) {
        Some(playlist) => Ok(Some(Found::named(playlist))),
        None => Ok(choose_below(&candidates(true)?)),
    }
}

fn choose_below(candidates: &[Candidate]) -> Option<Found> {
    let playlist = choose(candidates)?;
    let folder = |address: &Address| address.0.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let is_main = |(address, text): &&Candidate| *address == playlist || has(text, b"#EXT-X-STREAM-INF");
    // A form of the stream beside it has a main playlist of its own.
    let led: BTreeSet<String> = candidates.iter().filter(is_main).map(|(address, _)| folder(address)).collect();
    let media = candidates.iter().filter(|(address, text)| {
        !led.contains(&folder(address))
            && is_media(text)
            && has(text, SEGMENT_NAME)
            && is_name_of_stream(&address.0, &|_| true)
    });
    Some(Found { beside: media.map(|(address, _)| address.clone()).collect(), playlist })
}

/// The main playlist by its name, whatever is in it, unless it is a media playlist; else the first multivariant playlist;
/// else the first media playlist that is not for trick play; else the first that is none of these.
fn choose(candidates: &[Candidate]) -> Option<Address> {
    let first = |is_wanted: &dyn Fn(&Candidate) -> bool| candidates.iter().find(|candidate| is_wanted(candidate));
    let is_main = |(address, text): &Candidate| address.0.rsplit('/').next() == Some(MAIN) && !is_media(text);
    let found = first(&is_main)
        .or_else(|| first(&|(_, text)| has(text, b"#EXT-X-STREAM-INF")))
        .or_else(|| first(&|(_, text)| is_media(text) && !is_for_trick_play(text)))
        .or_else(|| first(&|(_, text)| !is_for_trick_play(text)));
    found.map(|(address, _)| address.clone())
}

fn is_media(text: &[u8]) -> bool {
    has(text, b"#EXTINF") || has(text, b"#EXT-X-TARGETDURATION")
}

fn is_for_trick_play(text: &[u8]) -> bool {
    has(text, b"#EXT-X-I-FRAMES-ONLY")
}

fn has(text: &[u8], tag: &[u8]) -> bool {
    text.windows(tag.len()).any(|window| window == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MULTIVARIANT: &str = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n";
    const MEDIA: &str = "#EXTM3U\n#EXTINF:6,\na.ts\n";
    const TRICK_PLAY: &str = "#EXTM3U\n#EXT-X-I-FRAMES-ONLY\n#EXTINF:6,\na.ts\n";

    fn found(files: &[(&str, &str)]) -> Option<Found> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        find_entry(folder.path())
    }

    #[test]
    fn a_playlist_of_the_folder_itself_comes_before_all_others() {
        let below = [("720p/playlist.m3u8", MEDIA), ("ts/master.m3u8", MULTIVARIANT)];
        let chosen = |own: &[(&str, &str)]| found(&[own, &below].concat()).map(|found| found.playlist.0);
        assert_eq!(chosen(&[("master.m3u8", "")]).as_deref(), Some("master.m3u8"));
        assert_eq!(chosen(&[("master.m3u8", "garbage"), ("a.m3u8", MULTIVARIANT)]).as_deref(), Some("master.m3u8"));
        assert_eq!(chosen(&[("master.m3u8", MEDIA), ("z.m3u8", MULTIVARIANT)]).as_deref(), Some("z.m3u8"));
        assert_eq!(chosen(&[("a.m3u8", TRICK_PLAY), ("b.m3u8", MEDIA)]).as_deref(), Some("b.m3u8"));
        assert_eq!(chosen(&[("empty.m3u8", "")]).as_deref(), Some("empty.m3u8"));
        assert_eq!(chosen(&[("a.m3u8", TRICK_PLAY)]).as_deref(), Some("ts/master.m3u8"));
        assert_eq!(found(&[("a.m3u8", TRICK_PLAY)]), None);
    }

    #[test]
    fn media_playlists_beside_the_one_that_is_judged_are_seen() {
        let ours = "#EXTM3U\n#EXTINF:6,\nsegment_00000.m4s\n";
        let main = found(&[("720p/playlist.m3u8", ours), ("ts/master.m3u8", MULTIVARIANT), ("ts/a.m3u8", MEDIA)]);
        let main = main.unwrap();
        assert_eq!((main.playlist.0.as_str(), main.beside.len()), ("ts/master.m3u8", 1));
        assert_eq!(Found::main_beside(&main.beside[0]).0, "master.m3u8");
        let together = found(&[("hls/720p.m3u8", ours), ("ts/master.m3u8", MULTIVARIANT)]).unwrap();
        assert_eq!(Found::main_beside(&together.beside[0]).0, "hls/master.m3u8");
        let two_forms = [("hls/master.m3u8", MULTIVARIANT), ("ts/master.m3u8", MULTIVARIANT), ("ts/360p.m3u8", ours)];
        assert_eq!(found(&two_forms).unwrap().beside, []);
        let others = found(&[("a/playlist.m3u8", MEDIA), ("b/playlist.m3u8", MEDIA)]).unwrap();
        assert!(others.beside.is_empty(), "{others:?}");
    }
}
