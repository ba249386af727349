//! The controls that hold a value: text, selects, radio buttons, checkboxes, multi selects, files.

use serde_json::Value;

use super::blocks::items;
use super::elements::Control;
use super::html::{deed, esc};
use super::reader::is_picture;
use crate::slack::model::ChannelKind;

/// An option of any select: value, text, description.
struct Choice {
    value: String,
    text: String,
    more: Option<String>,
}

impl Control<'_> {
    fn held(&self) -> Option<&Value> {
        self.value().as_object()?.iter().find(|(key, _)| *key != "type").map(|(_, held)| held)
    }

    /// The values chosen, of options or ids.
    fn chosen(&self) -> Vec<&str> {
        let held = self.held().unwrap_or(&Value::Null);
        let single = [held].into_iter().filter(|held| !held.is_array());
        let all = single.chain(items(held));
        all.filter_map(|one| one["value"].as_str().or_else(|| one.as_str())).collect()
    }

    pub(super) fn line(&self, kind: &str) -> String {
        let value = self.held().and_then(Value::as_str).unwrap_or_default();
        let mut more = String::new();
        for (key, attribute) in
            [("min_length", "minlength"), ("max_length", "maxlength"), ("min_value", "min"), ("max_value", "max")]
        {
            let limit = &self.element[key];
            let limit = limit.as_str().map(str::to_owned).or_else(|| limit.as_u64().map(|limit| limit.to_string()));
            more += &limit.map(|limit| format!(r#" {attribute}="{}""#, esc(&limit))).unwrap_or_default();
        }
        if self.element["is_decimal_allowed"] == true {
            more += " step=\"any\"";
        }
        format!(
            r#"<input type="{kind}" {} value="{}" placeholder="{}"{more} autocomplete="off">{}{}"#,
            self.attributes(),
            esc(value),
            esc(self.placeholder()),
            self.counter(),
            self.without_script()
        )
    }

    pub(super) fn textarea(&self) -> String {
        let value = self.held().and_then(Value::as_str).unwrap_or_default();
        let limit = |key: &str, name: &str| {
            self.element[key].as_u64().map(|limit| format!(r#" {name}="{limit}""#)).unwrap_or_default()
        };
        format!(
            "<textarea rows=\"5\" {} placeholder=\"{}\"{}{}>\n{}</textarea>{}{}",
            self.attributes(),
            esc(self.placeholder()),
            limit("min_length", "minlength"),
            limit("max_length", "maxlength"),
            esc(value),
            self.counter(),
            self.without_script()
        )
    }

    fn counter(&self) -> String {
        let Some(most) = self.element["max_length"].as_u64() else {
            return String::new();
        };
        format!(r#"<span class="count" data-count="{}" data-most="{most}">up to {most} characters</span>"#, self.id())
    }

    fn options(&self, element: &Value) -> Vec<Choice> {
        let one = |option: &Value| Choice {
            value: option["value"].as_str().unwrap_or_default().to_owned(),
            text: option["text"]["text"].as_str().unwrap_or_default().to_owned(),
            more: option["description"]["text"].as_str().map(str::to_owned),
        };
        items(&element["options"]).iter().map(one).collect()
    }

    /// All choices by group; the group without a name first.
    fn groups(&self) -> Vec<(Option<String>, Vec<Choice>)> {
        let world = self.canvas.reader.world;
        let choice = |value: &String, text: String| Choice { value: value.clone(), text, more: None };
        match self.kind().trim_start_matches("multi_") {
            "users_select" => {
                let people = world.users.values().filter(|user| !user.deleted && !user.is_bot);
                vec![(None, people.map(|user| choice(&user.id, user.real_name.clone())).collect())]
            }
            "channels_select" | "conversations_select" => {
                let channels = world.channels.values().filter(|channel| channel.kind != ChannelKind::Im);
                vec![(None, channels.map(|channel| choice(&channel.id, format!("#{}", channel.name))).collect())]
            }
            _ => {
                let mut groups = vec![(None, self.options(self.element))];
                for group in items(&self.element["option_groups"]) {
                    groups.push((group["label"]["text"].as_str().map(str::to_owned), self.options(group)));
                }
                groups
            }
        }
    }

    pub(super) fn select(&self) -> String {
        let chosen = self.chosen();
        let first = if self.placeholder().is_empty() { "Choose…" } else { self.placeholder() };
        // What is chosen can be changed; only an optional input can be emptied again.
        let optional = !self.more.is_empty() && !self.more.contains("required");
        let mut body = match (chosen.is_empty(), optional) {
            (true, _) => format!("<option value=\"\" selected>{}</option>", esc(first)),
            (false, true) => format!("<option value=\"\">{}</option>", esc(first)),
            (false, false) => String::new(),
        };
        for (label, choices) in self.groups() {
            let options: String = choices.iter().map(|choice| option(choice, &chosen)).collect();
            match label {
                Some(label) => body += &format!("<optgroup label=\"{}\">{options}</optgroup>", esc(&label)),
                None => body += &options,
            }
        }
        format!("<select {}>{body}</select>{}", self.attributes(), self.without_script())
    }

    /// Radio buttons or checkboxes.
    pub(super) fn ticks(&self, kind: &str) -> String {
        let rows: String =
            self.options(self.element).iter().enumerate().map(|(index, one)| self.tick(kind, index, one)).collect();
        format!("<div class=\"ticks\" id=\"{}\">{rows}</div>{}", self.id(), self.without_script())
    }

    fn tick(&self, kind: &str, index: usize, choice: &Choice) -> String {
        let checked = if self.chosen().contains(&choice.value.as_str()) { " checked" } else { "" };
        let send = if self.sends && !self.kind().starts_with("multi_") {
            format!(r#" data-send="{}""#, self.deed("choose"))
        } else {
            String::new()
        };
        // The group is what is required, not each box; the stand-in checks that.
        let required = if kind == "radio" && self.more.contains("required") { " required" } else { "" };
        let more = choice.more.as_ref().map(|more| format!("<small>{}</small>", esc(more))).unwrap_or_default();
        format!(
            r#"<label><input type="{kind}" id="{}-{index}" name="{}" value="{}"{checked}{send}{required}><span>{}{more}</span></label>"#,
            self.id(),
            self.name(),
            esc(&choice.value),
            super::mrkdwn::plain(&choice.text)
        )
    }

    /// A select of several: a list of boxes to tick that folds away.
    pub(super) fn multi(&self) -> String {
        let chosen = self.chosen().len();
        let name = if self.placeholder().is_empty() { "Choose…" } else { self.placeholder() };
        let count = if chosen == 0 { String::new() } else { format!(" <b>({chosen} chosen)</b>") };
        let (mut rows, mut index) = (String::new(), 0);
        for (label, choices) in self.groups() {
            rows += &label.map(|label| format!("<b class=\"row\">{}</b>", esc(&label))).unwrap_or_default();
            for choice in choices {
                rows += &self.tick("checkbox", index, &choice);
                index += 1;
            }
        }
        let apply = if self.sends {
            format!(
                "<button class=\"button primary\" name=\"do\" value=\"{}\" formnovalidate>Apply</button>",
                self.deed("choose")
            )
        } else {
            String::new()
        };
        format!(
            r#"<details class="multi" id="{}"><summary class="button">{}{count}</summary><div><div class="ticks">{rows}</div>{apply}</div></details>"#,
            self.id(),
            esc(name)
        )
    }

    /// Files: those that are there, and a field for more. A chosen file is uploaded at once, as in Slack.
    pub(super) fn files(&self) -> String {
        let world = self.canvas.reader.world;
        let mut rows = String::new();
        for id in items(&self.value()["files"]).iter().filter_map(|file| file["id"].as_str()) {
            let Some(file) = world.files.get(id) else {
                continue;
            };
            let picture = if is_picture(file) {
                format!(r#"<img class="tiny" src="{}" alt="">"#, self.canvas.reader.file_href(id))
            } else {
                "📄".to_owned()
            };
            let remove = deed(&["remove", self.block_id, self.action_id, id]);
            rows += &format!(
                r#"<li>{picture}<span>{0} <small>{1}</small></span><button class="link" name="do" value="{remove}" formnovalidate aria-label="Remove {0}">Remove</button></li>"#,
                esc(&file.name),
                size(file.bytes.len())
            );
        }
        let kinds: Vec<String> =
            items(&self.element["filetypes"]).iter().filter_map(Value::as_str).map(|kind| format!(".{kind}")).collect();
        let most = self.element["max_files"].as_u64().unwrap_or(10);
        let more = self.more.replace("required", "");
        format!(
            r#"<ul class="files">{rows}</ul><input type="file" id="{}" name="{}" {more} data-send="{}" accept="{}"{}><small>At most {most}, {}</small>"#,
            self.id(),
            self.name(),
            self.deed("attach"),
            esc(&kinds.join(",")),
            if most > 1 { " multiple" } else { "" },
            if kinds.is_empty() { "any kind".to_owned() } else { esc(&kinds.join(" ")).to_string() },
        )
    }
}

fn option(choice: &Choice, chosen: &[&str]) -> String {
    let selected = if chosen.contains(&choice.value.as_str()) { " selected" } else { "" };
    let more = choice.more.as_ref().map(|more| format!(" — {more}")).unwrap_or_default();
    format!(
        "<option value=\"{}\"{selected}>{}{}</option>",
        esc(&choice.value),
        super::mrkdwn::plain(&choice.text),
        esc(&more)
    )
}

/// A size in words.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}
