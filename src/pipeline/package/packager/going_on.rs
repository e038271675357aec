//! Going on with a stream of which an earlier run has finished some segments.

use super::{
    FileReport, Growth, InitSegment, PackageError, Packager, PoisonError, Rendition, Sealed, Segment, SegmentPlace,
    encryption, hls,
};
use crate::pipeline::package::{FinishedSegments, rendition::Earlier};

impl Packager<'_> {
    /// Takes what an earlier run has finished as if it had been written now. With all segments there, only
    /// [`finish`](Self::finish) is left to do.
    ///
    /// # Errors
    /// When a playlist can't be written.
    pub fn go_on_with(&mut self, finished: &FinishedSegments, is_whole: bool) -> Result<(), PackageError> {
        self.first_segment = if self.plan.runs_from_start() { 0 } else { finished.first_segment };
        for (track, earlier) in finished.renditions.iter().enumerate() {
            let tell = |path: String, bytes: u64| self.listener.file_finished(FileReport { path, bytes }, None);
            tell(self.plan.files.init_segment(&earlier.name), earlier.init.len() as u64);
            for (number, segment) in earlier.segments.iter().enumerate() {
                tell(self.plan.files.segment(&earlier.name, number as u64), segment.bytes);
            }
            let mut segments = earlier.segments.clone();
            if let Some(encryptor) = self.encryptor {
                let playlist = self.plan.files.media_playlist(&earlier.name);
                for (segment, number) in segments.iter_mut().zip(0..) {
                    let place = SegmentPlace { rendition: &earlier.name, playlist: &playlist, number };
                    segment.key = Some(encryptor.tag_of(place)?);
                }
            }
            let rendition = &mut self.renditions[track];
            rendition.format = Some(earlier.format.clone());
            rendition.segments = segments;
            rendition.earlier = Earlier { init: Some(earlier.init.clone()), segments: earlier.segments.len() as u64 };
        }
        let bytes = self.renditions.iter().map(Rendition::bytes).sum();
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).encoded =
            self.plan.start_of_segment(self.first_segment);
        if !is_whole {
            for track in 0..self.renditions.len() {
                if !self.renditions[track].segments.is_empty() {
                    self.write_media_playlist(track, Growth::Growing)?;
                }
            }
            if self.renditions.iter().all(|rendition| !rendition.segments.is_empty()) {
                self.write_multivariant(Growth::Growing)?;
            }
        }
        self.update_progress(bytes);
        Ok(())
    }

    /// Whether this init segment is there already. The first one of a sound stays: only a field for its bit rate, which
    /// nobody needs, may be another.
    ///
    /// # Errors
    /// When what is there does not fit to what will follow.
    pub(super) fn has_init_segment(&self, track: usize, init: &InitSegment) -> Result<bool, PackageError> {
        let rendition = &self.renditions[track];
        let Some(earlier) = &rendition.earlier.init else { return Ok(false) };
        let is_video = track < self.plan.renditions.len();
        let is_same = if is_video { *earlier == init.data } else { rendition.format.as_ref() == Some(&init.format) };
        if is_same { Ok(true) } else { Err(PackageError::InitDiffers { rendition: rendition.name.clone() }) }
    }

    /// Whether an earlier run has made this segment. Pictures may be encoded again for the sake of another rendition:
    /// what is there stays. Sound is encoded again from its start; where it comes out otherwise, all of it is
    /// replaced, so that its packets fit together.
    ///
    /// # Errors
    /// When a segment that comes out otherwise can't be written.
    pub(super) fn has_segment(&mut self, segment: &Segment) -> Result<bool, PackageError> {
        let rendition = &self.renditions[segment.track];
        if segment.number >= rendition.earlier.segments {
            return Ok(false);
        }
        if segment.track < self.plan.renditions.len() {
            return Ok(true);
        }
        let path = self.plan.files.segment(&rendition.name, segment.number);
        let playlist = self.plan.files.media_playlist(&rendition.name);
        let place = SegmentPlace { rendition: &rendition.name, playlist: &playlist, number: segment.number };
        let Sealed { data, key } = encryption::seal(self.encryptor, place, segment.data.clone())?;
        let dropped = self.listener.dropped_segments().and_then(|dropped| dropped.get(&path));
        let is_same = match dropped {
            Some(dropped) => dropped.is(&data),
            None => std::fs::read(self.folder.join(&path)).is_ok_and(|earlier| earlier == data),
        };
        if is_same {
            return Ok(true);
        }
        self.write_segment(&path, &data)?;
        let bytes = data.len() as u64;
        let entry = hls::SegmentEntry { duration_ticks: segment.duration_ticks, bytes, keyframes: Vec::new(), key };
        let number = usize::try_from(segment.number).unwrap_or(usize::MAX);
        if let Some(known) = self.renditions[segment.track].segments.get_mut(number) {
            *known = entry;
        }
        Ok(true)
    }
}
