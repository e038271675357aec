//! Getting files into the queue.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::{Window, states};
use crate::{
    engine::{Command, Event},
    gui::theme,
    job::{Conversion, Destination, FileFormat, JobId, JobKind, JobSpec, StreamTreatment, VideoRate},
    preset::{Crf, StereoCodecs},
    settings::Settings,
};

#[derive(Debug)]
struct File(PathBuf);

impl egui::DroppedFile for File {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("not read in this test".to_owned())
    }
}

fn added(window: &Window) -> Vec<JobSpec> {
    let specs = window.asked().into_iter().map(|command| match command {
        Command::AddJobs { specs } => specs,
        other => panic!("{other:?} was asked"),
    });
    specs.flatten().collect()
}

fn drop_files(window: &mut Window, paths: &[&str]) {
    let files = paths.iter().map(|path| -> egui::DroppedFileHandle { Arc::new(File(PathBuf::from(path))) });
    window.harness.input_mut().dropped_files = files.collect();
    window.draw();
}

#[test]
fn dropped_files_become_jobs_with_the_chosen_preset_and_destination() {
    let mut window = Window::open(states::Story::begin().snapshot);
    drop_files(&mut window, &["/films/a.mp4", "/films/Müller – b.mov", "/films/folder"]);
    let specs = added(&window);
    let sources: Vec<_> = specs.iter().map(|spec| spec.source.to_str().unwrap()).collect();
    assert_eq!(sources, ["/films/a.mp4", "/films/Müller – b.mov", "/films/folder"]);
    assert!(
        specs.iter().all(|spec| spec.preset.id == "web-hls" && spec.destination.places()[0] == "s3://media-prod/films")
    );
}

#[test]
fn new_files_become_one_file_each_when_that_is_chosen() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Outputs: HLS");
    window.press("MP4 file");
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?} was asked") };
    window.happens(Event::SettingsChanged { settings: settings.clone() });
    window.key(Modifiers::NONE, Key::Escape);
    assert!(window.shows_somewhere("Each becomes one MP4 file, saved to"));

    window.press("Adjust new files…");
    window.press("Picture and sound: Encoded");
    window.type_into("Quality (CRF)", "28");
    window.press("Apply to new files");
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?} was asked") };
    window.happens(Event::SettingsChanged { settings: settings.clone() });
    drop_files(&mut window, &["/films/a.mov"]);
    let [spec] = &added(&window)[..] else { panic!("one job") };
    let wanted = Conversion {
        streams: StreamTreatment::Encode,
        video_rate: Crf::new(28).map(VideoRate::Quality),
        ..Conversion::to(FileFormat::Mp4)
    };
    assert_eq!(spec.kind, JobKind::File(Box::new(wanted)));
    assert_eq!(spec.destination, Destination::Folder("/home/anna/Videos/Reelpress".into()));

    window.press("Outputs: MP4 file");
    window.press("DASH");
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?} was asked") };
    assert!(settings.one_file.is_none() && settings.outputs.dash);
}

/// Presses an entry of the menu "Outputs", and the window gets the settings that were asked for.
fn choose_output(window: &mut Window, picker: &str, entry: &str) {
    window.press(picker);
    window.press(entry);
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?} was asked") };
    window.happens(Event::SettingsChanged { settings: settings.clone() });
    window.key(Modifiers::NONE, Key::Escape);
}

#[test]
fn new_files_become_thumbnails_alone_when_that_is_chosen() {
    let mut window = Window::open(states::Story::begin().snapshot);
    choose_output(&mut window, "Outputs: HLS", "Thumbnails only");
    choose_output(&mut window, "Outputs: Thumbnails", "Storyboard");
    assert!(window.shows_somewhere("Poster and thumbnails of each are published to"));
    drop_files(&mut window, &["/films/a.mov"]);
    let [spec] = &added(&window)[..] else { panic!("one job") };
    assert_eq!(spec.kind, JobKind::Pictures);
    assert!(spec.outputs.storyboard && !spec.outputs.dash);
    choose_output(&mut window, "Outputs: Thumbnails", "HLS stream");
    drop_files(&mut window, &["/films/a.mov"]);
    assert_eq!(added(&window)[0].kind, JobKind::Stream);
}

