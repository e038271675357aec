//! The file that a conversion makes: its name, and how it comes to be there whole or not at all.

use std::{
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{
    failure::{Failure, FailureKind},
    job::{Conversion, JobId, JobSpec},
    pipeline::package::write_failure,
    tools::atomic_file::{self, TEMPORARY_PREFIX},
};

const MOST_SUFFIXES: u32 = 10_000;

/// A file in the making, in a hidden folder beside its place. Dropping it removes what is unfinished.
#[derive(Debug)]
pub(super) struct OutputFile {
    hidden_folder: PathBuf,
    unfinished: PathBuf,
    /// The name that was asked for, or that the file gets if it is free.
    wanted: PathBuf,
    is_named: bool,
    overwrite: bool,
    /// Files that must stay as they are, whatever is asked.
    inputs: Vec<PathBuf>,
}

impl OutputFile {
    /// Prepares the file of a job.
    ///
    /// # Errors
    /// When it would replace a source, or a file although that was not asked for, or its folder can't be written.
    pub(super) fn begin(id: JobId, spec: &JobSpec, conversion: &Conversion) -> Result<Self, Failure> {
        let extension = conversion.format.extension();
        let wanted = match &conversion.output {
            Some(file) => file.clone(),
            None => spec.destination.local_folder().join(format!("{}.{extension}", spec.stream_name())),
        };
        let folder = wanted.parent().unwrap_or(Path::new(".")).to_owned();
        std::fs::create_dir_all(&folder).map_err(|error| write_failure(&wanted, &error))?;
        let hidden_folder = folder.join(format!("{TEMPORARY_PREFIX}{id}"));
        let watermark = spec.operations.watermark.iter().map(|watermark| watermark.image.clone());
        let inputs = std::iter::once(spec.source.clone()).chain(spec.joined.iter().cloned()).chain(watermark).collect();
        let output = Self {
            unfinished: hidden_folder.join(format!("unfinished.{extension}")),
            hidden_folder,
            is_named: conversion.output.is_some(),
            overwrite: conversion.overwrite,
            wanted,
            inputs,
        };
        if output.is_named {
            output.check_named()?;
        }
        // What an earlier run of the same job left when it was killed.
        match std::fs::remove_dir_all(&output.hidden_folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(write_failure(&output.unfinished, &error)),
            _ => {}
        }
        std::fs::create_dir(&output.hidden_folder).map_err(|error| write_failure(&output.unfinished, &error))?;
        Ok(output)
    }

    /// The folder that the file will lie in.
    pub(super) fn folder(&self) -> &Path {
        self.wanted.parent().unwrap_or(Path::new("."))
    }

    /// The folder that goes with it when it is not finished.
    pub(super) fn hidden_folder(&self) -> &Path {
        &self.hidden_folder
    }

    /// Where it is written meanwhile.
    pub(super) fn unfinished(&self) -> &Path {
        &self.unfinished
    }

    /// Brings the file to the disk and gives it its name, which it returns.
    ///
    /// # Errors
    /// When a file of that name came up meanwhile, or the system refuses.
    pub(super) fn finish(self) -> Result<PathBuf, Failure> {
        let failed = |error: &std::io::Error| write_failure(&self.wanted, error);
        File::open(&self.unfinished).and_then(|file| file.sync_all()).map_err(|error| failed(&error))?;
        if self.is_named {
            self.check_named()?;
        }
        let mut finished = tempfile::TempPath::try_from_path(&self.unfinished).map_err(|error| failed(&error))?;
        for number in 1..MOST_SUFFIXES {
            let name = self.numbered(number);
            if self.overwrite && !self.is_input(&name) && !name.is_dir() {
                return finished.persist(&name).map(|()| name).map_err(|error| failed(&error.error));
            }
            match finished.persist_noclobber(&name) {
                Ok(()) => return Ok(name),
                Err(error) if error.error.kind() != ErrorKind::AlreadyExists => return Err(failed(&error.error)),
                Err(_) if self.is_named => return Err(exists(&name)),
                Err(error) => finished = error.path,
            }
        }
        Err(exists(&self.wanted))
    }

    /// `film.mp4`, `film-2.mp4` and so on.
    fn numbered(&self, number: u32) -> PathBuf {
        if number == 1 {
            return self.wanted.clone();
        }
        let mut name = self.wanted.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{number}."));
        name.push(self.wanted.extension().unwrap_or_default());
        self.wanted.with_file_name(name)
    }

    fn check_named(&self) -> Result<(), Failure> {
        let path = &self.wanted;
        if self.is_input(path) {
            let headline = format!("{} is a source of this job: it is never replaced", path.display());
            return Err(Failure::new(FailureKind::InvalidRequest, headline, "Give the result another name"));
        }
        if path.is_dir() {
            let headline = format!("{} is a folder", path.display());
            return Err(Failure::new(FailureKind::InvalidRequest, headline, "Give the name of a file"));
        }
        if path.symlink_metadata().is_ok() && atomic_file::check_replaceable(path).is_err() {
            let headline = format!("{} is a device or a pipe, not a file", path.display());
            return Err(Failure::new(FailureKind::InvalidRequest, headline, "Give the name of a file"));
        }
        if !self.overwrite && path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        Ok(())
    }

    /// Whether a path leads to a file that the job reads, under whatever name.
    fn is_input(&self, path: &Path) -> bool {
        self.inputs.iter().any(|input| is_same_file(input, path))
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.hidden_folder)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.hidden_folder.display(), "an unfinished file could not be removed");
        }
    }
}

