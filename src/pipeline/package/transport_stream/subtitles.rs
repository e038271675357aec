//! The subtitles on the clock of MPEG-TS.

use std::time::Duration;

use super::{
    FinishedTrack, MEDIA_START_TICKS, OutputMaker, PackageError, SegmentEntry, SegmentPlace,
    encryption::{self, Sealed},
    hls::{self, SubtitleTrack},
};
use crate::pipeline::{
    layout::{relative_folder_uri, relative_uri, subtitle_file_name},
    package::captions,
};

impl OutputMaker<'_> {
    /// Writes all subtitle renditions, in segments as long as those of this rendition of pictures.
    pub(super) fn write_transport_subtitles(
        &self,
        pictures: &FinishedTrack,
    ) -> Result<Vec<SubtitleTrack<'_>>, PackageError> {
        let (files, timescale) = (&self.plan.files, pictures.timescale);
        let target = self.plan.timing.target_duration_seconds();
        let time_of = |ticks: u64| Duration::from_secs_f64(hls::seconds(ticks, timescale));
        let mut tracks = Vec::new();
        for (planned, captions) in self.subtitles {
            let path = files.transport_media_playlist(&planned.name);
            let folder = files.transport_segments_folder(&planned.name);
            let rendition = format!("{}/{}", files.transport_stream_folder(), planned.name);
            let mut end = 0;
            let mut entries = Vec::with_capacity(pictures.segments.len());
            for (number, segment) in (0..).zip(&pictures.segments) {
                let start = end;
                end += segment.duration_ticks;
                let text = captions::segment(captions, time_of(start), time_of(end), MEDIA_START_TICKS);
                let place = SegmentPlace { rendition: &rendition, playlist: &path, number };
                let Sealed { data, key } = encryption::seal(self.encryptor, place, text.into_bytes())?;
                self.write_file(&format!("{folder}/{}", subtitle_file_name(number)), &data)?;
                let (duration_ticks, bytes) = (segment.duration_ticks, data.len() as u64);
                entries.push(SegmentEntry { duration_ticks, bytes, keyframes: Vec::new(), key });
            }
            let folder_uri = relative_folder_uri(&path, &folder);
            self.write_text(&path, hls::subtitle_playlist(&folder_uri, &entries, timescale, target))?;
            let rates = hls::measure_segments(&entries, timescale, target);
            let uri = relative_uri(&files.transport_multivariant_playlist(), &path);
            tracks.push(SubtitleTrack { uri, rendition: planned, rates });
        }
        Ok(tracks)
    }
}
