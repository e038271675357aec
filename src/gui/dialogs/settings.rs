//! All settings, in six parts.

use eframe::egui::{self, DragValue, Ui};

pub use super::settings_form::{SettingsForm, SettingsSection};
use super::{
    button_line,
    encryption_form::encryption_ui,
    fields::{Fields, problem_elsewhere},
    filled_in_dialog,
    keys::{self, keys_ui},
    layer, next_step, paragraph,
    s3_settings::s3_ui,
    scrolled,
    settings_form::{HOURS_FROM, HOURS_TO, MOST_JOBS, OUTPUT_FOLDER, TEMPLATE},
};
use crate::{
    engine::{Command, Snapshot},
    gui::{
        action::Action,
        file_dialog::PathPurpose,
        theme::{self, icon},
        widgets::{Button, check_box, field_label, path_field, segmented, text_field},
        wording,
    },
    job::LayoutKind,
    settings::{Appearance, PowerAction},
};

const SETTINGS: &str = "Settings";
const BODY_HEIGHT: f32 = 470.0;

/// Shows the settings; true when they were saved or left.
pub fn settings_ui(
    ui: &Ui,
    snapshot: &Snapshot,
    (form, has_file_dialogs): (&mut SettingsForm, bool),
    actions: &mut Vec<Action>,
) -> bool {
    let room = ui.ctx().content_rect().height() - 220.0;
    let is_done = filled_in_dialog(ui, (SETTINGS, 640.0), |ui| {
        segmented(ui, &mut form.section, &SettingsSection::ALL, |section| section.label().to_owned());
        ui.add_space(theme::SPACE[1]);
        let height = BODY_HEIGHT.min(room);
        let problem = form.to_settings(&snapshot.settings).err();
        let at_hand = problem.as_ref().filter(|(section, _)| *section == form.section);
        let fields = Fields::of(at_hand.map(|(_, problem)| problem));
        scrolled(ui, (form.section.label(), height), |ui| match form.section {
            SettingsSection::General => general(ui, form, (&fields, has_file_dialogs), actions),
            SettingsSection::WhenDone => when_done(ui, form),
            SettingsSection::Layout => layout(ui, form, &fields),
            SettingsSection::Encryption => encryption_ui(ui, &mut form.encryption, &fields),
            SettingsSection::Ffmpeg => ffmpeg(ui, snapshot, (form, has_file_dialogs), actions),
            SettingsSection::S3 => s3_ui(ui, snapshot, (&mut form.s3, &mut form.keys), (&fields, actions)),
        });
        if let Some((section, problem)) = problem.as_ref().filter(|_| at_hand.is_none() || fields.untold().is_some())
            && problem_elsewhere(ui, section.label(), problem, true)
        {
            form.show(*section, problem.field);
        }
        let settings = form.to_settings(&snapshot.settings);
        let mut is_done = false;
        button_line(ui, |ui| {
            is_done |= Button::new("Cancel").show(ui).clicked();
            if next_step(ui, "Save", settings.is_ok())
                && let Ok(settings) = settings
            {
                actions.push(Action::Send(Command::UpdateSettings { settings: Box::new(settings) }));
                is_done = true;
            }
        });
        is_done
    });
    // Over the settings, which stay open below.
    if let Some(form_of_keys) = &mut form.keys {
        let before = actions.len();
        // The press that opens the keys brings the settings up as well where both fall into one frame.
        ui.ctx().set_sublayer(layer(SETTINGS), layer(keys::TITLE));
        if keys_ui(ui, form_of_keys, actions) {
            form.keys = None;
        }
        if let Some(Action::UseKeys { name, .. }) = actions.get(before) {
            form.s3.credentials.clone_from(name);
        }
        return false;
    }
    is_done
}

fn general(
    ui: &mut Ui,
    form: &mut SettingsForm,
    (fields, has_file_dialogs): (&Fields, bool),
    actions: &mut Vec<Action>,
) {
    let (_, chooses) = fields.path(ui, (OUTPUT_FOLDER, ""), &mut form.output_folder, has_file_dialogs);
    if chooses {
        actions.push(Action::Pick(PathPurpose::SettingsOutputFolder));
    }
    paragraph(ui, "Each stream gets a folder of its own in it.");
    ui.add_space(theme::SPACE[2]);
    field_label(ui, "Appearance");
    let appearances = [Appearance::System, Appearance::Light, Appearance::Dark];
    segmented(ui, &mut form.appearance, &appearances, |appearance| {
        let word = match appearance {
            Appearance::System => "As the system",
            Appearance::Light => "Light",
            Appearance::Dark => "Dark",
        };
        word.to_owned()
    });
    ui.add_space(theme::SPACE[2]);
    let name = field_label(ui, "Jobs side by side");
    segmented(ui, &mut form.automatic_jobs, &[true, false], |is_automatic| {
        if is_automatic { "As many as fit" } else { "By hand" }.to_owned()
    });
    if form.automatic_jobs {
        paragraph(
            ui,
            "One large job for each eight cores, with two small ones (480p at most, sound, copies) beside it.",
        );
    } else {
        jobs_by_hand(ui, form, &name);
    }
    ui.add_space(theme::SPACE[1]);
    check_box(ui, &mut form.goes_on_by_itself, "Go on with interrupted jobs at the start");
    ui.add_space(theme::SPACE[2]);
    check_box(ui, &mut form.has_working_hours, "Start jobs only in a part of the day");
    if form.has_working_hours {
        ui.columns(2, |columns| {
            fields.text(&mut columns[0], HOURS_FROM, &mut form.hours_from, "22:00");
            fields.text(&mut columns[1], HOURS_TO, &mut form.hours_to, "06:00");
        });
        paragraph(ui, "Jobs at work are finished also after it; “Start now” in a job’s menu starts it at any time.");
    }
}

