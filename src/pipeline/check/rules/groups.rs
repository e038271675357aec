//! EXT-X-MEDIA and its groups (rules 5 and 6).

use std::collections::{BTreeMap, BTreeSet};

use m3u8_rs::{AlternativeMedia, AlternativeMediaType, ClosedCaptionGroupId};

use crate::pipeline::check::{
    measure::Kind,
    rule::Rule,
    stream::{Multivariant, Stream},
    verdict::Ledger,
};

/// Names and languages of the members of a group.
type Members<'a> = BTreeSet<(&'a str, Option<&'a str>)>;

/// The groups of a multivariant playlist.
pub(super) fn groups(stream: &Stream, ledger: &mut Ledger) {
    let Some(multivariant) = &stream.multivariant else { return };
    exist(stream, multivariant, ledger);
    let mut members: BTreeMap<(String, &str), Vec<&AlternativeMedia>> = BTreeMap::new();
    for media in &multivariant.text.alternatives {
        members.entry((media.media_type.to_string(), media.group_id.as_str())).or_default().push(media);
        attributes(stream, media, ledger);
    }
    for ((_, id), members) in &members {
        let mut names = BTreeSet::new();
        let twice = members.iter().find(|media| !names.insert(media.name.as_str()));
        ledger.judge(Rule::MediaAttributes, &stream.entry, twice.is_none(), || {
            format!("the group “{id}” has the NAME “{}” twice", twice.map_or("", |media| media.name.as_str()))
        });
        let defaults = members.iter().filter(|media| media.default).count();
        ledger.judge(Rule::MediaAttributes, &stream.entry, defaults <= 1, || {
            format!("the group “{id}” has {defaults} defaults")
        });
    }
    alike(stream, &members, ledger);
    channels(stream, multivariant, ledger);
}

fn exist(stream: &Stream, multivariant: &Multivariant, ledger: &mut Ledger) {
    for variant in &multivariant.text.variants {
        let closed_captions = match &variant.closed_captions {
            Some(ClosedCaptionGroupId::GroupId(id)) => Some(id),
            _ => None,
        };
        for (kind, id) in [
            (AlternativeMediaType::Audio, variant.audio.as_ref()),
            (AlternativeMediaType::Video, variant.video.as_ref()),
            (AlternativeMediaType::Subtitles, variant.subtitles.as_ref()),
            (AlternativeMediaType::ClosedCaptions, closed_captions),
        ] {
            let Some(id) = id else { continue };
            let exists =
                multivariant.text.alternatives.iter().any(|media| media.media_type == kind && media.group_id == *id);
            ledger.judge(Rule::Groups, &stream.entry, exists, || {
                format!("{} names the {kind} group “{id}”, which is not there", variant.uri)
            });
        }
    }
}

fn attributes(stream: &Stream, media: &AlternativeMedia, ledger: &mut Ledger) {
    let is_closed_captions = media.media_type == AlternativeMediaType::ClosedCaptions;
    let problem = if media.group_id.is_empty() || media.name.is_empty() {
        Some("has no GROUP-ID or no NAME")
    } else if media.default && !media.autoselect && has_autoselect_no(stream, media) {
        Some("is DEFAULT=YES with AUTOSELECT=NO")
    } else if media.media_type == AlternativeMediaType::Subtitles && media.uri.is_none() {
        Some("has no URI")
    } else if is_closed_captions && media.uri.is_some() {
        Some("has a URI, which closed captions have not")
    } else if media.forced && media.media_type != AlternativeMediaType::Subtitles {
        Some("is FORCED and no subtitles")
    } else {
        None
    };
    ledger.judge(Rule::MediaAttributes, &stream.entry, problem.is_none(), || {
        format!("EXT-X-MEDIA “{}” {}", media.name, problem.unwrap_or_default())
    });
    if matches!(media.media_type, AlternativeMediaType::Audio | AlternativeMediaType::Subtitles) {
        let kept = media.language.as_deref().is_some_and(is_language_tag);
        ledger.judge(Rule::MediaLanguage, &stream.entry, kept, || match &media.language {
            Some(language) => format!("EXT-X-MEDIA “{}” has LANGUAGE “{language}”", media.name),
            None => format!("EXT-X-MEDIA “{}” has no LANGUAGE", media.name),
        });
    }
}

/// Only a written NO contradicts a default: what is not written is the same as YES with it (rfc8216bis 4.4.6.1).
fn has_autoselect_no(stream: &Stream, media: &AlternativeMedia) -> bool {
    let name = format!("NAME=\"{}\"", media.name);
    stream.multivariant.as_ref().is_some_and(|multivariant| {
        multivariant.lines.values("EXT-X-MEDIA").any(|tag| tag.contains(&name) && tag.contains("AUTOSELECT=NO"))
    })
}

/// The form of RFC 5646: a language of two or three letters (or `und`), then parts of up to eight letters and digits.
fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let is_language = |part: &str| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    parts.next().is_some_and(is_language) && parts.all(is_part)
}

/// All groups of a type have members of the same names and languages.
fn alike(stream: &Stream, members: &BTreeMap<(String, &str), Vec<&AlternativeMedia>>, ledger: &mut Ledger) {
    let mut known: BTreeMap<&str, (&str, Members<'_>)> = BTreeMap::new();
    for ((kind, id), members) in members {
        let set: Members<'_> = members.iter().map(|media| (media.name.as_str(), media.language.as_deref())).collect();
        match known.get(kind.as_str()) {
            None => {
                known.insert(kind, (id, set));
            }
            Some((first, expected)) => ledger.judge(Rule::GroupsAlike, &stream.entry, set == *expected, || {
                format!("the {kind} groups “{first}” and “{id}” have other members")
            }),
        }
    }
}

fn channels(stream: &Stream, multivariant: &Multivariant, ledger: &mut Ledger) {
    for (media, index) in multivariant.text.alternatives.iter().zip(&multivariant.media) {
        let rendition = index.and_then(|index| stream.renditions.get(index));
        let format = rendition.and_then(|rendition| rendition.format(Kind::Sound));
        let Some(measured) = format.and_then(|format| format.channels) else { continue };
        if media.media_type != AlternativeMediaType::Audio {
            continue;
        }
        // E-AC-3 in fMP4 counts its channels in the bit stream; the sample entry says 2 (ETSI TS 102 366, F.3).
        let is_certain = format.is_some_and(|format| !matches!(format.sample_entry.as_str(), "ec-3" | "ac-3"));
        let told = media.channels.as_deref().and_then(|told| told.split('/').next()?.parse::<u32>().ok());
        if is_certain {
            ledger.judge(Rule::Channels, &stream.entry, told == Some(measured), || {
                let told = media.channels.as_deref().unwrap_or("not written");
                format!("CHANNELS of “{}” is {told}, measured {measured}", media.name)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_the_form_of_bcp_47() {
        assert!(["en", "und", "de-CH", "zh-Hant-TW"].into_iter().all(is_language_tag));
        assert!(!["", "english", "e", "en_US", "en-", "12"].into_iter().any(is_language_tag));
    }
}
