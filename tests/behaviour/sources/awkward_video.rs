//! Awkward pictures: whatever comes in, the stream has every picture at its time, upright and in shape.

use super::{Made, make};
use crate::support::{
    clips::Clip,
    ffmpeg::{on_both_ffmpeg_versions, stream_facts},
    picture::{colour_at, combing},
    user::User,
};

/// What a source must become.
struct Awkward {
    clip: Clip,
    /// Size of the largest picture.
    size: (u64, u64),
    /// Colours that must be seen: (part of the width, part of the height, red, green, blue).
    seen: &'static [(f64, f64, [u8; 3])],
}

/// The frame around a red box in the upper left quarter of a grey picture.
macro_rules! red_corner {
    ($size:literal, $rate:literal) => {
        concat!(
            "-f lavfi -i color=c=0x808080:size=",
            $size,
            ":rate=",
            $rate,
            ",drawbox=x=0:y=0:w=iw/2:h=ih/2:c=red:t=fill"
        )
    };
}

const RED: [u8; 3] = [255, 0, 0];
const GREY: [u8; 3] = [128, 128, 128];
const UPPER_LEFT: &[(f64, f64, [u8; 3])] = &[(0.2, 0.2, RED), (0.8, 0.8, GREY), (0.8, 0.2, GREY), (0.2, 0.8, GREY)];

const fn awkward(
    name: &'static str,
    (frames, frame_rate): (usize, (u32, u32)),
    size: (u64, u64),
    seen: &'static [(f64, f64, [u8; 3])],
    recipe: &'static str,
) -> Awkward {
    Awkward { clip: Clip { name, frames, frame_rate, recipe }, size, seen }
}

const SOURCES: &[Awkward] = &[
    awkward(
        "turned 90.mp4",
        (25, (25, 1)),
        (180, 320),
        &[(0.2, 0.8, RED), (0.8, 0.2, GREY), (0.2, 0.2, GREY)],
        concat!("TURNED 90 ", red_corner!("320x180", "25"), " -t 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"),
    ),
    awkward(
        "turned 180.mp4",
        (25, (25, 1)),
        (320, 180),
        &[(0.8, 0.8, RED), (0.2, 0.2, GREY), (0.8, 0.2, GREY)],
        concat!("TURNED 180 ", red_corner!("320x180", "25"), " -t 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"),
    ),
    awkward(
        "turned 270.mov",
        (25, (25, 1)),
        (180, 320),
        &[(0.8, 0.2, RED), (0.2, 0.8, GREY), (0.8, 0.8, GREY)],
        concat!("TURNED 270 ", red_corner!("320x180", "25"), " -t 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"),
    ),
    awkward(
        "PAL DV wide.dv",
        (25, (25, 1)),
        (1024, 576),
        UPPER_LEFT,
        concat!(red_corner!("720x576", "25"), " -t 1 -target pal-dv -aspect 16:9"),
    ),
    awkward(
        "PAL DV.dv",
        (25, (25, 1)),
        (768, 576),
        UPPER_LEFT,
        concat!(red_corner!("720x576", "25"), " -t 1 -target pal-dv -aspect 4:3"),
    ),
    awkward(
        "NTSC DV.avi",
        (30, (30000, 1001)),
        (640, 480),
        UPPER_LEFT,
        concat!(red_corner!("720x480", "30000/1001"), " -t 1 -vf setsar=8/9 -pix_fmt yuv411p -c:v dvvideo"),
    ),
    awkward(
        "interlaced.ts",
        (50, (25, 1)),
        (720, 576),
        UPPER_LEFT,
        concat!(
            red_corner!("720x576", "50"),
            " -t 2 -vf interlace=scan=tff -c:v libx264 -preset ultrafast -flags +ildct+ilme -x264-params tff=1 -pix_fmt yuv420p"
        ),
    ),
    awkward(
        "ProRes 4444.mov",
        (25, (25, 1)),
        (320, 180),
        UPPER_LEFT,
        concat!(red_corner!("320x180", "25"), " -t 1 -c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le"),
    ),
    awkward(
        "DNxHR.mov",
        (25, (25, 1)),
        (320, 180),
        UPPER_LEFT,
        concat!(
            red_corner!("320x180", "25"),
            " -t 1 -vf scale=out_color_matrix=bt709,format=yuv422p10le -c:v dnxhd -profile:v dnxhr_hqx"
        ),
    ),
    awkward(
        "444 10 bit.mkv",
        (25, (25, 1)),
        (320, 180),
        UPPER_LEFT,
        concat!(red_corner!("320x180", "25"), " -t 1 -c:v libx264 -preset ultrafast -pix_fmt yuv444p10le"),
    ),
    awkward(
        "RGB.mkv",
        (25, (25, 1)),
        (320, 180),
        UPPER_LEFT,
        concat!(red_corner!("320x180", "25"), " -t 1 -c:v ffv1 -pix_fmt gbrp"),
    ),
    awkward(
        "full range.mov",
        (25, (25, 1)),
        (320, 180),
        UPPER_LEFT,
        concat!(red_corner!("320x180", "25"), " -t 1 -c:v mjpeg -pix_fmt yuvj420p"),
    ),
    awkward(
        "one frame.mp4",
        (1, (25, 1)),
        (320, 180),
        UPPER_LEFT,
        concat!(red_corner!("320x180", "25"), " -frames:v 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"),
    ),
    awkward(
        "one a second.mp4",
        (8, (1, 1)),
        (320, 180),
        UPPER_LEFT,
        concat!(red_corner!("320x180", "1"), " -frames:v 8 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"),
    ),
    awkward(
        "240 a second.mp4",
        (120, (60, 1)),
        (320, 180),
        UPPER_LEFT,
        concat!(red_corner!("320x180", "240"), " -frames:v 480 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"),
    ),
    awkward(
        "tiny.avi",
        (25, (25, 1)),
        (16, 16),
        UPPER_LEFT,
        concat!(red_corner!("16x16", "25"), " -t 1 -c:v mpeg4 -q:v 2"),
    ),
    awkward("moving.gif", (20, (10, 1)), (160, 90), UPPER_LEFT, concat!(red_corner!("160x90", "10"), " -t 2 -c:v gif")),
    awkward(
        "open GOP.ts",
        (100, (25, 1)),
        (320, 180),
        UPPER_LEFT,
        concat!(
            red_corner!("320x180", "25"),
            " -t 4 -c:v libx264 -preset veryfast -x264-params open-gop=1:bframes=4:b-pyramid=normal:keyint=30 -pix_fmt yuv420p -output_ts_offset 95000"
        ),
    ),
];

