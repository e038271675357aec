//! A stream in a bucket, private or not, read with the credentials of its owner. What else lies in the bucket is never
//! opened.

use super::{Address, ByteRange, Files, OpenError, Opened, Web, path_inside};
use crate::{
    job::KEYS_FOLDER,
    pipeline::publish::{BucketReader, PublishError},
    tools::content_key::KEY_BYTES,
};

/// Folders directly in the one that was named in which a playlist is looked for.
const MOST_FOLDERS: usize = 200;

/// A folder of a bucket with a stream in it. Files are fetched as a player would that was given presigned addresses, so
/// that what the store says of them is seen.
#[derive(Debug)]
pub(in super::super) struct Stored {
    reader: BucketReader,
    /// Key of the folder, without a slash at its end.
    root: String,
    web: Web,
}

impl Stored {
    /// The folder of this key.
    pub(in super::super) fn new(reader: BucketReader, root: &str) -> Self {
        Self { reader, root: root.to_owned(), web: Web::new() }
    }

    /// Paths of the playlists in the folder itself, or in the folders directly in it.
    pub(in super::super) fn playlists(&self, is_below: bool) -> Result<Vec<String>, PublishError> {
        let here = self.reader.list(&self.root)?;
        let mut keys = Vec::new();
        if is_below {
            for folder in here.folders.iter().filter(|folder| !is_hidden(folder)).take(MOST_FOLDERS) {
                keys.extend(self.reader.list(folder)?.keys);
            }
        } else {
            keys = here.keys;
        }
        let below = if self.root.is_empty() { String::new() } else { format!("{}/", self.root) };
        let is_playlist = |key: &&String| key.ends_with(".m3u8") && !is_hidden(key);
        let paths = keys.iter().filter(is_playlist).filter_map(|key| key.strip_prefix(&below));
        Ok(paths.map(str::to_owned).collect())
    }

    fn key(&self, path: &str) -> String {
        if self.root.is_empty() { path.to_owned() } else { format!("{}/{path}", self.root) }
    }

    fn open_key(&self, key: &str, range: Option<ByteRange>, limit: u64) -> Result<Opened, OpenError> {
        let url = self.reader.signed_url(key).map_err(|error| OpenError::Unreadable(error.to_string()))?;
        self.web.open(&Address(url), range, limit).map_err(|error| match error {
            // A presigned address is a secret.
            OpenError::Unreadable(reason) if reason.contains("X-Amz-") => {
                OpenError::Unreadable("the store can't be reached".to_owned())
            }
            error => error,
        })
    }
}

impl Files for Stored {
    fn resolve(&self, base: &Address, uri: &str) -> Result<Address, String> {
        if is_on_web(&base.0) {
            return self.web.resolve(base, uri);
        }
        if is_on_web(uri) {
            return self.web.resolve(&Address(uri.to_owned()), uri);
        }
        path_inside(base, uri)
    }

    /// As in a folder of this machine: of what lies above the stream, nothing but 16 bytes in a folder for keys.
    fn open_key_outside(&self, base: &Address, uri: &str) -> Result<Opened, String> {
        let outside = || format!("“{uri}” leaves the stream's folder");
        let key = path_inside(&Address(self.key(&base.0)), uri).map_err(|_| outside())?.0;
        let stream = key.rsplit_once('/').and_then(|(keys, _)| {
            let (stream, name) = keys.rsplit_once('/').unwrap_or(("", keys));
            (name == KEYS_FOLDER).then_some(stream)
        });
        let is_above = |stream: &str| {
            stream.is_empty() || self.root.strip_prefix(stream).is_some_and(|rest| rest.starts_with('/'))
        };
        if !stream.is_some_and(is_above) {
            return Err(outside());
        }
        let opened = self.open_key(&key, None, KEY_BYTES as u64);
        let opened = opened.map_err(|error| format!("the key at {uri} {error}"))?;
        if opened.bytes == KEY_BYTES as u64 { Ok(opened) } else { Err(outside()) }
    }

    fn open(&self, address: &Address, range: Option<ByteRange>, limit: u64) -> Result<Opened, OpenError> {
        if is_on_web(&address.0) {
            return self.web.open(address, range, limit);
        }
        self.open_key(&self.key(&address.0), range, limit)
    }
}

fn is_on_web(uri: &str) -> bool {
    uri.starts_with("https://") || uri.starts_with("http://")
}

fn is_hidden(key: &str) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.starts_with('.'))
}
