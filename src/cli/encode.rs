//! `reelpress encode`: a front of the engine for one call.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, select_biased};
use jiff::Timestamp;

use super::{
    Context, EncodeArguments, EncodeCallArguments, Outcome, bad_usage, credentials, destination, discard,
    reporter::{Reporter, reporter},
};
use crate::{
    engine::{Command, Engine, EngineConfig, EngineHandle, Event, QueueEntry, QueueLife, Subscription, ToolStatus},
    failure::{Failure, FailureKind},
    job::{Destination, JobId, JobKind, JobSpec, Schedule},
    pipeline::intake,
    preset::{KeyframeInterval, Preset, PresetChanges, PresetContradiction, SurroundChoice, built_in_presets},
    settings::Settings,
    tools::{cancel::CancelToken, steps_up::without_steps_up},
};

/// Time that the engine has to clean up after its last job.
const STOP_LIMIT: Duration = Duration::from_secs(15);

const ENCODE_HELP: &str = "“reelpress encode --help” tells what can be asked";

/// Encodes what was asked and waits until every job is at rest.
pub(super) fn run(context: &Context, arguments: &EncodeCallArguments, interrupt: &CancelToken) -> Outcome {
    match plan(context, &arguments.encode, interrupt) {
        _ if interrupt.is_cancelled() => Outcome::Interrupted,
        Ok(mut call) => {
            if let Some(jobs) = arguments.jobs {
                jobs.apply(&mut call.settings);
            }
            if arguments.fresh {
                call.queue = QueueLife::ThisRunAfresh;
            }
            if arguments.discard { discard::run(context, &call, interrupt) } else { call.run(context, interrupt) }
        }
        Err(failure) => {
            context.output.failure(None, &failure);
            Outcome::BadUsage
        }
    }
}

/// What encodes these files and folders as the settings say, as the window does.
pub(super) fn as_set(files: &[PathBuf]) -> EncodeArguments {
    EncodeArguments {
        files: files.to_vec(),
        preset: None,
        out: Vec::new(),
        s3: super::args::S3Arguments::default(),
        keep: None,
        drop_published: false,
        thumbnail_times: None,
        outputs: super::args::OutputArguments::default(),
        join: false,
        encryption: super::args::EncryptionArguments::default(),
        layout: super::args::LayoutArguments::default(),
        audio_codec: None,
        surround: None,
        on_damage: None,
        interlaced: None,
        video: super::VideoArguments::default(),
        operations: super::OperationArguments::default(),
        size: None,
        start_at: None,
        json: false,
    }
}

/// The same, when there is no job in it that nobody could do.
pub(super) fn checked(call: Call, help: &str) -> Result<Call, Failure> {
    match call.jobs.iter().find_map(|job| job.spec.check().err()) {
        Some(problem) => Err(bad_usage(format!("This can't be asked for: {problem}"), help)),
        None => Ok(call),
    }
}

/// What one call asks of the engine.
pub(super) struct Call {
    /// The jobs, each of one file.
    pub(super) jobs: Vec<QueueEntry>,
    /// What was named and gives no job.
    pub(super) without_job: Vec<Failure>,
    pub(super) settings: Settings,
    pub(super) queue: QueueLife,
    pub(super) json: bool,
}

