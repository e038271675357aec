//! A disk that runs full under ffmpeg, which can't wait: what it has written goes, and it begins again when there is room.

use std::{ffi::OsString, path::Path};

use super::{
    Job,
    output::OutputFile,
    teller::{Run, Teller},
};
use crate::{
    failure::Failure,
    job::Stage,
    pipeline::{
        encode::{self, EncodeError, EncodeSession, Told, format_change::Opening},
        package::{Room, write_failure},
    },
    tools::disk,
};

/// With no more than this left on the disk of the file it is that disk which is full, not the one of passing files.
const LAST_BYTES: u64 = 16_000_000;
/// What is written until this part of the source is read tells too little of the whole.
const LEAST_PART: f64 = 0.05;

impl Job<'_> {
    /// Runs ffmpeg into the file, from the start again each time when there was no room for it; gives how the last run ended.
    pub(super) fn run_into(
        &self,
        file: &OutputFile,
        (arguments, opening): (&[OsString], Opening),
        session: &EncodeSession<'_>,
        teller: &Teller<'_>,
    ) -> Result<Result<Told, EncodeError>, Failure> {
        loop {
            let toolbox = &self.request.toolbox;
            let progressed = |told: &_| teller.progressed(told);
            let run = encode::run_alone((toolbox, arguments.to_vec()), session, &progressed, opening);
            match run {
                Err(error) if self.was_full(&error, file) => self.wait_for_room(file, teller)?,
                run => return Ok(run),
            }
            teller.begin(Run::Main);
        }
    }

    fn was_full(&self, error: &EncodeError, file: &OutputFile) -> bool {
        error.met_full_disk() && disk::free_bytes(file.folder()).is_some_and(|free| free < LAST_BYTES)
    }

    /// Removes what was written and waits until there is room for all of it, which is more than there was.
    fn wait_for_room(&self, file: &OutputFile, teller: &Teller<'_>) -> Result<(), Failure> {
        let written = std::fs::metadata(file.unfinished()).map_or(0, |facts| facts.len());
        std::fs::remove_file(file.unfinished())
            .map_err(|error| write_failure(file.unfinished(), &error).at(Stage::Encode))?;
        let expected = (written as f64 / teller.part_of_run().max(LEAST_PART)) as u64;
        let had = disk::free_bytes(file.folder()).unwrap_or(0);
        self.wait_for_bytes(expected.max(had), file.folder(), teller)
    }

    /// Waits until there is room for so many bytes in a folder.
    pub(super) fn wait_for_bytes(&self, bytes: u64, folder: &Path, teller: &Teller<'_>) -> Result<(), Failure> {
        let room = Room::for_stream(folder, None)?;
        let changed = || teller.short_of_room(room.shortage());
        room.wait_for(bytes, &self.request.cancel, &changed).map_err(|error| error.into_failure().at(Stage::Encode))
    }
}
