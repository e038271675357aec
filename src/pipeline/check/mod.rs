//! Judges a finished HLS stream by its rules ([`Rule`]), ours or any other, in a folder, in a bucket or on the web: every
//! playlist is parsed, every segment is read once and measured.
//!
//! Fragmented MP4 is measured by its boxes alone. Transport streams, and facts that only parameter sets tell, take
//! ffprobe.

mod decode;
mod entry;
mod files;
mod keys;
mod measure;
mod playlist;
mod reading;
mod rule;
mod rules;
mod stream;
mod unlock;
mod variables;
mod verdict;

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

pub use rule::{Level, Rule};
pub use verdict::{Finding, Judgement, Ruling, Verdict};

use crate::{
    failure::{Failure, FailureKind},
    job::S3Location,
    pipeline::publish::{BucketReader, PublishError, replace::is_revision},
    tools::{cancel::CancelToken, content_key::KeyFiles, ffmpeg::Toolbox},
};
use entry::{Found, find_entry, find_stored_entry};
use files::{Address, Files, Folder, Stored, Web};
use keys::KeyRing;
use measure::facts::Prober;
use reading::Reader;
use tokio::runtime::Handle;
use verdict::Ledger;

/// Where a stream lies.
#[derive(Debug, Clone)]
pub enum StreamPlace {
    /// In a folder, in which the multivariant playlist is looked for.
    Folder(PathBuf),
    /// In a folder, at this playlist.
    Playlist {
        /// The stream's folder, which is never left.
        folder: PathBuf,
        /// Path of the playlist in it, with forward slashes.
        playlist: String,
    },
    /// At an `http` or `https` URL of a playlist.
    Url(String),
    /// In a bucket, whose owner's credentials are used.
    Bucket {
        /// The folder of the stream, or the playlist, as its prefix, and how the bucket is reached.
        location: Box<S3Location>,
        /// Where the requests run. The stream is not judged on a thread of it.
        runtime: Handle,
    },
}

/// The parts of an fMP4 segment that a check with [`CheckOptions::boxes_alone`] does not read.
///
/// # Errors
/// Why it can't be measured, in words.
pub fn unread_parts(init: &Path, segment: &Path) -> Result<Vec<Range<u64>>, String> {
    measure::unread::parts(init, segment).map_err(|problem| problem.to_string())
}

/// How a stream is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckOptions<'a> {
    /// The highest number of frames that the source gives at the stream's frame rate, where that is known exactly.
    pub source_frames: Option<u64>,
    /// What the parameter sets of fMP4 say is not asked of ffprobe: its boxes are believed.
    pub boxes_alone: bool,
    /// Every segment is decoded as well, which takes a good part of the time that its encode took.
    pub decodes: bool,
    /// Keys of encrypted segments, numbered by the order in which a playlist names them; without them they are fetched.
    pub keys: Option<&'a KeyFiles>,
}

/// Why a stream could not be judged at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// There is no such folder, file or server.
    #[error("{place} can't be read: {detail}")]
    Unreadable {
        /// The path or URL.
        place: String,
        /// What the system or the server says.
        detail: String,
    },
    /// The folder has no playlist.
    #[error("there is no HLS playlist in {0}")]
    NoPlaylist(String),
    /// The bucket that it is said to be in can't be read.
    #[error("{0}")]
    Store(Box<Failure>),
    /// The user stopped it.
    #[error("cancelled")]
    Cancelled,
}

impl CheckError {
    /// The failure as the user sees it.
    pub fn into_failure(self) -> Failure {
        let hint = match &self {
            Self::Unreadable { .. } => "Check the path or the address, and that you may read it",
            Self::NoPlaylist(_) => "Name the folder with the stream's .m3u8 files, or one of these files",
            Self::Store(failure) => return (**failure).clone(),
            Self::Cancelled => "Start it again",
        };
        let kind = match &self {
            Self::Cancelled => FailureKind::Internal,
            _ => FailureKind::SourceUnreadable,
        };
        if let Self::Unreadable { place, detail } = &self {
            return Failure::new(
                kind,
                format!("{place} can't be read: {}", detail.trim_start_matches("can't be read: ")),
                hint,
            );
        }
        let text = self.to_string();
        let mut letters = text.chars();
        let headline: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        Failure::new(kind, headline, hint)
    }
}

