//! The JSON events of `reelpress encode --json`: a stable form for programs, whatever the engine's own events become.
//!
//! A field is never renamed or removed, and its meaning never changes; new fields and new events may come.

use std::path::Path;

use serde::Serialize;

use crate::{
    engine::Event,
    failure::{Failure, FailureKind},
    job::{FileReport, JobId, JobSpec, Progress, PublishedStream, RenditionReport, Report, Stage, UploadProgress},
    media::SourceMedia,
    pipeline::plan::PlanSummary,
};

/// What `reelpress encode --help` says of the events.
pub(super) const DOCUMENTATION: &str = r#"Where the streams go:
  Each video gets a folder (or prefix) of its own under --out. The addresses of the finished multivariant playlists are
  printed on standard output, one a line, in the order in which the jobs end.

How it ends early:
  Ctrl-C, SIGTERM and a closed terminal interrupt: the same command goes on where it was. With --discard it removes what
  is there of unfinished streams, here and in the buckets, and encodes nothing. A second Ctrl-C does not wait for anything.

Events of --json, one object a line on standard output. `event` tells which; every event of a job has `job`, its id.
  job_added       source, preset, destination
  job_scheduled   priority (0 to 100), start_at (RFC 3339): a job that does not start as soon as there is a place
  source_probed   duration_seconds, container, size_bytes, width, height, frame_rate, video_codec, audio_codec, badges
  job_started
  job_planned     folder, renditions [{name, codec, width, height, target_bps}], frame_rate, duration_seconds, segments,
                  warnings, goes_on_at_seconds (null for an encode from the start)
  job_progressed  percent (of the whole job), stage (probe, encode, package, publish), encoded_seconds, fps, speed,
                  time_left_seconds, bytes_written, playable_seconds, renditions (how many), published_files,
                  finished_files, upload_interruption (why the upload waits at this moment, null while it does not),
                  disk_shortage (why nothing is written at this moment, null while there is room: 500 MB, or a twentieth of
                  a disk below 10 GB, stay free), uploads (of a job with several buckets, or one that refuses the
                  stream) [{destination, published_files, trouble, is_whole}]; at most ten a second
  files_finished  files [{path, bytes}]
  job_finished    folder, file (of “convert”), multivariant_playlist, urls (in the first bucket), published (for each
                  bucket) [{destination, urls}], renditions [{name, codecs, width, height, target_bps, average_bps,
                  peak_bps, bytes, segments}], files [{path, bytes}], duration_seconds, total_bytes, wall_seconds,
                  warnings, notes (nothing to worry about), keys (folder, or file, of the keys of an encrypted stream,
                  if they do not lie in its own folder)
  job_retry_planned  number (of the try that follows, from 1), not_before (RFC 3339), failure {kind, stage, headline,
                  hint, detail}: the cause may pass, the job begins again by itself
  job_waits_for_keys  failure {kind, stage, headline, hint, detail}: nobody has given the access keys that a job of the
                  queue needs; it goes on when they are given
  job_failed      source, failure {kind, stage, headline, hint, detail}
  job_cancelled
  job_interrupted  reached_seconds (what stays of the stream; 0 where it begins again): the program ended first
  discarded       source, folder (null where none was), buckets [“s3://bucket/key”]: what --discard has removed of a stream;
                  kept_folder (the folder of a stream that is finished and stays where it is kept, else null),
                  kept_buckets (those that have the whole stream, which stays there). Something that stays although it
                  was to be removed is `noticed`
  interrupted     hint (how to go on): the program was told to end; always the last event then
  noticed         failure {kind, stage, headline, hint, detail}: something that belongs to no job, such as a folder
                  without video
The last event of each job is job_finished, job_failed, job_cancelled or job_interrupted. Sizes are in pixels or bytes,
rates in bits a second. What is not known, or does not apply, is null. New fields and new events may come: ignore what
you don't know."#;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub(super) enum WireEvent {
    /// A job came into the queue.
    JobAdded { job: JobId, source: String, preset: String, destination: String },
    /// The job does not start as soon as there is a place.
    JobScheduled { job: JobId, priority: u8, start_at: Option<String> },
    /// The source was read.
    SourceProbed {
        job: JobId,
        #[serde(flatten)]
        source: WireSource,
    },
    /// The job began.
    JobStarted { job: JobId },
    /// It is known what will be made.
    JobPlanned {
        job: JobId,
        folder: String,
        renditions: Vec<WirePlannedRendition>,
        frame_rate: f64,
        duration_seconds: Option<f64>,
        segments: Option<u64>,
        warnings: Vec<String>,
        goes_on_at_seconds: Option<f64>,
    },
    /// A measurement.
    JobProgressed {
        job: JobId,
        #[serde(flatten)]
        progress: WireProgress,
    },
    /// Files of the stream are finished.
    FilesFinished { job: JobId, files: Vec<FileReport> },
    /// The job ended with a stream.
    JobFinished {
        job: JobId,
        #[serde(flatten)]
        report: Box<WireReport>,
    },
    /// The job failed and begins again by itself.
    JobRetryPlanned { job: JobId, number: u32, not_before: String, failure: WireFailure },
    /// The job lacks access keys.
    JobWaitsForKeys { job: JobId, failure: WireFailure },
    /// The job ended without a stream.
    JobFailed { job: JobId, source: String, failure: WireFailure },
    /// The user stopped the job.
    JobCancelled { job: JobId },
    /// The program ended before the job did.
    JobInterrupted { job: JobId, reached_seconds: f64 },
    /// The program was told to end.
    Interrupted { hint: String },
    /// What an interrupted run has left of a stream was removed, here and in the buckets.
    Discarded {
        source: String,
        folder: Option<String>,
        kept_folder: Option<String>,
        buckets: Vec<String>,
        kept_buckets: Vec<String>,
    },
    /// Something that belongs to no job.
    Noticed { failure: WireFailure },
}

