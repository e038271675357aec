//! What can be done with jobs in the queue and in their panel.

use std::time::{Duration, Instant};

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};

use super::{Window, states};
use crate::{
    engine::{Command, Event, PlannedRetry, Snapshot},
    failure::{Failure, FailureKind},
    job::{JobId, Progress, PublishedStream, Report, Stage, UploadProgress},
};

fn id_of(snapshot: &Snapshot, name: &str) -> JobId {
    snapshot.jobs.iter().find(|job| job.spec.source_name() == name).unwrap().id
}

/// Names of the jobs whose rows are laid out, from their spoken descriptions.
fn rows(window: &Window) -> Vec<String> {
    let rows = window.harness.query_all_by_role(eframe::egui::Role::ListItem);
    rows.filter_map(|row| row.accesskit_node().label()).collect()
}

#[test]
fn a_removed_job_can_be_brought_back() {
    let snapshot = states::busy();
    let teaser = id_of(&snapshot, "Teaser.mp4");
    let mut window = Window::open(snapshot);
    window.press("More for Teaser.mp4");
    window.press("Remove");
    assert_eq!(window.asked(), [Command::Remove { id: teaser }]);
    window.happens(Event::JobsRemoved { ids: vec![teaser] });
    assert!(window.shows("Teaser.mp4 is off the list"));
    window.press("Undo");
    assert_eq!(window.asked(), [Command::UndoRemove]);
    window.happens(Event::RemovalUndone);
    assert!(window.shows("More for Teaser.mp4"));
    assert!(!window.shows("Teaser.mp4 is off the list"));
}

#[test]
fn each_state_offers_its_next_step() {
    let snapshot = states::busy();
    let ids =
        ["Opening ceremony, camera A.mov", "lecture-03.ts", "Screen recording 2026-11-20 at 14.03.mkv", "bikes.mp4"]
            .map(|name| id_of(&snapshot, name));
    let mut window = Window::open(snapshot);
    window.press("Preview Opening ceremony, camera A.mov");
    window.press("Retry lecture-03.ts");
    window.press("Move to top Screen recording 2026-11-20 at 14.03.mkv");
    window.press("Cancel bikes.mp4");
    let [opening, lecture, screen, bikes] = ids;
    assert_eq!(
        window.asked(),
        [
            Command::Preview { id: opening },
            Command::Retry { id: lecture },
            Command::MoveToTop { id: screen },
            Command::Cancel { id: bikes },
        ]
    );
}

#[test]
fn filters_show_their_jobs_and_count_them() {
    let mut window = Window::open(states::busy());
    assert_eq!(rows(&window).len(), 8);
    for (filter, names) in [
        ("Active 3", vec!["Opening ceremony, camera A.mov", "Interview Dr. Müller – final_v7.mp4", "bikes.mp4"]),
        ("Waiting 1", vec!["Screen recording 2026-11-20 at 14.03.mkv"]),
        ("Done 2", vec!["Teaser.mp4", "Street.avi"]),
        ("Failed 1", vec!["lecture-03.ts"]),
        ("Cancelled 1", vec!["Trailer_4K_de.mxf"]),
    ] {
        window.press(filter);
        let rows = rows(&window);
        assert_eq!(rows.len(), names.len(), "{filter}: {rows:?}");
        assert!(rows.iter().zip(&names).all(|(row, name)| row.starts_with(name)), "{filter}: {rows:?}");
    }
}

#[test]
fn a_queue_without_cancelled_jobs_has_no_filter_for_them() {
    assert!(!Window::open(states::many(3)).shows_somewhere("Cancelled"));
}

#[test]
fn the_search_narrows_the_list() {
    let mut window = Window::open(states::busy());
    window.key(Modifiers::COMMAND, Key::F);
    window.harness.get_by_role_and_label(eframe::egui::Role::TextInput, "Search the queue").type_text("müller");
    window.draw();
    assert_eq!(rows(&window).len(), 1);
}

