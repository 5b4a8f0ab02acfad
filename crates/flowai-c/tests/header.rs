//! The header: made of the documentation of the functions, committed, compared, and accepted by compilers.
//!
//! `FLOWAI_UPDATE_HEADER=1 cargo test -p flowai-c --test header` writes it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::{fs, path::PathBuf};

/// In the order in which a reader of the header wants them.
const SOURCES: [&str; 33] = [
    "strings",
    "status",
    "error",
    "cancel",
    "config",
    "client",
    "client_options",
    "message",
    "options",
    "receipt",
    "ask",
    "document",
    "templates",
    "list",
    "string",
    "page",
    "history",
    "threads",
    "business_hours",
    "bot",
    "handover",
    "triggers",
    "broadcast",
    "request",
    "event",
    "event_fields",
    "event_lists",
    "verifier",
    "call",
    "queue",
    "completion",
    "log",
    "version",
];

/// What a library that was built without a feature does not have: the feature, what it is, and where it is.
const FEATURES: [(&str, &str, &[&str]); 2] = [
    ("UPLOAD", "Uploads of files", &["upload"]),
    (
        "DELIVERY",
        "Receiver, inbox and outbox",
        &[
            "delivery/receiver_config",
            "delivery/receiver",
            "delivery/inbox_options",
            "delivery/inbox",
            "delivery/inbox_delivery",
            "delivery/inbox_handle",
            "delivery/outbox_options",
            "delivery/outbox",
            "delivery/outbox_sends",
            "delivery/outbox_report",
            "delivery/watch",
        ],
    ),
];

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn header_path() -> PathBuf {
    here().join("../../include/flowai.h")
}

fn definitions() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    let (major, minor, patch) = (parts[0], parts[1], parts[2]);
    let number = major * 1_000_000 + minor * 1_000 + patch;
    format!(
        r#"
/** The version of this header; flowai_version() is that of the library that is running. */
#define FLOWAI_VERSION "{version}"

/** The version of this header as a number: major * 1000000 + minor * 1000 + patch. */
#define FLOWAI_VERSION_NUMBER {number}

/** The parts of the version of this header. */
#define FLOWAI_VERSION_MAJOR {major}
/** See FLOWAI_VERSION_MAJOR. */
#define FLOWAI_VERSION_MINOR {minor}
/** See FLOWAI_VERSION_MAJOR. */
#define FLOWAI_VERSION_PATCH {patch}

/** A number that is not there. */
#define FLOWAI_NONE INT64_MIN

/** A time limit of a wait that has none. */
#define FLOWAI_FOREVER UINT32_MAX

/** Marks functions whose result must not be ignored. Define it as nothing before including this header to silence it. */
#ifndef FLOWAI_NODISCARD
#if defined(__cplusplus) && __cplusplus >= 201703L
#define FLOWAI_NODISCARD [[nodiscard]]
#elif defined(__GNUC__)
#define FLOWAI_NODISCARD __attribute__((warn_unused_result))
#else
#define FLOWAI_NODISCARD
#endif
#endif

/** Marks functions that the service replaced by others. Define it as nothing to silence it. */
#ifndef FLOWAI_DEPRECATED
#if defined(__GNUC__)
#define FLOWAI_DEPRECATED __attribute__((deprecated))
#else
#define FLOWAI_DEPRECATED
#endif
#endif
"#
    )
}

fn generate(config: cbindgen::Config, sources: &[&str]) -> String {
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in sources {
        builder = builder.with_src(here().join(format!("src/{source}.rs")));
    }
    let mut bytes = Vec::new();
    builder
        .generate()
        .expect("cbindgen reads the sources")
        .write(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

fn generated() -> String {
    let config = || cbindgen::Config::from_file(here().join("cbindgen.toml")).unwrap();
    let mut whole = config();
    whole.header = Some(
        fs::read_to_string(here().join("header.txt"))
            .unwrap()
            .trim_end()
            .to_owned(),
    );
    whole.after_includes = Some(definitions());
    let header = generate(whole, &SOURCES);
    let end = header.rfind("#endif").unwrap();
    let (header, guard) = header.split_at(end);
    let mut header = header.to_owned();
    for (feature, what, sources) in FEATURES {
        let mut part = config();
        part.include_guard = None;
        part.sys_includes.clear();
        let part = generate(part, sources);
        let part = part.trim();
        header += &format!(
            "/* {what}. Define this where the library was built without. */\n\
             #ifndef FLOWAI_WITHOUT_{feature}\n\n{part}\n\n#endif  /* FLOWAI_WITHOUT_{feature} */\n\n"
        );
    }
    let header = header + guard;
    // The names that stand for pointers are printed like any other type, with a space after them.
    let pointers = ["const char *", "const void *", "const flowai_pair *"];
    pointers.iter().fold(header, |header, pointer| {
        header.replace(&format!("{pointer} "), pointer)
    })
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let generated = generated();
    if std::env::var_os("FLOWAI_UPDATE_HEADER").is_some() {
        fs::write(header_path(), generated).unwrap();
        return;
    }
    let committed = fs::read_to_string(header_path()).unwrap();
    assert!(
        committed == generated,
        "include/flowai.h is out of date; run FLOWAI_UPDATE_HEADER=1 cargo test -p flowai-c --test header"
    );
}
