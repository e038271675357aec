//! A journal that is damaged: what can still be read of it, and where it is put.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;

use super::{ALL_EVENTS, Journal};
use crate::engine::Event;

/// Of an SQLite file (<https://sqlite.org/fileformat2.html#the_database_header>).
const HEADER_BYTES: usize = 100;
/// Where in the header the number of pages stands, big-endian.
const PAGE_COUNT_AT: usize = 28;
/// SQLite's default, which a journal has.
const PAGE_BYTES: usize = 4096;

pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    error.sqlite_error_code().is_some_and(|code| matches!(code, DatabaseCorrupt | NotADatabase))
}

/// Moves a damaged journal out of the way and gives the events of its readable part, and where it lies now.
pub(super) fn set_aside(file: &Path) -> std::io::Result<(Vec<Event>, PathBuf)> {
    let as_it_is = readable_events(file).unwrap_or_default();
    let with_new_header = readable_events_behind_header(file).unwrap_or_default();
    let events = if with_new_header.len() > as_it_is.len() { with_new_header } else { as_it_is };
    let stamp = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let aside = file.with_extension(format!("damaged-{stamp}.sqlite"));
    for ending in ["", "-wal", "-shm"] {
        let named = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        match std::fs::rename(named(file), named(&aside)) {
            Err(error) if ending.is_empty() || error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok((events, aside))
}

/// What a copy with the header of a new journal holds: SQLite reads nothing of a file whose header is damaged, or tells
/// of more pages than there are.
fn readable_events_behind_header(file: &Path) -> Result<Vec<Event>, Box<dyn std::error::Error>> {
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
    Ok(readable_events(&copy)?)
}

/// All events up to the first place that can't be read.
fn readable_events(file: &Path) -> rusqlite::Result<Vec<Event>> {
    let connection = Connection::open(file)?;
    let mut statement = connection.prepare(ALL_EVENTS)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    Ok(rows.map_while(Result::ok).filter_map(|text| serde_json::from_str(&text).ok()).collect())
}
