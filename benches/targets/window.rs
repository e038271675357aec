//! What the window takes of the machine, idle and with four jobs that publish.

use std::{path::PathBuf, time::Duration};

use rustix::process::Pid;

use crate::{
    Row,
    encode::FULL_HD_MINUTE,
    say,
    support::{object_store, user::User, wait_for, window::Display},
    usage,
};

const JOBS: usize = 4;
const IDLE_TARGET: f64 = 0.005;
const BUSY_TARGET: f64 = 0.25;
const MEMORY_TARGET_MEGABYTES: f64 = 200.0;
/// A window has drawn all that it animates at its start by then.
const SETTLE_TIME: Duration = Duration::from_secs(3);
const MEASURED_TIME: Duration = Duration::from_secs(20);

/// Measures both.
pub fn measure() -> Vec<Row> {
    say("An idle window");
    let idle = idle_share();
    say("A window with four jobs that publish");
    let (busy, memory) = busy();
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    vec![
        Row::at_most("idle window, of one core", idle, IDLE_TARGET, percent),
        Row::at_most("window with four jobs at work, of one core (drawn by software)", busy, BUSY_TARGET, percent),
        Row::at_most(
            "memory of the window with four jobs that publish",
            memory,
            MEMORY_TARGET_MEGABYTES,
            |megabytes| format!("{megabytes:.0} MB"),
        ),
    ]
}

fn window_process(user: &User) -> Pid {
    user.process_ids_running("reelpress").into_iter().next().expect("the window runs")
}

fn idle_share() -> f64 {
    let user = User::new();
    let mut display = Display::start();
    display.launch(user.reelpress());
    display.window("^Reelpress");
    std::thread::sleep(SETTLE_TIME);
    usage::core_share(window_process(&user), MEASURED_TIME)
}

fn busy() -> (f64, f64) {
    let user = User::new();
    let store = object_store::ObjectStore::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let location = object_store::new_bucket(&runtime, &store.endpoint);
    user.save_settings(&serde_json::json!({
        "output_folder": user.output(), "running_jobs": JOBS, "s3": location, "publish_to_s3": true,
    }));
    let sources: Vec<PathBuf> = (1..=JOBS).map(|number| user.path(&format!("film {number}.mp4"))).collect();
    for source in &sources {
        std::os::unix::fs::symlink(FULL_HD_MINUTE.path(), source).expect("the user's folder can be written");
    }
    let mut display = Display::start();
    let mut command = user.reelpress();
    command.args(&sources).env("AWS_REGION", "us-east-1");
    display.launch(command);
    display.window("^Reelpress");
    wait_for("four encodes", || (user.process_ids_running("ffmpeg").len() == JOBS).then_some(()));
    std::thread::sleep(SETTLE_TIME);
    let window = window_process(&user);
    let share = usage::core_share(window, MEASURED_TIME);
    // By then every job has segments that are under way to the bucket.
    let memory = usage::peak_megabytes(window).expect("the window still runs");
    drop(display);
    end_all(&user);
    (share, memory)
}

/// The window was killed with its display; what it drove ends here.
fn end_all(user: &User) {
    for process in user.process_ids_running("ffmpeg") {
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
}
