//! Goes round changes of format midway. Each frame of the picture is fitted into the format with which it begins, in one
//! graph. The sound is decoded on its own first, into one format, in graphs that end where it changes: what comes out of
//! them keeps its times, so that the main run takes it as it takes any sound.

use std::{collections::BTreeMap, ffi::OsString, path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    EncodeError, EncodeSession, Told,
    format_change::{self, FormatChange, FormatWatch, Opening},
    inputs,
    operation_filters::seconds,
    picture_headers, run_watched,
};
use crate::{
    format::count,
    job::Trim,
    media::DynamicRange,
    pipeline::plan::{AudioRendition, EncodePlan, HeaderChange, PictureFormat},
    tools::ffmpeg::Toolbox,
};

/// All sound in one format.
const SOUND_FILE: &str = "sound.mka";
/// Samples as decoders give them: nothing is lost, and an encoder with packets would lose the last one at each change.
const SOUND_CODEC: &str = "pcm_f32le";
/// Size of one of them.
const SAMPLE_BYTES: u64 = 4;
/// Silence from the very start, so that the file begins there whenever its sound does.
const START: &str = "anullsrc=r=8000:cl=mono,atrim=end_sample=800[start]";
/// A recording has a second of sound of one transmission twice, or not at all, where it goes over into another: what is
/// farther off than this is put right there.
pub(super) const MOST_OFF: &str = "0.01";
/// Times of frames that are nearer than this are the same: containers round them.
pub(super) const SAME_TIME: Duration = Duration::from_millis(5);
/// What rounding may have made a whole number larger by.
const LITTLE: &str = "0.001";
/// Times of changes that a warning names.
const MOST_NAMED: usize = 3;

/// The changes of a source that are known, and followed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::pipeline) struct Following {
    changes: Vec<FormatChange>,
}

impl Following {
    /// What was found before anything is encoded.
    pub(in crate::pipeline) fn of(changes: Vec<FormatChange>) -> Self {
        Self { changes }
    }

    /// Whether no change is known.
    pub(in crate::pipeline) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The same with a change that has stopped an encode of `plan`; `None` for one that can't be followed: in one of several
    /// joined sources, of a picture that is turned before it is seen, or of the range of one that keeps it.
    pub(in crate::pipeline) fn with(&self, change: FormatChange, plan: &EncodePlan) -> Option<Self> {
        // The chains of all streams begin anew where one changes. A picture that is followed is not it.
        let is_told_of_frames = change.header.is_none() && self.follows_picture(plan);
        let change = FormatChange { is_sound: change.is_sound || is_told_of_frames, ..change };
        let is_new = if change.is_sound { !self.follows_sound() } else { plan.format.opening.is_some() };
        let keeps_high_range = plan.renditions.iter().any(|rendition| rendition.range != DynamicRange::Sdr);
        let is_lost = keeps_high_range && matches!(change.header, Some(HeaderChange::Range { .. }));
        let changes = self.changes.iter().copied().chain([change]).collect();
        (is_new && !is_lost && plan.join.is_none()).then_some(Self { changes })
    }

    /// Where the sound changes, the picture often does too, and following it costs nothing.
    fn follows_picture(&self, plan: &EncodePlan) -> bool {
        !self.is_empty() && plan.format.opening.is_some()
    }

    /// Expected size of the passing file with all sound in one format; `None` when there is none, or the source does not
    /// tell its length.
    pub(in crate::pipeline) fn passing_bytes(&self, plan: &EncodePlan) -> Option<u64> {
        let duration = plan.duration.filter(|_| self.follows_sound())?;
        let bytes_per_second: u64 = plan
            .audio
            .iter()
            .map(|audio| u64::from(audio.sample_rate_hz * audio.layout.channels()) * SAMPLE_BYTES)
            .sum();
        Some((bytes_per_second as f64 * duration.as_secs_f64()) as u64)
    }

    fn follows_sound(&self) -> bool {
        self.changes.iter().any(|change| change.is_sound)
    }

