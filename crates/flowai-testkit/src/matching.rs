//! Is a value what a vector asks for? Values of the vector may be matchers, such as `{"$any": "integer"}`.

use serde_json::{Map, Value};

/// What of `actual` is not as `expected` says, each with the path to it. A member of `expected` that is null
/// is the same as one that is absent, and so is one of `actual`.
pub fn mismatches(expected: &Value, actual: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    walk(Some(expected), Some(actual), "", false, &mut problems);
    problems
}

/// As [`mismatches`], but only members that `expected` has are compared at the top: how results and errors
/// are held against a vector.
pub fn compare(expected: &Value, actual: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    match (expected, actual) {
        (Value::Object(members), Value::Object(_)) if matcher(expected).is_none() => {
            for (name, wanted) in members {
                walk(Some(wanted), actual.get(name), name, false, &mut problems);
            }
        }
        _ => walk(Some(expected), Some(actual), "", false, &mut problems),
    }
    problems
}

/// As [`mismatches`], but null is not absent: how the JSON of a request is held against a vector.
pub(crate) fn exact_mismatches(expected: &Value, actual: Option<&Value>) -> Vec<String> {
    let mut problems = Vec::new();
    walk(Some(expected), actual, "", true, &mut problems);
    problems
}

fn walk(
    expected: Option<&Value>,
    actual: Option<&Value>,
    path: &str,
    exact: bool,
    problems: &mut Vec<String>,
) {
    let present = |v: &&Value| exact || !v.is_null();
    let (expected, actual) = (expected.filter(present), actual.filter(present));
    let here = if path.is_empty() { "the value" } else { path };
    let Some(expected) = expected else {
        if let Some(actual) = actual {
            problems.push(format!("{here} should not be there, but is {}", brief(actual)));
        }
        return;
    };
    if let Some((name, argument)) = matcher(expected) {
        if let Some(problem) = unmatched(name, argument, actual, exact) {
            problems.push(format!("{here} {problem}"));
        }
        return;
    }
    let Some(actual) = actual else {
        problems.push(format!("{here} is missing, it should be {}", brief(expected)));
        return;
    };
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(found)) => {
            for name in wanted
                .keys()
                .chain(found.keys().filter(|k| !wanted.contains_key(*k)))
            {
                walk(
                    wanted.get(name),
                    found.get(name),
                    &join(path, name),
                    exact,
                    problems,
                );
            }
        }
        (Value::Array(wanted), Value::Array(found)) => {
            if wanted.len() != found.len() {
                problems.push(format!(
                    "{here} has {} items instead of {}",
                    found.len(),
                    wanted.len()
                ));
            }
            for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                let path = format!("{path}[{index}]");
                walk(Some(wanted), Some(found), &path, exact, problems);
            }
        }
        _ if equal(expected, actual) => {}
        _ => problems.push(format!(
            "{here} is {} instead of {}",
            brief(actual),
            brief(expected)
        )),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    a == b || (a.is_number() && a.as_f64().is_some() && a.as_f64() == b.as_f64())
}

/// The name and the argument of a matcher.
fn matcher(value: &Value) -> Option<(&str, &Value)> {
    let members: &Map<String, Value> = value.as_object().filter(|m| m.len() == 1)?;
    let (name, argument) = members.iter().next()?;
    name.starts_with('$').then_some((name.as_str(), argument))
}

fn unmatched(name: &str, argument: &Value, actual: Option<&Value>, exact: bool) -> Option<String> {
    let text = argument.as_str().unwrap_or_default();
    let ok = match (name, actual) {
        ("$absent", None) | ("$optional", None) => true,
        ("$absent", Some(_)) | (_, None) => false,
        ("$optional", Some(found)) => {
            let mut problems = Vec::new();
            walk(Some(argument), Some(found), "", exact, &mut problems);
            problems.is_empty()
        }
        ("$one_of", Some(found)) => argument.as_array().is_some_and(|l| l.contains(found)),
        ("$contains", Some(found)) => found.as_str().is_some_and(|s| s.contains(text)),
        ("$starts_with", Some(found)) => found.as_str().is_some_and(|s| s.starts_with(text)),
        ("$any", Some(found)) => match text {
            "integer" => found.is_i64() || found.is_u64(),
            "number" => found.is_number(),
            "string" => found.is_string(),
            "boolean" => found.is_boolean(),
            "array" => found.is_array(),
            "object" => found.is_object(),
            _ => text == "anything",
        },
        _ => false,
    };
    let found = actual.map_or("missing".to_owned(), brief);
    (!ok).then(|| format!("is {found}, which is not {name} {}", brief(argument)))
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 200 {
        return text;
    }
    let start: String = text.chars().take(200).collect();
    format!("{start}...")
}
