//! What a player page needs to know of the stream in a folder.

use std::path::Path;

use m3u8_rs::{AlternativeMediaType, Key, KeyMethod, MasterPlaylist, MediaPlaylist, Playlist, VariantStream};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use walkdir::WalkDir;

/// The stream in a folder as it is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct StreamDescription {
    /// Name of the folder.
    pub(super) title: String,
    /// Path of the playlist to play, relative to the folder and escaped for a URL; `None` as long as there is none.
    pub(super) playlist: Option<String>,
    /// Path of the poster.
    pub(super) poster: Option<String>,
    /// True until the playlists say that they are complete.
    pub(super) growing: bool,
    /// True when its segments are encrypted: then a script plays them better than most browsers do.
    pub(super) encrypted: bool,
    /// True when they are, and their keys are not known here.
    pub(super) locked: bool,
    /// What the multivariant playlist offers, in its order.
    pub(super) variants: Vec<Variant>,
    /// The tracks of sound to choose from, each once.
    pub(super) sounds: Vec<Sound>,
}

/// A track of sound: alternate renditions of one name in all groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Sound {
    /// NAME.
    pub(super) name: String,
    /// LANGUAGE.
    pub(super) language: Option<String>,
    /// Plays when nobody chooses.
    pub(super) is_default: bool,
}

/// What a viewer wants to see and hear; `None` leaves it to the player.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// Place among the playable variants.
    pub(super) variant: Option<usize>,
    /// Place among the tracks of sound.
    pub(super) sound: Option<usize>,
}

/// One variant of the multivariant playlist.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Variant {
    /// Picture width; `None` for sound alone.
    pub(super) width: Option<u64>,
    /// Picture height.
    pub(super) height: Option<u64>,
    /// Peak bit rate in bits a second.
    pub(super) bandwidth: u64,
    /// Average bit rate in bits a second.
    pub(super) average_bandwidth: Option<u64>,
    /// Pictures a second.
    pub(super) frame_rate: Option<f64>,
    /// RFC 6381 names of its codecs.
    pub(super) codecs: Option<String>,
}

/// A playlist of a day in segments of a second has 4 MB; what is larger is none.
const LARGEST_PLAYLIST_BYTES: u64 = 16 << 20;

/// A playlist that was found: its path with forward slashes, and what is in it.
struct Found {
    path: String,
    playlist: Playlist,
}

impl StreamDescription {
    /// Looks into the folder. What can't be read is as if it were not there: the page asks again.
    pub(super) fn of(folder: &Path, has_keys: bool) -> Self {
        let title = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
        let poster = ["images/poster.jpg", "thumbnails/poster.jpg", "poster.jpg", "poster.webp", "poster.png"]
            .into_iter()
            .find(|name| folder.join(name).is_file());
        let poster = poster.map(str::to_owned);
        let mut description = Self {
            title,
            playlist: None,
            poster,
            growing: true,
            encrypted: false,
            locked: false,
            variants: Vec::new(),
            sounds: Vec::new(),
        };
        if let Some(found) = find_playlist(folder) {
            description.playlist = Some(escape(&found.path));
            match &found.playlist {
                Playlist::MediaPlaylist(media) => {
                    description.growing = !media.end_list;
                    description.encrypted = keys(media).next().is_some();
                    description.locked = !has_keys && names_keys_elsewhere(media);
                }
                Playlist::MasterPlaylist(multivariant) => {
                    let first = first_variant(folder, &found.path, multivariant);
                    let is_here = playable(multivariant).any(|variant| is_relative(&variant.uri));
                    description.growing = first.as_ref().map_or(is_here, |media| !media.end_list);
                    description.encrypted = first.as_ref().is_some_and(|media| keys(media).next().is_some());
                    description.locked = !has_keys && first.as_ref().is_some_and(names_keys_elsewhere);
                    description.variants = playable(multivariant).map(Variant::of).collect();
                    description.sounds = sounds(multivariant);
                }
            }
        }
        description
    }
}

impl Variant {
    fn of(variant: &VariantStream) -> Self {
        Self {
            width: variant.resolution.map(|size| size.width),
            height: variant.resolution.map(|size| size.height),
            bandwidth: variant.bandwidth,
            average_bandwidth: variant.average_bandwidth,
            frame_rate: variant.frame_rate,
            codecs: variant.codecs.clone(),
        }
    }
}

