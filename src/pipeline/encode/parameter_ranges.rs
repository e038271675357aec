//! What numbers the parameters of x264 and x265 take: both bring others into their range without a word, or go on with
//! something that nobody asked for.

use super::parameters::Parameter;

/// Names of one parameter, the least and the most that it takes; of a pair, each number.
type Range = (&'static [&'static str], f64, f64);

/// Of x264, by its `--fullhelp` and where it brings values into its ranges (`validate_parameters`).
const X264: [Range; 40] = [
    (&["8x8dct"], 0.0, 1.0),
    (&["aq-mode"], 0.0, 3.0),
    (&["aq-strength"], 0.0, 3.0),
    (&["b-adapt"], 0.0, 2.0),
    (&["b-bias"], -100.0, 100.0),
    (&["b-pyramid"], 0.0, 2.0),
    (&["bframes"], 0.0, 16.0),
    (&["cabac"], 0.0, 1.0),
    (&["cabac-idc"], 0.0, 2.0),
    (&["chroma-me"], 0.0, 1.0),
    (&["chroma-qp-offset"], -12.0, 12.0),
    (&["cplxblur", "cplx-blur"], 0.0, 999.0),
    (&["dct-decimate"], 0.0, 1.0),
    (&["deadzone-inter"], 0.0, 32.0),
    (&["deadzone-intra"], 0.0, 32.0),
    (&["deblock", "filter"], -6.0, 6.0),
    (&["direct", "direct-pred"], 0.0, 3.0),
    (&["fast-pskip"], 0.0, 1.0),
    (&["ipratio", "ip-factor"], 0.01, 10.0),
    (&["lookahead-threads"], 0.0, 16.0),
    (&["mbtree"], 0.0, 1.0),
    (&["me"], 0.0, 4.0),
    (&["merange", "me-range"], 4.0, 1024.0),
    (&["mixed-refs"], 0.0, 1.0),
    (&["nr"], 0.0, 65_536.0),
    (&["pbratio", "pb-factor"], 0.01, 10.0),
    (&["psy"], 0.0, 1.0),
    (&["psy-rd"], 0.0, 10.0),
    (&["qblur"], 0.0, 99.0),
    (&["qcomp"], 0.0, 1.0),
    (&["ratetol"], 0.01, 100.0),
    (&["rc-lookahead"], 0.0, 250.0),
    (&["ref", "frameref"], 1.0, 16.0),
    (&["slices"], 0.0, 64.0),
    (&["subme", "subq"], 0.0, 11.0),
    (&["sync-lookahead"], 0.0, 250.0),
    (&["threads"], 0.0, 128.0),
    (&["trellis"], 0.0, 2.0),
    (&["weightb", "weight-b"], 0.0, 1.0),
    (&["weightp"], 0.0, 2.0),
];

/// Of x265, by its `--fullhelp` and its check of parameters (`x265_check_params`). More reference frames than five need a
/// higher level than the picture's size does.
const X265: [Range; 40] = [
    (&["aq-mode"], 0.0, 4.0),
    (&["aq-strength"], 0.0, 3.0),
    (&["b-adapt"], 0.0, 2.0),
    (&["bframe-bias"], -90.0, 100.0),
    (&["bframes"], 0.0, 16.0),
    (&["cbqpoffs"], -12.0, 12.0),
    (&["cplxblur"], 0.0, 999.0),
    (&["crqpoffs"], -12.0, 12.0),
    (&["ctu"], 16.0, 64.0),
    (&["deblock"], -6.0, 6.0),
    (&["dynamic-rd"], 0.0, 4.0),
    (&["frame-threads"], 0.0, 16.0),
    (&["ipratio"], 0.01, 10.0),
    (&["limit-refs"], 0.0, 3.0),
    (&["limit-tu"], 0.0, 4.0),
    (&["lookahead-slices"], 0.0, 16.0),
    (&["lookahead-threads"], 0.0, 64.0),
    (&["max-merge"], 1.0, 5.0),
    (&["max-tu-size"], 4.0, 32.0),
    (&["me"], 0.0, 5.0),
    (&["merange"], 0.0, 32_768.0),
    (&["min-cu-size"], 8.0, 64.0),
    (&["nr-inter"], 0.0, 2000.0),
    (&["nr-intra"], 0.0, 2000.0),
    (&["pbratio"], 0.01, 10.0),
    (&["psy-rd"], 0.0, 5.0),
    (&["psy-rdoq"], 0.0, 50.0),
    (&["qblur"], 0.0, 99.0),
    (&["qcomp"], 0.5, 1.0),
    (&["qg-size"], 8.0, 64.0),
    (&["rc-lookahead"], 0.0, 250.0),
    (&["rd"], 1.0, 6.0),
    (&["rdoq-level", "rdoq"], 0.0, 2.0),
    (&["ref"], 1.0, 5.0),
    (&["rskip"], 0.0, 2.0),
    (&["selective-sao"], 0.0, 4.0),
    (&["slices"], 0.0, 64.0),
    (&["subme"], 0.0, 7.0),
    (&["tu-inter-depth"], 1.0, 4.0),
    (&["tu-intra-depth"], 1.0, 4.0),
];

/// An encoder with parameters of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Library {
    /// Of H.264.
    X264,
    /// Of HEVC.
    X265,
}

impl Library {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::X264 => "x264",
            Self::X265 => "x265",
        }
    }

    fn ranges(self) -> &'static [Range] {
        match self {
            Self::X264 => &X264,
            Self::X265 => &X265,
        }
    }
}

/// What numbers a parameter takes, if one that is given is not among them. What is no number is the encoder's own to refuse.
pub(super) fn missed(library: Library, parameter: &Parameter<'_>) -> Option<String> {
    let name = parameter.name.replace('_', "-");
    let (_, least, most) = library.ranges().iter().find(|(names, ..)| names.contains(&name.as_str()))?;
    let numbers = parameter.value?.split(',').filter_map(|number| number.trim().parse::<f64>().ok());
    let is_missed = numbers.into_iter().any(|number| !(*least..=*most).contains(&number));
    is_missed.then(|| format!("is out of range: it takes {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::encode::parameters::given;

    #[test]
    fn numbers_out_of_range_are_told_with_the_range() {
        let missed = |library, text| missed(library, &given(text).next().unwrap());
        let words = missed(Library::X264, "aq-mode=9999");
        assert_eq!(words.as_deref(), Some("is out of range: it takes 0 to 3"));
        for text in ["me_range=2", "deblock=-7,0", "psy-rd=1.0,11", "aq-strength=nan", "qcomp=-0.1", "subq=1e9"] {
            assert!(missed(Library::X264, text).is_some(), "{text}");
        }
        for text in ["aq-mode=3", "me=umh", "deblock=-1,-1", "trellis", "threads=auto", "made-up=9999"] {
            assert!(missed(Library::X264, text).is_none(), "{text}");
        }
        assert!(missed(Library::X265, "qcomp=0.4").is_some() && missed(Library::X265, "aq-mode=4").is_none());
    }
}
