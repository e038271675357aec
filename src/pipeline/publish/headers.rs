//! What a player needs to be told of each kind of file: its type, and how long it may be kept.

use std::{fs::File, io::BufReader, path::Path};

use mp4_atom::{Atom, Header, Moov, ReadAtom, ReadFrom};

/// The part that a file plays in a stream, told by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// MP4: an init segment, or a whole film.
    Mp4,
    /// A segment in CMAF, MPEG-TS or packed audio.
    Segment,
    /// Captions, or the index of a storyboard.
    Captions,
    /// A poster, thumbnail or storyboard.
    Image,
    /// Anything else.
    Other,
    /// An MPD.
    Manifest,
    /// An HLS playlist of either kind.
    Playlist,
}

impl FileKind {
    /// The kind of the file of this name.
    pub fn of(path: &str) -> Self {
        match extension(path).as_str() {
            "m3u8" => Self::Playlist,
            "mpd" => Self::Manifest,
            "mp4" | "m4v" | "m4a" => Self::Mp4,
            "m4s" | "cmfv" | "cmfa" | "cmft" | "ts" | "aac" | "ac3" | "ec3" | "mp3" => Self::Segment,
            "vtt" | "ttml" => Self::Captions,
            "jpg" | "jpeg" | "png" | "webp" | "avif" | "gif" => Self::Image,
            _ => Self::Other,
        }
    }
}

/// Value of `Content-Type`. `sound_only` says whether the MP4 tracks of the file's folder are known to hold no picture.
pub fn content_type(path: &str, sound_only: bool) -> &'static str {
    match extension(path).as_str() {
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "m4a" | "cmfa" => "audio/mp4",
        "m4s" | "mp4" if sound_only => "audio/mp4",
        "m4s" | "mp4" | "m4v" | "cmfv" => "video/mp4",
        "cmft" => "application/mp4",
        "ts" => "video/mp2t",
        "aac" => "audio/aac",
        "ac3" => "audio/ac3",
        "ec3" => "audio/eac3",
        "mp3" => "audio/mpeg",
        "vtt" => "text/vtt; charset=utf-8",
        "ttml" => "application/ttml+xml",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "gif" => "image/gif",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Value of `Cache-Control`. `growing` is for playlists that will change soon.
pub fn cache_control(kind: FileKind, growing: bool) -> &'static str {
    match kind {
        FileKind::Mp4 | FileKind::Segment => "public, max-age=31536000, immutable",
        FileKind::Playlist | FileKind::Manifest if growing => "max-age=1",
        FileKind::Playlist | FileKind::Manifest | FileKind::Other => "max-age=60",
        FileKind::Captions | FileKind::Image => "public, max-age=86400",
    }
}

/// Whether an MP4 file has tracks of sound and none of another sort; `None` when it can't be read or has no `moov`.
/// Reads only up to the end of the `moov`, and gives up at one that is larger than any real one.
pub(super) fn holds_only_sound(file: &Path) -> Option<bool> {
    const LARGEST_MOOV_BYTES: usize = 1 << 20;
    let mut reader = BufReader::new(File::open(file).ok()?);
    loop {
        let header = Header::read_from(&mut reader).ok()?;
        let size = header.size?;
        if header.kind == Moov::KIND {
            if size > LARGEST_MOOV_BYTES {
                return None;
            }
            let moov = Moov::read_atom(&header, &mut reader).ok()?;
            let mut handlers = moov.trak.iter().map(|track| track.mdia.hdlr.handler);
            return Some(!moov.trak.is_empty() && handlers.all(|handler| handler == mp4_atom::FourCC::new(b"soun")));
        }
        reader.seek_relative(i64::try_from(size).ok()?).ok()?;
    }
}

fn extension(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_file_of_a_stream_has_its_type() {
        assert_eq!(content_type("main.m3u8", false), "application/vnd.apple.mpegurl");
        assert_eq!(content_type("main.mpd", false), "application/dash+xml");
        assert_eq!(content_type("1080p/segment-00001.m4s", false), "video/mp4");
        assert_eq!(content_type("audio/init.mp4", true), "audio/mp4");
        assert_eq!(content_type("a.b/SEGMENT.TS", false), "video/mp2t");
        assert_eq!(content_type("a.b/noextension", false), "application/octet-stream");
    }

    #[test]
    fn only_what_never_changes_is_kept_for_a_year() {
        assert_eq!(cache_control(FileKind::of("1080p/init.mp4"), false), "public, max-age=31536000, immutable");
        assert_eq!(cache_control(FileKind::of("1080p/1.m4s"), false), "public, max-age=31536000, immutable");
        assert_eq!(cache_control(FileKind::of("1080p/media.m3u8"), true), "max-age=1");
        assert_eq!(cache_control(FileKind::of("1080p/media.m3u8"), false), "max-age=60");
        assert_eq!(cache_control(FileKind::of("poster.jpg"), false), "public, max-age=86400");
    }
}
