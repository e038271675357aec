//! Output folders that can't take a stream.

use std::{path::Path, process::Command};

use super::{assert_failed_alone, assert_nothing_left, only_failure};
use crate::support::{
    clips, system_tool,
    user::{Ended, User},
};

#[test]
fn an_output_folder_below_a_file() {
    let user = User::new();
    let file = user.file("taken", b"");
    let ended = Ended::of(user.encode_command_to(file.join("streams").as_os_str(), &[], &[&clips::sample()], "quick"));
    assert_failed_alone(&ended, "output_not_writable", "taken");
    assert_eq!(user.processes(), Vec::<String>::new());
}

/// Runs an encode with a small disk of this kind at the output folder, in a mount namespace of its own so that no other
/// process sees it. Gives what it came to and the files that were left on that disk.
fn encode_onto_disk(user: &User, mount_options: &str, source: &Path) -> (Ended, String) {
    on_disk(user, mount_options, &user.encode_command(&[source], "web-hls"), r#""${@:4}""#)
}

/// The same for any command, which `run` starts as `"${@:4}"`; the disk is at `$2`.
fn on_disk(user: &User, mount_options: &str, encode: &Command, run: &str) -> (Ended, String) {
    std::fs::create_dir(user.output()).expect("the user's folder can be written");
    let listing = user.path("listing");
    // The disk ends with the namespace: what is left on it has to be listed from inside.
    let script = r#"mount -t tmpfs -o "$1" none "$2" && { RUN; code=$?; find "$2" -type f >"$3"; exit $code; }"#;
    let mut command = Command::new(system_tool("unshare"));
    command.args(["--map-root-user", "--mount", "bash", "-c", &script.replace("RUN", run), "bash", mount_options]);
    command.arg(user.output()).arg(&listing).arg(encode.get_program()).args(encode.get_args());
    user.equip(&mut command);
    let ended = Ended::of(command);
    let left =
        std::fs::read_to_string(&listing).unwrap_or_else(|_| panic!("no disk could be mounted: {}", ended.stderr));
    (ended, left)
}

#[test]
fn an_output_folder_on_a_disk_that_can_only_be_read() {
    let user = User::new();
    let (ended, left) = encode_onto_disk(&user, "ro,size=1m", &clips::sample());
    assert_failed_alone(&ended, "output_not_writable", "output");
    assert_eq!(left, "");
    assert_nothing_left(&user, &[]);
}

#[test]
fn a_disk_on_which_the_stream_can_not_fit() {
    let user = User::new();
    let (ended, left) = encode_onto_disk(&user, "size=3m", &clips::MINUTE.path());
    assert_failed_alone(&ended, "disk_full", "output");
    assert_eq!(left, "", "files are left on the full disk");
    assert!(only_failure(&ended)["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    assert_nothing_left(&user, &[]);
}

/// Encodes a minute while another program fills the disk when this segment is there, and makes room after `until_room`.
/// Gives what it came to and the files on that disk.
fn encode_onto_disk_full_for_a_while(
    user: &User,
    flags: &[&str],
    (segment, until_room): (u32, &str),
) -> (Ended, String) {
    let flags: Vec<_> = flags.iter().map(Into::into).collect();
    let encode = user.encode_command_to(user.output().as_os_str(), &flags, &[&clips::MINUTE.path()], "quick");
    let run = r#"{
        "${@:4}" >"$3.events" & encode=$!
        is_there() { kill -0 $encode 2>/dev/null && ! compgen -G "$1" >/dev/null; }
        while is_there "$2/*/360p/segment_00000.m4s"; do sleep 0.05; done
        head -c 1G /dev/zero >"$2/ballast" 2>/dev/null
        while kill -0 $encode 2>/dev/null && ! grep -q '"disk_shortage":"' "$3.events"; do sleep 0.05; done
        UNTIL_ROOM
        rm "$2/ballast"
        wait $encode; code=$?
        cat "$3.events"
        (exit $code); }"#;
    let run = run.replace("UNTIL_ROOM", until_room).replace("segment_00000", &format!("segment_{segment:05}"));
    on_disk(user, "size=300m", &encode, &run)
}

#[test]
fn a_disk_that_is_full_for_a_while_holds_the_job_and_loses_nothing() {
    let user = User::new();
    let (ended, left) = encode_onto_disk_full_for_a_while(&user, &["--speed", "ultrafast"], (0, ""));
    assert_eq!(ended.exit_code, Some(0), "{}", ended.stderr);
    let shortages = ended.events_named("job_progressed");
    let shortages: Vec<&str> = shortages.iter().filter_map(|event| event["disk_shortage"].as_str()).collect();
    assert!(shortages.iter().any(|words| words.contains("output")), "the job never waited for room");
    assert_is_whole(&left);
}

#[test]
fn a_disk_that_is_full_while_other_outputs_are_made_holds_the_job_and_loses_nothing() {
    let user = User::new();
    let last_segment = 9;
    let flags = ["--speed", "ultrafast", "--mp4", "--ts"];
    let (ended, left) = encode_onto_disk_full_for_a_while(&user, &flags, (last_segment, ""));
    assert_eq!(ended.exit_code, Some(0), "{}", ended.stderr);
    for file in ["mp4/360p.mp4", "ts/master.m3u8", "master.m3u8"] {
        assert!(left.lines().any(|line| line.ends_with(file)), "{file} is not there: {left}");
    }
}

/// Three jobs in a queue that runs one at a time, two of them on a disk that another program fills under the first.
#[test]
fn a_full_disk_holds_up_the_jobs_of_that_disk_alone() {
    let user = User::new();
    let elsewhere = user.path("elsewhere");
    std::fs::create_dir(&elsewhere).expect("the user's folder can be written");
    let add = |source: &Path, out: &Path| {
        let mut add = user.reelpress();
        add.args(["queue", "add", "--preset", "quick", "--speed", "ultrafast", "--out"]).arg(out).arg(source);
        crate::support::output_of(add);
    };
    add(&clips::MINUTE.path(), &user.output());
    add(&clips::sample(), &user.output());
    add(&clips::sample(), &elsewhere);
    let mut queue = user.reelpress();
    queue.args(["queue", "run", "--json"]);
    let run = r#"{
        "${@:4}" >"$3.events" & queue=$!
        works() { kill -0 $queue 2>/dev/null; }
        while works && ! compgen -G "$2/*/360p/segment_00000.m4s" >/dev/null; do sleep 0.05; done
        head -c 1G /dev/zero >"$2/ballast" 2>/dev/null
        while works && ! grep -q '"event":"job_finished"' "$3.events"; do sleep 0.05; done
        ls "$2" >"$3.meanwhile"
        rm "$2/ballast"
        wait $queue; code=$?
        cat "$3.events"
        (exit $code); }"#;
    let (ended, left) = on_disk(&user, "size=300m", &queue, run);
    assert_eq!(ended.exit_code, Some(0), "{}", ended.stderr);
    let finished = ended.events_named("job_finished");
    let folders: Vec<&str> = finished.iter().filter_map(|event| event["folder"].as_str()).collect();
    assert_eq!(folders.len(), 3, "{folders:?}");
    assert!(folders[0].contains("elsewhere"), "{folders:?}");
    let meanwhile = std::fs::read_to_string(user.path("listing.meanwhile")).expect("a list");
    assert_eq!(meanwhile.lines().collect::<Vec<_>>(), ["ballast", "minute"], "the second one waits for the first");
    assert!(left.contains("/minute/master.m3u8") && left.contains("/sample/master.m3u8"), "{left}");
}

/// Nobody can tell from the bit rates that were asked for how large such a stream becomes.
#[test]
fn a_stream_that_outgrows_its_disk_fails_with_figures_and_is_not_waited_for() {
    let user = User::new();
    let flags = ["--speed", "ultrafast", "--rate-control", "crf", "--crf", "2"].map(Into::into);
    let encode = user.encode_command_to(user.output().as_os_str(), &flags, &[&clips::MINUTE.path()], "quick");
    let (ended, left) = on_disk(&user, "size=40m", &encode, r#""${@:4}""#);
    assert_failed_alone(&ended, "disk_full", "output");
    let headline = only_failure(&ended)["headline"].as_str().expect("a headline");
    assert!(headline.matches("MB").count() == 2 && headline.contains("has only"), "{headline}");
    assert_eq!(left, "", "files are left on the full disk");
}

/// With so few bits ffmpeg runs ahead of what is written and meets the full disk itself, at its next picture.
#[test]
fn an_encoder_that_meets_a_full_disk_itself_goes_on_when_there_is_room() {
    let user = User::new();
    let flags = ["--speed", "ultrafast", "--crf", "48"];
    let until_ffmpeg_is_gone = r#"for _ in {1..100}; do pgrep -P $encode ffmpeg >/dev/null || break; sleep 0.1; done"#;
    let (ended, left) = encode_onto_disk_full_for_a_while(&user, &flags, (0, until_ffmpeg_is_gone));
    assert_eq!(ended.exit_code, Some(0), "{}", ended.stderr);
    assert_is_whole(&left);
}

/// The disk has bytes enough, but no file can be made on it any more when the job notes that its first pass is done.
#[test]
fn a_note_of_the_job_that_finds_no_room_is_written_when_there_is_some() {
    let user = User::new();
    let flags = ["--speed", "ultrafast", "--rate-control", "two-pass", "--duration", "12"].map(Into::into);
    let encode = user.encode_command_to(user.output().as_os_str(), &flags, &[&clips::MINUTE.path()], "quick");
    let run = r#"{
        "${@:4}" >"$3.events" & encode=$!
        while kill -0 $encode 2>/dev/null && ! compgen -G "$2/*/.reelpress-unfinished/pass-1.log.temp" >/dev/null; do :; done
        number=0; while : 2>/dev/null >"$2/ballast-$number"; do number=$((number + 1)); done
        while kill -0 $encode 2>/dev/null && ! grep -q '"disk_shortage":"' "$3.events"; do sleep 0.05; done
        rm "$2"/ballast-*
        wait $encode; code=$?
        cat "$3.events"
        (exit $code); }"#;
    let (ended, left) = on_disk(&user, "size=300m,nr_inodes=400", &encode, run);
    assert_eq!(ended.exit_code, Some(0), "{}", ended.stderr);
    let shortages = ended.events_named("job_progressed");
    assert!(
        shortages.iter().any(|event| event["disk_shortage"].as_str().is_some_and(|words| words.contains("is full")))
    );
    assert!(left.contains("master.m3u8") && !left.contains(".reelpress-"), "{left}");
}

/// All segments of the minute are in this listing, and nothing half.
fn assert_is_whole(listing: &str) {
    let segments = listing.lines().filter(|file| file.contains("/720p/") && file.ends_with(".m4s")).count();
    assert_eq!(segments, 10, "{listing}");
    assert!(listing.contains("master.m3u8") && !listing.contains(".reelpress-"), "{listing}");
}

/// A disk that another program has filled but for a little; it makes room when the job waits.
#[test]
fn a_disk_that_is_full_under_a_conversion_holds_it_until_there_is_room() {
    let user = User::new();
    let mut convert = user.reelpress();
    convert.args(["convert", "--json", "--reencode", "--speed", "ultrafast", "--crf", "8", "-o"]);
    convert.arg(user.output().join("made.mp4")).arg(clips::LANDSCAPE.path());
    let run = r#"{
        head -c 58M /dev/zero >"$2/ballast"
        "${@:4}" >"$3.events" & convert=$!
        while kill -0 $convert 2>/dev/null && ! grep -q '"disk_shortage":"' "$3.events"; do sleep 0.05; done
        find "$2" -type f >"$3.meanwhile"
        rm "$2/ballast"
        wait $convert; code=$?
        cat "$3.events"
        ls -l "$2/made.mp4" >&2
        (exit $code); }"#;
    let (ended, left) = on_disk(&user, "size=60m", &convert, run);
    assert_eq!(ended.exit_code, Some(0), "{ended:?}");
    let told = ended.events_named("job_progressed");
    let shortage = told.iter().find_map(|event| event["disk_shortage"].as_str()).expect("the job waited");
    assert!(shortage.contains("Waiting for room") && shortage.contains("output"), "{shortage}");
    let meanwhile = std::fs::read_to_string(user.path("listing.meanwhile")).expect("a list");
    let files: Vec<&str> = meanwhile.lines().collect();
    assert!(matches!(files.as_slice(), [ballast] if ballast.ends_with("/ballast")), "{meanwhile}");
    assert!(left.trim().ends_with("/made.mp4") && left.lines().count() == 1, "{left}");
}
