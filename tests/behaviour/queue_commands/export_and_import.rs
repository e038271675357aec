//! The queue as a file, to take elsewhere.

use super::*;

#[test]
fn an_exported_queue_comes_back_as_new_jobs() {
    let user = User::new();
    add(&user, &["--priority", "70", "a.mp4"]);
    add(&user, &["--start-at", "2099-01-01T00:00:00Z", "--rotate", "90", "b.mp4"]);
    done(&user, &["export", "queue.json"]);
    let before = listed(&user);
    let other = User::new();
    let file = user.path("queue.json");
    done(&other, &["import", file.to_str().unwrap()]);
    let after = listed(&other);
    assert_eq!(after.len(), 2);
    for (old, new) in before.iter().zip(&after) {
        assert_ne!(old["id"], new["id"]);
        for field in ["source", "preset", "destination", "priority", "starts_at", "state"] {
            assert_eq!(old[field], new[field], "{field}");
        }
    }
    done(&other, &["export", "again.json"]);
    let read = |path: PathBuf| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    assert_eq!(read(file.clone()), read(other.path("again.json")), "with all that was asked");
    let mut newer = read(file);
    newer["schema_version"] = 2.into();
    let newer = user.file("newer.json", newer.to_string().as_bytes());
    assert_refused(&call(&other, &["import", newer.to_str().unwrap()]), 2, &["newer version of Reelpress"]);
    assert_eq!(listed(&other).len(), 2);
}

#[test]
fn every_kind_of_job_comes_back_from_an_export_with_all_that_was_asked() {
    let user = User::new();
    add(&user, &["--start", "1", "--end", "3", "--layout", "processed", "cut.mp4"]);
    add(&user, &["--encrypt", "--key-beside-segments", "encrypted.mp4"]);
    add(&user, &["--join", video(&user, "first.mp4").to_str().unwrap(), video(&user, "second.mp4").to_str().unwrap()]);
    done(
        &user,
        &["add", "--out", "output", "--out", "s3://films/x", "--endpoint", "http://127.0.0.1:9", "published.mp4"],
    );
    for arguments in [
        &["thumbnails", "--queue", "--out", "output", "pictures.mp4"][..],
        &["convert", "--queue", "--to", "webm", "--start-at", "2099-01-01T00:00:00Z", "film.mp4"],
        &["convert", "--queue", "--to", "mp3", "film.mp4"],
    ] {
        let mut command = user.reelpress();
        command.args(arguments).current_dir(user.path(""));
        crate::support::output_of(command);
    }
    done(&user, &["export", "queue.json"]);
    let (other, file) = (User::new(), user.path("queue.json"));
    done(&other, &["import", file.to_str().unwrap()]);
    done(&other, &["export", "again.json"]);
    let read = |path: PathBuf| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let jobs = |path: PathBuf| read(path)["jobs"].as_array().expect("jobs").clone();
    let (exported, again) = (jobs(file), jobs(other.path("again.json")));
    assert_eq!((exported.len(), again.len()), (7, 7));
    for (job, again) in exported.iter().zip(&again) {
        assert!(job == again, "{} became\n{}", job["spec"], again["spec"]);
    }
}

/// The folder in which it is made lies in the home of whoever does it.
#[test]
fn a_job_for_buckets_alone_is_made_in_the_folder_of_who_imports_it() {
    let user = User::new();
    for place in ["alone", "kept"] {
        let keep = user.path("kept").display().to_string();
        let keep = ["--keep", &keep];
        let more = if place == "kept" { &keep[..] } else { &[] };
        video(&user, &format!("{place}.mp4"));
        let out = format!("s3://films/{place}");
        let file = format!("{place}.mp4");
        done(&user, &[&["add", "--preset", "quick", "--out", &out], more, &[&file]].concat());
    }
    let exported = |user: &User| -> Vec<PathBuf> {
        let file = user.path("queue.json");
        done(user, &["export", file.to_str().unwrap(), "--overwrite"]);
        let queue: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let folder = |job: &Value| job["spec"]["destination"]["s3"]["local_folder"].as_str().unwrap().into();
        queue["jobs"].as_array().unwrap().iter().map(folder).collect()
    };
    let streams = |user: &User| AppFolders::under(&user.path("home")).streams();
    assert_eq!(exported(&user), [streams(&user), user.path("kept")]);
    let other = User::new();
    done(&other, &["import", user.path("queue.json").to_str().unwrap()]);
    assert_eq!(exported(&other), [streams(&other), user.path("kept")]);
}

#[test]
fn relative_paths_of_an_imported_file_count_from_its_folder() {
    let user = User::new();
    add(&user, &["film.mp4"]);
    done(&user, &["export", "queue.json"]);
    let mut queue: Value = serde_json::from_slice(&std::fs::read(user.path("queue.json")).unwrap()).unwrap();
    let mut steps_up = queue["jobs"][0].clone();
    steps_up["spec"]["source"] = "../clips/./film.mp4".into();
    queue["jobs"].as_array_mut().unwrap().push(steps_up);
    queue["jobs"][0]["spec"]["source"] = "clips/film.mp4".into();
    queue["jobs"][0]["spec"]["destination"] = serde_json::json!({ "folder": "made" });
    let elsewhere = user.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("queue.json"), queue.to_string()).unwrap();
    let other = User::new();
    done(&other, &["import", elsewhere.join("queue.json").to_str().unwrap()]);
    let job = &listed(&other)[0];
    assert_eq!(job["source"], elsewhere.join("clips/film.mp4").to_str().unwrap());
    assert_eq!(job["destination"], elsewhere.join("made").to_str().unwrap());
    assert_eq!(listed(&other)[1]["source"], user.path("clips/film.mp4").to_str().unwrap());
}

