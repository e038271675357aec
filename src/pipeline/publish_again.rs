//! A stream that an earlier run of the job has finished and not published whole: only the rest is sent.

use std::{path::Path, time::Instant};

use super::{
    JobRequest, Notice, Observer,
    publish::PublishError,
    stream_folder::StreamFolder,
    unfinished::remove_state,
    uploads::{Ending, Uploads, stays_here},
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
    observer.notice(Notice::FilesFinished(stream.report.files.clone()));
    observer
        .notice(Notice::Logged("The stream is finished here; what is missing at the destination is sent".to_owned()));
    send(request, stream, folder, observer)
}

/// Brings what lies finished in `folder` to its buckets, as far as they do not have it.
pub(super) fn send(
    request: &JobRequest,
    stream: &UnpublishedStream,
    folder: &Path,
    observer: &dyn Observer,
) -> Result<Report, Failure> {
    let started = Instant::now();
    let Destination::S3 { keep_local, .. } = &request.spec.destination else {
        return Ok(stream.report.clone());
    };
    let uploads = Uploads::again(request, stream, folder)?;
    let tell = || observer.notice(Notice::Progressed(Box::new(progress(stream, &uploads))));
    let keep = |stream: &UnpublishedStream| observer.notice(Notice::StreamMade(Box::new(stream.clone())));
    let ending = Ending { request, folder, tell: &tell, keep: &keep };
    let mut stream = stream.clone();
    let rest = uploads.begin_rest(&ending, &mut stream);
    keep(&stream);
    uploads.send_rest(&rest);
    uploads.finish(&ending, &mut stream);
    let local = request.spec.destination.local_folder();
    if request.cancel.is_cancelled() && !request.cancel.is_suspended() {
        // The folder goes with the cancelled job, and so does what is in the buckets; where the stream is whole, it stays.
        if stays_here(request) {
            remove_state(folder);
        } else {
            drop(StreamFolder::at(local, folder));
        }
        uploads.withdraw(observer);
        return Err(PublishError::Cancelled.into_failure().at(Stage::Publish));
    }
    if let Some(failure) = uploads.failure() {
        if uploads.dropped().is_some_and(|dropped| dropped.has_lost()) {
            drop(StreamFolder::at(local, folder));
            uploads.withdraw(observer);
        }
        return Err(failure);
    }
    remove_state(folder);
    let wall_time = stream.report.wall_time + request.pause.worked_since(started);
    let mut report = Report { wall_time, ..uploads.report(&stream) };
    if !keep_local {
        drop(StreamFolder::at(local, folder));
        report.folder = None;
        report.multivariant_playlist = None;
    }
    Ok(report)
}

fn progress(stream: &UnpublishedStream, uploads: &Uploads) -> Progress {
    let status = uploads.status();
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
        uploads: uploads.progress(),
        ..Progress::default()
    }
}
