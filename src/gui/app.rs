//! The window's program: takes the engine's snapshot, lays out, performs what a person did.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use eframe::egui::{self, CentralPanel, Frame, Panel, Rect, ThemePreference, Ui, UiBuilder, ViewportCommand};

use super::{
    WindowStart,
    action::Action,
    desktop::{Desktop, DesktopAnswer},
    dialogs::dialogs_ui,
    file_dialog::PickedPaths,
    keyboard::keyboard,
    panels::{banner, details, drop_overlay, empty, notices, queue, status, toolbar},
    theme,
    thumbnails::ThumbnailCache,
    view_state::{Dialog, NoticeMessage, RowToShow, ViewState},
};
use crate::{
    engine::{EngineHandle, Event, Job, Snapshot, Subscription, ToolStatus},
    failure::{Failure, FailureKind},
    format,
    job::{JobId, JobState},
    settings::{AppFolders, Appearance},
};

/// Engine events repaint the window this often at most.
const REPAINT_INTERVAL: Duration = Duration::from_millis(100);
/// How long a window that is told to close may take before it is told again.
const CLOSE_AGAIN: Duration = Duration::from_millis(200);

/// The window's program.
pub struct ReelpressApp {
    pub(super) engine: EngineHandle,
    subscription: Subscription,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) view: ViewState,
    pub(super) desktop: Desktop,
    desktop_answers: Receiver<DesktopAnswer>,
    /// Unbounded: one answer for each dialog that a person closes.
    pub(super) picked: (Sender<PickedPaths>, Receiver<PickedPaths>),
    pub(super) folders: Option<AppFolders>,
    appearance: Option<Appearance>,
    /// Previews that were asked for in this window, not by another front.
    pub(super) previews_asked: HashSet<JobId>,
    repaints: Arc<RepaintLimit>,
    may_close: bool,
    /// The window is told to close until it does.
    is_closing: bool,
}

/// Keeps engine events from repainting more often than progress changes.
struct RepaintLimit {
    begun: Instant,
    last_paint_ms: AtomicU64,
}

impl RepaintLimit {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn painted(&self) {
        self.last_paint_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Time until the next repaint may be; never zero, which would paint twice.
    fn delay(&self) -> Duration {
        let since = Duration::from_millis(self.now_ms().saturating_sub(self.last_paint_ms.load(Ordering::Relaxed)));
        REPAINT_INTERVAL.saturating_sub(since).max(Duration::from_millis(1))
    }
}

impl ReelpressApp {
    /// The program for a window with this context.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(ctx: &egui::Context, engine: EngineHandle, start: WindowStart) -> std::io::Result<Self> {
        theme::install(ctx);
        let repaints = Arc::new(RepaintLimit { begun: Instant::now(), last_paint_ms: AtomicU64::new(0) });
        let (waking, limit) = (ctx.clone(), Arc::clone(&repaints));
        let subscription = engine.subscribe_waking(move || waking.request_repaint_after(limit.delay()));
        let (answers, desktop_answers) = crossbeam_channel::unbounded();
        let desktop = Desktop::new(answers, ctx.clone());
        desktop.look_for_file_dialogs();
        let home = directories::UserDirs::new().map(|folders| folders.home_dir().to_owned());
        let snapshot = engine.snapshot();
        let mut app = Self {
            engine,
            subscription,
            view: ViewState::new(ThumbnailCache::start(ctx)?, home),
            desktop,
            desktop_answers,
            picked: crossbeam_channel::unbounded(),
            folders: start.folders,
            appearance: None,
            previews_asked: HashSet::new(),
            repaints,
            may_close: false,
            is_closing: false,
            snapshot,
        };
        app.view.selection.set(first_to_show(&app.snapshot));
        app.view.scroll_to = app.view.selection.current().map(RowToShow::of);
        app.view.take_snapshot(&app.snapshot);
        app.look_for_keychain();
        app.look_for_all_keys();
        if let Some(failure) = start.notice {
            app.view.notify(NoticeMessage::Failure(failure));
        }
        app.add_paths(start.files);
        Ok(app)
    }

