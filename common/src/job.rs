//! What the gateway asks of the workers: a closed, versioned set of jobs and the envelope they travel in.
//!
//! A job changes shape only by a new kind (`….v2`); the old one is read for one release more, and workers are deployed
//! first. Everything here is plain wire data: the worker turns it into domain values and judges it again, since ids and
//! values come from a client's hands. Texts, trigger ids and response URLs are secrets of a kind, so nothing here can be
//! printed: no type derives `Debug`.

use serde::{Deserialize, Serialize};

use crate::slack_id::{ChannelId, TeamId, UserId};

/// A job on its way.
#[derive(Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// Made from the payload, so that Slack's retries and a replay have the same id: the idempotency key.
    pub id: String,
    /// The workspace it came from; the worker compares it with its own. Absent on unreadable requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// What to do.
    #[serde(flatten)]
    pub job: Job,
}

/// Everything that a worker can be asked to do.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Job {
    /// `/new-ticket`: open the form.
    #[serde(rename = "open_form.v1")]
    OpenForm(Ask),
    /// `/agent-tickets`: open the list of one's own tickets.
    #[serde(rename = "open_agent_tickets.v1")]
    OpenAgentTickets(Ask),
    /// `/system-tickets`: open the list of all tickets.
    #[serde(rename = "open_system_tickets.v1")]
    OpenSystemTickets(Ask),
    /// `/ticket-summary`: open the totals.
    #[serde(rename = "open_summary.v1")]
    OpenSummary(Ask),
    /// The submitted form.
    #[serde(rename = "file_ticket.v1")]
    FileTicket(FileTicket),
    /// A button that changes a ticket at once.
    #[serde(rename = "act_on_ticket.v1")]
    ActOnTicket(ActOnTicket),
    /// A button that opens a modal about a ticket.
    #[serde(rename = "open_ticket_dialog.v1")]
    OpenTicketDialog(OpenTicketDialog),
    /// A submitted comment, or a message in a ticket's thread.
    #[serde(rename = "comment_on_ticket.v1")]
    CommentOnTicket(CommentOnTicket),
    /// A message in a thread that may belong to a ticket.
    #[serde(rename = "hear_message.v1")]
    HearMessage(HearMessage),
    /// A filter, a page or a ticket chosen in a list's modal.
    #[serde(rename = "act_in_view.v1")]
    ActInView(ActInView),
    /// "Post to channel" on a summary.
    #[serde(rename = "post_summary.v1")]
    PostSummary(PostSummary),
    /// Tickets as a file in the asker's direct messages.
    #[serde(rename = "export_tickets.v1")]
    ExportTickets(ExportTickets),
    /// A signed request that the gateway could not read.
    #[serde(rename = "unreadable.v1")]
    Unreadable(Unreadable),
}

/// Somebody who wants to be shown a modal: the trigger lives three seconds, the response URL half an hour.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ask {
    /// Who.
    pub user: UserId,
    /// What was typed after the command.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Opens one modal, once, within three seconds.
    pub trigger_id: String,
    /// Where an ephemeral answer can be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_url: Option<String>,
    /// The modal in which it was asked, by its external id, else by Slack's: the new one is pushed on top of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_view: Option<String>,
}

/// Something chosen in a modal that shows a list or a ticket.
#[derive(Clone, Serialize, Deserialize)]
pub struct ActInView {
    /// Who, the trigger, and the modal.
    #[serde(flatten)]
    pub ask: Ask,
    /// The element ([`crate::interaction::list`]).
    pub action_id: String,
    /// The chosen options, date or text; empty where a choice was taken back.
    #[serde(default)]
    pub values: Vec<String>,
}

/// The fields of a submitted form.
#[derive(Clone, Serialize, Deserialize)]
pub struct FileTicket {
    /// Who submits.
    pub user: UserId,
    /// The modal, which shows "Submitting…" under the external id that is this job's id.
    pub view_id: String,
    /// The chosen campaign.
    pub campaign: String,
    /// The chosen issue type.
    pub issue_type: String,
    /// [`crate::ticket::Priority::as_str`].
    pub priority: String,
    /// What was typed.
    pub details: String,
    /// The screenshots, in order.
    #[serde(default)]
    pub images: Vec<Image>,
}

/// A file given in the form; it belongs to its uploader until shared.
#[derive(Clone, Serialize, Deserialize)]
pub struct Image {
    /// Slack's file id `F…`.
    pub id: String,
    /// The file's name.
    pub name: String,
    /// The media type, such as `image/png`; blank where Slack didn't say.
    pub mimetype: String,
    /// Bytes.
    pub size: i64,
    /// Where members who may see it find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
}

