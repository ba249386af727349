//! The whole page: top bar, conversations, messages, thread, what happened, and a modal over it.

use std::fmt::Write as _;

use super::happened::{self, Log};
use super::html::{esc, hidden};
use super::memory::Memory;
use super::place::Place;
use super::reader::{DM, Reader, address, time_or};
use super::trouble::Trouble;
use super::{modal, timeline};
use crate::slack::World;
use crate::slack::recorder::Recorder;

/// The app's slash commands and what they are for.
pub(super) const COMMANDS: [(&str, &str); 4] = [
    ("/new-ticket", "File a ticket"),
    ("/agent-tickets", "The tickets you filed"),
    ("/system-tickets", "All tickets (system users)"),
    ("/ticket-summary", "Numbers and charts (system users)"),
];

/// Everything that a page shows.
pub(super) struct Page<'a> {
    pub(super) world: &'a World,
    pub(super) recorder: &'a Recorder,
    pub(super) log: &'a Log,
    pub(super) memory: &'a Memory,
    pub(super) trouble: Option<&'a Trouble>,
    pub(super) system_users: &'a [String],
    pub(super) place: &'a Place,
}

impl Page<'_> {
    /// The HTML.
    pub(super) fn html(&self) -> String {
        let reader = Reader { world: self.world, user: &self.place.user };
        let thread = timeline::thread(reader, self.place);
        let modal = modal::modal(reader, self.place);
        let inert = if modal.is_some() { " inert" } else { "" };
        let threaded = if thread.is_some() { " with-thread" } else { "" };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
             <link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\"><link rel=\"stylesheet\" href=\"/style.css\"><script src=\"/page.js\" defer></script></head>\
             <body data-place=\"{here}\" data-live=\"/live\">{top}<div class=\"columns{threaded}\"{inert}>{side}\
             <main id=\"main\">{hint}{talk}</main><aside class=\"beside\">{thread}{happened}</aside></div>{modal}{notes}</body></html>",
            title = esc(&self.title(reader)),
            here = esc(&self.place.address()),
            top = self.top(),
            side = self.side(reader),
            hint = self.hint(),
            talk = timeline::conversation(reader, self.place),
            happened = happened::panel(reader, self.recorder, self.log, thread.is_none()),
            thread = thread.unwrap_or_default(),
            modal = modal.unwrap_or_default(),
            notes = self.notes(),
        )
    }

    fn title(&self, reader: Reader<'_>) -> String {
        let where_at = if self.place.dm { "Ticket Desk".to_owned() } else { reader.channel_name(self.place.key()) };
        let name = self.world.users.get(&self.place.user).map_or("", |user| user.real_name.as_str());
        format!("{where_at} · {name} · Slack sandbox")
    }

    fn top(&self) -> String {
        let suggestions: String =
            COMMANDS.iter().map(|(name, what)| format!("<option value=\"{name}\">{what}</option>")).collect();
        format!(
            "<header class=\"top\"><form method=\"get\" action=\"/\" class=\"who\"><label for=\"as\">You are</label>\
             <select id=\"as\" name=\"as\" data-go>{people}</select>{go_in}<noscript><button class=\"button\">Go</button></noscript></form>\
             <form method=\"post\" action=\"/command\" class=\"command\" data-reset>{fields}<label class=\"hidden\" for=\"command\">Slash command</label>\
             <input id=\"command\" name=\"text\" list=\"commands\" placeholder=\"/new-ticket\" autocomplete=\"off\" spellcheck=\"false\" required>\
             <datalist id=\"commands\">{suggestions}</datalist><button class=\"button primary\">Send</button></form>{trouble}</header>",
            people = self.people(),
            go_in = hidden("in", self.place.key()),
            fields = self.place.fields(),
            trouble = self.trouble_menu(),
        )
    }

    fn people(&self) -> String {
        let people = self.world.users.values().filter(|user| !user.is_bot && !user.deleted);
        let (system, agents): (Vec<_>, Vec<_>) = people.partition(|user| self.system_users.contains(&user.id));
        let mut out = String::new();
        for (label, group) in [("Agents, who file tickets", agents), ("System users, who work on them", system)] {
            let _ = write!(out, "<optgroup label=\"{label}\">");
            for user in group {
                let selected = if user.id == self.place.user { " selected" } else { "" };
                let _ = write!(out, "<option value=\"{}\"{selected}>{}</option>", esc(&user.id), esc(&user.real_name));
            }
            out += "</optgroup>";
        }
        out
    }

    fn trouble_menu(&self) -> String {
        if let Some(trouble) = self.trouble {
            let until = time_or(trouble.until, "{time_secs}", "soon");
            let form = format!(
                "<form method=\"post\" action=\"/trouble\">{}{}<button class=\"button\">End it</button></form>",
                self.place.fields(),
                hidden("kind", "end")
            );
            return format!(
                "<div class=\"trouble on\" role=\"status\">⚡ {} until {until} {form}</div>",
                trouble.kind.says()
            );
        }
        let rows: String = super::trouble::Kind::ALL
            .iter()
            .map(|kind| {
                format!(
                    "<form method=\"post\" action=\"/trouble\">{}{}<button>{}</button></form>",
                    self.place.fields(),
                    hidden("kind", kind.name()),
                    kind.offers()
                )
            })
            .collect();
        format!(
            "<details class=\"menu trouble\" id=\"trouble\"><summary class=\"button\">⚡ Trouble</summary><div>{rows}</div></details>"
        )
    }

    fn side(&self, reader: Reader<'_>) -> String {
        let unread = |id: Option<&str>| id.map_or(0, |id| self.memory.unread(self.world, reader.user, id));
        let link = |key: &str, id: Option<&str>, name: &str| {
            let here = if self.place.key() == key { " aria-current=\"page\"" } else { "" };
            let (mark, hint) = match unread(id) {
                0 => ("", String::new()),
                n => (" class=\"fresh\"", format!("<b class=\"unread\">{n}<span class=\"hidden\"> unread</span></b>")),
            };
            let href = address(&self.place.user, key, None);
            format!("<li><a href=\"{}\"{here}{mark}><span>{}</span>{hint}</a></li>", esc(&href), esc(name))
        };
        let mut mine: Vec<_> =
            self.world.channels.values().filter(|c| c.members.contains(reader.user) && !c.archived).collect();
        mine.sort_by_key(|channel| &channel.name);
        let news = mine.iter().filter(|channel| unread(Some(&channel.id)) > 0).count();
        let news = if news > 0 { format!(" <b class=\"unread\">{news} with news</b>") } else { String::new() };
        let channels: String = mine
            .iter()
            .filter(|channel| channel.user.is_none())
            .map(|channel| link(&channel.id, Some(&channel.id), &format!("# {}", channel.name)))
            .collect();
        let dm = link(DM, self.world.dm(reader.user), "Ticket Desk");
        let seen = if unread(self.place.channel.as_deref()) > 0 {
            let button = "<noscript><button class=\"link\">Mark as read</button></noscript>";
            format!("<form method=\"post\" action=\"/read\" data-read>{}{button}</form>", self.place.fields())
        } else {
            String::new()
        };
        format!(
            "<nav class=\"side\" aria-label=\"Conversations\"><details id=\"side\" open data-narrow><summary>Conversations{news}</summary>\
             <h2>Channels</h2><ul>{channels}</ul><h2>Direct messages</h2><ul>{dm}</ul>{seen}</details></nav>"
        )
    }

    fn hint(&self) -> String {
        if self.memory.hint_gone {
            return String::new();
        }
        format!(
            "<section class=\"hint\" id=\"hint\" aria-label=\"What to try first\"><h2>New here? Three steps</h2><ol>\
             <li>You are Ana, an agent. Send <code>/new-ticket</code> above, fill the form and submit it: a card appears in #tickets.</li>\
             <li>Become Sam, a system user (“You are”, or in a second tab). Press <b>Assign to Me</b> on the card; then look into Ana's direct messages.</li>\
             <li>Make trouble: send <code>/new-ticket</code> again and fill it; then press <b>⚡ Trouble</b>, let Slack be down, and submit. \
             The card comes as soon as Slack is back; “What happened” shows how.</li></ol>\
             <form method=\"post\" action=\"/hint\">{}<button class=\"button\">Got it</button></form></section>",
            self.place.fields()
        )
    }

    /// What Slack tells the person that belongs to no conversation.
    fn notes(&self) -> String {
        let young = |at: chrono::DateTime<chrono::Utc>| self.world.now() - at < chrono::TimeDelta::seconds(20);
        let mine = self.world.notes.iter().filter(|note| note.user == self.place.user && note.channel.is_none());
        let rows: String =
            mine.filter(|note| young(note.at)).map(|note| format!("<li>⚠ {}</li>", esc(&note.text))).collect();
        if rows.is_empty() {
            return "<ul class=\"notes\" id=\"notes\" role=\"alert\"></ul>".to_owned();
        }
        let dismiss = format!(
            "<li><form method=\"post\" action=\"/dismiss\">{}<button class=\"link\">Dismiss</button></form></li>",
            self.place.fields()
        );
        format!("<ul class=\"notes\" id=\"notes\" role=\"alert\" data-passing>{rows}{dismiss}</ul>")
    }
}
