//! Sources at the ends of what there is: high dynamic range of broadcasters, fields in high definition, the largest pictures.

use m3u8_rs::QuotedOrUnquoted;

use super::{Made, encode, make};
use crate::support::{
    clips::Clip,
    ffmpeg::{FfmpegVersion, decode, on_both_ffmpeg_versions, stream_facts},
    picture::colour_at,
    user::{Ended, User},
};

/// A red box in a grey picture as a broadcaster's HDR has it (ITU-R BT.2100, hybrid log-gamma).
const HLG: Clip = Clip {
    name: "hlg.mp4",
    frames: 25,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i color=c=0x808080:size=320x180:rate=25,drawbox=x=0:y=0:w=iw/2:h=ih/2:c=red:t=fill -t 1 -vf scale=out_color_matrix=bt2020,format=yuv420p10le -c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=error:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc",
};

/// A box that moves by twenty pixels with each field.
const FULL_HD_FIELDS: Clip = Clip {
    name: "1080i.ts",
    frames: 15,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i color=black:size=1920x1080:rate=50[a];color=white:size=80x200:rate=50[b];[a][b]overlay=x=20*n:y=400 -t 0.6 -vf interlace=scan=tff:lowpass=off -c:v libx264 -preset ultrafast -flags +ildct+ilme -x264-params tff=1 -pix_fmt yuv420p",
};

fn tags_of(file: &std::path::Path) -> [String; 4] {
    let facts = stream_facts(file);
    ["pix_fmt", "color_primaries", "color_transfer", "color_space"]
        .map(|name| facts[name].as_str().unwrap_or_default().to_owned())
}

/// Whether the box is red and what is around it grey, neither black nor burned out.
fn assert_colours(file: &std::path::Path) {
    let [red, green, blue] = colour_at(file, 10, 0.2, 0.2);
    assert!(red > 100 && red > 2 * green.max(blue), "the box is {red}, {green}, {blue}");
    let [red, green, blue] = colour_at(file, 10, 0.8, 0.8);
    let grey = [red, green, blue].iter().all(|part| (60..200).contains(part) && part.abs_diff(red) < 12);
    assert!(grey, "the grey is {red}, {green}, {blue}");
}

on_both_ffmpeg_versions! {
    fn broadcasters_hdr_is_tone_mapped_and_kept_beside_that_where_asked(version) {
        let user = User::with(version);
        encode(&user, &HLG.path(), &["--hdr", "keep"]).assert_all_done();
        let stream = user.stream_of(&HLG.path());
        let workplace = user.path("workplace");
        std::fs::create_dir(&workplace).expect("the user's folder can be written");
        let kept = stream.whole("180p-hevc", &workplace);
        assert_eq!(tags_of(&kept), ["yuv420p10le", "bt2020", "arib-std-b67", "bt2020nc"]);
        assert_eq!(decode(&kept), (HLG.frames, String::new()));
        let standard = stream.whole("180p", &workplace);
        assert_eq!(tags_of(&standard), ["yuv420p", "bt709", "bt709", "bt709"]);
        assert_colours(&standard);
        for variant in stream.multivariant().variants {
            let range = variant.other_attributes.as_ref().and_then(|others| others.get("VIDEO-RANGE").cloned());
            let expected = if variant.uri.starts_with("180p-hevc/") { "HLG" } else { "SDR" };
            assert_eq!(range, Some(QuotedOrUnquoted::Unquoted(expected.to_owned())), "{}", variant.uri);
        }
    }
}

on_both_ffmpeg_versions! {
    fn what_tells_only_a_part_of_its_wide_colours_is_converted_too(version) {
        for (name, tags) in [
            ("matrix", "colormatrix=bt2020nc"),
            ("primaries", "colorprim=bt2020"),
            ("constant", "colorprim=bt2020:colormatrix=bt2020c"),
            ("pq", "transfer=smpte2084"),
            ("hlg", "transfer=arib-std-b67:colormatrix=bt2020nc"),
        ] {
            let user = User::with(version);
            let grey = "-f lavfi -i color=c=0x808080:size=320x180:rate=25 -t 1 -c:v libx264 -preset ultrafast";
            let source = make(&user, &format!("{name}.mkv"), &format!("{grey} -pix_fmt yuv420p10le -x264-params {tags}"));
            encode(&user, &source, &[]).assert_all_done();
            let workplace = user.path("workplace");
            std::fs::create_dir(&workplace).expect("the user's folder can be written");
            let standard = user.stream_of(&source).whole("180p", &workplace);
            assert_eq!(tags_of(&standard), ["yuv420p", "bt709", "bt709", "bt709"], "{name}");
            let [red, green, blue] = colour_at(&standard, 10, 0.5, 0.5);
            let is_grey = [red, green, blue].iter().all(|part| (60..200).contains(part) && part.abs_diff(red) < 12);
            assert!(is_grey, "{name}: {red}, {green}, {blue}");
        }
    }
}

