//! Pictures that an interrupted encode should have set aside and has not: taken again by themselves.

use std::{io::Read, path::Path, process::Command, time::Duration};

use super::argv;
use crate::{
    pipeline::{
        package::{images::picture_path, tile_path},
        plan::EncodePlan,
    },
    tools::{
        cancel::CancelToken,
        child::{self, ChildError},
        ffmpeg::Toolbox,
    },
};

/// Time for it: as long as decoding a long film to its end takes, where it can't be sought.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

/// The marker that every JPEG file begins with (ISO/IEC 10918-1, B.1.1.3).
const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];

/// Takes all pictures of the frames before `end_frame` that should lie in `work_folder` and don't, or the waveform of a
/// source of sound alone. A picture that can't be taken is missing in the stream as one that the source does not have.
///
/// # Errors
/// When the job is cancelled.
pub fn take_missed(
    plan: &EncodePlan,
    end_frame: u64,
    toolbox: &Toolbox,
    work_folder: &Path,
    cancel: &CancelToken,
) -> Result<(), ChildError> {
    let Some(first) = first_missed(plan, end_frame, work_folder) else { return Ok(()) };
    let mut command = Command::new(&toolbox.ffmpeg);
    let missed = if plan.video_stream.is_some() { plan.pictures_of(first..end_frame) } else { plan.clone() };
    command.args(argv::picture_arguments(&missed, work_folder));
    match child::run_to_end(command, LIMIT, cancel) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            tracing::warn!(said = %String::from_utf8_lossy(&output.stderr), "pictures could not be taken again");
            Ok(())
        }
        Err(ChildError::Cancelled) => Err(ChildError::Cancelled),
        Err(error) => {
            tracing::warn!(%error, "pictures could not be taken again");
            Ok(())
        }
    }
}

/// The first frame whose picture is missing.
fn first_missed(plan: &EncodePlan, end_frame: u64, work_folder: &Path) -> Option<u64> {
    let due = plan.pictures.pictures.iter().enumerate().take_while(|(_, picture)| picture.frame < end_frame);
    let picture = due.into_iter().find(|(index, _)| !is_there(&picture_path(work_folder, *index)));
    let picture = picture.map(|(_, picture)| picture.frame);
    let tile = plan.storyboard.as_ref().and_then(|storyboard| {
        let missed = (0..storyboard.tiles_in(end_frame)).find(|index| !is_there(&tile_path(work_folder, *index)));
        missed.map(|index| index * storyboard.interval_frames)
    });
    picture.into_iter().chain(tile).min()
}

/// A power cut can leave a file without content.
fn is_there(picture: &Path) -> bool {
    let mut begin = [0; START_OF_IMAGE.len()];
    let read = std::fs::File::open(picture).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == START_OF_IMAGE
}
