//! What docs/receiving.md shows for running a receiver is what there is in `examples`, and works.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::fs;

use support::{
    Folder, Running, command, example, flowai,
    listening::{SECRET, get, until},
    sandbox,
};

#[test]
fn the_page_shows_the_examples() {
    let page = fs::read_to_string(example("../docs/receiving.md")).unwrap();
    for (language, name) in [
        ("nginx", "nginx/flowai.conf"),
        ("ini", "systemd/flowai-listen.service"),
    ] {
        let block = format!(
            "```{language}\n{}```\n",
            fs::read_to_string(example(name)).unwrap()
        );
        assert!(
            page.contains(&block),
            "docs/receiving.md does not show examples/{name}"
        );
    }
}

/// The words of ExecStart, continued lines joined.
fn exec_start() -> Vec<String> {
    let unit = fs::read_to_string(example("systemd/flowai-listen.service")).unwrap();
    let unit = unit.replace("\\\n", " ");
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .unwrap();
    start.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_command_of_the_unit_receives() {
    let folder = Folder::new();
    folder.file("webhook-secret", format!("{SECRET}\n"));
    let root = folder.0.to_str().unwrap();
    fs::create_dir(folder.0.join("flowai")).unwrap();
    let handler = format!("cat > {root}/handled");
    let words: Vec<String> = exec_start()
        .into_iter()
        .skip(1)
        .map(|word| match word.as_str() {
            "127.0.0.1:9000" => "127.0.0.1:0".to_owned(),
            "/usr/local/bin/handle-event" => handler.clone(),
            _ => word.replace("%d", root).replace("%S", root),
        })
        .collect();
    let mut running = Running::start(&mut command(&words));
    let line = running.error_line();
    let url = line.strip_prefix("flowai: listening on ").unwrap();
    assert!(url.ends_with("/webhook"), "{url}");
    let base = url.strip_suffix("/webhook").unwrap();
    assert_eq!(get(base, "/health").0, 200);
    let sandbox = sandbox();
    sandbox.set_webhook(url, Some(SECRET)).unwrap();
    sandbox.push(serde_json::json!({"type": "message.reply", "threadId": "t"}));
    until("the event is handled", || {
        let handled = fs::read_to_string(folder.0.join("handled"));
        handled.is_ok_and(|event| event.contains("message.reply"))
    });
    running.interrupt();
    running.end().done();
    let file = folder.0.join("flowai/inbox.db");
    let listed = flowai(&["inbox", "list", file.to_str().unwrap()]).done();
    assert!(listed.stdout.contains("  handled  "), "{}", listed.stdout);
}

/// Where systemd is installed.
#[test]
fn systemd_understands_the_unit() {
    let folder = Folder::new();
    let unit = fs::read_to_string(example("systemd/flowai-listen.service")).unwrap();
    // Programs that exist on this machine.
    let unit = unit.replace("/usr/local/bin/flowai", "/bin/sh");
    let path = folder.file("flowai-listen.service", unit);
    let Ok(checked) = std::process::Command::new("systemd-analyze")
        .args(["verify", &path])
        .output()
    else {
        eprintln!("skipped: there is no systemd-analyze");
        return;
    };
    let told = String::from_utf8_lossy(&checked.stderr);
    assert!(!told.contains("flowai-listen.service:"), "{told}");
}
