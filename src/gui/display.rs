//! The display that the window is on: whether there is one, and whether it is there still.

#[cfg(unix)]
use std::net::TcpStream;
use std::{
    panic::{PanicHookInfo, set_hook, take_hook},
    sync::Arc,
};

/// The port of the first X display; the others follow (X.Org, X(7), "DISPLAY NAMES").
const FIRST_X_PORT: u16 = 6000;

/// Whether there is a display to open the window on.
pub fn has_display() -> bool {
    !cfg!(target_os = "linux") || ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"].iter().any(|name| is_set(name))
}

pub(super) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Whether nothing answers any more where the window was: the X server has ended. Never on other systems.
pub(super) fn is_lost() -> bool {
    let Some(display) = std::env::var("DISPLAY").ok().filter(|display| !display.is_empty()) else { return false };
    place_of(&display).is_some_and(|place| !answers(&place))
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Socket(String),
    Port(String, u16),
}

/// Where the server of a display such as `:0`, `:0.0` or `host:10.0` listens.
fn place_of(display: &str) -> Option<Place> {
    let (host, rest) = display.rsplit_once(':')?;
    let number: u16 = rest.split('.').next()?.parse().ok()?;
    Some(match host {
        "" | "unix" => Place::Socket(format!("/tmp/.X11-unix/X{number}")),
        host => Place::Port(host.to_owned(), FIRST_X_PORT.checked_add(number)?),
    })
}

#[cfg(unix)]
fn answers(place: &Place) -> bool {
    match place {
        Place::Socket(path) => std::os::unix::net::UnixStream::connect(path).is_ok(),
        Place::Port(host, port) => TcpStream::connect((host.as_str(), *port)).is_ok(),
    }
}

#[cfg(not(unix))]
fn answers(_place: &Place) -> bool {
    true
}

/// As long as it lives, a panic for want of a display is not written to the terminal but to the log alone: the window
/// library knows no other way to say so.
pub(super) struct QuietHook(Arc<Hook>);

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

pub(super) fn quiet_when_lost() -> QuietHook {
    let usual: Arc<Hook> = Arc::from(take_hook());
    let others = Arc::clone(&usual);
    set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some("main") && is_lost() {
            tracing::warn!("the display has gone: {panic}");
        } else {
            others(panic);
        }
    }));
    QuietHook(usual)
}

impl Drop for QuietHook {
    fn drop(&mut self) {
        // A hook can't be changed while the thread unwinds.
        if !std::thread::panicking() {
            let usual = Arc::clone(&self.0);
            set_hook(Box::new(move |panic| usual(panic)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_is_looked_for_where_its_server_listens() {
        assert_eq!(place_of(":92"), Some(Place::Socket("/tmp/.X11-unix/X92".to_owned())));
        assert_eq!(place_of("unix:0.1"), Some(Place::Socket("/tmp/.X11-unix/X0".to_owned())));
        assert_eq!(place_of("localhost:10.0"), Some(Place::Port("localhost".to_owned(), 6010)));
        assert_eq!(place_of("wayland-0"), None);
        assert!(!answers(&Place::Socket("/nonexistent/X0".to_owned())));
    }
}
