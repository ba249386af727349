//! Block Kit's composition objects: texts, options, confirmation dialogs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::checker::Checker;
use super::mrkdwn;

impl Checker<'_> {
    /// Checks a `plain_text` object.
    pub(crate) fn plain_text(&mut self, text: &Value, path: &str, max: usize) {
        if text["type"] != "plain_text" {
            return self.error(&format!("{path}/type"), "must be plain_text");
        }
        self.text(text, path, max);
    }

    /// Checks a `plain_text` or `mrkdwn` object; notes what is wrong with the markup.
    pub(crate) fn text(&mut self, text: &Value, path: &str, max: usize) {
        match text["type"].as_str() {
            Some("plain_text") => {
                self.keys(text, path, &["type", "text"], &["emoji"]);
                self.optional_bool(text, path, "emoji");
            }
            Some("mrkdwn") => {
                self.keys(text, path, &["type", "text"], &["verbatim"]);
                self.optional_bool(text, path, "verbatim");
                let warnings = mrkdwn::warnings(text["text"].as_str().unwrap_or_default());
                self.findings.warnings.extend(warnings.into_iter().map(|warning| format!("{path}: {warning}")));
            }
            _ => return self.error(&format!("{path}/type"), "must be plain_text or mrkdwn"),
        }
        self.string(&text["text"], &format!("{path}/text"), max);
    }

    pub(crate) fn placeholder(&mut self, element: &Value, path: &str) {
        if !element["placeholder"].is_null() {
            self.plain_text(&element["placeholder"], &format!("{path}/placeholder"), 150);
        }
    }

    pub(crate) fn confirm(&mut self, element: &Value, path: &str) {
        let (confirm, path) = (&element["confirm"], format!("{path}/confirm"));
        if confirm.is_null() {
            return;
        }
        self.keys(confirm, &path, &["title", "text", "confirm", "deny"], &["style"]);
        self.plain_text(&confirm["title"], &format!("{path}/title"), 100);
        self.text(&confirm["text"], &format!("{path}/text"), 300);
        self.plain_text(&confirm["confirm"], &format!("{path}/confirm"), 30);
        self.plain_text(&confirm["deny"], &format!("{path}/deny"), 30);
        self.style(confirm, &path);
    }

    pub(crate) fn style(&mut self, object: &Value, path: &str) {
        if !object["style"].is_null() && object["style"] != "primary" && object["style"] != "danger" {
            self.error(&format!("{path}/style"), "must be primary or danger");
        }
    }

    /// Checks a list of options; answers them. `rich`: texts may be mrkdwn. `urls`: options may have a url.
    pub(crate) fn options<'value>(
        &mut self,
        options: &'value Value,
        path: &str,
        most: usize,
        rich: bool,
        urls: bool,
    ) -> &'value [Value] {
        let items = self.items(options, path, 1, most);
        let mut values = BTreeSet::new();
        for (index, option) in items.iter().enumerate() {
            let path = format!("{path}/{index}");
            let optional: &[&str] = if urls { &["description", "url"] } else { &["description"] };
            self.keys(option, &path, &["text", "value"], optional);
            for key in ["text", "description"].into_iter().filter(|key| !option[key].is_null()) {
                let path = format!("{path}/{key}");
                if rich { self.text(&option[key], &path, 75) } else { self.plain_text(&option[key], &path, 75) }
            }
            self.string(&option["value"], &format!("{path}/value"), 150);
            if !values.insert(option["value"].to_string()) {
                self.findings.warnings.push(format!("{path}: the value {} stands here twice", option["value"]));
            }
        }
        items
    }

    /// Checks `options` or `option_groups` of a select, exactly one of them; answers all options.
    pub(crate) fn select_options(&mut self, element: &Value, path: &str) -> Vec<Value> {
        match (element["options"].is_null(), element["option_groups"].is_null()) {
            (false, true) => self.options(&element["options"], &format!("{path}/options"), 100, false, false).to_vec(),
            (true, false) => {
                let mut all = Vec::new();
                let groups = self.items(&element["option_groups"], &format!("{path}/option_groups"), 1, 100);
                for (index, group) in groups.iter().enumerate() {
                    let path = format!("{path}/option_groups/{index}");
                    self.keys(group, &path, &["label", "options"], &[]);
                    self.plain_text(&group["label"], &format!("{path}/label"), 75);
                    all.extend_from_slice(self.options(
                        &group["options"],
                        &format!("{path}/options"),
                        100,
                        false,
                        false,
                    ));
                }
                all
            }
            _ => {
                self.error(path, "must have exactly one of options and option_groups");
                Vec::new()
            }
        }
    }

    /// Checks that what an element starts with is offered, field by field.
    pub(crate) fn initial(&mut self, element: &Value, path: &str, offered: &[Value]) {
        let single = [&element["initial_option"]].into_iter().filter(|option| !option.is_null());
        let many = element["initial_options"].as_array().into_iter().flatten();
        let offered: Vec<Value> = offered.iter().map(comparable).collect();
        let wrong: Vec<&Value> = single.chain(many).filter(|start| !offered.contains(&comparable(start))).collect();
        for start in wrong {
            self.error(path, format!("initial option {} equals none of the options", start["value"]));
        }
        if element["initial_options"].as_array().is_some_and(Vec::is_empty) {
            self.error(path, "initial_options must not be empty");
        }
    }
}

/// An option with the text's defaults filled in, so that equal options compare equal.
fn comparable(option: &Value) -> Value {
    let mut option = option.clone();
    for key in ["text", "description"] {
        if option[key]["type"] == "plain_text" && option[key]["emoji"].is_null() {
            option[key]["emoji"] = json!(true);
        }
    }
    option
}
