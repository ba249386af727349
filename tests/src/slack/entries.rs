//! What a person enters: filled in, checked as a client does, told in `actions`.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::inputs::{Field, Found, elements, find, label, start_value};
use super::model::{User, View, World};

/// A file that a person uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// File name.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl Upload {
    /// A file of this name and content.
    pub fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }
}

/// What a person enters.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// Text; for a select or radio buttons an option's text or value; for a users select an id or name; for a
    /// date or time its ISO form; for checkboxes one option.
    Text(String),
    /// Several options, users or channels.
    Many(Vec<String>),
    /// Files.
    Files(Vec<Upload>),
    /// A time, in seconds of the Unix epoch.
    Timestamp(i64),
    /// Nothing: empties the input.
    Nothing,
    /// The value object as a forged client sends it.
    Raw(Value),
}

impl From<&str> for Entry {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Entry {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<Upload>> for Entry {
    fn from(files: Vec<Upload>) -> Self {
        Self::Files(files)
    }
}

impl From<&[&str]> for Entry {
    fn from(options: &[&str]) -> Self {
        Self::Many(options.iter().map(|option| (*option).to_owned()).collect())
    }
}

/// Fills an element of an open view; answers the value object.
///
/// # Errors
/// No such view or element, or a choice that isn't offered.
pub fn fill(world: &mut World, view_id: &str, field: &Field<'_>, entry: &Entry) -> Result<Value> {
    let view = world.open_view(view_id).context("the view is gone")?.clone();
    let found = find(&view.blocks, field)?;
    let value = entered(world, &view.user, &found.element, entry)?;
    if let Some(view) = world.views.get_mut(view_id) {
        view.errors.remove(&found.block_id);
        view.inputs.entry(found.block_id).or_default().insert(found.action_id, value.clone());
    }
    Ok(value)
}

/// The value object of an element after an entry.
fn entered(world: &mut World, user: &str, element: &Value, entry: &Entry) -> Result<Value> {
    let mut value = start_value(element).with_context(|| format!("a {} holds no value", element["type"]))?;
    let kind = element["type"].as_str().unwrap_or_default().to_owned();
    let key = value.as_object().and_then(|fields| fields.keys().find(|key| *key != "type")).cloned();
    let key = key.context("a value object has a value")?;
    value[&key] = match entry {
        Entry::Raw(raw) => return Ok(raw.clone()),
        Entry::Nothing if key.ends_with('s') => json!([]),
        Entry::Nothing => Value::Null,
        Entry::Timestamp(at) => json!(at),
        Entry::Files(files) => json!(upload(world, user, files)),
        Entry::Many(choices) => {
            let chosen: Result<Vec<Value>> = choices.iter().map(|choice| chosen(world, element, choice)).collect();
            json!(chosen?)
        }
        Entry::Text(text) if key.ends_with('s') => json!([chosen(world, element, text)?]),
        Entry::Text(text) if kind == "datetimepicker" => json!(text.parse::<i64>()?),
        Entry::Text(text) => chosen(world, element, text)?,
    };
    Ok(value)
}

/// One choice of an element, as a value object holds it.
fn chosen(world: &World, element: &Value, choice: &str) -> Result<Value> {
    match element["type"].as_str().unwrap_or_default() {
        "static_select" | "multi_static_select" | "radio_buttons" | "checkboxes" | "overflow" => {
            option(element, choice)
        }
        "users_select" | "multi_users_select" => {
            let fits = |user: &&User| [&user.id, &user.name, &user.real_name].contains(&&choice.to_owned());
            let user = world.users.values().find(fits).with_context(|| format!("no user {choice}"))?;
            Ok(json!(user.id))
        }
        "file_input" => bail!("a file_input takes files"),
        "datepicker" => {
            ensure!(chrono::NaiveDate::parse_from_str(choice, "%Y-%m-%d").is_ok(), "{choice} is no date");
            Ok(json!(choice))
        }
        _ => Ok(json!(choice)),
    }
}

/// The option of a text or value, as Slack sends it back.
fn option(element: &Value, choice: &str) -> Result<Value> {
    let groups = element["option_groups"].as_array().map_or(&[][..], Vec::as_slice);
    let grouped = groups.iter().filter_map(|group| group["options"].as_array()).flatten();
    let single = element["options"].as_array().into_iter().flatten();
    let options: Vec<&Value> = single.chain(grouped).collect();
    let by_value = options.iter().find(|option| option["value"] == json!(choice));
    let by_text = || options.iter().find(|option| option["text"]["text"] == json!(choice));
    let by_part = || options.iter().find(|option| option["text"]["text"].as_str().is_some_and(|t| t.contains(choice)));
    let found = by_value.or_else(by_text).or_else(by_part);
    found.map(|option| (*option).clone()).with_context(|| {
        let offered: Vec<&str> = options.iter().filter_map(|option| option["text"]["text"].as_str()).collect();
        format!("{choice:?} isn't offered; there are: {}", offered.join(", "))
    })
}

fn upload(world: &mut World, user: &str, files: &[Upload]) -> Vec<Value> {
    let mut shown = Vec::new();
    for file in files {
        let id = world.store_file(user, &file.name, file.bytes.clone());
        if let Some(file) = world.files.get_mut(&id) {
            file.from_file_input = true;
        }
        shown.extend(world.files.get(&id).map(|file| world.file_json(file)));
    }
    shown
}

/// What a client finds wrong with a view before it is submitted; empty where nothing is.
pub fn check(view: &View) -> Vec<String> {
    let mut wrong = Vec::new();
    let inputs = elements(&view.blocks).into_iter().filter(|found| found.block["type"] == "input");
    for found in inputs {
        let empty = Value::Null;
        let value = view.inputs.get(&found.block_id).and_then(|inputs| inputs.get(&found.action_id)).unwrap_or(&empty);
        let held = value.as_object().and_then(|fields| fields.iter().find(|(key, _)| *key != "type"));
        let held = held.map_or(&empty, |(_, held)| held);
        let is_empty = match held {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        let name = label(&found).to_owned();
        if is_empty {
            if found.block["optional"] != json!(true) {
                wrong.push(format!("{name}: please complete this required field"));
            }
            continue;
        }
        let length = held.as_str().map_or(0, |text| text.chars().count()) as u64;
        if found.element["max_length"].as_u64().is_some_and(|max| length > max) {
            wrong.push(format!("{name}: longer than {}", found.element["max_length"]));
        }
        if found.element["min_length"].as_u64().is_some_and(|min| length < min) {
            wrong.push(format!("{name}: shorter than {}", found.element["min_length"]));
        }
        let count = held.as_array().map_or(0, Vec::len) as u64;
        let most = found.element["max_files"].as_u64().or(found.element["max_selected_items"].as_u64());
        if most.is_some_and(|most| count > most) {
            wrong.push(format!("{name}: more than {}", most.unwrap_or_default()));
        }
    }
    wrong
}

/// The entry of `actions` for an element that was used, without `action_ts`.
///
/// # Errors
/// A choice is missing or isn't offered, or the element doesn't send anything by itself.
pub fn action(world: &mut World, found: &Found, entry: Option<&Entry>) -> Result<Value> {
    let element = &found.element;
    let kind = element["type"].as_str().unwrap_or_default();
    let dispatches = found.block["type"] != "input" || found.block["dispatch_action"] == json!(true);
    ensure!(dispatches, "an input without dispatch_action sends nothing by itself");
    let mut action = json!({
        "type": kind, "action_id": found.action_id, "block_id": found.block_id,
    });
    match (kind, entry) {
        ("button", None) => {
            for key in ["text", "value", "style", "url", "confirm"] {
                if !element[key].is_null() {
                    action[key] = element[key].clone();
                }
            }
        }
        ("button", Some(_)) => bail!("a button takes no entry"),
        (_, None) => bail!("a {kind} takes an entry"),
        ("overflow", Some(Entry::Text(choice))) => action["selected_option"] = option(element, choice)?,
        (_, Some(entry)) => {
            let user = world.app.bot_user_id.clone();
            let value = entered(world, &user, element, entry)?;
            for (key, value) in value.as_object().into_iter().flatten() {
                action[key] = value.clone();
            }
            for key in ["placeholder", "initial_option", "initial_user", "initial_date"] {
                if !element[key].is_null() {
                    action[key] = element[key].clone();
                }
            }
        }
    }
    Ok(action)
}
