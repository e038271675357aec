//! When a job may start, and before which others.

use jiff::{Timestamp, Zoned, civil::Time};
use serde::{Deserialize, Serialize};

/// How urgent a job is, from 0 to 100; of two waiting jobs the more urgent one starts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

impl Priority {
    /// What a job has until it is given another.
    pub const NORMAL: Self = Self(50);
    /// The largest number.
    pub const MOST: u8 = 100;

    /// The priority of this number; `None` above 100.
    pub fn new(number: u8) -> Option<Self> {
        (number <= Self::MOST).then_some(Self(number))
    }

    /// The number, from 0 to 100.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

impl TryFrom<u8> for Priority {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Self::new(number).ok_or("a priority is from 0 to 100")
    }
}

/// When a waiting job may start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// Before which others it starts.
    pub priority: Priority,
    /// Not before this time.
    pub start_at: Option<Timestamp>,
    /// Also outside the queue's working hours: the user has said "Start now".
    pub ignores_working_hours: bool,
}

impl Schedule {
    /// The earliest time at which a job with this schedule may start; `None` when that is now.
    pub fn waits_until(&self, working_hours: Option<WorkingHours>, now: &Zoned) -> Option<Timestamp> {
        let asked = self.start_at.filter(|at| *at > now.timestamp());
        let earliest = asked.map_or_else(|| now.clone(), |at| at.to_zoned(now.time_zone().clone()));
        match working_hours.filter(|_| !self.ignores_working_hours) {
            Some(hours) => hours.next(&earliest).map(|begin| begin.timestamp()).or(asked),
            None => asked,
        }
    }
}

/// The part of each day in which waiting jobs start; those at work go on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingHours {
    /// The first moment.
    pub from: Time,
    /// The first moment after them. Earlier than `from` when they last over midnight.
    pub to: Time,
}

impl WorkingHours {
    /// Whether jobs start at this time of the day. Hours that end when they begin last the whole day.
    pub fn contain(&self, time: Time) -> bool {
        if self.from < self.to { (self.from..self.to).contains(&time) } else { time >= self.from || time < self.to }
    }

    /// The next time within them at or after `earliest`; `None` when `earliest` is such a time.
    fn next(&self, earliest: &Zoned) -> Option<Zoned> {
        if self.contain(earliest.time()) {
            return None;
        }
        next_time_of_day(self.from, earliest)
    }
}

impl std::fmt::Display for WorkingHours {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} to {}", time_of_day(self.from), time_of_day(self.to))
    }
}

/// Reads `HH:MM`, the next time that a clock here shows that, or a time with its date as RFC 3339 writes it
/// (`2026-11-21T22:00:00+01:00`).
///
/// # Errors
/// In words, when it is neither.
pub fn start_time(text: &str, now: &Zoned) -> Result<Timestamp, &'static str> {
    const ADVICE: &str = "give a time such as 22:00, or 2026-11-21T22:00:00+01:00";
    let text = text.trim();
    match clock_time(text) {
        Some(time) => next_time_of_day(time, now).map(|at| at.timestamp()).ok_or(ADVICE),
        None => text.parse().map_err(|_| ADVICE),
    }
}

/// Reads `HH:MM`.
///
/// # Errors
/// In words, when it is no time of the day.
pub fn typed_time_of_day(text: &str) -> Result<Time, &'static str> {
    clock_time(text.trim()).ok_or("give a time of the day such as 22:00")
}

/// `22:00`.
pub fn time_of_day(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}

fn clock_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let is_number = |digits: &&str| matches!(digits.len(), 1 | 2) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = |digits: &str| Some(digits).filter(is_number)?.parse::<i8>().ok();
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

/// The next moment after `now` at which a clock shows `time`.
fn next_time_of_day(time: Time, now: &Zoned) -> Option<Zoned> {
    let today = now.with().time(time).build().ok()?;
    if today > *now {
        return Some(today);
    }
    now.tomorrow().ok()?.with().time(time).build().ok()
}

