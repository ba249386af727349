//! People: what they do in Slack, and what Slack then sends to the app.
//!
//! A [`Person`] looks at the stand-in's world as a client would, builds the whole payload, signs it with the
//! workspace's time, posts it to a gateway, and lets the stand-in apply the answer. A check that a real client makes
//! (a required input, a length) refuses the act before anything is sent; `submit_unchecked` goes round it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

pub use crate::slack::entries::{Entry, Upload};
pub use crate::slack::inputs::Field;
use crate::slack::model::{Ephemeral, Message, ResponseUrlSource, Trigger, View, ViewEnd, World};
use crate::slack::{Delivery, SentRequest, SlackStandIn, entries, events, inputs, lock, payload};

/// Where the element is that a person clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot<'a> {
    /// The view on top of the person's stack.
    View,
    /// The app's home tab.
    Home,
    /// A message, by channel and ts.
    Message(&'a str, &'a str),
    /// An ephemeral message that only this person sees, by ts.
    Ephemeral(&'a str),
}

/// A person of the workspace. Clones are the same person.
#[derive(Clone)]
pub struct Person {
    slack: SlackStandIn,
    user: String,
    channel: String,
    last: Arc<Mutex<Option<SentRequest>>>,
}

impl Person {
    pub(crate) fn new(slack: SlackStandIn, user: &str) -> Self {
        let general = slack.read(|world| world.channel_named("general").map(|channel| channel.id.clone()));
        let channel = general.unwrap_or_else(|| "C0GENERAL".into());
        Self { slack, user: user.into(), channel, last: Arc::default() }
    }

    /// The person, looking at another channel: commands are typed there.
    #[must_use]
    pub fn in_channel(&self, channel: &str) -> Self {
        Self { channel: channel.into(), ..self.clone() }
    }

    /// User id.
    pub fn id(&self) -> &str {
        &self.user
    }

    /// The stand-in this person uses.
    pub fn slack(&self) -> &SlackStandIn {
        &self.slack
    }

    /// The request that was sent last, to be replayed or tampered with.
    pub fn last_request(&self) -> Option<SentRequest> {
        lock(&self.last).clone()
    }

    async fn send(&self, path: &str, content_type: &str, body: String) -> Delivery {
        let request = self.slack.signed(body, content_type, path);
        *lock(&self.last) = Some(request.clone());
        self.slack.send(&request).await
    }

    async fn interact(&self, payload: &Value) -> Delivery {
        let body = payload::form(&[("payload", &payload.to_string())]);
        self.send(payload::EVENTS_PATH, payload::FORM, body).await
    }

    /// Types a slash command (`/new-ticket`) with its text; the answer shows as Slack shows it.
    pub async fn command(&self, command: &str, text: &str) -> Delivery {
        let body = self.slack.change(|world| payload::command(world, &self.user, &self.channel, command, text));
        let delivery = self.send(&payload::command_path(command), payload::FORM, body).await;
        self.slack.apply_command_answer(&self.user, &self.channel, command, &delivery);
        delivery
    }

    /// The view on top of this person's stack.
    pub fn view(&self) -> Option<View> {
        self.slack.read(|world| world.top_view(&self.user).cloned())
    }

    /// This person's home tab.
    pub fn home(&self) -> Option<View> {
        self.slack.read(|world| world.home_view(&self.user).cloned())
    }

    /// Waits for a view on top that fits.
    ///
    /// # Panics
    /// After `timeout`.
    pub async fn wait_for_view(&self, timeout: Duration, fits: impl Fn(&View) -> bool) -> View {
        self.slack.wait_for(timeout, |world| world.top_view(&self.user).filter(|view| fits(view)).cloned()).await
    }

    /// The ephemeral messages this person sees.
    pub fn ephemerals(&self) -> Vec<Ephemeral> {
        self.slack.read(|world| world.ephemerals_of(&self.user).into_iter().cloned().collect())
    }

