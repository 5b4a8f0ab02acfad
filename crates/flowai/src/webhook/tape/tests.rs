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