/// Judges a stream. Without a toolbox, transport streams can't be measured.
///
/// # Errors
/// When there is no stream at this place, or the user stops it. A stream that breaks rules is no error.
pub fn check(
    place: &StreamPlace,
    toolbox: Option<&Toolbox>,
    options: CheckOptions<'_>,
    cancel: &CancelToken,
) -> Result<Verdict, CheckError> {
    let (files, found, name) = open(place)?;
    let mut ledger = Ledger::default();
    let prober = toolbox.map(|toolbox| Prober { toolbox, cancel });
    let keys = KeyRing::new(&*files, options.keys);
    let CheckOptions { boxes_alone, decodes, .. } = options;
    let init = (None, Vec::new());
    let reader = Reader {
        files: &*files,
        prober,
        boxes_alone,
        decodes,
        init,
        keys,
        variables: None,
        cancel,
        ledger: &mut ledger,
    };
    let stream = reader.read(found.playlist.clone())?;
    rules::playlists::entry(&stream, &found, &mut ledger);
    rules::judge(&stream, &*files, options, &mut ledger);
    if cancel.is_cancelled() {
        return Err(CheckError::Cancelled);
    }
    Ok(ledger.into_verdict(name, found.playlist.0))
}

/// Where the files of a stream are, its first playlist, and its name for people.
fn open(place: &StreamPlace) -> Result<(Box<dyn Files>, Found, String), CheckError> {
    let folder_of = |path: &Path| {
        Folder::new(path)
            .map_err(|error| CheckError::Unreadable { place: path.display().to_string(), detail: error.to_string() })
    };
    match place {
        StreamPlace::Folder(path) => {
            let name = path.display().to_string();
            let folder = folder_of(path)?;
            let entry = find_entry(path).ok_or_else(|| CheckError::NoPlaylist(name.clone()))?;
            Ok((Box::new(folder), entry, name))
        }
        StreamPlace::Playlist { folder, playlist } => {
            let found = Found::named(Address(playlist.clone()));
            Ok((Box::new(folder_of(folder)?), found, folder.join(playlist).display().to_string()))
        }
        StreamPlace::Url(url) => {
            let web = Web::new();
            let unreadable = |detail: String| CheckError::Unreadable { place: url.clone(), detail };
            let entry = web.entry(url).map_err(|error| unreadable(error.to_string()))?;
            Ok((Box::new(web), Found::named(entry), url.clone()))
        }
        StreamPlace::Bucket { location, runtime } => {
            let reader = BucketReader::open(runtime, location).map_err(of_store)?;
            let (files, entry) = open_stored(reader, location)?;
            Ok((Box::new(files), entry, location.to_string()))
        }
    }
}

fn of_store(error: PublishError) -> CheckError {
    CheckError::Store(Box::new(error.into_failure()))
}

/// A location that is named like a playlist is one.
fn open_stored(reader: BucketReader, location: &S3Location) -> Result<(Stored, Found), CheckError> {
    if !location.prefix.ends_with(".m3u8") {
        let files = Stored::new(reader, &location.prefix);
        let entry = find_stored_entry(&files).map_err(of_store)?;
        return entry.map(|entry| (files, entry)).ok_or_else(|| CheckError::NoPlaylist(location.to_string()));
    }
    let (folder, playlist) = location.prefix.rsplit_once('/').unwrap_or(("", &location.prefix));
    let Some(text) = reader.text(&location.prefix).map_err(of_store)? else {
        return Err(CheckError::Unreadable { place: location.to_string(), detail: "it is not there".to_owned() });
    };
    // The playlist of MPEG-TS lies in a folder of its own in the stream's; its revision lies beside that folder.
    let (folder, playlist) = match folder.rsplit_once('/') {
        Some((whole, own)) if leads_to_revision(&text) => (whole, format!("{own}/{playlist}")),
        _ => (folder, playlist.to_owned()),
    };
    Ok((Stored::new(reader, folder), Found::named(Address(playlist))))
}

/// Whether a playlist leads to the revision of a stream that was replaced, in a folder beside its own.
fn leads_to_revision(playlist: &[u8]) -> bool {
    let text = String::from_utf8_lossy(playlist);
    let in_tag = |line| str::split_once(line, "URI=\"../").map(|(_, uri)| uri);
    let mut beside = text.lines().filter_map(|line| line.strip_prefix("../").or_else(|| in_tag(line)));
    beside.any(|uri| uri.split_once('/').is_some_and(|(folder, _)| is_revision(folder)))
}
