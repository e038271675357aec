//! Arrows between modules point down only, and no module is a drawer for odds and ends.

#![allow(clippy::expect_used)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The layers from the lowest up; a module may use those of lower layers and those of its own.
const LAYERS: [&[&str]; 7] = [
    &["failure", "format", "job", "media", "preset", "settings"],
    &["tools", "logging"],
    &["pipeline", "preview"],
    &["engine"],
    &["control"],
    &["gui"],
    &["cli"],
];
/// A settings file is written whole or not at all, by a tool.
const EXCEPTIONS: [(&str, &str); 1] = [("settings", "tools")];
const FORBIDDEN_NAMES: [&str; 4] = ["utils", "common", "helpers", "misc"];

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Top-level modules that a source names: `crate::module` and the first names in `use crate::{…}`.
fn used_modules(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .take_while(|line| !line.contains("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut used = Vec::new();
    for part in code.split("crate::").skip(1) {
        let Some(group) = part.strip_prefix('{') else {
            used.push(part.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect());
            continue;
        };
        let mut depth = 0;
        let mut name = String::new();
        for letter in group.chars() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => used.push(std::mem::take(&mut name)),
                ':' if depth == 0 => name.push(letter),
                _ if depth == 0 && !letter.is_whitespace() => name.push(letter),
                _ => {}
            }
        }
        used.push(name);
    }
    used.into_iter().map(|name| name.split("::").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn arrows_between_modules_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    let mut upward: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in &files {
        let relative = file.strip_prefix(&root).expect("a file under src");
        let module = relative.iter().next().expect("a first part").to_string_lossy().replace(".rs", "");
        if module == "lib" || module == "main" {
            continue;
        }
        let layer = layer_of(&module).unwrap_or_else(|| panic!("the module {module} is in no layer"));
        let text = std::fs::read_to_string(file).expect("a source file");
        for used in used_modules(&text) {
            let is_exception = EXCEPTIONS.contains(&(module.as_str(), used.as_str()));
            if layer_of(&used).is_some_and(|used| used > layer) && !is_exception {
                upward.entry(relative.display().to_string()).or_default().push(used);
            }
        }
    }
    assert!(upward.is_empty(), "these files use a module above them: {upward:#?}");
}

#[test]
fn no_module_is_a_drawer_for_odds_and_ends() {
    let mut files = Vec::new();
    source_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    for file in files {
        let named: Vec<String> = file.iter().map(|part| part.to_string_lossy().replace(".rs", "")).collect();
        let forbidden = named.iter().rev().take(3).find(|part| FORBIDDEN_NAMES.contains(&part.as_str()));
        assert_eq!(forbidden, None, "{}", file.display());
    }
}
