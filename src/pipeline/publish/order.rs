//! In which order the files of a growing stream go up, so that a viewer never finds a playlist that names a file which
//! is not there. Pure: it is told what was finished and what went up, and says what may go up next.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use bytes::Bytes;

use super::{
    headers::FileKind,
    playlist::{ManifestName, PlaylistFacts},
};

/// How the index of a storyboard is called.
const STORYBOARD_INDEX: &str = "storyboard.vtt";

/// One upload that may begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upload {
    /// Path relative to the stream's folder.
    pub(super) path: String,
    /// What to send.
    pub(super) body: Body,
    /// True for a playlist of which a newer version will come.
    pub(super) growing: bool,
}

/// What an upload sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// The file on the disk, of this size in bytes.
    File {
        /// Size in bytes.
        size: u64,
        /// Whether it is known to hold sound and no picture.
        sound_only: bool,
    },
    /// This text.
    Text(Bytes),
}

impl Body {
    /// Size in bytes.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Text(text) => text.len() as u64,
        }
    }
}

/// Playlists of which not all that they name is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stuck {
    /// Path of the playlist.
    pub(super) playlist: String,
    /// Paths that it waits for.
    pub(super) names: Vec<String>,
}

#[derive(Debug)]
struct Version {
    upload: Upload,
    missing: HashSet<String>,
}

/// The versions of one playlist that are not up yet. Memory stays flat: the oldest one is kept because it will be the
/// first to have all that it names, and the newest because it will be the last word.
#[derive(Debug)]
struct Pending {
    oldest: Version,
    newest: Option<Version>,
}

#[derive(Debug)]
struct Multivariant {
    text: Bytes,
    names: Vec<String>,
}

/// What goes up when.
#[derive(Debug, Default)]
pub(super) struct Order {
    finished: HashSet<String>,
    up: HashSet<String>,
    in_flight: HashSet<String>,
    files: VecDeque<Upload>,
    playlists: BTreeMap<String, Pending>,
    /// The newest version of each multivariant playlist, which goes up once more at the end.
    multivariants: BTreeMap<String, Multivariant>,
    multivariant_paths: BTreeSet<String>,
    /// All that playlists lead to.
    named: BTreeSet<String>,
    /// What manifests name, as far as they tell.
    manifest_names: BTreeMap<String, Vec<ManifestName>>,
    finishing: bool,
    /// Entry points and pictures go up after [`switch`](Self::switch) alone: until then viewers see what lay there before.
    holds_entries: bool,
    /// Pictures that are held back.
    held: VecDeque<Upload>,
}

/// True for what is asked for by its own address and has no other file by which it is found: pictures, and the index of
/// those of a storyboard.
pub(super) fn is_picture(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    FileKind::of(path) == FileKind::Image || name == STORYBOARD_INDEX
}

impl Order {
    /// An order in which multivariant playlists, manifests and pictures go up at the end alone, when all else was compared.
    pub(super) fn holding_entries() -> Self {
        Self { holds_entries: true, ..Self::default() }
    }

    /// Takes a file that is no playlist.
    pub(super) fn file_finished(&mut self, upload: Upload) {
        self.finished.insert(upload.path.clone());
        if self.holds_entries && is_picture(&upload.path) {
            self.held.push_back(upload);
        } else {
            self.files.push_back(upload);
        }
    }

    /// Takes a version of a playlist.
    pub(super) fn playlist_finished(&mut self, path: String, text: Bytes, facts: PlaylistFacts) {
        self.finished.insert(path.clone());
        if let PlaylistFacts::Media { names, .. } | PlaylistFacts::Multivariant { names } = &facts {
            self.named.extend(names.iter().cloned());
        }
        if FileKind::of(&path) == FileKind::Manifest {
            self.manifest_names.insert(path.clone(), ManifestName::all(&text));
        }
        let is_entry = FileKind::of(&path) == FileKind::Manifest || facts.is_multivariant() || is_picture(&path);
        if self.holds_entries && is_entry {
            let names = if let PlaylistFacts::Multivariant { names } = facts { names } else { Vec::new() };
            self.multivariant_paths.insert(path.clone());
            self.multivariants.insert(path, Multivariant { text, names });
            return;
        }
        let (names, growing) = match facts {
            PlaylistFacts::Media { names, growing } => (names, growing),
            PlaylistFacts::Multivariant { names } => {
                self.multivariant_paths.insert(path.clone());
                self.multivariants.insert(path.clone(), Multivariant { text: text.clone(), names: names.clone() });
                (names, true)
            }
            PlaylistFacts::Other { growing } => (self.not_up(), growing),
        };
        let missing = names.into_iter().filter(|name| !self.up.contains(name) && *name != path).collect();
        let version = Version { upload: Upload { path: path.clone(), body: Body::Text(text), growing }, missing };
        match self.playlists.get_mut(&path) {
            Some(pending) if version.missing.is_empty() => *pending = Pending { oldest: version, newest: None },
            Some(pending) => pending.newest = Some(version),
            None => {
                self.playlists.insert(path, Pending { oldest: version, newest: None });
            }
        }
    }

    /// Nothing more will be finished: the multivariant playlists go up for the last time when all else is there.
    pub(super) fn finish(&mut self) {
        self.finishing = true;
        for path in self.multivariants.keys() {
            self.playlists.remove(path);
        }
    }

    /// An upload that may begin now; it counts as in flight until [`went_up`](Self::went_up).
    pub(super) fn next(&mut self) -> Option<Upload> {
        let upload = self.next_playlist().or_else(|| self.next_file()).or_else(|| self.next_multivariant())?;
        self.in_flight.insert(upload.path.clone());
        Some(upload)
    }