    /// The state that is shown.
    #[cfg(test)]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Sets whether file dialogs can be shown, instead of looking at the machine.
    #[cfg(test)]
    pub fn set_file_dialogs(&mut self, are_there: bool) {
        self.view.has_file_dialogs = are_there;
    }

    /// Takes in what the engine tells.
    fn take_events(&mut self, ctx: &egui::Context) {
        let mut added = 0;
        let mut has_ended = false;
        loop {
            match self.subscription.events.try_recv() {
                Ok(event) => {
                    added += usize::from(matches!(event, Event::JobAdded { .. }));
                    has_ended |= is_end(&event);
                    self.take_event(ctx, event);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.engine_lost(ctx);
                    break;
                }
            }
        }
        // One is seen where it comes, more are not.
        if added > 1 {
            self.view.notify(NoticeMessage::Added(added));
        }
        self.snapshot = self.engine.snapshot();
        self.view.take_snapshot(&self.snapshot);
        if has_ended {
            self.refresh_history();
        }
        if self.view.selection.current().is_none()
            && !self.view.details_cover_queue
            && let Some(only) = self.snapshot.jobs.first().filter(|_| self.snapshot.jobs.len() == 1)
        {
            self.view.selection.set(Some(only.id));
        }
        match &self.snapshot.tools {
            ToolStatus::Ready { .. } => self.view.tools_dialog_dismissed = false,
            ToolStatus::Unusable { .. } if !self.view.tools_dialog_dismissed && self.view.dialog.is_none() => {
                self.view.dialog = Some(Dialog::Tools { asks_for_download: false });
            }
            _ => {}
        }
    }

    fn take_event(&mut self, ctx: &egui::Context, event: Event) {
        match event {
            Event::PreviewReady { id, url } if self.previews_asked.remove(&id) => {
                self.desktop.open_preview(url);
            }
            Event::Noticed { failure } => {
                // What follows the message was not asked for by what gave no job.
                self.view.select_next_added = false;
                self.view.notify(NoticeMessage::Failure(failure));
            }
            Event::JobAdded { id, .. } => self.added(id),
            Event::JobsRemoved { ids } => self.removed(&ids),
            Event::JobFailed { id, failure, .. } if failure.kind == FailureKind::CredentialsRefused => {
                self.look_for_keys_of(id);
            }
            Event::JobRetryPlanned { id, retry } if retry.waits_for_keys => self.look_for_keys_of(id),
            Event::FilesOpened { files } => self.open_files(ctx, files),
            Event::Stopped => self.engine_ended(ctx),
            _ => {}
        }
    }

    /// Another start of the program handed its files over.
    fn open_files(&mut self, ctx: &egui::Context, files: Vec<PathBuf>) {
        ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
        ctx.send_viewport_cmd(ViewportCommand::Focus);
        self.add_paths(files);
    }

    /// Selects and shows a job that came, if that is wanted.
    fn added(&mut self, id: JobId) {
        if std::mem::take(&mut self.view.select_next_added) {
            self.view.selection.set(Some(id));
            self.view.scroll_to = Some(RowToShow::of(id));
        }
    }

    /// Says what left the list, and keeps a job selected beside the one that left.
    fn removed(&mut self, ids: &[JobId]) {
        let words = match ids {
            // The last ones can't come back any more.
            [] => return,
            [id] => match self.snapshot.job(*id) {
                Some(job) => format!("{} is off the list", job.spec.source_name()),
                None => return,
            },
            ids => format!("{} are off the list", format::count(ids.len() as u64, "job", "jobs")),
        };
        self.view.notify(NoticeMessage::Removed(words));
        if let Some(selected) = self.view.selection.current().filter(|selected| ids.contains(selected)) {
            self.view.selection.set(self.view.queue.after_removal_of(&self.snapshot, selected, ids));
        }
    }

    /// Says that nothing goes on here, unless the engine was told to end. Closing the window asks no more.
    fn engine_lost(&mut self, ctx: &egui::Context) {
        if self.view.is_stopping {
            return self.engine_ended(ctx);
        }
        if !std::mem::replace(&mut self.may_close, true) {
            let hint = "Close Reelpress and open it again: the queue is saved and comes back";
            let failure =
                Failure::new(FailureKind::Internal, "Reelpress has stopped working by a fault of its own", hint);
            self.view.notify(NoticeMessage::Failure(failure));
        }
    }

