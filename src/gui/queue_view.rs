//! Which jobs the queue shows, worked out once for each snapshot and filter, not once a frame.

use std::{sync::Arc, time::Duration};

use crate::{
    engine::{Job, JobFilter, QueueCounts, Snapshot},
    job::JobId,
};

/// The jobs that filter and search let through, with the numbers of the whole queue.
#[derive(Debug, Default)]
pub struct QueueView {
    of: Option<(Arc<Snapshot>, JobFilter, String)>,
    /// Indices into [`Snapshot::jobs`].
    pub shown: Vec<usize>,
    /// How many jobs stand where.
    pub counts: QueueCounts,
    /// Expected time until all are done.
    pub time_left: Option<Duration>,
}

impl QueueView {
    /// Works out what is shown; does nothing when snapshot, filter and search are those of the last call.
    pub fn update(&mut self, snapshot: &Arc<Snapshot>, filter: JobFilter, search: &str) {
        let is_current = self.of.as_ref().is_some_and(|(known, known_filter, known_search)| {
            Arc::ptr_eq(known, snapshot) && *known_filter == filter && known_search == search
        });
        if is_current {
            return;
        }
        let needle = search.trim().to_lowercase();
        let shows = |job: &Job| filter.shows(&job.state) && matches_search(job, &needle);
        self.shown = (0..snapshot.jobs.len()).filter(|index| shows(&snapshot.jobs[*index])).collect();
        self.counts = snapshot.counts();
        self.time_left = snapshot.time_left();
        self.of = Some((Arc::clone(snapshot), filter, search.to_owned()));
    }

    /// The shown job that lies `steps` rows below (above, when negative) the selected one; the first or last one when
    /// none is selected.
    pub fn neighbour(&self, snapshot: &Snapshot, selected: Option<JobId>, steps: isize) -> Option<JobId> {
        let last = self.shown.len().checked_sub(1)?;
        let place = self.shown.iter().position(|index| snapshot.jobs.get(*index).map(|job| job.id) == selected);
        let target = match place {
            Some(place) => place.saturating_add_signed(steps).min(last),
            None if steps < 0 => last,
            None => 0,
        };
        self.shown.get(target).and_then(|index| snapshot.jobs.get(*index)).map(|job| job.id)
    }

    /// The job to select when `id` leaves the list: the one below it, else the one above.
    pub fn after_removal_of(&self, snapshot: &Snapshot, id: JobId) -> Option<JobId> {
        let below = self.neighbour(snapshot, Some(id), 1).filter(|below| *below != id);
        below.or_else(|| self.neighbour(snapshot, Some(id), -1).filter(|above| *above != id))
    }

    /// Index in the list of all jobs that a dragged job gets when it is dropped before the shown row `before` (or after
    /// the last one); `None` when it would stay where it is.
    pub fn index_after_drop(&self, from: usize, before: usize) -> Option<usize> {
        let target = match self.shown.get(before) {
            Some(index) => *index,
            None => self.shown.last()? + 1,
        };
        let index = if target > from { target - 1 } else { target };
        (index != from).then_some(index)
    }
}

fn matches_search(job: &Job, needle: &str) -> bool {
    needle.is_empty() || job.spec.source.to_string_lossy().to_lowercase().contains(needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gui::tests::states;

    fn view(snapshot: &Arc<Snapshot>, filter: JobFilter, search: &str) -> QueueView {
        let mut view = QueueView::default();
        view.update(snapshot, filter, search);
        view
    }

    #[test]
    fn the_search_ignores_case_and_looks_at_the_whole_path() {
        let snapshot = Arc::new(states::busy());
        assert_eq!(view(&snapshot, JobFilter::All, "MÜLLER").shown.len(), 1);
        assert_eq!(view(&snapshot, JobFilter::All, "/films/").shown.len(), snapshot.jobs.len());
        assert_eq!(view(&snapshot, JobFilter::Failed, "bikes").shown.len(), 0);
    }

    #[test]
    fn the_arrows_stop_at_both_ends() {
        let snapshot = Arc::new(states::many(3));
        let view = view(&snapshot, JobFilter::All, "");
        let [first, second, third] = [0, 1, 2].map(|index: usize| snapshot.jobs[index].id);
        assert_eq!(view.neighbour(&snapshot, None, 1), Some(first));
        assert_eq!(view.neighbour(&snapshot, Some(first), 1), Some(second));
        assert_eq!(view.neighbour(&snapshot, Some(third), 1), Some(third));
        assert_eq!(view.neighbour(&snapshot, Some(first), -1), Some(first));
        assert_eq!(view.after_removal_of(&snapshot, third), Some(second));
        assert_eq!(view.after_removal_of(&snapshot, first), Some(second));
    }

    #[test]
    fn a_dropped_row_lands_where_the_line_was() {
        let snapshot = Arc::new(states::many(5));
        let view = view(&snapshot, JobFilter::All, "");
        assert_eq!(view.index_after_drop(1, 4), Some(3), "down: the rows below move up by one");
        assert_eq!(view.index_after_drop(3, 0), Some(0));
        assert_eq!(view.index_after_drop(1, 5), Some(4), "to the end");
        assert_eq!(view.index_after_drop(2, 2), None);
        assert_eq!(view.index_after_drop(2, 3), None);
    }
}
