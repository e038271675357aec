//! Room on the disk: asked for before a stream is begun, waited for while it is written.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::PackageError;
use crate::{
    failure::{Failure, FailureKind},
    format,
    job::{Outputs, Stage},
    pipeline::plan::EncodePlan,
    preset::RateControl,
    tools::{atomic_file, cancel::CancelToken, disk},
};

/// What is left to others on the disk.
const RESERVE_BYTES: u64 = 500_000_000;
/// On a small disk the reserve is this part of it.
const RESERVE_PART: f64 = 0.05;
/// Part of a disk that files can have besides their blocks and what the system keeps of them.
const FILES_PART: f64 = 0.99;
/// How soon the work goes on when there is room again.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How soon it is looked again what the stream takes.
const HELD_INTERVAL: Duration = Duration::from_secs(10);
/// Part of the highest bit rate that constant quality takes of ordinary pictures.
const CONSTANT_QUALITY_PART: f64 = 0.5;
/// What segments, playlists and I-frame playlists add to the media.
const CONTAINER_PART: f64 = 1.03;
/// Segments of so long may wait for their upload where published ones are dropped.
const WAITING_FOR_UPLOAD: Duration = Duration::from_secs(600);
/// Part of a dropped segment that stays: boxes, and blocks of which not all is given back.
const DROPPED_PART: f64 = 0.05;

/// The disk that a stream is written to. While it has too little room, whoever writes waits; nothing of the work is lost.
#[derive(Debug)]
pub struct Room {
    folder: PathBuf,
    /// Expected size of what is not written yet.
    left_bytes: AtomicU64,
    /// The folder whose files keep their room until the stream is made, and what they take.
    held: Option<Held>,
    /// Why nothing is written at this moment.
    shortage: Mutex<Option<String>>,
}

/// What a stream takes of its disk already.
#[derive(Debug)]
struct Held {
    folder: PathBuf,
    /// When it was looked at, and how many bytes that were.
    known: Mutex<Option<(Instant, u64)>>,
}

/// Expected size of a stream in all its forms; `None` when the source does not tell its length.
pub fn expected_bytes(plan: &EncodePlan, outputs: &Outputs) -> Option<u64> {
    let part = match plan.rate_control {
        RateControl::Crf { .. } | RateControl::CappedCrf { .. } => CONSTANT_QUALITY_PART,
        RateControl::AverageBitrate | RateControl::ConstantBitrate | RateControl::TwoPass => 1.0,
    };
    let video: f64 = plan.renditions.iter().map(|rendition| rendition.bitrate.bits_per_second() as f64 * part).sum();
    let sound: f64 = plan.audio.iter().map(|audio| audio.bitrate.bits_per_second() as f64).sum();
    let forms = 1 + usize::from(outputs.mp4) + usize::from(outputs.transport_stream);
    let bytes = (video + sound) / 8.0 * plan.duration?.as_secs_f64() * CONTAINER_PART * forms as f64;
    Some(bytes as u64)
}

/// The part of an expected size that lies on the disk at one time when published segments are dropped at once: that of
/// ten minutes, for an upload that is slower than the encode, and what is left of dropped segments.
pub fn expected_at_once(expected_bytes: u64, duration: Duration) -> u64 {
    let window = WAITING_FOR_UPLOAD.as_secs_f64() / duration.as_secs_f64().max(1.0);
    (expected_bytes as f64 * (window + DROPPED_PART).min(1.0)) as u64
}

impl Room {
    /// The disk of `folder`, for a stream of this expected size, if it is known.
    ///
    /// # Errors
    /// When the stream can't fit on it.
    pub fn for_stream(folder: &Path, expected_bytes: Option<u64>) -> Result<Self, Failure> {
        let needed = expected_bytes.unwrap_or(0);
        if let Some(free) = disk::free_bytes(folder).filter(|free| *free < needed) {
            let (needed, free) = (format::bytes(needed), format::bytes(free));
            let headline = format!("The stream needs about {needed}, and {} has {free} free", folder.display());
            let hint = "Make room on that disk or choose another output folder, then retry the job";
            return Err(Failure::new(FailureKind::DiskFull, headline, hint)
                .with_detail(format!("estimated from bit rates and length: {needed}; free: {free}"))
                .at(Stage::Package));
        }
        let room = Self {
            folder: folder.to_owned(),
            left_bytes: AtomicU64::new(needed),
            held: None,
            shortage: Mutex::default(),
        };
        room.shortage_now(0).map_err(|error| error.into_failure().at(Stage::Package))?;
        Ok(room)
    }

    /// The same for a stream that is made in this folder and whose files keep their room until it is whole.
    #[must_use]
    pub fn held_by(self, stream_folder: &Path) -> Self {
        Self { held: Some(Held { folder: stream_folder.to_owned(), known: Mutex::default() }), ..self }
    }

