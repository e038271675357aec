//! What the panel of a job tells.

use std::path::PathBuf;

use egui_kittest::kittest::Queryable;

use super::{Window, states};
use crate::{
    engine::Event,
    job::{Destination, FileReport},
    pipeline::plan::RenditionSummary,
};

#[test]
fn warnings_are_copied_whole() {
    let mut story = states::Story::begin();
    let id = story.add("film.mp4");
    story.started(id);
    story.finished(id, states::report(1000, 4, &["Viewers may not read it: set the policy {}", "Another"]));
    let mut window = Window::open(story.snapshot);
    window.harness.get_by_label("Copy warnings").click();
    let mut copied = Vec::new();
    for _ in 0..4 {
        window.harness.step();
        copied.extend(window.harness.output().platform_output.commands.iter().cloned());
    }
    let text = "Viewers may not read it: set the policy {}\nAnother".to_owned();
    assert!(copied.contains(&eframe::egui::OutputCommand::CopyText(text)), "{copied:?}");
}

#[test]
fn the_destination_is_the_folder_that_the_stream_got() {
    let mut story = states::Story::begin();
    let id = story.add("film.mp4");
    let folder = Destination::Folder(PathBuf::from("/streams"));
    story.tell(&Event::JobChanged { id, spec: Box::new(states::spec("film.mp4", folder)) });
    story.started(id);
    let mut report = states::report(1000, 4, &[]);
    (report.folder, report.urls) = (Some(PathBuf::from("/streams/film-2")), Vec::new());
    story.finished(id, report);
    Window::open(story.snapshot).harness.get_by_label("Destination: /streams/film-2");
}

#[test]
fn files_are_in_the_order_of_their_names() {
    let mut story = states::Story::begin();
    let id = story.add("film.mp4");
    story.started(id);
    let files = ["b/2.m4s", "a/1.m4s", "c"].map(|path| FileReport { path: path.to_owned(), bytes: 1200 });
    story.tell(&Event::FilesFinished { id, files: files.to_vec() });
    let mut window = Window::open(story.snapshot);
    window.press("Files");
    let top = |path: &str| window.harness.get_by_label(&format!("{path}, 1.2 kB")).rect().top();
    assert!(top("a/1.m4s") < top("b/2.m4s") && top("b/2.m4s") < top("c"));
}

#[test]
fn all_of_the_panel_is_reached_in_a_low_window() {
    let mut story = states::Story::begin();
    let id = story.add("film.mp4");
    story.started(id);
    story.finished(id, states::report(1000, 4, &["One", "Two"]));
    let mut window = Window::sized(story.snapshot, [1280.0, 500.0]);
    let bottom = |window: &Window| window.harness.get_by_label("Encode again…").rect().bottom();
    assert!(bottom(&window) > 500.0, "it does not fit");
    let over = window.harness.get_by_label("Picture of film.mp4").rect().center();
    window.harness.event(eframe::egui::Event::PointerMoved(over));
    window.harness.event(eframe::egui::Event::MouseWheel {
        unit: eframe::egui::MouseWheelUnit::Page,
        delta: eframe::egui::vec2(0.0, -5.0),
        phase: eframe::egui::TouchPhase::Move,
        source: eframe::egui::MouseWheelSource::Wheel,
        modifiers: eframe::egui::Modifiers::NONE,
    });
    window.harness.run_steps(40);
    assert!(bottom(&window) <= 500.0 - crate::gui::theme::STATUS_HEIGHT, "{}", bottom(&window));
}

#[test]
fn the_table_tells_the_language_of_the_default_sound_and_the_subtitles() {
    let mut story = states::Story::begin();
    let id = story.add("film.mp4");
    let mut source = states::source((1920, 1080), (25, 1), 60, 40_000_000);
    source.audio[0].language = Some("eng".to_owned());
    story.probed(id, source);
    story.started(id);
    let mut plan = (**story.snapshot.job(id).unwrap().plan.as_ref().unwrap()).clone();
    let german = RenditionSummary { name: "audio-de".to_owned(), ..plan.renditions.last().unwrap().clone() };
    plan.renditions.push(german);
    plan.subtitles = ["subtitles-en", "subtitles-und-2"].map(str::to_owned).to_vec();
    story.tell(&Event::JobPlanned { id, plan: Box::new(plan) });
    let window = Window::open(story.snapshot.clone());
    for row in ["Sound en, AAC, 128", "Sound de, AAC, 128"] {
        assert!(window.shows_somewhere(row), "{row}");
    }
    let subtitles = |window: &Window| window.shows("Subtitles en, WebVTT") && window.shows("Subtitles 2, WebVTT");
    assert!(subtitles(&window));
    story.finished(id, states::report(1000, 4, &[]));
    assert!(subtitles(&Window::open(story.snapshot)));
}
