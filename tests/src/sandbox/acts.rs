//! What people do on the page beside blocks: commands, messages, pins, notes that are put away.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Sandbox;
use super::forms::Form;
use super::page::COMMANDS;
use super::place::Place;
use super::reader::ts_of;
use super::typed::{as_sent, unix_lines};
use crate::actor::Person;
use crate::slack::{Delivery, lock};

/// How long the page waits for what goes on behind it: the app may be slow to take an event.
const SHORTLY: Duration = Duration::from_millis(400);

/// Does what a form asks for.
pub(super) async fn act(sandbox: &Arc<Sandbox>, action: &str, place: &Place, form: &Form) {
    match action {
        "act" => super::interactions::interact(sandbox, place, form).await,
        "command" => command(sandbox, place, form.value("text").unwrap_or_default()).await,
        "say" => say(sandbox, place, form).await,
        "edit" | "delete" | "pin" | "unpin" => change(sandbox, place, action, form).await,
        "dismiss" => dismiss(sandbox, place, form.value("ts")),
        "trouble" => super::trouble::set(sandbox, form.value("kind").unwrap_or_default()),
        "read" => {
            if let Some(channel) = &place.channel {
                sandbox.slack.read(|world| lock(&sandbox.memory).read(world, &place.user, channel));
                sandbox.notify();
            }
        }
        "hint" => {
            lock(&sandbox.memory).hint_gone = true;
            sandbox.notify();
        }
        _ => {}
    }
}

fn person(sandbox: &Sandbox, place: &Place) -> (Person, String) {
    let channel = place.channel.clone().unwrap_or_else(|| sandbox.slack.change(|world| world.open_dm(&place.user)));
    (sandbox.slack.person(&place.user).in_channel(&channel), channel)
}

/// Runs on behind the page, which waits a moment for it.
async fn shortly(task: impl Future<Output = ()> + Send + 'static) {
    let _ = tokio::time::timeout(SHORTLY, tokio::spawn(task)).await;
}

async fn command(sandbox: &Arc<Sandbox>, place: &Place, typed: &str) {
    let typed = typed.trim();
    let (name, text) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let (person, channel) = person(sandbox, place);
    let name = if name.starts_with('/') { name.to_owned() } else { format!("/{name}") };
    if !COMMANDS.iter().any(|(known, _)| *known == name) {
        let text = format!("{name} is not a valid command. There are: {}", COMMANDS.map(|(known, _)| known).join(", "));
        return sandbox.slack.change(|world| world.note(&place.user, Some(&channel), text));
    }
    let text = sandbox.slack.read(|world| as_sent(world, text.trim()));
    let delivery = person.command(&name, &text).await;
    sandbox.note_sent(&name, &delivery);
}

async fn say(sandbox: &Arc<Sandbox>, place: &Place, form: &Form) {
    let text = unix_lines(form.value("text").unwrap_or_default());
    let (text, files) = (text.trim(), form.files("files"));
    let thread = form.value("reply_to").map(str::to_owned);
    let (person, channel) = person(sandbox, place);
    let is_command = COMMANDS.iter().any(|(known, _)| text.split_whitespace().next() == Some(known));
    if is_command && thread.is_none() {
        return command(sandbox, place, text).await;
    }
    if is_command {
        let text = "Slash commands are not supported in threads. Sorry!";
        return sandbox.slack.change(|world| world.note(&place.user, None, text));
    }
    if text.is_empty() && files.is_empty() {
        return;
    }
    let text = sandbox.slack.read(|world| as_sent(world, text));
    let sandbox = Arc::clone(sandbox);
    shortly(async move {
        let (_, delivery) = person.post(&channel, thread.as_deref(), &text, &files).await;
        sandbox.note_event("message", delivery.as_ref());
    })
    .await;
}

async fn change(sandbox: &Arc<Sandbox>, place: &Place, action: &str, form: &Form) {
    let (person, _) = person(sandbox, place);
    let channel = form.value("channel").unwrap_or_default().to_owned();
    let ts = form.value("ts").unwrap_or_default().to_owned();
    let text = form.value("text").unwrap_or_default();
    let (may, text) = sandbox.slack.read(|world| {
        let member = world.channels.get(&channel).is_some_and(|channel| channel.members.contains(&place.user));
        let own = world.message(&channel, &ts).is_some_and(|message| message.user == place.user);
        (member && (own || action.ends_with("pin")), as_sent(world, text.trim()))
    });
    if !may || (action == "edit" && text.is_empty()) {
        return sandbox.slack.change(|world| world.note(&place.user, None, "You can't do that to this message."));
    }
    let (action, sandbox) = (action.to_owned(), Arc::clone(sandbox));
    shortly(async move {
        let delivery = match action.as_str() {
            "edit" => person.edit(&channel, &ts, &text).await,
            "delete" => person.delete(&channel, &ts).await,
            "pin" => person.pin(&channel, &ts).await,
            _ => person.unpin(&channel, &ts).await,
        };
        sandbox.note_event(&action, delivery.as_ref());
    })
    .await;
}

/// Puts away an ephemeral message or a note of Slack's; without a ts all notes that belong to no conversation.
fn dismiss(sandbox: &Sandbox, place: &Place, ts: Option<&str>) {
    sandbox.slack.change(|world| {
        for message in world.ephemerals.iter_mut().filter(|message| message.user == place.user) {
            message.deleted |= Some(message.ts.as_str()) == ts;
        }
        world.notes.retain(|note| {
            let meant = if note.channel.is_some() { ts == Some(&ts_of(note.at)) } else { ts.is_none() };
            note.user != place.user || !meant
        });
    });
}

impl Sandbox {
    /// Notes a request to the app for "What happened".
    pub(super) fn note_sent(&self, what: &str, delivery: &Delivery) {
        let now = self.slack.now();
        lock(&self.log).add(now, what, delivery);
        self.notify();
    }

    fn note_event(&self, what: &str, delivery: Option<&Delivery>) {
        if let Some(delivery) = delivery {
            self.note_sent(&format!("event: {what}"), delivery);
        }
    }
}
