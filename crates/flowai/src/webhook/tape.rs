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
mod tests;
