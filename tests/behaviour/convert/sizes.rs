//! Files of a chosen size, quality or bit rate.

use super::{codecs, made, streams};
use crate::support::{
    clips,
    ffmpeg::{decode, on_both_ffmpeg_versions},
    user::User,
};

on_both_ffmpeg_versions! {
    fn a_file_has_the_size_that_was_asked_for_and_no_more(version) {
        for (format, wanted) in [("mp4", "250k"), ("webm", "150k"), ("mp3", "60k")] {
            let user = User::with(version);
            let (file, _) = made(&user, &clips::SMALL.path(), &["--to", format, "--target-size", wanted]);
            let most: u64 = wanted.trim_end_matches('k').parse::<u64>().expect("a number") * 1000;
            let bytes = std::fs::metadata(&file).expect("a file").len();
            assert!((most * 9 / 10..=most).contains(&bytes), "{format}: {bytes} of {most} bytes");
            if format != "mp3" {
                assert_eq!(decode(&file), (175, String::new()), "{format}");
            }
        }
    }
}

#[test]
fn other_codecs_reach_a_size_too() {
    let user = User::new();
    let (file, _) =
        made(&user, &clips::SMALL.path(), &["--to", "mp4", "--video-codec", "hevc", "--target-size", "250k"]);
    assert_eq!(codecs(&file), ["hevc", "aac"]);
    assert_eq!(streams(&file)[0]["codec_tag_string"], "hvc1");
    let bytes = std::fs::metadata(&file).expect("a file").len();
    assert!((225_000..=250_000).contains(&bytes), "{bytes} bytes");
}

#[test]
fn a_worse_quality_and_a_lower_rate_make_smaller_files() {
    let size = |flags: &[&str]| {
        let user = User::new();
        let flags: Vec<&str> = ["--to", "mp4", "--end", "3"].iter().chain(flags).copied().collect();
        let (file, finished) = made(&user, &clips::SMALL.path(), &flags);
        assert_eq!(decode(&file).0, 75);
        (
            std::fs::metadata(&file).expect("a file").len(),
            finished["renditions"][0]["average_bps"].as_u64().expect("a rate"),
        )
    };
    let (good, worse) = (size(&["--crf", "18"]), size(&["--crf", "32"]));
    assert!(worse.0 * 2 < good.0, "{good:?}, {worse:?}");
    let (_, rate) = size(&["--bitrate", "200k"]);
    assert!((150_000..=250_000).contains(&rate), "{rate} bits a second");
}

#[test]
fn a_source_that_is_small_enough_is_not_encoded_again() {
    let user = User::new();
    let (_, finished) = made(&user, &clips::SMALL.path(), &["--target-size", "50M"]);
    assert!(finished["notes"].to_string().contains("Copied without encoding"), "{finished:#}");
}
