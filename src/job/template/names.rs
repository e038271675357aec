//! What can be the name of a file on every system.

/// Names made of values are cut at this many bytes, so that what is put beside them still has room.
const LONGEST_VALUE_BYTES: usize = 120;

/// What some system refuses in the name of a file.
pub(super) fn is_unsafe(character: char) -> bool {
    character.is_control() || r#"<>:"/\|?*"#.contains(character) || character == '\u{fffd}'
}

/// Any text as the name of a file on every system and as a part of a key, nothing more; at most 120 bytes.
pub fn safe_name(text: &str) -> String {
    let mut name: String = text.chars().map(|character| if is_unsafe(character) { '_' } else { character }).collect();
    while name.len() > LONGEST_VALUE_BYTES {
        name.pop();
    }
    let trimmed = name.trim_matches(|character: char| character.is_whitespace() || character == '.');
    let trimmed = trimmed.trim_start_matches('-');
    match trimmed {
        "" => "stream".to_owned(),
        device if is_device(device) => format!("_{device}"),
        name => name.to_owned(),
    }
}

/// As [`safe_name`], and such that it stands in a URI as it is.
pub(super) fn unreserved_name(text: &str) -> String {
    safe_name(text).replace(|character| !is_unreserved(character), "_")
}

/// What is never escaped in a URI (RFC 3986, 2.3).
pub(super) fn is_unreserved(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~".contains(character)
}

/// Names that mean a device on Windows, whatever follows their first point.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_port = |kind: &str| stem.strip_prefix(kind).is_some_and(|number| matches!(number.as_bytes(), [b'0'..=b'9']));
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || is_port("COM") || is_port("LPT")
}
