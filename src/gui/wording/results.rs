//! What a job makes: its renditions, where they lie and how far they have come.

use std::path::Path;

use crate::{
    engine::Job,
    format,
    job::JobState,
    media::AudioStream,
    pipeline::plan::{UNDETERMINED, language_tag},
    preset::BitRate,
};

/// One rendition in the table of the panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionRow {
    /// Name, such as `1080p` or `Sound`.
    pub name: String,
    /// Codec in the words of the field.
    pub codec: String,
    /// What was asked for; `None` of subtitles, whose text is as long as it is.
    pub target: Option<BitRate>,
    /// What came out so far.
    pub measured: Option<BitRate>,
    /// Bytes written so far.
    pub written: Option<u64>,
}

/// The renditions of a job: as planned, as far as they have come, or as reported. Empty before the plan is known.
pub fn rendition_rows(job: &Job) -> Vec<RenditionRow> {
    let planned_codec = |name: &str| {
        let plan = job.plan.as_ref()?;
        plan.renditions.iter().find(|rendition| rendition.name == name).map(|rendition| rendition.codec.clone())
    };
    if let JobState::Done { report } = &job.state {
        let rows = report.renditions.iter().map(|rendition| RenditionRow {
            name: rendition_name(job, &rendition.name),
            codec: planned_codec(&rendition.name).unwrap_or_else(|| rendition.codecs.clone()),
            target: Some(BitRate::from_bits(rendition.target_bps)),
            measured: Some(BitRate::from_bits(rendition.average_bps)),
            written: Some(rendition.bytes),
        });
        return rows.chain(subtitle_rows(job)).collect();
    }
    let Some(plan) = &job.plan else { return Vec::new() };
    let progress = job.progress().map(|progress| progress.renditions.as_slice()).unwrap_or_default();
    let rows = plan.renditions.iter().map(|rendition| {
        let so_far = progress.iter().find(|candidate| candidate.name == rendition.name);
        RenditionRow {
            name: rendition_name(job, &rendition.name),
            codec: rendition.codec.clone(),
            target: Some(rendition.target),
            measured: so_far.and_then(|so_far| so_far.measured_bps).map(BitRate::from_bits),
            written: so_far.map(|so_far| so_far.bytes).filter(|bytes| *bytes > 0),
        }
    });
    rows.chain(subtitle_rows(job)).collect()
}

fn subtitle_rows(job: &Job) -> impl Iterator<Item = RenditionRow> {
    let tracks = job.plan.iter().flat_map(|plan| &plan.subtitles);
    tracks.map(|name| RenditionRow {
        name: rendition_name(job, name),
        codec: "WebVTT".to_owned(),
        target: None,
        measured: None,
        written: None,
    })
}

/// A rendition in the words of people: `audio-de` is `Sound de`. The folder of the default track tells no language, which its
/// source does.
fn rendition_name(job: &Job, name: &str) -> String {
    let (word, rest) = match (name.strip_prefix("audio"), name.strip_prefix("subtitles")) {
        (Some(rest), _) => ("Sound", rest),
        (_, Some(rest)) => ("Subtitles", rest),
        _ if name == "picture" => return "Picture".to_owned(),
        _ if name == "sound" => return "Sound".to_owned(),
        _ => return name.to_owned(),
    };
    let parts = rest.split('-').filter(|part| !part.is_empty() && *part != UNDETERMINED);
    let is_default = matches!(name, "audio" | "audio-opus" | "audio-surround");
    let language = is_default.then(|| default_language(job)).flatten();
    let parts = std::iter::once(word).chain(parts).chain(language.as_deref());
    parts.collect::<Vec<_>>().join(" ")
}

