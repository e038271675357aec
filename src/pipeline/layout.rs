//! Where each file of a stream lies in the stream's folder, and how one of them names another.

mod names;

use std::collections::{BTreeMap, BTreeSet};

pub use names::is_name_of_stream;
use url::Url;

use super::plan::{EncodePlan, PlanError};
use crate::job::{JobId, JobSpec, LayoutKind, RenditionValues};

/// File name of a media playlist in a folder of its own.
const MEDIA_PLAYLIST: &str = "playlist.m3u8";
/// File name of an I-frame playlist in a folder of its own.
const I_FRAME_PLAYLIST: &str = "iframes.m3u8";
/// Folder of the HLS files where playlists lie together.
const HLS_FOLDER: &str = "hls";
/// Folder of all MPEG-TS files.
const TRANSPORT_STREAM_FOLDER: &str = "ts";
/// Folder of all segments where playlists lie together.
const SEGMENTS_FOLDER: &str = "segments";
const MP4_FOLDER: &str = "mp4";
const STORYBOARD_FOLDER: &str = "storyboard";
/// File name of an init segment.
pub const INIT_SEGMENT: &str = "init.mp4";
/// File name of a subtitle rendition as one file.
const WHOLE_SUBTITLES: &str = "subtitles.vtt";
const POSTER: &str = "poster.jpg";
/// What a folder of a rendition can't be called: other files and folders have these names in one of the layouts.
const TAKEN_NAMES: [&str; 13] = [
    "chapters.vtt",
    HLS_FOLDER,
    "images",
    "keys",
    "manifest.mpd",
    "master",
    "master.m3u8",
    MP4_FOLDER,
    "report.json",
    SEGMENTS_FOLDER,
    STORYBOARD_FOLDER,
    "thumbnails",
    TRANSPORT_STREAM_FOLDER,
];

/// Where each file of a stream lies, as paths relative to the stream's folder with forward slashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamFiles {
    kind: LayoutKind,
    /// Folders of renditions that a template has named, by the names of the renditions; others are their names.
    folders: BTreeMap<String, String>,
}

impl StreamFiles {
    /// The files of a job's stream that was planned so.
    ///
    /// # Errors
    /// When renditions would lie in each other's folders, or in one that has another use.
    pub fn of(spec: &JobSpec, id: JobId, plan: &EncodePlan) -> Result<Self, PlanError> {
        let video = plan.renditions.iter().map(|rendition| RenditionValues {
            rung: &rendition.name,
            codec: rendition.codec.id(),
            size: Some(rendition.size),
        });
        let sound = plan.audio.iter().map(|audio| (audio.name.as_str(), audio.codec.id()));
        let subtitles = plan.subtitles.iter().map(|subtitles| (subtitles.name.as_str(), "webvtt"));
        let others = sound.chain(subtitles).map(|(rung, codec)| RenditionValues { rung, codec, size: None });
        let mut files = Self { kind: spec.layout.kind, folders: BTreeMap::new() };
        let mut taken = BTreeSet::new();
        for rendition in video.chain(others) {
            let folder = spec
                .rendition_folder(id, &rendition)
                .map_err(|error| PlanError::NotPossible { what: error.to_string(), hint: error.hint().to_owned() })?;
            if let Some(folder) = folder {
                files.folders.insert(rendition.rung.to_owned(), folder);
            }
            files.take(rendition.rung, &mut taken)?;
        }
        Ok(files)
    }

    /// Makes sure that a rendition has its places for itself, also where names differ by their case alone.
    fn take(&self, rendition: &str, taken: &mut BTreeSet<String>) -> Result<(), PlanError> {
        let folder = self.folder(rendition).to_lowercase();
        let first = folder.split('/').next().unwrap_or_default();
        let meets = |other: &String| {
            let is_in = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
            *other == folder || is_in(&folder, other) || is_in(other, &folder)
        };
        if TAKEN_NAMES.contains(&first) || taken.iter().any(meets) {
            return Err(PlanError::NotPossible {
                what: format!("The folder “{}” of the rendition {rendition} has another use", self.folder(rendition)),
                hint: "Change the part of the template that names the folders of renditions".to_owned(),
            });
        }
        // Where playlists lie together, the I-frame playlist has a name of its own.
        taken.insert(format!("{folder}_iframes"));
        taken.insert(folder);
        Ok(())
    }

