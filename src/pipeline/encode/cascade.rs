//! The part of the filter graph from the decoded picture to the renditions: one decode, then for each dynamic range a
//! cascade in which each size is scaled from the next larger one. Pure.

use super::{argv, joining, operation_filters, span};
use crate::{
    media::{DynamicRange, PictureSize},
    pipeline::plan::EncodePlan,
    preset::HardwareFamily,
};

/// Renditions of one size in a cascade, by their index in the plan.
struct Step {
    size: PictureSize,
    renditions: Vec<usize>,
}

/// The chains that end in `[v0]`, `[v1]` and so on, in `[p]` if pictures are taken, and in `[board]`
/// if there is a storyboard.
pub(in crate::pipeline) fn chains(plan: &EncodePlan) -> Vec<String> {
    let Some(stream) = plan.video_stream else { return Vec::new() };
    let ranges = ranges(plan);
    let mut chains = joining::picture_chains(plan);
    let source = if plan.join.is_some() {
        joining::PICTURE.to_owned()
    } else {
        format!("[{}:{stream}]", span::video_input(plan))
    };
    let head = argv::source_filters(plan);
    if ranges.len() == 1 {
        push_cascade(&mut chains, plan, ranges[0], (source, head));
        return chains;
    }
    let outputs: Vec<String> = (0..ranges.len()).map(|index| format!("[r{index}]")).collect();
    chains.push(format!("{source}{},split={}{}", head.join(","), ranges.len(), outputs.concat()));
    for (range, input) in ranges.into_iter().zip(outputs) {
        push_cascade(&mut chains, plan, range, (input, Vec::new()));
    }
    chains
}

/// The ranges of the renditions, in their order, each once.
fn ranges(plan: &EncodePlan) -> Vec<DynamicRange> {
    let mut ranges = Vec::new();
    for rendition in &plan.renditions {
        if !ranges.contains(&rendition.range) {
            ranges.push(rendition.range);
        }
    }
    ranges
}

fn steps(plan: &EncodePlan, range: DynamicRange) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (index, rendition) in plan.renditions.iter().enumerate().filter(|(_, rendition)| rendition.range == range) {
        match steps.iter_mut().find(|step| step.size == rendition.size) {
            Some(step) => step.renditions.push(index),
            None => steps.push(Step { size: rendition.size, renditions: vec![index] }),
        }
    }
    steps.sort_by_key(|step| std::cmp::Reverse(step.size.pixels()));
    steps
}

fn push_cascade(
    chains: &mut Vec<String>,
    plan: &EncodePlan,
    range: DynamicRange,
    (mut input, mut filters): (String, Vec<String>),
) {
    let label = plan.label(range);
    let is_first_cascade = plan.renditions[0].range == range;
    let steps = steps(plan, range);
    for (number, step) in steps.iter().enumerate() {
        let PictureSize { width, height } = step.size;
        if number == 0 {
            if range == DynamicRange::Sdr {
                filters.extend(argv::range_filters(plan, step.size));
            }
            let matrix = argv::swscale_matrix(&label);
            filters.push(format!("scale={width}:{height}:flags=bicubic:out_range=tv:out_color_matrix={matrix}"));
        } else {
            filters.push(format!("scale={width}:{height}:flags=bicubic"));
        }
        filters.push("setsar=1".to_owned());
        filters.push(format!("format={}", if range == DynamicRange::Sdr { "yuv420p" } else { "yuv420p10le" }));
        if number == 0 {
            (input, filters) = operation_filters::on_picture(chains, plan, (input, filters));
        }
        filters.push(argv::label_filter(&label));
        let mut outputs = Vec::new();
        for index in &step.renditions {
            outputs.push(output(chains, plan, *index));
        }
        let next = format!("[s{}]", chains.len() + 1);
        if number + 1 < steps.len() {
            outputs.push(next.clone());
        }
        if number == 0 && is_first_cascade && argv::takes_pictures(plan) {
            outputs.push("[p]".to_owned());
        }
        if number == 0 && is_first_cascade && plan.storyboard.is_some() {
            outputs.push("[board]".to_owned());
        }
        if outputs.len() > 1 {
            filters.push(format!("split={}", outputs.len()));
        }
        chains.push(format!("{input}{}{}", filters.join(","), outputs.concat()));
        (input, filters) = (next, Vec::new());
    }
}

/// The label under which a rendition leaves the graph, after a way over the graphics card's memory where its encoder
/// wants that.
fn output(chains: &mut Vec<String>, plan: &EncodePlan, index: usize) -> String {
    if plan.renditions[index].hardware == Some(HardwareFamily::VaApi) {
        chains.push(format!("[u{index}]format=nv12,hwupload[v{index}]"));
        return format!("[u{index}]");
    }
    format!("[v{index}]")
}
