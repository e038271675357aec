//! Where the stream of a job lies under its destination, and how its files are laid out in it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Destination, JobId, JobSpec, RenditionValues,
    template::{FolderTemplate, JobValues, TemplateError, safe_name},
};
use crate::preset::built_in_presets;

/// Where the files of a stream lie.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamLayout {
    /// How they lie in the stream's folder.
    pub kind: LayoutKind,
    /// The stream's folder under the output folder or the prefix in a bucket, and maybe those of its renditions; by
    /// the kind when not given.
    pub template: Option<FolderTemplate>,
}

impl StreamLayout {
    /// Where the multivariant playlist of `film.mp4` would lie under the output folder, with the first preset.
    ///
    /// # Errors
    /// As [`JobSpec::wanted_folder`].
    pub fn example(&self, id: JobId) -> Result<String, TemplateError> {
        let spec = JobSpec {
            layout: self.clone(),
            ..JobSpec::stream("film.mp4", built_in_presets().remove(0), Destination::Folder(PathBuf::new()))
        };
        Ok(format!("{}/{}", spec.wanted_folder(id)?.path, self.kind.multivariant_playlist()))
    }
}

/// How the files of a stream lie in its folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayoutKind {
    /// `NAME/master.m3u8`, a folder for each rendition and each kind of output beside it.
    #[default]
    Own,
    /// The same under the id of the job: `hls/ID/master.m3u8`, `hls/ID/720p/playlist.m3u8`.
    RungFolders,
    /// `NAME_processed/hls/master.m3u8` and `hls/720p.m3u8`, segments in `hls/segments/`, pictures in `thumbnails/`.
    Processed,
}

impl LayoutKind {
    /// All in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Own, Self::RungFolders, Self::Processed];

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Own => "Reelpress",
            Self::RungFolders => "Rung folders",
            Self::Processed => "Processed",
        }
    }

    /// Where its most important files lie.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Own => "NAME/master.m3u8, NAME/720p/playlist.m3u8",
            Self::RungFolders => "hls/ID/master.m3u8, hls/ID/720p/playlist.m3u8",
            Self::Processed => "NAME_processed/hls/master.m3u8, hls/720p.m3u8, hls/segments/, thumbnails/",
        }
    }

    /// Path of the multivariant playlist in the stream's folder.
    pub fn multivariant_playlist(self) -> &'static str {
        match self {
            Self::Own | Self::RungFolders => "master.m3u8",
            Self::Processed => "hls/master.m3u8",
        }
    }
}

/// The folder that a job's stream is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedFolder {
    /// Path under the output folder or the prefix in a bucket, with forward slashes.
    pub path: String,
    /// What happens when something lies there already.
    pub when_taken: WhenTaken,
}

/// What happens to a job whose folder is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenTaken {
    /// The folder gets a number: `film-2`.
    Number,
    /// The job is refused: its template says exactly where the stream has to lie.
    Refuse,
    /// What lies there is from an earlier try of this very job, whose id is in the path.
    Replace,
}

impl JobSpec {
    /// The folder that the stream of this job is to have.
    ///
    /// # Errors
    /// When the template makes a name that is too long, or the user's name is not known.
    pub fn wanted_folder(&self, id: JobId) -> Result<WantedFolder, TemplateError> {
        let name = self.stream_name();
        let numbered = |path: String| WantedFolder { path, when_taken: WhenTaken::Number };
        match (&self.layout.template, self.layout.kind) {
            (Some(template), _) => {
                let when_taken = if template.tells_the_job() { WhenTaken::Replace } else { WhenTaken::Refuse };
                let path = self.with_values(id, |values| template.stream_folder(values))?;
                Ok(WantedFolder { path, when_taken })
            }
            (None, LayoutKind::Own) => Ok(numbered(name)),
            (None, LayoutKind::Processed) => Ok(numbered(format!("{name}_processed"))),
            (None, LayoutKind::RungFolders) => {
                Ok(WantedFolder { path: format!("hls/{id}"), when_taken: WhenTaken::Replace })
            }
        }
    }

