//! Sound as a player hears it: decoded samples, and what can be measured in them.

use std::{path::Path, process::Command};

use super::{output_of, system_tool};

/// Samples a second of what is measured.
const RATE: f64 = 48_000.0;

/// Decoded sound at 48 kHz.
pub struct Samples {
    /// One list for each channel, from −1 to 1.
    pub channels: Vec<Vec<f64>>,
}

impl Samples {
    /// Decodes the first sound of a file.
    pub fn of(file: &Path) -> Self {
        let mut probe = Command::new(system_tool("ffprobe"));
        probe.args(["-v", "error", "-select_streams", "a:0", "-show_entries", "stream=channels", "-of", "csv=p=0"]);
        probe.arg(file);
        let told = String::from_utf8(output_of(probe)).expect("a number");
        let digits: String = told.chars().take_while(char::is_ascii_digit).collect();
        let count: usize = digits.parse().expect("a number of channels");
        let mut command = Command::new(system_tool("ffmpeg"));
        command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
        command.args(["-map", "0:a:0", "-ar", "48000", "-f", "f32le", "-"]);
        let bytes = output_of(command);
        let values: Vec<f64> = bytes
            .chunks_exact(4)
            .map(|four| f64::from(f32::from_le_bytes(four.try_into().expect("four bytes"))))
            .collect();
        let channel = |index: usize| values.iter().skip(index).step_by(count).copied().collect();
        Self { channels: (0..count).map(channel).collect() }
    }

    /// The part between two times in seconds.
    pub fn between(&self, from: f64, to: f64) -> Self {
        let part = |samples: &Vec<f64>| {
            let end = ((to * RATE) as usize).min(samples.len());
            samples[((from * RATE) as usize).min(end)..end].to_vec()
        };
        Self { channels: self.channels.iter().map(part).collect() }
    }

    /// The largest value in any channel.
    pub fn peak(&self) -> f64 {
        self.channels.iter().flatten().fold(0.0, |peak, value| peak.max(value.abs()))
    }

    /// Frequency of the tone in a channel, by the number of times that it rises through zero.
    pub fn frequency(&self, channel: usize) -> f64 {
        let samples = &self.channels[channel];
        let rises = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        rises as f64 * RATE / samples.len() as f64
    }

    /// Amplitude of a frequency in a channel, over the second half of the sound.
    pub fn level(&self, channel: usize, frequency: f64) -> f64 {
        let samples = &self.channels[channel];
        // A whole number of tenths of a second, in which all tones of the tests have whole periods.
        let tenth = (RATE / 10.0) as usize;
        let from = samples.len() / 2;
        let window = &samples[from..from + (samples.len() - from) / 2 / tenth * tenth];
        let (mut cosine, mut sine) = (0.0, 0.0);
        for (index, value) in window.iter().enumerate() {
            let angle = std::f64::consts::TAU * frequency * index as f64 / RATE;
            cosine += value * angle.cos();
            sine += value * angle.sin();
        }
        2.0 * cosine.hypot(sine) / window.len() as f64
    }

    /// Times in seconds at which sound begins after at least half a second of silence.
    pub fn onsets(&self, threshold: f64) -> Vec<f64> {
        let mut onsets = Vec::new();
        let mut quiet_since = 0;
        for (index, value) in self.channels[0].iter().enumerate() {
            if value.abs() > threshold {
                if (index - quiet_since) as f64 > RATE / 2.0 {
                    onsets.push(index as f64 / RATE);
                }
                quiet_since = index;
            }
        }
        onsets
    }
}
