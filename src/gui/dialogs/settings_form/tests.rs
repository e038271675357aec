//! The settings as text, and back.

use super::*;
use crate::{
    job::{Conversion, FileFormat, S3Location, s3::Store},
    preset::{EncoderSpeed, PresetChanges},
};

fn settings() -> Settings {
    Settings {
        output_folder: std::env::temp_dir().join("out"),
        s3: S3Location {
            bucket: "media".to_owned(),
            prefix: "films/2026".to_owned(),
            endpoint: Some("http://127.0.0.1:9000".to_owned()),
            region: Some("eu-central-1".to_owned()),
            profile: Some("press".to_owned()),
            path_style: Some(false),
            store: Some(Store::Minio),
            replace_after: Some(std::time::Duration::from_secs(60)),
            most_bytes_per_second: Some(1_500_000),
            ..S3Location::default()
        },
        also_to: vec![S3Location {
            bucket: "backup".to_owned(),
            profile: Some("backup".to_owned()),
            ..S3Location::default()
        }],
        drop_published: true,
        publish_to_s3: true,
        preset: "quick".to_owned(),
        preset_changes: PresetChanges { speed: Some(EncoderSpeed::Slow), ..PresetChanges::default() },
        outputs: Outputs { dash: true, ..Outputs::default() },
        one_file: Some(Conversion::to(FileFormat::Mkv)),
        pictures_alone: true,
        layout: StreamLayout {
            kind: LayoutKind::Processed,
            template: Some("videos/{id}".parse().expect("a template")),
        },
        running_jobs: 3,
        automatic_jobs: true,
        working_hours: Some(FIRST_HOURS),
        appearance: Appearance::Dark,
        goes_on_by_itself: false,
        when_done: WhenDone { command: Some("true".to_owned()), plays_sound: true, ..WhenDone::default() },
        ffmpeg: Some(PathBuf::from("/opt/ffmpeg")),
        ffprobe: None,
    }
}

#[test]
fn an_untouched_form_changes_nothing() {
    let settings = settings();
    let form = SettingsForm::new(&settings, SettingsSection::General);
    assert_eq!(form.to_settings(&settings), Ok(settings));
}

#[test]
fn an_address_in_the_bucket_field_is_taken_apart() {
    let mut form = SettingsForm::new(&Settings::default(), SettingsSection::S3);
    form.s3.bucket = "s3://media/films/".to_owned();
    form.s3.prefix = "/2026/".to_owned();
    assert_eq!(form.s3.location().map(|location| location.to_string()), Ok("s3://media/films/2026".to_owned()));
}

#[test]
fn a_chosen_store_fills_in_what_it_needs_and_nothing_that_was_typed() {
    let mut form = SettingsForm::new(&Settings::default(), SettingsSection::S3);
    form.s3.bucket = "media".to_owned();
    form.s3.choose_store(Some(Store::R2));
    assert_eq!(form.s3.region, "auto");
    assert!(form.s3.location().is_err_and(|problem| problem.words.contains("{braces}")), "the account is missing");
    form.s3.choose_store(Some(Store::Wasabi));
    assert_eq!(form.s3.region, "", "what the store before filled in is gone");
    form.s3.region = "eu-west-2".to_owned();
    let endpoint = form.s3.location().map(|location| location.endpoint);
    assert_eq!(endpoint, Ok(Some("https://s3.eu-west-2.wasabisys.com".to_owned())));
    form.s3.endpoint = "https://own.example".to_owned();
    form.s3.choose_store(Some(Store::Minio));
    assert_eq!((form.s3.endpoint.as_str(), form.s3.region.as_str()), ("https://own.example", "eu-west-2"));
}

#[test]
fn nonsense_is_refused_at_its_field() {
    let base = settings();
    let wrong = |change: &dyn Fn(&mut SettingsForm)| {
        let mut form = SettingsForm::new(&base, SettingsSection::General);
        change(&mut form);
        form.to_settings(&base).map_err(|(section, problem)| (section, problem.field)).unwrap_err()
    };
    let (s3, general) = (SettingsSection::S3, SettingsSection::General);
    assert_eq!(wrong(&|form| form.s3.bucket.clear()), (s3, "Bucket"));
    assert_eq!(wrong(&|form| form.hours_to = "6 o'clock".to_owned()), (general, "To"));
    assert_eq!(wrong(&|form| form.hours_to = "22:00".to_owned()), (general, "To"));
    assert_eq!(wrong(&|form| form.s3.bucket = "a/b".to_owned()), (s3, "Bucket"));
    assert_eq!(wrong(&|form| form.s3.also_to = "s3://backup?stoer=r2".to_owned()), (s3, "Also to"));
    assert_eq!(wrong(&|form| form.s3.also_to = "s3://backup s3://backup".to_owned()), (s3, "Also to"));
    assert_eq!(wrong(&|form| form.s3.endpoint = "localhost:9000".to_owned()), (s3, "Endpoint"));
    assert_eq!(
        wrong(&|form| form.template = "../{id}".to_owned()),
        (SettingsSection::Layout, "Template of the folder")
    );
    assert_eq!(wrong(&|form| form.output_folder = " ".to_owned()), (general, "Output folder"));
    assert_eq!(wrong(&|form| form.output_folder = "streams".to_owned()), (general, "Output folder"));
}

#[test]
fn no_bucket_is_fine_while_nothing_is_published() {
    let mut form = SettingsForm::new(&settings(), SettingsSection::General);
    form.s3.bucket.clear();
    form.s3.publishes = false;
    assert_eq!(form.to_settings(&settings()).map(|settings| settings.s3), Ok(S3Location::default()));
}
