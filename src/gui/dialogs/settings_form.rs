//! What is typed into the settings, and what it means. Pure.

use std::path::PathBuf;

use jiff::civil::Time;

use super::encryption_form::EncryptionForm;
use crate::{
    job::{
        JobId, LayoutKind, Outputs, S3Location, StreamLayout, TemplateError, WorkingHours,
        s3::{OLD_FILES_STAY, Store},
        schedule, typed,
    },
    pipeline::publish::S3LocationError,
    settings::{Appearance, Settings, WhenDone},
};

/// Most jobs that may run side by side.
pub const MOST_JOBS: usize = 16;

/// What the fields show before hours were ever set: the night.
const FIRST_HOURS: WorkingHours = WorkingHours { from: Time::constant(22, 0, 0, 0), to: Time::constant(6, 0, 0, 0) };

/// The settings as text to edit.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsForm {
    /// The place that is shown first.
    pub section: SettingsSection,
    /// Path of ffmpeg; empty to look for it.
    pub ffmpeg: String,
    /// Path of ffprobe; empty to look for it.
    pub ffprobe: String,
    /// The output folder.
    pub output_folder: String,
    /// How the files of a stream lie in its folder.
    pub layout: LayoutKind,
    /// Template of the stream's folder; empty for that of the layout.
    pub template: String,
    /// How segments are encrypted.
    pub encryption: EncryptionForm,
    /// Stands for a job when the layout is shown.
    pub example_job: JobId,
    /// Light, dark or the system's.
    pub appearance: Appearance,
    /// Jobs that run side by side.
    pub running_jobs: usize,
    /// Waiting jobs start only in a part of the day.
    pub has_working_hours: bool,
    /// Where that part begins, as `HH:MM`.
    pub hours_from: String,
    /// Where it ends.
    pub hours_to: String,
    /// Interrupted jobs go on at the next start.
    pub goes_on_by_itself: bool,
    /// What is done at the end of the queue, but for its command.
    pub when_done: WhenDone,
    /// The command of that; empty for none.
    pub done_command: String,
    /// New files go to the bucket.
    pub publish_to_s3: bool,
    /// Name of the bucket.
    pub bucket: String,
    /// Prefix of the keys.
    pub prefix: String,
    /// URL of a store that is not AWS.
    pub endpoint: String,
    /// Region.
    pub region: String,
    /// Named profile of the AWS configuration.
    pub profile: String,
    /// How the bucket stands in the URL.
    pub path_style: PathStyle,
    /// Whose store it is, where that is known.
    pub store: Option<Store>,
    /// Where viewers read the bucket, when that is not the store's own place.
    pub public_url: String,
    /// A published stream is looked at as a player without credentials would.
    pub checks_in_public: bool,
    /// An earlier stream of the same name is replaced.
    pub replaces: bool,
    /// Further places, `s3://bucket/prefix` each, with spaces between them.
    pub also_to: String,
    /// Most bytes a second of all uploads; empty for no limit.
    pub upload_limit: String,
    /// What the form does not show of the place.
    kept: S3Location,
    /// True after a test was started in this dialog: older results are not shown.
    pub has_tested: bool,
}

/// A part of the settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SettingsSection {
    /// Appearance, jobs side by side, output folder.
    #[default]
    General,
    /// What is done at the end of the queue.
    WhenDone,
    /// Where the files of streams lie.
    Layout,
    /// How segments are encrypted.
    Encryption,
    /// ffmpeg and ffprobe.
    Ffmpeg,
    /// The bucket.
    S3,
}

impl SettingsSection {
    /// All parts in the order in which they are shown.
    pub const ALL: [Self; 6] = [Self::General, Self::WhenDone, Self::Layout, Self::Encryption, Self::Ffmpeg, Self::S3];

    /// Name of the part.
    pub fn label(self) -> &'static str {
        match self {
            Self::General => "General",
            Self::WhenDone => "When done",
            Self::Layout => "Layout",
            Self::Encryption => "Encryption",
            Self::Ffmpeg => "ffmpeg",
            Self::S3 => "S3 destination",
        }
    }
}

/// How the bucket stands in the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStyle {
    /// In the path when an endpoint is given.
    Automatic,
    /// In the path.
    Path,
    /// In the host name.
    Host,
}