on_both_ffmpeg_versions! {
    fn every_awkward_picture_is_upright_in_shape_and_on_time(version) {
        let mut wrong = Vec::new();
        for source in SOURCES {
            let made = Made::of(&source.clip, version, &[]);
            wrong.extend(findings(source, &made).into_iter().map(|finding| format!("{}: {finding}", source.clip.name)));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

on_both_ffmpeg_versions! {
    fn interlaced_recordings_whose_header_says_nothing_become_whole_pictures(version) {
        // A box that moves twenty pixels with each field.
        let moving = |size: &str| format!("-f lavfi -i color=black:size={size}:rate=50[a];color=white:size=80x200:rate=50[b];[a][b]overlay=x=20*n:y=200");
        let dv = format!("{} -t 0.6 -vf tinterlace=interleave_bottom,setsar=16/15 -c:v dvvideo -pix_fmt yuv420p", moving("720x576"));
        let dnxhd = format!("{} -t 0.6 -vf tinterlace=interleave_top -c:v dnxhd -b:v 120M -flags +ildct+ilme -pix_fmt yuv422p", moving("1920x1080"));
        let sources = [("tape.dv", &dv), ("tape.mov", &dv), ("tape.avi", &dv), ("tape.mkv", &dv), ("camera.mov", &dnxhd)];
        for (name, recipe) in sources {
            for (flags, frames) in [(&[][..], 15), (&["--interlaced", "fields"], 30)] {
                let user = User::with(version);
                let source = make(&user, name, recipe);
                let made = Made::from(user, &source, flags);
                let largest = made.stream.video_renditions().remove(0);
                assert_eq!(made.segments(&largest)[0].packets.len(), frames, "{name} {flags:?}");
                let whole = made.stream.whole(&largest, &made.workplace());
                let facts = stream_facts(&whole);
                let side = |name: &str| facts[name].as_u64().expect("a side") as usize;
                let combed = combing(&whole, frames / 2, (side("width"), side("height")));
                assert!(combed < 0.002, "{name} {flags:?}: {combed} of the picture is combed");
                // The left edge of the box goes on in every frame, so the fields are in their order.
                if frames == 30 {
                    let (width, height) = if name == "camera.mov" { (1920.0, 1080.0) } else { (720.0, 576.0) };
                    for frame in [10, 11, 20, 21] {
                        let white = |x: f64| colour_at(&whole, frame, x / width, 300.0 / height)[0] > 128;
                        let left = 20.0 * frame as f64;
                        assert!(white(left + 40.0) && !white(left - 20.0), "{name}: frame {frame} is not at its place");
                    }
                }
            }
        }
    }
}

#[test]
fn fields_become_frames_where_that_is_asked_for() {
    let user = User::new();
    // A box that moves ten pixels with each field.
    let moving =
        "-f lavfi -i color=black:size=720x576:rate=50[a];color=white:size=40x100:rate=50[b];[a][b]overlay=x=10*n:y=200";
    let source =
        make(&user, "sport.mov", &format!("{moving} -t 1 -vf tinterlace=interleave_top,setfield=tff -c:v prores_ks"));
    let made = Made::from(user, &source, &["--interlaced", "fields"]);
    let segments = made.segments("576p");
    assert_eq!(segments[0].packets.len(), 50);
    assert!((segments[0].end() - 1.0).abs() < 0.02, "{}", segments[0].end());
    let whole = made.stream.whole("576p", &made.workplace());
    // The left edge of the box goes on in every frame.
    for frame in [10, 11, 30, 31] {
        let white = |x: usize| colour_at(&whole, frame, (x as f64) / 720.0, 250.0 / 576.0)[0] > 128;
        assert!(white(10 * frame + 20) && !white(10 * frame - 15), "frame {frame} is not at its place");
    }
}

#[test]
fn chapters_are_kept_in_a_file_of_their_own() {
    let user = User::new();
    let marks = user.file(
        "marks.txt",
        b";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=Opening\n[CHAPTER]\nTIMEBASE=1/1000\n\
          START=1500\nEND=3000\ntitle=Q&A <2> --> part\n",
    );
    let input = "-f lavfi -i testsrc2=size=320x180:rate=25";
    let arguments = format!("{input} -i {} -map_metadata 1 -t 3 -c:v libx264 -preset ultrafast", marks.display());
    let source = make(&user, "talk.mp4", &arguments);
    let made = Made::from(user, &source, &[]);
    let expected = "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOpening\n\n00:00:01.500 --> 00:00:03.000\nQ&amp;A &lt;2&gt; --&gt; part\n";
    assert_eq!(made.stream.text("chapters.vtt"), expected);
}

fn findings(source: &Awkward, made: &Made) -> Vec<String> {
    let mut wrong = Vec::new();
    let Clip { frames, frame_rate: (rate, per), .. } = source.clip;
    let largest = made.stream.video_renditions().remove(0);
    let size = made
        .stream
        .variants()
        .iter()
        .filter_map(|variant| variant.resolution)
        .map(|size| (size.width, size.height))
        .max();
    if size != Some(source.size) {
        wrong.push(format!("the picture is {size:?}, not {:?}", source.size));
    }
    let segments = made.segments(&largest);
    let ticks: Vec<i64> = segments.iter().flat_map(crate::support::stream::Segment::presentation_ticks).collect();
    if ticks.len().abs_diff(frames) > 1 {
        wrong.push(format!("{} pictures, not {frames}", ticks.len()));
    }
    let step = segments[0].ticks_per_second * f64::from(per) / f64::from(rate);
    if let Some(index) = (0..ticks.len()).find(|index| (ticks[*index] as f64 - *index as f64 * step).abs() > 0.5) {
        wrong.push(format!("picture {index} is at tick {}, with {step} ticks a picture", ticks[index]));
    }
    let whole = made.stream.whole(&largest, &made.workplace());
    let facts = stream_facts(&whole);
    if (&facts["pix_fmt"], &facts["color_range"], &facts["sample_aspect_ratio"])
        != (&"yuv420p".into(), &"tv".into(), &"1:1".into())
    {
        wrong.push(format!("{facts:#}"));
    }
    for (x, y, expected) in source.seen {
        let colour = colour_at(&whole, ticks.len() / 2, *x, *y);
        if colour.iter().zip(expected).any(|(seen, wanted)| seen.abs_diff(*wanted) > 16) {
            wrong.push(format!("at {x}, {y} is {colour:?}, not {expected:?}"));
        }
    }
    wrong
}
