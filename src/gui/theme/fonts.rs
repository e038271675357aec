//! The fonts: Inter for text, Phosphor for icons, and the system's fonts for scripts that Inter lacks.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use eframe::egui::{
    self, FontData, FontDefinitions, FontFamily,
    epaint::text::{FallbackRequest, FontInsert, FontPriority, InsertFontFamily},
};

use super::icon::Icon;

const REGULAR: &str = "Inter Regular";
const SEMIBOLD: &str = "Inter SemiBold";
const ICONS: &str = "Phosphor";
const FILLED_ICONS: &str = "Phosphor Fill";

/// Fonts for scripts that Inter lacks, in the usual places of Linux, macOS and Windows. All that are there are used.
const FALLBACK_FONTS: &[&str] = &[
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansHebrew-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansBengali-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansTamil-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansThai-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansArmenian-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansGeorgian-Regular.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/fonts-japanese-gothic.ttf",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/AppleSDGothicNeo.ttc",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "C:\\Windows\\Fonts\\msyh.ttc",
    "C:\\Windows\\Fonts\\YuGothM.ttc",
    "C:\\Windows\\Fonts\\malgun.ttf",
    "C:\\Windows\\Fonts\\segoeui.ttf",
];

/// The family of semibold text.
pub fn semibold() -> FontFamily {
    FontFamily::Name("semibold".into())
}

/// The family that has an icon.
pub fn icon_family(icon: Icon) -> FontFamily {
    FontFamily::Name(if icon.is_filled { "icons filled" } else { "icons" }.into())
}

/// Gives `ctx` the fonts of the window; fonts of the system follow when a character needs them.
pub fn install(ctx: &egui::Context) {
    let mut fonts = FontDefinitions::default();
    let shipped: [(&str, &'static [u8]); 4] = [
        (REGULAR, include_bytes!("../../../assets/fonts/Inter-Regular.otf")),
        (SEMIBOLD, include_bytes!("../../../assets/fonts/Inter-SemiBold.otf")),
        (ICONS, include_bytes!("../../../assets/fonts/Phosphor.ttf")),
        (FILLED_ICONS, include_bytes!("../../../assets/fonts/Phosphor-Fill.ttf")),
    ];
    for (name, bytes) in shipped {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let after_inter = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let with_first = |first: &str| std::iter::once(first.to_owned()).chain(after_inter.iter().cloned()).collect();
    fonts.families.insert(FontFamily::Proportional, with_first(REGULAR));
    fonts.families.insert(semibold(), with_first(SEMIBOLD));
    fonts.families.insert(FontFamily::Name("icons".into()), vec![ICONS.to_owned()]);
    fonts.families.insert(FontFamily::Name("icons filled".into()), vec![FILLED_ICONS.to_owned()]);
    ctx.set_fonts(fonts);
    load_system_fonts_when_needed(ctx);
}

/// The first character that no shipped font has starts a thread that reads the system's fonts: they are large, most
/// windows never need them, and reading them must not hold up the drawing.
fn load_system_fonts_when_needed(ctx: &egui::Context) {
    let begun = AtomicBool::new(false);
    let weak_ctx = ctx.clone();
    ctx.add_font_provider(Arc::new(move |_request: &FallbackRequest<'_>| {
        if !begun.swap(true, Ordering::Relaxed) {
            let ctx = weak_ctx.clone();
            let thread = std::thread::Builder::new().name("system-fonts".to_owned());
            if let Err(error) = thread.spawn(move || add_system_fonts(&ctx)) {
                tracing::warn!(%error, "the system's fonts can't be loaded");
            }
        }
        None::<FontInsert>
    }));
}

fn add_system_fonts(ctx: &egui::Context) {
    for path in FALLBACK_FONTS {
        let Ok(bytes) = std::fs::read(path) else { continue };
        let name = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let families = [FontFamily::Proportional, FontFamily::Monospace, semibold()]
            .map(|family| InsertFontFamily { family, priority: FontPriority::Lowest });
        ctx.add_font(FontInsert::new(&name, FontData::from_owned(bytes), families.to_vec()));
    }
    ctx.request_repaint();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_in_names_have_glyphs_without_fonts_of_the_system() {
        let ctx = egui::Context::default();
        install(&ctx);
        let output = ctx.run_ui(egui::RawInput::default(), |ui| {
            for letter in ['🎬', '🎥', '😀', '✨'] {
                let has_glyph =
                    |family| ui.ctx().fonts_mut(|fonts| fonts.has_glyph(&egui::FontId::new(13.0, family), letter));
                assert!(has_glyph(FontFamily::Proportional) && has_glyph(semibold()), "{letter}");
            }
        });
        output.drop_without_applying_deltas();
    }
}