/// What the arguments ask for.
pub(super) fn plan(context: &Context, arguments: &EncodeArguments, interrupt: &CancelToken) -> Result<Call, Failure> {
    let settings = context.settings.clone();
    let mut preset = changed_preset(arguments, &settings)?;
    let mut operations = arguments.operations.operations().map_err(|reason| bad_usage(reason, ENCODE_HELP))?;
    operations.short_side = arguments.size;
    if arguments.outputs.dense_iframes {
        preset.keyframes = KeyframeInterval::OneSecond;
    }
    let destination = destination(context, arguments)?;
    let thumbnails = arguments.thumbnail_times.clone().unwrap_or_default();
    let mut outputs = arguments.outputs.resolve(&settings.outputs);
    if let Some(encryption) = arguments.encryption.resolve().map_err(|reason| bad_usage(reason, ENCODE_HELP))? {
        outputs.encryption = Some(encryption);
    }
    let layout =
        arguments.layout.resolve(&settings.layout).map_err(|error| bad_usage(error.to_string(), error.hint()))?;
    let spec = |source| JobSpec {
        thumbnails: thumbnails.clone(),
        outputs: outputs.clone(),
        operations: operations.clone(),
        layout: layout.clone(),
        ..JobSpec::stream(source, preset.clone(), destination.clone())
    };
    let queue = QueueLife::ThisRun;
    let schedule = Schedule { start_at: arguments.start_at, ..Schedule::default() };
    let (mut specs, mut without_job) = (Vec::new(), Vec::new());
    if arguments.join {
        let jobs = vec![QueueEntry { spec: joined(arguments, &spec)?, schedule }];
        return checked(Call { jobs, without_job, settings, queue, json: arguments.json }, ENCODE_HELP);
    }
    for file in &arguments.files {
        let file = absolute(file);
        if file.is_dir() {
            match intake::videos_in(&file, interrupt) {
                Ok(videos) => specs.extend(videos.into_iter().map(&spec)),
                Err(error) => without_job.push(error.into_failure()),
            }
        } else {
            // A file that is not there becomes a job that says so.
            specs.push(spec(file));
        }
    }
    // Where a name is mistyped, that is told before the hours of the others.
    specs.sort_by_key(|spec| spec.source.try_exists().unwrap_or(true));
    let jobs = specs.into_iter().map(|spec| QueueEntry { spec, schedule }).collect();
    checked(Call { jobs, without_job, settings, queue, json: arguments.json }, ENCODE_HELP)
}

/// The preset with all that flags change of it; what is set in the window goes with the preset that is set there.
fn changed_preset(arguments: &EncodeArguments, settings: &Settings) -> Result<Preset, Failure> {
    let contradicts = |problem: PresetContradiction| {
        let PresetContradiction::QualityWithBitRate = problem else {
            return bad_usage(problem.to_string(), problem.hint());
        };
        bad_usage("--crf goes only with --rate-control capped-crf or crf", ENCODE_HELP)
    };
    let base = match &arguments.preset {
        Some(name) => preset(name)?,
        None => settings.preset_changes.apply(&preset(&settings.preset)?).map_err(contradicts)?,
    };
    let changes = PresetChanges {
        // What is set for the sound holds for every preset.
        stereo: arguments.audio_codec.map(|codecs| codecs.0).or(settings.preset_changes.stereo),
        surround: arguments.surround.map(|codec| SurroundChoice::In(codec.into())),
        on_damage: arguments.on_damage.map(Into::into),
        interlaced: arguments.interlaced.map(Into::into),
        ..arguments.video.changes()
    };
    changes.apply(&base).map_err(contradicts)
}

/// One job of all files.
fn joined(arguments: &EncodeArguments, spec: &dyn Fn(PathBuf) -> JobSpec) -> Result<JobSpec, Failure> {
    let files: Vec<PathBuf> = arguments.files.iter().map(|file| absolute(file)).collect();
    if let Some(folder) = files.iter().find(|file| file.is_dir()) {
        let headline = format!("{} is a folder, which can't be joined", folder.display());
        return Err(bad_usage(headline, "Name the files in it in their order"));
    }
    match files.as_slice() {
        [first, joined @ ..] if !joined.is_empty() => Ok(JobSpec { joined: joined.to_vec(), ..spec(first.clone()) }),
        _ => Err(bad_usage("One file is nothing to join", "Name the files in their order, or leave --join out")),
    }
}

fn preset(name: &str) -> Result<Preset, Failure> {
    let presets = built_in_presets();
    let is_meant = |preset: &&Preset| preset.id == name || preset.name.eq_ignore_ascii_case(name);
    presets.iter().find(is_meant).cloned().ok_or_else(|| {
        let ids: Vec<&str> = presets.iter().map(|preset| preset.id.as_str()).collect();
        bad_usage(format!("There is no preset “{name}”"), format!("Choose one of {}", ids.join(", ")))
    })
}

