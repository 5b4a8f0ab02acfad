//! Strict JSON in one pass: the grammar is checked and the places of all values are noted; nothing is decoded until it is asked for.
//!
//! The nodes lie in document order. Those of an object alternate key and value, and every node knows the one after
//! its last descendant, so that a value is skipped in one step. Stricter than RFC 8259: a lone surrogate, a depth over
//! [`MAX_DEPTH`] and a length over [`MAX_SIZE`] are refused.

/// How deep objects and arrays may nest.
pub(crate) const MAX_DEPTH: usize = 128;
/// How many bytes a document may have. Positions fit 32 bits because of it.
pub(crate) const MAX_SIZE: usize = 16 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    /// A string whose bytes are its text.
    Plain,
    /// A string with escapes.
    Escaped,
    Number,
    True,
    False,
    Null,
}

/// One value, or one key of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The node after this one and all its descendants. While a container is open: its parent.
    pub(super) next: u32,
    pub(super) kind: Kind,
}

/// Why a document was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: &'static str,
    pub(crate) at: usize,
}

fn fault<T>(what: &'static str, at: usize) -> Result<T, Fault> {
    Err(Fault { what, at })
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Bit 7 of every byte that is a quote, a backslash or a control character; bits above the first such byte may be wrong.
#[inline(always)]
fn specials(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    (quote.wrapping_sub(ONES) & !quote
        | backslash.wrapping_sub(ONES) & !backslash
        | word.wrapping_sub(ONES * 0x20) & !word)
        & HIGHS
}

/// The code unit of `\uXXXX`, given the position of its first digit.
fn code_unit(b: &[u8], at: usize) -> Option<u16> {
    let mut unit = 0u16;
    for digit in b.get(at..at + 4)? {
        unit = unit << 4 | (*digit as char).to_digit(16)? as u16;
    }
    Some(unit)
}

/// Takes the escape whose backslash is at `i`; returns the position after it.
fn escape(b: &[u8], i: usize) -> Result<usize, Fault> {
    match b.get(i + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(i + 2),
        Some(b'u') => match code_unit(b, i + 2) {
            None => fault("a bad escape", i),
            Some(0xdc00..=0xdfff) => fault("a lone surrogate", i),
            Some(0xd800..=0xdbff) => {
                let low = b.get(i + 6..i + 8) == Some(b"\\u");
                match code_unit(b, i + 8) {
                    Some(0xdc00..=0xdfff) if low => Ok(i + 12),
                    _ => fault("a lone surrogate", i),
                }
            }
            Some(_) => Ok(i + 6),
        },
        _ => fault("a bad escape", i),
    }
}

/// Takes the string whose opening quote is at `start`; returns the position after it and its kind.
#[inline(always)]
fn string(b: &[u8], start: usize) -> Result<(usize, Kind), Fault> {
    let mut kind = Kind::Plain;
    let mut i = start + 1;
    loop {
        while let Some(chunk) = b.get(i..).and_then(|rest| rest.first_chunk::<8>()) {
            let found = specials(u64::from_le_bytes(*chunk));
            if found != 0 {
                i += (found.trailing_zeros() / 8) as usize;
                break;
            }
            i += 8;
        }
        match b.get(i) {
            Some(b'"') => return Ok((i + 1, kind)),
            Some(b'\\') => {
                kind = Kind::Escaped;
                i = escape(b, i)?;
            }
            Some(0..=0x1f) => return fault("a control character in a string", i),
            Some(_) => i += 1,
            None => return fault("a string without end", start),
        }
    }
}

fn digits(b: &[u8], start: usize) -> Result<usize, Fault> {
    let mut i = start;
    while let Some(b'0'..=b'9') = b.get(i) {
        i += 1;
    }
    if i == start {
        fault("a bad number", i)
    } else {
        Ok(i)
    }
}

fn number(b: &[u8], start: usize) -> Result<usize, Fault> {
    let mut i = start;
    if b.get(i) == Some(&b'-') {
        i += 1;
    }
    i = if b.get(i) == Some(&b'0') {
        i + 1
    } else {
        digits(b, i)?
    };
    if b.get(i) == Some(&b'.') {
        i = digits(b, i + 1)?;
    }
    if let Some(b'e' | b'E') = b.get(i) {
        i += 1;
        if let Some(b'+' | b'-') = b.get(i) {
            i += 1;
        }
        i = digits(b, i)?;
    }
    Ok(i)
}

#[inline(always)]
fn space(b: &[u8], mut i: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = b.get(i) {
        i += 1;
    }
    i
}

#[inline(always)]
fn word(b: &[u8], i: usize, literal: &[u8]) -> Result<usize, Fault> {
    let end = i + literal.len();
    if b.get(i..end) == Some(literal) {
        Ok(end)
    } else {
        fault("an unexpected byte", i)
    }
}

fn unexpected<T>(b: &[u8], i: usize) -> Result<T, Fault> {
    fault(
        if i < b.len() {
            "an unexpected byte"
        } else {
            "an unexpected end"
        },
        i,
    )
}

/// The nodes under construction.
struct Builder<'a> {
    b: &'a [u8],
    nodes: Vec<Node>,
}