    /// Why nothing is written at this moment, in one line; the work goes on by itself.
    pub fn shortage(&self) -> Option<String> {
        self.shortage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a file of the stream. While there is no room for it and for what comes after it, waits; `changed` is called
    /// each time when it is known again how much there is.
    ///
    /// # Errors
    /// When it can't be written for another cause, there will never be room for it, or the job is cancelled.
    pub fn write(
        &self,
        path: &Path,
        content: &[u8],
        cancel: &CancelToken,
        changed: &dyn Fn(),
    ) -> Result<(), PackageError> {
        let write = || {
            atomic_file::write(path, content).map_err(|source| PackageError::Write { path: path.to_owned(), source })
        };
        self.make(content.len() as u64, (cancel, changed), write)
    }

    /// Makes files of the stream that take so many bytes at the most. While there is no room for them and for what comes
    /// after them, waits; where it runs out on the way, makes them again from their start. `changed` is called as in
    /// [`write`](Self::write).
    ///
    /// # Errors
    /// When they can't be made for another cause, there will never be room for them, or the job is cancelled.
    pub fn make<T>(
        &self,
        most_bytes: u64,
        (cancel, changed): (&CancelToken, &dyn Fn()),
        make: impl Fn() -> Result<T, PackageError>,
    ) -> Result<T, PackageError> {
        let made = loop {
            if cancel.is_cancelled() {
                return Err(PackageError::Cancelled);
            }
            let shortage = self.shortage_now(most_bytes)?;
            if shortage.is_none() {
                match make() {
                    Err(PackageError::Write { source, .. }) if is_full(&source) => {}
                    made => break made?,
                }
            }
            self.hold(shortage.unwrap_or_else(|| self.full()), changed);
        };
        let left = |left: u64| Some(left.saturating_sub(most_bytes));
        // It never fails: the closure always gives a value.
        let _ = self.left_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        if self.set(None) {
            changed();
        }
        Ok(made)
    }

    /// Writes a small note about the stream, which is on the disk when this returns. It asks for no more room than it takes
    /// itself; while it has not even that, waits, and `changed` is called as in [`write`](Self::write).
    ///
    /// # Errors
    /// When it can't be written for another cause, or the job is cancelled.
    pub fn write_note(
        &self,
        path: &Path,
        content: &[u8],
        cancel: &CancelToken,
        changed: &dyn Fn(),
    ) -> Result<(), PackageError> {
        loop {
            match atomic_file::write_durably(path, content) {
                Ok(()) => break,
                Err(error) if is_full(&error) => {}
                Err(source) => return Err(PackageError::Write { path: path.to_owned(), source }),
            }
            if cancel.is_cancelled() {
                return Err(PackageError::Cancelled);
            }
            self.hold(self.full(), changed);
        }
        if self.set(None) {
            changed();
        }
        Ok(())
    }

    /// Waits until there is room for the rest of the stream; `changed` is called as in [`wait_for`](Self::wait_for).
    ///
    /// # Errors
    /// When there will never be so much, or the job is cancelled.
    pub fn wait_for_rest(&self, cancel: &CancelToken, changed: &dyn Fn()) -> Result<(), PackageError> {
        self.wait_for_beside(0, cancel, changed)
    }

    /// Waits until there is room for so many bytes of passing files beside the rest of the stream; `changed` is called as
    /// in [`wait_for`](Self::wait_for).
    ///
    /// # Errors
    /// When there will never be so much, or the job is cancelled.
    pub fn wait_for_beside(&self, bytes: u64, cancel: &CancelToken, changed: &dyn Fn()) -> Result<(), PackageError> {
        while let Some(shortage) = self.shortage_now(self.left_bytes.load(Ordering::Relaxed).saturating_add(bytes))? {
            if cancel.is_cancelled() {
                return Err(PackageError::Cancelled);
            }
            self.hold(shortage, changed);
        }
        if self.set(None) {
            changed();
        }
        Ok(())
    }

    /// Waits until there is room for so much more than the reserve; `changed` is called each time when it is known again
    /// how much there is.
    ///
    /// # Errors
    /// When there will never be so much, or the job is cancelled.
    pub fn wait_for(&self, bytes: u64, cancel: &CancelToken, changed: &dyn Fn()) -> Result<(), PackageError> {
        self.left_bytes.store(bytes, Ordering::Relaxed);
        self.wait_for_beside(0, cancel, changed)
    }

    /// Tells why nothing is written, until it is time to look again.
    fn hold(&self, shortage: String, changed: &dyn Fn()) {
        self.set(Some(shortage));
        changed();
        std::thread::sleep(LOOK_INTERVAL);
    }

    /// What is said where the system refuses to write more, whatever it counts as free.
    fn full(&self) -> String {
        format!("The disk of {} is full", self.folder.display())
    }

    /// What is missing for the next file and the rest of the stream.
    ///
    /// # Errors
    /// When the disk would be too small also if nothing but the stream were on it.
    fn shortage_now(&self, next_bytes: u64) -> Result<Option<String>, PackageError> {
        let Some(space) = disk::Space::of(&self.folder) else { return Ok(None) };
        let reserve = RESERVE_BYTES.min((space.total_bytes as f64 * RESERVE_PART) as u64);
        let needed_bytes = self.left_bytes.load(Ordering::Relaxed).max(next_bytes).saturating_add(reserve);
        if space.free_bytes >= needed_bytes {
            return Ok(None);
        }
        let whole_bytes = needed_bytes.saturating_add(self.held_bytes());
        if whole_bytes as f64 > space.usable_bytes as f64 * FILES_PART {
            let folder = self.folder.clone();
            return Err(PackageError::DiskTooSmall {
                folder,
                needed_bytes: whole_bytes,
                disk_bytes: space.total_bytes,
            });
        }
        let (needed, free) = (format::bytes(needed_bytes), format::bytes(space.free_bytes));
        Ok(Some(format!("Waiting for room in {}: {free} are free, {needed} are needed", self.folder.display())))
    }

    /// What the stream takes already, passing files among it. Looked at from time to time, as it may be many files.
    fn held_bytes(&self) -> u64 {
        let Some(Held { folder, known }) = &self.held else { return 0 };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some((at, bytes)) if at.elapsed() < HELD_INTERVAL => bytes,
            _ => {
                let bytes = disk::used_bytes(folder);
                *known = Some((Instant::now(), bytes));
                bytes
            }
        }
    }

