//! What was found, rule by rule.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rule::{Level, Rule};

/// More findings of one rule than these are counted, not kept: a broken stream can have one for each segment.
const FINDINGS_KEPT: usize = 20;

/// How a stream stands to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It keeps the rule.
    Kept,
    /// It breaks the rule.
    Broken,
    /// There is nothing to which the rule applies, or it could not be looked at.
    NotJudged,
}

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file: a path in the stream's folder, or a URL.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

/// How a stream stands to one rule, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The rule.
    pub rule: Rule,
    /// The number of its subject.
    pub number: u8,
    /// How much it weighs.
    pub level: Level,
    /// How the stream stands to it.
    pub result: Ruling,
    /// What the rule demands.
    pub says: &'static str,
    /// The document that demands it.
    pub source: &'static str,
    /// In how many places it was looked at.
    pub judged: u64,
    /// In how many of these it is broken.
    pub broken: u64,
    /// The first of these places.
    pub findings: Vec<Finding>,
}

impl Judgement {
    /// One line on what was found; empty when the rule is kept or was not judged.
    pub fn detail(&self) -> String {
        let Some(first) = self.findings.first() else { return String::new() };
        let more = match self.broken {
            0 | 1 => String::new(),
            broken => format!(" (and {} more)", broken - 1),
        };
        format!("{}: {}{more}", first.place, first.message)
    }
}

/// What a stream was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What was checked: a path or a URL.
    pub stream: String,
    /// The playlist from which it was judged: a path in the stream's folder, or a URL.
    pub playlist: String,
    /// False when a rule of level MUST is broken.
    pub correct: bool,
    /// Every rule in order.
    pub rules: Vec<Judgement>,
}

impl Verdict {
    /// False when some of the media is encrypted and could not be read, so that less was judged than there is.
    pub fn is_judged_whole(&self) -> bool {
        !self.broken(Level::Should).any(|judgement| judgement.rule == Rule::KeyAvailable)
    }

    /// The rules of this level that are broken.
    pub fn broken(&self, level: Level) -> impl Iterator<Item = &Judgement> {
        self.rules.iter().filter(move |judgement| judgement.level == level && judgement.result == Ruling::Broken)
    }
}

/// Takes what each rule finds.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: BTreeMap<Rule, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    judged: u64,
    broken: u64,
    findings: Vec<Finding>,
}

impl Ledger {
    /// Judges one place by one rule; `message` says what is wrong when it is not kept.
    pub(super) fn judge(
        &mut self,
        rule: Rule,
        place: &dyn std::fmt::Display,
        kept: bool,
        message: impl FnOnce() -> String,
    ) {
        let entry = self.entries.entry(rule).or_default();
        entry.judged += 1;
        if kept {
            return;
        }
        entry.broken += 1;
        if entry.findings.len() < FINDINGS_KEPT {
            entry.findings.push(Finding { place: place.to_string(), message: message() });
        }
    }

    /// The rule is broken here.
    pub(super) fn broken(&mut self, rule: Rule, place: &dyn std::fmt::Display, message: impl Into<String>) {
        self.judge(rule, place, false, || message.into());
    }

    /// The rule is kept here.
    pub(super) fn kept(&mut self, rule: Rule) {
        self.entries.entry(rule).or_default().judged += 1;
    }

    /// True when the rule was found broken somewhere.
    #[cfg(test)]
    pub(super) fn is_broken(&self, rule: Rule) -> bool {
        self.entries.get(&rule).is_some_and(|entry| entry.broken > 0)
    }

    /// All rules with what was found.
    pub(super) fn into_verdict(mut self, stream: String, playlist: String) -> Verdict {
        let rules: Vec<Judgement> = Rule::ALL
            .iter()
            .map(|&rule| {
                let Entry { judged, broken, findings } = self.entries.remove(&rule).unwrap_or_default();
                let result = match (judged, broken) {
                    (0, _) => Ruling::NotJudged,
                    (_, 0) => Ruling::Kept,
                    _ => Ruling::Broken,
                };
                let (number, level, says, source) = (rule.number(), rule.level(), rule.says(), rule.source());
                Judgement { rule, number, level, result, says, source, judged, broken, findings }
            })
            .collect();
        let correct = !rules.iter().any(|rule| rule.level == Level::Must && rule.result == Ruling::Broken);
        Verdict { stream, playlist, correct, rules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_kept_broken_or_not_judged_and_many_findings_are_counted() {
        let mut ledger = Ledger::default();
        ledger.kept(Rule::EndList);
        for number in 0..50 {
            ledger.judge(Rule::Aligned, &format!("{number}.m4s"), false, || "is off".to_owned());
        }
        ledger.broken(Rule::ClosedCaptions, &"master.m3u8", "is missing");
        let verdict = ledger.into_verdict("stream".to_owned(), "master.m3u8".to_owned());
        assert!(!verdict.correct);
        let of = |rule: Rule| verdict.rules.iter().find(|judgement| judgement.rule == rule).unwrap();
        assert_eq!(of(Rule::EndList).result, Ruling::Kept);
        assert_eq!(of(Rule::Codecs).result, Ruling::NotJudged);
        assert_eq!(of(Rule::Aligned).detail(), "0.m4s: is off (and 49 more)");
        assert_eq!(of(Rule::Aligned).findings.len(), FINDINGS_KEPT);
        assert_eq!(verdict.broken(Level::Should).count(), 1);
    }
}
