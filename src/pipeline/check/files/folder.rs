//! A stream in a folder of this machine. Nothing outside of the folder is ever opened.

use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;

use super::{Address, ByteRange, Files, OpenError, Opened, is_absolute, path_inside};
use crate::{job::KEYS_FOLDER, tools::content_key::KEY_BYTES};

/// A folder with a stream in it.
#[derive(Debug)]
pub(in super::super) struct Folder {
    /// Without links.
    root: PathBuf,
}

impl Folder {
    /// The folder of this path.
    pub(in super::super) fn new(root: &Path) -> std::io::Result<Self> {
        Ok(Self { root: root.canonicalize()? })
    }

    /// The file itself, after all links, if it lies in the folder.
    fn locate(&self, address: &Address) -> Result<PathBuf, OpenError> {
        let path = self.root.join(&address.0).canonicalize().map_err(|error| open_error(&error))?;
        if !path.starts_with(&self.root) {
            return Err(OpenError::Unreadable("a link leads out of the stream's folder".to_owned()));
        }
        // What is no regular file, such as a pipe, could make a reader wait for ever.
        if path.is_file() { Ok(path) } else { Err(OpenError::Missing) }
    }
}

impl Files for Folder {
    fn resolve(&self, base: &Address, uri: &str) -> Result<Address, String> {
        path_inside(base, uri)
    }

    /// A playlist that is named alone can lie below the folder of the keys. Of what is above it, nothing but a file of 16
    /// bytes in a folder for keys is read.
    fn open_key_outside(&self, base: &Address, uri: &str) -> Result<Opened, String> {
        let outside = || format!("“{uri}” leaves the stream's folder");
        let path = uri.split(['?', '#']).next().unwrap_or_default();
        let path = percent_decode_str(path).decode_utf8().map_err(|_| outside())?;
        if is_absolute(uri) || path.contains(['\0', '\\']) {
            return Err(outside());
        }
        let playlist = self.root.join(&base.0);
        let key = playlist.parent().unwrap_or(&self.root).join(&*path).canonicalize().map_err(|_| outside())?;
        let keys = key.parent().filter(|folder| folder.file_name() == Some(KEYS_FOLDER.as_ref()));
        let stream = keys.and_then(Path::parent).filter(|stream| self.root.starts_with(stream));
        let is_key = key.metadata().is_ok_and(|facts| facts.is_file() && facts.len() == KEY_BYTES as u64);
        if stream.is_none() || !is_key {
            return Err(outside());
        }
        std::fs::read(&key).map(Opened::in_memory).map_err(|error| format!("the key at {uri} can't be read: {error}"))
    }

    fn open(&self, address: &Address, range: Option<ByteRange>, limit: u64) -> Result<Opened, OpenError> {
        let path = self.locate(address)?;
        let mut file = File::open(&path).map_err(|error| open_error(&error))?;
        let bytes = file.metadata().map_err(|error| open_error(&error))?.len();
        let Some(range) = range else {
            if bytes > limit {
                return Err(OpenError::TooLarge(limit));
            }
            return Ok(Opened { content: Box::new(BufReader::new(file)), bytes, headers: None, path: Some(path) });
        };
        if range.end() > bytes {
            return Err(OpenError::BeyondEnd(bytes));
        }
        if range.length > limit {
            return Err(OpenError::TooLarge(limit));
        }
        let mut content = Vec::new();
        file.seek(SeekFrom::Start(range.offset))
            .and_then(|_| file.take(range.length).read_to_end(&mut content))
            .map_err(|error| open_error(&error))?;
        Ok(Opened::in_memory(content))
    }
}

fn open_error(error: &std::io::Error) -> OpenError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => OpenError::Missing,
        _ => OpenError::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_stay_in_the_folder() {
        let folder = Folder::new(&std::env::temp_dir()).unwrap();
        let base = Address("hls/720p/playlist.m3u8".to_owned());
        let resolve = |uri: &str| folder.resolve(&base, uri).ok().map(|address| address.0);
        assert_eq!(resolve("segment%201.m4s?x=1").as_deref(), Some("hls/720p/segment 1.m4s"));
        assert_eq!(resolve("../segments/1.ts").as_deref(), Some("hls/segments/1.ts"));
        assert_eq!(resolve("../../1.ts").as_deref(), Some("1.ts"));
        for outside in [
            "../../../x",
            "%2e%2e/%2e%2e/%2e%2e/x",
            "/etc/passwd",
            "file:///etc/passwd",
            "https://host/x",
            "//host/x",
            "C:\\x",
            "..\\..\\..\\x",
            "a%00b",
            "",
        ] {
            assert_eq!(resolve(outside), None, "{outside}");
        }
    }

    #[test]
    fn of_what_is_above_a_playlist_only_keys_are_read() {
        let stream = tempfile::tempdir().unwrap();
        let path = |name: &str| stream.path().join(name);
        for folder in ["keys", "hls/deep", "other"] {
            std::fs::create_dir_all(path(folder)).unwrap();
        }
        for (name, length) in [("keys/1.key", 16), ("keys/long.key", 17), ("other/1.key", 16), ("1.key", 16)] {
            std::fs::write(path(name), vec![7; length]).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(path("other/1.key"), path("keys/link.key")).unwrap();
        let folder = Folder::new(&path("hls")).unwrap();
        let open = |playlist: &str, uri: &str| folder.open_key_outside(&Address(playlist.to_owned()), uri);
        assert_eq!(open("720p.m3u8", "../keys/1.key").unwrap().into_bytes().unwrap(), [7; 16]);
        assert_eq!(open("deep/720p.m3u8", "../../keys/1%2ekey?x").unwrap().into_bytes().unwrap(), [7; 16]);
        let absolute = path("keys/1.key").to_str().unwrap().to_owned();
        for outside in
            ["../keys/long.key", "../keys/link.key", "../keys/gone.key", "../other/1.key", "../1.key", &absolute]
        {
            assert!(open("720p.m3u8", outside).is_err(), "{outside}");
        }
    }

    #[test]
    fn links_and_ranges_that_lead_out_are_refused() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::fs::write(inside.path().join("a"), "0123456789").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(outside.path().join("secret"), inside.path().join("link")).unwrap();
        let folder = Folder::new(inside.path()).unwrap();
        let open = |name: &str, range| folder.open(&Address(name.to_owned()), range, 8);
        #[cfg(unix)]
        assert!(matches!(open("link", None), Err(OpenError::Unreadable(_))));
        assert!(matches!(open("gone", None), Err(OpenError::Missing)));
        assert!(matches!(open("a", None), Err(OpenError::TooLarge(8))));
        let range = |offset, length| Some(ByteRange { offset, length });
        assert_eq!(open("a", range(2, 3)).unwrap().into_bytes().unwrap(), b"234");
        assert!(matches!(open("a", range(8, 3)), Err(OpenError::BeyondEnd(10))));
        assert!(matches!(open("a", range(u64::MAX, 3)), Err(OpenError::BeyondEnd(10))));
    }
}
