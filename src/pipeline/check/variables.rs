//! Variables of playlists (EXT-X-DEFINE, rfc8216bis 4.4.2.3), whose values are put into the text before it is parsed.

use std::{borrow::Cow, collections::BTreeMap};

use percent_encoding::percent_decode_str;

const DEFINE: &str = "#EXT-X-DEFINE:";

/// Values by name.
pub(super) type Variables = BTreeMap<String, String>;

/// Where a playlist comes from, which gives values to some of its variables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The variables of the multivariant playlist that names it.
    pub(super) imported: Option<&'a Variables>,
    /// Its URI, as far as it is known.
    pub(super) uri: &'a str,
}

/// The text with the value of each variable in its place, and the variables that it defines.
///
/// # Errors
/// In words, when a variable has no value.
pub(super) fn substitute<'a>(text: &'a str, origin: Origin<'_>) -> Result<(Cow<'a, str>, Variables), String> {
    let mut variables = Variables::new();
    if !text.contains(DEFINE) {
        return Ok((Cow::Borrowed(text), variables));
    }
    let mut result = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if line.starts_with('#') && !line.starts_with("#EXT-X-") {
            result.push_str(line);
            continue;
        }
        let line = with_values(line, &variables)?;
        if let Some(attributes) = line.strip_prefix(DEFINE) {
            let (name, value) = definition(attributes, origin)?;
            if variables.insert(name.clone(), value).is_some() {
                return Err(format!("EXT-X-DEFINE defines “{name}” twice"));
            }
        }
        result.push_str(&line);
    }
    Ok((Cow::Owned(result), variables))
}

/// Name and value that an EXT-X-DEFINE gives.
fn definition(attributes: &str, origin: Origin<'_>) -> Result<(String, String), String> {
    let (name, value) = if let Some(name) = attribute(attributes, "NAME") {
        let value = attribute(attributes, "VALUE").ok_or_else(|| format!("EXT-X-DEFINE “{name}” has no VALUE"))?;
        (name, value.to_owned())
    } else if let Some(name) = attribute(attributes, "IMPORT") {
        let value = origin.imported.and_then(|imported| imported.get(name));
        let value = value.ok_or_else(|| {
            format!("EXT-X-DEFINE imports “{name}”, which the multivariant playlist does not define before it")
        })?;
        (name, value.clone())
    } else if let Some(name) = attribute(attributes, "QUERYPARAM") {
        (name, query_parameter(origin.uri, name)?)
    } else {
        return Err("EXT-X-DEFINE has neither NAME nor IMPORT nor QUERYPARAM".to_owned());
    };
    if name.is_empty() || !name.chars().all(is_of_name) {
        return Err(format!("EXT-X-DEFINE has the name “{name}”, which is none"));
    }
    if value.contains(|letter: char| letter == '"' || letter.is_control()) {
        return Err(format!("the value of the variable “{name}” has quotes or control characters"));
    }
    Ok((name.to_owned(), value))
}

/// The parameter of a URI. A file on this machine is found without: there it is empty.
fn query_parameter(uri: &str, name: &str) -> Result<String, String> {
    let query = uri.split('#').next().and_then(|uri| uri.split_once('?')).map_or("", |(_, query)| query);
    let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name);
    match found {
        Some((_, value)) => Ok(percent_decode_str(value).decode_utf8_lossy().into_owned()),
        None if uri.starts_with("https://") || uri.starts_with("http://") => {
            Err(format!("EXT-X-DEFINE needs the query parameter “{name}”, which the address of the playlist has not"))
        }
        None => Ok(String::new()),
    }
}

/// The quoted value of an attribute.
fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = attributes;
    loop {
        let (key, behind) = rest.split_once("=\"")?;
        let (value, behind) = behind.split_once('"')?;
        if key.trim_start_matches([',', ' ']) == name {
            return Some(value);
        }
        rest = behind;
    }
}

/// A line with values in the place of `{$name}`.
fn with_values<'a>(line: &'a str, variables: &Variables) -> Result<Cow<'a, str>, String> {
    let mut result = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("{$") {
        result.push_str(before);
        match behind.split_once('}').filter(|(name, _)| !name.is_empty() && name.chars().all(is_of_name)) {
            Some((name, after)) => {
                let value = variables.get(name);
                result.push_str(value.ok_or_else(|| format!("the variable “{name}” is not defined before its use"))?);
                rest = after;
            }
            None => {
                result.push_str("{$");
                rest = behind;
            }
        }
    }
    if result.is_empty() && rest.len() == line.len() {
        return Ok(Cow::Borrowed(line));
    }
    result.push_str(rest);
    Ok(Cow::Owned(result))
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substituted(text: &str, uri: &str) -> Result<String, String> {
        let imported = Variables::from([("host".to_owned(), "cdn".to_owned())]);
        substitute(text, Origin { imported: Some(&imported), uri }).map(|(text, _)| text.into_owned())
    }

    #[test]
    fn variables_get_their_values_from_the_text_the_multivariant_playlist_and_the_query() {
        let text = "#EXTM3U\n#EXT-X-DEFINE:NAME=\"p\",VALUE=\"a/b\"\n#EXT-X-DEFINE:IMPORT=\"host\"\n\
            #EXT-X-DEFINE:QUERYPARAM=\"t\"\n#EXT-X-MAP:URI=\"{$p}/i.mp4\"\n#EXTINF:6,{$x}\n{$host}/{$p}0.ts?t={$t}\n";
        let result = substituted(text, "https://host/a.m3u8?u=1&t=x%20y#z").unwrap();
        assert!(result.contains("#EXT-X-MAP:URI=\"a/b/i.mp4\"\n"), "{result}");
        assert!(result.contains("#EXTINF:6,{$x}\ncdn/a/b0.ts?t=x y\n"), "{result}");
        assert!(substituted(text, "a.m3u8").unwrap().contains("cdn/a/b0.ts?t=\n"));
        assert!(substituted(text, "https://host/a.m3u8").is_err());
        assert_eq!(substituted("#EXTM3U\n{$x}.ts\n", "").unwrap(), "#EXTM3U\n{$x}.ts\n");
    }

    #[test]
    fn what_has_no_value_is_told() {
        for broken in [
            "NAME=\"p\"",
            "IMPORT=\"gone\"",
            "NAME=\"a b\",VALUE=\"x\"",
            "VALUE=\"x\"",
            "NAME=\"p\",VALUE=\"x\"\n{$q}.ts",
            "NAME=\"p\",VALUE=\"x\"\n#EXT-X-DEFINE:NAME=\"p\",VALUE=\"y\"",
        ] {
            assert!(substituted(&format!("#EXTM3U\n#EXT-X-DEFINE:{broken}\n"), "").is_err(), "{broken}");
        }
    }
}
