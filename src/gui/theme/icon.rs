//! The icons of the window: glyphs of Phosphor Icons.

/// A glyph of the icon font, plain or filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icon {
    pub(crate) glyph: char,
    pub(crate) is_filled: bool,
}

const fn plain(glyph: char) -> Icon {
    Icon { glyph, is_filled: false }
}

const fn filled(glyph: char) -> Icon {
    Icon { glyph, is_filled: true }
}

macro_rules! icons {
    ($($name:ident = $kind:ident $glyph:literal;)*) => {
        $(#[doc = concat!("The glyph `", stringify!($name), "`.")] pub const $name: Icon = $kind($glyph);)*

        #[cfg(test)]
        const ALL: &[(&str, Icon)] = &[$((stringify!($name), $name)),*];
    };
}

icons! {
    ADD = plain '\u{e3d4}';
    ADD_FOLDER = plain '\u{e258}';
    OPEN_MENU = plain '\u{e136}';
    BACK = plain '\u{e138}';
    SEARCH = plain '\u{e30c}';
    ADJUST = plain '\u{e434}';
    SETTINGS = plain '\u{e272}';
    HISTORY = plain '\u{e1a0}';
    START = filled '\u{e3d0}';
    PAUSE = filled '\u{e39e}';
    PREVIEW = plain '\u{e58c}';
    CLOSE = plain '\u{e4f6}';
    MOVE_TO_TOP = plain '\u{e066}';
    MORE = plain '\u{e1fe}';
    GRIP = plain '\u{eae2}';
    FINISHED = plain '\u{e182}';
    AT_WORK = filled '\u{e18a}';
    TO_COME = plain '\u{e18a}';
    THEN = plain '\u{e13a}';
    RETRY = plain '\u{e036}';
    LINK = plain '\u{e2e2}';
    OPEN_FOLDER = plain '\u{e256}';
    FILM = plain '\u{e792}';
    COPY = plain '\u{e1ca}';
    DETAILS = plain '\u{ec24}';
    STATE_RUNNING = filled '\u{e3d2}';
    STATE_PUBLISHING = filled '\u{e1ae}';
    STATE_WAITING = filled '\u{e19a}';
    STATE_FAILED = filled '\u{e4e2}';
    STATE_DONE = filled '\u{e184}';
    STATE_CANCELLED = filled '\u{e3de}';
    NOTICE = filled '\u{e2ce}';
    WARNING = filled '\u{e4e0}';
    CHOSEN = plain '\u{e182}';
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gui::theme::fonts;

    #[test]
    fn the_icon_fonts_have_every_icon() {
        let ctx = eframe::egui::Context::default();
        fonts::install(&ctx);
        let output = ctx.run_ui(eframe::egui::RawInput::default(), |ui| {
            for (name, icon) in ALL {
                let family = fonts::icon_family(*icon);
                let font = eframe::egui::FontId::new(16.0, family);
                assert!(ui.ctx().fonts_mut(|view| view.has_glyph(&font, icon.glyph)), "{name} has no glyph");
            }
        });
        output.drop_without_applying_deltas();
    }
}
