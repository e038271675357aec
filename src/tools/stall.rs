//! Notices a child process that stands still for good: a share that no longer answers, a driver that hangs, a deadlock.
//!
//! Time in which nothing could be seen does not count: the machine slept, or the whole program was stopped.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, Sender};

use super::{child, pause::PauseSwitch};

/// Environment variable with the time in seconds after which a process that stands still is ended.
pub const LIMIT_VARIABLE: &str = "REELPRESS_STALL_SECONDS";
/// Time for which a process may stand still, if nothing else is asked: longer than a disk needs to start and than a
/// share needs to be found again.
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// How often is looked, as a part of the limit.
const LOOKS: u32 = 20;
/// Ticks a second in which Linux tells what a process has used, on every platform that Rust knows (USER_HZ).
#[cfg(target_os = "linux")]
const TICKS_PER_SECOND: f64 = 100.0;
/// A process that uses less than this part of the time does nothing but wait: some tell their state meanwhile.
const IDLE_PART: f64 = 0.02;

/// What a process gives as signs of life. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct LifeSigns {
    signs: Arc<AtomicU64>,
    /// Nobody waits for the process now: it may be held up by us.
    is_let_wait: Arc<AtomicBool>,
}

impl LifeSigns {
    /// The process has done something.
    pub fn seen(&self) {
        self.signs.fetch_add(1, Ordering::Relaxed);
    }

    /// The output of the process, each read of which is a sign. Time in which nobody reads does not count against it.
    pub fn of_output<R: Read>(&self, output: R) -> WatchedOutput<R> {
        self.is_let_wait.store(true, Ordering::Relaxed);
        WatchedOutput { output, signs: self.clone() }
    }
}

/// The output of a process that is watched.
#[derive(Debug)]
pub struct WatchedOutput<R> {
    output: R,
    signs: LifeSigns,
}

impl<R: Read> Read for WatchedOutput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.signs.is_let_wait.store(false, Ordering::Relaxed);
        let read = self.output.read(buffer);
        self.signs.is_let_wait.store(true, Ordering::Relaxed);
        self.signs.seen();
        read
    }
}

/// Watches a process until it is dropped.
#[derive(Debug)]
pub struct StallWatch {
    is_stalled: Arc<AtomicBool>,
    /// Dropped with the watch, which ends its thread.
    _end: Sender<()>,
}

impl StallWatch {
    /// Kills the group of the process with this id when it gives no sign of life and uses no processor for some minutes
    /// (see [`LIMIT_VARIABLE`]), but not while it is held by `pause`. Without effect where the system does not tell what a
    /// process uses, as a long silence alone can be work.
    pub fn guard(process_id: u32, signs: &LifeSigns, pause: &PauseSwitch) -> Self {
        Self::within(limit(), process_id, signs, pause)
    }

