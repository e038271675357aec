//! A display of its own with a window manager, the program's window on it, and a hand that drags files.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{output_of, run, system_tool, wait_for};

/// A virtual display; ends with everything on it when dropped.
pub struct Display {
    name: String,
    processes: Vec<Child>,
    /// What the programs complained of; shown when a test fails.
    complaints: Vec<File>,
}

/// A window on a display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window(String);

impl Display {
    /// Starts a display of 1400×900 pixels with a window manager.
    pub fn start() -> Self {
        let mut command = Command::new(system_tool("Xvfb"));
        // Without -noreset the display begins anew when its only program ends, and drops a window manager that is just coming.
        command.args(["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp", "-noreset"]);
        let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("Xvfb starts");
        let mut number = String::new();
        let output = server.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut number).expect("Xvfb tells its display");
        let mut display = Self { name: format!(":{}", number.trim()), processes: vec![server], complaints: Vec::new() };
        display.launch(Command::new(system_tool("openbox")));
        wait_for("the window manager", || {
            let mut property = display.tool("xprop");
            property.args(["-root", "_NET_SUPPORTING_WM_CHECK"]);
            String::from_utf8_lossy(&run(property).stdout).contains("window id").then_some(())
        });
        display
    }

    /// Starts a program on the display.
    pub fn launch(&mut self, mut command: Command) {
        self.show_on(&mut command);
        let complaints = tempfile::tempfile().expect("a temporary file");
        let stderr = complaints.try_clone().expect("a second handle of a file");
        self.complaints.push(complaints);
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn();
        self.processes.push(child.unwrap_or_else(|error| panic!("{command:?}: {error}")));
    }

    /// Lets a command's windows appear here, drawn by software.
    pub fn show_on(&self, command: &mut Command) {
        command.env("DISPLAY", &self.name).env("LIBGL_ALWAYS_SOFTWARE", "1").env("XDG_SESSION_TYPE", "x11");
        command.env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET");
    }

    /// Waits for a window whose title matches this regular expression.
    pub fn window(&self, title: &str) -> Window {
        let search = || {
            let mut command = self.tool("xdotool");
            command.args(["search", "--onlyvisible", "--name", title]);
            String::from_utf8_lossy(&run(command).stdout).lines().next().map(|id| Window(id.to_owned()))
        };
        wait_for(&format!("a window named {title}"), search)
    }

    /// Minimises a window and waits until it is gone from the screen.
    pub fn minimise(&self, window: &Window) {
        self.point(&["windowminimize", &window.0]);
        wait_for("a minimised window", || {
            let mut command = self.tool("xprop");
            command.args(["-id", &window.0, "WM_STATE"]);
            String::from_utf8_lossy(&run(command).stdout).contains("Iconic").then_some(())
        });
    }

    /// The window that has the keyboard.
    pub fn active_window(&self) -> Option<Window> {
        let mut command = self.tool("xdotool");
        command.arg("getactivewindow");
        let id = String::from_utf8_lossy(&run(command).stdout).trim().to_owned();
        (!id.is_empty()).then_some(Window(id))
    }

    /// Drags files from a real drag source onto the middle of a window and lets go.
    pub fn drop_files(&mut self, files: &[PathBuf], window: &Window) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/support/drag_source.py");
        let mut source = Command::new("/usr/bin/python3");
        source.arg(script).args(files);
        self.launch(source);
        let source = self.window("^Drag source$");
        self.point(&["windowmove", "--sync", &window.0, "20", "40"]);
        self.point(&["windowmove", "--sync", &source.0, "1180", "20"]);
        let (from, to) = (self.middle_of(&source), self.middle_of(window));
        self.move_pointer(from);
        self.point(&["mousedown", "1"]);
        // A drag begins only after the pointer has moved a little with the button held, and a target has to be entered.
        const STEPS: i32 = 30;
        for step in 1..=STEPS {
            let on_the_way = |from: i32, to: i32| from + (to - from) * step / STEPS;
            self.move_pointer((on_the_way(from.0, to.0), on_the_way(from.1, to.1)));
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
        self.point(&["mouseup", "1"]);
    }

    fn move_pointer(&self, (x, y): (i32, i32)) {
        self.point(&["mousemove", &x.to_string(), &y.to_string()]);
    }

    fn middle_of(&self, window: &Window) -> (i32, i32) {
        let mut command = self.tool("xdotool");
        command.args(["getwindowgeometry", "--shell", &window.0]);
        let text = String::from_utf8(output_of(command)).expect("xdotool prints text");
        let value = |name: &str| -> i32 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
        };
        (value("X") + value("WIDTH") / 2, value("Y") + value("HEIGHT") / 2)
    }

    fn point(&self, arguments: &[&str]) {
        let mut command = self.tool("xdotool");
        command.args(arguments);
        output_of(command);
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(system_tool(name));
        self.show_on(&mut command);
        command
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // The newest first: windows before their manager, the server last.
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            for file in &mut self.complaints {
                let mut text = Vec::new();
                let _ = file.rewind().and_then(|()| file.read_to_end(&mut text));
                print!("{}", String::from_utf8_lossy(&text));
            }
        }
    }
}