/// Where an action was done, for the history.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// The card in the ticket channel.
    Card,
    /// A modal.
    Modal,
    /// A message in the card's thread.
    Thread,
    /// The direct message's thread.
    DirectMessage,
}

impl Surface {
    /// The spelling in the history.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Modal => "modal",
            Self::Thread => "thread",
            Self::DirectMessage => "direct_message",
        }
    }
}

/// An action on a ticket by a button or a submitted modal.
#[derive(Clone, Serialize, Deserialize)]
pub struct ActOnTicket {
    /// Who acts.
    pub user: UserId,
    /// The ticket's number.
    pub ticket: i64,
    /// [`crate::ticket::Action::as_str`].
    pub action: String,
    /// Reassign: to whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<UserId>,
    /// What was typed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Where it was done.
    pub surface: Surface,
    /// Where a private answer can be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_url: Option<String>,
    /// The submitted modal, which shows "Saving…" under the external id that is this job's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_id: Option<String>,
    /// How often the modal came back with an error before.
    #[serde(default)]
    pub round: u64,
    /// The submitter acts on an own ticket, from its details.
    #[serde(default)]
    pub as_submitter: bool,
    /// The modal with the ticket's details, which is to show the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details_view: Option<String>,
}

/// Which modal about a ticket.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialog {
    /// Choose the new assignee.
    Reassign,
    /// Write a comment.
    Comment,
}

/// A button that opens a modal about a ticket.
#[derive(Clone, Serialize, Deserialize)]
pub struct OpenTicketDialog {
    /// Who, and the trigger.
    #[serde(flatten)]
    pub ask: Ask,
    /// The ticket's number.
    pub ticket: i64,
    /// Which modal.
    pub dialog: Dialog,
    /// The submitter wants it for an own ticket, from its details.
    #[serde(default)]
    pub as_submitter: bool,
}

/// A comment from a modal.
#[derive(Clone, Serialize, Deserialize)]
pub struct CommentOnTicket {
    /// Who writes.
    pub user: UserId,
    /// The ticket's number.
    pub ticket: i64,
    /// What was typed.
    pub comment: String,
    /// The modal with the ticket's details, which is to show the comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details_view: Option<String>,
}

/// What happened to a message.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageChange {
    /// It was written.
    Posted,
    /// Its text was changed.
    Edited,
    /// It was taken back.
    Deleted,
}

/// A person's message in a thread of a conversation that the bot is in.
#[derive(Clone, Serialize, Deserialize)]
pub struct HearMessage {
    /// Posted, edited or deleted.
    pub change: MessageChange,
    /// Who wrote it; absent for deletions of which Slack doesn't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The conversation.
    pub channel: ChannelId,
    /// The thread's root message; absent in a deletion of which Slack doesn't tell, or outside of threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_ts: Option<String>,
    /// The message.
    pub ts: String,
    /// Its text in mrkdwn, as Slack sends it.
    #[serde(default)]
    pub text: String,
    /// An edit's timestamp, by which edits are ordered; empty for others.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub edited_ts: String,
    /// What stood there before an edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_text: Option<String>,
}

/// A summary that somebody wants in the ticket channel.
#[derive(Clone, Serialize, Deserialize)]
pub struct PostSummary {
    /// Who.
    pub user: UserId,
    /// The period as the button had it.
    pub period: String,
    /// The modal with the button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_id: Option<String>,
}

/// An export that somebody wants.
#[derive(Clone, Serialize, Deserialize)]
pub struct ExportTickets {
    /// Who; the file goes to their direct messages.
    pub user: UserId,
    /// Which tickets; the worker knows its fields.
    pub filter: serde_json::Value,
    /// The modal with the button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_id: Option<String>,
}

/// A signed request that the gateway could not read; it ends as a dead letter.
#[derive(Clone, Serialize, Deserialize)]
pub struct Unreadable {
    /// Which route it came to.
    pub route: String,
    /// What was missing or malformed, without any of its content.
    pub reason: String,
    /// The body's bytes in hexadecimal.
    pub body_hex: String,
}

/// The streams jobs travel in, so that slow ones don't delay quick ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Opens or changes a modal; carries a deadline.
    Interactive,
    /// Changes a ticket.
    Tickets,
    /// Takes long (exports).
    Background,
}

impl Lane {
    /// All lanes, quickest first.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Tickets, Self::Background];

    /// The last part of the stream's key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Tickets => "tickets",
            Self::Background => "background",
        }
    }
}

