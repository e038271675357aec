//! Templates for the folder of a stream, such as `videos/{id}/hls`. Pure.
//!
//! A template is read into its parts once; what could leave the output folder, hide files or let two jobs or two
//! renditions meet is refused then, so that a [`FolderTemplate`] is always a good one.

mod names;
mod reading;

use jiff::{Timestamp, fmt::strtime, tz::TimeZone};
use serde::{Deserialize, Serialize};

pub use names::safe_name;

use crate::{
    failure::{Failure, FailureKind},
    media::PictureSize,
};

use names::{is_unreserved, is_unsafe, unreserved_name};
use reading::{parts, shown};

/// All placeholders, for people.
pub const PLACEHOLDERS: &str = "{id} {name} {preset} {date:%Y/%m} {user} {rung} {width} {height} {codec}";
/// What file systems take as one name.
const LONGEST_NAME_BYTES: usize = 255;
/// Keys in S3 have 1024 bytes; a prefix comes before the folder, names of files after it.
const LONGEST_PATH_BYTES: usize = 640;
const DEFAULT_DATE_FORMAT: &str = "%Y-%m-%d";

/// Why a template can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct TemplateError {
    /// What is wrong, in one sentence without a full stop.
    what: String,
    /// What to do.
    hint: String,
}

impl TemplateError {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    /// What to do about it.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// The failure as the user sees it.
    pub fn into_failure(self) -> Failure {
        Failure::new(FailureKind::InvalidRequest, self.what, self.hint)
    }
}

/// Stands for a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Placeholder {
    Id,
    Name,
    Preset,
    /// A format of `strftime` that has no slash.
    Date(String),
    User,
    Rung,
    Width,
    Height,
    Codec,
}

impl Placeholder {
    /// Whether its value differs between the renditions of a job.
    fn is_of_rendition(&self) -> bool {
        matches!(self, Self::Rung | Self::Width | Self::Height | Self::Codec)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Placeholder),
}

/// One folder name.
type Part = Vec<Piece>;

/// A template that was read: relative, inside of the output folder, different for each job and each rendition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FolderTemplate {
    text: String,
    /// Folders that hold the whole stream.
    stream: Vec<Part>,
    /// Folders in it that hold one rendition: from the first one on that has a placeholder of renditions.
    rendition: Vec<Part>,
}

/// What is put into a template for a job.
#[derive(Debug, Clone, Copy)]
pub struct JobValues<'a> {
    /// Its id as text.
    pub id: &'a str,
    /// Name of the source without its extension.
    pub name: &'a str,
    /// Id of the preset.
    pub preset: &'a str,
    /// When the job was made; told in UTC, so that a job means the same folder on every machine.
    pub made_at: Timestamp,
    /// Login name of whoever runs the program, if it is known.
    pub user: Option<&'a str>,
}

/// What is put into a template for a rendition.
#[derive(Debug, Clone, Copy)]
pub struct RenditionValues<'a> {
    /// Its name.
    pub rung: &'a str,
    /// Its codec: `h264`, `aac`, `webvtt`.
    pub codec: &'a str,
    /// Its picture; `None` for sound and subtitles.
    pub size: Option<PictureSize>,
}

impl std::str::FromStr for FolderTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = parts(text)?;
        let is_of_rendition =
            |part: &Part| part.iter().any(|piece| matches!(piece, Piece::Value(value) if value.is_of_rendition()));
        let first = parts.iter().position(is_of_rendition).unwrap_or(parts.len());
        let rendition = parts.split_off(first);
        let template = Self { text: text.to_owned(), stream: parts, rendition };
        template.check_meetings()?;
        template.check_uris()?;
        template.check_dates()?;
        Ok(template)
    }
}

impl TryFrom<String> for FolderTemplate {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FolderTemplate> for String {
    fn from(template: FolderTemplate) -> Self {
        template.text
    }
}

impl std::fmt::Display for FolderTemplate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FolderTemplate {
    /// Whether the folder of a stream tells its job for sure.
    pub fn tells_the_job(&self) -> bool {
        has(&self.stream, &Placeholder::Id)
    }

    /// The folder of a job's stream, relative to the output folder or the prefix in a bucket, with forward slashes.
    ///
    /// # Errors
    /// When a name gets too long, or the user's name is not known.
    pub fn stream_folder(&self, job: &JobValues<'_>) -> Result<String, TemplateError> {
        filled(&self.stream, |value| value_of_job(value, job))
    }

    /// The folder names of which [`stream_folder`](Self::stream_folder) is put together; `None` for those that differ
    /// between jobs that ask for the same.
    ///
    /// # Errors
    /// As that.
    pub fn stream_folder_names(&self, job: &JobValues<'_>) -> Result<Vec<Option<String>>, TemplateError> {
        let differs = |piece: &Piece| matches!(piece, Piece::Value(Placeholder::Id | Placeholder::Date(_)));
        let name = |part: &Part| {
            let same = !part.iter().any(differs);
            same.then(|| filled(std::slice::from_ref(part), |value| value_of_job(value, job))).transpose()
        };
        self.stream.iter().map(name).collect()
    }

