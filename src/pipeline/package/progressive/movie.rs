//! The `moov` of a progressive file. Sample entries are copied byte for byte from the init segments.

use mp4_atom::{
    Atom, Co64, Ctts, CttsEntry, Decode, Edts, Elst, ElstEntry, Encode, Ftyp, Mdhd, Mdia, Minf, Moov, Mvhd, Stbl, Stco,
    Stsc, StscEntry, Stsd, Stss, Stsz, StszSamples, Stts, SttsEntry, Tkhd, Trak,
};

use super::samples::TrackSamples;
use crate::pipeline::package::{
    FinishedTrack,
    boxes::{boxed, boxes, find},
};

/// Players choose one track of a group; all sound is in one.
const SOUND_GROUP: u16 = 1;
/// Room that the tables take at the most, for the choice between places of 32 and of 64 bits.
const ROOM_FOR_TABLES: u64 = 1 << 30;

/// Where the chunks lie in the file.
pub(super) struct Placement {
    /// First byte of each chunk of each track.
    pub(super) chunks: Vec<Vec<u64>>,
    /// Whether places need 64 bits.
    is_wide: bool,
}

impl Placement {
    /// No places yet, but room for them.
    pub(super) fn of(sources: &[TrackSamples], media_bytes: u64) -> Self {
        Self {
            chunks: sources.iter().map(|source| vec![0; source.chunks.len()]).collect(),
            is_wide: media_bytes + ROOM_FOR_TABLES > u64::from(u32::MAX),
        }
    }
}

/// The brands of a file that any player of MP4 opens.
pub(super) fn file_type() -> Ftyp {
    let compatible_brands = [b"isom", b"iso6", b"mp41", b"mp42"].map(Into::into).to_vec();
    Ftyp { major_brand: b"isom".into(), minor_version: 0x200, compatible_brands }
}

/// The `moov` of all tracks. Its time scale is that of the first, so that the edit list of the picture is exact.
pub(super) fn movie(
    tracks: &[&FinishedTrack],
    sources: &[TrackSamples],
    placement: &Placement,
) -> mp4_atom::Result<Vec<u8>> {
    let timescale = sources.first().map_or(1, |source| source.timescale);
    let duration = sources.iter().map(|source| movie_ticks(source, timescale)).max().unwrap_or(0);
    let mut body = Vec::new();
    if let Some(first) = sources.first() {
        let moov = find(&first.init, Moov::KIND)?;
        let header = Mvhd::decode(&mut find(moov.body(), Mvhd::KIND)?.bytes)?;
        let next_track_id = u32::try_from(tracks.len() + 1).unwrap_or(u32::MAX);
        Mvhd { timescale, duration, next_track_id, ..header }.encode(&mut body)?;
    }
    for (index, (track, source)) in tracks.iter().zip(sources).enumerate() {
        // Of several sounds the first is heard.
        let is_enabled = track.sound.is_none() || tracks[..index].iter().all(|before| before.sound.is_none());
        let (chunks, is_wide) = (&placement.chunks[index], placement.is_wide);
        let part = TrackPart { index, track, source, chunks, is_wide, is_enabled };
        body.extend(part.encode(timescale)?);
    }
    boxed(Moov::KIND, &body)
}

fn movie_ticks(source: &TrackSamples, movie_timescale: u32) -> u64 {
    let ticks = u128::from(source.ticks()) * u128::from(movie_timescale);
    u64::try_from(ticks.div_ceil(u128::from(source.timescale))).unwrap_or(u64::MAX)
}

/// All that a `trak` is made of.
struct TrackPart<'a> {
    index: usize,
    track: &'a FinishedTrack,
    source: &'a TrackSamples,
    chunks: &'a [u64],
    is_wide: bool,
    is_enabled: bool,
}

