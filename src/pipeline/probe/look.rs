//! What can be told of a source before any program opens it.

use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read, Seek},
    path::Path,
};

use mp4_atom::{Atom, Header, Moof, Moov, ReadFrom};

use super::ProbeError;
use crate::media::{JPEG_FILM_DEMUXER, TRANSPORT_PACKET_BYTES, TRANSPORT_SYNC_BYTE};

/// Bytes of the beginning that are looked at.
const BEGINNING: u64 = 4096;

/// A box's name and its length, which may be a long one.
const BOX_HEADER_BYTES: usize = 16;

/// The header of a film of ten hours has some 50 MB.
const LARGEST_MOVIE_HEADER: u64 = 256 << 20;

/// Names that make ffmpeg take a file as a script or a list where nothing in it says that it is something else.
const SCRIPT_EXTENSIONS: [(&str, &str); 5] = [
    ("avs", "script"),
    ("vpy", "script"),
    ("sdp", "network session description"),
    ("ffconcat", "list of files to join"),
    ("txt", "text file"),
];

const JPEG_DEMUXER: &str = "jpeg_pipe";
/// Names of films that are one JPEG after the other: two pictures in a file of another name can be a photograph too.
const JPEG_FILM_EXTENSIONS: [&str; 2] = ["mjpeg", "mjpg"];

/// Boxes that an MP4 or MOV can begin with.
const ISO_MEDIA_BOXES: [&[u8]; 6] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"];

/// What other containers of pictures and sound begin with, whatever their name: Matroska, Ogg, FLAC, FLV, ASF, MPEG-PS, GIF
/// and PNG. None of it is text.
const SIGNATURES: [&[u8]; 8] = [
    b"\x1a\x45\xdf\xa3",
    b"OggS\0",
    b"fLaC\0",
    b"FLV\x01",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    b"\0\0\x01\xba",
    b"GIF89a",
    b"\x89PNG\r\n\x1a\n",
];

/// What the beginning of a file tells.
#[derive(Debug)]
pub(super) struct FirstLook {
    /// Size of the file.
    pub(super) size_bytes: u64,
    /// The demuxer to open it with, where ffmpeg's own choice may be wrong: a still picture, or a film of JPEG pictures.
    pub(super) demuxer: Option<&'static str>,
    /// It is a WebP with several pictures.
    pub(super) is_animated_webp: bool,
    /// It begins as MP4 and MOV files do.
    pub(super) is_iso_media: bool,
    /// Bytes that the last fragment of an MP4 should have and has not.
    pub(super) missing_bytes: u64,
}

/// Looks whether `source` is a file with something in it that may be handed to ffprobe.
pub(super) fn look_at(source: &Path) -> Result<FirstLook, ProbeError> {
    let failed = |source_error| unreadable(source, source_error);
    let metadata = std::fs::metadata(source).map_err(failed)?;
    let source_file = source.to_owned();
    if metadata.is_dir() {
        return Err(ProbeError::IsFolder { source_file });
    }
    if !metadata.is_file() {
        return Err(ProbeError::NotRegular { source_file });
    }
    let mut beginning = Vec::new();
    File::open(source).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning)).map_err(failed)?;
    if beginning.is_empty() {
        return Err(ProbeError::Empty { source_file });
    }
    if let Some(kind) = refers_to_others(source, &beginning) {
        return Err(ProbeError::RefersToOthers { source_file, kind });
    }
    if is_heic(&beginning) {
        return Err(ProbeError::HeicPicture { source_file });
    }
    let is_iso_media = is_iso_media(&beginning);
    if is_iso_media && has_encrypted_track(source).unwrap_or(false) {
        return Err(ProbeError::Encrypted { source_file });
    }
    Ok(FirstLook {
        size_bytes: metadata.len(),
        demuxer: film_demuxer(source, &beginning).or_else(|| still_demuxer(&beginning)),
        is_animated_webp: is_animated_webp(&beginning),
        is_iso_media,
        missing_bytes: if is_iso_media { missing_bytes(source, metadata.len()).unwrap_or(0) } else { 0 },
    })
}

/// The demuxer of a film that begins as a still picture does: JPEG after JPEG, as its name says.
fn film_demuxer(source: &Path, beginning: &[u8]) -> Option<&'static str> {
    let extension = source.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_named_so = JPEG_FILM_EXTENSIONS.iter().any(|name| extension.eq_ignore_ascii_case(name));
    (is_named_so && still_demuxer(beginning) == Some(JPEG_DEMUXER)).then_some(JPEG_FILM_DEMUXER)
}

