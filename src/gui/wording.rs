//! What rows, panel and status line say of a job. Pure functions of the engine's state.

mod results;
mod source;

use std::path::Path;

use jiff::Zoned;

pub use results::{
    RenditionRow, can_preview, playable, published, published_url, published_urls, rendition_rows, stream_folder,
    uploads,
};
pub use source::{source_description, source_facts};

use crate::{
    engine::{Job, MOST_RETRIES, PlannedPowerAction, PlannedRetry, QueueCounts, Snapshot, ToolStatus},
    format,
    job::{JobState, Priority, Progress, Report, Schedule, Stage, Trim, schedule},
    settings::{PowerAction, Settings},
};

/// Between facts on one line.
pub(in crate::gui) const BETWEEN_FACTS: &str = " · ";

/// What the machine does at the end of the queue, as a choice.
pub fn power_action(action: PowerAction) -> &'static str {
    match action {
        PowerAction::StayOn => "Stays on",
        PowerAction::Sleep => "Sleeps",
        PowerAction::ShutDown => "Shuts down",
    }
}

/// `The machine shuts down in 45 s`.
pub fn planned_power_action(planned: &PlannedPowerAction, now: &Zoned) -> String {
    let left = planned.at.duration_since(now.timestamp()).as_secs().max(0);
    format!("The queue is done: the machine {} in {left} s", planned.action.verb())
}

/// The third line of a row at rest: the one thing worth knowing.
pub fn rest_line(job: &Job, home: Option<&Path>) -> String {
    match &job.state {
        JobState::Done { report } => gain(report, compared_bytes(job)),
        // Where the source is stands in the line above.
        JobState::Failed { failure } => {
            failure.headline.replace(&*job.spec.source.to_string_lossy(), &job.spec.source_name())
        }
        JobState::Waiting | JobState::Interrupted { .. } | JobState::Running { .. } | JobState::Cancelled => {
            format!(
                "{} → {}",
                job.spec.kind.words(&job.spec.preset.name),
                short_destination(&job.spec.destination, home)
            )
        }
    }
}

/// Size of the source, where all of it and nothing else was made into what a job has made.
fn compared_bytes(job: &Job) -> Option<u64> {
    let is_whole = job.spec.operations.trim == Trim::default() && job.spec.joined.is_empty();
    job.source.as_deref().filter(|_| is_whole).map(|source| source.size_bytes)
}

/// `4 renditions · 61 MB · 31 % smaller than the source`.
fn gain(report: &Report, source_bytes: Option<u64>) -> String {
    let file = report.file.as_ref().and_then(|file| file.file_name());
    let pictures = report.renditions.iter().filter(|rendition| rendition.size.is_some()).count();
    let pictures = if pictures == 0 { report.renditions.len() } else { pictures };
    let made = match file {
        Some(name) => name.to_string_lossy().into_owned(),
        None => format::count(pictures as u64, "rendition", "renditions"),
    };
    let mut facts = vec![made, format::bytes(report.total_bytes)];
    if let Some(source_bytes) = source_bytes.filter(|bytes| *bytes > report.total_bytes) {
        let saved = 1.0 - report.total_bytes as f64 / source_bytes as f64;
        if saved >= 0.01 {
            facts.push(format!("{} smaller than the source", format::percent(saved)));
        }
    }
    facts.join(BETWEEN_FACTS)
}

/// The word of a state.
pub fn state_word(job: &Job) -> String {
    match &job.state {
        JobState::Waiting if job.waits_for_keys() => "Waiting for keys".to_owned(),
        JobState::Waiting if job.retry.is_some() => "Waiting to try again".to_owned(),
        JobState::Waiting => "Waiting".to_owned(),
        JobState::Interrupted { is_held: true, .. } | JobState::Running { is_paused: true, .. } => "Paused".to_owned(),
        JobState::Interrupted { .. } => "Interrupted".to_owned(),
        JobState::Running { progress, .. } => progress.working_label().to_owned(),
        JobState::Done { report } if report.warnings.is_empty() => "Done".to_owned(),
        JobState::Done { report } => {
            format!("Done with {}", format::count(report.warnings.len() as u64, "warning", "warnings"))
        }
        JobState::Failed { .. } => "Failed".to_owned(),
        JobState::Cancelled => "Cancelled".to_owned(),
    }
}

