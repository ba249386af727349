//! Arguments of Web API methods as Slack reads them: from a JSON body, a form or the query string, then checked
//! against what the method knows.
//!
//! Stricter than Slack on purpose: an argument the method doesn't know is refused, and methods that read want a form
//! or a query (several really ignore JSON bodies).

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::model::ApiError;

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// A boolean; in forms `true`, `false`, `1`, `0`.
    Flag,
    /// A whole number; in forms its digits.
    Number,
    /// An object or array; in forms as JSON text.
    Json,
    /// Strings, separated by commas or as an array.
    List,
}

/// An argument that a method knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arg {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

/// A required argument.
pub(crate) const fn req(name: &'static str, kind: Kind) -> Arg {
    Arg { name, kind, required: true }
}

/// An optional argument.
pub(crate) const fn opt(name: &'static str, kind: Kind) -> Arg {
    Arg { name, kind, required: false }
}

/// A call's arguments, not yet checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawArgs {
    pub(crate) values: Map<String, Value>,
    /// The body was JSON.
    pub(crate) json: bool,
    /// A token in the form body.
    pub(crate) form_token: Option<String>,
    /// A token in the query string: never accepted.
    pub(crate) query_token: bool,
    /// The body can't be read as its content type says.
    pub(crate) unreadable: Option<String>,
}

impl RawArgs {
    pub(crate) fn read(query: &str, content_type: &str, body: &[u8]) -> Self {
        let mut args = Self::default();
        for (name, value) in serde_urlencoded::from_str::<Vec<(String, String)>>(query).unwrap_or_default() {
            if name == "token" {
                args.query_token = true;
            } else {
                args.values.insert(name, json!(value));
            }
        }
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        match kind {
            _ if body.is_empty() => {}
            "application/json" => {
                args.json = true;
                match serde_json::from_slice(body) {
                    Ok(Value::Object(fields)) => args.values.extend(fields),
                    _ => args.unreadable = Some("invalid_json".into()),
                }
            }
            "application/x-www-form-urlencoded" => match serde_urlencoded::from_bytes::<Vec<(String, String)>>(body) {
                Ok(fields) => {
                    for (name, value) in fields {
                        if name == "token" {
                            args.form_token = Some(value);
                        } else {
                            args.values.insert(name, json!(value));
                        }
                    }
                }
                Err(_) => args.unreadable = Some("invalid_form_data".into()),
            },
            _ => args.unreadable = Some("invalid_post_type".into()),
        }
        args
    }
}

/// A call's arguments, checked: every value is of its kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Args(Map<String, Value>);

impl Args {
    /// Checks arguments against what the method knows.
    ///
    /// # Errors
    /// `invalid_arguments` with messages.
    pub(crate) fn check(raw: &Map<String, Value>, known: &[Arg]) -> Result<Self, ApiError> {
        let mut wrong = Vec::new();
        let mut args = Map::new();
        for name in raw.keys().filter(|name| !known.iter().any(|arg| arg.name == **name)) {
            wrong.push(format!("[ERROR] unknown argument: {name}"));
        }
        for arg in known {
            match raw.get(arg.name).filter(|value| !value.is_null()) {
                Some(value) => match convert(arg.kind, value) {
                    Some(value) => drop(args.insert(arg.name.into(), value)),
                    None => wrong.push(format!("[ERROR] {} must be of type {:?}", arg.name, arg.kind)),
                },
                None if arg.required => wrong.push(format!("[ERROR] missing required field: {}", arg.name)),
                None => {}
            }
        }
        if wrong.is_empty() { Ok(Self(args)) } else { Err(ApiError::with_messages("invalid_arguments", wrong)) }
    }

    /// A string, empty where it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A string that isn't empty.
    pub(crate) fn some_text(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    pub(crate) fn json(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let items = self.json(name).as_array().cloned().unwrap_or_default();
        items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// All arguments as one object.
    pub(crate) fn object(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

fn convert(kind: Kind, value: &Value) -> Option<Value> {
    let text: Option<Cow<'_, str>> = value.as_str().map(Cow::from);
    match (kind, text) {
        (Kind::Text, Some(_)) => Some(value.clone()),
        (Kind::Flag, Some(text)) => match text.as_ref() {
            "true" | "1" => Some(json!(true)),
            "false" | "0" | "" => Some(json!(false)),
            _ => None,
        },
        (Kind::Flag, None) => value.is_boolean().then(|| value.clone()),
        (Kind::Number, Some(text)) => text.parse::<i64>().ok().map(|number| json!(number)),
        (Kind::Number, None) => value.is_i64().then(|| value.clone()),
        (Kind::Json, Some(text)) => {
            serde_json::from_str(&text).ok().filter(|value: &Value| value.is_object() || value.is_array())
        }
        (Kind::Json, None) => (value.is_object() || value.is_array()).then(|| value.clone()),
        (Kind::List, Some(text)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(json!(items.collect::<Vec<_>>()))
        }
        (Kind::List, None) => {
            let items = value.as_array()?;
            items.iter().all(Value::is_string).then(|| value.clone())
        }
        (Kind::Text, None) => None,
    }
}