    /// The folder of a rendition, relative to that of its stream; `None` when the template says nothing of it.
    ///
    /// # Errors
    /// When a name gets too long, or the user's name is not known.
    pub fn rendition_folder(
        &self,
        job: &JobValues<'_>,
        rendition: &RenditionValues<'_>,
    ) -> Result<Option<String>, TemplateError> {
        if self.rendition.is_empty() {
            return Ok(None);
        }
        let needs_picture = has(&self.rendition, &Placeholder::Width) || has(&self.rendition, &Placeholder::Height);
        if needs_picture && rendition.size.is_none() {
            return Ok(Some(unreserved_name(rendition.rung)));
        }
        filled(&self.rendition, |value| match (value, rendition.size) {
            (Placeholder::Rung, _) => Ok(unreserved_name(rendition.rung)),
            (Placeholder::Codec, _) => Ok(unreserved_name(rendition.codec)),
            (Placeholder::Width, Some(size)) => Ok(size.width.to_string()),
            (Placeholder::Height, Some(size)) => Ok(size.height.to_string()),
            (value, _) => value_of_job(value, job).map(|value| unreserved_name(&value)),
        })
        .map(Some)
    }

    /// Two jobs, or two renditions of one, must not write the same files.
    fn check_meetings(&self) -> Result<(), TemplateError> {
        let tells_jobs = has(&self.stream, &Placeholder::Id) || has(&self.stream, &Placeholder::Name);
        if !tells_jobs {
            let (what, hint) = if has(&self.rendition, &Placeholder::Id) || has(&self.rendition, &Placeholder::Name) {
                (
                    "has {id} or {name} only after a placeholder of renditions",
                    "Put {id} or {name} before the first part with {rung}, {width}, {height} or {codec}",
                )
            } else {
                ("has neither {id} nor {name}: jobs would overwrite each other's files", "Put {id} or {name} into it")
            };
            return Err(TemplateError::new(format!("The template “{}” {what}", self.text), hint));
        }
        if !self.rendition.is_empty() && !has(&self.rendition, &Placeholder::Rung) {
            let what = "names folders of renditions without {rung}: variants would overwrite each other";
            let hint = "Add {rung}, or leave {width}, {height} and {codec} out";
            return Err(TemplateError::new(format!("The template “{}” {what}", self.text), hint));
        }
        Ok(())
    }

    /// Names of renditions stand in playlists: some players, ffmpeg among them, take escaped names in a folder for what
    /// they are, so that nothing may need to be escaped.
    fn check_uris(&self) -> Result<(), TemplateError> {
        for piece in self.rendition.iter().flatten() {
            let Piece::Text(text) = piece else { continue };
            if let Some(character) = text.chars().find(|character| !is_unreserved(*character)) {
                let what = format!("The template “{}” has “{character}” in the folder of a rendition", self.text);
                let hint = "Use letters from a to z, digits and - _ . ~ after the first part with {rung}, {width}, \
                            {height} or {codec}";
                return Err(TemplateError::new(what, hint));
            }
        }
        Ok(())
    }

    /// A date must be known to the formatter and must come to something.
    fn check_dates(&self) -> Result<(), TemplateError> {
        for piece in self.stream.iter().chain(&self.rendition).flatten() {
            if let Piece::Value(Placeholder::Date(format)) = piece {
                date(format, Timestamp::UNIX_EPOCH)?;
            }
        }
        Ok(())
    }
}

fn has(parts: &[Part], wanted: &Placeholder) -> bool {
    parts.iter().flatten().any(|piece| matches!(piece, Piece::Value(value) if value == wanted))
}

fn filled(
    parts: &[Part],
    value: impl Fn(&Placeholder) -> Result<String, TemplateError>,
) -> Result<String, TemplateError> {
    let too_long = |what: &str| TemplateError::new(what, "Use a shorter template, or rename the source");
    let mut names = Vec::with_capacity(parts.len());
    for part in parts {
        let mut name = String::new();
        for piece in part {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Value(placeholder) => name.push_str(&value(placeholder)?),
            }
        }
        if name.len() > LONGEST_NAME_BYTES {
            return Err(too_long("The template makes the name of a folder longer than 255 bytes"));
        }
        names.push(name);
    }
    let path = names.join("/");
    if path.len() > LONGEST_PATH_BYTES {
        return Err(too_long("The template makes a path that is too long for keys in a bucket"));
    }
    Ok(path)
}

fn value_of_job(placeholder: &Placeholder, job: &JobValues<'_>) -> Result<String, TemplateError> {
    match placeholder {
        Placeholder::Id => Ok(safe_name(job.id)),
        Placeholder::Preset => Ok(safe_name(job.preset)),
        Placeholder::Date(format) => date(format, job.made_at),
        Placeholder::User => job.user.map(safe_name).ok_or_else(|| {
            TemplateError::new("The name of the user for {user} is not known", "Set USER, or leave {user} out")
        }),
        // Those of renditions are told by the caller, and stand in no folder of a whole stream.
        _ => Ok(safe_name(job.name)),
    }
}

fn date(format: &str, at: Timestamp) -> Result<String, TemplateError> {
    let unknown = |why: &str| {
        let what = format!("The date of {{date:{}}} can't be written: {why}", shown(format));
        TemplateError::new(what, "Write it as in {date:%Y/%m} or {date:%Y-%m-%d}")
    };
    let text = strtime::format(format, &at.to_zoned(TimeZone::UTC)).map_err(|error| unknown(&error.to_string()))?;
    let is_name = |name: &str| !name.is_empty() && name.trim_matches(['.', ' ']) == name;
    if !is_name(&text) || text.chars().any(is_unsafe) {
        return Err(unknown("it is no name of a folder"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
