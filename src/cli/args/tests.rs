//! What can be typed is consistent, and means what it says.

use clap::CommandFactory;

use super::*;

#[test]
fn the_arguments_are_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn thumbnails_are_at_parts_or_at_times() {
    assert_eq!(thumbnail_times("10%, 30.5%"), Ok(ThumbnailTimes::Percents(vec![10.0, 30.5])));
    let times = [5.0, 90.0, 5.5].map(Duration::from_secs_f64).to_vec();
    assert_eq!(thumbnail_times("00:00:05,01:30,5.5"), Ok(ThumbnailTimes::Times(times)));
    for wrong in ["10%,5", "101%", "-1", "", "a", "1:2:3:4", "%"] {
        assert!(thumbnail_times(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn files_alone_open_the_window_and_commands_keep_their_flags() {
    let opened = Arguments::try_parse_from(["reelpress", "a.mp4", "b"]).unwrap();
    assert!(opened.command.is_none());
    assert_eq!(opened.files.len(), 2);
    let line = ["reelpress", "-v", "encode", "--out", "s3://b/p", "--endpoint", "http://x", "--", "-a.mp4"];
    let encode = Arguments::try_parse_from(line).unwrap();
    assert_eq!(encode.general.verbosity(), Verbosity::Verbose);
    let Some(CommandArguments::Encode(encode)) = encode.command else { panic!("not encode") };
    assert_eq!(encode.encode.files, [PathBuf::from("-a.mp4")]);
    assert_eq!(encode.encode.s3.reached.path_style(), None);
}

#[test]
fn flags_of_one_meaning_have_one_name_in_all_commands_and_their_old_names_still_work() {
    let commands = [
        &["encode", "a.mp4"][..],
        &["queue", "add", "a.mp4"],
        &["convert", "a.mp4", "--to", "mp4"],
        &["thumbnails", "a.mp4"],
    ];
    let flags: [(&[&str], &[usize]); 6] = [
        (&["-o", "--out", "--output"], &[0, 1, 2, 3]),
        (&["--video-codec"], &[0, 1, 2]),
        (&["--codec", "--thumbnails"], &[0, 1]),
        (&["--thumbnail-times", "--thumbnail-width", "--thumbnail-format"], &[0, 1, 3]),
        (&["--times", "--width", "--format"], &[3]),
        (&["--keep"], &[0, 1, 3]),
    ];
    for (names, places) in flags {
        for (name, place) in names.iter().flat_map(|name| places.iter().map(move |place| (*name, *place))) {
            let value = match name {
                "--video-codec" | "--codec" => "hevc",
                "--thumbnails" | "--thumbnail-times" | "--times" => "10%",
                "--thumbnail-width" | "--width" => "320",
                "--thumbnail-format" | "--format" => "webp",
                _ => "x",
            };
            let line = ["reelpress"].iter().chain(commands[place]).copied().chain([name, value]);
            let line: Vec<&str> = line.collect();
            assert!(Arguments::try_parse_from(&line).is_ok(), "{line:?}");
        }
    }
}

#[test]
fn encryption_by_the_store_has_a_name_of_its_own_and_the_earlier_one() {
    for flag in ["--server-side-encryption", "--encryption"] {
        let line = ["reelpress", "encode", "a.mp4", "--out", "s3://films", flag, "kms"];
        let encode = Arguments::try_parse_from(line).unwrap().command;
        let Some(CommandArguments::Encode(encode)) = encode else { panic!("{flag}") };
        assert_eq!(encode.encode.s3.server_side_encryption, Some(crate::job::s3::Encryption::Kms { key: None }));
        assert_eq!(encode.encode.encryption.resolve(), Ok(None), "its segments stay clear");
    }
}
