//! Jobs that wait for room on a disk hold up those alone that would write to the same one.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::Dispatcher;
use crate::{
    engine::Job,
    job::{JobId, JobState},
    tools::disk::Disk,
};

/// On which disks folders are.
#[derive(Debug, Default)]
pub(in crate::engine) struct KnownDisks(HashMap<PathBuf, Look>);

#[derive(Debug)]
enum Look {
    /// Asked for.
    Pending,
    /// Known; `None` where it can't be reached.
    Done(Option<Disk>),
}

impl KnownDisks {
    /// Takes what was asked for.
    pub(super) fn found(&mut self, found: Vec<(PathBuf, Option<Disk>)>) {
        self.0.extend(found.into_iter().map(|(folder, disk)| (folder, Look::Done(disk))));
    }

    /// Whether room in one folder is surely none in the other.
    fn are_apart(&self, one: &Path, other: &Path) -> bool {
        match (self.0.get(one), self.0.get(other)) {
            (Some(Look::Done(Some(one))), Some(Look::Done(Some(other)))) => !one.shares_room_with(other),
            _ => false,
        }
    }
}

impl Dispatcher {
    /// Whether a running job writes nothing because its disk has no room.
    pub(super) fn waits_for_room(&self, id: JobId) -> bool {
        let state = self.snapshot.job(id).map(|job| &job.state);
        matches!(state, Some(JobState::Running { progress, .. }) if progress.disk_shortage.is_some())
    }

    /// The folders in which there is no room.
    fn short_folders(&self) -> impl Iterator<Item = &Path> {
        let short = self.running.keys().filter(|id| self.waits_for_room(**id));
        short.filter_map(|id| Some(self.snapshot.job(*id)?.spec.destination.local_folder()))
    }

    /// Has it found out, while a job waits for room, on which disks the jobs are that could start.
    pub(super) fn look_at_disks(&mut self) {
        if self.short_folders().next().is_none() {
            self.disks = KnownDisks::default();
            return;
        }
        let waiting = self.snapshot.jobs.iter().filter(|job| job.is_waiting());
        let waiting = waiting.map(|job| job.spec.destination.local_folder());
        let folders = self.short_folders().chain(waiting).filter(|folder| !self.disks.0.contains_key(*folder));
        let mut folders: Vec<PathBuf> = folders.map(Path::to_owned).collect();
        folders.sort();
        folders.dedup();
        if !folders.is_empty() {
            self.disks.0.extend(folders.iter().map(|folder| (folder.clone(), Look::Pending)));
            self.services.find_disks(folders);
        }
    }

    /// Whether a job would not write to a disk on which another one waits for room.
    pub(super) fn has_room(&self, job: &Job) -> bool {
        let folder = job.spec.destination.local_folder();
        self.short_folders().all(|short| self.disks.are_apart(folder, short))
    }
}
