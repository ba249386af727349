//! One message on the page: who, when, what, its files, reactions, thread and menu.

use std::collections::BTreeMap;

use super::blocks::Canvas;
use super::controls::size;
use super::emoji;
use super::html::{esc, hidden};
use super::mrkdwn::mrkdwn;
use super::place::Place;
use super::reader::{Reader, anchor, is_picture, time, ts_of, ts_time};
use crate::slack::inputs::initial;
use crate::slack::model::{Ephemeral, Message, Note};

/// Draws messages for a reader at a place.
#[derive(Clone, Copy)]
pub(super) struct Messages<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) place: &'a Place,
    /// In a thread: no link to it, ids of their own.
    pub(super) in_thread: bool,
}

impl Messages<'_> {
    /// A message.
    pub(super) fn message(&self, message: &Message) -> String {
        if message.subtype.as_deref() == Some("pinned_item") {
            let text = mrkdwn(&message.text, self.reader);
            return format!("<li class=\"notice\" id=\"{}\">📌 {text}</li>", self.anchor(message));
        }
        let pinned = message.pinned.as_ref().map_or(String::new(), |pin| {
            format!("<p class=\"flag\">📌 Pinned by {}</p>", esc(self.reader.name(&pin.user)))
        });
        let body = if message.blocks.is_empty() || message.bot_id.is_none() {
            format!("<div class=\"text\">{}</div>", mrkdwn(&message.text, self.reader))
        } else {
            let scope = format!("{}{}", message.ts, if self.in_thread { "-t" } else { "" });
            let spot = [("spot", "message"), ("channel", message.channel.as_str()), ("ts", message.ts.as_str())];
            self.blocks(&message.blocks, scope, message.edits, &spot)
        };
        format!(
            "<li class=\"message{}\" id=\"{}\">{pinned}{}<div class=\"content\">{}{body}{}{}{}</div>{}</li>",
            if message.pinned.is_some() { " pinned" } else { "" },
            self.anchor(message),
            self.avatar(&message.user),
            self.byline(&message.user, &message.ts, message.edited.is_some()),
            self.files(message),
            self.reactions(message),
            self.thread(message),
            self.menu(message),
        )
    }

    fn anchor(&self, message: &Message) -> String {
        let anchor = anchor(&message.channel, &message.ts);
        if self.in_thread { format!("t{anchor}") } else { anchor }
    }

    fn avatar(&self, user: &str) -> String {
        let name = self.reader.world.users.get(user).map_or("?", |user| user.real_name.as_str());
        let letter =
            if user == self.reader.world.app.bot_user_id { "🎫".to_owned() } else { name.chars().take(1).collect() };
        let tint = user.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 6;
        format!("<span class=\"avatar s{tint}\" aria-hidden=\"true\">{}</span>", esc(&letter))
    }

    fn byline(&self, user: &str, ts: &str, edited: bool) -> String {
        let edited = if edited { " <small>(edited)</small>" } else { "" };
        let name = self.reader.world.users.get(user).map_or(user, |user| user.real_name.as_str());
        let app = if user == self.reader.world.app.bot_user_id { " <span class=\"badge\">APP</span>" } else { "" };
        let at = ts_time(ts).map(|at| time(at, "{smart}")).unwrap_or_default();
        format!("<p class=\"byline\"><strong>{}</strong>{app} {at}{edited}</p>", esc(name))
    }

    /// Blocks in a form. With another version the page forgets what was chosen in them and not sent.
    fn blocks(&self, blocks: &[serde_json::Value], scope: String, version: u32, spot: &[(&str, &str)]) -> String {
        let (inputs, errors) = (initial(blocks, &BTreeMap::new()), BTreeMap::new());
        let canvas = Canvas { reader: self.reader, scope, inputs: &inputs, errors: &errors };
        let spot: String = spot.iter().map(|(name, value)| hidden(name, value)).collect();
        format!(
            "<form method=\"post\" action=\"/act\" enctype=\"multipart/form-data\" class=\"blocks\" data-version=\"{version}\">{}{spot}{}</form>",
            self.place.fields(),
            canvas.draw(blocks)
        )
    }

    fn files(&self, message: &Message) -> String {
        let one = |id: &String| {
            let Some(file) = self.reader.world.files.get(id).filter(|file| !file.deleted) else {
                return "<span class=\"missing\">This file was deleted</span>".to_owned();
            };
            let (name, href) = (esc(&file.name), self.reader.file_href(id));
            if is_picture(file) {
                return format!(
                    r#"<a href="{href}" target="_blank"><img class="wide" src="{href}" alt="{name}" loading="lazy"></a>"#
                );
            }
            format!(
                r#"<a class="file" href="{href}" download="{name}">📄 {name} <small>{}</small></a>"#,
                size(file.bytes.len())
            )
        };
        message.files.iter().map(one).collect()
    }

    fn reactions(&self, message: &Message) -> String {
        let mut counts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, user) in &message.reactions {
            let who = self.reader.world.users.get(user).map_or(user.as_str(), |user| user.real_name.as_str());
            counts.entry(name).or_default().push(who);
        }
        let one = |(name, who): (&&str, &Vec<&str>)| {
            let shown = emoji::of(name).map_or_else(|| format!(":{name}:"), str::to_owned);
            format!("<span class=\"reaction\" title=\"{}\">{} {}</span>", esc(&who.join(", ")), esc(&shown), who.len())
        };
        counts.iter().map(one).collect()
    }

    fn thread(&self, message: &Message) -> String {
        if self.in_thread || message.is_reply() {
            return String::new();
        }
        let replies = self.reader.world.replies_to(&message.channel, &message.ts).len();
        if replies == 0 {
            return String::new();
        }
        let href = self.reader.href(&message.channel, Some(&message.ts));
        let word = if replies == 1 { "reply" } else { "replies" };
        format!("<a class=\"thread-link\" href=\"{}\">💬 {replies} {word}</a>", esc(&href))
    }

    fn menu(&self, message: &Message) -> String {
        let spot = self.place.fields() + &hidden("channel", &message.channel) + &hidden("ts", &message.ts);
        let mut rows = String::new();
        if !self.in_thread && !message.is_reply() {
            let href = self.reader.href(&message.channel, Some(&message.ts));
            rows += &format!("<a href=\"{}\">Reply in thread</a>", esc(&href));
        }
        let pin = if message.pinned.is_some() { ("unpin", "Take the pin off") } else { ("pin", "Pin") };
        let post = |action: &str, label: &str| {
            format!("<form method=\"post\" action=\"/{action}\">{spot}<button>{label}</button></form>")
        };
        rows += &post(pin.0, pin.1);
        let id = self.anchor(message);
        if message.user == self.reader.user {
            rows += &post("delete", "Delete");
            rows += &format!(
                "<form method=\"post\" action=\"/edit\" class=\"edit\">{spot}<label for=\"edit-{id}\">Edit</label>\
                 <textarea id=\"edit-{id}\" name=\"text\" rows=\"3\" required>\n{}</textarea><button>Save</button></form>",
                esc(&super::typed::as_typed(self.reader.world, &message.text))
            );
        }
        format!(
            "<details class=\"menu corner\" id=\"menu-{id}\"><summary aria-label=\"Message menu\">⋯</summary><div>{rows}</div></details>"
        )
    }

    /// A message that only the reader sees.
    pub(super) fn ephemeral(&self, message: &Ephemeral) -> String {
        let bot = self.reader.world.app.bot_user_id.clone();
        let body = if message.blocks.is_empty() {
            format!("<div class=\"text\">{}</div>", mrkdwn(&message.text, self.reader))
        } else {
            let spot = [("spot", "ephemeral"), ("ts", message.ts.as_str())];
            self.blocks(&message.blocks, message.ts.clone(), 0, &spot)
        };
        let byline = self.byline(&bot, &message.ts, false);
        self.private(&message.ts, &self.avatar(&bot), &byline, &body)
    }

    /// What Slack itself tells the reader.
    pub(super) fn note(&self, note: &Note) -> String {
        let byline = format!("<p class=\"byline\"><strong>Slackbot</strong> {}</p>", time(note.at, "{smart}"));
        let body = format!("<div class=\"text\">{}</div>", esc(&note.text));
        self.private(&ts_of(note.at), "<span class=\"avatar\" aria-hidden=\"true\">!</span>", &byline, &body)
    }

    fn private(&self, ts: &str, avatar: &str, byline: &str, body: &str) -> String {
        let id = ts.replace('.', "-");
        let place = self.place.fields() + &hidden("ts", ts);
        format!(
            "<li class=\"message only-you\" id=\"x-{}\"><p class=\"flag\">👁 Only visible to you</p>{avatar}<div class=\"content\">\
             {byline}{body}<form method=\"post\" action=\"/dismiss\">{place}<button class=\"link\">Dismiss message</button></form></div></li>",
            esc(&id)
        )
    }
}
