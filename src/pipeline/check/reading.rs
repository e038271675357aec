//! Reads a stream: every playlist, every segment once, each in its turn, so that memory holds one segment at a time.

use std::{
    collections::BTreeMap,
    io::{Read, Seek, Write},
    path::Path,
};

use super::{
    CheckError,
    files::{Address, ByteRange, Files, Headers, LARGEST_PLAYLIST_BYTES, LARGEST_SEGMENT_BYTES, Opened, is_absolute},
    keys::KeyRing,
    measure::{
        Kind, Unmeasurable, captions,
        facts::{Container, Prober},
        format::Format,
        fragments, init,
        transport_stream::{self, Measured},
    },
    playlist::{self, Parsed},
    rule::Rule,
    rules::{delivery, playlists},
    stream::{Multivariant, Rendition, Segment, Stream},
    variables::{Origin, Variables, substitute},
    verdict::Ledger,
};
use crate::tools::{atomic_file::TEMPORARY_PREFIX, cancel::CancelToken};

/// More media playlists than these are in no stream.
const MOST_PLAYLISTS: usize = 500;
/// More segments than these are in no playlist: a day in segments of half a second.
const MOST_SEGMENTS: usize = 200_000;
/// Bytes of the first segment that ffprobe gets to tell a format.
const FORMAT_BYTES: u64 = 4 << 20;

/// Two packets of a transport stream are enough to know it.
const TRANSPORT_TABLES_BYTES: u64 = 2 * 188;

/// Reads one stream.
pub(super) struct Reader<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) prober: Option<Prober<'a>>,
    /// Whether ffprobe is left out where boxes tell as much.
    pub(super) boxes_alone: bool,
    /// Whether every segment is decoded.
    pub(super) decodes: bool,
    /// The init segment that was read last to decode something, and which it is of what playlist.
    pub(super) init: (Option<(Address, usize)>, Vec<u8>),
    pub(super) keys: KeyRing<'a>,
    /// Those of the multivariant playlist, which media playlists can import.
    pub(super) variables: Option<Variables>,
    pub(super) cancel: &'a CancelToken,
    pub(super) ledger: &'a mut Ledger,
}