/// The multivariant playlist with what was chosen alone, and the groups that belong to it. Relative URIs get `base` put
/// before them, which leads from where the text is served to the folder.
pub(super) fn chosen(folder: &Path, choice: Choice, base: &str) -> Option<Vec<u8>> {
    let Found { path, playlist: Playlist::MasterPlaylist(mut multivariant) } = find_playlist(folder)? else {
        return None;
    };
    if let Some(index) = choice.variant {
        let variant = playable(&multivariant).nth(index)?.clone();
        let groups = [variant.audio.clone(), variant.video.clone(), variant.subtitles.clone()];
        multivariant
            .alternatives
            .retain(|alternative| groups.iter().flatten().any(|group| *group == alternative.group_id));
        multivariant.variants = vec![variant];
    }
    if let Some(index) = choice.sound {
        let name = sounds(&multivariant).get(index)?.name.clone();
        let is_sound = |kind: &AlternativeMediaType| *kind == AlternativeMediaType::Audio;
        multivariant.alternatives.retain(|alternative| !is_sound(&alternative.media_type) || alternative.name == name);
        for sound in multivariant.alternatives.iter_mut().filter(|alternative| is_sound(&alternative.media_type)) {
            (sound.default, sound.autoselect) = (true, true);
        }
    }
    let parent = path.rsplit_once('/').map(|(parent, _)| format!("{}/", escape(parent))).unwrap_or_default();
    let moved = |uri: &str| if is_relative(uri) { format!("{base}{parent}{uri}") } else { uri.to_owned() };
    for variant in &mut multivariant.variants {
        variant.uri = moved(&variant.uri);
    }
    for alternative in &mut multivariant.alternatives {
        alternative.uri = alternative.uri.as_deref().map(moved);
    }
    let mut text = Vec::new();
    multivariant.write_to(&mut text).ok()?;
    Some(text)
}

fn sounds(playlist: &MasterPlaylist) -> Vec<Sound> {
    let mut sounds: Vec<Sound> = Vec::new();
    for alternative in playlist.alternatives.iter().filter(|media| media.media_type == AlternativeMediaType::Audio) {
        if !sounds.iter().any(|sound| sound.name == alternative.name) {
            let (name, language) = (alternative.name.clone(), alternative.language.clone());
            sounds.push(Sound { name, language, is_default: alternative.default });
        }
    }
    sounds
}

fn playable(playlist: &MasterPlaylist) -> impl Iterator<Item = &VariantStream> {
    playlist.variants.iter().filter(|variant| !variant.is_i_frame)
}

/// Whether a playlist lies in the folder, or in a folder directly in it, that can be played.
pub fn holds_stream(folder: &Path) -> bool {
    find_playlist(folder).is_some()
}

/// A multivariant playlist, else a media playlist; in the folder itself, else in the folders directly in it.
fn find_playlist(folder: &Path) -> Option<Found> {
    let mut media = None;
    for depth in 1..=2 {
        let walk = WalkDir::new(folder).min_depth(depth).max_depth(depth).sort_by_file_name();
        for entry in walk.into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file()) {
            let Some(path) = entry.path().strip_prefix(folder).ok().and_then(Path::to_str) else { continue };
            let path = path.replace(std::path::MAIN_SEPARATOR, "/");
            if !path.ends_with(".m3u8") || path.split('/').any(|name| name.starts_with('.')) {
                continue;
            }
            match read_playlist(entry.path()) {
                Some(playlist @ Playlist::MasterPlaylist(_)) => return Some(Found { path, playlist }),
                Some(Playlist::MediaPlaylist(playlist)) if !playlist.i_frames_only && media.is_none() => {
                    media = Some(Found { path, playlist: Playlist::MediaPlaylist(playlist) });
                }
                _ => {}
            }
        }
    }
    media
}

/// The media playlist of the first variant.
fn first_variant(folder: &Path, path: &str, multivariant: &MasterPlaylist) -> Option<MediaPlaylist> {
    let parent = Path::new(path).parent().unwrap_or(Path::new(""));
    let first = playable(multivariant).find(|variant| is_relative(&variant.uri))?;
    let name = percent_decode_str(&first.uri).decode_utf8_lossy().into_owned();
    // What names a file outside of the folder is not looked at.
    let file = inside(folder, &folder.join(parent).join(name))?;
    match read_playlist(&file) {
        Some(Playlist::MediaPlaylist(media)) => Some(media),
        _ => None,
    }
}

/// The keys that segments are encrypted with.
fn keys(media: &MediaPlaylist) -> impl Iterator<Item = &Key> {
    media.segments.iter().filter_map(|segment| segment.key.as_ref()).filter(|key| key.method != KeyMethod::None)
}

