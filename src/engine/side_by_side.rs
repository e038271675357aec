//! How many jobs run side by side when nobody has set a number. Pure.
//!
//! One encode of a large picture keeps some eight cores at work, a small one a core or two; what is copied, or is sound or
//! pictures alone, hardly any. So there is one large job for each eight cores, at least one; beside each up to two small ones,
//! and without a large one up to half as many small ones as there are cores. A large job counts for two cores at least,
//! a small one for one, and together they count for no more than there are: with two cores all run one after the other.

use super::Job;
use crate::{
    job::{JobKind, StreamTreatment},
    media::{FrameRate, PictureSize},
};

/// One large job keeps so many cores at work.
const CORES_OF_A_LARGE_JOB: usize = 8;
/// A large job is not begun where it would have fewer.
const LEAST_CORES_OF_A_LARGE_JOB: usize = 2;
/// So many small jobs run beside a large one.
const SMALL_BESIDE_A_LARGE_JOB: usize = 2;
/// A small job encodes no more pixels a second in its largest picture: 480p with 30 frames.
const MOST_PIXELS_OF_A_SMALL_JOB: f64 = 864.0 * 480.0 * 30.0;
/// Where it is not known how many frames a second there will be.
const USUAL_FRAME_RATE: f64 = 30.0;

/// How much of the machine a job takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// A picture of 480p at most, sound alone, pictures alone, or nothing that is encoded.
    Small,
    /// All else, and what is not known yet.
    Large,
}

impl Load {
    /// All loads.
    pub(super) const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// How much of the machine a job will take or takes.
    pub(super) fn of(job: &Job) -> Self {
        match &job.spec.kind {
            JobKind::Pictures => return Self::Small,
            JobKind::File(conversion)
                if conversion.streams == StreamTreatment::Copy || !conversion.format.has_picture() =>
            {
                return Self::Small;
            }
            JobKind::File(_) | JobKind::Stream => {}
        }
        if job.progress().is_some_and(|progress| progress.is_copying) {
            return Self::Small;
        }
        match pixels_a_second(job) {
            Some(pixels) if pixels <= MOST_PIXELS_OF_A_SMALL_JOB => Self::Small,
            _ => Self::Large,
        }
    }
}

/// Pixels a second of the largest picture that is made, or of the source while that is not planned; zero for sound alone,
/// `None` while neither is known.
fn pixels_a_second(job: &Job) -> Option<f64> {
    let pixels = |size: PictureSize, rate: Option<FrameRate>| {
        let rate = rate.map_or(USUAL_FRAME_RATE, FrameRate::per_second);
        f64::from(size.width) * f64::from(size.height) * rate
    };
    if let Some(plan) = &job.plan {
        let sizes = plan.renditions.iter().filter_map(|rendition| rendition.size);
        return Some(sizes.map(|size| pixels(size, Some(plan.frame_rate))).fold(0.0, f64::max));
    }
    let source = job.source.as_ref()?;
    Some(source.main_video().map_or(0.0, |video| pixels(video.coded_size, video.average_frame_rate)))
}