    /// Closes the window: the engine has ended as it was told to.
    pub(super) fn engine_ended(&mut self, ctx: &egui::Context) {
        self.close(ctx);
    }

    fn close(&mut self, ctx: &egui::Context) {
        self.may_close = true;
        self.is_closing = true;
        ctx.request_repaint();
    }

    fn take_answers(&mut self, ctx: &egui::Context) {
        for answer in self.desktop_answers.try_iter().collect::<Vec<_>>() {
            match answer {
                DesktopAnswer::SampleReady(file) => self.add_paths(vec![file]),
                DesktopAnswer::ReportSaved(file) => self.view.notify(NoticeMessage::Report(file)),
                DesktopAnswer::HistoryRead(jobs) => self.take_history(jobs),
                // A browser that does not come up tells nobody: the address is there to be copied.
                DesktopAnswer::PreviewOpened { url, failure } => {
                    self.view.notify(NoticeMessage::Preview { url, failure });
                }
                DesktopAnswer::Failed(failure) => self.view.notify(NoticeMessage::Failure(failure)),
                DesktopAnswer::FileDialogs(are_there) => self.view.has_file_dialogs = are_there,
                DesktopAnswer::KeychainLookedFor => {}
                DesktopAnswer::KeysMissing(missing) => self.view.missing_keys.extend(missing),
                DesktopAnswer::KeysUsed { name, is_kept } => self.keys_used(&name, is_kept),
                DesktopAnswer::Told(words) => self.view.notify(NoticeMessage::Text(words)),
            }
        }
        for picked in self.picked.1.try_iter().collect::<Vec<_>>() {
            self.perform(ctx, Action::Picked(picked));
        }
        self.ask_for_keys();
    }

    fn apply_appearance(&mut self, ctx: &egui::Context) {
        let appearance = self.snapshot.settings.appearance;
        if self.appearance.replace(appearance) != Some(appearance) {
            ctx.set_theme(match appearance {
                Appearance::System => ThemePreference::System,
                Appearance::Light => ThemePreference::Light,
                Appearance::Dark => ThemePreference::Dark,
            });
        }
    }

    /// Asks before the window closes while jobs run; closes it when it was told to close at the end of the queue.
    fn watch_closing(&mut self, ctx: &egui::Context) {
        let counts = self.view.queue.counts;
        let is_running = counts.of(crate::engine::JobFilter::Active) > 0;
        if ctx.input(|input| input.viewport().close_requested())
            && is_running
            && !self.may_close
            && !self.view.is_stopping
        {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            ctx.send_viewport_cmd(ViewportCommand::Focus);
            self.view.dialog = Some(Dialog::Close);
            ctx.request_repaint();
        }
        let is_finished = !is_running && (counts.waiting == 0 || self.snapshot.queue_paused);
        // The end of the engine would keep a machine on that is to sleep.
        let is_finished = is_finished && self.snapshot.planned_power_action.is_none();
        if self.view.close_when_finished && is_finished && !self.may_close {
            self.close(ctx);
        }
        if self.is_closing {
            ctx.send_viewport_cmd(ViewportCommand::Close);
            // A window that has not been shown yet does not heed the first one.
            ctx.request_repaint_after(CLOSE_AGAIN);
        }
    }

    fn lay_out(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let (snapshot, view) = (&*Arc::clone(&self.snapshot), &mut self.view);
        let palette = theme::palette(ui);
        let ground = Frame::new().fill(palette.panel);
        view.is_wide = ui.available_width() >= theme::DETAILS_BESIDE_QUEUE_FROM;
        view.details_cover_queue &= !view.is_wide;
        Panel::top("toolbar")
            .exact_size(theme::TOOLBAR_HEIGHT)
            .frame(ground)
            .show(ui, |ui| toolbar::toolbar_ui(ui, snapshot, view, actions));
        if banner::is_needed(snapshot) {
            Panel::top("banner")
                .exact_size(theme::FILTER_BAR_HEIGHT)
                .frame(Frame::new().fill(palette.raised))
                .show(ui, |ui| banner::banner_ui(ui, snapshot, actions));
        }
        Panel::bottom("status")
            .exact_size(theme::STATUS_HEIGHT)
            .frame(ground)
            .show(ui, |ui| status::status_ui(ui, snapshot, view, actions));
        let background = if view.details_cover_queue { palette.panel } else { palette.background };
        CentralPanel::no_frame().frame(Frame::new().fill(background)).show(ui, |ui| {
            if snapshot.jobs.is_empty() {
                empty::empty_ui(ui, snapshot, view, actions);
            } else if view.details_cover_queue {
                details::details_ui(ui, snapshot, view, actions);
            } else {
                queue_and_details(ui, snapshot, view, actions);
            }
        });
        notices::notices_ui(ui, snapshot, view, actions);
        dialogs_ui(ui, snapshot, view, actions);
        let hovering = drop_overlay::hovering(ui);
        if !hovering.is_empty() {
            drop_overlay::drop_overlay_ui(ui, snapshot, view, &hovering);
        }
    }
}

