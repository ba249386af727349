//! A conversation: its messages with what only the reader sees between them, the thread beside it, the fields to write.

use super::html::{esc, hidden};
use super::message::Messages;
use super::place::Place;
use super::reader::{Reader, anchor, ts_of};
use crate::slack::model::Message;

/// How many entries show at first.
const RECENT: usize = 120;

/// The conversation at a place.
pub(super) fn conversation(reader: Reader<'_>, place: &Place) -> String {
    let world = reader.world;
    let messages = Messages { reader, place, in_thread: false };
    let channel = place.channel.as_deref().unwrap_or_default();
    let mut rows: Vec<(String, String)> = Vec::new();
    let all = world.messages_in(channel);
    let shown = |message: &&&Message| !message.is_reply() || message.subtype.as_deref() == Some("thread_broadcast");
    let all: Vec<&Message> = all.iter().filter(shown).copied().collect();
    let skip = if place.all { 0 } else { all.len().saturating_sub(RECENT) };
    for message in &all[skip..] {
        rows.push((message.ts.clone(), messages.message(message)));
    }
    for message in world.ephemerals_of(reader.user) {
        if message.channel == channel && message.thread_ts.is_none() {
            rows.push((message.ts.clone(), messages.ephemeral(message)));
        }
    }
    for note in &world.notes {
        if note.user == reader.user && note.channel.as_deref() == Some(channel) {
            rows.push((ts_of(note.at), messages.note(note)));
        }
    }
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    let mut list: String = rows.into_iter().map(|(_, row)| row).collect();
    if skip > 0 {
        let href = Place { all: true, ..place.clone() }.address();
        list = format!("<li class=\"notice\"><a href=\"{}\">Show {skip} older messages</a></li>", esc(&href)) + &list;
    }
    if list.is_empty() {
        list = "<li class=\"notice\">Nothing here yet.</li>".to_owned();
    }
    format!(
        "{}<ol id=\"messages\" data-of=\"{}\" class=\"messages\" tabindex=\"0\" role=\"log\" aria-live=\"polite\" aria-label=\"Messages\">{list}</ol>\
         <button type=\"button\" class=\"button newer\" id=\"newer\" hidden>↓ New below</button>{}",
        head(reader, place),
        esc(&Place { thread: None, all: false, ..place.clone() }.address()),
        composer(reader, place, false)
    )
}

fn head(reader: Reader<'_>, place: &Place) -> String {
    let (name, about) = if place.dm {
        ("Ticket Desk".to_owned(), "Your direct messages with the app".to_owned())
    } else {
        let id = place.channel.as_deref().unwrap_or_default();
        let members = reader.world.channels.get(id).map_or(0, |channel| channel.members.len());
        (reader.channel_name(id), format!("{members} members"))
    };
    let pinned = reader.world.pinned_in(place.channel.as_deref().unwrap_or_default());
    let pins = if pinned.is_empty() {
        String::new()
    } else {
        let list: String = pinned
            .iter()
            .map(|message| {
                let text = message.all_text();
                let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                let href = format!("{}#{}", place.address(), anchor(&message.channel, &message.ts));
                format!(
                    "<a href=\"{}\">{}</a>",
                    esc(&href),
                    super::mrkdwn::plain(&line.chars().take(120).collect::<String>())
                )
            })
            .collect();
        format!(
            "<details class=\"menu\" id=\"pins\"><summary>📌 {} pinned</summary><div>{list}</div></details>",
            pinned.len()
        )
    };
    format!("<header class=\"head\"><div><h1>{}</h1><p>{}</p></div>{pins}</header>", esc(&name), esc(&about))
}

fn composer(reader: Reader<'_>, place: &Place, in_thread: bool) -> String {
    let (id, label) = if in_thread {
        ("reply", "Reply in this thread".to_owned())
    } else if place.dm {
        ("say", "Message Ticket Desk".to_owned())
    } else {
        ("say", format!("Message {}", reader.channel_name(place.channel.as_deref().unwrap_or_default())))
    };
    let thread =
        if in_thread { hidden("reply_to", place.thread.as_deref().unwrap_or_default()) } else { String::new() };
    format!(
        "<form method=\"post\" action=\"/say\" enctype=\"multipart/form-data\" class=\"composer\" data-reset>{}{thread}\
         <label class=\"hidden\" for=\"{id}\">{label}</label>\
         <textarea id=\"{id}\" name=\"text\" rows=\"1\" placeholder=\"{label}\" data-enter></textarea>\
         <label class=\"attach\"><span class=\"hidden\">Attach files</span><span aria-hidden=\"true\">📎</span>\
         <input id=\"{id}-files\" type=\"file\" name=\"files\" multiple></label><button class=\"button primary\">Send</button></form>",
        place.fields(),
        label = esc(&label)
    )
}

/// The thread at a place; none where none is open.
pub(super) fn thread(reader: Reader<'_>, place: &Place) -> Option<String> {
    let (channel, ts) = (place.channel.as_deref()?, place.thread.as_deref()?);
    let messages = Messages { reader, place, in_thread: true };
    let parent = reader.world.message(channel, ts)?;
    let mut rows = vec![(parent.ts.clone(), messages.message(parent))];
    rows.extend(
        reader.world.replies_to(channel, ts).into_iter().map(|reply| (reply.ts.clone(), messages.message(reply))),
    );
    for message in reader.world.ephemerals_of(reader.user) {
        if message.channel == channel && message.thread_ts.as_deref() == Some(ts) {
            rows.push((message.ts.clone(), messages.ephemeral(message)));
        }
    }
    rows[1..].sort_by(|one, other| one.0.cmp(&other.0));
    let list: String = rows.into_iter().map(|(_, row)| row).collect();
    let close = Place { thread: None, ..place.clone() }.address();
    Some(format!(
        "<section class=\"thread\" aria-label=\"Thread\"><header class=\"head\"><h2>Thread</h2>\
         <a class=\"button\" href=\"{}\" aria-label=\"Close the thread\">✕</a></header>\
         <ol id=\"replies\" data-of=\"{}\" class=\"messages\" tabindex=\"0\" role=\"log\" aria-live=\"polite\" aria-label=\"Replies\">{list}</ol>{}</section>",
        esc(&close),
        esc(ts),
        composer(reader, place, true)
    ))
}
