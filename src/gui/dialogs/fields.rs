//! Fields of forms that say themselves what is wrong with what is typed into them.

use std::{cell::Cell, fmt};

use eframe::egui::{Color32, Label, Response, RichText, Ui};

use crate::gui::{
    theme,
    widgets::{Button, mark, path_field, secret_field, text_field},
};

/// What is wrong with a field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The label of the field.
    pub field: &'static str,
    /// What is wrong or what can be given, for the user.
    pub words: String,
}

impl FieldProblem {
    /// The problem of the field with this label; the words get a capital letter.
    pub fn new(field: &'static str, words: impl AsRef<str>) -> Self {
        let mut letters = words.as_ref().chars();
        let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
        Self { field, words: first + letters.as_str() }
    }
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.words)
    }
}

/// The fields of a form with at most one problem, which is told below the field that has it.
pub struct Fields<'a> {
    problem: Option<&'a FieldProblem>,
    is_told: Cell<bool>,
}

impl<'a> Fields<'a> {
    /// Fields of which one has this problem.
    pub fn of(problem: Option<&'a FieldProblem>) -> Self {
        Self { problem, is_told: Cell::new(false) }
    }

    /// A label above a line of text to edit.
    pub fn text(&self, ui: &mut Ui, label: &str, text: &mut String, hint: &str) -> Response {
        let field = text_field(ui, label, text, hint);
        self.tell(ui, label, &field);
        field
    }

    /// A label above a line whose letters are not shown.
    pub fn secret(&self, ui: &mut Ui, label: &str, text: &mut String) -> Response {
        let field = secret_field(ui, label, text);
        self.tell(ui, label, &field);
        field
    }

    /// As [`path_field`].
    pub fn path(
        &self,
        ui: &mut Ui,
        (label, hint): (&str, &str),
        text: &mut String,
        has_dialogs: bool,
    ) -> (Response, bool) {
        let (field, is_pressed) = path_field(ui, label, text, hint, has_dialogs);
        self.tell(ui, label, &field);
        (field, is_pressed)
    }

    /// Marks a field, if it has the problem, and tells that below it.
    pub fn tell(&self, ui: &mut Ui, label: &str, field: &Response) {
        if self.has_problem(label) {
            mark(ui, field, theme::palette(ui).bad);
            self.tell_below(ui, label);
        }
    }

    /// Tells the problem below what is no field, if it is of that.
    pub fn tell_below(&self, ui: &mut Ui, label: &str) {
        if let Some(problem) = self.problem.filter(|problem| problem.field == label) {
            self.is_told.set(true);
            let bad = theme::palette(ui).bad;
            say(ui, &problem.words, bad);
        }
    }

    fn has_problem(&self, label: &str) -> bool {
        self.problem.is_some_and(|problem| problem.field == label)
    }

    /// The problem, if its field is not in sight.
    pub fn untold(&self) -> Option<&'a FieldProblem> {
        self.problem.filter(|_| !self.is_told.get())
    }
}

/// Says something of the field above.
pub fn say(ui: &mut Ui, words: &str, colour: Color32) {
    ui.add_space(-theme::SPACE[0]);
    ui.add(Label::new(RichText::new(words).font(theme::facts()).color(colour)).wrap());
}

/// Tells a problem whose field is in another part of the form; true when that part is to be shown.
pub fn problem_elsewhere(ui: &mut Ui, part: &str, problem: &FieldProblem, can_be_shown: bool) -> bool {
    let bad = theme::palette(ui).bad;
    ui.horizontal(|ui| {
        let is_pressed = can_be_shown && Button::new("Show").named(&format!("Show {part}")).show(ui).clicked();
        let words = if can_be_shown { format!("{part}: {problem}") } else { problem.to_string() };
        ui.add(Label::new(RichText::new(words).font(theme::facts()).color(bad)).wrap());
        is_pressed
    })
    .inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_as_a_sentence() {
        assert_eq!(FieldProblem::new("Start", "give a time").to_string(), "Start: Give a time");
        assert_eq!(FieldProblem::new("Tags", "“x” is none").words, "“x” is none");
        assert_eq!(FieldProblem::new("Tags", "").words, "");
    }
}
