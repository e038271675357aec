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

/// What new files become: the name of their preset, or `MP4 file`.
pub fn made_of_new_files(snapshot: &crate::engine::Snapshot) -> String {
    let id = &snapshot.settings.preset;
    let preset = crate::preset::find_preset(id).map_or_else(|| id.clone(), |preset| preset.name);
    snapshot.settings.kind().words(&preset)
}
