//! What a person did in the window. View functions push these; the app performs them after laying out.

use std::{path::PathBuf, sync::Arc};

use crate::{
    engine::{Command, Job},
    gui::{
        dialogs::{adjust::AdjustTarget, settings::SettingsSection},
        file_dialog::{PathPurpose, PickedPaths},
    },
    job::{Conversion, JobId, Operations, OutputKind},
    preset::{PresetChanges, StereoCodecs},
    tools::keychain::AccessKey,
};

/// What a person did in the window.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Ask the engine for something.
    Send(Command),
    /// Make jobs of these files and folders, with the chosen preset and destination.
    AddPaths(Vec<PathBuf>),
    /// Let the person pick files or a folder.
    Pick(PathPurpose),
    /// Files or a folder were picked or typed.
    Picked(PickedPaths),
    /// Make a job of the clip that comes with the program.
    TrySampleClip,
    /// New files get this preset.
    ChoosePreset(String),
    /// New files' streams have this in place of what the preset says.
    ChangePreset(Box<PresetChanges>),
    /// New files become streams and are made into this too, or not.
    ChooseOutput {
        /// What.
        kind: OutputKind,
        /// Whether it is made.
        is_made: bool,
    },
    /// New files become one file like this, or a stream again.
    MakeOneFile(Option<Box<Conversion>>),
    /// New files become pictures alone.
    MakePicturesAlone,
    /// The sound of new files' streams has these codecs.
    ChooseSound(StereoCodecs),
    /// New files go to the bucket, or only to the output folder.
    ChoosePublishToS3(bool),
    /// Open the form of adjustments.
    OpenAdjust(AdjustTarget),
    /// Open the form of priority and start of these jobs.
    OpenSchedule(Vec<JobId>),
    /// Ask whether these jobs at work are to be cancelled, as what is encoded of them would be lost.
    AskToCancel(Vec<JobId>),
    /// Write all that is known of a job into a file, for whoever looks into a fault.
    SaveReport(Arc<Job>),
    /// Put a job that has ended into the queue once more, as a new one.
    RunAgain(Arc<Job>),
    /// Show the jobs that have ended.
    OpenHistory,
    /// Do this to files that are added from now on.
    AdjustNewFiles(Box<Operations>),
    /// Open the settings at this place.
    OpenSettings(SettingsSection),
    /// Put keys of a store into the keychain, or hold them until the program ends; jobs that had failed without them
    /// begin again.
    UseKeys {
        /// Their name.
        name: String,
        /// The keys. Their secret is not shown by `Debug`.
        key: AccessKey,
        /// Whether they go into the keychain.
        in_keychain: bool,
    },
    /// Try jobs again whose keys a store has refused, with the same keys.
    RetryWithSameKeys(Vec<JobId>),
    /// Take the keys of this name out of the keychain.
    RemoveKeys(String),
    /// Open the dialog about ffmpeg.
    OpenTools,
    /// Show the files of a job in the system's file manager.
    OpenFolder(PathBuf),
    /// Put text on the clipboard and say what was copied.
    Copy {
        /// The text.
        text: String,
        /// What it is, for the notice: `URL`, `Details`.
        what: &'static str,
    },
    /// Select a job alone and bring it into view.
    Select(JobId),
    /// Select a job beside those that are selected, or take it out of them.
    SelectToo(JobId),
    /// Select all jobs from the one that was selected alone to this one.
    SelectUpTo(JobId),
    /// Select all jobs that the list shows.
    SelectAll,
    /// Show the panel of the selected job.
    ShowDetails,
    /// Show or hide the panel of the selected job.
    ToggleDetails,
    /// Put the keyboard into the search field.
    FocusSearch,
    /// An answer to "Jobs are still running".
    AnswerClose(CloseAnswer),
    /// Do not close when the queue is finished after all.
    StayOpen,
}

/// What to do with running jobs when the window is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseAnswer {
    /// Minimise the window, let the jobs go on.
    KeepRunning,
    /// Close when nothing runs and nothing waits any more.
    CloseWhenFinished,
    /// Stop the jobs, which wait for the next start, and close.
    StopAndClose,
    /// Leave all as it is.
    Cancel,
}
