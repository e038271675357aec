//! A stream in the making, as a later run of its job finds it: a hidden folder in the stream's own one says what it is
//! made of and by, and holds the passing files. What is finished, the segments themselves tell.

mod discard;
mod dropping;
mod identity;
mod kept_elsewhere;
mod noted;
mod remains;
mod state;
mod under_way;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub use discard::{Discarded, DiscardedFolder, discard};
use dropping::dropped_segments;
pub(super) use identity::SourceIdentity;
pub(super) use noted::Noted;
use remains::withdraw;
pub use remains::{Remains, remove_given_up, remove_interrupted};
use state::{State, plan_hash};
pub(super) use under_way::first_under_way;
pub(super) use under_way::is_left_as_it_began;
use under_way::is_locked;
pub use under_way::{GoesOnBy, is_under_way};

use super::{
    JobRequest,
    dropped::{DroppedSegments, is_record},
    encode::{PASS_LOG, following::Following},
    encryption::Encryptor,
    layout::StreamFiles,
    package::{FinishedSegments, Room, write_failure},
    plan::EncodePlan,
    stream_folder::{StreamFolder, empty_of_own_files},
};
use crate::{
    failure::Failure,
    job::{JobId, JobSpec, LayoutKind, PlaceInBucket, Stage},
    tools::{atomic_file, cancel::CancelToken},
};

/// Begins like all temporary names, so that nobody takes it for a part of the stream.
pub(super) const FOLDER: &str = ".reelpress-unfinished";
pub(super) const STATE: &str = "state.json";
pub(super) const LOCK: &str = "lock";

/// From where a job begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// From what an earlier run of this very job has left in this folder.
    From(PathBuf),
    /// From what an earlier call for the same source and destination has left, if it fits.
    WhereItWas,
    /// From the start; what an earlier call has left is removed.
    Fresh,
}

/// A stream in the making.
#[derive(Debug)]
pub(super) struct Unfinished {
    stream_folder: PathBuf,
    noted: Noted,
    /// Those of its segments that are dropped once all buckets have them; `None` where all stay.
    dropped: Option<Arc<DroppedSegments>>,
    /// Held as long as somebody makes it; the system frees it when the program dies.
    _lock: Option<File>,
}

/// How what is known of a stream in the making is written: a full disk is waited for.
#[derive(Clone, Copy)]
pub(super) struct Notes<'a> {
    pub(super) room: &'a Room,
    pub(super) cancel: &'a CancelToken,
    /// Called each time when it is known again how much room there is.
    pub(super) changed: &'a dyn Fn(),
}

/// The folder of a job that begins.
pub(super) struct Begun {
    pub(super) folder: StreamFolder,
    pub(super) unfinished: Unfinished,
    /// An earlier run has begun it.
    pub(super) goes_on: bool,
}