/// Whether a job may begin beside those at work on a machine with so many cores.
pub(super) fn has_place(cores: usize, at_work: &[Load], next: Load) -> bool {
    let large = at_work.iter().filter(|load| **load == Load::Large).count();
    let small = at_work.len() - large;
    if at_work.is_empty() {
        return true;
    }
    let (most, cores_of_next) = match next {
        Load::Large => ((cores / CORES_OF_A_LARGE_JOB).max(1), LEAST_CORES_OF_A_LARGE_JOB),
        Load::Small if large == 0 => (cores / 2, 1),
        Load::Small => (large * SMALL_BESIDE_A_LARGE_JOB, 1),
    };
    let of_its_kind = if next == Load::Large { large } else { small };
    of_its_kind < most && large * LEAST_CORES_OF_A_LARGE_JOB + small + cores_of_next <= cores
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{
        Load::{Large, Small},
        *,
    };
    use crate::{
        engine::{Event, Snapshot},
        job::{Conversion, Destination, FileFormat, JobId, JobSpec},
        media::{Colour, ScanType, SourceMedia, VideoStream},
        preset::find_preset,
    };

    /// What runs side by side when these jobs wait in this order, and those that find no place let others pass.
    fn begun(cores: usize, waiting: &[Load]) -> (usize, usize) {
        let mut at_work = Vec::new();
        for next in waiting {
            if has_place(cores, &at_work, *next) {
                at_work.push(*next);
            }
        }
        let large = at_work.iter().filter(|load| **load == Large).count();
        (large, at_work.len() - large)
    }

    #[test]
    fn one_large_job_runs_for_each_eight_cores_and_two_small_ones_beside_it() {
        let many: Vec<Load> = [Large, Small].repeat(40);
        for (cores, expected) in
            [(1, (1, 0)), (2, (1, 0)), (3, (1, 1)), (4, (1, 2)), (8, (1, 2)), (15, (1, 2)), (16, (2, 4)), (64, (8, 16))]
        {
            assert_eq!(begun(cores, &many), expected, "with {cores} cores");
        }
    }

    #[test]
    fn small_jobs_alone_take_half_the_cores_and_leave_room_for_a_large_one() {
        for (cores, expected) in [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (16, 8)] {
            assert_eq!(begun(cores, &[Small; 40]), (0, expected), "with {cores} cores");
            let is_taken = has_place(cores, &vec![Small; expected], Large);
            assert_eq!(is_taken, cores > 2, "a large job never waits for the end of all small ones, {cores} cores");
        }
    }

    #[test]
    fn no_more_jobs_run_than_there_are_cores() {
        for cores in 1..=130 {
            for waiting in [&[Large, Small][..], &[Small, Large], &[Small, Small, Large], &[Large], &[Small]] {
                let (large, small) = begun(cores, &waiting.repeat(130));
                assert!((1..=cores).contains(&(large + small)), "{large} and {small} with {cores} cores");
            }
        }
    }

    fn load(kind: JobKind, source: Option<SourceMedia>) -> Load {
        let mut snapshot = Snapshot::default();
        let id = JobId::generate();
        let stream = JobSpec::stream("a.mp4", find_preset("quick").unwrap(), Destination::Folder("out".into()));
        let spec = Box::new(JobSpec { kind, ..stream });
        snapshot.apply(&Event::JobAdded { id, spec, at: Timestamp::UNIX_EPOCH });
        if let Some(source) = source {
            snapshot.apply(&Event::SourceProbed { id, source: Box::new(source) });
        }
        Load::of(snapshot.job(id).unwrap())
    }

    fn source((width, height): (u32, u32), frames_per_second: u32) -> Option<SourceMedia> {
        let rate = FrameRate::new(frames_per_second, 1);
        let video = VideoStream {
            index: 0,
            codec: "h264".to_owned(),
            profile: None,
            pixel_format: None,
            coded_size: PictureSize { width, height },
            sample_aspect_ratio: (1, 1),
            rotation_degrees: 0,
            exif_orientation: None,
            average_frame_rate: rate,
            real_frame_rate: rate,
            scan: ScanType::Progressive,
            colour: Colour::default(),
            duration: None,
            start_time_seconds: None,
            frame_count: None,
            bitrate_bps: None,
            language: None,
            is_default: true,
        };
        Some(SourceMedia { video: vec![video], ..SourceMedia::default() })
    }

    #[test]
    fn a_job_is_small_by_its_picture_or_as_it_encodes_none() {
        assert_eq!(load(JobKind::Stream, None), Large, "nothing is known of it");
        assert_eq!(load(JobKind::Stream, source((1920, 1080), 25)), Large);
        assert_eq!(load(JobKind::Stream, source((854, 480), 30)), Small);
        assert_eq!(load(JobKind::Stream, source((480, 854), 30)), Small, "upright");
        assert_eq!(load(JobKind::Stream, source((854, 480), 60)), Large);
        assert_eq!(load(JobKind::Stream, Some(SourceMedia::default())), Small, "sound alone");
        let large = || source((3840, 2160), 25);
        assert_eq!(load(JobKind::Pictures, large()), Small);
        let file = |format, streams| JobKind::File(Box::new(Conversion { streams, ..Conversion::to(format) }));
        assert_eq!(load(file(FileFormat::Mp3, StreamTreatment::Automatic), large()), Small);
        assert_eq!(load(file(FileFormat::Mp4, StreamTreatment::Copy), large()), Small);
        assert_eq!(load(file(FileFormat::Mp4, StreamTreatment::Automatic), large()), Large);
    }
}
