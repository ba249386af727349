//! What the form of `/new-ticket` offers, how soon a ticket should be resolved, and when reports come.
//!
//! Checked at start against Slack's limits, so that a modal that Slack would refuse is found by the operator and not by
//! the first agent.

use std::collections::HashSet;
use std::path::Path;

use common::ticket::Priority;
use serde::Deserialize;

use crate::schedule::{Timetable, TimetableFields};
use crate::views;

/// Slack: at most 100 options in a select, and 100 groups ("Select menu element").
const MAX_OPTIONS: usize = 100;
/// Slack: an option's text, and a group's label, have at most 75 characters ("Option object").
const MAX_OPTION_CHARS: usize = 75;
/// Slack: a view has at most 250 KB ("views.open").
const MAX_VIEW_BYTES: usize = 250_000;
/// How long a ticket may take unless the form says otherwise.
const DEFAULT_DAYS: u32 = 7;

/// A checked form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// What the ticket is about.
    pub campaigns: Vec<String>,
    /// What is wrong, in groups.
    pub issue_types: Vec<IssueGroup>,
    /// When the periodic tasks are due.
    pub timetable: Timetable,
    days: [u32; 3],
}

/// A group of issue types.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueGroup {
    /// The group's heading.
    pub group: String,
    /// Its issue types.
    pub types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormFile {
    campaigns: Vec<String>,
    issue_types: Vec<IssueGroup>,
    days_to_resolution: Option<DaysFile>,
    #[serde(default)]
    schedule: TimetableFields,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct DaysFile {
    high: Option<u32>,
    medium: Option<u32>,
    low: Option<u32>,
}

/// Why a form can't be used; the message names the faulty entry.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// The file can't be read.
    #[error("the file can't be read ({0})")]
    Io(#[from] std::io::Error),
    /// Not TOML, or not the form's fields.
    #[error("it isn't a form: {0}")]
    Toml(#[from] toml::de::Error),
    /// An entry breaks one of Slack's limits.
    #[error("{0}")]
    Entry(String),
}

impl Form {
    /// The form of an installation that brings none of its own.
    pub fn built_in() -> Self {
        Self::parse(include_str!("../../form.toml")).expect("the built-in form is checked by a test")
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`FormError`], naming the faulty entry.
    pub fn read(path: &Path) -> Result<Self, FormError> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    /// Reads and checks a form.
    ///
    /// # Errors
    /// [`FormError`], naming the faulty entry.
    pub fn parse(text: &str) -> Result<Self, FormError> {
        let file: FormFile = toml::from_str(text)?;
        check_options("campaigns", &file.campaigns)?;
        check_labels(file.issue_types.iter().map(|group| ("issue_types: group", group.group.as_str())))?;
        check_count("issue_types", file.issue_types.len())?;
        let mut seen = HashSet::new();
        for group in &file.issue_types {
            check_options(&format!("issue_types: group “{}”", group.group), &group.types)?;
            if let Some(twice) = group.types.iter().find(|name| !seen.insert(name.to_lowercase())) {
                return Err(FormError::Entry(format!("issue_types: “{twice}” stands there twice")));
            }
        }
        let days = file.days_to_resolution.unwrap_or_default();
        let days = [days.high, days.medium, days.low].map(|days| days.unwrap_or(DEFAULT_DAYS));
        if let Some(wrong) = days.iter().find(|days| !(1..=365).contains(*days)) {
            return Err(FormError::Entry(format!("days_to_resolution: {wrong} is not from 1 to 365")));
        }
        let timetable = Timetable::with(&file.schedule).map_err(FormError::Entry)?;
        let form = Self { campaigns: file.campaigns, issue_types: file.issue_types, timetable, days };
        form.check_size()?;
        Ok(form)
    }

    /// Each entry may fit and all together be too much.
    fn check_size(&self) -> Result<(), FormError> {
        let bytes = serde_json::to_vec(&views::new_ticket(self)).map_or(usize::MAX, |view| view.len());
        if bytes <= MAX_VIEW_BYTES {
            return Ok(());
        }
        let (is, most) = (bytes / 1000, MAX_VIEW_BYTES / 1000);
        Err(FormError::Entry(format!(
            "issue_types: with all of them the form has {is} KB, Slack shows at most {most} KB: shorten or remove some"
        )))
    }

    /// Within how many days a ticket of each priority, in the order of [`Priority::ALL`], should be resolved.
    pub fn days_by_priority(&self) -> [u32; 3] {
        self.days
    }

    /// Within how many days a ticket of this priority should be resolved.
    pub fn days_to_resolution(&self, priority: Priority) -> u32 {
        match priority {
            Priority::High => self.days[0],
            Priority::Medium => self.days[1],
            Priority::Low => self.days[2],
        }
    }
}

fn check_count(what: &str, count: usize) -> Result<(), FormError> {
    match count {
        0 => Err(FormError::Entry(format!("{what}: at least one is needed"))),
        n if n > MAX_OPTIONS => {
            Err(FormError::Entry(format!("{what}: {n} entries, Slack shows at most {MAX_OPTIONS}")))
        }
        _ => Ok(()),
    }
}

fn check_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), FormError> {
    for (what, label) in labels {
        if label.trim().is_empty() || label.trim() != label || label.chars().any(char::is_control) {
            return Err(FormError::Entry(format!(
                "{what}: “{label}” is blank, or has blanks around it or line breaks in it"
            )));
        }
        // Slack may count UTF-16 units; the stricter count is always right.
        let length = label.encode_utf16().count();
        if length > MAX_OPTION_CHARS {
            let problem = format!("{what}: “{label}” has {length} characters, Slack shows at most {MAX_OPTION_CHARS}");
            return Err(FormError::Entry(problem));
        }
    }
    Ok(())
}

fn check_options(what: &str, options: &[String]) -> Result<(), FormError> {
    check_count(what, options.len())?;
    check_labels(options.iter().map(|option| (what, option.as_str())))?;
    let mut seen = HashSet::new();
    match options.iter().find(|option| !seen.insert(option.to_lowercase())) {
        Some(twice) => Err(FormError::Entry(format!("{what}: “{twice}” stands there twice"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_form_is_usable() {
        let form = Form::built_in();
        assert_eq!((form.campaigns.len(), form.issue_types.len()), (5, 6));
        assert_eq!(form.issue_types.iter().map(|group| group.types.len()).sum::<usize>(), 18);
        assert_eq!(form.days_to_resolution(Priority::Low), 7);
        assert_eq!(form.timetable, Timetable::default());
    }

    fn error(campaigns: &str, types: &str, more: &str) -> String {
        let text = format!("campaigns = {campaigns}\n{more}\n[[issue_types]]\ngroup = 'G'\ntypes = {types}\n");
        Form::parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_the_faulty_entry() {
        assert!(error("[]", "['a']", "").contains("campaigns: at least one"));
        assert!(error("['a', 'A']", "['a']", "").contains("“A” stands there twice"));
        assert!(error("['a']", "['x', ' ']", "").contains("group “G”: “ ”"));
        let long = "x".repeat(76);
        assert!(error(&format!("['{long}']"), "['a']", "").contains("76 characters"));
        let many: Vec<String> = (0..101).map(|i| format!("'c{i}'")).collect();
        assert!(error(&format!("[{}]", many.join(",")), "['a']", "").contains("101 entries"));
        assert!(error("['a']", "['a']", "days_to_resolution = { high = 0 }").contains("0 is not from 1 to 365"));
        assert!(error("['a']", "['a']", "campains = 1").contains("campains"));
        assert!(error("['a']", "['a']", "schedule.stale.hour = 24").contains("schedule: stale: hour “24”"));
    }

    #[test]
    fn a_form_too_large_as_a_whole_is_refused() {
        let form = |groups: usize| {
            let mut text = "campaigns = ['a']\n".to_owned();
            for group in 0..groups {
                let types: Vec<String> = (0..100).map(|n| format!("'{group} {n}: what is wrong'")).collect();
                text += &format!("[[issue_types]]\ngroup = '{group}'\ntypes = [{}]\n", types.join(","));
            }
            Form::parse(&text)
        };
        assert!(form(15).is_ok());
        let error = form(100).unwrap_err().to_string();
        assert!(error.contains("issue_types") && error.contains("250 KB"), "{error}");
    }

    #[test]
    fn days_by_priority() {
        let text = "campaigns = ['a']\ndays_to_resolution = { high = 1 }\n[[issue_types]]\ngroup = 'G'\ntypes = ['t']";
        let form = Form::parse(text).unwrap();
        assert_eq!((form.days_to_resolution(Priority::High), form.days_to_resolution(Priority::Medium)), (1, 7));
    }
}
