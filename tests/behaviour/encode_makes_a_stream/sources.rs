//! Sources of all shapes: what a phone, a broadcaster and an editor deliver.

use super::{Encoded, seconds_of};
use crate::support::{clips, ffmpeg::on_both_ffmpeg_versions, user::User};

/// Sizes of all renditions, the largest first.
fn sizes(encoded: &Encoded) -> Vec<(u64, u64)> {
    let mut sizes: Vec<(u64, u64)> = encoded
        .stream
        .variants()
        .iter()
        .map(|variant| variant.resolution.map_or((0, 0), |size| (size.width, size.height)))
        .collect();
    sizes.sort_unstable_by_key(|(width, height)| std::cmp::Reverse(width * height));
    sizes
}

on_both_ffmpeg_versions! {
    fn a_portrait_film_without_sound_stays_portrait_and_silent(version) {
        let encoded = Encoded::of(&clips::PORTRAIT_SILENT, version);
        assert_eq!(sizes(&encoded), [(608, 1080), (480, 852), (360, 640)]);
        assert!(encoded.audio().is_none());
        assert!(encoded.stream.variants().iter().all(|variant| variant.audio.is_none()));
    }

    fn a_phone_film_that_is_stored_lying_is_shown_standing(version) {
        let encoded = Encoded::of(&clips::ROTATED, version);
        assert_eq!(sizes(&encoded), [(360, 640), (240, 426)]);
    }

    fn a_broadcast_that_starts_late_starts_at_zero_with_square_pixels(version) {
        let encoded = Encoded::of(&clips::BROADCAST, version);
        for (name, segments) in &encoded.segments {
            assert!(segments[0].start().abs() < 0.045, "{name} starts at {} s", segments[0].start());
        }
        for (width, height) in sizes(&encoded) {
            let shape = width as f64 / height as f64;
            assert!((shape / (16.0 / 9.0) - 1.0).abs() < 0.01, "{width}×{height}");
        }
    }

    fn an_odd_picture_size_becomes_even(version) {
        let encoded = Encoded::of(&clips::ODD_SIZE, version);
        let sizes = sizes(&encoded);
        assert!(sizes.iter().all(|(width, height)| width % 2 == 0 && height % 2 == 0 && *width <= 853), "{sizes:?}");
        let end = encoded.video()[0].1.last().expect("a segment").end();
        assert!((end - seconds_of(&clips::ODD_SIZE)).abs() < 0.04, "{end}");
    }

    fn a_name_in_any_script_with_any_sign_becomes_a_stream(version) {
        let user = User::with(version);
        let content = std::fs::read(clips::sample()).expect("the sample ships");
        let names = ["-rf.mp4", "映画 50% #1.mp4", "it's \"quoted\"; $HOME & `x`.mp4", "a%03d.mp4", "C: drive.mp4"];
        let files: Vec<_> = names.iter().map(|name| user.file(name, &content)).collect();
        let mut command = user.reelpress();
        // Named as a shell would expand `*` in that folder.
        command.current_dir(user.path("")).args(["encode", "--json", "--preset", "quick", "--out"]).arg(user.output());
        command.arg("--").args(names);
        let ended = crate::support::user::Ended::of(command);
        ended.assert_all_done();
        let playlists = user.output_files().into_iter().filter(|file| file.ends_with("master.m3u8")).count();
        assert_eq!(playlists, files.len(), "{:#?}", user.output_files());
    }
}
