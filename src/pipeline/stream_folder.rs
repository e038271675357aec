//! The folder of a stream: its own, never one that is there already, unless an earlier try of the same job has made it.

mod own_files;

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

pub(super) use own_files::empty_of_own_files;
use own_files::remove_own_files;

use super::{
    JobRequest,
    package::{PackageError, write_failure},
    unfinished::is_left_as_it_began,
};
use crate::{
    failure::{Failure, FailureKind},
    job::{Destination, JobId, JobKind, JobSpec, LayoutKind, TemplateError, WantedFolder, WhenTaken},
};

const MOST_SUFFIXES: u32 = 10_000;

/// A folder that is removed with all that its job has made in it, unless the stream was finished. Where it holds something
/// of others, that stays in it.
#[derive(Debug)]
pub struct StreamFolder {
    path: PathBuf,
    is_kept: bool,
    /// Removed after the folder itself, where nothing else is in them.
    _above: FoldersAbove,
    _claim: Option<Claim>,
}

impl StreamFolder {
    /// Makes the folder of a job's stream on this machine.
    ///
    /// # Errors
    /// As [`Self::create`], and when its template gives no folder.
    pub fn of_job(request: &JobRequest) -> Result<Self, Failure> {
        let mut wanted = wanted_folder(request)?;
        if matches!(request.spec.destination, Destination::S3 { keep_local: false, .. }) {
            // Where the stream lies before it is up matters to nobody.
            wanted.when_taken = WhenTaken::Number;
        }
        let earlier = request.unpublished.as_ref().and_then(|stream| stream.report.folder.as_deref());
        Self::create(request.spec.destination.local_folder(), &wanted, earlier)
    }

    /// Makes the folder that a job wants under `parent`. `earlier` is the folder of an earlier try of the same job.
    ///
    /// # Errors
    /// When the folder can't be made, or the job wants exactly one that is there already or lies in another stream.
    pub fn create(parent: &Path, wanted: &WantedFolder, earlier: Option<&Path>) -> Result<Self, Failure> {
        let failed = |path: &Path, error: &std::io::Error| write_failure(path, error);
        std::fs::create_dir_all(parent).map_err(|error| failed(&parent.join(&wanted.path), &error))?;
        let above = FoldersAbove::make(parent, &wanted.path)?;
        for number in 1..MOST_SUFFIXES {
            let path = parent.join(numbered(&wanted.path, number));
            let Some(claim) = Claim::take(&path) else {
                if wanted.when_taken == WhenTaken::Number {
                    continue;
                }
                return Err(taken(&path));
            };
            let is_ours = wanted.when_taken == WhenTaken::Replace || earlier == Some(path.as_path());
            let made = make(&path, is_ours);
            match made {
                Ok(()) => return Ok(Self { path, is_kept: false, _above: above, _claim: Some(claim) }),
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(&path, &error)),
                Err(_) if wanted.when_taken == WhenTaken::Number => {}
                Err(_) => return Err(taken(&path)),
            }
        }
        let source = std::io::Error::from(ErrorKind::AlreadyExists);
        Err(PackageError::Write { path: parent.join(&wanted.path), source }.into_failure())
    }

    /// The folders that a job would have and that are there already.
    pub(super) fn that_are_there((spec, id): (&JobSpec, JobId)) -> Vec<PathBuf> {
        let Ok(wanted) = spec.wanted_folder(id) else { return Vec::new() };
        let parent = spec.destination.local_folder();
        let names = (1..MOST_SUFFIXES).map(|number| numbered(&wanted.path, number));
        names.map(|name| parent.join(name)).take_while(|path| path.exists()).collect()
    }

    /// The folders that lie where those of other jobs would that ask for the same, where each job has one for itself.
    pub(super) fn of_alike_jobs((spec, id): (&JobSpec, JobId)) -> Vec<PathBuf> {
        let names = spec.folder_names(id).unwrap_or_default();
        if names.iter().all(Option::is_some) {
            return Vec::new();
        }
        let mut folders = vec![spec.destination.local_folder().to_owned()];
        for name in names {
            folders = match name {
                Some(name) => folders.iter().map(|folder| folder.join(&name)).filter(|path| path.is_dir()).collect(),
                None => folders.iter().flat_map(|folder| folders_in(folder)).collect(),
            };
        }
        folders
    }

    /// A folder that an earlier run has made under `parent`.
    pub fn at(parent: &Path, path: &Path) -> Self {
        let above = FoldersAbove::between(parent, path);
        Self { path: path.to_owned(), is_kept: false, _above: above, _claim: None }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder where it is.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for StreamFolder {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = remove_own_files(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "an unfinished stream could not be removed");
        }
    }
}

/// Makes the folder of a stream, which may have the place of what is there where that `is_ours`.
fn make(path: &Path, is_ours: bool) -> std::io::Result<()> {
    let mut made = std::fs::create_dir(path);
    if made.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        // Another job has just removed the empty folders that both lie in.
        made = std::fs::create_dir_all(path.parent().unwrap_or(path)).and_then(|()| std::fs::create_dir(path));
    }
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_ours => {
            remove_own_files(path).and_then(|()| std::fs::create_dir_all(path))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_left_as_it_began(path) => Ok(()),
        made => made,
    }
}

/// The folder that a job's stream is to have.
pub(super) fn wanted_folder(request: &JobRequest) -> Result<WantedFolder, Failure> {
    request.spec.wanted_folder(request.id).map_err(TemplateError::into_failure)
}

