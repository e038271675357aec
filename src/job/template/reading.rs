//! From the text of a template to its parts; what can't be a name on every system is refused.

use super::{DEFAULT_DATE_FORMAT, PLACEHOLDERS, Part, Piece, Placeholder, TemplateError, names::is_unsafe};

/// Reads a template into the names of folders.
pub(super) fn parts(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts: Vec<Part> = vec![Vec::new()];
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let part = parts.last_mut().filter(|_| next != '/');
        let Some(part) = part else {
            parts.push(Vec::new());
            rest = &rest[1..];
            continue;
        };
        if next == '{' {
            let (inside, after) = rest[1..].split_once('}').ok_or_else(|| braces(text))?;
            for (index, value) in placeholders(inside)?.into_iter().enumerate() {
                if index > 0 {
                    parts.push(Vec::new());
                }
                if let Some(part) = parts.last_mut() {
                    part.push(Piece::Value(value));
                }
            }
            rest = after;
        } else {
            let end = rest.find(['/', '{']).unwrap_or(rest.len());
            part.push(Piece::Text(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    parts.iter().try_for_each(|part| check_part(text, part))?;
    Ok(parts)
}

fn braces(text: &str) -> TemplateError {
    TemplateError::new(
        format!("The template “{}” has a brace without its partner", shown(text)),
        "Write placeholders as {name}",
    )
}

/// Text that came from outside, without what would steer a terminal.
pub(super) fn shown(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// What stands between two braces: one placeholder, or a date that makes several folders.
fn placeholders(inside: &str) -> Result<Vec<Placeholder>, TemplateError> {
    let one = match inside {
        "id" => Placeholder::Id,
        "name" => Placeholder::Name,
        "preset" => Placeholder::Preset,
        "user" => Placeholder::User,
        "rung" => Placeholder::Rung,
        "width" => Placeholder::Width,
        "height" => Placeholder::Height,
        "codec" => Placeholder::Codec,
        "date" => Placeholder::Date(DEFAULT_DATE_FORMAT.to_owned()),
        _ => match inside.strip_prefix("date:") {
            Some(format) => return Ok(format.split('/').map(|part| Placeholder::Date(part.to_owned())).collect()),
            None => {
                let what = format!("There is no placeholder {{{}}}", shown(inside));
                return Err(TemplateError::new(what, format!("Use some of {PLACEHOLDERS}")));
            }
        },
    };
    Ok(vec![one])
}

fn check_part(template: &str, part: &Part) -> Result<(), TemplateError> {
    let refuse =
        |what: &str, hint: &str| Err(TemplateError::new(format!("The template “{}” {what}", shown(template)), hint));
    let mut first_and_last = Vec::new();
    for piece in part {
        let Piece::Text(text) = piece else { continue };
        if text.contains('}') {
            return Err(braces(template));
        }
        if let Some(character) = text.chars().find(|character| is_unsafe(*character)) {
            let character =
                if character.is_control() { "a control character".to_owned() } else { format!("“{character}”") };
            return refuse(&format!("has {character}, which is in no name of a file on every system"), "Leave it out");
        }
        first_and_last.push(text.as_str());
    }
    if part.is_empty() {
        return if template.starts_with('/') {
            refuse("is an absolute path", "Write it relative to the output folder: leave the slash at its start out")
        } else {
            refuse("has an empty part", "Write single slashes between names, and none at the end")
        };
    }
    if let [Piece::Text(text)] = part.as_slice()
        && matches!(text.as_str(), "." | "..")
    {
        return refuse(&format!("has “{text}” for a name"), "Name folders below the output folder alone");
    }
    if let Some(Piece::Text(text)) = part.first()
        && text.starts_with(['.', ' '])
    {
        return refuse("has a name that begins with a point or a space", "Begin names with other characters");
    }
    if let Some(Piece::Text(text)) = part.last() {
        if text.ends_with(['.', ' ']) {
            return refuse("has a name that ends with a point or a space", "End names with other characters");
        }
        if text.to_ascii_lowercase().ends_with(".m3u8") {
            return refuse("names a playlist", "Name folders alone: the playlists in them have names of their own");
        }
    }
    Ok(())
}
