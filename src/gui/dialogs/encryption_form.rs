//! How segments of new streams are encrypted: a part of the settings.

use std::path::PathBuf;

use eframe::egui::Ui;

use super::{
    fields::{FieldProblem, Fields},
    paragraph,
};
use crate::{
    gui::{
        theme,
        widgets::{field_label, segmented},
    },
    job::{Encryption, EncryptionError, Keys, typed},
};

/// Where keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyChoice {
    /// Nothing is encrypted.
    None,
    /// See [`Keys::Made`].
    Made,
    /// See [`Keys::Given`].
    Given,
    /// See [`Keys::BesideSegments`].
    BesideSegments,
}

impl KeyChoice {
    const ALL: [Self; 4] = [Self::None, Self::Made, Self::Given, Self::BesideSegments];

    fn label(self) -> &'static str {
        match self {
            Self::None => "Not encrypted",
            Self::Made => "New keys",
            Self::Given => "One key",
            Self::BesideSegments => "Keys in the stream",
        }
    }

    fn explanation(self) -> &'static str {
        match self {
            Self::None => "Whoever has the address of a stream can watch it.",
            Self::Made => "Each stream gets keys of its own, written into a folder for your key server.",
            Self::Given => "All streams have the key in this file of 16 bytes.",
            Self::BesideSegments => {
                "Each stream gets keys of its own, beside its segments: who can read it can watch it."
            }
        }
    }
}

const URI: &str = "Key URI";
const FOLDER: &str = "Folder of the keys";
const FILE: &str = "File of the key";
const ROTATION: &str = "New key after";

/// What has been typed and chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct EncryptionForm {
    choice: KeyChoice,
    uri: String,
    folder: String,
    file: String,
    rotation: String,
}

impl EncryptionForm {
    /// The form of what is set.
    pub fn of(encryption: Option<&Encryption>) -> Self {
        let none = String::new;
        let text = |path: &PathBuf| path.display().to_string();
        let (choice, uri, folder, file) = match encryption.map(|encryption| &encryption.keys) {
            None => (KeyChoice::None, none(), none(), none()),
            Some(Keys::Made { uri, folder }) => (KeyChoice::Made, uri.clone(), text(folder), none()),
            Some(Keys::Given { uri, file }) => (KeyChoice::Given, uri.clone(), none(), text(file)),
            Some(Keys::BesideSegments) => (KeyChoice::BesideSegments, none(), none(), none()),
        };
        let rotation = encryption.and_then(|encryption| encryption.rotation);
        Self { choice, uri, folder, file, rotation: rotation.map(|rotation| rotation.to_string()).unwrap_or_default() }
    }

    /// The encryption that the form means.
    ///
    /// # Errors
    /// What is missing or wrong, and at which field.
    pub fn encryption(&self) -> Result<Option<Encryption>, FieldProblem> {
        let full_path = |field: &'static str, text: &str| {
            let path = PathBuf::from(text.trim());
            if path.is_absolute() { Ok(path) } else { Err(FieldProblem::new(field, "Give its full path")) }
        };
        let uri = self.uri.trim().to_owned();
        let needs_uri = matches!(self.choice, KeyChoice::Made | KeyChoice::Given);
        if needs_uri && uri.is_empty() {
            return Err(problem(&EncryptionError::BadUri(uri)));
        }
        let keys = match self.choice {
            KeyChoice::None => return Ok(None),
            KeyChoice::Made => Keys::Made { uri, folder: full_path(FOLDER, &self.folder)? },
            KeyChoice::Given => Keys::Given { uri, file: full_path(FILE, &self.file)? },
            KeyChoice::BesideSegments => Keys::BesideSegments,
        };
        let rotates = self.choice != KeyChoice::Given && !self.rotation.trim().is_empty();
        let rotation = rotates.then(|| typed::key_rotation(&self.rotation)).transpose();
        let rotation = rotation.map_err(|advice| FieldProblem::new(ROTATION, advice))?;
        let encryption = Encryption { keys, rotation };
        encryption.check().map_err(|error| problem(&error))?;
        Ok(Some(encryption))
    }
}

fn problem(error: &EncryptionError) -> FieldProblem {
    let field = match error {
        EncryptionError::BadUri(_) | EncryptionError::UriWithoutId(_) | EncryptionError::UriWithoutNumber(_) => URI,
        EncryptionError::GivenKeyRotates | EncryptionError::NoTime => ROTATION,
    };
    match error {
        // What was typed stands above.
        EncryptionError::BadUri(_) => FieldProblem::new(field, error.hint()),
        _ => FieldProblem::new(field, format!("{error}. {}", error.hint())),
    }
}

/// Lays the form out.
pub fn encryption_ui(ui: &mut Ui, form: &mut EncryptionForm, fields: &Fields) {
    field_label(ui, "Segments of new streams");
    segmented(ui, &mut form.choice, &KeyChoice::ALL, |choice| choice.label().to_owned());
    paragraph(ui, form.choice.explanation());
    ui.add_space(theme::SPACE[2]);
    match form.choice {
        KeyChoice::None => return,
        KeyChoice::Made => {
            fields.text(ui, URI, &mut form.uri, "Such as https://keys.example.org/{id}/{n}.key");
            fields.text(ui, FOLDER, &mut form.folder, "Not the output folder");
        }
        KeyChoice::Given => {
            fields.text(ui, URI, &mut form.uri, "Such as https://keys.example.org/film.key");
            fields.text(ui, FILE, &mut form.file, "16 bytes");
        }
        KeyChoice::BesideSegments => {}
    }
    if form.choice != KeyChoice::Given {
        fields.text(ui, ROTATION, &mut form.rotation, "Never, or such as 10segments, 90s, 5min or 1h");
    }
    ui.add_space(theme::SPACE[1]);
    paragraph(ui, "AES-128 of whole segments, which HLS players know. Init segments and pictures stay readable.");
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU64, time::Duration};

    use super::*;
    use crate::job::KeyRotation;

    #[test]
    fn an_untouched_form_changes_nothing() {
        let folder = std::env::temp_dir().join("keys");
        let uri = "https://k.example/{id}/{n}".to_owned();
        let rotations =
            [None, NonZeroU64::new(10).map(KeyRotation::Segments), Some(KeyRotation::Time(Duration::from_secs(90)))];
        for rotation in rotations {
            let made = Encryption { keys: Keys::Made { uri: uri.clone(), folder: folder.clone() }, rotation };
            assert_eq!(EncryptionForm::of(Some(&made)).encryption(), Ok(Some(made)));
        }
        let given = Encryption { keys: Keys::Given { uri, file: folder }, rotation: None };
        assert_eq!(EncryptionForm::of(Some(&given)).encryption(), Ok(Some(given)));
        assert_eq!(EncryptionForm::of(None).encryption(), Ok(None));
    }

    #[test]
    fn what_can_not_work_is_refused_at_its_field() {
        let form = EncryptionForm { choice: KeyChoice::Made, ..EncryptionForm::of(None) };
        for (uri, folder, rotation, field) in [
            ("https://k.example/{id}/{n}", "keys", "", FOLDER),
            ("https://k.example/same", "/keys", "", URI),
            ("no uri", "/keys", "", URI),
            ("https://k.example/{id}/{n}", "/keys", "often", ROTATION),
            ("https://k.example/{id}", "/keys", "90s", URI),
        ] {
            let [uri, folder, rotation] = [uri, folder, rotation].map(str::to_owned);
            let problem = EncryptionForm { uri, folder, rotation, ..form.clone() }.encryption().unwrap_err();
            assert_eq!(problem.field, field);
        }
    }
}
