//! Telling people and programs how the jobs of one call go on.

use std::collections::{HashMap, HashSet};

use indicatif::{ProgressBar, ProgressStyle};

use super::{output::Output, wire::WireEvent};
use crate::{
    engine::{Event, MOST_RETRIES, PlannedRetry},
    format,
    job::{JobId, JobSpec, Progress, Report, Schedule, Stage, schedule},
};

/// Steps of a bar: finer than it can be drawn.
const BAR_STEPS: u64 = 1000;
/// Characters of a file's name beside its bar.
const NAME_WIDTH: usize = 20;

/// Leaves room for all that is told of an encode in 80 columns.
const BAR_TEMPLATE: &str = "{prefix:20} {bar:12} {percent:>3} %  {wide_msg}";

/// Told every event of the jobs of one call, with what was asked of the job.
pub(super) trait Reporter {
    /// Takes an event.
    fn event(&mut self, event: &Event, spec: Option<&JobSpec>);

    /// Takes the end of a program that was told to end, with how to go on. For programs alone: people are told by who
    /// knows what they see.
    fn interrupted(&mut self, _hint: &str) {}
}

/// The reporter that fits the call; `offers_fresh` where the call has the flag `--fresh`.
pub(super) fn reporter(output: &Output, json: bool, offers_fresh: bool) -> Box<dyn Reporter + '_> {
    let teller = Teller { output, offers_fresh };
    if json {
        Box::new(JsonReporter { output })
    } else if output.shows_bars() {
        Box::new(BarReporter { output, teller, bars: HashMap::new(), troubles: Troubles::default() })
    } else {
        Box::new(LineReporter {
            output,
            teller,
            stages: HashMap::new(),
            waits: Waits::default(),
            troubles: Troubles::default(),
        })
    }
}

/// One JSON object a line.
struct JsonReporter<'a> {
    output: &'a Output,
}

impl Reporter for JsonReporter<'_> {
    fn event(&mut self, event: &Event, spec: Option<&JobSpec>) {
        if let Some(line) = WireEvent::of(event, spec) {
            self.output.json(&line);
        }
    }

    fn interrupted(&mut self, hint: &str) {
        self.output.json(&WireEvent::Interrupted { hint: hint.to_owned() });
    }
}

/// A bar a job, for terminals.
struct BarReporter<'a> {
    output: &'a Output,
    teller: Teller<'a>,
    bars: HashMap<JobId, ProgressBar>,
    troubles: Troubles,
}

impl Reporter for BarReporter<'_> {
    fn event(&mut self, event: &Event, spec: Option<&JobSpec>) {
        if let Event::JobAdded { id, spec, .. } = event {
            let bar = self.output.bars.add(ProgressBar::new(BAR_STEPS).with_style(bar_style()));
            bar.set_prefix(format::shortened(&spec.source_name(), NAME_WIDTH));
            bar.set_message("waiting");
            self.bars.insert(*id, bar);
        }
        let bar = event.job().and_then(|id| self.bars.get(&id));
        match (event, bar) {
            (Event::JobProgressed { id, progress }, Some(bar)) => {
                bar.set_position((progress.fraction.clamp(0.0, 1.0) * BAR_STEPS as f64) as u64);
                bar.set_message(progress_line(progress));
                let name = spec.map(JobSpec::source_name).unwrap_or_default();
                let news = self.troubles.news(*id, progress);
                news.iter().for_each(|line| self.output.say(&format!("{name}: {line}")));
            }
            (Event::JobFinished { report, .. }, Some(bar)) => {
                bar.set_position(BAR_STEPS);
                bar.finish_with_message(done_line(report));
            }
            (Event::JobScheduled { schedule, .. }, Some(bar)) => bar.set_message(schedule_line(schedule)),
            (Event::JobRetryPlanned { retry, .. }, Some(bar)) => bar.set_message(retry_line(retry)),
            (Event::JobFailed { .. }, Some(bar)) => bar.abandon_with_message("failed"),
            (Event::JobCancelled { .. }, Some(bar)) => bar.abandon_with_message("cancelled"),
            _ => {}
        }
        self.teller.tell(event, spec);
    }
}

/// A line for each change of stage, for logs and pipes.
struct LineReporter<'a> {
    output: &'a Output,
    teller: Teller<'a>,
    stages: HashMap<JobId, Stage>,
    waits: Waits,
    troubles: Troubles,
}

/// Places that do not get a stream although others do, each told once.
#[derive(Default)]
struct Troubles(HashSet<(JobId, String)>);

impl Troubles {
    fn news(&mut self, id: JobId, progress: &Progress) -> Vec<String> {
        let mut news = Vec::new();
        for upload in &progress.uploads {
            // What mends itself is no trouble.
            let trouble =
                upload.trouble.as_ref().filter(|trouble| Some(*trouble) != progress.upload_interruption.as_ref());
            if let Some(trouble) = trouble
                && self.0.insert((id, upload.destination.clone()))
            {
                news.push(format!("{}: {trouble}; the rest goes on", upload.destination));
            }
        }
        news
    }
}

