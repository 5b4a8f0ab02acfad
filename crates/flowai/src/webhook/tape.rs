//! Strict JSON in one pass: the grammar is checked and the places of all values are noted; nothing is decoded until it is asked for.
//!
//! The nodes lie in document order. Those of an object alternate key and value, and every node knows the one after
//! its last descendant, so that a value is skipped in one step. Stricter than RFC 8259: a lone surrogate, a depth over
//! [`MAX_DEPTH`] and a length over [`MAX_SIZE`] are refused.

use super::escapes::escape;

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
    /// The node after this one and all its descendants.
    pub(super) next: u32,
    pub(super) kind: Kind,
}

/// Why a document was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: &'static str,
    pub(crate) at: usize,
}

pub(super) fn fault<T>(what: &'static str, at: usize) -> Result<T, Fault> {
    Err(Fault { what, at })
}

/// How much of a document is looked at ahead.
const WINDOW: usize = 1024;
/// The mark of a quote.
const QUOTE: u8 = 1;
/// The mark of what else a string stops at: a backslash, a control character, the end of the document.
const SPECIAL: u8 = 2;

/// What is in a window of the document, byte by byte: its mark, or nothing.
///
/// A string is short, and a look at each of its words costs more than looking at all bytes beforehand, sixteen at a time.
struct Marks {
    from: usize,
    marks: [u8; WINDOW],
}

impl Marks {
    fn of(b: &[u8]) -> Marks {
        let mut marks = Marks {
            from: 0,
            marks: [SPECIAL; WINDOW],
        };
        marks.look(b, 0);
        marks
    }

    /// Moves the window. Without branches, so that compilers make vector instructions of it.
    #[inline(never)]
    fn look(&mut self, b: &[u8], from: usize) {
        let rest = b.get(from..).unwrap_or_default();
        let (here, past) = self.marks.split_at_mut(rest.len().min(WINDOW));
        for (mark, byte) in here.iter_mut().zip(rest) {
            let special = (*byte == b'\\') | (*byte < b' ');
            *mark = (u8::from(*byte == b'"') * QUOTE) | (u8::from(special) * SPECIAL);
        }
        past.fill(SPECIAL);
        self.from = from;
    }

    /// The first marked byte from `i` on, and whether it is a quote. `i` only grows.
    #[inline(always)]
    fn next(&mut self, b: &[u8], mut i: usize) -> (usize, bool) {
        loop {
            let ahead = self.marks.get(i - self.from..);
            match ahead.and_then(|ahead| ahead.first_chunk::<8>()) {
                Some(chunk) => {
                    let marks = u64::from_le_bytes(*chunk);
                    if marks != 0 {
                        let bit = marks.trailing_zeros();
                        return (i + (bit / 8) as usize, bit % 8 == QUOTE.trailing_zeros());
                    }
                    i += 8;
                }
                None => self.look(b, i),
            }
        }
    }
}

#[inline(always)]
fn skip_space(rest: &[u8]) -> &[u8] {
    match rest {
        [0..=b' ', ..] => skip_spaces(rest),
        _ => rest,
    }
}

#[inline(never)]
fn skip_spaces(mut rest: &[u8]) -> &[u8] {
    while let [b' ' | b'\n' | b'\r' | b'\t', after @ ..] = rest {
        rest = after;
    }
    rest
}

/// What is left of the document; nothing once it is refused, and the parser has the reason.
type Rest<'a> = Option<&'a [u8]>;

/// Takes one value after the other, each by the method that is named after it.
struct Parser<'a> {
    b: &'a [u8],
    nodes: Vec<Node>,
    marks: Marks,
    fault: Fault,
}

impl<'a> Parser<'a> {
    #[inline(always)]
    fn place(&self, rest: &[u8]) -> usize {
        self.b.len() - rest.len()
    }