    /// Sets why nothing is written; true when that is news.
    fn set(&self, shortage: Option<String>) -> bool {
        let mut known = self.shortage.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *known != shortage;
        *known = shortage;
        is_news
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_can_not_fit_is_refused_with_figures() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Room::for_stream(folder.path(), Some(u64::MAX)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::DiskFull);
        assert!(failure.headline.contains("TB") && failure.headline.contains("free"), "{}", failure.headline);
        let room = Room::for_stream(&folder.path().join("not/there/yet"), None).unwrap();
        assert_eq!(room.shortage(), None);
    }

    #[test]
    fn of_a_stream_that_is_dropped_while_it_is_made_only_a_window_needs_room() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        assert_eq!(expected_at_once(10_000_000_000, hours(10)), 666_666_666);
        assert_eq!(expected_at_once(1000, Duration::from_secs(60)), 1000, "a short one may be whole on the disk");
    }

    /// More than is free, less than the disk has: the reserve alone is in use by whoever uses the disk.
    fn fill(room: &Room) {
        let space = disk::Space::of(&room.folder).unwrap();
        let reserve = RESERVE_BYTES.min((space.total_bytes as f64 * RESERVE_PART) as u64);
        let most = (space.usable_bytes as f64 * FILES_PART) as u64;
        room.left_bytes.store(most - reserve, Ordering::Relaxed);
    }

    #[test]
    fn room_that_will_never_be_there_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::for_stream(folder.path(), None).unwrap();
        let cancel = CancelToken::default();
        let failed = room.wait_for(u64::MAX / 2, &cancel, &|| panic!("it waits")).unwrap_err().into_failure();
        assert_eq!(failed.kind, FailureKind::DiskFull);
        assert!(failed.headline.contains("TB") && failed.headline.contains("has only"), "{}", failed.headline);
        // What is written already takes its part of the disk.
        std::fs::write(folder.path().join("segment"), vec![1; 1 << 20]).unwrap();
        fill(&room);
        assert!(matches!(room.shortage_now(0), Ok(Some(_))));
        let room = room.held_by(folder.path());
        assert!(matches!(room.shortage_now(0), Err(PackageError::DiskTooSmall { .. })));
    }

    #[test]
    fn files_for_which_the_room_runs_out_are_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::for_stream(folder.path(), Some(10)).unwrap();
        let (tries, told) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let changed = || told.set(told.get() + 1);
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let made = room.make(4, (&CancelToken::default(), &changed), || {
            tries.set(tries.get() + 1);
            match tries.get() {
                1 => Err(PackageError::Write { path: folder.path().join("film.mp4"), source: full() }),
                tries => Ok(tries),
            }
        });
        assert_eq!((made.unwrap(), told.get(), room.shortage()), (2, 2, None));
        assert_eq!(room.left_bytes.load(Ordering::Relaxed), 6);
        let refused = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let failed = room.make::<()>(4, (&CancelToken::default(), &changed), || {
            Err(PackageError::Write { path: folder.path().join("film.mp4"), source: refused() })
        });
        assert!(matches!(failed, Err(PackageError::Write { .. })));
    }

    #[test]
    fn a_cancelled_job_does_not_wait_for_room() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::for_stream(folder.path(), None).unwrap();
        fill(&room);
        let cancel = CancelToken::default();
        let file = folder.path().join("segment");
        let ended = room.write(&file, b"media", &cancel, &|| cancel.cancel());
        assert!(matches!(ended, Err(PackageError::Cancelled)));
        assert!(room.shortage().is_some_and(|shortage| shortage.starts_with("Waiting for room in")));
        assert!(!file.exists());
    }

    #[test]
    fn work_goes_on_when_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::for_stream(folder.path(), None).unwrap();
        fill(&room);
        let file = folder.path().join("segment");
        room.write(&file, b"media", &CancelToken::default(), &|| room.left_bytes.store(0, Ordering::Relaxed)).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"media");
        assert_eq!(room.shortage(), None);
    }
}
