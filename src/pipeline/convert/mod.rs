//! Makes one file of a source: copied where the container holds what is there, encoded where it does not, or where
//! something is to be changed. The order is that of a stream: probe, plan, ffmpeg, verify, and a name at the end.

mod argv;
mod beside;
mod changes;
mod container;
mod cut;
mod full_disk;
mod joined;
mod language;
mod output;
mod plan;
mod request;
mod sound;
mod teller;
mod verify;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use argv::Places;
use output::OutputFile;
use plan::ConvertPlan;
use teller::{Run, Teller};
use verify::Measured;

use super::{
    JobRequest, Notice, Observer,
    encode::{
        self, EncodeError, EncodeSession, Told,
        following::{Following, remove_even_sound},
        format_change::Opening,
    },
    package::write_failure,
    plan::{Findings, JoinPlan},
    prepare,
    source_damage::weigh_damage,
    source_length::{KnownSources, check_made},
    unfinished::SourceIdentity,
    work_folder::note_hidden_folder,
};
use crate::{
    failure::{Failure, FailureKind},
    format,
    job::{Conversion, FileReport, RenditionReport, Report, Stage, StreamTreatment, Trim},
    media::SourceMedia,
};

/// How often a file is made again that missed the size it was to have.
const SIZE_TRIES: usize = 3;
/// What a file may be smaller than the size that was asked for.
const SMALLEST_PART: f64 = 0.92;
/// What is aimed at when a file missed its size.
const AIMED_PART: f64 = 0.97;

/// Makes a file from its source to its report.
///
/// # Errors
/// The failure of the first stage that fails. Then nothing is left under a final name.
pub(super) fn run(
    request: &JobRequest,
    conversion: &Conversion,
    work_folder: &Path,
    observer: &dyn Observer,
) -> Result<Report, Failure> {
    let started = Instant::now();
    let sources = KnownSources::of(&request.spec);
    request.spec.check().map_err(|problem| problem.into_failure().at(Stage::Probe))?;
    let (source, join) = prepare::read_sources(request).map_err(|failure| failure.at(Stage::Probe))?;
    observer.notice(Notice::SourceProbed(Box::new(source.clone())));
    let job = Job { request, observer, source: &source, join: join.as_ref(), work_folder };
    let made = job.make_in_some_way(conversion);
    let made = made.map_err(|unmade| sources.with_cause(unmade.failure, &request.cancel))?;
    let Made { file, plan, measured, mut warnings, notes } = made;
    sources.are_unchanged(&warnings)?;
    warnings.extend(check_length(request, &plan, &measured, sources.first())?);
    let file = file.finish().map_err(|failure| failure.at(Stage::Package))?;
    let mut report = report(&plan, &measured, file);
    report.warnings = warnings;
    report.notes = notes;
    report.wall_time = request.pause.worked_since(started);
    report.speed = report.overall_speed();
    Ok(report)
}

/// What a conversion works with.
struct Job<'a> {
    request: &'a JobRequest,
    observer: &'a dyn Observer,
    source: &'a SourceMedia,
    join: Option<&'a JoinPlan>,
    work_folder: &'a Path,
}

/// A file that is finished but for its name.
struct Made {
    file: OutputFile,
    plan: ConvertPlan,
    measured: Measured,
    warnings: Vec<String>,
    notes: Vec<String>,
}

/// Why there is none.
struct Unmade {
    failure: Failure,
    /// Something was copied, which may be the reason.
    copied: bool,
    /// With what is known of changes of format now, there can be one.
    following: Option<Following>,
}

impl From<Failure> for Unmade {
    fn from(failure: Failure) -> Self {
        Self { failure, copied: false, following: None }
    }
}

