//! Block Kit's interactive elements, and which of them stand where.

use chrono::NaiveDate;
use serde_json::Value;

use super::blocks::Surface;
use super::checker::Checker;

impl Checker<'_> {
    /// Checks the accessory of a section.
    pub(crate) fn accessory(&mut self, element: &Value, path: &str) {
        match kind(element) {
            "image" => {
                self.keys(element, path, &["type", "alt_text"], &["image_url", "slack_file"]);
                self.image_source(element, path);
            }
            multi if multi.starts_with("multi_") => self.select(element, path),
            _ => self.action_element(element, path),
        }
    }

    /// Checks an element of an actions block.
    pub(crate) fn action_element(&mut self, element: &Value, path: &str) {
        match kind(element) {
            "button" => self.button(element, path),
            "overflow" => {
                self.keys(element, path, &["type", "options"], &["action_id", "confirm"]);
                self.options(&element["options"], &format!("{path}/options"), 5, false, true);
                self.confirm(element, path);
                self.action_id(element, path);
            }
            "static_select" | "external_select" | "users_select" | "conversations_select" | "channels_select" => {
                self.select(element, path);
            }
            "radio_buttons" | "checkboxes" => self.choices(element, path),
            "datepicker" | "timepicker" | "datetimepicker" => self.picker(element, path),
            other => self.error(&format!("{path}/type"), format!("unsupported type: {other}")),
        }
    }

    /// Checks the element of an input block.
    pub(crate) fn input_element(&mut self, element: &Value, path: &str) {
        match kind(element) {
            "plain_text_input" => self.plain_text_input(element, path),
            "number_input" => {
                let optional = [
                    "action_id",
                    "initial_value",
                    "min_value",
                    "max_value",
                    "placeholder",
                    "focus_on_load",
                    "dispatch_action_config",
                ];
                self.keys(element, path, &["type", "is_decimal_allowed"], &optional);
                self.common(element, path);
            }
            "email_text_input" | "url_text_input" => {
                let optional = ["action_id", "initial_value", "placeholder", "focus_on_load", "dispatch_action_config"];
                self.keys(element, path, &["type"], &optional);
                self.common(element, path);
            }
            "rich_text_input" => {
                let optional = ["initial_value", "placeholder", "focus_on_load", "dispatch_action_config"];
                self.keys(element, path, &["type", "action_id"], &optional);
                self.common(element, path);
            }
            "file_input" if self.surface == Surface::Modal => self.file_input(element, path),
            "static_select" | "external_select" | "users_select" | "conversations_select" | "channels_select" => {
                self.select(element, path);
            }
            multi if multi.starts_with("multi_") => self.select(element, path),
            "radio_buttons" | "checkboxes" => self.choices(element, path),
            "datepicker" | "timepicker" | "datetimepicker" => self.picker(element, path),
            other => self.error(&format!("{path}/type"), format!("unsupported type: {other}")),
        }
    }

    /// What every element has: action id, placeholder, focus, confirmation.
    fn common(&mut self, element: &Value, path: &str) {
        self.action_id(element, path);
        self.placeholder(element, path);
        self.focus(element, path);
        self.confirm(element, path);
    }

    pub(crate) fn button(&mut self, element: &Value, path: &str) {
        let optional = ["action_id", "url", "value", "style", "confirm", "accessibility_label"];
        self.keys(element, path, &["type", "text"], &optional);
        self.plain_text(&element["text"], &format!("{path}/text"), 75);
        self.optional_string(element, path, "value", 2000);
        self.optional_string(element, path, "url", 3000);
        self.optional_string(element, path, "accessibility_label", 75);
        self.style(element, path);
        self.common(element, path);
    }

    fn plain_text_input(&mut self, element: &Value, path: &str) {
        let optional = [
            "action_id",
            "initial_value",
            "multiline",
            "min_length",
            "max_length",
            "placeholder",
            "focus_on_load",
            "dispatch_action_config",
        ];
        self.keys(element, path, &["type"], &optional);
        self.optional_bool(element, path, "multiline");
        for (key, least) in [("min_length", 0), ("max_length", 1)] {
            let value = &element[key];
            if !value.is_null() && value.as_u64().is_none_or(|value| value < least || value > 3000) {
                self.error(&format!("{path}/{key}"), format!("must be {least} to 3000"));
            }
        }
        let most = element["max_length"].as_u64().unwrap_or(3000);
        self.optional_string(element, path, "initial_value", usize::try_from(most).unwrap_or(3000));
        self.common(element, path);
    }

    fn file_input(&mut self, element: &Value, path: &str) {
        self.keys(element, path, &["type"], &["action_id", "filetypes", "max_files"]);
        self.action_id(element, path);
        let most = &element["max_files"];
        if !most.is_null() && most.as_u64().is_none_or(|most| !(1..=10).contains(&most)) {
            self.error(&format!("{path}/max_files"), "must be 1 to 10");
        }
        if !element["filetypes"].is_null() {
            let types = self.items(&element["filetypes"], &format!("{path}/filetypes"), 1, 100);
            if types.iter().any(|kind| !kind.is_string()) {
                self.error(&format!("{path}/filetypes"), "must be strings");
            }
        }
    }

    fn choices(&mut self, element: &Value, path: &str) {
        let start = if kind(element) == "checkboxes" { "initial_options" } else { "initial_option" };
        self.keys(element, path, &["type", "options"], &["action_id", start, "confirm", "focus_on_load"]);
        let offered = self.options(&element["options"], &format!("{path}/options"), 10, true, false);
        self.initial(element, path, offered);
        self.common(element, path);
    }

    fn picker(&mut self, element: &Value, path: &str) {
        let (start, optional): (_, &[&str]) = match kind(element) {
            "datepicker" => ("initial_date", &["action_id", "initial_date", "placeholder", "focus_on_load", "confirm"]),
            "timepicker" => {
                ("initial_time", &["action_id", "initial_time", "placeholder", "focus_on_load", "confirm", "timezone"])
            }
            _ => ("initial_date_time", &["action_id", "initial_date_time", "focus_on_load", "confirm"]),
        };
        self.keys(element, path, &["type"], optional);
        let value = &element[start];
        let fits = match kind(element) {
            "datepicker" => value.as_str().is_some_and(|date| NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok()),
            "timepicker" => value.as_str().is_some_and(|time| chrono::NaiveTime::parse_from_str(time, "%H:%M").is_ok()),
            _ => value.as_i64().is_some_and(|at| (1_000_000_000..10_000_000_000).contains(&at)),
        };
        if !value.is_null() && !fits {
            self.error(&format!("{path}/{start}"), "must be a valid date or time");
        }
        self.common(element, path);
    }

    fn select(&mut self, element: &Value, path: &str) {
        let name = kind(element);
        let multi = name.starts_with("multi_");
        let source = name.trim_start_matches("multi_").trim_end_matches("_select");
        let (start, more): (&str, &[&str]) = match (source, multi) {
            ("static", false) => ("initial_option", &["options", "option_groups"]),
            ("static", true) => ("initial_options", &["options", "option_groups"]),
            ("external", false) => ("initial_option", &["min_query_length"]),
            ("external", true) => ("initial_options", &["min_query_length"]),
            ("users", false) => ("initial_user", &[]),
            ("users", true) => ("initial_users", &[]),
            ("conversations", false) => {
                ("initial_conversation", &["default_to_current_conversation", "response_url_enabled", "filter"])
            }
            ("conversations", true) => ("initial_conversations", &["default_to_current_conversation", "filter"]),
            ("channels", false) => ("initial_channel", &["response_url_enabled"]),
            ("channels", true) => ("initial_channels", &[]),
            _ => return self.error(&format!("{path}/type"), format!("unsupported type: {name}")),
        };
        let mut optional = vec!["action_id", "placeholder", "confirm", "focus_on_load", start];
        optional.extend(more);
        if multi {
            optional.push("max_selected_items");
        }
        self.keys(element, path, &["type"], &optional);
        if source == "static" {
            let offered = self.select_options(element, path);
            self.initial(element, path, &offered);
        }
        if source == "users" {
            let single = [&element["initial_user"]].into_iter().filter(|user| !user.is_null());
            let many = element["initial_users"].as_array().into_iter().flatten();
            for user in single.chain(many) {
                if !user.as_str().is_some_and(|id| self.world.users.contains_key(id)) {
                    self.error(&format!("{path}/{start}"), format!("no such user: {user}"));
                }
            }
        }
        if !element["max_selected_items"].is_null() && element["max_selected_items"].as_u64().is_none_or(|n| n == 0) {
            self.error(&format!("{path}/max_selected_items"), "must be at least 1");
        }
        self.common(element, path);
    }
}

fn kind(element: &Value) -> &str {
    element["type"].as_str().unwrap_or_default()
}
