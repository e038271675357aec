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
    std::fs::create_dir(user.output()).expect("the user's folder can be written");
    let listing = user.path("listing");
    // The disk ends with the namespace: what is left on it has to be listed from inside.
    let script = r#"mount -t tmpfs -o "$1" none "$2" && { "${@:4}"; code=$?; find "$2" -type f >"$3"; exit $code; }"#;
    let encode = user.encode_command(&[source], "web-hls");
    let mut command = Command::new(system_tool("unshare"));
    command.args(["--map-root-user", "--mount", "bash", "-c", script, "bash", mount_options]);
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
fn a_disk_that_is_full_before_the_stream_is_whole() {
    let user = User::new();
    let (ended, left) = encode_onto_disk(&user, "size=3m", &clips::MINUTE.path());
    assert_failed_alone(&ended, "disk_full", "output");
    assert_eq!(left, "", "files are left on the full disk");
    assert!(only_failure(&ended)["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    assert_nothing_left(&user, &[]);
}