    fn within(limit: Duration, process_id: u32, signs: &LifeSigns, pause: &PauseSwitch) -> Self {
        // Bound 0: nothing is ever sent.
        let (end, ended) = crossbeam_channel::bounded(0);
        let is_stalled = Arc::new(AtomicBool::new(false));
        let (stalled, signs, pause) = (Arc::clone(&is_stalled), signs.clone(), pause.clone());
        let watcher = move || {
            let Some(first) = Look::at(process_id, &signs) else { return };
            let mut silence = Silence::since(first);
            while ended.recv_timeout(limit / LOOKS) == Err(RecvTimeoutError::Timeout) {
                let Some(now) = Look::at(process_id, &signs) else { return };
                let is_waited_for = !pause.is_set() && !signs.is_let_wait.load(Ordering::Relaxed);
                if silence.lasts(now, is_waited_for, limit) {
                    tracing::warn!(process_id, "a process stands still and is ended");
                    stalled.store(true, Ordering::Release);
                    child::kill_group(process_id);
                    return;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("child-stall".to_owned()).spawn(watcher) {
            tracing::warn!(%error, "a process runs without a watch");
        }
        Self { is_stalled, _end: end }
    }

    /// Whether the process was ended because it stood still.
    pub fn has_ended_it(&self) -> bool {
        self.is_stalled.load(Ordering::Acquire)
    }
}

/// The most time between two looks; more than that, and this program did not run itself.
fn most_between(limit: Duration) -> Duration {
    limit / LOOKS + (limit / 4).max(Duration::from_millis(100))
}

fn limit() -> Duration {
    let asked = std::env::var(LIMIT_VARIABLE).ok().and_then(|text| text.parse().ok());
    asked
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|limit| !limit.is_zero())
        .unwrap_or(LIMIT)
}

/// What is seen of a process at a moment.
struct Look {
    time: Instant,
    signs: u64,
    processor_time: Duration,
}

impl Look {
    /// `None` when the process is gone, or the system does not tell.
    fn at(process_id: u32, signs: &LifeSigns) -> Option<Self> {
        let processor_time = processor_time(process_id)?;
        Some(Self { time: Instant::now(), signs: signs.signs.load(Ordering::Relaxed), processor_time })
    }

    fn shows_life_since(&self, earlier: &Self) -> bool {
        let used = self.processor_time.saturating_sub(earlier.processor_time);
        let idle = self.time.duration_since(earlier.time).mul_f64(IDLE_PART).max(Duration::from_millis(50));
        self.signs != earlier.signs || used > idle
    }
}

/// The time in which a process has shown no life.
struct Silence {
    begun: Look,
    /// When it was looked last.
    looked: Instant,
}

impl Silence {
    fn since(first: Look) -> Self {
        Self { looked: first.time, begun: first }
    }

    /// Whether it has lasted for `limit` at this look. A process that need not show life now, and a program that did not
    /// run itself between two looks, begin it anew.
    fn lasts(&mut self, now: Look, is_waited_for: bool, limit: Duration) -> bool {
        let was_away = now.time.duration_since(std::mem::replace(&mut self.looked, now.time)) > most_between(limit);
        if was_away || !is_waited_for || now.shows_life_since(&self.begun) {
            self.begun = now;
            return false;
        }
        now.time.duration_since(self.begun.time) >= limit
    }
}

/// The time that all threads of a process have used of a processor.
#[cfg(target_os = "linux")]
fn processor_time(process_id: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?;
    // proc_pid_stat(5): utime and stime are the fields 14 and 15; the name, in brackets, may have spaces.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND))
}

#[cfg(not(target_os = "linux"))]
fn processor_time(_process_id: u32) -> Option<Duration> {
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn processors_and_signs_show_life() {
        let own = processor_time(std::process::id()).expect("Linux tells");
        let begin = Instant::now();
        let mut sum = 0_u64;
        while processor_time(std::process::id()).expect("Linux tells") == own {
            sum = sum.wrapping_add(begin.elapsed().as_nanos() as u64);
        }
        let look = |seconds, signs, milliseconds| Look {
            time: begin + Duration::from_secs(seconds),
            signs,
            processor_time: Duration::from_millis(milliseconds),
        };
        let earlier = look(0, 5, 1000);
        assert!(!look(10, 5, 1150).shows_life_since(&earlier), "a thread that only waits: {sum}");
        assert!(look(10, 6, 1000).shows_life_since(&earlier) && look(10, 5, 1500).shows_life_since(&earlier));
    }

    #[test]
    fn time_in_which_the_program_itself_did_not_run_is_no_silence() {
        let begin = Instant::now();
        let look =
            |seconds| Look { time: begin + Duration::from_secs(seconds), signs: 0, processor_time: Duration::ZERO };
        let looks = |times: &[u64]| {
            let mut silence = Silence::since(look(0));
            times.iter().any(|time| silence.lasts(look(*time), true, LIMIT))
        };
        let steps = |from: u64, to: u64| (from..=to).step_by(15).collect::<Vec<_>>();
        assert!(!looks(&steps(15, 285)) && looks(&steps(15, 300)));
        // Stopped for a day after four minutes: five more have to pass.
        let away = |until: u64| [steps(15, 240), steps(86_400, 86_400 + until)].concat();
        assert!(!looks(&away(285)) && looks(&away(300)));
        let mut silence = Silence::since(look(0));
        assert!(!silence.lasts(look(15), false, Duration::from_secs(10)), "it is held");
    }

    #[test]
    fn a_process_that_stands_still_is_ended_but_not_while_it_is_held() {
        const SHORT: Duration = Duration::from_millis(200);
        let mut command = std::process::Command::new("sleep");
        child::isolate(command.arg("600").stdin(std::process::Stdio::null()));
        let mut sleeper = command.spawn().unwrap();
        let pause = PauseSwitch::default();
        pause.set(true);
        let watch = StallWatch::within(SHORT, sleeper.id(), &LifeSigns::default(), &pause);
        std::thread::sleep(SHORT * 5);
        assert!(!watch.has_ended_it() && sleeper.try_wait().unwrap().is_none());
        pause.set(false);
        assert!(!sleeper.wait().unwrap().success());
        assert!(watch.has_ended_it());
    }

    #[test]
    fn time_in_which_nobody_reads_does_not_count() {
        let signs = LifeSigns::default();
        assert!(!signs.is_let_wait.load(Ordering::Relaxed), "without output there is nobody to wait for");
        let mut output = signs.of_output(&b"abc"[..]);
        assert!(signs.is_let_wait.load(Ordering::Relaxed));
        assert_eq!(output.read(&mut [0; 8]).unwrap(), 3);
        assert_eq!(signs.signs.load(Ordering::Relaxed), 1);
    }
}
