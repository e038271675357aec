//! Every rule by which a stream is judged, with its source.
//!
//! The numbers group rules by subject: 1–8 playlists, 9–16 segments, 17–21 picture, 22 sound, 24 captions, 27 the way to
//! players. Sources: RFC is draft-pantos-hls-rfc8216bis, Apple is the HLS Authoring Specification for Apple Devices,
//! CMAF is ISO/IEC 23000-19, ISOBMFF is ISO/IEC 14496-12, MPEG-TS is ISO/IEC 13818-1; "players" is what players of the
//! field need without a document that says so.

use serde::Serialize;

/// How much a rule weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A stream that breaks it is not correct.
    Must,
    /// A stream that breaks it works, but worse than it could.
    Should,
}

macro_rules! rules {
    ($($rule:ident = $number:literal $level:ident $name:literal: $says:literal, $source:literal;)*) => {
        /// A rule for a correct stream.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(
                #[doc = $says]
                #[doc = concat!("(", $source, ").")]
                $rule,
            )*
        }

        impl Rule {
            /// All rules in their order.
            pub const ALL: &[Self] = &[$(Self::$rule),*];

            /// The number of the rule's subject.
            pub fn number(self) -> u8 {
                match self { $(Self::$rule => $number,)* }
            }

            /// How much it weighs.
            pub fn level(self) -> Level {
                match self { $(Self::$rule => Level::$level,)* }
            }

            /// Its name, for people and programs; never changes.
            pub fn name(self) -> &'static str {
                match self { $(Self::$rule => $name,)* }
            }

            /// What it demands.
            pub fn says(self) -> &'static str {
                match self { $(Self::$rule => $says,)* }
            }

            /// The document that demands it.
            pub fn source(self) -> &'static str {
                match self { $(Self::$rule => $source,)* }
            }
        }
    };
}

