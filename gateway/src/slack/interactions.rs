//! Interactions: clicked elements and submitted modals, a form with one field `payload`.

use common::interaction::{
    action, block, callback, list, parse_menu_value, parse_ticket_action_id, parse_ticket_value,
};
use common::job::{
    ActInView, ActOnTicket, Ask, CommentOnTicket, Dialog, Envelope, ExportTickets, Job, OpenTicketDialog, PostSummary,
    Surface,
};
use common::slack_id::{TeamId, UserId};
use common::ticket::{Action, TicketNumber};
use serde_json::json;

use super::payload::{ClickedElement, Interaction, View, is_plain};
use super::translate::{Kind, Translation, job_id};
use super::verify::SignedBody;
use super::{new_ticket, payload, reply};
use crate::producer::NewJob;

/// Translates the form's payload.
pub(super) fn translate(body: &SignedBody) -> (Kind, Translation) {
    let Some(fields) = payload::form(body.bytes()) else {
        return (Kind::Action, Translation::NeitherFormNorJson);
    };
    // Slack checks the certificate of this address now and then.
    if fields.get("ssl_check").is_some_and(|value| value == "1") {
        return (Kind::Action, Translation::Answer(reply::empty()));
    }
    let Some(json) = fields.get("payload") else {
        return (Kind::Action, Translation::Unreadable("a form without a payload"));
    };
    match serde_json::from_str(json) {
        Ok(interaction) => translate_interaction(interaction),
        Err(_) => (Kind::Action, Translation::Unreadable("a payload that is no JSON of the expected shape")),
    }
}

fn translate_interaction(interaction: Interaction) -> (Kind, Translation) {
    match interaction.kind.as_deref() {
        Some("view_submission") => translate_submission(interaction),
        Some("block_actions") => (Kind::Action, translate_click(interaction)),
        Some(other) => (Kind::Action, ignore("interaction", other)),
        None => (Kind::Action, Translation::Unreadable("an interaction without a type")),
    }
}

/// Well-formed, but nothing of ours.
pub(super) fn ignore(what: &'static str, name: &str) -> Translation {
    let name: String = name.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
    tracing::info!(what, name, "ignored");
    Translation::Answer(reply::empty())
}

/// Who, and in which workspace.
fn person(interaction: &Interaction) -> Option<(UserId, TeamId)> {
    let user = interaction.user.as_ref()?;
    let team = interaction.team.as_ref().and_then(|team| team.id.as_deref()).or(user.team_id.as_deref())?;
    Some((UserId::parse(user.id.as_deref()?)?, TeamId::parse(team)?))
}

fn translate_submission(interaction: Interaction) -> (Kind, Translation) {
    const UNREADABLE: Kind = Kind::Submission(block::DETAILS);
    let Some((user, team)) = person(&interaction) else {
        return (UNREADABLE, Translation::Unreadable("a submission without a user or a team"));
    };
    let Some(view) = interaction.view else {
        return (UNREADABLE, Translation::Unreadable("a submission without a view"));
    };
    let Some(view_id) = view.id.clone().filter(|id| is_plain(id, 200)) else {
        return (UNREADABLE, Translation::Unreadable("a submission without a view id"));
    };
    if view.app_id.is_some() && interaction.api_app_id.is_some() && view.app_id != interaction.api_app_id {
        return (UNREADABLE, ignore("view of another app", view.callback_id.as_deref().unwrap_or_default()));
    }
    // Whoever submits again after a time-out sends the same view id.
    let id = match ticket_and_round(&view) {
        Some((_, round @ 1..)) => format!("submission:{view_id}:{round}"),
        _ => format!("submission:{view_id}"),
    };
    let append = |job, accepted| {
        let envelope = Envelope { id: id.clone(), team: Some(team), job };
        Translation::append(NewJob { envelope, uses_trigger: false, needs_worker: false }, accepted)
    };
    match view.callback_id.as_deref() {
        Some(callback::NEW_TICKET) => {
            let kind = Kind::Submission(reply::NEW_TICKET_TROUBLE);
            match new_ticket::read(&view, user, view_id) {
                Ok(filed) => (kind, append(Job::FileTicket(filed), reply::submitting(&id))),
                Err(errors) => (kind, Translation::Answer(reply::errors(errors))),
            }
        }
        Some(callback::REASSIGN) => {
            let kind = Kind::Submission(block::ASSIGNEE);
            match read_reassign(&view, user, view_id) {
                Ok(act) => (kind, append(Job::ActOnTicket(act), reply::saving(&id))),
                Err(translation) => (kind, *translation),
            }
        }
        Some(callback::COMMENT) => {
            let kind = Kind::Submission(block::COMMENT);
            let Some(ticket) = ticket_of(&view) else {
                return (kind, Translation::Unreadable("a comment without a ticket"));
            };
            match view.text(block::COMMENT) {
                Some(text) => {
                    let comment = CommentOnTicket {
                        user,
                        ticket: ticket.get(),
                        comment: text.to_owned(),
                        details_view: details_view(&view),
                    };
                    (kind, append(Job::CommentOnTicket(comment), reply::empty()))
                }
                None => {
                    let error = (block::COMMENT, "Please write a comment.".to_owned());
                    (kind, Translation::Answer(reply::errors([error])))
                }
            }
        }
        Some(callback::SEARCH) => {
            let kind = Kind::Submission(block::SEARCH);
            let ask = Ask {
                user,
                text: String::new(),
                trigger_id: interaction.trigger_id.unwrap_or_default(),
                response_url: None,
                in_view: view.private_metadata.clone().filter(|id| is_plain(id, 255)),
            };
            let values = view.text(block::SEARCH).map(str::to_owned).into_iter().collect();
            let job = Job::ActInView(ActInView { ask, action_id: list::SEARCH.to_owned(), values });
            (kind, append(job, reply::empty()))
        }
        other => (UNREADABLE, ignore("submission", other.unwrap_or_default())),
    }
}

