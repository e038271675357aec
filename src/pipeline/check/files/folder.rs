//! A stream in a folder of this machine. Nothing outside of the folder is ever opened.

use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;

use super::{Address, ByteRange, Files, OpenError, Opened, is_absolute};

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
