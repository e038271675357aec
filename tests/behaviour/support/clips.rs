//! Source files to encode: a real clip, and awkward ones that are made once and kept in the build folder.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use super::{ffmpeg::FfmpegVersion, output_of, picture_subtitles::white_box_at};

/// The clip that ships with the program: 1280×720, 25 frames a second, 132 frames, 5.1 sound.
pub fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/sample.mp4")
}

/// A source file that ffmpeg makes.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Clip {
    /// File name.
    pub name: &'static str,
    /// Number of pictures in it.
    pub frames: usize,
    /// Pictures in a second, as a fraction.
    pub frame_rate: (u32, u32),
    /// Arguments of ffmpeg but for the output; `SAMPLE` stands for the clip that ships, `BOXES` for subtitles that are
    /// pictures, which begin at 0. `TURNED DEGREES` before them writes
    /// a rotation into the file, counter-clockwise.
    pub recipe: &'static str,
}

const LAVFI_SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000";

/// Real pictures and sound, landscape, three segments long.
pub const LANDSCAPE: Clip = Clip {
    name: "landscape.mp4",
    frames: 350,
    frame_rate: (25, 1),
    recipe: "-stream_loop 3 -i SAMPLE -t 14 -vf fps=25 -c:v libx264 -preset veryfast -crf 22 -c:a aac",
};

/// A minute of real pictures, long enough to do something to the job while it runs.
pub const MINUTE: Clip = Clip {
    name: "minute.mp4",
    frames: 1500,
    frame_rate: (25, 1),
    recipe: "-stream_loop 12 -i SAMPLE -t 60 -vf fps=25 -c:v libx264 -preset ultrafast -crf 24 -c:a aac",
};

/// A phone held upright, without sound, at 29.97 frames a second.
pub const PORTRAIT_SILENT: Clip = Clip {
    name: "portrait silent.mp4",
    frames: 270,
    frame_rate: (30000, 1001),
    recipe: "-f lavfi -i testsrc2=size=608x1080:rate=30000/1001 -frames:v 270 -c:v libx264 -preset ultrafast",
};

/// The wide picture of a film, at 23.976 frames a second.
pub const FILM: Clip = Clip {
    name: "film.mkv",
    frames: 200,
    frame_rate: (24000, 1001),
    recipe: "-f lavfi -i testsrc2=size=1024x428:rate=24000/1001 LAVFI_SOUND -frames:v 200 -shortest -c:v libx264 -preset ultrafast",
};

/// Sport at 60 frames a second.
pub const SIXTY: Clip = Clip {
    name: "sixty.mp4",
    frames: 480,
    frame_rate: (60, 1),
    recipe: "-f lavfi -i testsrc2=size=640x360:rate=60 LAVFI_SOUND -frames:v 480 -shortest -c:v libx264 -preset ultrafast",
};

/// A broadcast that starts at 3700 s, with pixels that are not square.
pub const BROADCAST: Clip = Clip {
    name: "broadcast.ts",
    frames: 200,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=720x576:rate=25 LAVFI_SOUND -frames:v 200 -shortest -vf setsar=64/45 -c:v mpeg2video -b:v 6M -bf 2 -c:a mp2 -output_ts_offset 3700",
};

/// A picture whose sides are odd, in a codec that allows it.
pub const ODD_SIZE: Clip = Clip {
    name: "odd size.mkv",
    frames: 175,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=853x481:rate=25 -frames:v 175 -pix_fmt yuv420p -c:v ffv1",
};

/// A phone film that is stored lying and shown standing.
pub const ROTATED: Clip = Clip {
    name: "rotated.mp4",
    frames: 175,
    frame_rate: (25, 1),
    recipe: "TURNED 90 -f lavfi -i testsrc2=size=640x360:rate=25 -frames:v 175 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
};

/// Real pictures and sound, small, for encoders that take their time.
pub const SMALL: Clip = Clip {
    name: "small.mp4",
    frames: 175,
    frame_rate: (25, 1),
    recipe: "-stream_loop 3 -i SAMPLE -t 7 -vf fps=25,scale=320:180 -ac 2 -c:v libx264 -preset veryfast -crf 18 -c:a aac",
};

/// More than a few bits can hold.
pub const NOISE: Clip = Clip {
    name: "noise.mp4",
    frames: 200,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 -frames:v 200 -vf noise=alls=10:allf=t -c:v libx264 -preset ultrafast -crf 10 -pix_fmt yuv420p",
};

/// HDR10 with the display that it was mastered on.
pub const HDR10: Clip = Clip {
    name: "hdr10.mp4",
    frames: 75,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 -frames:v 75 -pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400",
};

