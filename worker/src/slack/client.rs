//! The calls of Slack's Web API that we make, one function each: typed out, tolerant in. Every call has a timeout and
//! waits for its turn; none is retried here (the queue and the outbox retry).

use std::future::Future;
use std::time::Duration;

use common::secret::Secret;
use common::slack_id::{ChannelId, TeamId, UserId};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use slack_morphism::prelude::*;
use sqlx::PgPool;
use url::Url;
use uuid::Uuid;

use super::calls;
use super::connector::{Connector, https};
use super::error::{SlackError, Trouble, classify};
use super::pace::{EVERYTHING, Pace, Turn};
use crate::config::Waits;

/// The `event_type` of our messages' metadata; its payload holds the outbox id and nothing else: any app can read it.
const METADATA_EVENT: &str = "ticket_desk_delivery";
/// The metadata's one field.
const METADATA_KEY: &str = "delivery";

/// Slack's Web API with our token.
pub struct Slack {
    client: SlackClient<Connector>,
    token: SlackApiToken,
    pace: Pace,
    waits: Waits,
}

/// Who we are at Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The workspace that the token is for.
    pub team: TeamId,
    /// The bot's user, where Slack names it.
    pub bot_user: Option<UserId>,
}

/// What a message says.
#[derive(Debug, Clone)]
pub struct Content {
    /// For notifications and screen readers, in mrkdwn.
    pub text: String,
    /// What is shown.
    pub blocks: Vec<SlackBlock>,
}

/// A file as Slack describes it.
#[derive(Debug, Clone, Deserialize)]
pub struct FileInfo {
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its media type.
    #[serde(default)]
    pub mimetype: Option<String>,
    /// Bytes.
    #[serde(default)]
    pub size: u64,
    /// Where its bytes are, for whoever shows the token.
    #[serde(default)]
    pub url_private_download: Option<String>,
    /// The same, for a browser.
    #[serde(default)]
    pub url_private: Option<String>,
    /// Where members see it.
    #[serde(default)]
    pub permalink: Option<String>,
    /// Where it stands.
    #[serde(default)]
    shares: Value,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    ims: Vec<String>,
}

impl FileInfo {
    /// Whether the file stands in this conversation.
    pub fn is_shared_in(&self, channel: &ChannelId) -> bool {
        let id = channel.as_str();
        self.channels.iter().chain(&self.groups).chain(&self.ims).any(|c| c == id)
            || ["public", "private"].iter().any(|kind| self.shares.get(*kind).and_then(|s| s.get(id)).is_some())
    }
}

/// Where the bytes of an upload go.
#[derive(Debug, Clone, Deserialize)]
pub struct Upload {
    ok: bool,
    /// The address.
    pub upload_url: Url,
    /// The new file's id.
    pub file_id: String,
}

/// An answer of which only its success matters.
#[derive(Deserialize)]
struct Done {
    ok: bool,
}

/// Answers that say `ok` without meaning it are unusable.
trait Answer: for<'de> Deserialize<'de> + Send {
    fn is_ok(&self) -> bool;
}

macro_rules! answers {
    ($($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty),* })*) => {
        $($(#[$meta])* #[derive(Deserialize)] struct $name { ok: bool, $($field: $type),* }
        impl Answer for $name { fn is_ok(&self) -> bool { self.ok } })*
    };
}
answers! {
    Posted { ts: String, channel: Option<ChannelId> }
    Opened { channel: Conversation }
    Permalink { permalink: String }
    WhoAmI { team_id: TeamId, user_id: Option<UserId> }
    History { messages: Vec<Value>, has_more: Option<bool>, response_metadata: Option<Cursor> }
    Channels { channels: Vec<NamedChannel>, response_metadata: Option<Cursor> }
    FileAnswer { file: FileInfo }
    UserAnswer { user: UserFacts }
    ViewAnswer { view: ViewFacts }
    UpdateAnswer { view: Option<ViewFacts> }
}
impl Answer for Done {
    fn is_ok(&self) -> bool {
        self.ok
    }
}
impl Answer for Upload {
    fn is_ok(&self) -> bool {
        self.ok
    }
}

