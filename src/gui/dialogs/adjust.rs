//! What is done to a source before it is encoded; for a job of the queue its preset and outputs too.

use eframe::egui::{self, DragValue, Ui};

pub use super::adjust_form::{AdjustForm, AdjustTarget};
use super::{
    adjust_form::{AdjustSection, CropChoice, Misplaced, labels},
    button_line,
    conversion_form::conversion_ui,
    fields::{Fields, problem_elsewhere},
    filled_in_dialog, next_step, paragraph,
    quality_form::quality_ui,
    scrolled,
    trim_form::trim_ui,
};
use crate::{
    engine::{Command, Snapshot},
    format,
    gui::{
        action::Action,
        file_dialog::PathPurpose,
        theme,
        widgets::{Button, check_box, field_label, named_segmented, radio, segmented},
    },
    job::{Deinterlace, Flip, JobState, OutputKind, Strength, Turn, Watermark, WatermarkPosition},
};

const BODY_HEIGHT: f32 = 520.0;

/// Shows the form; true when it was applied or left.
pub fn adjust_ui(
    ui: &Ui,
    snapshot: &Snapshot,
    (form, has_file_dialogs): (&mut AdjustForm, bool),
    actions: &mut Vec<Action>,
) -> bool {
    follow(form, snapshot);
    let title = match &form.target {
        AdjustTarget::NewFiles => "Adjust new files".to_owned(),
        AdjustTarget::Job { spec, .. } => format!("Settings of {}", spec.source_name()),
        AdjustTarget::Again { spec } => format!("Encode {} again", spec.source_name()),
    };
    let told = form.too_late.map(str::to_owned).or_else(|| loss(&form.target));
    let room = ui.ctx().content_rect().height() - if told.is_some() { 280.0 } else { 240.0 };
    filled_in_dialog(ui, (&title, 640.0), |ui| {
        let sections = form.sections();
        segmented(ui, &mut form.section, sections, |section| section.label().to_owned());
        ui.add_space(theme::SPACE[1]);
        let height = BODY_HEIGHT.min(room);
        let problem = asked(form).err();
        let at_hand = problem.as_ref().filter(|(section, _)| *section == form.section);
        let fields = Fields::of(at_hand.map(|(_, problem)| problem));
        scrolled(ui, (form.section.label(), height), |ui| match form.section {
            AdjustSection::Preset => preset(ui, form),
            AdjustSection::Quality => quality(ui, form, &fields),
            AdjustSection::File => {
                if let Some(conversion) = &mut form.conversion {
                    conversion_ui(ui, conversion, &fields);
                }
            }
            AdjustSection::Time => time(ui, form, &fields),
            AdjustSection::Picture => picture(ui, form, &fields),
            AdjustSection::Watermark => watermark(ui, form, (&fields, has_file_dialogs), actions),
            AdjustSection::SoundAndSize => sound_and_size(ui, form, &fields),
        });
        if let Some((section, problem)) = problem.as_ref().filter(|_| at_hand.is_none() || fields.untold().is_some())
            && problem_elsewhere(ui, section.label(), problem, at_hand.is_none())
        {
            form.section = *section;
        }
        if let Some(told) = &told {
            paragraph(ui, told);
        }
        buttons(ui, form, actions)
    })
}

/// Where a job can no longer be changed, what was chosen becomes a new one.
fn follow(form: &mut AdjustForm, snapshot: &Snapshot) {
    let AdjustTarget::Job { id, spec, .. } = &form.target else { return };
    let too_late = match snapshot.job(*id).map(|job| &job.state) {
        Some(JobState::Running { .. }) => {
            "The job has begun with its old settings. With these it is encoded once more, as a new job."
        }
        Some(JobState::Done { .. }) => {
            "The job is done, with its old settings. With these it is encoded once more, as a new job."
        }
        Some(JobState::Waiting | JobState::Interrupted { .. } | JobState::Failed { .. } | JobState::Cancelled) => {
            return;
        }
        None => "The job is off the list. With these settings it is added again, as a new job.",
    };
    form.too_late = Some(too_late);
    form.target = AdjustTarget::Again { spec: spec.clone() };
}

/// What other settings cost.
fn loss(target: &AdjustTarget) -> Option<String> {
    let AdjustTarget::Job { encoded: Some(encoded), .. } = target else { return None };
    Some(format!("{} of it is encoded, and is encoded again with other settings.", format::clock(*encoded)))
}

