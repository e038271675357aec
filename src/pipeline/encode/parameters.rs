//! Extra parameters of x264 and x265: what may be given, and whether the encoder knows it.

use std::fmt;

/// Parameters that Reelpress sets itself, as the stream would not be right with others.
const OWN: [&str; 82] = [
    "allow-non-conformance",
    "alternative-transfer",
    "annexb",
    "atc-sei",
    "aud",
    "avcintra-class",
    "bff",
    "bitrate",
    "bottom-field-first",
    "chunk-end",
    "chunk-start",
    "cll",
    "colormatrix",
    "colorprim",
    "crf",
    "crf-max",
    "crf-min",
    "crop-rect",
    "display-window",
    "dolby-vision-profile",
    "dpb-size",
    "eob",
    "eos",
    "fake-interlaced",
    "field",
    "force-cfr",
    "fps",
    "frame-dup",
    "frame-packing",
    "frames",
    "fullrange",
    "gop-lookahead",
    "hdr",
    "hdr-opt",
    "hdr10",
    "hdr10-opt",
    "high-tier",
    "hist-scenecut",
    "input-csp",
    "input-depth",
    "input-res",
    "interlace",
    "interlaced",
    "intra-refresh",
    "keyint",
    "keyint-min",
    "level",
    "level-idc",
    "log",
    "log-level",
    "lossless",
    "master-display",
    "mastering-display",
    "max-cll",
    "min-keyint",
    "mv-range",
    "mvrange",
    "open-gop",
    "output-csp",
    "output-depth",
    "pass",
    "profile",
    "qp",
    "qp-constant",
    "qp-max",
    "qp-min",
    "qp-step",
    "radl",
    "range",
    "repeat-headers",
    "sar",
    "scenecut",
    "sps-id",
    "strict-cbr",
    "svt",
    "temporal-layers",
    "tff",
    "timebase",
    "total-frames",
    "transfer",
    "uhd-bd",
    "videoformat",
];
/// Parameters that name files, which would be read or written wherever they lie.
const WITH_FILES: [&str; 19] = [
    "abr-ladder",
    "analysis-load",
    "analysis-reuse-file",
    "analysis-save",
    "aom-film-grain",
    "cqmfile",
    "csv",
    "dhdr10-info",
    "dolby-vision-rpu",
    "dump-yuv",
    "film-grain",
    "lambda-file",
    "nalu-file",
    "opencl-clbin",
    "qpfile",
    "recon",
    "scaling-list",
    "stats",
    "zonefile",
];

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    /// Its name, as x264 and x265 spell it.
    pub(super) name: &'a str,
    /// Its value, if it has one.
    pub(super) value: Option<&'a str>,
}

impl fmt::Display for Parameter<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(value) => write!(formatter, "{}={value}", self.name),
            None => formatter.write_str(self.name),
        }
    }
}

/// The parameters in `name=value:name=value`.
pub(super) fn given(text: &str) -> impl Iterator<Item = Parameter<'_>> {
    text.split(':').map(str::trim).filter(|part| !part.is_empty()).map(|part| match part.split_once('=') {
        Some((name, value)) => Parameter { name: name.trim(), value: Some(value.trim()) },
        None => Parameter { name: part, value: None },
    })
}

/// Why a parameter is not taken, whether the encoder knows it or not.
pub(super) fn refusal(parameter: &Parameter<'_>) -> Option<&'static str> {
    // x264 takes underscores for hyphens.
    let name = parameter.name.replace('_', "-");
    let is_plain = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    // Both are ways to turn something off.
    let turned_off = name.strip_prefix("no-").or_else(|| name.strip_prefix("no"));
    let is_bound = ["vbv-", "qpm", "qpstep"].iter().any(|start| name.starts_with(start));
    if !is_plain {
        Some("is no name of a parameter")
    } else if OWN.contains(&name.as_str()) || turned_off.is_some_and(|name| OWN.contains(&name)) || is_bound {
        Some("is set by Reelpress itself")
    } else if WITH_FILES.contains(&name.as_str()) {
        Some("names a file, which is not allowed")
    } else {
        None
    }
}

/// The parameter that an encoder complains of in its log, if any.
pub(super) fn complaint<'a>(log: &'a str, parameters: &str) -> Option<(String, &'a str)> {
    const SIGNS: [&str; 6] =
        ["Error parsing option", "Unknown option", "Invalid value for", "bad value for", "not valid", "Error setting"];
    let lines = log.lines().filter(|line| SIGNS.iter().any(|sign| line.contains(sign)));
    for line in lines {
        let words: Vec<&str> =
            line.split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_".contains(letter)).collect();
        // The longest name counts: `me` is also in `merange`'s line where words are cut differently.
        let named = given(parameters).filter(|parameter| words.contains(&parameter.name));
        if let Some(parameter) = named.max_by_key(|parameter| parameter.name.len()) {
            return Some((parameter.to_string(), line));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_would_break_the_stream_or_reach_files_are_refused() {
        for text in ["keyint=250", "no-annexb", "noaud=1", "no-repeat-headers", "sar=2", "crop_rect=0,0,8,8", "fps=5"] {
            assert_eq!(refusal(&given(text).next().unwrap()), Some("is set by Reelpress itself"), "{text}");
        }
        for text in ["keyint=250", "vbv-maxrate=1", "stats=/etc/passwd", "dump_yuv=x", "scenecut", "a b=1", "=1"] {
            let parameter = given(text).next().unwrap();
            assert!(refusal(&parameter).is_some(), "{text}");
        }
        assert!(
            given("aq-mode=3:psy-rd=1.0,0.15: me=umh :no-mbtree:nr=100").all(|parameter| refusal(&parameter).is_none())
        );
    }

    #[test]
    fn the_parameter_that_the_encoder_complains_of_is_named() {
        let log = "[libx264 @ 0x5] Error parsing option 'aq-mood = 3'.\n";
        assert_eq!(complaint(log, "me=umh:aq-mood=3").unwrap().0, "aq-mood=3");
        let log = "[libx265 @ 0x5] Unknown option: foo.\n";
        assert_eq!(complaint(log, "foo=1").unwrap().0, "foo=1");
        assert_eq!(complaint("frame= 1", "me=umh"), None);
    }
}
