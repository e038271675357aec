//! `reelpress check`: whether a stream is correct.

use std::path::Path;

use tokio::runtime::Runtime;

use super::{
    CheckArguments, Context, Outcome, S3Arguments, Verbosity, bad_usage, credentials, destination::s3_location,
    publish::network, toolbox,
};
use crate::{
    failure::Failure,
    pipeline::check::{CheckError, CheckOptions, Judgement, Level, Ruling, StreamPlace, Verdict, check},
    tools::{cancel::CancelToken, content_key::KeyFiles},
};

/// What `--json` prints.
pub(super) const DOCUMENTATION: &str = "\
With --json, one object is printed:

  stream    what was checked
  playlist  the playlist in it from which it was judged
  correct   false when a rule of level must is broken
  rules     every rule, each with
            rule      its name, such as target-duration; names never change
            number    its subject: 1-8 playlists, 9-16 segments, 17-21 picture, 22 sound, 24 captions, 27 web server
            level     must or should
            result    kept, broken, or not_judged where nothing in the stream falls under it or it can't be seen
            says      what the rule demands
            source    the document that demands it
            judged    in how many places it was looked at
            broken    in how many of these it is broken
            findings  the first 20 of these: place (a file) and message

--decode takes as long as to play the stream at several times its speed. It finds damage inside of frames, which no box and
no packet tells, as far as the decoder notices it: some bytes can change without becoming wrong.

Exit codes: 0 all was judged and no rule of level must is broken, 1 some is broken, or the stream can't be read or, for want
of a key (rule key-available), not be judged whole, 2 bad usage, such as a folder without a playlist, 3 ffprobe is missing,
130 interrupted. Nothing outside of a stream's folder is read but its keys; from the web only what its playlists name, such as keys.
A stream in a bucket is read with your credentials, as a player would that has presigned addresses.";

pub(super) fn run(context: &Context, arguments: &CheckArguments, interrupt: &CancelToken) -> Outcome {
    // The threads for the network, where they are needed, end with this.
    let (place, _network) = match place(context, arguments) {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let toolbox = match toolbox(context) {
        Ok(toolbox) => toolbox,
        Err(outcome) => return outcome,
    };
    let keys = arguments.key.as_deref().map(KeyFiles::at);
    let options = CheckOptions { keys: keys.as_ref(), decodes: arguments.decode, ..CheckOptions::default() };
    match check(&place, Some(&toolbox), options, interrupt) {
        Ok(verdict) => {
            tell(context, &verdict, arguments.json);
            if verdict.correct && verdict.is_judged_whole() { Outcome::AllDone } else { Outcome::SomeFailed }
        }
        Err(CheckError::Cancelled) => Outcome::Interrupted,
        Err(error) => {
            let is_no_stream = matches!(error, CheckError::NoPlaylist(_));
            let failure = error.into_failure();
            context.output.failure(None, &failure);
            if is_no_stream { Outcome::BadUsage } else { Outcome::of(&failure) }
        }
    }
}

/// Where the stream lies that was named, or the outcome after it was said why that is no such place.
fn place(context: &Context, arguments: &CheckArguments) -> Result<(StreamPlace, Option<Runtime>), Outcome> {
    let s3 = S3Arguments { reached: arguments.s3.clone(), ..S3Arguments::default() };
    let refused = |failure: Failure| {
        context.output.failure(None, &failure);
        Outcome::BadUsage
    };
    if let Some(location) = s3_location(&arguments.stream, &s3).map_err(refused)? {
        credentials::ask_for_missing(context, std::iter::once(&location));
        let runtime = network(context).ok_or(Outcome::SomeFailed)?;
        let place = StreamPlace::Bucket { location: Box::new(location), runtime: runtime.handle().clone() };
        return Ok((place, Some(runtime)));
    }
    let place = local_or_web(&arguments.stream).ok_or_else(|| {
        let headline = format!("{} is neither a folder nor a playlist", arguments.stream.display());
        let hint = "Name the folder of a stream, an .m3u8 file, or a place that begins with https://, http:// or s3://";
        refused(bad_usage(headline, hint))
    })?;
    Ok((place, None))
}

/// What was typed: a URL by its scheme, else a folder or a file that is there.
fn local_or_web(stream: &Path) -> Option<StreamPlace> {
    if let Some(url) = stream.to_str().filter(|text| text.starts_with("https://") || text.starts_with("http://")) {
        return Some(StreamPlace::Url(url.to_owned()));
    }
    if stream.is_dir() {
        return Some(StreamPlace::Folder(stream.to_owned()));
    }
    let playlist = stream.file_name().and_then(|name| name.to_str()).filter(|_| stream.is_file())?.to_owned();
    let folder = stream.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(StreamPlace::Playlist { folder: folder.to_owned(), playlist })
}

fn tell(context: &Context, verdict: &Verdict, json: bool) {
    if json {
        context.output.pretty_json(verdict);
        return;
    }
    let shows_all = context.output.verbosity >= Verbosity::Verbose;
    let is_locked = !verdict.is_judged_whole();
    // What could not be judged for want of a key is not passed over.
    let shows_unjudged = shows_all || is_locked;
    let rows = verdict.rules.iter().filter(|rule| shows_unjudged || rule.result != Ruling::NotJudged);
    let width = verdict.rules.iter().map(|rule| rule.rule.name().len()).max().unwrap_or(0);
    context.output.data(&format!("{:width$}  {:6}  {:10}  detail", "rule", "level", "result"));
    for rule in rows {
        context.output.data(&row(rule, width));
        for finding in rule.findings.iter().skip(1).filter(|_| shows_all) {
            let indent = " ".repeat(width + 22);
            context.output.data(&format!("{indent}{}: {}", plain(&finding.place), plain(&finding.message)));
        }
    }
    let broken = |level| verdict.broken(level).count() as u64;
    let (must, should) = (broken(Level::Must), broken(Level::Should));
    let count = |number| crate::format::count(number, "rule", "rules");
    context.output.data(&format!("Judged from the playlist {}", plain(&verdict.playlist)));
    context.output.data(&match (must, should) {
        (0, _) if is_locked => {
            "Not judged whole: media is encrypted and can't be read (see key-available); --key names \
            the key or the folder with the keys"
                .to_owned()
        }
        (0, 0) => "Correct: every rule is kept".to_owned(),
        (0, should) => format!("Correct; {} of level SHOULD could be kept better", count(should)),
        (must, _) => {
            let names: Vec<&str> = verdict.broken(Level::Must).map(|rule| rule.rule.name()).collect();
            format!("Not correct: {} of level MUST broken: {}", count(must), names.join(", "))
        }
    });
}

fn row(rule: &Judgement, width: usize) -> String {
    let level = match rule.level {
        Level::Must => "MUST",
        Level::Should => "SHOULD",
    };
    let result = match rule.result {
        Ruling::Kept => "kept",
        Ruling::Broken => "BROKEN",
        Ruling::NotJudged => "not judged",
    };
    let line = format!("{:width$}  {level:6}  {result:10}  {}", rule.rule.name(), plain(&rule.detail()));
    line.trim_end().to_owned()
}

/// Text of a stranger's playlist without what would steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}