fn destination(context: &Context, arguments: &EncodeArguments) -> Result<Destination, Failure> {
    let keep = arguments.keep.as_deref().map(absolute);
    let asked = destination::destination(&arguments.out, keep, &arguments.s3, &|| context.folders.streams())?;
    let place = asked.unwrap_or_else(|| context.settings.destination());
    if arguments.drop_published { destination::dropping(place, !arguments.out.is_empty()) } else { Ok(place) }
}

/// The engine's threads and reports know no current folder, and what was interrupted is known by the path of its source.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| without_steps_up(&path))
}

impl Call {
    /// Runs its jobs and waits until every one is at rest.
    pub(super) fn run(self, context: &Context, interrupt: &CancelToken) -> Outcome {
        let mut reporter = reporter(&context.output, self.json, true);
        let mut outcome = Outcome::AllDone;
        for failure in self.without_job {
            outcome = outcome.max(Outcome::of(&failure));
            reporter.event(&Event::Noticed { failure }, None);
        }
        if self.jobs.is_empty() {
            return outcome;
        }
        credentials::ask_for_missing(context, self.jobs.iter().flat_map(|job| job.spec.destination.buckets()));
        let config = EngineConfig { folders: context.folders.clone(), settings: self.settings, queue: self.queue };
        let engine = match Engine::start(config) {
            Ok(engine) => engine,
            Err(error) => {
                let hint = "Close other programs, then try again";
                context.output.failure(None, &Failure::new(FailureKind::Internal, error.to_string(), hint));
                return Outcome::SomeFailed;
            }
        };
        let mut front =
            Front { reporter, jobs: HashMap::new(), expected: self.jobs.len(), unusable_tools: None, outcome };
        front.run(&engine, self.jobs, interrupt);
        if front.outcome == Outcome::Interrupted {
            let hint = front.way_on();
            front.interrupted(hint);
            context.output.say_always(&format!("reelpress: interrupted; {hint}"));
        }
        front.outcome
    }
}

/// Follows the jobs of one call until all are at rest.
struct Front<'a> {
    reporter: Box<dyn Reporter + 'a>,
    jobs: HashMap<JobId, FollowedJob>,
    /// How many jobs the call has.
    expected: usize,
    /// Why no job can run.
    unusable_tools: Option<Failure>,
    outcome: Outcome,
}

struct FollowedJob {
    spec: JobSpec,
    is_at_rest: bool,
    /// It was told that the program ended first.
    is_interrupted: bool,
}