fn exists(path: &Path) -> Failure {
    Failure::new(
        FailureKind::InvalidRequest,
        format!("{} exists already", path.display()),
        "Give another name, or allow it to be replaced with --overwrite",
    )
}

/// Whether two paths lead to the same file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| std::fs::metadata(path).ok().map(|facts| (facts.dev(), facts.ino()));
        identity(one).is_some_and(|identity_of_one| identity(other) == Some(identity_of_one))
    }
    #[cfg(not(unix))]
    {
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        real(one).is_some_and(|real_one| real(other) == Some(real_one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Destination, FileFormat, JobKind};

    fn spec(source: &Path, conversion: &Conversion) -> JobSpec {
        JobSpec {
            kind: JobKind::File(Box::new(conversion.clone())),
            ..JobSpec::stream(
                source.to_owned(),
                crate::preset::find_preset("source").unwrap(),
                Destination::Folder(source.parent().unwrap().to_owned()),
            )
        }
    }

    fn make(source: &Path, conversion: &Conversion) -> Result<PathBuf, Failure> {
        let output = OutputFile::begin(JobId::generate(), &spec(source, conversion), conversion)?;
        std::fs::write(output.unfinished(), "made").unwrap();
        output.finish()
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("film.mp4");
        std::fs::write(&source, "source").unwrap();
        let conversion = Conversion { overwrite: true, ..Conversion::to(FileFormat::Mp4) };
        assert_eq!(make(&source, &conversion).unwrap(), folder.path().join("film-2.mp4"));
        let conversion = Conversion::to(FileFormat::Mp4);
        assert_eq!(make(&source, &conversion).unwrap(), folder.path().join("film-3.mp4"));
        assert_eq!(std::fs::read_to_string(&source).unwrap(), "source");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_file_is_replaced_only_where_that_is_asked_for_and_a_source_never() {
        let folder = tempfile::tempdir().unwrap();
        let [source, taken, link] = ["a.mov", "b.mp4", "c.mp4"].map(|name| folder.path().join(name));
        std::fs::write(&source, "source").unwrap();
        std::fs::write(&taken, "taken").unwrap();
        std::fs::hard_link(&source, &link).unwrap();
        let to = |output: &Path, overwrite| Conversion {
            output: Some(output.to_owned()),
            overwrite,
            ..Conversion::to(FileFormat::Mp4)
        };
        assert!(make(&source, &to(&taken, false)).unwrap_err().headline.ends_with("exists already"));
        assert!(make(&source, &to(&link, true)).unwrap_err().headline.contains("is a source"));
        assert!(make(&source, &to(&source, true)).unwrap_err().headline.contains("is a source"));
        assert!(make(&source, &to(folder.path(), true)).is_err());
        assert_eq!(make(&source, &to(&taken, true)).unwrap(), taken);
        assert_eq!(std::fs::read_to_string(&taken).unwrap(), "made");
    }
}
