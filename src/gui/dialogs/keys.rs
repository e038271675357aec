//! Access keys of a store: put under a name into the keychain, or held until the program ends.

use eframe::egui::{Label, RichText, Ui};

use super::{
    button_line,
    fields::{FieldProblem, Fields},
    filled_in_dialog, next_step, paragraph,
};
use crate::{
    gui::{
        access_keys::{MissingKeys, NeedOfKeys},
        action::Action,
        theme,
        widgets::{Button, check_box},
    },
    tools::keychain::{self, AccessKey, KeychainState},
};

const NAME: &str = "Name";
const ID: &str = "Access key id";
const SECRET: &str = "Secret access key";

/// What has been typed so far. Its secret goes to the keychain or stays in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct KeysForm {
    /// The name under which they lie, or will.
    pub name: String,
    /// Why they are asked for, when it was not the user who began.
    asked_because: Option<NeedOfKeys>,
    key: AccessKey,
    /// Whether they go into the keychain, where that was chosen.
    in_keychain: Option<bool>,
    /// True until the first field has taken the keyboard.
    takes_keyboard: bool,
}

impl KeysForm {
    /// An empty form for keys of this name, which the user wants to set.
    pub fn new(name: &str) -> Self {
        let key = AccessKey { id: String::new(), secret: String::new() };
        Self { name: name.trim().to_owned(), asked_because: None, key, in_keychain: None, takes_keyboard: true }
    }

    /// The form for keys that are needed.
    pub fn asking(MissingKeys { name, why }: MissingKeys) -> Self {
        Self { asked_because: Some(why), ..Self::new(&name) }
    }

    /// The name and the keys.
    ///
    /// # Errors
    /// What is missing, and at which field.
    fn keys(&self) -> Result<(String, AccessKey), FieldProblem> {
        let [name, id, secret] = [&self.name, &self.key.id, &self.key.secret].map(|text| text.trim().to_owned());
        let needed = [
            (NAME, &name, "A name for the keys is needed"),
            (ID, &id, "The id of the access key is needed"),
            (SECRET, &secret, "The secret of the access key is needed"),
        ];
        if let Some((field, _, words)) = needed.into_iter().find(|(_, text, _)| text.is_empty()) {
            return Err(FieldProblem::new(field, words));
        }
        Ok((name, AccessKey { id, secret }))
    }
}

/// Asks where the keys are put, where that can be chosen, and tells it; true where they go into the keychain.
fn place_ui(ui: &mut Ui, chosen: &mut Option<bool>) -> bool {
    let state = keychain::state();
    // What would most likely be in vain is not proposed.
    let mut in_keychain = chosen.unwrap_or(state == KeychainState::Usable);
    if let KeychainState::Missing(cause) = &state {
        let words =
            "This system has no keychain that can be used: they hold until Reelpress ends, and are written nowhere.";
        paragraph(ui, words);
        cause_ui(ui, cause);
        return false;
    }
    if check_box(ui, &mut in_keychain, "Keep them in the system’s keychain").changed() {
        *chosen = Some(in_keychain);
    }
    let place = match in_keychain {
        true => "Reelpress writes keys nowhere else.",
        false => "They hold until Reelpress ends, and are written nowhere.",
    };
    paragraph(ui, place);
    match &state {
        KeychainState::Empty => {
            paragraph(ui, "This system’s keychain is not set up yet: the desktop may ask for a password for it.");
        }
        KeychainState::KeptNothing(cause) => {
            paragraph(ui, "The keychain kept nothing when it was last asked; it may have to be unlocked.");
            cause_ui(ui, cause);
        }
        KeychainState::Usable | KeychainState::Missing(_) => {}
    }
    in_keychain
}

/// What went wrong in the words of the system.
fn cause_ui(ui: &mut Ui, cause: &str) {
    ui.add(Label::new(RichText::new(cause).font(theme::facts()).color(theme::palette(ui).weak)).wrap());
}

/// Title of the dialog.
pub(super) const TITLE: &str = "Access keys";

/// Asks for the keys; true when they were given or the dialog closed.
pub fn keys_ui(ui: &Ui, form: &mut KeysForm, actions: &mut Vec<Action>) -> bool {
    filled_in_dialog(ui, (TITLE, 440.0), |ui| {
        let is_begun = !form.key.id.is_empty() || !form.key.secret.is_empty();
        let problem = form.keys().err().filter(|_| is_begun);
        let fields = Fields::of(problem.as_ref());
        match &form.asked_because {
            Some(NeedOfKeys::Missing(why)) => {
                paragraph(ui, &format!("Jobs need the keys “{}”: {why}.", form.name));
            }
            Some(NeedOfKeys::Refused { failure, .. }) => {
                paragraph(ui, &format!("{failure}. Give the keys “{}” anew, or try again with the same.", form.name));
            }
            None => {
                let name = fields.text(ui, NAME, &mut form.name, "Such as films");
                if form.takes_keyboard && form.name.is_empty() {
                    form.takes_keyboard = false;
                    name.request_focus();
                }
            }
        }
        let id = fields.text(ui, ID, &mut form.key.id, "");
        if std::mem::take(&mut form.takes_keyboard) {
            id.request_focus();
        }
        fields.secret(ui, SECRET, &mut form.key.secret);
        ui.add_space(theme::SPACE[1]);
        let in_keychain = place_ui(ui, &mut form.in_keychain);
        let keys = form.keys();
        let mut is_done = false;
        button_line(ui, |ui| {
            let leave = if form.asked_because.is_some() { "Not now" } else { "Cancel" };
            is_done |= Button::new(leave).named(&format!("{leave}: access keys")).show(ui).clicked();
            if let Some(NeedOfKeys::Refused { jobs, .. }) = &form.asked_because
                && Button::new("Try the same keys").show(ui).clicked()
            {
                actions.push(Action::RetryWithSameKeys(jobs.clone()));
                is_done = true;
            }
            if next_step(ui, "Use keys", keys.is_ok())
                && let Ok((name, key)) = keys
            {
                actions.push(Action::UseKeys { name, key, in_keychain });
                is_done = true;
            }
        });
        is_done
    })
}
