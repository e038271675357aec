//! Whether a folder is fit to be published: its playlists name what is there, and its files stay as they are meanwhile.

use std::{
    collections::{BTreeSet, HashSet},
    fs::Metadata,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    FolderFiles,
    error::{PublishError, causes},
    headers::FileKind,
    playlist::PlaylistFacts,
};

/// By what it is told that a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Size in bytes.
    pub(super) size: u64,
    modified: Option<SystemTime>,
}

impl Look {
    /// What the file is now.
    pub(super) async fn at(file: &Path) -> Result<Self, PublishError> {
        Self::of(tokio::fs::metadata(file).await, file)
    }

    fn of(metadata: std::io::Result<Metadata>, file: &Path) -> Result<Self, PublishError> {
        match metadata {
            Ok(metadata) if metadata.is_file() => Ok(Self { size: metadata.len(), modified: metadata.modified().ok() }),
            Ok(_) => Err(PublishError::LocalFile { file: file.to_owned(), detail: "it is not a file".to_owned() }),
            Err(error) => Err(PublishError::LocalFile { file: file.to_owned(), detail: causes(&error) }),
        }
    }

    /// The same with the size that it had before.
    pub(super) fn with_size(self, size: u64) -> Self {
        Self { size, ..self }
    }

    /// Tells a file that has vanished or changed since then.
    pub(super) async fn check(&self, file: &Path) -> Result<(), PublishError> {
        let now = Self::at(file).await?;
        if now == *self {
            return Ok(());
        }
        let detail = match now.size {
            size if size == self.size => "it was written to meanwhile".to_owned(),
            size => format!("its size changed from {} to {size} bytes", self.size),
        };
        Err(PublishError::FileChanged { file: file.to_owned(), detail })
    }
}

/// What the files of a folder are now.
pub(super) fn look_at(folder: &Path, files: &FolderFiles) -> Result<Vec<(PathBuf, Look)>, PublishError> {
    let of = |path: &String| {
        let file = folder.join(path);
        Look::of(std::fs::metadata(&file), &file).map(|look| (file, look))
    };
    files.keys().map(|(_, path)| of(path)).collect()
}

/// Tells a playlist that names what is not among these files.
pub(super) fn check_playlists(folder: &Path, files: &FolderFiles) -> Result<(), PublishError> {
    let there: HashSet<&str> = files.keys().map(|(_, path)| path.as_str()).collect();
    let mut incomplete = None;
    for path in files.keys().filter(|(kind, _)| *kind == FileKind::Playlist).map(|(_, path)| path) {
        let file = folder.join(path);
        let text = std::fs::read(&file).map_err(|error| PublishError::LocalFile { file, detail: causes(&error) })?;
        let facts = PlaylistFacts::read(path, &text);
        let is_multivariant = facts.is_multivariant();
        let names = match facts {
            PlaylistFacts::Media { names, .. } | PlaylistFacts::Multivariant { names } => names,
            PlaylistFacts::Other { .. } => Vec::new(),
        };
        let missing: BTreeSet<String> = names.into_iter().filter(|name| !there.contains(name.as_str())).collect();
        if missing.is_empty() {
            continue;
        }
        let found = PublishError::PlaylistIncomplete { playlist: path.clone(), names: missing.into_iter().collect() };
        if !is_multivariant {
            return Err(found);
        }
        incomplete.get_or_insert(found);
    }
    incomplete.map_or(Ok(()), Err)
}
