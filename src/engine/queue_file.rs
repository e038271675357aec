//! A queue in a file, to be taken to another machine or to be kept.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{QueueEntry, Snapshot};
use crate::{
    format,
    job::{Destination, JobKind, JobSpec, JobState, Keys, Schedule},
    tools::steps_up::without_steps_up,
};

/// Version of the form of the file; a file with a newer one is refused.
const SCHEMA_VERSION: u32 = 1;
/// Characters of a file's name in a message.
const MOST_CHARACTERS: usize = 200;

/// The jobs of a queue, as they were asked for. Holds no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueFile {
    schema_version: u32,
    /// The jobs in the order of the queue.
    pub jobs: Vec<FiledJob>,
}

/// A job in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FiledJob {
    /// What to make.
    spec: JobSpec,
    /// When it may start.
    #[serde(default)]
    schedule: Schedule,
    /// How it had ended; `None` for one that still was to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<FiledEnd>,
}

/// How a job had ended when it was filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FiledEnd {
    /// With what was asked for.
    Done,
    /// Without.
    Failed,
    /// By the user.
    Cancelled,
}

impl FiledEnd {
    fn of(state: &JobState) -> Option<Self> {
        match state {
            JobState::Done { .. } => Some(Self::Done),
            JobState::Failed { .. } => Some(Self::Failed),
            JobState::Cancelled => Some(Self::Cancelled),
            JobState::Waiting | JobState::Interrupted { .. } | JobState::Running { .. } => None,
        }
    }
}

impl FiledJob {
    /// The job on this machine, where streams that do not stay are made in the folder `unkept`: the file tells the one of
    /// the machine that wrote it. Relative paths, as somebody may have written them, count from `folder`, which holds the
    /// file; none has steps up in it.
    pub fn into_entry(self, folder: &Path, unkept: &Path) -> QueueEntry {
        let Self { mut spec, schedule, .. } = self;
        for path in paths(&mut spec) {
            *path = without_steps_up(&folder.join(&*path));
        }
        if let Destination::S3 { local_folder, keep_local: false, .. } = &mut spec.destination {
            *local_folder = unkept.to_owned();
        }
        QueueEntry { spec, schedule }
    }
}

/// All that a job reads and writes on this machine.
fn paths(spec: &mut JobSpec) -> Vec<&mut PathBuf> {
    let mut paths = vec![&mut spec.source];
    paths.extend(&mut spec.joined);
    match &mut spec.destination {
        Destination::Folder(folder) | Destination::S3 { local_folder: folder, .. } => paths.push(folder),
    }
    if let JobKind::File(conversion) = &mut spec.kind {
        paths.extend(&mut conversion.output);
    }
    paths.extend(spec.operations.watermark.as_mut().map(|watermark| &mut watermark.image));
    match spec.outputs.encryption.as_mut().map(|encryption| &mut encryption.keys) {
        Some(Keys::Made { folder, .. }) => paths.push(folder),
        Some(Keys::Given { file, .. }) => paths.push(file),
        Some(Keys::BesideSegments) | None => {}
    }
    paths
}

/// Why a file can't be read as a queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueFileError {
    /// It was written by a later version of the program.
    #[error("it was written by a newer version of Reelpress (format {0})")]
    TooNew(u32),
    /// It is something else.
    #[error("it is no exported queue: {0}")]
    Malformed(#[from] serde_json::Error),
    /// One of its jobs can't be read, or asks for what nobody could do.
    #[error("job {number}{file}: {problem}")]
    Job {
        /// Which, from 1.
        number: usize,
        /// Name of its source, for people; empty where that can't be read either.
        file: String,
        /// The field and what is wrong with it.
        problem: String,
    },
}

impl QueueFile {
    /// The jobs of a queue that are still to be done; with `ended`, those that have ended as well, however.
    pub fn of(snapshot: &Snapshot, ended: bool) -> Self {
        let wanted = snapshot.jobs.iter().filter(|job| ended || !job.state.is_at_rest());
        let jobs = wanted.map(|job| {
            let mut spec = job.spec.clone();
            if let Destination::S3 { location, also_to, .. } = &mut spec.destination {
                for place in std::iter::once(&mut **location).chain(also_to) {
                    for address in [&mut place.endpoint, &mut place.public_url] {
                        *address = address.take().map(|address| without_password(&address));
                    }
                }
            }
            FiledJob { spec, schedule: job.schedule, ended: FiledEnd::of(&job.state) }
        });
        Self { schema_version: SCHEMA_VERSION, jobs: jobs.collect() }
    }

