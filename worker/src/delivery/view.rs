//! A modal with a list or a ticket shows the newest state of what it is known to show.

use common::slack_id::UserId;
use common::ticket::TicketNumber;
use serde_json::Value;
use slack_morphism::prelude::SlackView;

use super::message::facts;
use super::{Delivered, Delivery};
use crate::context::Context;
use crate::db::ticket_list::{self, Wanted};
use crate::db::{open_views, ticket_events};
use crate::lists::{HISTORY_PAGE, List, PAGE, ViewState};
use crate::slack::SlackError;
use crate::slack::client::ViewKey;
use crate::slack::error::Trouble;
use crate::views::{self, History, Listed, Look, texts};

/// Renders what a modal shows to this person; `Err` is a sentence for them. Rights to see a list are judged by the caller,
/// the right to see a ticket here.
pub async fn render_view(
    context: &Context,
    user: &UserId,
    state: &ViewState,
    note: Option<&str>,
) -> anyhow::Result<Result<SlackView, String>> {
    render(context, user, state, note, &context.look()).await
}

async fn render(
    context: &Context,
    user: &UserId,
    state: &ViewState,
    note: Option<&str>,
    look: &Look,
) -> anyhow::Result<Result<SlackView, String>> {
    // Also a modal that was opened before the right was taken away shows nothing more.
    if matches!(state, ViewState::Page { list: List::All, .. } | ViewState::Details { list: List::All, .. })
        && !context.system_users.contains(user)
    {
        return Ok(Err(texts::not_a_system_user(user)));
    }
    match state {
        ViewState::Page { list, filter, page } => {
            let users = match list {
                List::All => context.system_users_by_name().await?,
                List::Own => Vec::new(),
            };
            let wanted = Wanted {
                submitter: (*list == List::Own).then_some(user),
                reader: user,
                filter,
                bounds: filter.bounds(look.timezone),
                days: context.days_to_resolution(),
            };
            let mut db = context.db.acquire().await?;
            let page = ticket_list::list_page(&mut db, &wanted, *page, PAGE).await?;
            let listed = Listed { list: *list, filter, page: &page, form: &context.form, users: &users, note };
            Ok(Ok(views::list(&listed, look)))
        }
        ViewState::Details { list, ticket, page } => {
            let number = TicketNumber::new(*ticket);
            let mut db = context.db.acquire().await?;
            let found = match number {
                Some(number) => facts(&mut db, number).await?,
                None => None,
            };
            // To others it looks as if there were none.
            let Some(facts) = found.filter(|facts| *list == List::All || facts.ticket.submitter == *user) else {
                return Ok(Err(number.map_or_else(|| "There is no such ticket.".to_owned(), texts::no_such_ticket)));
            };
            let number = facts.ticket.number;
            let with_internal = *list == List::All && facts.ticket.submitter != *user;
            let (events, total) =
                ticket_events::list_history(&mut db, number, with_internal, page * HISTORY_PAGE, HISTORY_PAGE).await?;
            let history = History { events: &events, total, page: *page };
            Ok(Ok(views::details(&facts, *list, &history, note, look)))
        }
    }
}

pub(super) async fn deliver(delivery: &Delivery<'_>, view_id: &str) -> anyhow::Result<Delivered> {
    let context = delivery.context;
    let open_view = open_views::find_for_update(&mut *context.db.acquire().await?, view_id).await?;
    let Some(open_view) = open_view else { return Ok(Delivered::Expired) };
    let Some(user) = UserId::parse(&open_view.user) else { return Ok(Delivered::Expired) };
    let note = delivery.row.payload.get("note").and_then(Value::as_str);
    for previews in [true, false] {
        let look = Look { previews, ..context.look() };
        let view = match render(context, &user, &open_view.state, note, &look).await? {
            Ok(view) => view,
            Err(sentence) => views::refused(&sentence),
        };
        if let Some(lapsed) = delivery.lapsed() {
            return Ok(lapsed);
        }
        match context.slack.update_view(ViewKey::Id(view_id), view).await {
            Ok(()) => return Ok(Delivered::Sent),
            Err(SlackError::Refused(code)) => match code.trouble() {
                Trouble::View => return Ok(Delivered::Expired),
                Trouble::Content if previews => {}
                _ => return delivery.after_refusal(&code, "views.update", None).await,
            },
            Err(error) => return delivery.after(error, "views.update", None).await,
        }
    }
    Ok(Delivered::Expired)
}
