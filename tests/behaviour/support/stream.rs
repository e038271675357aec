//! A stream on disk, measured: its playlists as a parser reads them, its media by its boxes.

use std::path::{Path, PathBuf};

use m3u8_rs::{AlternativeMediaType, MasterPlaylist, MediaPlaylist, VariantStream};

use super::fragments::{Packet, packets, ticks_per_second};

/// The folder of a stream.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Where its multivariant playlist lies.
    pub folder: PathBuf,
}

/// One segment as its playlist tells it and as it measures.
#[derive(Debug)]
pub struct Segment {
    /// EXTINF in seconds.
    pub told_duration: f64,
    /// Size of the file.
    pub bytes: u64,
    /// The segment alone with its init segment, as a file that players open.
    pub playable: PathBuf,
    /// Its packets in decode order.
    pub packets: Vec<Packet>,
    /// Ticks in a second.
    pub ticks_per_second: f64,
}

impl Segment {
    /// First presentation time in seconds.
    pub fn start(&self) -> f64 {
        self.presentation_ticks().first().map_or(f64::NAN, |ticks| *ticks as f64 / self.ticks_per_second)
    }

    /// End of the last packet in presentation order, in seconds.
    pub fn end(&self) -> f64 {
        let ends = self.packets.iter().map(|packet| packet.presentation_ticks + packet.duration_ticks);
        ends.max().map_or(f64::NAN, |ticks| ticks as f64 / self.ticks_per_second)
    }

    /// All presentation times in rising order.
    pub fn presentation_ticks(&self) -> Vec<i64> {
        let mut ticks: Vec<i64> = self.packets.iter().map(|packet| packet.presentation_ticks).collect();
        ticks.sort_unstable();
        ticks
    }
}

impl Stream {
    /// The stream in this folder.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The text of a file of the stream.
    pub fn text(&self, name: &str) -> String {
        let path = self.folder.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The multivariant playlist.
    pub fn multivariant(&self) -> MasterPlaylist {
        let text = self.text("master.m3u8");
        m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
    }

    /// The variants with a picture, without those for trick play.
    pub fn variants(&self) -> Vec<VariantStream> {
        let variants = self.multivariant().variants.into_iter();
        variants.filter(|variant| !variant.is_i_frame && variant.resolution.is_some()).collect()
    }

    /// The variants for players that want no picture.
    pub fn audio_only_variants(&self) -> Vec<VariantStream> {
        let variants = self.multivariant().variants.into_iter();
        variants.filter(|variant| !variant.is_i_frame && variant.resolution.is_none()).collect()
    }

    /// Folders of the video renditions, the largest picture first.
    pub fn video_renditions(&self) -> Vec<String> {
        let mut variants = self.variants();
        variants.sort_by_key(|variant| std::cmp::Reverse(variant.resolution.map(|size| size.width * size.height)));
        variants.iter().map(|variant| rendition_of(&variant.uri)).collect()
    }

    /// Folder of the sound, if there is sound.
    pub fn audio_rendition(&self) -> Option<String> {
        let alternatives = self.multivariant().alternatives;
        let audio = alternatives.into_iter().find(|media| media.media_type == AlternativeMediaType::Audio);
        audio.and_then(|media| media.uri).map(|uri| rendition_of(&uri))
    }

    /// A media playlist of a rendition, such as `playlist.m3u8`.
    pub fn media_playlist(&self, rendition: &str, name: &str) -> MediaPlaylist {
        let text = self.text(&format!("{rendition}/{name}"));
        m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
    }

    /// The init segment of a rendition.
    pub fn init_segment(&self, rendition: &str) -> Vec<u8> {
        let playlist = self.media_playlist(rendition, "playlist.m3u8");
        let map = playlist.segments[0].map.clone().expect("the first segment has EXT-X-MAP");
        self.read(rendition, &map.uri)
    }

    /// Every segment of a rendition, measured; `workplace` takes the files that this makes.
    pub fn segments(&self, rendition: &str, workplace: &Path) -> Vec<Segment> {
        let init = self.init_segment(rendition);
        let ticks_per_second = ticks_per_second(&init);
        let told = self.media_playlist(rendition, "playlist.m3u8").segments;
        let measure = |(index, segment): (usize, &m3u8_rs::MediaSegment)| {
            let media = self.read(rendition, &segment.uri);
            let playable = workplace.join(format!("{rendition}-{index}.mp4"));
            std::fs::write(&playable, [init.as_slice(), &media].concat()).expect("the workplace can be written");
            let told_duration = f64::from(segment.duration);
            Segment { told_duration, bytes: media.len() as u64, playable, packets: packets(&media), ticks_per_second }
        };
        told.iter().enumerate().map(measure).collect()
    }

    /// A rendition as one file.
    pub fn whole(&self, rendition: &str, workplace: &Path) -> PathBuf {
        let mut content = self.init_segment(rendition);
        for segment in self.media_playlist(rendition, "playlist.m3u8").segments {
            content.extend(self.read(rendition, &segment.uri));
        }
        let path = workplace.join(format!("{rendition}-whole.mp4"));
        std::fs::write(&path, content).expect("the workplace can be written");
        path
    }

    /// A file that a media playlist of this rendition names.
    pub fn read(&self, rendition: &str, uri: &str) -> Vec<u8> {
        let path = self.folder.join(rendition).join(uri);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

fn rendition_of(uri: &str) -> String {
    uri.split_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_else(|| panic!("{uri} is in no folder"))
}
