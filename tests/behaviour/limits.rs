//! A file can be made to take all of a machine: what reads it is held within limits.

use std::{os::unix::fs::PermissionsExt, path::PathBuf};

use crate::support::{
    clips, system_tool,
    user::{Ended, User},
};

/// A program that waits for its limit on memory, writes it down and goes on as the real one.
fn limited(user: &User, name: &str) -> PathBuf {
    let note = user.path(&format!("{name}-limit"));
    let script = format!(
        "#!/bin/sh\nuntil grep -q 'Max data size  *[0-9]' /proc/$$/limits; do sleep 0.05; done\n\
         case \"$*\" in *-version*|*-encoders*|*-filters*) ;; *) grep 'Max data size' /proc/$$/limits >> '{}';; esac\n\
         exec '{}' \"$@\"\n",
        note.display(),
        system_tool(name).display()
    );
    let path = user.file(&format!("limited-{name}"), script.as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the script can be made to run");
    path
}

fn limits_in(user: &User, name: &str) -> Vec<u64> {
    let text = std::fs::read_to_string(user.path(&format!("{name}-limit"))).expect("it was limited");
    text.lines().map(|line| line.split_whitespace().nth(3).expect("a limit").parse().expect("bytes")).collect()
}

#[test]
fn probing_takes_little_memory_and_encoding_no_more_than_there_is() {
    let user = User::new();
    let mut command = user.encode_command(&[&clips::SMALL.path()], "quick");
    command.env("REELPRESS_FFMPEG", limited(&user, "ffmpeg")).env("REELPRESS_FFPROBE", limited(&user, "ffprobe"));
    Ended::of(command).assert_all_done();
    assert_eq!(limits_in(&user, "ffprobe")[0], 2 << 30);
    let there_is = reelpress::tools::memory::whole_machine_bytes().expect("Linux tells");
    let limits = limits_in(&user, "ffmpeg");
    assert!(!limits.is_empty() && limits.iter().all(|limit| *limit == there_is), "{limits:?}");
}
