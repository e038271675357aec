//! Boxes of ISO/IEC 14496-12 in memory, for what has to be copied byte for byte.

use mp4_atom::{Decode, Encode, FourCC, Header};

/// A box in a slice: its kind, its header's length and all its bytes.
pub(super) struct BoxBytes<'a> {
    pub(super) kind: FourCC,
    pub(super) header_bytes: usize,
    pub(super) bytes: &'a [u8],
}

impl<'a> BoxBytes<'a> {
    /// What follows the header.
    pub(super) fn body(&self) -> &'a [u8] {
        &self.bytes[self.header_bytes..]
    }
}

/// The boxes of a slice, one after the other.
pub(super) fn boxes(mut slice: &[u8]) -> mp4_atom::Result<Vec<BoxBytes<'_>>> {
    let mut found = Vec::new();
    while !slice.is_empty() {
        let mut rest = slice;
        let header = Header::decode(&mut rest)?;
        let header_bytes = slice.len() - rest.len();
        let length = header_bytes + header.size.unwrap_or(rest.len());
        let bytes = slice.get(..length).ok_or(mp4_atom::Error::UnexpectedEof)?;
        found.push(BoxBytes { kind: header.kind, header_bytes, bytes });
        slice = &slice[length..];
    }
    Ok(found)
}

/// The first box of this kind in a slice.
pub(super) fn find(slice: &[u8], kind: FourCC) -> mp4_atom::Result<BoxBytes<'_>> {
    boxes(slice)?.into_iter().find(|found| found.kind == kind).ok_or(mp4_atom::Error::MissingBox(kind))
}

/// A box of this kind around `body`.
pub(super) fn boxed(kind: FourCC, body: &[u8]) -> mp4_atom::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(body.len() + 8);
    Header { kind, size: Some(body.len()) }.encode(&mut bytes)?;
    bytes.extend_from_slice(body);
    Ok(bytes)
}
