//! States of the engine for tests, made as the engine makes them: by applying events.

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;

use crate::{
    engine::{Event, Snapshot, ToolStatus},
    failure::{Failure, FailureKind},
    job::{
        Destination, FileReport, JobId, JobSpec, Progress, RenditionProgress, RenditionReport, Report, S3Location,
        Stage, StageState,
    },
    media::{AudioStream, Colour, FrameRate, PictureSize, ScanType, SourceMedia, VideoStream},
    pipeline::plan::{PlanSummary, RenditionSummary},
    preset::{BitRate, find_preset},
    settings::Settings,
};

const RUNGS: [(&str, (u32, u32), u64); 4] =
    [("1080p", (1920, 1080), 5000), ("720p", (1280, 720), 3000), ("480p", (854, 480), 1500), ("360p", (640, 360), 800)];

/// A snapshot that is built by events.
pub struct Story {
    pub snapshot: Snapshot,
}

impl Story {
    pub fn begin() -> Self {
        let mut story = Self { snapshot: Snapshot::default() };
        let settings = Settings {
            output_folder: PathBuf::from("/home/anna/Videos/Reelpress"),
            s3: S3Location { bucket: "media-prod".to_owned(), prefix: "films".to_owned(), ..S3Location::default() },
            publish_to_s3: true,
            ..Settings::default()
        };
        story.tell(&Event::SettingsChanged { settings: Box::new(settings) });
        let status = ToolStatus::Ready {
            ffmpeg_version: "9.0.2".to_owned(),
            ffmpeg: PathBuf::from("/usr/bin/ffmpeg"),
            ffprobe: PathBuf::from("/usr/bin/ffprobe"),
        };
        story.tell(&Event::ToolsChecked { status });
        story.tell(&Event::DiskMeasured { free_bytes: Some(212_000_000_000) });
        story
    }

    pub fn tell(&mut self, event: &Event) {
        self.snapshot.apply(event);
    }

    /// Adds a job for a file in `/films`.
    pub fn add(&mut self, name: &str) -> JobId {
        let id = JobId::generate();
        let destination = self.snapshot.settings.destination();
        self.tell(&Event::JobAdded { id, spec: Box::new(spec(name, destination)), at: Timestamp::UNIX_EPOCH });
        id
    }

    pub fn probed(&mut self, id: JobId, source: SourceMedia) {
        self.tell(&Event::SourceProbed { id, source: Box::new(source) });
    }

    /// Starts a job with four renditions and sound.
    pub fn started(&mut self, id: JobId) {
        self.tell(&Event::JobStarted { id, at: Timestamp::UNIX_EPOCH });
        let renditions = RUNGS.iter().map(|(name, (width, height), kilobits)| RenditionSummary {
            name: (*name).to_owned(),
            codec: "H.264".to_owned(),
            size: Some(PictureSize { width: *width, height: *height }),
            target: BitRate::from_kilobits(*kilobits),
        });
        let audio = RenditionSummary {
            name: "audio".to_owned(),
            codec: "AAC".to_owned(),
            size: None,
            target: BitRate::from_kilobits(128),
        };
        let plan = PlanSummary {
            folder: PathBuf::from("/home/anna/Videos/Reelpress/opening"),
            renditions: renditions.chain([audio]).collect(),
            subtitles: Vec::new(),
            frame_rate: FrameRate::new(25, 1).unwrap(),
            duration: Some(Duration::from_secs(2530)),
            segments: Some(422),
            warnings: Vec::new(),
            goes_on_at: None,
        };
        self.tell(&Event::JobPlanned { id, plan: Box::new(plan) });
    }

    pub fn progressed(&mut self, id: JobId, progress: Progress) {
        self.tell(&Event::JobProgressed { id, progress: Box::new(progress) });
    }

    pub fn finished(&mut self, id: JobId, report: Report) {
        self.tell(&Event::JobFinished { id, report: Box::new(report), at: Timestamp::UNIX_EPOCH });
    }

    pub fn failed(&mut self, id: JobId, failure: Failure) {
        self.tell(&Event::JobFailed { id, failure, at: Timestamp::UNIX_EPOCH });
    }
}