/// What jobs wait for, each told once.
#[derive(Default)]
struct Waits {
    /// Jobs whose uploads wait for the store.
    uploads: HashSet<JobId>,
    /// Jobs that wait for room on the disk.
    room: HashSet<JobId>,
}

impl Waits {
    /// What is new of a job's waiting.
    fn news(&mut self, id: JobId, progress: &Progress) -> Vec<String> {
        let mut news = Vec::new();
        match &progress.disk_shortage {
            Some(shortage) if self.room.insert(id) => news.push(format!("{shortage}; goes on by itself")),
            None if self.room.remove(&id) => news.push("There is room again, goes on".to_owned()),
            _ => {}
        }
        match &progress.upload_interruption {
            Some(reason) if self.uploads.insert(id) => news.push(format!("{reason}; goes on by itself")),
            Some(_) => {}
            None => _ = self.uploads.remove(&id),
        }
        news
    }
}

impl Reporter for LineReporter<'_> {
    fn event(&mut self, event: &Event, spec: Option<&JobSpec>) {
        let name = spec.map(JobSpec::source_name).unwrap_or_default();
        match event {
            Event::JobProgressed { id, progress } => {
                if self.stages.insert(*id, progress.stage) != Some(progress.stage) {
                    self.output.say(&format!("{name}: {}", stage_line(progress)));
                }
                let news = self.waits.news(*id, progress).into_iter().chain(self.troubles.news(*id, progress));
                news.for_each(|line| self.output.say(&format!("{name}: {line}")));
            }
            Event::JobScheduled { schedule, .. } if schedule.start_at.is_some() => {
                self.output.say(&format!("{name}: {}", schedule_line(schedule)));
            }
            Event::JobFinished { report, .. } => self.output.say(&format!("{name}: {}", done_line(report))),
            Event::JobRetryPlanned { retry, .. } if !retry.waits_for_keys => {
                self.output.say(&format!("{name}: {}", retry_line(retry)));
            }
            Event::JobCancelled { .. } => self.output.say(&format!("{name}: cancelled")),
            _ => {}
        }
        self.teller.tell(event, spec);
    }
}

/// What is told in the same way with and without bars: from where it goes on, addresses as data, failures and warnings.
#[derive(Clone, Copy)]
struct Teller<'a> {
    output: &'a Output,
    /// Whether the call has the flag `--fresh`.
    offers_fresh: bool,
}

impl Teller<'_> {
    fn tell(self, event: &Event, spec: Option<&JobSpec>) {
        let output = self.output;
        let name = spec.map(JobSpec::source_name);
        let about = |line: String| output.say(&format!("reelpress: {}: {line}", name.as_deref().unwrap_or_default()));
        match event {
            Event::JobPlanned { plan, .. } => {
                if let Some(at) = plan.goes_on_at {
                    let from = if plan.is_encoded() {
                        "is encoded already, goes on with packaging".to_owned()
                    } else {
                        format!("goes on at {}", format::clock(at))
                    };
                    let fresh = if self.offers_fresh { " (--fresh starts over)" } else { "" };
                    output.say(&format!("{}: {from}{fresh}", name.as_deref().unwrap_or_default()));
                }
            }
            Event::JobFinished { report, .. } => {
                report.warnings.iter().for_each(|warning| about(format!("Warning: {warning}")));
                report.notes.iter().for_each(|note| about(note.clone()));
                report.published.iter().for_each(|place| about(format!("published to {}", place.destination)));
                if let Some(keys) = &report.keys {
                    about(format!("keys: {}", keys.display()));
                }
                addresses(report).iter().for_each(|address| output.data(address));
            }
            Event::JobFailed { failure, .. } => {
                let is_named = name.as_deref().is_some_and(|name| failure.headline.contains(name));
                output.failure(name.as_deref().filter(|_| !is_named), failure);
            }
            Event::Noticed { failure } => output.failure(None, failure),
            Event::JobRetryPlanned { retry, .. } if retry.waits_for_keys => {
                output.failure(name.as_deref(), &retry.failure);
            }
            _ => {}
        }
    }
}

/// Where the stream begins: a URL for each bucket, else the multivariant playlist on this machine; or the file that was
/// made, or the folder of the pictures.
fn addresses(report: &Report) -> Vec<String> {
    let urls: Vec<String> = report.published.iter().filter_map(|place| place.urls.first().cloned()).collect();
    if !urls.is_empty() {
        return urls;
    }
    let playlist_or_file = report.multivariant_playlist.as_ref().or(report.file.as_ref());
    let folder = report.folder.as_ref().filter(|_| report.renditions.is_empty());
    let local = || playlist_or_file.or(folder).map(|path| path.display().to_string());
    report.urls.first().cloned().or_else(local).into_iter().collect()
}