/// The line below the state: numbers while it runs, else the remedy or the time it took.
pub fn state_line(job: &Job, queue_paused: bool) -> String {
    match &job.state {
        JobState::Waiting if queue_paused => "The queue is paused".to_owned(),
        JobState::Waiting => {
            let next_try = job.waits_for_retry().map(next_try);
            next_try.or_else(|| job.encoded().map(goes_on_at)).unwrap_or_default()
        }
        JobState::Interrupted { reached, .. } if is_encoded(job, *reached) => {
            "Goes on with packaging, all is encoded".to_owned()
        }
        JobState::Interrupted { reached, .. } if reached.is_zero() => "Begins again".to_owned(),
        JobState::Interrupted { reached, .. } => goes_on_at(*reached),
        JobState::Cancelled => String::new(),
        JobState::Running { progress, is_paused: true } => goes_on_at(progress.encoded),
        JobState::Running { progress, .. } => numbers(progress),
        JobState::Failed { failure } => failure.hint.clone(),
        JobState::Done { report } => {
            let verb = if report.urls.is_empty() { "Finished" } else { "Published" };
            let took = format::elapsed(report.wall_time);
            // The time is that of the last run alone.
            match job.plan.as_ref().and_then(|plan| plan.goes_on_at).filter(|reached| !reached.is_zero()) {
                Some(reached) => format!("{verb} in {took}, from {} on", format::clock(reached)),
                None => format!("{verb} in {took}"),
            }
        }
    }
}

fn goes_on_at(reached: std::time::Duration) -> String {
    format!("Goes on from {}", format::clock(reached))
}

/// Whether an interrupted job has encoded all that it is to: the last segment may be a short one.
fn is_encoded(job: &Job, reached: std::time::Duration) -> bool {
    job.plan.as_ref().and_then(|plan| plan.duration).is_some_and(|duration| reached >= duration)
}

/// The line below the state of a job in this queue: as [`state_line`], or when a job that waits for its time starts.
pub fn queued_state_line(snapshot: &Snapshot, job: &Job, now: &Zoned) -> String {
    let line = state_line(job, snapshot.queue_paused);
    if line.is_empty() { start_line(snapshot, job, now).unwrap_or_default() } else { line }
}

/// `Starts at 22:00` while a job waits for its time or for the working hours.
pub fn start_line(snapshot: &Snapshot, job: &Job, now: &Zoned) -> Option<String> {
    job.waits_until(&snapshot.settings, now).map(|at| format!("Starts at {}", schedule::short_time(at, now)))
}

/// What is special about the start of a job that has not begun.
pub fn start_facts(snapshot: &Snapshot, job: &Job, now: &Zoned) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(at) = job.waits_until(&snapshot.settings, now) {
        facts.push(("Starts at", schedule::short_time(at, now)));
    }
    if job.is_waiting() && job.schedule.priority != Priority::NORMAL {
        facts.push(("Priority", format!("{} of {}", job.schedule.priority.number(), Priority::MOST)));
    }
    facts
}

/// `Jobs start at 22:00` outside the working hours.
pub fn working_hours_status(settings: &Settings, now: &Zoned) -> Option<String> {
    let until = Schedule::default().waits_until(settings.working_hours, now)?;
    Some(format!("Jobs start at {}", schedule::short_time(until, now)))
}

/// `No connection to s3://films · try 2 of 3 at 14:03:10`.
fn next_try(retry: &PlannedRetry) -> String {
    if retry.waits_for_keys {
        return retry.failure.headline.clone();
    }
    let at = retry.not_before.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S");
    format!("{}{BETWEEN_FACTS}try {} of {MOST_RETRIES} at {at}", retry.failure.headline, retry.number)
}

/// What a lost network means for the user.
const GOES_ON: &str = "goes on by itself";

/// Why the upload of a job at work does not go on at this moment.
pub fn upload_waits(job: &Job) -> Option<String> {
    let interruption = job.progress()?.upload_interruption.as_ref()?;
    Some(format!("{interruption}; {GOES_ON}"))
}

