//! What the window remembers by itself: selection, filter, open dialogs, notices. Never a fact about a job.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    access_keys::MissingKeys,
    dialogs::{
        adjust::AdjustForm, history::HistoryView, keys::KeysForm, paste_path::PathForm, schedule::ScheduleForm,
        settings::SettingsForm,
    },
    queue_view::QueueView,
    selection::Selection,
    thumbnails::ThumbnailCache,
};
use crate::{
    engine::{JobFilter, Snapshot},
    failure::Failure,
    job::{JobId, Operations},
};

/// How long a notice stays that asks for nothing.
const NOTICE_STAYS: Duration = Duration::from_secs(8);
/// More notices than this are not shown at once; the oldest go.
const NOTICES_SHOWN: usize = 4;

/// What the window remembers by itself.
pub struct ViewState {
    /// The rows that are selected, of which one has its panel shown.
    pub selection: Selection,
    /// Which jobs the queue shows.
    pub filter: JobFilter,
    /// Only jobs with this text in their name are shown.
    pub search: String,
    /// True until the search field has taken the keyboard.
    pub focus_search: bool,
    /// The jobs that filter and search let through.
    pub queue: QueueView,
    /// The row that must come into view.
    pub scroll_to: Option<RowToShow>,
    /// The list shows its first rows again.
    pub scroll_to_top: bool,
    /// The next job that comes is selected and shown.
    pub select_next_added: bool,
    /// Whether the panel of the selected job is wanted in a wide window.
    pub details_wanted: bool,
    /// Whether the panel of the selected job is shown in place of the queue in a narrow window.
    pub details_cover_queue: bool,
    /// Whether the window is wide enough for queue and panel side by side.
    pub is_wide: bool,
    /// Which part of the selected job is shown.
    pub tab: DetailsTab,
    /// What is done to files that are added from now on.
    pub operations: Operations,
    /// The dialog that is open.
    pub dialog: Option<Dialog>,
    /// Small messages at the bottom.
    pub notices: Vec<Notice>,
    /// Keys that are asked for when no other dialog is open.
    pub missing_keys: Vec<MissingKeys>,
    /// Names of keys that were asked for already.
    pub asked_keys: BTreeSet<String>,
    /// True after a person closed the dialog about ffmpeg, until it is found.
    pub tools_dialog_dismissed: bool,
    /// Close the window when nothing runs and nothing waits any more.
    pub close_when_finished: bool,
    /// True while the engine stops before the window closes.
    pub is_stopping: bool,
    /// True when the window system can show a file dialog.
    pub has_file_dialogs: bool,
    /// Small pictures of the sources.
    pub thumbnails: ThumbnailCache,
    /// The user's home, for short paths.
    pub home: Option<PathBuf>,
}

/// A row that must come into view, for as many frames as that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowToShow {
    /// Whose row.
    pub id: JobId,
    frames_left: u8,
}

impl RowToShow {
    /// Frames until the list has grown and messages are laid out.
    const FRAMES: u8 = 4;

    /// The row of this job.
    pub fn of(id: JobId) -> Self {
        Self { id, frames_left: Self::FRAMES }
    }

    /// What is left to do in the next frame.
    pub fn later(self, is_in_sight: bool) -> Option<Self> {
        let is_first = self.frames_left == Self::FRAMES;
        let frames_left = self.frames_left - 1;
        (frames_left > 0 && (is_first || !is_in_sight)).then_some(Self { frames_left, ..self })
    }
}

/// Parts of the panel of the selected job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DetailsTab {
    /// What it is and how far it has come.
    #[default]
    Overview,
    /// Files of the stream.
    Files,
    /// What was done.
    Log,
}

impl DetailsTab {
    /// All parts in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Overview, Self::Files, Self::Log];

    /// Name of the part.
    pub fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Files => "Files",
            Self::Log => "Log",
        }
    }
}

/// A dialog over the window.
pub enum Dialog {
    /// All settings.
    Settings(Box<SettingsForm>),
    /// What is done to a source before it is encoded.
    Adjust(Box<AdjustForm>),
    /// ffmpeg is missing, on its way, or found.
    Tools {
        /// True after "Download ffmpeg…", until it is confirmed or withdrawn.
        asks_for_download: bool,
    },
    /// How urgent a job is, and when it may start.
    Schedule(ScheduleForm),
    /// Jobs that have ended.
    History(Box<HistoryView>),
    /// A path to type or paste.
    Path(PathForm),
    /// Keys that jobs need and the keychain does not give.
    Keys(KeysForm),
    /// Jobs at work are to be cancelled.
    Cancel(Vec<JobId>),
    /// Jobs run while the window is to be closed.
    Close,
}

