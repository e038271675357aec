//! What playlists say by themselves, without their segments (rules 1 to 4 and 15).

use m3u8_rs::MediaPlaylistType;

use crate::pipeline::check::{
    entry::Found,
    files::Address,
    measure::transport_packets::Transport,
    playlist::Lines,
    rule::Rule,
    stream::{Rendition, Stream},
    verdict::Ledger,
};

/// The longest time between two clock references in seconds, with some room for the rounding to packets.
const LONGEST_CLOCK_GAP: f64 = 0.1005;

/// The text of any playlist.
pub(in super::super) fn text(address: &Address, bytes: &[u8], ledger: &mut Ledger) {
    let problem = if bytes.starts_with(b"\xef\xbb\xbf") {
        Some("begins with a BOM")
    } else if std::str::from_utf8(bytes).is_err() {
        Some("is not UTF-8")
    } else if !matches!(bytes.strip_prefix(b"#EXTM3U"), Some([b'\n' | b'\r', ..])) {
        Some("does not begin with the line #EXTM3U")
    } else if !bytes.ends_with(b"\n") {
        Some("does not end in a line end")
    } else if bytes.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t')) {
        Some("has control characters")
    } else {
        None
    };
    ledger.judge(Rule::PlaylistText, address, problem.is_none(), || problem.unwrap_or_default().to_owned());
}

/// The main playlist of a folder, in whose place another one was found.
pub(in super::super) fn entry(stream: &Stream, found: &Found, ledger: &mut Ledger) {
    let is_named = |media: &Address| stream.renditions.iter().any(|rendition| rendition.address == *media);
    if let Some(media) = found.beside.iter().find(|media| !is_named(media)) {
        let message =
            format!("is not there, so that nothing names {media}; {} was judged in its place", found.playlist);
        ledger.broken(Rule::PlaylistText, &Found::main_beside(media), message);
    }
}

/// EXT-X-VERSION of any playlist.
pub(in super::super) fn version(address: &Address, lines: &Lines, ledger: &mut Ledger) {
    let written: Vec<Option<u32>> = lines.values("EXT-X-VERSION").map(|value| value.trim().parse().ok()).collect();
    let (needed, by) = needed_version(lines);
    let problem = match written.as_slice() {
        [] if needed > 1 => Some(format!("is not written; {by} needs {needed}")),
        [Some(version)] if *version < needed => Some(format!("is {version}; {by} needs {needed}")),
        [None] => Some("is no number".to_owned()),
        [_, _, ..] => Some("is written more than once".to_owned()),
        _ => None,
    };
    ledger
        .judge(Rule::Version, address, problem.is_none(), || format!("EXT-X-VERSION {}", problem.unwrap_or_default()));
}

/// The lowest version that the tags of a playlist need, and the tag that needs it (rfc8216bis 8).
fn needed_version(lines: &Lines) -> (u32, &'static str) {
    let any = |name: &str, has: fn(&str) -> bool| lines.values(name).any(has);
    let i_frames = lines.count("EXT-X-I-FRAMES-ONLY") > 0;
    [
        (any("EXT-X-DEFINE", |value| value.contains("QUERYPARAM=")), 11, "QUERYPARAM"),
        (lines.count("EXT-X-DEFINE") > 0, 8, "EXT-X-DEFINE"),
        (any("EXT-X-MEDIA", |value| value.contains("INSTREAM-ID=\"SERVICE")), 7, "INSTREAM-ID=SERVICE"),
        (lines.count("EXT-X-MAP") > 0 && !i_frames, 6, "EXT-X-MAP"),
        (lines.count("EXT-X-MAP") > 0, 5, "EXT-X-MAP"),
        (any("EXT-X-KEY", |value| value.contains("KEYFORMAT")), 5, "KEYFORMAT"),
        (lines.count("EXT-X-BYTERANGE") > 0, 4, "EXT-X-BYTERANGE"),
        (i_frames, 4, "EXT-X-I-FRAMES-ONLY"),
        (any("EXTINF", |value| value.split(',').next().unwrap_or_default().contains('.')), 3, "a decimal EXTINF"),
        (any("EXT-X-KEY", |value| value.contains("IV=")), 2, "IV"),
    ]
    .into_iter()
    .find_map(|(is_used, version, by)| is_used.then_some((version, by)))
    .unwrap_or((1, ""))
}