/// The demuxer of a still picture, by how it begins. Animated PNG has its own.
fn still_demuxer(beginning: &[u8]) -> Option<&'static str> {
    let has = |name: &[u8]| beginning.windows(name.len()).any(|window| window == name);
    match beginning {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] if !has(b"acTL") => Some("png_pipe"),
        [0xff, 0xd8, 0xff, ..] => Some(JPEG_DEMUXER),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] if !is_animated_webp(beginning) => {
            Some("webp_pipe")
        }
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Some("tiff_pipe"),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Some("bmp_pipe"),
        _ => None,
    }
}

/// Whether it is a picture in HEVC, by its brands (ISO/IEC 23008-12, B.4.1); rows of such pictures are films.
fn is_heic(beginning: &[u8]) -> bool {
    const BRANDS: [&[u8]; 4] = [b"heic", b"heix", b"heim", b"heis"];
    const FILM: &[u8] = b"msf1";
    let Some(length) = beginning.get(..4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes) else {
        return false;
    };
    let end = usize::try_from(length).unwrap_or(usize::MAX).min(beginning.len());
    if beginning.get(4..8) != Some(b"ftyp") || end < 16 {
        return false;
    }
    let brands = || std::iter::once(&beginning[8..12]).chain(beginning[16..end].chunks_exact(4));
    brands().any(|brand| BRANDS.contains(&brand)) && !brands().any(|brand| brand == FILM)
}

/// Whether a WebP has several pictures: a bit of its extended header tells (RFC 9649, 2.7.1).
fn is_animated_webp(beginning: &[u8]) -> bool {
    const ANIMATION: u8 = 2;
    let is_extended = beginning.starts_with(b"RIFF") && beginning.get(8..16) == Some(b"WEBPVP8X");
    is_extended && beginning.get(20).is_some_and(|flags| flags & ANIMATION != 0)
}

/// Whether the movie header of an MP4 names a sample entry of encrypted media (ISO/IEC 14496-12, 8.12). ffprobe tells only
/// what the media was before.
fn has_encrypted_track(source: &Path) -> Result<bool, mp4_atom::Error> {
    let mut reader = BufReader::new(File::open(source)?);
    while let Some(header) = <Option<Header> as ReadFrom>::read_from(&mut reader)? {
        let Some(size) = header.size.and_then(|size| u64::try_from(size).ok()) else { return Ok(false) };
        if header.kind == Moov::KIND {
            let mut movie = Vec::new();
            reader.take(size.min(LARGEST_MOVIE_HEADER)).read_to_end(&mut movie)?;
            let names = |name: &[u8]| movie.windows(name.len()).any(|window| window == name);
            return Ok((names(b"encv") || names(b"enca")) && names(b"sinf") && names(b"schm"));
        }
        reader.seek_relative(i64::try_from(size).unwrap_or(i64::MAX))?;
    }
    Ok(false)
}

/// How many bytes the last box of an MP4 in fragments is longer than the file; 0 for one that is whole, or has no fragments.
fn missing_bytes(source: &Path, file_bytes: u64) -> Result<u64, mp4_atom::Error> {
    let mut reader = BufReader::with_capacity(BOX_HEADER_BYTES, File::open(source)?);
    let mut has_fragments = false;
    while let Some(header) = <Option<Header> as ReadFrom>::read_from(&mut reader)? {
        let Some(size) = header.size.and_then(|size| u64::try_from(size).ok()) else { break };
        has_fragments |= header.kind == Moof::KIND;
        let end = reader.stream_position()?.saturating_add(size);
        if end > file_bytes {
            return Ok(if has_fragments { end - file_bytes } else { 0 });
        }
        reader.seek_relative(i64::try_from(size).unwrap_or(i64::MAX))?;
    }
    Ok(0)
}

fn unreadable(source: &Path, error: std::io::Error) -> ProbeError {
    let source_file = source.to_owned();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => ProbeError::NoSuchFile { source_file },
        ErrorKind::PermissionDenied => ProbeError::NotPermitted { source_file },
        _ => ProbeError::Unreadable { source_file, source: error },
    }
}

fn is_iso_media(beginning: &[u8]) -> bool {
    beginning.get(4..8).is_some_and(|name| ISO_MEDIA_BOXES.contains(&name))
}

