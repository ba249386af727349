//! `views.*`: modals and the home tab.

use serde_json::Value;

use super::Method;
use crate::slack::arguments::{Arg, Args, Kind, opt, req};
use crate::slack::model::{ApiError, ApiResult, World};
use crate::slack::views::{STACK_LIMIT, answer};

const OPEN: &[Arg] =
    &[opt("trigger_id", Kind::Text), opt("interactivity_pointer", Kind::Text), req("view", Kind::Json)];
const UPDATE: &[Arg] =
    &[req("view", Kind::Json), opt("view_id", Kind::Text), opt("external_id", Kind::Text), opt("hash", Kind::Text)];
const PUBLISH: &[Arg] = &[req("user_id", Kind::Text), req("view", Kind::Json), opt("hash", Kind::Text)];

pub(super) const METHODS: &[Method] = &[
    Method { name: "views.open", scopes: &[], form_only: false, args: OPEN, run: open },
    Method { name: "views.push", scopes: &[], form_only: false, args: OPEN, run: push },
    Method { name: "views.update", scopes: &[], form_only: false, args: UPDATE, run: update },
    Method { name: "views.publish", scopes: &[], form_only: false, args: PUBLISH, run: publish },
];

fn of_type(view: &Value, wanted: &str) -> Result<(), ApiError> {
    if view["type"] == wanted {
        return Ok(());
    }
    let why = format!("[ERROR] must be {wanted} [json-pointer:/view/type]");
    Err(ApiError::with_messages("invalid_arguments", vec![why]))
}

/// The trigger of a call; the stand-in knows no other right to open a modal.
fn trigger(args: &Args) -> Result<&str, ApiError> {
    args.some_text("trigger_id").ok_or_else(|| {
        ApiError::with_messages("invalid_arguments", vec!["[ERROR] missing required field: trigger_id".into()])
    })
}

fn open(world: &mut World, args: &Args) -> ApiResult {
    let (trigger, view) = (trigger(args)?, args.json("view"));
    of_type(view, "modal")?;
    world.check_view("views.open", view, None)?;
    let trigger = world.exchange_trigger(trigger)?;
    Ok(answer(world.open_modal(&trigger.user, view)))
}

fn push(world: &mut World, args: &Args) -> ApiResult {
    let (trigger, view) = (trigger(args)?, args.json("view"));
    of_type(view, "modal")?;
    world.check_view("views.push", view, None)?;
    if let Some(known) = world.triggers.get(trigger) {
        let stack = world.stacks.get(&known.user).map_or(0, Vec::len);
        if stack >= STACK_LIMIT {
            return Err("push_limit_reached".into());
        }
        if known.view.is_none() || stack == 0 {
            return Err("not_found".into());
        }
    }
    let trigger = world.exchange_trigger(trigger)?;
    world.push_modal(&trigger.user, view).map(answer)
}

fn update(world: &mut World, args: &Args) -> ApiResult {
    let view = args.json("view");
    let id = match (args.some_text("view_id"), args.some_text("external_id")) {
        (Some(id), None) => id.to_owned(),
        (None, Some(external_id)) => world.view_by_external_id(external_id).ok_or("not_found")?.id.clone(),
        _ => {
            let why = "[ERROR] exactly one of view_id and external_id must be set";
            return Err(ApiError::with_messages("invalid_arguments", vec![why.into()]));
        }
    };
    of_type(view, "modal")?;
    world.check_view("views.update", view, Some(&id))?;
    let open = world.open_view(&id).ok_or("not_found")?;
    if args.some_text("hash").is_some_and(|hash| hash != open.hash) {
        return Err("hash_conflict".into());
    }
    world.update_view(&id, view).map(answer)
}

fn publish(world: &mut World, args: &Args) -> ApiResult {
    let (user, view) = (args.text("user_id"), args.json("view"));
    of_type(view, "home")?;
    if !world.users.contains_key(user) {
        return Err("user_not_found".into());
    }
    let own = world.homes.get(user).cloned();
    world.check_view("views.publish", view, own.as_deref())?;
    if args.some_text("hash").is_some_and(|hash| world.home_view(user).is_some_and(|home| home.hash != hash)) {
        return Err("hash_conflict".into());
    }
    Ok(answer(world.publish_home(user, view)))
}