/// The language of the sound that plays when nobody chooses, where the source tells it.
fn default_language(job: &Job) -> Option<String> {
    let source = job.source.as_ref()?;
    let can_be_read = |track: &&AudioStream| track.channels.is_some();
    let main = source.main_audio().filter(can_be_read).or_else(|| source.audio.iter().find(can_be_read))?;
    Some(language_tag(main.language.as_deref()?)).filter(|language| language != UNDETERMINED)
}

/// `Now, 00:26:08 of 00:42:10`, or nothing while it can't be played.
pub fn playable(job: &Job) -> Option<String> {
    match &job.state {
        JobState::Running { progress, .. } => {
            let now = format!("Now, {}", format::clock(progress.playable?));
            Some(match progress.source_duration {
                Some(whole) => format!("{now} of {}", format::clock(whole)),
                None => now,
            })
        }
        JobState::Done { report } if report.file.is_none() => {
            Some(format!("Whole, {}", format::clock(report.duration)))
        }
        _ => None,
    }
}

/// `261 of 264 finished files`; nothing for a stream that stays in a folder.
pub fn published(job: &Job) -> Option<String> {
    match (&job.state, &job.spec.destination) {
        (JobState::Running { progress, .. }, crate::job::Destination::S3 { .. }) => Some(format!(
            "{} of {}",
            progress.published_files,
            format::count(progress.finished_files, "finished file", "finished files")
        )),
        (JobState::Done { report }, _) if !report.urls.is_empty() => {
            Some(format::count(report.files.len() as u64, "file", "files"))
        }
        _ => None,
    }
}

/// The URLs of the multivariant playlist in all buckets, a line each; nothing before they are published.
pub fn published_urls(job: &Job) -> Option<String> {
    let JobState::Done { report } = &job.state else { return None };
    let each = report.published.iter().filter_map(|stream| stream.urls.first().cloned());
    let all: Vec<String> =
        if report.published.is_empty() { report.urls.iter().take(1).cloned().collect() } else { each.collect() };
    (!all.is_empty()).then(|| all.join("\n"))
}

/// The URL of the multivariant playlist in the first bucket, once it is published.
pub fn published_url(job: &Job) -> Option<&str> {
    match &job.state {
        JobState::Done { report } => report.urls.first().map(String::as_str),
        _ => None,
    }
}

/// A term and its value for each bucket of a job: how far it is, or where its stream begins there. Empty for a job with
/// only one.
pub fn uploads(job: &Job) -> Vec<(&'static str, String)> {
    match &job.state {
        JobState::Running { progress, .. } => {
            let line = |upload: &crate::job::UploadProgress| match (&upload.trouble, upload.is_whole) {
                (_, true) => "Whole".to_owned(),
                (Some(trouble), _) => trouble.clone(),
                (None, false) => format::count(upload.published_files, "file", "files"),
            };
            progress
                .uploads
                .iter()
                .map(|upload| ("Goes to", format!("{}: {}", upload.destination, line(upload))))
                .collect()
        }
        JobState::Done { report } if report.published.len() > 1 => {
            let address = |stream: &crate::job::PublishedStream| {
                ("URL", stream.urls.first().unwrap_or(&stream.destination).clone())
            };
            report.published.iter().map(address).collect()
        }
        _ => Vec::new(),
    }
}

/// The folder of the job's stream on this machine, once something lies there.
pub fn stream_folder(job: &Job) -> Option<&Path> {
    match &job.state {
        JobState::Done { report } => report.folder.as_deref(),
        JobState::Running { progress, .. } if progress.finished_files > 0 || progress.playable.is_some() => {
            job.plan.as_ref().map(|plan| plan.folder.as_path())
        }
        _ => None,
    }
}

/// Whether the job's stream can be played from this machine.
pub fn can_preview(job: &Job) -> bool {
    match &job.state {
        // What is dropped while it is made can't be played from here.
        JobState::Running { progress, .. } => progress.playable.is_some() && !job.spec.destination.drops_published(),
        JobState::Done { report } => report.multivariant_playlist.is_some(),
        _ => false,
    }
}
