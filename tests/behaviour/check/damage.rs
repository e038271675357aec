//! Ways to damage a good stream, and the rule that notices each.

use std::path::Path;

use reelpress::pipeline::check::Level;
use tempfile::TempDir;

use super::{broken, findings, good_stream, judge_folder};

/// A copy of the good stream that may be damaged.
pub(super) struct Copy {
    folder: TempDir,
}

impl Copy {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for entry in walkdir::WalkDir::new(good_stream()).into_iter().flatten() {
            let to = folder.path().join(entry.path().strip_prefix(good_stream()).unwrap());
            if entry.file_type().is_dir() {
                std::fs::create_dir_all(to).unwrap();
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn remove(&self, path: &str) {
        std::fs::remove_file(self.folder().join(path)).unwrap();
    }

    pub(super) fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.folder().join(path)).unwrap()
    }

    pub(super) fn write(&self, path: &str, content: &[u8]) {
        std::fs::write(self.folder().join(path), content).unwrap();
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.read(path)).unwrap()
    }

    /// Puts a text in place of the first one like it, which must be there.
    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.text(path);
        assert!(text.contains(from), "{from:?} is not in {text}");
        self.write(path, text.replacen(from, to, 1).as_bytes());
    }

    /// Puts another value in place of an attribute's, everywhere in a playlist.
    fn attribute(&self, path: &str, name: &str, change: impl Fn(&str) -> String) {
        let mark = format!("{name}=");
        let mut result = String::new();
        let text = self.text(path);
        let mut rest = text.as_str();
        let mut found = false;
        while let Some(at) = rest.find(&mark) {
            // Not a part of a longer name, such as BANDWIDTH of AVERAGE-BANDWIDTH.
            let is_whole = matches!(rest.as_bytes().get(at.wrapping_sub(1)), Some(b',' | b':'));
            let (before, value) = rest.split_at(at + mark.len());
            result.push_str(before);
            let end = value.find([',', '\n']).unwrap_or(value.len());
            result.push_str(&if is_whole { change(&value[..end]) } else { value[..end].to_owned() });
            found |= is_whole;
            rest = &value[end..];
        }
        assert!(found, "{name} is not in {text}");
        self.write(path, (result + rest).as_bytes());
    }

    /// Leaves out every line with this in it.
    fn without_lines(&self, path: &str, part: &str) {
        let text = self.text(path);
        let kept: String = text.lines().filter(|line| !line.contains(part)).map(|line| format!("{line}\n")).collect();
        assert_ne!(kept, text);
        self.write(path, kept.as_bytes());
    }

    /// Leaves out the entry of a segment.
    fn without_entry(&self, path: &str, uri: &str) {
        let text = self.text(path);
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| *line == uri).unwrap();
        let kept = lines.iter().enumerate().filter(|(index, _)| *index != at && index + 1 != at);
        self.write(path, kept.map(|(_, line)| format!("{line}\n")).collect::<String>().as_bytes());
    }

    /// Changes the bytes behind each box of this kind; `change` gets them from the first byte after the box's name.
    fn boxes(&self, path: &str, kind: &[u8; 4], change: impl Fn(&mut [u8])) {
        let mut bytes = self.read(path);
        let places: Vec<usize> = (0..bytes.len() - 4).filter(|at| &bytes[*at..at + 4] == kind).collect();
        assert!(!places.is_empty());
        for place in places {
            change(&mut bytes[place + 4..]);
        }
        self.write(path, &bytes);
    }

    /// Moves all decode times of a segment by some ticks.
    fn shift(&self, path: &str, ticks: i64) {
        self.boxes(path, b"tfdt", |content| {
            assert_eq!(content[0], 1, "a tfdt of 64 bits");
            let time = u64::from_be_bytes(content[4..12].try_into().unwrap());
            content[4..12].copy_from_slice(&time.saturating_add_signed(ticks).to_be_bytes());
        });
    }

    fn swap(&self, a: &str, b: &str) {
        let (first, second) = (self.read(a), self.read(b));
        self.write(a, &second);
        self.write(b, &first);
    }
}

const MAIN: &str = "master.m3u8";
const LARGE: &str = "720p/playlist.m3u8";
const SMALL: &str = "360p/playlist.m3u8";
const SOUND: &str = "audio/playlist.m3u8";
const TRICK_PLAY: &str = "720p/iframes.m3u8";
const SEGMENTS: [&str; 3] = ["segment_00000.m4s", "segment_00001.m4s", "segment_00002.m4s"];

/// What is done to the stream.
type Act = fn(&Copy);