#[test]
fn the_codec_of_the_sound_of_new_streams_is_chosen_with_the_outputs() {
    let mut window = Window::open(states::Story::begin().snapshot);
    for (entry, stereo) in [
        ("Sound in Opus", StereoCodecs::Opus),
        ("Sound in AAC and Opus", StereoCodecs::AacAndOpus),
        ("Sound in AAC", StereoCodecs::Aac),
    ] {
        choose_output(&mut window, "Outputs: HLS", entry);
        drop_files(&mut window, &["/films/a.mov"]);
        let [spec] = &added(&window)[..] else { panic!("one job") };
        assert_eq!((&spec.kind, spec.preset.stereo), (&JobKind::Stream, stereo));
    }
}

#[test]
fn files_dropped_over_several_frames_are_all_taken() {
    let mut window = Window::open(states::Story::begin().snapshot);
    for path in ["/films/a.mp4", "/films/b.mp4", "/films/c.mp4"] {
        drop_files(&mut window, &[path]);
    }
    assert_eq!(added(&window).len(), 3);
}

#[test]
fn the_overlay_says_what_will_happen() {
    let mut window = Window::open(states::busy());
    let hovered = |path: &str| egui::HoveredFile { path: Some(path.into()), ..egui::HoveredFile::default() };
    window.harness.input_mut().hovered_files = ["/a.mp4", "/b.mp4", "/c.mp4", "/d.mp4"].map(hovered).to_vec();
    window.harness.step();
    window.harness.step();
    assert!(window.shows("Add 4 items as Web HLS to s3://media-prod/films"));
    window.harness.input_mut().hovered_files.clear();
    window.draw();
    assert!(!window.shows_somewhere("Add 4 items"));
}

#[test]
fn a_pasted_path_becomes_a_job_and_other_text_does_not() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.paste("/films/pasted.mp4");
    assert_eq!(added(&window)[0].source, Path::new("/films/pasted.mp4"));
    window.paste("just words");
    assert!(added(&window).is_empty());
    assert!(window.shows("The clipboard holds no path of a file"));
}

#[test]
fn without_a_dialog_service_a_path_can_be_typed() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.harness.state_mut().set_file_dialogs(false);
    window.key(Modifiers::COMMAND, Key::O);
    window.harness.get_by_label("Path of a video file").type_text("films/relative.mp4");
    window.draw();
    window.press("Add");
    assert!(window.shows_somewhere("This is not a full path"));
    assert!(added(&window).is_empty());
    window.key(Modifiers::COMMAND, Key::A);
    window.harness.get_by_label("Path of a video file").type_text("/films/typed.mp4");
    window.draw();
    window.press("Add");
    assert_eq!(added(&window)[0].source, Path::new("/films/typed.mp4"));
    assert!(!window.shows("Path of a video file"), "the dialog is closed");
}

#[test]
fn the_output_folder_is_typed_from_the_one_that_is_set() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.harness.state_mut().set_file_dialogs(false);
    window.press("Destination: s3://media-prod/films");
    window.press("Change folder…");
    let field = |window: &Window| {
        let field = window.harness.get_by_role_and_label(egui::Role::TextInput, "Path of a folder");
        field.value().unwrap_or_default()
    };
    assert_eq!(field(&window), "/home/anna/Videos/Reelpress");
    assert!(window.shows_somewhere("is made when the first job writes there"));
    window.type_into("Path of a folder", " ");
    assert!(window.shows("Give a full path"));
    window.press("Choose");
    window.key(Modifiers::NONE, Key::Enter);
    assert!(window.asked().is_empty() && window.shows("Path of a folder"));
    window.type_into("Path of a folder", "/mnt/films");
    assert!(!window.shows("Give a full path"));
    window.press("Choose");
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(settings.output_folder, Path::new("/mnt/films"));
}

#[test]
fn the_sample_clip_is_unpacked_and_added() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Try the sample clip");
    let begun = Instant::now();
    let specs = loop {
        window.draw();
        let specs = added(&window);
        if !specs.is_empty() {
            break specs;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the sample clip was not added");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(specs[0].source.starts_with(window.home.path()));
    assert!(std::fs::metadata(&specs[0].source).unwrap().len() > 100_000);
}

#[test]
fn nothing_is_added_for_a_bucket_that_no_job_can_reach() {
    let mut snapshot = states::Story::begin().snapshot;
    let mut settings = (*snapshot.settings).clone();
    settings.s3.endpoint = Some("https://store.example/?key=SECRET".to_owned());
    snapshot.apply(&Event::SettingsChanged { settings: Box::new(settings) });
    let mut window = Window::open(snapshot);
    drop_files(&mut window, &["/films/a.mp4", "/films/b.mp4"]);
    assert!(window.asked().is_empty());
    assert!(window.shows_somewhere("Nothing was added: destination: endpoint"));
    assert!(!window.shows_somewhere("SECRET"));
}

#[test]
fn several_outputs_are_picked_in_one_go() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Outputs: HLS");
    for (name, summary) in [("DASH", "HLS, DASH"), ("MP4 of each rendition", "HLS, DASH, MP4 of each rendition")] {
        window.press(name);
        let asked = window.asked();
        let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!(settings.outputs.summary(), summary);
        window.happens(Event::SettingsChanged { settings: settings.clone() });
    }
    window.key(Modifiers::NONE, Key::Escape);
    assert!(window.shows("Outputs: HLS + 2"));
    drop_files(&mut window, &["/films/a.mp4"]);
    assert_eq!(added(&window)[0].outputs.summary(), "HLS, DASH, MP4 of each rendition");
}