/// `3.4× speed · 85 fps · 00:05:12 left`, or `41 of 45 files · 12.4 MB/s` while only the upload is left.
fn numbers(progress: &Progress) -> String {
    let mut numbers = Vec::new();
    if let Some(shortage) = &progress.disk_shortage {
        return format!("{shortage}{BETWEEN_FACTS}{GOES_ON}");
    }
    if let Some(interruption) = &progress.upload_interruption
        && progress.stage == Stage::Publish
    {
        return format!("{interruption}{BETWEEN_FACTS}{GOES_ON}");
    }
    if progress.stage == Stage::Publish {
        numbers.push(format!(
            "{} of {}",
            progress.published_files,
            format::count(progress.finished_files, "file", "files")
        ));
        numbers.extend(progress.upload_bytes_per_second.map(format::bytes_per_second));
    } else {
        numbers.extend(progress.speed.map(|speed| format!("{speed:.1}× speed")));
        numbers.extend(progress.frames_per_second.map(|rate| format!("{rate:.0} fps")));
    }
    numbers.extend(format::time_left(progress.time_left));
    if progress.upload_interruption.is_some() {
        numbers.push("the upload waits for the store".to_owned());
    }
    numbers.join(BETWEEN_FACTS)
}

/// All that a row shows, for a screen reader.
pub fn row_description(snapshot: &Snapshot, job: &Job, now: &Zoned) -> String {
    let mut words = vec![job.spec.source_name(), state_word(job)];
    words.extend(job.fraction().map(format::percent));
    if job.state.is_at_rest() {
        words.push(rest_line(job, None));
    }
    words.push(queued_state_line(snapshot, job, now));
    words.retain(|word| !word.is_empty());
    words.join(", ")
}

/// The destination in the fewest words: a path without the home, or `s3://bucket/prefix`.
pub fn short_destination(destination: &crate::job::Destination, home: Option<&Path>) -> String {
    match destination {
        crate::job::Destination::Folder(folder) => short_path(folder, home),
        crate::job::Destination::S3 { .. } => {
            destination.buckets().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
    }
}

/// A path without the home in front of it.
pub fn short_path(path: &Path, home: Option<&Path>) -> String {
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) if !rest.as_os_str().is_empty() => rest.display().to_string(),
        _ => path.display().to_string(),
    }
}

/// The left part of the status line: `3 of 12 done`, `2 encoding · 1 publishing`, `01:24:10 left`.
pub fn queue_status(counts: &QueueCounts, time_left: Option<std::time::Duration>, queue_paused: bool) -> Vec<String> {
    if counts.all == 0 {
        return vec!["Ready".to_owned()];
    }
    let mut parts = vec![format!("{} of {} done", counts.done, counts.all)];
    let running: Vec<String> =
        [(counts.encoding, "encoding"), (counts.publishing, "publishing"), (counts.paused, "paused")]
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{number} {word}"))
            .collect();
    if !running.is_empty() {
        parts.push(running.join(BETWEEN_FACTS));
    }
    for (number, word) in [(counts.failed, "failed"), (counts.cancelled, "cancelled")] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    if queue_paused {
        parts.push("Queue paused".to_owned());
    }
    parts.extend(format::time_left(time_left));
    parts
}

/// `ffmpeg 9.0.2`, or what is the matter with it.
pub fn tool_status(tools: &ToolStatus) -> String {
    match tools {
        ToolStatus::Unchecked => "Looking for ffmpeg".to_owned(),
        ToolStatus::Ready { ffmpeg_version, .. } => format!("ffmpeg {ffmpeg_version}"),
        ToolStatus::Unusable { .. } => "ffmpeg can't be used".to_owned(),
        ToolStatus::Downloading { fraction: Some(fraction) } => {
            format!("Downloading ffmpeg, {}", format::percent(*fraction))
        }
        ToolStatus::Downloading { fraction: None } => "Unpacking ffmpeg".to_owned(),
    }
}

