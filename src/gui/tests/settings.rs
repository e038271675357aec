//! The settings dialog.

use std::num::NonZeroU64;

use eframe::egui;
use egui_kittest::kittest::Queryable;

use super::{Window, states};
use crate::{
    engine::{Command, DestinationTest, Event},
    failure::{Failure, FailureKind},
    job::{Encryption, KeyRotation, Keys, LayoutKind, S3Location},
    pipeline::publish::CONNECTION_WORKS,
    settings::{Appearance, Settings},
};

fn saved(window: &Window) -> Settings {
    let asked = window.asked();
    let [Command::UpdateSettings { settings }] = asked.as_slice() else { panic!("{asked:?}") };
    (**settings).clone()
}

#[test]
fn what_is_typed_is_saved() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("Dark");
    window.press("As many as fit");
    window.press("S3 destination");
    window.type_into("Bucket", "other");
    window.type_into("Endpoint", "http://127.0.0.1:9000");
    window.press("In the path");
    window.press("Save");
    let settings = saved(&window);
    assert_eq!(settings.appearance, Appearance::Dark);
    assert!(settings.automatic_jobs);
    assert_eq!(settings.s3.to_string(), "s3://other/films");
    assert_eq!(settings.s3.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    assert_eq!(settings.s3.path_style, Some(true));
    assert!(!window.shows("Save"), "the dialog is closed");
}

#[test]
fn streams_for_buckets_need_not_stay_here() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("S3 destination");
    window.press("Files");
    window.press("Drop segments here once they are published");
    window.press("Save");
    let settings = saved(&window);
    assert!(settings.drop_published);
    let settings = Settings { publish_to_s3: true, ..settings };
    assert!(settings.destination().drops_published());
    assert!(!Settings { drop_published: false, ..settings }.destination().drops_published());
}

#[test]
fn wrong_settings_are_not_saved_and_say_why() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("S3 destination");
    window.type_into("Endpoint", "localhost");
    assert!(window.shows("The endpoint begins with http:// or https://"));
    window.press("Save");
    assert!(window.asked().is_empty());
    window.press("Cancel");
    assert!(window.asked().is_empty());
    assert!(!window.shows("Save"));
}

#[test]
fn a_layout_is_shown_with_what_it_comes_to_and_a_wrong_template_says_what_to_do() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("Layout");
    assert!(window.shows("film.mp4 becomes film/master.m3u8"));
    window.press("Processed");
    assert!(window.shows("film.mp4 becomes film_processed/hls/master.m3u8"));
    window.type_into("Template of the folder", "videos/hls");
    let says = "The template “videos/hls” has neither {id} nor {name}: jobs would overwrite each other's files. Put {id} or {name} into it";
    assert!(window.shows(says));
    window.press("Save");
    assert!(window.asked().is_empty());
    window.type_into("Template of the folder", "videos/{name}");
    assert!(window.shows("film.mp4 becomes videos/film/hls/master.m3u8"));
    window.press("Save");
    let layout = saved(&window).layout;
    assert_eq!(layout.kind, LayoutKind::Processed);
    assert_eq!(layout.template.map(|template| template.to_string()).as_deref(), Some("videos/{name}"));
}

/// Whether these words stand below a field, and above the next one.
fn is_below(window: &Window, words: &str, field: &str, next: &str) -> bool {
    let top = |role, label: &str| window.harness.get_by_role_and_label(role, label).rect().top();
    let words = window.harness.get_by_label_contains(words).rect();
    let [above, below] = [field, next].map(|label| top(egui::Role::TextInput, label));
    above < words.top() && words.bottom() < below
}

