//! A history is read one page ahead of whoever goes through it, and no further.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use flowai::{Client, Document, ErrorKind, HistoryEntry};

/// A service with a history of so many pages.
struct Service {
    url: String,
    seen: Arc<Seen>,
}

struct Seen {
    pages: usize,
    entry: String,
    /// The numbers of the pages that were asked for.
    asked: Mutex<Vec<usize>>,
    /// Pages that are not found the first time.
    missing: Mutex<Vec<usize>>,
}

const ENTRIES: usize = 4;

impl Service {
    fn start(pages: usize, size: usize) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/rest/v1/", listener.local_addr().unwrap());
        let seen = Arc::new(Seen {
            pages,
            entry: "x".repeat(size),
            asked: Mutex::default(),
            missing: Mutex::default(),
        });
        let told = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let told = Arc::clone(&told);
                thread::spawn(move || told.serve(stream.unwrap()));
            }
        });
        Service { url, seen }
    }

    fn client(&self) -> Client {
        Client::builder()
            .api_key("MY_MESSAGING_API_KEY")
            .base_url(&self.url)
            .build()
            .unwrap()
    }

    fn asked(&self) -> Vec<usize> {
        self.seen.asked.lock().unwrap().clone()
    }

    /// Waits for the service to be asked for so many pages.
    fn wait_for(&self, count: usize) {
        let end = Instant::now() + Duration::from_secs(20);
        while self.asked().len() < count {
            assert!(Instant::now() < end, "only {:?} were asked for", self.asked());
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Seen {
    fn serve(&self, mut stream: TcpStream) {
        let mut request = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            request.extend_from_slice(&piece[..count]);
            if !request.ends_with(b"\r\n\r\n") {
                continue;
            }
            let head = String::from_utf8(std::mem::take(&mut request)).unwrap();
            let (_, number) = head.split_once("page=").unwrap_or(("", "1"));
            let digits = number.split(|c: char| !c.is_ascii_digit()).next();
            let page = digits.unwrap().parse().unwrap();
            if stream.write_all(self.answer(page).as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, page: usize) -> String {
        self.asked.lock().unwrap().push(page);
        let mut missing = self.missing.lock().unwrap();
        let (status, body) = match missing.iter().position(|other| *other == page) {
            Some(at) => {
                missing.remove(at);
                ("404 Not Found", "{}".to_owned())
            }
            None => ("200 OK", self.body(page)),
        };
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")
    }

    fn body(&self, page: usize) -> String {
        let entry = |n| format!(r#"{{"fallback":"{page}-{n} {}"}}"#, self.entry);
        let entries: Vec<String> = (0..ENTRIES).map(entry).collect();
        let (pages, entries) = (self.pages, entries.join(","));
        format!(r#"{{"status":"ok","result":{{"history":[{entries}],"page":{page},"pages":{pages}}}}}"#)
    }
}

fn name(entry: &HistoryEntry) -> String {
    let fallback = entry.as_object()["fallback"].as_str().unwrap();
    fallback.split(' ').next().unwrap().to_owned()
}

fn names(pages: usize) -> Vec<String> {
    let of_page = |page| (0..ENTRIES).map(move |n| format!("{page}-{n}"));
    (1..=pages).flat_map(of_page).collect()
}

#[test]
fn the_next_page_is_asked_for_while_one_is_gone_through() {
    let service = Service::start(4, 0);
    let mut entries = service.client().iter_history("t", None);
    assert_eq!(service.asked(), [0; 0]);
    let mut found = Vec::new();
    for page in 1..=4 {
        // The first entry of a page. The others are not touched before the service was asked for the next page.
        found.push(name(&entries.next().unwrap().unwrap()));
        service.wait_for((page + 1).min(4));
        // One page ahead, and no further.
        thread::sleep(Duration::from_millis(30));
        assert_eq!(service.asked(), (1..=(page + 1).min(4)).collect::<Vec<_>>());
        found.extend((1..ENTRIES).map(|_| name(&entries.next().unwrap().unwrap())));
    }
    assert!(entries.next().is_none());
    assert_eq!(found, names(4));
    assert_eq!(service.asked(), [1, 2, 3, 4]);
}

#[test]
fn an_error_comes_in_its_turn_and_the_page_is_tried_again() {
    let service = Service::start(3, 0);
    service.seen.missing.lock().unwrap().push(2);
    let mut entries = service.client().iter_history("t", None);
    let mut found: Vec<String> = vec![name(&entries.next().unwrap().unwrap())];
    service.wait_for(2);
    found.extend((1..ENTRIES).map(|_| name(&entries.next().unwrap().unwrap())));
    let error = entries.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.operation(), Some("history"));
    found.extend(entries.map(|entry| name(&entry.unwrap())));
    assert_eq!(found, names(3));
    assert_eq!(service.asked(), [1, 2, 2, 3]);
}

#[test]
fn nothing_is_asked_for_beyond_the_limit() {
    let service = Service::start(9, 0);
    let entries = service.client().iter_history("t", Some(2 * ENTRIES));
    assert_eq!(entries.count(), 2 * ENTRIES);
    assert_eq!(service.asked(), [1, 2]);
}

#[test]
fn a_wait_that_is_given_up_loses_nothing() {
    let service = Service::start(2, 0);
    let mut entries = service.client().iter_history("t", None);
    let mut found: Vec<String> = entries
        .by_ref()
        .take(ENTRIES)
        .map(|e| name(&e.unwrap()))
        .collect();
    let given_up = entries.next_item(|call| {
        drop(call);
        Err(flowai::Error::argument("mood", "has changed"))
    });
    assert_eq!(given_up.unwrap_err().kind(), ErrorKind::InvalidArgument);
    found.extend(entries.map(|entry| name(&entry.unwrap())));
    assert_eq!(found, names(2));
}

/// The resident memory of this process, in bytes.
#[cfg(target_os = "linux")]
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kilobytes: usize = line.trim_end_matches("kB").trim().parse().unwrap();
    kilobytes * 1024
}

/// `FLOWAI_PAGES` says how long the history is; `make soak` takes 10,000 pages.
#[cfg(target_os = "linux")]
#[test]
fn a_long_history_needs_no_more_memory_than_a_short_one() {
    const SIZE: usize = 16 * 1024;
    let pages = std::env::var("FLOWAI_PAGES").map_or(400, |pages| pages.parse().unwrap());
    let service = Service::start(pages, SIZE);
    let mut entries = service.client().iter_history("t", None);
    let warm = 40 * ENTRIES;
    assert_eq!(entries.by_ref().take(warm).filter(Result::is_ok).count(), warm);
    let before = memory();
    assert_eq!(entries.filter(Result::is_ok).count(), pages * ENTRIES - warm);
    let grown = memory().saturating_sub(before);
    assert!(grown < 6 << 20, "memory grew by {grown} bytes over {pages} pages");
    assert_eq!(service.asked(), (1..=pages).collect::<Vec<_>>());
}
