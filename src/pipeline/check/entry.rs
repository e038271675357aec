//! The playlist from which a stream is played, where only its folder was named.

use std::path::Path;

use super::files::{Address, Files, LARGEST_PLAYLIST_BYTES, Opened, Stored};
use crate::pipeline::publish::PublishError;

/// The playlist in a folder from which the stream is played: a multivariant playlist, else a media playlist that is not
/// for trick play, in the folder itself or in the folders directly in it.
pub(super) fn find_entry(folder: &Path) -> Option<Address> {
    let playlists = (1..=2).flat_map(|depth| {
        let walk = walkdir::WalkDir::new(folder).min_depth(depth).max_depth(depth).sort_by_file_name();
        walk.into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file())
    });
    let entry = choose_entry(playlists.filter_map(|entry| {
        let path = entry.path().strip_prefix(folder).ok().and_then(Path::to_str)?;
        let is_hidden = path.split(std::path::MAIN_SEPARATOR).any(|name| name.starts_with('.'));
        let is_small = entry.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST_PLAYLIST_BYTES);
        if is_hidden || !is_small || !path.ends_with(".m3u8") {
            return None;
        }
        let address = Address(path.replace(std::path::MAIN_SEPARATOR, "/"));
        Some((address, std::fs::read(entry.path()).ok()?))
    }));
    entry.map(|(address, _)| address)
}

/// The same in a bucket.
///
/// # Errors
/// When the store can't be asked.
pub(super) fn find_stored_entry(files: &Stored) -> Result<Option<Address>, PublishError> {
    let mut media = None;
    for is_below in [false, true] {
        let playlists = files.playlists(is_below)?.into_iter().map(Address);
        let entry = choose_entry(playlists.filter_map(|address| {
            let text = files.open(&address, None, LARGEST_PLAYLIST_BYTES).and_then(Opened::into_bytes).ok()?;
            Some((address, text))
        }));
        match entry {
            Some((address, true)) => return Ok(Some(address)),
            entry => media = media.or(entry.map(|(address, _)| address)),
        }
    }
    Ok(media)
}

/// The first multivariant playlist, else the first media playlist that is not for trick play; and which of both it is.
fn choose_entry(playlists: impl Iterator<Item = (Address, Vec<u8>)>) -> Option<(Address, bool)> {
    let mut media = None;
    for (address, text) in playlists {
        let has = |tag: &[u8]| text.windows(tag.len()).any(|window| window == tag);
        if has(b"#EXT-X-STREAM-INF") {
            return Some((address, true));
        }
        if media.is_none() && !has(b"#EXT-X-I-FRAMES-ONLY") {
            media = Some((address, false));
        }
    }
    media
}