/// Whether keys do not lie beside the segments.
fn names_keys_elsewhere(media: &MediaPlaylist) -> bool {
    keys(media).any(|key| key.uri.as_deref().is_none_or(|uri| !is_relative(uri)))
}

/// The regular file that a path leads to, if it lies in the folder.
fn inside(folder: &Path, path: &Path) -> Option<std::path::PathBuf> {
    let (folder, file) = (folder.canonicalize().ok()?, path.canonicalize().ok()?);
    (file.starts_with(&folder) && file.is_file()).then_some(file)
}

fn read_playlist(file: &Path) -> Option<Playlist> {
    let metadata = std::fs::metadata(file).ok()?;
    if !metadata.is_file() || metadata.len() > LARGEST_PLAYLIST_BYTES {
        return None;
    }
    m3u8_rs::parse_playlist_res(&std::fs::read(file).ok()?).ok()
}

fn is_relative(uri: &str) -> bool {
    !uri.starts_with('/') && !uri.contains("://")
}

fn escape(path: &str) -> String {
    const NAMES_AND_SLASHES: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
    percent_encoding::utf8_percent_encode(path, NAMES_AND_SLASHES).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MULTIVARIANT: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Sound\",DEFAULT=YES,URI=\"audio/media.m3u8\"\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"b\",NAME=\"Other\",URI=\"other/media.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=300,CODECS=\"avc1.64001f\",RESOLUTION=1280x720,AUDIO=\"a\"\n720%20p/media.m3u8\n\
        #EXT-X-STREAM-INF:BANDWIDTH=200,CODECS=\"avc1.64001f\",RESOLUTION=854x480,AUDIO=\"b\"\n480p/media.m3u8\n\
        #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100,URI=\"480p/iframes.m3u8\"\n";

    fn folder(multivariant_at: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            (multivariant_at, MULTIVARIANT),
            ("720 p/media.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n1.m4s\n"),
        ] {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        folder
    }

    #[test]
    fn the_multivariant_playlist_is_found_and_described() {
        let folder = folder("main one.m3u8");
        let description = StreamDescription::of(folder.path(), false);
        assert_eq!(description.playlist.as_deref(), Some("main%20one.m3u8"));
        assert!(description.growing);
        let heights: Vec<_> = description.variants.iter().map(|variant| variant.height).collect();
        assert_eq!(heights, [Some(720), Some(480)]);
        let playlist = folder.path().join("720 p/media.m3u8");
        let ended = std::fs::read_to_string(&playlist).unwrap() + "#EXT-X-ENDLIST\n";
        std::fs::write(playlist, ended).unwrap();
        assert!(!StreamDescription::of(folder.path(), false).growing);
    }

    #[test]
    fn one_variant_keeps_its_sound_and_loses_the_rest() {
        let folder = folder("hls/main.m3u8");
        let second = Choice { variant: Some(1), sound: None };
        let text = String::from_utf8(chosen(folder.path(), second, "../files/").unwrap()).unwrap();
        assert!(text.contains("\n../files/hls/480p/media.m3u8\n"), "{text}");
        assert!(text.contains("URI=\"../files/hls/other/media.m3u8\"") && text.contains("AUDIO=\"b\""), "{text}");
        assert!(!text.contains("720") && !text.contains("iframes") && !text.contains("hls/audio"), "{text}");
        assert!(chosen(folder.path(), Choice { variant: Some(2), sound: None }, "../files/").is_none());
    }

    #[test]
    fn one_track_of_sound_is_the_only_one_in_every_variant() {
        let folder = folder("main.m3u8");
        let names: Vec<_> = StreamDescription::of(folder.path(), false)
            .sounds
            .into_iter()
            .map(|sound| (sound.name, sound.is_default))
            .collect();
        assert_eq!(names, [("Sound".to_owned(), true), ("Other".to_owned(), false)]);
        let other = Choice { variant: None, sound: Some(1) };
        let text = String::from_utf8(chosen(folder.path(), other, "../files/").unwrap()).unwrap();
        assert!(
            text.contains("NAME=\"Other\",DEFAULT=YES,AUTOSELECT=YES") && !text.contains("NAME=\"Sound\""),
            "{text}"
        );
        assert_eq!(text.matches("/media.m3u8\n").count(), 2, "{text}");
        assert!(chosen(folder.path(), Choice { variant: None, sound: Some(2) }, "../files/").is_none());
    }

    #[test]
    fn a_folder_without_a_stream_is_described_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let description = StreamDescription::of(folder.path(), false);
        assert!(description.playlist.is_none() && description.growing && description.variants.is_empty());
    }
}