impl TrackPart<'_> {
    fn encode(&self, movie_timescale: u32) -> mp4_atom::Result<Vec<u8>> {
        let moov = find(&self.source.init, Moov::KIND)?;
        let trak = find(moov.body(), Trak::KIND)?;
        let duration = movie_ticks(self.source, movie_timescale);
        let mut body = Vec::new();
        let header = Tkhd::decode(&mut find(trak.body(), Tkhd::KIND)?.bytes)?;
        let is_sound = self.track.sound.is_some();
        let track_id = u32::try_from(self.index + 1).unwrap_or(u32::MAX);
        let enabled = self.is_enabled;
        let alternate_group = if is_sound { SOUND_GROUP } else { 0 };
        Tkhd { track_id, duration, enabled, in_movie: true, alternate_group, ..header }.encode(&mut body)?;
        // What is decoded before it is shown is shown late by the composition offsets; the edit list takes that back.
        let media_time = Some(self.source.delay_ticks());
        let entry = ElstEntry { segment_duration: duration, media_time, media_rate: 1.into() };
        Edts { elst: Some(Elst { entries: vec![entry] }) }.encode(&mut body)?;
        body.extend(self.media(find(trak.body(), Mdia::KIND)?.body())?);
        boxed(Trak::KIND, &body)
    }

    fn media(&self, mdia: &[u8]) -> mp4_atom::Result<Vec<u8>> {
        let mut body = Vec::new();
        for part in boxes(mdia)? {
            match part.kind {
                kind if kind == Mdhd::KIND => {
                    let header = Mdhd::decode(&mut &*part.bytes)?;
                    let language = self.language().unwrap_or_else(|| header.language.clone());
                    let timescale = self.source.timescale;
                    Mdhd { timescale, duration: self.source.ticks(), language, ..header }.encode(&mut body)?;
                }
                kind if kind == Minf::KIND => {
                    let mut minf = Vec::new();
                    for inner in boxes(part.body())? {
                        if inner.kind == Stbl::KIND {
                            minf.extend(self.tables(inner.body())?);
                        } else {
                            minf.extend_from_slice(inner.bytes);
                        }
                    }
                    body.extend(boxed(Minf::KIND, &minf)?);
                }
                _ => body.extend_from_slice(part.bytes),
            }
        }
        boxed(Mdia::KIND, &body)
    }

    /// ISO 639-2/T, as `mdhd` has it.
    fn language(&self) -> Option<String> {
        let tag = self.track.sound.as_ref()?.language.split('-').next()?;
        let language = isolang::Language::from_639_1(tag).or_else(|| isolang::Language::from_639_3(tag))?;
        Some(language.to_639_3().to_owned())
    }

    fn tables(&self, stbl: &[u8]) -> mp4_atom::Result<Vec<u8>> {
        let source = self.source;
        let mut body = find(stbl, Stsd::KIND)?.bytes.to_vec();
        let run = |(count, value): &(u32, u32)| SttsEntry { sample_count: *count, sample_delta: *value };
        Stts { entries: source.durations.0.iter().map(run).collect() }.encode(&mut body)?;
        let delay = i64::try_from(source.delay_ticks()).unwrap_or(i64::MAX);
        if source.offsets.0.iter().any(|(_, offset)| *offset != 0) {
            let run = |(count, offset): &(u32, i64)| CttsEntry { sample_count: *count, sample_offset: offset + delay };
            Ctts { entries: source.offsets.0.iter().map(run).collect() }.encode(&mut body)?;
        }
        if source.sync_samples.len() < source.sizes.len() {
            Stss { entries: source.sync_samples.clone() }.encode(&mut body)?;
        }
        self.chunk_runs().encode(&mut body)?;
        Stsz { samples: StszSamples::Different { sizes: source.sizes.clone() } }.encode(&mut body)?;
        if self.is_wide {
            Co64 { entries: self.chunks.to_vec() }.encode(&mut body)?;
        } else {
            let narrow = |place: &u64| u32::try_from(*place).map_err(|_| mp4_atom::Error::InvalidSize);
            Stco { entries: self.chunks.iter().map(narrow).collect::<mp4_atom::Result<_>>()? }.encode(&mut body)?;
        }
        boxed(Stbl::KIND, &body)
    }

    fn chunk_runs(&self) -> Stsc {
        let mut entries: Vec<StscEntry> = Vec::new();
        for (index, chunk) in self.source.chunks.iter().enumerate() {
            if entries.last().is_none_or(|last| last.samples_per_chunk != chunk.samples) {
                let first_chunk = u32::try_from(index + 1).unwrap_or(u32::MAX);
                entries.push(StscEntry { first_chunk, samples_per_chunk: chunk.samples, sample_description_index: 1 });
            }
        }
        Stsc { entries }
    }
}