#[test]
fn a_failed_job_shows_cause_remedy_and_detail() {
    let mut window = Window::open(states::busy());
    window.harness.get_by_label_contains("lecture-03.ts, Failed").click();
    window.draw();
    assert!(window.shows("The bucket “media-prod” refuses the upload: access denied"));
    assert!(window.shows("Add s3:PutObject to the user’s policy"));
    assert!(window.shows_somewhere("request id: 4B1C"));
    window.press("Copy details");
    assert!(window.shows("Details copied"));
}

/// Presses what has this name, and gives what goes to the clipboard.
fn copied_by(window: &mut Window, label: &str) -> Vec<String> {
    window.harness.get_by_label(label).click();
    let mut copied = Vec::new();
    for _ in 0..4 {
        window.harness.step();
        let commands = window.harness.output().platform_output.commands.iter();
        copied.extend(commands.filter_map(|command| match command {
            eframe::egui::OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        }));
    }
    copied
}

#[test]
fn the_url_of_a_published_stream_goes_to_the_clipboard() {
    let mut window = Window::open(states::busy());
    let copied = copied_by(&mut window, "Copy URL Teaser.mp4");
    assert_eq!(copied, ["https://media-prod.s3.eu-central-1.amazonaws.com/films/teaser/master.m3u8"]);
    assert!(window.shows("URL copied"));
}

#[test]
fn the_address_of_a_preview_that_no_browser_shows_can_be_copied_and_the_cause_looked_at() {
    let snapshot = states::busy();
    let id = id_of(&snapshot, "Teaser.mp4");
    let mut window = Window::open(snapshot);
    window.press("Preview Teaser.mp4");
    let url = "http://127.0.0.1:41001/token/";
    window.happens(Event::PreviewReady { id, url: url.to_owned() });
    let begun = Instant::now();
    while !window.shows("No browser could be opened for the preview") {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing was told");
        std::thread::sleep(Duration::from_millis(5));
        window.draw();
    }
    assert!(window.shows_somewhere(url));
    assert_eq!(copied_by(&mut window, "Copy URL"), [url]);
    assert!(!window.shows_somewhere("no method available"), "the words of other programs are details");
    window.press("Show details");
    assert!(window.shows("no method available for opening"));
    let copied = copied_by(&mut window, "Copy details of the message");
    assert!(copied[0].contains(url) && copied[0].contains("no method available"), "{copied:?}");
}

#[test]
fn a_stream_in_several_buckets_shows_all_addresses() {
    let mut story = states::Story::begin();
    let id = story.add("film.mp4");
    story.started(id);
    let upload = |destination: &str, trouble: Option<&str>| UploadProgress {
        destination: destination.to_owned(),
        published_files: 12,
        trouble: trouble.map(str::to_owned),
        is_whole: false,
    };
    let uploads = vec![upload("s3://media", None), upload("s3://backup", Some("No connection to s3://backup"))];
    story.progressed(id, Progress { uploads, ..Progress::default() });
    let mut window = Window::open(story.snapshot.clone());
    assert!(window.shows("Goes to: s3://media: 12 files"));
    assert!(window.shows("Goes to: s3://backup: No connection to s3://backup"));

    let urls = ["https://media.example/film/master.m3u8", "https://backup.example/film/master.m3u8"];
    let published = |url: &str| PublishedStream { destination: "s3://x".to_owned(), urls: vec![url.to_owned()] };
    let report = Report { published: urls.map(published).to_vec(), ..states::report(1000, 10, &[]) };
    window.happens(Event::JobFinished { id, report: Box::new(report), at: jiff::Timestamp::UNIX_EPOCH });
    for url in urls {
        assert!(window.shows(&format!("URL: {url}")));
    }
    window.press("Copy URLs");
}

