//! Views: modals in stacks of at most three for each user, and one home tab for each user.
//!
//! A view keeps its id for life; every change gives it a new hash. What a person typed stays through an update where
//! block id, action id and type stay the same, as in Slack's clients.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::model::{ApiError, World};
use super::{blocks, inputs, normalise};

/// How many modals a stack holds (docs.slack.dev, "Modals").
pub const STACK_LIMIT: usize = 3;

/// A modal or a home tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewKind {
    /// A modal.
    Modal,
    /// An App Home tab.
    Home,
}

/// How a view ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewEnd {
    /// Its submission was acknowledged with an empty body.
    Submitted,
    /// The person closed it.
    Closed,
    /// `response_action: clear`, or the person closed the whole stack.
    Cleared,
    /// A new root modal took its place.
    Replaced,
}

/// What a person typed, by block id and action id; shaped like `state.values`.
pub type Inputs = BTreeMap<String, BTreeMap<String, Value>>;

/// A view.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct View {
    /// `V…`.
    pub id: String,
    /// Whose screen it is on.
    pub user: String,
    /// What it is.
    pub kind: ViewKind,
    /// Changes with every update.
    pub hash: String,
    /// The modal at the bottom of its stack.
    pub root_view_id: String,
    /// The modal below it.
    pub previous_view_id: Option<String>,
    /// Unique in the workspace while the view lives; empty for none.
    pub external_id: String,
    /// Told back with its submission.
    pub callback_id: String,
    /// Travels with the view.
    pub private_metadata: String,
    /// Title object.
    pub title: Value,
    /// Submit button's text object, or null.
    pub submit: Value,
    /// Close button's text object, or null.
    pub close: Value,
    /// Blocks as Slack keeps them (ids filled in).
    pub blocks: Vec<Value>,
    /// Closing closes the whole stack.
    pub clear_on_close: bool,
    /// Closing is told to the app.
    pub notify_on_close: bool,
    /// What the person typed and chose.
    pub inputs: Inputs,
    /// Errors shown, by block id.
    pub errors: BTreeMap<String, String>,
    /// When it appeared, in the workspace's time.
    pub opened_at: DateTime<Utc>,
    /// How often the app changed it.
    pub updates: u32,
    /// How often it was submitted.
    pub submissions: u32,
    /// How it ended; none while it is open.
    pub end: Option<ViewEnd>,
    /// Errors that Slack itself shows above the view (an update that failed, no answer).
    pub banner: Option<String>,
}

impl View {
    /// All texts that the person sees, in order, title included.
    pub fn all_text(&self) -> String {
        let mut texts = vec![self.title["text"].as_str().unwrap_or_default().to_owned()];
        texts.extend(super::mrkdwn::texts_of(&self.blocks));
        texts.join("\n")
    }

    /// The view as payloads and answers show it.
    pub fn to_json(&self, world: &World) -> Value {
        let app = &world.app;
        let kind = if self.kind == ViewKind::Modal { "modal" } else { "home" };
        json!({
            "id": self.id, "team_id": app.team_id, "type": kind, "blocks": self.blocks,
            "private_metadata": self.private_metadata, "callback_id": self.callback_id,
            "state": {"values": self.inputs}, "hash": self.hash, "title": self.title,
            "clear_on_close": self.clear_on_close, "notify_on_close": self.notify_on_close, "close": self.close,
            "submit": self.submit, "previous_view_id": self.previous_view_id, "root_view_id": self.root_view_id,
            "app_id": app.app_id, "external_id": self.external_id, "app_installed_team_id": app.team_id,
            "bot_id": app.bot_id,
        })
    }

    /// Takes over the content the app sent; keeps what was typed where the input stays the same.
    fn set_content(&mut self, sent: &Value, world: &mut World) {
        let text = |key: &str| sent[key].as_str().unwrap_or_default().to_owned();
        self.title = normalise::text(&sent["title"]);
        self.submit = normalise::text(&sent["submit"]);
        self.close = normalise::text(&sent["close"]);
        self.blocks = normalise::blocks(sent["blocks"].as_array().map_or(&[][..], Vec::as_slice), world);
        self.external_id = text("external_id");
        self.callback_id = text("callback_id");
        self.private_metadata = text("private_metadata");
        self.clear_on_close = sent["clear_on_close"].as_bool().unwrap_or(false);
        self.notify_on_close = sent["notify_on_close"].as_bool().unwrap_or(false);
        self.inputs = inputs::initial(&self.blocks, &self.inputs);
        self.errors.clear();
        self.banner = None;
        self.hash = format!("{}.{}", world.now().timestamp(), &uuid::Uuid::new_v4().simple().to_string()[..8]);
    }
}

impl World {
    /// The view on top of a user's stack.
    pub fn top_view(&self, user: &str) -> Option<&View> {
        let id = self.stacks.get(user)?.last()?;
        self.views.get(id)
    }

    /// A user's published home tab.
    pub fn home_view(&self, user: &str) -> Option<&View> {
        self.views.get(self.homes.get(user)?)
    }