/// Removes `folder`, which a run that did not end has made, if it is one that this job makes; true when it was one.
pub fn remove_interrupted_folder((spec, id): (&JobSpec, JobId), folder: &Path) -> bool {
    if matches!(spec.kind, JobKind::File(_)) {
        return false;
    }
    let parent = spec.destination.local_folder();
    let Ok(wanted) = spec.wanted_folder(id) else { return false };
    let is_ours = folder.parent() == parent.join(wanted.path).parent() && folder.exists();
    if is_ours {
        drop(StreamFolder::at(parent, folder));
    }
    is_ours
}

/// The folders in a folder that are not hidden, in their order.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).min_depth(1).max_depth(1).sort_by_file_name().into_iter().flatten();
    let is_shown =
        |entry: &walkdir::DirEntry| entry.file_type().is_dir() && !entry.file_name().to_string_lossy().starts_with('.');
    entries.filter(is_shown).map(walkdir::DirEntry::into_path).collect()
}

fn numbered(path: &str, number: u32) -> String {
    if number == 1 { path.to_owned() } else { format!("{path}-{number}") }
}

fn taken(path: &Path) -> Failure {
    let headline = format!("{} is there already, and may belong to another job", path.display());
    let hint = "Put {id} into the template, or move that folder away, then retry the job";
    Failure::new(FailureKind::InvalidRequest, headline, hint)
}

/// The folders between the output folder and that of a stream; when dropped, those are removed that are empty.
#[derive(Debug)]
struct FoldersAbove(Vec<PathBuf>);

impl FoldersAbove {
    /// Makes those that are missing; only these go again.
    fn make(parent: &Path, wanted: &str) -> Result<Self, Failure> {
        let mut made = Self(Vec::new());
        for (end, _) in wanted.match_indices('/') {
            let path = parent.join(&wanted[..end]);
            match std::fs::create_dir(&path) {
                Ok(()) => made.0.push(path),
                // Whatever is there besides a folder makes the next step fail.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if LayoutKind::ALL.iter().any(|kind| path.join(kind.multivariant_playlist()).is_file()) {
                        return Err(taken(&path));
                    }
                }
                Err(error) => return Err(write_failure(&path, &error)),
            }
        }
        Ok(made)
    }

    fn between(parent: &Path, path: &Path) -> Self {
        let above = path.ancestors().skip(1).take_while(|folder| *folder != parent && folder.starts_with(parent));
        let mut above: Vec<PathBuf> = above.map(Path::to_owned).collect();
        above.reverse();
        Self(above)
    }
}

impl Drop for FoldersAbove {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // One that is not empty stays.
            if std::fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }
}

/// Folders in which streams of this program are being made.
static CLAIMED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Keeps a folder for one stream until it is dropped.
#[derive(Debug)]
struct Claim(PathBuf);

impl Claim {
    /// `None` while another stream is made there, above or below.
    fn take(path: &Path) -> Option<Self> {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.iter().any(|other| other.starts_with(path) || path.starts_with(other)) {
            return None;
        }
        claimed.insert(path.to_owned());
        Some(Self(path.to_owned()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(parent: &Path, path: &str, when_taken: WhenTaken) -> Result<StreamFolder, Failure> {
        StreamFolder::create(parent, &WantedFolder { path: path.to_owned(), when_taken }, None)
    }

    #[test]
    fn a_taken_name_gets_a_number_and_an_unfinished_folder_goes() {
        let parent = tempfile::tempdir().unwrap();
        let first = create(parent.path(), "clip", WhenTaken::Number).unwrap();
        let second = create(parent.path(), "clip", WhenTaken::Number).unwrap();
        let names = [&first, &second].map(|folder| folder.path().to_owned());
        assert_eq!(names, ["clip", "clip-2"].map(|name| parent.path().join(name)));
        first.keep();
        drop(second);
        assert!(parent.path().join("clip").is_dir());
        assert!(!parent.path().join("clip-2").exists());
    }

    #[test]
    fn an_exact_folder_is_refused_where_something_lies_and_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();
        let first = create(parent.path(), "videos/clip", WhenTaken::Refuse).unwrap();
        for path in ["videos/clip", "videos/clip/hls", "videos"] {
            let failure = create(parent.path(), path, WhenTaken::Refuse).unwrap_err();
            assert!(
                failure.kind == FailureKind::InvalidRequest && failure.hint.contains("{id}"),
                "{path}: {failure:?}"
            );
        }
        std::fs::write(first.path().join("master.m3u8"), "#EXTM3U").unwrap();
        first.keep();
        for path in ["videos/clip", "videos/clip/hls", "videos"] {
            assert!(create(parent.path(), path, WhenTaken::Refuse).is_err(), "{path}");
        }
        assert_eq!(std::fs::read_dir(parent.path().join("videos/clip")).unwrap().count(), 1);
        drop(create(parent.path(), "a/b/c", WhenTaken::Refuse).unwrap());
        assert!(!parent.path().join("a").exists());
    }

    #[test]
    fn what_an_earlier_try_has_left_is_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join("videos/1/hls");
        std::fs::create_dir_all(left.join("720p")).unwrap();
        create(parent.path(), "videos/1/hls", WhenTaken::Replace).unwrap().keep();
        assert!(left.is_dir() && !left.join("720p").exists());
        let wanted = WantedFolder { path: "videos/1/hls".to_owned(), when_taken: WhenTaken::Refuse };
        StreamFolder::create(parent.path(), &wanted, Some(&left)).unwrap().keep();
        drop(StreamFolder::at(parent.path(), &left));
        assert!(parent.path().is_dir() && !parent.path().join("videos").exists());
    }
}
