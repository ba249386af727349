//! What all checks of Block Kit are made of: objects, strings, lists, ids, and where something is wrong.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::blocks::{Findings, Surface};
use super::model::World;

/// Walks through blocks and collects what is wrong.
pub(crate) struct Checker<'world> {
    pub(crate) world: &'world World,
    pub(crate) surface: Surface,
    pub(crate) findings: Findings,
    block_ids: BTreeSet<String>,
    action_ids: BTreeSet<String>,
    focused: bool,
    pub(crate) charts: usize,
    pub(crate) markdown: usize,
}

impl<'world> Checker<'world> {
    pub(crate) fn new(world: &'world World, surface: Surface) -> Self {
        Self {
            world,
            surface,
            findings: Findings::default(),
            block_ids: BTreeSet::new(),
            action_ids: BTreeSet::new(),
            focused: false,
            charts: 0,
            markdown: 0,
        }
    }

    pub(crate) fn error(&mut self, path: &str, what: impl AsRef<str>) {
        self.findings.errors.push(format!("[ERROR] {} [json-pointer:{path}]", what.as_ref()));
    }

    /// Checks that a value is an object with all required keys and no unknown or null ones.
    pub(crate) fn keys(&mut self, value: &Value, path: &str, required: &[&str], optional: &[&str]) -> bool {
        let Some(fields) = value.as_object() else {
            self.error(path, "must provide an object");
            return false;
        };
        for key in required {
            if !fields.contains_key(*key) {
                self.error(path, format!("missing required field: {key}"));
            }
        }
        for (key, value) in fields {
            if !required.contains(&key.as_str()) && !optional.contains(&key.as_str()) {
                self.error(path, format!("invalid additional property: {key}"));
            } else if value.is_null() {
                self.error(&format!("{path}/{key}"), "must not be null");
            }
        }
        true
    }

    /// Checks a string of 1 to `max` characters.
    pub(crate) fn string(&mut self, value: &Value, path: &str, max: usize) {
        match value.as_str() {
            None => self.error(path, "must provide a string"),
            Some("") => self.error(path, "must be more than 0 characters"),
            Some(text) if text.chars().count() > max => {
                self.error(path, format!("must be less than {} characters", max + 1));
            }
            Some(_) => {}
        }
    }

    /// Checks a string that may be missing or empty.
    pub(crate) fn optional_string(&mut self, object: &Value, path: &str, key: &str, max: usize) {
        let value = &object[key];
        if !value.is_null() && value.as_str() != Some("") {
            self.string(value, &format!("{path}/{key}"), max);
        }
    }

    pub(crate) fn optional_bool(&mut self, object: &Value, path: &str, key: &str) {
        if !object[key].is_null() && !object[key].is_boolean() {
            self.error(&format!("{path}/{key}"), "must be a boolean");
        }
    }

    /// The items of an array of `least` to `most`; complains and answers none otherwise.
    pub(crate) fn items<'value>(
        &mut self,
        value: &'value Value,
        path: &str,
        least: usize,
        most: usize,
    ) -> &'value [Value] {
        let Some(items) = value.as_array() else {
            self.error(path, "must provide an array");
            return &[];
        };
        if items.len() < least || items.len() > most {
            self.error(path, format!("must have {least} to {most} items, has {}", items.len()));
        }
        items
    }

    pub(crate) fn action_id(&mut self, element: &Value, path: &str) {
        self.optional_string(element, path, "action_id", 255);
        let id = element["action_id"].as_str().unwrap_or_default();
        if !id.is_empty() && !self.action_ids.insert(id.to_owned()) {
            self.error(&format!("{path}/action_id"), format!("action_id {id} stands here twice"));
        }
    }

    pub(crate) fn focus(&mut self, element: &Value, path: &str) {
        self.optional_bool(element, path, "focus_on_load");
        if element["focus_on_load"] == json!(true) {
            if self.focused {
                self.error(path, "only one element can be focused");
            }
            self.focused = true;
        }
    }

    /// Checks a block's id: its length, and that it stands here once.
    pub(crate) fn block_id(&mut self, block: &Value, path: &str) {
        self.optional_string(block, path, "block_id", 255);
        let id = block["block_id"].as_str().unwrap_or_default();
        if !id.is_empty() && !self.block_ids.insert(id.to_owned()) {
            self.error(&format!("{path}/block_id"), format!("block_id {id} stands here twice"));
        }
    }
}
