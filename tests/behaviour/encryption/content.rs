//! What lies in the files.

use std::{collections::BTreeSet, path::Path, process::Command};

use super::{Made, SECONDS, decrypted, encode, keys_of};
use crate::support::{
    clips,
    ffmpeg::FfmpegVersion,
    output_of, run,
    user::{User, files_under},
};

/// Folders of all renditions, with the names of their files.
fn renditions(made: &Made) -> Vec<String> {
    let files = files_under(&made.encrypted.folder);
    let folders = files.iter().filter_map(|file| file.strip_suffix("/playlist.m3u8")).map(str::to_owned);
    let folders: Vec<String> = folders.collect();
    assert_eq!(folders, ["360p", "720p", "audio", "subtitles-en", "ts/360p", "ts/720p", "ts/audio", "ts/subtitles-en"]);
    folders
}

#[test]
fn every_segment_is_the_clear_one_under_its_key() {
    let made = Made::once();
    assert_eq!(
        files_under(&made.encrypted.folder),
        files_under(&made.clear.folder),
        "nothing is added, nothing left out"
    );
    let mut vectors = BTreeSet::new();
    for rendition in renditions(&made) {
        let playlist = made.encrypted.media_playlist(&rendition, "playlist.m3u8");
        let keys = keys_of(&playlist);
        let numbers: Vec<&str> = keys.iter().map(|(uri, _)| uri.rsplit('/').next().unwrap()).collect();
        assert_eq!(numbers, ["1.key", "1.key", "2.key"], "{rendition}");
        for (segment, (uri, iv)) in playlist.segments.iter().zip(&keys) {
            let file = made.encrypted.folder.join(&rendition).join(&segment.uri);
            let clear = made.clear.read(&rendition, &segment.uri);
            assert_ne!(std::fs::read(&file).unwrap(), clear, "{}", file.display());
            assert_eq!(decrypted(&file, &made.key(uri), iv, true), clear, "{}", file.display());
            assert!(iv.len() == 34 && vectors.insert(iv.clone()), "{iv} is not of its own");
        }
        let text = made.encrypted.text(&format!("{rendition}/playlist.m3u8"));
        if let Some(map) = text.find("#EXT-X-MAP") {
            assert!(map < text.find("#EXT-X-KEY").unwrap(), "the init segment is clear:\n{text}");
            assert_eq!(made.encrypted.init_segment(&rendition), made.clear.init_segment(&rendition));
        }
    }
    assert_ne!(made.key("1.key"), made.key("2.key"));
    assert_eq!((made.key("1.key").len(), files_under(&made.key_folder)), (16, vec!["1.key".into(), "2.key".into()]));
}

/// As a player does it that reads a part of an encrypted file: whole blocks, with the one before them as the vector
/// (rfc8216bis 6.3.6).
#[test]
fn keyframes_can_be_read_alone_by_their_byte_ranges() {
    let made = Made::once();
    let place = made.user.path("keyframe");
    for rendition in ["720p", "360p", "ts/720p"] {
        let playlist = made.encrypted.media_playlist(rendition, "iframes.m3u8");
        assert_eq!(playlist.segments.len(), 7, "{rendition}");
        let keys = keys_of(&playlist);
        let map = playlist.segments[0].map.as_ref().expect("EXT-X-MAP");
        let mut parts: Vec<_> = playlist.segments.iter().map(|entry| (&entry.uri, entry.byte_range.clone())).collect();
        let text = made.encrypted.text(&format!("{rendition}/iframes.m3u8"));
        let is_map_encrypted = text.find("#EXT-X-KEY").unwrap() < text.find("#EXT-X-MAP").unwrap();
        // The tables of a transport stream are a part of a segment, an init segment is a file of its own.
        assert_eq!(is_map_encrypted, rendition.starts_with("ts"), "{text}");
        let mut keys_of_parts = keys.clone();
        if is_map_encrypted {
            parts.push((&map.uri, map.byte_range.clone()));
            keys_of_parts.push(keys[0].clone());
        }
        for ((uri, range), (key, iv)) in parts.into_iter().zip(keys_of_parts) {
            let range = range.expect("BYTERANGE");
            let (start, end) = (range.offset.unwrap() as usize, (range.offset.unwrap() + range.length) as usize);
            let (first, last) = (start / 16 * 16, end.div_ceil(16) * 16);
            let content = made.encrypted.read(rendition, uri);
            let (vector, from) = if first == 0 { (iv, 0) } else { ("0x00".to_owned(), first - 16) };
            std::fs::write(&place, &content[from..last]).unwrap();
            let clear = decrypted(&place, &made.key(&key), &vector, false);
            let part = &clear[start - from..end - from];
            assert_eq!(part, &made.clear.read(rendition, uri)[start..end], "{rendition}: {uri}");
        }
    }
}