fn jobs_by_hand(ui: &mut Ui, form: &mut SettingsForm, name: &egui::Response) {
    let number = DragValue::new(&mut form.running_jobs).range(1..=MOST_JOBS).speed(0.1);
    ui.scope(|ui| {
        let palette = theme::palette(ui);
        ui.visuals_mut().widgets.inactive.bg_stroke = egui::Stroke::new(1.0, palette.line);
        ui.visuals_mut().widgets.inactive.weak_bg_fill = palette.background;
        ui.add_sized([64.0, theme::ICON_HIT], number).labelled_by(name.id);
    });
    paragraph(ui, "One job already uses all cores; more help with many small files.");
}

/// What is done when the queue has nothing left to do.
fn when_done(ui: &mut Ui, form: &mut SettingsForm) {
    field_label(ui, "When the queue is done");
    check_box(ui, &mut form.when_done.notifies, "Show a notification");
    check_box(ui, &mut form.when_done.plays_sound, "Play a sound");
    ui.add_space(theme::SPACE[2]);
    text_field(ui, "Run a command", &mut form.done_command, "None");
    paragraph(ui, "The shell gets the numbers of jobs in REELPRESS_DONE and REELPRESS_FAILED.");
    ui.add_space(theme::SPACE[2]);
    field_label(ui, "The machine");
    segmented(ui, &mut form.when_done.power, &PowerAction::ALL, |action| wording::power_action(action).to_owned());
    paragraph(ui, "A minute before, the window says so, and “Keep it on” keeps the machine on.");
}

/// Where the files of new streams lie, and what that comes to.
fn layout(ui: &mut Ui, form: &mut SettingsForm, fields: &Fields) {
    field_label(ui, "Layout of a stream");
    segmented(ui, &mut form.layout, &LayoutKind::ALL, |kind| kind.label().to_owned());
    paragraph(ui, form.layout.explanation());
    ui.add_space(theme::SPACE[2]);
    fields.text(ui, TEMPLATE, &mut form.template, "As the layout says, or such as videos/{id}/hls");
    if let Ok(layout) = form.stream_layout() {
        let example = layout.example(form.example_job);
        paragraph(ui, &example.map_or_else(|error| error.to_string(), |path| format!("film.mp4 becomes {path}")));
    }
    ui.add_space(theme::SPACE[1]);
    paragraph(
        ui,
        "Each job needs a folder of its own, so a template has {id} or {name}. It may also have {preset}, {user} and {date:%Y/%m}; from the first part with {rung}, {width}, {height} or {codec} on, it names the folders of renditions.",
    );
}

fn ffmpeg(
    ui: &mut Ui,
    snapshot: &Snapshot,
    (form, has_file_dialogs): (&mut SettingsForm, bool),
    actions: &mut Vec<Action>,
) {
    let hint = "Found by itself";
    if path_field(ui, "ffmpeg", &mut form.ffmpeg, hint, has_file_dialogs).1 {
        actions.push(Action::Pick(PathPurpose::SettingsFfmpeg));
    }
    if path_field(ui, "ffprobe", &mut form.ffprobe, hint, has_file_dialogs).1 {
        actions.push(Action::Pick(PathPurpose::SettingsFfprobe));
    }
    ui.add_space(theme::SPACE[1]);
    ui.horizontal(|ui| {
        ui.label(wording::tool_status(&snapshot.tools));
        if Button::new("Check again").icon(icon::RETRY).show(ui).clicked() {
            actions.push(Action::Send(Command::CheckTools));
        }
    });
    match &snapshot.tools {
        crate::engine::ToolStatus::Ready { ffmpeg, ffprobe, .. } => {
            paragraph(ui, &format!("In use: {}\n{}", ffmpeg.display(), ffprobe.display()));
        }
        crate::engine::ToolStatus::Unusable { failure } => {
            paragraph(ui, &format!("{}. {}", failure.headline, failure.hint));
        }
        _ => {}
    }
}
