//! Who looks at what: names as this person sees them, and addresses on the page.

use chrono::{DateTime, Utc};

use super::html::esc;
use crate::slack::World;
use crate::slack::files;
use crate::slack::model::StoredFile;

/// The word for one's own direct message with the bot, in addresses.
pub(super) const DM: &str = "dm";

/// A person before the screen.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) world: &'a World,
    pub(super) user: &'a str,
}

impl<'a> Reader<'a> {
    /// A user's name, or the id of one who is unknown.
    pub(super) fn name(&self, user: &'a str) -> &'a str {
        self.world.users.get(user).map_or(user, |user| user.real_name.as_str())
    }

    /// A channel's name with its sign.
    pub(super) fn channel_name(&self, id: &str) -> String {
        match self.world.channels.get(id) {
            Some(channel) if channel.user.is_some() => {
                format!("DM with {}", self.name(channel.user.as_deref().unwrap_or_default()))
            }
            Some(channel) => format!("#{}", channel.name),
            None => id.to_owned(),
        }
    }

    /// True where this person may open the file: own, or shared in a conversation that they are in.
    pub(super) fn may_open(&self, file: &StoredFile) -> bool {
        let sees = |channel: &str| self.world.channels.get(channel).is_some_and(|c| c.members.contains(self.user));
        !file.deleted && (file.owner == self.user || file.shares.iter().any(|share| sees(&share.channel)))
    }

    /// The file of a `slack_file` object.
    pub(super) fn file_of(&self, reference: &serde_json::Value) -> Option<&'a StoredFile> {
        if let Some(id) = reference["id"].as_str() {
            return self.world.files.get(id);
        }
        let url = reference["url"].as_str()?;
        let fits = |file: &&StoredFile| self.world.url_private(file) == url || self.world.permalink(file) == url;
        self.world.files.values().find(fits)
    }

    /// Where this person sees a file's bytes.
    pub(super) fn file_href(&self, id: &str) -> String {
        format!("/file/{}?as={}", esc(id), esc(self.user))
    }

    /// Where this person sees a channel or a thread.
    pub(super) fn href(&self, channel: &str, thread: Option<&str>) -> String {
        let own = self.world.dm(self.user) == Some(channel);
        address(self.user, if own { DM } else { channel }, thread)
    }

    /// A link of this workspace's own (a message, a file) as an address on this page; none for any other link.
    pub(super) fn local(&self, link: &str) -> Option<String> {
        let rest = link.strip_prefix(&format!("https://{}.slack.com/", self.world.app.team_domain))?;
        let mut parts = rest.split(['/', '?']);
        match parts.next()? {
            "archives" => {
                let (channel, ts) = (parts.next()?, parts.next()?.strip_prefix('p')?);
                let ts = format!("{}.{}", ts.get(..ts.len().checked_sub(6)?)?, ts.get(ts.len() - 6..)?);
                let thread = rest.split("thread_ts=").nth(1).and_then(|rest| rest.split('&').next());
                self.world.message(channel, &ts)?;
                let anchor = anchor(channel, &ts);
                Some(format!("{}#{anchor}", self.href(channel, thread)))
            }
            "files" => {
                let id = parts.nth(1)?;
                self.world.files.contains_key(id).then(|| self.file_href(id))
            }
            _ => None,
        }
    }
}

/// Address of a conversation as a user sees it.
pub(super) fn address(user: &str, channel: &str, thread: Option<&str>) -> String {
    let mut pairs = vec![("as", user), ("in", channel)];
    pairs.extend(thread.map(|thread| ("thread", thread)));
    format!("/?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
}

/// A message's id on the page.
pub(super) fn anchor(channel: &str, ts: &str) -> String {
    format!("m-{}-{}", esc(channel), esc(&ts.replace('.', "-")))
}

/// A time that the page's script shows in the browser's zone; without it in UTC. The format is made of Slack's date
/// tokens, or `{smart}`: the time today, with its date before.
pub(super) fn time(at: DateTime<Utc>, format: &str) -> String {
    let fallback = at.format("%-d %b %Y, %H:%M UTC").to_string();
    time_or(at, format, &fallback)
}

/// Like [`time`], with another fallback.
pub(super) fn time_or(at: DateTime<Utc>, format: &str, fallback: &str) -> String {
    let iso = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    format!(r#"<time datetime="{iso}" data-format="{}">{}</time>"#, esc(format), esc(fallback))
}

/// The time in a ts.
pub(super) fn ts_time(ts: &str) -> Option<DateTime<Utc>> {
    let (seconds, micros) = ts.split_once('.')?;
    DateTime::from_timestamp_micros(
        seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros.parse().ok()?)?,
    )
}

/// A time as a ts.
pub(super) fn ts_of(at: DateTime<Utc>) -> String {
    let micros = at.timestamp_micros();
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Whether a browser shows it as an image and can do nothing else with it.
pub(super) fn is_picture(file: &StoredFile) -> bool {
    let (filetype, _) = files::file_type(&file.name, &file.bytes);
    let looks_like = |magic: &[u8]| file.bytes.starts_with(magic);
    match filetype {
        "png" => looks_like(&[0x89, b'P', b'N', b'G']),
        "jpg" => looks_like(&[0xff, 0xd8, 0xff]),
        "gif" => looks_like(b"GIF8"),
        "webp" => looks_like(b"RIFF"),
        _ => false,
    }
}
