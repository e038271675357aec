//! A stream as it was read: its playlists, and what each segment measures.

use m3u8_rs::{MasterPlaylist, VariantStream};

use super::{
    files::{Address, ByteRange},
    measure::{
        Kind, Span, captions::Captions, format::Format, init::Init, transport_edges::Edge, transport_packets::Loss,
    },
    playlist::{Lines, MediaText},
};
use crate::tools::content_key::ContentKey;

/// A stream as it was read.
#[derive(Debug)]
pub(super) struct Stream {
    /// The playlist that was given.
    pub(super) entry: Address,
    /// `None` for a media playlist alone.
    pub(super) multivariant: Option<Multivariant>,
    /// Every media playlist once, those with I-frames alone among them.
    pub(super) renditions: Vec<Rendition>,
}

/// The multivariant playlist, and which media playlists its tags name.
#[derive(Debug)]
pub(super) struct Multivariant {
    pub(super) text: Box<MasterPlaylist>,
    pub(super) lines: Lines,
    /// Index of the rendition of each variant; `None` when its playlist can't be read.
    pub(super) variants: Vec<Option<usize>>,
    /// The same for each EXT-X-MEDIA; `None` also for those without URI.
    pub(super) media: Vec<Option<usize>>,
}

/// A media playlist and its segments.
#[derive(Debug)]
pub(super) struct Rendition {
    pub(super) address: Address,
    pub(super) media: MediaText,
    /// The init segments of the playlist's maps.
    pub(super) inits: Vec<Option<Init>>,
    /// Kind and format of each track, as the first segment that could be read has them.
    pub(super) formats: Vec<(Kind, Format)>,
    /// The segments of the playlist's entries; `None` where one can't be had or measured.
    pub(super) segments: Vec<Option<Segment>>,
    /// What the playlist's EXT-X-KEY tags name; `None` where that can't be had.
    pub(super) keys: Vec<Option<ContentKey>>,
}

/// A segment that was measured.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) address: Address,
    pub(super) range: Option<ByteRange>,
    pub(super) bytes: u64,
    pub(super) spans: Vec<Span>,
    pub(super) captions: Option<Captions>,
    /// Where packets of a transport stream are lost for the first time.
    pub(super) loss: Option<Loss>,
    /// How each PID of a transport stream begins and ends.
    pub(super) edges: Vec<Edge>,
}

impl Segment {
    /// A segment of which only the size is known.
    pub(super) fn unmeasured(address: Address, range: Option<ByteRange>, bytes: u64) -> Self {
        Self { address, range, bytes, spans: Vec::new(), captions: None, loss: None, edges: Vec::new() }
    }

    /// The span of a kind of track.
    pub(super) fn span(&self, kind: Kind) -> Option<&Span> {
        self.spans.iter().find(|span| span.kind == kind)
    }
}

impl Rendition {
    /// What the rendition is for: picture, else sound, else text.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.formats.iter().map(|(kind, _)| *kind).min()
    }

    /// True for a rendition with a picture that is not for trick play.
    pub(super) fn is_picture(&self) -> bool {
        !self.media.i_frames_only && self.kind() == Some(Kind::Picture)
    }

    /// The format of a kind of track.
    pub(super) fn format(&self, kind: Kind) -> Option<&Format> {
        self.formats.iter().find(|(of, _)| *of == kind).map(|(_, format)| format)
    }

    /// Number of each segment, the segment and its span of a kind.
    pub(super) fn spans(&self, kind: Kind) -> impl Iterator<Item = (usize, &Segment, &Span)> {
        self.segments.iter().enumerate().filter_map(move |(index, segment)| {
            let segment = segment.as_ref()?;
            Some((index, segment, segment.span(kind)?))
        })
    }

    /// The first span of a kind.
    pub(super) fn first(&self, kind: Kind) -> Option<&Span> {
        self.spans(kind).next().map(|(.., span)| span)
    }

    /// The last span of a kind.
    pub(super) fn last(&self, kind: Kind) -> Option<&Span> {
        self.segments.iter().rev().flatten().find_map(|segment| segment.span(kind))
    }

    /// True when every segment could be measured, and nothing breaks the timeline on purpose.
    pub(super) fn is_one_timeline(&self) -> bool {
        self.segments.iter().all(Option::is_some) && !self.media.entries.iter().skip(1).any(|entry| entry.discontinuity)
    }

    /// Measured length of a kind of track in seconds, over all segments.
    pub(super) fn measured_seconds(&self, kind: Kind) -> f64 {
        self.spans(kind).map(|(.., span)| span.end() - span.start()).sum()
    }

    /// Frames of the picture in a second.
    pub(super) fn frame_rate(&self) -> Option<f64> {
        let (frames, seconds) = self.spans(Kind::Picture).fold((0, 0.0), |(frames, seconds), (.., span)| {
            (frames + span.frames, seconds + span.seconds(span.decode_end - span.decode_start))
        });
        (seconds > 0.0).then(|| frames as f64 / seconds)
    }
}

impl Stream {
    /// All renditions with a picture, but for those for trick play.
    pub(super) fn pictures(&self) -> impl Iterator<Item = &Rendition> {
        self.renditions.iter().filter(|rendition| rendition.is_picture())
    }

    /// Each variant with its rendition.
    pub(super) fn variants(&self) -> impl Iterator<Item = (&VariantStream, &Rendition)> {
        let pairs = self.multivariant.iter().flat_map(|playlist| playlist.text.variants.iter().zip(&playlist.variants));
        pairs.filter_map(|(variant, index)| Some((variant, self.renditions.get((*index)?)?)))
    }

    /// The renditions that a variant with these groups can be played with, of one type and group.
    pub(super) fn group<'a>(&'a self, kind: GroupType, id: Option<&'a str>) -> impl Iterator<Item = &'a Rendition> {
        let pairs =
            self.multivariant.iter().flat_map(|playlist| playlist.text.alternatives.iter().zip(&playlist.media));
        let members = pairs.filter(move |(media, _)| kind.is(&media.media_type) && Some(media.group_id.as_str()) == id);
        members.filter_map(|(_, index)| self.renditions.get((*index)?))
    }
}

/// The types of groups that have playlists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupType {
    Audio,
    Video,
    Subtitles,
}

impl GroupType {
    /// True for EXT-X-MEDIA of this type.
    pub(super) fn is(self, media: &m3u8_rs::AlternativeMediaType) -> bool {
        match self {
            Self::Audio => *media == m3u8_rs::AlternativeMediaType::Audio,
            Self::Video => *media == m3u8_rs::AlternativeMediaType::Video,
            Self::Subtitles => *media == m3u8_rs::AlternativeMediaType::Subtitles,
        }
    }
}