fn ticket_of(view: &View) -> Option<TicketNumber> {
    Some(ticket_and_round(view)?.0)
}

/// A dialog's metadata: the ticket, the round (a modal that came back with an error is submitted under the same view id),
/// and the modal with the ticket's details behind it.
fn ticket_and_round(view: &View) -> Option<(TicketNumber, u64)> {
    let mut parts = view.private_metadata.as_deref()?.split(':');
    let ticket = parse_ticket_value(parts.next()?)?;
    Some((ticket, parts.next().map_or(Some(0), |round| round.parse().ok())?))
}

fn details_view(view: &View) -> Option<String> {
    view.private_metadata.as_deref()?.splitn(3, ':').nth(2).filter(|id| is_plain(id, 255)).map(str::to_owned)
}

fn read_reassign(view: &View, user: UserId, view_id: String) -> Result<ActOnTicket, Box<Translation>> {
    let (ticket, round) =
        ticket_and_round(view).ok_or_else(|| Box::new(Translation::Unreadable("a reassignment without a ticket")))?;
    let chosen = view
        .chosen(block::ASSIGNEE)
        .or_else(|| view.input(block::ASSIGNEE)?.selected_user.as_deref())
        .and_then(UserId::parse);
    let Some(assignee) = chosen else {
        let error = (block::ASSIGNEE, "Please choose who takes the ticket.".to_owned());
        return Err(Box::new(Translation::Answer(reply::errors([error]))));
    };
    Ok(ActOnTicket {
        user,
        ticket: ticket.get(),
        action: Action::Reassign.as_str().to_owned(),
        assignee: Some(assignee),
        comment: view.text(block::COMMENT).map(str::to_owned),
        surface: Surface::Modal,
        response_url: None,
        view_id: Some(view_id),
        round,
        as_submitter: false,
        details_view: details_view(view),
    })
}

fn translate_click(interaction: Interaction) -> Translation {
    let Some((user, team)) = person(&interaction) else {
        return Translation::Unreadable("a click without a user or a team");
    };
    let Some(clicked) = interaction.actions.as_ref().and_then(|actions| actions.first()) else {
        return Translation::Unreadable("a click without an action");
    };
    let Some(action_id) = clicked.action_id.as_deref() else {
        return Translation::Unreadable("a click without an action id");
    };
    let job = match action_id {
        action::OPEN_FORM => match ask(&interaction, user.clone()) {
            Some(ask) => Job::OpenForm(ask),
            None => return Translation::Unreadable("a click without a trigger_id"),
        },
        other if other.starts_with(action::TICKET_MENU) => match translate_menu(&interaction, clicked, user.clone()) {
            Ok(job) => job,
            Err(reason) => return Translation::Unreadable(reason),
        },
        action::COMMENT | list::OWN_COMMENT => {
            match open_dialog(&interaction, ticket_of_click(clicked), user.clone(), Dialog::Comment) {
                Ok(job) => job,
                Err(reason) => return Translation::Unreadable(reason),
            }
        }
        list::OWN_CLOSE | list::OWN_REOPEN => {
            let Some(ticket) = ticket_of_click(clicked) else {
                return Translation::Unreadable("a ticket's button without a ticket");
            };
            let ticket_action = if action_id == list::OWN_CLOSE { Action::Close } else { Action::Reopen };
            Job::ActOnTicket(ActOnTicket {
                as_submitter: true,
                ..act(&interaction, user.clone(), ticket, ticket_action, Surface::Modal)
            })
        }
        list::EXPORT => {
            let view_id = view_of(&interaction);
            Job::ExportTickets(ExportTickets { user: user.clone(), filter: json!({ "list": view_id }), view_id })
        }
        other if other.starts_with(list::PREFIX) => match ask(&interaction, user.clone()) {
            Some(ask) => Job::ActInView(ActInView { ask, action_id: other.to_owned(), values: clicked.values() }),
            None => return Translation::Unreadable("a click without a trigger_id"),
        },
        action::POST_SUMMARY | action::EXPORT_PERIOD => {
            let Some(period) = clicked.value.clone() else {
                return Translation::Unreadable("a summary's button without a period");
            };
            let view_id = interaction.container.as_ref().and_then(|container| container.view_id.clone());
            let user = user.clone();
            if action_id == action::POST_SUMMARY {
                Job::PostSummary(PostSummary { user, period, view_id })
            } else {
                Job::ExportTickets(ExportTickets { user, filter: json!({ "period": period }), view_id })
            }
        }
        other => match parse_ticket_action_id(other) {
            Some(Action::Reassign) => {
                match open_dialog(&interaction, ticket_of_click(clicked), user.clone(), Dialog::Reassign) {
                    Ok(job) => job,
                    Err(reason) => return Translation::Unreadable(reason),
                }
            }
            Some(ticket_action) => {
                let Some(ticket) = ticket_of_click(clicked) else {
                    return Translation::Unreadable("a ticket's button without a ticket");
                };
                let surface = if view_of(&interaction).is_some() { Surface::Modal } else { Surface::Card };
                Job::ActOnTicket(act(&interaction, user.clone(), ticket, ticket_action, surface))
            }
            None => return ignore("action", other),
        },
    };
    let id = click_id(&interaction, clicked, &user, &team, action_id);
    let uses_trigger = matches!(job, Job::OpenForm(_) | Job::OpenTicketDialog(_) | Job::ActInView(_));
    let envelope = Envelope { id, team: Some(team), job };
    Translation::append(NewJob { envelope, uses_trigger, needs_worker: false }, reply::empty())
}