/// A small message at the bottom of the window.
pub struct Notice {
    /// What happened.
    pub message: NoticeMessage,
    /// When it goes by itself; `None` when it stays until dismissed.
    pub until: Option<Instant>,
    /// Whether the detail of its failure is shown.
    pub shows_detail: bool,
}

/// What a notice says.
#[derive(Debug, Clone, PartialEq)]
pub enum NoticeMessage {
    /// Something was done.
    Text(String),
    /// Jobs left the list and can be brought back.
    Removed(String),
    /// So many jobs came to the list.
    Added(usize),
    /// The report of a job lies in this file.
    Report(PathBuf),
    /// Something that concerns no job went wrong.
    Failure(Failure),
    /// A preview runs at this address.
    Preview {
        /// The address.
        url: String,
        /// Why it is not in a browser, where it is in none.
        failure: Option<Failure>,
    },
}

impl NoticeMessage {
    /// What went wrong, if something did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failure(failure) => Some(failure),
            Self::Preview { failure, .. } => failure.as_ref(),
            Self::Text(_) | Self::Removed(_) | Self::Added(_) | Self::Report(_) => None,
        }
    }
}

impl ViewState {
    /// The state of a window that just opened.
    pub fn new(thumbnails: ThumbnailCache, home: Option<PathBuf>) -> Self {
        Self {
            selection: Selection::default(),
            filter: JobFilter::All,
            search: String::new(),
            focus_search: false,
            queue: QueueView::default(),
            scroll_to: None,
            scroll_to_top: false,
            select_next_added: false,
            details_wanted: true,
            details_cover_queue: false,
            is_wide: true,
            tab: DetailsTab::Overview,
            operations: Operations::default(),
            dialog: None,
            notices: Vec::new(),
            missing_keys: Vec::new(),
            asked_keys: BTreeSet::new(),
            tools_dialog_dismissed: false,
            close_when_finished: false,
            is_stopping: false,
            has_file_dialogs: false,
            thumbnails,
            home,
        }
    }

    /// Shows a notice; at most one removal is kept, since only the last can be undone, and what was added is told together.
    pub fn notify(&mut self, mut message: NoticeMessage) {
        if let NoticeMessage::Added(count) = &mut message {
            let earlier = self.notices.iter().position(|notice| matches!(notice.message, NoticeMessage::Added(_)));
            let earlier = earlier.map(|place| self.notices.remove(place).message);
            *count += if let Some(NoticeMessage::Added(earlier)) = earlier { earlier } else { 0 };
        }
        self.notices.retain(|notice| {
            notice.message != message
                && !(matches!(notice.message, NoticeMessage::Removed(_))
                    && matches!(message, NoticeMessage::Removed(_)))
        });
        if self.notices.len() >= NOTICES_SHOWN {
            self.notices.remove(0);
        }
        let stays = message.failure().is_some();
        let until = (!stays).then(|| Instant::now() + NOTICE_STAYS);
        self.notices.push(Notice { message, until, shows_detail: false });
    }

    /// Drops notices that have been shown long enough; gives the time until the next one goes.
    pub fn expire_notices(&mut self, now: Instant) -> Option<Duration> {
        self.notices.retain(|notice| notice.until.is_none_or(|until| until > now));
        self.notices.iter().filter_map(|notice| notice.until).min().map(|until| until.saturating_duration_since(now))
    }

    /// Takes in a newer snapshot: the list is filtered again, and a selected job that is gone is no longer selected.
    pub fn take_snapshot(&mut self, snapshot: &Arc<Snapshot>) {
        let has_changed = self.queue.update(snapshot, self.filter, &self.search);
        if has_changed && self.selection.is_several() {
            // What is done to several is done to rows that are seen.
            self.selection.keep(self.queue.ids(snapshot));
        }
        let was_selected = self.selection.current().is_some();
        self.selection.keep(snapshot.jobs.iter().map(|job| job.id));
        if was_selected && self.selection.current().is_none() {
            self.details_cover_queue = false;
        }
    }
}