fn scaled(factor: f64) -> impl Fn(&str) -> String {
    move |value| format!("{:.0}", value.parse::<f64>().unwrap() * factor)
}

/// In each entry of a `trun` with all four fields: duration, size, flags, composition offset.
fn trun_field(content: &mut [u8], entry: usize, field: usize) -> &mut [u8] {
    &mut content[12 + entry * 16 + field * 4..][..4]
}

const PLAYLISTS: &[(&str, &str, Act)] = &[
    ("a BOM", "playlist-text", |copy| copy.write(LARGE, &[b"\xef\xbb\xbf", copy.read(LARGE).as_slice()].concat())),
    ("no final line end", "playlist-text", |copy| copy.write(SMALL, copy.text(SMALL).trim_end().as_bytes())),
    ("an empty main playlist", "playlist-text", |copy| copy.write(MAIN, b"")),
    ("a main playlist of garbage", "playlist-text", |copy| copy.write(MAIN, b"garbage\n")),
    ("the main playlist is missing", "playlist-text", |copy| copy.remove(MAIN)),
    ("an EXTINF without a comma", "playlist-text", |copy| copy.edit(LARGE, "EXTINF:6.000000,", "EXTINF:6.000000")),
    ("a media sequence behind the first segment", "playlist-text", |copy| {
        copy.edit(LARGE, SEGMENTS[0], &format!("{}\n#EXT-X-MEDIA-SEQUENCE:0", SEGMENTS[0]));
    }),
    ("a variable that nothing defines", "playlist-text", |copy| {
        copy.edit(LARGE, SEGMENTS[0], "{$q}.m4s");
        copy.edit(LARGE, "VERSION:7", "VERSION:8\n#EXT-X-DEFINE:NAME=\"p\",VALUE=\"segment\"");
    }),
    ("a negative EXTINF", "playlist-text", |copy| copy.edit(LARGE, "#EXTINF:", "#EXTINF:-")),
    ("a media playlist is missing", "playlist-text", |copy| copy.remove(SMALL)),
    ("not UTF-8", "playlist-text", |copy| copy.write(LARGE, &[copy.read(LARGE).as_slice(), b"#\xff\n"].concat())),
    ("a version that is too low", "version", |copy| copy.edit(LARGE, "VERSION:7", "VERSION:3")),
    ("a target duration that is too small", "target-duration", |copy| copy.edit(LARGE, "DURATION:6", "DURATION:5")),
    ("a wrong EXTINF", "segment-duration", |copy| copy.edit(LARGE, "EXTINF:6.000000", "EXTINF:5.500000")),
    ("EXTINF that add up wrongly", "total-duration", |copy| copy.edit(SMALL, "EXTINF:6.000000", "EXTINF:6.300000")),
    ("no ENDLIST", "end-list", |copy| copy.without_lines(SMALL, "ENDLIST")),
    ("an EVENT that is over", "playlist-type", |copy| copy.edit(LARGE, "TYPE:VOD", "TYPE:EVENT")),
    ("nothing says that segments are independent", "independent-segments", |copy| {
        copy.without_lines(MAIN, "INDEPENDENT");
        copy.without_lines(LARGE, "INDEPENDENT");
    }),
    ("no CODECS", "stream-attributes", |copy| copy.edit(MAIN, "CODECS=", "X-CODECS=")),
    ("BANDWIDTH too low", "bandwidth", |copy| copy.attribute(MAIN, "BANDWIDTH", scaled(0.9))),
    ("BANDWIDTH too high", "bandwidth", |copy| copy.attribute(MAIN, "BANDWIDTH", scaled(1.2))),
    ("AVERAGE-BANDWIDTH too high", "average-bandwidth", |copy| {
        copy.attribute(MAIN, "AVERAGE-BANDWIDTH", scaled(1.15));
    }),
    ("CODECS of another profile", "codecs", |copy| copy.edit(MAIN, "avc1.42", "avc1.4d")),
    ("CODECS without the sound", "codecs", |copy| copy.edit(MAIN, ",mp4a.40.2\"", "\"")),
    ("CODECS with what is not there", "codecs", |copy| copy.edit(MAIN, ",mp4a.40.2\"", ",mp4a.40.2,ec-3\"")),
    ("another RESOLUTION", "resolution", |copy| copy.edit(MAIN, "1280x720", "1920x1080")),
    ("another RESOLUTION of I-frames", "resolution", |copy| {
        let text = copy.text(MAIN);
        let line = text.lines().find(|line| line.starts_with("#EXT-X-I-FRAME") && line.contains("1280x720")).unwrap();
        copy.edit(MAIN, line, &line.replace("1280x720", "1920x1080"));
    }),
    ("CODECS of HE-AAC for AAC-LC", "codecs", |copy| copy.edit(MAIN, "mp4a.40.2", "mp4a.40.5")),
    ("a gap that is none", "segment-present", |copy| {
        copy.edit(SMALL, SEGMENTS[1], &format!("#EXT-X-GAP\n{}", SEGMENTS[1]));
    }),
    ("another FRAME-RATE", "frame-rate", |copy| copy.edit(MAIN, "RATE=25.000", "RATE=29.970")),
    ("SDR that says it is PQ", "video-range", |copy| copy.edit(MAIN, ",RESOLUTION", ",VIDEO-RANGE=PQ,RESOLUTION")),
    ("a group that is not there", "groups", |copy| copy.without_lines(MAIN, "#EXT-X-MEDIA")),
    ("the same name twice in a group", "media-attributes", |copy| {
        let text = copy.text(MAIN);
        let line = text.lines().find(|line| line.starts_with("#EXT-X-MEDIA:")).unwrap();
        copy.edit(MAIN, line, &format!("{line}\n{line}"));
    }),
    ("more channels than there are", "channels", |copy| copy.edit(MAIN, "CHANNELS=\"2\"", "CHANNELS=\"6\"")),
    ("a URI that leaves the folder", "uri-inside", |copy| copy.edit(LARGE, SEGMENTS[1], "../../outside.m4s")),
    ("a URI that leaves the folder in disguise", "uri-inside", |copy| {
        copy.edit(LARGE, SEGMENTS[1], "%2e%2e/%2e%2e/outside.m4s");
    }),
    ("a file: URI", "uri-inside", |copy| copy.edit(LARGE, "init.mp4", "file:///etc/passwd")),
    ("a discontinuity in one rendition", "discontinuities", |copy| {
        copy.edit(SMALL, "#EXTINF:2", "#EXT-X-DISCONTINUITY\n#EXTINF:2");
    }),
    ("a key without a URI", "encryption", |copy| copy.edit(LARGE, "#EXTINF", "#EXT-X-KEY:METHOD=AES-128\n#EXTINF")),
];

