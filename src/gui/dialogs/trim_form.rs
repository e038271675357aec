//! Which part of a source is kept: a part of the dialog of adjustments.

use std::time::Duration;

use eframe::egui::{self, Label, RichText, Ui};

use super::paragraph;
use crate::{
    format,
    gui::{
        theme,
        widgets::{mark, text_field},
    },
    job::{Trim, typed},
};

/// What has been typed.
pub struct TrimForm {
    start: String,
    end: String,
    /// Length of the source, where the form is for one that has been looked at.
    length: Option<Duration>,
}

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TrimField {
    Start,
    End,
}

impl TrimForm {
    /// The form of a trim of a source of this length.
    pub fn of(trim: Trim, length: Option<Duration>) -> Self {
        let clock = |time: Option<Duration>| time.map(format::precise_clock).unwrap_or_default();
        Self { start: clock(trim.start), end: clock(trim.end), length }
    }

    /// The length of the source, where it is known.
    pub fn length(&self) -> Option<Duration> {
        self.length
    }

    /// The trim that the form means.
    ///
    /// # Errors
    /// What is wrong, in one sentence for the user.
    pub fn trim(&self) -> Result<Trim, String> {
        self.read().map_err(|(_, words)| words)
    }

    fn read(&self) -> Result<Trim, (TrimField, String)> {
        let time = |(field, name): (TrimField, &str), text: &str| {
            let time = Some(text.trim()).filter(|text| !text.is_empty()).map(typed::time).transpose();
            time.map_err(|advice| (field, format!("{name}: {advice}")))
        };
        let start = time((TrimField::Start, "Start"), &self.start)?;
        if let Some((start, length)) = start.zip(self.length)
            && start >= length
        {
            let words =
                format!("The start must come before the end of the source at {}", format::precise_clock(length));
            return Err((TrimField::Start, words));
        }
        let end = time((TrimField::End, "End"), &self.end)?;
        if end.is_some_and(|end| end <= start.unwrap_or_default()) {
            return Err((TrimField::End, "The end must come after the start".to_owned()));
        }
        Ok(Trim { start, end })
    }

    /// What an end comes to that lies beyond the source.
    fn note(&self) -> Option<String> {
        let (end, length) = self.read().ok()?.end.zip(self.length)?;
        let ends_at = format::precise_clock(length);
        (end > length).then(|| format!("The source ends before, at {ends_at}: it is kept to its end"))
    }
}

/// Lays the form out.
pub fn trim_ui(ui: &mut Ui, form: &mut TrimForm) {
    let (wrong, note) = (form.read().err(), form.note());
    let colours = (theme::palette(ui).bad, theme::palette(ui).warning);
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        let start = text_field(left, "Start", &mut form.start, "At the beginning");
        let end = text_field(right, "End", &mut form.end, "At the end");
        match wrong {
            Some((TrimField::Start, words)) => tell(left, &start, &words, colours.0),
            Some((TrimField::End, words)) => tell(right, &end, &words, colours.0),
            None => {
                if let Some(words) = note {
                    tell(right, &end, &words, colours.1);
                }
            }
        }
    });
    let length = form.length.map(|length| format!("The source is {} long. ", format::precise_clock(length)));
    let words = "Seconds, MM:SS or HH:MM:SS, with decimals; cut to the frame.";
    paragraph(ui, &format!("{}{words}", length.unwrap_or_default()));
}

/// Marks a field and says below it what is the matter.
fn tell(ui: &mut Ui, field: &egui::Response, words: &str, colour: egui::Color32) {
    mark(ui, field, colour);
    ui.add(Label::new(RichText::new(words).font(theme::facts()).color(colour)).wrap());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(start: &str, end: &str) -> TrimForm {
        TrimForm { start: start.to_owned(), end: end.to_owned(), length: Some(Duration::from_secs(42)) }
    }

    #[test]
    fn what_lies_beyond_the_source_is_told() {
        assert_eq!(form("42", "").read().unwrap_err().0, TrimField::Start);
        assert_eq!(form("41", "40").read().unwrap_err().0, TrimField::End);
        assert!(form("41", "50").trim().is_ok() && form("41", "50").note().is_some());
        assert_eq!(form("1", "42").note(), None);
        let unknown = TrimForm { length: None, ..form("50", "60") };
        assert!(unknown.trim().is_ok() && unknown.note().is_none());
    }
}
