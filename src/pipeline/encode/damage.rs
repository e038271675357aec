//! How much of a source ffmpeg could not decode, by what it says meanwhile.

/// What was lost of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Damage {
    /// Frames and packets of sound that could not be decoded.
    undecodable: u64,
    /// Places where the container's data are broken.
    corrupt: u64,
    last: Option<Loss>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Undecodable,
    Corrupt,
}

/// What ffmpeg 5.1 and 9.0 say of each frame or packet that is lost.
const UNDECODABLE: [&str; 3] =
    ["Error while decoding stream", "Error submitting packet to decoder", "Decoding error: Invalid data"];
const CORRUPT: [&str; 2] = ["corrupt input packet in stream", "corrupt decoded frame"];
/// What stands for a line that would be the same again.
const REPEATED: &str = "Last message repeated ";

impl Damage {
    /// Takes a line of ffmpeg.
    pub(super) fn note(&mut self, line: &str) {
        if let Some(rest) = line.trim_start().strip_prefix(REPEATED) {
            let times = rest.split(' ').next().and_then(|times| times.parse().ok()).unwrap_or(0);
            self.add(times);
            return;
        }
        let says = |words: &[&str]| words.iter().any(|words| line.contains(words));
        self.last = if says(&UNDECODABLE) {
            Some(Loss::Undecodable)
        } else if says(&CORRUPT) {
            Some(Loss::Corrupt)
        } else {
            None
        };
        self.add(1);
    }

    /// What was lost after this.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            undecodable: self.undecodable.saturating_sub(before.undecodable),
            corrupt: self.corrupt.saturating_sub(before.corrupt),
            last: self.last,
        }
    }

    fn add(&mut self, times: u64) {
        match self.last {
            Some(Loss::Undecodable) => self.undecodable += times,
            Some(Loss::Corrupt) => self.corrupt += times,
            None => {}
        }
    }

    /// Whether it is no more than what is cut off where recordings meet, at so many seams of so many streams.
    pub fn is_of_seams(&self, seams: usize, streams: usize) -> bool {
        self.undecodable + self.corrupt <= seams.saturating_mul(streams.max(1)) as u64
    }

    /// How much is lost, for people; `None` when all is well.
    pub fn description(&self) -> Option<String> {
        use crate::format::count;
        let undecodable = || count(self.undecodable, "frame or packet of sound", "frames or packets of sound");
        let places = || count(self.corrupt, "place", "places");
        match (self.undecodable, self.corrupt) {
            (0, 0) => None,
            (_, 0) => Some(format!("{} could not be decoded", undecodable())),
            (0, _) => Some(format!("its data are broken in {}", places())),
            (_, _) => Some(format!("{} could not be decoded, its data are broken in {}", undecodable(), places())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_in_the_words_of_both_versions() {
        let mut damage = Damage::default();
        assert_eq!(damage.description(), None);
        for line in [
            "[error] Error while decoding stream #0:0: Invalid data found when processing input",
            "    Last message repeated 2 times",
            "[h264 @ 0x1] [error] no frame!",
            "    Last message repeated 5 times",
            "[aist#0:1/aac @ 0x2] [dec:aac @ 0x3] [error] Error submitting packet to decoder: Invalid data found",
            "[in#0/mpegts @ 0x4] [warning] corrupt input packet in stream 0",
        ] {
            damage.note(line);
        }
        assert_eq!(
            damage.description().as_deref(),
            Some("4 frames or packets of sound could not be decoded, its data are broken in 1 place")
        );
    }
}
