//! Packets of MPEG-TS that are missing at the borders of segments (rule 15).

use crate::pipeline::check::{
    measure::transport_edges::Edge,
    rule::Rule,
    stream::{Rendition, Segment},
    verdict::Ledger,
};

/// So often must a counter be seen to go over a border before anything is said of those that do not: many writers begin
/// their counters again in each segment, and some meet by chance.
const FEWEST_STEPS: usize = 8;

/// A PID on both sides of a border.
struct Step<'a> {
    before: &'a Segment,
    after: &'a Segment,
    left: &'a Edge,
    right: &'a Edge,
}

impl Step<'_> {
    fn follows(&self) -> bool {
        self.right.first_counter == (self.left.last_counter + 1) & 0xf
    }
}

/// The borders of one rendition.
pub(super) fn rendition(rendition: &Rendition, ledger: &mut Ledger) {
    let steps = steps(rendition);
    counters(&steps, ledger);
    // A PES packet may go on in the next segment.
    let cut = steps.iter().filter(|step| step.right.begins_unit).map(|step| (step.before, step.left));
    let end = rendition.segments.last().and_then(Option::as_ref).filter(|_| rendition.media.end_list);
    let end = end.into_iter().flat_map(|segment| segment.edges.iter().map(move |edge| (segment, edge)));
    for (segment, edge) in cut.chain(end).filter(|(_, edge)| edge.missing_bytes > 0) {
        let problem = format!("the last packet of PID {} lacks {} bytes at its end", edge.pid, edge.missing_bytes);
        ledger.broken(Rule::TransportContinuity, &segment.address, problem);
    }
}

fn steps(rendition: &Rendition) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for (pair, entry) in rendition.segments.windows(2).zip(rendition.media.entries.iter().skip(1)) {
        let [Some(before), Some(after)] = pair else { continue };
        if entry.discontinuity {
            continue;
        }
        for left in &before.edges {
            let right = after.edges.iter().find(|right| right.pid == left.pid && !right.is_discontinuous);
            steps.extend(right.map(|right| Step { before, after, left, right }));
        }
    }
    steps
}

/// Where most counters go on over the borders, the others have lost packets.
fn counters(steps: &[Step<'_>], ledger: &mut Ledger) {
    // A packet may be sent twice (2.4.3.3).
    let told: Vec<&Step<'_>> = steps.iter().filter(|step| step.left.last_counter != step.right.first_counter).collect();
    let following = told.iter().filter(|step| step.follows()).count();
    if following < FEWEST_STEPS || following * 4 < told.len() * 3 {
        return;
    }
    for step in told.into_iter().filter(|step| !step.follows()) {
        let (last, first) = (step.left.last_counter, step.right.first_counter);
        ledger.broken(
            Rule::TransportContinuity,
            &step.before.address,
            format!(
                "packets of PID {} are missing before {}: counter {first} follows {last}",
                step.left.pid, step.after.address
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::check::files::Address;

    /// Whether something is missing between segments whose PIDs begin and end with these counters.
    fn is_missing(segments: &[&[(u8, u8)]]) -> bool {
        let segments: Vec<Segment> = segments
            .iter()
            .map(|counters| {
                let mut segment = Segment::unmeasured(Address("a.ts".to_owned()), None, 1);
                segment.edges = counters
                    .iter()
                    .zip(0..)
                    .map(|(&(first_counter, last_counter), pid)| Edge {
                        pid,
                        first_counter,
                        last_counter,
                        begins_unit: true,
                        is_discontinuous: false,
                        missing_bytes: 0,
                    })
                    .collect();
                segment
            })
            .collect();
        let steps: Vec<Step<'_>> = segments
            .windows(2)
            .flat_map(|pair| {
                let edges = pair[0].edges.iter().zip(&pair[1].edges);
                edges.map(|(left, right)| Step { before: &pair[0], after: &pair[1], left, right }).collect::<Vec<_>>()
            })
            .collect();
        let mut ledger = Ledger::default();
        counters(&steps, &mut ledger);
        ledger.is_broken(Rule::TransportContinuity)
    }

    #[test]
    fn a_counter_that_jumps_is_told_only_where_counters_go_on() {
        let going_on: [&[(u8, u8)]; 4] = [&[(0, 5); 4], &[(6, 2); 4], &[(3, 15); 4], &[(0, 1); 4]];
        assert!(!is_missing(&going_on));
        let mut lost = going_on;
        lost[1] = &[(6, 2), (6, 2), (6, 1), (6, 2)];
        assert!(is_missing(&lost));
        let again: [&[(u8, u8)]; 4] = [&[(0, 5), (0, 15), (0, 3), (0, 15)]; 4];
        assert!(!is_missing(&again), "they begin again, and some meet");
        assert!(!is_missing(&[&[(0, 5); 3], &[(6, 2), (6, 2), (7, 2)]]), "too few to know");
    }
}
