//! Buttons with text, icon, or both.

use std::sync::Arc;

use eframe::egui::{
    self, Color32, CornerRadius, CursorIcon, Galley, Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo, vec2,
};

use super::text;
use crate::gui::theme::{self, Palette, icon::Icon};

/// How much a button asks for attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// The one thing to do next.
    Primary,
    /// Any other.
    Raised,
    /// Undoes, or lies on a raised ground.
    Plain,
}

/// A button with text.
#[must_use = "a button is shown by `show`"]
pub struct Button<'a> {
    label: &'a str,
    prefix: Option<&'a str>,
    shows_prefix: bool,
    icon: Option<Icon>,
    opens_menu: bool,
    weight: Weight,
    is_enabled: bool,
    max_width: f32,
    min_width: f32,
    accessible_name: Option<&'a str>,
}

impl<'a> Button<'a> {
    /// A button among others.
    pub fn new(label: &'a str) -> Self {
        Self {
            label,
            prefix: None,
            shows_prefix: true,
            icon: None,
            opens_menu: false,
            weight: Weight::Raised,
            is_enabled: true,
            max_width: f32::INFINITY,
            min_width: 0.0,
            accessible_name: None,
        }
    }

    /// The button for the one thing to do next.
    pub fn primary(label: &'a str) -> Self {
        Self { weight: Weight::Primary, ..Self::new(label) }
    }

    /// A button without ground.
    pub fn plain(label: &'a str) -> Self {
        Self { weight: Weight::Plain, ..Self::new(label) }
    }

    /// Puts an icon before the label.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Puts a weak word before the label and an arrow after it, for a picker: `Preset Web HLS ▾`.
    pub fn picker(mut self, prefix: &'a str) -> Self {
        self.prefix = Some(prefix);
        self.opens_menu = true;
        self
    }

    /// Puts an arrow after the label, for a field with a menu of choices.
    pub fn drop_down(mut self) -> Self {
        self.opens_menu = true;
        self
    }

    /// Where there is little room, the word of a picker is only read aloud.
    pub fn shows_prefix(mut self, is_shown: bool) -> Self {
        self.shows_prefix = is_shown;
        self
    }

    /// Can it be pressed?
    pub fn enabled(mut self, is_enabled: bool) -> Self {
        self.is_enabled = is_enabled;
        self
    }

    /// The label ends in "…" when the button would be wider.
    pub fn max_width(mut self, width: f32) -> Self {
        self.max_width = width;
        self
    }

    /// As wide as this, with the arrow at the right edge, as fields of a form are.
    pub fn fill(mut self, width: f32) -> Self {
        self.min_width = width;
        self.max_width = width;
        self
    }

    /// What assistive technology reads instead of the label.
    pub fn named(mut self, name: &'a str) -> Self {
        self.accessible_name = Some(name);
        self
    }

    /// How wide the button is where it has the room for it.
    pub fn wanted_width(&self, ui: &Ui) -> f32 {
        (self.prefix_and_fixed_width(ui).1 + self.label_within(ui, f32::INFINITY).size().x).ceil()
    }

    /// The weak word that is shown, and the width of all but the label.
    fn prefix_and_fixed_width(&self, ui: &Ui) -> (Option<Arc<Galley>>, f32) {
        let [_, gap, padding, ..] = theme::SPACE;
        let shown_prefix = self.prefix.filter(|_| self.shows_prefix);
        let weak = theme::palette(ui).weak;
        let prefix = shown_prefix.map(|prefix| text::elided(ui, prefix, theme::body(), weak, f32::INFINITY));
        let width = 2.0 * padding
            + self.icon.map_or(0.0, |_| theme::ICON_SIZE + gap)
            + prefix.as_ref().map_or(0.0, |prefix| prefix.size().x + gap)
            + if self.opens_menu { theme::ICON_SIZE + gap } else { 0.0 };
        (prefix, width)
    }

    fn label_within(&self, ui: &Ui, width: f32) -> Arc<Galley> {
        let font = if self.weight == Weight::Primary { theme::strong() } else { theme::body() };
        text::elided(ui, self.label, font, theme::palette(ui).text, width)
    }

