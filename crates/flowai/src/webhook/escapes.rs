//! Escapes in JSON strings: what may follow a backslash, and what it means.

use memchr::memchr;

use super::tape::{Fault, fault};

/// The code unit of `\uXXXX`, given the position of its first digit.
fn code_unit(b: &[u8], at: usize) -> Option<u16> {
    let mut unit = 0u16;
    for digit in b.get(at..at + 4)? {
        unit = unit << 4 | (*digit as char).to_digit(16)? as u16;
    }
    Some(unit)
}

/// The character of the escape whose backslash is at `i`, and the position after it.
#[inline]
pub(super) fn escape(b: &[u8], i: usize) -> Result<(char, usize), Fault> {
    let character = match b.get(i + 1) {
        Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(b, i),
        _ => return fault("a bad escape", i),
    };
    Ok((character, i + 2))
}

/// The same for `\u`: one escape, or the two that a character outside of the basic plane takes.
fn unicode_escape(b: &[u8], i: usize) -> Result<(char, usize), Fault> {
    let Some(unit) = code_unit(b, i + 2) else {
        return fault("a bad escape", i);
    };
    if let Some(character) = char::from_u32(unit.into()) {
        return Ok((character, i + 6));
    }
    let low = match b.get(i + 6..i + 8) {
        Some(b"\\u") => code_unit(b, i + 8),
        _ => None,
    };
    match char::decode_utf16([unit, low.unwrap_or_default()]).next() {
        Some(Ok(character)) => Ok((character, i + 12)),
        _ => fault("a lone surrogate", i),
    }
}

/// What the inside of a checked string means.
pub(super) fn unescaped(inside: &str) -> Option<String> {
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(place) = memchr(b'\\', rest.as_bytes()) {
        let (character, after) = escape(rest.as_bytes(), place).ok()?;
        out.push_str(rest.get(..place)?);
        out.push(character);
        rest = rest.get(after..)?;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_string_means_what_serde_json_reads(pieces in prop::collection::vec(
            prop_oneof![
                "[ -!#-\\[\\]-~é€😀]{0,20}",
                "\\\\[\"\\\\/bfnrtu]",
                "\\\\u[0-9a-fA-F]{4}",
                "\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}",
            ],
            0..8,
        )) {
            let inside = pieces.concat();
            let expected: Option<String> = serde_json::from_str(&format!("\"{inside}\"")).ok();
            prop_assert_eq!(unescaped(&inside), expected);
        }
    }
}
