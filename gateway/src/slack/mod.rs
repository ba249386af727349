//! Slack's requests: proved genuine, read tolerantly, translated into jobs, answered.
//!
//! One direction: [`verify::SignedBody`] → `payload` (the few fields we use) → [`translate`] (pure) → producer → [`reply`].

pub(crate) mod commands;
mod events;
mod interactions;
mod new_ticket;
mod payload;
mod reply;
mod translate;
pub(crate) mod verify;

use std::sync::Arc;

use common::job::{Envelope, Job, Unreadable};
use poem::web::Data;
use poem::{Request, Response, handler};
use translate::{Kind, Translation};
use verify::SignedBody;

use crate::app::Gateway;
use crate::outcome::Outcome;
use crate::producer::{Appended, NewJob};

/// Interactivity (a form with `payload`) and the Events API (JSON) at one address, told apart by content type.
#[handler]
pub(crate) async fn receive(request: &Request, gateway: Data<&Arc<Gateway>>, body: SignedBody) -> Response {
    let content_type = request.content_type().unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, translation) = match media_type.as_str() {
        "application/json" => (Kind::Event, events::translate(&body)),
        "application/x-www-form-urlencoded" => interactions::translate(&body),
        _ => return Outcome::Unreadable.of(reply::not_understood()),
    };
    carry_out(&gateway, kind, "/api/tickets/slack/events", &body, translation).await
}

/// Does what the translation asks for and answers Slack.
async fn carry_out(
    gateway: &Gateway,
    kind: Kind,
    route: &'static str,
    body: &SignedBody,
    translation: Translation,
) -> Response {
    let (job, accepted) = match translation {
        Translation::Answer(reply) => return Outcome::Answered.of(reply),
        Translation::NeitherFormNorJson => return Outcome::Unreadable.of(reply::not_understood()),
        Translation::Append(job, accepted) => (*job, accepted),
        Translation::Unreadable(reason) => (unreadable(route, reason, body), Outcome::Unreadable.of(reply::empty())),
    };
    let (id, job_kind) = (&job.envelope.id, job.envelope.job.kind());
    match gateway.producer.append(&job).await {
        Ok(Appended::Accepted) => {
            tracing::info!(job.id = id, job.kind = job_kind, route, "accepted");
            Outcome::Accepted.of(accepted)
        }
        Ok(Appended::Seen) => {
            tracing::info!(job.id = id, job.kind = job_kind, route, "accepted before");
            Outcome::Duplicate.of(accepted)
        }
        Ok(Appended::NoWorker) => {
            tracing::warn!(job.id = id, job.kind = job_kind, route, "refused: no worker is alive");
            Outcome::NoWorker.of(reply::no_worker())
        }
        Err(error) => {
            tracing::error!(job.id = id, job.kind = job_kind, route, %error, "refused: the job can't be stored");
            Outcome::NotStored.of(reply::not_stored(kind))
        }
    }
}

fn unreadable(route: &str, reason: &str, body: &SignedBody) -> NewJob {
    tracing::warn!(route, reason, "a signed request can't be read");
    let id = translate::job_id("unreadable", &[route.as_bytes(), body.bytes()]);
    let job = Job::Unreadable(Unreadable {
        route: route.to_owned(),
        reason: reason.to_owned(),
        body_hex: hex::encode(body.bytes()),
    });
    NewJob { envelope: Envelope { id, team: None, job }, uses_trigger: false, needs_worker: false }
}