impl Job<'_> {
    /// Makes it as it was asked for: anew where the source turns out to change its format, and encoded where it can't be
    /// copied.
    fn make_in_some_way(&self, conversion: &Conversion) -> Result<Made, Unmade> {
        let mut conversion = conversion.clone();
        let mut following = Following::default();
        let mut warnings = Vec::new();
        loop {
            let unmade = match self.make(&conversion, &following) {
                Err(unmade) if !self.request.cancel.is_cancelled() => unmade,
                made => {
                    return made.map(|mut made| {
                        made.warnings.append(&mut warnings);
                        made
                    });
                }
            };
            let log = |what: &str| self.observer.notice(Notice::Logged(format!("{}: {what}", unmade.failure.headline)));
            if let Some(further) = unmade.following {
                log("it is made again");
                following = further;
            } else if unmade.copied && conversion.streams == StreamTreatment::Automatic {
                log("all is encoded");
                conversion.streams = StreamTreatment::Encode;
                warnings.push("The source could not be copied as it is: it was encoded".to_owned());
            } else {
                return Err(unmade);
            }
        }
    }

    fn make(&self, conversion: &Conversion, following: &Following) -> Result<Made, Unmade> {
        let Self { request, observer, source, join, work_folder } = *self;
        let may_copy = conversion.streams != StreamTreatment::Encode;
        let alike_picture = join.filter(|_| may_copy).and_then(|join| joined::alike_picture(request, join));
        let changing_streams = following.changing_streams();
        let resolve = |findings: &Findings| {
            let (alike_picture, changing_streams) = (alike_picture.clone(), changing_streams.clone());
            let findings = Findings { alike_picture, changing_streams, ..findings.clone() };
            ConvertPlan::resolve(&request.spec, conversion, source, &findings)
        };
        let mut plan = prepare::plan_with((request, source, join), observer, &resolve, |plan| plan.encode.as_mut())
            .map_err(|failure| failure.at(Stage::Probe))?;
        check_encoders(request, &plan)?;
        let is_cut = plan.encode.is_none() && plan.trim != Trim::default();
        if is_cut {
            cut::begin_at_keyframe(&mut plan, source, &request.toolbox, &request.cancel)
                .map_err(|failure| failure.at(Stage::Probe))?;
        }
        if following.is_empty() && join.is_none() && changes::is_possible(&source.container) {
            let changes = self.changes_of_copied(&plan).map_err(|failure| failure.at(Stage::Probe))?;
            if let Some(first) = changes.first() {
                let failure = changes::cannot_be_copied(first, &request.spec.source_name());
                let encodes = conversion.streams != StreamTreatment::Copy;
                let following = encodes.then(|| Following::of(changes));
                return Err(Unmade { failure, copied: false, following });
            }
        }
        self.take_out(&mut plan)?;
        let file =
            OutputFile::begin(request.id, &request.spec, conversion).map_err(|failure| failure.at(Stage::Package))?;
        note_hidden_folder(work_folder, file.hidden_folder()).map_err(|failure| failure.at(Stage::Package))?;
        observer.notice(Notice::Planned(Box::new(plan.summary(file.folder().to_owned()))));
        let copied = plan.copies();
        let made = self.encode(&mut plan, &file, following);
        let (measured, told) = made.map_err(|unmade| Unmade { copied, ..unmade })?;
        let mut warnings = plan.warnings.clone();
        warnings.extend(told);
        let encoded = plan.encode.as_ref().filter(|_| matches!(plan.picture, Some(plan::PlannedPicture::Encoded(_))));
        let mut notes = Vec::from_iter(encoded.and_then(|encode| encode.why_software.clone()));
        if is_cut {
            let asked = request.spec.operations.trim.start.unwrap_or_default();
            warnings.push(cut::said_of(&plan, asked, measured.duration()));
        } else if copied {
            notes.push(said_of_copies(&plan));
            let has_other_sound = plan.sound.iter().any(|track| !track.is_copied());
            notes.extend((has_other_sound && !request.spec.joined.is_empty()).then(|| JOINED_SOUND.to_owned()));
        }
        Ok(Made { file, plan, measured, warnings, notes })
    }

    /// Writes the file, once more where it missed its size, and measures it.
    fn encode(
        &self,
        plan: &mut ConvertPlan,
        file: &OutputFile,
        following: &Following,
    ) -> Result<(Measured, Vec<String>), Unmade> {
        let request = self.request;
        let teller = Teller::new(self.observer, plan, &request.pause);
        let session = EncodeSession { cancel: &request.cancel, pause: &request.pause, listener: &teller };
        let notes = self.work_folder.join("notes");
        let places = Places { work_folder: self.work_folder, file: file.unfinished(), notes: &notes };
        if !plan.copied_parts.is_empty() {
            let path = self.work_folder.join(argv::PARTS);
            std::fs::write(&path, joined::list(&plan.copied_parts)).map_err(|error| write_failure(&path, &error))?;
        }
        let name = request.spec.source_name();
        let progressed = |told: &_| teller.progressed(told);
        let (mut following, mut all_told) =
            (following.clone(), self.follow(plan, following, (file, &session, &teller))?);
        let opening = plan.encode.as_ref().map(Opening::of).unwrap_or_default();
        if let Some(arguments) = argv::first_pass_arguments(plan, places) {
            teller.begin(Run::FirstPass);
            encode::run_alone((&request.toolbox, arguments), &session, &progressed, opening)
                .map_err(|error| self.unmade(error, (plan, &following), file))?;
        }
        let mut told = Told::default();
        for number in 1..=SIZE_TRIES {
            teller.begin(Run::Main);
            let arguments = argv::arguments(plan, places);
            let run = self.run_into(file, (&arguments, opening), &session, &teller)?;
            told = run.map_err(|error| self.unmade(error, (plan, &following), file))?;
            if !self.missed_size(plan, file, number)? {
                break;
            }
        }
        all_told = told.after(all_told);
        following.learn(&all_told, plan.encode.as_ref());
        plan.encode.as_ref().into_iter().for_each(remove_even_sound);
        let mut warnings = following.warnings(request.spec.operations.trim);
        warnings.extend(weigh_damage(&all_told.damage, request)?);
        let written = std::fs::read_to_string(&notes).ok().and_then(|notes| verify::frames_in(&notes));
        teller.begin(Run::Check);
        let measured = verify::measure(plan, file.unfinished(), &request.toolbox, &request.cancel)?;
        let run = (&request.toolbox, argv::decode_arguments(plan, places));
        let decoded = encode::run_alone(run, &session, &progressed, Opening::default());
        let bad = decoded.map_err(|error| match error {
            EncodeError::Cancelled => failure_of(error, &name, file.unfinished()).at(Stage::Encode),
            EncodeError::FormatChanges(change) => changes::cannot_be_copied(&change, &name),
            other => verify::wrong("it can't be decoded", &other.into_failure(&name).detail),
        })?;
        let bad = bad.damage;
        if let Some(described) = bad.description() {
            if !plan.copies() {
                return Err(verify::wrong("it can't be decoded", &described).into());
            }
            let warning = weigh_damage(&bad, request)?;
            warnings.extend(warning.filter(|_| all_told.damage.description().is_none()));
            return Ok((measured, warnings));
        }
        let seen = std::fs::read_to_string(&notes).ok().and_then(|notes| verify::frames_in(&notes));
        if plan.encoded_picture().is_some() && plan.format != crate::job::FileFormat::Gif && written != seen {
            let detail = format!("{written:?} pictures were encoded, {seen:?} are decoded");
            return Err(verify::wrong("not all of its pictures can be decoded", &detail).into());
        }
        Ok((measured, warnings))
    }

    /// Whether the file is to be made again with other bit rates, which are set then.
    fn missed_size(&self, plan: &mut ConvertPlan, file: &OutputFile, number: usize) -> Result<bool, Failure> {
        let Some(wanted) = self.request.spec.operations.target_size_bytes else { return Ok(false) };
        let bytes = std::fs::metadata(file.unfinished()).map_or(0, |facts| facts.len());
        let part = bytes as f64 / wanted as f64;
        let is_larger = bytes > wanted;
        let has_picture = plan.encoded_picture().is_some();
        let Some(encode) = plan.encode.as_mut() else { return Ok(false) };
        let may_grow = part < SMALLEST_PART && number == 1 && has_picture;
        if !is_larger && !may_grow {
            return Ok(false);
        }
        if number == SIZE_TRIES {
            let words = format!("The file can't be made as small as {}", format::bytes(wanted));
            let hint =
                format!("Give at least {}, a smaller picture (--size), or a part (--duration)", format::bytes(bytes));
            return Err(Failure::new(FailureKind::InvalidRequest, words, hint).at(Stage::Encode));
        }
        // What the picture did not need at this rate, it will not need at a higher one: it grows by a little at most.
        let factor = if is_larger { AIMED_PART / part } else { (AIMED_PART / part).min(1.5) };
        let rate_control = encode.rate_control;
        if has_picture {
            for picture in &mut encode.renditions {
                picture.set_bitrate(picture.bitrate.bits_per_second() as f64 * factor, rate_control);
            }
        } else {
            for audio in &mut encode.audio {
                let bits = audio.bitrate.bits_per_second() as f64 * factor;
                audio.bitrate = crate::preset::BitRate::from_bits(bits as u64);
            }
        }
        Ok(true)
    }
}