impl PathStyle {
    /// All in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Automatic, Self::Path, Self::Host];

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Automatic => "Automatic",
            Self::Path => "In the path",
            Self::Host => "In the host name",
        }
    }

    fn of(setting: Option<bool>) -> Self {
        match setting {
            None => Self::Automatic,
            Some(true) => Self::Path,
            Some(false) => Self::Host,
        }
    }

    fn setting(self) -> Option<bool> {
        match self {
            Self::Automatic => None,
            Self::Path => Some(true),
            Self::Host => Some(false),
        }
    }
}

impl SettingsForm {
    /// The form for these settings.
    pub fn new(settings: &Settings, section: SettingsSection) -> Self {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let s3 = &settings.s3;
        let hours = settings.working_hours.unwrap_or(FIRST_HOURS);
        Self {
            section,
            ffmpeg: path(&settings.ffmpeg),
            ffprobe: path(&settings.ffprobe),
            output_folder: settings.output_folder.display().to_string(),
            layout: settings.layout.kind,
            template: settings.layout.template.as_ref().map(ToString::to_string).unwrap_or_default(),
            encryption: EncryptionForm::of(settings.outputs.encryption.as_ref()),
            example_job: JobId::generate(),
            appearance: settings.appearance,
            running_jobs: settings.running_jobs,
            has_working_hours: settings.working_hours.is_some(),
            hours_from: schedule::time_of_day(hours.from),
            hours_to: schedule::time_of_day(hours.to),
            goes_on_by_itself: settings.goes_on_by_itself,
            when_done: settings.when_done.clone(),
            done_command: settings.when_done.command.clone().unwrap_or_default(),
            publish_to_s3: settings.publish_to_s3,
            bucket: s3.bucket.clone(),
            prefix: s3.prefix.clone(),
            endpoint: s3.endpoint.clone().unwrap_or_default(),
            region: s3.region.clone().unwrap_or_default(),
            profile: s3.profile.clone().unwrap_or_default(),
            path_style: PathStyle::of(s3.path_style),
            store: s3.store,
            public_url: s3.public_url.clone().unwrap_or_default(),
            checks_in_public: !s3.skip_public_check,
            replaces: s3.replace_after.is_some(),
            upload_limit: s3.most_bytes_per_second.map(|most| most.to_string()).unwrap_or_default(),
            also_to: settings.also_to.iter().map(S3Location::address).collect::<Vec<_>>().join(" "),
            kept: s3.clone(),
            has_tested: false,
        }
    }

    /// Takes another store, and fills in what is known of it.
    pub fn choose_store(&mut self, store: Option<Store>) {
        let old = self.store.map(Store::profile);
        // What the user has typed stays; what the store before has filled in goes.
        let was_filled = |text: &str, filled: Option<&str>| text.trim().is_empty() || filled == Some(text);
        let new = store.map(Store::profile);
        if was_filled(&self.endpoint, old.and_then(|old| old.endpoint_form)) {
            self.endpoint = new.and_then(|new| new.endpoint_form).unwrap_or_default().to_owned();
        }
        if was_filled(&self.region, old.and_then(|old| old.region)) {
            self.region = new.and_then(|new| new.region).unwrap_or_default().to_owned();
        }
        self.path_style = PathStyle::Automatic;
        self.store = store;
    }

