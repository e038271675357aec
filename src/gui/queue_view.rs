//! Which jobs the queue shows, worked out once for each snapshot and filter, not once a frame.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crate::{
    engine::{Command, Job, JobFilter, QueueCounts, Snapshot},
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
    /// Works out what is shown; does nothing, and gives false, when snapshot, filter and search are those of the last call.
    pub fn update(&mut self, snapshot: &Arc<Snapshot>, filter: JobFilter, search: &str) -> bool {
        let is_current = self.of.as_ref().is_some_and(|(known, known_filter, known_search)| {
            Arc::ptr_eq(known, snapshot) && *known_filter == filter && known_search == search
        });
        if is_current {
            return false;
        }
        let needle = search.trim().to_lowercase();
        let shows = |job: &Job| filter.shows(&job.state) && matches_search(job, &needle);
        self.shown = (0..snapshot.jobs.len()).filter(|index| shows(&snapshot.jobs[*index])).collect();
        self.counts = snapshot.counts();
        self.time_left = snapshot.time_left();
        self.of = Some((Arc::clone(snapshot), filter, search.to_owned()));
        true
    }

    /// The shown job that lies `steps` rows below (above, when negative) the selected one; the first or last one when
    /// none is selected.
    pub fn neighbour(&self, snapshot: &Snapshot, selected: Option<JobId>, steps: isize) -> Option<JobId> {
        let last = self.shown.len().checked_sub(1)?;
        let place = self.shown.iter().position(|index| snapshot.jobs.get(*index).map(|job| job.id) == selected);
        let target = match place {
            Some(place) => place.saturating_add_signed(steps).min(last),
            // Home and End mean the same wherever one is.
            None if steps == isize::MAX || (steps < 0 && steps > isize::MIN) => last,
            None => 0,
        };
        self.shown.get(target).and_then(|index| snapshot.jobs.get(*index)).map(|job| job.id)
    }

    /// The shown jobs in their order.
    pub fn ids<'a>(&'a self, snapshot: &'a Snapshot) -> impl Iterator<Item = JobId> + 'a {
        self.shown.iter().filter_map(|index| snapshot.jobs.get(*index)).map(|job| job.id)
    }

    /// The job to select when `removed` leave the list, of which `id` was selected: the next one below it, else above.
    pub fn after_removal_of(&self, snapshot: &Snapshot, id: JobId, removed: &[JobId]) -> Option<JobId> {
        let removed: HashSet<JobId> = removed.iter().copied().collect();
        let place = self.ids(snapshot).position(|shown| shown == id)?;
        let stays = |id: &JobId| !removed.contains(id);
        let above: Vec<JobId> = self.ids(snapshot).take(place).filter(stays).collect();
        self.ids(snapshot).skip(place).find(stays).or(above.last().copied())
    }

    /// What moves these jobs together before the shown row `before`, or after the last one.
    pub fn moving(&self, snapshot: &Snapshot, ids: &[JobId], before: usize) -> Vec<Command> {
        let (jobs, ids) = (&snapshot.jobs, ids.iter().copied().collect::<HashSet<JobId>>());
        let indices: Vec<usize> = (0..jobs.len()).filter(|index| ids.contains(&jobs[*index].id)).collect();
        let steps = self.moves_of_drop(&indices, before).into_iter();
        steps.map(|(from, index)| Command::MoveTo { id: jobs[from].id, index }).collect()
    }

    /// What moves jobs at these ascending indices of the list of all jobs together before the shown row `before` (or after
    /// the last one): one step after the other, from the index that a job has before all of them to the one that it gets.
    /// Those that stay where they are have none.
    fn moves_of_drop(&self, dragged: &[usize], before: usize) -> Vec<(usize, usize)> {
        let after_last = self.shown.last().map(|last| last + 1);
        let Some(target) = self.shown.get(before).copied().or(after_last) else { return Vec::new() };
        let (above, below) = dragged.split_at(dragged.partition_point(|index| *index < target));
        // The nearest to the target goes first: no later step moves it again.
        let downwards = above.iter().rev().zip((0..target).rev());
        let upwards = below.iter().zip(target..);
        downwards.chain(upwards).map(|(from, to)| (*from, to)).filter(|(from, to)| from != to).collect()
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
        let ends = [isize::MIN, isize::MAX].map(|steps| view.neighbour(&snapshot, None, steps));
        assert_eq!(ends, [Some(first), Some(third)], "Home and End");
        assert_eq!(view.neighbour(&snapshot, Some(first), 1), Some(second));
        assert_eq!(view.neighbour(&snapshot, Some(third), 1), Some(third));
        assert_eq!(view.neighbour(&snapshot, Some(first), -1), Some(first));
        assert_eq!(view.after_removal_of(&snapshot, third, &[third]), Some(second));
        assert_eq!(view.after_removal_of(&snapshot, first, &[first]), Some(second));
        assert_eq!(view.after_removal_of(&snapshot, second, &[second, third]), Some(first));
    }

    #[test]
    fn a_dropped_row_lands_where_the_line_was() {
        let snapshot = Arc::new(states::many(5));
        let view = view(&snapshot, JobFilter::All, "");
        assert_eq!(view.moves_of_drop(&[1], 4), [(1, 3)], "down: the rows below move up by one");
        assert_eq!(view.moves_of_drop(&[3], 0), [(3, 0)]);
        assert_eq!(view.moves_of_drop(&[1], 5), [(1, 4)], "to the end");
        assert_eq!(view.moves_of_drop(&[2], 2), []);
        assert_eq!(view.moves_of_drop(&[2], 3), []);
    }

    #[test]
    fn rows_that_are_dropped_together_keep_their_order() {
        let snapshot = Arc::new(states::many(6));
        let view = view(&snapshot, JobFilter::All, "");
        for (dragged, before, expected) in [
            ([0, 1], 6, [2, 3, 4, 5, 0, 1]),
            ([4, 5], 0, [4, 5, 0, 1, 2, 3]),
            ([0, 5], 3, [1, 2, 0, 5, 3, 4]),
            ([1, 3], 3, [0, 2, 1, 3, 4, 5]),
            ([2, 3], 3, [0, 1, 2, 3, 4, 5]),
        ] {
            let mut list = [0, 1, 2, 3, 4, 5].to_vec();
            for (from, to) in view.moves_of_drop(&dragged, before) {
                list.retain(|job| *job != from);
                list.insert(to, from);
            }
            assert_eq!(list, expected, "{dragged:?} before {before}");
        }
    }
}