fn bar_style() -> ProgressStyle {
    // A test reads the template; the plain bar would be a defect but no disaster.
    ProgressStyle::with_template(BAR_TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

fn stage_line(progress: &Progress) -> String {
    let stage = progress.working_label();
    if progress.stage == Stage::Encode && progress.rendition_count > 0 && !progress.is_copying {
        let renditions = format::count(progress.rendition_count as u64, "rendition", "renditions");
        format!("{stage} {renditions}")
    } else {
        stage.to_owned()
    }
}

fn progress_line(progress: &Progress) -> String {
    let mut parts = vec![progress.working_label().to_owned()];
    if let Some(shortage) = &progress.disk_shortage {
        parts.push(format!("{shortage}, goes on by itself"));
    }
    if let Some(interruption) = &progress.upload_interruption {
        parts.push(format!("{interruption}, goes on by itself"));
    }
    if progress.stage == Stage::Publish {
        parts.push(format!("{} of {} files", progress.published_files, progress.finished_files));
        parts.extend(progress.upload_bytes_per_second.map(format::bytes_per_second));
    } else {
        parts.extend(progress.frames_per_second.map(|rate| format!("{rate:.0} fps")));
        parts.extend(progress.speed.map(|speed| format!("{speed:.1}×")));
    }
    parts.extend(format::time_left(progress.time_left));
    parts.join("  ")
}

fn schedule_line(schedule: &Schedule) -> String {
    match schedule.start_at {
        Some(at) => format!("starts at {}", schedule::short_time(at, &jiff::Zoned::now())),
        None => "waiting".to_owned(),
    }
}

fn retry_line(retry: &PlannedRetry) -> String {
    if retry.waits_for_keys {
        return format!("{}, waits until they are given", retry.failure.headline);
    }
    format!("{}, begins again soon (try {} of {MOST_RETRIES})", retry.failure.headline, retry.number)
}

fn done_line(report: &Report) -> String {
    let pictures = report.renditions.iter().filter(|rendition| rendition.size.is_some()).count();
    if report.file.is_some() {
        let (size, time) = (format::bytes(report.total_bytes), format::elapsed(report.wall_time));
        return format!("done: {size} in {time}");
    }
    let renditions = match pictures {
        0 if report.renditions.is_empty() => format::count(report.files.len() as u64, "file", "files"),
        0 => "sound alone".to_owned(),
        count => format::count(count as u64, "rendition", "renditions"),
    };
    let (size, time) = (format::bytes(report.total_bytes), format::elapsed(report.wall_time));
    format!("done: {renditions}, {size} in {time}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bar_tells_what_matters_in_each_stage() {
        let mut progress = Progress {
            stage: Stage::Encode,
            rendition_count: 4,
            frames_per_second: Some(61.6),
            speed: Some(2.46),
            time_left: Some(Duration::from_secs(72)),
            published_files: 3,
            finished_files: 8,
            ..Progress::default()
        };
        assert_eq!(progress_line(&progress), "Encoding  62 fps  2.5×  00:01:12 left");
        progress.time_left = Some(Duration::from_millis(300));
        assert_eq!(progress_line(&progress), "Encoding  62 fps  2.5×");
        assert_eq!(stage_line(&progress), "Encoding 4 renditions");
        progress.is_copying = true;
        assert_eq!(stage_line(&progress), "Copying");
        progress.time_left = Some(Duration::from_secs(72));
        progress.stage = Stage::Publish;
        assert_eq!(progress_line(&progress), "Publishing  3 of 8 files  00:01:12 left");
    }

    #[test]
    fn without_a_bar_each_wait_is_told_once() {
        let (mut waits, id) = (Waits::default(), JobId::generate());
        let short = |free: &str| {
            let shortage = Some(format!("Waiting for room in /out: {free} are free, 2 MB are needed"));
            Progress { disk_shortage: shortage, ..Progress::default() }
        };
        assert!(waits.news(id, &Progress::default()).is_empty());
        let told = "Waiting for room in /out: 1 MB are free, 2 MB are needed; goes on by itself";
        assert_eq!(waits.news(id, &short("1 MB")), [told]);
        assert!(waits.news(id, &short("500 kB")).is_empty());
        assert_eq!(waits.news(id, &Progress::default()), ["There is room again, goes on"]);
        assert!(waits.news(id, &Progress::default()).is_empty());
        assert_eq!(waits.news(id, &short("1 MB")), [told], "a second wait is news");
        let lost = Progress { upload_interruption: Some("The store is away".to_owned()), ..Progress::default() };
        let other = JobId::generate();
        assert_eq!(waits.news(other, &lost), ["The store is away; goes on by itself"]);
        assert!(waits.news(other, &lost).is_empty());
    }

    #[test]
    fn the_bar_has_a_style() {
        assert!(ProgressStyle::with_template(BAR_TEMPLATE).is_ok());
    }
}
