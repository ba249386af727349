//! A modal with a list or a ticket shows the newest state of what it is known to show.
//!
//! Every update says over which state of the modal it goes (Slack's hash). Where something else is shown, the state is
//! read again and the modal rebuilt, once; whoever was faster has shown the newest state otherwise. The hash is unknown
//! where Slack's answer to an earlier call was lost: then nothing is compared.

use common::slack_id::UserId;
use common::ticket::TicketNumber;
use serde_json::Value;
use slack_morphism::prelude::SlackView;

use super::rendering::facts;
use super::{Delivered, Delivery};
use crate::context::Context;
use crate::db::ticket_list::{self, Wanted};
use crate::db::{open_views, ticket_events};
use crate::lists::{HISTORY_PAGE, List, PAGE, ViewState};
use crate::slack::SlackError;
use crate::slack::client::ViewKey;
use crate::slack::error::Trouble;
use crate::views::{self, History, Listed, Look, texts};

/// A modal as it is to be shown.
#[derive(Clone)]
pub struct Shown {
    /// The whole of it.
    pub view: SlackView,
    /// The same with links in place of images, which Slack may refuse; `None` where there are no images.
    pub without_images: Option<SlackView>,
}

impl From<SlackView> for Shown {
    fn from(view: SlackView) -> Self {
        Self { view, without_images: None }
    }
}

/// Whether this person may see this, as far as the list goes; whose ticket it is, is judged when it is read.
pub fn may_see(context: &Context, user: &UserId, state: &ViewState) -> bool {
    match state {
        ViewState::Page { list: List::All, .. } | ViewState::Details { list: List::All, .. } => {
            context.system_users.contains(user)
        }
        ViewState::Page { list: List::Own, .. } | ViewState::Details { list: List::Own, .. } => true,
    }
}

/// Renders what the modal of this external id shows to this person; `Err` is a sentence for them.
pub async fn render_view(
    context: &Context,
    user: &UserId,
    key: &str,
    state: &ViewState,
    note: Option<&str>,
) -> anyhow::Result<Result<Shown, String>> {
    let look = context.look();
    let rendered = match state {
        _ if !may_see(context, user, state) => Err(texts::not_a_system_user(user)),
        ViewState::Page { list, filter, page, round } => {
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
            let form = &context.form;
            let listed = Listed { list: *list, filter, page: &page, round: *round, form, users: &users, note };
            Ok(Shown::from(views::list(&listed, &look)))
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
            let (events, page, total) =
                ticket_events::list_history(&mut db, number, with_internal, *page, HISTORY_PAGE).await?;
            let history = History { events: &events, total, page };
            let render = |look: &Look| views::details(&facts, *list, &history, note, look);
            let without_images = (!facts.images.is_empty()).then(|| render(&Look { previews: false, ..look }));
            Ok(Shown { view: render(&look), without_images })
        }
    };
    Ok(rendered.map(|shown| Shown {
        view: named(shown.view, key),
        without_images: shown.without_images.map(|view| named(view, key)),
    }))
}

/// The modal under its external id; an update without one would take it away.
fn named(view: SlackView, key: &str) -> SlackView {
    match view {
        SlackView::Modal(modal) => SlackView::Modal(modal.with_external_id(key.to_owned())),
        SlackView::Home(home) => SlackView::Home(home),
    }
}

pub(super) async fn deliver(delivery: &Delivery<'_>, key: &str) -> anyhow::Result<Delivered> {
    let context = delivery.context;
    let note = delivery.row.payload.get("note").and_then(Value::as_str);
    let mut refused = None;
    for _ in 0..2 {
        let open_view = open_views::find_for_update(&mut *context.db.acquire().await?, key).await?;
        let Some(open_view) = open_view else { return Ok(Delivered::Expired) };
        let Some(user) = UserId::parse(&open_view.user) else { return Ok(Delivered::Expired) };
        let shown = match render_view(context, &user, key, &open_view.state, note).await? {
            Ok(shown) => shown,
            Err(sentence) => named(views::refused(&sentence), key).into(),
        };
        // A hash that was refused and is still the newest known: the answer that told the next one was lost.
        let hash = open_view.hash.filter(|hash| Some(hash) != refused.as_ref());
        match update(delivery, key, hash.as_deref(), shown).await? {
            Updated::Done(delivered) => return Ok(delivered),
            Updated::Conflict => refused = hash,
        }
    }
    Ok(Delivered::Expired)
}

/// What came of an update.
enum Updated {
    Done(Delivered),
    /// The modal shows something else than what the update was to replace.
    Conflict,
}

async fn update(delivery: &Delivery<'_>, key: &str, hash: Option<&str>, shown: Shown) -> anyhow::Result<Updated> {
    let context = delivery.context;
    let Shown { mut view, mut without_images } = shown;
    loop {
        if let Some(lapsed) = delivery.lapsed() {
            return Ok(Updated::Done(lapsed));
        }
        let delivered = match context.slack.replace_view(ViewKey::External(key), hash, view).await {
            Ok(hash) => {
                open_views::mark_shown(&mut *context.db.acquire().await?, key, hash.as_deref()).await?;
                Delivered::Sent
            }
            Err(SlackError::Refused(code)) if code.is_hash_conflict() => return Ok(Updated::Conflict),
            Err(SlackError::Refused(code)) => match (code.trouble(), without_images.take()) {
                // It was closed.
                (Trouble::View, _) => Delivered::Expired,
                (Trouble::Content, Some(plain)) => {
                    view = plain;
                    continue;
                }
                _ => delivery.after_refusal(&code, "views.update", None).await?,
            },
            Err(error) => delivery.after(error, "views.update", None).await?,
        };
        return Ok(Updated::Done(delivered));
    }
}
