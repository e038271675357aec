//! A stream in the making, as a later run of its job finds it: a hidden folder in the stream's own one says what it is
//! made of and by, and holds the passing files. What is finished, the segments themselves tell.

mod identity;

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

pub(super) use identity::SourceIdentity;
use identity::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{
    JobRequest,
    encode::PASS_LOG,
    encryption::Encryptor,
    package::{FinishedSegments, write_failure},
    plan::EncodePlan,
    publish::{Leftover, withdraw_earlier},
    stream_folder::{StreamFolder, remove_interrupted_folder},
};
use crate::{
    failure::Failure,
    job::{Encryption, JobId, JobSpec, Stage},
    tools::atomic_file,
};

/// Begins like all temporary names, so that nobody takes it for a part of the stream.
const FOLDER: &str = ".reelpress-unfinished";
const STATE: &str = "state.json";
const LOCK: &str = "lock";
/// Version of the state; another one is not gone on with.
const FORMAT: u32 = 1;

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

/// What a stream is made of and by. Only what is the same in all of it can be gone on with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    format: u32,
    program: String,
    ffmpeg: String,
    #[serde(with = "crate::job::path_text")]
    source: PathBuf,
    destination: String,
    identity: Option<SourceIdentity>,
    /// By what the sources that follow the first are known again.
    #[serde(default)]
    joined: Vec<Option<SourceIdentity>>,
    /// SHA-256 of the plan.
    plan: String,
    /// How the segments are encrypted.
    #[serde(default)]
    encryption: Option<Encryption>,
    /// The job that has begun it: keys and vectors follow from its id.
    #[serde(default)]
    job: Option<JobId>,
    /// The first of two passes is done, and its notes lie here.
    #[serde(default)]
    has_first_pass: bool,
    /// Belongs to a queue that begins it again by itself.
    is_queued: bool,
    /// Where its files are in the first bucket.
    bucket_prefix: Option<String>,
    /// Where they are in the further ones; empty where they have no place yet.
    #[serde(default)]
    more_bucket_prefixes: Vec<String>,
    /// All segments are written.
    is_encoded: bool,
    segment_duration: Duration,
    /// Folders of the segments by which its length is counted, in the stream's.
    segments_folders: Vec<String>,
}

impl State {
    fn of(request: &JobRequest, plan: &EncodePlan) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            ffmpeg: request.toolbox.version.clone(),
            source: request.spec.source.clone(),
            destination: destination(&request.spec),
            identity: SourceIdentity::of(&request.spec.source),
            joined: request.spec.joined.iter().map(|source| SourceIdentity::of(source)).collect(),
            plan: plan_hash(plan),
            encryption: request.spec.outputs.encryption.clone(),
            job: Some(request.id),
            has_first_pass: false,
            is_queued: request.is_queued,
            bucket_prefix: None,
            more_bucket_prefixes: Vec::new(),
            is_encoded: false,
            segment_duration: plan.timing.frame_rate.duration_of(plan.timing.segment_frames),
            segments_folders: leading_renditions(plan).map(|name| plan.files.segments_folder(name)).collect(),
        }
    }

    fn read(stream_folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(stream_folder.join(FOLDER).join(STATE)).ok()?).ok()
    }

    fn bucket_prefix(&self, bucket: usize) -> Option<&str> {
        let prefix = match bucket {
            0 => self.bucket_prefix.as_ref(),
            further => self.more_bucket_prefixes.get(further - 1),
        };
        prefix.map(String::as_str).filter(|prefix| !prefix.is_empty())
    }

    /// Why a job of this state can't go on with what `earlier` has begun; `None` when it can.
    fn differs_from(&self, earlier: &Self) -> Option<&'static str> {
        let is_known = self.identity.is_some() && self.joined.iter().all(Option::is_some);
        let is_same = self.identity == earlier.identity && self.joined == earlier.joined;
        if !is_known || !is_same || self.source != earlier.source {
            Some("the source has changed")
        } else if self.program != earlier.program || self.format != earlier.format {
            Some("it was begun by another version of Reelpress")
        } else if self.ffmpeg != earlier.ffmpeg {
            Some("it was begun by another ffmpeg")
        } else if self.plan != earlier.plan
            || self.destination != earlier.destination
            || self.encryption != earlier.encryption
        {
            Some("the settings are others")
        } else {
            None
        }
    }
}

/// The names of the renditions by which a stream's length is counted: pictures, or sound alone.
fn leading_renditions(plan: &EncodePlan) -> impl Iterator<Item = &str> {
    let sound = plan.audio.iter().filter(|_| plan.renditions.is_empty());
    plan.renditions.iter().map(|video| video.name.as_str()).chain(sound.map(|audio| audio.name.as_str()))
}

fn destination(spec: &JobSpec) -> String {
    format!("{:?}", spec.destination)
}