#[test]
fn the_panel_shows_renditions_files_and_log() {
    let snapshot = states::busy();
    let opening = id_of(&snapshot, "Opening ceremony, camera A.mov");
    let mut window = Window::open(snapshot);
    assert!(window.shows_somewhere("1080p, H.264, 5\u{202f}000 k, 4\u{202f}812 k, 947 MB"));
    assert!(window.shows("Playable: Now, 00:26:08 of 00:42:10"));
    assert!(window.shows("Published: 261 of 264 finished files"));
    window.press("Files");
    assert!(window.shows("No file is finished yet"));
    let files = vec![crate::job::FileReport { path: "1080p/init.mp4".to_owned(), bytes: 1200 }];
    window.happens(Event::FilesFinished { id: opening, files });
    assert!(window.shows("1080p/init.mp4, 1.2 kB"));
    window.press("Log");
    window.happens(Event::JobLogged { id: opening, line: "frame=100".to_owned() });
    assert!(window.shows("frame=100"));
}

#[test]
fn tab_goes_through_the_window_from_left_to_right_and_from_top_to_bottom() {
    let mut window = Window::open(states::busy());
    let mut met = Vec::new();
    for _ in 0..45 {
        window.key(Modifiers::NONE, Key::Tab);
        let focused = window.harness.query_all_by(|_| true).find(|node| node.accesskit_node().is_focused());
        met.push(focused.and_then(|node| node.accesskit_node().label()).unwrap_or_default());
    }
    let in_order = ["Add files…", "Preset: Web HLS", "Destination: s3://media-prod/films", "Settings…", "Pause queue"];
    let in_order = in_order.into_iter().chain(["All 8", "Search the queue", "More for bikes.mp4"]);
    let mut places =
        in_order.map(|name| met.iter().rposition(|label| label == name).unwrap_or_else(|| panic!("{name}")));
    assert!(places.by_ref().is_sorted(), "{met:#?}");
}

#[test]
fn keys_select_preview_cancel_remove_and_pause() {
    let snapshot = states::busy();
    let ids: Vec<JobId> = snapshot.jobs.iter().map(|job| job.id).collect();
    let mut window = Window::open(snapshot);
    window.key(Modifiers::NONE, Key::Enter);
    window.key(Modifiers::NONE, Key::ArrowDown);
    window.key(Modifiers::NONE, Key::Delete);
    window.key(Modifiers::NONE, Key::End);
    window.key(Modifiers::NONE, Key::Delete);
    window.key(Modifiers::NONE, Key::Space);
    assert_eq!(
        window.asked(),
        [
            Command::Preview { id: ids[0] },
            Command::Cancel { id: ids[1] },
            Command::Remove { id: ids[7] },
            Command::PauseQueue,
        ]
    );
    window.happens(Event::QueuePaused);
    window.press("Resume queue");
    assert_eq!(window.asked(), [Command::ResumeQueue]);
}

#[test]
fn a_waiting_job_is_dragged_to_another_place() {
    let snapshot = states::many(5);
    let second = snapshot.jobs[1].id;
    let mut window = Window::open(snapshot);
    let from = window.harness.get_by_label("Move clip 00002.mp4").rect().center();
    let below_the_fourth = window.harness.get_by_label_contains("clip 00004.mp4, Waiting").rect().bottom();
    window.harness.drag_at(from);
    window.draw();
    window.harness.hover_at(eframe::egui::pos2(from.x, from.y + 20.0));
    window.draw();
    window.harness.hover_at(eframe::egui::pos2(from.x, below_the_fourth));
    window.draw();
    window.harness.drop_at(eframe::egui::pos2(from.x, below_the_fourth));
    window.draw();
    assert_eq!(window.asked(), [Command::MoveTo { id: second, index: 3 }]);
}

