//! All colours, sizes and spacings of the window; fonts and icons lie beside it.

pub mod fonts;
pub mod icon;

use eframe::egui::{
    self, Color32, CornerRadius, FontId, Margin, Shadow, Stroke, TextStyle, Theme, Vec2, Visuals, style,
};

/// The colours of one appearance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Palette {
    /// Behind the queue.
    pub background: Color32,
    /// Toolbar, panel of the selected job, status line, dialogs.
    pub panel: Color32,
    /// Buttons and fields at rest.
    pub raised: Color32,
    /// Buttons and rows under the pointer.
    pub hover: Color32,
    /// Hairlines.
    pub line: Color32,
    /// The empty part of a progress bar.
    pub track: Color32,
    /// Text.
    pub text: Color32,
    /// Facts and labels.
    pub weak: Color32,
    /// Ornaments, never facts.
    pub faint: Color32,
    /// What is at work, and the primary button.
    pub accent: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// The selected row.
    pub selected: Color32,
    /// Finished well.
    pub good: Color32,
    /// To be looked at.
    pub warning: Color32,
    /// Failed.
    pub bad: Color32,
}

const fn hex(rgb: u32) -> Color32 {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

/// The dark appearance.
pub const DARK: Palette = Palette {
    background: hex(0x15_171A),
    panel: hex(0x1B_1E22),
    raised: hex(0x23_272C),
    hover: hex(0x2A_2F35),
    line: hex(0x2E_333A),
    track: hex(0x30_363D),
    text: hex(0xE8_EAED),
    weak: hex(0x9B_A3AD),
    faint: hex(0x6B_737D),
    accent: hex(0x4C_9AFF),
    on_accent: hex(0x0B_1A2E),
    selected: hex(0x1C_3049),
    good: hex(0x4F_C38A),
    warning: hex(0xE8_B04A),
    bad: hex(0xF4_7B75),
};

/// The light appearance.
pub const LIGHT: Palette = Palette {
    background: hex(0xF4_F5F7),
    panel: hex(0xFF_FFFF),
    raised: hex(0xEE_F0F3),
    hover: hex(0xE6_E9ED),
    line: hex(0xDA_DEE3),
    track: hex(0xDD_E1E6),
    text: hex(0x1B_1F24),
    weak: hex(0x5A_636E),
    faint: hex(0x86_8F99),
    accent: hex(0x0F_5FC8),
    on_accent: hex(0xFF_FFFF),
    selected: hex(0xDC_EAFD),
    good: hex(0x16_7041),
    warning: hex(0x8F_5F00),
    bad: hex(0xC0_362F),
};

/// The colours that `ui` has now.
pub fn palette(ui: &egui::Ui) -> &'static Palette {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// Height of the toolbar.
pub const TOOLBAR_HEIGHT: f32 = 48.0;
/// Height of the filters above the queue.
pub const FILTER_BAR_HEIGHT: f32 = 44.0;
/// Height of the status line.
pub const STATUS_HEIGHT: f32 = 28.0;
/// Height of a row of the queue, without the hairline below it.
pub const ROW_HEIGHT: f32 = 76.0;
/// Width of the panel of the selected job.
pub const DETAILS_WIDTH: f32 = 392.0;
/// Below this width of the window the panel of the selected job takes the place of the queue, when asked for.
pub const DETAILS_BESIDE_QUEUE_FROM: f32 = 1100.0;
/// Size of a thumbnail in a row.
pub const THUMBNAIL: Vec2 = Vec2::new(96.0, 54.0);
/// Height of buttons and fields.
pub const CONTROL_HEIGHT: f32 = 32.0;
/// Side of the hit area of an icon.
pub const ICON_HIT: f32 = 28.0;
/// Size of icons.
pub const ICON_SIZE: f32 = 16.0;
/// Height of a progress bar.
pub const BAR_HEIGHT: f32 = 6.0;
/// Corner radius of buttons and fields.
pub const RADIUS: u8 = 6;
/// Corner radius of images and badges.
pub const IMAGE_RADIUS: u8 = 4;
/// Corner radius of dialogs.
pub const DIALOG_RADIUS: u8 = 10;
/// The steps of spacing.
pub const SPACE: [f32; 5] = [4.0, 8.0, 12.0, 16.0, 24.0];
/// Smallest useful window.
pub const SMALLEST_WINDOW: Vec2 = Vec2::new(720.0, 420.0);
/// Window at the first start, which leaves room for title bar and panel on a screen of 1280×800.
pub const FIRST_WINDOW: Vec2 = Vec2::new(1240.0, 740.0);
/// Margin at the sides of the toolbar, the queue and the status line.
pub const SIDE_MARGIN: f32 = 12.0;

/// Text of the interface.
pub fn body() -> FontId {
    FontId::proportional(13.0)
}

/// Names and buttons that matter.
pub fn strong() -> FontId {
    FontId::new(13.0, fonts::semibold())
}

/// Facts and numbers.
pub fn facts() -> FontId {
    FontId::proportional(12.0)
}

/// Stages and badges.
pub fn small() -> FontId {
    FontId::proportional(11.0)
}

/// Headings of groups, and badges.
pub fn group_heading() -> FontId {
    FontId::new(11.0, fonts::semibold())
}

/// Title of the panel and of dialogs.
pub fn title() -> FontId {
    FontId::new(15.0, fonts::semibold())
}

/// The sentence of the empty state and of the drop overlay.
pub fn display() -> FontId {
    FontId::new(18.0, fonts::semibold())
}

/// Log and details of failures.
pub fn monospace() -> FontId {
    FontId::monospace(11.5)
}

/// Gives `ctx` the fonts and the look, for both appearances.
pub fn install(ctx: &egui::Context) {
    fonts::install(ctx);
    ctx.set_style_of(Theme::Dark, style_of(&DARK, Visuals::dark()));
    ctx.set_style_of(Theme::Light, style_of(&LIGHT, Visuals::light()));
}

fn style_of(palette: &Palette, base: Visuals) -> egui::Style {
    let mut style = egui::Style { visuals: visuals(palette, base), ..egui::Style::default() };
    style.text_styles = [
        (TextStyle::Heading, title()),
        (TextStyle::Body, body()),
        (TextStyle::Button, body()),
        (TextStyle::Small, facts()),
        (TextStyle::Monospace, monospace()),
    ]
    .into();
    style.animation_time = 0.1;
    style.spacing.item_spacing = Vec2::new(SPACE[1], SPACE[1]);
    style.spacing.button_padding = Vec2::new(SPACE[2], 6.0);
    style.spacing.interact_size = Vec2::new(ICON_HIT, ICON_HIT);
    style.spacing.icon_spacing = SPACE[1];
    style.spacing.menu_margin = Margin::same(4);
    style.spacing.window_margin = Margin::same(16);
    style.spacing.scroll = style::ScrollStyle::floating();
    style.spacing.scroll.bar_width = 8.0;
    style.spacing.scroll.bar_outer_margin = 2.0;
    style.spacing.scroll.floating_width = 4.0;
    // That there is more below is to be seen before the pointer comes near.
    style.spacing.scroll.dormant_handle_opacity = 0.5;
    style.spacing.tooltip_width = 420.0;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style
}

fn visuals(palette: &Palette, base: Visuals) -> Visuals {
    let radius = CornerRadius::same(RADIUS);
    let widget = |fill: Color32, outline: Color32, text: Color32| style::WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, outline),
        corner_radius: radius,
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    let shadow = Shadow { offset: [0, 8], blur: 24, spread: 0, color: Color32::from_black_alpha(70) };
    Visuals {
        override_text_color: None,
        weak_text_color: Some(palette.weak),
        widgets: style::Widgets {
            noninteractive: widget(palette.panel, palette.line, palette.text),
            inactive: widget(palette.raised, Color32::TRANSPARENT, palette.text),
            hovered: widget(palette.hover, Color32::TRANSPARENT, palette.text),
            active: widget(palette.hover, palette.accent, palette.text),
            open: widget(palette.hover, Color32::TRANSPARENT, palette.text),
        },
        selection: style::Selection {
            bg_fill: palette.accent.gamma_multiply(0.4),
            stroke: Stroke::new(1.0, palette.accent),
        },
        hyperlink_color: palette.accent,
        faint_bg_color: palette.raised,
        extreme_bg_color: palette.background,
        code_bg_color: palette.background,
        warn_fg_color: palette.warning,
        error_fg_color: palette.bad,
        window_fill: palette.panel,
        window_stroke: Stroke::new(1.0, palette.line),
        window_corner_radius: CornerRadius::same(DIALOG_RADIUS),
        menu_corner_radius: radius,
        panel_fill: palette.panel,
        window_shadow: shadow,
        popup_shadow: shadow,
        ..base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2: relative luminance of an opaque colour.
    fn luminance(colour: Color32) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    }

    fn contrast(text: Color32, ground: Color32) -> f64 {
        let (a, b) = (luminance(text), luminance(ground));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_can_be_read_on_every_ground() {
        for (name, palette) in [("dark", DARK), ("light", LIGHT)] {
            let grounds = [palette.background, palette.panel, palette.raised, palette.hover, palette.selected];
            let texts = [
                ("text", palette.text),
                ("weak", palette.weak),
                ("good", palette.good),
                ("warning", palette.warning),
                ("bad", palette.bad),
            ];
            for (text_name, text) in texts {
                for ground in grounds {
                    let ratio = contrast(text, ground);
                    assert!(ratio >= 4.5, "{name}: {text_name} on {ground:?} has only {ratio:.2}");
                }
            }
            let on_accent = contrast(palette.on_accent, palette.accent);
            assert!(on_accent >= 4.5, "{name}: text on accent has only {on_accent:.2}");
            let accent = contrast(palette.accent, palette.panel);
            assert!(accent >= 4.5, "{name}: accent on panel has only {accent:.2}");
        }
    }
}
