//! What happens when the queue has nothing left to do, and that the machine stays awake until then.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read},
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
};

use zbus::zvariant;

use super::{Ended, User, add, call, done, listed, queue, video};
use crate::support::wait_for;

/// A D-Bus of the test's own, with a desktop that shows notifications and a system that manages sleep.
struct Bus {
    daemon: Child,
    address: String,
    notifications: mpsc::Receiver<(String, String)>,
    /// The reading end of what keeps the machine awake: it comes to its end when nobody holds the other one.
    inhibitors: mpsc::Receiver<(String, std::io::PipeReader)>,
    _connection: zbus::Connection,
}

struct Desktop(mpsc::Sender<(String, String)>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Desktop {
    #[allow(clippy::too_many_arguments, reason = "the interface has so many")]
    fn notify(
        &self,
        _app: String,
        _replaces: u32,
        _icon: String,
        summary: String,
        body: String,
        _actions: Vec<String>,
        _hints: HashMap<String, zvariant::OwnedValue>,
        _expires: i32,
    ) -> u32 {
        self.0.send((summary, body)).expect("the test listens");
        1
    }
}

struct Login(mpsc::Sender<(String, std::io::PipeReader)>);

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Login {
    fn inhibit(&self, what: String, _who: String, _why: String, _mode: String) -> zvariant::OwnedFd {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        self.0.send((what, reader)).expect("the test listens");
        OwnedFd::from(writer).into()
    }
}

impl Bus {
    fn start(runtime: &tokio::runtime::Runtime) -> Self {
        let mut daemon = Command::new("dbus-daemon");
        daemon.args(["--session", "--nofork", "--nopidfile", "--print-address=1"]).stdout(Stdio::piped());
        let mut daemon = daemon.spawn().expect("dbus-daemon starts");
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().expect("it is piped")).read_line(&mut address).expect("its address");
        let address = address.trim().to_owned();
        let ((notify, notifications), (inhibit, inhibitors)) = (mpsc::channel(), mpsc::channel());
        let connection = runtime.block_on(async {
            let builder = zbus::connection::Builder::address(address.as_str())?;
            let builder = builder.name("org.freedesktop.Notifications")?.name("org.freedesktop.login1")?;
            let builder = builder.serve_at("/org/freedesktop/Notifications", Desktop(notify))?;
            builder.serve_at("/org/freedesktop/login1", Login(inhibit))?.build().await
        });
        Self { daemon, address, notifications, inhibitors, _connection: connection.expect("a connection") }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// A program of the user's own that writes down how it was called, and what lies in the file that it got.
fn recording_program(user: &User, name: &str) -> PathBuf {
    let record = user.path(&format!("{name}.called"));
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$*\" >>'{0}'\nfor last; do :; done\n[ -f \"$last\" ] && cp \"$last\" '{0}.file'\nexit 0\n",
        record.display()
    );
    let path = user.file(name, script.as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the script can be made to run");
    path
}

fn called(user: &User, name: &str) -> String {
    std::fs::read_to_string(user.path(&format!("{name}.called"))).unwrap_or_default()
}

/// `queue run` of a user whose machine would be put to sleep by a program of the test, so many seconds later.
fn run(user: &User, bus: &str, notice_seconds: &str) -> Command {
    let mut command = queue(user, &["run", "--json"]);
    command.env("REELPRESS_FAKE_POWER_COMMAND", recording_program(user, "power"));
    command.env("REELPRESS_FAKE_POWER_NOTICE", notice_seconds);
    command.env("DBUS_SESSION_BUS_ADDRESS", bus).env("DBUS_SYSTEM_BUS_ADDRESS", bus);
    recording_program(user, "pw-play");
    let path = std::env::var("PATH").expect("PATH is set");
    command.env("PATH", format!("{}:{path}", user.path("").display()));
    command
}

#[test]
fn at_the_end_of_the_queue_all_happens_once_that_was_asked_for() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bus = Bus::start(&runtime);
    let user = User::new();
    video(&user, "a.mp4");
    let mark = user.path("commanded");
    let command = format!("echo \"$REELPRESS_DONE $REELPRESS_FAILED\" >>'{}'", mark.display());
    done(&user, &["when-done", "--sound", "--command", &command, "--then", "sleep"]);
    let told = done(&user, &["when-done"]);
    assert!(told.contains("sound    yes") && told.contains("then     sleep"), "{told}");
    add(&user, &["--duration", "1", "a.mp4"]);
    add(&user, &["missing.mp4"]);
    let ended = Ended::of(run(&user, &bus.address, "0"));
    assert_eq!(ended.events_named("job_finished").len(), 1, "{}", ended.stderr);
    assert_eq!(called(&user, "power"), "sleep\n", "{}", ended.stderr);
    assert_eq!(called(&user, "pw-play").lines().count(), 1);
    let sound = std::fs::read(user.path("pw-play.called.file")).expect("a sound");
    assert!(sound.starts_with(b"RIFF") && &sound[8..12] == b"WAVE" && sound.len() > 10_000);
    wait_for("the user's own command", || (std::fs::read_to_string(&mark).ok()? == "1 1\n").then_some(()));
    let notifications: Vec<_> = bus.notifications.try_iter().collect();
    assert_eq!(notifications, [("The queue is done".to_owned(), "1 video is done, 1 failed".to_owned())]);
    let (what, mut awake) = bus.inhibitors.try_recv().expect("the machine was kept awake");
    assert_eq!(what, "sleep:idle");
    assert_eq!(awake.read(&mut [0]).expect("it can be read"), 0, "it may sleep again");

    // A queue with nothing to do does not end.
    Ended::of(run(&user, &bus.address, "0"));
    assert_eq!((called(&user, "power").as_str(), bus.notifications.try_iter().count()), ("sleep\n", 0));
}

#[test]
fn a_machine_is_kept_on_from_another_terminal_and_jobs_need_no_desktop() {
    let user = User::new();
    video(&user, "a.mp4");
    add(&user, &["--duration", "1", "a.mp4"]);
    let mut command = run(&user, "unix:path=/nonexistent", "3600");
    command.args(["--then", "shut-down"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = command.spawn().expect("the program starts");
    let mut lines = BufReader::new(running.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    let said = lines.find(|line| line.contains("the machine shuts down")).expect("it is said");
    assert!(said.contains("reelpress queue keep-on"), "{said}");
    assert_eq!(listed(&user)[0]["state"], "done");
    done(&user, &["keep-on"]);
    lines.for_each(drop);
    assert_eq!(running.wait().expect("it ends").code(), Some(0));
    assert_eq!(called(&user, "power"), "");
    let logs = std::fs::read_dir(user.path("home/data/logs")).expect("a folder").flatten();
    let log: String = logs.map(|file| std::fs::read_to_string(file.path()).expect("a log")).collect();
    assert_eq!(log.matches("the machine can't be kept awake").count(), 1, "one line: {log}");
    let told = done(&user, &["when-done"]);
    assert!(told.contains("then     stay-on"), "the flag was for one run: {told}");
    assert_eq!(call(&user, &["when-done", "--then", "explode"]).status.code(), Some(2));
}