/// The big line of the overlay while files hover: `Add 4 items`, folders among them, or the name of the only one.
pub fn drop_headline(names: &[String]) -> String {
    match names {
        [name] if !name.is_empty() => format!("Add {name}"),
        [_] => "Add a file".to_owned(),
        names => format!("Add {} items", names.len()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        failure::{Failure, FailureKind},
        gui::tests::states,
        preset::BitRate,
    };

    fn job(name: &str) -> Job {
        (**states::busy().jobs.iter().find(|job| job.spec.source_name() == name).unwrap()).clone()
    }

    #[test]
    fn facts_name_size_rate_length_and_weight() {
        let facts = |name: &str| source_facts(job(name).source.as_deref().unwrap());
        assert_eq!(facts("Opening ceremony, camera A.mov"), "1920×1080 · 25 fps · 00:42:10 · 18.4 GB");
        assert_eq!(facts("lecture-03.ts"), "1440×1080i · 25 fps · 00:51:22 · 5.0 GB");
        assert_eq!(facts("Screen recording 2026-11-20 at 14.03.mkv"), "2560×1440 · VFR · 01:12:45 · 2.2 GB");
    }

    #[test]
    fn a_finished_row_says_what_was_gained_and_how_long_it_took() {
        let done = job("Teaser.mp4");
        assert_eq!(rest_line(&done, None), "4 renditions · 61.0 MB · 30 % smaller than the source");
        assert_eq!(state_line(&done, false), "Published in 00:00:41");
        let mut part = done;
        part.spec.operations.trim.end = Some(Duration::from_secs(5));
        assert_eq!(rest_line(&part, None), "4 renditions · 61.0 MB", "a part is not compared with the whole");
        assert_eq!(state_word(&job("Street.avi")), "Done with 1 warning");
    }

    #[test]
    fn a_failed_row_says_cause_and_remedy() {
        let failed = job("lecture-03.ts");
        assert_eq!(rest_line(&failed, None), "The bucket “media-prod” refuses the upload: access denied");
        assert_eq!(state_line(&failed, false), "Add s3:PutObject to the user’s policy");
        let description = row_description(&Snapshot::default(), &failed, &Zoned::now());
        assert!(description.contains("Failed") && description.contains("s3:PutObject"), "{description}");
    }

    #[test]
    fn a_failed_row_names_its_file_without_the_folder() {
        let mut failed = job("lecture-03.ts");
        let headline = format!("{} is not a video that ffmpeg can read", failed.spec.source.display());
        failed.state = JobState::Failed { failure: Failure::new(FailureKind::SourceInvalid, headline, "") };
        assert_eq!(rest_line(&failed, None), "lecture-03.ts is not a video that ffmpeg can read");
    }

    #[test]
    fn numbers_are_those_of_the_stage_at_work() {
        assert_eq!(state_line(&job("Opening ceremony, camera A.mov"), false), "3.4× speed · 85 fps · 00:05:12 left");
        assert_eq!(state_line(&job("bikes.mp4"), false), "41 of 45 files · 12.4 MB/s");
    }

    #[test]
    fn the_table_joins_plan_and_progress_and_later_shows_the_report() {
        let rows = rendition_rows(&job("Opening ceremony, camera A.mov"));
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[0].name, "1080p");
        assert_eq!(rows[0].measured.map(BitRate::kilobits_per_second), Some(4812));
        assert_eq!(rows[4].name, "Sound");
        let done = rendition_rows(&job("Teaser.mp4"));
        assert!(done.iter().all(|row| row.measured.is_some() && row.written.is_some()));
        assert!(rendition_rows(&job("Screen recording 2026-11-20 at 14.03.mkv")).is_empty());
    }

    #[test]
    fn the_status_line_counts() {
        let counts = QueueCounts {
            all: 12,
            encoding: 2,
            publishing: 1,
            paused: 0,
            waiting: 4,
            done: 3,
            failed: 0,
            cancelled: 0,
        };
        let left = Some(Duration::from_secs(5050));
        assert_eq!(
            queue_status(&counts, left, false).join(" | "),
            "3 of 12 done | 2 encoding · 1 publishing | 01:24:10 left"
        );
        assert_eq!(queue_status(&QueueCounts::default(), None, false), ["Ready"]);
    }

    #[test]
    fn paths_in_the_home_are_short() {
        let home = Path::new("/home/anna");
        assert_eq!(short_path(Path::new("/home/anna/Videos/Reelpress"), Some(home)), "Videos/Reelpress");
        assert_eq!(short_path(Path::new("/mnt/films"), Some(home)), "/mnt/films");
        assert_eq!(short_path(home, Some(home)), "/home/anna");
    }

    #[test]
    fn the_overlay_names_a_single_file_and_counts_several() {
        assert_eq!(drop_headline(&["bikes.mp4".to_owned()]), "Add bikes.mp4");
        assert_eq!(drop_headline(&[String::new()]), "Add a file");
        assert_eq!(drop_headline(&vec![String::new(); 4]), "Add 4 items");
    }
}
