//! What the dialog's fields mean.

use super::*;
use crate::{
    job::{Destination, Trim},
    preset::{EncoderSpeed, StereoCodecs, find_preset},
};

fn everything() -> Operations {
    let seconds = Duration::from_secs;
    Operations {
        trim: Trim { start: Some(Duration::from_millis(1250)), end: Some(seconds(4000)) },
        crop: Some(Crop::Area(CropArea { width: 640, height: 272, left: 0, top: 44 })),
        rotate: Some(Turn::Clockwise),
        flip: Some(Flip::Vertical),
        short_side: Some(540),
        deinterlace: Deinterlace::Never,
        denoise: Some(Strength::Light),
        sharpen: Some(Strength::Strong),
        watermark: Some(Watermark {
            image: std::env::temp_dir().join("logo.png"),
            position: WatermarkPosition::TopLeft,
            width_percent: 20.0,
            margin_percent: 1.5,
            opacity_percent: 60.0,
            from: Some(seconds(1)),
            until: Some(seconds(90)),
        }),
        fade_in: Duration::from_millis(500),
        fade_out: seconds(2),
        loudness: LoudnessTarget::new(-16.0),
        target_size_bytes: Some(25_000_001),
        still_duration: Some(seconds(7)),
        burn_in: Some(SubtitleChoice::Number(2)),
        background: Some(RgbColour::new(0, 0xb1, 0x40)),
    }
}

#[test]
fn an_untouched_form_changes_nothing() {
    for operations in [Operations::default(), everything()] {
        assert_eq!(AdjustForm::for_new_files(&operations, &Settings::default()).operations(), Ok(operations));
    }
}

#[test]
fn nonsense_is_refused_at_its_field() {
    let wrong = |change: &dyn Fn(&mut AdjustForm)| {
        let mut form = AdjustForm::for_new_files(&everything(), &Settings::default());
        change(&mut form);
        form.operations().map_err(|(section, problem)| (section, problem.field)).unwrap_err()
    };
    assert_eq!(
        wrong(&|form| form.trim =
            TrimForm::of(Trim { start: Some(Duration::MAX), end: None }, Some(Duration::from_secs(9)))),
        (AdjustSection::Time, "Start")
    );
    assert_eq!(
        wrong(&|form| form.trim =
            TrimForm::of(Trim { start: Some(Duration::from_secs(2)), end: Some(Duration::from_secs(1)) }, None)),
        (AdjustSection::Time, "End")
    );
    assert_eq!(wrong(&|form| form.area[2].clear()), (AdjustSection::Picture, "From the left"));
    assert_eq!(wrong(&|form| form.background = "greenish".to_owned()), (AdjustSection::Picture, labels::BACKGROUND));
    assert_eq!(wrong(&|form| form.short_side = "8".to_owned()), (AdjustSection::Picture, labels::SHORT_SIDE));
    assert_eq!(wrong(&|form| form.image = "logo.png".to_owned()), (AdjustSection::Watermark, "Image"));
    assert_eq!(wrong(&|form| form.goes = "0.5".to_owned()), (AdjustSection::Watermark, "Goes"));
    assert_eq!(wrong(&|form| form.loudness = "3".to_owned()), (AdjustSection::SoundAndSize, labels::LOUDNESS));
    assert_eq!(wrong(&|form| form.target_size = "big".to_owned()), (AdjustSection::SoundAndSize, "Target size"));
}

#[test]
fn a_job_s_changes_of_its_preset_are_found_in_the_form_and_taken_back() {
    let preset = find_preset("web-hls").unwrap();
    let changes = PresetChanges { speed: Some(EncoderSpeed::Slow), ..PresetChanges::default() };
    let own = Preset { stereo: StereoCodecs::Opus, ..changes.apply(&preset).unwrap() };
    let destination = Destination::Folder(PathBuf::from("/streams"));
    let spec = JobSpec::stream("/films/a.mp4", own.clone(), destination);
    let mut form = AdjustForm::for_job(AdjustTarget::Again { spec: Box::new(spec.clone()) }, None);
    assert_eq!(form.presets.len(), built_in_presets().len(), "no preset is there twice");
    assert_eq!(form.spec(&spec).unwrap().preset, own);
    form.reset();
    assert_eq!(form.spec(&spec).unwrap().preset, preset);
}
