//! A stream can be watched before its encode has ended.

use std::{process::Stdio, time::Duration};

use m3u8_rs::MediaPlaylistType;

use crate::support::{
    clips,
    ffmpeg::on_both_ffmpeg_versions,
    user::{Ended, User},
    wait_for,
};

on_both_ffmpeg_versions! {
    fn playlists_only_grow_and_name_only_what_is_there(version) {
        let user = User::with(version);
        let source = clips::MINUTE.path();
        let mut command = user.encode_command(&[&source], "quick");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("reelpress starts");
        let stream = user.stream_of(&source);
        wait_for("the multivariant playlist", || stream.folder.join("master.m3u8").is_file().then_some(()));
        let renditions: Vec<String> = stream.video_renditions().into_iter().chain(stream.audio_rendition()).collect();
        let mut shown: Vec<Vec<String>> = vec![Vec::new(); renditions.len()];
        let mut growing_reads = 0;
        while child.try_wait().expect("the child can be waited for").is_none() {
            for (name, shown) in renditions.iter().zip(&mut shown) {
                let playlist = stream.media_playlist(name, "playlist.m3u8");
                let uris: Vec<String> = playlist.segments.iter().map(|segment| segment.uri.clone()).collect();
                assert!(uris.starts_with(shown), "{name}: {shown:?} became {uris:?}");
                assert!(!uris.is_empty(), "{name} was shown without a segment");
                for uri in &uris {
                    assert!(!stream.read(name, uri).is_empty(), "{name}/{uri} is empty");
                }
                if !playlist.end_list {
                    growing_reads += 1;
                    assert_eq!(playlist.playlist_type, Some(MediaPlaylistType::Event), "{name}");
                }
                *shown = uris;
            }
            // The encoder needs the processor more than this look at what it has written.
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(growing_reads > renditions.len(), "the stream appeared only at the end of the encode");
        for name in &renditions {
            assert!(stream.media_playlist(name, "playlist.m3u8").end_list, "{name}");
        }
    }
}

#[test]
fn progress_rises_and_tells_what_can_be_played() {
    let user = User::new();
    let ended = Ended::of(user.encode_command(&[&clips::LANDSCAPE.path()], "web-hls"));
    ended.assert_all_done();
    let progress = ended.events_named("job_progressed");
    assert!(progress.len() > 2, "{:#?}", ended.events);
    let percents: Vec<f64> = progress.iter().map(|progress| progress["percent"].as_f64().expect("a number")).collect();
    assert!(percents.is_sorted() && percents.iter().all(|percent| (0.0..=100.0).contains(percent)), "{percents:?}");
    assert!(progress.iter().any(|progress| progress["playable_seconds"].is_number()), "never told to be playable");
    assert!(progress.iter().all(|progress| progress["renditions"].as_u64().is_some_and(|count| count <= 3)));
}
