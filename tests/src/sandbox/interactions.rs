//! What people do with blocks: fill, press, choose, submit, close. A form carries everything that was filled in, so a
//! press in a view tells the app of it, as Slack's clients do.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::Sandbox;
use super::forms::Form;
use super::html::field_name;
use super::place::Place;
use super::typed::unix_lines;
use crate::actor::{Entry, Field, Person, Spot};
use crate::slack::inputs::{Found, elements, find};
use crate::slack::model::{View, World};
use crate::slack::{Delivery, entries};

/// Does what the form's field `do` says; what can't be done is told to the person.
pub(super) async fn interact(sandbox: &Arc<Sandbox>, place: &Place, form: &Form) {
    if let Err(error) = try_interact(sandbox, place, form).await {
        sandbox.slack.change(|world| world.note(&place.user, None, format!("{error:#}")));
    }
}

async fn try_interact(sandbox: &Arc<Sandbox>, place: &Place, form: &Form) -> Result<()> {
    let person = sandbox.slack.person(&place.user);
    let deed: Vec<String> =
        serde_json::from_str(form.value("do").unwrap_or("[]")).context("this page is out of date")?;
    let deed: Vec<&str> = deed.iter().map(String::as_str).collect();
    let (channel, ts) = (form.value("channel").unwrap_or_default(), form.value("ts").unwrap_or_default());
    match form.value("spot") {
        Some("view") => in_view(sandbox, &person, form, &deed).await,
        Some("message") => {
            let sees = |world: &World| world.channels.get(channel).is_some_and(|c| c.members.contains(&place.user));
            ensure!(sandbox.slack.read(sees), "you are not in this channel");
            use_element(sandbox, &person, Spot::Message(channel, ts), form, &deed).await
        }
        Some("ephemeral") => use_element(sandbox, &person, Spot::Ephemeral(ts), form, &deed).await,
        _ => bail!("this page is out of date"),
    }
}

async fn in_view(sandbox: &Arc<Sandbox>, person: &Person, form: &Form, deed: &[&str]) -> Result<()> {
    let view = person.view().filter(|view| form.value("view") == Some(&view.id));
    let view = view.context("this window has changed meanwhile")?;
    fill(sandbox, &view, form)?;
    match deed {
        ["submit"] => submit(sandbox, person).await,
        ["close"] => {
            let delivery = person.close().await?;
            if let Some(delivery) = delivery {
                sandbox.note_sent("view_closed", &delivery);
            }
            Ok(())
        }
        ["attach", ..] => Ok(()),
        ["remove", block_id, action_id, file] => remove(sandbox, &view.id, block_id, action_id, file),
        _ => use_element(sandbox, person, Spot::View, form, deed).await,
    }
}

async fn submit(sandbox: &Arc<Sandbox>, person: &Person) -> Result<()> {
    let view = person.view().context("this window is closed")?;
    let wrong = view.blocks.iter().filter_map(|block| {
        let alone = View { blocks: vec![block.clone()], ..view.clone() };
        let found = entries::check(&alone);
        let label = block["label"]["text"].as_str().unwrap_or_default();
        let first = found.first()?.trim_start_matches(label).trim_start_matches(": ");
        let mut letters = first.chars();
        let capital = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        Some((block["block_id"].as_str()?.to_owned(), capital + letters.as_str()))
    });
    let wrong: std::collections::BTreeMap<String, String> = wrong.collect();
    if !wrong.is_empty() {
        sandbox.slack.change(|world| {
            if let Some(view) = world.views.get_mut(&view.id) {
                view.errors = wrong;
            }
        });
        return Ok(());
    }
    let delivery = person.submit_unchecked().await?;
    sandbox.note_sent(&labelled("view_submission", &view.callback_id), &delivery);
    Ok(())
}

/// Presses or chooses an element.
async fn use_element(
    sandbox: &Arc<Sandbox>,
    person: &Person,
    spot: Spot<'_>,
    form: &Form,
    deed: &[&str],
) -> Result<()> {
    let (field, action_id, entry) = match deed {
        ["press", block_id, action_id] => (Field::Element(block_id, action_id), action_id, None),
        ["option", block_id, action_id, value] => {
            (Field::Element(block_id, action_id), action_id, Some(Entry::Text((*value).to_owned())))
        }
        ["choose", block_id, action_id] => {
            let field = Field::Element(block_id, action_id);
            let blocks = blocks_of(sandbox, person, spot).context("this message is gone")?;
            let found = find(&blocks, &field)?;
            (field, action_id, Some(entry(&found, form)))
        }
        _ => bail!("this page is out of date"),
    };
    let payload = person.action_payload(spot, &field, entry.as_ref())?;
    let delivery: Delivery = person.send_payload(&payload).await;
    sandbox.note_sent(&labelled("block_actions", action_id), &delivery);
    if !delivery.is_ok() {
        let text = "This app did not respond to the click. Try again?";
        sandbox.slack.change(|world| world.note(person.id(), None, text));
    }
    Ok(())
}