/// What a source is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct WireSource {
    duration_seconds: Option<f64>,
    container: String,
    size_bytes: u64,
    width: Option<u32>,
    height: Option<u32>,
    frame_rate: Option<f64>,
    video_codec: Option<String>,
    audio_codec: Option<String>,
    badges: Vec<String>,
}

/// A rendition that will be made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct WirePlannedRendition {
    name: String,
    codec: String,
    width: Option<u32>,
    height: Option<u32>,
    target_bps: u64,
}

/// A measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct WireProgress {
    percent: f64,
    stage: Stage,
    encoded_seconds: f64,
    fps: Option<f64>,
    speed: Option<f64>,
    time_left_seconds: Option<f64>,
    bytes_written: u64,
    playable_seconds: Option<f64>,
    renditions: usize,
    published_files: u64,
    finished_files: u64,
    upload_interruption: Option<String>,
    disk_shortage: Option<String>,
    uploads: Vec<UploadProgress>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct WireReport {
    folder: Option<String>,
    file: Option<String>,
    multivariant_playlist: Option<String>,
    urls: Vec<String>,
    published: Vec<PublishedStream>,
    renditions: Vec<WireRendition>,
    files: Vec<FileReport>,
    duration_seconds: f64,
    total_bytes: u64,
    wall_seconds: f64,
    warnings: Vec<String>,
    notes: Vec<String>,
    keys: Option<String>,
}

/// A rendition that was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct WireRendition {
    name: String,
    codecs: String,
    width: Option<u32>,
    height: Option<u32>,
    target_bps: u64,
    average_bps: u64,
    peak_bps: u64,
    bytes: u64,
    segments: usize,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct WireFailure {
    kind: FailureKind,
    stage: Option<Stage>,
    headline: String,
    hint: String,
    detail: String,
}

impl WireEvent {
    /// The line for an engine's event; `None` for what is not told. `spec` is what was asked of the event's job.
    pub(super) fn of(event: &Event, spec: Option<&JobSpec>) -> Option<Self> {
        Some(match event {
            Event::JobAdded { id, spec, .. } => Self::JobAdded {
                job: *id,
                source: text(&spec.source),
                preset: spec.preset.id.clone(),
                destination: spec.destination.label(),
            },
            Event::JobScheduled { id, schedule } => Self::JobScheduled {
                job: *id,
                priority: schedule.priority.number(),
                start_at: schedule.start_at.map(|at| at.to_string()),
            },
            Event::SourceProbed { id, source } => Self::SourceProbed { job: *id, source: WireSource::of(source) },
            Event::JobStarted { id, .. } => Self::JobStarted { job: *id },
            Event::JobPlanned { id, plan } => Self::planned(*id, plan),
            Event::JobProgressed { id, progress } => {
                Self::JobProgressed { job: *id, progress: WireProgress::of(progress) }
            }
            Event::FilesFinished { id, files } => Self::FilesFinished { job: *id, files: files.clone() },
            Event::JobFinished { id, report, .. } => {
                Self::JobFinished { job: *id, report: Box::new(WireReport::of(report)) }
            }
            Event::JobRetryPlanned { id, retry } if retry.waits_for_keys => {
                Self::JobWaitsForKeys { job: *id, failure: WireFailure::of(&retry.failure) }
            }
            Event::JobRetryPlanned { id, retry } => Self::JobRetryPlanned {
                job: *id,
                number: retry.number,
                not_before: retry.not_before.to_string(),
                failure: WireFailure::of(&retry.failure),
            },
            Event::JobFailed { id, failure, .. } => Self::JobFailed {
                job: *id,
                source: spec.map(|spec| text(&spec.source)).unwrap_or_default(),
                failure: WireFailure::of(failure),
            },
            Event::JobCancelled { id, .. } => Self::JobCancelled { job: *id },
            Event::JobInterrupted { id, reached, .. } => {
                Self::JobInterrupted { job: *id, reached_seconds: reached.as_secs_f64() }
            }
            Event::Noticed { failure } => Self::noticed(failure),
            _ => return None,
        })
    }