    fn folder<'a>(&'a self, rendition: &'a str) -> &'a str {
        self.folders.get(rendition).map_or(rendition, String::as_str)
    }

    /// The folder of the HLS files; empty for the stream's own.
    fn hls(&self) -> &'static str {
        match self.kind {
            LayoutKind::Own | LayoutKind::RungFolders => "",
            LayoutKind::Processed => HLS_FOLDER,
        }
    }

    /// The multivariant playlist.
    pub fn multivariant_playlist(&self) -> String {
        self.kind.multivariant_playlist().to_owned()
    }

    /// The media playlist of a rendition.
    pub fn media_playlist(&self, rendition: &str) -> String {
        self.playlist(self.hls(), rendition, false)
    }

    /// The I-frame playlist of a rendition.
    pub fn i_frame_playlist(&self, rendition: &str) -> String {
        self.playlist(self.hls(), rendition, true)
    }

    fn playlist(&self, root: &str, rendition: &str, is_of_i_frames: bool) -> String {
        let folder = self.folder(rendition);
        let path = match (self.kind, is_of_i_frames) {
            (LayoutKind::Processed, false) => format!("{folder}.m3u8"),
            (LayoutKind::Processed, true) => format!("{folder}_iframes.m3u8"),
            (_, false) => format!("{folder}/{MEDIA_PLAYLIST}"),
            (_, true) => format!("{folder}/{I_FRAME_PLAYLIST}"),
        };
        under(root, &path)
    }

    /// The folder of a rendition's segments, its init segment among them.
    pub fn segments_folder(&self, rendition: &str) -> String {
        self.segments_under(self.hls(), rendition)
    }

    fn segments_under(&self, root: &str, rendition: &str) -> String {
        let folder = self.folder(rendition);
        match self.kind {
            LayoutKind::Own | LayoutKind::RungFolders => under(root, folder),
            LayoutKind::Processed => under(root, &format!("{SEGMENTS_FOLDER}/{folder}")),
        }
    }

    /// The init segment of a rendition.
    pub fn init_segment(&self, rendition: &str) -> String {
        format!("{}/{INIT_SEGMENT}", self.segments_folder(rendition))
    }

    /// A segment of a rendition.
    pub fn segment(&self, rendition: &str, number: u64) -> String {
        format!("{}/{}", self.segments_folder(rendition), segment_file_name(number))
    }

    /// A segment of a subtitle rendition.
    pub fn subtitle_segment(&self, rendition: &str, number: u64) -> String {
        format!("{}/{}", self.segments_folder(rendition), subtitle_file_name(number))
    }

    /// A subtitle rendition as one file.
    pub fn whole_subtitles(&self, rendition: &str) -> String {
        format!("{}/{WHOLE_SUBTITLES}", self.segments_folder(rendition))
    }

    /// The folder of the form in MPEG-TS.
    pub fn transport_stream_folder(&self) -> &'static str {
        TRANSPORT_STREAM_FOLDER
    }

    /// The multivariant playlist of the form in MPEG-TS.
    pub fn transport_multivariant_playlist(&self) -> String {
        format!("{TRANSPORT_STREAM_FOLDER}/master.m3u8")
    }

    /// The media playlist of a rendition in MPEG-TS.
    pub fn transport_media_playlist(&self, rendition: &str) -> String {
        self.playlist(TRANSPORT_STREAM_FOLDER, rendition, false)
    }

    /// The I-frame playlist of a rendition in MPEG-TS.
    pub fn transport_i_frame_playlist(&self, rendition: &str) -> String {
        self.playlist(TRANSPORT_STREAM_FOLDER, rendition, true)
    }

    /// The folder of a rendition's segments in MPEG-TS.
    pub fn transport_segments_folder(&self, rendition: &str) -> String {
        self.segments_under(TRANSPORT_STREAM_FOLDER, rendition)
    }

    /// A segment of a rendition in MPEG-TS.
    pub fn transport_segment(&self, rendition: &str, number: u64) -> String {
        format!("{}/{}", self.transport_segments_folder(rendition), transport_segment_file_name(number))
    }

    /// The DASH manifest.
    pub fn dash_manifest(&self) -> String {
        "manifest.mpd".to_owned()
    }

    /// A rendition as one file with this extension.
    pub fn mp4(&self, rendition: &str, extension: &str) -> String {
        format!("{MP4_FOLDER}/{rendition}.{extension}")
    }

    /// The index of the storyboard.
    pub fn storyboard_index(&self) -> String {
        format!("{STORYBOARD_FOLDER}/storyboard.vtt")
    }

    /// A sheet of the storyboard, from 0.
    pub fn storyboard_sheet(&self, index: u64) -> String {
        format!("{STORYBOARD_FOLDER}/sheet_{}.jpg", index + 1)
    }

    /// The poster.
    pub fn poster(&self) -> String {
        format!("{}/{POSTER}", self.images())
    }

    /// A thumbnail with this extension.
    pub fn thumbnail(&self, number: usize, extension: &str) -> String {
        format!("{}/thumbnail_{number}.{extension}", self.images())
    }

    fn images(&self) -> &'static str {
        match self.kind {
            LayoutKind::Own | LayoutKind::RungFolders => "images",
            LayoutKind::Processed => "thumbnails",
        }
    }

    /// The chapters.
    pub fn chapters(&self) -> String {
        "chapters.vtt".to_owned()
    }

    /// The report of all files.
    pub fn report(&self) -> String {
        "report.json".to_owned()
    }
}

