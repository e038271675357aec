//! How another process of the same user reaches the queue that this one owns.
//!
//! The owner listens on a Unix socket in a folder that only the user may enter, on Windows on a named pipe that refuses
//! other machines and that only the user may write to. The other process sends a [`Request`] as one line of JSON, each in
//! an envelope with the version of this protocol, and gets a [`Reply`] in the same form.

mod address;
mod client;
mod server;

use serde::{Deserialize, Serialize};

pub use client::{Client, ControlError, Following};
pub use server::Server;

use crate::{
    engine::{Command, Event, Snapshot},
    failure::Failure,
    job::{JobId, JobState},
};

/// Version of the messages. Others are refused with words, never misread.
pub const PROTOCOL_VERSION: u32 = 1;

/// One line of the channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Envelope<T> {
    /// [`PROTOCOL_VERSION`] of the sender.
    version: u32,
    message: T,
}

impl<T> Envelope<T> {
    fn of(message: T) -> Self {
        Self { version: PROTOCOL_VERSION, message }
    }
}

/// What may be asked of the owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "request")]
pub enum Request {
    /// Do this; answered by [`Reply::Taken`] when it is in the journal.
    Do {
        /// What.
        command: Box<Command>,
    },
    /// Tell the queue; answered by [`Reply::Queue`].
    Tell,
    /// Tell the queue, then every event after it; answered by [`Reply::Queue`] and any number of [`Reply::Happened`].
    Follow,
}

/// What the owner answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reply")]
pub enum Reply {
    /// The command was taken.
    Taken {
        /// Jobs that came into the queue by it.
        added: Vec<JobId>,
        /// What went wrong.
        notices: Vec<Failure>,
    },
    /// The queue.
    Queue {
        /// Events that add up to it, see [`queue_events`].
        events: Vec<Event>,
    },
    /// Something happened.
    Happened {
        /// What.
        event: Box<Event>,
    },
    /// The request was not done.
    Refused {
        /// Why, and what to do.
        failure: Failure,
        /// True when the owner is about to end: another process can own the queue in a moment.
        is_ending: bool,
    },
}

/// What has a queue to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A window.
    Window,
    /// `reelpress queue run` in a terminal.
    Terminal,
}

/// Events that add up to all that a queue shows of its jobs in a terminal: without the lists of finished files, and
/// without what can be undone.
pub fn queue_events(snapshot: &Snapshot) -> Vec<Event> {
    let mut events: Vec<Event> = snapshot.as_events().into_iter().filter_map(shortened).collect();
    for job in snapshot.jobs.iter() {
        if let JobState::Running { progress, .. } = &job.state {
            events.push(Event::JobProgressed { id: job.id, progress: Box::new(progress.clone()) });
        }
    }
    events.push(Event::SettingsChanged { settings: Box::new((*snapshot.settings).clone()) });
    events.push(Event::ToolsChecked { status: snapshot.tools.clone() });
    events.extend(snapshot.planned_power_action.map(|planned| Event::PowerActionPlanned { planned }));
    events
}

/// Long films have tens of thousands of files.
fn shortened(event: Event) -> Option<Event> {
    match event {
        Event::JobFinished { id, mut report, at } => {
            report.files.clear();
            Some(Event::JobFinished { id, report, at })
        }
        Event::StreamMade { .. } | Event::FilesFinished { .. } => None,
        event => Some(event),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