    /// The settings that the form means; what the form does not show is kept from `base`.
    ///
    /// # Errors
    /// What is missing or wrong, in one sentence for the user, and the part where it is.
    pub fn to_settings(&self, base: &Settings) -> Result<Settings, (SettingsSection, String)> {
        let path = |text: &str| filled(text).map(PathBuf::from);
        let wrong_general = |words: &str| (SettingsSection::General, words.to_owned());
        let output_folder = path(&self.output_folder).ok_or_else(|| wrong_general("An output folder is needed"))?;
        if output_folder.is_relative() {
            return Err(wrong_general("The output folder needs its full path"));
        }
        let working_hours = self.working_hours().map_err(wrong_general)?;
        let wrong_layout = |error: TemplateError| (SettingsSection::Layout, format!("{error}. {}", error.hint()));
        let layout = self.stream_layout().map_err(wrong_layout)?;
        let encryption = self.encryption.encryption().map_err(|words| (SettingsSection::Encryption, words))?;
        let s3 = self.location().map_err(|words| (SettingsSection::S3, words.to_owned()));
        let s3 = match s3 {
            Ok(location) => location,
            Err(_) if self.bucket.trim().is_empty() && !self.publish_to_s3 => S3Location::default(),
            Err(error) => return Err(error),
        };
        let also_to = self.further_places(&s3).map_err(|words| (SettingsSection::S3, words))?;
        Ok(Settings {
            also_to,
            ffmpeg: path(&self.ffmpeg),
            ffprobe: path(&self.ffprobe),
            output_folder,
            s3,
            publish_to_s3: self.publish_to_s3,
            preset: base.preset.clone(),
            preset_changes: base.preset_changes.clone(),
            outputs: Outputs { encryption, ..base.outputs.clone() },
            one_file: base.one_file.clone(),
            layout,
            running_jobs: self.running_jobs.clamp(1, MOST_JOBS),
            working_hours,
            appearance: self.appearance,
            goes_on_by_itself: self.goes_on_by_itself,
            when_done: WhenDone { command: filled(&self.done_command), ..self.when_done.clone() },
        })
    }

    fn further_places(&self, first: &S3Location) -> Result<Vec<S3Location>, String> {
        let mut places: Vec<S3Location> = Vec::new();
        for text in self.also_to.split_whitespace() {
            let place: S3Location = text.parse().map_err(|error: S3LocationError| format!("Also to: {error}"))?;
            if std::iter::once(first).chain(&places).any(|other| other.is_same_place(&place)) {
                return Err(format!("Also to: {place} is named twice"));
            }
            places.push(place);
        }
        Ok(places)
    }