    /// A view that is open, by id.
    pub fn open_view(&self, id: &str) -> Option<&View> {
        self.views.get(id).filter(|view| view.end.is_none())
    }

    /// An open view by its external id.
    pub fn view_by_external_id(&self, external_id: &str) -> Option<&View> {
        self.views.values().find(|view| view.end.is_none() && view.external_id == external_id)
    }

    /// Checks a view that the app sent: shape, limits, external id.
    ///
    /// # Errors
    /// `invalid_arguments` with messages, `view_too_large`, `duplicate_external_id`.
    pub(crate) fn check_view(&mut self, place: &str, sent: &Value, own_id: Option<&str>) -> Result<(), ApiError> {
        if sent.to_string().len() > blocks::VIEW_BYTES {
            return Err("view_too_large".into());
        }
        let findings = blocks::check_view(sent, self);
        for warning in findings.warnings {
            self.violation(place, warning);
        }
        if !findings.errors.is_empty() {
            return Err(ApiError::with_messages("invalid_arguments", findings.errors));
        }
        let external_id = sent["external_id"].as_str().unwrap_or_default();
        let taken = self.view_by_external_id(external_id).map(|view| view.id.clone());
        match taken {
            Some(id) if !external_id.is_empty() && own_id != Some(&id) => Err("duplicate_external_id".into()),
            _ => Ok(()),
        }
    }

    fn new_view(&mut self, user: &str, kind: ViewKind, sent: &Value) -> View {
        let id = self.mint_id("V");
        let mut view = View {
            id: id.clone(),
            user: user.into(),
            kind,
            hash: String::new(),
            root_view_id: id,
            previous_view_id: None,
            external_id: String::new(),
            callback_id: String::new(),
            private_metadata: String::new(),
            title: Value::Null,
            submit: Value::Null,
            close: Value::Null,
            blocks: Vec::new(),
            clear_on_close: false,
            notify_on_close: false,
            inputs: Inputs::new(),
            errors: BTreeMap::new(),
            opened_at: self.now(),
            updates: 0,
            submissions: 0,
            end: None,
            banner: None,
        };
        view.set_content(sent, self);
        view
    }

    /// Opens a checked view as a new stack; an open stack ends.
    pub(crate) fn open_modal(&mut self, user: &str, sent: &Value) -> Value {
        self.end_stack(user, ViewEnd::Replaced);
        let view = self.new_view(user, ViewKind::Modal, sent);
        self.stacks.insert(user.into(), vec![view.id.clone()]);
        let shown = view.to_json(self);
        self.views.insert(view.id.clone(), view);
        shown
    }

    /// Puts a checked view on top of a user's stack.
    ///
    /// # Errors
    /// `not_found` without a stack, `push_limit_reached` with three.
    pub(crate) fn push_modal(&mut self, user: &str, sent: &Value) -> Result<Value, ApiError> {
        let stack = self.stacks.get(user).cloned().unwrap_or_default();
        let (Some(root), Some(top)) = (stack.first(), stack.last()) else {
            return Err("not_found".into());
        };
        if stack.len() >= STACK_LIMIT {
            return Err("push_limit_reached".into());
        }
        let mut view = self.new_view(user, ViewKind::Modal, sent);
        view.root_view_id.clone_from(root);
        view.previous_view_id = Some(top.clone());
        self.stacks.entry(user.into()).or_default().push(view.id.clone());
        let shown = view.to_json(self);
        self.views.insert(view.id.clone(), view);
        Ok(shown)
    }

    /// Gives an open view new content.
    ///
    /// # Errors
    /// `not_found` where it isn't open.
    pub(crate) fn update_view(&mut self, id: &str, sent: &Value) -> Result<Value, ApiError> {
        let mut view = self.open_view(id).cloned().ok_or("not_found")?;
        view.set_content(sent, self);
        view.updates += 1;
        let shown = view.to_json(self);
        self.views.insert(id.into(), view);
        Ok(shown)
    }

    /// Publishes a checked home view.
    pub(crate) fn publish_home(&mut self, user: &str, sent: &Value) -> Value {
        if let Some(id) = self.homes.get(user).cloned()
            && let Ok(shown) = self.update_view(&id, sent)
        {
            return shown;
        }
        let view = self.new_view(user, ViewKind::Home, sent);
        self.homes.insert(user.into(), view.id.clone());
        let shown = view.to_json(self);
        self.views.insert(view.id.clone(), view);
        shown
    }

    /// Takes the view on top off a user's stack.
    pub(crate) fn pop_view(&mut self, user: &str, end: ViewEnd) -> Option<View> {
        let id = self.stacks.get_mut(user)?.pop()?;
        let view = self.views.get_mut(&id)?;
        view.end = Some(end);
        Some(view.clone())
    }

    /// Ends a user's whole stack; answers its views, the top first.
    pub(crate) fn end_stack(&mut self, user: &str, end: ViewEnd) -> Vec<View> {
        std::iter::from_fn(|| self.pop_view(user, end)).collect()
    }
}

/// The answer `{"view": …}`.
pub(crate) fn answer(view: Value) -> Map<String, Value> {
    Map::from_iter([("view".to_owned(), view)])
}