    #[cold]
    #[inline(never)]
    fn refuse(&mut self, fault: Fault) -> Rest<'a> {
        self.fault = fault;
        None
    }

    #[cold]
    #[inline(never)]
    fn unexpected(&mut self, rest: &[u8]) -> Rest<'a> {
        let what = if rest.is_empty() {
            "an unexpected end"
        } else {
            "an unexpected byte"
        };
        let at = self.place(rest);
        self.refuse(Fault { what, at })
    }

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

    #[inline(always)]
    fn value(&mut self, rest: &'a [u8], depth: usize) -> Rest<'a> {
        match rest {
            [b'"', inside @ ..] => self.string(inside),
            [b'{', inside @ ..] => self.object(inside, depth + 1),
            [b'[', inside @ ..] => self.array(inside, depth + 1),
            _ => self.other_value(rest, depth),
        }
    }

    #[inline(never)]
    fn other_value(&mut self, rest: &'a [u8], depth: usize) -> Rest<'a> {
        match rest {
            [b'-' | b'0'..=b'9', ..] => self.number(rest),
            [b't', b'r', b'u', b'e', after @ ..] => self.scalar(Kind::True, rest, after),
            [b'f', b'a', b'l', b's', b'e', after @ ..] => self.scalar(Kind::False, rest, after),
            [b'n', b'u', b'l', b'l', after @ ..] => self.scalar(Kind::Null, rest, after),
            [b' ' | b'\n' | b'\r' | b'\t', ..] => self.value_after_space(skip_spaces(rest), depth),
            _ => self.unexpected(rest),
        }
    }

    #[inline(never)]
    fn value_after_space(&mut self, rest: &'a [u8], depth: usize) -> Rest<'a> {
        self.value(rest, depth)
    }

    #[inline(always)]
    fn scalar(&mut self, kind: Kind, rest: &[u8], after: &'a [u8]) -> Rest<'a> {
        self.push(kind, self.place(rest), self.place(after));
        Some(after)
    }

    /// Given what follows the opening quote.
    #[inline(always)]
    fn string(&mut self, inside: &'a [u8]) -> Rest<'a> {
        let start = self.place(inside);
        let (i, is_end) = self.marks.next(self.b, start);
        if !is_end {
            return self.escaped_string(start - 1, i);
        }
        self.push(Kind::Plain, start - 1, i + 1);
        self.b.get(i + 1..)
    }

    /// Given where the string begins and where it has something special.
    #[inline(never)]
    fn escaped_string(&mut self, start: usize, mut i: usize) -> Rest<'a> {
        loop {
            let after = match self.b.get(i) {
                Some(b'"') => {
                    self.push(Kind::Escaped, start, i + 1);
                    return self.b.get(i + 1..);
                }
                Some(b'\\') => escape(self.b, i),
                Some(_) => fault("a control character in a string", i),
                None => fault("a string without end", start),
            };
            match after {
                Ok((_, after)) => i = self.marks.next(self.b, after).0,
                Err(fault) => return self.refuse(fault),
            }
        }
    }

    fn number(&mut self, start: &'a [u8]) -> Rest<'a> {
        let mut rest = match start {
            [b'-', after @ ..] => after,
            _ => start,
        };
        rest = match rest {
            [b'0', after @ ..] => after,
            _ => self.digits(rest)?,
        };
        if let [b'.', after @ ..] = rest {
            rest = self.digits(after)?;
        }
        if let [b'e' | b'E', after @ ..] = rest {
            rest = match after {
                [b'+' | b'-', after @ ..] => self.digits(after)?,
                _ => self.digits(after)?,
            };
        }
        self.scalar(Kind::Number, start, rest)
    }

    fn digits(&mut self, rest: &'a [u8]) -> Rest<'a> {
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            let at = self.place(rest);
            return self.refuse(Fault {
                what: "a bad number",
                at,
            });
        }
        rest.get(count..)
    }

    /// Given what follows the bracket.
    #[inline(never)]
    fn array(&mut self, inside: &'a [u8], depth: usize) -> Rest<'a> {
        let index = self.open(Kind::Array, inside, depth)?;
        let mut rest = skip_space(inside);
        if let [b']', rest @ ..] = rest {
            return self.close(index, rest);
        }
        loop {
            rest = self.value(rest, depth)?;
            rest = match rest {
                [b',', b' ', rest @ ..] | [b',', rest @ ..] => rest,
                [b']', rest @ ..] => return self.close(index, rest),
                _ => match skip_spaces(rest) {
                    [b',', rest @ ..] => rest,
                    [b']', rest @ ..] => return self.close(index, rest),
                    rest => return self.unexpected(rest),
                },
            };
        }
    }

    /// Given what follows the bracket.
    #[inline(never)]
    fn object(&mut self, inside: &'a [u8], depth: usize) -> Rest<'a> {
        let index = self.open(Kind::Object, inside, depth)?;
        let mut rest = skip_space(inside);
        if let [b'}', rest @ ..] = rest {
            return self.close(index, rest);
        }
        loop {
            rest = self.key(rest)?;
            rest = self.value(rest, depth)?;
            rest = match rest {
                [b',', b' ', rest @ ..] | [b',', rest @ ..] => rest,
                [b'}', rest @ ..] => return self.close(index, rest),
                _ => match skip_spaces(rest) {
                    [b',', rest @ ..] => rest,
                    [b'}', rest @ ..] => return self.close(index, rest),
                    rest => return self.unexpected(rest),
                },
            };
        }
    }

    /// A key and its colon.
    #[inline(always)]
    fn key(&mut self, rest: &'a [u8]) -> Rest<'a> {
        let rest = match rest {
            [b'"', inside @ ..] => self.string(inside)?,
            _ => match skip_spaces(rest) {
                [b'"', inside @ ..] => self.string(inside)?,
                rest => return self.unexpected(rest),
            },
        };
        match rest {
            [b':', b' ', rest @ ..] | [b':', rest @ ..] => Some(rest),
            _ => match skip_spaces(rest) {
                [b':', rest @ ..] => Some(rest),
                rest => self.unexpected(rest),
            },
        }
    }

    /// Begins an object or an array; returns its node.
    #[inline(always)]
    fn open(&mut self, kind: Kind, inside: &[u8], depth: usize) -> Option<usize> {
        let at = self.place(inside) - 1;
        if depth > MAX_DEPTH {
            self.refuse(Fault {
                what: "nesting deeper than 128",
                at,
            })?;
        }
        let index = self.nodes.len();
        self.push(kind, at, at);
        Some(index)
    }

    #[inline(always)]
    fn close(&mut self, index: usize, rest: &'a [u8]) -> Rest<'a> {
        let (end, next) = (self.place(rest) as u32, self.nodes.len() as u32);
        if let Some(node) = self.nodes.get_mut(index) {
            (node.end, node.next) = (end, next);
        }
        Some(rest)
    }

    fn document(&mut self) -> Option<()> {
        let rest = self.value(skip_spaces(self.b), 0)?;
        match skip_spaces(rest) {
            [] => Some(()),
            rest => self.unexpected(rest).map(|_| ()),
        }
    }
}

/// Checks a whole document and notes its values. The first node is the root.
pub(crate) fn parse(b: &[u8]) -> Result<Vec<Node>, Fault> {
    if b.len() > MAX_SIZE {
        return fault("more than 16 MiB", MAX_SIZE);
    }
    if !b.is_ascii()
        && let Err(error) = std::str::from_utf8(b)
    {
        return fault("text that is not UTF-8", error.valid_up_to());
    }
    let mut parser = Parser {
        b,
        // Enough for usual events in one allocation, without a big one for a body that is one long string.
        nodes: Vec::with_capacity((b.len() / 7 + 8).min(1 << 16)),
        marks: Marks::of(b),
        fault: Fault { what: "", at: 0 },
    };
    match parser.document() {
        Some(()) => Ok(parser.nodes),
        None => Err(parser.fault),
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
