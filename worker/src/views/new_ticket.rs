//! The form of `/new-ticket`.

use common::interaction::{block, callback};
use common::ticket::{MAX_DETAILS_CHARS, MAX_IMAGES, Priority};
use slack_morphism::prelude::*;

use super::blocks::{input, option, plain};
use crate::form::Form;

/// The empty form.
pub fn new_ticket(form: &Form) -> SlackView {
    let campaigns = select(block::CAMPAIGN, "Choose a campaign")
        .with_options(form.campaigns.iter().map(|name| option(name, name)).collect())
        .with_focus_on_load(true);
    let groups = form.issue_types.iter().map(|group| {
        let options = group.types.iter().map(|name| option(name, name)).collect();
        SlackBlockOptionGroup::new(plain(&group.group), options)
    });
    let issue_types = select(block::ISSUE_TYPE, "Choose an issue type").with_option_groups(groups.collect());
    let priorities = select(block::PRIORITY, "Choose a priority")
        .with_options(Priority::ALL.iter().map(|priority| option(priority.label(), priority.as_str())).collect());
    let details = SlackBlockPlainTextInputElement::new()
        .with_action_id(block::DETAILS.into())
        .with_multiline(true)
        .with_max_length(MAX_DETAILS_CHARS as u64)
        .with_placeholder(plain("What happened, what did you expect, since when?"));
    let screenshots = SlackBlockFileInputElement::new()
        .with_action_id(block::SCREENSHOTS.into())
        .with_filetypes(["png", "jpg", "jpeg", "gif", "webp", "heic", "bmp"].map(str::to_owned).to_vec())
        .with_max_files(MAX_IMAGES as u64);
    let blocks = vec![
        input(block::CAMPAIGN, "Campaign", campaigns.into()).into(),
        input(block::ISSUE_TYPE, "Issue type", issue_types.into()).into(),
        input(block::PRIORITY, "Priority", priorities.into()).into(),
        input(block::DETAILS, "Details", details.into()).into(),
        input(block::SCREENSHOTS, "Screenshots", screenshots.into())
            .with_optional(true)
            .with_hint(plain("Up to 5 images. They are shared in the ticket's thread."))
            .into(),
    ];
    SlackView::Modal(
        SlackModalView::new(plain("New ticket"), blocks)
            .with_callback_id(callback::NEW_TICKET.into())
            .with_submit(plain("Submit"))
            .with_close(plain("Cancel")),
    )
}

fn select(action_id: &str, placeholder: &str) -> SlackBlockStaticSelectElement {
    SlackBlockStaticSelectElement::new().with_action_id(action_id.into()).with_placeholder(plain(placeholder))
}
