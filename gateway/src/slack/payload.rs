//! The few fields we use of Slack's payloads. Everything is optional and unknown fields are skipped: payloads grow
//! without notice, and organisation-wide installs leave out what others have.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A form's fields; of a doubled name the first counts. `None` where the bytes are no form at all.
pub(super) fn form(body: &[u8]) -> Option<HashMap<String, String>> {
    let text = std::str::from_utf8(body).ok()?;
    if !text.contains('=') {
        return None;
    }
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).ok()?;
    let mut fields = HashMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        fields.entry(name).or_insert(value);
    }
    Some(fields)
}

/// A word without blanks, control characters or anything beyond ASCII, of 1 to `limit` characters, as Slack's ids and media
/// types are. It becomes part of keys and of columns that hold no NUL.
pub(super) fn is_plain(text: &str, limit: usize) -> bool {
    (1..=limit).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A field whose value has another shape than expected counts as absent instead of making the whole payload unreadable.
fn lenient<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

macro_rules! payload {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Deserialize, Default)]
        #[serde(default)]
        pub(super) struct $name {
            $($(#[$attribute])* #[serde(deserialize_with = "lenient")] pub(super) $field: Option<$type>,)*
        }
    };
}

payload!(
    /// An interaction: a clicked element, a submitted or closed modal.
    Interaction {
        #[serde(rename = "type")]
        kind: String,
        team: Object,
        user: Person,
        api_app_id: String,
        trigger_id: String,
        response_url: String,
        container: Container,
        actions: Vec<ClickedElement>,
        view: View,
    }
);
payload!(
    /// Anything with an id.
    Object {
        id: String,
    }
);
payload!(
    /// Who did it; `team_id` is there when `team` is null (organisation-wide installs).
    Person {
        id: String,
        team_id: String,
    }
);
payload!(
    /// Where a clicked element is.
    Container {
        message_ts: String,
        view_id: String,
    }
);
payload!(
    /// A clicked element.
    ClickedElement {
        action_id: String,
        action_ts: String,
        value: String,
        selected_option: Chosen,
        selected_options: Vec<Chosen>,
        selected_date: String,
        selected_user: String,
    }
);
payload!(
    /// A modal with what was entered: `state.values[block_id][action_id]`.
    View {
        id: String,
        app_id: String,
        external_id: String,
        callback_id: String,
        private_metadata: String,
        state: ViewState,
    }
);
payload!(
    /// A modal's inputs.
    ViewState {
        values: HashMap<String, HashMap<String, InputValue>>,
    }
);
payload!(
    /// One input's value; which field is filled depends on the element.
    InputValue {
        value: String,
        selected_option: Chosen,
        selected_user: String,
        files: Vec<File>,
    }
);
payload!(
    /// A chosen option.
    Chosen {
        value: String,
    }
);
payload!(
    /// A file of a `file_input`.
    File {
        id: String,
        name: String,
        mimetype: String,
        size: i64,
        permalink: String,
    }
);
payload!(
    /// An Events API request.
    EventRequest {
        #[serde(rename = "type")]
        kind: String,
        challenge: String,
        team_id: String,
        event_id: String,
        authorizations: Vec<Authorization>,
        event: Event,
    }
);
payload!(
    /// For whom an event is delivered: our bot.
    Authorization {
        user_id: String,
        is_bot: bool,
    }
);
payload!(
    /// An event; of all kinds only messages are used.
    Event {
        #[serde(rename = "type")]
        kind: String,
        subtype: String,
        channel: String,
        channel_type: String,
        user: String,
        bot_id: String,
        ts: String,
        event_ts: String,
        thread_ts: String,
        deleted_ts: String,
        text: String,
        message: Message,
        previous_message: Message,
    }
);
payload!(
    /// A message inside an event that changes or deletes it.
    Message {
        subtype: String,
        user: String,
        bot_id: String,
        ts: String,
        thread_ts: String,
        text: String,
        edited: Edited,
    }
);
payload!(
    /// When a message was edited.
    Edited {
        ts: String,
    }
);

impl ClickedElement {
    /// What was chosen, whichever element it is; empty where a choice was taken back.
    pub(super) fn values(&self) -> Vec<String> {
        let options = self.selected_options.iter().flatten().chain(&self.selected_option);
        let chosen = options.filter_map(|option| option.value.clone());
        chosen.chain(self.selected_date.clone()).chain(self.selected_user.clone()).chain(self.value.clone()).collect()
    }
}

impl View {
    /// The value of the one element in an input block.
    pub(super) fn input(&self, block_id: &str) -> Option<&InputValue> {
        self.state.as_ref()?.values.as_ref()?.get(block_id)?.get(block_id)
    }

    /// The chosen option's value of a select.
    pub(super) fn chosen(&self, block_id: &str) -> Option<&str> {
        self.input(block_id)?.selected_option.as_ref()?.value.as_deref().filter(|value| !value.is_empty())
    }

    /// The typed text of an input; blank counts as absent.
    pub(super) fn text(&self, block_id: &str) -> Option<&str> {
        self.input(block_id)?.value.as_deref().filter(|value| !value.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_field_costs_itself_only() {
        let json = r#"{"type":"block_actions","team":null,"user":{"id":"U1","name":7},"view":"odd","new":[1]}"#;
        let interaction: Interaction = serde_json::from_str(json).unwrap();
        assert_eq!(interaction.kind.as_deref(), Some("block_actions"));
        assert_eq!(interaction.user.unwrap().id.as_deref(), Some("U1"));
        assert!(interaction.team.is_none() && interaction.view.is_none());
    }

    #[test]
    fn what_is_no_form() {
        for bytes in [&b""[..], b"hello", b"\xff\xfe=1", b"{}"] {
            assert!(form(bytes).is_none(), "{bytes:?}");
        }
        assert_eq!(form(b"a=1&a=2").unwrap()["a"], "1");
    }
}
