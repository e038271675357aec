//! The sound as a variant of its own, for players that want no picture.

use super::{
    Clock, FinishedTrack, OutputMaker, PackageError, SegmentEntry, SegmentPlace, borders,
    clear::ClearMedia,
    hls, packets,
    playlists::{self, MuxedPlaylist},
    segment_file_name, wrong,
};
use crate::pipeline::{
    layout::{relative_folder_uri, relative_uri},
    package::hls::MuxedSound,
    plan::AudioCodec,
};

/// ffmpeg gathers sound for half of this delay before it writes it with the clock, which has to come every 100 ms.
const SOUND_CLOCK: Clock = Clock { start_offset_seconds: "9.8", mux_delay_seconds: "0.1" };

impl OutputMaker<'_> {
    /// Writes the segments and the playlist of sound alone, cut where the fMP4 form is cut and on the clock of the
    /// pictures.
    pub(super) fn write_sound_alone(
        &self,
        sound: &FinishedTrack,
        media: &ClearMedia<'_>,
    ) -> Result<MuxedSound, PackageError> {
        let packets = borders(sound, AudioCodec::Aac.packet_samples());
        let workplace = self.segments_of(&[sound], media, (&["0:a:0"], &SOUND_CLOCK), &packets)?;

        let files = &self.plan.files;
        let playlist = files.transport_media_playlist(&sound.name);
        let rendition = format!("{}/{}", files.transport_stream_folder(), sound.name);
        let mut segments = Vec::new();
        for (number, planned) in (0..).zip(&sound.segments) {
            let name = segment_file_name(number);
            let finished = workplace.path().join(&name);
            let content = std::fs::read(&finished).map_err(|error| PackageError::unreadable(&finished, &error))?;
            packets::check_sound(&content).map_err(|what| wrong(&format!("{name} of {}: {what}", sound.name)))?;
            let entry = SegmentEntry {
                duration_ticks: planned.duration_ticks,
                bytes: content.len() as u64,
                keyframes: Vec::new(),
                key: None,
            };
            let path = files.transport_segment(&sound.name, number);
            let place = SegmentPlace { rendition: &rendition, playlist: &playlist, number };
            segments.push(self.keep_segment((&finished, content), &path, place, entry)?);
        }
        let target_duration = self.plan.timing.target_duration_seconds();
        let folder = files.transport_segments_folder(&sound.name);
        let text = playlists::media_playlist(&MuxedPlaylist {
            folder_uri: &relative_folder_uri(&playlist, &folder),
            segments: &segments,
            timescale: sound.timescale,
            target_duration,
        });
        self.write_text(&playlist, text)?;
        Ok(MuxedSound {
            codecs: sound.format.codecs().to_owned(),
            uri: relative_uri(&files.transport_multivariant_playlist(), &playlist),
            rates: hls::measure_segments(&segments, sound.timescale, target_duration),
        })
    }
}