fn under(root: &str, path: &str) -> String {
    if root.is_empty() { path.to_owned() } else { format!("{root}/{path}") }
}

/// File name of a segment.
pub fn segment_file_name(number: u64) -> String {
    format!("segment_{number:05}.m4s")
}

/// File name of a segment of subtitles.
pub fn subtitle_file_name(number: u64) -> String {
    format!("segment_{number:05}.vtt")
}

/// File name of a segment in MPEG-TS.
pub fn transport_segment_file_name(number: u64) -> String {
    format!("segment_{number:05}.ts")
}

/// How the file `from` names the file `to`, both as paths in the stream's folder: relative and percent-encoded.
pub fn relative_uri(from: &str, to: &str) -> String {
    let url = |path: &str| {
        let mut url = Url::parse("http://stream/").ok()?;
        url.path_segments_mut().ok()?.clear().extend(path.split('/'));
        Some(url)
    };
    let relative = url(from).zip(url(to)).and_then(|(from, to)| from.make_relative(&to));
    relative.unwrap_or_else(|| to.to_owned())
}

/// What the file `from` puts before the names of files in `folder`: nothing, or a relative URI with a slash at its end.
pub fn relative_folder_uri(from: &str, folder: &str) -> String {
    let uri = relative_uri(from, &format!("{folder}/-"));
    uri.strip_suffix('-').unwrap_or(&uri).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(kind: LayoutKind, folders: &[(&str, &str)]) -> StreamFiles {
        let folders = folders.iter().map(|(name, folder)| ((*name).to_owned(), (*folder).to_owned()));
        StreamFiles { kind, folders: folders.collect() }
    }

    #[test]
    fn our_own_layout_has_a_folder_for_each_rendition() {
        let own = StreamFiles::default();
        assert_eq!(own, files(LayoutKind::Own, &[]));
        assert_eq!(own.multivariant_playlist(), "master.m3u8");
        assert_eq!(own.media_playlist("720p"), "720p/playlist.m3u8");
        assert_eq!(own.i_frame_playlist("720p"), "720p/iframes.m3u8");
        assert_eq!(own.init_segment("720p"), "720p/init.mp4");
        assert_eq!(own.segment("720p", 7), "720p/segment_00007.m4s");
        assert_eq!(own.subtitle_segment("subtitles-en", 0), "subtitles-en/segment_00000.vtt");
        assert_eq!(own.transport_media_playlist("720p"), "ts/720p/playlist.m3u8");
        assert_eq!(own.transport_segment("720p", 1), "ts/720p/segment_00001.ts");
        assert_eq!(own.poster(), "images/poster.jpg");
        assert_eq!(own.thumbnail(2, "webp"), "images/thumbnail_2.webp");
    }

    #[test]
    fn the_processed_layout_has_playlists_together_and_segments_beside_them() {
        let processed = files(LayoutKind::Processed, &[]);
        assert_eq!(processed.multivariant_playlist(), "hls/master.m3u8");
        assert_eq!(processed.media_playlist("1080p"), "hls/1080p.m3u8");
        assert_eq!(processed.i_frame_playlist("1080p"), "hls/1080p_iframes.m3u8");
        assert_eq!(processed.segment("1080p", 0), "hls/segments/1080p/segment_00000.m4s");
        assert_eq!(processed.whole_subtitles("subtitles-en"), "hls/segments/subtitles-en/subtitles.vtt");
        assert_eq!(processed.transport_multivariant_playlist(), "ts/master.m3u8");
        assert_eq!(processed.transport_segment("1080p", 0), "ts/segments/1080p/segment_00000.ts");
        assert_eq!(processed.poster(), "thumbnails/poster.jpg");
    }

    #[test]
    fn a_template_names_the_folders_of_renditions_in_every_form() {
        let named = files(LayoutKind::RungFolders, &[("720p", "h264/720 p")]);
        assert_eq!(named.media_playlist("720p"), "h264/720 p/playlist.m3u8");
        assert_eq!(named.transport_i_frame_playlist("720p"), "ts/h264/720 p/iframes.m3u8");
        let named = files(LayoutKind::Processed, &[("720p", "h264/720p")]);
        assert_eq!(named.media_playlist("720p"), "hls/h264/720p.m3u8");
        assert_eq!(named.init_segment("720p"), "hls/segments/h264/720p/init.mp4");
    }

    #[test]
    fn uris_are_relative_and_escaped() {
        for (from, to, uri) in [
            ("master.m3u8", "720p/playlist.m3u8", "720p/playlist.m3u8"),
            ("hls/master.m3u8", "hls/1080p.m3u8", "1080p.m3u8"),
            ("hls/h264/720p.m3u8", "hls/segments/h264/720p/init.mp4", "../segments/h264/720p/init.mp4"),
            ("hls/master.m3u8", "manifest.mpd", "../manifest.mpd"),
            ("a/b/c", "d/e/f", "../../d/e/f"),
            ("master.m3u8", "720 p#1/100%?.m3u8", "720%20p%231/100%25%3F.m3u8"),
            ("a/x.m3u8", "a/ü.m4s", "%C3%BC.m4s"),
        ] {
            assert_eq!(relative_uri(from, to), uri, "{from} to {to}");
        }
        assert_eq!(relative_folder_uri("720p/playlist.m3u8", "720p"), "");
        assert_eq!(relative_folder_uri("hls/720p.m3u8", "hls/segments/720p"), "segments/720p/");
        assert_eq!(relative_folder_uri("manifest.mpd", "hls/segments/a b"), "hls/segments/a%20b/");
    }

    #[test]
    fn renditions_never_share_a_place() {
        let take = |folders: &[(&str, &str)]| {
            let files = files(LayoutKind::Processed, folders);
            let mut taken = BTreeSet::new();
            folders.iter().try_for_each(|(name, _)| files.take(name, &mut taken)).is_ok()
        };
        assert!(take(&[("a", "x/720p"), ("b", "x/480p"), ("c", "audio")]));
        assert!(!take(&[("a", "x/720p"), ("b", "x/720P")]));
        assert!(!take(&[("a", "x"), ("b", "x/480p")]));
        assert!(!take(&[("a", "x/y"), ("b", "x")]));
        assert!(!take(&[("a", "720p"), ("b", "720p_iframes")]));
        assert!(!take(&[("a", "Images/720p")]));
        assert!(!take(&[("a", "master")]));
    }
}
