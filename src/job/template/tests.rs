use proptest::prelude::*;

use super::*;

const JOB: JobValues<'static> = JobValues {
    id: "019aa000-0000-7000-8000-000000000001",
    name: "film",
    preset: "web-hls",
    made_at: Timestamp::UNIX_EPOCH,
    user: Some("anna"),
};
const RUNG: RenditionValues<'static> =
    RenditionValues { rung: "720p", codec: "h264", size: Some(PictureSize { width: 1280, height: 720 }) };

fn template(text: &str) -> FolderTemplate {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_placeholder_has_its_value() {
    let read = template("{user}/{date:%Y/%m}/{name}_{preset}-{id}/x-{codec}/{rung}_{width}x{height}");
    let folder = "anna/1970/01/film_web-hls-019aa000-0000-7000-8000-000000000001";
    assert_eq!(read.stream_folder(&JOB).unwrap(), folder);
    assert_eq!(read.rendition_folder(&JOB, &RUNG).unwrap().unwrap(), "x-h264/720p_1280x720");
    assert_eq!(template("{name}/{date}").stream_folder(&JOB).unwrap(), "film/1970-01-01");
    assert!(read.tells_the_job() && !template("{name}").tells_the_job());
}

#[test]
fn what_has_no_picture_lies_under_its_own_name_where_the_template_needs_a_size() {
    let sound = RenditionValues { rung: "audio-de", codec: "aac", size: None };
    let of = |text: &str| template(text).rendition_folder(&JOB, &sound).unwrap();
    assert_eq!(of("{id}/{width}x{height}/{rung}").as_deref(), Some("audio-de"));
    assert_eq!(of("{id}/{codec}/{rung}").as_deref(), Some("aac/audio-de"));
    assert_eq!(of("videos/{id}/hls"), None);
    let odd = RenditionValues { rung: "a b/ü..", ..sound };
    let folder =
        template("{id}/{user}-{rung}").rendition_folder(&JobValues { user: Some("é é"), ..JOB }, &odd).unwrap();
    assert_eq!(folder.as_deref(), Some("___-a_b__"));
}

#[test]
fn what_can_not_be_used_is_refused_with_its_name_and_what_to_do() {
    for (text, says) in [
        ("videos/{nmae}", "{nmae}"),
        ("{id}/{date:%!}", "{date:%!}"),
        ("{id}/{date:%Y//%m}", "{date:}"),
        ("{id}/{date:%c}", "no name of a folder"),
        ("videos/{id", "brace"),
        ("videos/id}", "brace"),
        ("../{id}", "“..”"),
        ("{id}/../x", "“..”"),
        ("{id}/./x", "“.”"),
        ("/srv/{id}", "absolute"),
        ("C:/{id}", "“:”"),
        ("videos//{id}", "empty part"),
        ("{id}/", "empty part"),
        ("", "absolute path"),
        ("videos\\{id}", "“\\”"),
        ("{id}/a\nb", "control character"),
        ("{id}/.git", "begins with a point"),
        ("..{name}", "begins with a point"),
        ("{name}.", "ends with a point"),
        ("{id}/{rung}/playlist.m3u8", "names a playlist"),
        ("videos/hls", "neither {id} nor {name}"),
        ("{date:%Y}/{user}/{preset}", "neither {id} nor {name}"),
        ("{rung}/{id}", "only after a placeholder of renditions"),
        ("{id}/{height}p", "without {rung}"),
        ("{id}/{codec} ü/{rung}", "“ ” in the folder of a rendition"),
    ] {
        let error = text.parse::<FolderTemplate>().expect_err(text);
        assert!(text.is_empty() || error.to_string().contains(says), "{text}: {error}");
        assert!(!error.hint().is_empty() && !error.to_string().contains('\n'), "{text}: {error}");
    }
}

#[test]
fn names_are_made_safe_and_lengths_are_held() {
    assert_eq!(safe_name("a/b.."), "a_b");
    assert_eq!(safe_name("../../etc"), "_.._etc");
    assert_eq!(safe_name("🎬 fête"), "🎬 fête");
    assert_eq!(safe_name("CON"), "_CON");
    assert_eq!(safe_name("nul.x"), "_nul.x");
    assert!(safe_name(&"ü".repeat(127)).len() <= 120);
    let long = JobValues { name: &"x".repeat(255), ..JOB };
    assert!(template("{name}{name}").stream_folder(&long).is_ok());
    assert!(template("{name}{name}{name}").stream_folder(&long).unwrap_err().to_string().contains("255 bytes"));
    let error = template("{user}/{id}").stream_folder(&JobValues { user: None, ..JOB }).unwrap_err();
    assert!(error.to_string().contains("{user}"), "{error}");
}

#[test]
fn a_template_is_saved_as_its_text_and_a_bad_one_is_not_read() {
    let json = serde_json::to_string(&template("videos/{id}/hls")).unwrap();
    assert_eq!(json, "\"videos/{id}/hls\"");
    assert_eq!(serde_json::from_str::<FolderTemplate>(&json).unwrap(), template("videos/{id}/hls"));
    assert!(serde_json::from_str::<FolderTemplate>("\"../{id}\"").is_err());
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{id}".to_owned()),
        Just("{name}".to_owned()),
        Just("{preset}".to_owned()),
        Just("{user}".to_owned()),
        Just("{rung}".to_owned()),
        Just("{height}".to_owned()),
        Just("{codec}".to_owned()),
        Just("{date:%Y/%m}".to_owned()),
        Just("{date:%H:%M}".to_owned()),
        Just("/".to_owned()),
        Just("..".to_owned()),
        "[a-z.\\\\~ \u{1f3ac}\u{7}-]{1,4}",
    ];
    prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

/// Names that try to be something else.
fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("..".to_owned()),
        Just("/etc/passwd".to_owned()),
        Just("a/b..".to_owned()),
        "\\PC{0,300}",
        ".{0,40}"
    ]
}