impl Reader<'_> {
    /// Reads the stream of this playlist.
    pub(super) fn read(mut self, entry: Address) -> Result<Stream, CheckError> {
        let mut stream = Stream { entry: entry.clone(), multivariant: None, renditions: Vec::new() };
        match self.playlist(&entry, &entry.0)? {
            Some((Parsed::Media(media), _)) => stream.renditions.push(self.rendition(entry, media)?),
            Some((Parsed::Multivariant(text), lines)) => {
                let mut known = BTreeMap::new();
                let mut playlist = Multivariant { text, lines, variants: Vec::new(), media: Vec::new() };
                for variant in &playlist.text.variants {
                    playlist.variants.push(self.named(&entry, &variant.uri, &mut known, &mut stream.renditions)?);
                }
                for media in &playlist.text.alternatives {
                    let index = match &media.uri {
                        Some(uri) => self.named(&entry, uri, &mut known, &mut stream.renditions)?,
                        None => None,
                    };
                    playlist.media.push(index);
                }
                stream.multivariant = Some(playlist);
            }
            None => {}
        }
        Ok(stream)
    }

    /// The index of the rendition of a URI in the multivariant playlist, read when it is named for the first time.
    fn named(
        &mut self,
        base: &Address,
        uri: &str,
        known: &mut BTreeMap<Address, Option<usize>>,
        renditions: &mut Vec<Rendition>,
    ) -> Result<Option<usize>, CheckError> {
        let Some(address) = self.resolve(base, uri) else { return Ok(None) };
        if let Some(index) = known.get(&address) {
            return Ok(*index);
        }
        if known.len() >= MOST_PLAYLISTS {
            self.ledger.broken(Rule::PlaylistText, base, format!("it names more than {MOST_PLAYLISTS} playlists"));
            return Ok(None);
        }
        let index = match self.playlist(&address, uri)? {
            Some((Parsed::Media(media), _)) => {
                renditions.push(self.rendition(address.clone(), media)?);
                Some(renditions.len() - 1)
            }
            Some((Parsed::Multivariant(_), _)) => {
                self.ledger.broken(Rule::PlaylistText, &address, "is a multivariant playlist, not a media playlist");
                None
            }
            None => None,
        };
        known.insert(address, index);
        Ok(index)
    }

    /// Reads a playlist that is named by this URI; `None` after its failure was written down.
    fn playlist(&mut self, address: &Address, uri: &str) -> Result<Option<(Parsed, playlist::Lines)>, CheckError> {
        self.still_wanted()?;
        let opened = match self.files.open(address, None, LARGEST_PLAYLIST_BYTES) {
            Ok(opened) => opened,
            Err(error) => {
                self.ledger.broken(Rule::PlaylistText, address, error.to_string());
                return Ok(None);
            }
        };
        if let Some(headers) = &opened.headers {
            delivery::of_playlist(address, headers, self.ledger);
        }
        let bytes = match opened.into_bytes() {
            Ok(bytes) => bytes,
            Err(error) => {
                self.ledger.broken(Rule::PlaylistText, address, error.to_string());
                return Ok(None);
            }
        };
        playlists::text(address, &bytes, self.ledger);
        // Redirects and what is joined to a base are in the address.
        let uri = if is_absolute(&address.0) { &address.0 } else { uri };
        let origin = Origin { imported: self.variables.as_ref(), uri };
        let text = std::str::from_utf8(&bytes).map_err(|_| "is not UTF-8".to_owned());
        let parsed = text.and_then(|text| {
            let (text, variables) = substitute(text, origin)?;
            playlist::parse(&text).map(|(parsed, lines)| (parsed, lines, variables))
        });
        match parsed {
            Ok((parsed, lines, variables)) => {
                playlists::version(address, &lines, self.ledger);
                if matches!(parsed, Parsed::Multivariant(_)) {
                    self.variables.get_or_insert(variables);
                }
                Ok(Some((parsed, lines)))
            }
            Err(problem) => {
                self.ledger.broken(Rule::PlaylistText, address, problem);
                Ok(None)
            }
        }
    }

    /// What a URI means; `None` after it was written down that it leads out of the stream.
    fn resolve(&mut self, base: &Address, uri: &str) -> Option<Address> {
        let is_plain = !is_absolute(uri)
            && uri.chars().all(|letter| letter.is_ascii_graphic() && !r#"<>"\^`{|}"#.contains(letter));
        self.ledger.judge(Rule::UriRelative, base, is_plain, || format!("“{uri}” is not relative and percent-encoded"));
        let resolved = self.files.resolve(base, uri);
        self.ledger.judge(Rule::UriInside, base, resolved.is_ok(), || resolved.clone().err().unwrap_or_default());
        resolved.ok()
    }

    /// Reads all segments of a media playlist.
    fn rendition(&mut self, address: Address, media: playlist::MediaText) -> Result<Rendition, CheckError> {
        let mut rendition = Rendition {
            address,
            media,
            inits: Vec::new(),
            formats: Vec::new(),
            segments: Vec::new(),
            keys: Vec::new(),
        };
        self.read_inits(&mut rendition);
        if rendition.media.i_frames_only {
            self.read_keys(&mut rendition);
            return Ok(rendition);
        }
        if rendition.media.entries.len() > MOST_SEGMENTS {
            let problem = format!("it names more than {MOST_SEGMENTS} segments");
            self.ledger.broken(Rule::PlaylistText, &rendition.address, problem);
            return Ok(rendition);
        }
        for index in 0..rendition.media.entries.len() {
            self.still_wanted()?;
            let segment = self.segment(&mut rendition, index);
            rendition.segments.push(segment);
        }
        self.read_keys(&mut rendition);
        Ok(rendition)
    }

    fn read_inits(&mut self, rendition: &mut Rendition) {
        for map in rendition.media.maps.clone() {
            let Some(address) = self.resolve(&rendition.address, &map.uri) else {
                rendition.inits.push(None);
                continue;
            };
            let read = self.open_map(rendition, &map, &address).and_then(|opened| {
                let Some(mut opened) = opened else { return Ok((None, None)) };
                let headers = opened.headers.take();
                if rendition.media.i_frames_only && holds_transport_tables(&mut opened)? {
                    return Ok((None, headers));
                }
                Ok((Some(init::read(&mut *opened.content, opened.bytes)?), headers))
            });
            match read {
                Ok((init, headers)) => {
                    self.judge_headers(&address, headers.as_ref());
                    rendition.inits.push(init);
                }
                Err(problem) => {
                    self.ledger.broken(Rule::InitSegment, &address, problem.to_string());
                    rendition.inits.push(None);
                }
            }
        }
    }

    /// Reads and measures one segment; `None` after it was written down why that can't be.
    fn segment(&mut self, rendition: &mut Rendition, index: usize) -> Option<Segment> {
        let entry = rendition.media.entries[index].clone();
        let address = self.resolve(&rendition.address, &entry.uri)?;
        if entry.is_gap {
            self.gap(&address, &entry);
            return None;
        }
        let mut opened = self.open_segment(&address, &entry)?;
        self.judge_headers(&address, opened.headers.take().as_ref());
        let mut segment = Segment::unmeasured(address, entry.byte_range, opened.bytes);
        let Some(mut opened) = self.unlock(rendition, &entry, opened) else {
            // Without the key only its size can be measured.
            self.ledger.kept(Rule::SegmentPresent);
            return Some(segment);
        };
        let mut decodable = None;
        if self.decodes {
            match self.set_aside(rendition, &entry, opened) {
                Ok((set_aside, read)) => (decodable, opened) = (set_aside, read),
                Err(problem) => {
                    self.ledger.broken(Rule::SegmentPresent, &segment.address, problem.to_string());
                    return None;
                }
            }
        }
        let init = entry.map.and_then(|map| rendition.inits.get(map)?.as_ref());
        let measured = match (entry.map, init) {
            (Some(_), None) => return None,
            (_, Some(init)) => fragments::measure(&mut *opened.content, opened.bytes, init).map(|spans| {
                segment.spans = spans;
                init.tracks.iter().map(|track| (track.kind, track.format.clone())).collect::<Vec<_>>()
            }),
            (None, None) => self.without_init(&mut segment, opened, !rendition.formats.is_empty()),
        };
        match measured {
            Ok(formats) => {
                self.ledger.kept(Rule::SegmentPresent);
                if rendition.formats.is_empty() {
                    rendition.formats = formats;
                    self.ask_ffprobe(rendition, &segment, &entry);
                }
                if let Some(decodable) = &decodable {
                    self.judge_decoded(rendition, &segment, decodable);
                }
                Some(segment)
            }
            Err(problem) => {
                let is_missing_track = init.is_some() && problem.0.starts_with("the init segment");
                let rule = if is_missing_track { Rule::InitSegment } else { Rule::SegmentPresent };
                self.ledger.broken(rule, &segment.address, problem.to_string());
                None
            }
        }
    }

    /// What is read of a segment; `None` after it was written down why that is nothing.
    fn open_segment(&mut self, address: &Address, entry: &playlist::Entry) -> Option<Opened> {
        let problem = match self.files.open(address, entry.byte_range, LARGEST_SEGMENT_BYTES) {
            Ok(opened) if opened.bytes > 0 => return Some(opened),
            Ok(_) => "is empty".to_owned(),
            Err(error) => error.to_string(),
        };
        self.ledger.broken(Rule::SegmentPresent, address, problem);
        None
    }

    /// A segment of which the playlist says that it holds no media: then it is not to be had, or is something else.
    fn gap(&mut self, address: &Address, entry: &playlist::Entry) {
        let Ok(opened) = self.files.open(address, entry.byte_range, LARGEST_SEGMENT_BYTES) else { return };
        let Ok(content) = opened.into_bytes() else { return };
        let is_media = entry.key.is_some() && !content.is_empty()
            || content.starts_with(b"WEBVTT")
            || is_fragment(&content)
            || transport_stream::container_of(&content).is_some();
        self.ledger.judge(Rule::SegmentPresent, address, !is_media, || {
            "EXT-X-GAP says that it holds no media, and it does".to_owned()
        });
    }

    /// A segment of captions, of a transport stream, or of packed audio.
    fn without_init(
        &mut self,
        segment: &mut Segment,
        opened: Opened,
        has_formats: bool,
    ) -> Result<Vec<(Kind, Format)>, Unmeasurable> {
        let path = opened.path.clone();
        let content = opened.into_bytes().map_err(|error| Unmeasurable(error.to_string()))?;
        if content.starts_with(b"WEBVTT") || content.starts_with(b"\xef\xbb\xbfWEBVTT") {
            let read = captions::read(&content);
            self.ledger
                .judge(Rule::Captions, &segment.address, read.is_ok(), || read.clone().err().unwrap_or_default());
            segment.captions = read.ok();
            return Ok(vec![(Kind::Text, Format { codecs: Some("wvtt".to_owned()), ..Format::default() })]);
        }
        let Some(container) = transport_stream::container_of(&content) else {
            let is_fragment = is_fragment(&content);
            let problem = if is_fragment {
                "the init segment is missing: there is no EXT-X-MAP"
            } else {
                "is neither fMP4 nor MPEG-TS, AAC or WebVTT"
            };
            if is_fragment {
                self.ledger.broken(Rule::InitSegment, &segment.address, problem);
            }
            return Err(Unmeasurable(problem.to_owned()));
        };
        let Some(prober) = self.prober else {
            return Err(Unmeasurable("it can't be measured without ffprobe".to_owned()));
        };
        let in_file = |file: &Path| {
            let source = transport_stream::Source { content: &content, file, container, has_formats };
            transport_stream::measure(source, prober)
        };
        let measured = match path {
            Some(path) => in_file(&path)?,
            None => in_file(temporary(&[&content])?.path())?,
        };
        let Measured { spans, formats, transport } = measured;
        if let Some(transport) = &transport {
            playlists::transport(&segment.address, transport, self.ledger);
            segment.loss = transport.loss.clone();
            segment.edges = transport.edges();
        }
        segment.spans = spans;
        Ok(formats)
    }

    /// Adds to the format of an fMP4 rendition what only the parameter sets tell.
    fn ask_ffprobe(&mut self, rendition: &mut Rendition, segment: &Segment, entry: &playlist::Entry) {
        let map = entry.map.and_then(|map| rendition.media.maps.get(map));
        let (Some(prober), Some(map)) = (self.prober.filter(|_| !self.boxes_alone), map) else { return };
        let Ok(address) = self.files.resolve(&rendition.address, &map.uri) else { return };
        // What is encrypted is decrypted from its beginning to its end.
        let range = if entry.key.is_some() { segment.range } else { Some(beginning(segment)) };
        let Ok(opened) = self.files.open(&segment.address, range, LARGEST_SEGMENT_BYTES) else { return };
        let (Some(opened), Ok(Some(init))) =
            (self.unlock(rendition, entry, opened), self.open_map(rendition, map, &address))
        else {
            return;
        };
        let (Ok(init), Ok(media)) = (init.into_bytes(), opened.into_bytes()) else { return };
        let Ok(file) = temporary(&[&init, &media]) else { return };
        let Ok(probed) = prober.probe(file.path(), Container::Mp4, false) else { return };
        let Some(stream) = probed.streams.iter().find(|stream| stream.kind() == Kind::Picture) else { return };
        let Some((_, format)) = rendition.formats.iter_mut().find(|(kind, _)| *kind == Kind::Picture) else { return };
        let seen = stream.format();
        format.size = seen.size.or(format.size);
        format.pixel_aspect = seen.pixel_aspect.or(format.pixel_aspect);
        format.bit_depth = seen.bit_depth.or(format.bit_depth);
        format.chroma = seen.chroma.or(format.chroma);
        format.colour = seen.colour.or(format.colour);
        format.is_interlaced = seen.is_interlaced;
    }

    fn judge_headers(&mut self, address: &Address, headers: Option<&Headers>) {
        if let Some(headers) = headers {
            delivery::of_media(address, headers, self.ledger);
        }
    }

    fn still_wanted(&self) -> Result<(), CheckError> {
        if self.cancel.is_cancelled() { Err(CheckError::Cancelled) } else { Ok(()) }
    }
}