/// A full disk has its own words.
fn failure_of(error: EncodeError, source_name: &str, file: &Path) -> Failure {
    if let EncodeError::Failed { tail, .. } = &error
        && error.met_full_disk()
    {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        return write_failure(file, &full).with_detail(tail.join("\n"));
    }
    error.into_failure(source_name)
}

/// Every encoder that is needed is there.
fn check_encoders(request: &JobRequest, plan: &ConvertPlan) -> Result<(), Failure> {
    for track in plan.sound.iter() {
        let sound::PlannedSound::Encoded { codec, .. } = track else { continue };
        let (label, encoder) = container::sound_names(*codec);
        if !request.toolbox.encoders.contains(encoder) {
            let headline = format!("This ffmpeg can't encode {label}: it has no {encoder}");
            let hint = format!("Choose another codec than {label}, or use an ffmpeg with {encoder}, such as Debian's");
            return Err(Failure::new(FailureKind::ToolMissing, headline, hint).at(Stage::Probe));
        }
    }
    Ok(())
}

/// Each source's sound begins with what its encoder needs to start and ends at a packet's end, not at a picture's: copied, it
/// would be some 40 ms later after every join.
const JOINED_SOUND: &str = "The sound was encoded: packets of joined sources do not end where their pictures do";

/// What was copied, in one line.
fn said_of_copies(plan: &ConvertPlan) -> String {
    let picture = match &plan.picture {
        Some(plan::PlannedPicture::Copied(video)) => Some(format!("the picture ({})", video.codec)),
        _ => None,
    };
    let sound =
        plan.sound.iter().find(|track| track.is_copied()).map(|track| format!("the sound ({})", track.codec_name()));
    let copied: Vec<String> = picture.into_iter().chain(sound).collect();
    format!("Copied without encoding: {}", copied.join(" and "))
}

