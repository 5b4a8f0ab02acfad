//! Files that wait to be uploaded.

use std::{fs, time::Duration};

use flowai::{ErrorKind, Upload};
use flowai_delivery::{KeepFile, Outbox, OutboxFilter, Outcome};
use flowai_sandbox::Sandbox;

use crate::support::*;

fn uploaded(sandbox: &Sandbox) -> Vec<Vec<u8>> {
    let requests = sandbox.requests().into_iter();
    requests.map(|request| request.body.to_vec()).collect()
}

fn contains(body: &[u8], part: &str) -> bool {
    body.windows(part.len()).any(|window| window == part.as_bytes())
}

fn nowhere() -> flowai::Client {
    client(&format!("http://127.0.0.1:{}/", free_port()), "k")
}

#[test]
fn a_copy_is_uploaded_whatever_becomes_of_the_file() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let path = directory.path().join("photo.png");
    fs::write(&path, "the photo").unwrap();
    let outbox = open(&directory, nowhere());
    let upload = Upload::from_path(&path)
        .unwrap()
        .message(|message| message.lang("nl"));
    let receipt = outbox.upload_media("t", upload, KeepFile::Copy).wait().unwrap();
    let bytes = Upload::from_bytes("from memory", "a.txt").unwrap();
    outbox
        .upload_media("t", bytes, KeepFile::Reference)
        .wait()
        .unwrap();
    fs::remove_file(&path).unwrap();
    let waiting = outbox.list(&OutboxFilter::default()).unwrap();
    assert_eq!(waiting[0].filename.as_deref(), Some("photo.png"));
    assert!(waiting[0].size > 9);
    assert_eq!(directory.beside(".files").len(), 2);
    outbox.close().unwrap();

    let outbox = open(&directory, client_of(&sandbox));
    let told = reports(&outbox, 2);
    assert_eq!(outcomes(&told), [Outcome::Sent; 2]);
    assert_eq!(told[0].trace_id, receipt.trace_id);
    let bodies = uploaded(&sandbox);
    for part in [
        "the photo",
        "photo.png",
        "image/png",
        r#""mediaType":"image""#,
        r#""lang":"nl""#,
    ] {
        assert!(contains(&bodies[0], part), "{part}");
    }
    assert!(contains(&bodies[0], &receipt.trace_id.unwrap().to_string()));
    assert!(contains(&bodies[1], "from memory") && contains(&bodies[1], "text/plain"));
    eventually(|| directory.beside(".files").is_empty());
}

#[test]
fn a_reference_is_uploaded_as_long_as_the_file_is_the_same() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let outbox = open(&directory, nowhere());
    let paths =
        ["same.txt", "gone.txt", "changed.txt", "touched.txt"].map(|name| directory.path().join(name));
    for path in &paths {
        fs::write(path, "content").unwrap();
        let upload = Upload::from_path(path).unwrap();
        outbox
            .upload_media("t", upload, KeepFile::Reference)
            .wait()
            .unwrap();
    }
    assert_eq!(directory.beside(".files").len(), 0);
    outbox.close().unwrap();
    fs::remove_file(&paths[1]).unwrap();
    fs::write(&paths[2], "longer content").unwrap();
    let touched = fs::File::options().write(true).open(&paths[3]).unwrap();
    touched
        .set_modified(std::time::UNIX_EPOCH + Duration::from_secs(5))
        .unwrap();

    let outbox = open(&directory, client_of(&sandbox));
    let told = reports(&outbox, 4);
    assert_eq!(
        outcomes(&told),
        [Outcome::Sent, Outcome::Failed, Outcome::Failed, Outcome::Failed]
    );
    for (report, word) in told[1..].iter().zip(["gone.txt", "has changed", "has changed"]) {
        assert!(report.error.as_deref().unwrap().contains(word), "{report:?}");
    }
    assert_eq!(uploaded(&sandbox).len(), 1);
    assert!(paths[0].exists());
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let directory = Directory::new();
    let mut options = quick();
    options.max_messages = 1;
    let outbox = Outbox::open_with(directory.file(), nowhere(), options).unwrap();
    let (pieces, _feeder) = Upload::from_chunks(None, "a").unwrap();
    let error = outbox
        .upload_media("t", pieces, KeepFile::Copy)
        .wait()
        .unwrap_err();
    assert_eq!(error.argument_name(), Some("file"));
    outbox.send_text("t", "x").wait().unwrap();
    let bytes = Upload::from_bytes("1", "a").unwrap();
    let error = outbox
        .upload_media("t", bytes, KeepFile::Copy)
        .wait()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QueueFull);
    assert_eq!(directory.beside(".files").len(), 0);
}

#[test]
fn orphans_are_removed_and_what_is_needed_is_not() {
    let directory = Directory::new();
    let outbox = open(&directory, nowhere());
    let bytes = || Upload::from_bytes("1", "a").unwrap();
    outbox.upload_media("t", bytes(), KeepFile::Copy).wait().unwrap();
    let discarded = outbox.upload_media("u", bytes(), KeepFile::Copy).wait().unwrap();
    eventually(|| outbox.discard(discarded.id).is_ok_and(|done| done));
    assert_eq!(directory.beside(".files").len(), 1);
    outbox.close().unwrap();
    // What a crash leaves behind between the copy and its message.
    fs::write(
        directory.path().join("outbox.db.files/0123456789abcdef"),
        "orphan",
    )
    .unwrap();
    fs::write(
        directory.path().join("outbox.db.spool/1-1-1-1.unfinished"),
        "half",
    )
    .unwrap();
    let outbox = open(&directory, nowhere());
    assert_eq!(directory.beside(".files").len(), 1);
    assert_eq!(directory.beside(".spool").len(), 0);
    assert_eq!(outbox.stats().unwrap().waiting, 1);
}