fn click_id(
    interaction: &Interaction,
    clicked: &ClickedElement,
    user: &UserId,
    team: &TeamId,
    action_id: &str,
) -> String {
    let container = interaction.container.as_ref();
    let place = container.and_then(|c| c.view_id.as_deref().or(c.message_ts.as_deref())).unwrap_or_default();
    let when = clicked.action_ts.as_deref().or(interaction.trigger_id.as_deref()).unwrap_or_default();
    let parts = [team.as_str(), user.as_str(), place, action_id, when];
    job_id("action", &parts.map(str::as_bytes))
}

fn ask(interaction: &Interaction, user: UserId) -> Option<Ask> {
    Some(Ask {
        user,
        text: String::new(),
        trigger_id: interaction.trigger_id.clone()?,
        response_url: interaction.response_url.clone(),
        in_view: view_of(interaction),
    })
}

/// The modal in which something was clicked: by the name that it was given, which is known even where Slack's answer with
/// its id was lost; by that id where it has no name.
fn view_of(interaction: &Interaction) -> Option<String> {
    let view = interaction.view.as_ref()?;
    let name = view.external_id.as_ref().filter(|name| !name.is_empty());
    name.or(view.id.as_ref()).filter(|id| is_plain(id, 255)).cloned()
}

/// A click that changes a ticket at once.
fn act(
    interaction: &Interaction,
    user: UserId,
    ticket: TicketNumber,
    ticket_action: Action,
    surface: Surface,
) -> ActOnTicket {
    ActOnTicket {
        user,
        ticket: ticket.get(),
        action: ticket_action.as_str().to_owned(),
        assignee: None,
        comment: None,
        surface,
        response_url: interaction.response_url.clone(),
        view_id: None,
        round: 0,
        as_submitter: false,
        details_view: view_of(interaction),
    }
}

fn ticket_of_click(clicked: &ClickedElement) -> Option<TicketNumber> {
    clicked.value.as_deref().and_then(parse_ticket_value)
}

fn open_dialog(
    interaction: &Interaction,
    ticket: Option<TicketNumber>,
    user: UserId,
    dialog: Dialog,
) -> Result<Job, &'static str> {
    let ask = ask(interaction, user).ok_or("a click without a trigger_id")?;
    let ticket = ticket.ok_or("a ticket's button without a ticket")?.get();
    let clicked = interaction.actions.as_ref().and_then(|actions| actions.first()?.action_id.as_deref());
    let as_submitter = clicked == Some(list::OWN_COMMENT);
    Ok(Job::OpenTicketDialog(OpenTicketDialog { ask, ticket, dialog, as_submitter }))
}

/// What was chosen in a report's menu.
fn translate_menu(interaction: &Interaction, clicked: &ClickedElement, user: UserId) -> Result<Job, &'static str> {
    let chosen = clicked.selected_option.as_ref().and_then(|option| option.value.as_deref());
    let (ticket_action, ticket) = chosen.and_then(parse_menu_value).ok_or("a menu without a choice of ours")?;
    if ticket_action == Action::Reassign {
        return open_dialog(interaction, Some(ticket), user, Dialog::Reassign);
    }
    Ok(Job::ActOnTicket(act(interaction, user, ticket, ticket_action, Surface::DirectMessage)))
}
