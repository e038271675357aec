//! Jobs that have ended: found again, encoded again, reported.

use serde_json::Value;

use super::{Ended, User, add, call, done, listed, queue, video};

/// What `queue history --json` tells.
fn history(user: &User, text: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(&done(user, &["history", text, "--json"])).expect("JSON");
    list.as_array().expect("jobs").clone()
}

#[test]
fn ended_jobs_are_found_again_and_reported_without_secrets() {
    const PLANTED: [&str; 4] = ["geheim-im-endpunkt", "geheim-in-umgebung", "AKIAPLANTEDPLANTEDXX", "geheime-signatur"];
    let user = User::new();
    video(&user, "holiday.mp4");
    add(&user, &["--duration", "1", "holiday.mp4"]);
    fn to(endpoint: &str) -> [&str; 8] {
        ["add", "--preset", "quick", "--out", "s3://films/x", "--endpoint", endpoint, "missing.mp4"]
    }
    let with_secret = format!("http://anna:{}@127.0.0.1:9", PLANTED[0]);
    let refused = call(&user, &to(&with_secret));
    assert_eq!(refused.status.code(), Some(2), "no secret gets into the journal");
    assert!(!String::from_utf8_lossy(&refused.stderr).contains(PLANTED[0]), "{refused:?}");
    done(&user, &to("http://127.0.0.1:9"));
    let mut run = queue(&user, &["run", "--json"]);
    run.env("AWS_SECRET_ACCESS_KEY", PLANTED[1]);
    Ended::of(run);
    let states: Vec<Value> = listed(&user).iter().map(|job| job["state"].clone()).collect();
    assert_eq!(states, ["done", "failed"]);

    done(&user, &["remove", "holiday"]);
    assert_eq!(listed(&user).len(), 1);
    assert_eq!(history(&user, "").len(), 2, "also what is off the list");
    let found = history(&user, "HOLIDAY");
    assert_eq!(found.len(), 1);
    assert!(found[0]["state"] == "done" && found[0]["ended_at"].is_string(), "{found:#?}");
    assert_eq!(history(&user, "s3://films").len(), 1, "by its destination");
    assert!(history(&user, "zebra").is_empty());
    let table = done(&user, &["history", "holiday"]);
    assert!(table.lines().count() == 2 && table.contains("holiday.mp4"), "{table}");

    done(&user, &["again", "holiday"]);
    let again = &listed(&user)[1];
    assert_eq!((&again["source"], &again["state"]), (&found[0]["source"], &"waiting".into()));
    assert_ne!(again["id"], found[0]["id"]);

    // What a careless program may have written into its log.
    let logs = user.path("home/data/logs");
    let careless = format!(
        "using {} {} http://127.0.0.1/x?X-Amz-Signature={}&y=1\nkept words\n",
        PLANTED[1], PLANTED[2], PLANTED[3]
    );
    std::fs::write(logs.join("reelpress.9999-01-01.log"), careless).expect("the user's folder can be written");
    for (job, file) in [("missing", "failed.json"), (found[0]["short_id"].as_str().unwrap(), "removed.json")] {
        let mut report = queue(&user, &["report", job, file]);
        report.env("AWS_SECRET_ACCESS_KEY", PLANTED[1]);
        crate::support::output_of(report);
        let text = std::fs::read_to_string(user.path(file)).expect("a report");
        for secret in PLANTED {
            assert!(!text.contains(secret), "{secret} is in {file}");
        }
        let report: Value = serde_json::from_str(&text).expect("JSON");
        assert!(report["program_log"].to_string().contains("kept words"));
        assert!(report["journal"].as_array().is_some_and(|events| events.len() >= 2), "{text}");
        assert!(report["ffmpeg"]["Ok"].as_str().is_some_and(|version| version.contains('.')), "{}", report["ffmpeg"]);
    }
    let read = |file: &str| -> Value { serde_json::from_slice(&std::fs::read(user.path(file)).unwrap()).unwrap() };
    assert!(read("failed.json")["state"]["failure"]["headline"].is_string(), "{}", read("failed.json")["state"]);
    assert!(read("removed.json")["plan"]["renditions"].is_array());
    assert_eq!(call(&user, &["report", "missing", "failed.json"]).status.code(), Some(2), "a file is not replaced");
    done(&user, &["report", "missing", "failed.json", "--overwrite"]);
    let printed: Value = serde_json::from_str(&done(&user, &["report", "missing", "-"])).expect("JSON");
    assert!(printed["state"]["failure"]["headline"].is_string(), "{}", printed["state"]);
    assert_eq!(call(&user, &["report", "missing", "report.txt"]).status.code(), Some(2));
}