/// What the form asks for.
fn asked(form: &AdjustForm) -> Result<Vec<Action>, Misplaced> {
    match &form.target {
        AdjustTarget::NewFiles => for_new_files(form),
        AdjustTarget::Job { id, spec, .. } => {
            let spec = Box::new(form.spec(spec)?);
            Ok(vec![Action::Send(Command::ChangeJob { id: *id, spec })])
        }
        AdjustTarget::Again { spec } => Ok(vec![Action::Send(Command::AddJobs { specs: vec![form.spec(spec)?] })]),
    }
}

fn buttons(ui: &mut Ui, form: &mut AdjustForm, actions: &mut Vec<Action>) -> bool {
    let verb = match &form.target {
        AdjustTarget::NewFiles => "Apply to new files",
        AdjustTarget::Job { .. } => "Apply",
        AdjustTarget::Again { .. } => "Add to the queue",
    };
    let asked = asked(form);
    let mut is_done = false;
    button_line(ui, |ui| {
        if Button::plain("Reset").show(ui).on_hover_text("No adjustments").clicked() {
            form.reset();
        }
        is_done |= Button::new("Cancel").show(ui).clicked();
        if next_step(ui, verb, asked.is_ok())
            && let Ok(asked) = asked
        {
            actions.extend(asked);
            is_done = true;
        }
    });
    is_done
}

fn for_new_files(form: &AdjustForm) -> Result<Vec<Action>, Misplaced> {
    let operations = Action::AdjustNewFiles(Box::new(form.operations()?));
    let conversion = form.conversion()?.map(|conversion| Action::MakeOneFile(Some(Box::new(conversion))));
    let changes = form.changes()?.map(|changes| Action::ChangePreset(Box::new(changes)));
    Ok(std::iter::once(operations).chain(conversion).chain(changes).collect())
}

fn quality(ui: &mut Ui, form: &mut AdjustForm, fields: &Fields) {
    if let Some(preset) = form.presets.get(form.preset) {
        quality_ui(ui, &mut form.quality, preset, fields);
    }
}

fn preset(ui: &mut Ui, form: &mut AdjustForm) {
    field_label(ui, "Preset");
    for (index, preset) in form.presets.iter().enumerate() {
        let response = radio(ui, form.preset == index, &preset.name).on_hover_text(preset.summary());
        if response.clicked() {
            form.preset = index;
        }
    }
    ui.add_space(theme::SPACE[2]);
    field_label(ui, "Made beside HLS");
    for kind in OutputKind::ALL {
        let mut is_made = form.outputs.includes(kind);
        if check_box(ui, &mut is_made, kind.label()).on_hover_text(kind.explanation()).changed() {
            form.outputs.set(kind, is_made);
        }
    }
}

fn time(ui: &mut Ui, form: &mut AdjustForm, fields: &Fields) {
    trim_ui(ui, &mut form.trim, fields);
    ui.add_space(theme::SPACE[2]);
    ui.columns(2, |columns| {
        fields.text(&mut columns[0], labels::FADE_IN, &mut form.fade_in, "None, or seconds such as 1.5");
        fields.text(&mut columns[1], labels::FADE_OUT, &mut form.fade_out, "None, or seconds such as 1.5");
    });
    paragraph(ui, "Picture and sound fade from black and to black.");
}