    /// Takes what a run that followed has told, which is more than what had stopped the one before.
    pub(in crate::pipeline) fn learn(&mut self, told: &Told, plan: Option<&EncodePlan>) {
        let Some(plan) = plan.filter(|_| !self.is_empty()) else { return };
        for is_sound in [false, true] {
            let of_kind = |change: &&FormatChange| change.is_sound == is_sound;
            let changes = told.changes.iter().filter(of_kind).map(|change| change.in_time_of_source(Opening::of(plan)));
            let changes: Vec<FormatChange> = changes.collect();
            if changes.is_empty() {
                continue;
            }
            self.changes.retain(|change| change.is_sound != is_sound);
            self.changes.extend(changes);
        }
    }

    /// Why streams of the source can't be copied, by index.
    pub(in crate::pipeline) fn changing_streams(&self) -> BTreeMap<usize, String> {
        let told = self.changes.iter().filter(|change| change.size.is_none()).rev();
        told.map(|change| (change.stream, format!("it changes {} at {}", change.what(), change.time()))).collect()
    }

    /// What the user should know of the part that is kept.
    pub(in crate::pipeline) fn warnings(&self, kept: Trim) -> Vec<String> {
        let is_kept = |change: &&FormatChange| {
            kept.start.is_none_or(|start| change.at > start) && kept.end.is_none_or(|end| change.at < end)
        };
        let kept: Vec<&FormatChange> = self.changes.iter().filter(is_kept).collect();
        let of_kind = |is_of_kind: &dyn Fn(&FormatChange) -> bool| {
            let mut changes: Vec<&FormatChange> = kept.iter().copied().filter(|change| is_of_kind(change)).collect();
            changes.sort_by_key(|change| change.at);
            changes
        };
        let picture = of_kind(&|change| !change.is_sound && change.header.is_none());
        let shape = of_kind(&|change| matches!(change.header, Some(HeaderChange::Shape { .. })));
        let range = of_kind(&|change| matches!(change.header, Some(HeaderChange::Range { .. })));
        let sound = of_kind(&|change| change.is_sound);
        let told = |changes: &[&FormatChange]| {
            let first = changes.first()?;
            let to = first.size.filter(|_| changes.len() == 1).map(|size| format!(" to {size}")).unwrap_or_default();
            let times: Vec<String> = changes.iter().take(MOST_NAMED).map(|change| change.time()).collect();
            let more = changes.len().saturating_sub(MOST_NAMED) as u64;
            let more = (more > 0).then(|| format!(" and {}", count(more, "time more", "times more")));
            Some(format!("{}{to} at {}{}", first.what(), times.join(", "), more.unwrap_or_default()))
        };
        let picture = told(&picture)
            .map(|told| format!("The picture changes {told}: it is fitted into the size with which it begins"));
        let sound = told(&sound).map(|told| format!("The sound changes {told}: all of it is converted to one format"));
        let shape = told(&shape)
            .map(|told| format!("The picture changes {told}: it is fitted into the one with which it begins"));
        let range = told(&range).map(|told| format!("The picture changes {told}: all of it has standard range"));
        picture.into_iter().chain(shape).chain(range).chain(sound).collect()
    }

    /// The plan in the form that follows what is known, and what the sound's own run has told. It is run here, if there is
    /// one.
    ///
    /// # Errors
    /// When ffmpeg can't be started or fails, or the job is cancelled.
    pub(in crate::pipeline) fn apply(
        &self,
        plan: &EncodePlan,
        (toolbox, work_folder): (&Toolbox, &Path),
        session: &EncodeSession<'_>,
    ) -> Result<(EncodePlan, Told), EncodeError> {
        let mut plan = plan.clone();
        plan.format.follows_picture = self.follows_picture(&plan);
        let of_picture = self.scanned(&mut plan, toolbox, session)?;
        if !self.follows_sound() || plan.audio.is_empty() {
            return Ok((plan, of_picture));
        }
        let file = work_folder.join(SOUND_FILE);
        let watch = FormatWatch::that_goes_on(Opening::of(&plan));
        let told = run_watched((toolbox, sound_arguments(&plan, &file)), session, &|_| {}, watch)?;
        plan.format.even_sound = Some(file);
        Ok((plan, told.after(of_picture)))
    }