/// Every picture tells its number; every second at its fifth tenth there is a beep of a tenth. Long enough to be sought
/// in.
pub const NUMBERED: Clip = Clip {
    name: "numbered.mp4",
    frames: 450,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i aevalsrc=if(between(mod(t\\,1)\\,0.5\\,0.6)\\,0.5*sin(2000*PI*t)\\,0):s=48000 -t 18 -c:v libx264 -preset ultrafast -crf 12 -g 250 -pix_fmt yuv420p -c:a aac",
};

/// A broadcast with open GOPs that starts at 3700 s.
pub const OPEN_GOP: Clip = Clip {
    name: "open gop.ts",
    frames: 450,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i aevalsrc=if(between(mod(t\\,1)\\,0.5\\,0.6)\\,0.5*sin(2000*PI*t)\\,0):s=48000 -t 18 -c:v mpeg2video -b:v 2M -bf 2 -g 12 -c:a mp2 -output_ts_offset 3700",
};

/// A wide picture between black bars.
pub const LETTERBOX: Clip = Clip {
    name: "letterbox.mp4",
    frames: 100,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x132:rate=25 -frames:v 100 -vf pad=320:180:0:24 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
};

/// Red on the left, blue on the right, with soft sound.
pub const RED_AND_BLUE: Clip = Clip {
    name: "red and blue.mp4",
    frames: 100,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i color=red:size=160x180:rate=25,pad=320:180:0:0:blue -f lavfi -i sine=frequency=440:sample_rate=48000 -t 4 -af volume=-20dB -c:v libx264 -preset ultrafast -crf 10 -pix_fmt yuv420p -c:a aac",
};

/// When the box of [`PICTURE_SUBTITLES`] is seen, in seconds.
pub const BOX_TIMES: [(f64, f64); 3] = [(1.0, 2.5), (5.0, 7.0), (11.0, 13.5)];

/// Blue, with the same white box as subtitles of a Blu-ray in English and of a DVD in German, and a word in Dutch.
pub const PICTURE_SUBTITLES: Clip = Clip {
    name: "boxes.mkv",
    frames: 450,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i color=blue:size=320x180:rate=25 LAVFI_SOUND -itsoffset 1 -fix_sub_duration -i BOXES -itsoffset 1 -i BOXES -f srt -i data:text/plain;base64,MQowMDowMDowMSwwMDAgLS0+IDAwOjAwOjAyLDAwMAptb3QKCg== -map 0 -map 1 -map 3 -map 2 -map 4 -t 18 -c:v libx264 -preset ultrafast -g 250 -pix_fmt yuv420p -c:a aac -c:s:0 copy -c:s:1 dvdsub -c:s:2 srt -metadata:s:s:0 language=eng -metadata:s:s:1 language=ger -metadata:s:s:2 language=nld",
};

impl Clip {
    /// The file; made when it is not there yet.
    pub fn path(&self) -> PathBuf {
        static MAKING: Mutex<()> = Mutex::new(());
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clips/{:016x}", hasher.finish()));
        let path = folder.join(self.name);
        let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if !path.exists() {
            std::fs::create_dir_all(&folder).expect("the build folder can be written");
            // Some tests run in a process of their own, which may make the same clip now.
            let process = std::process::id();
            let unfinished = folder.join(format!("unfinished {process} {}", self.name));
            let turned = self.recipe.strip_prefix("TURNED ").and_then(|rest| rest.split_once(' '));
            make(turned.map_or(self.recipe, |(_, recipe)| recipe), &unfinished);
            if let Some((degrees, _)) = turned {
                // Written while it is copied: an encode would turn the picture itself.
                let upright = folder.join(format!("upright {process} {}", self.name));
                std::fs::rename(&unfinished, &upright).expect("a clip in the making can be renamed");
                let mut command = ffmpeg();
                command.args(["-display_rotation", degrees, "-i"]).arg(&upright).args(["-c", "copy"]).arg(&unfinished);
                output_of(command);
            }
            // A clip that is there stays as it is: jobs notice when their source changes.
            if std::fs::hard_link(&unfinished, &path).is_ok() || path.exists() {
                std::fs::remove_file(&unfinished).expect("a passing file can be removed");
            } else {
                std::fs::rename(&unfinished, &path).expect("a finished clip gets its name");
            }
        }
        path
    }
}

/// Makes a clip of a recipe.
fn make(recipe: &str, file: &Path) {
    let mut command = ffmpeg();
    for word in recipe.replace("LAVFI_SOUND", LAVFI_SOUND).split(' ') {
        match word {
            "SAMPLE" => command.arg(sample()),
            "BOXES" => {
                let boxes = file.with_extension("sup");
                std::fs::write(&boxes, white_box_at(&BOX_TIMES)).expect("the build folder can be written");
                command.arg(boxes)
            }
            _ => command.arg(word),
        };
    }
    command.arg(file);
    output_of(command);
}

fn ffmpeg() -> Command {
    let mut command = Command::new(FfmpegVersion::Nine.program());
    command.args(["-v", "error", "-nostdin", "-y"]);
    command
}
