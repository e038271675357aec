//! What files of a stream are called, for those who find a folder and do not know the plan of its stream.

use super::{
    HLS_FOLDER, I_FRAME_PLAYLIST, INIT_SEGMENT, MEDIA_PLAYLIST, MP4_FOLDER, POSTER, STORYBOARD_FOLDER,
    TRANSPORT_STREAM_FOLDER, WHOLE_SUBTITLES,
};
use crate::job::KEYS_FOLDER;

/// Whether a stream of some plan has a file at this path in its folder, with forward slashes. `has_rendition` tells
/// whether the stream has a rendition of a name, where files are called after that.
pub fn is_name_of_stream(path: &str, has_rendition: &dyn Fn(&str) -> bool) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let numbered = |start: &str, end: &str| {
        let number = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let in_rendition = || {
        [MEDIA_PLAYLIST, I_FRAME_PLAYLIST, INIT_SEGMENT, WHOLE_SUBTITLES].contains(&name)
            || [".m4s", ".vtt", ".ts"].iter().any(|end| numbered("segment_", end))
    };
    let called_after_rendition = |end: &str| {
        let name = name.strip_suffix(end);
        name.is_some_and(|name| has_rendition(name.strip_suffix("_iframes").unwrap_or(name)))
    };
    match folder {
        "" => ["master.m3u8", "manifest.mpd", "chapters.vtt", "report.json"].contains(&name),
        "images" | "thumbnails" => name == POSTER || [".jpg", ".webp"].iter().any(|end| numbered("thumbnail_", end)),
        STORYBOARD_FOLDER => name == "storyboard.vtt" || numbered("sheet_", ".jpg"),
        MP4_FOLDER => [".mp4", ".m4a"].into_iter().any(called_after_rendition),
        KEYS_FOLDER => numbered("", ".key"),
        HLS_FOLDER | TRANSPORT_STREAM_FOLDER if name == "master.m3u8" => true,
        _ => {
            let are_playlists_together = [HLS_FOLDER, TRANSPORT_STREAM_FOLDER]
                .into_iter()
                .any(|root| folder.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
            in_rendition() || (are_playlists_together && called_after_rendition(".m3u8"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::StreamFiles, *};
    use crate::job::LayoutKind;

    #[test]
    fn every_file_of_a_stream_is_known_by_its_name_in_each_layout() {
        let named = [("720p".to_owned(), "h264/720p".to_owned())];
        for kind in LayoutKind::ALL {
            for folders in [[].into(), named.clone().into()] {
                let files = StreamFiles { kind, folders };
                let names = [
                    files.multivariant_playlist(),
                    files.media_playlist("720p"),
                    files.i_frame_playlist("720p"),
                    files.init_segment("720p"),
                    files.segment("720p", 123_456),
                    files.subtitle_segment("subtitles-en", 0),
                    files.whole_subtitles("subtitles-en"),
                    files.transport_multivariant_playlist(),
                    files.transport_media_playlist("720p"),
                    files.transport_i_frame_playlist("720p"),
                    files.transport_segment("720p", 1),
                    files.dash_manifest(),
                    files.mp4("720p", "mp4"),
                    files.mp4("720p", "m4a"),
                    files.storyboard_index(),
                    files.storyboard_sheet(0),
                    files.poster(),
                    files.thumbnail(1, "webp"),
                    files.chapters(),
                    files.report(),
                    "keys/1.key".to_owned(),
                ];
                for name in names {
                    assert!(is_name_of_stream(&name, &|rendition| rendition == "720p"), "{name}");
                }
            }
        }
    }

    #[test]
    fn files_of_others_are_told_apart() {
        for name in [
            "notes.txt",
            "720p/notes.txt",
            "images/holiday.jpg",
            "thumbnails/thumbnail_a.jpg",
            "storyboard/plan.jpg",
            "mp4/holiday.mp4",
            "keys/server.key",
            "hls/mine.m3u8",
            "720p/segment_.m4s",
            "segment_00001.m4s",
            "init.mp4",
        ] {
            assert!(!is_name_of_stream(name, &|rendition| rendition == "720p"), "{name}");
        }
    }
}