    /// Something that belongs to no job.
    pub(super) fn noticed(failure: &Failure) -> Self {
        Self::Noticed { failure: WireFailure::of(failure) }
    }

    fn planned(job: JobId, plan: &PlanSummary) -> Self {
        let renditions = plan.renditions.iter().map(|rendition| WirePlannedRendition {
            name: rendition.name.clone(),
            codec: rendition.codec.clone(),
            width: rendition.size.map(|size| size.width),
            height: rendition.size.map(|size| size.height),
            target_bps: rendition.target.bits_per_second(),
        });
        Self::JobPlanned {
            job,
            folder: text(&plan.folder),
            renditions: renditions.collect(),
            frame_rate: plan.frame_rate.per_second(),
            duration_seconds: plan.duration.map(|duration| duration.as_secs_f64()),
            segments: plan.segments,
            warnings: plan.warnings.clone(),
            goes_on_at_seconds: plan.goes_on_at.map(|at| at.as_secs_f64()),
        }
    }
}

impl WireSource {
    fn of(source: &SourceMedia) -> Self {
        let video = source.main_video();
        let size = video.map(crate::media::VideoStream::display_size);
        Self {
            duration_seconds: source.duration.map(|duration| duration.as_secs_f64()),
            container: source.container.clone(),
            size_bytes: source.size_bytes,
            width: size.map(|size| size.width),
            height: size.map(|size| size.height),
            frame_rate: video.and_then(|video| video.average_frame_rate).map(crate::media::FrameRate::per_second),
            video_codec: video.map(|video| video.codec.clone()),
            audio_codec: source.main_audio().map(|audio| audio.codec.clone()),
            badges: source.badges(),
        }
    }
}

impl WireProgress {
    fn of(progress: &Progress) -> Self {
        let rounded = |number: f64| (number * 100.0).round() / 100.0;
        Self {
            percent: rounded(progress.fraction.clamp(0.0, 1.0) * 100.0),
            stage: progress.stage,
            encoded_seconds: progress.encoded.as_secs_f64(),
            fps: progress.frames_per_second.map(rounded),
            speed: progress.speed.map(rounded),
            time_left_seconds: progress.time_left.map(|left| rounded(left.as_secs_f64())),
            bytes_written: progress.bytes_written,
            playable_seconds: progress.playable.map(|playable| playable.as_secs_f64()),
            renditions: progress.rendition_count,
            published_files: progress.published_files,
            finished_files: progress.finished_files,
            upload_interruption: progress.upload_interruption.clone(),
            uploads: progress.uploads.clone(),
            disk_shortage: progress.disk_shortage.clone(),
        }
    }
}

impl WireReport {
    fn of(report: &Report) -> Self {
        let rendition = |rendition: &RenditionReport| WireRendition {
            name: rendition.name.clone(),
            codecs: rendition.codecs.clone(),
            width: rendition.size.map(|size| size.width),
            height: rendition.size.map(|size| size.height),
            target_bps: rendition.target_bps,
            average_bps: rendition.average_bps,
            peak_bps: rendition.peak_bps,
            bytes: rendition.bytes,
            segments: rendition.segments,
        };
        Self {
            folder: report.folder.as_deref().map(text),
            file: report.file.as_deref().map(text),
            multivariant_playlist: report.multivariant_playlist.as_deref().map(text),
            urls: report.urls.clone(),
            published: report.published.clone(),
            renditions: report.renditions.iter().map(rendition).collect(),
            files: report.files.clone(),
            duration_seconds: report.duration.as_secs_f64(),
            total_bytes: report.total_bytes,
            wall_seconds: report.wall_time.as_secs_f64(),
            warnings: report.warnings.clone(),
            notes: report.notes.clone(),
            keys: report.keys.as_deref().map(text),
        }
    }
}

