//! Writes CMAF segments: `styp`, then a `moof` and `mdat` for each fragment.

use mp4_atom::{Encode, Mfhd, Moof, Styp, Tfdt, Tfhd, Traf, Trun, TrunEntry};

use super::SegmenterError;

const MDAT_HEADER_BYTES: usize = 8;
/// The flags of a sync sample and of any other (ISO/IEC 14496-12, 8.8.3.1).
pub(super) const SYNC_FLAGS: u32 = 0x0200_0000;

/// A sample in its place on the timeline.
#[derive(Debug, Clone)]
pub(super) struct PlacedSample {
    pub(super) duration_ticks: u32,
    pub(super) flags: u32,
    /// Presentation time less decode time, in ticks.
    pub(super) composition_offset: i64,
    pub(super) data: bytes::Bytes,
}

/// Where the keyframe of a fragment lies in its segment: `moof`, the header of `mdat`, and the first sample, which is
/// all that a player needs for trick play (rfc8216bis 4.4.3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyframeRange {
    /// First byte in the segment.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
    /// Ticks until the next keyframe, or the end.
    pub duration_ticks: u64,
}

/// A segment in the making.
pub(super) struct SegmentWriter {
    pub(super) data: Vec<u8>,
    pub(super) keyframes: Vec<KeyframeRange>,
    decode_time: u64,
    sequence_number: u32,
}

impl SegmentWriter {
    /// Begins a segment at `decode_time`; its fragments are numbered from `sequence_number` on.
    pub(super) fn begin(decode_time: u64, sequence_number: u32) -> Result<Self, SegmenterError> {
        let mut data = Vec::new();
        let styp = Styp {
            major_brand: b"msdh".into(),
            minor_version: 0,
            compatible_brands: vec![b"msdh".into(), b"msix".into(), b"cmfc".into()],
        };
        styp.encode(&mut data)?;
        Ok(Self { data, keyframes: Vec::new(), decode_time, sequence_number })
    }

    /// Adds a fragment.
    pub(super) fn fragment(&mut self, samples: &[PlacedSample]) -> Result<(), SegmenterError> {
        let offset = self.data.len();
        let moof_bytes = self.encode_moof(samples, 0)?.len();
        let data_offset = i32::try_from(moof_bytes + MDAT_HEADER_BYTES)
            .map_err(|_| SegmenterError::Unplanned("a fragment of too many samples".to_owned()))?;
        let moof = self.encode_moof(samples, data_offset)?;
        let media_bytes: usize = samples.iter().map(|sample| sample.data.len()).sum();
        let mdat_bytes = u32::try_from(media_bytes + MDAT_HEADER_BYTES)
            .map_err(|_| SegmenterError::Unplanned("a fragment of more than 4 GiB".to_owned()))?;
        self.data.extend_from_slice(&moof);
        self.data.extend_from_slice(&mdat_bytes.to_be_bytes());
        self.data.extend_from_slice(b"mdat");
        for sample in samples {
            self.data.extend_from_slice(&sample.data);
        }
        let duration_ticks = samples.iter().map(|sample| u64::from(sample.duration_ticks)).sum();
        if let Some(first) = samples.first() {
            self.keyframes.push(KeyframeRange {
                offset: offset as u64,
                length: (moof.len() + MDAT_HEADER_BYTES + first.data.len()) as u64,
                duration_ticks,
            });
        }
        self.decode_time += duration_ticks;
        self.sequence_number += 1;
        Ok(())
    }

    /// The number that the next fragment gets.
    pub(super) fn next_sequence_number(&self) -> u32 {
        self.sequence_number
    }

    fn encode_moof(&self, samples: &[PlacedSample], data_offset: i32) -> Result<Vec<u8>, SegmenterError> {
        let entries: Vec<TrunEntry> = samples
            .iter()
            .map(|sample| TrunEntry {
                duration: Some(sample.duration_ticks),
                size: u32::try_from(sample.data.len()).ok(),
                flags: Some(sample.flags),
                cts: Some(sample.composition_offset),
            })
            .collect();
        let moof = Moof {
            mfhd: Mfhd { sequence_number: self.sequence_number },
            traf: vec![Traf {
                tfhd: Tfhd { track_id: 1, default_base_is_moof: true, ..Tfhd::default() },
                tfdt: Some(Tfdt { base_media_decode_time: self.decode_time }),
                trun: vec![Trun { data_offset: Some(data_offset), samples: entries.into() }],
                ..Traf::default()
            }],
        };
        let mut bytes = Vec::new();
        moof.encode(&mut bytes)?;
        Ok(bytes)
    }
}
