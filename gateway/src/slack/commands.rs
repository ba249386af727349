//! Slash commands: one route each, form-encoded.

use std::collections::HashMap;
use std::sync::Arc;

use common::job::{Ask, Envelope, Job};
use common::slack_id::{TeamId, UserId};
use poem::web::Data;
use poem::{Response, handler};

use super::translate::{Kind, Translation, job_id};
use super::verify::SignedBody;
use super::{carry_out, payload, reply};
use crate::app::Gateway;
use crate::producer::NewJob;

/// The four commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    NewTicket,
    AgentTickets,
    SystemTickets,
    TicketSummary,
}

impl Command {
    pub(crate) const ALL: [Self; 4] = [Self::NewTicket, Self::AgentTickets, Self::SystemTickets, Self::TicketSummary];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::NewTicket => "/api/tickets/new-ticket",
            Self::AgentTickets => "/api/tickets/agent-tickets",
            Self::SystemTickets => "/api/tickets/system-tickets",
            Self::TicketSummary => "/api/tickets/ticket-summary",
        }
    }

    fn job(self, ask: Ask) -> Job {
        match self {
            Self::NewTicket => Job::OpenForm(ask),
            Self::AgentTickets => Job::OpenAgentTickets(ask),
            Self::SystemTickets => Job::OpenSystemTickets(ask),
            Self::TicketSummary => Job::OpenSummary(ask),
        }
    }
}

/// Takes a slash command.
#[handler]
pub(crate) async fn receive(command: Data<&Command>, gateway: Data<&Arc<Gateway>>, body: SignedBody) -> Response {
    let translation = match payload::form(body.bytes()) {
        Some(fields) => translate(**command, &fields),
        None => Translation::NeitherFormNorJson,
    };
    carry_out(&gateway, Kind::Command, command.path(), &body, translation).await
}

fn translate(command: Command, fields: &HashMap<String, String>) -> Translation {
    // Slack checks the certificate of a command's address now and then.
    if fields.get("ssl_check").is_some_and(|value| value == "1") {
        return Translation::Answer(reply::empty());
    }
    let field = |name: &str| fields.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let Some(user) = field("user_id").and_then(UserId::parse) else {
        return Translation::Unreadable("a command without a user_id");
    };
    let Some(team) = field("team_id").and_then(TeamId::parse) else {
        return Translation::Unreadable("a command without a team_id");
    };
    let Some(trigger_id) = field("trigger_id") else {
        return Translation::Unreadable("a command without a trigger_id");
    };
    let id = job_id(
        "command",
        &[team.as_str().as_bytes(), user.as_str().as_bytes(), command.path().as_bytes(), trigger_id.as_bytes()],
    );
    let ask = Ask {
        user,
        text: field("text").unwrap_or_default().to_owned(),
        trigger_id: trigger_id.to_owned(),
        response_url: field("response_url").map(str::to_owned),
        in_view: None,
    };
    let envelope = Envelope { id, team: Some(team), job: command.job(ask) };
    Translation::append(NewJob { envelope, uses_trigger: true, needs_worker: true }, reply::empty())
}