#[test]
fn of_ten_thousand_jobs_only_those_in_sight_are_laid_out() {
    let mut window = Window::open(states::many(10_000));
    let shown = rows(&window).len();
    assert!((5..=20).contains(&shown), "{shown} rows");
    window.key(Modifiers::NONE, Key::End);
    assert!(rows(&window).iter().any(|row| row.starts_with("clip 10000.mp4")));
    assert!(window.shows("0 of 10000 done") || window.shows_somewhere("0 of 10"));
}

#[test]
fn a_narrow_window_shows_the_panel_in_place_of_the_queue() {
    let mut window = Window::sized(states::busy(), [800.0, 500.0]);
    assert!(!window.shows("Overview"));
    window.key(Modifiers::COMMAND, Key::I);
    assert!(window.shows("Overview"));
    assert!(rows(&window).is_empty());
    window.press("Back to the queue");
    assert!(!window.shows("Overview"));
    assert!(!rows(&window).is_empty());
}

#[test]
fn what_went_wrong_beside_the_jobs_is_shown_until_dismissed() {
    let mut window = Window::open(states::busy());
    window.happens(Event::Noticed { failure: states::access_denied() });
    assert!(window.shows("Add s3:PutObject to the user’s policy"));
    window.press("Dismiss: The bucket “media-prod” refuses the upload: access denied");
    assert!(!window.shows("Add s3:PutObject to the user’s policy"));
}

#[test]
fn the_panel_is_as_wide_as_agreed_whatever_it_shows() {
    let mut window = Window::open(states::busy());
    for name in ["Opening ceremony", "Screen recording", "lecture-03.ts", "Teaser.mp4", "Street.avi"] {
        let rows = window.harness.query_all_by_role(eframe::egui::Role::ListItem);
        let row =
            rows.into_iter().find(|row| row.accesskit_node().label().is_some_and(|label| label.starts_with(name)));
        row.unwrap().click();
        window.draw();
        for tab in ["Overview", "Files", "Log"] {
            window.press(tab);
            let row = window.harness.get_by_label_contains("Opening ceremony, camera A.mov, Encoding").rect();
            assert!((row.right() - 888.0).abs() < 2.0, "{name}, {tab}: the queue ends at {}", row.right());
        }
    }
}

#[test]
fn a_running_job_can_be_held_from_its_menu_and_goes_on_from_its_row() {
    let mut story = states::Story::begin();
    let id = story.add("bikes.mp4");
    story.started(id);
    story.progressed(id, states::encoding(40, 2.0, 50.0, 60));
    let mut window = Window::open(story.snapshot);
    window.press("More for bikes.mp4");
    window.press("Pause");
    assert_eq!(window.asked(), [Command::Pause { id }]);
    window.happens(Event::JobPaused { id });
    assert!(window.shows("1 paused") && !window.shows_somewhere("1 encoding"), "in the status line");
    assert!(
        window.shows_somewhere("bikes.mp4, Paused, ") && window.shows_somewhere("%, Goes on from 00:"),
        "from where"
    );
    assert!(!window.shows("Cancel bikes.mp4"), "one click does not give up what is encoded");
    window.press("Resume bikes.mp4");
    assert_eq!(window.asked(), [Command::Resume { id }]);
    window.happens(Event::JobResumed { id });
    assert!(!window.shows_somewhere("bikes.mp4, Paused"));
    let reached = std::time::Duration::from_secs(24);
    window.happens(Event::JobInterrupted { id, reached, folder: None, is_held: true });
    assert!(window.shows_somewhere("Goes on from 00:00:24"), "after a restart too");
    assert!(!window.shows("Cancel bikes.mp4"), "one click does not give up what is encoded");
    window.press("More for bikes.mp4");
    window.key(Modifiers::NONE, Key::Escape);
    window.press("Change settings…");
    assert!(window.shows("00:00:24 of it is encoded, and is encoded again with other settings."));
    window.press("Cancel");
    window.press("More for bikes.mp4");
    assert!(!window.shows("Cancel"), "which could not be undone");
    window.press("Remove");
    assert_eq!(window.asked(), [Command::Remove { id }]);
}

