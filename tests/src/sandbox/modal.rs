//! The modal on top of a user's stack.

use super::blocks::Canvas;
use super::html::{deed, esc, hidden};
use super::mrkdwn::plain;
use super::place::Place;
use super::reader::Reader;

/// The modal; none where none is open.
pub(super) fn modal(reader: Reader<'_>, place: &Place) -> Option<String> {
    let view = reader.world.top_view(reader.user)?;
    let text = |value: &serde_json::Value, otherwise: &str| plain(value["text"].as_str().unwrap_or(otherwise));
    let canvas = Canvas { reader, scope: view.id.clone(), inputs: &view.inputs, errors: &view.errors };
    let banner = view.banner.as_ref().map(|text| format!("<p class=\"banner\" role=\"alert\">⚠ {}</p>", esc(text)));
    let (submit, close) = (deed(&["submit"]), deed(&["close"]));
    let submits = !view.submit.is_null();
    // Enter in a field presses the first button of a form.
    let enter = if submits {
        format!(
            "<button class=\"hidden\" name=\"do\" value=\"{submit}\" tabindex=\"-1\" aria-hidden=\"true\"></button>"
        )
    } else {
        String::new()
    };
    let button = if submits {
        format!(
            "<button class=\"button primary\" id=\"submit-{}\" name=\"do\" value=\"{submit}\">{}</button>",
            view.id,
            text(&view.submit, "Submit")
        )
    } else {
        String::new()
    };
    let stacked = if view.previous_view_id.is_some() { "‹ " } else { "" };
    Some(format!(
        "<div class=\"overlay\"><form id=\"view-{id}\" class=\"modal\" role=\"dialog\" aria-labelledby=\"modal-title\" method=\"post\" \
         action=\"/act\" enctype=\"multipart/form-data\" data-modal>{place}{spot}{enter}\
         <header class=\"head\"><h2 id=\"modal-title\">{title}</h2>\
         <button class=\"button\" name=\"do\" value=\"{close}\" formnovalidate aria-label=\"Close\">✕</button></header>\
         {banner}<div class=\"modal-body\" id=\"body-{id}\">{blocks}</div>\
         <footer><button class=\"button\" name=\"do\" value=\"{close}\" formnovalidate>{stacked}{close_text}</button>{button}</footer></form></div>",
        id = view.id,
        place = place.fields(),
        spot = hidden("spot", "view") + &hidden("view", &view.id),
        title = text(&view.title, ""),
        banner = banner.unwrap_or_default(),
        blocks = canvas.draw(&view.blocks),
        close_text = text(&view.close, "Close"),
    ))
}