impl Front<'_> {
    fn run(&mut self, engine: &EngineHandle, jobs: Vec<QueueEntry>, interrupt: &CancelToken) {
        let Subscription { base, events } = engine.subscribe();
        // Bound 1: an interrupt is told once.
        let (interrupted, interrupts) = crossbeam_channel::bounded(1);
        interrupt.on_cancel(move || {
            let _ = interrupted.try_send(());
        });
        let mut never = crossbeam_channel::never();
        let mut interrupts = &interrupts;
        self.note_tools(&base.tools);
        let mut engine_runs = engine.send(Command::Enqueue { jobs }).is_ok();
        while engine_runs && !self.all_at_rest() {
            select_biased! {
                recv(interrupts) -> _ => {
                    interrupts = &mut never;
                    let _ = engine.send(Command::Stop);
                }
                recv(events) -> event => match event {
                    Ok(Event::Stopped) | Err(_) => engine_runs = false,
                    Ok(event) => self.event(&event),
                },
            }
        }
        if !self.all_at_rest() {
            let why = if interrupt.is_cancelled() { Outcome::Interrupted } else { Outcome::SomeFailed };
            self.outcome = self.outcome.max(why);
        }
        let _ = engine.send(Command::Stop);
        wait_for_stop(&events, &mut |_| {});
    }

    /// Tells how each job that is not at rest has ended, and how to go on.
    fn interrupted(&mut self, hint: &str) {
        for (id, job) in self.jobs.iter().filter(|(_, job)| !job.is_at_rest && !job.is_interrupted) {
            let interrupted = Event::JobInterrupted { id: *id, reached: Duration::ZERO, folder: None, is_held: false };
            self.reporter.event(&interrupted, Some(&job.spec));
        }
        self.reporter.interrupted(hint);
    }

    /// How an interrupted call goes on: of a stream its finished segments stay, of one file nothing can be used.
    fn way_on(&self) -> &'static str {
        let stays = |job: &FollowedJob| !job.is_at_rest && job.spec.kind == JobKind::Stream;
        match self.jobs.values().any(stays) {
            true => "the same command goes on where it was; with --discard it removes what is there",
            false => "the same command begins again",
        }
    }

    fn all_at_rest(&self) -> bool {
        self.jobs.len() == self.expected && self.jobs.values().all(|job| job.is_at_rest)
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::JobAdded { id, spec, .. } => {
                self.jobs.insert(*id, FollowedJob { spec: (**spec).clone(), is_at_rest: false, is_interrupted: false });
            }
            Event::JobFinished { id, .. } | Event::JobCancelled { id, .. } => self.rest(*id),
            Event::JobInterrupted { id, .. } => {
                if let Some(job) = self.jobs.get_mut(id) {
                    job.is_interrupted = true;
                }
            }
            Event::JobFailed { id, failure, .. } => {
                self.outcome = self.outcome.max(Outcome::of(failure));
                self.rest(*id);
            }
            Event::Noticed { failure } => self.outcome = self.outcome.max(Outcome::of(failure)),
            Event::ToolsChecked { status } => self.note_tools(status),
            _ => {}
        }
        let spec = event.job().and_then(|id| self.jobs.get(&id)).map(|job| &job.spec);
        self.reporter.event(event, spec);
        self.fail_without_tools();
    }

    fn rest(&mut self, id: JobId) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.is_at_rest = true;
        }
    }

    fn note_tools(&mut self, status: &ToolStatus) {
        if let ToolStatus::Unusable { failure } = status {
            self.unusable_tools = Some(failure.clone());
        }
    }

    /// The engine keeps jobs waiting until the tools are there; a call in the terminal says what is missing and ends.
    fn fail_without_tools(&mut self) {
        let Some(failure) = self.unusable_tools.as_ref().filter(|_| self.jobs.len() == self.expected) else { return };
        let at = Timestamp::now();
        for (id, job) in self.jobs.iter_mut().filter(|(_, job)| !job.is_at_rest) {
            job.is_at_rest = true;
            self.outcome = self.outcome.max(Outcome::of(failure));
            self.reporter.event(&Event::JobFailed { id: *id, failure: failure.clone(), at }, Some(&job.spec));
        }
    }
}

/// Children end and temporary files go before the program does. What comes meanwhile is told.
pub(super) fn wait_for_stop(events: &Receiver<Event>, told: &mut dyn FnMut(&Event)) {
    let deadline = std::time::Instant::now() + STOP_LIMIT;
    loop {
        match events.recv_deadline(deadline) {
            Ok(Event::Stopped) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(event) => told(&event),
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!("the engine did not end in time");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::{Crf, EncoderSpeed, RateControl};

    #[test]
    fn what_the_window_changes_goes_with_its_own_preset_and_flags_come_after() {
        let changes = PresetChanges { speed: Some(EncoderSpeed::Slow), crf: Crf::new(20), ..PresetChanges::default() };
        let settings = Settings { preset_changes: changes, ..Settings::default() };
        let mut arguments = as_set(&[]);
        let set = changed_preset(&arguments, &settings).unwrap();
        let capped = |crf| RateControl::CappedCrf { crf: Crf::new(crf).unwrap() };
        assert_eq!((set.encoder_speed, set.video.rate_control), (EncoderSpeed::Slow, capped(20)));
        arguments.video.crf = Some(30);
        let flagged = changed_preset(&arguments, &settings).unwrap();
        assert_eq!((flagged.encoder_speed, flagged.video.rate_control), (EncoderSpeed::Slow, capped(30)));
        arguments.preset = Some("quick".to_owned());
        assert_eq!(changed_preset(&arguments, &settings).unwrap().encoder_speed, EncoderSpeed::Medium);
    }
}