fn is_inside(path: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && !name.ends_with('.')
            && name.len() <= 255
            && !name.chars().any(is_unsafe)
    };
    path.split('/').all(is_name)
}

proptest! {
    #[test]
    fn no_template_and_no_name_ever_leaves_the_folder(
        text in pieces(), name in values(), user in values(), rung in values(),
    ) {
        let Ok(template) = text.parse::<FolderTemplate>() else { return Ok(()) };
        let job = JobValues { name: &name, user: Some(&user), preset: &user, ..JOB };
        if let Ok(folder) = template.stream_folder(&job) {
            prop_assert!(is_inside(&folder), "{text} gives {folder:?}");
        }
        if let Ok(Some(folder)) = template.rendition_folder(&job, &RenditionValues { rung: &rung, ..RUNG }) {
            prop_assert!(is_inside(&folder), "{text} gives {folder:?}");
        }
    }

    #[test]
    fn two_jobs_meet_only_where_neither_id_nor_name_tells_them_apart(
        text in pieces(), names in (values(), values()), user in values(),
    ) {
        let Ok(template) = text.parse::<FolderTemplate>() else { return Ok(()) };
        let first = JobValues { name: &names.0, user: Some(&user), ..JOB };
        let second = JobValues { name: &names.1, id: "019aa000-0000-7000-8000-000000000002", ..first };
        let (Ok(one), Ok(other)) = (template.stream_folder(&first), template.stream_folder(&second)) else {
            return Ok(());
        };
        // Two names can give one folder as in {name}x{name}; then the second job is refused when it is added.
        let meets = one == other;
        prop_assert!(!meets || !template.tells_the_job(), "{text} gives {one:?} twice");
        let is_in = |inner: &str, outer: &str| inner.starts_with(&format!("{outer}/"));
        prop_assert!(!is_in(&one, &other) && !is_in(&other, &one), "{one:?} and {other:?} are nested");
    }

    #[test]
    fn renditions_of_different_names_have_folders_of_their_own(text in pieces(), rungs in ("[a-z0-9-]{1,9}", "[a-z0-9-]{1,9}")) {
        let Ok(template) = text.parse::<FolderTemplate>() else { return Ok(()) };
        let folder = |rung: &str| template.rendition_folder(&JOB, &RenditionValues { rung, ..RUNG }).ok().flatten();
        let (one, other) = (folder(&rungs.0), folder(&rungs.1));
        let differ = safe_name(&rungs.0) != safe_name(&rungs.1);
        prop_assert!(!differ || one.is_none() || one != other, "{text}: {one:?}");
    }
}