pub fn spec(name: &str, destination: Destination) -> JobSpec {
    JobSpec::stream(PathBuf::from("/films").join(name), find_preset("web-hls").unwrap(), destination)
}

pub fn source(size: (u32, u32), rate: (u32, u32), seconds: u64, size_bytes: u64) -> SourceMedia {
    let rate = FrameRate::new(rate.0, rate.1);
    let video = VideoStream {
        index: 0,
        codec: "h264".to_owned(),
        profile: Some("High".to_owned()),
        pixel_format: Some("yuv420p".to_owned()),
        coded_size: PictureSize { width: size.0, height: size.1 },
        sample_aspect_ratio: (1, 1),
        rotation_degrees: 0,
        exif_orientation: None,
        average_frame_rate: rate,
        real_frame_rate: rate,
        scan: ScanType::Progressive,
        colour: Colour { primaries: Some("bt709".to_owned()), ..Colour::default() },
        duration: Some(Duration::from_secs(seconds)),
        start_time_seconds: Some(0.0),
        frame_count: None,
        bitrate_bps: None,
        language: None,
        is_default: true,
    };
    let audio = AudioStream {
        index: 1,
        codec: "aac".to_owned(),
        profile: None,
        channels: Some(2),
        channel_layout: Some("stereo".to_owned()),
        sample_rate_hz: Some(48_000),
        bits_per_sample: None,
        duration: None,
        start_time_seconds: None,
        bitrate_bps: None,
        language: None,
        title: None,
        is_default: true,
        is_commentary: false,
        describes_video: false,
    };
    SourceMedia { size_bytes, video: vec![video], audio: vec![audio], ..SourceMedia::default() }
}

pub fn encoding(percent: u32, speed: f64, rate: f64, left: u64) -> Progress {
    use StageState::{AtWork, Finished, ToCome};
    let fraction = f64::from(percent) / 100.0;
    let measured: [(&str, u64, u64); 5] = [
        ("1080p", 4_812_000, 947_000_000),
        ("720p", 2_904_000, 571_000_000),
        ("480p", 1_466_000, 288_000_000),
        ("360p", 791_000, 156_000_000),
        ("audio", 128_000, 25_000_000),
    ];
    Progress {
        stage: Stage::Encode,
        stages: [Finished, AtWork, AtWork, ToCome],
        fraction,
        source_duration: Some(Duration::from_secs(2530)),
        rendition_count: 4,
        frames_per_second: Some(rate),
        speed: Some(speed),
        time_left: Some(Duration::from_secs(left)),
        playable: Some(Duration::from_secs(1568)),
        published_files: 261,
        finished_files: 264,
        renditions: measured
            .into_iter()
            .map(|(name, bps, bytes)| RenditionProgress {
                name: name.to_owned(),
                segments: 261,
                bytes,
                measured_bps: Some(bps),
            })
            .collect(),
        ..Progress::default()
    }
}

pub fn report(total_bytes: u64, seconds: u64, warnings: &[&str]) -> Report {
    let renditions = RUNGS.iter().map(|(name, (width, height), kilobits)| RenditionReport {
        name: (*name).to_owned(),
        codecs: "avc1.640028".to_owned(),
        size: Some(PictureSize { width: *width, height: *height }),
        target_bps: kilobits * 1000,
        average_bps: kilobits * 980,
        peak_bps: kilobits * 1200,
        bytes: total_bytes / 4,
        segments: 6,
    });
    let folder = PathBuf::from("/home/anna/Videos/Reelpress/teaser");
    Report {
        multivariant_playlist: Some(folder.join("master.m3u8")),
        folder: Some(folder),
        urls: vec!["https://media-prod.s3.eu-central-1.amazonaws.com/films/teaser/master.m3u8".to_owned()],
        renditions: renditions.collect(),
        files: (0..45)
            .map(|index| FileReport { path: format!("1080p/segment-{index:05}.m4s"), bytes: 1_000_000 + index })
            .collect(),
        duration: Duration::from_secs(32),
        total_bytes,
        wall_time: Duration::from_secs(seconds),
        warnings: warnings.iter().map(|warning| (*warning).to_owned()).collect(),
        ..Report::default()
    }
}