impl WireFailure {
    fn of(failure: &Failure) -> Self {
        Self {
            kind: failure.kind,
            stage: failure.stage,
            headline: failure.headline.clone(),
            hint: failure.hint.clone(),
            detail: failure.detail.clone(),
        }
    }
}

/// JSON has no way to write a path that is not Unicode; what can't be written becomes U+FFFD.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::PlannedRetry;

    fn line(event: &Event) -> serde_json::Value {
        serde_json::to_value(WireEvent::of(event, None).unwrap()).unwrap()
    }

    #[test]
    fn progress_is_told_in_flat_fields_with_units() {
        let id = JobId::generate();
        let progress = Progress {
            stage: Stage::Encode,
            fraction: 0.61804,
            frames_per_second: Some(62.0),
            speed: Some(2.4812),
            time_left: Some(Duration::from_secs(72)),
            rendition_count: 4,
            ..Progress::default()
        };
        let line = line(&Event::JobProgressed { id, progress: Box::new(progress) });
        assert_eq!(line["event"], "job_progressed");
        assert_eq!(line["job"], id.to_string());
        assert_eq!((&line["percent"], &line["stage"]), (&61.8.into(), &"encode".into()));
        assert_eq!((&line["speed"], &line["time_left_seconds"]), (&2.48.into(), &72.0.into()));
        assert_eq!((&line["renditions"], &line["playable_seconds"]), (&4.into(), &serde_json::Value::Null));
    }

    #[test]
    fn a_failure_says_its_kind_and_what_to_do() {
        let failure = Failure::new(FailureKind::BucketMissing, "no bucket", "make it").at(Stage::Publish);
        let at = jiff::Timestamp::UNIX_EPOCH;
        let line = line(&Event::JobFailed { id: JobId::generate(), failure, at });
        assert_eq!((&line["event"], &line["failure"]["kind"]), (&"job_failed".into(), &"bucket_missing".into()));
        assert_eq!((&line["failure"]["stage"], &line["failure"]["hint"]), (&"publish".into(), &"make it".into()));
    }

    #[test]
    fn every_event_and_field_is_documented() {
        let id = JobId::generate();
        let at = jiff::Timestamp::UNIX_EPOCH;
        let failure = Failure::new(FailureKind::Internal, "", "");
        let retry = |number, waits_for_keys| {
            let retry = PlannedRetry { number, not_before: at, failure: failure.clone(), waits_for_keys };
            Event::JobRetryPlanned { id, retry: Box::new(retry) }
        };
        let events = [
            Event::SourceProbed { id, source: Box::default() },
            Event::JobStarted { id, at },
            Event::JobProgressed { id, progress: Box::default() },
            Event::FilesFinished { id, files: Vec::new() },
            Event::JobFinished { id, report: Box::default(), at },
            retry(1, false),
            retry(0, true),
            Event::JobFailed { id, failure: failure.clone(), at },
            Event::JobCancelled { id, at },
            Event::JobInterrupted { id, reached: Duration::ZERO, folder: None, is_held: false },
            Event::Noticed { failure: failure.clone() },
        ];
        let interrupted = serde_json::to_value(WireEvent::Interrupted { hint: String::new() }).unwrap();
        let discarded = WireEvent::Discarded {
            source: String::new(),
            folder: None,
            kept_folder: None,
            buckets: Vec::new(),
            kept_buckets: Vec::new(),
        };
        let discarded = serde_json::to_value(discarded).unwrap();
        for line in events.iter().map(line).chain([interrupted, discarded]) {
            let name = line["event"].as_str().unwrap();
            let documented = DOCUMENTATION.split_once(&format!("\n  {name} ")).map(|(_, rest)| rest);
            let documented =
                documented.or_else(|| DOCUMENTATION.split_once(&format!("\n  {name}\n")).map(|(_, rest)| rest));
            let documented = documented.unwrap_or_else(|| panic!("{name} is not documented"));
            for field in line.as_object().unwrap().keys().filter(|field| *field != "event" && *field != "job") {
                assert!(documented.contains(field.as_str()), "{name}.{field} is not documented");
            }
        }
    }
}
