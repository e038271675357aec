//! What the sound is (rule 22).

use crate::pipeline::check::{
    measure::{Kind, format::Bitstream},
    rule::Rule,
    stream::Stream,
    verdict::Ledger,
};

/// All renditions with sound.
pub(super) fn sound(stream: &Stream, ledger: &mut Ledger) {
    let formats: Vec<_> =
        stream.renditions.iter().filter_map(|rendition| Some((rendition, rendition.format(Kind::Sound)?))).collect();
    if formats.is_empty() {
        return;
    }
    let has_stereo = formats
        .iter()
        .any(|(_, format)| format.bitstream == Bitstream::Aac && format.channels.is_none_or(|channels| channels <= 2));
    ledger.judge(Rule::StereoSound, &stream.entry, has_stereo, || {
        "no rendition is AAC with one or two channels".to_owned()
    });
    for (rendition, format) in formats {
        if let Some(rate) = format.sample_rate_hz.filter(|rate| *rate > 0) {
            let kept = matches!(rate, 44_100 | 48_000);
            ledger.judge(Rule::SampleRate, &rendition.address, kept, || format!("the sound has {rate} Hz"));
        }
    }
}