/// Compares the file's length with the source's: a warning when the source ended early, a failure when it was taken away
/// or changed meanwhile.
fn check_length(
    request: &JobRequest,
    plan: &ConvertPlan,
    measured: &Measured,
    identity: Option<&SourceIdentity>,
) -> Result<Option<String>, Failure> {
    let Some(expected) = plan.duration else { return Ok(None) };
    check_made((measured.duration(), expected), request, identity)
}

fn report(plan: &ConvertPlan, measured: &Measured, file: PathBuf) -> Report {
    let bytes = std::fs::metadata(&file).map_or(0, |facts| facts.len());
    let summary = plan.summary(PathBuf::new());
    let codecs = measured.media.video.iter().map(|video| video.codec.clone());
    let codecs = codecs.chain(measured.media.audio.iter().map(|track| track.codec.clone()));
    let streams = summary.renditions.into_iter().zip(codecs).zip(&measured.streams);
    let renditions = streams.map(|((planned, codecs), stream)| {
        let seconds = (stream.end - stream.start).max(f64::MIN_POSITIVE);
        let average_bps = (stream.bytes as f64 * 8.0 / seconds) as u64;
        RenditionReport {
            name: planned.name,
            codecs,
            size: planned.size,
            target_bps: planned.target.bits_per_second(),
            average_bps,
            peak_bps: average_bps,
            bytes: stream.bytes,
            segments: 0,
        }
    });
    let path = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Report {
        folder: file.parent().map(Path::to_owned),
        renditions: renditions.collect(),
        files: vec![FileReport { path, bytes }],
        duration: measured.duration(),
        total_bytes: bytes,
        file: Some(file),
        ..Report::default()
    }
}
