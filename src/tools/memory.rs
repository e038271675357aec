//! How much memory a child process may take: a hostile file must not take all of the machine's.

/// What reading the headers of a file may take, in bytes. Decoding needs more: sixteen frames of 8K alone are 1.6 GB.
pub const PROBE_BYTES: u64 = 2 << 30;

/// What a process that decodes or encodes may take, in bytes: all memory that the machine has. `None` where the system
/// does not tell.
pub fn whole_machine_bytes() -> Option<u64> {
    // The only portable ways are unsafe or a crate of their own; Linux tells it as text (proc_meminfo(5)).
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Limits what a running child may take of memory of its own, not what it maps: drivers of graphics cards map more than
/// there is. Without effect where the system has no such limit, or when the child has ended.
pub fn limit(process_id: u32, bytes: u64) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let process = i32::try_from(process_id).ok().and_then(Pid::from_raw);
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        if let Some(process) = process
            && let Err(error) = prlimit(Some(process), Resource::Data, limit)
        {
            tracing::debug!(%error, "a child process runs without a limit on its memory");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (process_id, bytes);
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_more_memory_than_a_probe_may_take_of_it_or_tells_how_little() {
        let bytes = whole_machine_bytes().expect("Linux tells");
        assert!(bytes > 64 << 20, "{bytes}");
    }
}
