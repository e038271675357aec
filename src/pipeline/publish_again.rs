//! A stream that an earlier run of the job has finished and not published whole: only the rest is sent.

use std::{path::Path, time::Instant};

use super::{
    JobRequest, Notice, Observer,
    publish::{Place, PublishStatus, Publisher, published_files},
    stream_folder::StreamFolder,
    unfinished::remove_state,
};
use crate::{
    failure::Failure,
    job::{Destination, Progress, Report, Stage, StageState, UnpublishedStream},
    pipeline::progress::HIGHEST_FRACTION,
};

/// Publishes what is left of a finished stream that lies in `folder`.
pub(super) fn run(
    request: &JobRequest,
    stream: &UnpublishedStream,
    folder: &Path,
    observer: &dyn Observer,
) -> Result<Report, Failure> {
    let started = Instant::now();
    let Destination::S3 { location, keep_local, .. } = &request.spec.destination else {
        return Ok(stream.report.clone());
    };
    let failed = |error: super::publish::PublishError| error.into_failure().at(Stage::Publish);
    observer.notice(Notice::FilesFinished(stream.report.files.clone()));
    observer
        .notice(Notice::Logged("The stream is finished here; what is missing at the destination is sent".to_owned()));
    let place = Place::GoOn { prefix: &stream.prefix };
    let mut publisher = Publisher::start(&request.runtime, location, folder, place, &request.cancel).map_err(failed)?;
    let files = published_files(folder).map_err(failed)?;
    let tell = |status: PublishStatus| observer.notice(Notice::Progressed(Box::new(progress(stream, status))));
    let sent = publisher.send_all(files.into_keys().map(|(_, path)| path), &tell);
    if request.cancel.is_suspended() {
        return Err(failed(super::publish::PublishError::Cancelled));
    }
    if request.cancel.is_cancelled() {
        // The folder goes with the cancelled job, and so does what is in the bucket.
        drop(StreamFolder::at(request.spec.destination.local_folder(), folder));
        publisher.withdraw();
        return Err(failed(super::publish::PublishError::Cancelled));
    }
    let published = sent.map_err(failed)?;
    super::publish::replace::remember(published.replaced.as_ref(), &request.replaced_folder);
    remove_state(folder);
    let mut report = Report {
        urls: published.urls,
        warnings: stream.report.warnings.iter().cloned().chain(published.warnings).collect(),
        wall_time: stream.report.wall_time + started.elapsed(),
        ..stream.report.clone()
    };
    if !keep_local {
        drop(StreamFolder::at(request.spec.destination.local_folder(), folder));
        report.folder = None;
        report.multivariant_playlist = None;
    }
    Ok(report)
}

fn progress(stream: &UnpublishedStream, status: PublishStatus) -> Progress {
    let sent = status.published_files as f64 / status.finished_files.max(1) as f64;
    Progress {
        stage: Stage::Publish,
        stages: Stage::ALL.map(|stage| if stage == Stage::Publish { StageState::AtWork } else { StageState::Finished }),
        fraction: sent.min(HIGHEST_FRACTION),
        encoded: stream.report.duration,
        source_duration: Some(stream.report.duration),
        rendition_count: stream.report.renditions.iter().filter(|rendition| rendition.size.is_some()).count(),
        bytes_written: stream.report.total_bytes,
        playable: Some(stream.report.duration),
        published_files: status.published_files,
        finished_files: status.finished_files,
        upload_interruption: status.interruption.map(|reason| reason.headline),
        upload_bytes_per_second: status.bytes_per_second,
        ..Progress::default()
    }
}
