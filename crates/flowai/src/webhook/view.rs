//! A parsed document, read in place: values are decoded when they are asked for.

use std::borrow::Cow;

use serde_json::Value;

use super::escapes::unescaped;
use super::tape::{self, Fault, Kind, Node};
use super::unique::Keys;
use crate::model::Object;

/// Checks a document whose root must be an object that has no key twice.
pub(crate) fn parse_object(b: &[u8]) -> Result<Vec<Node>, Fault> {
    let nodes = tape::parse(b)?;
    let root = View::root(b, &nodes);
    root.must_be_object()?;
    root.unique_members(|_, _| {})?;
    Ok(nodes)
}

/// One value of a parsed document.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    b: &'a [u8],
    nodes: &'a [Node],
    index: u32,
}

impl<'a> View<'a> {
    /// The root, given what [`tape::parse`] made of the same bytes.
    pub(crate) fn root(b: &'a [u8], nodes: &'a [Node]) -> View<'a> {
        View { b, nodes, index: 0 }
    }

    /// The value of the node at `index`.
    pub(crate) fn at(self, index: u32) -> View<'a> {
        View { index, ..self }
    }

    pub(crate) fn index(self) -> u32 {
        self.index
    }

    fn node(self) -> Option<&'a Node> {
        self.nodes.get(self.index as usize)
    }

    pub(crate) fn kind(self) -> Kind {
        self.node().map_or(Kind::Null, |node| node.kind)
    }

    /// The bytes of the value, quotes included.
    pub(crate) fn raw(self) -> &'a [u8] {
        self.node()
            .and_then(|node| self.b.get(node.start as usize..node.end as usize))
            .unwrap_or_default()
    }

    fn children(self, of: Kind) -> impl Iterator<Item = View<'a>> {
        let (mut index, end) = match self.node() {
            Some(node) if node.kind == of => (self.index + 1, node.next),
            _ => (0, 0),
        };
        std::iter::from_fn(move || {
            let child = (index < end).then(|| self.at(index))?;
            // A node that points backwards does not exist; `max` makes the loop end even so.
            index = child.node()?.next.max(index + 1);
            Some(child)
        })
    }

    /// The items of an array; nothing for anything else.
    pub(crate) fn items(self) -> impl Iterator<Item = View<'a>> {
        self.children(Kind::Array)
    }

    /// Keys and values of an object; nothing for anything else.
    pub(crate) fn members(self) -> impl Iterator<Item = (View<'a>, View<'a>)> {
        let mut nodes = self.children(Kind::Object);
        std::iter::from_fn(move || Some((nodes.next()?, nodes.next()?)))
    }

    /// The index of the value whose key this is, among the nodes of an object.
    fn find(self, key: &str) -> Option<u32> {
        let object = self.node().filter(|node| node.kind == Kind::Object)?;
        let (end, length) = (object.next, key.len() + 2);
        let mut index = self.index + 1;
        let mut found = None;
        while index < end {
            let name = self.nodes.get(index as usize)?;
            let value = self.nodes.get(index as usize + 1)?;
            // Most keys are of another length.
            if ((name.end - name.start) as usize == length || name.kind == Kind::Escaped)
                && self.at(index).bytes().as_deref() == Some(key.as_bytes())
            {
                found = Some(index + 1);
            }
            // A node that points backwards does not exist; `max` makes the loop end even so.
            index = value.next.max(index + 2);
        }
        found
    }

    /// The bytes between the quotes of a string.
    #[inline]
    fn inner(self) -> &'a [u8] {
        self.node()
            .and_then(|node| self.b.get(node.start as usize + 1..node.end as usize - 1))
            .unwrap_or_default()
    }

    /// Whether an object has this key, be its value null.
    pub(crate) fn has(self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// A field of an object. The last of several with the same name counts, as in most JSON libraries; null is absent.
    pub(crate) fn get(self, key: &str) -> Option<View<'a>> {
        self.find(key)
            .map(|index| self.at(index))
            .filter(|value| value.kind() != Kind::Null)
    }

    /// Shows all members of an object, whose keys must be different, to `visit`.
    pub(crate) fn unique_members(self, mut visit: impl FnMut(&[u8], View<'a>)) -> Result<(), Fault> {
        let mut keys = Keys::new();
        for (key, value) in self.members() {
            let name = key.bytes().unwrap_or_default();
            visit(&name, value);
            if !keys.add(name) {
                return Err(Fault {
                    what: "a key that the object already has",
                    at: key.start(),
                });
            }
        }
        Ok(())
    }

    /// The text of a string as bytes, which are in UTF-8.
    #[inline]
    pub(crate) fn bytes(self) -> Option<Cow<'a, [u8]>> {
        match self.kind() {
            Kind::Plain => Some(Cow::Borrowed(self.inner())),
            _ => Some(Cow::Owned(self.str()?.into_owned().into_bytes())),
        }
    }

    /// The text of a string.
    pub(crate) fn str(self) -> Option<Cow<'a, str>> {
        let inside = || std::str::from_utf8(self.inner()).ok();
        match self.kind() {
            Kind::Plain => inside().map(Cow::Borrowed),
            Kind::Escaped => unescaped(inside()?).map(Cow::Owned),
            _ => None,
        }
    }

    /// The text of a string, or a number as it is written.
    pub(crate) fn scalar(self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Kind::Number => std::str::from_utf8(self.raw()).ok().map(Cow::Borrowed),
            _ => self.str(),
        }
    }

    pub(crate) fn bool(self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// A number.
    pub(crate) fn number(self) -> Option<f64> {
        (self.kind() == Kind::Number).then(|| serde_json::from_slice(self.raw()).ok())?
    }

    /// The value as a document of its own. A number that no `f64` can hold is null. The depth is bounded by the parser.
    pub(crate) fn to_value(self) -> Value {
        match self.kind() {
            Kind::Object => Value::Object(self.to_object()),
            Kind::Array => self.items().map(View::to_value).collect(),
            Kind::Plain | Kind::Escaped => self
                .str()
                .map_or(Value::Null, |text| Value::String(text.into_owned())),
            Kind::Number => serde_json::from_slice(self.raw()).unwrap_or_default(),
            Kind::True => Value::Bool(true),
            Kind::False => Value::Bool(false),
            Kind::Null => Value::Null,
        }
    }

    /// The members of an object as a document of its own.
    pub(crate) fn to_object(self) -> Object {
        let member = |(key, value): (View<'_>, View<'_>)| Some((key.str()?.into_owned(), value.to_value()));
        self.members().filter_map(member).collect()
    }

    pub(crate) fn must_be_object(self) -> Result<(), Fault> {
        match self.kind() {
            Kind::Object => Ok(()),
            _ => Err(Fault {
                what: "a root that is no object",
                at: self.start(),
            }),
        }
    }

    fn start(self) -> usize {
        self.node().map_or(0, |node| node.start as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(json: &str, read: impl FnOnce(View<'_>) -> T) -> Option<T> {
        let nodes = tape::parse(json.as_bytes()).ok()?;
        Some(read(View::root(json.as_bytes(), &nodes)))
    }

    #[test]
    fn fields_are_found_by_what_their_key_means() {
        let json = r#"{"a":1,"\u0062":"two","n":null,"c":{"d":[true,[],"e\n"]},"a":3}"#;
        with(json, |root| {
            assert_eq!(root.get("a").map(View::raw), Some(&b"3"[..]));
            assert_eq!(root.get("b").and_then(View::str).as_deref(), Some("two"));
            assert!(root.get("n").is_none() && root.has("n"));
            assert!(root.get("d").is_none() && root.get("").is_none());
            let items: Vec<_> = root
                .get("c")
                .and_then(|c| c.get("d"))
                .into_iter()
                .flat_map(View::items)
                .map(View::to_value)
                .collect();
            assert_eq!(
                items,
                [
                    serde_json::json!(true),
                    serde_json::json!([]),
                    serde_json::json!("e\n")
                ]
            );
        })
        .unwrap_or_else(|| unreachable!());
    }

    #[test]
    fn a_value_of_another_shape_is_absent() {
        for json in ["[]", "{}", "1", "\"a\"", "true", "null"] {
            let wrong = with(json, |root| {
                let lists = root.get("a").is_some() || root.has("a") || root.items().count() > 0;
                let kind = root.kind();
                lists
                    || root.members().count() > 0
                    || root.str().is_some() != (kind == Kind::Plain)
                    || root.number().is_some() != (kind == Kind::Number)
                    || root.bool().is_some() != (kind == Kind::True)
            });
            assert_eq!(wrong, Some(false), "{json}");
        }
    }

    #[test]
    fn documents_are_those_of_serde_json() {
        let json =
            r#"{"a":[0,-1,2.5,1e3,18446744073709551615],"b":{"c":{"d":"\ud83d\ude00"}},"e":[false,null,{}]}"#;
        assert_eq!(
            with(json, |root| root.to_value()),
            serde_json::from_str(json).ok()
        );
        assert_eq!(
            with("[1e999,7]", |root| root.to_value()),
            Some(serde_json::json!([null, 7]))
        );
    }

    #[test]
    fn a_key_twice_is_found_among_few_and_many_and_behind_escapes() {
        let object = |keys: &[String]| {
            let members: Vec<_> = keys.iter().map(|key| format!("\"{key}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        for count in [1, 2, 23, 24, 25, 26, 1000] {
            for escaped in [0, count / 2, count - 1] {
                let mut keys: Vec<_> = (0..count).map(|i| format!("k{i}")).collect();
                if let Some(key) = keys.get_mut(escaped) {
                    *key = key.replace('k', "\\u006b");
                }
                assert!(parse_object(object(&keys).as_bytes()).is_ok(), "{count}");
                for again in [0, count / 2, count - 1] {
                    let mut twice = keys.clone();
                    twice.push(format!("k{again}"));
                    assert!(
                        parse_object(object(&twice).as_bytes()).is_err(),
                        "{count} {again}"
                    );
                }
            }
        }
        assert!(parse_object(br#"{"a":{"b":1,"b":2}}"#).is_ok());
        assert!(parse_object(b" []").is_err_and(|fault| fault.at == 1));
    }
}
