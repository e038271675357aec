//! The files of a stream, wherever they lie. What playlists name is hostile until it was looked at.

mod bucket;
mod folder;
mod web;

use std::{
    fmt,
    io::{Cursor, Read, Seek},
    path::PathBuf,
};

use percent_encoding::percent_decode_str;

pub(super) use bucket::Stored;
pub(super) use folder::Folder;
pub(super) use web::Web;

/// The largest playlist: one of a day in segments of a second has 4 MB.
pub(super) const LARGEST_PLAYLIST_BYTES: u64 = 32 << 20;
/// The largest init segment, key or file of captions.
pub(super) const LARGEST_SMALL_FILE_BYTES: u64 = 16 << 20;
/// The largest segment, or part of a file that a byte range names: 10 s at 200 Mbit/s.
pub(super) const LARGEST_SEGMENT_BYTES: u64 = 256 << 20;

/// Where a file of the stream lies: a path in its folder with forward slashes, or a URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address(pub(super) String);

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ByteRange {
    /// First byte.
    pub(super) offset: u64,
    /// Number of bytes.
    pub(super) length: u64,
}

impl ByteRange {
    /// The first byte after it.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}

/// A file that can be read at any place.
pub(super) trait ReadAndSeek: Read + Seek {}
impl<T: Read + Seek> ReadAndSeek for T {}

/// An open file, or the part of it that was asked for.
pub(super) struct Opened {
    /// What is in it, from its first byte.
    pub(super) content: Box<dyn ReadAndSeek>,
    /// Its size.
    pub(super) bytes: u64,
    /// What a server said of it.
    pub(super) headers: Option<Headers>,
    /// Where it lies on this machine as a whole, if it does.
    pub(super) path: Option<PathBuf>,
}

/// What a server says of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Headers {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) allow_origin: Option<String>,
}

/// Why a file can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum OpenError {
    /// It is not there, or something else than a file.
    #[error("is not there")]
    Missing,
    /// The byte range is not in it.
    #[error("has only {0} bytes")]
    BeyondEnd(u64),
    /// It is larger than anything of its kind.
    #[error("is larger than {} MB", .0 >> 20)]
    TooLarge(u64),
    /// Anything else.
    #[error("can't be read: {0}")]
    Unreadable(String),
}

/// Where a stream lies.
pub(super) trait Files {
    /// The file that a URI in the file `base` means.
    ///
    /// # Errors
    /// When the URI leads out of the stream's place; in words.
    fn resolve(&self, base: &Address, uri: &str) -> Result<Address, String>;

    /// Opens a file, or a part of it. Larger ones than `limit` are refused.
    ///
    /// # Errors
    /// When it can't be had.
    fn open(&self, address: &Address, range: Option<ByteRange>, limit: u64) -> Result<Opened, OpenError>;

    /// Opens the key that a URI in the playlist `base` means, where it leads out of the stream's place.
    ///
    /// # Errors
    /// In words, when nothing there is to be read.
    fn open_key_outside(&self, base: &Address, uri: &str) -> Result<Opened, String> {
        let _ = base;
        Err(format!("“{uri}” leaves the stream's folder"))
    }
}

impl Opened {
    /// A file in memory.
    pub(super) fn in_memory(content: Vec<u8>) -> Self {
        Self { bytes: content.len() as u64, content: Box::new(Cursor::new(content)), headers: None, path: None }
    }

    /// All of it. Must be small: the limit was given when it was opened.
    pub(super) fn into_bytes(mut self) -> Result<Vec<u8>, OpenError> {
        let mut bytes = Vec::new();
        self.content.read_to_end(&mut bytes).map_err(|error| OpenError::Unreadable(error.to_string()))?;
        Ok(bytes)
    }
}

/// The path in the stream's folder that a URI in the file `base` means.
fn path_inside(base: &Address, uri: &str) -> Result<Address, String> {
    if is_absolute(uri) {
        return Err(format!("“{uri}” is not a path inside the stream's folder"));
    }
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() {
        return Err("a URI is empty".to_owned());
    }
    let Ok(path) = percent_decode_str(path).decode_utf8() else {
        return Err(format!("“{uri}” is not UTF-8"));
    };
    let folder = base.0.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut names: Vec<&str> = Vec::new();
    for name in folder.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." if names.pop().is_none() => return Err(format!("“{uri}” leaves the stream's folder")),
            ".." => {}
            name if name.contains(['\0', '\\']) => return Err(format!("“{uri}” is no name of a file")),
            name => names.push(name),
        }
    }
    Ok(Address(names.join("/")))
}

/// True for a URI that needs no base: one with a scheme or a host.
pub(super) fn is_absolute(uri: &str) -> bool {
    let has_scheme = uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
    });
    has_scheme || uri.starts_with('/') || uri.starts_with('\\')
}