impl Unfinished {
    /// Finds what an earlier run has left, or makes the stream's folder. The plan gets the places that the files have in
    /// it, and a warning where what was left is of no use.
    ///
    /// # Errors
    /// When the folder can't be made or written to.
    pub(super) fn begin(request: &JobRequest, plan: &mut EncodePlan) -> Result<Begun, Failure> {
        let local = request.spec.destination.local_folder();
        let mut lost = None;
        let mut useless = Vec::new();
        for stream_folder in candidates((&request.spec, request.id), &request.beginning) {
            let Some(earlier) = State::read(&stream_folder) else { continue };
            let Some(files) = files_of(request, plan, &earlier) else { continue };
            let earlier_plan = EncodePlan { files, ..plan.clone() };
            let state = State::of(request, &earlier_plan);
            // A job that was killed before its queue knew of the folder finds it by its own name.
            let is_own = earlier.job == Some(request.id);
            if !is_own && !matches!(request.beginning, Beginning::From(_)) && !earlier.is_of_call_for(&request.spec) {
                continue;
            }
            let Some(lock) = lock(&stream_folder) else { continue };
            let reason = match request.beginning {
                Beginning::Fresh => Some("as asked"),
                _ => state.differs_from(&earlier),
            };
            match reason {
                None => {
                    let dropped = dropped_segments(request, &stream_folder)?;
                    let state = State { is_queued: request.is_queued, ..earlier };
                    // Before its folder is one that a failure removes: what is finished in it is not lost to a full disk.
                    let folder_path = stream_folder.clone();
                    let noted = Noted::new(&stream_folder, state);
                    let unfinished = Self { stream_folder, noted, dropped, _lock: Some(lock) };
                    unfinished.noted.save_at_once()?;
                    let folder = StreamFolder::at(local, &folder_path);
                    plan.files = earlier_plan.files;
                    return Ok(Begun { folder, unfinished, goes_on: true });
                }
                Some(reason) => {
                    let is_known = !is_own || request.beginning != Beginning::Fresh;
                    lost = lost.or(is_known.then_some(reason));
                    useless.push((stream_folder, earlier));
                }
            }
        }
        for (stream_folder, earlier) in useless {
            withdraw(request, &earlier);
            if earlier.is_finished_here && request.beginning != Beginning::Fresh {
                // Nobody has said that what is finished in a folder of the user's is given up.
                remove_state(&stream_folder);
            } else {
                drop(StreamFolder::at(local, &stream_folder));
            }
        }
        let (folder, lock) = new_folder(request)?;
        let stream_folder = folder.path().to_owned();
        let dropped = dropped_segments(request, &stream_folder)?;
        let noted = Noted::new(&stream_folder, State::of(request, plan));
        let unfinished = Self { stream_folder, noted, dropped, _lock: lock };
        unfinished.noted.save_at_once()?;
        kept_elsewhere::note(request, &unfinished.stream_folder);
        plan.warnings.extend(lost.map(|reason| format!("The interrupted encode began again: {reason}")));
        Ok(Begun { folder, unfinished, goes_on: false })
    }

    /// A folder for passing files, which goes with the stream's when that is removed.
    pub(super) fn work_folder(&self) -> PathBuf {
        self.stream_folder.join(FOLDER)
    }

    /// Where an earlier run has put a part of it in the bucket at this place in the job's list.
    pub(super) fn place_in(&self, bucket: usize) -> Option<PlaceInBucket> {
        self.noted.state().place_in(bucket)
    }

    /// The job that has begun it, from whose id keys and vectors follow.
    pub(super) fn job(&self) -> Option<JobId> {
        self.noted.state().job
    }

    /// The first of two passes is done.
    pub(super) fn has_first_pass(&self) -> bool {
        self.noted.state().has_first_pass
    }

