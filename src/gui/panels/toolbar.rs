//! The toolbar: what new files get, and the one button for the queue.

use eframe::egui::{self, Align, Layout, Popup, PopupCloseBehavior, ScrollArea, Ui};

use crate::{
    engine::{Command, Snapshot},
    gui::{
        action::Action,
        dialogs::{adjust::AdjustTarget, settings::SettingsSection},
        file_dialog::PathPurpose,
        pausing,
        theme::{self, icon, icon::Icon},
        view_state::ViewState,
        widgets::{
            Button, icon_button, menu, menu_check, menu_choice, menu_entry, menu_entry_below_choices, menu_heading,
            text,
        },
        wording,
    },
    job::{Conversion, FileFormat, JobKind, JobState, OutputKind},
    preset::{Preset, StereoCodecs, built_in_presets},
    settings::Settings,
};

/// Below this width of the window the button for the search, whose field is in sight, and a word of the queue's button give
/// their room to what is picked.
const NARROW_BELOW: f32 = 860.0;
/// Where less than this would be left of the destination, "Add files…" gives way to an icon, and pickers show only what is
/// picked.
const ENOUGH_OF_DESTINATION: f32 = 240.0;
const DIVIDER: egui::Vec2 = egui::Vec2::new(9.0, 20.0);
/// What is left of preset, outputs and destination at least where there is little room.
const LEAST_PICKERS: [f32; 3] = [100.0, 90.0, 84.0];
/// Height of the window that the longest menu leaves free.
const MENU_MARGIN: f32 = 60.0;

/// Lays the toolbar out, from the left to the right, as the keyboard goes through it.
pub fn toolbar_ui(ui: &mut Ui, snapshot: &Snapshot, view: &mut ViewState, actions: &mut Vec<Action>) {
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE[1];
        ui.add_space(theme::SIDE_MARGIN);
        let icons = right_icons(ui, snapshot, view);
        let queue_button = QueueButton::of(ui, snapshot);
        let icon_width = theme::CONTROL_HEIGHT + theme::SPACE[1];
        let width = queue_button.width(ui);
        // The place of the menu is free where there is none, so that nothing moves under the pointer when it comes or goes.
        let right = width + (icons.len() + 1) as f32 * icon_width + theme::SIDE_MARGIN;
        let left = egui::vec2(ui.available_width() - right - theme::SPACE[1], ui.available_height());
        ui.allocate_ui_with_layout(left, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(left);
            left_part(ui, snapshot, view, actions);
        });
        for (icon, name, tip, action) in icons {
            if icon_button(ui, icon, name, tip).clicked() {
                actions.push(action);
            }
        }
        let tip = queue_button.tip();
        if queue_button.show_as().fill(width).show(ui).on_hover_text(tip).clicked() {
            actions.extend(pausing::pause_or_resume(snapshot).into_iter().map(Action::Send));
        }
        if queue_button.has_more {
            pause_menu(ui, snapshot, actions);
        } else {
            let (place, _) = ui.allocate_exact_size(egui::Vec2::splat(theme::CONTROL_HEIGHT), egui::Sense::hover());
            let faint = theme::palette(ui).line;
            text::paint_icon(ui.painter(), place.center(), icon::OPEN_MENU, theme::ICON_SIZE, faint);
        }
    });
}

/// The icons before the queue's button: what they look like, are called and say, and what they do.
fn right_icons(ui: &Ui, snapshot: &Snapshot, view: &ViewState) -> Vec<(Icon, &'static str, &'static str, Action)> {
    let has_jobs = !snapshot.jobs.is_empty();
    let details = (icon::DETAILS, "Details of the job", "Details of the job (Ctrl+I)", Action::ToggleDetails);
    let search = (icon::SEARCH, "Search the queue", "Search the queue (Ctrl+F)", Action::FocusSearch);
    let history = (icon::HISTORY, "History…", "History: jobs that have ended (Ctrl+H)", Action::OpenHistory);
    let general = Action::OpenSettings(SettingsSection::General);
    let settings = (icon::SETTINGS, "Settings…", "Settings… (Ctrl+,)", general);
    let is_field_in_sight = !view.details_cover_queue;
    let details = (has_jobs && view.selection.current().is_some()).then_some(details);
    let search = (has_jobs && !(is_field_in_sight && is_narrow(ui))).then_some(search);
    details.into_iter().chain(search).chain([history, settings]).collect()
}

fn is_narrow(ui: &Ui) -> bool {
    ui.ctx().content_rect().width() < NARROW_BELOW
}

/// The one button for the queue.
struct QueueButton {
    label: &'static str,
    /// What is shown of it.
    shown: &'static str,
    icon: Icon,
    pauses: bool,
    /// There are jobs at work that a pause can hold or not.
    has_more: bool,
    has_work: bool,
    /// There are jobs that were paused one by one.
    has_held: bool,
}