impl Builder<'_> {
    #[inline(always)]
    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node {
            start: start as u32,
            end: end as u32,
            next,
            kind,
        });
    }

    /// Takes a key and its colon; returns the position of the value.
    #[inline(always)]
    fn key(&mut self, i: usize) -> Result<usize, Fault> {
        if self.b.get(i) != Some(&b'"') {
            return unexpected(self.b, i);
        }
        let (end, kind) = string(self.b, i)?;
        self.push(kind, i, end);
        let i = space(self.b, end);
        if self.b.get(i) != Some(&b':') {
            return unexpected(self.b, i);
        }
        Ok(space(self.b, i + 1))
    }

    /// Closes the container `open`; returns its parent.
    #[inline(always)]
    fn close(&mut self, open: u32, end: usize) -> u32 {
        let next = self.nodes.len() as u32;
        match self.nodes.get_mut(open as usize) {
            Some(node) => {
                node.end = end as u32;
                std::mem::replace(&mut node.next, next)
            }
            None => open,
        }
    }

    fn is_object(&self, index: u32) -> bool {
        matches!(
            self.nodes.get(index as usize),
            Some(Node {
                kind: Kind::Object,
                ..
            })
        )
    }
}

/// Checks a whole document and notes its values. The first node is the root.
pub(crate) fn parse(b: &[u8]) -> Result<Vec<Node>, Fault> {
    if b.len() > MAX_SIZE {
        return fault("more than 16 MiB", MAX_SIZE);
    }
    if let Err(error) = std::str::from_utf8(b) {
        return fault("text that is not UTF-8", error.valid_up_to());
    }
    // Enough for usual events in one allocation, without a big one for a body that is one long string.
    let mut tape = Builder {
        b,
        nodes: Vec::with_capacity((b.len() / 7 + 8).min(1 << 16)),
    };
    let mut open = 0u32;
    let mut in_object = false;
    let mut depth = 0usize;
    let mut i = space(b, 0);
    'value: loop {
        let start = i;
        match b.get(i) {
            Some(b'"') => {
                let (end, kind) = string(b, i)?;
                tape.push(kind, start, end);
                i = end;
            }
            Some(&first @ (b'{' | b'[')) => {
                if depth == MAX_DEPTH {
                    return fault("nesting deeper than 128", i);
                }
                depth += 1;
                in_object = first == b'{';
                let index = tape.nodes.len() as u32;
                tape.nodes.push(Node {
                    start: start as u32,
                    end: 0,
                    next: open,
                    kind: if in_object { Kind::Object } else { Kind::Array },
                });
                open = index;
                i = space(b, i + 1);
                match (b.get(i), in_object) {
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        i += 1;
                        depth -= 1;
                        open = tape.close(open, i);
                        in_object = tape.is_object(open);
                    }
                    (_, true) => {
                        i = tape.key(i)?;
                        continue 'value;
                    }
                    (_, false) => continue 'value,
                }
            }
            Some(b'-' | b'0'..=b'9') => {
                i = number(b, i)?;
                tape.push(Kind::Number, start, i);
            }
            Some(b't') => {
                i = word(b, i, b"true")?;
                tape.push(Kind::True, start, i);
            }
            Some(b'f') => {
                i = word(b, i, b"false")?;
                tape.push(Kind::False, start, i);
            }
            Some(b'n') => {
                i = word(b, i, b"null")?;
                tape.push(Kind::Null, start, i);
            }
            _ => return unexpected(b, i),
        }
        loop {
            i = space(b, i);
            if depth == 0 {
                return if i == b.len() {
                    Ok(tape.nodes)
                } else {
                    unexpected(b, i)
                };
            }
            match (b.get(i), in_object) {
                (Some(b','), _) => {
                    i = space(b, i + 1);
                    if in_object {
                        i = tape.key(i)?;
                    }
                    continue 'value;
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    i += 1;
                    depth -= 1;
                    open = tape.close(open, i);
                    in_object = tape.is_object(open);
                }
                _ => return unexpected(b, i),
            }
        }
    }
}