/// `22:00` for a time today, `22 Nov 22:00` for another day of this year, else `22 Nov 2025 22:00`, in the time zone of `now`.
pub fn short_time(at: Timestamp, now: &Zoned) -> String {
    let at = at.to_zoned(now.time_zone().clone());
    let form = match at.date() {
        date if date == now.date() => "%H:%M",
        date if date.year() == now.year() => "%-d %b %H:%M",
        _ => "%-d %b %Y %H:%M",
    };
    at.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use jiff::{civil::date, tz::TimeZone};

    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn at(hour: i8, minute: i8) -> Zoned {
        date(2026, 11, 21).at(hour, minute, 0, 0).to_zoned(berlin()).unwrap()
    }

    fn hours(from: &str, to: &str) -> WorkingHours {
        WorkingHours { from: typed_time_of_day(from).unwrap(), to: typed_time_of_day(to).unwrap() }
    }

    #[test]
    fn a_time_of_the_day_is_the_next_one_that_the_clock_shows() {
        let now = at(18, 30);
        assert_eq!(start_time("22:00", &now).unwrap(), at(22, 0).timestamp());
        let tomorrow = date(2026, 11, 22).at(18, 30, 0, 0).to_zoned(berlin()).unwrap().timestamp();
        assert_eq!(start_time("18:30", &now).unwrap(), tomorrow);
        assert_eq!(short_time(tomorrow, &now), "22 Nov 18:30");
        assert_eq!(short_time(at(22, 0).timestamp(), &now), "22:00");
        assert_eq!(start_time("2026-11-21T22:00:00+01:00", &now).unwrap(), at(22, 0).timestamp());
        for wrong in ["", "24:00", "22", "22:60", "+1:30", "22:00:00", "tomorrow", "2026-11-21", "-1:00"] {
            assert!(start_time(wrong, &now).is_err(), "{wrong}");
        }
    }

    #[test]
    fn working_hours_may_last_over_midnight() {
        let night = hours("22:00", "6:00");
        let contained = [21, 22, 23, 0, 5, 6].map(|hour| night.contain(Time::constant(hour, 0, 0, 0)));
        assert_eq!(contained, [false, true, true, true, true, false]);
        let day = hours("08:00", "17:30");
        assert!(day.contain(Time::constant(17, 29, 59, 0)) && !day.contain(Time::constant(17, 30, 0, 0)));
        assert_eq!(day.to_string(), "08:00 to 17:30");
        let always = hours("08:00", "08:00");
        assert!((0..24).all(|hour| always.contain(Time::constant(hour, 0, 0, 0))));
    }

    #[test]
    fn a_job_waits_for_its_time_and_then_for_the_working_hours() {
        let now = at(18, 30);
        let any_time = Schedule::default();
        let later = Schedule { start_at: Some(at(20, 0).timestamp()), ..any_time };
        let passed = Schedule { start_at: Some(at(8, 0).timestamp()), ..any_time };
        let night = Some(hours("22:00", "06:00"));
        assert_eq!(any_time.waits_until(None, &now), None);
        assert_eq!(passed.waits_until(None, &now), None);
        assert_eq!(later.waits_until(None, &now), later.start_at);
        assert_eq!(any_time.waits_until(night, &now), Some(at(22, 0).timestamp()));
        assert_eq!(later.waits_until(night, &now), Some(at(22, 0).timestamp()));
        assert_eq!(later.waits_until(Some(hours("18:00", "21:00")), &now), later.start_at);
        assert_eq!(any_time.waits_until(night, &at(23, 0)), None);
        assert_eq!(Schedule { ignores_working_hours: true, ..any_time }.waits_until(night, &now), None);
    }

    #[test]
    fn a_priority_out_of_range_is_refused_and_a_missing_one_is_normal() {
        assert!(serde_json::from_str::<Priority>("101").is_err());
        let schedule: Schedule = serde_json::from_str(r#"{"start_at":null}"#).unwrap();
        assert_eq!(schedule, Schedule::default());
        assert_eq!(serde_json::to_value(Schedule::default()).unwrap()["priority"], 50);
    }
}
