//! Codecs, quality and encoder in place of what the preset says, for new files and for jobs.

use std::time::Duration;

use egui_kittest::kittest::Queryable;

use super::{Window, states};
use crate::{
    engine::{Command, Event},
    job::{JobSpec, Trim},
    preset::{
        Crf, EncoderChoice, EncoderSpeed, HardwareFamily, HdrTreatment, InterlacedOutput, OnDamage, PresetChanges,
        RateControl, RateControlMode, SurroundChoice, SurroundCodec, VideoCodec, find_preset,
    },
    settings::Settings,
};

/// Chooses `choice` in the field that now reads `field`.
fn choose(window: &mut Window, field: &str, choice: &str) {
    window.press(field);
    window.press(choice);
}

fn saved(window: &mut Window) -> Settings {
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?}") };
    window.happens(Event::SettingsChanged { settings: settings.clone() });
    (**settings).clone()
}

fn everything() -> PresetChanges {
    PresetChanges {
        speed: Some(EncoderSpeed::Slow),
        codecs: vec![VideoCodec::H264, VideoCodec::Hevc],
        rate_control: Some(RateControlMode::CappedCrf),
        crf: Crf::new(19),
        encoder: Some(EncoderChoice::Hardware(HardwareFamily::VaApi)),
        hdr: Some(HdrTreatment::Keep),
        surround: Some(SurroundChoice::In(SurroundCodec::Eac3)),
        on_damage: Some(OnDamage::Fail),
        interlaced: Some(InterlacedOutput::Fields),
        ..PresetChanges::default()
    }
}

#[test]
fn new_files_are_encoded_as_was_chosen_and_the_choice_is_saved() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Adjust new files…");
    window.press("HEVC");
    choose(&mut window, "Rate control: As the preset: Average bit rate", "Constant quality, capped");
    window.type_into("CRF", "19");
    choose(&mut window, "Speed: As the preset: Medium", "Slow");
    choose(&mut window, "Encoder: As the preset: Software", "VA-API");
    choose(&mut window, "HDR: As the preset: Tone-mapped", "Kept in HEVC");
    choose(&mut window, "Interlaced video: As the preset: 25 or 30 frames a second", "50 or 60 frames a second");
    choose(&mut window, "5.1 sound: As the preset: None", "E-AC-3");
    choose(&mut window, "Damaged source: As the preset: Done with a warning", "The job fails");
    window.press("Apply to new files");
    assert_eq!(saved(&mut window).preset_changes, everything());
    assert!(window.shows("Adjust new files… (8)"), "that something differs is to be seen");

    window.paste("/films/a.mp4");
    let asked = window.asked();
    let [Command::AddJobs { specs }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(Ok(specs[0].preset.clone()), everything().apply(&find_preset("web-hls").unwrap()));

    window.press("Adjust new files… (8)");
    assert!(window.shows("Speed: Slow"), "the choice is still there");
    window.press("HEVC");
    window.press("Reset");
    window.press("Apply to new files");
    assert!(saved(&mut window).preset_changes.is_empty());
    assert!(window.shows("Adjust new files…"));
}

#[test]
fn what_can_not_be_had_together_is_told_and_not_applied() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Adjust new files…");
    window.press("AV1");
    choose(&mut window, "Rate control: As the preset: Average bit rate", "Two passes");
    let words = "Two passes can't be had with AV1: with ffmpeg 5.1, SVT-AV1 keeps no notes of a first pass. Choose another \
                 rate control, or one of the codecs H.264, HEVC and VP9";
    assert!(window.shows(words));
    window.press("Apply to new files");
    assert!(window.asked().is_empty());
    choose(&mut window, "Rate control: Two passes", "Constant quality");
    window.type_into("CRF", "60");
    assert!(window.shows("Give a number from 1 (nearly lossless) to 51"));
    window.press("Apply to new files");
    assert!(window.asked().is_empty());
}

#[test]
fn a_waiting_job_gets_another_quality_and_its_details_tell() {
    let mut story = states::Story::begin();
    let id = story.add("film.mp4");
    let mut window = Window::open(story.snapshot);
    window.press("Change settings…");
    window.press("Quick");
    window.press("Video and sound");
    assert!(window.shows("Rate control: As the preset: CRF 22"));
    window.type_into("CRF", "18");
    window.press("Apply");
    let asked = window.asked();
    let [Command::ChangeJob { id: changed, spec }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((*changed, spec.preset.id.as_str()), (id, "quick"));
    assert_eq!(spec.preset.video.rate_control, RateControl::CappedCrf { crf: Crf::new(18).unwrap() });
    window.happens(Event::JobChanged { id, spec: spec.clone() });
    window.harness.get_by_label("Rate control: Constant quality, capped, CRF 18");
}

#[test]
fn the_length_of_the_source_is_shown_and_a_time_beyond_it_is_told() {
    let mut story = states::Story::begin();
    let id = story.add("film.mp4");
    story.probed(id, states::source((640, 360), (25, 1), 42, 1_000_000));
    let mut window = Window::open(story.snapshot);
    window.press("Change settings…");
    window.press("Time");
    assert!(window.shows_somewhere("The source is 00:00:42 long"));
    window.type_into("Start", "50");
    assert!(window.shows("The start must come before the end of the source at 00:00:42"));
    window.press("Apply");
    assert!(window.asked().is_empty());
    window.type_into("Start", "10");
    window.type_into("End", "1:00");
    assert!(window.shows("The source ends before, at 00:00:42: it is kept to its end"));
    window.press("Apply");
    let asked = window.asked();
    let [Command::ChangeJob { spec, .. }] = asked.as_slice() else { panic!("{asked:?}") };
    let kept = Trim { start: Some(Duration::from_secs(10)), end: Some(Duration::from_secs(60)) };
    assert_eq!(spec.operations.trim, kept);
}

#[test]
fn one_file_each_knows_no_preset() {
    let mut story = states::Story::begin();
    let settings = Settings {
        one_file: Some(crate::job::Conversion::to(crate::job::FileFormat::Mkv)),
        preset_changes: everything(),
        ..(*story.snapshot.settings).clone()
    };
    story.tell(&Event::SettingsChanged { settings: Box::new(settings) });
    let mut window = Window::open(story.snapshot);
    window.press("Adjust new files…");
    assert!(window.shows("Format") && !window.shows("Video and sound"));
    window.press("Cancel");
    window.paste("/films/a.mp4");
    let asked = window.asked();
    let [Command::AddJobs { specs }] = asked.as_slice() else { panic!("{asked:?}") };
    let JobSpec { preset, .. } = &specs[0];
    assert_eq!(preset.encoder_speed, EncoderSpeed::Medium);
}
