//! What the desktop is asked over D-Bus: to show a notification, and not to sleep. Systems without D-Bus have neither.

/// Keeps the machine awake until it is dropped.
#[derive(Debug)]
pub struct Awake {
    /// The system keeps awake as long as this is open.
    #[cfg(target_os = "linux")]
    _inhibitor: zbus::zvariant::OwnedFd,
    /// The system's own program, which ends with this process.
    #[cfg(target_os = "macos")]
    program: std::process::Child,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;

    use zbus::{
        Connection,
        zvariant::{OwnedObjectPath, Value},
    };

    use super::Awake;

    /// Shows a notification.
    ///
    /// # Errors
    /// When there is no session bus, or no desktop that listens on it.
    pub async fn notify(summary: &str, body: &str) -> Result<(), String> {
        let words = |error: zbus::Error| error.to_string();
        let bus = Connection::session().await.map_err(words)?;
        let hints: HashMap<&str, Value<'_>> = HashMap::new();
        let actions: Vec<&str> = Vec::new();
        let arguments = ("Reelpress", 0_u32, "", summary, body, actions, hints, -1_i32);
        let (name, path) = ("org.freedesktop.Notifications", "/org/freedesktop/Notifications");
        bus.call_method(Some(name), path, Some(name), "Notify", &arguments).await.map(drop).map_err(words)
    }

    /// Whether the desktop's keychain says that it has no place yet where new secrets are kept. Waits for it; asks the user
    /// nothing.
    pub fn keeps_no_secrets() -> bool {
        let asked = || -> zbus::Result<OwnedObjectPath> {
            let bus = zbus::blocking::Connection::session()?;
            let (name, path) = ("org.freedesktop.secrets", "/org/freedesktop/secrets");
            let service = "org.freedesktop.Secret.Service";
            bus.call_method(Some(name), path, Some(service), "ReadAlias", &"default")?.body().deserialize()
        };
        // The path that stands for nothing.
        asked().is_ok_and(|collection| collection.as_str() == "/")
    }

    impl Awake {
        /// Asks the system not to sleep.
        ///
        /// # Errors
        /// When there is no system bus, or nobody on it who manages sleep.
        pub async fn keep(why: &str) -> Result<Self, String> {
            let words = |error: zbus::Error| error.to_string();
            let bus = Connection::system().await.map_err(words)?;
            let arguments = ("sleep:idle", "Reelpress", why, "block");
            let (name, path) = ("org.freedesktop.login1", "/org/freedesktop/login1");
            let manager = "org.freedesktop.login1.Manager";
            let reply = bus.call_method(Some(name), path, Some(manager), "Inhibit", &arguments).await.map_err(words)?;
            let inhibitor = reply.body().deserialize().map_err(words)?;
            Ok(Self { _inhibitor: inhibitor })
        }
    }
}

#[cfg(target_os = "linux")]
pub use linux::{keeps_no_secrets, notify};

/// Whether the system's keychain says that it has no place yet where new secrets are kept.
#[cfg(not(target_os = "linux"))]
pub fn keeps_no_secrets() -> bool {
    false
}

/// Shows a notification.
///
/// # Errors
/// When the system has no way to.
#[cfg(not(target_os = "linux"))]
pub async fn notify(summary: &str, body: &str) -> Result<(), String> {
    if !cfg!(target_os = "macos") {
        return Err("notifications are shown on Linux and macOS".to_owned());
    }
    let script = "on run {body, summary}\ndisplay notification body with title summary\nend run";
    let mut command = std::process::Command::new("osascript");
    command.args(["-e", script, body, summary]);
    command.status().map(drop).map_err(|error| error.to_string())
}

#[cfg(target_os = "macos")]
impl Awake {
    /// Asks the system not to sleep.
    ///
    /// # Errors
    /// When the system's program for that can't be run.
    pub async fn keep(_why: &str) -> Result<Self, String> {
        let mut command = std::process::Command::new("caffeinate");
        command.args(["-i", "-w", &std::process::id().to_string()]);
        command.spawn().map(|program| Self { program }).map_err(|error| error.to_string())
    }
}

#[cfg(target_os = "macos")]
impl Drop for Awake {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
impl Awake {
    /// Asks the system not to sleep.
    ///
    /// # Errors
    /// Always: there is no way here.
    pub async fn keep(_why: &str) -> Result<Self, String> {
        Err("the machine is kept awake on Linux and macOS".to_owned())
    }
}
