//! A rendition and its sound as one progressive MP4: the samples of the CMAF segments, with one `moov` before them.
//!
//! The samples are copied, nothing is encoded again. The tables are written here and not by ffmpeg, because its reader
//! of fragmented files moves presentation times by the largest negative composition offset that it has met so far
//! (`mov_update_dts_shift`), so that the picture would come some frames after the sound.

mod movie;
mod samples;

use std::{
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use mp4_atom::Encode;

use super::{FinishedTrack, PackageError};
use crate::tools::{atomic_file::UnfinishedFile, cancel::CancelToken};
use movie::Placement;
use samples::TrackSamples;

const WRITE_BUFFER_BYTES: usize = 1 << 20;
const MDAT_HEADER_BYTES: u64 = 16;

/// Writes the file `target` out of the segments of `tracks` in `stream_folder`: pictures first, then their sound.
/// Returns its size in bytes.
///
/// # Errors
/// When a segment can't be read, the file can't be written, or the job is cancelled.
pub fn write(
    tracks: &[&FinishedTrack],
    stream_folder: &Path,
    target: &Path,
    cancel: &CancelToken,
) -> Result<u64, PackageError> {
    let sources: Vec<TrackSamples> =
        tracks.iter().map(|track| samples::read(track, stream_folder)).collect::<Result<_, _>>()?;
    let order = interleaved(&sources);
    let failed = |source| PackageError::Write { path: target.to_owned(), source };
    let unwritable = |error: mp4_atom::Error| failed(std::io::Error::other(error));
    let media_bytes: u64 = sources.iter().flat_map(|source| &source.chunks).map(|chunk| chunk.bytes).sum();

    let mut head = Vec::new();
    movie::file_type().encode(&mut head).map_err(unwritable)?;
    // The size of the tables depends on the number of chunks and on how wide their places are, not on the places.
    let mut placement = Placement::of(&sources, media_bytes);
    let moov_bytes = movie::movie(tracks, &sources, &placement).map_err(unwritable)?.len();
    let mut place = (head.len() + moov_bytes) as u64 + MDAT_HEADER_BYTES;
    for (track, chunk) in &order {
        placement.chunks[*track][*chunk] = place;
        place += sources[*track].chunks[*chunk].bytes;
    }
    head.extend(movie::movie(tracks, &sources, &placement).map_err(unwritable)?);
    head.extend(mdat_header(media_bytes));

    let mut unfinished = UnfinishedFile::begin(target).map_err(failed)?;
    let mut output = BufWriter::with_capacity(WRITE_BUFFER_BYTES, unfinished.file());
    output.write_all(&head).map_err(failed)?;
    let mut open: Vec<OpenSegment> = sources.iter().map(|_| None).collect();
    for (track, chunk) in order {
        if cancel.is_cancelled() {
            return Err(PackageError::Cancelled);
        }
        let source = &sources[track];
        let chunk = &source.chunks[chunk];
        let path = &source.segments[chunk.segment];
        let unreadable = |error: std::io::Error| PackageError::unreadable(path, &error);
        let segment = segment_file(&mut open[track], chunk.segment, path).map_err(unreadable)?;
        segment.seek(SeekFrom::Start(chunk.offset)).map_err(unreadable)?;
        let copied = std::io::copy(&mut segment.take(chunk.bytes), &mut output).map_err(failed)?;
        if copied != chunk.bytes {
            return Err(unreadable(std::io::ErrorKind::UnexpectedEof.into()));
        }
    }
    output.flush().map_err(failed)?;
    drop(output);
    unfinished.finish().map_err(failed)?;
    Ok(place)
}

/// The segment of a track that is being read.
type OpenSegment = Option<(usize, File)>;

fn segment_file<'a>(open: &'a mut OpenSegment, segment: usize, path: &PathBuf) -> std::io::Result<&'a mut File> {
    let file = match open.take() {
        Some((number, file)) if number == segment => file,
        _ => File::open(path)?,
    };
    Ok(&mut open.insert((segment, file)).1)
}

/// All chunks as (track, chunk) in the order of their time, so that a player reads the file from its start to its end.
fn interleaved(sources: &[TrackSamples]) -> Vec<(usize, usize)> {
    let mut order: Vec<(f64, usize, usize)> = Vec::new();
    for (track, source) in sources.iter().enumerate() {
        let seconds = |ticks: u64| ticks as f64 / f64::from(source.timescale);
        order.extend(source.chunks.iter().enumerate().map(|(chunk, found)| (seconds(found.start_ticks), track, chunk)));
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    order.into_iter().map(|(_, track, chunk)| (track, chunk)).collect()
}

/// With the size in 64 bits, so that its length does not depend on it.
fn mdat_header(media_bytes: u64) -> Vec<u8> {
    let mut header = vec![0, 0, 0, 1];
    header.extend_from_slice(b"mdat");
    header.extend_from_slice(&(media_bytes + MDAT_HEADER_BYTES).to_be_bytes());
    header
}
