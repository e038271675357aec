//! Which rows of the queue are selected: one whose panel is shown, and others that are treated with it.

use std::{collections::HashSet, sync::Arc};

use crate::{
    engine::{Job, Snapshot},
    job::JobId,
};

/// The selected rows of the queue.
#[derive(Debug, Default)]
pub struct Selection {
    current: Option<JobId>,
    /// All that are selected, with the current one.
    all: HashSet<JobId>,
    /// Where a range begins that is drawn out to another row.
    anchor: Option<JobId>,
}

impl Selection {
    /// The job whose panel is shown.
    pub fn current(&self) -> Option<JobId> {
        self.current
    }

    /// Whether this row is selected.
    pub fn has(&self, id: JobId) -> bool {
        self.all.contains(&id)
    }

    /// Whether there are more than one.
    pub fn is_several(&self) -> bool {
        self.all.len() > 1
    }

    /// How many are selected.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Selects this row alone, or none.
    pub fn set(&mut self, id: Option<JobId>) {
        self.all = id.into_iter().collect();
        (self.current, self.anchor) = (id, id);
    }

    /// Selects only the current row of several.
    pub fn narrow(&mut self) {
        self.set(self.current);
    }

    /// Takes a row in, or out where it is selected and not alone; the selected row next to one that is taken out becomes
    /// the current one in its place. `shown` are the rows in their order.
    pub fn toggle(&mut self, id: JobId, shown: impl Iterator<Item = JobId>) {
        if self.is_several() && self.all.remove(&id) {
            if self.current == Some(id) {
                let shown: Vec<JobId> = shown.collect();
                let place = shown.iter().position(|row| *row == id).unwrap_or_default();
                let selected = shown.iter().enumerate().filter(|(_, row)| self.all.contains(row));
                let next = selected.min_by_key(|(row, _)| row.abs_diff(place)).map(|(_, row)| *row);
                self.current = next.or(self.all.iter().next().copied());
            }
        } else {
            self.all.insert(id);
            self.current = Some(id);
        }
        self.anchor = Some(id);
    }

    /// Selects the rows from where the last single one was selected to this one. `shown` are the rows in their order.
    pub fn extend_to(&mut self, id: JobId, shown: impl Iterator<Item = JobId>) {
        let anchor = self.anchor.or(self.current).unwrap_or(id);
        let mut range = HashSet::from([id]);
        let mut is_within = false;
        for row in shown {
            let is_end = row == anchor || row == id;
            if is_end || is_within {
                range.insert(row);
            }
            if is_end && anchor != id {
                is_within = !is_within;
            }
        }
        (self.all, self.current, self.anchor) = (range, Some(id), Some(anchor));
    }

    /// Selects all of these rows; the current one stays if it is among them.
    pub fn set_all(&mut self, shown: impl Iterator<Item = JobId>) {
        let shown: Vec<JobId> = shown.collect();
        let current = self.current.filter(|current| shown.contains(current)).or(shown.first().copied());
        self.set(current);
        self.all.extend(shown);
    }

    /// Forgets all rows but these, in their order; the first of several that is left becomes the current one where that is
    /// gone.
    pub fn keep(&mut self, there: impl Iterator<Item = JobId>) {
        let there: Vec<JobId> = there.collect();
        self.all = there.iter().filter(|id| self.has(**id)).copied().collect();
        self.anchor = self.anchor.filter(|id| there.contains(id));
        if self.current.is_some_and(|id| !self.has(id)) {
            self.current = there.into_iter().find(|id| self.has(*id));
        }
    }

    /// The selected jobs in the order of the queue.
    pub fn jobs(&self, snapshot: &Snapshot) -> Vec<Arc<Job>> {
        snapshot.jobs.iter().filter(|job| self.has(job.id)).map(Arc::clone).collect()
    }

    /// Those of them that wait, in the order of the queue: only their places say when they are done.
    pub fn waiting(&self, snapshot: &Snapshot) -> Vec<JobId> {
        self.jobs(snapshot).iter().filter(|job| job.is_waiting()).map(|job| job.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(selection: &Selection, rows: &[JobId]) -> Vec<usize> {
        (0..rows.len()).filter(|row| selection.has(rows[*row])).collect()
    }

    #[test]
    fn ranges_go_from_the_last_single_row_in_both_directions() {
        let rows: Vec<JobId> = (0..6).map(|_| JobId::generate()).collect();
        let mut selection = Selection::default();
        selection.set(Some(rows[2]));
        selection.extend_to(rows[4], rows.iter().copied());
        assert_eq!(selected(&selection, &rows), [2, 3, 4]);
        selection.extend_to(rows[0], rows.iter().copied());
        assert_eq!((selected(&selection, &rows), selection.current()), (vec![0, 1, 2], Some(rows[0])));
        selection.extend_to(rows[2], rows.iter().copied());
        assert_eq!(selected(&selection, &rows), [2]);
    }

    #[test]
    fn single_rows_are_taken_in_and_out_and_one_stays() {
        let rows: Vec<JobId> = (0..3).map(|_| JobId::generate()).collect();
        let mut selection = Selection::default();
        selection.toggle(rows[0], rows.iter().copied());
        selection.toggle(rows[2], rows.iter().copied());
        assert_eq!((selected(&selection, &rows), selection.current()), (vec![0, 2], Some(rows[2])));
        selection.toggle(rows[2], rows.iter().copied());
        assert_eq!((selected(&selection, &rows), selection.current()), (vec![0], Some(rows[0])));
        selection.toggle(rows[0], rows.iter().copied());
        assert_eq!(selected(&selection, &rows), [0]);
    }

    #[test]
    fn rows_that_are_gone_are_forgotten() {
        let rows: Vec<JobId> = (0..3).map(|_| JobId::generate()).collect();
        let mut selection = Selection::default();
        selection.set_all(rows.iter().copied());
        assert_eq!((selected(&selection, &rows), selection.current()), (vec![0, 1, 2], Some(rows[0])));
        selection.keep([rows[1]].into_iter());
        assert_eq!((selected(&selection, &rows), selection.current()), (vec![1], Some(rows[1])));
        selection.keep(std::iter::empty());
        assert_eq!((selection.current(), selection.is_several()), (None, false));
    }
}
