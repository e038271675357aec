//! A journal that is damaged: what can still be read of it, and where it is put.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::{Journal, entry};
use crate::{engine::Event, tools::private};

/// Of an SQLite file (<https://sqlite.org/fileformat2.html#the_database_header>).
const HEADER_BYTES: usize = 100;
/// Where in the header the number of pages stands, big-endian.
const PAGE_COUNT_AT: usize = 28;
/// SQLite's default, which a journal has.
const PAGE_BYTES: usize = 4096;
/// Rows that are looked for one by one between two pages that can't be read: a second's work.
const MOST_LOOKUPS: i64 = 200_000;
/// How the name of the log beside a journal ends.
const LOG_END: &str = "-wal";

pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    error.sqlite_error_code().is_some_and(|code| matches!(code, DatabaseCorrupt | NotADatabase))
}

/// An error of a statement that fits the tables of every journal, as damage where the tables are at fault.
pub(super) fn as_damage(error: rusqlite::Error) -> rusqlite::Error {
    use rusqlite::ErrorCode::Unknown;
    let is_about_tables =
        matches!(error, rusqlite::Error::SqlInputError { .. }) || error.sqlite_error_code() == Some(Unknown);
    if !is_about_tables {
        return error;
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
}

/// What can still be read of a damaged journal.
#[derive(Default)]
pub(super) struct Salvage {
    /// The events of the queue.
    pub(super) events: Vec<Event>,
    /// Jobs that have left the list: their ids, and their events as text.
    pub(super) remembered: Vec<(String, String)>,
}

/// Moves a damaged journal out of the way and gives its readable part, and where it lies now.
pub(super) fn set_aside(file: &Path) -> std::io::Result<(Salvage, PathBuf)> {
    let has_log_alone = has_log_alone(file);
    let salvage = if has_log_alone || is_cut_to_nothing(file) {
        salvage_of_log(file).unwrap_or_default()
    } else {
        let as_it_is = Salvage::of(file).unwrap_or_default();
        as_it_is.with_larger_of(salvage_behind_header(file).unwrap_or_default())
    };
    let aside = place_aside(file);
    for ending in ["", LOG_END, "-shm"] {
        match std::fs::rename(named(file, ending), named(&aside, ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound || (ending.is_empty() && !has_log_alone) => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok((salvage, if has_log_alone { named(&aside, LOG_END) } else { aside }))
}

/// Whether a journal lost all its content: SQLite takes such a file for a new one, and deletes the log beside it.
pub(super) fn is_cut_to_nothing(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

/// Whether of a journal only the log is there, which SQLite would delete beside a new one.
pub(super) fn has_log_alone(file: &Path) -> bool {
    !file.exists() && std::fs::metadata(named(file, LOG_END)).is_ok_and(|metadata| metadata.len() > 0)
}

fn named(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn place_aside(file: &Path) -> PathBuf {
    let stamp = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    file.with_extension(format!("damaged-{stamp}.sqlite"))
}

/// Moves entries that can't be read out of a sound journal, byte for byte, and gives where they lie now: in a file of the
/// same form.
pub(super) fn set_entries_aside(
    journal: &mut Connection,
    file: &Path,
    sequences: &[i64],
) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let aside = place_aside(file);
    private::create_file(&aside)?;
    journal.execute("ATTACH DATABASE ?1 AS aside", [aside.to_str().ok_or("its name is no text")?])?;
    let copied = copy_aside(journal, sequences);
    journal.execute("DETACH DATABASE aside", [])?;
    copied?;
    // They are on the disk there before they go here.
    let transaction = journal.transaction()?;
    for sequence in sequences {
        transaction.execute("DELETE FROM main.events WHERE sequence = ?1", [sequence])?;
    }
    transaction.commit()?;
    Ok(aside)
}

fn copy_aside(journal: &mut Connection, sequences: &[i64]) -> rusqlite::Result<()> {
    let transaction = journal.transaction()?;
    // Without a type, so that nothing is turned into another one.
    transaction.execute("CREATE TABLE aside.events (sequence INTEGER PRIMARY KEY, event)", [])?;
    for sequence in sequences {
        let copy = "INSERT INTO aside.events SELECT sequence, event FROM main.events WHERE sequence = ?1";
        transaction.execute(copy, [sequence])?;
    }
    transaction.commit()
}

/// What a copy with the header of a new journal holds: SQLite reads nothing of a file whose header is damaged, or tells
/// of more pages than there are.
fn salvage_behind_header(file: &Path) -> Result<Salvage, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (template, copy) = (folder.path().join("template.sqlite"), folder.path().join("copy.sqlite"));
    drop(Journal::open_database(&template)?);
    let mut header = std::fs::read(&template)?;
    header.truncate(HEADER_BYTES);
    let mut content = std::fs::read(file)?;
    let pages = u32::try_from(content.len() / PAGE_BYTES)?;
    content.truncate(pages as usize * PAGE_BYTES);
    content.get_mut(..HEADER_BYTES).ok_or("not even a header")?.copy_from_slice(&header);
    content[PAGE_COUNT_AT..PAGE_COUNT_AT + 4].copy_from_slice(&pages.to_be_bytes());
    std::fs::write(&copy, content)?;
    Ok(Salvage::of(&copy)?)
}

/// What a copy of the log holds beside a new journal: all, where nothing of it had gone into the journal yet.
fn salvage_of_log(file: &Path) -> Result<Salvage, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("copy.sqlite");
    drop(Journal::open_database(&copy)?);
    std::fs::copy(named(file, LOG_END), named(&copy, LOG_END))?;
    Ok(Salvage::of(&copy)?)
}

impl Salvage {
    fn of(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(file)?;
        let events = readable_rows(&connection, ("events", "event"), &|row| Ok(entry(row)?.ok()));
        let remembered = readable_rows(&connection, ("history", "job, events"), &|row| Ok((row.get(0)?, row.get(1)?)));
        Ok(Self {
            events: events?.into_iter().flatten().collect(),
            // A journal of a version that kept none.
            remembered: remembered.unwrap_or_default(),
        })
    }

    /// Of each list that copy of which more can be read.
    fn with_larger_of(self, other: Self) -> Self {
        Self {
            events: if other.events.len() > self.events.len() { other.events } else { self.events },
            remembered: if other.remembered.len() > self.remembered.len() { other.remembered } else { self.remembered },
        }
    }
}

/// All rows of a table that can be read, in their order. SQLite ends a table at the first page that it can't read: what lies
/// behind that is read from the end backwards, and what lies between two such pages row by row, also where the last page is
/// one of them.
fn readable_rows<T>(
    connection: &Connection,
    (table, columns): (&str, &str),
    read: &dyn Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let in_order = |order: &str| -> rusqlite::Result<(Vec<(i64, T)>, bool)> {
        let mut statement =
            connection.prepare(&format!("SELECT {columns}, rowid FROM {table} ORDER BY rowid {order}"))?;
        let number_column = statement.column_count() - 1;
        let mut rows = statement.query([])?;
        let mut readable = Vec::new();
        loop {
            match rows.next() {
                Ok(Some(row)) => readable.extend(row.get(number_column).ok().zip(read(row).ok())),
                Ok(None) => return Ok((readable, true)),
                Err(_) => return Ok((readable, false)),
            }
        }
    };
    let (mut readable, is_whole) = in_order("ASC")?;
    if !is_whole {
        let (mut behind, _) = in_order("DESC")?;
        let last = readable.last().map_or(0, |(number, _)| *number);
        behind.retain(|(number, _)| *number > last);
        let between = match behind.last() {
            Some((first, _)) => (last + 1).max(first.saturating_sub(MOST_LOOKUPS))..*first,
            None => last + 1..last.saturating_add(MOST_LOOKUPS),
        };
        let mut statement = connection.prepare(&format!("SELECT {columns} FROM {table} WHERE rowid = ?1"))?;
        readable.extend(between.filter_map(|number| Some((number, statement.query_row([number], read).ok()?))));
        readable.extend(behind.into_iter().rev());
    }
    Ok(readable.into_iter().map(|(_, row)| row).collect())
}
