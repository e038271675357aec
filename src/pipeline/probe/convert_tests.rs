use super::*;

fn media(streams: &str) -> SourceMedia {
    let json = format!(r#"{{"streams": [{streams}], "format": {{"format_name": "test"}}}}"#);
    source_media(&serde_json::from_str(&json).unwrap(), 1)
}

fn video(fields: &str) -> VideoStream {
    let stream =
        format!(r#"{{"index": 0, "codec_type": "video", "codec_name": "h264", "width": 720, "height": 576{fields}}}"#);
    media(&stream).video.remove(0)
}

#[test]
fn partial_knowledge_is_kept() {
    let stream = video("");
    assert_eq!(stream.coded_size, PictureSize { width: 720, height: 576 });
    assert_eq!((stream.sample_aspect_ratio, stream.rotation_degrees), ((1, 1), 0));
    assert_eq!((stream.average_frame_rate, stream.duration, stream.frame_count), (None, None, None));
    assert_eq!(stream.scan, ScanType::Unknown);
    assert_eq!(stream.colour, Colour::default());
}

#[test]
fn the_display_matrix_turns_counter_clockwise_and_the_old_tag_clockwise() {
    let with_matrix = |turn: &str| {
        video(&format!(r#", "side_data_list": [{{"side_data_type": "Display Matrix", "rotation": {turn}}}]"#))
            .rotation_degrees
    };
    assert_eq!([with_matrix("-90"), with_matrix("90"), with_matrix("180"), with_matrix("-180")], [90, 270, 180, 180]);
    assert_eq!(with_matrix("-89.6"), 90);
    assert_eq!(video(r#", "tags": {"rotate": "90"}"#).rotation_degrees, 90);
}

#[test]
fn anamorphic_pictures_have_the_size_that_is_seen() {
    let stream = video(r#", "sample_aspect_ratio": "64:45""#);
    assert_eq!(stream.display_size(), PictureSize { width: 1024, height: 576 });
    assert_eq!(video(r#", "sample_aspect_ratio": "0:1""#).sample_aspect_ratio, (1, 1));
}

#[test]
fn only_field_orders_are_interlaced() {
    let scan = |order: &str| video(&format!(r#", "field_order": "{order}""#)).scan;
    assert_eq!([scan("tt"), scan("bt")], [ScanType::InterlacedTopFirst; 2]);
    assert_eq!([scan("bb"), scan("tb")], [ScanType::InterlacedBottomFirst; 2]);
    assert_eq!([scan("progressive"), scan("unknown")], [ScanType::Progressive, ScanType::Unknown]);
}

#[test]
fn durations_of_matroska_are_in_a_tag() {
    let stream = video(r#", "tags": {"DURATION": "00:01:02.500000000"}"#);
    assert_eq!(stream.duration, Some(Duration::from_millis(62_500)));
    let whole = media(
        r#"{"codec_type": "video", "codec_name": "vp8", "width": 2, "height": 2, "tags": {"DURATION": "00:00:03.0"}}"#,
    );
    assert_eq!(whole.duration, Some(Duration::from_secs(3)));
}

#[test]
fn the_duration_tag_of_ffmpeg_is_an_end_and_that_of_mkvmerge_a_length() {
    let late = |tags: &str| video(&format!(r#", "start_time": "1.677000", "tags": {{{tags}}}"#)).duration;
    assert_eq!(late(r#""DURATION": "00:00:05.020000000""#), Some(Duration::from_millis(3343)));
    let marked = r#""DURATION-eng": "00:00:05.020000000", "_STATISTICS_TAGS-eng": "BPS DURATION NUMBER_OF_FRAMES""#;
    assert_eq!(late(marked), Some(Duration::from_millis(5020)));
    assert_eq!(late(r#""DURATION": "00:00:01.000000000""#), None, "it can't end before it begins");
}

#[test]
fn uneven_frames_are_told_by_the_two_rates() {
    let rates =
        |average: &str, real: &str| video(&format!(r#", "avg_frame_rate": "{average}", "r_frame_rate": "{real}""#));
    assert!(!rates("30000/1001", "30000/1001").is_variable_frame_rate());
    assert!(rates("417000/17501", "60/1").is_variable_frame_rate());
    assert_eq!(rates("0/0", "90000/1").average_frame_rate, None);
    assert_eq!(rates("8589934592/343597384", "25/1").average_frame_rate.unwrap().per_second().round(), 25.0);
}

#[test]
fn hdr_metadata_comes_from_streams_and_frames_together() {
    let mut stream = video(
        r#", "color_transfer": "smpte2084", "color_primaries": "bt2020", "color_space": "bt2020nc", "color_range": "tv",
        "side_data_list": [{"side_data_type": "Mastering display metadata", "max_luminance": "10000000/10000",
        "min_luminance": "50/10000"}, {"side_data_type": "DOVI configuration record", "dv_profile": 8}]"#,
    );
    let frame: ffprobe_json::Frame = serde_json::from_str(
        r#"{"side_data_list": [{"side_data_type": "Content light level metadata", "max_content": 1000, "max_average": 400}]}"#,
    )
    .unwrap();
    add_hdr_metadata(&mut stream.colour.hdr, &frame.side_data_list);
    let hdr = stream.colour.hdr.unwrap();
    assert_eq!((hdr.mastering_max_luminance, hdr.mastering_min_luminance), (Some(1000.0), Some(0.005)));
    assert_eq!((hdr.max_content_light_level, hdr.max_frame_average_light_level), (Some(1000), Some(400)));
    assert!(hdr.dolby_vision);
}

#[test]
fn cover_art_is_no_video() {
    let found: Output = serde_json::from_str(
        r#"{"streams": [{"codec_type": "audio", "codec_name": "mp3", "channels": 2},
        {"codec_type": "video", "codec_name": "mjpeg", "width": 500, "height": 500, "disposition": {"attached_pic": 1}}]}"#,
    )
    .unwrap();
    let media = source_media(&found, 1);
    assert!(media.video.is_empty());
    assert!(why_nothing(Path::new("song.mp3"), &found, &media).is_none(), "its sound can be encoded");
    let silent = SourceMedia { audio: Vec::new(), ..media };
    let reason = why_nothing(Path::new("song.mp3"), &found, &silent).unwrap().to_string();
    assert_eq!(reason, "song.mp3 has nothing to see or hear in it, only a still picture and sound");
}

#[test]
fn a_picture_in_an_unknown_codec_is_said_so() {
    let found: Output = serde_json::from_str(
        r#"{"streams": [{"codec_type": "video", "codec_tag_string": "XYZW", "width": 0, "height": 0}]}"#,
    )
    .unwrap();
    let media = source_media(&found, 1);
    let failure = why_nothing(Path::new("a.avi"), &found, &media).unwrap().into_failure();
    assert!(failure.detail.contains("XYZW"), "{}", failure.detail);
}