    /// An upload has arrived.
    pub(super) fn went_up(&mut self, path: &str) {
        self.in_flight.remove(path);
        if !self.up.insert(path.to_owned()) {
            return;
        }
        for pending in self.playlists.values_mut() {
            pending.oldest.missing.remove(path);
            if let Some(newest) = &mut pending.newest {
                newest.missing.remove(path);
            }
        }
    }

    /// True when all is up but the entry points that are held back.
    pub(super) fn is_before_switch(&self) -> bool {
        let holds_some = !self.multivariants.is_empty() || !self.held.is_empty();
        self.holds_entries && self.has_only_multivariants() && holds_some
    }

    /// The entry points that were held back may go up.
    pub(super) fn switch(&mut self) {
        self.holds_entries = false;
        self.files.append(&mut self.held);
    }

    fn has_only_multivariants(&self) -> bool {
        self.finishing && self.in_flight.is_empty() && self.files.is_empty() && self.playlists.is_empty()
    }

    /// True when nothing is left to go up.
    pub(super) fn is_done(&self) -> bool {
        self.has_only_multivariants() && self.multivariants.is_empty() && self.held.is_empty()
    }

    /// The playlists that wait for files that will not come; only meaningful when nothing is in flight or ready.
    pub(super) fn stuck(&self) -> Option<Stuck> {
        let (playlist, names): (&String, BTreeSet<&String>) = match self.playlists.iter().next() {
            Some((playlist, pending)) => {
                (playlist, pending.newest.as_ref().unwrap_or(&pending.oldest).missing.iter().collect())
            }
            None => {
                let (playlist, multivariant) = self.multivariants.iter().next()?;
                (playlist, multivariant.names.iter().filter(|name| !self.up.contains(*name)).collect())
            }
        };
        Some(Stuck { playlist: playlist.clone(), names: names.into_iter().cloned().collect() })
    }

    /// Number of files that are finished, each path once.
    pub(super) fn finished_count(&self) -> u64 {
        self.finished.len() as u64
    }

    /// Number of files that are up, each path once.
    pub(super) fn up_count(&self) -> u64 {
        self.up.len() as u64
    }

    /// Paths of all that is up.
    pub(super) fn up(&self) -> impl Iterator<Item = &str> {
        self.up.iter().map(String::as_str)
    }

    /// True for a playlist, and for what one leads to.
    pub(super) fn is_of_playlists(&self, path: &str) -> bool {
        self.named.contains(path) || FileKind::of(path) == FileKind::Playlist
    }

    /// True for a whole film beside a stream: an MP4 file to which neither a playlist nor a manifest leads.
    pub(super) fn is_film(&self, path: &str) -> bool {
        let is_named =
            self.named.contains(path) || self.manifest_names.values().flatten().any(|name| name.may_be(path));
        FileKind::of(path) == FileKind::Mp4 && !is_named
    }

    /// Paths of the multivariant playlists, and of manifests and pictures where these are held back too.
    pub(super) fn entries(&self) -> Vec<String> {
        let pictures = self.up.iter().filter(|path| is_picture(path));
        self.multivariant_paths.iter().chain(pictures).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// True for the path of a multivariant playlist, or of a manifest that is held back like one.
    pub(super) fn is_multivariant(&self, path: &str) -> bool {
        self.multivariant_paths.contains(path)
    }

    /// What was finished and is not up; but for multivariant playlists, which go up last of all, and what is held back.
    fn not_up(&self) -> Vec<String> {
        let is_held = |path: &String| self.held.iter().any(|upload| upload.path == *path);
        let is_missing =
            |path: &&String| !self.up.contains(*path) && !self.multivariant_paths.contains(*path) && !is_held(path);
        self.finished.iter().filter(is_missing).cloned().collect()
    }

    fn next_playlist(&mut self) -> Option<Upload> {
        let in_flight = &self.in_flight;
        let ready = |(path, pending): (&String, &Pending)| {
            let newest_is_ready = pending.newest.as_ref().is_some_and(|newest| newest.missing.is_empty());
            let ready = newest_is_ready || pending.oldest.missing.is_empty();
            (ready && !in_flight.contains(path)).then(|| path.clone())
        };
        let path = self.playlists.iter().find_map(ready)?;
        let Pending { oldest, newest } = self.playlists.remove(&path)?;
        match newest {
            Some(newest) if newest.missing.is_empty() => Some(newest.upload),
            Some(newest) => {
                self.playlists.insert(path, Pending { oldest: newest, newest: None });
                Some(oldest.upload)
            }
            None => Some(oldest.upload),
        }
    }

    fn next_file(&mut self) -> Option<Upload> {
        // Two uploads of one path at a time could arrive in the wrong order.
        let index = self.files.iter().position(|upload| !self.in_flight.contains(&upload.path))?;
        self.files.remove(index)
    }

    fn next_multivariant(&mut self) -> Option<Upload> {
        if self.holds_entries || !self.has_only_multivariants() {
            return None;
        }
        let is_ready = |multivariant: &Multivariant| multivariant.names.iter().all(|name| self.up.contains(name));
        let path = self.multivariants.iter().find(|(_, multivariant)| is_ready(multivariant))?.0.clone();
        let Multivariant { text, .. } = self.multivariants.remove(&path)?;
        Some(Upload { path, body: Body::Text(text), growing: false })
    }
}

#[cfg(test)]
mod tests;
