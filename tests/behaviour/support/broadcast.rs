//! Recordings of a broadcast: two transmissions in one MPEG-TS, as its packets come in.

use std::{path::PathBuf, process::Command};

use super::{ffmpeg::FfmpegVersion, output_of, user::User};

/// When the flashes of a recording come after its start, in seconds.
pub const FLASHES: [f64; 2] = [1.0, 4.04];

/// The format of a transmission.
#[derive(Clone, Copy)]
pub struct Transmission {
    /// Size of the picture, such as `160x90`.
    pub size: &'static str,
    /// ffmpeg's options for the sound.
    pub sound: &'static str,
}

/// Stereo as in most broadcasts.
pub const STEREO: Transmission = Transmission { size: "160x90", sound: "-c:a ac3 -ac 2 -b:a 192k" };
/// A film in 5.1, with the same in all channels.
pub const SURROUND: Transmission =
    Transmission { sound: "-af pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0 -c:a ac3 -b:a 384k", ..STEREO };
/// Another station.
pub const OTHER: Transmission = Transmission { size: "240x180", sound: "-c:a aac -ar 44100 -ac 1 -b:a 96k" };
/// As `OTHER` in sound, as `STEREO` in picture and rate.
pub const AAC: Transmission = Transmission { sound: "-c:a aac -ar 48000 -ac 1 -b:a 96k", ..STEREO };

/// A recording of two transmissions of three seconds, one after the other, in the user's folder. In each a flash and a beep of a tenth of a
/// second come after one second; a quiet tone goes on all the time.
pub fn recording(user: &User, name: &str, transmissions: [Transmission; 2]) -> PathBuf {
    recording_with_clock(user, name, ["0", "3.1"], transmissions)
}

/// The same where the clock of each transmission begins at this second.
pub fn recording_with_clock(user: &User, name: &str, clock: [&str; 2], transmissions: [Transmission; 2]) -> PathBuf {
    let parts = clock.into_iter().zip(transmissions).map(|(start, Transmission { size, sound })| {
        let (when, part) = ("between(t,1,1.1)", user.path(&format!("{size} from {start}.ts")));
        let picture = format!("color=gray:size={size}:rate=25,drawbox=w=iw:h=ih:c=white:t=fill:enable='{when}'");
        let heard = format!("aevalsrc=exprs='0.05*sin(440*2*PI*t)+0.6*sin(2000*2*PI*t)*{when}':s=48000");
        let mut command = Command::new(FfmpegVersion::Nine.program());
        command.args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &heard]);
        command.args(sound.split_whitespace()).args(["-t", "3", "-output_ts_offset", start]);
        command
            .args(["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p"])
            .arg(&part);
        output_of(command);
        std::fs::read(part).expect("a part")
    });
    user.file(name, &parts.collect::<Vec<_>>().concat())
}

/// A recording of two pictures of three seconds at 25 frames a second, one after the other, in the user's folder. Each is
/// what this filter of ffmpeg makes, encoded with these options.
pub fn pictures(user: &User, name: &str, parts: [(&str, &str); 2]) -> PathBuf {
    pictures_with_clock(user, name, ["0", "3.1"], parts)
}

/// The same where the clock of each picture begins at this second.
pub fn pictures_with_clock(user: &User, name: &str, clock: [&str; 2], parts: [(&str, &str); 2]) -> PathBuf {
    let parts = clock.into_iter().zip(parts).map(|(start, (picture, options))| {
        let part = user.path(&format!("{start}.ts"));
        let mut command = Command::new(FfmpegVersion::Nine.program());
        command.args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=440"]);
        command
            .args(options.split_whitespace())
            .args(["-c:a", "mp2", "-t", "3", "-output_ts_offset", start])
            .arg(&part);
        output_of(command);
        std::fs::read(part).expect("a part")
    });
    user.file(name, &parts.collect::<Vec<_>>().concat())
}