fn picture(ui: &mut Ui, form: &mut AdjustForm, fields: &Fields) {
    let crops = [CropChoice::Nothing, CropChoice::BlackBars, CropChoice::Area];
    named_segmented(ui, "Crop", &mut form.crop, &crops, |choice| {
        let word = match choice {
            CropChoice::Nothing => "Nothing",
            CropChoice::BlackBars => "Black bars",
            CropChoice::Area => "To an area",
        };
        word.to_owned()
    });
    if form.crop == CropChoice::Area {
        ui.columns(4, |columns| {
            for ((column, field), label) in columns.iter_mut().zip(&mut form.area).zip(labels::AREA) {
                fields.text(column, label, field, "Pixels");
            }
        });
    }
    ui.add_space(theme::SPACE[1]);
    named_segmented(
        ui,
        "Rotate",
        &mut form.turn,
        &[None, Some(Turn::Clockwise), Some(Turn::Half), Some(Turn::CounterClockwise)],
        |turn| turn.map_or("None".to_owned(), |turn| format!("{}°", turn.degrees())),
    );
    ui.add_space(theme::SPACE[1]);
    named_segmented(ui, "Flip", &mut form.flip, &[None, Some(Flip::Horizontal), Some(Flip::Vertical)], |flip| {
        flip.map_or("None", Flip::label).to_owned()
    });
    let deinterlace = [Deinterlace::Automatic, Deinterlace::Always, Deinterlace::Never];
    ui.add_space(theme::SPACE[1]);
    named_segmented(ui, "Deinterlace", &mut form.deinterlace, &deinterlace, |when| {
        let word = match when {
            Deinterlace::Automatic => "As the file says",
            Deinterlace::Always => "Always",
            Deinterlace::Never => "Never",
        };
        word.to_owned()
    });
    let strengths = [None, Some(Strength::Light), Some(Strength::Medium), Some(Strength::Strong)];
    let word = |strength: Option<Strength>| strength.map_or("Off", Strength::label).to_owned();
    ui.add_space(theme::SPACE[1]);
    named_segmented(ui, "Remove noise", &mut form.denoise, &strengths, word);
    ui.add_space(theme::SPACE[1]);
    named_segmented(ui, "Sharpen", &mut form.sharpen, &strengths, word);
    ui.add_space(theme::SPACE[1]);
    fields.text(ui, labels::BACKGROUND, &mut form.background, "Black, or a name or #rrggbb");
    // A file has a field of its own for this.
    if form.conversion.is_none() {
        ui.add_space(theme::SPACE[1]);
        fields.text(ui, labels::SHORT_SIDE, &mut form.short_side, "As in the source");
    }
}

fn watermark(
    ui: &mut Ui,
    form: &mut AdjustForm,
    (fields, has_file_dialogs): (&Fields, bool),
    actions: &mut Vec<Action>,
) {
    let hint = "None; a PNG with transparency looks best";
    if fields.path(ui, (labels::IMAGE, hint), &mut form.image, has_file_dialogs).1 {
        actions.push(Action::Pick(PathPurpose::Watermark));
    }
    ui.add_space(theme::SPACE[1]);
    named_segmented(ui, "Place", &mut form.position, &WatermarkPosition::ALL, |position| position.label().to_owned());
    ui.add_space(theme::SPACE[1]);
    ui.columns(3, |columns| {
        let [width, margin, opacity] = columns else { return };
        percent(width, "Width", &mut form.width_percent, Watermark::WIDTHS_PERCENT);
        percent(margin, "Margin", &mut form.margin_percent, Watermark::MARGINS_PERCENT);
        percent(opacity, "Opacity", &mut form.opacity_percent, Watermark::OPACITIES_PERCENT);
    });
    ui.add_space(theme::SPACE[1]);
    ui.columns(2, |columns| {
        fields.text(&mut columns[0], labels::APPEARS, &mut form.appears, "At the beginning");
        fields.text(&mut columns[1], labels::GOES, &mut form.goes, "At the end");
    });
}

fn percent(ui: &mut Ui, name: &str, value: &mut f64, range: std::ops::RangeInclusive<f64>) {
    let label = field_label(ui, name);
    let palette = theme::palette(ui);
    ui.visuals_mut().widgets.inactive.bg_stroke = egui::Stroke::new(1.0, palette.line);
    ui.visuals_mut().widgets.inactive.weak_bg_fill = palette.background;
    let field = DragValue::new(value).range(range).suffix(" %").speed(0.2).max_decimals(1);
    ui.add_sized([88.0, theme::ICON_HIT], field).labelled_by(label.id);
}

fn sound_and_size(ui: &mut Ui, form: &mut AdjustForm, fields: &Fields) {
    check_box(ui, &mut form.has_loudness, "Bring the sound to a loudness");
    ui.add_enabled_ui(form.has_loudness, |ui| {
        fields.text(ui, labels::LOUDNESS, &mut form.loudness, "-23");
    });
    paragraph(ui, "Measured first, then matched (EBU R 128): −23 for television, −16 or −14 on the web.");
    ui.add_space(theme::SPACE[2]);
    fields.text(ui, labels::TARGET_SIZE, &mut form.target_size, "As the preset gives");
    paragraph(ui, "All renditions and the sound together, such as 25M or 1.5G; bit rates follow from it.");
}
