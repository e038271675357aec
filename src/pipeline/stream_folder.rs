//! The folder of a stream: its own, named after the source, never one that is there already.

use std::path::{Path, PathBuf};

use super::package::{PackageError, write_failure};
use crate::failure::Failure;

/// Names longer than this in bytes are cut, so that files in the folder still have room for their own names.
const LONGEST_NAME_BYTES: usize = 120;
const MOST_SUFFIXES: u32 = 10_000;

/// A folder that is removed with all it holds, unless the stream was finished.
#[derive(Debug)]
pub struct StreamFolder {
    path: PathBuf,
    name: String,
    is_kept: bool,
}

impl StreamFolder {
    /// Makes the folder for `source` under `parent`: its name without extension, with `-2`, `-3`… if that is taken.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn create(parent: &Path, source: &Path) -> Result<Self, Failure> {
        let base = stream_name(source);
        let failed = |error: &std::io::Error| write_failure(&parent.join(&base), error);
        std::fs::create_dir_all(parent).map_err(|error| failed(&error))?;
        for number in 1..MOST_SUFFIXES {
            let name = numbered(&base, number);
            let path = parent.join(&name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, name, is_kept: false }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        Err(PackageError::Write { path: parent.join(base), source }.into_failure())
    }

    /// The folders that streams of `source` have under `parent` already.
    pub fn taken(parent: &Path, source: &Path) -> Vec<PathBuf> {
        let base = stream_name(source);
        let names = (1..MOST_SUFFIXES).map(|number| numbered(&base, number));
        names.map(|name| parent.join(name)).take_while(|path| path.exists()).collect()
    }

    /// A folder that an earlier run has made.
    pub fn at(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { path: path.to_owned(), name, is_kept: false }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Leaves the folder where it is.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for StreamFolder {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "an unfinished stream could not be removed");
        }
    }
}

fn numbered(base: &str, number: u32) -> String {
    if number == 1 { base.to_owned() } else { format!("{base}-{number}") }
}

/// The name of a source's stream: a folder name on every system and a part of a key, nothing more.
fn stream_name(source: &Path) -> String {
    let stem = source.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut name: String = stem
        .chars()
        .map(|character| {
            let is_unsafe = character.is_control() || r#"<>:"/\|?*"#.contains(character) || character == '\u{fffd}';
            if is_unsafe { '_' } else { character }
        })
        .collect();
    while name.len() > LONGEST_NAME_BYTES {
        name.pop();
    }
    let trimmed = name.trim_matches(|character: char| character.is_whitespace() || character == '.');
    let trimmed = trimmed.trim_start_matches('-');
    if trimmed.is_empty() { "stream".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folders_on_every_system() {
        for (source, expected) in [
            ("/a/Interview Dr. Müller – final_v7.mp4", "Interview Dr. Müller – final_v7"),
            ("-i.mp4", "i"),
            ("...mp4", "stream"),
            ("a\nb:c?.mov", "a_b_c_"),
            (".hidden.mp4", "hidden"),
        ] {
            assert_eq!(stream_name(Path::new(source)), expected);
        }
        assert!(stream_name(Path::new(&"ü".repeat(127))).len() <= LONGEST_NAME_BYTES);
    }

    #[test]
    fn a_taken_name_gets_a_number_and_an_unfinished_folder_goes() {
        let parent = tempfile::tempdir().unwrap();
        let first = StreamFolder::create(parent.path(), Path::new("clip.mp4")).unwrap();
        let second = StreamFolder::create(parent.path(), Path::new("clip.mov")).unwrap();
        assert_eq!((first.name(), second.name()), ("clip", "clip-2"));
        first.keep();
        drop(second);
        assert!(parent.path().join("clip").is_dir());
        assert!(!parent.path().join("clip-2").exists());
    }
}