    /// The direct messages between the bot and this person, oldest first.
    pub fn direct_messages(&self) -> Vec<Message> {
        self.slack.read(|world| world.direct_messages(&self.user).into_iter().cloned().collect())
    }

    /// What Slack itself told this person (a command that failed).
    pub fn notes(&self) -> Vec<String> {
        let mine = |world: &World| {
            let notes = world.notes.iter().filter(|note| note.user == self.user);
            notes.map(|note| note.text.clone()).collect()
        };
        self.slack.read(mine)
    }

    /// Waits for an ephemeral message that contains this text.
    ///
    /// # Panics
    /// After `timeout`.
    pub async fn wait_for_ephemeral(&self, timeout: Duration, text: &str) -> Ephemeral {
        let look = |world: &World| {
            let seen = world.ephemerals_of(&self.user);
            seen.into_iter().find(|message| message.all_text().contains(text)).cloned()
        };
        self.slack.wait_for(timeout, look).await
    }

    /// Fills an input of the view on top; nothing is sent. An input that dispatches is also only filled: to have it
    /// sent, use [`Person::choose`].
    ///
    /// # Errors
    /// No view, no such input, or a choice that isn't offered.
    pub fn fill<'a>(&self, field: impl Into<Field<'a>>, entry: impl Into<Entry>) -> Result<()> {
        let (field, entry) = (field.into(), entry.into());
        self.slack.change(|world| {
            let view = world.top_view(&self.user).cloned().context("no view is open")?;
            entries::fill(world, &view.id, &field, &entry).map(|_| ())
        })
    }

    /// Submits the view on top, after the checks a client makes. A client shows what is missing and sends nothing.
    ///
    /// # Errors
    /// No view, no submit button, or a check that fails.
    pub async fn submit(&self) -> Result<Delivery> {
        let view = self.view().context("no view is open")?;
        ensure!(!view.submit.is_null(), "the view has no submit button");
        let wrong = entries::check(&view);
        ensure!(wrong.is_empty(), "the client refuses to submit: {}", wrong.join("; "));
        self.submit_unchecked().await
    }

    /// Submits the view on top without a client's checks, as a forged client may.
    ///
    /// # Errors
    /// No view is open.
    pub async fn submit_unchecked(&self) -> Result<Delivery> {
        let view = self.view().context("no view is open")?;
        let payload = self.slack.change(|world| payload::submission(world, &view.id)).context("the view is gone")?;
        let delivery = self.interact(&payload).await;
        self.slack.apply_submission_answer(&view.id, &delivery).await;
        Ok(delivery)
    }

    /// Presses a button, found by action id, else by its text (whole, else a part of it).
    ///
    /// # Errors
    /// No such button there.
    pub async fn press(&self, spot: Spot<'_>, button: &str) -> Result<Delivery> {
        self.act(spot, &Field::Any(button), None).await
    }

    /// Chooses something in an element that sends at once: a select, an overflow menu, a date, radio buttons,
    /// checkboxes, an input that dispatches.
    ///
    /// # Errors
    /// No such element there, or a choice that isn't offered.
    pub async fn choose<'a>(
        &self,
        spot: Spot<'_>,
        field: impl Into<Field<'a>>,
        entry: impl Into<Entry>,
    ) -> Result<Delivery> {
        self.act(spot, &field.into(), Some(&entry.into())).await
    }

    async fn act(&self, spot: Spot<'_>, field: &Field<'_>, entry: Option<&Entry>) -> Result<Delivery> {
        let payload = self.slack.change(|world| self.action(world, spot, field, entry))?;
        let delivery = self.interact(&payload).await;
        if !delivery.is_ok() {
            let text = "This app did not respond to the click (a warning sign shows beside the button).";
            self.slack.change(|world| world.note(&self.user, None, text));
        }
        Ok(delivery)
    }

    /// The payload of an action, built but not sent: for tests that send it several times or altered.
    ///
    /// # Errors
    /// No such element there, or a choice that isn't offered.
    pub fn action_payload(&self, spot: Spot<'_>, field: &Field<'_>, entry: Option<&Entry>) -> Result<Value> {
        self.slack.change(|world| self.action(world, spot, field, entry))
    }

    fn action(&self, world: &mut World, spot: Spot<'_>, field: &Field<'_>, entry: Option<&Entry>) -> Result<Value> {
        let blocks = match spot {
            Spot::View => world.top_view(&self.user).context("no view is open")?.blocks.clone(),
            Spot::Home => world.home_view(&self.user).context("no home tab is published")?.blocks.clone(),
            Spot::Message(channel, ts) => world.message(channel, ts).context("no such message")?.blocks.clone(),
            Spot::Ephemeral(ts) => ephemeral(world, &self.user, ts)?.blocks,
        };
        let found = inputs::find(&blocks, field)?;
        let action = entries::action(world, &found, entry)?;
        match spot {
            Spot::View | Spot::Home => {
                let on_top = if spot == Spot::View { world.top_view(&self.user) } else { world.home_view(&self.user) };
                let id = on_top.context("no view is open")?.id.clone();
                if let Some(entry) = entry {
                    entries::fill(world, &id, &Field::Element(&found.block_id, &found.action_id), entry).ok();
                }
                payload::view_action(world, &id, &action).context("the view is gone")
            }
            Spot::Message(channel, ts) => {
                payload::message_action(world, &self.user, channel, ts, &action).context("no such message")
            }
            Spot::Ephemeral(ts) => {
                let shown = ephemeral(world, &self.user, ts)?;
                Ok(payload::ephemeral_action(world, &shown, &action))
            }
        }
    }

    /// Closes the view on top; told to the app where it asked for that (`notify_on_close`).
    ///
    /// # Errors
    /// No view is open.
    pub async fn close(&self) -> Result<Option<Delivery>> {
        let view = self.view().context("no view is open")?;
        if view.clear_on_close {
            return self.close_all().await;
        }
        let payload = self.slack.change(|world| {
            let payload = view.notify_on_close.then(|| payload::closed(world, &view, false));
            world.pop_view(&self.user, ViewEnd::Closed);
            payload
        });
        Ok(match payload {
            Some(payload) => Some(self.interact(&payload).await),
            None => None,
        })
    }

    /// Closes the whole stack; the view on top tells the app where it asked for that.
    ///
    /// # Errors
    /// No view is open.
    pub async fn close_all(&self) -> Result<Option<Delivery>> {
        let view = self.view().context("no view is open")?;
        let payload = self.slack.change(|world| {
            let payload = view.notify_on_close.then(|| payload::closed(world, &view, true));
            world.end_stack(&self.user, ViewEnd::Cleared);
            payload
        });
        Ok(match payload {
            Some(payload) => Some(self.interact(&payload).await),
            None => None,
        })
    }

    /// Does something that the app hears of by events, and waits until they are delivered; the last delivery is
    /// answered, none where the app doesn't hear of it.
    async fn tell(&self, change: impl FnOnce(&mut World)) -> Option<Delivery> {
        let ((), events) = self.slack.inner().change_and_take_events(change);
        let mut last = None;
        for event in events {
            let delivery = self.slack.deliver_event(&event).await;
            *lock(&self.last) = Some(delivery.request.clone());
            last = Some(delivery);
        }
        last
    }

    /// Writes a message in a channel. Answers its ts and the delivery of the event, if the app hears of it.
    pub async fn say(&self, channel: &str, text: &str) -> (String, Option<Delivery>) {
        self.post(channel, None, text, &[]).await
    }

    /// Replies in a thread.
    pub async fn reply(&self, channel: &str, thread_ts: &str, text: &str) -> (String, Option<Delivery>) {
        self.post(channel, Some(thread_ts), text, &[]).await
    }

    /// Writes to the bot in their direct message.
    pub async fn direct(&self, text: &str) -> (String, Option<Delivery>) {
        let channel = self.slack.change(|world| world.open_dm(&self.user));
        self.post(&channel, None, text, &[]).await
    }

    /// Writes a message with files, in a thread or not.
    pub async fn post(
        &self,
        channel: &str,
        thread_ts: Option<&str>,
        text: &str,
        files: &[Upload],
    ) -> (String, Option<Delivery>) {
        let mut ts = String::new();
        let delivery = self.tell(|world| ts = events::say(world, &self.user, channel, thread_ts, text, files)).await;
        (ts, delivery)
    }

    /// Edits a message.
    pub async fn edit(&self, channel: &str, ts: &str, text: &str) -> Option<Delivery> {
        self.tell(|world| {
            world.edit_message(channel, ts, &self.user, |message| text.clone_into(&mut message.text));
        })
        .await
    }

    /// Deletes a message.
    pub async fn delete(&self, channel: &str, ts: &str) -> Option<Delivery> {
        self.tell(|world| {
            world.delete_message(channel, ts);
        })
        .await
    }

    /// Pins a message.
    pub async fn pin(&self, channel: &str, ts: &str) -> Option<Delivery> {
        self.tell(|world| {
            world.pin(channel, ts, &self.user);
        })
        .await
    }

    /// Takes a pin off.
    pub async fn unpin(&self, channel: &str, ts: &str) -> Option<Delivery> {
        self.tell(|world| {
            world.unpin(channel, ts);
        })
        .await
    }

    /// Reacts to a message with an emoji, named without colons.
    pub async fn react(&self, channel: &str, ts: &str, emoji: &str) -> Option<Delivery> {
        self.tell(|world| events::react(world, &self.user, channel, ts, emoji)).await
    }

    /// Opens the app's home tab.
    pub async fn open_home(&self) -> Option<Delivery> {
        self.tell(|world| events::open_home(world, &self.user)).await
    }

    /// A trigger as an interaction of this person would carry, for tests that call the Web API themselves.
    pub fn trigger(&self) -> Trigger {
        self.slack.change(|world| {
            let view = world.top_view(&self.user).map(|view| view.id.clone());
            let id = world.issue_trigger(&self.user, view.as_deref());
            world.triggers[&id].clone()
        })
    }

    /// A response URL as a command of this person would carry.
    pub fn response_url(&self) -> String {
        self.slack.change(|world| world.issue_response_url(&self.user, &self.channel, ResponseUrlSource::Command))
    }
}