    /// Notes that the first of two passes is done; its own notes are on the disk before that is said.
    ///
    /// # Errors
    /// When that can't be written, or the job is cancelled while there is no room.
    pub(super) fn had_first_pass(&mut self, notes: Notes<'_>) -> Result<(), Failure> {
        let folder = self.work_folder();
        let failed = |error: &std::io::Error| write_failure(&folder.join(PASS_LOG), error).at(Stage::Encode);
        for entry in std::fs::read_dir(&folder).map_err(|error| failed(&error))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PASS_LOG) {
                File::open(entry.path()).and_then(|file| file.sync_all()).map_err(|error| failed(&error))?;
            }
        }
        self.noted.state().has_first_pass = true;
        self.noted.save(notes)
    }

    /// Where its source changes its format, as far as that is known.
    pub(super) fn format_changes(&self) -> Following {
        self.noted.state().format_changes.clone()
    }

    /// Notes where its source changes its format. What goes on later follows that from its start.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn has_format_changes(&mut self, changes: &Following, notes: Notes<'_>) -> Result<(), Failure> {
        self.noted.state().format_changes.clone_from(changes);
        self.noted.save(notes)
    }

    /// All segments are written.
    pub(super) fn is_encoded(&self) -> bool {
        self.noted.state().is_encoded
    }

    /// Notes where it lies in each bucket, if it has a place there yet.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn lies_in_buckets(
        &mut self,
        places: Vec<Option<PlaceInBucket>>,
        notes: Notes<'_>,
    ) -> Result<(), Failure> {
        self.noted.state().lies_in_buckets(places);
        self.noted.save(notes)
    }

    /// Notes where it lies in each bucket, and that what is left is to publish it. `stays_here` tells that it is finished in
    /// a folder that keeps it.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn was_finished(
        &mut self,
        stays_here: bool,
        places: Vec<Option<PlaceInBucket>>,
        notes: Notes<'_>,
    ) -> Result<(), Failure> {
        self.noted.state().is_finished_here = stays_here;
        self.lies_in_buckets(places, notes)
    }

    /// Notes that its playlists and all that is made of its segments are written once more.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn is_packaged_again(&mut self, notes: Notes<'_>) -> Result<(), Failure> {
        let was_finished = std::mem::take(&mut self.noted.state().is_finished_here);
        if was_finished { self.noted.save(notes) } else { Ok(()) }
    }

    /// Notes that all segments are written.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn was_encoded(&mut self, notes: Notes<'_>) -> Result<(), Failure> {
        self.noted.state().is_encoded = true;
        self.noted.save(notes)
    }

    /// Notes that it is made by this plan from now on.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn is_made_by(&mut self, plan: &EncodePlan, notes: Notes<'_>) -> Result<(), Failure> {
        self.noted.state().plan = plan_hash(plan);
        // Another encoder reads other notes.
        self.noted.state().has_first_pass = false;
        self.noted.save(notes)
    }

    /// What is noted of it, for what is noted by others than the job's own thread.
    pub(super) fn noted(&self) -> &Noted {
        &self.noted
    }

    /// What of it is finished and can stay.
    pub(super) fn finished_segments(&self, plan: &EncodePlan, request: &JobRequest) -> Option<FinishedSegments> {
        self.remove_half_written();
        let job = (&request.spec, self.job().unwrap_or(request.id));
        let encryptor = Encryptor::for_reading(job, &self.stream_folder, &plan.timing);
        let (is_whole, dropped) = (self.is_encoded(), self.dropped.as_deref());
        FinishedSegments::take_over(plan, &self.stream_folder, is_whole, encryptor.as_ref(), dropped)
    }

    /// Removes files that were being written when the program was killed.
    fn remove_half_written(&self) {
        let is_state = |entry: &walkdir::DirEntry| entry.file_name() == FOLDER;
        let entries = walkdir::WalkDir::new(&self.stream_folder).into_iter().filter_entry(|entry| !is_state(entry));
        for entry in entries.flatten().filter(|entry| entry.file_type().is_file()) {
            if entry.file_name().to_string_lossy().starts_with(atomic_file::TEMPORARY_PREFIX)
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                tracing::warn!(%error, path = %entry.path().display(), "an unfinished file could not be removed");
            }
        }
    }

    /// Removes all that was made so far.
    pub(super) fn start_over(&mut self, notes: Notes<'_>) -> Result<(), Failure> {
        let remove = || remove_all_made(&self.stream_folder);
        let removed = match &self.dropped {
            Some(dropped) => dropped.begin_anew(remove),
            None => remove(),
        };
        removed.map_err(|error| write_failure(&self.stream_folder.join(FOLDER), &error))?;
        self.noted.state().is_encoded = false;
        self.noted.state().is_finished_here = false;
        self.noted.state().has_first_pass = false;
        self.noted.save(notes)
    }

    /// Removes what served to make the stream, which is finished here; what is noted of it stays.
    pub(super) fn remove_passing_files(self) {
        let folder = self.work_folder();
        // With them go the notes of a first pass.
        self.noted.state().has_first_pass = false;
        let noted = self.noted.save_at_once().map_err(|failure| std::io::Error::other(failure.headline));
        if let Err(error) = noted.and_then(|()| remove_passing_files(&folder)) {
            tracing::warn!(%error, path = %folder.display(), "passing files stay");
        }
    }

    /// The stream is finished, and where that is not noted, a later run goes on with it.
    pub(super) fn end(self, is_noted: bool) {
        match is_noted {
            true => self.remove(),
            false => self.remove_passing_files(),
        }
    }

    /// The stream is finished: nothing is gone on with any more.
    pub(super) fn remove(self) {
        remove_state(&self.stream_folder);
    }
}

/// Removes the note that a stream is unfinished.
pub(super) fn remove_state(stream_folder: &Path) {
    let path = stream_folder.join(FOLDER);
    if let Err(error) = std::fs::remove_dir_all(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "passing files could not be removed");
    }
}

/// What was dropped is forgotten after its files are gone.
fn remove_all_made(stream_folder: &Path) -> std::io::Result<()> {
    empty_of_own_files(stream_folder, &|name| name == FOLDER || is_record(name))?;
    remove_passing_files(&stream_folder.join(FOLDER))
}