const MEDIA: &[(&str, &str, Act)] = &[
    ("a segment is missing", "segment-present", |copy| copy.remove("720p/segment_00001.m4s")),
    ("a segment is empty", "segment-present", |copy| copy.write("360p/segment_00001.m4s", b"")),
    ("a segment is cut off", "segment-present", |copy| {
        let segment = copy.read("720p/segment_00002.m4s");
        copy.write("720p/segment_00002.m4s", &segment[..segment.len() - 100]);
    }),
    ("a segment is something else", "segment-present", |copy| {
        copy.write("audio/segment_00001.m4s", b"<html>Not found</html>");
    }),
    ("two segments are swapped", "continuous", |copy| copy.swap("720p/segment_00000.m4s", "720p/segment_00001.m4s")),
    ("a segment comes twice", "continuous", |copy| copy.edit(LARGE, SEGMENTS[1], SEGMENTS[0])),
    ("a segment is left out", "aligned", |copy| copy.without_entry(SMALL, SEGMENTS[1])),
    ("a rendition is shorter", "same-length", |copy| copy.without_entry(SMALL, SEGMENTS[2])),
    ("a segment is shifted", "continuous", |copy| copy.shift("360p/segment_00001.m4s", 6400)),
    ("a rendition is shifted", "common-start", |copy| {
        for segment in SEGMENTS {
            copy.shift(&format!("360p/{segment}"), 1280);
        }
    }),
    ("decode times stand still", "decode-order", |copy| {
        copy.boxes("720p/segment_00000.m4s", b"trun", |content| trun_field(content, 3, 0).fill(0));
    }),
    ("a picture is shown before the first", "closed-gop", |copy| {
        copy.boxes("720p/segment_00001.m4s", b"trun", |content| {
            trun_field(content, 1, 3).copy_from_slice(&(-12_800_i32).to_be_bytes());
        });
    }),
    ("the first picture is no IDR", "starts-with-idr", |copy| {
        // The header of the first slice is the first byte that has the type of an IDR behind a length.
        copy.boxes("720p/segment_00001.m4s", b"mdat", |content| {
            let mut at = 0;
            loop {
                let length = u32::from_be_bytes(content[at..at + 4].try_into().unwrap()) as usize;
                if content[at + 4] & 0x1f == 5 {
                    content[at + 4] = content[at + 4] & !0x1f | 1;
                    break;
                }
                at += 4 + length;
            }
        });
    }),
    ("the init segment of another rendition", "resolution", |copy| {
        copy.write("720p/init.mp4", &copy.read("360p/init.mp4"));
    }),
    ("the init segment of the sound", "codecs", |copy| copy.write("720p/init.mp4", &copy.read("audio/init.mp4"))),
    ("the init segment is missing", "init-segment", |copy| copy.remove("360p/init.mp4")),
    ("no EXT-X-MAP", "init-segment", |copy| copy.without_lines(LARGE, "EXT-X-MAP")),
    ("the sound is shifted by 200 ms", "sync-start", |copy| {
        for segment in SEGMENTS {
            copy.shift(&format!("audio/{segment}"), 9600);
        }
    }),
    ("the sound ends early", "sync-end", |copy| copy.without_entry(SOUND, SEGMENTS[2])),
    ("a range of an I-frame is moved", "i-frame-ranges", |copy| {
        let text = copy.text(TRICK_PLAY);
        let range = text.lines().find(|line| line.starts_with("#EXT-X-BYTERANGE")).unwrap();
        let (length, offset) = range.split_once('@').unwrap();
        copy.edit(TRICK_PLAY, range, &format!("{length}@{}", offset.parse::<u64>().unwrap() + 1));
    }),
    ("a range of an I-frame is too short", "i-frame-ranges", |copy| {
        let text = copy.text(TRICK_PLAY);
        let range = text.lines().find(|line| line.starts_with("#EXT-X-BYTERANGE")).unwrap();
        copy.edit(TRICK_PLAY, range, "#EXT-X-BYTERANGE:900@24");
    }),
    ("a wrong EXTINF of an I-frame", "i-frame-times", |copy| copy.edit(TRICK_PLAY, "EXTINF:2.0", "EXTINF:1.0")),
    ("I-frames of another size than told", "i-frame-bandwidth", |copy| {
        let text = copy.text(MAIN);
        let line = text.lines().find(|line| line.starts_with("#EXT-X-I-FRAME")).unwrap();
        copy.edit(MAIN, line, &line.replacen(":BANDWIDTH=", ":BANDWIDTH=9", 1));
    }),
];