#[test]
fn the_preset_is_picked_from_the_toolbar() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Preset: Web HLS");
    window.press("Quick");
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(settings.preset, "quick");
    window.happens(Event::SettingsChanged { settings: settings.clone() });
    assert!(window.shows("Preset: Quick"));
    drop_files(&mut window, &["/films/a.mp4"]);
    assert_eq!(added(&window)[0].preset.id, "quick");
}

#[test]
fn the_destination_is_picked_from_the_toolbar() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Destination: s3://media-prod/films");
    window.press("/home/anna/Videos/Reelpress");
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(!settings.publish_to_s3);
    window.happens(Event::SettingsChanged { settings: settings.clone() });
    drop_files(&mut window, &["/films/a.mp4"]);
    assert!(matches!(added(&window)[0].destination, Destination::Folder(_)));
}

#[test]
fn a_preset_that_is_gone_falls_back_to_the_default() {
    let mut story = states::Story::begin();
    let settings = Settings { preset: "of a later version".to_owned(), ..Settings::default() };
    story.tell(&Event::SettingsChanged { settings: Box::new(settings) });
    let mut window = Window::open(story.snapshot);
    drop_files(&mut window, &["/films/a.mp4"]);
    assert_eq!(added(&window)[0].preset.id, "web-hls");
}

/// The row of this name, where it is laid out, lies in the list above all messages.
fn is_in_sight(window: &Window, name: &str) -> bool {
    let label = format!("{name}, ");
    let Some(row) = window.harness.query_by_label_contains(&label) else { return false };
    let list = window.harness.get_by_role_and_label(egui::Role::TextInput, "Search the queue").rect().bottom();
    let messages = window.harness.query_all_by_label_contains("Dismiss: ").map(|button| button.rect().top());
    let bottom = messages.fold(window.harness.ctx.content_rect().bottom() - theme::STATUS_HEIGHT, f32::min);
    row.rect().top() >= list && row.rect().bottom() <= bottom
}

#[test]
fn what_is_added_to_a_long_list_is_selected_and_seen_there() {
    let mut window = Window::open(states::many(300));
    let comes = |window: &mut Window, names: &[&str]| -> Vec<JobId> {
        assert!(matches!(window.asked().as_slice(), [Command::AddJobs { .. }]));
        let ids: Vec<JobId> = names.iter().map(|_| JobId::generate()).collect();
        for (id, name) in ids.iter().zip(names) {
            let spec = states::spec(name, window.harness.state().snapshot().settings.destination());
            let at = jiff::Timestamp::UNIX_EPOCH;
            window.dispatcher.emit(Event::JobAdded { id: *id, spec: Box::new(spec), at });
        }
        window.draw();
        ids
    };
    let selected = |window: &mut Window| {
        window.key(Modifiers::NONE, Key::Delete);
        window.asked()
    };
    drop_files(&mut window, &["/films/dropped.mp4"]);
    let ids = comes(&mut window, &["dropped.mp4"]);
    assert!(is_in_sight(&window, "dropped.mp4"));
    assert_eq!(selected(&mut window), [Command::Remove { id: ids[0] }]);

    window.key(Modifiers::NONE, Key::Home);
    assert!(!is_in_sight(&window, "dropped.mp4"));
    window.happens(Event::FilesOpened { files: vec!["/films/opened.mp4".into(), "/films/more.mp4".into()] });
    let ids = comes(&mut window, &["opened.mp4", "more.mp4"]);
    assert!(window.shows("2 jobs added"));
    assert!(is_in_sight(&window, "opened.mp4"));
    assert_eq!(selected(&mut window), [Command::Remove { id: ids[0] }]);
}
