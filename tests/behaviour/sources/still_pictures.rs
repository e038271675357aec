//! Pictures as sources: one that stands still, and those that move by their own delays.

use std::path::Path;

use super::{Made, make};
use crate::support::{ffmpeg::decode, ffmpeg::on_both_ffmpeg_versions, picture::colour_at, user::User};

/// The largest rendition as one file.
fn picture_of(made: &Made) -> std::path::PathBuf {
    made.stream.whole(&made.stream.video_renditions()[0], &made.workplace())
}

fn is_red([red, green, blue]: [u8; 3]) -> bool {
    red > 180 && green < 80 && blue < 80
}

on_both_ffmpeg_versions! {
    fn a_still_picture_is_shown_for_as_long_as_was_asked(version) {
        for name in ["still.png", "still.jpg", "still.webp", "still.bmp", "still.tiff"] {
            let user = User::with(version);
            let source = make(&user, name, "-f lavfi -i color=red:size=321x181 -frames:v 1");
            let made = Made::from(user, &source, &["--still-duration", "7"]);
            let picture = picture_of(&made);
            assert_eq!(decode(&picture), (175, String::new()), "{name}");
            assert!([0, 174].iter().all(|frame| is_red(colour_at(&picture, *frame, 0.5, 0.5))), "{name}");
        }
    }

    fn a_name_like_a_row_of_files_is_one_file(version) {
        let user = User::with(version);
        make(&user, "row1.png", "-f lavfi -i color=blue:size=320x180 -frames:v 1");
        make(&user, "row2.png", "-f lavfi -i color=blue:size=320x180 -frames:v 1");
        let red = make(&user, "red.png", "-f lavfi -i color=red:size=320x180 -frames:v 1");
        let source = user.path("row%d.png");
        std::fs::rename(red, &source).expect("the user's folder can be written");
        let made = Made::from(user, &source, &["--start", "1", "--end", "3"]);
        let picture = picture_of(&made);
        assert_eq!(decode(&picture).0, 50);
        assert!(is_red(colour_at(&picture, 20, 0.5, 0.5)), "another file was read");
    }

    fn animated_pictures_keep_their_own_delays(version) {
        // Red for half a second, blue for 1.5 s, red for one.
        let delays = "-f lavfi -i color=red:size=160x120:rate=2:d=3,drawbox=x=0:y=0:w=iw:h=ih:c=blue:t=fill:enable='between(t,0.4,1.9)' -t 3";
        for (name, flags) in [("moving.gif", "-vf split[a][b];[a]palettegen[p];[b][p]paletteuse"), ("moving.apng", "-c:v apng -plays 0")] {
            let user = User::with(version);
            let flags = if name.ends_with("gif") { "" } else { flags };
            let uneven = "-vf select='eq(n,0)+eq(n,1)+eq(n,4)+eq(n,5)' -fps_mode vfr";
            let source = make(&user, name, &format!("{delays} {uneven} {flags}"));
            let made = Made::from(user, &source, &[]);
            let picture = picture_of(&made);
            let (frames, complaints) = decode(&picture);
            assert_eq!(complaints, "", "{name}");
            let rate = rate_of(&picture);
            let seconds = frames as f64 / rate;
            assert!((seconds - 3.0).abs() < 0.1, "{name} is {seconds} s long");
            let at = |time: f64| colour_at(&picture, (time * rate) as usize, 0.5, 0.5);
            assert!(is_red(at(0.2)) && is_red(at(2.3)) && is_red(at(2.8)), "{name}: {:?}", [0.2, 2.3, 2.8].map(at));
            assert!(at(0.8)[2] > 180 && at(1.7)[2] > 180, "{name}: {:?}", [0.8, 1.7].map(at));
        }
    }
}

/// Frames a second.
fn rate_of(file: &Path) -> f64 {
    let facts = crate::support::ffmpeg::stream_facts(file);
    let rate = facts["r_frame_rate"].as_str().expect("a rate");
    let (numerator, denominator) = rate.split_once('/').expect("a fraction");
    numerator.parse::<f64>().expect("a number") / denominator.parse::<f64>().expect("a number")
}
