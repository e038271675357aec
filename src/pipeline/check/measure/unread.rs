//! The parts of a segment that a check by its boxes does not read: found by such a check.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
};

use super::{Unmeasurable, fragments, init};

/// Parts of a segment that nobody reads who measures it by its boxes; the media but for the beginnings of keyframes.
///
/// # Errors
/// Why the segment, or its init segment, can't be measured.
pub(in super::super) fn parts(init: &Path, segment: &Path) -> Result<Vec<Range<u64>>, Unmeasurable> {
    let mut file = File::open(init)?;
    let bytes = file.metadata()?.len();
    let init = init::read(&mut file, bytes)?;
    let file = File::open(segment)?;
    let bytes = file.metadata()?.len();
    let mut watched = Watched { content: file, position: 0, read: Vec::new() };
    fragments::measure(&mut watched, bytes, &init)?;
    Ok(between(watched.read, bytes))
}

/// What lies between these parts of so many bytes.
fn between(mut parts: Vec<Range<u64>>, bytes: u64) -> Vec<Range<u64>> {
    parts.sort_by_key(|part| part.start);
    let mut end = 0;
    let mut gaps = Vec::new();
    for part in parts.into_iter().chain(std::iter::once(bytes..bytes)) {
        if part.start > end {
            gaps.push(end..part.start);
        }
        end = end.max(part.end);
    }
    gaps
}

/// A content that keeps which parts of it were read.
struct Watched<R> {
    content: R,
    position: u64,
    read: Vec<Range<u64>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.content.read(buffer)?;
        let end = self.position + count as u64;
        if count > 0 {
            self.read.push(self.position..end);
        }
        self.position = end;
        Ok(count)
    }
}

impl<R: Seek> Seek for Watched<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.position = self.content.seek(to)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_lies_between_what_was() {
        assert_eq!(between(vec![10..12, 0..4, 3..6], 20), [6..10, 12..20]);
        assert_eq!(between(vec![0..7, 7..20], 20), []);
        assert_eq!(between(Vec::new(), 3).first(), Some(&(0..3)));
    }
}
