use super::*;

fn segment(duration_ticks: u64, bytes: u64) -> SegmentEntry {
    let keyframe = KeyframeRange { offset: 24, length: 1000, duration_ticks };
    SegmentEntry { duration_ticks, bytes, keyframes: vec![keyframe] }
}

#[test]
fn a_growing_playlist_is_an_event_and_a_finished_one_is_vod() {
    let segments = [segment(76_800, 10), segment(12_800, 5)];
    let growing = media_playlist("", &segments[..1], 12_800, 6, Growth::Growing);
    assert_eq!(
        growing,
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:6\n\
         #EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6.000000,\nsegment_00000.m4s\n"
    );
    let finished = media_playlist("", &segments, 12_800, 6, Growth::Finished);
    assert!(finished.contains("VOD") && finished.ends_with("#EXTINF:1.000000,\nsegment_00001.m4s\n#EXT-X-ENDLIST\n"));
    let media_of = |text: &str| text.lines().skip(5).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(media_of(&finished)[..3], media_of(&growing)[..], "entries are only appended to");
}

#[test]
fn keyframes_are_byte_ranges() {
    let text = i_frame_playlist("", &[segment(60_060, 10)], 30_000, 6);
    assert!(text.contains("#EXT-X-I-FRAMES-ONLY\n"));
    assert!(text.contains("#EXT-X-BYTERANGE:1000@24\n#EXTINF:2.002000,\nsegment_00000.m4s\n"), "{text}");
}

#[test]
fn the_peak_is_of_runs_between_half_and_one_and_a_half_target_durations() {
    // A last segment of 1 s is no run of its own.
    let rates = measure(&[(6.0, 750_000), (6.0, 1_500_000), (1.0, 900_000)], 6);
    assert_eq!(rates.peak_bps, ((1_500_000 + 900_000) * 8_u64).div_ceil(7));
    assert_eq!(rates.average_bps, 3_150_000 * 8 / 13 + 1);
    assert_eq!(measure(&[(1.0, 1000)], 6).peak_bps, 8000);
    assert_eq!(measure(&[], 6), MeasuredRates::default());
}

#[test]
fn the_multivariant_playlist_lists_a_middle_variant_first_and_the_rest_falling() {
    let video = |name: &str, height: u32, average_bps: u64| VideoVariant {
        uri: format!("{name}/playlist.m3u8"),
        i_frame_uri: format!("{name}/iframes.m3u8"),
        codecs: "avc1.64001f".to_owned(),
        size: PictureSize { width: height * 16 / 9, height },
        range: DynamicRange::Sdr,
        is_common: true,
        rates: MeasuredRates { peak_bps: average_bps + 1000, average_bps },
        i_frame_rates: Some(MeasuredRates { peak_bps: 100, average_bps: 90 }),
    };
    let track = |folder: &str, codecs: &str, channels: u32, rate: u64| AudioTrack {
        uri: format!("{folder}/playlist.m3u8"),
        codecs: codecs.to_owned(),
        channels,
        language: "de".to_owned(),
        name: "Director\"s\ncut".to_owned(),
        is_default: true,
        is_autoselect: true,
        describes_video: false,
        rates: MeasuredRates { peak_bps: rate + 2000, average_bps: rate },
    };
    let stereo = AudioGroup { id: "stereo", tracks: vec![track("audio", "mp4a.40.2", 2, 128_000)] };
    let surround = AudioGroup { id: "surround", tracks: vec![track("audio-surround", "ec-3", 6, 384_000)] };
    let videos = [video("1080p", 1080, 5_000_000), video("720p", 720, 3_000_000), video("480p", 480, 1_500_000)];
    let text = multivariant_playlist(&videos, std::slice::from_ref(&stereo), &[], FrameRate::new(30000, 1001).unwrap());
    let uris: Vec<&str> = text.lines().filter(|line| line.ends_with("playlist.m3u8")).collect();
    assert_eq!(uris, ["480p/playlist.m3u8", "1080p/playlist.m3u8", "720p/playlist.m3u8", "audio/playlist.m3u8"]);
    assert!(text.contains("BANDWIDTH=5131000,AVERAGE-BANDWIDTH=5128000,CODECS=\"avc1.64001f,mp4a.40.2\""), "{text}");
    assert!(text.contains("FRAME-RATE=29.970") && text.contains("CLOSED-CAPTIONS=NONE"));
    assert!(text.contains("NAME=\"Director s cut\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\""), "{text}");
    assert_eq!(text.matches("#EXT-X-I-FRAME-STREAM-INF:").count(), 3);
    assert!(m3u8_rs::parse_master_playlist_res(text.as_bytes()).is_ok());
    let both = multivariant_playlist(&videos, &[stereo, surround], &[], FrameRate::FALLBACK);
    assert_eq!(both.matches("\n480p/playlist.m3u8").count(), 2, "{both}");
    assert!(both.contains("BANDWIDTH=5387000,AVERAGE-BANDWIDTH=5384000,CODECS=\"avc1.64001f,ec-3\""), "{both}");
    assert!(both.contains("GROUP-ID=\"surround\",LANGUAGE=\"de\"") && both.contains("CHANNELS=\"6\""), "{both}");
    assert_eq!(both.matches("#EXT-X-I-FRAME-STREAM-INF:").count(), 3);
}