fn labelled(kind: &str, id: &str) -> String {
    if id.is_empty() { kind.to_owned() } else { format!("{kind}: {id}") }
}

fn blocks_of(sandbox: &Sandbox, person: &Person, spot: Spot<'_>) -> Option<Vec<Value>> {
    sandbox.slack.read(|world| match spot {
        Spot::View => world.top_view(person.id()).map(|view| view.blocks.clone()),
        Spot::Home => world.home_view(person.id()).map(|view| view.blocks.clone()),
        Spot::Message(channel, ts) => world.message(channel, ts).map(|message| message.blocks.clone()),
        Spot::Ephemeral(ts) => {
            world.ephemerals_of(person.id()).into_iter().find(|message| message.ts == ts).map(|m| m.blocks.clone())
        }
    })
}

/// What the form holds for an element.
fn entry(found: &Found, form: &Form) -> Entry {
    let values = form.values(&field_name(&found.block_id, &found.action_id));
    let kind = found.element["type"].as_str().unwrap_or_default();
    let one = values.first().map(|value| unix_lines(value));
    match (kind, one) {
        (_, None) => Entry::Nothing,
        (kind, Some(_)) if kind == "checkboxes" || kind.starts_with("multi_") => {
            Entry::Many(values.into_iter().map(str::to_owned).collect())
        }
        (_, Some(one)) => Entry::Text(one),
    }
}

/// Fills a view with the form. Errors stay at inputs that weren't changed.
fn fill(sandbox: &Sandbox, view: &View, form: &Form) -> Result<()> {
    sandbox.slack.change(|world| {
        for found in elements(&view.blocks) {
            let field = Field::Element(&found.block_id, &found.action_id);
            match found.element["type"].as_str().unwrap_or_default() {
                "button" | "overflow" | "image" => {}
                "file_input" => attach(world, view, &found, form)?,
                // Not drawn, so the form knows nothing of it.
                "external_select" | "multi_external_select" | "rich_text_input" | "datetimepicker" => {}
                _ => drop(entries::fill(world, &view.id, &field, &entry(&found, form))?),
            }
        }
        let Some(filled) = world.views.get_mut(&view.id) else {
            return Ok(());
        };
        for (block_id, error) in &view.errors {
            if filled.inputs.get(block_id) == view.inputs.get(block_id) {
                filled.errors.insert(block_id.clone(), error.clone());
            }
        }
        Ok(())
    })
}

/// Uploads the form's files for an element and adds them to those that are there.
fn attach(world: &mut World, view: &View, found: &Found, form: &Form) -> Result<()> {
    let files = form.files(&field_name(&found.block_id, &found.action_id));
    if files.is_empty() {
        return Ok(());
    }
    let field = Field::Element(&found.block_id, &found.action_id);
    let held = |view: &View| view.inputs.get(&found.block_id).and_then(|inputs| inputs.get(&found.action_id)).cloned();
    let before = held(view).unwrap_or_default();
    let mut value = entries::fill(world, &view.id, &field, &Entry::Files(files))?;
    let mut all = before["files"].as_array().cloned().unwrap_or_default();
    all.extend(value["files"].as_array().cloned().unwrap_or_default());
    value["files"] = json!(all);
    entries::fill(world, &view.id, &field, &Entry::Raw(value))?;
    Ok(())
}

fn remove(sandbox: &Sandbox, view_id: &str, block_id: &str, action_id: &str, file: &str) -> Result<()> {
    sandbox.slack.change(|world| {
        let view = world.open_view(view_id).context("this window is closed")?;
        let mut value = view.inputs.get(block_id).and_then(|inputs| inputs.get(action_id)).cloned().unwrap_or_default();
        if let Some(files) = value["files"].as_array_mut() {
            files.retain(|one| one["id"] != file);
        }
        entries::fill(world, view_id, &Field::Element(block_id, action_id), &Entry::Raw(value))?;
        Ok(())
    })
}
