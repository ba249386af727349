//! Private answers by response URL.

use common::interaction::action;
use serde_json::{Value, json};

use super::blocks::{actions, button, section};

/// A line that only one person sees.
pub fn private_text(text: &str) -> Value {
    json!({ "response_type": "ephemeral", "replace_original": false, "text": text })
}

/// A modal could not be opened in time. Where it was the form of `/new-ticket`, a button brings a fresh trigger.
pub fn form_not_opened(reason: &str, again: &str, button_opens_form: bool) -> Value {
    let text = format!("{reason} If nothing opened, please try {again} again.");
    let mut blocks = vec![section(&text)];
    if button_opens_form {
        blocks.push(actions(vec![button(action::OPEN_FORM, "Open the form", "form")]));
    }
    json!({ "response_type": "ephemeral", "replace_original": false, "text": text, "blocks": blocks })
}