/// Warnings and what is left to do change nothing of what is made.
fn plan_hash(plan: &EncodePlan) -> String {
    let plan = EncodePlan { warnings: Vec::new(), span: None, ..plan.clone() };
    hex(&Sha256::digest(format!("{plan:?}")))
}

/// A stream in the making.
#[derive(Debug)]
pub(super) struct Unfinished {
    stream_folder: PathBuf,
    state: State,
    /// Held as long as somebody makes it; the system frees it when the program dies.
    _lock: Option<File>,
}

/// The folder of a job that begins.
pub(super) struct Begun {
    pub(super) folder: StreamFolder,
    pub(super) unfinished: Unfinished,
    /// An earlier run has begun it.
    pub(super) goes_on: bool,
    /// Why what an earlier run has left is of no use.
    pub(super) lost: Option<&'static str>,
}

impl Unfinished {
    /// Finds what an earlier run has left, or makes the stream's folder.
    ///
    /// # Errors
    /// When the folder can't be made or written to.
    pub(super) fn begin(request: &JobRequest, plan: &EncodePlan) -> Result<Begun, Failure> {
        let local = request.spec.destination.local_folder();
        let state = State::of(request, plan);
        let mut lost = None;
        let mut useless = Vec::new();
        for stream_folder in candidates(request) {
            let Some(earlier) = State::read(&stream_folder) else { continue };
            if !is_candidate(request, &state, &earlier) {
                continue;
            }
            let Some(lock) = lock(&stream_folder) else { continue };
            let reason = match request.beginning {
                Beginning::Fresh => Some("as asked"),
                _ => state.differs_from(&earlier),
            };
            match reason {
                None => {
                    let folder = StreamFolder::at(local, &stream_folder);
                    let state = State { is_queued: request.is_queued, ..earlier };
                    let unfinished = Self { stream_folder, state, _lock: Some(lock) };
                    unfinished.save()?;
                    return Ok(Begun { folder, unfinished, goes_on: true, lost: None });
                }
                Some(reason) => {
                    lost = Some(reason);
                    useless.push((stream_folder, earlier));
                }
            }
        }
        for (stream_folder, earlier) in useless {
            withdraw(request, &earlier);
            drop(StreamFolder::at(local, &stream_folder));
        }
        let folder = StreamFolder::of_job(request)?;
        let stream_folder = folder.path().to_owned();
        let mut unfinished = Self { stream_folder, state, _lock: None };
        unfinished.save()?;
        unfinished._lock = lock(&unfinished.stream_folder);
        Ok(Begun { folder, unfinished, goes_on: false, lost })
    }

    /// A folder for passing files, which goes with the stream's when that is removed.
    pub(super) fn work_folder(&self) -> PathBuf {
        self.stream_folder.join(FOLDER)
    }

    /// Where an earlier run has put a part of it in the bucket at this place in the job's list.
    pub(super) fn bucket_prefix(&self, bucket: usize) -> Option<&str> {
        self.state.bucket_prefix(bucket)
    }

    /// The job that has begun it, from whose id keys and vectors follow.
    pub(super) fn job(&self) -> Option<JobId> {
        self.state.job
    }

    /// The first of two passes is done.
    pub(super) fn has_first_pass(&self) -> bool {
        self.state.has_first_pass
    }