fn remove_passing_files(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)?.flatten() {
        if entry.file_name() != LOCK && entry.file_name() != STATE {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// How far the unfinished stream in a folder goes: what all renditions of pictures have, or of sound where that is alone.
/// `None` when there is none that could be gone on with.
pub fn reached(stream_folder: &Path) -> Option<Duration> {
    let state = State::read(stream_folder)?;
    let segments = |folder: &String| {
        let files = std::fs::read_dir(stream_folder.join(folder)).into_iter().flatten().flatten();
        files.filter(|file| file.file_name().to_string_lossy().starts_with("segment_")).count()
    };
    let fewest = state.segments_folders.iter().map(segments).min().unwrap_or(0);
    let reached = state.segment_duration * u32::try_from(fewest).unwrap_or(u32::MAX);
    // The last segment may be shorter.
    Some(state.duration.map_or(reached, |whole| reached.min(whole)))
}

/// The same where this very job has begun it.
pub fn reached_by(stream_folder: &Path, id: JobId) -> Option<Duration> {
    (begun_by(stream_folder) == Some(id)).then(|| reached(stream_folder)).flatten()
}

/// Removes the note that a stream is unfinished, which this job has ended since.
pub fn forget_unfinished(stream_folder: &Path, id: JobId) {
    if begun_by(stream_folder) == Some(id) {
        remove_state(stream_folder);
    }
}

/// Whether a stream lies there of which nothing says that it is unfinished.
pub fn is_finished(stream_folder: &Path) -> bool {
    let has_playlist = |kind: &LayoutKind| stream_folder.join(kind.multivariant_playlist()).is_file();
    !stream_folder.join(FOLDER).exists() && LayoutKind::ALL.iter().any(has_playlist)
}

/// The job that has begun the unfinished stream in a folder.
pub(super) fn begun_by(stream_folder: &Path) -> Option<JobId> {
    State::read(stream_folder)?.job
}

/// Folders that may hold what an earlier run has left.
fn candidates((spec, id): (&JobSpec, JobId), beginning: &Beginning) -> Vec<PathBuf> {
    let local = spec.destination.local_folder();
    match beginning {
        Beginning::From(folder) if folder.starts_with(local) => vec![folder.clone()],
        Beginning::From(_) => Vec::new(),
        Beginning::WhereItWas | Beginning::Fresh => {
            let is_of_same_call = |folder: &PathBuf| {
                let begun_by = State::read(folder).and_then(|earlier| earlier.job);
                let wanted = begun_by.and_then(|id| spec.wanted_folder(id).ok());
                wanted.is_some_and(|wanted| local.join(wanted.path) == *folder)
            };
            let of_alike_jobs = StreamFolder::of_alike_jobs((spec, id)).into_iter().filter(is_of_same_call);
            StreamFolder::that_are_there((spec, id)).into_iter().chain(of_alike_jobs).collect()
        }
    }
}

/// Where the files of this plan lie in the folder of the job that has begun it, whose id their names may have.
fn files_of(request: &JobRequest, plan: &EncodePlan, earlier: &State) -> Option<StreamFiles> {
    match earlier.job.filter(|id| *id != request.id) {
        Some(id) => StreamFiles::of(&request.spec, id, plan).ok(),
        None => Some(plan.files.clone()),
    }
}

/// Makes a stream's folder that nobody else is at.
fn new_folder(request: &JobRequest) -> Result<(StreamFolder, Option<File>), Failure> {
    loop {
        let folder = StreamFolder::of_job(request)?;
        let marker = folder.path().join(FOLDER);
        std::fs::create_dir_all(&marker).map_err(|error| write_failure(&marker, &error).at(Stage::Package))?;
        let lock = lock(folder.path());
        if lock.is_some() || !is_locked(&marker) {
            return Ok((folder, lock));
        }
        // Two have found the same remains of a run that was killed as it began, and the other was first.
        folder.keep();
    }
}

/// `None` when somebody else is at it, or files can't be locked there.
fn lock(stream_folder: &Path) -> Option<File> {
    let file = File::create(stream_folder.join(FOLDER).join(LOCK)).ok()?;
    file.try_lock().is_ok().then_some(file)
}