fn ephemeral(world: &World, user: &str, ts: &str) -> Result<Ephemeral> {
    let seen = world.ephemerals_of(user);
    match seen.into_iter().find(|message| message.ts == ts) {
        Some(message) => Ok(message.clone()),
        None => bail!("{user} sees no ephemeral message {ts}"),
    }
}

impl Person {
    /// A form body with one altered or additional field, from the last request: for tests of what the gateway does
    /// with fields it doesn't know or payloads that were forged by someone who has the secret.
    ///
    /// # Errors
    /// Nothing was sent yet, or the last request was no interaction.
    pub fn last_payload(&self) -> Result<Value> {
        let request = self.last_request().context("nothing was sent yet")?;
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&request.body)?;
        let payload = fields.into_iter().find(|(name, _)| name == "payload").context("no interaction was sent last")?;
        Ok(serde_json::from_str(&payload.1)?)
    }

    /// Sends an interaction payload as it is, signed; its answer changes nothing in the model.
    pub async fn send_payload(&self, payload: &Value) -> Delivery {
        self.interact(payload).await
    }

    /// Sends an event as it is, in a complete envelope, signed.
    pub async fn send_event(&self, event: &Value) -> Delivery {
        self.slack.deliver_event(event).await
    }

    /// Sends Slack's `url_verification` challenge.
    pub async fn verify_url(&self, challenge: &str) -> Delivery {
        let token = self.slack.read(|world| world.app.verification_token.clone());
        let body = json!({"token": token, "challenge": challenge, "type": "url_verification"});
        self.send(payload::EVENTS_PATH, payload::JSON, body.to_string()).await
    }
}