/// The job that a window shows as it opens: one at work, else one that goes on or waits.
fn first_to_show(snapshot: &Snapshot) -> Option<JobId> {
    let first = |is_meant: &dyn Fn(&Job) -> bool| snapshot.jobs.iter().find(|job| is_meant(job)).map(|job| job.id);
    first(&|job| job.progress().is_some())
        .or_else(|| first(&|job| matches!(job.state, JobState::Interrupted { .. })))
        .or_else(|| first(&|job| matches!(job.state, JobState::Waiting)))
        .or_else(|| first(&|_| true))
}

/// Whether a job has come into the history.
fn is_end(event: &Event) -> bool {
    matches!(event, Event::JobFinished { .. } | Event::JobFailed { .. } | Event::JobCancelled { .. })
}

/// The queue and, where there is room, the panel of the selected job beside it. Side by side by hand: the keyboard goes
/// through the parts in the order in which they are laid out, and a panel of egui's would come before the queue.
fn queue_and_details(ui: &mut Ui, snapshot: &Snapshot, view: &mut ViewState, actions: &mut Vec<Action>) {
    let whole = ui.max_rect();
    let has_details = view.is_wide && view.details_wanted && view.selection.current().is_some();
    let split = if has_details { whole.right() - theme::DETAILS_WIDTH } else { whole.right() };
    let (left, right) = whole.split_left_right_at_x(split);
    let part = |rect: Rect, name: &'static str| UiBuilder::new().max_rect(rect).id_salt(name);
    ui.scope_builder(part(left, "queue"), |ui| {
        ui.shrink_clip_rect(left);
        queue::queue_ui(ui, snapshot, view, actions);
    });
    if has_details {
        ui.scope_builder(part(right, "details"), |ui| {
            ui.shrink_clip_rect(right);
            let palette = theme::palette(ui);
            ui.painter().rect_filled(right, 0.0, palette.panel);
            ui.painter().vline(right.left() + 0.5, right.y_range(), (1.0, palette.line));
            details::details_ui(ui, snapshot, view, actions);
        });
    }
}

/// Files that were let go over the window in this frame. X11 tells of each in an event of its own; those that come later
/// are taken in later.
fn dropped(ctx: &egui::Context) -> Vec<PathBuf> {
    ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect())
}

impl eframe::App for ReelpressApp {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.repaints.painted();
        self.view.thumbnails.begin_frame();
        self.take_events(ctx);
        self.take_answers(ctx);
        self.apply_appearance(ctx);
        self.watch_closing(ctx);
        if self.snapshot.planned_power_action.is_some() {
            // The seconds that are left are shown.
            ctx.request_repaint_after(Duration::from_secs(1));
        }
        if let Some(left) = self.view.expire_notices(Instant::now()) {
            ctx.request_repaint_after(left.max(Duration::from_millis(1)));
        }
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let mut actions = Vec::new();
        let files = dropped(&ctx);
        if !files.is_empty() {
            actions.push(Action::AddPaths(files));
        }
        keyboard(&ctx, &self.snapshot, &mut self.view, &mut actions);
        self.lay_out(ui, &mut actions);
        self.view.take_snapshot(&self.snapshot);
        if !actions.is_empty() {
            // What was done shows in the next frame.
            ctx.request_repaint();
        }
        for action in actions {
            self.perform(&ctx, action);
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}
