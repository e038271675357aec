//! The bucket that streams go to: a part of the settings.

use eframe::egui::{self, Label, RichText, Ui};

use super::{
    fields::Fields,
    keys::KeysForm,
    paragraph,
    s3_form::{PathStyle, S3Form, S3Part, labels},
};
use crate::{
    engine::{Command, DestinationTest, Snapshot},
    gui::{
        action::Action,
        theme::{self, icon},
        widgets::{Button, check_box, field_label, menu_choice, segmented, text, text_field},
    },
    job::s3::Store,
    pipeline::publish::{CONNECTION_WORKS, policy::iam_policy},
};

const SEVERAL_VALUES: &str = "Several have semicolons between them; media:, playlists:, captions:, images: or others: \
                              before a value is for these files alone";

/// Shows the part; what was pressed to set keys opens `keys`.
pub fn s3_ui(
    ui: &mut Ui,
    snapshot: &Snapshot,
    (form, keys): (&mut S3Form, &mut Option<KeysForm>),
    (fields, actions): (&Fields, &mut Vec<Action>),
) {
    check_box(ui, &mut form.publishes, "Send new files to this bucket");
    segmented(ui, &mut form.part, &S3Part::ALL, |part| part.label().to_owned());
    ui.add_space(theme::SPACE[1]);
    match form.part {
        S3Part::Bucket => {
            place(ui, form, fields);
            access(ui, (form, keys), (fields, actions));
            test(ui, snapshot, form, actions);
        }
        S3Part::Viewers => viewers(ui, form, fields),
        S3Part::Files => files(ui, form, fields),
    }
}

/// Where the bucket is.
fn place(ui: &mut Ui, form: &mut S3Form, fields: &Fields) {
    ui.columns(2, |columns| {
        fields.text(&mut columns[0], labels::BUCKET, &mut form.bucket, "Such as media-prod");
        text_field(&mut columns[1], "Prefix", &mut form.prefix, "None, or such as films");
    });
    ui.columns(2, |columns| {
        field_label(&mut columns[0], "Store");
        columns[0].add_space(-theme::SPACE[0]);
        store_picker(&mut columns[0], form);
        fields.text(&mut columns[1], labels::ENDPOINT, &mut form.endpoint, "Only for stores other than Amazon S3");
    });
    ui.columns(2, |columns| {
        text_field(&mut columns[0], "Region", &mut form.region, "From the AWS settings");
        field_label(&mut columns[1], "Bucket in the URL");
        columns[1].add_space(-theme::SPACE[0]);
        segmented(&mut columns[1], &mut form.path_style, &PathStyle::ALL, |style| style.label().to_owned());
    });
}

/// With what keys it is written.
fn access(
    ui: &mut Ui,
    (form, keys): (&mut S3Form, &mut Option<KeysForm>),
    (fields, actions): (&Fields, &mut Vec<Action>),
) {
    ui.columns(2, |columns| {
        text_field(&mut columns[0], "Profile", &mut form.profile, "The default profile");
        fields.text(&mut columns[1], labels::CREDENTIALS, &mut form.credentials, "Their name, such as films");
    });
    let name = form.credentials.trim().to_owned();
    ui.horizontal(|ui| {
        if Button::new("Set keys…").icon(icon::ADD).show(ui).clicked() {
            *keys = Some(KeysForm::new(&name));
        }
        let removes = Button::new("Remove keys").enabled(!name.is_empty()).show(ui);
        if removes.on_hover_text("Takes the keys of this name out of the keychain").clicked() && !name.is_empty() {
            actions.push(Action::RemoveKeys(name));
        }
    });
    paragraph(
        ui,
        "Without a name, keys come from the environment, ~/.aws or the machine’s role. Reelpress keeps them in the \
         keychain alone; without one it asks for them at each start.",
    );
}

/// How viewers reach what is there.
fn viewers(ui: &mut Ui, form: &mut S3Form, fields: &Fields) {
    ui.columns(2, |columns| {
        fields.text(&mut columns[0], labels::PUBLIC_URL, &mut form.public_url, "Where viewers read the bucket");
        let distribution = fields.text(&mut columns[1], labels::CLOUDFRONT, &mut form.cloudfront, "Such as E2EXAMPLE1");
        distribution.on_hover_text(
            "The distribution at the public URL forgets what was replaced, and fetches playlists and first segments \
             before the first viewer comes",
        );
    });
    ui.columns(2, |columns| {
        let presign = fields.text(&mut columns[0], labels::PRESIGN, &mut form.presign, "Not presigned, or such as 12h");
        presign.on_hover_text(
            "The results have addresses that hold so long, at most 7 days: anyone who has one can watch from a private \
             bucket. DASH can’t be presigned",
        );
        ui_of_old_files(&mut columns[1], form, fields);
    });
    ui.columns(2, |columns| {
        check_box(&mut columns[0], &mut form.checks_in_public, "Look at streams as players would");
        check_box(&mut columns[1], &mut form.replaces, "Replace streams of the same name");
    });
    paragraph(ui, "Without any of these, viewers read the stream at the store’s own address, as the bucket allows.");
}