#[derive(Deserialize, Default)]
struct ViewFacts {
    #[serde(default)]
    hash: Option<String>,
}

#[derive(Deserialize)]
struct Conversation {
    id: ChannelId,
}

#[derive(Deserialize)]
struct NamedChannel {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct UserFacts {
    #[serde(default)]
    name: String,
    #[serde(default)]
    real_name: Option<String>,
}

#[derive(Deserialize, Default)]
struct Cursor {
    #[serde(default)]
    next_cursor: String,
}

/// Which modal is updated.
pub enum ViewKey<'a> {
    /// By the id that we chose in the answer to its submission.
    External(&'a str),
    /// By Slack's id.
    Id(&'a str),
}

impl Slack {
    /// Prepares the client; nothing is called yet.
    ///
    /// # Errors
    /// When the machine's trusted certificates can't be read.
    pub fn new(api_url: &Url, token: &Secret, db: PgPool, waits: &Waits) -> std::io::Result<Self> {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.enforce_http(false);
        http.set_connect_timeout(Some(Duration::from_secs(5)));
        let https = https(api_url)?.https_or_http().enable_all_versions().wrap_connector(http);
        Ok(Self {
            client: SlackClient::new(Connector::new(https, api_url)),
            token: SlackApiToken::new(SlackApiTokenValue(token.expose().to_owned())),
            pace: Pace::new(db),
            waits: waits.clone(),
        })
    }

    /// When not to call.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn call<T: Answer>(
        &self,
        method: &'static str,
        key: &str,
        call: impl Future<Output = ClientResult<T>>,
    ) -> Result<T, SlackError> {
        let turn = self.pace.turn(key).await.map_err(SlackError::Paused)?;
        self.take(turn, method, key, self.waits.slack_call, call).await
    }

    /// Makes the call whose turn it is.
    async fn take<T: Answer>(
        &self,
        turn: Turn,
        method: &'static str,
        key: &str,
        limit: Duration,
        call: impl Future<Output = ClientResult<T>>,
    ) -> Result<T, SlackError> {
        let started = std::time::Instant::now();
        let result = match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) if answer.is_ok() => Ok(answer),
            Ok(Ok(_)) => Err(SlackError::Ambiguous("an answer without ok")),
            Ok(Err(error)) => Err(classify(error)),
            Err(_) => Err(SlackError::Ambiguous("no answer in time")),
        };
        let outcome = match &result {
            Ok(_) => "ok",
            Err(SlackError::Paused(_)) => "rate_limited",
            Err(SlackError::Refused(_)) => "refused",
            Err(SlackError::Unreachable) => "unreachable",
            Err(SlackError::Ambiguous(_)) => "ambiguous",
        };
        calls::record(method, outcome, started);
        match &result {
            Ok(_) => self.pace.recovered(),
            Err(SlackError::Paused(wait)) => self.pace.pause(key, *wait, "Slack said 429").await,
            Err(SlackError::Refused(code)) if code.trouble() == Trouble::Token => {
                self.pace.pause(EVERYTHING, self.waits.trouble_pause, &code.code).await;
            }
            Err(SlackError::Refused(code)) if code.trouble() == Trouble::Scope => {
                self.pace.pause(key, self.waits.trouble_pause, &code.code).await;
            }
            _ => {}
        }
        drop(turn);
        if let Err(error) = &result {
            tracing::debug!(method, %error, "a Slack call failed");
        }
        result
    }

    async fn post<T: Answer>(
        &self,
        method: &'static str,
        request: &(impl Serialize + Send + Sync),
    ) -> Result<T, SlackError> {
        self.post_as(method, method, request).await
    }

    async fn post_as<T: Answer>(
        &self,
        method: &'static str,
        key: &str,
        request: &(impl Serialize + Send + Sync),
    ) -> Result<T, SlackError> {
        let session = self.client.open_session(&self.token);
        self.call(method, key, session.http_session_api.http_post(method, request, None)).await
    }

    /// Uses a trigger, unless its turn doesn't come within `left`.
    async fn post_by_trigger<T: Answer>(
        &self,
        method: &'static str,
        left: Duration,
        request: &(impl Serialize + Send + Sync),
    ) -> Result<T, SlackError> {
        let turn = tokio::time::timeout(left, self.pace.turn(method)).await;
        let turn = turn.unwrap_or(Err(Duration::ZERO)).map_err(SlackError::Paused)?;
        let session = self.client.open_session(&self.token);
        let call = session.http_session_api.http_post(method, request, None);
        self.take(turn, method, method, self.waits.slack_view, call).await
    }

    async fn get<T: Answer>(&self, method: &'static str, parameters: &[(&str, String)]) -> Result<T, SlackError> {
        let session = self.client.open_session(&self.token);
        let parameters: Vec<(&str, Option<&String>)> =
            parameters.iter().map(|(name, value)| (*name, Some(value))).collect();
        self.call(method, method, session.http_session_api.http_get(method, &parameters, None)).await
    }

    /// Who the token belongs to (`auth.test`).
    pub async fn identity(&self) -> Result<Identity, SlackError> {
        let who: WhoAmI = self.post("auth.test", &json!({})).await?;
        Ok(Identity { team: who.team_id, bot_user: who.user_id })
    }

    /// The channel of this name (`conversations.list`), of those that the bot can see.
    pub async fn find_channel(&self, name: &str) -> Result<Option<ChannelId>, SlackError> {
        let mut cursor = String::new();
        loop {
            let mut parameters = vec![
                ("types", "public_channel,private_channel".to_owned()),
                ("exclude_archived", "true".to_owned()),
                // Must be under 1000, says the method's page.
                ("limit", "999".to_owned()),
            ];
            if !cursor.is_empty() {
                parameters.push(("cursor", cursor));
            }
            let page: Channels = self.get("conversations.list", &parameters).await?;
            if let Some(found) = page.channels.iter().find(|channel| channel.name == name) {
                return Ok(ChannelId::parse(&found.id));
            }
            cursor = page.response_metadata.unwrap_or_default().next_cursor;
            if cursor.is_empty() {
                return Ok(None);
            }
        }
    }

    /// A person's name (`users.info`), also of somebody who left.
    pub async fn user_name(&self, user: &UserId) -> Result<String, SlackError> {
        let answer: UserAnswer = self.get("users.info", &[("user", user.as_str().to_owned())]).await?;
        let UserFacts { name, real_name } = answer.user;
        Ok(real_name.filter(|name| !name.trim().is_empty()).unwrap_or(name))
    }

    /// Opens a modal (`views.open`); the trigger is used up. Answers the hash of what it shows. Calls only while the trigger
    /// is good: for `left`.
    pub async fn open_view(
        &self,
        trigger_id: &str,
        view: SlackView,
        left: Duration,
    ) -> Result<Option<String>, SlackError> {
        let request = SlackApiViewsOpenRequest::new(SlackTriggerId(trigger_id.to_owned()), view);
        Ok(self.post_by_trigger::<ViewAnswer>("views.open", left, &request).await?.view.hash)
    }

    /// Pushes a modal on top of an open one (`views.push`); the trigger is used up. Answers the hash of what it shows. Calls
    /// only while the trigger is good: for `left`.
    pub async fn push_view(
        &self,
        trigger_id: &str,
        view: SlackView,
        left: Duration,
    ) -> Result<Option<String>, SlackError> {
        let request = SlackApiViewsPushRequest::new(SlackTriggerId(trigger_id.to_owned()), view);
        Ok(self.post_by_trigger::<ViewAnswer>("views.push", left, &request).await?.view.hash)
    }

    /// Changes an open modal (`views.update`), whatever it shows.
    pub async fn update_view(&self, key: ViewKey<'_>, view: SlackView) -> Result<(), SlackError> {
        self.replace_view(key, None, view).await?;
        Ok(())
    }

    /// Changes an open modal (`views.update`) if it still shows what `hash` stands for. Answers the hash of what it shows
    /// now.
    pub async fn replace_view(
        &self,
        key: ViewKey<'_>,
        hash: Option<&str>,
        view: SlackView,
    ) -> Result<Option<String>, SlackError> {
        let request = SlackApiViewsUpdateRequest::new(view).opt_hash(hash.map(str::to_owned));
        let request = match key {
            ViewKey::External(id) => request.with_external_id(id.to_owned()),
            ViewKey::Id(id) => request.with_view_id(SlackViewId(id.to_owned())),
        };
        Ok(self.post::<UpdateAnswer>("views.update", &request).await?.view.unwrap_or_default().hash)
    }

    /// Posts a message (`chat.postMessage`) that carries its outbox id, by which it can be found again.
    pub async fn post_message(
        &self,
        channel: &ChannelId,
        thread_ts: Option<&str>,
        content: &Content,
        delivery: Uuid,
    ) -> Result<(ChannelId, String), SlackError> {
        let metadata = SlackMessageMetadata::new(METADATA_EVENT.to_owned())
            .with_event_payload([(METADATA_KEY.to_owned(), delivery.to_string())].into());
        // An empty list of blocks is refused here, while an update needs it to take blocks away.
        let content = SlackMessageContent::new()
            .with_text(content.text.clone())
            .opt_blocks((!content.blocks.is_empty()).then(|| content.blocks.clone()))
            .with_metadata(metadata);
        let request = SlackApiChatPostMessageRequest::new(SlackChannelId(channel.to_string()), content)
            .with_unfurl_links(false)
            .with_unfurl_media(false)
            .opt_thread_ts(thread_ts.map(|ts| SlackTs(ts.to_owned())));
        let key = post_key(channel);
        let posted: Posted = self.post_as("chat.postMessage", &key, &request).await?;
        Ok((posted.channel.unwrap_or_else(|| channel.clone()), posted.ts))
    }

    /// Changes a message of ours (`chat.update`).
    pub async fn update_message(&self, channel: &ChannelId, ts: &str, content: &Content) -> Result<(), SlackError> {
        let content = SlackMessageContent::new().with_text(content.text.clone()).with_blocks(content.blocks.clone());
        let request =
            SlackApiChatUpdateRequest::new(SlackChannelId(channel.to_string()), content, SlackTs(ts.to_owned()))
                // This method's default is to guess links and mentions.
                .with_parse("none".to_owned());
        self.post::<Done>("chat.update", &request).await?;
        Ok(())
    }

    /// Takes back a message of ours (`chat.delete`).
    pub async fn delete_message(&self, channel: &ChannelId, ts: &str) -> Result<(), SlackError> {
        let request = SlackApiChatDeleteRequest::new(SlackChannelId(channel.to_string()), SlackTs(ts.to_owned()));
        self.post::<Done>("chat.delete", &request).await?;
        Ok(())
    }

    /// Pins a message (`pins.add`); one that is pinned already is fine.
    pub async fn pin_message(&self, channel: &ChannelId, ts: &str) -> Result<(), SlackError> {
        let request = json!({ "channel": channel.as_str(), "timestamp": ts });
        match self.post::<Done>("pins.add", &request).await {
            Err(SlackError::Refused(code)) if code.code == "already_pinned" => Ok(()),
            result => result.map(drop),
        }
    }

    /// A message's address (`chat.getPermalink`).
    pub async fn permalink(&self, channel: &ChannelId, ts: &str) -> Result<String, SlackError> {
        let parameters = [("channel", channel.to_string()), ("message_ts", ts.to_owned())];
        Ok(self.get::<Permalink>("chat.getPermalink", &parameters).await?.permalink)
    }

    /// The conversation with a person (`conversations.open`).
    pub async fn direct_channel(&self, user: &UserId) -> Result<ChannelId, SlackError> {
        let request = json!({ "users": user.as_str() });
        Ok(self.post::<Opened>("conversations.open", &request).await?.channel.id)
    }

    /// Looks for the message of this delivery among those posted since `oldest` (seconds since 1970), to the end of the
    /// window (`conversations.history`, or `conversations.replies` in a thread).
    pub async fn find_delivery(
        &self,
        channel: &ChannelId,
        thread_ts: Option<&str>,
        oldest: f64,
        delivery: Uuid,
    ) -> Result<Option<String>, SlackError> {
        let method = if thread_ts.is_some() { "conversations.replies" } else { "conversations.history" };
        let delivery = delivery.to_string();
        let mut cursor = String::new();
        loop {
            let mut parameters = vec![
                ("channel", channel.to_string()),
                ("oldest", format!("{oldest:.6}")),
                ("include_all_metadata", "true".to_owned()),
                ("limit", "200".to_owned()),
            ];
            if let Some(ts) = thread_ts {
                parameters.push(("ts", ts.to_owned()));
            }
            if !cursor.is_empty() {
                parameters.push(("cursor", cursor));
            }
            // Raw JSON: the library refuses a page in which some app's metadata holds a number.
            let page: History = self.get(method, &parameters).await?;
            let found = page.messages.iter().find(|message| {
                let payload = message.pointer("/metadata/event_payload").and_then(|p| p.get(METADATA_KEY));
                payload.and_then(Value::as_str) == Some(&delivery)
            });
            if let Some(ts) = found.and_then(|message| message.get("ts")?.as_str()) {
                return Ok(Some(ts.to_owned()));
            }
            cursor = page.response_metadata.unwrap_or_default().next_cursor;
            if cursor.is_empty() || page.has_more == Some(false) {
                return Ok(None);
            }
        }
    }

    /// What Slack knows of a file (`files.info`).
    pub async fn file(&self, id: &str) -> Result<FileInfo, SlackError> {
        Ok(self.get::<FileAnswer>("files.info", &[("file", id.to_owned())]).await?.file)
    }

    /// Asks for an address to send `length` bytes to (`files.getUploadURLExternal`).
    pub async fn begin_upload(&self, name: &str, length: u64) -> Result<Upload, SlackError> {
        let parameters = [("filename", name.to_owned()), ("length", length.to_string())];
        self.get("files.getUploadURLExternal", &parameters).await
    }

    /// Shares uploaded files into a thread (`files.completeUploadExternal`).
    pub async fn complete_uploads(
        &self,
        files: &[(String, String)],
        channel: &ChannelId,
        thread_ts: &str,
    ) -> Result<(), SlackError> {
        let files = files
            .iter()
            .map(|(id, title)| SlackApiFilesComplete::new(SlackFileId(id.clone())).with_title(title.clone()))
            .collect();
        let request = SlackApiFilesCompleteUploadExternalRequest::new(files)
            .with_channel_id(SlackChannelId(channel.to_string()))
            .with_thread_ts(SlackTs(thread_ts.to_owned()));
        self.post::<Done>("files.completeUploadExternal", &request).await?;
        Ok(())
    }

    /// Shares an uploaded file into a conversation, as a message of its own (`files.completeUploadExternal`).
    pub async fn share_upload(
        &self,
        id: &str,
        title: &str,
        channel: &ChannelId,
        comment: &str,
    ) -> Result<(), SlackError> {
        let file = SlackApiFilesComplete::new(SlackFileId(id.to_owned())).with_title(title.to_owned());
        let request = SlackApiFilesCompleteUploadExternalRequest::new(vec![file])
            .with_channel_id(SlackChannelId(channel.to_string()))
            .with_initial_comment(comment.to_owned());
        self.post::<Done>("files.completeUploadExternal", &request).await?;
        Ok(())
    }
}

/// Pauses the updates of a channel's messages while it refuses the bot; Slack's own limit is the method's.
pub fn update_key(channel: &ChannelId) -> String {
    format!("chat.update:{channel}")
}

/// Posts are limited per channel.
pub fn post_key(channel: &ChannelId) -> String {
    format!("chat.postMessage:{channel}")
}
