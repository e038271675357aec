//! Which frames become poster and thumbnails.

use std::{collections::BTreeSet, time::Duration};

use super::PlanError;
use crate::{format::precise_clock, job::ThumbnailTimes, media::FrameRate};

/// Neighbours of a thumbnail that may become the poster lie this far away.
const NEIGHBOUR_DISTANCE: Duration = Duration::from_millis(600);
/// Where to look when the length of the source is not known.
const TIMES_WITHOUT_LENGTH: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// The frames that are taken out of the encode, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PicturePlan {
    /// Frames by their number from the start, rising, each once.
    pub pictures: Vec<PlannedPicture>,
}

/// A frame that is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedPicture {
    /// Number of the frame, from 0.
    pub frame: u64,
    /// Its number among the thumbnails, from 1; `None` when it is only a candidate for the poster.
    pub thumbnail: Option<usize>,
}

impl PicturePlan {
    /// The one picture of a sound: its waveform.
    pub(super) fn waveform() -> Self {
        Self { pictures: vec![PlannedPicture { frame: 0, thumbnail: Some(1) }] }
    }

    /// Number of pictures that lie before a frame.
    pub fn taken_before(&self, frame: u64) -> usize {
        self.pictures.partition_point(|picture| picture.frame < frame)
    }

    /// What is to be said of thumbnails at these frames, which the source turned out not to have although it tells a length.
    pub fn told_missing(frames: &[u64], (duration, frame_rate): (Option<Duration>, FrameRate)) -> Option<String> {
        if frames.is_empty() || duration.is_none() {
            return None;
        }
        let clock = |frame: &u64| {
            let time = frame_rate.duration_of(*frame);
            precise_clock(Duration::from_millis(time.as_millis() as u64))
        };
        let list = frames.iter().map(clock).collect::<Vec<_>>().join(", ");
        let (noun, verb) = if frames.len() == 1 { ("thumbnail", "is") } else { ("thumbnails", "are") };
        Some(format!("The {noun} at {list} {verb} left out: there is no picture then"))
    }

    /// The pictures at these times of what has this length. Times after its end are left out, with a warning.
    ///
    /// # Errors
    /// When there is no other time.
    pub(super) fn within(
        times: &ThumbnailTimes,
        (duration, frame_rate): (Option<Duration>, FrameRate),
        warnings: &mut Vec<String>,
    ) -> Result<Self, PlanError> {
        let (ThumbnailTimes::Times(asked), Some(end)) = (times, duration) else {
            return Ok(Self::new(times, duration, frame_rate));
        };
        let (within, beyond): (Vec<Duration>, Vec<Duration>) = asked.iter().partition(|time| **time <= end);
        if beyond.is_empty() {
            return Ok(Self::new(times, duration, frame_rate));
        }
        let clock = |time: &Duration| precise_clock(Duration::from_millis(time.as_millis() as u64));
        let list = beyond.iter().map(clock).collect::<Vec<_>>().join(", ");
        let end = clock(&end);
        if within.is_empty() {
            return Err(PlanError::NotPossible {
                what: format!("No thumbnail can be taken at {list}: the video ends at {end}"),
                hint: "Give earlier times, or parts of the length such as 10%,50%".to_owned(),
            });
        }
        let (noun, verb) = if beyond.len() == 1 { ("thumbnail", "is") } else { ("thumbnails", "are") };
        warnings.push(format!("The {noun} at {list} {verb} left out: the video ends at {end}"));
        Ok(Self::new(&ThumbnailTimes::Times(within), duration, frame_rate))
    }

    fn new(times: &ThumbnailTimes, duration: Option<Duration>, frame_rate: FrameRate) -> Self {
        let last_frame = duration.map(|duration| frame_rate.frames_in(duration).saturating_sub(1));
        let times: Vec<Duration> = match (times, duration) {
            (ThumbnailTimes::Times(times), _) => times.clone(),
            (ThumbnailTimes::Percents(percents), Some(duration)) => {
                percents.iter().map(|percent| duration.mul_f64(percent.clamp(0.0, 100.0) / 100.0)).collect()
            }
            (ThumbnailTimes::Percents(_), None) => TIMES_WITHOUT_LENGTH.to_vec(),
        };
        let frame_at = |time: Duration| {
            let frame = frame_rate.frames_in(time);
            last_frame.map_or(frame, |last| frame.min(last))
        };
        let thumbnails: BTreeSet<u64> = times.iter().map(|time| frame_at(*time)).collect();
        let neighbours = times
            .iter()
            .flat_map(|time| [frame_at(time.saturating_sub(NEIGHBOUR_DISTANCE)), frame_at(*time + NEIGHBOUR_DISTANCE)]);
        // The first frame is there whatever the length turns out to be.
        let all: BTreeSet<u64> = std::iter::once(0).chain(thumbnails.iter().copied()).chain(neighbours).collect();
        let number = |frame: u64| thumbnails.iter().position(|thumbnail| *thumbnail == frame).map(|index| index + 1);
        Self { pictures: all.into_iter().map(|frame| PlannedPicture { frame, thumbnail: number(frame) }).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_lie_at_parts_of_the_length_with_neighbours_for_the_poster() {
        let rate = FrameRate::new(25, 1).unwrap();
        let plan = PicturePlan::new(&ThumbnailTimes::default(), Some(Duration::from_secs(100)), rate);
        let thumbnails: Vec<u64> =
            plan.pictures.iter().filter(|picture| picture.thumbnail.is_some()).map(|picture| picture.frame).collect();
        assert_eq!(thumbnails, [250, 750, 1250, 1750, 2250]);
        assert_eq!(plan.pictures.len(), 16);
        assert!(plan.pictures.windows(2).all(|pair| pair[0].frame < pair[1].frame));
    }

    #[test]
    fn a_source_of_one_frame_has_one_picture() {
        let rate = FrameRate::new(25, 1).unwrap();
        let plan = PicturePlan::new(&ThumbnailTimes::default(), Some(Duration::from_millis(40)), rate);
        assert_eq!(plan.pictures, [PlannedPicture { frame: 0, thumbnail: Some(1) }]);
    }

    #[test]
    fn times_after_the_end_are_left_out_with_a_warning() {
        let rate = FrameRate::new(10, 1).unwrap();
        let length = (Some(Duration::from_secs(5)), rate);
        let plan = |times: &[u64]| {
            let mut warnings = Vec::new();
            let times = ThumbnailTimes::Times(times.iter().copied().map(Duration::from_secs).collect());
            let plan = PicturePlan::within(&times, length, &mut warnings)?;
            let thumbnails = plan.pictures.iter().filter(|picture| picture.thumbnail.is_some());
            Ok::<_, PlanError>((thumbnails.map(|picture| picture.frame).collect::<Vec<_>>(), warnings))
        };
        assert_eq!(plan(&[2, 5]), Ok((vec![20, 49], Vec::new())));
        let warning = "The thumbnails at 00:00:06, 00:08:20 are left out: the video ends at 00:00:05";
        assert_eq!(plan(&[6, 2, 500]), Ok((vec![20], vec![warning.to_owned()])));
        let refusal = plan(&[6]).unwrap_err().to_string();
        assert_eq!(refusal, "No thumbnail can be taken at 00:00:06: the video ends at 00:00:05");
    }
}
