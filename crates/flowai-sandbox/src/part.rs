//! Reading documents of others: every part of one knows where it is, so that what is wrong can be named.

use std::fmt;

use serde_json::{Map, Value};

use crate::answer::Refusal;
use crate::error::SandboxError;

/// What is wrong, and where: `rules[2].replies[0].payload.title is missing`.
#[derive(Debug)]
pub(crate) struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Problem> for SandboxError {
    fn from(problem: Problem) -> Self {
        Self::invalid("seed", problem.0)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::bad_request(problem.0)
    }
}

type Read<T> = Result<T, Problem>;

/// A value within a document, and the way to it.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    pub(crate) value: &'a Value,
    place: String,
}

impl<'a> Part<'a> {
    /// A whole document; `name` is what a problem with the whole of it calls it.
    pub(crate) fn root(value: &'a Value, name: &str) -> Self {
        Self {
            value,
            place: format!("\0{name}"),
        }
    }

    /// A problem with this part; `what` continues the sentence.
    pub(crate) fn wrong(&self, what: impl fmt::Display) -> Problem {
        Problem(format!("{} {what}", self.place.trim_start_matches('\0')))
    }

    pub(crate) fn missing(&self, name: &str) -> Problem {
        Problem(format!("{} is missing", self.place_of(name)))
    }

    /// The way to this part.
    pub(crate) fn place(&self) -> &str {
        self.place.trim_start_matches('\0')
    }

    fn place_of(&self, name: &str) -> String {
        if self.place.starts_with('\0') {
            name.to_owned()
        } else {
            format!("{}.{name}", self.place)
        }
    }

    pub(crate) fn object(&self) -> Read<&'a Map<String, Value>> {
        let object = self.value.as_object();
        object.ok_or_else(|| self.wrong("must be an object"))
    }

    /// The member of that name. Null is absent, and so is every member of what is no object.
    pub(crate) fn member(&self, name: &str) -> Option<Part<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Part {
            value,
            place: self.place_of(name),
        })
    }

    pub(crate) fn required(&self, name: &str) -> Read<Part<'a>> {
        self.member(name).ok_or_else(|| self.missing(name))
    }

    /// An object with no other members than these: a misspelt one is noticed.
    pub(crate) fn only(&self, names: &[&str]) -> Read<()> {
        let unknown = self.object()?.keys().find(|name| !names.contains(&name.as_str()));
        match unknown {
            Some(name) => Err(Problem(format!(
                "{} is not known here; known are {}",
                self.place_of(name),
                names.join(", ")
            ))),
            None => Ok(()),
        }
    }

    /// The parts of a list.
    pub(crate) fn list(&self) -> Read<Vec<Part<'a>>> {
        let Value::Array(items) = self.value else {
            return Err(self.wrong("must be a list"));
        };
        let part = |(at, value)| Part {
            value,
            place: format!("{}[{at}]", self.place()),
        };
        Ok(items.iter().enumerate().map(part).collect())
    }

    /// [`list`](Self::list) of a member that may be missing.
    pub(crate) fn list_of(&self, name: &str) -> Read<Vec<Part<'a>>> {
        self.member(name).map_or(Ok(Vec::new()), |part| part.list())
    }

    pub(crate) fn text(&self) -> Read<&'a str> {
        self.value.as_str().ok_or_else(|| self.wrong("must be a string"))
    }

    /// A string that is not empty.
    pub(crate) fn filled(&self) -> Read<&'a str> {
        match self.text()? {
            "" => Err(self.wrong("must not be empty")),
            text => Ok(text),
        }
    }

    pub(crate) fn flag(&self) -> Read<bool> {
        self.value
            .as_bool()
            .ok_or_else(|| self.wrong("must be true or false"))
    }

    /// A whole number above zero.
    pub(crate) fn positive(&self) -> Read<u64> {
        let number = self.value.as_u64().filter(|number| *number > 0);
        number.ok_or_else(|| self.wrong("must be a whole number above zero"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn problems_name_the_place() {
        let document = json!({"rules": [{"a": null}, {"b": [1, ""]}]});
        let root = Part::root(&document, "the seed");
        let rules = root.list_of("rules").unwrap();
        assert_eq!(
            rules[0].required("a").err().unwrap().to_string(),
            "rules[0].a is missing"
        );
        let items = rules[1].list_of("b").unwrap();
        assert_eq!(
            items[0].text().unwrap_err().to_string(),
            "rules[1].b[0] must be a string"
        );
        assert_eq!(
            items[1].filled().unwrap_err().to_string(),
            "rules[1].b[1] must not be empty"
        );
        assert_eq!(
            rules[1].only(&["a"]).unwrap_err().to_string(),
            "rules[1].b is not known here; known are a"
        );
        let list = json!([]);
        assert_eq!(
            Part::root(&list, "the seed").object().unwrap_err().to_string(),
            "the seed must be an object"
        );
        assert_eq!(
            Part::root(&json!([1]), "the seed").list().unwrap()[0]
                .text()
                .unwrap_err()
                .to_string(),
            "the seed[0] must be a string"
        );
    }
}