    /// The names of the folders on the way to the stream of any job that asks for the same; `None` for one that each job
    /// has for itself.
    ///
    /// # Errors
    /// As [`Self::wanted_folder`].
    pub fn folder_names(&self, id: JobId) -> Result<Vec<Option<String>>, TemplateError> {
        match (&self.layout.template, self.layout.kind) {
            (Some(template), _) => self.with_values(id, |values| template.stream_folder_names(values)),
            (None, LayoutKind::RungFolders) => Ok(vec![Some("hls".to_owned()), None]),
            (None, LayoutKind::Own | LayoutKind::Processed) => Ok(vec![Some(self.wanted_folder(id)?.path)]),
        }
    }

    /// The folder of a rendition, relative to that of its stream, if the template tells it.
    ///
    /// # Errors
    /// When the template makes a name that is too long, or the user's name is not known.
    pub fn rendition_folder(
        &self,
        id: JobId,
        rendition: &RenditionValues<'_>,
    ) -> Result<Option<String>, TemplateError> {
        let Some(template) = &self.layout.template else { return Ok(None) };
        self.with_values(id, |values| template.rendition_folder(values, rendition))
    }

    /// Name of the stream: the source's without its extension, as the name of a folder on every system.
    pub fn stream_name(&self) -> String {
        safe_name(&self.source.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default())
    }

    fn with_values<T>(&self, id: JobId, fill: impl FnOnce(&JobValues<'_>) -> T) -> T {
        let name = self.stream_name();
        // The login name, by the variables that systems set.
        let user = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|variable| std::env::var(variable).ok());
        let user = user.filter(|user| !user.is_empty());
        fill(&JobValues {
            id: &id.to_string(),
            name: &name,
            preset: &self.preset.id,
            made_at: id.made_at(),
            user: user.as_deref(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(kind: LayoutKind, template: Option<&str>) -> String {
        let template = template.map(|text| text.parse().unwrap());
        let id: JobId = serde_json::from_str("\"01931f00-0000-7000-8000-000000000001\"").unwrap();
        StreamLayout { kind, template }.example(id).unwrap()
    }

    #[test]
    fn every_layout_has_a_folder_and_a_template_replaces_it() {
        assert_eq!(example(LayoutKind::Own, None), "film/master.m3u8");
        let id = "01931f00-0000-7000-8000-000000000001";
        assert_eq!(example(LayoutKind::RungFolders, None), format!("hls/{id}/master.m3u8"));
        assert_eq!(example(LayoutKind::Processed, None), "film_processed/hls/master.m3u8");
        let dated = example(LayoutKind::Processed, Some("{date:%Y/%m}/{name}-{preset}"));
        assert_eq!(dated, "2024/11/film-web-hls/hls/master.m3u8");
    }

    #[test]
    fn what_differs_between_jobs_that_ask_for_the_same_has_no_name() {
        let names = |kind, template: Option<&str>| {
            let layout = StreamLayout { kind, template: template.map(|text| text.parse().unwrap()) };
            let destination = Destination::Folder(PathBuf::new());
            let stream = JobSpec::stream("film.mp4", built_in_presets().remove(0), destination);
            let spec = JobSpec { layout, ..stream };
            let names = spec.folder_names(JobId::generate()).unwrap();
            names.into_iter().map(Option::unwrap_or_default).collect::<Vec<String>>()
        };
        assert_eq!(names(LayoutKind::Own, Some("videos/{id}/{name}-x/{rung}-{id}")), ["videos", "", "film-x"]);
        assert_eq!(names(LayoutKind::Processed, Some("{date:%Y/%m}/{name}")), ["", "", "film"]);
        assert_eq!(names(LayoutKind::RungFolders, None), ["hls", ""]);
        assert_eq!(names(LayoutKind::Processed, None), ["film_processed"]);
    }

    #[test]
    fn what_an_older_version_wrote_is_read() {
        assert_eq!(serde_json::from_str::<StreamLayout>("{}").unwrap(), StreamLayout::default());
    }
}