pub fn access_denied() -> Failure {
    Failure::new(
        FailureKind::PermissionDenied,
        "The bucket “media-prod” refuses the upload: access denied",
        "Add s3:PutObject to the user’s policy",
    )
    .with_detail("PUT /films/lecture-03/init.mp4\nservice error: AccessDenied\nrequest id: 4B1C")
    .at(Stage::Publish)
}

/// The queue of the drawings: every state once, and each kind of badge.
pub fn busy() -> Snapshot {
    let mut story = Story::begin();
    let opening = story.add("Opening ceremony, camera A.mov");
    let interview = story.add("Interview Dr. Müller – final_v7.mp4");
    let bikes = story.add("bikes.mp4");
    let screen = story.add("Screen recording 2026-11-20 at 14.03.mkv");
    let lecture = story.add("lecture-03.ts");
    let teaser = story.add("Teaser.mp4");
    let street = story.add("Street.avi");
    let cancelled = story.add("Trailer_4K_de.mxf");

    let mut prores = source((1920, 1080), (25, 1), 2530, 18_400_000_000);
    prores.video[0].codec = "prores".to_owned();
    prores.video[0].profile = Some("HQ".to_owned());
    story.probed(opening, prores);
    story.started(opening);
    story.progressed(opening, encoding(62, 3.4, 85.0, 312));

    let mut hdr = source((3840, 2160), (30_000, 1001), 1113, 6_100_000_000);
    hdr.video[0].colour.transfer = Some("smpte2084".to_owned());
    hdr.audio.push(AudioStream { language: Some("en".to_owned()), is_default: false, ..hdr.audio[0].clone() });
    hdr.audio[0].language = Some("de".to_owned());
    story.probed(interview, hdr);
    story.started(interview);
    story.progressed(interview, encoding(18, 0.9, 27.0, 1000));

    story.probed(bikes, source((640, 272), (25, 1), 10, 500_000));
    story.started(bikes);
    let mut publishing = encoding(91, 0.0, 0.0, 0);
    publishing.stage = Stage::Publish;
    publishing.stages = [StageState::Finished, StageState::Finished, StageState::Finished, StageState::AtWork];
    publishing.time_left = None;
    publishing.speed = None;
    (publishing.published_files, publishing.finished_files) = (41, 45);
    publishing.upload_bytes_per_second = Some(12_400_000.0);
    story.progressed(bikes, publishing);

    let mut variable = source((2560, 1440), (30, 1), 4365, 2_200_000_000);
    variable.video[0].average_frame_rate = FrameRate::new(27, 1);
    story.probed(screen, variable);

    let mut interlaced = source((1440, 1080), (25, 1), 3082, 5_000_000_000);
    interlaced.video[0].scan = ScanType::InterlacedTopFirst;
    story.probed(lecture, interlaced);
    story.started(lecture);
    story.failed(lecture, access_denied());

    story.probed(teaser, source((1920, 1080), (25, 1), 32, 88_000_000));
    story.started(teaser);
    story.finished(teaser, report(61_000_000, 41, &[]));
    story.probed(street, source((768, 576), (10, 1), 79, 8_000_000));
    story.started(street);
    story.finished(street, report(9_000_000, 52, &["The sound ends 2 s before the picture"]));

    let mut surround = source((3840, 2160), (24, 1), 124, 3_300_000_000);
    surround.audio[0].channels = Some(6);
    story.probed(cancelled, surround);
    story.tell(&Event::JobCancelled { id: cancelled, at: Timestamp::UNIX_EPOCH });
    story.snapshot
}

/// A queue of waiting jobs.
pub fn many(count: usize) -> Snapshot {
    let mut story = Story::begin();
    for number in 1..=count {
        let id = story.add(&format!("clip {number:05}.mp4"));
        story.probed(id, source((1920, 1080), (25, 1), 60, 40_000_000));
    }
    story.snapshot
}
