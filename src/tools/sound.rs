//! A short sound, through whatever player the system has.

use std::{
    f32::consts::TAU,
    io::Write,
    process::{Command, Stdio},
};

const SAMPLES_PER_SECOND: u32 = 44_100;
/// Two rising tones: pitch in hertz and length in seconds.
const TONES: [(f32, f32); 2] = [(660.0, 0.14), (990.0, 0.28)];
/// Of full volume.
const LOUDNESS: f32 = 0.35;

/// Players by what Linux desktops and macOS have, with what they need before the file.
const PLAYERS: [(&str, &[&str]); 4] = [("pw-play", &[]), ("paplay", &[]), ("aplay", &["-q"]), ("afplay", &[])];

/// Plays it to its end.
///
/// # Errors
/// In words, when no player can.
pub fn play() -> Result<(), String> {
    let mut file = tempfile::Builder::new().suffix(".wav").tempfile().map_err(|error| error.to_string())?;
    file.write_all(&chime()).and_then(|()| file.flush()).map_err(|error| error.to_string())?;
    for (player, arguments) in PLAYERS {
        let mut command = Command::new(player);
        command.args(arguments).arg(file.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
    }
    Err("no player for sounds works: pw-play, paplay, aplay or afplay".to_owned())
}

/// A WAV file of the tones: 16-bit samples, one channel.
fn chime() -> Vec<u8> {
    let mut samples: Vec<i16> = Vec::new();
    for (pitch, length) in TONES {
        let count = (length * SAMPLES_PER_SECOND as f32) as u32;
        samples.extend((0..count).map(|index| {
            let fade = 1.0 - index as f32 / count as f32;
            let wave = (TAU * pitch * index as f32 / SAMPLES_PER_SECOND as f32).sin();
            (wave * fade * LOUDNESS * f32::from(i16::MAX)) as i16
        }));
    }
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(0);
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    // PCM, one channel.
    wav.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    wav.extend([SAMPLES_PER_SECOND, SAMPLES_PER_SECOND * 2].map(u32::to_le_bytes).concat());
    wav.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.extend(samples.into_iter().flat_map(i16::to_le_bytes));
    wav
}