#[test]
fn colours_of_hdr_are_the_same_with_each_ffmpeg() {
    let colours = [FfmpegVersion::System, FfmpegVersion::Nine].map(|version| {
        let user = User::with(version);
        // Red, green and blue beyond those of standard range, and a grey, none of them brighter than 400 cd/m².
        let boxes = "color=0x909090:s=320x180:r=25,drawbox=w=80:h=180:c=0xa00000:t=fill,drawbox=x=80:w=80:h=180:c=0x00a000:t=fill,\
                     drawbox=x=160:w=80:h=180:c=0x0000a0:t=fill";
        let source = make(
            &user,
            "hdr.mp4",
            &format!(
                "-f lavfi -i {boxes} -t 1 -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params \
                 log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:max-cll=400,200"
            ),
        );
        encode(&user, &source, &[]).assert_all_done();
        let whole = user.stream_of(&source).whole("180p", &user.path(""));
        [0.1, 0.35, 0.6, 0.9].map(|x| colour_at(&whole, 10, x, 0.5))
    });
    let [older, newer] = colours;
    let is_same = |(one, other): (&u8, &u8)| one.abs_diff(*other) <= 4;
    assert!(older.iter().flatten().zip(newer.iter().flatten()).all(is_same), "{older:?} and {newer:?}");
    // What is pure stays so and does not become black.
    for (place, colour) in older[..3].iter().enumerate() {
        assert!(colour.iter().enumerate().all(|(part, value)| (*value > 120) == (part == place)), "{older:?}");
    }
}

#[test]
fn broadcasters_hdr_becomes_standard_range_where_nothing_is_asked() {
    let user = User::new();
    let ended = encode(&user, &HLG.path(), &[]);
    ended.assert_all_done();
    let warnings = &ended.events_named("job_finished")[0]["warnings"];
    assert_eq!(*warnings, serde_json::json!(["HDR was converted to standard dynamic range"]));
    let whole = user.stream_of(&HLG.path()).whole("180p", &user.path(""));
    assert_eq!(tags_of(&whole), ["yuv420p", "bt709", "bt709", "bt709"]);
    assert_colours(&whole);
}

#[test]
fn fields_in_high_definition_become_25_or_50_pictures_a_second() {
    for (flags, frames, rate) in [(&[][..], FULL_HD_FIELDS.frames, "25/1"), (&["--interlaced", "fields"], 30, "50/1")] {
        let made = Made::of(&FULL_HD_FIELDS, FfmpegVersion::System, flags);
        let whole = made.stream.whole("720p", &made.workplace());
        let facts = stream_facts(&whole);
        assert_eq!((&facts["r_frame_rate"], &facts["field_order"]), (&rate.into(), &"progressive".into()), "{facts:#}");
        assert_eq!(decode(&whole), (frames, String::new()));
        // The box is white all over, where lines of two fields would be mixed at its edges.
        let frame = frames / 2;
        let left = if frames == 30 { 20 * frame } else { 40 * frame } as f64;
        let middle = colour_at(&whole, frame, (left + 40.0) / 1920.0, 500.0 / 1080.0);
        let before = colour_at(&whole, frame, (left - 40.0) / 1920.0, 500.0 / 1080.0);
        assert!(middle[0] > 200 && before[0] < 50, "{rate}: {middle:?} in the box, {before:?} before it");
    }
}

#[test]
fn the_largest_pictures_become_the_largest_that_players_decode() {
    let user = User::new();
    let picture =
        "-f lavfi -i color=c=0x808080:size=7680x4320:rate=25:d=0.08,drawbox=x=0:y=0:w=iw/2:h=ih/2:c=red:t=fill";
    let source = make(&user, "8k.mp4", &format!("{picture} -c:v libx264 -preset ultrafast -pix_fmt yuv420p"));
    let options = ["--speed", "ultrafast"].map(Into::into);
    let ended = Ended::of(user.encode_command_to(user.output().as_os_str(), &options, &[&source], "source"));
    ended.assert_all_done();
    let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
    assert!(warnings.contains("The picture of 7680×4320 is made smaller"), "{warnings}");
    let whole = user.stream_of(&source).whole("2160p", &user.path(""));
    let facts = stream_facts(&whole);
    assert_eq!((&facts["width"], &facts["height"]), (&3840.into(), &2160.into()), "{facts:#}");
    assert_eq!(decode(&whole), (2, String::new()));
    let [red, green, blue] = colour_at(&whole, 1, 0.2, 0.2);
    assert!(red > 220 && green < 40 && blue < 40, "{red}, {green}, {blue}");
}