/// Whether it begins as a container of pictures or sound does, which ffmpeg believes more than a name.
fn is_media(beginning: &[u8]) -> bool {
    let is_riff = beginning.starts_with(b"RIFF") && matches!(beginning.get(8..12), Some(b"AVI " | b"WAVE"));
    let is_transport_stream =
        (0..4).all(|number| beginning.get(number * TRANSPORT_PACKET_BYTES) == Some(&TRANSPORT_SYNC_BYTE));
    let has_signature = SIGNATURES.iter().any(|signature| beginning.starts_with(signature));
    // The length of a first box is no text either.
    let is_iso_media = is_iso_media(beginning) && beginning[0] < b' ';
    is_iso_media || is_riff || is_transport_stream || has_signature
}

/// What kind of list or script it is; `None` for all else.
fn refers_to_others(source: &Path, beginning: &[u8]) -> Option<&'static str> {
    let extension = source.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let by_name = SCRIPT_EXTENSIONS.into_iter().find(|(name, _)| extension.eq_ignore_ascii_case(name));
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning).trim_ascii_start();
    let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle));
    if text.starts_with(b"#EXTM3U") {
        Some("playlist")
    } else if text.starts_with(b"ffconcat") {
        Some("list of files to join")
    } else if text.starts_with(b"<") && (has(b"<MPD") || has(b"CompositionPlaylist") || has(b"SmoothStreamingMedia")) {
        Some("manifest")
    } else if text.starts_with(b"[playlist]") || text.starts_with(b"[Reference]") {
        Some("playlist")
    } else {
        by_name.filter(|_| !is_media(beginning)).map(|(_, kind)| kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_scripts_are_known_by_what_they_say_and_by_their_name() {
        let kind = |name: &str, text: &[u8]| refers_to_others(Path::new(name), text);
        assert_eq!(kind("a.mp4", b"#EXTM3U\n#EXTINF:2,\n/etc/passwd"), Some("playlist"));
        assert_eq!(kind("a.mp4", b"\xef\xbb\xbf#EXTM3U"), Some("playlist"));
        assert_eq!(kind("a.mkv", b"ffconcat version 1.0\nfile a.mp4"), Some("list of files to join"));
        assert_eq!(kind("a.mp4", b"<?xml version=\"1.0\"?>\n<MPD xmlns=\"x\">"), Some("manifest"));
        assert_eq!(kind("a.AVS", b"Import(\"b\")"), Some("script"));
        assert_eq!(kind("a.mp4", b"\0\0\0\x20ftypisom"), None);
        assert_eq!(kind("a.TXT", b"What ftyp may be"), Some("text file"));
        assert_eq!(kind("a.txt", b"Textftyp"), Some("text file"));
        for media in [&b"\0\0\0\x20ftypisom"[..], b"\x1a\x45\xdf\xa3", b"RIFF\0\0\0\0AVI ", &[0x47; 600]] {
            assert_eq!((kind("a.txt", media), kind("a.avs", media), kind("a.sdp", media)), (None, None, None));
        }
        assert_eq!(kind("#EXTM3U.mp4", b"\x1a\x45\xdf\xa3 <MPD"), None);
    }

    #[test]
    fn still_pictures_are_known_by_how_they_begin_and_animated_ones_are_none() {
        assert_eq!(still_demuxer(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some("png_pipe"));
        assert_eq!(still_demuxer(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR acTL"), None);
        assert_eq!(still_demuxer(b"\xff\xd8\xff\xe0"), Some("jpeg_pipe"));
        assert_eq!(still_demuxer(b"RIFF\0\0\0\0WEBPVP8 "), Some("webp_pipe"));
        assert_eq!(still_demuxer(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0"), Some("webp_pipe"));
        assert_eq!(still_demuxer(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x12\0\0\0"), None);
        assert_eq!(still_demuxer(b"RIFF\0\0\0\0WAVEfmt "), None);
        assert_eq!(still_demuxer(b"GIF89a"), None);
        let film = |name: &str, beginning: &[u8]| film_demuxer(Path::new(name), beginning);
        assert_eq!(film("a.MJPEG", b"\xff\xd8\xff\xe0"), Some("mjpeg"));
        assert_eq!((film("a.jpg", b"\xff\xd8\xff\xe0"), film("a.mjpg", b"GIF89a")), (None, None));
        assert!(is_heic(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf\0\0\x01Dmeta"));
        assert!(is_heic(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"));
        assert!(!is_heic(b"\0\0\0\x1cftypmsf1\0\0\0\0msf1hevcheic"), "a film");
        assert!(!is_heic(b"\0\0\0\x14ftypisom\0\0\0\0isomheic"), "not one of its brands");
        assert!(!is_heic(b"\0\0\0\x08ftyp") && !is_heic(b"\xff\xff\xff\xffftypisom") && !is_heic(b""));
    }
}
