//! What Reelpress has to reach, measured in one run on one machine, mostly as ratios. `make bench` runs it; nothing else
//! should be at work meanwhile. Arguments name the parts to measure: `encode`, `publish`, `window`, `queue`, `quality`. Ends with
//! exit code 1 when a target is missed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that can't go on has no result")]

mod encode;
mod publish;
mod quality;
mod queue;
#[allow(dead_code, unused_macros, unused_imports, reason = "the tests use more of it")]
#[path = "../../tests/behaviour/support/mod.rs"]
mod support;
mod usage;
mod window;

/// One measured target.
struct Row {
    what: &'static str,
    target: String,
    measured: String,
    is_met: bool,
}

impl Row {
    /// A row for a value that must not be above its target; `write` words both.
    fn at_most(what: &'static str, measured: f64, target: f64, write: impl Fn(f64) -> String) -> Self {
        Self { what, target: format!("≤ {}", write(target)), measured: write(measured), is_met: measured <= target }
    }

    /// A row for comparison, without a target.
    fn for_comparison(what: &'static str, measured: String) -> Self {
        Self { what, target: String::new(), measured, is_met: true }
    }
}

/// A part of the measurements, by its name.
type Part = (&'static str, fn() -> Vec<Row>);

fn main() {
    let parts: [Part; 5] = [
        ("encode", encode::measure),
        ("publish", publish::measure),
        ("window", window::measure),
        ("queue", queue::measure),
        ("quality", quality::measure),
    ];
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    let rows: Vec<Row> =
        parts.into_iter().filter(|(name, _)| is_asked(name)).flat_map(|(_, measure)| measure()).collect();
    println!("\n{:<64} {:>12} {:>12}", "", "target", "measured");
    for row in &rows {
        let verdict = if row.is_met { "" } else { "  MISSED" };
        println!("{:<64} {:>12} {:>12}{verdict}", row.what, row.target, row.measured);
    }
    let missed = rows.iter().filter(|row| !row.is_met).count();
    println!(
        "\n{} of {} targets are met",
        rows.iter().filter(|row| row.is_met && !row.target.is_empty()).count(),
        rows.iter().filter(|row| !row.target.is_empty()).count()
    );
    std::process::exit(i32::from(missed > 0));
}

/// Says what is at work, as some steps take minutes.
fn say(step: &str) {
    eprintln!("==> {step}");
}