/// What the button does, with the words for a narrow window.
const QUEUE_VERBS: [(&str, &str); 3] = [("Pause queue", "Pause"), ("Resume queue", "Resume"), ("Start queue", "Start")];

impl QueueButton {
    fn of(ui: &Ui, snapshot: &Snapshot) -> Self {
        let has_begun = snapshot.jobs.iter().any(|job| job.state != JobState::Waiting);
        let [pause, resume, start] = QUEUE_VERBS;
        let ((label, short), icon) = match snapshot.queue_paused {
            true if has_begun => (resume, icon::START),
            true => (start, icon::START),
            false => (pause, icon::PAUSE),
        };
        let has_work = snapshot.jobs.iter().any(|job| job.is_waiting() || job.progress().is_some());
        let (pauses, has_more) = (!snapshot.queue_paused, pausing::has_encoders_at_work(snapshot));
        let has_held = snapshot.jobs.iter().any(|job| job.is_held());
        let shown = if is_narrow(ui) { short } else { label };
        Self { label, shown, icon, pauses, has_more, has_work, has_held }
    }

    /// As wide as the widest of its words.
    fn width(&self, ui: &Ui) -> f32 {
        let words = QUEUE_VERBS.map(|(long, short)| if is_narrow(ui) { short } else { long });
        let widths = words.map(|words| Self { shown: words, ..*self }.show_as().wanted_width(ui));
        widths.into_iter().fold(0.0, f32::max)
    }

    fn show_as(&self) -> Button<'static> {
        let button = if self.has_work { Button::primary(self.shown) } else { Button::new(self.shown) };
        button.icon(self.icon).named(self.label)
    }

    fn tip(&self) -> String {
        match self.pauses {
            true => format!("{} (Space): jobs at work are finished, no others start", self.label),
            false if self.has_held => format!("{} (Space): paused jobs go on too", self.label),
            false => format!("{} (Space)", self.label),
        }
    }
}

/// What a pause does with the jobs at work.
fn pause_menu(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Vec<Action>) {
    let button = icon_button(ui, icon::OPEN_MENU, "Ways to pause", "Pause with the jobs at work, or without");
    menu(&button, ("Ways to pause", 260.0), |ui| {
        if !snapshot.queue_paused && menu_entry(ui, "Pause after the running jobs").clicked() {
            actions.push(Action::Send(Command::PauseQueue));
        }
        if menu_entry(ui, "Pause everything now").clicked() {
            actions.extend(pausing::pause_everything(snapshot).into_iter().map(Action::Send));
        }
    });
}

fn left_part(ui: &mut Ui, snapshot: &Snapshot, view: &ViewState, actions: &mut Vec<Action>) {
    let settings = &snapshot.settings;
    let presets = built_in_presets();
    let chosen = presets.iter().find(|preset| preset.id == settings.preset).or_else(|| presets.first());
    let preset = chosen.map_or("", |preset| preset.name.as_str());
    let outputs = outputs_label(settings);
    let destination = wording::short_destination(&settings.destination(), view.home.as_deref());
    let adjustments = adjustments(settings, view);
    let pickers = |has_words: bool| {
        [("Preset", preset), ("Outputs", &outputs), ("Destination", &destination)]
            .map(|(name, label)| Button::new(label).picker(name).shows_prefix(has_words))
    };
    let adjust_width = match adjustments.len() {
        0 => theme::CONTROL_HEIGHT,
        number => Button::new(&number.to_string()).icon(icon::ADJUST).wanted_width(ui),
    };
    let add = Button::new("Add files…").icon(icon::ADD);
    let wanted = pickers(true).map(|button| button.wanted_width(ui));
    let beside_pickers = theme::CONTROL_HEIGHT + DIVIDER.x + adjust_width + 7.0 * theme::SPACE[1];
    let least = add.wanted_width(ui) + beside_pickers + wanted[0] + wanted[1] + wanted[2].min(ENOUGH_OF_DESTINATION);
    let has_words = least <= ui.available_width();
    let tip = "Add files… (Ctrl+O)";
    let add = match has_words {
        true => add.show(ui).on_hover_text(tip),
        false => icon_button(ui, icon::ADD, "Add files…", tip),
    };
    if add.clicked() {
        actions.push(Action::Pick(PathPurpose::AddFiles));
    }
    if icon_button(ui, icon::ADD_FOLDER, "Add folder…", "Add folder… (Ctrl+Shift+O)").clicked() {
        actions.push(Action::Pick(PathPurpose::AddFolder));
    }
    divider(ui);
    let pickers = pickers(has_words);
    let wanted = [&pickers[0], &pickers[1], &pickers[2]].map(|button| button.wanted_width(ui));
    let widths = picker_widths(ui.available_width() - adjust_width - 4.0 * theme::SPACE[1], wanted);
    let [preset, outputs, destination] = pickers;
    preset_picker(ui, settings, (preset.max_width(widths[0]), chosen), (&presets, actions));
    outputs_picker(ui, settings, outputs.max_width(widths[1]), actions);
    adjust_button(ui, &adjustments, actions);
    destination_picker(ui, (settings, view), destination.max_width(widths[2]), actions);
}

