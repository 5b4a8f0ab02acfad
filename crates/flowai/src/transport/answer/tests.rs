//! Answers in pieces of every size.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;

/// What is made of bytes that come in pieces, and of the end of the connection. The last number is what is left over.
fn read(pieces: &[&[u8]], head_only: bool) -> Result<(Response, bool, usize)> {
    let mut answer = Answer::new(head_only);
    let mut input = Input::new();
    let mut unread: usize = pieces.iter().map(|piece| piece.len()).sum();
    for piece in pieces {
        let mut piece = *piece;
        while !piece.is_empty() {
            let mut room = input.room();
            let count = room.remaining().min(piece.len());
            room.put_slice(&piece[..count]);
            input.filled(count);
            piece = &piece[count..];
            unread -= count;
            if answer.read(&mut input)? {
                let keeps = answer.keeps_connection();
                return Ok((answer.into_response()?, keeps, input.bytes().len() + unread));
            }
        }
    }
    answer.end(&input)?;
    let keeps = answer.keeps_connection();
    Ok((answer.into_response()?, keeps, 0))
}

fn whole(text: &str) -> (u16, String, bool) {
    let (response, keeps, left) = read(&[text.as_bytes()], false).unwrap();
    assert_eq!(left, 0, "{text}");
    (
        response.status.as_u16(),
        String::from_utf8(response.body.to_vec()).unwrap(),
        keeps,
    )
}

fn kind(text: &str) -> ErrorKind {
    match read(&[text.as_bytes()], false) {
        Err(error) => error.kind(),
        Ok((response, ..)) => panic!("{text} was read as {response:?}"),
    }
}

#[test]
fn bodies_end_where_the_head_says() {
    let body = |text| whole(text);
    assert_eq!(
        body("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        (200, "ok".into(), true)
    );
    assert_eq!(
        body("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok"),
        (200, "ok".into(), true)
    );
    assert_eq!(
        body("HTTP/1.1 200\r\n\r\nuntil the end"),
        (200, "until the end".into(), false)
    );
    assert_eq!(
        body("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        (200, "ok".into(), false)
    );
    assert_eq!(
        body("HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nok"),
        (200, "ok".into(), true)
    );
    assert_eq!(
        body(
            "HTTP/1.1 200 OK\r\nconnection: x, Close\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok"
        ),
        (200, "ok".into(), false)
    );
    assert_eq!(
        body("HTTP/1.1 204 No Content\r\ncontent-length: 9\r\n\r\n"),
        (204, String::new(), true)
    );
    assert_eq!(
        body("HTTP/1.1 304 Not Modified\r\n\r\n"),
        (304, String::new(), true)
    );
    assert_eq!(
        body("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        (101, String::new(), false)
    );
    assert_eq!(
        body(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\ncontent-length: 99\r\n\r\n2;x=y\r\nok\r\n00\r\na: b\r\n\r\n"
        ),
        (200, "ok".into(), true)
    );
    assert_eq!(
        body("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nbytes"),
        (200, "bytes".into(), false)
    );
    assert_eq!(
        body(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        ),
        (200, "ok".into(), true)
    );
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
    let (response, keeps, left) = read(&[head], true).unwrap();
    assert_eq!((response.body.len(), keeps, left), (0, true, 0));
}

#[test]
fn what_comes_beyond_an_answer_is_left() {
    let twice = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n";
    assert_eq!(read(&[twice], false).unwrap().2, 17);
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nx";
    assert_eq!(read(&[chunked], false).unwrap().2, 1);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let long = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "x".repeat(MAX_HEAD));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
    let chunked = |chunks: &str| format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
    let extension = chunked(&format!("2;{}", "x".repeat(16 * 1024)));
    let trailer = chunked(&format!("0\r\n{}", "x".repeat(16 * 1024)));
    for text in [
        "220 smtp\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 16777217\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        &long,
        &many,
        &chunked("g\r\n"),
        &chunked("\r\n"),
        &chunked("2 3\r\n"),
        &chunked("2\nok"),
        &chunked("2;x\ny\r\nok\r\n"),
        &chunked("2\r\nok0\r\n"),
        &chunked("10000000000000000\r\n"),
        &extension,
        &trailer,
    ] {
        assert_eq!(kind(text), ErrorKind::Response, "{text:.80}");
    }
}

#[test]
fn what_is_cut_off_is_not_complete() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        assert_eq!(kind(text), ErrorKind::Connection, "{text}");
    }
}

#[test]
fn of_an_error_the_start_is_enough() {
    let mut answer = Answer::new(false);
    let mut input = Input::new();
    let start = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 99\r\n\r\nthe start";
    input.room().put_slice(start);
    input.filled(start.len());
    assert!(!answer.read(&mut input).unwrap());
    assert!(answer.end(&input).is_err());
    let part = answer.into_part().unwrap();
    assert_eq!(
        (part.body.as_ref(), part.complete),
        (b"the start".as_ref(), false)
    );
}

#[test]
fn headers_are_found_whatever_their_case() {
    let text = b"HTTP/1.1 200 OK\r\nX-Request-ID: 7\r\nx-request-id: 8\r\nstrange: \xff\r\ncontent-length: 0\r\n\r\n";
    let (response, ..) = read(&[text], false).unwrap();
    assert_eq!(response.request_id(), Some("7"));
    assert_eq!(response.headers.text("strange"), None);
    assert_eq!(
        response.header_pairs()[0],
        ("x-request-id".to_owned(), "7".to_owned())
    );
    assert_eq!(response.header_pairs()[2].1, "\u{fffd}");
}

fn shown(result: Result<(Response, bool, usize)>) -> String {
    match result {
        Ok((response, keeps, left)) => format!("{response:?} {keeps} {left}"),
        Err(error) => format!("{:?} {}", error.kind(), error.message()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_pieces_do_not_matter(
        parts in prop::collection::vec(prop::sample::select(vec![
            "HTTP/1.1 200 OK\r\n", "HTTP/1.1 503 Busy\r\n", "HTTP/1.0 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 204 \n", "content-length: 5\r\n", "content-length: 70000\r\n", "Transfer-Encoding: chunked\r\n",
            "connection: close\r\n", "a: b\r\n", "\r\n", "\n", "\r", "hello", "5\r\nhello\r\n", "0\r\n", "0\r\n\r\n", "3;x\r\nabc",
            "ffffffffffffffff\r\n", " ", ";", "\0", "é",
        ]), 0..12),
        first in prop::sample::select(vec!["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]),
        sizes in prop::collection::vec(1..40_usize, 1..30),
    ) {
        let text = first.to_owned() + &parts.concat();
        let bytes = text.as_bytes();
        let mut pieces = Vec::new();
        let mut rest = bytes;
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(shown(read(&[bytes], false)), shown(read(&pieces, false)));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), head in any::<bool>()) {
        let _ = read(&[&bytes], false);
        let start = if head { "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" } else { "HTTP/1.1 200 OK\r\n" };
        let text = [start.as_bytes(), &bytes].concat();
        let _ = read(&[&text], false);
    }
}
