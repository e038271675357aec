//! The subtitle renditions: WebVTT of every track of text, in the source and beside it.

use std::path::PathBuf;

use super::{
    burn_in,
    language::{UNDETERMINED, language_name, language_tag, unique},
};
use crate::{job::SubtitleChoice, media::SourceMedia};

const FOLDER: &str = "subtitles";
/// Name for people of a track that says nothing of itself.
const NAMELESS: &str = "Subtitles";
/// More tracks than this are a mistake.
const MOST_TRACKS: usize = 64;
/// Codecs in ffmpeg's names that are text.
pub(super) const TEXT_CODECS: [&str; 7] = ["subrip", "srt", "mov_text", "ass", "ssa", "webvtt", "text"];
/// Codecs in ffmpeg's names that are pictures.
pub(super) const PICTURE_CODECS: [&str; 4] = ["hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"];

/// One subtitle rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtitleRendition {
    /// Name and folder, such as `subtitles-en`.
    pub name: String,
    /// Where the text comes from.
    pub origin: SubtitleOrigin,
    /// BCP 47 tag, `und` when nothing says.
    pub language: String,
    /// Name for people, different for each track.
    pub label: String,
    /// True for the track that is shown when nobody chooses.
    pub is_default: bool,
    /// True when a player may choose the track by its language.
    pub is_autoselect: bool,
    /// True for what has to be read even by those who understand the sound.
    pub is_forced: bool,
    /// True when sounds are told too.
    pub is_for_hearing_impaired: bool,
}

/// Where subtitles come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubtitleOrigin {
    /// The stream of this index in the source.
    Stream(usize),
    /// The stream of this index in the source, which is SubRip.
    SubRip(usize),
    /// The stream of this index in the source, which is Advanced SubStation Alpha.
    Ass(usize),
    /// A file beside the source.
    File(PathBuf),
}

/// What is known of a track before it gets its place.
struct Track {
    origin: SubtitleOrigin,
    language: Option<String>,
    title: Option<String>,
    is_default: bool,
    is_forced: bool,
    is_for_hearing_impaired: bool,
}

/// The renditions of all tracks of text: the source's in its order, then the files beside it.
pub(super) fn renditions(
    source: &SourceMedia,
    burned_in: Option<&SubtitleChoice>,
    warnings: &mut Vec<String>,
) -> Vec<SubtitleRendition> {
    let tracks = tracks(source, burned_in, warnings);
    // Writers mark all tracks as default, or the first whatever it is: only one that stands out is meant.
    let mut marked = tracks.iter().enumerate().filter(|(_, track)| track.is_default && !track.is_forced);
    let default = match (marked.next(), marked.next()) {
        (Some((index, _)), None) if tracks.len() > 1 => Some(index),
        _ => None,
    };
    let (mut folders, mut labels, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
    let placed = tracks.into_iter().enumerate().map(|(index, track)| {
        let language = track.language.as_deref().map_or_else(|| UNDETERMINED.to_owned(), language_tag);
        let title = track.title.as_deref().map(str::trim).filter(|title| !title.is_empty()).map(str::to_owned);
        let named = title.or_else(|| {
            language_name(&language).map(|name| match (track.is_forced, track.is_for_hearing_impaired) {
                (true, _) => format!("{name} (forced)"),
                (_, true) => format!("{name} (SDH)"),
                _ => name,
            })
        });
        let kind = (language.clone(), track.is_forced, track.is_for_hearing_impaired);
        let is_first = !chosen.contains(&kind);
        chosen.push(kind);
        SubtitleRendition {
            name: unique(&format!("{FOLDER}-{language}"), '-', &mut folders),
            label: unique(&named.unwrap_or_else(|| NAMELESS.to_owned()), ' ', &mut labels),
            origin: track.origin,
            is_default: default == Some(index),
            is_autoselect: is_first || default == Some(index),
            is_forced: track.is_forced,
            is_for_hearing_impaired: track.is_for_hearing_impaired,
            language,
        }
    });
    placed.collect()
}

/// All tracks of text, with a warning for each that is none, nor drawn into the picture.
fn tracks(source: &SourceMedia, burned_in: Option<&SubtitleChoice>, warnings: &mut Vec<String>) -> Vec<Track> {
    let mut tracks: Vec<Track> = Vec::new();
    for (number, stream) in (1..).zip(&source.subtitles) {
        if burn_in::is_chosen(burned_in, stream, &source.subtitles) {
            continue;
        }
        if !TEXT_CODECS.contains(&stream.codec.as_str()) {
            let language = stream.language.as_deref().and_then(|told| language_name(&language_tag(told)));
            let language = language.map(|name| format!(" ({name})")).unwrap_or_default();
            warnings.push(if PICTURE_CODECS.contains(&stream.codec.as_str()) {
                format!(
                    "Subtitles{language} are pictures and are left out; --burn-in {number} draws them into the picture"
                )
            } else {
                format!("Subtitles{language} can't be read as text and are left out")
            });
            continue;
        }
        tracks.push(Track {
            origin: match stream.codec.as_str() {
                "subrip" | "srt" => SubtitleOrigin::SubRip(stream.index),
                "ass" | "ssa" => SubtitleOrigin::Ass(stream.index),
                _ => SubtitleOrigin::Stream(stream.index),
            },
            language: stream.language.clone(),
            title: stream.title.clone(),
            is_default: stream.is_default,
            is_forced: stream.is_forced,
            is_for_hearing_impaired: stream.is_for_hearing_impaired,
        });
    }
    tracks.extend(source.subtitle_files.iter().map(|file| Track {
        origin: SubtitleOrigin::File(file.path.clone()),
        language: file.language.clone(),
        title: None,
        is_default: false,
        is_forced: file.is_forced,
        is_for_hearing_impaired: file.is_for_hearing_impaired,
    }));
    if tracks.len() > MOST_TRACKS {
        warnings.push(format!("{} tracks of subtitles: the first {MOST_TRACKS} are used", tracks.len()));
        tracks.truncate(MOST_TRACKS);
    }
    tracks
}