/// Widths of preset, outputs and destination that fit into the room: where not all have what they want, the destination
/// gives way first, as its beginning tells most, then the preset.
fn picker_widths(room: f32, wanted: [f32; 3]) -> [f32; 3] {
    let mut widths = wanted;
    for place in [2, 0, 1] {
        let missing = widths.iter().sum::<f32>() - room;
        let least = LEAST_PICKERS[place].min(wanted[place]);
        widths[place] = (wanted[place] - missing.max(0.0)).max(least);
    }
    widths
}

fn divider(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(DIVIDER, egui::Sense::hover());
    ui.painter().vline(rect.center().x.round(), rect.y_range(), (1.0, theme::palette(ui).line));
}

fn preset_picker(
    ui: &mut Ui,
    settings: &Settings,
    (button, chosen): (Button, Option<&Preset>),
    (presets, actions): (&[Preset], &mut Vec<Action>),
) {
    let makes_streams = settings.kind() == JobKind::Stream;
    let response = button.enabled(makes_streams).show(ui);
    if !makes_streams {
        response.on_hover_text(match settings.kind() {
            JobKind::Pictures => "Presets are for streams; thumbnails are made without an encode",
            _ => "Presets are for streams; how a file is made is chosen under “Adjust new files…”",
        });
        return;
    }
    menu(&response, ("Preset", 720.0), |ui| {
        for preset in presets {
            let is_chosen = chosen.is_some_and(|chosen| chosen.id == preset.id);
            if menu_choice(ui, is_chosen, &preset.name, &preset.summary()).clicked() {
                actions.push(Action::ChoosePreset(preset.id.clone()));
            }
        }
    });
}

/// What becomes of new files, in the fewest words: `HLS + 2`, `MP4 file`.
fn outputs_label(settings: &Settings) -> String {
    let outputs = &settings.outputs;
    let others = OutputKind::ALL.into_iter().filter(|kind| outputs.includes(*kind)).count();
    match settings.kind() {
        JobKind::Stream => {
            let hls = if outputs.encryption.is_some() { "Encrypted HLS" } else { "HLS" };
            if others == 0 { hls.to_owned() } else { format!("{hls} + {others}") }
        }
        other => other.words(""),
    }
}

/// A stream, where HLS with fMP4 segments is always made and what is made beside it can be chosen, pictures, or one file.
fn outputs_picker(ui: &mut Ui, settings: &Settings, button: Button, actions: &mut Vec<Action>) {
    let outputs = &settings.outputs;
    let one_file = settings.one_file.as_ref().map(|conversion| conversion.format);
    let kind = settings.kind();
    let response = button.show(ui).on_hover_text(match &kind {
        JobKind::File(_) => format!("One {} instead of a stream", outputs_label(settings)),
        JobKind::Pictures if outputs.storyboard => "Thumbnails and a storyboard instead of a stream".to_owned(),
        JobKind::Pictures => "Thumbnails instead of a stream".to_owned(),
        JobKind::Stream => format!("Outputs: {}. {}", outputs.summary(), settings.stereo().label()),
    });
    let popup = Popup::menu(&response).gap(theme::SPACE[0]).accessible_name("Outputs");
    // Several can be chosen in one go.
    popup.close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        let window = ui.ctx().content_rect();
        ui.set_width(440.0_f32.min(window.width() - 2.0 * theme::SIDE_MARGIN));
        ui.spacing_mut().item_spacing.y = 0.0;
        let height = window.height() - MENU_MARGIN;
        ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
            // The bar lies beside the words.
            ui.set_max_width(ui.available_width() - theme::SPACE[2]);
            stream_choices(ui, settings, actions);
            menu_heading(ui, "Instead of a stream");
            let explanation = "Poster and thumbnails alone";
            if menu_choice(ui, kind == JobKind::Pictures, "Thumbnails only", explanation).clicked() {
                actions.push(Action::MakePicturesAlone);
            }
            for format in FileFormat::ALL {
                let is_chosen = one_file == Some(format);
                if menu_choice(ui, is_chosen, &format.file_words(), format.explanation()).clicked() {
                    let conversion = settings.one_file.clone().unwrap_or_else(|| Conversion::to(format));
                    let conversion = Conversion { format, ..conversion };
                    actions.push(Action::MakeOneFile(Some(Box::new(conversion))));
                }
            }
        });
    });
}