rules! {
    PlaylistText = 1 Must "playlist-text":
        "Every playlist is UTF-8 without BOM, begins with #EXTM3U, ends in a line end and can be read to its end",
        "RFC 4";
    Version = 1 Must "version":
        "EXT-X-VERSION is there once at most and as high as the tags need", "RFC 8";
    TargetDuration = 2 Must "target-duration":
        "EXT-X-TARGETDURATION is not below any EXTINF rounded to seconds", "RFC 4.4.3.1";
    SegmentDuration = 2 Must "segment-duration":
        "EXTINF is within one frame of the true length of the segment", "RFC 4.4.4.1, Apple 8.1";
    TotalDuration = 2 Must "total-duration":
        "The sum of EXTINF is within one frame of the true length", "RFC 4.4.4.1, Apple 8.1";
    EndList = 3 Must "end-list":
        "A finished playlist ends in EXT-X-ENDLIST", "RFC 4.4.3.4, 6.2.1";
    PlaylistType = 3 Must "playlist-type":
        "A finished playlist is EXT-X-PLAYLIST-TYPE:VOD", "RFC 4.4.3.5, Apple 8.6";
    IndependentSegments = 4 Must "independent-segments":
        "EXT-X-INDEPENDENT-SEGMENTS is in the multivariant playlist, or in all playlists with a picture",
        "RFC 4.4.2.1, Apple 9.11";
    StreamAttributes = 5 Must "stream-attributes":
        "EXT-X-STREAM-INF has BANDWIDTH, AVERAGE-BANDWIDTH and CODECS, and for a picture RESOLUTION and FRAME-RATE",
        "RFC 4.4.6.2, Apple 9.1, 9.2, 9.14, 9.15";
    Bandwidth = 5 Must "bandwidth":
        "BANDWIDTH is not below the measured peak of the variant with its renditions, and within 10 % of it",
        "RFC 4.4.6.2, Apple 1.27";
    AverageBandwidth = 5 Must "average-bandwidth":
        "AVERAGE-BANDWIDTH is within 10 % of the measured average", "RFC 4.4.6.2, Apple 1.26";
    Codecs = 5 Must "codecs":
        "CODECS names the formats of the variant and of the renditions in its groups, and no others",
        "RFC 4.4.6.2, RFC 6381, Apple 9.1";
    Resolution = 5 Must "resolution":
        "RESOLUTION is the size of the picture", "RFC 4.4.6.2, Apple 9.2";
    FrameRate = 5 Must "frame-rate":
        "FRAME-RATE is the rate of the picture", "RFC 4.4.6.2, Apple 9.15";
    VideoRange = 5 Must "video-range":
        "VIDEO-RANGE is PQ or HLG for such pictures, and SDR or nothing for others", "RFC 4.4.6.2, Apple 9.16";
    ClosedCaptions = 5 Should "closed-captions":
        "CLOSED-CAPTIONS=NONE where there are no closed captions", "RFC 4.4.6.2";
    Groups = 5 Must "groups":
        "Every group that a variant names exists", "RFC 4.4.6.2";
    MediaAttributes = 6 Must "media-attributes":
        "EXT-X-MEDIA has TYPE, GROUP-ID and a NAME of its own in the group; one DEFAULT at most, and AUTOSELECT with it",
        "RFC 4.4.6.1";
    MediaLanguage = 6 Should "media-language":
        "EXT-X-MEDIA for sound and subtitles has a LANGUAGE in the form of BCP 47", "RFC 4.4.6.1, Apple 8.10";
    Channels = 6 Must "channels":
        "CHANNELS is the number of channels of the sound", "RFC 4.4.6.1";
    GroupsAlike = 6 Must "groups-alike":
        "All groups of one type have the same members", "RFC 4.4.6.1.1";
    IFramePlaylists = 7 Should "i-frame-playlists":
        "There are I-frame playlists for trick play", "Apple 6.1";
    IFrameRanges = 7 Must "i-frame-ranges":
        "Each entry of an I-frame playlist is one whole keyframe that can be decoded alone", "RFC 4.4.3.6, Apple 6.10";
    IFrameTimes = 7 Must "i-frame-times":
        "EXTINF of an I-frame is the time to the next one, and their times are those of the picture", "RFC 4.4.3.6";
    IFrameBandwidth = 7 Must "i-frame-bandwidth":
        "BANDWIDTH of an I-frame playlist is within 10 % of the measured peak", "RFC 4.4.6.3, Apple 6.9";
    UriInside = 8 Must "uri-inside":
        "No URI leaves the stream's folder, or leads from the web to anything else than the web", "players";
    UriRelative = 8 Should "uri-relative":
        "URIs are relative and percent-encoded", "RFC 4.1, RFC 3986 2.1";
    SixSeconds = 9 Should "six-seconds":
        "Segments last 6 seconds, and the last one at least half a second", "Apple 7.5, 7.6";
    KeyframeInterval = 9 Should "keyframe-interval":
        "A keyframe comes every 2 seconds", "Apple 1.13";
    SegmentPresent = 10 Must "segment-present":
        "Every segment that a playlist names can be had and is whole, but for those with EXT-X-GAP, which hold no media", "RFC 3, 6.2.1";
    StartsWithIdr = 10 Must "starts-with-idr":
        "Every segment with a picture starts with an IDR (or the key frame of AV1 or VP9)", "RFC 4.4.2.1, Apple 7.4";
    ClosedGop = 10 Must "closed-gop":
        "No picture of a segment is shown before its first one", "RFC 4.4.2.1, Apple 7.4";
    Decodes = 10 Must "decodes":
        "Every frame of picture and sound can be decoded, from the start of its segment (looked at when asked for)",
        "RFC 3, players";
    Aligned = 11 Must "aligned":
        "The segments of all variants begin at the same frames", "RFC 6.2.4, Apple 8.22";
    AlignedSound = 11 Should "aligned-sound":
        "Segments of sound end within one sound frame of the picture's; in one file with it, of when that is decoded",
        "Apple 8.22";
    Continuous = 11 Must "continuous":
        "Each segment begins exactly where the one before ends: no gap, no overlap, nothing twice",
        "RFC 4.4.4.3, Apple 7.1, 7.3";
    DecodeOrder = 11 Must "decode-order":
        "Decode times rise strictly", "RFC 3, Apple 7.2";
    EvenFrames = 11 Should "even-frames":
        "Frames are evenly spaced: none is lost or shown twice", "players";
    Discontinuities = 11 Must "discontinuities":
        "Discontinuities are at the same places in all playlists", "RFC 6.2.4, Apple 8.15";
    SyncStart = 12 Must "sync-start":
        "Sound and picture start within 45 ms of each other", "players";
    SyncEnd = 12 Must "sync-end":
        "Sound and picture end within 45 ms of each other", "Apple 8.3";
    CommonStart = 13 Must "common-start":
        "All variants start at the same time", "RFC 6.2.4";
    SameLength = 13 Must "same-length":
        "All variants have the same length to one frame, the sound of pictures and our own subtitles to half a second", "RFC 6.2.4, Apple 8.3, 8.7";
    SubtitleLength = 13 Should "subtitle-length":
        "Subtitles go as far as the picture", "players";
    SourceLength = 13 Must "source-length":
        "The stream has no more frames than its source, to one frame", "players";
    InitSegment = 14 Must "init-segment":
        "EXT-X-MAP names an init segment that fits every fMP4 segment", "RFC 3.3, 4.4.4.5, CMAF 7.3.1";
    SampleEntry = 14 Must "sample-entry":
        "Parameter sets are in the init segment: avc1 and hvc1, not avc3 and hev1", "Apple 1.10";
    Brands = 14 Should "brands":
        "The init segment has a brand of CMAF or of ISOBMFF from iso5 on, and one track", "CMAF 7.2, Apple 9.5";
    TransportTables = 15 Must "transport-tables":
        "Every TS segment begins with PAT and PMT of one programme, and their checksums are true", "RFC 3.2";
    TransportContinuity = 15 Must "transport-continuity":
        "No TS packet is missing in a segment or at its end", "MPEG-TS 2.4.3.3";
    TransportClock = 15 Must "transport-clock":
        "PCR comes at least every 100 ms", "MPEG-TS 2.7.2";
    Encryption = 16 Must "encryption":
        "EXT-X-KEY has a METHOD that is known, the URI of a key and a true IV", "RFC 4.4.4.4, 4.4.4.5";
    Key = 16 Must "key":
        "Keys have 16 bytes and decrypt what is encrypted with them, in I-frame playlists as well", "RFC 4.4.4.4, 5.2";
    KeyAvailable = 16 Should "key-available":
        "Keys can be had, so that what is encrypted can be judged", "players";
    Profile = 17 Must "profile":
        "H.264 up to High 5.2, HEVC Main or Main 10 up to 5.1, AV1 Main, VP9 0 or 2", "Apple 1.3, 1.6, 1.39";
    PictureLevel = 17 Should "level":
        "H.264 has a level no higher than size and rate need by more than one step", "Apple 1.11";
    PixelFormat = 17 Must "pixel-format":
        "Pictures are 4:2:0, with 8 bits in H.264", "Apple 1.3";
    EvenSize = 18 Must "even-size":
        "Width and height are even", "players";
    SquarePixels = 18 Must "square-pixels":
        "Pixels are square", "players";
    Progressive = 18 Must "progressive":
        "Pictures are progressive", "Apple 1.14";
    Colour = 19 Must "colour":
        "Primaries, transfer and matrix are written and agree, and the range is limited", "Apple 1.21";
    FrameRateLimit = 20 Must "frame-rate-limit":
        "At most 60 frames a second", "Apple 1.19";
    FrameRateNatural = 20 Should "frame-rate-natural":
        "The frame rate is 23.976, 24, 25, 29.97, 30, 50, 59.94 or 60, or lower", "Apple 1.18";
    PeakToAverage = 21 Should "peak-to-average":
        "The peak of a variant is at most twice its average", "Apple 1.30";
    SameShape = 21 Should "same-shape":
        "All variants have the same aspect ratio to 1 %", "Apple 1.33";
    StereoSound = 22 Must "stereo-sound":
        "Sound is there as stereo or mono AAC", "Apple 2.3";
    SampleRate = 22 Should "sample-rate":
        "Sound has 44.1 or 48 kHz", "Apple 2.9";
    Captions = 24 Must "captions":
        "Segments of subtitles are WebVTT in UTF-8, and their cues lie in the time of the segment",
        "RFC 3.1.4, Apple 5.3";
    TimestampMap = 24 Should "timestamp-map":
        "WebVTT segments have X-TIMESTAMP-MAP", "RFC 3.1.4";
    PlaylistMime = 27 Must "playlist-type-header":
        "Playlists are served as application/vnd.apple.mpegurl or audio/mpegurl", "RFC 4";
    MediaMime = 27 Should "media-type-header":
        "Segments are served with the type of their format", "Apple 10.4";
    CacheControl = 27 Should "cache-control":
        "Cache-Control lets segments be kept long and playlists shortly", "players";
    CrossOrigin = 27 Should "cross-origin":
        "Access-Control-Allow-Origin lets browsers on other sites play the stream", "players";
}

impl Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.number(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rules_come_in_the_order_of_their_numbers_and_each_has_a_name_of_its_own() {
        assert!(Rule::ALL.is_sorted_by_key(|rule| rule.number()));
        let names: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
    }
}