    /// Reads all headers of a picture that is followed, as the main run must know of their changes before it begins.
    fn scanned(
        &self,
        plan: &mut EncodePlan,
        toolbox: &Toolbox,
        session: &EncodeSession<'_>,
    ) -> Result<Told, EncodeError> {
        if !plan.format.follows_picture || plan.format.headers.is_none() || plan.video_stream.is_none() {
            return Ok(Told::default());
        }
        let run = (toolbox, picture_headers::scan_arguments(plan));
        let told = run_watched(run, session, &|_| {}, FormatWatch::that_goes_on(Opening::of(plan)))?;
        let headers = |change: &FormatChange| change.header.map(|header| (change.at, header));
        plan.format.header_changes = told.changes.iter().filter_map(headers).collect();
        plan.format.headers = None;
        // What can't be read is told of by the main run.
        Ok(Told { changes: told.changes, ..Told::default() })
    }
}

/// Where the streams change their format that a run of ffmpeg watches.
///
/// # Errors
/// When ffmpeg can't be started or fails, or the job is cancelled.
pub(in crate::pipeline) fn changes_in(
    run: (&Toolbox, Vec<OsString>),
    session: &EncodeSession<'_>,
) -> Result<Vec<FormatChange>, EncodeError> {
    run_watched(run, session, &|_| {}, FormatWatch::that_goes_on(Opening::default())).map(|told| told.changes)
}

/// Removes the sound that a followed plan was made from.
pub(in crate::pipeline) fn remove_even_sound(plan: &EncodePlan) {
    if let Some(file) = &plan.format.even_sound
        && let Err(error) = std::fs::remove_file(file)
    {
        tracing::info!(%error, path = %file.display(), "a passing file could not be removed");
    }
}

/// All arguments that bring the sound of each rendition into its format, one track for each, behind the start.
fn sound_arguments(plan: &EncodePlan, file: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["-hide_banner", "-y", "-stats_period", inputs::PROGRESS_SECONDS].map(OsString::from).to_vec();
    arguments.extend(inputs::source_inputs(plan));
    let mut push = |list: &[&str]| arguments.extend(list.iter().map(OsString::from));
    push(&["-filter_complex", START]);
    for (index, audio) in plan.audio.iter().enumerate() {
        let watch = format_change::watched_sound(0, audio.stream, Opening::of(plan));
        let layout = audio.layout.ffmpeg_name();
        // A graph for each: where one of the tracks changes, the others go on.
        push(&[
            "-filter_complex",
            &format!(
                "[0:{}]{watch}{},aresample=rematrix_maxval=1,aformat=sample_fmts=flt:sample_rates={}:channel_layouts={layout}[e{index}]",
                audio.stream,
                evenly(audio),
                audio.sample_rate_hz
            ),
        ]);
    }
    push(&["-map", "[start]"]);
    for index in 0..plan.audio.len() {
        push(&["-map", &format!("[e{index}]")]);
    }
    push(&["-c:a", SOUND_CODEC, "-map_metadata", "-1", "-avoid_negative_ts", "disabled", "-f", "matroska"]);
    arguments.push(inputs::file_url(file));
    // ffmpeg sees by the packets that it reads where the clock of a broadcast jumps: the picture's count as in the main run.
    if let Some(stream) = plan.video_stream {
        arguments.extend(["-map", &format!("0:{stream}"), "-c", "copy", "-f", "null", "-"].map(OsString::from));
    }
    arguments
}

/// Times of sound at another rate than the file tells are off by up to a packet of the container, as ffmpeg counts those of
/// frames within one by the rate that it was told: here they are counted by the samples, but for gaps.
fn evenly(audio: &AudioRendition) -> String {
    let Some(rate) = audio.source_rate_hz else { return String::new() };
    format!(
        ",asetpts='if(eq(SR,{rate}),PTS,st(1,if(N*lt(abs(PTS-ld(0)),0.1/TB),ld(0),PTS));st(0,ld(1)+S/SR/TB);ld(1))'"
    )
}

