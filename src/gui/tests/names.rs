//! Everything that can be pressed, typed into or read has a name for assistive technology.

use eframe::egui::Role;
use egui_kittest::{
    Node,
    kittest::{By, NodeT, Queryable},
};

use super::{Window, states};
use crate::gui::view_state::DetailsTab;

const NAMED_ROLES: [Role; 11] = [
    Role::Button,
    Role::CheckBox,
    Role::RadioButton,
    Role::Tab,
    Role::TextInput,
    Role::SpinButton,
    Role::ProgressIndicator,
    Role::ListItem,
    Role::MenuItemRadio,
    Role::Image,
    Role::Link,
];

fn assert_all_named(window: &Window, place: &str) {
    let mut named = 0;
    for role in NAMED_ROLES {
        let nodes: Vec<Node<'_>> = window.harness.query_all(By::new().role(role)).collect();
        for node in nodes {
            let label = node.accesskit_node().label().unwrap_or_default();
            let is_glyph_only =
                !label.is_empty() && label.chars().all(|letter| ('\u{e000}'..='\u{f8ff}').contains(&letter));
            assert!(!label.trim().is_empty() && !is_glyph_only, "{place}: a {role:?} at {:?} has no name", node.rect());
            named += 1;
        }
    }
    assert!(named > 0, "{place}: nothing is there");
}

#[test]
fn every_control_has_a_name() {
    assert_all_named(&Window::open(states::Story::begin().snapshot), "empty");
    let mut window = Window::open(states::busy());
    for tab in DetailsTab::ALL {
        window.press(tab.label());
        assert_all_named(&window, tab.label());
    }
    window.press("Preset: Web HLS");
    assert_all_named(&window, "preset menu");
    window.press("Quick");
    window.press("More for Teaser.mp4");
    assert_all_named(&window, "menu of a row");
    window.press("Show details");
    window.press("Settings…");
    for section in ["General", "ffmpeg", "S3 destination"] {
        window.press(section);
        assert_all_named(&window, section);
    }
}

#[test]
fn a_progress_bar_says_what_progresses_and_how_far() {
    let window = Window::open(states::busy());
    let bar = window.harness.get_by_label("Progress of bikes.mp4");
    assert_eq!(bar.accesskit_node().numeric_value(), Some(91.0));
}