#[test]
fn cancelling_a_job_asks_once_something_is_encoded_and_says_how_much() {
    let mut story = states::Story::begin();
    let id = story.add("bikes.mp4");
    story.started(id);
    let mut window = Window::open(story.snapshot);
    window.press("Cancel bikes.mp4");
    assert_eq!(window.asked(), [Command::Cancel { id }], "nothing is lost");
    let encoded = std::time::Duration::from_secs(860);
    let progress = Box::new(Progress { encoded, ..states::encoding(34, 2.0, 50.0, 60) });
    window.happens(Event::JobProgressed { id, progress });
    let question = "34 % (00:14:20) of bikes.mp4 is encoded and would be lost.";
    for answer in [Key::Enter, Key::Escape] {
        window.press("Cancel bikes.mp4");
        assert!(window.shows(question));
        window.key(Modifiers::NONE, answer);
        assert!(!window.shows(question) && window.asked().is_empty(), "{answer:?} keeps the job");
    }
    window.key(Modifiers::NONE, Key::Delete);
    window.press("Keep");
    assert!(window.asked().is_empty());
    window.press("Cancel bikes.mp4");
    window.press("Cancel the job");
    assert_eq!(window.asked(), [Command::Cancel { id }]);
    window.press("Cancel bikes.mp4");
    window.happens(Event::JobCancelled { id, at: jiff::Timestamp::now() });
    assert!(!window.shows(question), "nothing is left to ask");
}

#[test]
fn a_pause_can_hold_the_jobs_at_work_too_and_resuming_brings_all_back() {
    let mut story = states::Story::begin();
    let encoding = story.add("bikes.mp4");
    story.started(encoding);
    story.progressed(encoding, states::encoding(40, 2.0, 50.0, 60));
    let uploading = story.add("talk.mp4");
    story.started(uploading);
    story.progressed(uploading, Progress { stage: Stage::Publish, ..states::encoding(91, 0.0, 0.0, 0) });
    let mut window = Window::open(story.snapshot);
    window.press("Ways to pause");
    window.press("Pause after the running jobs");
    assert_eq!(window.asked(), [Command::PauseQueue]);
    window.happens(Event::QueuePaused);
    window.press("Ways to pause");
    assert!(!window.shows("Pause after the running jobs"), "that is so already");
    window.press("Pause everything now");
    assert_eq!(window.asked(), [Command::PauseQueue, Command::Pause { id: encoding }], "uploads go on");
    window.happens(Event::JobPaused { id: encoding });
    assert!(!window.shows("Ways to pause"), "nothing is left to hold");
    window.press("Resume queue");
    assert_eq!(window.asked(), [Command::Resume { id: encoding }, Command::ResumeQueue]);
}

#[test]
fn the_end_of_an_undo_says_nothing() {
    let mut window = Window::open(states::busy());
    let teaser = id_of(window.harness.state().snapshot(), "Teaser.mp4");
    window.happens(Event::JobsRemoved { ids: vec![teaser] });
    window.happens(Event::JobsRemoved { ids: Vec::new() });
    assert!(window.shows("Teaser.mp4 is off the list") && !window.shows("Undo"));
}

#[test]
fn a_job_that_waits_for_its_next_try_says_why_and_can_begin_at_once() {
    let mut story = states::Story::begin();
    let id = story.add("bikes.mp4");
    story.started(id);
    let failure = Failure::new(FailureKind::NetworkLost, "No connection to s3://films", "Check the network");
    let retry =
        Box::new(PlannedRetry { number: 1, not_before: jiff::Timestamp::now(), failure, waits_for_keys: false });
    story.tell(&Event::JobRetryPlanned { id, retry });
    let mut window = Window::open(story.snapshot);
    assert!(window.shows_somewhere("No connection to s3://films · try 1 of 3 at"));
    window.press("Try now bikes.mp4");
    assert_eq!(window.asked(), [Command::Retry { id }]);
}
