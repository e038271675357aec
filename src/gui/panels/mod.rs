//! The parts of the window.

pub mod banner;
pub mod details;
pub mod details_overview;
pub mod drop_overlay;
pub mod empty;
pub mod notices;
pub mod queue;
pub mod row;
pub mod row_actions;
pub mod status;
pub mod toolbar;

/// Name of the preset that new files get.
pub fn preset_name(snapshot: &crate::engine::Snapshot) -> String {
    let id = &snapshot.settings.preset;
    crate::preset::find_preset(id).map_or_else(|| id.clone(), |preset| preset.name)
}
