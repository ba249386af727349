//! The fields of the submitted form. What is wrong with a field can only be said in the answer to the submission, so the
//! pure checks are done here, and once more by the worker's types.

use common::interaction::block;
use common::job::{FileTicket, Image};
use common::slack_id::UserId;
use common::ticket::{Details, DetailsError, MAX_DETAILS_CHARS, MAX_IMAGES, Priority};

use super::payload::{File, View, is_plain};

/// Longest value of a select's option that Slack allows ("Option object").
const MAX_OPTION_CHARS: usize = 150;

/// Takes the fields, or tells what is wrong with each, by `block_id`.
pub(super) fn read(view: &View, user: UserId, view_id: String) -> Result<FileTicket, Vec<(&'static str, String)>> {
    let mut errors = Vec::new();
    let mut choice = |block_id: &'static str, what: &str| {
        let chosen = view.chosen(block_id).filter(|value| is_option(value));
        if chosen.is_none() {
            errors.push((block_id, format!("Please choose {what}.")));
        }
        chosen.unwrap_or_default().to_owned()
    };
    let campaign = choice(block::CAMPAIGN, "a campaign");
    let issue_type = choice(block::ISSUE_TYPE, "an issue type");
    let priority = choice(block::PRIORITY, "a priority");
    if !priority.is_empty() && Priority::parse(&priority).is_none() {
        errors.push((block::PRIORITY, "Please choose a priority.".to_owned()));
    }
    let typed = view.input(block::DETAILS).and_then(|input| input.value.as_deref()).unwrap_or_default();
    let details = match Details::parse(typed) {
        Ok(details) => details.as_str().to_owned(),
        Err(error) => {
            errors.push((block::DETAILS, details_error(error)));
            String::new()
        }
    };
    let files = view.input(block::SCREENSHOTS).and_then(|input| input.files.as_deref()).unwrap_or_default();
    let images = match images(files) {
        Ok(images) => images,
        Err(error) => {
            errors.push((block::SCREENSHOTS, error));
            Vec::new()
        }
    };
    if errors.is_empty() {
        Ok(FileTicket { user, view_id, campaign, issue_type, priority, details, images })
    } else {
        Err(errors)
    }
}

/// A value that an option of ours may have; no client sends another.
fn is_option(value: &str) -> bool {
    value.chars().count() <= MAX_OPTION_CHARS && !value.chars().any(char::is_control)
}

fn details_error(error: DetailsError) -> String {
    match error {
        DetailsError::Blank => "Please describe the problem.".to_owned(),
        DetailsError::TooLong(chars) => {
            format!("That's {chars} characters; at most {MAX_DETAILS_CHARS} fit. Please shorten it.")
        }
    }
}

fn images(files: &[File]) -> Result<Vec<Image>, String> {
    if files.len() > MAX_IMAGES {
        return Err(format!("That's {} files; at most {MAX_IMAGES} can be attached.", files.len()));
    }
    files.iter().map(image).collect()
}

fn image(file: &File) -> Result<Image, String> {
    let name: String = file.name.as_deref().unwrap_or("image").chars().filter(|c| !c.is_control()).take(255).collect();
    let shown: String = name.chars().take(60).collect();
    let Some(id) = file.id.as_deref().filter(|id| is_file_id(id)) else {
        return Err(format!("“{shown}” did not arrive. Please remove it and attach it again."));
    };
    let mimetype = file.mimetype.as_deref().unwrap_or_default();
    // Where Slack doesn't say, the worker asks.
    if !mimetype.is_empty() && (!mimetype.starts_with("image/") || !is_plain(mimetype, 100)) {
        return Err(format!("“{shown}” is not an image. Only images can be attached."));
    }
    Ok(Image {
        id: id.to_owned(),
        name,
        mimetype: mimetype.to_owned(),
        size: file.size.unwrap_or_default().max(0),
        permalink: file.permalink.clone().filter(|link| link.starts_with("http") && is_plain(link, 1000)),
    })
}

fn is_file_id(id: &str) -> bool {
    id.starts_with('F') && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn submitted(details: Value, files: Value) -> Result<FileTicket, Vec<(&'static str, String)>> {
        let option =
            |id: &str, value: &str| json!({ id: { "type": "static_select", "selected_option": { "value": value } } });
        let view = json!({ "state": { "values": {
            "campaign": option("campaign", "Camp Lejeune"),
            "issue_type": option("issue_type", "Vonage dialer"),
            "priority": option("priority", "high"),
            "details": { "details": { "type": "plain_text_input", "value": details } },
            "screenshots": { "screenshots": { "type": "file_input", "files": files } },
        } } });
        let user = UserId::parse("U1").unwrap();
        read(&serde_json::from_value(view).unwrap(), user, "V1".to_owned())
    }

    fn image_file() -> Value {
        json!({ "id": "F1", "name": "a.png", "mimetype": "image/png", "size": 7, "permalink": "https://x.slack.com/f" })
    }

    fn wrong_blocks(result: Result<FileTicket, Vec<(&'static str, String)>>) -> Vec<&'static str> {
        result.err().expect("refused").into_iter().map(|(block_id, _)| block_id).collect()
    }

    #[test]
    fn a_complete_form_is_taken() {
        let filed = submitted(json!(" It rings \n"), json!([image_file()])).expect("taken");
        assert_eq!((filed.details.as_str(), filed.priority.as_str()), ("It rings", "high"));
        assert_eq!(filed.images[0].permalink.as_deref(), Some("https://x.slack.com/f"));
        assert!(submitted(json!("x"), json!(null)).expect("taken").images.is_empty());
    }

    #[test]
    fn a_file_whose_type_slack_does_not_say_is_taken() {
        let filed = submitted(json!("x"), json!([{ "id": "F1", "name": "a.png" }])).expect("taken");
        assert_eq!(filed.images[0].mimetype, "");
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert_eq!(wrong_blocks(submitted(json!("  "), json!([]))), ["details"]);
        assert_eq!(wrong_blocks(submitted(json!(null), json!([]))), ["details"]);
        assert_eq!(wrong_blocks(submitted(json!("x".repeat(3001)), json!([]))), ["details"]);
        let six = vec![image_file(); 6];
        assert_eq!(wrong_blocks(submitted(json!("x"), json!(six))), ["screenshots"]);
        let pdf = json!([{ "id": "F1", "name": "a.png", "mimetype": "application/pdf" }]);
        assert_eq!(wrong_blocks(submitted(json!(""), pdf)), ["details", "screenshots"]);
        let user = UserId::parse("U1").unwrap();
        let nothing = read(&View::default(), user, "V1".to_owned());
        assert_eq!(wrong_blocks(nothing), ["campaign", "issue_type", "priority", "details"]);
    }
}
