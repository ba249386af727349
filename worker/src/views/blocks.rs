//! Short names for the blocks that our views are made of, clipped to Slack's limits.

use slack_morphism::prelude::*;

use super::limits::{self, clip};

/// Plain text: shown as it is, but for emoji names.
pub(super) fn plain(text: &str) -> SlackBlockPlainTextOnly {
    SlackBlockPlainText::new(text.to_owned()).with_emoji(true).into()
}

/// Nothing in it becomes a link or a mention but what is written as one: names and addresses that people typed stay text.
fn mrkdwn(text: String) -> SlackBlockMarkDownText {
    SlackBlockMarkDownText::new(text).with_verbatim(true)
}

pub(super) fn header(text: &str) -> SlackBlock {
    SlackHeaderBlock::new(plain(&clip(text, limits::HEADER_TEXT))).into()
}

/// A paragraph of mrkdwn that is ours, or escaped.
pub(super) fn section(text: &str) -> SlackBlock {
    SlackSectionBlock::new().with_text(SlackBlockText::MarkDown(mrkdwn(clip(text, limits::SECTION_TEXT)))).into()
}

/// User text as it was typed, in as many paragraphs as it needs.
pub(super) fn user_text(text: &str) -> Vec<SlackBlock> {
    limits::pieces(text, limits::SECTION_TEXT)
        .into_iter()
        .filter(|piece| !piece.trim().is_empty())
        .map(|piece| {
            let text = SlackBlockPlainText::new(piece.to_owned()).with_emoji(true);
            SlackSectionBlock::new().with_text(SlackBlockText::Plain(text)).into()
        })
        .collect()
}

/// Up to ten labelled values, two in a row; the values are mrkdwn of ours, or escaped.
pub(super) fn fields(pairs: &[(&str, String)]) -> SlackBlock {
    let fields = pairs.iter().take(10).map(|(label, value)| {
        SlackBlockText::MarkDown(mrkdwn(clip(&format!("*{label}*\n{value}"), limits::FIELD_TEXT)))
    });
    SlackSectionBlock::new().with_fields(fields.collect()).into()
}

/// Small print; one element per text.
pub(super) fn context(texts: impl IntoIterator<Item = String>) -> SlackBlock {
    let elements =
        texts.into_iter().map(|text| SlackContextBlockElement::MarkDown(mrkdwn(clip(&text, limits::FIELD_TEXT))));
    SlackContextBlock::new(elements.take(10).collect()).into()
}

pub(super) fn divider() -> SlackBlock {
    SlackDividerBlock::new().into()
}

/// An image by its Slack file.
pub(super) fn image(file_id: &str, name: &str) -> SlackBlock {
    let file =
        SlackImageUrlOrFile::SlackFile { slack_file: SlackFileIdOrUrl::Id { id: SlackFileId(file_id.to_owned()) } };
    let name = if name.trim().is_empty() { "image" } else { name };
    SlackImageBlock::new(file, clip(name, limits::ALT_TEXT)).into()
}

pub(super) fn button(action_id: &str, text: &str, value: &str) -> SlackBlockButtonElement {
    SlackBlockButtonElement::new(plain(text)).with_action_id(action_id.into()).with_value(value.to_owned())
}

pub(super) fn actions(buttons: Vec<SlackBlockButtonElement>) -> SlackBlock {
    SlackActionsBlock::new(buttons.into_iter().map(SlackActionBlockElement::Button).collect()).into()
}

/// An input with its element.
pub(super) fn input(block_id: &str, label: &str, element: SlackInputBlockElement) -> SlackInputBlock {
    SlackInputBlock::new(plain(label), element).with_block_id(SlackBlockId(block_id.to_owned()))
}

/// An option whose value is its text.
pub(super) fn option(text: &str, value: &str) -> SlackBlockChoiceItem<SlackBlockPlainTextOnly> {
    SlackBlockChoiceItem::new(plain(text), value.to_owned())
}
