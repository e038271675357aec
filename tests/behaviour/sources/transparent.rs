//! Pictures that are transparent in places are laid over a colour.

use std::path::{Path, PathBuf};

use super::{Made, encode, make};
use crate::support::{
    ffmpeg::on_both_ffmpeg_versions,
    output_of,
    picture::colour_at,
    user::{Ended, User},
};

/// From left to right: opaque red, half transparent red, and green that nobody may see.
const PICTURE: &str = "-f lavfi -i color=red:size=160x90:rate=25:d=0.4,format=rgba,geq=\
    r='if(lt(X,120),255,0)':g='if(lt(X,120),0,255)':b=0:a='if(lt(X,80),255,if(lt(X,120),128,0))'";

/// Each in a stream of its own.
const ALONE: [(&str, &str); 4] = [
    ("still.png", "-frames:v 1"),
    ("nine.webm", "-c:v libvpx-vp9 -pix_fmt yuva420p"),
    ("moving.apng", "-c:v apng -plays 0"),
    ("moving.gif", "-vf split[a][b];[a]palettegen[p];[b][p]paletteuse"),
];

/// One after the other in a file.
const JOINED: [(&str, &str); 4] = [
    ("prores.mov", "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le"),
    ("still.webp", "-frames:v 1 -c:v libwebp"),
    ("nine.webm", "-c:v libvpx-vp9 -pix_fmt yuva420p"),
    ("eight.webm", "-c:v libvpx -pix_fmt yuva420p -auto-alt-ref 0"),
];

/// Whether two colours look the same after an encode.
fn is_near(seen: [u8; 3], expected: [u8; 3]) -> bool {
    seen.iter().zip(expected).all(|(seen, expected)| seen.abs_diff(expected) <= 24)
}

#[track_caller]
fn assert_lies_over((file, frame): (&Path, usize), what: &str, [red, green, blue]: [u8; 3]) {
    let half = [255_u8.midpoint(red), green / 2, blue / 2];
    for (place, expected) in [(0.25, [255, 0, 0]), (0.62, half), (0.9, [red, green, blue])] {
        // GIF knows nothing between seen and not seen.
        let is_possible = place != 0.62 || !what.ends_with(".gif");
        let seen = colour_at(file, frame, place, 0.5);
        assert!(!is_possible || is_near(seen, expected), "{what}: at {place} is {seen:?}, not {expected:?}");
    }
}

fn picture_of(made: &Made) -> PathBuf {
    made.stream.whole(&made.stream.video_renditions()[0], &made.workplace())
}

on_both_ffmpeg_versions! {
    fn every_kind_of_transparency_shows_the_chosen_colour(version) {
        for (name, flags) in ALONE {
            let user = User::with(version);
            let source = make(&user, name, &format!("{PICTURE} {flags}"));
            let made = Made::from(user, &source, &["--background", "#0040ff", "--still-duration", "0.4"]);
            assert_lies_over((&picture_of(&made), 0), name, [0, 0x40, 0xff]);
        }
    }

    fn files_and_joined_sources_are_laid_over_the_colour_too(version) {
        let user = User::with(version);
        let sources = JOINED.map(|(name, flags)| make(&user, name, &format!("{PICTURE} {flags}")));
        let convert = |output: &Path, sources: &[PathBuf], flags: &[&str]| {
            let mut command = user.reelpress();
            command.arg("convert").args(sources).args(flags).args(["--speed", "ultrafast", "-o"]).arg(output);
            output_of(command);
        };
        let (alone, joined) = (user.path("alone.webm"), user.path("joined.mp4"));
        // Without the colour it would have been copied.
        convert(&alone, &sources[2..3], &["--background", "white"]);
        assert_lies_over((&alone, 0), "alone", [255, 255, 255]);
        convert(&joined, &sources, &["--join", "--background", "aqua", "--still-duration", "0.4"]);
        for (number, (name, _)) in JOINED.iter().enumerate() {
            assert_lies_over((&joined, number * 10 + 5), name, [0, 255, 255]);
        }
    }
}

#[test]
fn black_is_seen_where_nothing_else_was_chosen_and_what_is_no_colour_is_refused() {
    let user = User::new();
    let source = make(&user, "still.png", &format!("{PICTURE} -frames:v 1"));
    let refused: Ended = encode(&user, &source, &["--background", "greenish"]);
    assert_eq!(refused.exit_code, Some(2));
    assert!(refused.stderr.contains("#rrggbb"), "{}", refused.stderr);
    let made = Made::from(user, &source, &["--still-duration", "0.4"]);
    assert_lies_over((&picture_of(&made), 0), "still.png", [0, 0, 0]);
}