/// Whether this begins with a box of fMP4.
fn is_fragment(content: &[u8]) -> bool {
    content.get(4..8).is_some_and(|kind| matches!(kind, b"styp" | b"moof" | b"sidx" | b"ftyp"))
}

/// As much of a segment as tells its format.
fn beginning(segment: &Segment) -> ByteRange {
    let offset = segment.range.map_or(0, |range| range.offset);
    ByteRange { offset, length: segment.bytes.min(FORMAT_BYTES) }
}

/// Whether this begins with the tables of a transport stream, which EXT-X-MAP of an I-frame playlist may name. Leaves the
/// content at its first byte.
fn holds_transport_tables(opened: &mut Opened) -> Result<bool, Unmeasurable> {
    let mut beginning = Vec::new();
    (&mut opened.content).take(TRANSPORT_TABLES_BYTES).read_to_end(&mut beginning)?;
    opened.content.rewind()?;
    Ok(transport_stream::container_of(&beginning) == Some(Container::TransportStream))
}

/// A file that is gone when the handle is dropped.
pub(super) fn temporary(parts: &[&[u8]]) -> Result<tempfile::NamedTempFile, Unmeasurable> {
    let mut file = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile()?;
    for part in parts {
        file.write_all(part)?;
    }
    file.flush()?;
    Ok(file)
}