    /// Lays the button out.
    pub fn show(self, ui: &mut Ui) -> Response {
        let palette = theme::palette(ui);
        let [gap_small, gap, padding, ..] = theme::SPACE;
        let (prefix, fixed) = self.prefix_and_fixed_width(ui);
        let label = self.label_within(ui, self.max_width - fixed);
        let size = vec2((fixed + label.size().x).ceil().max(self.min_width), theme::CONTROL_HEIGHT);
        let sense = if self.is_enabled { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(size, sense);
        let is_enabled = self.is_enabled && ui.is_enabled();
        let spoken = match (self.accessible_name, self.prefix) {
            (Some(name), _) => name.to_owned(),
            (None, Some(prefix)) => format!("{prefix}: {}", self.label),
            (None, None) => self.label.to_owned(),
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Button, is_enabled, &spoken));
        if !ui.is_rect_visible(rect) {
            return response;
        }
        let ink = self.paint_ground(ui, rect, &response, palette);
        let mut x = rect.left() + padding;
        let y = rect.center().y;
        if let Some(icon) = self.icon {
            let middle = egui::pos2(x + theme::ICON_SIZE / 2.0, y);
            text::paint_icon(ui.painter(), middle, icon, theme::ICON_SIZE, ink);
            x += theme::ICON_SIZE + gap;
        }
        if let Some(prefix) = prefix {
            let width = prefix.size().x;
            ui.painter().galley(egui::pos2(x, (y - prefix.size().y / 2.0).round()), prefix, palette.weak);
            x += width + gap;
        }
        let at = egui::pos2(x, (y - label.size().y / 2.0).round());
        ui.painter().galley_with_override_text_color(at, label, ink);
        if self.opens_menu {
            let middle = egui::pos2(rect.right() - padding - theme::ICON_SIZE / 2.0, y + gap_small / 4.0);
            text::paint_icon(ui.painter(), middle, theme::icon::OPEN_MENU, theme::ICON_SIZE - 2.0, palette.weak);
        }
        if is_enabled { response.on_hover_cursor(CursorIcon::PointingHand) } else { response }
    }

    /// Paints the ground and gives the colour of what stands on it.
    fn paint_ground(&self, ui: &Ui, rect: Rect, response: &Response, palette: &Palette) -> Color32 {
        let is_lit = response.hovered() || response.has_focus() || response.is_pointer_button_down_on();
        let (ground, ink) = match self.weight {
            _ if !self.is_enabled => (palette.raised, palette.faint),
            Weight::Primary if is_lit => (palette.accent.lerp_to_gamma(palette.text, 0.12), palette.on_accent),
            Weight::Primary => (palette.accent, palette.on_accent),
            Weight::Raised | Weight::Plain if is_lit => (palette.hover, palette.text),
            Weight::Raised => (palette.raised, palette.text),
            Weight::Plain => (Color32::TRANSPARENT, palette.text),
        };
        ui.painter().rect_filled(rect, CornerRadius::same(theme::RADIUS), ground);
        // A ring in the colour of its own ground would not be seen.
        let ring = if self.weight == Weight::Primary { palette.text } else { palette.accent };
        paint_focus(ui, rect, response, ring);
        ink
    }
}

fn paint_focus(ui: &Ui, rect: Rect, response: &Response, ring: Color32) {
    if response.has_focus() {
        let stroke = Stroke::new(2.0, ring);
        ui.painter().rect_stroke(rect, CornerRadius::same(theme::RADIUS), stroke, egui::StrokeKind::Outside);
    }
}

/// A button that is only an icon, in the flow of the layout; `name` is read aloud, `tip` is shown under the pointer.
pub fn icon_button(ui: &mut Ui, icon: Icon, name: &str, tip: &str) -> Response {
    let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(theme::CONTROL_HEIGHT), Sense::hover());
    icon_button_at(ui, rect, icon, name, tip)
}

/// A button that is only an icon, filling `rect`.
pub fn icon_button_at(ui: &mut Ui, rect: Rect, icon: Icon, name: &str, tip: &str) -> Response {
    let response = ui.interact(rect, ui.scope_id().with(("icon button", name)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    let palette = theme::palette(ui);
    let is_lit = response.hovered() || response.has_focus();
    if is_lit {
        ui.painter().rect_filled(rect, CornerRadius::same(theme::RADIUS), palette.hover);
        paint_focus(ui, rect, &response, palette.accent);
    }
    let ink = if is_lit { palette.text } else { palette.weak };
    text::paint_icon(ui.painter(), rect.center(), icon, theme::ICON_SIZE, ink);
    response.on_hover_text(tip).on_hover_cursor(CursorIcon::PointingHand)
}
