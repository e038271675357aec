//! Which part of a source is kept: a part of the dialog of adjustments.

use std::time::Duration;

use eframe::egui::Ui;

use super::{
    fields::{FieldProblem, Fields, say},
    paragraph,
};
use crate::{
    format,
    gui::{theme, widgets::mark},
    job::{Trim, typed},
};

/// What has been typed.
pub struct TrimForm {
    start: String,
    end: String,
    /// Length of the source, where the form is for one that has been looked at.
    length: Option<Duration>,
}

pub(super) const START: &str = "Start";
pub(super) const END: &str = "End";

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
    /// What is wrong, and at which field.
    pub fn trim(&self) -> Result<Trim, FieldProblem> {
        let time = |field: &'static str, text: &str| {
            let time = Some(text.trim()).filter(|text| !text.is_empty()).map(typed::time).transpose();
            time.map_err(|advice| FieldProblem::new(field, advice))
        };
        let start = time(START, &self.start)?;
        if let Some((start, length)) = start.zip(self.length)
            && start >= length
        {
            let words =
                format!("The start must come before the end of the source at {}", format::precise_clock(length));
            return Err(FieldProblem::new(START, words));
        }
        let end = time(END, &self.end)?;
        if end.is_some_and(|end| end <= start.unwrap_or_default()) {
            return Err(FieldProblem::new(END, "The end must come after the start"));
        }
        Ok(Trim { start, end })
    }

    /// What an end comes to that lies beyond the source.
    fn note(&self) -> Option<String> {
        let (end, length) = self.trim().ok()?.end.zip(self.length)?;
        let ends_at = format::precise_clock(length);
        (end > length).then(|| format!("The source ends before, at {ends_at}: it is kept to its end"))
    }
}

/// Lays the form out.
pub fn trim_ui(ui: &mut Ui, form: &mut TrimForm, fields: &Fields) {
    let (note, colour) = (form.note(), theme::palette(ui).warning);
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        fields.text(left, START, &mut form.start, "At the beginning");
        let end = fields.text(right, END, &mut form.end, "At the end");
        if let Some(words) = note {
            mark(right, &end, colour);
            say(right, &words, colour);
        }
    });
    let length = form.length.map(|length| format!("The source is {} long. ", format::precise_clock(length)));
    let words = "Seconds, MM:SS or HH:MM:SS, with decimals; cut to the frame.";
    paragraph(ui, &format!("{}{words}", length.unwrap_or_default()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(start: &str, end: &str) -> TrimForm {
        TrimForm { start: start.to_owned(), end: end.to_owned(), length: Some(Duration::from_secs(42)) }
    }

    #[test]
    fn what_lies_beyond_the_source_is_told() {
        assert_eq!(form("42", "").trim().unwrap_err().field, START);
        assert_eq!(form("41", "40").trim().unwrap_err().field, END);
        assert!(form("41", "50").trim().is_ok() && form("41", "50").note().is_some());
        assert_eq!(form("1", "42").note(), None);
        let unknown = TrimForm { length: None, ..form("50", "60") };
        assert!(unknown.trim().is_ok() && unknown.note().is_none());
    }
}