#[test]
fn new_streams_are_encrypted_when_the_keys_make_sense() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("Encryption");
    window.press("New keys");
    window.type_into("Key URI", "https://keys.example.org/{id}");
    let folder = std::env::temp_dir().join("keys");
    window.type_into("Folder of the keys", &folder.display().to_string());
    window.type_into("New key after", "10segments");
    assert!(is_below(&window, "Put {n} into the key URI", "Key URI", "Folder of the keys"));
    window.press("Save");
    assert!(window.asked().is_empty());
    window.press("General");
    assert!(window.shows_somewhere("Encryption: Key URI: "), "what is wrong in another part is told with its place");
    window.press("Show Encryption");
    let uri = "https://keys.example.org/{id}/{n}";
    window.type_into("Key URI", uri);
    window.press("Save");
    let settings = saved(&window);
    let rotation = NonZeroU64::new(10).map(KeyRotation::Segments);
    let wanted = Encryption { keys: Keys::Made { uri: uri.to_owned(), folder }, rotation };
    assert_eq!(settings.outputs.encryption, Some(wanted));
    window.happens(Event::SettingsChanged { settings: Box::new(settings) });
    assert!(window.shows("Outputs: Encrypted HLS"));
}

#[test]
fn a_destination_is_tested_before_it_is_saved() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("S3 destination");
    window.press("Test connection");
    let asked = window.asked();
    let [Command::TestDestination { places }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(places.iter().map(ToString::to_string).collect::<Vec<_>>(), ["s3://media-prod/films"]);
    window.happens(Event::DestinationTested { test: DestinationTest::Running });
    assert!(window.shows("Listing, writing, reading and deleting"));
    let test = DestinationTest::Failed { failure: states::access_denied() };
    window.happens(Event::DestinationTested { test });
    assert!(window.shows("Add s3:PutObject to the user’s policy"));
    window.happens(Event::DestinationTested { test: DestinationTest::Passed });
    assert!(window.shows(CONNECTION_WORKS));
    window.type_into("Endpoint", "https://store.example");
    assert!(!window.shows(CONNECTION_WORKS), "another place was not tested");
}

#[test]
fn further_buckets_are_reached_as_the_first_and_tested_with_it() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("S3 destination");
    window.type_into("Endpoint", "http://127.0.0.1:9000");
    window.type_into("Named keys", "films");
    window.press("Files");
    window.type_into("Also to", "s3://backup/films s3://cold?region=eu-west-1 s3://plain?");
    window.press("Bucket and keys");
    window.press("Test connection");
    let asked = window.asked();
    let [Command::TestDestination { places }] = asked.as_slice() else { panic!("{asked:?}") };
    let reached = |place: &S3Location| (place.to_string(), place.endpoint.clone(), place.credentials.clone());
    let same = |place: &str| (place.to_owned(), Some("http://127.0.0.1:9000".to_owned()), Some("films".to_owned()));
    let other = |place: &str| (place.to_owned(), None, None);
    let expected = [same("s3://media-prod/films"), same("s3://backup/films"), other("s3://cold"), other("s3://plain")];
    assert_eq!(places.iter().map(reached).collect::<Vec<_>>(), expected);
    window.press("Save");
    let settings = saved(&window);
    assert_eq!(settings.also_to, places[1..]);
    window.happens(Event::SettingsChanged { settings: Box::new(settings) });
    window.press("Settings…");
    window.press("S3 destination");
    window.press("Files");
    let also_to = window.harness.get_by_role_and_label(egui::Role::TextInput, "Also to");
    assert_eq!(also_to.value().as_deref(), Some("s3://backup/films s3://cold?region=eu-west-1 s3://plain?"));
}

#[test]
fn a_store_is_picked_and_its_policy_copied() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("S3 destination");
    window.press("Store: Amazon S3 or by endpoint");
    window.press("Wasabi");
    window.type_into("Region", "eu-west-2");
    window.press("Copy policy");
    assert!(window.shows("Policy copied"));
    window.press("Viewers");
    window.type_into("Public URL", "https://cdn.example");
    window.press("Look at streams as players would");
    window.press("Save");
    let s3 = saved(&window).s3;
    assert_eq!(s3.store, Some(crate::job::s3::Store::Wasabi));
    assert_eq!(s3.endpoint.as_deref(), Some("https://s3.eu-west-2.wasabisys.com"));
    assert_eq!(s3.public_url.as_deref(), Some("https://cdn.example"));
    assert!(s3.skip_public_check);
}

