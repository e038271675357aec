//! What is done when the queue has nothing left to do.

use serde::{Deserialize, Serialize};

/// What is done when the queue has nothing left to do, once for each time that it comes to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WhenDone {
    /// A notification of the desktop.
    pub notifies: bool,
    /// A short sound.
    pub plays_sound: bool,
    /// A command of the user's own for the system's shell.
    pub command: Option<String>,
    /// What becomes of the machine, a minute later.
    pub power: PowerAction,
}

impl Default for WhenDone {
    fn default() -> Self {
        Self { notifies: true, plays_sound: false, command: None, power: PowerAction::StayOn }
    }
}

/// What becomes of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerAction {
    /// It stays on.
    #[default]
    StayOn,
    /// It goes to sleep.
    Sleep,
    /// It is shut down.
    ShutDown,
}

impl PowerAction {
    /// All in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::StayOn, Self::Sleep, Self::ShutDown];

    /// Name in flags and in the settings file.
    pub fn id(self) -> &'static str {
        match self {
            Self::StayOn => "stay-on",
            Self::Sleep => "sleep",
            Self::ShutDown => "shut-down",
        }
    }

    /// The action of this name.
    pub fn of_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.id() == id)
    }

    /// What the machine does, as in “the machine shuts down”.
    pub fn verb(self) -> &'static str {
        match self {
            Self::StayOn => "stays on",
            Self::Sleep => "goes to sleep",
            Self::ShutDown => "shuts down",
        }
    }
}
