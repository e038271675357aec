//! Which frames become the storyboard, and how they lie on its sheets.

use std::time::Duration;

use crate::{
    job::JobSpec,
    media::{FrameRate, PictureSize},
};

/// Length of a picture's longer side in pixels. Eight of them side by side stay under 2048, which old phones can show.
const LONG_SIDE: u32 = 240;
/// Pictures in a line of a sheet, and lines on it.
const SIDE: u32 = 8;
/// Time between pictures by the length of the source: up to this length, this time.
const INTERVALS: [(Duration, Duration); 3] = [
    (Duration::from_secs(2 * 60), Duration::from_secs(1)),
    (Duration::from_secs(10 * 60), Duration::from_secs(2)),
    (Duration::from_secs(30 * 60), Duration::from_secs(5)),
];
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);

/// The storyboard of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryboardPlan {
    /// Frames from one picture to the next; the first is frame 0.
    pub interval_frames: u64,
    /// Size of a picture.
    pub tile: PictureSize,
    /// Pictures in a line of a sheet.
    pub columns: u32,
    /// Lines on a sheet.
    pub rows: u32,
}

impl StoryboardPlan {
    /// The storyboard of a job that asks for one.
    pub(super) fn asked_for(
        spec: &JobSpec,
        picture: PictureSize,
        (frame_rate, duration): (FrameRate, Option<Duration>),
    ) -> Option<Self> {
        spec.outputs.storyboard.then(|| Self::new(picture, frame_rate, duration))
    }

    /// For a picture of this size and rate; `duration` is that of the source, where it is known.
    fn new(picture: PictureSize, frame_rate: FrameRate, duration: Option<Duration>) -> Self {
        let fitting = duration.and_then(|duration| INTERVALS.iter().find(|(longest, _)| duration <= *longest));
        let interval = fitting.map_or(LONGEST_INTERVAL, |(_, interval)| *interval);
        Self {
            interval_frames: frame_rate.frames_in(interval).max(1),
            tile: tile_size(picture),
            columns: SIDE,
            rows: SIDE,
        }
    }

    /// Pictures on a sheet.
    pub fn tiles_on_sheet(&self) -> u64 {
        u64::from(self.columns) * u64::from(self.rows)
    }

    /// Pictures of a stream of so many frames.
    pub fn tiles_in(&self, frames: u64) -> u64 {
        frames.div_ceil(self.interval_frames)
    }
}

/// The picture made small in its shape, to even sides, and never made larger.
fn tile_size(picture: PictureSize) -> PictureSize {
    let long = picture.width.max(picture.height).max(1);
    let scale = (f64::from(LONG_SIDE) / f64::from(long)).min(1.0);
    let side = |pixels: u32| ((f64::from(pixels) * scale / 2.0).round() as u32 * 2).max(2);
    PictureSize { width: side(picture.width), height: side(picture.height) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(width: u32, height: u32, seconds: u64) -> StoryboardPlan {
        let duration = Some(Duration::from_secs(seconds));
        StoryboardPlan::new(PictureSize { width, height }, FrameRate::new(30_000, 1001).unwrap(), duration)
    }

    #[test]
    fn sheets_are_never_larger_than_a_phone_can_show() {
        for (width, height) in [(1920, 1080), (1080, 1920), (1000, 1000), (4096, 64), (16, 16), (2, 8192)] {
            let plan = plan(width, height, 60);
            assert!(plan.tile.width * plan.columns <= 2048 && plan.tile.height * plan.rows <= 2048, "{plan:?}");
            assert!(plan.tile.width.is_multiple_of(2) && plan.tile.height.is_multiple_of(2), "{plan:?}");
        }
        assert_eq!(plan(1920, 1080, 60).tile, PictureSize { width: 240, height: 136 });
    }

    #[test]
    fn long_sources_have_pictures_further_apart() {
        assert_eq!(plan(1280, 720, 30).interval_frames, 30);
        assert_eq!(plan(1280, 720, 300).interval_frames, 60);
        assert_eq!(plan(1280, 720, 36_000).interval_frames, 300);
        assert_eq!(plan(1280, 720, 30).tiles_in(31), 2);
    }
}