/// A media playlist of any kind.
pub(super) fn media(rendition: &Rendition, ledger: &mut Ledger) {
    let (address, media) = (&rendition.address, &rendition.media);
    ledger.judge(Rule::PlaylistText, address, !media.entries.is_empty(), || "names no segment".to_owned());
    ledger.judge(Rule::EndList, address, media.end_list, || "has no EXT-X-ENDLIST".to_owned());
    let is_vod = media.playlist_type == Some(MediaPlaylistType::Vod);
    ledger.judge(Rule::PlaylistType, address, is_vod, || match &media.playlist_type {
        Some(kind) => format!("is EXT-X-PLAYLIST-TYPE:{kind}"),
        None => "has no EXT-X-PLAYLIST-TYPE".to_owned(),
    });
    let late = media.lines.late_sequence();
    ledger.judge(Rule::PlaylistText, address, late.is_none(), || {
        format!("{} comes after the first segment", late.unwrap_or_default())
    });
    let has_commas = media.lines.values("EXTINF").all(|value| value.contains(','));
    ledger.judge(Rule::PlaylistText, address, has_commas, || "an EXTINF has no comma".to_owned());
    target_duration(rendition, ledger);
}

fn target_duration(rendition: &Rendition, ledger: &mut Ledger) {
    let (address, media) = (&rendition.address, &rendition.media);
    if media.lines.count("EXT-X-TARGETDURATION") > 1 {
        ledger.broken(Rule::TargetDuration, address, "EXT-X-TARGETDURATION is written more than once");
    }
    let Some(target) = media.target_duration_seconds else {
        ledger.broken(Rule::TargetDuration, address, "has no EXT-X-TARGETDURATION");
        return;
    };
    let too_long = media.entries.iter().find(|entry| entry.seconds.round() > target as f64);
    ledger.judge(Rule::TargetDuration, address, too_long.is_none(), || {
        let seconds = too_long.map_or(0.0, |entry| entry.seconds);
        format!("EXT-X-TARGETDURATION is {target}, a segment has EXTINF {seconds:.3}")
    });
}

/// EXT-X-INDEPENDENT-SEGMENTS of a stream with pictures.
pub(super) fn independent_segments(stream: &Stream, ledger: &mut Ledger) {
    let in_multivariant = stream.multivariant.as_ref().is_some_and(|playlist| playlist.text.independent_segments);
    let mut pictures = stream.pictures().peekable();
    if pictures.peek().is_none() {
        return;
    }
    let kept = in_multivariant || pictures.all(|rendition| rendition.media.independent_segments);
    ledger.judge(Rule::IndependentSegments, &stream.entry, kept, || "has no EXT-X-INDEPENDENT-SEGMENTS".to_owned());
}

/// The packets of a segment of MPEG-TS.
pub(in super::super) fn transport(address: &Address, transport: &Transport, ledger: &mut Ledger) {
    let problem = |problem: &Option<String>| problem.clone().unwrap_or_default();
    let tables = &transport.tables_problem;
    ledger.judge(Rule::TransportTables, address, tables.is_none(), || problem(tables));
    let lost = transport.loss.as_ref().map(|loss| loss.problem.clone());
    ledger.judge(Rule::TransportContinuity, address, lost.is_none(), || problem(&lost));
    let gap = transport.longest_clock_gap;
    ledger.judge(Rule::TransportClock, address, gap <= LONGEST_CLOCK_GAP, || format!("{gap:.3} s between two PCR"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_follow_from_tags() {
        let needed = |text: &str| needed_version(&Lines::of(text)).0;
        assert_eq!(needed("#EXTM3U\n#EXTINF:6,\na.ts\n"), 1);
        assert_eq!(needed("#EXTM3U\n#EXTINF:6.006,\na.ts\n"), 3);
        assert_eq!(needed("#EXTM3U\n#EXT-X-BYTERANGE:1@0\n#EXTINF:6,\na.ts\n"), 4);
        assert_eq!(needed("#EXTM3U\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI=\"i\"\n"), 5);
        assert_eq!(needed("#EXTM3U\n#EXT-X-MAP:URI=\"i\"\n"), 6);
        assert_eq!(needed("#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n"), 8);
    }

    #[test]
    fn the_text_of_a_playlist_is_plain() {
        let is_broken = |bytes: &[u8]| {
            let mut ledger = Ledger::default();
            text(&Address("a.m3u8".to_owned()), bytes, &mut ledger);
            ledger.is_broken(Rule::PlaylistText)
        };
        assert!(!is_broken(b"#EXTM3U\n#EXTINF:6,\r\na.ts\n"));
        for broken in
            [&b"\xef\xbb\xbf#EXTM3U\n"[..], b"#EXTM3U8\n", b"#EXTM3U\na", b"#EXTM3U\n\xff\n", b"#EXTM3U\n\0\n", b""]
        {
            assert!(is_broken(broken), "{broken:?}");
        }
    }
}
