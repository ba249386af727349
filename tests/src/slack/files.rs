//! Files: uploaded by people in a modal or by the app in two steps, processed for a while, shared by messages.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::model::{ChannelKind, World};

/// Where a file was shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The conversation.
    pub channel: String,
    /// The message that shares it.
    pub ts: String,
}

/// A file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredFile {
    /// `F…`.
    pub id: String,
    /// Who uploaded it; the bot user for the app's own.
    pub owner: String,
    /// File name.
    pub name: String,
    /// Title.
    pub title: String,
    /// `image/png`, …
    pub mimetype: String,
    /// `png`, `jpg`, `csv`, … as Slack derives it.
    pub filetype: String,
    /// Content.
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub bytes: Vec<u8>,
    /// When it was uploaded, in the workspace's time.
    pub created: DateTime<Utc>,
    /// When blocks may show it; none for never.
    pub ready_at: Option<DateTime<Utc>>,
    /// Deleted: `file_deleted`, the URL answers 404.
    pub deleted: bool,
    /// Uploaded by a `file_input` of a modal.
    pub from_file_input: bool,
    /// The app has been told of it (a submission with it, or its own upload), beyond its shares.
    pub app_knows: bool,
    /// Where it was shared.
    pub shares: Vec<Share>,
}

/// An upload with a URL that is not completed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PendingUpload {
    /// Id the file will have.
    pub file_id: String,
    /// File name.
    pub filename: String,
    /// Announced length in bytes.
    pub length: u64,
    /// Last part of the upload URL.
    pub secret: String,
    /// What was sent so far; none until the POST.
    #[serde(default)]
    pub sent: Option<String>,
    /// Alternative text.
    pub alt_txt: Option<String>,
}

fn to_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode(text).map_err(serde::de::Error::custom)
}

/// Slack's file type and MIME type for a file name and content: the content decides for images, the name for the rest.
pub fn file_type(name: &str, bytes: &[u8]) -> (&'static str, &'static str) {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => return ("png", "image/png"),
        [0xff, 0xd8, 0xff, ..] => return ("jpg", "image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => return ("gif", "image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => return ("webp", "image/webp"),
        _ => {}
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("png") => ("png", "image/png"),
        Some("jpg" | "jpeg") => ("jpg", "image/jpeg"),
        Some("gif") => ("gif", "image/gif"),
        Some("webp") => ("webp", "image/webp"),
        Some("svg") => ("svg", "image/svg+xml"),
        Some("heic") => ("heic", "image/heic"),
        Some("csv") => ("csv", "text/csv"),
        Some("txt") => ("text", "text/plain"),
        Some("pdf") => ("pdf", "application/pdf"),
        Some("json") => ("json", "application/json"),
        _ => ("binary", "application/octet-stream"),
    }
}

/// The smallest PNG there is, 1 × 1 pixel, for tests that upload an image.
pub const TINY_PNG: [u8; 67] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4, 0x89, 0x00, 0x00, 0x00, 0x0a, 0x49,
    0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x00, 0x01, 0x00, 0x00, 0x05, 0x00, 0x01, 0x0d, 0x0a, 0x2d, 0xb4, 0x00, 0x00,
    0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

impl World {
    /// Stores a file; it is processed for the set time from now.
    pub fn store_file(&mut self, owner: &str, name: &str, bytes: Vec<u8>) -> String {
        let id = self.mint_id("F");
        self.store_file_as(&id, owner, name, bytes);
        id
    }

    pub(crate) fn store_file_as(&mut self, id: &str, owner: &str, name: &str, bytes: Vec<u8>) {
        let (filetype, mimetype) = file_type(name, &bytes);
        let now = self.now();
        let processing = TimeDelta::milliseconds(i64::try_from(self.settings.file_processing_ms).unwrap_or(i64::MAX));
        let file = StoredFile {
            id: id.to_owned(),
            owner: owner.into(),
            name: name.into(),
            title: name.into(),
            mimetype: mimetype.into(),
            filetype: filetype.into(),
            bytes,
            created: now,
            ready_at: self.settings.files_get_ready.then(|| now + processing),
            deleted: false,
            from_file_input: false,
            app_knows: false,
            shares: Vec::new(),
        };
        self.files.insert(id.to_owned(), file);
    }

    /// True once the file is processed.
    pub fn file_ready(&self, file: &StoredFile) -> bool {
        file.ready_at.is_some_and(|at| at <= self.now())
    }

