//! Small parts that panels and dialogs share; each says its name to assistive technology.

mod badge;
mod button;
mod field;
mod menu;
mod progress_bar;
mod tabs;
pub mod text;

pub use badge::{badge, badge_width};
pub use button::{Button, icon_button, icon_button_at};
pub use field::{check_box, field_label, mark, path_field, radio, secret_field, text_field};
pub use menu::{
    choice_field, menu, menu_check, menu_choice, menu_entry, menu_entry_below_choices, menu_entry_with_keys,
    menu_heading,
};
pub use progress_bar::{BarKind, progress_bar_at};
pub use tabs::{named_segmented, segmented, tabs};