fn ui_of_old_files(ui: &mut Ui, form: &mut S3Form, fields: &Fields) {
    ui.add_enabled_ui(form.replaces, |ui| {
        let stays = fields.text(ui, labels::REPLACE_AFTER, &mut form.replace_after, "1h when empty");
        stays.on_hover_text("How long the files of a replaced stream stay for those who are playing it");
    });
}

/// What the files are given, and where else they go.
fn files(ui: &mut Ui, form: &mut S3Form, fields: &Fields) {
    let also_to = fields.text(ui, labels::ALSO_TO, &mut form.also_to, "Such as s3://backup/films?profile=backup");
    also_to.on_hover_text(
        "Further buckets for each stream, with spaces between them, reached and written as the first; one with options \
         of its own has them behind a question mark, named as the S3 flags of the terminal",
    );
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        let example = "Such as max-age=60; playlists:no-cache";
        let caching = fields.text(left, labels::CACHE_CONTROL, &mut form.cache_control, example);
        caching.on_hover_text(SEVERAL_VALUES);
        let class = fields.text(right, labels::STORAGE_CLASS, &mut form.storage_class, "Such as media:STANDARD_IA");
        class.on_hover_text(SEVERAL_VALUES);
    });
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        let tags = fields.text(left, labels::TAGS, &mut form.tags, "Such as project=films; media:tier=cold");
        tags.on_hover_text(SEVERAL_VALUES);
        fields.text(right, labels::ENCRYPTION, &mut form.encryption, "As the bucket says, or s3, kms, kms:KEY");
    });
    ui.columns(2, |columns| {
        fields.text(&mut columns[0], labels::ACL, &mut form.acl, "None, or such as public-read");
        fields.text(&mut columns[1], labels::UPLOAD_LIMIT, &mut form.upload_limit, "None, or such as 20M a second");
    });
    let drops = check_box(ui, &mut form.drops_published, "Drop segments here once they are published");
    drops.on_hover_text(
        "Streams do not stay in the output folder: each segment gives its room on the disk back as soon as all buckets \
         have it, so that a film may be larger than the disk",
    );
    paragraph(ui, "What is empty is as the bucket and its store have it.");
}

fn test(ui: &mut Ui, snapshot: &Snapshot, form: &mut S3Form, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        let places = form.all_places();
        let is_running = is_tested(form) && snapshot.destination_test == DestinationTest::Running;
        let button = Button::new("Test connection").enabled(places.is_some() && !is_running);
        if button.show(ui).clicked()
            && let Some(places) = places
        {
            form.tested.clone_from(&places);
            actions.push(Action::Send(Command::TestDestination { places }));
        }
        let location = form.location().ok();
        let copy = Button::new("Copy policy").enabled(location.is_some()).show(ui);
        if copy.on_hover_text("A policy of IAM that allows all that publishing to this place needs").clicked()
            && let Some(location) = location
        {
            actions.push(Action::Copy { text: iam_policy(&location), what: "Policy" });
        }
    });
    if is_tested(form) {
        let result = ui.scope(|ui| test_result(ui, &snapshot.destination_test)).response;
        result.scroll_to_me(Some(egui::Align::BOTTOM));
    }
}

/// Whether what was tested is what the fields say now.
fn is_tested(form: &S3Form) -> bool {
    !form.tested.is_empty() && form.all_places().as_ref() == Some(&form.tested)
}

fn store_picker(ui: &mut Ui, form: &mut S3Form) {
    let name = |store: Option<Store>| store.map_or("Amazon S3 or by endpoint", Store::label);
    let room = ui.available_width();
    let response = Button::new(name(form.store)).picker("Store").shows_prefix(false).fill(room).show(ui);
    egui::Popup::menu(&response).gap(theme::SPACE[0]).accessible_name("Store").show(|ui| {
        ui.set_width(room);
        ui.spacing_mut().item_spacing.y = 0.0;
        for store in Store::ALL.into_iter().map(Some).chain([None]) {
            if menu_choice(ui, form.store == store, name(store), "").clicked() {
                form.choose_store(store);
                ui.close();
            }
        }
    });
}

fn test_result(ui: &mut Ui, test: &DestinationTest) {
    let palette = theme::palette(ui);
    let (glyph, colour, words, hint) = match test {
        DestinationTest::NotRun => return,
        DestinationTest::Running => (icon::STATE_WAITING, palette.weak, "Listing, writing, reading and deleting", ""),
        DestinationTest::Passed => (icon::STATE_DONE, palette.good, CONNECTION_WORKS, ""),
        DestinationTest::Failed { failure } => {
            (icon::STATE_FAILED, palette.bad, failure.headline.as_str(), failure.hint.as_str())
        }
    };
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(theme::ICON_SIZE), egui::Sense::hover());
        text::paint_icon(ui.painter(), rect.center(), glyph, theme::ICON_SIZE, colour);
        ui.vertical(|ui| {
            ui.add(Label::new(RichText::new(words).color(colour)).wrap());
            if !hint.is_empty() {
                ui.add(Label::new(hint).wrap());
            }
        });
    });
}