fn assert_noticed(damages: &[(&str, &str, Act)]) {
    for (what, rule, act) in damages {
        let copy = Copy::new();
        act(&copy);
        let verdict = judge_folder(copy.folder());
        assert!(!verdict.correct, "{what}: nothing was found");
        let found = broken(&verdict, Level::Must);
        assert!(found.contains(rule), "{what} was not noticed as {rule}: {:#?}", findings(&verdict));
    }
}

#[test]
fn an_undamaged_copy_is_correct() {
    let verdict = judge_folder(Copy::new().folder());
    assert!(verdict.correct, "{:#?}", findings(&verdict));
}

#[test]
fn variables_of_playlists_have_their_values() {
    let copy = Copy::new();
    for path in [LARGE, MAIN] {
        let text = copy.text(path).replace("VERSION:7", "VERSION:8");
        let defined = if path == MAIN { "NAME=\"name\",VALUE=\"segment\"" } else { "IMPORT=\"name\"" };
        let text = text.replacen("#EXT-X-VERSION:8\n", &format!("#EXT-X-VERSION:8\n#EXT-X-DEFINE:{defined}\n"), 1);
        copy.write(path, text.replace("segment_", "{$name}_").as_bytes());
    }
    let verdict = judge_folder(copy.folder());
    assert!(verdict.correct, "{:#?}", findings(&verdict));
}

#[test]
fn damaged_playlists_are_noticed_by_the_right_rule() {
    assert_noticed(PLAYLISTS);
}

#[test]
fn damaged_media_is_noticed_by_the_right_rule() {
    assert_noticed(MEDIA);
}

#[test]
fn nothing_outside_of_the_folder_is_read() {
    let copy = Copy::new();
    let secret = TempDir::new().unwrap();
    let outside = secret.path().join("secret.m4s");
    std::fs::copy(copy.folder().join("720p/segment_00001.m4s"), &outside).unwrap();
    copy.remove("720p/segment_00001.m4s");
    std::os::unix::fs::symlink(&outside, copy.folder().join("720p/segment_00001.m4s")).unwrap();
    let verdict = judge_folder(copy.folder());
    assert!(broken(&verdict, Level::Must).contains(&"segment-present"), "{:#?}", findings(&verdict));
}