/// The place of a rendition's sound in the file of all of them.
pub(super) fn even_track(plan: &EncodePlan, index: usize) -> Option<String> {
    plan.format.even_sound.as_ref().map(|_| format!("{}:{}", inputs::even_sound_input(plan), index + 1))
}

/// Outputs for the sound that is not taken from the source itself, so that its packets are seen all the same. It is decoded:
/// by that ffmpeg knows how long they are.
pub(in crate::pipeline) fn unused_sound(plan: &EncodePlan) -> Vec<OsString> {
    let mut streams: Vec<usize> = plan.audio.iter().map(|audio| audio.stream).collect();
    streams.sort_unstable();
    streams.dedup();
    let unused = streams.into_iter().filter(|_| plan.format.even_sound.is_some());
    unused.flat_map(|stream| ["-map", &format!("0:{stream}"), "-f", "null", "-"].map(OsString::from)).collect()
}

/// What fits each frame of a picture into the format with which it begins, in its shape, on black.
pub(super) fn fitted(plan: &EncodePlan) -> Option<String> {
    let PictureFormat { size, sample_aspect_ratio: (across, down) } =
        plan.format.opening.filter(|_| plan.format.follows_picture)?;
    let (width, height) = (size.width, size.height);
    let shape = format!("({width}*{across}/({height}*{down}))");
    let shapes = plan.format.shapes();
    // Newer versions take the shape of the first frame for that of all.
    let seen = if shapes.is_empty() {
        "dar".to_owned()
    } else {
        format!("(iw/ih*{across}/{down}*{})", steps(1.0, &shapes, SAME_TIME))
    };
    Some(format!(
        "scale=w='min({width},2*ceil({width}*{seen}/{shape}/2-{LITTLE}))':h='min({height},2*ceil({height}*{shape}/{seen}/2-{LITTLE}))'\
         :eval=frame:flags=bicubic:interl=-1,pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:black:eval=frame,\
         setsar={across}/{down}"
    ))
}

/// An expression of a number that is another one from each of some times on, which frames can lie before by less than this.
pub(super) fn steps(first: f64, changes: &[(Duration, f64)], most_before: Duration) -> String {
    let mut last = first;
    let mut text = format!("({first}");
    for (at, now) in changes {
        let from = seconds(at.saturating_sub(most_before));
        text.push_str(&format!("+gte(t,{from})*({})", now - last));
        last = *now;
    }
    text + ")"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::PictureSize;

    fn change(is_sound: bool, seconds: u64, size: Option<PictureSize>) -> FormatChange {
        FormatChange {
            part: 0,
            stream: usize::from(is_sound),
            is_sound,
            at: Duration::from_secs(seconds),
            size,
            header: None,
        }
    }

    #[test]
    fn changes_are_told_with_their_times() {
        let size = Some(PictureSize { width: 720, height: 576 });
        let sound = (1..=5).map(|minutes| change(true, minutes * 60, None));
        let following = Following::of(sound.chain([change(false, 3, size)]).collect());
        assert_eq!(
            following.warnings(Trim::default()),
            [
                "The picture changes its size or its pixel format to 720×576 at 00:00:03.000: it is fitted into the size with \
                 which it begins",
                "The sound changes its channels or its sample rate at 00:01:00.000, 00:02:00.000, 00:03:00.000 and 2 times \
                 more: all of it is converted to one format",
            ]
        );
        let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        let kept = following.warnings(Trim { start: minutes(4), end: minutes(6) });
        assert!(kept.len() == 1 && kept[0].contains("at 00:05:00.000:"), "{kept:?}");
        let told = "it changes its channels or its sample rate at 00:01:00.000";
        assert_eq!(following.changing_streams(), BTreeMap::from([(1, told.to_owned())]));
        assert_eq!(Following::default().warnings(Trim::default()), Vec::<String>::new());
    }

    #[test]
    fn what_is_known_of_changes_is_read_again() {
        let following = Following::of(vec![change(true, 3, None)]);
        let text = serde_json::to_string(&following).unwrap();
        assert_eq!(serde_json::from_str::<Following>(&text).unwrap(), following);
    }
}