    fn working_hours(&self) -> Result<Option<WorkingHours>, &'static str> {
        if !self.has_working_hours {
            return Ok(None);
        }
        let time = |text: &str| schedule::typed_time_of_day(text).map_err(|_| "Hours are written as 22:00");
        let hours = WorkingHours { from: time(&self.hours_from)?, to: time(&self.hours_to)? };
        if hours.from == hours.to { Err("The hours begin and end at the same time") } else { Ok(Some(hours)) }
    }

    /// The layout that the form means.
    ///
    /// # Errors
    /// When the template can't be used.
    pub fn stream_layout(&self) -> Result<StreamLayout, TemplateError> {
        let template = filled(&self.template).map(|text| text.parse()).transpose()?;
        Ok(StreamLayout { kind: self.layout, template })
    }

    fn endpoint_in(&self, region: Option<&str>) -> Result<Option<String>, &'static str> {
        let Some(mut endpoint) = filled(&self.endpoint) else { return Ok(None) };
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err("The endpoint begins with http:// or https://");
        }
        if let Some(region) = region {
            endpoint = endpoint.replace("{region}", region);
        }
        if endpoint.contains(['{', '}']) {
            return Err("The endpoint has a part in {braces} to fill in; the store’s own pages show it");
        }
        Ok(Some(endpoint))
    }

    /// The place in S3 that the form means.
    ///
    /// # Errors
    /// What is missing or wrong, in one sentence for the user.
    pub fn location(&self) -> Result<S3Location, &'static str> {
        let typed = self.bucket.trim();
        let (bucket, prefix_in_bucket) = match typed.strip_prefix("s3://").map(|place| place.split_once('/')) {
            Some(Some((bucket, prefix))) => (bucket, prefix),
            Some(None) => (&typed["s3://".len()..], ""),
            None => (typed, ""),
        };
        if bucket.is_empty() {
            return Err("A bucket is needed");
        }
        if bucket.contains('/') || bucket.chars().any(char::is_whitespace) {
            return Err("The name of the bucket has a slash or a space; a folder belongs into the prefix");
        }
        let region = filled(&self.region);
        let endpoint = self.endpoint_in(region.as_deref())?;
        let public_url = filled(&self.public_url);
        if public_url.as_deref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            return Err("The public URL begins with http:// or https://");
        }
        let most_bytes_per_second = filled(&self.upload_limit).map(|text| typed::byte_size(&text)).transpose();
        let most_bytes_per_second = most_bytes_per_second.map_err(|_| "The upload limit is of the form 500K or 20M")?;
        let prefixes = [prefix_in_bucket, self.prefix.trim()].map(|prefix| prefix.trim_matches('/'));
        let prefix: Vec<&str> = prefixes.into_iter().filter(|prefix| !prefix.is_empty()).collect();
        Ok(S3Location {
            bucket: bucket.to_owned(),
            prefix: prefix.join("/"),
            endpoint,
            region,
            profile: filled(&self.profile),
            path_style: self.path_style.setting(),
            store: self.store,
            public_url,
            skip_public_check: !self.checks_in_public,
            replace_after: self.replaces.then(|| self.kept.replace_after.unwrap_or(OLD_FILES_STAY)),
            most_bytes_per_second,
            ..self.kept.clone()
        })
    }
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        job::{Conversion, FileFormat},
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
            publish_to_s3: true,
            preset: "quick".to_owned(),
            preset_changes: PresetChanges { speed: Some(EncoderSpeed::Slow), ..PresetChanges::default() },
            outputs: Outputs { dash: true, ..Outputs::default() },
            one_file: Some(Conversion::to(FileFormat::Mkv)),
            layout: StreamLayout {
                kind: LayoutKind::Processed,
                template: Some("videos/{id}".parse().expect("a template")),
            },
            running_jobs: 3,
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
        form.bucket = "s3://media/films/".to_owned();
        form.prefix = "/2026/".to_owned();
        assert_eq!(form.location().map(|location| location.to_string()), Ok("s3://media/films/2026".to_owned()));
    }

    #[test]
    fn a_chosen_store_fills_in_what_it_needs_and_nothing_that_was_typed() {
        let mut form = SettingsForm::new(&Settings::default(), SettingsSection::S3);
        form.bucket = "media".to_owned();
        form.choose_store(Some(Store::R2));
        assert_eq!(form.region, "auto");
        assert!(form.location().is_err_and(|words| words.contains("{braces}")), "the account is missing");
        form.choose_store(Some(Store::Wasabi));
        assert_eq!(form.region, "", "what the store before filled in is gone");
        form.region = "eu-west-2".to_owned();
        let endpoint = form.location().map(|location| location.endpoint);
        assert_eq!(endpoint, Ok(Some("https://s3.eu-west-2.wasabisys.com".to_owned())));
        form.endpoint = "https://own.example".to_owned();
        form.choose_store(Some(Store::Minio));
        assert_eq!((form.endpoint.as_str(), form.region.as_str()), ("https://own.example", "eu-west-2"));
    }

    #[test]
    fn nonsense_is_refused_with_its_place() {
        let base = settings();
        let wrong = |change: &dyn Fn(&mut SettingsForm)| {
            let mut form = SettingsForm::new(&base, SettingsSection::General);
            change(&mut form);
            form.to_settings(&base).map_err(|(section, _)| section).unwrap_err()
        };
        assert_eq!(wrong(&|form| form.bucket.clear()), SettingsSection::S3);
        assert_eq!(wrong(&|form| form.hours_to = "6 o'clock".to_owned()), SettingsSection::General);
        assert_eq!(wrong(&|form| form.hours_to = "22:00".to_owned()), SettingsSection::General);
        assert_eq!(wrong(&|form| form.bucket = "a/b".to_owned()), SettingsSection::S3);
        assert_eq!(wrong(&|form| form.also_to = "s3://backup?stoer=r2".to_owned()), SettingsSection::S3);
        assert_eq!(wrong(&|form| form.also_to = "s3://backup s3://backup".to_owned()), SettingsSection::S3);
        assert_eq!(wrong(&|form| form.endpoint = "localhost:9000".to_owned()), SettingsSection::S3);
        assert_eq!(wrong(&|form| form.template = "../{id}".to_owned()), SettingsSection::Layout);
        assert_eq!(wrong(&|form| form.output_folder = " ".to_owned()), SettingsSection::General);
        assert_eq!(wrong(&|form| form.output_folder = "streams".to_owned()), SettingsSection::General);
    }

    #[test]
    fn no_bucket_is_fine_while_nothing_is_published() {
        let mut form = SettingsForm::new(&settings(), SettingsSection::General);
        form.bucket.clear();
        form.publish_to_s3 = false;
        assert_eq!(form.to_settings(&settings()).map(|settings| settings.s3), Ok(S3Location::default()));
    }
}
