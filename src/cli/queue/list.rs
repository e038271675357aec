//! `reelpress queue list`.

use std::sync::Arc;

use jiff::Zoned;
use serde::Serialize;

use crate::{
    cli::Context,
    engine::{Job, Snapshot},
    format,
    job::{JobId, JobState, Priority, Report, schedule},
    settings::Settings,
};

/// What `--json` prints. A field is never renamed or removed; new ones may come.
#[derive(Serialize)]
struct ListedQueue {
    /// No further jobs start.
    paused: bool,
    /// `22:00 to 06:00`; null when jobs start at any time.
    working_hours: Option<String>,
    /// In the order of the queue.
    jobs: Vec<ListedJob>,
}

/// One job.
#[derive(Serialize)]
struct ListedJob {
    /// Place in the list, from 1, as “queue move --to” takes it; null for jobs that are off the list.
    line: Option<usize>,
    id: JobId,
    short_id: String,
    source: String,
    /// `waiting`, `interrupted`, `running`, `paused`, `done`, `failed` or `cancelled`.
    state: &'static str,
    /// `probe`, `encode`, `package` or `publish` while it runs.
    stage: Option<crate::job::Stage>,
    percent: Option<f64>,
    /// Why its upload waits at this moment, while it does.
    upload_interruption: Option<String>,
    /// Why nothing of it is written at this moment, while that is so.
    disk_shortage: Option<String>,
    preset: String,
    /// All places, with commas between them.
    destination: String,
    /// The same one by one: buckets, then the folder.
    destinations: Vec<String>,
    priority: u8,
    /// RFC 3339; null until it has ended.
    ended_at: Option<String>,
    /// RFC 3339; the earliest start by its own time and the working hours, if that is not now.
    starts_at: Option<String>,
    failure: Option<ListedFailure>,
    multivariant_playlist: Option<String>,
    urls: Vec<String>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct ListedFailure {
    headline: String,
    hint: String,
}

/// Prints the queue.
pub(super) fn print(context: &Context, snapshot: &Snapshot, json: bool) {
    let now = Zoned::now();
    if json {
        let queue = ListedQueue {
            paused: snapshot.queue_paused,
            working_hours: snapshot.settings.working_hours.map(|hours| hours.to_string()),
            jobs: snapshot.jobs.iter().map(|job| ListedJob::of(job, snapshot, &now)).collect(),
        };
        context.output.pretty_json(&queue);
        return;
    }
    table(snapshot, &now).iter().for_each(|line| context.output.data(line));
    if snapshot.jobs.is_empty() {
        context.output.say("the queue is empty");
    }
    if snapshot.queue_paused {
        context.output.say("the queue is paused: no further jobs start");
    }
    if let Some(hours) = snapshot.settings.working_hours {
        context.output.say(&format!("jobs start from {hours}"));
    }
}

/// The table with its header; nothing for an empty queue.
fn table(snapshot: &Snapshot, now: &Zoned) -> Vec<String> {
    if snapshot.jobs.is_empty() {
        return Vec::new();
    }
    let header = ["LINE", "ID", "STATE", "%", "NAME", "PRESET", "DESTINATION", ""].map(str::to_owned);
    let rows = snapshot.jobs.iter().enumerate().map(|(index, job)| {
        [
            (index + 1).to_string(),
            job.id.short(),
            state(job).to_owned(),
            job.fraction().map(format::percent).unwrap_or_default(),
            job.spec.source_name(),
            job.spec.preset.id.clone(),
            job.spec.destination.label(),
            note(job, &snapshot.settings, now),
        ]
    });
    aligned(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

/// Prints these jobs as a list of the queue does.
pub(super) fn print_json(context: &Context, jobs: &[Arc<Job>], snapshot: &Snapshot) {
    let now = Zoned::now();
    let jobs: Vec<ListedJob> = jobs.iter().map(|job| ListedJob::of(job, snapshot, &now)).collect();
    context.output.pretty_json(&jobs);
}

/// Characters of a cell at most: a list is read at a glance, and formatting takes no more than 65,535.
const MOST_CHARACTERS: usize = 200;

/// Lines with the cells of each column below each other, those that are very long without their middle.
pub(super) fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> Vec<String> {
    let rows = rows.iter().map(|row| row.each_ref().map(|cell| format::shortened(cell, MOST_CHARACTERS)));
    let rows: Vec<[String; COLUMNS]> = rows.collect();
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; COLUMNS]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

pub(super) fn state(job: &Job) -> &'static str {
    match &job.state {
        JobState::Waiting => "waiting",
        _ if job.is_held() => "paused",
        JobState::Interrupted { .. } => "interrupted",
        JobState::Running { .. } => "running",
        JobState::Done { .. } => "done",
        JobState::Failed { .. } => "failed",
        JobState::Cancelled => "cancelled",
    }
}

/// What else is worth knowing of a job, in one line.
pub(super) fn note(job: &Job, settings: &Settings, now: &Zoned) -> String {
    let mut notes = Vec::new();
    match &job.state {
        JobState::Failed { failure } => notes.push(failure.headline.clone()),
        JobState::Waiting | JobState::Interrupted { .. } | JobState::Cancelled
            if job.schedule.priority != Priority::NORMAL =>
        {
            notes.push(format!("priority {}", job.schedule.priority.number()));
        }
        _ => {}
    }
    if let Some(progress) = job.progress() {
        notes.extend(progress.upload_interruption.as_ref().map(|why| format!("upload waits: {why}")));
        notes.extend(progress.disk_shortage.clone());
    }
    if let Some(encoded) = job.encoded().filter(|_| job.is_waiting()) {
        notes.push(format!("goes on at {}", format::clock(encoded)));
    }
    if let Some(retry) = job.waits_for_retry() {
        let what = if retry.waits_for_keys { "waits for keys" } else { "tries again" };
        notes.push(format!("{what}: {}", retry.failure.headline));
    }
    notes.extend(job.waits_until(settings, now).map(|at| format!("starts at {}", schedule::short_time(at, now))));
    notes.join(", ")
}

impl ListedJob {
    fn of(job: &Job, snapshot: &Snapshot, now: &Zoned) -> Self {
        let report: Option<&Report> = match &job.state {
            JobState::Done { report } => Some(report),
            _ => None,
        };
        let failure = match &job.state {
            JobState::Failed { failure } => Some(failure),
            _ => job.waits_for_retry().map(|retry| &retry.failure),
        };
        let playlist = report.and_then(|report| report.multivariant_playlist.as_ref());
        Self {
            line: snapshot.jobs.iter().position(|listed| listed.id == job.id).map(|index| index + 1),
            id: job.id,
            short_id: job.id.short(),
            source: job.spec.source.display().to_string(),
            state: state(job),
            stage: job.progress().map(|progress| progress.stage),
            percent: job.fraction().map(|fraction| (fraction * 1000.0).round() / 10.0),
            upload_interruption: job.progress().and_then(|progress| progress.upload_interruption.clone()),
            disk_shortage: job.progress().and_then(|progress| progress.disk_shortage.clone()),
            preset: job.spec.preset.id.clone(),
            destination: job.spec.destination.label(),
            destinations: job.spec.destination.places(),
            priority: job.schedule.priority.number(),
            ended_at: job.ended_at.map(|at| at.to_string()),
            starts_at: job.waits_until(&snapshot.settings, now).map(|at| at.to_string()),
            failure: failure
                .map(|failure| ListedFailure { headline: failure.headline.clone(), hint: failure.hint.clone() }),
            multivariant_playlist: playlist.map(|playlist| playlist.display().to_string()),
            urls: report.map(|report| report.urls.clone()).unwrap_or_default(),
            warnings: report.map(|report| report.warnings.clone()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::{Timestamp, civil::date, tz::TimeZone};

    use super::*;
    use crate::{
        engine::Event,
        failure::{Failure, FailureKind},
        job::{Destination, JobSpec, Progress, Schedule},
        media::SourceMedia,
        preset::find_preset,
    };

    #[test]
    fn the_table_tells_state_percent_and_why_a_job_failed_or_waits() {
        let now = date(2026, 11, 21).at(18, 30, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        let mut snapshot = Snapshot::default();
        let ids: Vec<JobId> = ["a.mp4", "long name.mov", "c.ts"]
            .iter()
            .map(|name| {
                let id = JobId::generate();
                let spec = JobSpec::stream(name, find_preset("quick").unwrap(), Destination::Folder("/out".into()));
                snapshot.apply(&Event::JobAdded { id, spec: Box::new(spec), at: Timestamp::UNIX_EPOCH });
                id
            })
            .collect();
        let at = Timestamp::UNIX_EPOCH;
        snapshot.apply(&Event::JobStarted { id: ids[0], at });
        let progress = Box::new(Progress { fraction: 0.425, ..Progress::default() });
        snapshot.apply(&Event::JobProgressed { id: ids[0], progress });
        let failure = Failure::new(FailureKind::DiskFull, "The disk is full", "Make room");
        snapshot.apply(&Event::JobFailed { id: ids[1], failure, at });
        let start_at = Some(date(2026, 11, 21).at(22, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp());
        let schedule = Schedule { priority: Priority::new(80).unwrap(), start_at, ..Schedule::default() };
        snapshot.apply(&Event::JobScheduled { id: ids[2], schedule });
        let lines = table(&snapshot, &now);
        let [short_a, short_b, short_c] = [0, 1, 2].map(|index: usize| ids[index].short());
        assert_eq!(
            lines,
            [
                "LINE  ID        STATE    %     NAME           PRESET  DESTINATION".to_owned(),
                format!("1     {short_a}  running  42 %  a.mp4          quick   /out"),
                format!("2     {short_b}  failed         long name.mov  quick   /out         The disk is full"),
                format!(
                    "3     {short_c}  waiting        c.ts           quick   /out         priority 80, starts at 22:00"
                ),
            ]
        );
        let listed = serde_json::to_value(ListedJob::of(&snapshot.jobs[0], &snapshot, &now)).unwrap();
        assert_eq!((&listed["percent"], &listed["state"]), (&42.5.into(), &"running".into()));
        assert_eq!(listed["line"], 1);
        let upload_interruption = Some("No connection to store.example".to_owned());
        let progress = Box::new(Progress { upload_interruption, ..Progress::default() });
        snapshot.apply(&Event::JobProgressed { id: ids[0], progress });
        assert!(table(&snapshot, &now)[1].ends_with("/out         upload waits: No connection to store.example"));
        let source = SourceMedia { duration: Some(Duration::from_secs(100)), ..SourceMedia::default() };
        snapshot.apply(&Event::SourceProbed { id: ids[0], source: Box::new(source) });
        let reached = Duration::from_secs(34);
        snapshot.apply(&Event::JobInterrupted { id: ids[0], reached, folder: None, is_held: false });
        let line = &table(&snapshot, &now)[1];
        assert!(line.contains("interrupted  34 %") && line.ends_with("goes on at 00:00:34"), "{line}");
        assert!(table(&Snapshot::default(), &now).is_empty());
    }

    #[test]
    fn names_of_any_length_are_listed_without_their_middle() {
        let rows =
            [["NAME".to_owned(), "PRESET".to_owned()], [format!("{}.mp4", "n".repeat(70_000)), "quick".to_owned()]];
        let [header, line] = aligned(&rows).try_into().unwrap();
        assert!(line.ends_with("nn.mp4  quick") && line.contains("n…n"), "{line}");
        assert_eq!(line.chars().count(), MOST_CHARACTERS + "  quick".len());
        assert_eq!(header.find("PRESET"), Some(MOST_CHARACTERS + 2));
    }
}