    /// True where the app may see the file: its own, one it was told of, or one shared where the bot is a member.
    pub fn file_visible(&self, file: &StoredFile) -> bool {
        let shared = || file.shares.iter().any(|share| self.bot_is_in(&share.channel));
        !file.deleted && (file.owner == self.app.bot_user_id || file.app_knows || shared())
    }

    /// Deletes a file.
    pub fn delete_file(&mut self, id: &str) {
        if let Some(file) = self.files.get_mut(id) {
            file.deleted = true;
        }
    }

    /// Makes a file that will never be processed.
    pub fn never_ready(&mut self, id: &str) {
        if let Some(file) = self.files.get_mut(id) {
            file.ready_at = None;
        }
    }

    /// Why a block must not show this file; none where it may.
    pub(crate) fn why_not_shown(&self, reference: &Value) -> Option<String> {
        let by_id = |id: &str| self.files.get(id);
        let by_url = |url: &str| self.files.values().find(|file| self.file_urls(file).contains(&url.to_owned()));
        let found = match (reference["id"].as_str(), reference["url"].as_str()) {
            (Some(id), None) => by_id(id),
            (None, Some(url)) => by_url(url),
            _ => return Some("slack_file must have exactly one of id and url".into()),
        };
        let Some(file) = found.filter(|file| self.file_visible(file)) else {
            return Some("slack_file is not found or not visible to the app".into());
        };
        if !["png", "jpg", "gif"].contains(&file.filetype.as_str()) {
            return Some(format!("slack_file type {} is not one of png, jpg, gif", file.filetype));
        }
        (!self.file_ready(file)).then(|| "slack_file is still being processed".into())
    }

    fn file_urls(&self, file: &StoredFile) -> [String; 2] {
        [self.url_private(file), self.permalink(file)]
    }

    /// Where the bytes are, for whoever has a token.
    pub fn url_private(&self, file: &StoredFile) -> String {
        format!("{}/files-pri/{}-{}/{}", self.base_url, self.app.team_id, file.id, url_name(&file.name))
    }

    /// Where a person opens the file.
    pub fn permalink(&self, file: &StoredFile) -> String {
        {
            let place = format!("https://{}.slack.com/files", self.app.team_domain);
            format!("{place}/{}/{}/{}", file.owner, file.id, url_name(&file.name))
        }
    }

    /// The file as payloads and answers show it.
    pub fn file_json(&self, file: &StoredFile) -> Value {
        if file.deleted {
            return json!({"id": file.id, "mode": "tombstone"});
        }
        let in_kind = |kind: ChannelKind| -> Vec<&str> {
            let shares = file.shares.iter().map(|share| share.channel.as_str());
            shares.filter(|id| self.channels.get(*id).is_some_and(|channel| channel.kind == kind)).collect()
        };
        let download = self.url_private(file).replace("/files-pri/", "/files-pri/download/");
        json!({
            "id": file.id, "created": file.created.timestamp(), "timestamp": file.created.timestamp(),
            "name": file.name, "title": file.title, "mimetype": file.mimetype, "filetype": file.filetype,
            "pretty_type": file.filetype.to_ascii_uppercase(), "user": file.owner, "user_team": self.app.team_id,
            "editable": false, "size": file.bytes.len(), "mode": "hosted", "is_external": false, "external_type": "",
            "is_public": !in_kind(ChannelKind::Public).is_empty(), "public_url_shared": false,
            "display_as_bot": false, "username": "", "url_private": self.url_private(file),
            "url_private_download": download, "media_display_type": "unknown", "permalink": self.permalink(file),
            "permalink_public": format!("{}/pub/{}", self.base_url, file.id), "is_starred": false,
            "has_rich_preview": false, "file_access": "visible", "comments_count": 0,
            "channels": in_kind(ChannelKind::Public), "groups": in_kind(ChannelKind::Private),
            "ims": in_kind(ChannelKind::Im), "shares": self.shares_json(file),
        })
    }

    fn shares_json(&self, file: &StoredFile) -> Value {
        let mut shares = json!({});
        for share in &file.shares {
            let Some(channel) = self.channels.get(&share.channel) else {
                continue;
            };
            let kind = if channel.kind == ChannelKind::Public { "public" } else { "private" };
            let entry = json!({"ts": share.ts, "channel_name": channel.name, "team_id": self.app.team_id});
            match shares[kind][&share.channel].as_array_mut() {
                Some(list) => list.push(entry),
                None => shares[kind][&share.channel] = json!([entry]),
            }
        }
        shares
    }
}

/// A file name as Slack puts it into URLs.
fn url_name(name: &str) -> String {
    let keep = |letter: char| {
        if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '_' }
    };
    name.to_lowercase().chars().map(keep).collect()
}