#[test]
fn the_appearance_follows_the_settings() {
    let mut window = Window::open(states::Story::begin().snapshot);
    for (appearance, is_dark) in [(Appearance::Dark, true), (Appearance::Light, false)] {
        let settings = Settings { appearance, ..Settings::default() };
        window.happens(Event::SettingsChanged { settings: Box::new(settings) });
        assert_eq!(window.harness.ctx.global_style().visuals.dark_mode, is_dark);
    }
}

#[test]
fn a_destination_has_all_that_the_flags_can_say() {
    let mut window = Window::open(states::Story::begin().snapshot);
    window.press("Settings…");
    window.press("S3 destination");
    window.press("Viewers");
    window.type_into("Presigned for", "8d");
    assert!(window.shows_somewhere("A presigned address holds for 7 days at most"));
    window.type_into("Presigned for", "12h");
    window.type_into("CloudFront distribution", "E2EXAMPLE1");
    assert!(window.shows("CloudFront needs the public URL, the address of the distribution"));
    window.type_into("Public URL", "https://cdn.example.org");
    window.press("Bucket and keys");
    window.type_into("Profile", "press");
    window.type_into("Named keys", "films");
    assert!(window.shows("Give a profile or keys of the keychain, not both"));
    window.press("Save");
    assert!(window.asked().is_empty());
    window.type_into("Profile", "");
    window.key(egui::Modifiers::NONE, egui::Key::Delete);
    window.press("Viewers");
    window.press("Replace streams of the same name");
    window.type_into("Old files stay", "30m");
    window.press("Files");
    window.type_into("Cache-Control", "max-age=60, public; playlists:no-cache");
    window.type_into("Tags", "project=films");
    window.type_into("Encrypted by the store", "kms:alias/films");
    window.type_into("ACL", "everyone");
    assert!(window.shows_somewhere("The canned ACLs are"));
    window.type_into("ACL", "public-read");
    window.press("Save");
    let address = saved(&window).s3.address();
    let flags = "s3://media-prod/films?credentials=films&server-side-encryption=kms%3Aalias%2Ffilms&acl=public-read&\
                 public-url=https%3A%2F%2Fcdn.example.org&replace-after=1800s&presign=43200s&cloudfront=E2EXAMPLE1&\
                 cache-control=all%3Amax-age%3D60%2C+public&cache-control=playlists%3Ano-cache&tag=all%3Aproject%3Dfilms";
    assert_eq!(address, flags);
}

#[test]
fn messages_are_read_and_dismissed_above_an_open_dialog() {
    let mut window = Window::sized(states::busy(), [900.0, 640.0]);
    window.press("Settings…");
    let failure = |hint: &str| Failure::new(FailureKind::Internal, "The disk is slow", hint);
    for hint in ["Wait", "Wait longer"] {
        window.happens(Event::Noticed { failure: failure(hint) });
    }
    let names = || window.harness.query_all_by_label("Dismiss: The disk is slow");
    assert_eq!(names().count(), 2, "messages of the same headline are told apart");
    let layers: Vec<_> =
        names().map(|button| window.harness.ctx.layer_id_at(button.rect().center()).unwrap().order).collect();
    let save = window.harness.get_by_label("Save").rect().center();
    let dialog = window.harness.ctx.layer_id_at(save).unwrap().order;
    assert!(layers.into_iter().all(|order| order > dialog));
    window.harness.query_all_by_label("Dismiss: The disk is slow").next().unwrap().click();
    window.draw();
    assert_eq!(window.harness.query_all_by_label("Dismiss: The disk is slow").count(), 1);
    assert!(window.shows("Save"), "the dialog stays");
}