/// What the user has cancelled is not done on another machine, nor here a second time.
#[test]
fn jobs_that_have_ended_are_not_begun_again_by_an_export_and_an_import() {
    let user = User::new();
    add(&user, &["a.mp4"]);
    add(&user, &["b.mp4"]);
    done(&user, &["cancel", "a"]);
    let file = user.path("queue.json");
    let file = file.to_str().unwrap();
    let said = |user: &User, arguments: &[&str]| String::from_utf8_lossy(&call(user, arguments).stderr).into_owned();
    assert!(said(&user, &["export", file]).contains("1 job written"));
    done(&user, &["export", file, "--all", "--overwrite"]);
    let other = User::new();
    let said = said(&other, &["import", file]);
    assert!(said.contains("1 job of") && said.contains("--all"), "{said}");
    assert_eq!(states(&other), [state("b.mp4", "waiting")]);
    let another = User::new();
    done(&another, &["import", file, "--all"]);
    assert_eq!(states(&another), [state("a.mp4", "waiting"), state("b.mp4", "waiting")]);
}

#[test]
fn an_import_is_held_to_the_limits_of_the_flags_and_names_job_and_field() {
    let user = User::new();
    add(&user, &[video(&user, "talk.mp4").to_str().unwrap()]);
    add(&user, &[video(&user, "film.mp4").to_str().unwrap(), "--crf", "20", "--start", "1", "--end", "3"]);
    let file = user.path("queue.json");
    done(&user, &["export", file.to_str().unwrap()]);
    let good: Value = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
    let other = User::new();
    for (place, wrong, words) in [
        ("preset/video/rate_control/crf", 900.into(), "preset.video.rate_control"),
        ("preset/ladder/rungs/0/short_side", 719.into(), "preset.ladder.short_side: 719 pixels are an odd number"),
        ("operations/trim/end/secs", Value::from(-3), "operations.trim.end"),
        ("operations/trim/end/secs", 1.into(), "operations.trim: the end must come after the start"),
        ("outputs/thumbnails/width", 3.into(), "outputs.thumbnails.width: 3 is not from 16 to 7680 pixels"),
        ("thumbnails/percents/0", 120.into(), "thumbnails: 120 is not from 0 to 100 %"),
    ] {
        let mut queue = good.clone();
        *queue.pointer_mut(&format!("/jobs/1/spec/{place}")).expect(place) = wrong;
        let bad = other.file("bad.json", queue.to_string().as_bytes());
        let said = ["bad.json", "job 2 (“film.mp4”)", words];
        assert_refused(&call(&other, &["import", bad.to_str().unwrap()]), 2, &said);
    }
    assert!(listed(&other).is_empty(), "nothing of a bad file is added");
    done(&other, &["import", file.to_str().unwrap()]);
    assert_eq!(listed(&other).len(), 2);
    for flags in [["--fade-in", "99999999"], ["--watermark-width", "0"]] {
        let logo = clips::sample().display().to_string();
        let output = call(&user, &[&["add", "talk.mp4", "--watermark", &logo][..], &flags].concat());
        assert_refused(&output, 2, &["can't be asked for", "operations."]);
    }
}

#[test]
fn an_export_replaces_nothing_unasked_and_an_import_reads_only_files() {
    let user = User::new();
    add(&user, &["a.mp4"]);
    let film = user.file("film.mp4", b"not to be lost");
    assert_refused(&call(&user, &["export", "film.mp4"]), 2, &["is there already", "--overwrite"]);
    assert_eq!(std::fs::read(&film).unwrap(), b"not to be lost");
    assert!(done(&user, &["export", "-"]).contains("schema_version"));
    done(&user, &["export", "film.mp4", "--overwrite"]);
    assert!(std::fs::read_to_string(&film).unwrap().contains("schema_version"));
    assert_refused(&call(&user, &["import", "/dev/zero"]), 2, &["/dev/zero", "not a regular file"]);
    assert_refused(&call(&user, &["export", "/dev/null", "--overwrite"]), 1, &["not a regular file"]);
}

#[test]
fn a_job_that_can_never_begin_is_refused_as_it_is_added() {
    let user = User::new();
    add(&user, &[video(&user, "talk.mp4").to_str().unwrap()]);
    let file = user.path("queue.json");
    done(&user, &["export", file.to_str().unwrap()]);
    let mut queue: Value = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
    queue["jobs"][0]["spec"]["layout"]["template"] = "{name}".repeat(200).into();
    let file = user.file("long.json", queue.to_string().as_bytes());
    let output = call(&user, &["import", file.to_str().unwrap()]);
    assert_refused(&output, 1, &["0 jobs added", "longer than 255 bytes"]);
}
