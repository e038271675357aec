//! What a running process takes of the machine, as the kernel counts it.

use std::time::{Duration, Instant};

use rustix::process::Pid;

/// The kernel counts processor time in hundredths of a second, whatever its own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// Part of one processor core that a process uses over a time, all its threads together.
pub fn core_share(process: Pid, time: Duration) -> f64 {
    let (began, before) = (Instant::now(), processor_seconds(process));
    std::thread::sleep(time);
    (processor_seconds(process) - before) / began.elapsed().as_secs_f64()
}

fn processor_seconds(process: Pid) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).expect("the process runs");
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th field after it.
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// The most memory that a process has had in use so far, in megabytes; `None` once it has ended.
pub fn peak_megabytes(process: Pid) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}