/// The nodes of the value at `index` alone, and where its bytes lie: as if that value had been parsed by itself.
pub(crate) fn cut(nodes: &[Node], index: u32) -> Option<(std::ops::Range<usize>, Vec<Node>)> {
    let root = nodes.get(index as usize)?;
    let part = nodes.get(index as usize..root.next as usize)?;
    let moved = part.iter().map(|node| Node {
        start: node.start - root.start,
        end: node.end - root.start,
        next: node.next - index,
        kind: node.kind,
    });
    Some((root.start as usize..root.end as usize, moved.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(json: &[u8]) -> Option<&'static str> {
        parse(json).err().map(|fault| fault.what)
    }

    #[test]
    fn the_whole_grammar_is_taken() {
        for json in [
            "0",
            "-0",
            "-0.0e-0",
            "10.25E+7",
            "1e999",
            "123456789012345678901234567890",
            "true",
            " false ",
            "\r\n\tnull\t\n\r",
            r#""""#,
            r#""\"\\\/\b\f\n\r\t\u0000\uFFFF\uAbCd""#,
            r#""\ud800\udc00""#,
            r#""\uDBFF\uDFFF\\ud800""#,
            "\"\u{7f}\u{80}\u{2028}\u{10ffff}\"",
            "[]",
            "[ ]",
            "{}",
            "{ }",
            "[[],[[]],{}]",
            "[1 , 2,3 ]",
            r#"{"":0}"#,
            r#"{"a":1,"a":2}"#,
            r#" { "a" : [ { "b" : null } ] , "c" : "" } "#,
            r#""seven--""#,
            r#""eight---""#,
            r#""nine----9""#,
        ] {
            assert_eq!(parse(json.as_bytes()).err(), None, "{json}");
        }
    }

    #[test]
    fn anything_else_is_refused_where_it_goes_wrong() {
        for (json, at) in [
            ("", 0),
            (" ", 1),
            ("\u{feff}{}", 0),
            ("{} {}", 3),
            ("nul", 0),
            ("nulll", 4),
            ("True", 0),
            ("NaN", 0),
            ("-Infinity", 1),
            ("-", 1),
            ("+1", 0),
            (".5", 0),
            ("1.", 2),
            ("1.e5", 2),
            ("1e", 2),
            ("1e+", 3),
            ("01", 1),
            ("-01", 2),
            ("0x1", 1),
            ("1_0", 1),
            ("[", 1),
            ("[1", 2),
            ("[1,", 3),
            ("[1,]", 3),
            ("[,1]", 1),
            ("[1 2]", 3),
            ("[1}", 2),
            ("]", 0),
            ("[]]", 2),
            ("{", 1),
            ("{]", 1),
            ("{\"a\"", 4),
            ("{\"a\":", 5),
            ("{\"a\":}", 5),
            ("{\"a\" 1}", 5),
            ("{\"a\",1}", 4),
            ("{\"a\":1,}", 7),
            ("{\"a\":1]", 6),
            ("{\"a\":1 \"b\":2}", 7),
            ("{a:1}", 1),
            ("{1:1}", 1),
            ("{'a':1}", 1),
            ("[1]//", 3),
            ("[\u{a0}1]", 1),
            ("[\u{c}1]", 1),
            ("[\u{0}]", 1),
            ("\"", 0),
            ("\"abcdefgh", 0),
            ("\"\\\"", 0),
            ("\"a\nb\"", 2),
            ("\"\u{0}\"", 1),
            ("\"12345678\u{1f}\"", 9),
            ("\"\\a\"", 1),
            ("\"\\", 1),
            ("\"\\u\"", 1),
            ("\"\\u12\"", 1),
            ("\"\\u12g4\"", 1),
            ("\"\\u+123\"", 1),
            ("\"\\U0041\"", 1),
            ("\"\\ud800\"", 1),
            ("\"\\udc00\"", 1),
            ("\"\\ud800\\ud800\"", 1),
            ("\"\\ud800x\\udc00\"", 1),
            ("\"\\ud800\\n\\udc00\"", 1),
            ("\"\\ud800\\u0041\"", 1),
            ("\"\\ud800\\udc0\"", 1),
            ("{\"\\udfff\":1}", 2),
        ] {
            assert_eq!(
                parse(json.as_bytes()).err().map(|fault| fault.at),
                Some(at),
                "{json:?}"
            );
        }
    }

    #[test]
    fn bytes_must_be_utf8() {
        for bad in [
            &b"\"\xff\""[..],
            b"\"\xc0\xaf\"",
            b"\"\xed\xa0\x80\"",
            b"\"\xf4\x90\x80\x80\"",
            b"\"\xe2\x82\"",
            b"{}\x80",
            b"\xff\xfe{\0}\0",
        ] {
            assert_eq!(what(bad), Some("text that is not UTF-8"), "{bad:?}");
        }
    }

    #[test]
    fn every_special_byte_is_found_at_every_place_of_a_word() {
        for length in 0..40 {
            for place in 0..length {
                let mut json = vec![b'"'; 1];
                json.extend([0xc3, 0xa9].repeat(length));
                json.push(b'"');
                assert_eq!(what(&json), None);
                let text: Vec<u8> = (0..length)
                    .map(|i| if i == place { 0x1f } else { 0x21 })
                    .collect();
                json = [b"\"", text.as_slice(), b"\""].concat();
                assert_eq!(parse(&json).err().map(|fault| fault.at), Some(place + 1));
                let escaped: Vec<u8> = (0..length)
                    .flat_map(|i| if i == place { b"\\n".to_vec() } else { vec![0x7f] })
                    .collect();
                json = [b"\"", escaped.as_slice(), b"\""].concat();
                assert_eq!(
                    parse(&json)
                        .ok()
                        .map(|nodes| nodes.iter().map(|n| n.kind).collect()),
                    Some(vec![Kind::Escaped])
                );
            }
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + "0" + &close.repeat(depth);
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            assert_eq!(what(nested(open, close, MAX_DEPTH).as_bytes()), None);
            assert_eq!(
                what(nested(open, close, MAX_DEPTH + 1).as_bytes()),
                Some("nesting deeper than 128")
            );
            assert_eq!(
                what(open.repeat(100_000).as_bytes()),
                Some("nesting deeper than 128")
            );
        }
        assert_eq!(what("[],".repeat(200_000).as_bytes()), Some("an unexpected byte"));
        let siblings = format!("[{}[]]", "[],".repeat(200_000));
        assert_eq!(what(siblings.as_bytes()), None);
        let mut long = vec![b' '; MAX_SIZE - 1];
        long.push(b'0');
        assert_eq!(what(&long), None);
        long.push(b' ');
        assert_eq!(what(&long), Some("more than 16 MiB"));
    }

    #[test]
    fn nodes_know_where_the_next_value_is() {
        let json = br#"{"a":[1,{"b":"x"}],"c":null}"#;
        let nodes = parse(json).unwrap_or_default();
        let table: Vec<_> = nodes
            .iter()
            .map(|n| {
                (
                    String::from_utf8_lossy(json.get(n.start as usize..n.end as usize).unwrap_or_default())
                        .into_owned(),
                    n.next,
                )
            })
            .collect();
        let expected = [
            (r#"{"a":[1,{"b":"x"}],"c":null}"#, 9),
            ("\"a\"", 2),
            (r#"[1,{"b":"x"}]"#, 7),
            ("1", 4),
            (r#"{"b":"x"}"#, 7),
            ("\"b\"", 6),
            ("\"x\"", 7),
            ("\"c\"", 8),
            ("null", 9),
        ];
        assert_eq!(table, expected.map(|(text, next)| (text.to_owned(), next)));
        let (place, part) = cut(&nodes, 4).unwrap_or_default();
        assert_eq!(json.get(place.clone()), Some(&br#"{"b":"x"}"#[..]));
        let alone = parse(json.get(place).unwrap_or_default()).unwrap_or_default();
        assert_eq!(format!("{part:?}"), format!("{alone:?}"));
    }
}