/// The number of pictures that ffmpeg decodes of a playlist, with its complaints.
fn frames_through_the_playlist(version: FfmpegVersion, playlist: &Path) -> (usize, String) {
    let mut command = Command::new(version.program());
    command.args(["-v", "error", "-nostdin", "-protocol_whitelist", "file,crypto,http,tcp"]);
    command.args(["-allowed_extensions", "ALL"]);
    if version == FfmpegVersion::Nine {
        // The names of keys end in no extension of media.
        command.args(["-extension_picky", "0"]);
    }
    command.arg("-i").arg(playlist);
    command.args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framehash", "-hash", "crc32", "-"]);
    let output = run(command);
    let hashes = String::from_utf8_lossy(&output.stdout);
    let frames = hashes.lines().filter(|line| !line.starts_with('#')).count();
    (frames, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn ffmpeg_decodes_every_frame_with_the_keys_of_the_server() {
    let made = Made::once();
    for version in [FfmpegVersion::System, FfmpegVersion::Nine] {
        for rendition in ["720p", "360p", "ts/360p"] {
            let playlist = made.encrypted.folder.join(rendition).join("playlist.m3u8");
            let (frames, complaints) = frames_through_the_playlist(version, &playlist);
            assert_eq!((frames, complaints.as_str()), (clips::LANDSCAPE.frames, ""), "{rendition}, {version:?}");
        }
    }
    let job = made.key_folder.file_name().unwrap().to_str().unwrap();
    assert_eq!(made.keys.asked(), [1, 2].map(|number| format!("/{job}/{number}.key")));
}

/// Playlists, segments and keys lie in folders of their own.
#[test]
fn keys_beside_the_segments_are_found_where_playlists_lie_together() {
    let user = User::new();
    let flags = ["--encrypt", "--key-beside-segments", "--rotate-key", "1segments", "--layout", "processed"];
    encode(&user, &clips::FILM.path(), "out", &flags).assert_all_done();
    let mut folders = std::fs::read_dir(user.path("out")).unwrap().map(|entry| entry.unwrap().path());
    let (folder, others) = (folders.next().expect("a stream"), folders.count());
    assert_eq!((folder.to_str().is_some_and(|name| name.ends_with("_processed")), others), (true, 0), "{folder:?}");
    assert_eq!(files_under(&folder.join("keys")), ["1.key", "2.key"]);
    for form in ["hls", "ts"] {
        let master = folder.join(form).join("master.m3u8");
        let text = std::fs::read_to_string(&master).unwrap();
        let media = text.lines().find(|line| line.ends_with(".m3u8")).expect("a variant");
        let text = std::fs::read_to_string(folder.join(form).join(media)).unwrap();
        let segment = format!("\nsegments/{}/segment_00001.", media.trim_end_matches(".m3u8"));
        assert!(text.contains("URI=\"../keys/2.key\"") && text.contains(&segment), "{text}");
        let (frames, complaints) = frames_through_the_playlist(FfmpegVersion::System, &master);
        assert_eq!((frames, complaints.as_str()), (clips::FILM.frames, ""), "{form}");
        let mut command = user.reelpress();
        // The keys are in the folder above.
        command.arg("check").arg(&master);
        let verdict = String::from_utf8(output_of(command)).unwrap();
        assert!(!verdict.contains("BROKEN") && !verdict.contains("Not judged whole"), "{verdict}");
    }
}

#[test]
fn rates_are_those_of_the_encrypted_files() {
    let made = Made::once();
    for variant in made.encrypted.variants() {
        let folder = variant.uri.split('/').next().unwrap();
        let bytes = |folder: &str| -> u64 {
            let playlist = made.encrypted.media_playlist(folder, "playlist.m3u8");
            playlist.segments.iter().map(|segment| made.encrypted.read(folder, &segment.uri).len() as u64).sum()
        };
        let measured = (bytes(folder) + bytes("audio") + bytes("subtitles-en")) as f64 * 8.0 / SECONDS;
        let told = variant.average_bandwidth.unwrap() as f64;
        assert!((told / measured - 1.0).abs() < 0.01, "{folder}: {told}, measured {measured}");
    }
}
