//! What is behind a document handle: a JSON object whose fields are found by the names that every language has.

use std::{borrow::Cow, collections::BTreeMap, ptr};

use flowai::{
    Document, Error, HistoryEntry, Object, QuickReply, ReplyMessage, Result, Template, TemplateKind,
    model::{Model, Shape},
};
use once_cell::race::OnceBox;
use serde_json::Value;

use crate::strings::{Lazy, flowai_str};

pub(crate) struct Record {
    model: Option<&'static Model>,
    object: Object,
    text: Lazy,
    name: Lazy,
    json: Lazy,
    fields: OnceBox<BTreeMap<usize, Kept>>,
}

/// The forms in which a value was handed out.
#[derive(Default)]
struct Kept {
    text: Lazy,
    json: Lazy,
}

impl Record {
    pub(crate) fn of<D: Document>(document: D) -> Record {
        Record::new(document.into_object(), Some(D::MODEL))
    }

    pub(crate) fn new(object: Object, model: Option<&'static Model>) -> Record {
        Record {
            model,
            object,
            text: Lazy::default(),
            name: Lazy::default(),
            json: Lazy::default(),
            fields: OnceBox::new(),
        }
    }

    fn is<D: Document>(&self) -> bool {
        self.model.is_some_and(|model| model.name == D::MODEL.name)
    }

    fn as_a<D: Document>(&self) -> Option<D> {
        self.is::<D>().then(|| D::from_object(self.object.clone()))
    }

    pub(crate) fn kind(&self) -> TemplateKind {
        let type_name = self.object.get("type").and_then(Value::as_str);
        match type_name {
            Some(type_name) if self.is::<Template>() => TemplateKind::of_type(type_name),
            _ => TemplateKind::Unknown,
        }
    }

    /// The name of its model.
    pub(crate) fn name(&self) -> flowai_str {
        self.name
            .lend(|| self.model.map(|model| model.name).unwrap_or_default())
    }

    pub(crate) fn json(&self) -> flowai_str {
        self.json
            .lend(|| serde_json::to_vec(&self.object).unwrap_or_default())
    }

    /// What the document says in words.
    pub(crate) fn text(&self) -> flowai_str {
        self.text.lend(|| {
            if let Some(entry) = self.as_a::<HistoryEntry>() {
                return entry.text();
            }
            if let Some(message) = self.as_a::<ReplyMessage>() {
                return message.text();
            }
            let template = self.as_a::<Template>();
            let text = template.and_then(|template| template.text().map(str::to_owned));
            text.unwrap_or_default()
        })
    }

    pub(crate) fn quick_replies(&self) -> Vec<QuickReply> {
        let of_template = self.as_a::<Template>().map(|template| template.quick_replies());
        let of_message = || Some(self.as_a::<ReplyMessage>()?.quick_replies());
        of_template.or_else(of_message).unwrap_or_default()
    }

    /// Finds a field by its path.
    pub(crate) fn find(&self, path: &str) -> Result<Found<'_>> {
        let mut found = Found {
            shape: self.model.map_or(Shape::Object, Shape::Model),
            value: None,
            raw: None,
        };
        let mut object = Some(&self.object);
        for name in path.split('.') {
            let model = match found.shape {
                Shape::Model(model) => Some(model),
                Shape::Object | Shape::Any => None,
                _ => {
                    let problem =
                        format_args!("{path} leads into a field that has no fields of its own: {name}");
                    return Err(Error::argument("field", problem));
                }
            };
            found = Scope { model, object }.field(name)?;
            object = match &found.value {
                Some(Cow::Borrowed(Value::Object(inner))) => Some(inner),
                _ => None,
            };
        }
        Ok(found)
    }

    /// A field as text: what is text, and numbers and truth values where the service may send either.
    pub(crate) fn text_of(&self, found: &Found<'_>) -> flowai_str {
        match found.raw {
            Some(value @ Value::String(text)) => self.kept(value, |kept| kept.text.lend(|| text.as_str())),
            Some(value @ (Value::Number(_) | Value::Bool(_))) if matches!(found.shape, Shape::Any) => {
                self.kept(value, |kept| kept.text.lend(|| value.to_string()))
            }
            _ => flowai_str::empty(),
        }
    }

    /// A field as JSON.
    pub(crate) fn json_of(&self, found: &Found<'_>) -> flowai_str {
        match (found.raw, &found.value) {
            (Some(raw), Some(value)) => self.kept(raw, |kept| kept.json.lend(|| value.to_string())),
            _ => flowai_str::empty(),
        }
    }

    fn kept(&self, value: &Value, lend: impl FnOnce(&Kept) -> flowai_str) -> flowai_str {
        let places = self.fields.get_or_init(|| {
            let mut places = BTreeMap::new();
            note_places(&self.object, &mut places);
            Box::new(places)
        });
        places.get(&address(value)).map_or_else(flowai_str::empty, lend)
    }
}