    /// Reads what [`text`](Self::text) wrote.
    ///
    /// # Errors
    /// When it is no such file, or a newer one.
    pub fn read(text: &[u8]) -> Result<Self, QueueFileError> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        #[derive(Deserialize)]
        struct Jobs {
            jobs: Vec<serde_json::Value>,
        }
        let Version { schema_version } = serde_json::from_slice(text)?;
        if schema_version > SCHEMA_VERSION {
            return Err(QueueFileError::TooNew(schema_version));
        }
        let Jobs { jobs } = serde_json::from_slice(text)?;
        let jobs = jobs.iter().enumerate().map(|(index, job)| {
            entry(job).map_err(|problem| QueueFileError::Job { number: index + 1, file: source_of(job), problem })
        });
        Ok(Self { schema_version, jobs: jobs.collect::<Result<_, _>>()? })
    }

    /// The text of the file.
    ///
    /// # Errors
    /// None that can be caused; the serializer's.
    pub fn text(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// The job of this value.
fn entry(value: &serde_json::Value) -> Result<FiledJob, String> {
    let entry: FiledJob = serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().to_string();
        format!("{}: {}", field.trim_start_matches("spec."), error.inner())
    })?;
    entry.spec.check().map_err(|problem| problem.to_string())?;
    Ok(entry)
}

/// The file name of a job's source in the form of ` (“film.mp4”)`.
fn source_of(value: &serde_json::Value) -> String {
    let path = value.pointer("/spec/source").and_then(serde_json::Value::as_str);
    let name = path.and_then(|path| path.rsplit(['/', '\\']).next()).unwrap_or_default();
    let name = format::shortened(&name.replace(char::is_control, "\u{fffd}"), MOST_CHARACTERS);
    if name.is_empty() { name } else { format!(" (“{name}”)") }
}

/// An address may carry a name and a password before its host.
fn without_password(address: &str) -> String {
    match url::Url::parse(address) {
        Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
            // Refused only by addresses without a host, which have no password either.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        engine::Event,
        job::{JobId, Priority, S3Location},
        preset::find_preset,
    };

    fn queue() -> Snapshot {
        let mut snapshot = Snapshot::default();
        for name in ["/a.mp4", "/b.mp4"] {
            let id = JobId::generate();
            let location = S3Location {
                bucket: "films".to_owned(),
                endpoint: Some("https://anna:geheim@store.example/x".to_owned()),
                public_url: Some("https://anna:geheim@cdn.example".to_owned()),
                ..S3Location::default()
            };
            let also_to = vec![location.clone()];
            let spec = JobSpec::stream(
                name,
                find_preset("quick").unwrap(),
                Destination::S3 {
                    location: Box::new(location),
                    local_folder: "/out".into(),
                    keep_local: true,
                    also_to,
                    drop_published: false,
                },
            );
            snapshot.apply(&Event::JobAdded { id, spec: Box::new(spec), at: Timestamp::UNIX_EPOCH });
            let schedule = Schedule { priority: Priority::new(70).unwrap(), ..Schedule::default() };
            snapshot.apply(&Event::JobScheduled { id, schedule });
        }
        let id = snapshot.jobs[0].id;
        snapshot.apply(&Event::JobFinished { id, report: Box::default(), at: Timestamp::UNIX_EPOCH });
        snapshot
    }

    #[test]
    fn a_file_gives_back_what_was_asked_without_passwords() {
        let file = QueueFile::of(&queue(), false);
        let text = String::from_utf8(file.text().unwrap()).unwrap();
        assert!(!text.contains("geheim") && !text.contains("anna"), "{text}");
        let read = QueueFile::read(text.as_bytes()).unwrap();
        assert_eq!(read, file);
        let [entry] = read.jobs.as_slice() else { panic!("{read:?}") };
        assert_eq!((entry.spec.source_name().as_str(), entry.schedule.priority.number()), ("b.mp4", 70));
        let all = QueueFile::of(&queue(), true);
        let all = QueueFile::read(&all.text().unwrap()).unwrap();
        assert_eq!(all.jobs.iter().map(|job| job.ended).collect::<Vec<_>>(), [Some(FiledEnd::Done), None]);
        let mut snapshot = queue();
        let id = snapshot.jobs[1].id;
        snapshot.apply(&Event::JobCancelled { id, at: Timestamp::UNIX_EPOCH });
        assert!(QueueFile::of(&snapshot, false).jobs.is_empty());
    }

    #[test]
    fn a_refused_job_is_named_in_few_words() {
        let file = QueueFile::of(&queue(), false);
        let mut value: serde_json::Value = serde_json::from_slice(&file.text().unwrap()).unwrap();
        value["jobs"][0]["spec"]["source"] = format!("/{}.mp4", "n".repeat(70_000)).into();
        let words = QueueFile::read(value.to_string().as_bytes()).unwrap_err().to_string();
        assert!(words.contains("n…n") && words.contains("source: a path of 70005 bytes"), "{words}");
        assert!(words.chars().count() < 400, "{words}");
    }

    #[test]
    fn newer_files_and_other_ones_are_refused() {
        let newer = br#"{"schema_version":2,"jobs":"of another form"}"#;
        assert!(matches!(QueueFile::read(newer), Err(QueueFileError::TooNew(2))));
        for other in ["", "[]", "{}", r#"{"schema_version":1}"#, r#"{"jobs":[]}"#] {
            assert!(matches!(QueueFile::read(other.as_bytes()), Err(QueueFileError::Malformed(_))), "{other}");
        }
    }
}
