//! How many jobs run side by side.

use crate::settings::Settings;

/// Most jobs that may run side by side.
const MOST_JOBS: u8 = 64;

/// What is typed after `--jobs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideBySide {
    /// As many as the machine is made for.
    Automatic,
    /// So many.
    Number(u8),
}

impl SideBySide {
    /// Sets it for the jobs of these settings.
    pub fn apply(self, settings: &mut Settings) {
        settings.automatic_jobs = self == Self::Automatic;
        if let Self::Number(number) = self {
            settings.running_jobs = usize::from(number);
        }
    }
}

/// Reads `auto` or a number.
///
/// # Errors
/// What can be given.
pub fn side_by_side(text: &str) -> Result<SideBySide, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST_JOBS).contains(number)).map(SideBySide::Number);
    let chosen = if text == "auto" { Some(SideBySide::Automatic) } else { number };
    chosen.ok_or_else(|| format!("give auto or a number from 1 to {MOST_JOBS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_auto_is_taken_and_nothing_else() {
        assert_eq!(side_by_side("3"), Ok(SideBySide::Number(3)));
        assert_eq!(side_by_side("auto"), Ok(SideBySide::Automatic));
        for wrong in ["0", "65", "-1", "many", ""] {
            assert_eq!(side_by_side(wrong), Err("give auto or a number from 1 to 64".to_owned()));
        }
        let mut settings = Settings { automatic_jobs: true, ..Settings::default() };
        SideBySide::Number(2).apply(&mut settings);
        assert_eq!((settings.automatic_jobs, settings.running_jobs), (false, 2));
    }
}