fn stream_choices(ui: &mut Ui, settings: &Settings, actions: &mut Vec<Action>) {
    let (kind_of_new_files, outputs) = (settings.kind(), &settings.outputs);
    let is_stream = kind_of_new_files == JobKind::Stream;
    if menu_choice(ui, is_stream, "HLS stream", "A ladder of renditions").clicked() {
        actions.push(Action::MakeOneFile(None));
    }
    menu_heading(ui, "Beside the stream");
    for kind in OutputKind::ALL {
        let is_used = is_stream || (kind_of_new_files == JobKind::Pictures && kind == OutputKind::Storyboard);
        let is_made = is_used && outputs.includes(kind);
        if menu_check(ui, is_made, kind.label(), kind.explanation()).clicked() {
            actions.push(Action::ChooseOutput { kind, is_made: !is_made });
        }
    }
    menu_heading(ui, "Sound of the stream");
    for stereo in StereoCodecs::ALL {
        let is_chosen = is_stream && settings.stereo() == stereo;
        if menu_choice(ui, is_chosen, stereo.label(), stereo.explanation()).clicked() {
            actions.push(Action::ChooseSound(stereo));
        }
    }
}

/// What is done to new files beside what preset and outputs say.
fn adjustments(settings: &Settings, view: &ViewState) -> Vec<(&'static str, String)> {
    let is_stream = settings.kind() == JobKind::Stream;
    let mut adjustments = if is_stream { settings.preset_changes.summary() } else { Vec::new() };
    adjustments.extend(view.operations.summary());
    adjustments
}

/// Only an icon while nothing is adjusted; what is adjusted holds for every new file and must be seen.
fn adjust_button(ui: &mut Ui, adjustments: &[(&'static str, String)], actions: &mut Vec<Action>) {
    let is_pressed = if adjustments.is_empty() {
        icon_button(ui, icon::ADJUST, "Adjust new files…", "Codec, quality, trim, crop and more for new files…")
            .clicked()
    } else {
        let lines: Vec<String> = adjustments.iter().map(|(what, how)| format!("{what}: {how}")).collect();
        let label = adjustments.len().to_string();
        let spoken = format!("Adjust new files… ({label})");
        let button = Button::new(&label).icon(icon::ADJUST).named(&spoken).show(ui);
        button.on_hover_text(format!("New files are adjusted:\n{}", lines.join("\n"))).clicked()
    };
    if is_pressed {
        actions.push(Action::OpenAdjust(AdjustTarget::NewFiles));
    }
}

fn destination_picker(
    ui: &mut Ui,
    (settings, view): (&Settings, &ViewState),
    button: Button,
    actions: &mut Vec<Action>,
) {
    let home = view.home.as_deref();
    let response = button.show(ui);
    let can_publish = settings.one_file.is_none();
    let goes_to_bucket = can_publish && settings.publish_to_s3 && !settings.s3.bucket.is_empty();
    menu(&response, ("Destination", 380.0), |ui| {
        let folder = wording::short_path(&settings.output_folder, home);
        if menu_choice(ui, !goes_to_bucket, &folder, "Output folder").clicked() {
            actions.push(Action::ChoosePublishToS3(false));
        }
        if !settings.s3.bucket.is_empty() {
            let place = settings.s3.to_string();
            let where_it_is = match can_publish {
                true => settings.s3.endpoint.as_deref().unwrap_or("Amazon S3"),
                false => "For streams only",
            };
            ui.add_enabled_ui(can_publish, |ui| {
                if menu_choice(ui, goes_to_bucket, &place, where_it_is).clicked() {
                    actions.push(Action::ChoosePublishToS3(true));
                }
            });
        }
        ui.separator();
        if menu_entry_below_choices(ui, "Change folder…").clicked() {
            actions.push(Action::Pick(PathPurpose::OutputFolder));
        }
        if menu_entry_below_choices(ui, "S3 settings…").clicked() {
            actions.push(Action::OpenSettings(SettingsSection::S3));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_picker_is_cut_where_there_is_room_and_the_destination_gives_way_first() {
        let wanted = [140.0, 190.0, 500.0];
        assert_eq!(picker_widths(830.0, wanted), wanted);
        assert_eq!(picker_widths(630.0, wanted), [140.0, 190.0, 300.0]);
        assert_eq!(picker_widths(400.0, wanted), [126.0, 190.0, 84.0]);
        assert_eq!(picker_widths(100.0, wanted), LEAST_PICKERS);
        assert_eq!(picker_widths(300.0, [60.0, 70.0, 90.0]), [60.0, 70.0, 90.0]);
    }
}