    /// Notes that the first of two passes is done; its own notes are on the disk before that is said.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn had_first_pass(&mut self) -> Result<(), Failure> {
        let folder = self.work_folder();
        let failed = |error: &std::io::Error| write_failure(&folder.join(PASS_LOG), error).at(Stage::Encode);
        for entry in std::fs::read_dir(&folder).map_err(|error| failed(&error))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PASS_LOG) {
                File::open(entry.path()).and_then(|file| file.sync_all()).map_err(|error| failed(&error))?;
            }
        }
        self.state.has_first_pass = true;
        self.save()
    }

    /// All segments are written.
    pub(super) fn is_encoded(&self) -> bool {
        self.state.is_encoded
    }

    /// Notes where it lies in each bucket; empty where it has no place yet.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn lies_in_buckets(&mut self, prefixes: Vec<String>) -> Result<(), Failure> {
        let mut prefixes = prefixes.into_iter();
        self.state.bucket_prefix = prefixes.next().filter(|prefix| !prefix.is_empty());
        self.state.more_bucket_prefixes = prefixes.collect();
        self.save()
    }

    /// Notes that all segments are written.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn was_encoded(&mut self) -> Result<(), Failure> {
        self.state.is_encoded = true;
        self.save()
    }

    /// Notes that it is made by this plan from now on.
    ///
    /// # Errors
    /// When that can't be written.
    pub(super) fn is_made_by(&mut self, plan: &EncodePlan) -> Result<(), Failure> {
        self.state.plan = plan_hash(plan);
        // Another encoder reads other notes.
        self.state.has_first_pass = false;
        self.save()
    }

    /// What of it is finished and can stay.
    pub(super) fn finished_segments(&self, plan: &EncodePlan, request: &JobRequest) -> Option<FinishedSegments> {
        self.remove_half_written();
        let job = (&request.spec, self.job().unwrap_or(request.id));
        let encryptor = Encryptor::for_reading(job, &self.stream_folder, &plan.timing);
        FinishedSegments::take_over(plan, &self.stream_folder, self.is_encoded(), encryptor.as_ref())
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
    pub(super) fn start_over(&mut self) -> Result<(), Failure> {
        let failed = |error: &std::io::Error| write_failure(&self.stream_folder.join(FOLDER), error);
        for entry in std::fs::read_dir(&self.stream_folder).map_err(|error| failed(&error))?.flatten() {
            let path = entry.path();
            let is_state = entry.file_name() == FOLDER;
            let removed = match entry.file_type() {
                _ if is_state => remove_passing_files(&path),
                Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(&path),
                _ => std::fs::remove_file(&path),
            };
            removed.map_err(|error| failed(&error))?;
        }
        self.state.is_encoded = false;
        self.state.has_first_pass = false;
        self.save()
    }

    /// The stream is finished: nothing is gone on with any more.
    pub(super) fn remove(self) {
        remove_state(&self.stream_folder);
    }

    fn save(&self) -> Result<(), Failure> {
        let path = self.work_folder().join(STATE);
        let text = serde_json::to_vec_pretty(&self.state).unwrap_or_default();
        atomic_file::write(&path, &text).map_err(|error| write_failure(&path, &error).at(Stage::Package))
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

fn remove_passing_files(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)?.flatten() {
        if entry.file_name() != LOCK && entry.file_name() != STATE {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// How far the unfinished stream in a folder goes: what all renditions of pictures have, or of sound where that is alone. `None` when there is none that
/// could be gone on with.
pub fn reached(stream_folder: &Path) -> Option<Duration> {
    let state = State::read(stream_folder)?;
    let segments = |folder: &String| {
        let files = std::fs::read_dir(stream_folder.join(folder)).into_iter().flatten().flatten();
        files.filter(|file| file.file_name().to_string_lossy().starts_with("segment_")).count()
    };
    let fewest = state.segments_folders.iter().map(segments).min().unwrap_or(0);
    Some(state.segment_duration * u32::try_from(fewest).unwrap_or(u32::MAX))
}

/// Folders that may hold what an earlier run has left.
fn candidates(request: &JobRequest) -> Vec<PathBuf> {
    let local = request.spec.destination.local_folder();
    match &request.beginning {
        Beginning::From(folder) if folder.starts_with(local) => vec![folder.clone()],
        Beginning::From(_) => Vec::new(),
        Beginning::WhereItWas | Beginning::Fresh => StreamFolder::that_are_there(request),
    }
}

/// Whether what `earlier` tells of is this job's to go on with or to remove.
fn is_candidate(request: &JobRequest, state: &State, earlier: &State) -> bool {
    match request.beginning {
        Beginning::From(_) => true,
        _ => !earlier.is_queued && earlier.source == state.source && earlier.destination == state.destination,
    }
}

/// `None` when somebody else is at it.
fn lock(stream_folder: &Path) -> Option<File> {
    let file = File::create(stream_folder.join(FOLDER).join(LOCK)).ok()?;
    file.try_lock().is_ok().then_some(file)
}

/// Takes what can't be gone on with out of the buckets too.
fn withdraw(request: &JobRequest, earlier: &State) {
    for (index, location) in request.spec.destination.buckets().enumerate() {
        let Some(prefix) = earlier.bucket_prefix(index) else { continue };
        // What stays is in the log: the job begins again beside it.
        let _ = withdraw_earlier(&request.runtime, location, prefix);
    }
}

/// Removes what a run that did not end has made in `folder`, if that is a folder which this job makes, and what it has
/// put into the job's buckets. Must not be called on a thread of the runtime. Gives what stays in the buckets.
pub fn remove_interrupted(runtime: &Handle, (spec, id): (&JobSpec, JobId), folder: &Path) -> Vec<Failure> {
    let earlier = State::read(folder);
    if !remove_interrupted_folder((spec, id), folder) {
        return Vec::new();
    }
    let prefixes = spec.destination.buckets().enumerate().filter_map(|(index, location)| {
        let prefix = earlier.as_ref()?.bucket_prefix(index)?;
        Some((location, prefix))
    });
    let left = prefixes.filter_map(|(location, prefix)| withdraw_earlier(runtime, location, prefix).err());
    left.map(Leftover::into_failure).collect()
}
