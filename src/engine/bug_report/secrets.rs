//! Taking secrets out of text. Pure.

/// What stands in the place of a secret.
const REMOVED: &str = "[removed]";
/// Shorter values of the environment are words that stand everywhere.
const SHORTEST_SECRET: usize = 6;
/// Parts of the names of variables whose values are secrets.
const SECRET_NAMES: [&str; 6] = ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "ACCESS_KEY", "CREDENTIAL"];
/// Names before `=` or `:` whose values are secrets, in small letters: query parameters, headers, settings.
const SECRET_FIELDS: [&str; 13] = [
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "authorization",
    "aws_secret_access_key",
    "aws_access_key_id",
    "aws_session_token",
    "signature",
    "token",
    "password",
    "passwd",
    "secret",
    "sig",
];
/// Of a destination: what stands behind its question mark are options of this program, and none of them is a secret.
const DESTINATION_SCHEME: &str = "s3";
/// Letters that AWS's ids of keys begin with.
const KEY_ID_BEGINNINGS: [&str; 2] = ["AKIA", "ASIA"];
/// Their length.
const KEY_ID_LENGTH: usize = 20;

/// Values of variables that are secrets, the longest first: one may be a part of another.
pub(super) fn of_environment(variables: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let is_secret = |name: &str| SECRET_NAMES.iter().any(|part| name.to_uppercase().contains(part));
    let secrets = variables.filter(|(name, value)| is_secret(name) && value.len() >= SHORTEST_SECRET);
    let mut secrets: Vec<String> = secrets.map(|(_, value)| value).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// The text without the secrets that are `known`, without names, passwords and query strings in addresses, without values
/// of fields that are secrets, and without ids of keys.
pub(super) fn removed_from(text: &str, known: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in known {
        text = text.replace(secret.as_str(), REMOVED);
    }
    without_key_ids(&without_fields(&without_queries(&without_users(&text))))
}

/// `https://name:password@host` becomes `https://[removed]@host`.
fn without_users(text: &str) -> String {
    let mut parts = text.split("://");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str("://");
        let end = part.find(|letter: char| letter.is_whitespace() || "/?#\"'<>".contains(letter)).unwrap_or(part.len());
        match part[..end].rfind('@') {
            Some(at) => {
                result.push_str(REMOVED);
                result.push_str(&part[at..]);
            }
            None => result.push_str(part),
        }
    }
    result
}

/// `https://keys.example/1.key?auth=abc` becomes `https://keys.example/1.key?[removed]`, wherever in the text it stands.
fn without_queries(text: &str) -> String {
    let mut parts = text.split("://");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_destination = result.ends_with(DESTINATION_SCHEME);
        result.push_str("://");
        let end = part.find(|letter: char| letter.is_whitespace() || "\"'<>”“".contains(letter)).unwrap_or(part.len());
        let (address, rest) = part.split_at(end);
        if is_destination {
            result.push_str(address);
        } else {
            result.push_str(&without_query(address));
        }
        result.push_str(rest);
    }
    result
}

/// An address without what stands behind its question mark.
pub(super) fn without_query(address: &str) -> String {
    match address.split_once('?') {
        Some((address, query)) if !query.is_empty() => format!("{address}?{REMOVED}"),
        _ => address.to_owned(),
    }
}

/// `token=abc&x=1` becomes `token=[removed]&x=1`; after a colon the rest of the line goes.
fn without_fields(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut result = String::new();
    let mut from = 0;
    while let Some((begin, end)) = next_value(&lower, from) {
        result.push_str(&text[from..begin]);
        result.push_str(REMOVED);
        from = end;
    }
    result.push_str(&text[from..]);
    result
}

/// Where the next value of a secret field begins and ends, from `from` on.
fn next_value(lower: &str, from: usize) -> Option<(usize, usize)> {
    let found = SECRET_FIELDS.iter().flat_map(|field| {
        lower[from..].match_indices(field).filter_map(move |(at, _)| {
            let at = from + at;
            let before = lower[..at].chars().next_back();
            if before.is_some_and(char::is_alphanumeric) {
                return None;
            }
            let rest = &lower[at + field.len()..];
            let spaces = rest.len() - rest.trim_start_matches([' ', '"']).len();
            let sign = rest[spaces..].chars().next().filter(|sign| matches!(sign, '=' | ':'))?;
            let value = &rest[spaces + 1..];
            let begin = lower.len() - value.trim_start_matches([' ', '"']).len();
            let ends = |letter: char| {
                letter == '"' || letter == '\n' || (sign == '=' && (letter == '&' || letter.is_whitespace()))
            };
            let end = lower[begin..].find(ends).map_or(lower.len(), |length| begin + length);
            (end > begin).then_some((begin, end))
        })
    });
    found.min()
}

fn without_key_ids(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = KEY_ID_BEGINNINGS.iter().filter_map(|beginning| rest.find(beginning)).min() {
        let length = rest[at..].chars().take_while(char::is_ascii_alphanumeric).count();
        result.push_str(&rest[..at]);
        result.push_str(if length == KEY_ID_LENGTH { REMOVED } else { &rest[at..at + length] });
        rest = &rest[at + length..];
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_what_stands_beside_them_stays() {
        let variables = [("AWS_SECRET_ACCESS_KEY", "geheimnis"), ("HOME", "/home/anna"), ("MY_TOKEN", "kurz")];
        let known = of_environment(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        assert_eq!(known, ["geheimnis"]);
        for (text, expected) in [
            ("key geheimnis of /home/anna", "key [removed] of /home/anna"),
            ("at https://anna:pass@store.example/x?y=1", "at https://[removed]@store.example/x?[removed]"),
            ("key https://k.example/{id}/1.key?auth=abc, then", "key https://k.example/{id}/1.key?[removed] then"),
            ("“https://k.example/1.key?auth=abc” is used", "“https://k.example/1.key?[removed]” is used"),
            ("to s3://films/new?profile=anna&region=eu", "to s3://films/new?profile=anna&region=eu"),
            ("see https://store.example/a@b", "see https://store.example/a@b"),
            ("u?X-Amz-Signature=ab12&X-Amz-Date=1", "u?X-Amz-Signature=[removed]&X-Amz-Date=1"),
            ("Authorization: Bearer abc def", "Authorization: [removed]"),
            ("\"password\": \"abc\", \"a\": 1", "\"password\": \"[removed]\", \"a\": 1"),
            ("id AKIAIOSFODNN7EXAMPLE, AKIA alone", "id [removed], AKIA alone"),
            ("design=1 secretly: no", "design=1 secretly: no"),
            ("Ünïcode token=é é", "Ünïcode token=[removed] é"),
        ] {
            assert_eq!(removed_from(text, &known), expected);
        }
    }
}