impl Job {
    /// The lane this kind of job belongs to.
    pub fn lane(&self) -> Lane {
        match self {
            Self::OpenForm(_)
            | Self::OpenAgentTickets(_)
            | Self::OpenSystemTickets(_)
            | Self::OpenSummary(_)
            | Self::OpenTicketDialog(_)
            | Self::ActInView(_) => Lane::Interactive,
            Self::FileTicket(_)
            | Self::ActOnTicket(_)
            | Self::CommentOnTicket(_)
            | Self::HearMessage(_)
            | Self::PostSummary(_)
            | Self::Unreadable(_) => Lane::Tickets,
            Self::ExportTickets(_) => Lane::Background,
        }
    }

    /// The kind's name, as in the wire format, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OpenForm(_) => "open_form.v1",
            Self::OpenAgentTickets(_) => "open_agent_tickets.v1",
            Self::OpenSystemTickets(_) => "open_system_tickets.v1",
            Self::OpenSummary(_) => "open_summary.v1",
            Self::FileTicket(_) => "file_ticket.v1",
            Self::ActOnTicket(_) => "act_on_ticket.v1",
            Self::OpenTicketDialog(_) => "open_ticket_dialog.v1",
            Self::CommentOnTicket(_) => "comment_on_ticket.v1",
            Self::HearMessage(_) => "hear_message.v1",
            Self::ActInView(_) => "act_in_view.v1",
            Self::PostSummary(_) => "post_summary.v1",
            Self::ExportTickets(_) => "export_tickets.v1",
            Self::Unreadable(_) => "unreadable.v1",
        }
    }
}

/// Why bytes are no job.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A kind that this build doesn't know; a newer one may.
    #[error("unknown kind of job")]
    UnknownKind,
    /// Not the JSON of an envelope. The parser's own words are left out: they may repeat the text.
    #[error("not a job envelope")]
    Malformed,
}

impl Envelope {
    /// The JSON that travels in the stream entry.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("an envelope holds only strings, numbers and lists")
    }

    /// Reads [`Envelope::encode`]'s JSON.
    ///
    /// # Errors
    /// [`DecodeError`] tells an unknown kind from a malformed entry.
    pub fn decode(json: &[u8]) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Tag {
            kind: String,
        }
        serde_json::from_slice(json).map_err(|_| match serde_json::from_slice::<Tag>(json) {
            Ok(Tag { kind }) if !KINDS.contains(&kind.as_str()) => DecodeError::UnknownKind,
            _ => DecodeError::Malformed,
        })
    }
}

const KINDS: [&str; 13] = [
    "open_form.v1",
    "open_agent_tickets.v1",
    "open_system_tickets.v1",
    "open_summary.v1",
    "file_ticket.v1",
    "act_on_ticket.v1",
    "open_ticket_dialog.v1",
    "comment_on_ticket.v1",
    "hear_message.v1",
    "act_in_view.v1",
    "post_summary.v1",
    "export_tickets.v1",
    "unreadable.v1",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        Ask {
            user: UserId::parse("U1").unwrap(),
            text: String::new(),
            trigger_id: "1.2.3".into(),
            response_url: None,
            in_view: None,
        }
    }

    #[test]
    fn an_envelope_survives_its_journey() {
        let team = TeamId::parse("T1");
        let sent = Envelope { id: "command:1".into(), team, job: Job::OpenForm(ask()) };
        let json = sent.encode();
        assert!(json.contains(r#""kind":"open_form.v1""#), "{json}");
        let received = Envelope::decode(json.as_bytes()).unwrap();
        assert_eq!(received.encode(), json);
        assert_eq!(received.job.kind(), "open_form.v1");
        assert!(KINDS.contains(&received.job.kind()));
    }

    #[test]
    fn flattened_asks_are_read_again() {
        let job = Job::OpenTicketDialog(OpenTicketDialog {
            ask: ask(),
            ticket: 7,
            dialog: Dialog::Reassign,
            as_submitter: false,
        });
        let json = Envelope { id: "a".into(), team: None, job }.encode();
        assert!(Envelope::decode(json.as_bytes()).is_ok(), "{json}");
    }

    #[test]
    fn an_unknown_kind_is_told_from_rubbish() {
        let unknown = br#"{"id":"x","kind":"open_form.v9"}"#;
        assert!(matches!(Envelope::decode(unknown), Err(DecodeError::UnknownKind)));
        for rubbish in [&b"{"[..], b"[]", br#"{"id":"x","kind":"open_form.v1"}"#, b"\xff"] {
            assert!(matches!(Envelope::decode(rubbish), Err(DecodeError::Malformed)));
        }
    }
}
