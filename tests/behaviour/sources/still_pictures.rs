//! Pictures as sources: one that stands still, and those that move by their own delays.

use std::path::{Path, PathBuf};

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

    fn a_film_of_jpeg_pictures_without_a_container_moves(version) {
        let user = User::with(version);
        let colours = "-f lavfi -i color=red:size=320x180:rate=25:duration=2 -f lavfi -i color=blue:size=320x180:rate=25:duration=2";
        let source = make(&user, "film.mjpeg", &format!("{colours} -lavfi concat -q:v 3 -f mjpeg"));
        let made = Made::from(user, &source, &["--start", "1", "--end", "3"]);
        let picture = picture_of(&made);
        assert_eq!(decode(&picture), (50, String::new()));
        assert!(is_red(colour_at(&picture, 24, 0.5, 0.5)) && !is_red(colour_at(&picture, 25, 0.5, 0.5)));
        let user = User::with(version);
        let source = make(&user, "film.mjpg", &format!("{colours} -lavfi concat -q:v 3 -f mjpeg"));
        let made = Made::from(user, &source, &[]);
        assert_eq!(decode(&picture_of(&made)), (100, String::new()));
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

    fn pictures_of_cameras_are_upright(version) {
        // The red quarter is at the upper left of what was seen.
        let user = User::with(version);
        let red_corner = "-f lavfi -i color=gray:size=320x180,drawbox=x=0:y=0:w=iw/2:h=ih/2:c=red:t=fill -frames:v 1";
        let stored = |name: &str, filter: &str, flags: &str| {
            std::fs::read(make(&user, name, &format!("{red_corner} -vf {filter} {flags}"))).expect("a picture")
        };
        // What a camera stores that is held so: EXIF 2.32, tag 274.
        let held = [
            (1, "null"), (2, "hflip"), (3, "hflip,vflip"), (4, "vflip"),
            (5, "transpose=cclock_flip"), (6, "transpose=cclock"), (7, "transpose=clock_flip"), (8, "transpose=clock"),
        ];
        let mut pictures: Vec<PathBuf> = Vec::new();
        for (orientation, filter) in held {
            let jpeg = stored("stored.jpg", filter, "");
            pictures.push(user.file(&format!("held {orientation}.jpg"), &noted_jpeg(&jpeg, orientation)));
        }
        for (orientation, filter) in [held[2], held[4], held[7]] {
            let png = stored("stored.png", filter, "");
            pictures.push(user.file(&format!("held {orientation}.png"), &noted_png(&png, orientation)));
            let tiff = stored("stored.tiff", filter, "-compression_algo raw");
            pictures.push(user.file(&format!("held {orientation}.tiff"), &noted_tiff(&tiff, orientation)));
        }
        let webp = stored("stored.webp", "scale=180:320,transpose=cclock", "-c:v libwebp");
        pictures.push(user.file("held 6.webp", &noted_webp(&webp, 6)));
        let joined = user.path("joined.mp4");
        let mut command = user.reelpress();
        command.arg("convert").args(&pictures).args(["--join", "--still-duration", "0.4", "--speed", "ultrafast", "-o"]);
        crate::support::output_of({ command.arg(&joined); command });
        for (number, picture) in pictures.iter().enumerate() {
            let name = picture.display();
            let at = |x, y| colour_at(&joined, number * 10 + 5, x, y);
            let portrait = name.to_string().ends_with("webp");
            // A picture that stands is in the middle of one that lies.
            let across = |x: f64| if portrait { 0.5 + (x - 0.5) * (101.0 / 320.0) } else { x };
            assert!(is_red(at(across(0.2), 0.2)), "{name}: {:?}", at(across(0.2), 0.2));
            for (x, y) in [(0.8, 0.2), (0.2, 0.8), (0.8, 0.8)] {
                assert!(!is_red(at(across(x), y)), "{name} at {x}, {y}: {:?}", at(across(x), y));
            }
        }
        let alone = user.path("held 6.jpg");
        let made = Made::from(user, &alone, &["--still-duration", "0.4"]);
        let picture = picture_of(&made);
        let facts = crate::support::ffmpeg::stream_facts(&picture);
        assert_eq!((&facts["width"], &facts["height"]), (&320.into(), &180.into()), "{facts:#}");
        assert!(is_red(colour_at(&picture, 5, 0.2, 0.2)) && !is_red(colour_at(&picture, 5, 0.8, 0.2)));
        let poster = made.stream.folder.join("images/poster.jpg");
        assert!(is_red(colour_at(&poster, 0, 0.2, 0.2)) && !is_red(colour_at(&poster, 0, 0.2, 0.8)));
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

#[test]
fn a_moving_webp_is_refused_with_what_to_do_and_never_becomes_one_picture() {
    let user = User::new();
    let source = make(&user, "moving.webp", "-f lavfi -i testsrc2=size=64x64:rate=5:d=1 -c:v libwebp_anim");
    let ended = super::encode(&user, &source, &[]);
    assert_eq!(ended.exit_code, Some(1));
    let failure = &ended.events_named("job_failed")[0]["failure"];
    assert_eq!(failure["kind"], "source_invalid", "{failure:#}");
    assert!(failure["headline"].as_str().is_some_and(|text| text.contains("is a moving WebP picture")), "{failure:#}");
    assert!(failure["hint"].as_str().is_some_and(|text| text.contains("GIF, APNG or video")), "{failure:#}");
}

#[test]
fn a_heic_picture_is_refused_with_what_to_do() {
    let user = User::new();
    // The beginning of what a phone writes.
    let source = user.file("IMG_0001.HEIC", b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf\0\0\0\x08meta");
    let ended = super::encode(&user, &source, &[]);
    assert_eq!(ended.exit_code, Some(1));
    let failure = &ended.events_named("job_failed")[0]["failure"];
    assert_eq!(failure["kind"], "source_invalid", "{failure:#}");
    assert!(failure["headline"].as_str().is_some_and(|text| text.contains("is a HEIC picture")), "{failure:#}");
    assert!(failure["hint"].as_str().is_some_and(|text| text.contains("JPEG or PNG")), "{failure:#}");
}

/// EXIF data that say nothing but how the picture stands.
fn exif(orientation: u8) -> Vec<u8> {
    [b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", &[orientation][..], &[0; 6]].concat()
}

/// A JPEG with this note after its first marker.
fn noted_jpeg(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let note = [b"Exif\0\0", &exif(orientation)[..]].concat();
    let length = u16::try_from(note.len() + 2).expect("a short note").to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &note, &jpeg[2..]].concat()
}

/// A PNG with this note after its header (PNG 3rd edition, 11.3.4.6).
fn noted_png(png: &[u8], orientation: u8) -> Vec<u8> {
    const AFTER_HEADER: usize = 8 + 12 + 13;
    let content = [b"eXIf", &exif(orientation)[..]].concat();
    let length = u32::try_from(content.len() - 4).expect("a short note").to_be_bytes();
    let check = content.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    });
    let chunk = [&length[..], &content, &(!check).to_be_bytes()].concat();
    [&png[..AFTER_HEADER], &chunk, &png[AFTER_HEADER..]].concat()
}

/// A TIFF with this among its tags, which are written again at its end (TIFF 6.0, section 2).
fn noted_tiff(tiff: &[u8], orientation: u8) -> Vec<u8> {
    assert!(tiff.starts_with(b"II*\0"), "numbers begin with their lowest byte");
    let at = u32::from_le_bytes(tiff[4..8].try_into().expect("four bytes")) as usize;
    let count = u16::from_le_bytes([tiff[at], tiff[at + 1]]) as usize;
    let entries = tiff[at + 2..][..count * 12].chunks(12).map(<[u8]>::to_vec);
    let note = [&274_u16.to_le_bytes()[..], &[3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]].concat();
    let mut entries: Vec<Vec<u8>> = entries.chain([note]).collect();
    entries.sort_by_key(|entry| u16::from_le_bytes([entry[0], entry[1]]));
    let mut noted = tiff.to_vec();
    noted.resize(tiff.len().next_multiple_of(2), 0);
    noted[4..8].copy_from_slice(&u32::try_from(tiff.len().next_multiple_of(2)).expect("a small picture").to_le_bytes());
    noted.extend(u16::try_from(entries.len()).expect("few tags").to_le_bytes());
    noted.extend(entries.concat());
    noted.extend([0; 4]);
    noted
}

/// A WebP of 320×180 with this note at its end.
fn noted_webp(webp: &[u8], orientation: u8) -> Vec<u8> {
    let note = exif(orientation);
    let extended = [b"VP8X\x0a\0\0\0\x08\0\0\0", &[0x3f, 1, 0, 179, 0, 0][..]].concat();
    let length = u32::try_from(note.len()).expect("a short note").to_le_bytes();
    let content = [b"WEBP", &extended[..], &webp[12..], b"EXIF", &length, &note].concat();
    [b"RIFF", &u32::try_from(content.len()).expect("a small picture").to_le_bytes()[..], &content].concat()
}

/// Frames a second.
fn rate_of(file: &Path) -> f64 {
    let facts = crate::support::ffmpeg::stream_facts(file);
    let rate = facts["r_frame_rate"].as_str().expect("a rate");
    let (numerator, denominator) = rate.split_once('/').expect("a fraction");
    numerator.parse::<f64>().expect("a number") / denominator.parse::<f64>().expect("a number")
}