/// Where a value is. The documents never change, so this stands for the value; it is never followed.
fn address(value: &Value) -> usize {
    ptr::from_ref(value).addr()
}

/// Every value that a path leads to. A path does not lead into a list.
fn note_places(object: &Object, places: &mut BTreeMap<usize, Kept>) {
    for value in object.values() {
        places.insert(address(value), Kept::default());
        if let Value::Object(inner) = value {
            note_places(inner, places);
        }
    }
}

/// A field: what it may hold, what it holds, and where that comes from.
pub(crate) struct Found<'a> {
    pub(crate) shape: Shape,
    pub(crate) value: Option<Cow<'a, Value>>,
    raw: Option<&'a Value>,
}

impl Found<'_> {
    /// A number; anything that can never be one is refused.
    pub(crate) fn number(&self) -> Result<Option<&Value>> {
        match self.shape {
            Shape::Number | Shape::Integer | Shape::Any => Ok(self.value.as_deref()),
            other => Err(misread(other)),
        }
    }
}

/// Where a name is looked for.
struct Scope<'a> {
    model: Option<&'static Model>,
    object: Option<&'a Object>,
}

impl<'a> Scope<'a> {
    fn field(&self, name: &str) -> Result<Found<'a>> {
        if let Some(found) = self.known(name) {
            return Ok(found);
        }
        let Some(payload) = self.payload() else {
            return self.unknown(name, self.model.is_none());
        };
        let found = payload.known(name);
        found.map_or_else(|| payload.unknown(name, payload.may_have_any_name()), Ok)
    }

    fn known(&self, name: &str) -> Option<Found<'a>> {
        let field = self.model?.field(name)?;
        Some(Found {
            shape: field.shape,
            value: self.object.and_then(|object| field.read(object)),
            raw: self.object.and_then(|object| object.get(field.wire)),
        })
    }

    fn unknown(&self, name: &str, any: bool) -> Result<Found<'a>> {
        let raw = self.object.and_then(|object| object.get(name));
        if raw.is_none() && !any {
            return Err(no_such_field(name, self.model));
        }
        Ok(Found {
            shape: Shape::Any,
            value: raw.filter(|value| !value.is_null()).map(Cow::Borrowed),
            raw,
        })
    }

    /// The payload of a template, whose fields are fields of the template too.
    fn payload(&self) -> Option<Scope<'a>> {
        if self.model?.name != Template::MODEL.name {
            return None;
        }
        let type_name = self.object.and_then(|object| object.get("type")?.as_str());
        Some(Scope {
            model: type_name.map(TemplateKind::of_type).and_then(TemplateKind::model),
            object: self.object.and_then(|object| object.get("payload")?.as_object()),
        })
    }

    /// Whether nobody knows which names a payload of this kind has.
    fn may_have_any_name(&self) -> bool {
        let free = [TemplateKind::Channel, TemplateKind::Custom];
        let models = free.iter().filter_map(|kind| kind.model());
        self.model
            .is_none_or(|model| models.into_iter().any(|free| free.name == model.name))
    }
}

fn no_such_field(name: &str, model: Option<&Model>) -> Error {
    let (model, known): (_, Vec<&str>) = match model {
        Some(model) => (model.name, model.fields.iter().map(|field| field.name).collect()),
        None => ("the document", Vec::new()),
    };
    let known = known.join(", ");
    Error::argument("field", format_args!("{name:?} is no field of {model} ({known})"))
}

pub(crate) fn misread(shape: Shape) -> Error {
    let (what, function) = match shape {
        Shape::String => ("a text", "flowai_document_string"),
        Shape::Number | Shape::Integer => ("a number", "flowai_document_number"),
        Shape::Bool => ("true or false", "flowai_document_boolean"),
        Shape::Object | Shape::Model(_) => ("a document", "flowai_document_document"),
        Shape::Array | Shape::List(_) => ("a list", "flowai_document_list"),
        Shape::Any => ("of any shape", "flowai_document_field_json"),
    };
    Error::argument("field", format_args!("is {what}: {function}() reads it"))
}
